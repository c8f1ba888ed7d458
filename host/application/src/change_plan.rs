//! Changes what a subscription is for: to another of the tenant's products.

use std::sync::Arc;

use tillgate_domain::{SubscriptionId, TenantId};

use crate::account::ConnectedAccount;
use crate::change_subscription::Taking;
use crate::operate::{Ending, Wanted, begin, begun_before, ensure_capability};
use crate::operation::OperationRequest;
use crate::ports::{Capability, ChangeOutcome, PlanRequest, Proration, UnitOfWork};
use crate::views::ChangeView;
use crate::{Application, ApplicationError, Caller};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct ChangePlan {
    /// For which tenant.
    pub tenant_id: TenantId,
    /// Of which subscription.
    pub subscription_id: SubscriptionId,
    /// The tenant's product it is for from then on.
    pub product_id: String,
    /// How the change is charged.
    pub proration: Proration,
}

/// Changes it at the provider. The seats stay.
///
/// # Errors
/// An unknown subscription or product is [`ApplicationError::NotFound`], a product that has no price at the subscription's
/// account [`ApplicationError::ProductWithoutPrice`]; a subscription that has ended is a broken rule of the domain that
/// names its status; a provider that can't change plans is a
/// [`GatewayError::Unsupported`](crate::ports::GatewayError::Unsupported).
pub async fn change_plan(
    app: &Arc<Application>,
    caller: &Caller,
    command: ChangePlan,
) -> Result<ChangeView, ApplicationError> {
    if let Some(first) = begun_before(app, caller).await? {
        return Ok(first);
    }
    let subscription = app
        .find_subscription(command.tenant_id, command.subscription_id)
        .await?;
    subscription.ensure_open("change the plan of")?;
    let product = app
        .store()
        .product(command.tenant_id, &command.product_id)
        .await?
        .ok_or_else(|| ApplicationError::not_found("product", &command.product_id))?;
    let account = app
        .account_for(command.tenant_id, Some(subscription.account_id))
        .await?;
    ensure_capability(app, &account, Capability::PlanChange)?;
    let price = product
        .prices
        .get(&account.account.id)
        .ok_or_else(|| ApplicationError::ProductWithoutPrice {
            product_id: product.id.clone(),
            account_id: account.account.id.to_string(),
        })?;
    let request = OperationRequest::ChangePlan {
        subscription_id: subscription.id,
        request: PlanRequest {
            price_reference: subscription.terms().price_reference.clone(),
            reference: subscription.provider_reference,
            new_price_reference: price.clone(),
            proration: command.proration,
        },
        product_id: product.id,
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

/// What is written and answered when the provider has changed it, `to` this product and its price.
pub(crate) async fn ending(
    app: &Application,
    account: &ConnectedAccount,
    id: SubscriptionId,
    (product_id, request): (&str, &PlanRequest),
    outcome: &ChangeOutcome,
) -> Result<Ending, ApplicationError> {
    let taking = Taking {
        schedule: None,
        plan: Some((product_id, &request.new_price_reference)),
    };
    app.change_ending(account, id, outcome, taking).await
}
