//! Imports.

use std::collections::BTreeMap;

use tillgate_application::import::{Import, ImportProgress, ImportStatus};
use tillgate_application::ports::{BackfillKind, CommitError, Conflict, Write};
use tillgate_domain::{ImportId, ProviderAccountId};

use crate::given::{ACCOUNT, Shared, TENANT, account, at, begin, commit, customer, version_conflict};

crate::on_every_store! {
    an_import_is_read_as_it_was_saved,
    an_account_has_one_running_import,
    a_page_and_the_place_behind_it_are_one,
}

fn import(number: u128, account_id: ProviderAccountId) -> Import {
    Import {
        id: ImportId::from_bits(number),
        tenant_id: TENANT,
        account_id,
        announce: true,
        status: ImportStatus::Running,
        cursor: Some("cus_é:100".to_owned()),
        progress: vec![ImportProgress {
            kind: BackfillKind::Purchases,
            done: true,
            seen: 7,
            created: 1,
            changed: 2,
            unchanged: 3,
            left_out: BTreeMap::from([("a \"draft\"".to_owned(), 1)]),
        }],
        started_at: at(5),
        updated_at: at(6),
        ended_at: None,
        version: 0,
    }
}

async fn an_import_is_read_as_it_was_saved(database: &Shared) {
    begin(database).await;
    let mut import = import(1, ACCOUNT);
    commit(database, [Write::Import(import.clone())]).await.unwrap();
    import.version = 1;
    assert_eq!(database.import(import.id).await.unwrap(), Some(import.clone()));
    assert_eq!(database.running_import(ACCOUNT).await.unwrap(), Some(import.clone()));
    import.cursor = None;
    import.announce = false;
    import.status = ImportStatus::Finished;
    import.ended_at = Some(at(9));
    commit(database, [Write::Import(import.clone())]).await.unwrap();
    let stale = commit(database, [Write::Import(import.clone())]).await;
    assert_eq!(stale, version_conflict("import"));
    import.version = 2;
    assert_eq!(database.import(import.id).await.unwrap(), Some(import));
    assert_eq!(database.running_import(ACCOUNT).await.unwrap(), None);
    assert_eq!(database.import(ImportId::from_bits(9)).await.unwrap(), None);
}

async fn an_account_has_one_running_import(database: &Shared) {
    begin(database).await;
    let other = ProviderAccountId::from_bits(2);
    let writes = [
        Write::Account(account(2, TENANT, false)),
        Write::Import(import(1, ACCOUNT)),
        Write::Import(import(2, other)),
    ];
    commit(database, writes).await.unwrap();
    let second = commit(database, [Write::Import(import(3, ACCOUNT))]).await;
    assert_eq!(second, version_conflict("import"));
    let mut first = import(1, ACCOUNT);
    first.version = 1;
    first.status = ImportStatus::Abandoned;
    commit(database, [Write::Import(first), Write::Import(import(3, ACCOUNT))])
        .await
        .unwrap();
    let running = database.running_import(ACCOUNT).await.unwrap().unwrap();
    assert_eq!(running.id, ImportId::from_bits(3));
    let nobodys = commit(database, [Write::Import(import(4, ProviderAccountId::from_bits(9)))]).await;
    assert_eq!(nobodys, Err(CommitError::Conflict(Conflict::Reference("import"))));
}

async fn a_page_and_the_place_behind_it_are_one(database: &Shared) {
    begin(database).await;
    commit(database, [Write::Import(import(1, ACCOUNT))]).await.unwrap();
    let mut behind = import(1, ACCOUNT);
    behind.version = 1;
    behind.cursor = Some("further".to_owned());
    // The customer is known already: none of it is written.
    let doubled = commit(database, [Write::Import(behind.clone()), Write::Customer(customer(1))]).await;
    assert_eq!(doubled, version_conflict("customer"));
    let stored = database.import(behind.id).await.unwrap().unwrap();
    assert_eq!((stored.version, stored.cursor.as_deref()), (1, Some("cus_é:100")));
    commit(database, [Write::Import(behind.clone()), Write::Customer(customer(2))])
        .await
        .unwrap();
    let stored = database.import(behind.id).await.unwrap().unwrap();
    assert_eq!((stored.version, stored.cursor.as_deref()), (2, Some("further")));
}
