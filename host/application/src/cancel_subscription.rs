//! Cancels a subscription, now or at the end of its period.

use std::sync::Arc;

use tillgate_domain::{SubscriptionId, TenantId};

use crate::account::ConnectedAccount;
use crate::change_subscription::Taking;
use crate::operate::{Ending, Wanted, begin, begun_before, gateway_error};
use crate::operation::OperationRequest;
use crate::ports::{CancelMode, CancelRequest, ChangeOutcome, GatewayError, UnitOfWork};
use crate::views::ChangeView;
use crate::{Application, ApplicationError, Caller};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct CancelSubscription {
    /// For which tenant.
    pub tenant_id: TenantId,
    /// Which.
    pub subscription_id: SubscriptionId,
    /// Now or at the end of the period.
    pub mode: CancelMode,
    /// Why, for the provider's records.
    pub reason: Option<String>,
}

/// Cancels it at the provider.
///
/// # Errors
/// An unknown subscription is [`ApplicationError::NotFound`]; one that has ended is a broken rule of the domain that
/// names its status; a way of canceling the provider lacks is a [`GatewayError::Unsupported`].
pub async fn cancel_subscription(
    app: &Arc<Application>,
    caller: &Caller,
    command: CancelSubscription,
) -> Result<ChangeView, ApplicationError> {
    if let Some(first) = begun_before(app, caller).await? {
        return Ok(first);
    }
    if command
        .reason
        .as_ref()
        .is_some_and(|reason| reason.chars().count() > 500)
    {
        return Err(ApplicationError::invalid("reason", "must be at most 500 characters"));
    }
    let subscription = app
        .find_subscription(command.tenant_id, command.subscription_id)
        .await?;
    subscription.ensure_open("cancel")?;
    let account = app
        .account_for(command.tenant_id, Some(subscription.account_id))
        .await?;
    check_mode(app, &account, command.mode)?;
    let request = OperationRequest::CancelSubscription {
        subscription_id: subscription.id,
        request: CancelRequest {
            reference: subscription.provider_reference,
            mode: command.mode,
            reason: command.reason,
        },
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

fn check_mode(app: &Application, account: &ConnectedAccount, mode: CancelMode) -> Result<(), ApplicationError> {
    let plugin = app.ports.plugins.find(&account.account.plugin_digest);
    if plugin.is_none_or(|plugin| plugin.cancel_modes.contains(&mode)) {
        return Ok(());
    }
    let error = GatewayError::Unsupported {
        provider: account.account.plugin.clone(),
        capability: format!("cancellation {}", mode.as_str()),
    };
    Err(gateway_error(error, account, None))
}

/// What is written and answered when the provider has canceled it.
pub(crate) async fn ending(
    app: &Application,
    account: &ConnectedAccount,
    id: SubscriptionId,
    outcome: &ChangeOutcome,
) -> Result<Ending, ApplicationError> {
    let now = app.now();
    let taking = Taking {
        schedule: Some(&move |subscription, at| subscription.schedule_cancellation(at, now)),
        plan: None,
    };
    app.change_ending(account, id, outcome, taking).await
}
