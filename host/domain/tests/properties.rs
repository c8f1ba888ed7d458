//! What holds for every sequence of facts and transitions.

#![expect(clippy::unwrap_used, reason = "a failure shall end the test")]

use proptest::prelude::*;
use tillgate_domain::{
    Applied, CheckoutSession, CheckoutStatus, CheckoutType, CustomerId, DomainError, EventKind, FactSource, FactStamp,
    NewCheckoutSession, NewSubscription, PaymentStatus, Period, ProviderAccountId, Subscription, SubscriptionChange,
    SubscriptionId, SubscriptionSnapshot, SubscriptionStatus, TenantId, Terms, Timestamp,
};

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn new() -> NewSubscription {
    NewSubscription {
        id: SubscriptionId::from_bits(1),
        tenant_id: TenantId::from_bits(2),
        account_id: ProviderAccountId::from_bits(3),
        customer_id: CustomerId::from_bits(4),
        product_id: Some("team".to_owned()),
        provider_reference: "sub_1".to_owned(),
        trial_period_days: None,
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(1_000 + second)
}

/// A fact of one second: what the provider said then.
#[derive(Debug, Clone)]
struct Fact {
    snapshot: SubscriptionSnapshot,
    stamp: FactStamp,
}

fn fact(second: i64, status: SubscriptionStatus, seats: u64, cancels: bool) -> Fact {
    let change = if status.is_final() {
        SubscriptionChange::Ended
    } else {
        SubscriptionChange::Updated
    };
    let terms = Terms {
        price_reference: Some("price_1".to_owned()),
        seats: Some(seats),
        period: Some(Period {
            start: at(second / 10 * 10),
            end: at(second / 10 * 10 + 10),
        }),
        cancel_at_period_end: cancels,
        ended_at: status.is_final().then(|| at(second)),
        ..Terms::default()
    };
    let provider_status = status.as_str().to_owned();
    Fact {
        snapshot: SubscriptionSnapshot {
            status: Some(status),
            provider_status,
            terms,
        },
        stamp: FactStamp {
            object_version: None,
            as_of: Some(at(second)),
            source: FactSource::Event(change),
        },
    }
}

/// A life: facts of rising seconds, at most the last of which is its end.
fn life() -> impl Strategy<Value = Vec<Fact>> {
    let open = prop::sample::select(vec![
        SubscriptionStatus::Incomplete,
        SubscriptionStatus::Trialing,
        SubscriptionStatus::Active,
        SubscriptionStatus::PastDue,
        SubscriptionStatus::Unpaid,
        SubscriptionStatus::Paused,
    ]);
    let end = prop::option::of(prop::sample::select(vec![
        SubscriptionStatus::Canceled,
        SubscriptionStatus::Expired,
    ]));
    (prop::collection::vec((open, 1..9_u64, any::<bool>()), 1..12), end).prop_map(|(facts, end)| {
        let mut life: Vec<Fact> = (0_i64..)
            .zip(facts)
            .map(|(second, (status, seats, cancels))| fact(second, status, seats, cancels))
            .collect();
        let last = i64::try_from(life.len()).unwrap();
        life.extend(end.map(|status| fact(last, status, 1, false)));
        life
    })
}

fn told(facts: &[Fact]) -> Subscription {
    let (first, rest) = facts.split_first().unwrap();
    let mut subscription = Subscription::from_snapshot(new(), first.snapshot.clone(), first.stamp, NOW);
    for fact in rest {
        subscription.apply(&fact.snapshot, fact.stamp, NOW);
    }
    subscription
}

fn sound(subscription: &Subscription) {
    assert_eq!(subscription.is_ended(), subscription.status().is_final());
    assert!(!(subscription.is_ended() && subscription.is_active()));
    let canceled = subscription
        .events
        .iter()
        .filter(|event| event.kind == EventKind::SubscriptionCanceled)
        .count();
    assert_eq!(canceled, usize::from(subscription.is_ended()), "an end is told once");
    let told = |kind: &EventKind| subscription.events.iter().filter(|event| event.kind == *kind).count();
    let (paused, resumed) = (
        told(&EventKind::SubscriptionPaused),
        told(&EventKind::SubscriptionResumed),
    );
    // It may have begun paused, and end paused.
    assert!(
        resumed <= paused + 1 && paused <= resumed + 1,
        "pauses and resumptions take turns"
    );
    let (scheduled, withdrawn) = subscription
        .events
        .iter()
        .fold((0, 0), |(scheduled, withdrawn), event| match event.kind {
            EventKind::SubscriptionCancellationScheduled { .. } => (scheduled + 1, withdrawn),
            EventKind::SubscriptionCancellationWithdrawn => (scheduled, withdrawn + 1),
            _ => (scheduled, withdrawn),
        });
    assert!(withdrawn <= scheduled + 1, "what is withdrawn was scheduled");
}

proptest! {
    /// Told in any order, with repetitions, a life ends in the same state.
    #[test]
    fn any_order_and_any_repetition_end_in_the_same_state(
        (life, told_as) in life().prop_flat_map(|life| {
            let doubled = [life.clone(), life.clone()].concat();
            (Just(life), Just(doubled).prop_shuffle())
        })
    ) {
        let (expected, found) = (told(&life), told(&told_as));
        prop_assert_eq!(found.status(), expected.status());
        prop_assert_eq!(found.provider_status(), expected.provider_status());
        prop_assert_eq!(found.terms(), expected.terms());
        sound(&found);
    }

    /// What ended stays ended, whatever comes later.
    #[test]
    fn what_ended_stays_ended(life in life(), later in life()) {
        let mut subscription = told(&life);
        prop_assume!(subscription.is_ended());
        let before = subscription.clone();
        for mut fact in later {
            fact.stamp.as_of = Some(at(1_000_000));
            prop_assert_eq!(subscription.apply(&fact.snapshot, fact.stamp, NOW), Applied::Ended);
        }
        prop_assert!(subscription.cancel(NOW).is_err());
        prop_assert!(subscription.update_status(SubscriptionStatus::Active, NOW).is_err());
        prop_assert!(subscription.schedule_cancellation(None, NOW).is_err());
        prop_assert!(subscription.withdraw_cancellation(NOW).is_err());
        prop_assert!(subscription.change_plan(None, "price_2".to_owned(), NOW).is_err());
        prop_assert!(subscription.pause(NOW).is_err());
        prop_assert!(subscription.resume(NOW).is_err());
        prop_assert_eq!(subscription, before);
    }

    /// No sequence of transitions reaches an impossible state.
    #[test]
    fn no_sequence_of_transitions_reaches_an_impossible_state(steps in prop::collection::vec(0..16_usize, 0..20)) {
        let mut subscription = Subscription::create(new(), NOW).unwrap();
        for step in steps {
            let before = (subscription.status(), subscription.events.len());
            let result = match step {
                0 => subscription.cancel(NOW),
                1 => subscription.schedule_cancellation(None, NOW),
                2 => subscription.schedule_cancellation(Some(at(5)), NOW),
                3 => subscription.withdraw_cancellation(NOW),
                4 => subscription.change_plan(Some("team".to_owned()), "price_1".to_owned(), NOW),
                5 => subscription.change_plan(Some("solo".to_owned()), "price_2".to_owned(), NOW),
                6 => subscription.pause(NOW),
                7 => subscription.resume(NOW),
                step => subscription.update_status(SubscriptionStatus::ALL[step - 8], NOW),
            };
            if let Err(error) = &result {
                prop_assert_eq!(before, (subscription.status(), subscription.events.len()), "a refused transition does nothing");
                let DomainError::InvalidSubscriptionStatus { status, .. } = error else {
                    panic!("{error}");
                };
                prop_assert_eq!(*status, before.0.as_str(), "a refusal names the status");
            }
            sound(&subscription);
        }
    }

    /// A pause and its end lead back to where it was, and so do a scheduled cancellation and its withdrawal.
    #[test]
    fn what_is_undone_leaves_nothing_behind(life in life(), end in prop::option::of(0..20_i64)) {
        let mut subscription = told(&life);
        let before = subscription.clone();
        let open = !before.is_ended();
        prop_assert_eq!(subscription.schedule_cancellation(end.map(at), NOW).is_ok(), open);
        prop_assert_eq!(subscription.withdraw_cancellation(NOW).is_ok(), open);
        if open {
            prop_assert!(!subscription.terms().cancellation_scheduled());
            prop_assert_eq!(subscription.terms().canceled_at, None);
        }
        prop_assert_eq!(subscription.pause(NOW).is_ok(), before.is_active());
        let paused = subscription.status() == SubscriptionStatus::Paused;
        prop_assert_eq!(subscription.resume(NOW).is_ok(), paused);
        prop_assert_eq!(subscription.status(), if paused { SubscriptionStatus::Active } else { before.status() });
        sound(&subscription);
    }

    /// A plan changes as often as its price does, and the seats stay.
    #[test]
    fn a_plan_changes_with_its_price(prices in prop::collection::vec(0..3_u8, 0..8)) {
        let first = fact(0, SubscriptionStatus::Active, 4, false);
        let mut subscription = told(std::slice::from_ref(&first));
        let (mut known, mut changes) = ("price_1".to_owned(), 0);
        for price in prices {
            let price = format!("price_{price}");
            changes += usize::from(price != known);
            subscription.change_plan(Some(format!("product of {price}")), price.clone(), NOW).unwrap();
            known = price;
            prop_assert_eq!(subscription.product_id.clone(), Some(format!("product of {known}")));
            prop_assert_eq!(subscription.terms().price_reference.as_ref(), Some(&known));
            prop_assert_eq!(subscription.terms().seats, Some(4));
        }
        let told = subscription.events.iter().filter(|event| event.kind == EventKind::SubscriptionPlanChanged);
        prop_assert_eq!(told.count(), changes);
    }

    /// A trial is within its bounds, and so are seats.
    #[test]
    fn trials_and_seats_have_bounds(days in any::<u32>(), seats in any::<u64>()) {
        let created = Subscription::create(NewSubscription { trial_period_days: Some(days), ..new() }, NOW);
        prop_assert_eq!(created.is_ok(), (1..=Subscription::TRIAL_DAYS_MAX).contains(&days));
        if let Ok(subscription) = created {
            prop_assert_eq!(subscription.status(), SubscriptionStatus::Trialing);
            prop_assert_eq!(subscription.terms().trial_end, Some(NOW.plus_days(days)));
        }
        prop_assert_eq!(Subscription::validate_seats(seats).is_ok(), (1..=Subscription::SEATS_MAX).contains(&seats));
    }

    /// A checkout session that was paid stays paid, and a final word stays final but for money that came.
    #[test]
    fn money_that_came_for_a_checkout_stays(steps in prop::collection::vec(0..6_u8, 0..12)) {
        let mut session = checkout();
        let mut was_paid = false;
        for step in steps {
            match step {
                0 => session.open("cs_1".to_owned(), None, None, PaymentStatus::Unpaid, NOW),
                1 => session.complete(PaymentStatus::Paid, NOW),
                2 => session.complete(PaymentStatus::Unpaid, NOW),
                3 => session.settle(NOW),
                4 => session.fail(NOW),
                _ => session.expire(NOW),
            }
            let paid = session.payment_status() == PaymentStatus::Paid;
            prop_assert!(paid || !was_paid, "paid, and then not any more");
            prop_assert!(!paid || session.status() == CheckoutStatus::Complete);
            was_paid = paid;
        }
    }
}

fn checkout() -> CheckoutSession {
    CheckoutSession::create(new_checkout(CheckoutType::Subscription, None), NOW).unwrap()
}

fn new_checkout(checkout_type: CheckoutType, trial_period_days: Option<u32>) -> NewCheckoutSession {
    NewCheckoutSession {
        id: tillgate_domain::CheckoutSessionId::from_bits(1),
        tenant_id: TenantId::from_bits(2),
        account_id: ProviderAccountId::from_bits(3),
        checkout_type,
        product_id: "team".to_owned(),
        customer_id: None,
        customer_email: None,
        organization_id: None,
        user_id: None,
        seats: 1,
        trial_period_days,
        success_url: "https://app.example/ok".to_owned(),
        cancel_url: "https://app.example/no".to_owned(),
        metadata: Vec::new(),
    }
}

#[test]
fn an_ended_subscription_names_its_status_and_what_was_attempted() {
    let mut subscription = Subscription::create(new(), NOW).unwrap();
    subscription.cancel(NOW).unwrap();
    let error = subscription.ensure_open("change the seats of").unwrap_err();
    assert_eq!(
        error,
        DomainError::InvalidSubscriptionStatus {
            status: "canceled",
            action: "change the seats of"
        }
    );
    assert_eq!(
        error.to_string(),
        "cannot change the seats of a subscription with status canceled"
    );
}

#[test]
fn who_cannot_be_paused_or_resumed_is_told_why() {
    for status in SubscriptionStatus::ALL {
        let mut subscription = told(&[fact(0, status, 1, false)]);
        let (pause, resume) = (subscription.clone().pause(NOW), subscription.resume(NOW));
        let refused = |action: &str| format!("cannot {action} a subscription with status {}", status.as_str());
        match pause {
            Ok(()) => assert!(status.is_active()),
            Err(error) => assert_eq!(error.to_string(), refused("pause")),
        }
        match resume {
            Ok(()) => assert_eq!(status, SubscriptionStatus::Paused),
            Err(error) => assert_eq!(error.to_string(), refused("resume")),
        }
    }
}

#[test]
fn a_pause_in_the_trial_ends_in_the_trial() {
    let trial = NewSubscription {
        trial_period_days: Some(14),
        ..new()
    };
    let mut subscription = Subscription::create(trial, NOW).unwrap();
    subscription.pause(NOW).unwrap();
    let mut later = subscription.clone();
    subscription.resume(NOW).unwrap();
    assert_eq!(subscription.status(), SubscriptionStatus::Trialing);
    later.resume(NOW.plus_days(15)).unwrap();
    assert_eq!(later.status(), SubscriptionStatus::Active);
}

#[test]
fn only_a_subscription_has_a_trial() {
    let error = CheckoutSession::create(new_checkout(CheckoutType::OneTime, Some(14)), NOW).unwrap_err();
    assert_eq!(error, DomainError::TrialWithoutSubscription);
}

#[test]
fn two_updates_of_one_second_are_a_tie_and_the_answer_settles_it() {
    let one = fact(5, SubscriptionStatus::Active, 3, false);
    let other = fact(5, SubscriptionStatus::PastDue, 3, false);
    let mut subscription = told(std::slice::from_ref(&one));
    assert_eq!(subscription.apply(&other.snapshot, other.stamp, NOW), Applied::Tie);
    assert_eq!(subscription.apply(&one.snapshot, one.stamp, NOW), Applied::Unchanged);
    let answer = FactStamp {
        source: FactSource::Answer,
        ..other.stamp
    };
    assert_eq!(subscription.apply(&other.snapshot, answer, NOW), Applied::Changed);
    assert_eq!(subscription.status(), SubscriptionStatus::PastDue);
}
