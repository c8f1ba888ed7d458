//! Resumes a subscription that is paused.

use std::sync::Arc;

use tillgate_domain::{SubscriptionId, TenantId};

use crate::operate::{Wanted, begin, begun_before, ensure_capability};
use crate::operation::OperationRequest;
use crate::ports::{Capability, UnitOfWork};
use crate::views::ChangeView;
use crate::{Application, ApplicationError, Caller};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct ResumeSubscription {
    /// For which tenant.
    pub tenant_id: TenantId,
    /// Which.
    pub subscription_id: SubscriptionId,
}

/// Resumes it at the provider.
///
/// # Errors
/// An unknown subscription is [`ApplicationError::NotFound`]; one that isn't paused is a broken rule of the domain that
/// names its status; a provider that can't pause is a
/// [`GatewayError::Unsupported`](crate::ports::GatewayError::Unsupported).
pub async fn resume_subscription(
    app: &Arc<Application>,
    caller: &Caller,
    command: ResumeSubscription,
) -> Result<ChangeView, ApplicationError> {
    if let Some(first) = begun_before(app, caller).await? {
        return Ok(first);
    }
    let subscription = app
        .find_subscription(command.tenant_id, command.subscription_id)
        .await?;
    subscription.ensure_can_resume()?;
    let account = app
        .account_for(command.tenant_id, Some(subscription.account_id))
        .await?;
    ensure_capability(app, &account, Capability::Pause)?;
    let request = OperationRequest::ResumeSubscription {
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
