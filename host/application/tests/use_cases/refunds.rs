//! Refunds: what is given back, and what is known of it afterwards.

use tillgate_application::ports::{FailureKind, GatewayError, RefundReason};
use tillgate_application::views::RefundView;
use tillgate_application::{
    ApplicationError, Caller, CreateRefund, PinPlugin, create_refund, pin_plugin, process_due_webhooks,
};
use tillgate_domain::{Money, PaymentId, PaymentState};
use tillgate_fakes::{Failing, World, refund};

use crate::given::{paid, with_key};

fn asked(world: &World, payment_id: PaymentId, amount: Option<(i64, &str)>) -> CreateRefund {
    CreateRefund {
        tenant_id: world.tenant_id,
        payment_id,
        amount: amount.map(|(amount, currency)| Money::new(amount, currency.parse().unwrap())),
        reason: Some(RefundReason::RequestedByCustomer),
    }
}

async fn give_back(world: &World, id: PaymentId, amount: Option<(i64, &str)>) -> Result<RefundView, ApplicationError> {
    create_refund(&world.app, &Caller::tenant(world.tenant_id), asked(world, id, amount)).await
}

fn refunded(world: &World, id: PaymentId) -> i64 {
    world.store.rows().payments[&id].refunded_amount
}

#[tokio::test]
async fn a_payment_is_refunded_in_parts_until_nothing_is_left() {
    let (world, id) = paid(PaymentState::Succeeded).await;
    let first = give_back(&world, id, Some((500, "usd"))).await.unwrap();
    assert_eq!((first.amount.amount, first.status.as_str()), (500, "succeeded"));
    assert_eq!(first.payment_id, Some(id.to_string()));
    assert_eq!(refunded(&world, id), 500);
    let rest = give_back(&world, id, None).await.unwrap();
    assert_eq!(rest.amount.amount, 1_500);
    assert_eq!(refunded(&world, id), 2_000);
    assert_eq!(world.store.rows().refunds.len(), 2);
    assert_eq!(world.published("refund"), ["refund.created", "refund.created"]);
    // The provider alone knows how much is left.
    world.provider.fail_next([Failing::Refused]);
    let refused = give_back(&world, id, Some((1, "usd"))).await.unwrap_err();
    let ApplicationError::Gateway {
        error, operation_id, ..
    } = refused
    else {
        panic!("{refused:?}");
    };
    assert!(matches!(*error, GatewayError::Rejected(failure) if failure.kind == FailureKind::InvalidRequest));
    assert!(operation_id.is_some());
    assert_eq!((refunded(&world, id), world.store.rows().refunds.len()), (2_000, 2));
}

#[tokio::test]
async fn webhooks_before_and_after_tell_of_the_same_refund() {
    let (world, id) = paid(PaymentState::Succeeded).await;
    // It names the payment by an id that isn't known yet, and waits.
    world
        .deliver(vec![refund("evt_1", 1, "re_1", "by_in_1", 500)])
        .await
        .unwrap();
    assert_eq!((refunded(&world, id), world.store.rows().refunds.len()), (0, 0));
    let made = give_back(&world, id, Some((500, "usd"))).await.unwrap();
    assert_eq!(
        (made.provider_reference.as_str(), made.payment_id),
        ("re_1", Some(id.to_string()))
    );
    assert_eq!((refunded(&world, id), world.store.rows().refunds.len()), (500, 1));
    world.clock.advance(1_000);
    assert_eq!(process_due_webhooks(&world.app).await.unwrap().done, 1);
    assert_eq!((refunded(&world, id), world.store.rows().refunds.len()), (500, 1));
    // From now on it is known.
    world
        .deliver(vec![refund("evt_2", 2, "re_9", "by_in_1", 100)])
        .await
        .unwrap();
    let rows = world.store.rows().clone();
    assert!(rows.refunds.values().all(|refund| refund.payment_id == Some(id)));
    assert_eq!((refunded(&world, id), rows.refunds.len()), (600, 2));
}

#[tokio::test]
async fn only_money_that_came_is_given_back() {
    for state in [PaymentState::Failed, PaymentState::Pending] {
        let (world, id) = paid(state).await;
        let refused = give_back(&world, id, None).await.unwrap_err();
        let expected = format!("cannot refund a payment with status {}", state.as_str());
        assert_eq!(refused.to_string(), expected);
        assert!(matches!(refused, ApplicationError::Domain(_)));
        assert_eq!(world.provider.requests(), 0);
    }
}

#[tokio::test]
async fn an_amount_is_of_the_payments_currency_and_above_nothing() {
    let (world, id) = paid(PaymentState::Succeeded).await;
    for (amount, currency, field) in [
        (0, "usd", "amount.amount"),
        (-5, "usd", "amount.amount"),
        (500, "eur", "amount.currency"),
    ] {
        let refused = give_back(&world, id, Some((amount, currency))).await.unwrap_err();
        let ApplicationError::Invalid(fields) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(fields[0].field, field);
    }
    let missing = PaymentId::from_bits(7);
    let refused = give_back(&world, missing, None).await.unwrap_err();
    assert_eq!(refused, ApplicationError::not_found("payment", missing));
    assert_eq!(world.provider.requests(), 0);
}

#[tokio::test]
async fn a_refund_is_made_once_for_one_key() {
    let (world, id) = paid(PaymentState::Succeeded).await;
    let caller = with_key(world.tenant_id, "key", 1);
    let command = asked(&world, id, Some((500, "usd")));
    let first = create_refund(&world.app, &caller, command.clone()).await.unwrap();
    assert_eq!(
        create_refund(&world.app, &caller, command.clone()).await.unwrap(),
        first
    );
    let other = with_key(world.tenant_id, "key", 2);
    let reused = create_refund(&world.app, &other, command).await;
    assert_eq!(reused.unwrap_err(), ApplicationError::IdempotencyKeyReused);
    assert_eq!((world.provider.performed().len(), refunded(&world, id)), (1, 500));
}

#[tokio::test]
async fn a_provider_that_lacks_it_is_named_with_what_it_lacks() {
    let (world, id) = paid(PaymentState::Succeeded).await;
    let bare = PinPlugin {
        tenant_id: world.tenant_id,
        account_id: world.account_id,
        version: "0.0.1".to_owned(),
    };
    pin_plugin(&world.app, bare).await.unwrap();
    let refused = give_back(&world, id, None).await.unwrap_err();
    let expected = GatewayError::Unsupported {
        provider: "acme".to_owned(),
        capability: "refunds".to_owned(),
    };
    assert!(matches!(refused, ApplicationError::Gateway { error, .. } if *error == expected));
    assert_eq!(world.provider.requests(), 0);
    assert!(world.store.rows().operations.is_empty());
}
