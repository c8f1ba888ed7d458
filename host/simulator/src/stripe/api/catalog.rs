//! `/v1/products` and `/v1/prices`.

use super::pagination::Page;
use super::routes::{Call, Handled, Reply};
use crate::stripe::clock::Interval;
use crate::stripe::error::{ApiError, ApiResult};
use crate::stripe::model::catalog::{Price, Product, Recurring};
use crate::stripe::params::{Metadata, Params};
use crate::stripe::state::State;

/// The largest amount Stripe takes, in the smallest unit.
const MAX_UNIT_AMOUNT: i64 = 99_999_999;
/// The most days, weeks, months or years between two payments: three years.
const MAX_INTERVAL_COUNT: i64 = 1_095;

pub(super) fn create_product(state: &mut State, call: &Call<'_>) -> Handled {
    let params = &call.params;
    params.only(&[
        "name",
        "description",
        "active",
        "metadata",
        "unit_label",
        "default_price_data",
        "images",
        "tax_code",
        "url",
        "statement_descriptor",
        "shippable",
        "type",
        "marketing_features",
    ])?;
    let id = add_product(state, params)?;
    if let Some(price) = params.hash("default_price_data")? {
        price.only(&["currency", "unit_amount", "recurring", "metadata", "tax_behavior"])?;
        let price_id = add_price(state, &price, &id)?;
        if let Some(product) = state.products.get_mut(&id) {
            product.default_price = Some(price_id);
        }
    }
    Ok(Reply::Object(id))
}

fn add_product(state: &mut State, params: &Params<'_>) -> ApiResult<String> {
    let product = Product {
        id: String::new(),
        created: state.now,
        updated: state.now,
        name: params.required("name")?.to_owned(),
        description: params.filled("description")?.map(str::to_owned),
        active: params.boolean("active")?.unwrap_or(true),
        default_price: None,
        unit_label: params.filled("unit_label")?.map(str::to_owned),
        metadata: params.metadata("metadata")?,
    };
    let id = state.random.id("prod_");
    state.products.insert(
        &id,
        Product {
            id: id.clone(),
            ..product
        },
    );
    state.emit("product.created", &id);
    Ok(id)
}

pub(super) fn update_product(state: &mut State, call: &Call<'_>, id: &str) -> Handled {
    let params = &call.params;
    params.only(&[
        "name",
        "description",
        "active",
        "metadata",
        "unit_label",
        "default_price",
    ])?;
    let Some(mut product) = state.products.get(id).cloned() else {
        return Err(ApiError::no_such("product", id));
    };
    let before = state.before(id);
    if params.has("name") {
        product.name = params.required("name")?.to_owned();
    }
    if params.has("description") {
        product.description = params.filled("description")?.map(str::to_owned);
    }
    if params.has("unit_label") {
        product.unit_label = params.filled("unit_label")?.map(str::to_owned);
    }
    if let Some(price) = params.filled("default_price")? {
        if !state.prices.contains(price) {
            return Err(ApiError::no_such_param("price", price, "default_price"));
        }
        product.default_price = Some(price.to_owned());
    }
    product.active = params.boolean("active")?.unwrap_or(product.active);
    product.updated = state.now;
    params.merge_metadata("metadata", &mut product.metadata)?;
    state.products.insert(id, product);
    state.emit_changed("product.updated", id, &before);
    Ok(Reply::Object(id.to_owned()))
}

pub(super) fn list_products(state: &mut State, call: &Call<'_>) -> Handled {
    let page = Page::of(&call.params, &["active", "ids"])?;
    let active = call.params.boolean("active")?;
    let ids = call.params.texts("ids")?;
    let all = state
        .products
        .newest_first()
        .filter(|(_, product)| active.is_none_or(|active| product.active == active))
        .filter(|(id, _)| ids.is_empty() || ids.contains(&id.as_str()))
        .map(|(_, product)| product.render());
    Ok(Reply::Json(page.cut(all, "/v1/products")))
}

pub(super) fn create_price(state: &mut State, call: &Call<'_>) -> Handled {
    let params = &call.params;
    params.only(&[
        "currency",
        "unit_amount",
        "product",
        "product_data",
        "recurring",
        "nickname",
        "lookup_key",
        "active",
        "metadata",
        "tax_behavior",
        "billing_scheme",
        "transfer_lookup_key",
    ])?;
    let product = match (params.filled("product")?, params.hash("product_data")?) {
        (Some(id), None) if state.products.contains(id) => id.to_owned(),
        (Some(id), None) => return Err(ApiError::no_such_param("product", id, "product")),
        (None, Some(data)) => {
            data.only(&[
                "name",
                "active",
                "metadata",
                "unit_label",
                "tax_code",
                "statement_descriptor",
            ])?;
            read_price(params, "")?;
            add_product(state, &data)?
        }
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid(
                "product",
                "You may only specify one of these parameters: product, product_data.",
            ));
        }
        (None, None) => {
            return Err(ApiError::new(
                400,
                "invalid_request_error",
                "You must specify either `product` or `product_data` when creating a price.",
            )
            .code("parameter_missing")
            .param("product"));
        }
    };
    add_price(state, params, &product).map(Reply::Object)
}

