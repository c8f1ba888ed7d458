//! Use cases of the payments gateway, and the ports they need.
//!
//! **Invariant:** nothing here names a driver: no database, no HTTP, no sandbox. A use case is one file, one command and
//! one public function; it opens at most two units of work and never holds one across a call to a provider.

#![deny(missing_docs)]

pub mod account;
mod accounts;
mod application;
mod apply_event;
mod apply_item;
mod associate_customer;
mod authenticate_api_key;
pub mod bounds;
mod caches;
mod cancel_subscription;
mod change_event_endpoint;
mod change_plan;
mod change_subscription;
mod codec;
mod commit_effects;
mod confirm;
mod create_api_key;
mod create_checkout_session;
mod create_event_endpoint;
mod create_legacy_checkout_link;
mod create_portal_session;
mod create_provider_account;
mod create_refund;
mod create_tenant;
mod deliver_events;
mod effects;
mod enforce_retention;
mod error;
mod event_digest;
pub mod event_endpoint;
mod event_endpoints;
mod fan_out_events;
mod follow_changes;
mod idempotency;
pub mod import;
mod import_account;
pub mod inbox;
mod kept;
mod list_subscriptions;
mod operate;
pub mod operation;
mod operation_journal;
mod pause_subscription;
pub mod ports;
mod preview_replay;
mod process_webhook;
mod put_directory;
mod put_secret;
mod receive_webhook;
mod reconcile_subscriptions;
mod replay_webhook;
mod resend_events;
mod resume_operations;
mod resume_subscription;
mod retrieve_subscription;
mod retry;
mod saving;
mod sign_event;
mod tally;
mod uncancel_subscription;
mod update_seats;
mod validate;
pub mod views;
mod webhook_failures;
mod webhook_view;

pub use application::{Application, Ports, Settings};
pub use associate_customer::{AssociateCustomer, associate_customer};
pub use authenticate_api_key::{AuthenticatedTenant, authenticate_api_key};
pub use cancel_subscription::{CancelSubscription, cancel_subscription};
pub use change_event_endpoint::{
    EventEndpointChanges, change_event_endpoint, delete_event_endpoint, rotate_event_endpoint_secret,
};
pub use change_plan::{ChangePlan, change_plan};
pub use confirm::{Touched, TouchedField};
pub use create_api_key::{CreateApiKey, CreatedApiKey, create_api_key, revoke_api_key};
pub use create_checkout_session::{CreateCheckoutSession, create_checkout_session};
pub use create_event_endpoint::{CreateEventEndpoint, create_event_endpoint};
pub use create_legacy_checkout_link::{CreateLegacyCheckoutLink, create_legacy_checkout_link};
pub use create_portal_session::{CreatePortalSession, create_portal_session};
pub use create_provider_account::{
    CreateProviderAccount, PinPlugin, ProviderAccountView, create_provider_account, list_provider_accounts, pin_plugin,
    provider_account,
};
pub use create_refund::{CreateRefund, create_refund};
pub use create_tenant::{CreateTenant, TenantView, create_tenant};
pub use deliver_events::{DueDeliveries, deliver_due_events, deliver_events, due_deliveries};
pub use enforce_retention::{Removed, Retention, enforce_retention};
pub use error::ApplicationError;
pub use event_endpoints::{DeliveryView, EventEndpointView, EventEndpointWithSecret, check_event_types};
pub use fan_out_events::fan_out_events;
pub use follow_changes::follow_changes;
pub use idempotency::Caller;
pub use import_account::{ImportAccount, ImportStep, Imported, import_account};
pub use list_subscriptions::{ListSubscriptions, list_subscriptions};
pub use pause_subscription::{PauseSubscription, pause_subscription};
pub use preview_replay::{
    ChangePreview, EventPreview, FieldPreview, ReplayPreview, ReplayPreviews, preview_replay, preview_replays,
};
pub use process_webhook::{DueWebhooks, ProcessedWebhooks, due_webhooks, process_due_webhooks, process_webhooks};
pub use put_directory::{
    OrganizationView, ProductView, PutOrganization, PutProduct, PutUser, UserView, organization, product,
    put_organization, put_product, put_user, user,
};
pub use put_secret::{PutSecret, put_secret};
pub use receive_webhook::{WebhookAnswer, receive_webhook};
pub use reconcile_subscriptions::{ReconciledSubscriptions, reconcile_subscriptions};
pub use replay_webhook::{ReplayWebhook, ReplayWebhooks, ReplayedWebhooks, replay_webhook, replay_webhooks};
pub use resend_events::{Resend, Resent, resend_events};
pub use resume_operations::resume_abandoned_operations;
pub use resume_subscription::{ResumeSubscription, resume_subscription};
pub use retrieve_subscription::{RetrieveSubscription, retrieve_subscription};
pub use retry::RetryPolicy;
pub use uncancel_subscription::{UncancelSubscription, uncancel_subscription};
pub use update_seats::{UpdateSeats, update_seats};
pub use webhook_view::{
    BodyView, ExchangeView, FieldView, PluginBuildView, RequestView, WebhookDetails, WebhookView, retrieve_webhook,
};
