//! Tenants and theirs, accounts, secrets and keys.

use std::collections::BTreeMap;

use tillgate_application::account::{ApiKey, SealedSecret};
use tillgate_application::ports::{CommitError, Conflict, Write};
use tillgate_domain::{ApiKeyId, Organization, Product, ProviderAccountId, TenantId, User};

use crate::given::{
    ACCOUNT, OTHER_TENANT, Shared, TENANT, account, at, begin, commit, page, stored, tenant, version_conflict,
};

crate::on_every_store! {
    a_directory_is_read_as_it_was_put,
    a_product_put_again_has_its_new_prices_only,
    tenants_come_in_pages,
    a_tenant_has_one_default_account,
    an_account_name_is_taken_once,
    expired_secrets_are_no_longer_active,
    an_api_key_stays_revoked_since_the_first_time,
}

async fn a_directory_is_read_as_it_was_put(database: &Shared) {
    begin(database).await;
    let organization = Organization {
        tenant_id: TENANT,
        id: "acme".to_owned(),
        name: None,
        created_at: at(5),
        updated_at: at(5),
    };
    let user = User {
        tenant_id: TENANT,
        id: "u1".to_owned(),
        email: Some("ü@example.com".to_owned()),
        name: None,
        created_at: at(5),
        updated_at: at(5),
    };
    commit(
        database,
        [Write::Organization(organization.clone()), Write::User(user.clone())],
    )
    .await
    .unwrap();
    assert_eq!(database.tenant(TENANT).await.unwrap(), Some(tenant(TENANT)));
    assert_eq!(database.tenant(TenantId::from_bits(99)).await.unwrap(), None);
    assert_eq!(database.user(TENANT, "u1").await.unwrap(), Some(user.clone()));
    assert_eq!(database.user(OTHER_TENANT, "u1").await.unwrap(), None);
    assert_eq!(database.organization(OTHER_TENANT, "acme").await.unwrap(), None);

    let again = Organization {
        name: Some("Acme".to_owned()),
        created_at: at(9),
        updated_at: at(9),
        ..organization
    };
    let user_again = User {
        name: Some("U".to_owned()),
        created_at: at(9),
        updated_at: at(9),
        ..user
    };
    commit(
        database,
        [Write::Organization(again.clone()), Write::User(user_again.clone())],
    )
    .await
    .unwrap();
    let known = database.organization(TENANT, "acme").await.unwrap().unwrap();
    assert_eq!(
        known,
        Organization {
            created_at: at(5),
            ..again
        }
    );
    assert_eq!(
        database.user(TENANT, "u1").await.unwrap(),
        Some(User {
            created_at: at(5),
            ..user_again
        })
    );
}

async fn a_product_put_again_has_its_new_prices_only(database: &Shared) {
    begin(database).await;
    let second = ProviderAccountId::from_bits(2);
    let product = Product {
        tenant_id: TENANT,
        id: "pro".to_owned(),
        name: None,
        prices: BTreeMap::from([(ACCOUNT, "price_1".to_owned()), (second, "price_2".to_owned())]),
        created_at: at(5),
        updated_at: at(5),
    };
    let writes = [
        Write::Account(account(2, TENANT, false)),
        Write::Product(product.clone()),
    ];
    commit(database, writes).await.unwrap();
    assert_eq!(database.product(TENANT, "pro").await.unwrap(), Some(product.clone()));
    assert_eq!(
        database.product_by_price(second, "price_2").await.unwrap(),
        Some(product.clone())
    );
    assert_eq!(database.product_by_price(second, "price_1").await.unwrap(), None);

    let prices = BTreeMap::from([(second, "price_3".to_owned())]);
    let again = Product {
        prices,
        updated_at: at(9),
        created_at: at(9),
        ..product
    };
    commit(database, [Write::Product(again.clone())]).await.unwrap();
    let known = database.product(TENANT, "pro").await.unwrap();
    assert_eq!(
        known,
        Some(Product {
            created_at: at(5),
            ..again.clone()
        })
    );
    assert_eq!(database.product_by_price(ACCOUNT, "price_1").await.unwrap(), None);

    let prices = BTreeMap::from([(ProviderAccountId::from_bits(77), "price_4".to_owned())]);
    let unknown_account = commit(database, [Write::Product(Product { prices, ..again })]).await;
    assert_eq!(
        unknown_account,
        Err(CommitError::Conflict(Conflict::Reference("price")))
    );
    assert!(
        database.product_by_price(second, "price_3").await.unwrap().is_some(),
        "nothing of it was written"
    );
}

async fn tenants_come_in_pages(database: &Shared) {
    commit(
        database,
        (1..=150).map(|number| Write::Tenant(tenant(TenantId::from_bits(number)))),
    )
    .await
    .unwrap();
    let (mut seen, mut after, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let found = database.tenants(&page(60, after.as_deref())).await.unwrap();
        after = found.items.last().map(|tenant| tenant.id.to_string());
        seen.extend(found.items.iter().map(|tenant| tenant.id.bits()));
        pages += 1;
        if !found.has_more {
            break;
        }
    }
    assert_eq!((seen, pages), ((1..=150).collect::<Vec<u128>>(), 3));
    let exact = database
        .tenants(&page(50, Some(&TenantId::from_bits(100).to_string())))
        .await
        .unwrap();
    assert_eq!((exact.items.len(), exact.has_more), (50, false));
    assert_eq!(database.tenants(&page(0, None)).await.unwrap().items.len(), 1);
    assert_eq!(database.tenants(&page(u32::MAX, None)).await.unwrap().items.len(), 100);
}

