//! `/v1/checkout/sessions`.

use serde_json::json;

use super::catalog::inline_price;
use super::customers::check_email;
use super::pagination::Page;
use super::routes::{Call, Handled, Reply};
use crate::stripe::billing::due::Due;
use crate::stripe::clock::DAY;
use crate::stripe::error::{ApiError, ApiResult};
use crate::stripe::model::checkout::{CheckoutSession, Mode, SessionLine, SessionStatus};
use crate::stripe::params::{Metadata, Params};
use crate::stripe::state::State;

/// The most lines of a session with one-time prices.
const MAX_LINES: usize = 100;
/// The longest `client_reference_id`, in characters.
const MAX_REFERENCE: usize = 200;
/// The soonest a session may expire.
const MIN_LIFE: i64 = 30 * 60;
/// When a session expires by itself, and the latest it may.
const MAX_LIFE: i64 = DAY;
/// The longest trial, in days.
const MAX_TRIAL_DAYS: i64 = 730;
/// The largest quantity of one line.
const MAX_QUANTITY: i64 = 999_999;

/// Since this version `payment_method_types` cannot be given any more.
const ENDIVE: &str = "2026-09-30";

const PARAMS: [&str; 34] = [
    "mode",
    "line_items",
    "success_url",
    "cancel_url",
    "customer",
    "customer_email",
    "customer_creation",
    "client_reference_id",
    "metadata",
    "subscription_data",
    "payment_intent_data",
    "setup_intent_data",
    "expires_at",
    "allow_promotion_codes",
    "currency",
    "locale",
    "invoice_creation",
    "payment_method_collection",
    "automatic_tax",
    "billing_address_collection",
    "consent_collection",
    "custom_fields",
    "custom_text",
    "customer_update",
    "discounts",
    "phone_number_collection",
    "saved_payment_method_options",
    "submit_type",
    "tax_id_collection",
    "ui_mode",
    "payment_method_options",
    "allowed_payment_method_types",
    "excluded_payment_method_types",
    "managed_payments",
];

pub(super) fn create(state: &mut State, call: &Call<'_>) -> Handled {
    let params = &call.params;
    let mut known = PARAMS.to_vec();
    if call.version < ENDIVE {
        known.push("payment_method_types");
    }
    params.only(&known)?;
    let mode = mode(params)?;
    let success_url = params
        .url("success_url")?
        .ok_or_else(|| ApiError::missing("success_url"))?;
    let life = expires_at(state, params)?;
    let (customer, customer_email) = who(state, params)?;
    let customer_creation = customer_creation(params, mode)?;
    let reference = reference(params)?;
    let subscription = subscription_data(params, mode)?;
    let mut payment_intent_metadata = Metadata::new();
    if let Some(data) = params.hash("payment_intent_data")? {
        only_in(mode, Mode::Payment, "payment_intent_data")?;
        data.only(&[
            "metadata",
            "description",
            "capture_method",
            "receipt_email",
            "setup_future_usage",
            "statement_descriptor",
            "statement_descriptor_suffix",
        ])?;
        payment_intent_metadata = data.metadata("metadata")?;
    }
    let mut session = CheckoutSession {
        id: String::new(),
        created: state.now,
        expires_at: life,
        mode,
        status: SessionStatus::Open,
        payment_status: if mode == Mode::Setup {
            "no_payment_required"
        } else {
            "unpaid"
        },
        url: String::new(),
        success_url: success_url.to_owned(),
        cancel_url: params.url("cancel_url")?.map(str::to_owned),
        customer_creation: customer_creation.filter(|_| customer.is_none()),
        customer,
        customer_email,
        paid_by_email: None,
        client_reference_id: reference,
        currency: None,
        lines: Vec::new(),
        metadata: params.metadata("metadata")?,
        subscription_metadata: subscription.0,
        payment_intent_metadata,
        trial_days: subscription.1,
        allow_promotion_codes: params.boolean("allow_promotion_codes")?,
        invoice_creation: invoice_creation(params, mode)?,
        payment_method_collection: params
            .one_of("payment_method_collection", &["always", "if_required"])?
            .or((mode == Mode::Subscription).then_some("always"))
            .map(str::to_owned),
        locale: params.filled("locale")?.map(str::to_owned),
        subscription: None,
        invoice: None,
        payment_intent: None,
    };
    session.lines = lines(state, params, mode)?;
    session.currency = session
        .lines
        .first()
        .and_then(|line| state.prices.get(&line.price))
        .map(|price| price.currency.clone());
    let id = state.random.id("cs_test_");
    session.id.clone_from(&id);
    session.url = format!("{}/c/pay/{id}", state.base_url);
    state.timers.set(session.expires_at, Due::ExpireSession(id.clone()));
    state.sessions.insert(&id, session);
    Ok(Reply::Object(id))
}

fn mode(params: &Params<'_>) -> ApiResult<Mode> {
    params.required("mode")?;
    Ok(match params.one_of("mode", &["payment", "setup", "subscription"])? {
        Some("subscription") => Mode::Subscription,
        Some("setup") => Mode::Setup,
        _ => Mode::Payment,
    })
}

