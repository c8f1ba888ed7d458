//! Puts a product.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Deserialize;
use tillgate_application::{ProductView, PutProduct};
use utoipa::ToSchema;

use crate::auth::TenantCaller;
use crate::extract::{Path, id_field};
use crate::json::{Json, RequestBody};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

/// What a product is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProductInput {
    /// Its name.
    #[schema(example = "Team plan")]
    name: Option<String>,
    /// The provider's id of its price, by provider account. What isn't named here has no price.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    #[schema(example = json!({ "pac_01JDB2Z7N3V9Q4T6W8X0Y1A2B3": "price_1Q2w3E4r" }))]
    prices: BTreeMap<String, String>,
}

impl RequestBody for ProductInput {}

problems!(Problems: READ WRITE, ProviderAccountNotFound);

/// Put a product.
///
/// Creates it, or replaces what is known of it. The id is the tenant's own: 1 to 128 of `A-Z a-z 0-9 . _ : -`.
#[utoipa::path(
    put,
    path = "/v1/products/{id}",
    tag = "Products",
    security(("tenantKey" = [])),
    params(("id" = String, Path, description = "The tenant's own id", example = "product_42")),
    request_body = ProductInput,
    responses((status = 200, description = "The product", body = ProductView), Problems),
)]
pub(super) async fn put_product(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(id): Path<String>,
    body: Json<ProductInput>,
) -> Result<axum::Json<ProductView>, Problem> {
    let prices = body
        .value
        .prices
        .into_iter()
        .map(|(account, price)| Ok((id_field(&format!("prices.{account}"), &account)?, price)))
        .collect::<Result<_, Problem>>()?;
    let put = PutProduct {
        tenant_id: tenant.id,
        id,
        name: body.value.name,
        prices,
    };
    Ok(axum::Json(tillgate_application::put_product(&api.app, put).await?))
}
