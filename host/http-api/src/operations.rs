//! How this host is: alive, ready, and in numbers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use futures_util::future::BoxFuture;
use serde::Serialize;
use tillgate_application::Application;
use tillgate_application::inbox::InboxStatus;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::bounds::READINESS_TIMEOUT;
use crate::codes::Code;
use crate::openapi::problem_responses;
use crate::problem::Problem;
use crate::router::finish;
use crate::state::{Api, ApiOptions};

/// The media type of metrics (<https://prometheus.io/docs/specs/om/open_metrics_spec/#overall-structure>).
const OPENMETRICS_TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Writes the metrics in the text format of OpenMetrics.
pub type MetricsText = Arc<dyn Fn() -> BoxFuture<'static, String> + Send + Sync>;

/// Whether this host takes requests, and its metrics.
#[derive(Clone, Default)]
pub struct Readiness {
    draining: Arc<AtomicBool>,
    metrics: Option<MetricsText>,
}

impl Readiness {
    /// A host that takes requests as long as its database does.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives `/metrics` something to say.
    #[must_use]
    pub fn with_metrics(mut self, metrics: MetricsText) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// From now on `/readyz` says no, so that balancers send nothing new.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether it is shutting down.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness")
            .field("draining", &self.is_draining())
            .finish_non_exhaustive()
    }
}

/// How a host is.
#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

const OK: Json<Health> = Json(Health { status: "ok" });

struct Problems;

impl utoipa::IntoResponses for Problems {
    fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
        problem_responses(&[Code::MethodNotAllowed, Code::InternalError])
    }
}

/// Say whether the host is alive.
///
/// It asks nothing else: whether the database answers too is said at `/readyz`, on the operations port.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "Operations",
    responses((status = 200, description = "It is", body = Health), Problems),
)]
async fn get_health() -> Json<Health> {
    OK
}

/// What the public port has of this.
pub(crate) fn public_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get_health))
}

/// What belongs on a port of its own, which the world doesn't reach: `/healthz`, `/readyz` and `/metrics`.
pub fn operations_router(app: Arc<Application>, readiness: Readiness) -> Router {
    let api = Api {
        app,
        options: Arc::new(ApiOptions::default()),
    };
    let routes = Router::new()
        .route("/healthz", get(get_health))
        .route("/readyz", get(get_readiness))
        .route("/metrics", get(get_metrics))
        .layer(Extension(readiness));
    finish(routes, api)
}

/// How a host that is ready is.
#[derive(Serialize)]
struct Ready {
    /// `ok`.
    status: &'static str,
    /// Stored webhooks whose effect isn't committed yet, of all hosts on this database.
    webhooks: Waiting,
}

/// How many stored webhooks wait.
#[derive(Serialize)]
struct Waiting {
    /// To be processed, or tried again.
    pending: u64,
    /// For somebody to look at them: they were given up.
    dead: u64,
}

/// Ready is who isn't shutting down and whose database answers.
async fn get_readiness(
    State(api): State<Api>,
    Extension(readiness): Extension<Readiness>,
) -> Result<Json<Ready>, Problem> {
    if readiness.is_draining() {
        return Err(Problem::new(Code::NotReady, "this host is shutting down"));
    }
    match tokio::time::timeout(READINESS_TIMEOUT, waiting(&api)).await {
        Ok(webhooks) => Ok(Json(Ready {
            status: "ok",
            webhooks: webhooks?,
        })),
        Err(_) => Err(Problem::new(Code::NotReady, "the database does not answer in time")),
    }
}

async fn waiting(api: &Api) -> Result<Waiting, Problem> {
    let store = &api.app.ports().store;
    store.ping().await?;
    Ok(Waiting {
        pending: store.inbox_count(InboxStatus::Pending).await?,
        dead: store.inbox_count(InboxStatus::Dead).await?,
    })
}

async fn get_metrics(Extension(readiness): Extension<Readiness>) -> Response {
    let text = match &readiness.metrics {
        Some(metrics) => metrics().await,
        None => "# EOF\n".to_owned(),
    };
    ([(header::CONTENT_TYPE, OPENMETRICS_TEXT)], text).into_response()
}