async fn a_tenant_has_one_default_account(database: &Shared) {
    begin(database).await;
    commit(database, [Write::Account(account(3, OTHER_TENANT, true))])
        .await
        .unwrap();
    commit(database, [Write::Account(account(2, TENANT, true))])
        .await
        .unwrap();
    let defaults: Vec<bool> = database
        .accounts(TENANT)
        .await
        .unwrap()
        .iter()
        .map(|account| account.is_default)
        .collect();
    assert_eq!(defaults, [false, true]);
    let others = stored(&account(3, OTHER_TENANT, true), |account| account.version = 1);
    assert_eq!(database.account(others.id).await.unwrap(), Some(others.clone()));
    commit(database, [Write::Account(others.clone())]).await.unwrap();
    assert_eq!(
        commit(database, [Write::Account(others)]).await,
        version_conflict("provider account")
    );
}

async fn an_account_name_is_taken_once(database: &Shared) {
    begin(database).await;
    let mut second = account(2, TENANT, false);
    second.name = "account 1".to_owned();
    let taken = commit(database, [Write::Account(second.clone())]).await;
    assert_eq!(
        taken,
        Err(CommitError::Conflict(Conflict::Reference(
            "provider account with this name"
        )))
    );
    second.tenant_id = OTHER_TENANT;
    commit(database, [Write::Account(second)]).await.unwrap();
}

fn secret(name: &str, byte: u8, created_at: i64) -> SealedSecret {
    SealedSecret {
        account_id: ACCOUNT,
        tenant_id: TENANT,
        name: name.to_owned(),
        sealed: vec![byte, 0, 255],
        created_at: at(created_at),
        expires_at: None,
    }
}

async fn expired_secrets_are_no_longer_active(database: &Shared) {
    begin(database).await;
    commit(
        database,
        [
            Write::Secret(secret("key", 1, 100)),
            Write::Secret(secret("other", 9, 100)),
        ],
    )
    .await
    .unwrap();
    let expire = |millis| Write::ExpireSecrets {
        account_id: ACCOUNT,
        name: "key".to_owned(),
        at: at(millis),
    };
    commit(database, [expire(300), Write::Secret(secret("key", 2, 200))])
        .await
        .unwrap();
    let bytes = |secrets: Vec<SealedSecret>| {
        secrets
            .into_iter()
            .map(|secret| (secret.name, secret.sealed[0]))
            .collect::<Vec<_>>()
    };
    let named = |pairs: &[(&str, u8)]| {
        pairs
            .iter()
            .map(|(name, byte)| ((*name).to_owned(), *byte))
            .collect::<Vec<_>>()
    };
    let both = bytes(database.secrets(ACCOUNT, at(299)).await.unwrap());
    assert_eq!(both, named(&[("key", 2), ("key", 1), ("other", 9)]));
    assert_eq!(
        bytes(database.secrets(ACCOUNT, at(300)).await.unwrap()),
        named(&[("key", 2), ("other", 9)])
    );

    // The earlier end stays; the current one ends too.
    commit(database, [expire(400), Write::Secret(secret("key", 3, 350))])
        .await
        .unwrap();
    assert_eq!(
        bytes(database.secrets(ACCOUNT, at(350)).await.unwrap()),
        named(&[("key", 3), ("key", 2), ("other", 9)])
    );
    assert_eq!(
        bytes(database.secrets(ACCOUNT, at(400)).await.unwrap()),
        named(&[("key", 3), ("other", 9)])
    );
}

async fn an_api_key_stays_revoked_since_the_first_time(database: &Shared) {
    begin(database).await;
    let key = ApiKey {
        id: ApiKeyId::from_bits(1),
        tenant_id: TENANT,
        name: "key".to_owned(),
        hash: [7; 32],
        hint: "tg_abc".to_owned(),
        created_at: at(5),
        revoked_at: None,
    };
    commit(database, [Write::ApiKey(key.clone())]).await.unwrap();
    assert!(database.api_key_by_hash(&[7; 32]).await.unwrap() == Some(key.clone()));
    assert!(database.api_key_by_hash(&[8; 32]).await.unwrap().is_none());
    let revoke = |tenant_id, millis| Write::RevokeApiKey {
        tenant_id,
        id: key.id,
        at: at(millis),
    };
    commit(database, [revoke(OTHER_TENANT, 50)]).await.unwrap();
    assert_eq!(database.api_keys(TENANT).await.unwrap()[0].revoked_at, None);
    commit(database, [revoke(TENANT, 60), revoke(TENANT, 70)])
        .await
        .unwrap();
    assert_eq!(database.api_keys(TENANT).await.unwrap()[0].revoked_at, Some(at(60)));
    let unknown_tenant = ApiKey {
        id: ApiKeyId::from_bits(2),
        tenant_id: TenantId::from_bits(99),
        hash: [9; 32],
        ..key
    };
    let refused = commit(database, [Write::ApiKey(unknown_tenant)]).await;
    assert_eq!(refused, Err(CommitError::Conflict(Conflict::Reference("API key"))));
}
