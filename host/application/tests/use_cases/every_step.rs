//! Every use case, disturbed at each of its steps in turn: the host stops, a commit goes wrong, the database goes down and
//! comes back, the provider fails. Whoever asks again with the same key is given the same answer, and what there is in the
//! end, here and at the provider, is what there is when nothing goes wrong.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use tillgate_application::ports::{CancelMode, EventBody, Proration, Secret};
use tillgate_application::{
    Application, ApplicationError, AssociateCustomer, Caller, CancelSubscription, ChangePlan, CreateApiKey,
    CreatePortalSession, CreateProviderAccount, CreateRefund, CreateTenant, PauseSubscription, PutOrganization,
    PutProduct, PutUser, ResumeSubscription, RetrieveSubscription, UncancelSubscription, UpdateSeats,
    associate_customer, cancel_subscription, change_plan, create_api_key, create_checkout_session,
    create_portal_session, create_provider_account, create_refund, create_tenant, pause_subscription,
    process_due_webhooks, put_organization, put_product, put_user, receive_webhook, resume_abandoned_operations,
    resume_subscription, retrieve_subscription, uncancel_subscription, update_seats,
};
use tillgate_domain::{
    CheckoutType, CustomerId, Mode, PaymentId, PaymentState, SubscriptionChange, SubscriptionId, SubscriptionStatus,
};
use tillgate_fakes::{CommitFault, Failing, World, checkout_completed, payment, refund, subscription_event, webhook};

use crate::given::{AFTER_ANY_LEASE_MS, paid, with_key};

/// The most steps any use case has; more means that one never ends.
const STEPS_MAX: u32 = 80;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UseCase {
    CheckOutSubscription,
    CheckOutOnce,
    Portal,
    CancelNow,
    CancelAtPeriodEnd,
    Uncancel,
    Seats,
    Plan,
    Pause,
    Resume,
    Refund,
    Refresh,
    Associate,
    Webhook,
    WebhookThatAsks,
    Tenant,
    ApiKey,
    Account,
    Organization,
    User,
    Product,
}

use UseCase as U;

/// What talks to the provider.
const OPERATIONS: [UseCase; 12] = [
    U::CheckOutSubscription,
    U::CheckOutOnce,
    U::Portal,
    U::CancelNow,
    U::CancelAtPeriodEnd,
    U::Uncancel,
    U::Seats,
    U::Plan,
    U::Pause,
    U::Resume,
    U::Refund,
    U::Refresh,
];

const ALL: [UseCase; 21] = [
    U::CheckOutSubscription,
    U::CheckOutOnce,
    U::Portal,
    U::CancelNow,
    U::CancelAtPeriodEnd,
    U::Uncancel,
    U::Seats,
    U::Plan,
    U::Pause,
    U::Resume,
    U::Refund,
    U::Refresh,
    U::Associate,
    U::Webhook,
    U::WebhookThatAsks,
    U::Tenant,
    U::ApiKey,
    U::Account,
    U::Organization,
    U::User,
    U::Product,
];

type Answer = Result<Value, ApplicationError>;

fn told(answer: impl Serialize) -> Value {
    serde_json::to_value(answer).unwrap()
}

/// A world in which the use case can begin, and what it needs of it.
struct Given {
    world: World,
    subscription_id: SubscriptionId,
    customer_id: CustomerId,
    payment_id: PaymentId,
    /// Webhooks' bodies.
    bodies: Vec<Vec<u8>>,
}

impl Given {
    async fn of(use_case: UseCase) -> Self {
        let (world, payment_id) = paid(PaymentState::Succeeded).await;
        let (subscription_id, customer_id) = {
            let rows = world.store.rows();
            (
                *rows.subscriptions.keys().next().unwrap(),
                *rows.customers.keys().next().unwrap(),
            )
        };
        let plus = PutProduct {
            tenant_id: world.tenant_id,
            id: "plus".to_owned(),
            name: None,
            prices: [(world.account_id, "price_2".to_owned())].into(),
        };
        put_product(&world.app, plus).await.unwrap();
        let mut given = Self {
            bodies: Vec::new(),
            world,
            subscription_id,
            customer_id,
            payment_id,
        };
        let before = match use_case {
            U::Uncancel => Some(U::CancelAtPeriodEnd),
            U::Resume => Some(U::Pause),
            _ => None,
        };
        if let Some(before) = before {
            given.run(before, "before").await.unwrap();
        }
        let ask = use_case == U::WebhookThatAsks;
        given.bodies = vec![given.world.provider.body_of(events(), ask)];
        given
    }

