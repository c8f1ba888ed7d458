//! Creates a checkout session from the options of the function `createCheckoutLink` that tenants had before: they name
//! the provider's price and customer, and want a link.
//!
//! Only a translation: what is decided is decided by [`create_checkout_session`].

use std::sync::Arc;

use tillgate_domain::{CheckoutType, CustomerId, ProviderAccountId, TenantId};

use crate::create_checkout_session::{CreateCheckoutSession, create_checkout_session};
use crate::{Application, ApplicationError, Caller};

/// The old options. An empty text says as little as none.
#[derive(Debug, Clone)]
pub struct CreateLegacyCheckoutLink {
    /// For which tenant.
    pub tenant_id: TenantId,
    /// Subscription or one payment.
    pub checkout_type: CheckoutType,
    /// The tenant's product, or the price at the provider that it has.
    pub product_id: String,
    /// A customer: ours, or the provider's id of one.
    pub customer_id: Option<String>,
    /// Otherwise an address to fill in. Left aside where a customer is named.
    pub email: Option<String>,
    /// The organization it is for. It has to exist.
    pub organization_id: Option<String>,
    /// The user it is for. They have to exist.
    pub user_id: Option<String>,
    /// How many seats; 1 where nothing is said.
    pub seats: Option<u64>,
    /// Length of a trial in days; subscriptions only.
    pub trial_period_days: Option<u32>,
    /// Where the customer comes back to, after paying as without.
    pub redirect_url: Option<String>,
}

/// Creates the session at the tenant's default account, and answers its link.
///
/// # Errors
/// Those of [`create_checkout_session`].
pub async fn create_legacy_checkout_link(
    app: &Arc<Application>,
    caller: &Caller,
    command: CreateLegacyCheckoutLink,
) -> Result<Option<String>, ApplicationError> {
    let tenant_id = command.tenant_id;
    let account_id = app.account_for(tenant_id, None).await?.account.id;
    let customer_id = match given(command.customer_id) {
        Some(id) => Some(find_customer(app, tenant_id, account_id, &id).await?),
        None => None,
    };
    let redirect_url = command.redirect_url.unwrap_or_default();
    let session = CreateCheckoutSession {
        tenant_id,
        checkout_type: command.checkout_type,
        product_id: find_product(app, tenant_id, account_id, command.product_id).await?,
        customer_id,
        customer_email: given(command.email).filter(|_| customer_id.is_none()),
        organization_id: given(command.organization_id),
        user_id: given(command.user_id),
        seats: command.seats,
        trial_period_days: command.trial_period_days,
        success_url: redirect_url.clone(),
        cancel_url: redirect_url,
        metadata: Vec::new(),
        provider_account_id: Some(account_id),
    };
    Ok(create_checkout_session(app, caller, session).await?.url)
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// The id of the product with this id or, as the old options had it, with this price. One that is neither is left for
/// the use case to miss.
async fn find_product(
    app: &Application,
    tenant_id: TenantId,
    account_id: ProviderAccountId,
    named: String,
) -> Result<String, ApplicationError> {
    if app.store().product(tenant_id, &named).await?.is_some() {
        return Ok(named);
    }
    let priced = app.store().product_by_price(account_id, &named).await?;
    Ok(priced.map_or(named, |product| product.id))
}

async fn find_customer(
    app: &Application,
    tenant_id: TenantId,
    account_id: ProviderAccountId,
    named: &str,
) -> Result<CustomerId, ApplicationError> {
    if let Ok(id) = named.parse::<CustomerId>()
        && app.store().customer(tenant_id, id).await?.is_some()
    {
        return Ok(id);
    }
    app.store()
        .customer_by_provider_reference(account_id, named)
        .await?
        .map(|customer| customer.id)
        .ok_or_else(|| ApplicationError::not_found("customer", named))
}
