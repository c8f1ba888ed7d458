//! The description of the API: made from the routes themselves, completed with what they have in common.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::json;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Required, Response, ResponseBuilder, Schema};
use utoipa::{IntoParams, Modify, OpenApi, ToSchema};

use crate::codes::Code;
use crate::router;

/// What every route can answer that knows its caller.
pub(crate) const READ: &[Code] = &[
    Code::Unauthorized,
    Code::InvalidRequest,
    Code::InternalError,
    Code::StoredDataCorrupt,
    Code::DatabaseUnavailable,
    Code::RequestTimedOut,
];

/// What every route can answer that takes a body.
pub(crate) const WRITE: &[Code] = &[
    Code::MalformedJson,
    Code::BodyIncomplete,
    Code::RequestTimeout,
    Code::BodyTooLarge,
    Code::UnsupportedMediaType,
    Code::InvalidIdempotencyKey,
    Code::ConcurrentChange,
];

/// What every route can answer that makes something once for each idempotency key.
pub(crate) const ONCE: &[Code] = &[Code::IdempotencyKeyInUse, Code::IdempotencyKeyReused];

/// What every route can answer that asks a provider.
pub(crate) const PROVIDER: &[Code] = &[
    Code::CapabilityNotSupported,
    Code::PaymentDeclined,
    Code::PluginFault,
    Code::PluginNotLoaded,
    Code::ProviderAccountNotFound,
    Code::ProviderConflict,
    Code::ProviderObjectMissing,
    Code::ProviderRateLimited,
    Code::ProviderRejectedRequest,
    Code::ProviderResponseMalformed,
    Code::ProviderUnauthorized,
    Code::ProviderUnavailable,
    Code::SecretNotReadable,
    Code::UnknownOutcome,
];

/// What every route of the operator API can answer.
pub(crate) const OPERATOR: &[Code] = &[Code::OperatorApiOff];

/// Names the problems a route can answer with: the common sets first, then its own.
macro_rules! problems {
    ($name:ident: $($set:ident)+ $(, $code:ident)*) => {
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses()
            -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                $crate::openapi::problem_responses(
                    &[$($crate::openapi::$set,)+ &[$($crate::codes::Code::$code),*]].concat(),
                )
            }
        }
    };
}
pub(crate) use problems;

/// A response for each status, naming its codes and showing the first.
pub(crate) fn problem_responses(codes: &[Code]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for &code in codes {
        by_status.entry(code.info().status).or_default().push(code);
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status.to_string(), RefOr::T(problem_response(status, &codes))))
        .collect()
}

fn problem_response(status: u16, codes: &[Code]) -> Response {
    let reason = StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Problem");
    let names: Vec<String> = codes.iter().map(|code| format!("`{}`", code.info().code)).collect();
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .example(codes.first().map(|code| {
            let info = code.info();
            json!({
                "type": format!("/docs/errors#{}", info.code),
                "title": info.title,
                "status": info.status,
                "detail": info.title,
                "code": info.code,
                "request_id": "req_0192f3a0c5d24b7e8f1a2b3c4d5e6f70",
                "help": info.help,
            })
        }))
        .build();
    ResponseBuilder::new()
        .description(format!("{reason}: {}", names.join(", ")))
        .content("application/problem+json", content)
        .build()
}

