//! Payments, refunds and disputes.

use tillgate_application::ports::{PaymentFilter, RefundFilter, Write};
use tillgate_domain::{
    CustomerId, Dispute, DisputeFacts, DisputeId, Payment, PaymentFacts, PaymentId, PaymentState, Refund, RefundFacts,
    RefundId, RefundState,
};

use crate::given::{ACCOUNT, OTHER_TENANT, Shared, TENANT, at, begin, commit, page, usd, version_conflict};

crate::on_every_store! {
    a_payment_is_found_by_any_of_its_ids,
    refunds_and_disputes_are_read_as_they_were_saved,
    refunds_are_listed_and_added_up_by_payment,
}

fn payment(number: u128, aliases: &[&str]) -> Payment {
    let facts = PaymentFacts {
        provider_reference: format!("in_{number}"),
        state: PaymentState::Failed,
        amount: usd(-5),
        customer_id: Some(CustomerId::from_bits(1)),
        subscription_id: None,
        aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        failure_reason: Some("card declined".to_owned()),
        attempt: Some(2),
        next_attempt_at: Some(at(99)),
        invoice_url: Some("https://example.com/i".to_owned()),
        receipt_url: None,
        as_of: Some(at(40)),
    };
    let mut payment = Payment::create(PaymentId::from_bits(number), TENANT, ACCOUNT, facts, at(41));
    payment.events.clear();
    payment
}

