//! Says to which organization and user a customer belongs.

use tillgate_domain::{CustomerId, TenantId};

use crate::bounds::CONFLICT_RETRIES_MAX;
use crate::ports::{CommitError, UnitOfWork};
use crate::views::CustomerView;
use crate::{Application, ApplicationError};

/// What a customer's association is to be.
#[derive(Debug, Clone)]
pub struct AssociateCustomer {
    /// Of which tenant.
    pub tenant_id: TenantId,
    /// Whose.
    pub customer_id: CustomerId,
    /// With which organization; none means with none.
    pub organization_id: Option<String>,
    /// With which user; none means with none.
    pub user_id: Option<String>,
}

/// Associates it.
///
/// # Errors
/// An unknown customer, organization or user is [`ApplicationError::NotFound`].
#[tracing::instrument(skip_all, fields(tenant.id = %command.tenant_id, customer.id = %command.customer_id))]
pub async fn associate_customer(
    app: &Application,
    command: AssociateCustomer,
) -> Result<CustomerView, ApplicationError> {
    let AssociateCustomer {
        tenant_id,
        customer_id,
        organization_id,
        user_id,
    } = command;
    if let Some(id) = &organization_id {
        let known = app.store().organization(tenant_id, id).await?;
        known.ok_or_else(|| ApplicationError::not_found("organization", id))?;
    }
    if let Some(id) = &user_id {
        let known = app.store().user(tenant_id, id).await?;
        known.ok_or_else(|| ApplicationError::not_found("user", id))?;
    }
    for _ in 0..CONFLICT_RETRIES_MAX {
        let found = app.store().customer(tenant_id, customer_id).await?;
        let mut customer = found.ok_or_else(|| ApplicationError::not_found("customer", customer_id))?;
        let changed = customer.put_association(organization_id.clone(), user_id.clone(), app.now());
        let view = CustomerView::from(&customer);
        if !changed {
            return Ok(view);
        }
        let mut work = UnitOfWork::new();
        app.save(&mut work, customer);
        match app.commit(work).await {
            Ok(()) => return Ok(view),
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApplicationError::Contended("customer"))
}
