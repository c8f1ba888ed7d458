//! What doesn't exist, or not for this tenant, is said to be missing, by its kind and id.

use tillgate_application::ports::WebhookRequest;
use tillgate_application::{
    ApplicationError, Caller, CreateTenant, RetrieveSubscription, create_checkout_session, create_tenant,
    receive_webhook, retrieve_subscription,
};
use tillgate_domain::{CheckoutType, CustomerId, Mode, ProviderAccountId, SubscriptionId};
use tillgate_fakes::{World, webhook};

use crate::given::subscribed;

#[tokio::test]
async fn a_checkout_names_what_is_missing() {
    let world = World::new().await.unwrap();
    let caller = Caller::tenant(world.tenant_id);
    let nobody = CustomerId::from_bits(7);
    let nowhere = ProviderAccountId::from_bits(7);
    let mut wrong = Vec::new();
    for field in 0..5 {
        let mut command = world.checkout(CheckoutType::OneTime);
        let expected = match field {
            0 => {
                command.organization_id = Some("org_9".to_owned());
                ("organization", "org_9".to_owned())
            }
            1 => {
                command.user_id = Some("user_9".to_owned());
                ("user", "user_9".to_owned())
            }
            2 => {
                command.product_id = "free".to_owned();
                ("product", "free".to_owned())
            }
            3 => {
                command.customer_id = Some(nobody);
                ("customer", nobody.to_string())
            }
            _ => {
                command.provider_account_id = Some(nowhere);
                ("provider account", nowhere.to_string())
            }
        };
        wrong.push((command, expected));
    }
    for (command, (what, id)) in wrong {
        let refused = create_checkout_session(&world.app, &caller, command).await;
        assert_eq!(refused.unwrap_err(), ApplicationError::NotFound { what, id });
    }
    assert!(world.store.rows().checkout_sessions.is_empty());
}

#[tokio::test]
async fn a_product_without_a_price_there_is_said_to_have_none() {
    let world = World::new().await.unwrap();
    let other = world.connect("other", false).await.unwrap();
    let mut command = world.checkout(CheckoutType::OneTime);
    command.provider_account_id = Some(other);
    let refused = create_checkout_session(&world.app, &Caller::tenant(world.tenant_id), command).await;
    let expected = ApplicationError::ProductWithoutPrice {
        product_id: "pro".to_owned(),
        account_id: other.to_string(),
    };
    assert_eq!(refused.unwrap_err(), expected);
}

#[tokio::test]
async fn another_tenants_subscription_is_not_found() {
    let (world, subscription_id) = subscribed().await;
    let new = CreateTenant {
        name: "Other".to_owned(),
        mode: Mode::Test,
    };
    let other = create_tenant(&world.app, &Caller::operator(), new).await.unwrap();
    for (tenant_id, id) in [
        (other.id.parse().unwrap(), subscription_id),
        (world.tenant_id, SubscriptionId::from_bits(7)),
    ] {
        let query = RetrieveSubscription {
            tenant_id,
            subscription_id: id,
            refresh: false,
        };
        let refused = retrieve_subscription(&world.app, query).await.unwrap_err();
        assert_eq!(refused, ApplicationError::not_found("subscription", id));
    }
}

#[tokio::test]
async fn a_webhook_for_no_account_is_not_found() {
    let world = World::new().await.unwrap();
    let nowhere = ProviderAccountId::from_bits(7);
    let request: WebhookRequest = webhook(Vec::new(), "whsec_1");
    let refused = receive_webhook(&world.app, nowhere, request).await.unwrap_err();
    assert_eq!(refused, ApplicationError::not_found("provider account", nowhere));
}
