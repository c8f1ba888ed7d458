//! Lists of customers, purchases and payments, by each of their filters.

use tillgate_application::ports::{CustomerFilter, PaymentFilter, PurchaseFilter, Write};
use tillgate_domain::{
    CustomerId, NewPurchase, Payment, PaymentFacts, PaymentId, PaymentState, Purchase, PurchaseId, PurchaseStatus,
    SubscriptionId,
};

use crate::given::{ACCOUNT, OTHER_TENANT, Shared, TENANT, at, begin, commit, customer, page, subscription, usd};

crate::on_every_store! {
    customers_are_found,
    payments_are_found,
    purchases_are_found,
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

async fn customers_are_found(database: &Shared) {
    begin(database).await;
    let (mut second, mut third) = (customer(2), customer(3));
    second.put_association(some("org_1"), some("user_1"), at(11));
    third.put_association(some("org_1"), None, at(11));
    second.events.clear();
    third.events.clear();
    commit(database, [Write::Customer(second), Write::Customer(third)])
        .await
        .unwrap();
    for (organization_id, user_id, provider_reference, expected) in [
        (None, None, None, vec![1, 2, 3]),
        (some("org_1"), None, None, vec![2, 3]),
        (some("org_1"), some("user_1"), None, vec![2]),
        (None, some("user_1"), None, vec![2]),
        (None, None, some("cus_1"), vec![1]),
        (some("org_1"), None, some("cus_1"), vec![]),
        (some("org_2"), None, None, vec![]),
    ] {
        let filter = CustomerFilter {
            organization_id,
            user_id,
            provider_reference,
        };
        let found = database.customers(TENANT, &filter, &page(10, None)).await.unwrap();
        let ids: Vec<u128> = found.items.iter().map(|customer| customer.id.bits()).collect();
        assert_eq!(ids, expected, "{filter:?}");
        let others = database
            .customers(OTHER_TENANT, &filter, &page(10, None))
            .await
            .unwrap();
        assert!(others.items.is_empty());
    }
}

fn payment(number: u128, state: PaymentState, alias: &str, subscription: Option<u128>) -> Write {
    let facts = PaymentFacts {
        provider_reference: format!("in_{number}"),
        state,
        amount: usd(5),
        customer_id: Some(CustomerId::from_bits(1)),
        subscription_id: subscription.map(SubscriptionId::from_bits),
        aliases: vec![alias.to_owned()],
        failure_reason: None,
        attempt: None,
        next_attempt_at: None,
        invoice_url: None,
        receipt_url: None,
        as_of: None,
    };
    let mut payment = Payment::create(PaymentId::from_bits(number), TENANT, ACCOUNT, facts, at(41));
    payment.events.clear();
    Write::Payment(payment)
}

async fn payments_are_found(database: &Shared) {
    begin(database).await;
    let writes = [
        payment(1, PaymentState::Succeeded, "ch_1", None),
        payment(2, PaymentState::Failed, "ch_2", Some(1)),
        // One id may be another's alias.
        payment(3, PaymentState::Succeeded, "in_1", Some(1)),
    ];
    commit(database, writes).await.unwrap();
    let by = PaymentFilter::default;
    let customer = |number| Some(CustomerId::from_bits(number));
    for (filter, expected) in [
        (by(), vec![1, 2, 3]),
        (
            PaymentFilter {
                customer_id: customer(1),
                ..by()
            },
            vec![1, 2, 3],
        ),
        (
            PaymentFilter {
                customer_id: customer(2),
                ..by()
            },
            vec![],
        ),
        (
            PaymentFilter {
                subscription_id: Some(SubscriptionId::from_bits(1)),
                ..by()
            },
            vec![2, 3],
        ),
        (
            PaymentFilter {
                state: Some(PaymentState::Failed),
                ..by()
            },
            vec![2],
        ),
        (
            PaymentFilter {
                provider_reference: some("in_1"),
                ..by()
            },
            vec![1, 3],
        ),
        (
            PaymentFilter {
                provider_reference: some("ch_2"),
                ..by()
            },
            vec![2],
        ),
        (
            PaymentFilter {
                provider_reference: some("ch_2"),
                state: Some(PaymentState::Succeeded),
                ..by()
            },
            vec![],
        ),
    ] {
        let found = database.payments(TENANT, &filter, &page(10, None)).await.unwrap();
        let ids: Vec<u128> = found.items.iter().map(|payment| payment.id.bits()).collect();
        assert_eq!(ids, expected, "{filter:?}");
        let others = database.payments(OTHER_TENANT, &filter, &page(10, None)).await.unwrap();
        assert!(others.items.is_empty());
    }
}

async fn purchases_are_found(database: &Shared) {
    begin(database).await;
    let new = |number: u128| NewPurchase {
        id: PurchaseId::from_bits(number),
        tenant_id: TENANT,
        account_id: ACCOUNT,
        customer_id: Some(CustomerId::from_bits(1)),
        product_id: None,
        checkout_session_id: None,
        provider_reference: format!("cs_{number}"),
        provider_transaction_id: Some(format!("pi_{number}")),
        amount: Some(usd(5)),
    };
    let mut paid = Purchase::create_one_time(new(1), at(30));
    paid.complete(at(31)).unwrap();
    let mut waiting = Purchase::create_one_time(new(2), at(30));
    let mut running = Purchase::create_subscription(new(3), SubscriptionId::from_bits(1), at(30));
    for purchase in [&mut paid, &mut waiting, &mut running] {
        purchase.events.clear();
    }
    let writes = [
        Write::Subscription(subscription(1, 1)),
        Write::Purchase(paid),
        Write::Purchase(waiting),
        Write::Purchase(running),
    ];
    commit(database, writes).await.unwrap();
    let by = PurchaseFilter::default;
    for (filter, expected) in [
        (by(), vec![1, 2, 3]),
        (
            PurchaseFilter {
                status: Some(PurchaseStatus::Completed),
                ..by()
            },
            vec![1],
        ),
        (
            PurchaseFilter {
                status: Some(PurchaseStatus::Active),
                ..by()
            },
            vec![3],
        ),
        (
            PurchaseFilter {
                provider_reference: some("cs_2"),
                ..by()
            },
            vec![2],
        ),
        (
            PurchaseFilter {
                provider_reference: some("pi_1"),
                ..by()
            },
            vec![1],
        ),
        (
            PurchaseFilter {
                provider_reference: some("in_1"),
                ..by()
            },
            vec![],
        ),
    ] {
        let found = database.purchases(TENANT, &filter, &page(10, None)).await.unwrap();
        let ids: Vec<u128> = found.items.iter().map(|purchase| purchase.id.bits()).collect();
        assert_eq!(ids, expected, "{filter:?}");
        let others = database
            .purchases(OTHER_TENANT, &filter, &page(10, None))
            .await
            .unwrap();
        assert!(others.items.is_empty());
    }
}