fn only_in(mode: Mode, wanted: Mode, param: &str) -> ApiResult<()> {
    if mode == wanted {
        return Ok(());
    }
    Err(ApiError::invalid(
        param,
        format!("You can not pass `{param}` in `{}` mode.", mode.name()),
    ))
}

fn expires_at(state: &State, params: &Params<'_>) -> ApiResult<i64> {
    let Some(at) = params.integer("expires_at")? else {
        return Ok(state.now + MAX_LIFE);
    };
    if at < state.now + MIN_LIFE {
        return Err(ApiError::invalid(
            "expires_at",
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
        ));
    }
    if at > state.now + MAX_LIFE {
        return Err(ApiError::invalid(
            "expires_at",
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
        ));
    }
    Ok(at)
}

fn who(state: &State, params: &Params<'_>) -> ApiResult<(Option<String>, Option<String>)> {
    let customer = params.filled("customer")?;
    let email = params.filled("customer_email")?;
    if customer.is_some() && email.is_some() {
        return Err(ApiError::invalid(
            "customer",
            "You may only specify one of these parameters: customer, customer_email.",
        ));
    }
    if let Some(id) = customer
        && !state.customers.contains(id)
    {
        return Err(ApiError::no_such_param("customer", id, "customer"));
    }
    if let Some(email) = email {
        check_email(params, "customer_email", email)?;
    }
    Ok((customer.map(str::to_owned), email.map(str::to_owned)))
}

fn customer_creation(params: &Params<'_>, mode: Mode) -> ApiResult<Option<String>> {
    let given = params.one_of("customer_creation", &["always", "if_required"])?;
    match (given, mode) {
        (Some(_), Mode::Subscription) => Err(ApiError::invalid(
            "customer_creation",
            "`customer_creation` can only be used in `payment` mode and `setup` mode.",
        )),
        (Some(_), _) if params.has("customer") => Err(ApiError::invalid(
            "customer_creation",
            "You may only specify one of these parameters: customer, customer_creation.",
        )),
        (given, Mode::Payment) => Ok(Some(given.unwrap_or("if_required").to_owned())),
        (given, Mode::Setup) => Ok(given.map(str::to_owned)),
        (None, Mode::Subscription) => Ok(Some("always".to_owned())),
    }
}

fn reference(params: &Params<'_>) -> ApiResult<Option<String>> {
    let reference = params.filled("client_reference_id")?;
    if reference.is_some_and(|text| text.chars().count() > MAX_REFERENCE) {
        return Err(ApiError::invalid(
            "client_reference_id",
            format!("Invalid string: must be at most {MAX_REFERENCE} characters"),
        ));
    }
    Ok(reference.map(str::to_owned))
}

fn invoice_creation(params: &Params<'_>, mode: Mode) -> ApiResult<bool> {
    let Some(creation) = params.hash("invoice_creation")? else {
        return Ok(false);
    };
    only_in(mode, Mode::Payment, "invoice_creation")?;
    creation.only(&["enabled", "invoice_data"])?;
    creation
        .boolean("enabled")?
        .ok_or_else(|| ApiError::missing("invoice_creation[enabled]"))
}

/// Metadata and days of trial of the subscription to be.
fn subscription_data(params: &Params<'_>, mode: Mode) -> ApiResult<(Metadata, Option<i64>)> {
    let Some(data) = params.hash("subscription_data")? else {
        return Ok((Metadata::new(), None));
    };
    only_in(mode, Mode::Subscription, "subscription_data")?;
    data.only(&[
        "metadata",
        "trial_period_days",
        "trial_settings",
        "billing_mode",
        "description",
        "billing_cycle_anchor",
        "proration_behavior",
        "invoice_settings",
        "default_tax_rates",
    ])?;
    let days = data.integer("trial_period_days")?;
    if let Some(days) = days
        && !(1..=MAX_TRIAL_DAYS).contains(&days)
    {
        return Err(ApiError::invalid(
            data.name("trial_period_days"),
            format!("The minimum number of trial period days is 1 and the maximum is {MAX_TRIAL_DAYS}."),
        ));
    }
    Ok((data.metadata("metadata")?, days))
}

fn lines(state: &mut State, params: &Params<'_>, mode: Mode) -> ApiResult<Vec<SessionLine>> {
    let given = params.hashes("line_items")?;
    if mode == Mode::Setup {
        if given.is_empty() {
            return Ok(Vec::new());
        }
        return Err(ApiError::invalid(
            "line_items",
            "You can not pass `line_items` in `setup` mode.",
        ));
    }
    if given.is_empty() {
        return Err(ApiError::missing("line_items"));
    }
    if given.len() > MAX_LINES {
        return Err(ApiError::invalid(
            "line_items",
            format!("A Checkout Session can have at most {MAX_LINES} line items."),
        ));
    }
    let mut lines: Vec<SessionLine> = Vec::new();
    for item in &given {
        let line = line(state, item, mode)?;
        let currency = |price: &str| state.prices.get(price).map(|price| &price.currency);
        if let Some(first) = lines.first()
            && currency(&first.price) != currency(&line.price)
        {
            return Err(ApiError::invalid(
                "line_items",
                "All prices on a Checkout session must have the same `currency`.",
            ));
        }
        lines.push(line);
    }
    if mode == Mode::Subscription && !lines.iter().any(|line| line.recurring) {
        return Err(ApiError::invalid(
            "line_items",
            "You must provide at least one recurring price in `subscription` mode when using prices.",
        ));
    }
    Ok(lines)
}