/// Makes a price of `currency`, `unit_amount`, `recurring` and so on.
fn add_price(state: &mut State, params: &Params<'_>, product: &str) -> ApiResult<String> {
    let price = read_price(params, product)?;
    let taken = price.lookup_key.as_ref().is_some_and(|key| {
        state
            .prices
            .newest_first()
            .any(|(_, known)| known.lookup_key.as_ref() == Some(key))
    });
    if taken {
        return Err(
            ApiError::invalid("lookup_key", "A price already uses that lookup key.").code("resource_already_exists")
        );
    }
    let id = state.random.id("price_");
    let price = Price {
        id: id.clone(),
        created: state.now,
        ..price
    };
    state.prices.insert(&id, price);
    state.emit("price.created", &id);
    Ok(id)
}

fn read_price(params: &Params<'_>, product: &str) -> ApiResult<Price> {
    Ok(Price {
        id: String::new(),
        created: 0,
        product: product.to_owned(),
        currency: params.currency("currency")?,
        unit_amount: unit_amount(params)?,
        recurring: recurring(params)?,
        nickname: params.filled("nickname")?.map(str::to_owned),
        lookup_key: params.filled("lookup_key")?.map(str::to_owned),
        active: params.boolean("active")?.unwrap_or(true),
        metadata: params.metadata("metadata")?,
    })
}

/// A price and product made on the fly for one line of a checkout session.
pub(super) fn inline_price(state: &mut State, params: &Params<'_>) -> ApiResult<String> {
    params.only(&[
        "currency",
        "unit_amount",
        "product",
        "product_data",
        "recurring",
        "tax_behavior",
    ])?;
    params.currency("currency")?;
    unit_amount(params)?;
    recurring(params)?;
    let product = match (params.filled("product")?, params.hash("product_data")?) {
        (Some(id), _) if state.products.contains(id) => id.to_owned(),
        (Some(id), _) => {
            return Err(ApiError::no_such_param("product", id, &params.name("product")));
        }
        (None, Some(data)) => {
            data.only(&["name", "description", "images", "metadata", "tax_code", "unit_label"])?;
            add_product(state, &data)?
        }
        (None, None) => return Err(ApiError::missing(&params.name("product_data"))),
    };
    add_price(state, params, &product)
}

fn unit_amount(params: &Params<'_>) -> ApiResult<i64> {
    let amount = params
        .count("unit_amount")?
        .ok_or_else(|| ApiError::missing(&params.name("unit_amount")))?;
    if amount > MAX_UNIT_AMOUNT {
        return Err(ApiError::invalid(
            params.name("unit_amount"),
            format!("Invalid integer: the amount must be no more than {MAX_UNIT_AMOUNT}"),
        )
        .code("amount_too_large"));
    }
    Ok(amount)
}

fn recurring(params: &Params<'_>) -> ApiResult<Option<Recurring>> {
    let Some(given) = params.hash("recurring")? else {
        return Ok(None);
    };
    given.only(&["interval", "interval_count", "usage_type", "trial_period_days", "meter"])?;
    given.required("interval")?;
    let name = given.one_of("interval", &Interval::NAMES)?.unwrap_or("month");
    let interval = Interval::parse(name).unwrap_or(Interval::Month);
    let count = given.integer("interval_count")?.unwrap_or(1);
    if !(1..=MAX_INTERVAL_COUNT).contains(&count) {
        return Err(
            ApiError::invalid(given.name("interval_count"), "Invalid integer: too small or too large")
                .code("parameter_invalid_integer"),
        );
    }
    Ok(Some(Recurring { interval, count }))
}

pub(super) fn update_price(state: &mut State, call: &Call<'_>, id: &str) -> Handled {
    let params = &call.params;
    params.only(&["nickname", "active", "metadata", "lookup_key", "tax_behavior"])?;
    let Some(mut price) = state.prices.get(id).cloned() else {
        return Err(ApiError::no_such("price", id));
    };
    let before = state.before(id);
    if params.has("nickname") {
        price.nickname = params.filled("nickname")?.map(str::to_owned);
    }
    if params.has("lookup_key") {
        price.lookup_key = params.filled("lookup_key")?.map(str::to_owned);
    }
    price.active = params.boolean("active")?.unwrap_or(price.active);
    let mut metadata: Metadata = std::mem::take(&mut price.metadata);
    params.merge_metadata("metadata", &mut metadata)?;
    price.metadata = metadata;
    state.prices.insert(id, price);
    state.emit_changed("price.updated", id, &before);
    Ok(Reply::Object(id.to_owned()))
}

pub(super) fn list_prices(state: &mut State, call: &Call<'_>) -> Handled {
    let page = Page::of(&call.params, &["active", "product", "lookup_keys", "type", "currency"])?;
    let active = call.params.boolean("active")?;
    let product = call.params.filled("product")?;
    let keys = call.params.texts("lookup_keys")?;
    let kind = call.params.one_of("type", &["one_time", "recurring"])?;
    let currency = call.params.filled("currency")?;
    let all = state
        .prices
        .newest_first()
        .map(|(_, price)| price)
        .filter(|price| active.is_none_or(|active| price.active == active))
        .filter(|price| product.is_none_or(|product| price.product == product))
        .filter(|price| kind.is_none_or(|kind| (kind == "recurring") == price.recurring.is_some()))
        .filter(|price| currency.is_none_or(|currency| price.currency == currency))
        .filter(|price| {
            keys.is_empty()
                || price
                    .lookup_key
                    .as_ref()
                    .is_some_and(|key| keys.contains(&key.as_str()))
        })
        .map(Price::render);
    Ok(Reply::Json(page.cut(all, "/v1/prices")))
}
