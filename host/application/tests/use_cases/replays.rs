//! Webhooks that are put back: nothing is lost, nothing is doubled.

use tillgate_application::account::ProviderAccount;
use tillgate_application::bounds::REPLAYED_AT_ONCE_MAX;
use tillgate_application::inbox::{InboxEntry, InboxFilter, InboxStatus};
use tillgate_application::ports::{CheckoutChange, EventBody, ProviderEvent, Write};
use tillgate_application::{
    ApplicationError, AssociateCustomer, ReplayWebhook, ReplayWebhooks, associate_customer, create_checkout_session,
    preview_replay, preview_replays, process_due_webhooks, replay_webhook, replay_webhooks,
};
use tillgate_domain::{CheckoutSession, CheckoutType, InboxId, PaymentState, SubscriptionChange, SubscriptionStatus};
use tillgate_fakes::{Rows, World, checkout_completed, dispute, payment, refund, refunded_total, subscription_event};

use crate::dead_letters::{created, give_up, only_entry};
use crate::given::with_key;

const NEWER: &str = "0.2.0";

/// One of every kind of event, in the order of what happened, and more of some kinds.
fn every_kind(checkout: &str) -> Vec<ProviderEvent> {
    use SubscriptionChange::{Created, Ended, Updated};
    use SubscriptionStatus::{Active, Canceled, Incomplete, PastDue};
    let one_time = |key: &str, seconds: i64, change: CheckoutChange| {
        let mut event = checkout_completed(key, seconds, None, None);
        if let EventBody::Checkout(checkout) = &mut event.body {
            checkout.change = change;
            checkout.reference = "cs_2".to_owned();
        }
        event
    };
    let mut another_attempt = payment("evt_7", 4, "in_1", PaymentState::Failed);
    if let EventBody::Payment(payment) = &mut another_attempt.body {
        payment.attempt = Some(2);
    }
    let mut nothing = created();
    nothing.dedupe_key = "evt_16".to_owned();
    nothing.body = EventBody::Other;
    vec![
        subscription_event("evt_1", Created, 1, Incomplete, 3, Some(checkout)),
        checkout_completed("evt_2", 2, Some(checkout), Some("sub_a")),
        subscription_event("evt_3", Updated, 2, Active, 3, Some(checkout)),
        one_time("evt_4", 3, CheckoutChange::Completed),
        one_time("evt_5", 3, CheckoutChange::PaymentFailed),
        payment("evt_6", 4, "in_1", PaymentState::Failed),
        another_attempt,
        payment("evt_8", 5, "in_1", PaymentState::Succeeded),
        refund("evt_9", 6, "re_1", "ch_in_1", 500),
        refunded_total("evt_10", 6, "ch_in_1", 500),
        dispute("evt_11", 7, "dp_1", "ch_in_1", "needs_response"),
        // Of one instant, so that nothing but what was taken in tells them apart.
        dispute("evt_12", 7, "dp_1", "ch_in_1", "under_review"),
        subscription_event("evt_13", Updated, 8, PastDue, 5, Some(checkout)),
        subscription_event("evt_14", Ended, 9, Canceled, 5, Some(checkout)),
        one_time("evt_15", 10, CheckoutChange::Expired),
        nothing,
    ]
}

/// What tenants and dashboards see.
fn seen(world: &World) -> (Rows, Vec<Vec<(String, u64)>>) {
    let mut rows = world.store.rows().clone();
    // That it was put back is seen in the webhook itself.
    rows.inbox.clear();
    let counted = [
        "webhook_event",
        "payment_failed",
        "subscription_changed",
        "checkout_session_created",
    ];
    (rows, counted.map(|what| world.metrics.all(what)).to_vec())
}