    async fn run(&self, use_case: UseCase, key: &str) -> Answer {
        // An account that was just used is in memory; where it isn't, there are more steps.
        run(use_case, self, Arc::clone(&self.world.app), key).await
    }
}

/// What a second subscription's checkout sends in one go, with a refund of what is known already.
fn events() -> Vec<tillgate_application::ports::ProviderEvent> {
    let mut events = vec![
        checkout_completed("evt_1", 11, None, Some("sub_b")),
        subscription_event(
            "evt_2",
            SubscriptionChange::Created,
            11,
            SubscriptionStatus::Active,
            3,
            None,
        ),
        payment("evt_3", 12, "in_2", PaymentState::Succeeded),
        refund("evt_4", 13, "re_1", "ch_in_1", 500),
    ];
    for event in &mut events {
        match &mut event.body {
            EventBody::Subscription { subscription, .. } => subscription.reference = "sub_b".to_owned(),
            EventBody::Payment(payment) => payment.subscription_reference = Some("sub_b".to_owned()),
            _ => {}
        }
    }
    events
}

#[expect(clippy::too_many_lines, reason = "a list of all use cases")]
async fn run(use_case: UseCase, given: &Given, app: Arc<Application>, key: &str) -> Answer {
    let tenant_id = given.world.tenant_id;
    let subscription_id = given.subscription_id;
    let caller = with_key(tenant_id, key, 1);
    let operator = Caller {
        tenant_id: None,
        ..caller.clone()
    };
    let cancel = |mode| CancelSubscription {
        tenant_id,
        subscription_id,
        mode,
        reason: None,
    };
    Ok(match use_case {
        U::CheckOutSubscription => {
            let command = given.world.checkout(CheckoutType::Subscription);
            told(create_checkout_session(&app, &caller, command).await?)
        }
        U::CheckOutOnce => {
            let command = given.world.checkout(CheckoutType::OneTime);
            told(create_checkout_session(&app, &caller, command).await?)
        }
        U::Portal => {
            let command = CreatePortalSession {
                tenant_id,
                customer_id: given.customer_id,
                return_url: "https://shop.example/account".to_owned(),
            };
            told(create_portal_session(&app, &caller, command).await?)
        }
        U::CancelNow => told(cancel_subscription(&app, &caller, cancel(CancelMode::Immediate)).await?),
        U::CancelAtPeriodEnd => told(cancel_subscription(&app, &caller, cancel(CancelMode::AtPeriodEnd)).await?),
        U::Uncancel => {
            let command = UncancelSubscription {
                tenant_id,
                subscription_id,
            };
            told(uncancel_subscription(&app, &caller, command).await?)
        }
        U::Seats => {
            let command = UpdateSeats {
                tenant_id,
                subscription_id,
                seats: 9,
                proration: Proration::default(),
            };
            told(update_seats(&app, &caller, command).await?)
        }
        U::Plan => {
            let command = ChangePlan {
                tenant_id,
                subscription_id,
                product_id: "plus".to_owned(),
                proration: Proration::default(),
            };
            told(change_plan(&app, &caller, command).await?)
        }
        U::Pause => {
            let command = PauseSubscription {
                tenant_id,
                subscription_id,
            };
            told(pause_subscription(&app, &caller, command).await?)
        }
        U::Resume => {
            let command = ResumeSubscription {
                tenant_id,
                subscription_id,
            };
            told(resume_subscription(&app, &caller, command).await?)
        }
        U::Refund => {
            let command = CreateRefund {
                tenant_id,
                payment_id: given.payment_id,
                amount: None,
                reason: None,
            };
            told(create_refund(&app, &caller, command).await?)
        }
        U::Refresh => {
            let query = RetrieveSubscription {
                tenant_id,
                subscription_id,
                refresh: true,
            };
            told(retrieve_subscription(&app, query).await?)
        }
        U::Associate => {
            let command = AssociateCustomer {
                tenant_id,
                customer_id: given.customer_id,
                organization_id: Some("org_1".to_owned()),
                user_id: Some("user_1".to_owned()),
            };
            told(associate_customer(&app, command).await?)
        }
        U::Webhook | U::WebhookThatAsks => {
            for body in &given.bodies {
                let request = webhook(body.clone(), "whsec_1");
                receive_webhook(&app, given.world.account_id, request).await?;
            }
            process_due_webhooks(&app).await?;
            Value::Null
        }
        U::Tenant => {
            let command = CreateTenant {
                name: "Second".to_owned(),
                mode: Mode::Test,
            };
            told(create_tenant(&app, &operator, command).await?)
        }
        U::ApiKey => {
            let command = CreateApiKey {
                tenant_id,
                name: "backend".to_owned(),
            };
            told(create_api_key(&app, &operator, command).await?)
        }
        U::Account => {
            let secret = |text: &str| Secret::new(text.to_owned());
            let command = CreateProviderAccount {
                tenant_id,
                name: "second".to_owned(),
                plugin: "acme".to_owned(),
                version: None,
                default: false,
                settings: Vec::new(),
                endpoint_overrides: Vec::new(),
                secrets: vec![
                    ("api_key".to_owned(), secret("sk_2")),
                    ("webhook_secret".to_owned(), secret("whsec_2")),
                ],
            };
            told(create_provider_account(&app, &operator, command).await?)
        }
        U::Organization => {
            let put = PutOrganization {
                tenant_id,
                id: "org_2".to_owned(),
                name: None,
            };
            told(put_organization(&app, put).await?)
        }
        U::User => {
            let put = PutUser {
                tenant_id,
                id: "user_2".to_owned(),
                email: None,
                name: None,
            };
            told(put_user(&app, put).await?)
        }
        U::Product => {
            let put = PutProduct {
                tenant_id,
                id: "third".to_owned(),
                name: None,
                prices: [(given.world.account_id, "price_3".to_owned())].into(),
            };
            told(put_product(&app, put).await?)
        }
    })
}

