//! Pauses a subscription: nothing is charged until it is resumed.

use std::sync::Arc;

use tillgate_domain::{SubscriptionId, TenantId};

use crate::operate::{Wanted, begin, begun_before, ensure_capability};
use crate::operation::OperationRequest;
use crate::ports::{Capability, UnitOfWork};
use crate::views::ChangeView;
use crate::{Application, ApplicationError, Caller};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct PauseSubscription {
    /// For which tenant.
    pub tenant_id: TenantId,
    /// Which.
    pub subscription_id: SubscriptionId,
}

/// Pauses it at the provider.
///
/// # Errors
/// An unknown subscription is [`ApplicationError::NotFound`]; one that isn't active, in trial or past due is a broken rule
/// of the domain that names its status; a provider that can't pause is a
/// [`GatewayError::Unsupported`](crate::ports::GatewayError::Unsupported).
pub async fn pause_subscription(
    app: &Arc<Application>,
    caller: &Caller,
    command: PauseSubscription,
) -> Result<ChangeView, ApplicationError> {
    if let Some(first) = begun_before(app, caller).await? {
        return Ok(first);
    }
    let subscription = app
        .find_subscription(command.tenant_id, command.subscription_id)
        .await?;
    subscription.ensure_can_pause()?;
    let account = app
        .account_for(command.tenant_id, Some(subscription.account_id))
        .await?;
    ensure_capability(app, &account, Capability::Pause)?;
    let request = OperationRequest::PauseSubscription {
        subscription_id: subscription.id,
        reference: subscription.provider_reference,
    };
    let alongside = UnitOfWork::new();
    begin(
        app,
        caller,
        Wanted {
            tenant_id: command.tenant_id,
            account,
            request,
            alongside,
        },
    )
    .await
}