/// What makes a write safe to repeat.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header; it is read in json.rs")]
pub(crate) struct IdempotencyKeyHeader {
    /// The same key with the same method, path and body answers what the first request answered, however often it is
    /// sent; with anything else it is refused. 1 to 255 visible ASCII characters, e.g. a UUID.
    #[param(
        rename = "Idempotency-Key", value_type = String, required = false, min_length = 1,
        max_length = 255,
        example = "4f0c6d1e-order-1842"
    )]
    idempotency_key: Option<String>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tillgate",
        description = "A payments gateway that speaks one language to every provider.\n\n\
            Times are RFC 3339, money is in minor units, ids are prefixed and sortable. Whatever goes wrong is an RFC 9457 \
            problem with a stable `code`; every code is explained at [/docs/errors](/docs/errors). Lists answer \
            `{ data, has_more, next }`: give `next` as `after` for the next page. Every answer has an `X-Request-Id`. Requests that \
            make something take an `Idempotency-Key`; those that put a thing as it is to be need none, and ignore it.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT"),
    ),
    servers((url = "/", description = "This host")),
    tags(
        (name = "Organizations", description = "The tenant's organizations, under its own ids."),
        (name = "Users", description = "The tenant's users, under its own ids."),
        (name = "Products", description = "What the tenant sells, and its price at each provider account."),
        (name = "Checkout sessions", description = "Pages on which customers pay."),
        (name = "Portal sessions", description = "Pages on which customers manage their own billing."),
        (name = "Customers", description = "Who pays."),
        (name = "Subscriptions", description = "What is paid again and again."),
        (name = "Purchases", description = "What was bought."),
        (name = "Payments", description = "What was paid, or wasn't."),
        (name = "Refunds", description = "What was given back."),
        (name = "Events", description = "What happened, in order."),
        (name = "Event endpoints", description = "Where the tenant wants its events."),
        (name = "Capabilities", description = "What each provider account can do."),
        (name = "Webhooks", description = "What providers report."),
        (name = "Legacy", description = "For code that is still to be moved to the routes above."),
        (name = "Operator: tenants", description = "Customers of this deployment, and their API keys."),
        (name = "Operator: provider accounts", description = "Tenants' connections to providers."),
        (name = "Operator: plugins", description = "The providers this host speaks to."),
        (name = "Operator: webhooks", description = "What was received, what failed of it, and how it is tried again."),
        (name = "Operations", description = "How this host is."),
    ),
    components(schemas(crate::problem::ProblemBody<'_>)),
    modifiers(&Security),
)]
struct Description;

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let bearer = |description: &str| {
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .description(Some(description))
                    .build(),
            )
        };
        components.add_security_scheme("tenantKey", bearer("A tenant's API key: `tg_live_…` or `tg_test_…`."));
        components.add_security_scheme(
            "operatorToken",
            bearer("The operator's token, `admin.token` in the configuration."),
        );
    }
}

/// Bytes that are taken as they are.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes bodies that are no JSON")]
pub(crate) struct RawBytes(Vec<u8>);

/// What the routes are added to.
pub(crate) fn description() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// The OpenAPI 3.1 description of the whole surface, as JSON.
#[must_use]
pub fn openapi() -> String {
    to_json(router::routes().into_openapi())
}

pub(crate) fn to_json(mut description: utoipa::openapi::OpenApi) -> String {
    loosen_bodies(&mut description);
    // Maps with text keys only: this can't fail.
    description.to_pretty_json().unwrap_or_default()
}

/// A body none of whose fields is required may be left out ([`crate::json::RequestBody::MAY_BE_EMPTY`]).
fn loosen_bodies(description: &mut utoipa::openapi::OpenApi) {
    let schemas = description
        .components
        .as_ref()
        .map(|components| components.schemas.clone())
        .unwrap_or_default();
    let needs_nothing = |reference: &str| {
        let name = reference.rsplit('/').next().unwrap_or_default();
        matches!(schemas.get(name), Some(RefOr::T(Schema::Object(object))) if object.required.is_empty())
    };
    for item in description.paths.paths.values_mut() {
        for operation in [&mut item.post, &mut item.put, &mut item.patch].into_iter().flatten() {
            let Some(RefOr::T(body)) = &mut operation.request_body else {
                continue;
            };
            let Some(RefOr::T(json)) = body.content.get("application/json") else {
                continue;
            };
            if matches!(&json.schema, Some(RefOr::Ref(reference)) if needs_nothing(&reference.ref_location)) {
                body.required = Some(Required::False);
            }
        }
    }
}