async fn a_payment_is_found_by_any_of_its_ids(database: &Shared) {
    begin(database).await;
    let mut first = payment(1, &["ch_1", "pi_1"]);
    let second = payment(2, &["ch_2"]);
    commit(database, [Write::Payment(first.clone()), Write::Payment(second)])
        .await
        .unwrap();
    first.version = 1;
    assert_eq!(database.payment(TENANT, first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(database.payment(OTHER_TENANT, first.id).await.unwrap(), None);
    assert_eq!(
        database.payment_by_provider_reference(ACCOUNT, "in_1").await.unwrap(),
        Some(first.clone())
    );
    let any = |references: &[&str]| {
        let references: Vec<String> = references.iter().map(|reference| (*reference).to_owned()).collect();
        async move {
            database
                .payment_by_any_reference(ACCOUNT, &references)
                .await
                .unwrap()
                .map(|found| found.id.bits())
        }
    };
    assert_eq!(any(&["in_1"]).await, Some(1));
    assert_eq!(any(&["unknown", "pi_1"]).await, Some(1));
    assert_eq!(any(&["ch_2"]).await, Some(2));
    assert_eq!(any(&["unknown"]).await, None);
    assert_eq!(any(&[]).await, None);

    first.facts.aliases.push("re_1".to_owned());
    first.facts.state = PaymentState::Succeeded;
    first.refunded_amount = 7;
    commit(database, [Write::Payment(first.clone())]).await.unwrap();
    assert_eq!(any(&["re_1"]).await, Some(1));
    assert_eq!(
        commit(database, [Write::Payment(first.clone())]).await,
        version_conflict("payment")
    );
    first.version = 2;
    assert_eq!(database.payment(TENANT, first.id).await.unwrap(), Some(first));
    let found = database
        .payments(TENANT, &PaymentFilter::default(), &page(1, None))
        .await
        .unwrap();
    assert_eq!((found.items.len(), found.has_more), (1, true));
}

async fn refunds_are_listed_and_added_up_by_payment(database: &Shared) {
    begin(database).await;
    let refund = |number: u128, payment: Option<u128>, amount: i64, state: RefundState| {
        let facts = RefundFacts {
            provider_reference: format!("re_{number}"),
            state,
            amount: usd(amount),
            payment_references: Vec::new(),
            reason: None,
            failure_reason: None,
            as_of: None,
        };
        let payment = payment.map(PaymentId::from_bits);
        Write::Refund(Refund::create(
            RefundId::from_bits(number),
            TENANT,
            ACCOUNT,
            payment,
            facts,
            at(5),
        ))
    };
    let refunds = [
        refund(1, Some(1), 300, RefundState::Succeeded),
        refund(2, Some(1), 40, RefundState::Pending),
        refund(3, Some(1), 1_000, RefundState::Failed),
        refund(4, Some(1), 2_000, RefundState::Canceled),
        refund(5, Some(2), 5, RefundState::RequiresAction),
        refund(6, None, 7, RefundState::Succeeded),
    ];
    commit(database, refunds).await.unwrap();
    let total = |tenant, payment: u128| database.refunded_total(tenant, PaymentId::from_bits(payment));
    assert_eq!(total(TENANT, 1).await.unwrap(), 340);
    assert_eq!(total(TENANT, 2).await.unwrap(), 5);
    assert_eq!(total(TENANT, 3).await.unwrap(), 0);
    assert_eq!(total(OTHER_TENANT, 1).await.unwrap(), 0);
    let listed = async |tenant, payment: Option<u128>, after: Option<u128>| {
        let filter = RefundFilter {
            payment_id: payment.map(PaymentId::from_bits),
        };
        let after = after.map(|bits| RefundId::from_bits(bits).to_string());
        let found = database
            .refunds(tenant, &filter, &page(3, after.as_deref()))
            .await
            .unwrap();
        let ids: Vec<u128> = found.items.iter().map(|refund| refund.id.bits()).collect();
        (ids, found.has_more)
    };
    assert_eq!(listed(TENANT, Some(1), None).await, (vec![1, 2, 3], true));
    assert_eq!(listed(TENANT, Some(1), Some(3)).await, (vec![4], false));
    assert_eq!(listed(TENANT, None, Some(3)).await, (vec![4, 5, 6], false));
    assert_eq!(listed(OTHER_TENANT, None, None).await, (vec![], false));
}

async fn refunds_and_disputes_are_read_as_they_were_saved(database: &Shared) {
    begin(database).await;
    let facts = RefundFacts {
        provider_reference: "re_1".to_owned(),
        state: RefundState::RequiresAction,
        amount: usd(i64::MAX),
        payment_references: vec!["pi_1".to_owned(), "ch_1".to_owned()],
        reason: Some("asked".to_owned()),
        failure_reason: None,
        as_of: None,
    };
    let mut refund = Refund::create(
        RefundId::from_bits(1),
        TENANT,
        ACCOUNT,
        Some(PaymentId::from_bits(1)),
        facts,
        at(5),
    );
    let facts = DisputeFacts {
        provider_reference: "dp_1".to_owned(),
        amount: usd(100),
        payment_references: Vec::new(),
        reason: None,
        provider_status: "needs_response".to_owned(),
        evidence_due_at: Some(at(77)),
        as_of: Some(at(6)),
    };
    let mut dispute = Dispute::create(DisputeId::from_bits(1), TENANT, ACCOUNT, None, facts, at(6));
    refund.events.clear();
    dispute.events.clear();
    commit(
        database,
        [Write::Refund(refund.clone()), Write::Dispute(dispute.clone())],
    )
    .await
    .unwrap();
    assert_eq!(
        commit(database, [Write::Refund(refund.clone())]).await,
        version_conflict("refund")
    );
    assert_eq!(
        commit(database, [Write::Dispute(dispute.clone())]).await,
        version_conflict("dispute")
    );
    refund.version = 1;
    dispute.version = 1;
    assert_eq!(database.refund(TENANT, refund.id).await.unwrap(), Some(refund.clone()));
    assert_eq!(database.refund(OTHER_TENANT, refund.id).await.unwrap(), None);
    assert_eq!(
        database.refund_by_provider_reference(ACCOUNT, "re_1").await.unwrap(),
        Some(refund)
    );
    assert_eq!(
        database.dispute_by_provider_reference(ACCOUNT, "dp_1").await.unwrap(),
        Some(dispute.clone())
    );
    dispute.facts.provider_status = "lost".to_owned();
    commit(database, [Write::Dispute(dispute.clone())]).await.unwrap();
    dispute.version = 2;
    assert_eq!(
        database.dispute_by_provider_reference(ACCOUNT, "dp_1").await.unwrap(),
        Some(dispute)
    );
}
