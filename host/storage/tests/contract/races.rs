//! Those who change the same thing at the same time.

use std::collections::BTreeSet;

use tillgate_application::ports::{CommitError, Conflict, Write};
use tillgate_domain::{Payment, PaymentFacts, PaymentId, PaymentState};

use crate::given::{ACCOUNT, Shared, TENANT, account, at, begin, commit, usd, version_conflict};

crate::on_databases!(
    no_update_is_lost,
    an_account_read_before_another_became_the_default_is_not_saved,
    a_tenant_keeps_one_default_whoever_races,
);

fn payment(number: u128) -> Payment {
    let facts = PaymentFacts {
        provider_reference: format!("pay_{number}"),
        state: PaymentState::Succeeded,
        amount: usd(i64::MAX),
        customer_id: None,
        subscription_id: None,
        aliases: Vec::new(),
        failure_reason: None,
        attempt: None,
        next_attempt_at: None,
        invoice_url: None,
        receipt_url: None,
        as_of: None,
    };
    let mut payment = Payment::create(PaymentId::from_bits(number), TENANT, ACCOUNT, facts, at(1));
    payment.events.clear();
    payment
}

/// Reads, adds and saves again and again until it was the one that read last.
async fn add_one(database: Shared, number: u128) -> usize {
    let mut conflicts = 0;
    loop {
        let mut payment = database
            .payment(TENANT, PaymentId::from_bits(number))
            .await
            .unwrap()
            .unwrap();
        payment.refunded_amount += 1;
        match commit(&database, [Write::Payment(payment)]).await {
            Ok(()) => return conflicts,
            Err(CommitError::Conflict(Conflict::Version("payment"))) => conflicts += 1,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn no_update_is_lost(database: &Shared) {
    begin(database).await;
    commit(database, (1..=4).map(|number| Write::Payment(payment(number))))
        .await
        .unwrap();
    let tasks: Vec<_> = (0..200_u128)
        .map(|task| tokio::spawn(add_one(database.clone(), 1 + task % 4)))
        .collect();
    let mut conflicts = 0;
    for task in tasks {
        conflicts += task.await.unwrap();
    }
    assert!(conflicts > 0, "nobody met anybody");
    for number in 1..=4 {
        let payment = database
            .payment(TENANT, PaymentId::from_bits(number))
            .await
            .unwrap()
            .unwrap();
        assert_eq!((payment.refunded_amount, payment.version), (50, 51));
    }
}

async fn an_account_read_before_another_became_the_default_is_not_saved(database: &Shared) {
    begin(database).await;
    let mut stale = database.account(ACCOUNT).await.unwrap().unwrap();
    commit(database, [Write::Account(account(2, TENANT, true))])
        .await
        .unwrap();
    stale.plugin_version = "1.0.1".to_owned();
    let refused = commit(database, [Write::Account(stale)]).await;
    assert_eq!(refused, version_conflict("provider account"));
    assert!(
        database
            .account(account(2, TENANT, true).id)
            .await
            .unwrap()
            .unwrap()
            .is_default
    );
}

async fn a_tenant_keeps_one_default_whoever_races(database: &Shared) {
    begin(database).await;
    let tasks: Vec<_> = (2..22_u128)
        .map(|number| {
            let database = database.clone();
            tokio::spawn(async move { commit(&database, [Write::Account(account(number, TENANT, true))]).await })
        })
        .collect();
    let mut made = BTreeSet::new();
    for (number, task) in (2..).zip(tasks) {
        match task.await.unwrap() {
            Ok(()) => made.insert(number),
            Err(CommitError::Conflict(_)) => continue,
            Err(error) => panic!("{error}"),
        };
    }
    let found = database.accounts(TENANT).await.unwrap();
    assert_eq!(found.len(), made.len() + 1);
    assert_eq!(found.iter().filter(|account| account.is_default).count(), 1);
    println!("{} of 20 made", made.len());
}
