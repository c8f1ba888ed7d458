//! Creates a checkout session: a page on which a customer pays.

use std::sync::Arc;

use tillgate_domain::{
    CheckoutSession, CheckoutSessionId, CheckoutType, Customer, CustomerId, NewCheckoutSession, Product,
    ProviderAccountId, TenantId,
};

use crate::account::ConnectedAccount;
use crate::operate::{Ending, Wanted, begin, begun_before};
use crate::operation::OperationRequest;
use crate::ports::{CheckoutRequest, CheckoutTarget, Field, ProviderCheckoutSession, UnitOfWork};
use crate::views::CheckoutSessionView;
use crate::{Application, ApplicationError, Caller, validate};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct CreateCheckoutSession {
    /// For which tenant.
    pub tenant_id: TenantId,
    /// Subscription or one payment.
    pub checkout_type: CheckoutType,
    /// The tenant's product.
    pub product_id: String,
    /// A customer that is known already.
    pub customer_id: Option<CustomerId>,
    /// Otherwise an address to fill in.
    pub customer_email: Option<String>,
    /// The organization it is for. It has to exist.
    pub organization_id: Option<String>,
    /// The user it is for. They have to exist.
    pub user_id: Option<String>,
    /// How many seats; 1 where nothing is said.
    pub seats: Option<u64>,
    /// Length of a trial in days; subscriptions only.
    pub trial_period_days: Option<u32>,
    /// Where the customer comes back to after paying.
    pub success_url: String,
    /// Where the customer comes back to without.
    pub cancel_url: String,
    /// Kept by the provider with the session and with what comes of it.
    pub metadata: Vec<Field>,
    /// Where it is paid; the tenant's default where nothing is said.
    pub provider_account_id: Option<ProviderAccountId>,
}

/// Creates the session at the provider.
///
/// # Errors
/// An unknown organization, user, product, customer or account is [`ApplicationError::NotFound`]; a product without a
/// price there is [`ApplicationError::ProductWithoutPrice`]; wrong input names the field; and what the provider answers.
pub async fn create_checkout_session(
    app: &Arc<Application>,
    caller: &Caller,
    command: CreateCheckoutSession,
) -> Result<CheckoutSessionView, ApplicationError> {
    if let Some(first) = begun_before(app, caller).await? {
        return Ok(first);
    }
    check(&command)?;
    let (product, customer) = find_what_is_named(app, &command).await?;
    let account = choose_account(app, &command, customer.as_ref()).await?;
    let account_id = account.account.id;
    let price = product
        .prices
        .get(&account_id)
        .cloned()
        .ok_or_else(|| ApplicationError::ProductWithoutPrice {
            product_id: product.id.clone(),
            account_id: account_id.to_string(),
        })?;
    let session = CheckoutSession::create(
        NewCheckoutSession {
            id: CheckoutSessionId::from_bits(app.next_id()),
            tenant_id: command.tenant_id,
            account_id,
            checkout_type: command.checkout_type,
            product_id: product.id,
            customer_id: command.customer_id,
            customer_email: command.customer_email,
            organization_id: command.organization_id,
            user_id: command.user_id,
            seats: command.seats.unwrap_or(1),
            trial_period_days: command.trial_period_days,
            success_url: command.success_url,
            cancel_url: command.cancel_url,
            metadata: command.metadata,
        },
        app.now(),
    )?;
    let request = request_for(&session, price, customer.map(|customer| customer.provider_reference));
    let operation = OperationRequest::CreateCheckoutSession {
        checkout_session_id: session.id,
        request,
    };
    // Known before the provider knows it: an event about it may be faster than the provider's answer.
    let mut alongside = UnitOfWork::new();
    app.save(&mut alongside, session);
    begin(
        app,
        caller,
        Wanted {
            tenant_id: command.tenant_id,
            account,
            request: operation,
            alongside,
        },
    )
    .await
}

fn check(command: &CreateCheckoutSession) -> Result<(), ApplicationError> {
    validate::url("success_url", &command.success_url)?;
    validate::url("cancel_url", &command.cancel_url)?;
    validate::metadata(&command.metadata)?;
    if let Some(email) = &command.customer_email {
        validate::email("customer_email", email)?;
        if command.customer_id.is_some() {
            return Err(ApplicationError::invalid(
                "customer_email",
                "must not be given together with customer_id",
            ));
        }
    }
    Ok(())
}