/// An answer without what differs from run to run: ids, keys and times.
fn plain(value: &Value) -> Value {
    let is_id = |text: &str| {
        let id = text.rsplit_once('_').map(|(_, id)| id);
        id.is_some_and(|id| id.len() >= 26 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !name.ends_with("_at"));
            kept.map(|(name, value)| (name.clone(), plain(value))).collect()
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::String(text) if is_id(text) => json!("id"),
        Value::String(text) if text.contains("/pac_") => json!("url"),
        other => other.clone(),
    }
}

/// All that is stored, published, and done at the provider, without ids and times.
fn essence(world: &World) -> Value {
    let rows = world.store.rows();
    let mut published: Vec<&str> = rows.events.values().map(|event| event.event_type.as_str()).collect();
    published.sort_unstable();
    let mut subscriptions: Vec<Value> = rows
        .subscriptions
        .values()
        .map(|found| {
            let terms = found.terms();
            json!([
                found.provider_reference,
                found.status().as_str(),
                terms.seats,
                terms.price_reference,
                terms.cancel_at_period_end,
                found.product_id,
            ])
        })
        .collect();
    subscriptions.sort_by_key(Value::to_string);
    let refunded: Vec<i64> = rows.payments.values().map(|payment| payment.refunded_amount).collect();
    let mut performed: Vec<&str> = Vec::new();
    let done = world.provider.performed();
    performed.extend(done.iter().map(|done| done.operation));
    json!({
        "tenants": rows.tenants.len(), "organizations": rows.organizations.len(), "users": rows.users.len(),
        "products": rows.products.len(), "api_keys": rows.api_keys.len(), "accounts": rows.accounts.len(),
        "secrets": rows.secrets.len(), "keys": rows.idempotency_keys.len(), "customers": rows.customers.len(),
        "sessions": rows.checkout_sessions.len(), "purchases": rows.purchases.len(), "refunds": rows.refunds.len(),
        "event_keys": rows.event_keys.len(), "subscriptions": subscriptions, "refunded": refunded,
        "published": published, "performed": performed,
        "operations": rows.operations.values().map(|done| format!("{:?}", done.status)).collect::<Vec<_>>(),
    })
}

/// How it ends where nothing goes wrong.
async fn undisturbed(use_case: UseCase) -> (Value, Value) {
    let given = Given::of(use_case).await;
    let answer = given.run(use_case, "key").await.unwrap();
    (plain(&answer), essence(&given.world))
}

