//! Changes a subscription's number of seats.

use std::sync::Arc;

use tillgate_domain::{Subscription, SubscriptionId, TenantId};

use crate::operate::{Wanted, begin, begun_before, gateway_error};
use crate::operation::OperationRequest;
use crate::ports::{GatewayError, Proration, SeatsRequest, UnitOfWork};
use crate::views::ChangeView;
use crate::{Application, ApplicationError, Caller};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct UpdateSeats {
    /// For which tenant.
    pub tenant_id: TenantId,
    /// Of which subscription.
    pub subscription_id: SubscriptionId,
    /// How many.
    pub seats: u64,
    /// How the change is charged.
    pub proration: Proration,
}

/// Changes them at the provider.
///
/// # Errors
/// A number out of bounds and a subscription that has ended are broken rules of the domain; an unknown subscription is
/// [`ApplicationError::NotFound`]; a provider without a quantity is a [`GatewayError::Unsupported`].
pub async fn update_seats(
    app: &Arc<Application>,
    caller: &Caller,
    command: UpdateSeats,
) -> Result<ChangeView, ApplicationError> {
    if let Some(first) = begun_before(app, caller).await? {
        return Ok(first);
    }
    Subscription::validate_seats(command.seats)?;
    let subscription = app
        .find_subscription(command.tenant_id, command.subscription_id)
        .await?;
    subscription.ensure_open("change the seats of")?;
    let account = app
        .account_for(command.tenant_id, Some(subscription.account_id))
        .await?;
    let plugin = app.ports.plugins.find(&account.account.plugin_digest);
    if plugin.is_some_and(|plugin| plugin.quantity == "none") {
        let provider = account.account.plugin.clone();
        let error = GatewayError::Unsupported {
            provider,
            capability: "seats".to_owned(),
        };
        return Err(gateway_error(error, &account, None));
    }
    let request = OperationRequest::UpdateSeats {
        subscription_id: subscription.id,
        request: SeatsRequest {
            price_reference: subscription.terms().price_reference.clone(),
            reference: subscription.provider_reference,
            seats: command.seats,
            proration: command.proration,
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