async fn find_what_is_named(
    app: &Application,
    command: &CreateCheckoutSession,
) -> Result<(Product, Option<Customer>), ApplicationError> {
    let (store, tenant_id) = (app.store(), command.tenant_id);
    if let Some(id) = &command.organization_id
        && store.organization(tenant_id, id).await?.is_none()
    {
        return Err(ApplicationError::not_found("organization", id));
    }
    if let Some(id) = &command.user_id
        && store.user(tenant_id, id).await?.is_none()
    {
        return Err(ApplicationError::not_found("user", id));
    }
    let product = store
        .product(tenant_id, &command.product_id)
        .await?
        .ok_or_else(|| ApplicationError::not_found("product", &command.product_id))?;
    let customer = match command.customer_id {
        None => None,
        Some(id) => Some(
            store
                .customer(tenant_id, id)
                .await?
                .ok_or_else(|| ApplicationError::not_found("customer", id))?,
        ),
    };
    Ok((product, customer))
}

/// The account named, else the one the customer is known at, else the default.
async fn choose_account(
    app: &Application,
    command: &CreateCheckoutSession,
    customer: Option<&Customer>,
) -> Result<Arc<ConnectedAccount>, ApplicationError> {
    let wanted = command
        .provider_account_id
        .or(customer.map(|customer| customer.account_id));
    let account = app.account_for(command.tenant_id, wanted).await?;
    match customer {
        Some(customer) if customer.account_id != account.account.id => Err(ApplicationError::invalid(
            "customer_id",
            format!(
                "is a customer at provider account {}, not at {}",
                customer.account_id, account.account.id
            ),
        )),
        _ => Ok(account),
    }
}

fn request_for(session: &CheckoutSession, price: String, customer_reference: Option<String>) -> CheckoutRequest {
    let mut metadata = session.metadata.clone();
    // What isn't known isn't sent: an empty value would delete the key at some providers.
    metadata.extend(
        session
            .organization_id
            .clone()
            .map(|id| ("organization_id".to_owned(), id)),
    );
    metadata.extend(session.user_id.clone().map(|id| ("user_id".to_owned(), id)));
    CheckoutRequest {
        checkout_type: session.checkout_type,
        price_reference: price,
        seats: session.seats,
        customer_reference,
        customer_email: session.customer_email.clone(),
        trial_period_days: session.trial_period_days,
        success_url: session.success_url.clone(),
        cancel_url: session.cancel_url.clone(),
        correlation_id: session.id.to_string(),
        metadata,
    }
}

/// What is written and answered when the provider has made the session.
pub(crate) async fn ending(
    app: &Application,
    tenant_id: TenantId,
    id: CheckoutSessionId,
    made: &ProviderCheckoutSession,
) -> Result<Ending, ApplicationError> {
    let mut session = find(app, tenant_id, id).await?;
    let url = match &made.target {
        CheckoutTarget::Redirect(url) | CheckoutTarget::FormPost { url, .. } => Some(url.clone()),
        CheckoutTarget::ClientToken(_) => None,
    };
    session.open(
        made.reference.clone(),
        url,
        made.expires_at,
        made.payment_status,
        app.now(),
    );
    let answer = CheckoutSessionView::from(&session);
    let mut work = UnitOfWork::new();
    app.save(&mut work, session);
    Ok(Ending::new(work, &answer))
}

/// What is written when the provider refused.
pub(crate) async fn refused(
    app: &Application,
    tenant_id: TenantId,
    id: CheckoutSessionId,
) -> Result<UnitOfWork, ApplicationError> {
    let mut session = find(app, tenant_id, id).await?;
    session.refuse(app.now());
    let mut work = UnitOfWork::new();
    app.save(&mut work, session);
    Ok(work)
}

async fn find(
    app: &Application,
    tenant_id: TenantId,
    id: CheckoutSessionId,
) -> Result<CheckoutSession, ApplicationError> {
    app.store()
        .checkout_session(tenant_id, id)
        .await?
        .ok_or_else(|| ApplicationError::not_found("checkout session", id))
}