/// Lets the workers do what they do, and asks again with the same key; all has to be as if nothing had gone wrong.
async fn is_made_good(given: &Given, use_case: UseCase, first: Option<Value>, expected: &(Value, Value), how: &str) {
    let world = &given.world;
    // A lease runs out; what a call of unknown outcome did is asked for again.
    for _ in 0..2 {
        world.clock.advance(AFTER_ANY_LEASE_MS);
        resume_abandoned_operations(&world.app, false).await.unwrap();
        process_due_webhooks(&world.app).await.unwrap();
    }
    let again = given.run(use_case, "key").await;
    let again = again.unwrap_or_else(|error| panic!("{use_case:?}, {how}: {error}"));
    if let Some(first) = first {
        assert_eq!(plain(&first), plain(&again), "{use_case:?}, {how}: another answer");
    }
    assert_eq!(plain(&again), expected.0, "{use_case:?}, {how}");
    assert_eq!(essence(world), expected.1, "{use_case:?}, {how}");
}

#[tokio::test]
async fn the_host_stops_between_any_two_steps() {
    let mut stops = 0;
    for use_case in ALL {
        let expected = undisturbed(use_case).await;
        for step in 0.. {
            assert!(step < STEPS_MAX, "{use_case:?}");
            let mut given = Given::of(use_case).await;
            given.world.fuse.blow_after(step);
            let running = given.run(use_case, "key");
            let Some(first) = given.world.until_stopped(running).await else {
                stops += 1;
                given.world.restart();
                is_made_good(&given, use_case, None, &expected, &format!("stopped at {step}")).await;
                continue;
            };
            first.unwrap();
            break;
        }
    }
    assert!(stops > 100, "{stops}");
}

#[tokio::test]
async fn any_commit_goes_wrong() {
    for use_case in ALL {
        let expected = undisturbed(use_case).await;
        for fault in [
            CommitFault::NotWritten,
            CommitFault::WrittenButUnanswered,
            CommitFault::Conflict,
        ] {
            for number in 0..8 {
                let given = Given::of(use_case).await;
                let well = std::iter::repeat_n(CommitFault::None, number);
                given.world.store.fault_commits(well.chain([fault]));
                let first = given.run(use_case, "key").await.ok();
                given.world.store.fault_commits([]);
                is_made_good(
                    &given,
                    use_case,
                    first,
                    &expected,
                    &format!("{fault:?} of commit {number}"),
                )
                .await;
            }
        }
    }
}

#[tokio::test]
async fn the_database_goes_down_at_any_question_and_comes_back() {
    let mut falls = 0;
    for use_case in ALL {
        let expected = undisturbed(use_case).await;
        for step in 0.. {
            assert!(step < STEPS_MAX, "{use_case:?}");
            let given = Given::of(use_case).await;
            given.world.store.go_down_after(step);
            let first = given.run(use_case, "key").await;
            let fell = given.world.store.is_down();
            given.world.store.set_down(false);
            falls += u32::from(fell);
            is_made_good(
                &given,
                use_case,
                first.ok(),
                &expected,
                &format!("down at question {step}"),
            )
            .await;
            if !fell {
                break;
            }
        }
    }
    assert!(falls > 100, "{falls}");
}

#[tokio::test]
async fn the_provider_fails_at_any_exchange() {
    for use_case in OPERATIONS {
        let expected = undisturbed(use_case).await;
        for failing in [
            Failing::NotSent,
            Failing::AnswerLost,
            Failing::RateLimited,
            Failing::Locked,
            Failing::PluginTraps,
        ] {
            for number in 0.. {
                let given = Given::of(use_case).await;
                given.world.provider.fail_after(number, failing);
                let first = given.run(use_case, "key").await;
                let failed = given.world.provider.failed_all();
                given.world.provider.fail_next([]);
                is_made_good(
                    &given,
                    use_case,
                    first.ok(),
                    &expected,
                    &format!("{failing:?} at {number}"),
                )
                .await;
                if !failed {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn what_the_provider_declines_stays_declined() {
    for use_case in OPERATIONS.into_iter().filter(|use_case| *use_case != U::Refresh) {
        let given = Given::of(use_case).await;
        let before = essence(&given.world);
        given.world.provider.fail_next([Failing::Declined]);
        let first = given.run(use_case, "key").await.unwrap_err().to_string();
        let again = given.run(use_case, "key").await.unwrap_err().to_string();
        assert_eq!(first, again, "{use_case:?}");
        let after = essence(&given.world);
        for what in ["performed", "subscriptions", "refunds", "refunded", "purchases"] {
            assert_eq!(before[what], after[what], "{use_case:?}: {what}");
        }
        // But for the session that failed, nothing is said to have happened.
        let mut published = after["published"].as_array().unwrap().clone();
        published.retain(|name| name != "checkout_session.failed");
        assert_eq!(before["published"], Value::Array(published), "{use_case:?}");
    }
}
