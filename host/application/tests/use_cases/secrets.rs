//! Keys and secrets: taken while they are good, and no longer.

use tillgate_application::ports::{Secret, WebhookRejection};
use tillgate_application::{
    Caller, CreateApiKey, PutSecret, WebhookAnswer, authenticate_api_key, create_api_key, put_secret, receive_webhook,
    revoke_api_key,
};
use tillgate_fakes::{World, webhook};

/// Longer than an account or a key is kept in memory.
const AFTER_ANY_CACHE_MS: i64 = 60_000;

async fn proves(world: &World, secret: &str) -> bool {
    let request = webhook(world.provider.body_of(Vec::new(), false), secret);
    match receive_webhook(&world.app, world.account_id, request).await.unwrap() {
        WebhookAnswer::Acknowledged(_) => true,
        WebhookAnswer::Rejected { reason, .. } => {
            assert_eq!(reason, WebhookRejection::SignatureInvalid);
            false
        }
        WebhookAnswer::RejectedTooOften { .. } => panic!("there were few"),
        WebhookAnswer::Handshake(_) => panic!("no handshake was asked for"),
    }
}

#[tokio::test]
async fn a_replaced_secret_proves_until_its_overlap_ends() {
    let world = World::new().await.unwrap();
    assert!(proves(&world, "whsec_1").await && !proves(&world, "whsec_2").await);
    let new = PutSecret {
        tenant_id: world.tenant_id,
        account_id: world.account_id,
        name: "webhook_secret".to_owned(),
        secret: Secret::new("whsec_2".to_owned()),
        overlap_ms: Some(3_600_000),
    };
    put_secret(&world.app, new).await.unwrap();
    // At once, though the account was in memory.
    assert!(proves(&world, "whsec_1").await && proves(&world, "whsec_2").await);
    world.clock.advance(3_600_000 - 1);
    assert!(proves(&world, "whsec_1").await && proves(&world, "whsec_2").await);
    world.clock.advance(1 + AFTER_ANY_CACHE_MS);
    assert!(!proves(&world, "whsec_1").await && proves(&world, "whsec_2").await);
}

#[tokio::test]
async fn what_is_not_believed_is_not_kept() {
    let world = World::new().await.unwrap();
    assert!(!proves(&world, "guessed").await);
    assert!(world.store.rows().inbox.is_empty());
}

#[tokio::test]
async fn a_stored_secret_opens_for_its_account_only() {
    let world = World::new().await.unwrap();
    let other = world.connect("other", false).await.unwrap();
    {
        let mut rows = world.store.rows();
        for secret in rows
            .secrets
            .iter_mut()
            .filter(|secret| secret.account_id == world.account_id)
        {
            secret.account_id = other;
        }
    }
    world.clock.advance(AFTER_ANY_CACHE_MS);
    let request = webhook(world.provider.body_of(Vec::new(), false), "whsec_1");
    let refused = receive_webhook(&world.app, other, request).await.unwrap_err();
    assert!(refused.to_string().contains("belongs to something else"), "{refused}");
}

#[tokio::test]
async fn an_api_key_is_known_by_its_hash_until_it_is_revoked() {
    let world = World::new().await.unwrap();
    let command = CreateApiKey {
        tenant_id: world.tenant_id,
        name: "backend".to_owned(),
    };
    let created = create_api_key(&world.app, &Caller::operator(), command).await.unwrap();
    {
        let rows = world.store.rows();
        let stored = format!("{:?}", rows.api_keys.values().next().unwrap());
        assert!(!stored.contains(&created.key));
        assert!(created.key.starts_with("tg_test_"));
    }
    let found = authenticate_api_key(&world.app, &created.key).await.unwrap().unwrap();
    assert_eq!(found.tenant.id, world.tenant_id);
    assert!(authenticate_api_key(&world.app, "tg_test_0").await.unwrap().is_none());

    let other_host = world.another_host();
    authenticate_api_key(&other_host, &created.key).await.unwrap().unwrap();
    revoke_api_key(&world.app, world.tenant_id, created.id.parse().unwrap())
        .await
        .unwrap();
    assert!(authenticate_api_key(&world.app, &created.key).await.unwrap().is_none());
    world.clock.advance(AFTER_ANY_CACHE_MS);
    let elsewhere = authenticate_api_key(&other_host, &created.key).await.unwrap();
    assert!(elsewhere.is_none(), "another host's memory is short");
}

#[tokio::test]
async fn a_replaced_secret_that_no_longer_opens_takes_nothing_with_it() {
    let world = World::new().await.unwrap();
    let new = PutSecret {
        tenant_id: world.tenant_id,
        account_id: world.account_id,
        name: "webhook_secret".to_owned(),
        secret: Secret::new("whsec_2".to_owned()),
        overlap_ms: None,
    };
    put_secret(&world.app, new).await.unwrap();
    {
        // Its master key is gone.
        let mut rows = world.store.rows();
        let replaced = rows.secrets.iter_mut().find(|secret| secret.expires_at.is_some());
        replaced.unwrap().sealed = b"unreadable".to_vec();
    }
    world.clock.advance(AFTER_ANY_CACHE_MS);
    assert!(proves(&world, "whsec_2").await);
    assert!(!proves(&world, "whsec_1").await);
}
