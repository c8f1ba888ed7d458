//! Creates a tenant.

use serde::{Deserialize, Serialize};
use tillgate_domain::{Mode, Tenant, TenantId};
use utoipa::ToSchema;

use crate::ports::{UnitOfWork, Write};
use crate::views::rfc3339;
use crate::{Application, ApplicationError, Caller, validate};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct CreateTenant {
    /// Its name, for people.
    pub name: String,
    /// Whether its money is real.
    pub mode: Mode,
}

/// A tenant, as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Tenant)]
pub struct TenantView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `live` or `test`.
    pub mode: String,
    /// When it was made.
    pub created_at: String,
}

impl From<&Tenant> for TenantView {
    fn from(tenant: &Tenant) -> Self {
        Self {
            id: tenant.id.to_string(),
            name: tenant.name.clone(),
            mode: tenant.mode.as_str().to_owned(),
            created_at: rfc3339(tenant.created_at),
        }
    }
}

/// Creates it.
///
/// # Errors
/// A name that is none names the field.
pub async fn create_tenant(
    app: &Application,
    caller: &Caller,
    command: CreateTenant,
) -> Result<TenantView, ApplicationError> {
    validate::name("name", &command.name)?;
    let tenant = Tenant {
        id: TenantId::from_bits(app.next_id()),
        name: command.name,
        mode: command.mode,
        created_at: app.now(),
    };
    let view = TenantView::from(&tenant);
    let mut work = UnitOfWork::new();
    work.push(Write::Tenant(tenant));
    app.commit_once(caller, work, view).await
}