fn assert_same(before: &(Rows, Vec<Vec<(String, u64)>>), after: &(Rows, Vec<Vec<(String, u64)>>), what: &str) {
    assert_eq!(before.1, after.1, "{what}: counted");
    let (before, after) = (&before.0, &after.0);
    let published = |rows: &Rows| {
        rows.events
            .values()
            .map(|event| event.event_type.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(published(before), published(after), "{what}: published");
    assert_eq!(before.customers, after.customers, "{what}");
    assert_eq!(before.subscriptions, after.subscriptions, "{what}");
    assert_eq!(before.purchases, after.purchases, "{what}");
    assert_eq!(before.payments, after.payments, "{what}");
    assert_eq!(before.refunds, after.refunds, "{what}");
    assert_eq!(before.disputes, after.disputes, "{what}");
    let statuses = |rows: &Rows| {
        rows.checkout_sessions
            .values()
            .map(CheckoutSession::status)
            .collect::<Vec<_>>()
    };
    assert_eq!(statuses(before), statuses(after), "{what}");
    assert_eq!(before.event_keys.len(), after.event_keys.len(), "{what}");
}

/// Every kind of event was taken in, each by a webhook of its own.
async fn lived(timed: bool) -> World {
    let world = World::new().await.unwrap();
    let caller = with_key(world.tenant_id, "key", 1);
    let checkout = create_checkout_session(&world.app, &caller, world.checkout(CheckoutType::Subscription))
        .await
        .unwrap();
    for mut event in every_kind(&checkout.id) {
        if !timed {
            event.occurred_at = None;
        }
        world.deliver(vec![event]).await.unwrap();
        world.clock.advance(1_000);
    }
    process_due_webhooks(&world.app).await.unwrap();
    let rows = world.store.rows();
    assert_eq!(rows.event_keys.len(), 16);
    assert!(rows.inbox.values().all(|entry| entry.status == InboxStatus::Processed));
    drop(rows);
    world
}

fn ids(world: &World) -> Vec<InboxId> {
    world.store.rows().inbox.keys().copied().collect()
}

async fn replay(world: &World, id: InboxId, plugin_version: Option<&str>) {
    let command = ReplayWebhook {
        id,
        plugin_version: plugin_version.map(str::to_owned),
    };
    let webhook = replay_webhook(&world.app, command).await.unwrap();
    assert_eq!((webhook.status.as_str(), webhook.attempts), ("pending", 0));
    let processed = process_due_webhooks(&world.app).await.unwrap();
    assert_eq!((processed.done, processed.postponed), (1, 0));
}

#[tokio::test]
async fn a_processed_webhook_of_any_kind_has_its_effect_once() {
    for timed in [true, false] {
        let world = lived(timed).await;
        let before = seen(&world);
        for id in ids(&world) {
            let types = world.store.rows().inbox[&id].provider_types.clone();
            replay(&world, id, None).await;
            assert_same(&before, &seen(&world), &format!("{types}, timed: {timed}"));
        }
        let rows = world.store.rows();
        assert!(rows.inbox.values().all(|entry| entry.replays == 1));
    }
}

#[tokio::test]
async fn and_so_it_has_where_the_release_before_kept_no_digests() {
    let world = lived(true).await;
    for row in world.store.rows().event_keys.values_mut() {
        row.event.digest = None;
    }
    // Disputes of one instant can't be told apart then: of those the last one alone is put back.
    let two_of_one_instant = ids(&world)[10];
    let before = seen(&world);
    for id in ids(&world).into_iter().filter(|id| *id != two_of_one_instant) {
        let types = world.store.rows().inbox[&id].provider_types.clone();
        replay(&world, id, None).await;
        assert_same(&before, &seen(&world), &types);
    }
}

#[tokio::test]
async fn a_version_that_understands_more_has_its_effect_once() {
    let world = World::new().await.unwrap();
    let mut not_understood = payment("evt_2", 2, "in_1", PaymentState::Failed);
    not_understood.body = EventBody::Other;
    world.deliver(vec![created()]).await.unwrap();
    let body = world.provider.body_of(vec![not_understood], false);
    let understood = vec![
        payment("evt_2", 2, "in_1", PaymentState::Failed),
        dispute("evt_3", 2, "dp_1", "ch_in_1", "needs_response"),
    ];
    world.provider.read_with("digest-of-0.2.0", &body, understood);
    world.deliver_body(body).await.unwrap();
    assert!(world.store.rows().payments.is_empty());
    let id = *ids(&world).last().unwrap();
    for _ in 0..3 {
        replay(&world, id, Some(NEWER)).await;
        let rows = world.store.rows();
        assert_eq!(
            (rows.payments.len(), rows.disputes.len(), rows.event_keys.len()),
            (1, 1, 3)
        );
        drop(rows);
        assert_eq!(world.published("payment"), ["payment.failed"]);
        assert_eq!(world.published("dispute"), ["dispute.opened"]);
        assert_eq!(world.metrics.count("payment_failed insufficient_funds"), 1);
        // As what it was when it was taken in, and not once more.
        assert_eq!(world.metrics.count("webhook_event payment true"), 1);
        assert_eq!(world.metrics.count("webhook_event dispute true"), 1);
    }
    let entry = world.store.rows().inbox[&id].clone();
    assert_eq!(
        (entry.plugin_version, entry.replays),
        (None, 3),
        "the pinned one is used again"
    );
}

#[tokio::test]
async fn what_happened_since_stays_though_an_old_event_is_understood_anew() {
    let world = World::new().await.unwrap();
    let caller = with_key(world.tenant_id, "key", 1);
    let checkout = create_checkout_session(&world.app, &caller, world.checkout(CheckoutType::OneTime))
        .await
        .unwrap();
    let completed = |email: &str| {
        let mut event = checkout_completed("evt_1", 1, Some(&checkout.id), None);
        if let EventBody::Checkout(checkout) = &mut event.body {
            checkout.customer_email = Some(email.to_owned());
        }
        event
    };
    let body = world.provider.body_of(vec![completed("a@example.com")], false);
    world
        .provider
        .read_with("digest-of-0.2.0", &body, vec![completed("b@example.com")]);
    world.deliver_body(body).await.unwrap();
    let customer = world.store.rows().customers.values().next().unwrap().clone();
    assert_eq!(customer.organization_id.as_deref(), Some("org_1"));
    let nobody = AssociateCustomer {
        tenant_id: world.tenant_id,
        customer_id: customer.id,
        organization_id: None,
        user_id: Some("user_1".to_owned()),
    };
    associate_customer(&world.app, nobody).await.unwrap();
    world
        .store
        .rows()
        .customers
        .get_mut(&customer.id)
        .unwrap()
        .organization_id = Some("org_2".to_owned());
    let before = world.published("customer");
    replay(&world, only_entry(&world).id, Some(NEWER)).await;
    assert_eq!(world.published("customer"), before);
    let customer = world.store.rows().customers.values().next().unwrap().clone();
    assert_eq!(customer.organization_id.as_deref(), Some("org_2"));
    assert_eq!(customer.email.as_deref(), Some("a@example.com"));
}

#[tokio::test]
async fn a_dead_one_is_mended_by_another_version() {
    let world = World::new().await.unwrap();
    world.provider.set_unparsable(true);
    let body = world.provider.body_of(vec![created()], false);
    world.provider.read_with("digest-of-0.2.0", &body, vec![created()]);
    world.deliver_body(body).await.unwrap();
    give_up(&world).await;
    let id = only_entry(&world).id;
    replay(&world, id, Some(NEWER)).await;
    let entry = only_entry(&world);
    assert_eq!(
        (entry.status, entry.error, entry.failed_with),
        (InboxStatus::Processed, None, None)
    );
    assert_eq!(world.published("subscription"), ["subscription.created"]);
    assert_eq!(world.metrics.count("webhook_event subscription true"), 1);
}

#[tokio::test]
async fn one_that_fails_again_after_it_was_processed_is_not_counted_as_given_up() {
    let world = World::new().await.unwrap();
    world.deliver(vec![created()]).await.unwrap();
    world.provider.set_unparsable(true);
    let id = only_entry(&world).id;
    let command = ReplayWebhook {
        id,
        plugin_version: None,
    };
    replay_webhook(&world.app, command).await.unwrap();
    give_up(&world).await;
    assert_eq!(only_entry(&world).status, InboxStatus::Dead);
    assert_eq!(world.metrics.count("webhook_event subscription false"), 0);
    world.provider.set_unparsable(false);
    replay(&world, id, None).await;
    assert_eq!(only_entry(&world).status, InboxStatus::Processed);
    assert_eq!(world.published("subscription"), ["subscription.created"]);
}

#[tokio::test]
async fn a_version_that_is_gone_when_its_turn_comes_is_a_failure_that_says_so() {
    let world = World::new().await.unwrap();
    world.deliver(vec![created()]).await.unwrap();
    let entry = only_entry(&world);
    let put_back = Write::ReplayInbox {
        id: entry.id,
        version: entry.version,
        plugin_version: Some("9.9.9".to_owned()),
        at: world.app.now(),
    };
    world.store.rows().write(put_back).unwrap();
    assert_eq!(process_due_webhooks(&world.app).await.unwrap().postponed, 1);
    let entry = only_entry(&world);
    assert_eq!(entry.error.as_deref(), Some("plugin acme 9.9.9 is not loaded"));
    assert_eq!(entry.failed_with, None);
}

#[tokio::test]
async fn what_cannot_be_put_back_is_refused() {
    let world = World::new().await.unwrap();
    world.deliver(vec![created()]).await.unwrap();
    let id = only_entry(&world).id;
    let command = |id: InboxId, version: Option<&str>| ReplayWebhook {
        id,
        plugin_version: version.map(str::to_owned),
    };
    let unknown = InboxId::from_bits(1);
    let refused = replay_webhook(&world.app, command(unknown, None)).await.unwrap_err();
    assert_eq!(refused, ApplicationError::not_found("webhook", unknown));
    let refused = replay_webhook(&world.app, command(id, Some("9.9.9")))
        .await
        .unwrap_err();
    assert_eq!(refused, ApplicationError::not_found("plugin", "acme 9.9.9"));
    let refused = preview_replay(&world.app, &command(id, Some("9.9.9")))
        .await
        .unwrap_err();
    assert_eq!(refused, ApplicationError::not_found("plugin", "acme 9.9.9"));
    world.store.rows().inbox.get_mut(&id).unwrap().status = InboxStatus::Conflicting;
    let refused = replay_webhook(&world.app, command(id, None)).await.unwrap_err();
    assert_eq!(refused, ApplicationError::WebhookConflicting(id));
    assert_eq!(only_entry(&world).replays, 0);
}

fn dead() -> InboxFilter {
    InboxFilter {
        status: Some(InboxStatus::Dead),
        ..InboxFilter::default()
    }
}

fn many(filter: InboxFilter, limit: u32, after: Option<InboxId>) -> ReplayWebhooks {
    ReplayWebhooks {
        filter,
        plugin_version: None,
        limit,
        after,
    }
}

#[tokio::test]
async fn many_are_put_back_in_calls_that_follow_each_other() {
    let world = World::new().await.unwrap();
    for number in 0..250 {
        let mut event = created();
        event.dedupe_key = format!("evt_{number}");
        world.deliver(vec![event]).await.unwrap();
    }
    for entry in world.store.rows().inbox.values_mut() {
        entry.status = InboxStatus::Dead;
    }
    let first_id = ids(&world)[0];
    world.store.rows().inbox.get_mut(&first_id).unwrap().status = InboxStatus::Conflicting;
    let (mut after, mut calls, mut replayed) = (None, 0, 0);
    loop {
        let done = replay_webhooks(&world.app, many(dead(), 120, after)).await.unwrap();
        (calls, replayed, after) = (calls + 1, replayed + done.replayed, done.next);
        assert_eq!(done.skipped, 0);
        if after.is_none() {
            break;
        }
    }
    assert_eq!((calls, replayed), (3, 249));
    let of_account = InboxFilter {
        account_id: Some(world.account_id),
        ..InboxFilter::default()
    };
    let done = replay_webhooks(&world.app, many(of_account, REPLAYED_AT_ONCE_MAX, None))
        .await
        .unwrap();
    assert_eq!((done.replayed, done.skipped, done.next), (249, 1, None));
    assert_eq!(process_due_webhooks(&world.app).await.unwrap().done, 249);
}

#[tokio::test]
async fn all_webhooks_of_all_accounts_are_never_meant() {
    let world = World::new().await.unwrap();
    let of_account = InboxFilter {
        account_id: Some(world.account_id),
        ..InboxFilter::default()
    };
    let with_version = |filter: InboxFilter, version: &str| ReplayWebhooks {
        plugin_version: Some(version.to_owned()),
        ..many(filter, 10, None)
    };
    for (command, field) in [
        (many(InboxFilter::default(), 10, None), "filter"),
        (many(dead(), 0, None), "limit"),
        (many(dead(), REPLAYED_AT_ONCE_MAX + 1, None), "limit"),
        (with_version(dead(), NEWER), "filter.provider_account_id"),
    ] {
        let refused = replay_webhooks(&world.app, command).await.unwrap_err();
        assert!(
            matches!(&refused, ApplicationError::Invalid(fields) if fields[0].field == field),
            "{refused}"
        );
    }
    let refused = replay_webhooks(&world.app, with_version(of_account.clone(), "9.9.9"))
        .await
        .unwrap_err();
    assert_eq!(refused, ApplicationError::not_found("plugin", "acme 9.9.9"));
    replay_webhooks(&world.app, with_version(of_account, NEWER))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_dry_run_tells_all_and_changes_nothing() {
    let world = World::new().await.unwrap();
    world.deliver(vec![created()]).await.unwrap();
    let update = |seats: u64| {
        let mut event = subscription_event(
            "evt_2",
            SubscriptionChange::Updated,
            5,
            SubscriptionStatus::PastDue,
            seats,
            None,
        );
        if seats == 3 {
            event.body = EventBody::Other;
        }
        event
    };
    let body = world.provider.body_of(vec![update(3)], false);
    let understood = vec![update(7), payment("evt_3", 6, "in_1", PaymentState::Failed)];
    world.provider.read_with("digest-of-0.2.0", &body, understood);
    world.deliver_body(body).await.unwrap();
    let id = *ids(&world).last().unwrap();
    let before = (seen(&world), world.store.rows().inbox.clone());
    let command = ReplayWebhook {
        id,
        plugin_version: Some(NEWER.to_owned()),
    };
    let preview = preview_replay(&world.app, &command).await.unwrap();
    assert_eq!(
        (preview.pinned.version.as_str(), preview.asked_for.version.as_str()),
        ("0.1.0", NEWER)
    );
    let differences: Vec<(&str, &str, bool)> = preview
        .events
        .iter()
        .map(|event| (event.dedupe_key.as_str(), event.difference.as_str(), event.taken_in))
        .collect();
    assert_eq!(differences, [("evt_2", "changed", false), ("evt_3", "added", false)]);
    assert_eq!(preview.events[0].pinned.as_ref().unwrap()["kind"], "other");
    assert_eq!(
        preview.events[0].asked_for.as_ref().unwrap()["contents"]["status"],
        "past_due"
    );
    let subscription = &preview
        .changes
        .iter()
        .find(|change| change.what == "subscription")
        .unwrap();
    assert_eq!(
        (subscription.change.as_str(), subscription.reference.as_str()),
        ("change", "sub_a")
    );
    assert_eq!(
        (&subscription.fields["seats"].from, &subscription.fields["seats"].to),
        (&3.into(), &7.into())
    );
    assert!(
        preview
            .changes
            .iter()
            .any(|change| change.what == "payment" && change.change == "create")
    );
    assert_eq!(
        preview.publishes,
        [
            "subscription.seats_changed",
            "subscription.status_changed",
            "payment.failed"
        ]
    );
    assert!(preview.tells_something());
    let same = preview_replay(
        &world.app,
        &ReplayWebhook {
            id,
            plugin_version: None,
        },
    )
    .await
    .unwrap();
    assert!(!same.tells_something(), "{same:?}");
    assert!(same.events.iter().all(|event| event.taken_in));
    world.provider.set_unparsable(true);
    let all = ReplayWebhooks {
        plugin_version: Some(NEWER.to_owned()),
        ..many(of(&world.store.rows().accounts[&world.account_id]), 10, None)
    };
    let previews = preview_replays(&world.app, &all).await.unwrap();
    assert_eq!(previews.previews.len(), 2);
    assert!(previews.previews[0].asked_for_error.is_some());
    assert!(previews.previews[1].pinned_error.is_some() && previews.previews[1].asked_for_error.is_none());
    assert_same(&before.0, &seen(&world), "dry run");
    assert_eq!(before.1, world.store.rows().inbox);
}

fn of(account: &ProviderAccount) -> InboxFilter {
    InboxFilter {
        account_id: Some(account.id),
        ..InboxFilter::default()
    }
}

#[tokio::test]
async fn one_of_another_account_has_its_effect_once_the_account_is_put_right() {
    let world = World::new().await.unwrap();
    let mut event = created();
    event.account_reference = Some("acct_1".to_owned());
    world.deliver(vec![event]).await.unwrap();
    let entry: InboxEntry = only_entry(&world);
    replay(&world, entry.id, None).await;
    assert!(world.store.rows().subscriptions.is_empty());
    let mut account = world.store.rows().accounts[&world.account_id].clone();
    account.settings.push(("account".to_owned(), "acct_1".to_owned()));
    world.store.rows().write(Write::Account(account)).unwrap();
    world.clock.advance(10 * 60 * 1000);
    replay(&world, entry.id, None).await;
    assert_eq!(world.store.rows().subscriptions.len(), 1);
    assert_eq!(world.metrics.count("webhook_event subscription true"), 1);
}
