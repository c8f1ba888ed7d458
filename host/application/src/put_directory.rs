//! Puts and gives organizations, users and products, under the tenant's own ids.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tillgate_domain::{Organization, Product, ProviderAccountId, TenantId, User};
use utoipa::ToSchema;

use crate::ports::{UnitOfWork, Write};
use crate::views::rfc3339;
use crate::{Application, ApplicationError, validate};

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Organization)]
pub struct OrganizationView {
    /// The tenant's own id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// When it became known.
    pub created_at: String,
    /// When it was last put.
    pub updated_at: String,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    /// The tenant's own id.
    pub id: String,
    /// Their address.
    pub email: Option<String>,
    /// Their name.
    pub name: Option<String>,
    /// When they became known.
    pub created_at: String,
    /// When they were last put.
    pub updated_at: String,
}

/// A product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Product)]
pub struct ProductView {
    /// The tenant's own id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// The provider's id of its price, by provider account.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub prices: BTreeMap<String, String>,
    /// When it became known.
    pub created_at: String,
    /// When it was last put.
    pub updated_at: String,
}

impl From<&Organization> for OrganizationView {
    fn from(organization: &Organization) -> Self {
        Self {
            id: organization.id.clone(),
            name: organization.name.clone(),
            created_at: rfc3339(organization.created_at),
            updated_at: rfc3339(organization.updated_at),
        }
    }
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.clone(),
            email: user.email.clone(),
            name: user.name.clone(),
            created_at: rfc3339(user.created_at),
            updated_at: rfc3339(user.updated_at),
        }
    }
}

impl From<&Product> for ProductView {
    fn from(product: &Product) -> Self {
        Self {
            id: product.id.clone(),
            name: product.name.clone(),
            prices: product
                .prices
                .iter()
                .map(|(id, price)| (id.to_string(), price.clone()))
                .collect(),
            created_at: rfc3339(product.created_at),
            updated_at: rfc3339(product.updated_at),
        }
    }
}

/// What an organization is to be.
#[derive(Debug, Clone)]
pub struct PutOrganization {
    /// Whose.
    pub tenant_id: TenantId,
    /// The tenant's own id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
}

/// What a user is to be.
#[derive(Debug, Clone)]
pub struct PutUser {
    /// Whose.
    pub tenant_id: TenantId,
    /// The tenant's own id.
    pub id: String,
    /// Their address.
    pub email: Option<String>,
    /// Their name.
    pub name: Option<String>,
}

/// What a product is to be.
#[derive(Debug, Clone)]
pub struct PutProduct {
    /// Whose.
    pub tenant_id: TenantId,
    /// The tenant's own id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// The provider's id of its price, by provider account.
    pub prices: BTreeMap<ProviderAccountId, String>,
}

/// Puts an organization.
///
/// # Errors
/// Wrong input names the field.
pub async fn put_organization(app: &Application, put: PutOrganization) -> Result<OrganizationView, ApplicationError> {
    validate::external_id("id", &put.id)?;
    put.name
        .as_deref()
        .map_or(Ok(()), |name| validate::name("name", name))?;
    let now = app.now();
    let (tenant_id, id) = (put.tenant_id, put.id.clone());
    let new = Organization {
        tenant_id,
        id: put.id,
        name: put.name,
        created_at: now,
        updated_at: now,
    };
    commit(app, Write::Organization(new)).await?;
    organization(app, tenant_id, &id).await
}

/// Gives an organization.
///
/// # Errors
/// An unknown one is [`ApplicationError::NotFound`].
pub async fn organization(
    app: &Application,
    tenant_id: TenantId,
    id: &str,
) -> Result<OrganizationView, ApplicationError> {
    let found = app.store().organization(tenant_id, id).await?;
    found
        .as_ref()
        .map(Into::into)
        .ok_or_else(|| ApplicationError::not_found("organization", id))
}

/// Puts a user.
///
/// # Errors
/// Wrong input names the field.
pub async fn put_user(app: &Application, put: PutUser) -> Result<UserView, ApplicationError> {
    validate::external_id("id", &put.id)?;
    put.name
        .as_deref()
        .map_or(Ok(()), |name| validate::name("name", name))?;
    put.email
        .as_deref()
        .map_or(Ok(()), |email| validate::email("email", email))?;
    let now = app.now();
    let (tenant_id, id) = (put.tenant_id, put.id.clone());
    let new = User {
        tenant_id,
        id: put.id,
        email: put.email,
        name: put.name,
        created_at: now,
        updated_at: now,
    };
    commit(app, Write::User(new)).await?;
    user(app, tenant_id, &id).await
}

/// Gives a user.
///
/// # Errors
/// An unknown one is [`ApplicationError::NotFound`].
pub async fn user(app: &Application, tenant_id: TenantId, id: &str) -> Result<UserView, ApplicationError> {
    let found = app.store().user(tenant_id, id).await?;
    found
        .as_ref()
        .map(Into::into)
        .ok_or_else(|| ApplicationError::not_found("user", id))
}

/// Puts a product with all its prices.
///
/// # Errors
/// Wrong input names the field; an account that isn't the tenant's is [`ApplicationError::NotFound`].
pub async fn put_product(app: &Application, put: PutProduct) -> Result<ProductView, ApplicationError> {
    validate::external_id("id", &put.id)?;
    put.name
        .as_deref()
        .map_or(Ok(()), |name| validate::name("name", name))?;
    for (account_id, price) in &put.prices {
        if price.is_empty() || price.len() > 255 || price.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(ApplicationError::invalid(
                format!("prices.{account_id}"),
                "must be the provider's id of a price: 1 to 255 bytes without white space",
            ));
        }
        let account = app.store().account(*account_id).await?;
        if account.is_none_or(|account| account.tenant_id != put.tenant_id) {
            return Err(ApplicationError::not_found("provider account", account_id));
        }
    }
    let now = app.now();
    let (tenant_id, id) = (put.tenant_id, put.id.clone());
    let new = Product {
        tenant_id,
        id: put.id,
        name: put.name,
        prices: put.prices,
        created_at: now,
        updated_at: now,
    };
    commit(app, Write::Product(new)).await?;
    product(app, tenant_id, &id).await
}

/// Gives a product.
///
/// # Errors
/// An unknown one is [`ApplicationError::NotFound`].
pub async fn product(app: &Application, tenant_id: TenantId, id: &str) -> Result<ProductView, ApplicationError> {
    let found = app.store().product(tenant_id, id).await?;
    found
        .as_ref()
        .map(Into::into)
        .ok_or_else(|| ApplicationError::not_found("product", id))
}

async fn commit(app: &Application, write: Write) -> Result<(), ApplicationError> {
    let mut work = UnitOfWork::new();
    work.push(write);
    Ok(app.commit(work).await?)
}
