//! Takes back the cancellation of a subscription that is scheduled.

use std::sync::Arc;

use tillgate_domain::{SubscriptionId, TenantId};

use crate::operate::{Wanted, begin, begun_before};
use crate::operation::OperationRequest;
use crate::ports::UnitOfWork;
use crate::views::ChangeView;
use crate::{Application, ApplicationError, Caller};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct UncancelSubscription {
    /// For which tenant.
    pub tenant_id: TenantId,
    /// Which.
    pub subscription_id: SubscriptionId,
}

/// Takes it back at the provider. Where none is scheduled, there is nothing to take back, and that is no error: what is
/// known here may be older than what the provider knows.
///
/// # Errors
/// An unknown subscription is [`ApplicationError::NotFound`]; one that has ended is a broken rule of the domain that
/// names its status.
pub async fn uncancel_subscription(
    app: &Arc<Application>,
    caller: &Caller,
    command: UncancelSubscription,
) -> Result<ChangeView, ApplicationError> {
    if let Some(first) = begun_before(app, caller).await? {
        return Ok(first);
    }
    let subscription = app
        .find_subscription(command.tenant_id, command.subscription_id)
        .await?;
    subscription.ensure_open("uncancel")?;
    let account = app
        .account_for(command.tenant_id, Some(subscription.account_id))
        .await?;
    let request = OperationRequest::UncancelSubscription {
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