fn line(state: &mut State, item: &Params<'_>, mode: Mode) -> ApiResult<SessionLine> {
    item.only(&[
        "price",
        "price_data",
        "quantity",
        "adjustable_quantity",
        "dynamic_tax_rates",
        "tax_rates",
        "metadata",
    ])?;
    let quantity = item.count("quantity")?.ok_or_else(|| {
        ApiError::invalid(
            item.name("quantity"),
            "Quantity is required. Add `quantity` to the line item.",
        )
        .code("parameter_missing")
    })?;
    if !(1..=MAX_QUANTITY).contains(&quantity) {
        return Err(ApiError::invalid(
            item.name("quantity"),
            "This value must be greater than or equal to 1 and no more than 999999.",
        )
        .code("parameter_invalid_integer"));
    }
    let price_id = match (item.filled("price")?, item.hash("price_data")?) {
        (Some(id), None) => id.to_owned(),
        (None, Some(data)) => {
            let is_recurring = data.has("recurring");
            check_kind(item, mode, is_recurring)?;
            inline_price(state, &data)?
        }
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid(
                item.name("price"),
                "You may only specify one of these parameters: price, price_data.",
            ));
        }
        (None, None) => return Err(ApiError::missing(&item.name("price"))),
    };
    let Some(price) = state.prices.get(&price_id).cloned() else {
        return Err(ApiError::no_such_param("price", &price_id, &item.name("price")));
    };
    check_kind(item, mode, price.recurring.is_some())?;
    if !price.active {
        return Err(ApiError::invalid(
            item.name("price"),
            "The price specified is inactive. This field only accepts active prices.",
        ));
    }
    let description = state.products.get(&price.product).map(|product| product.name.clone());
    Ok(SessionLine {
        id: state.random.id("li_"),
        price: price_id,
        description: description.unwrap_or_default(),
        unit_amount: price.unit_amount,
        quantity,
        recurring: price.recurring.is_some(),
    })
}

fn check_kind(item: &Params<'_>, mode: Mode, is_recurring: bool) -> ApiResult<()> {
    if mode == Mode::Payment && is_recurring {
        return Err(ApiError::invalid(
            item.name("price"),
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices.",
        ));
    }
    Ok(())
}

pub(super) fn update(state: &mut State, call: &Call<'_>, id: &str) -> Handled {
    call.params.only(&["metadata"])?;
    let Some(session) = state.sessions.get_mut(id) else {
        return Err(ApiError::no_such("checkout.session", id));
    };
    call.params.merge_metadata("metadata", &mut session.metadata)?;
    Ok(Reply::Object(id.to_owned()))
}

pub(super) fn expire(state: &mut State, call: &Call<'_>, id: &str) -> Handled {
    call.params.only(&[])?;
    let Some(session) = state.sessions.get(id) else {
        return Err(ApiError::no_such("checkout.session", id));
    };
    if session.status != SessionStatus::Open {
        return Err(ApiError::new(
            400,
            "invalid_request_error",
            format!(
                "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of `{}`.",
                session.status.name()
            ),
        ));
    }
    state.expire_session(id);
    Ok(Reply::Object(id.to_owned()))
}

pub(super) fn line_items(state: &mut State, call: &Call<'_>, id: &str) -> Handled {
    let page = Page::of(&call.params, &[])?;
    let Some(session) = state.sessions.get(id) else {
        return Err(ApiError::no_such("checkout.session", id));
    };
    let all = state.render_session_lines(session);
    let data = all["data"].as_array().cloned().unwrap_or_default();
    let url = format!("/v1/checkout/sessions/{id}/line_items");
    Ok(Reply::Json(page.cut(data.into_iter(), &url)))
}

pub(super) fn list(state: &mut State, call: &Call<'_>) -> Handled {
    let params = &call.params;
    let page = Page::of(
        params,
        &[
            "customer",
            "subscription",
            "payment_intent",
            "status",
            "customer_details",
        ],
    )?;
    let customer = params.filled("customer")?;
    let subscription = params.filled("subscription")?;
    let intent = params.filled("payment_intent")?;
    let status = params.one_of("status", &["complete", "expired", "open"])?;
    let all = state
        .sessions
        .newest_first()
        .map(|(_, session)| session.render())
        .filter(|session| customer.is_none_or(|id| session["customer"] == json!(id)))
        .filter(|session| subscription.is_none_or(|id| session["subscription"] == json!(id)))
        .filter(|session| intent.is_none_or(|id| session["payment_intent"] == json!(id)))
        .filter(|session| status.is_none_or(|status| session["status"] == json!(status)));
    Ok(Reply::Json(page.cut(all, "/v1/checkout/sessions")))
}
