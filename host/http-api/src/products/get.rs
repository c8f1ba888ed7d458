//! Gives a product.

use axum::Json;
use axum::extract::State;
use tillgate_application::{ProductView, product};

use crate::auth::TenantCaller;
use crate::extract::{NoQuery, Path};
use crate::openapi::problems;
use crate::problem::Problem;
use crate::state::Api;

problems!(Problems: READ, ProductNotFound);

/// Get a product.
#[utoipa::path(
    get,
    path = "/v1/products/{id}",
    tag = "Products",
    security(("tenantKey" = [])),
    params(("id" = String, Path, description = "The tenant's own id", example = "product_42")),
    responses((status = 200, description = "The product", body = ProductView), Problems),
)]
pub(super) async fn get_product(
    State(api): State<Api>,
    tenant: TenantCaller,
    Path(id): Path<String>,
    _: NoQuery,
) -> Result<Json<ProductView>, Problem> {
    Ok(Json(product(&api.app, tenant.id, &id).await?))
}
