//! Creates a portal session: the provider's page on which a customer manages their own billing.

use std::sync::Arc;

use tillgate_domain::{CustomerId, ProviderAccountId, TenantId};

use crate::operate::{Ending, Wanted, begin, begun_before};
use crate::operation::OperationRequest;
use crate::ports::{PortalRequest, ProviderPortalSession, UnitOfWork};
use crate::views::{PortalSessionView, rfc3339};
use crate::{Application, ApplicationError, Caller, validate};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct CreatePortalSession {
    /// For which tenant.
    pub tenant_id: TenantId,
    /// For which customer.
    pub customer_id: CustomerId,
    /// Where the customer comes back to.
    pub return_url: String,
}

/// Creates the session at the provider.
///
/// # Errors
/// An unknown customer is [`ApplicationError::NotFound`]; a wrong URL names the field; and what the provider answers.
pub async fn create_portal_session(
    app: &Arc<Application>,
    caller: &Caller,
    command: CreatePortalSession,
) -> Result<PortalSessionView, ApplicationError> {
    if let Some(first) = begun_before(app, caller).await? {
        return Ok(first);
    }
    validate::url("return_url", &command.return_url)?;
    let customer = app
        .store()
        .customer(command.tenant_id, command.customer_id)
        .await?
        .ok_or_else(|| ApplicationError::not_found("customer", command.customer_id))?;
    let account = app.account_for(command.tenant_id, Some(customer.account_id)).await?;
    let request = OperationRequest::CreatePortalSession {
        request: PortalRequest {
            customer_reference: customer.provider_reference,
            return_url: command.return_url,
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

/// What is answered when the provider has made the session. Nothing is written: the page is of no use later.
pub(crate) async fn ending(
    app: &Application,
    account_id: ProviderAccountId,
    request: &PortalRequest,
    made: &ProviderPortalSession,
) -> Result<Ending, ApplicationError> {
    let reference = &request.customer_reference;
    let customer = app
        .store()
        .customer_by_provider_reference(account_id, reference)
        .await?
        .ok_or_else(|| ApplicationError::not_found("customer", reference))?;
    let answer = PortalSessionView {
        url: made.url.clone(),
        customer_id: customer.id.to_string(),
        expires_at: made.expires_at.map(rfc3339),
    };
    Ok(Ending::new(UnitOfWork::new(), &answer))
}
