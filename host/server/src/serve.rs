//! Runs the gateway.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tillgate_application::Application;
use tillgate_application::ports::Secret;
use tillgate_http_api::{ApiOptions, Readiness};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::wiring::{Migrations, Wired, wire};
use crate::{Failure, workers};

/// A gateway that listens, and isn't serving yet.
pub(crate) struct Gateway {
    config: Config,
    wired: Wired,
    api: TcpListener,
    operations: TcpListener,
}

impl Gateway {
    /// Checks everything, and binds the ports last.
    pub(crate) async fn prepare(config: Config, migrations: Migrations) -> Result<Self, Failure> {
        let api = bind("server.listen", config.server.listen).await?;
        let operations = bind("server.operations_listen", config.server.operations_listen).await?;
        let public_url = config.public_url(api.local_addr()?);
        let wired = wire(&config, public_url, migrations).await?;
        for (path, rejected) in &wired.rejected {
            tracing::error!(file = %path.display(), code = rejected.code, reason = %rejected.message, "plugin not loaded");
        }
        for plugin in wired.app.ports().plugins.list() {
            tracing::info!(plugin = %plugin.name, version = %plugin.version, digest = %plugin.digest, "plugin loaded");
        }
        Ok(Self {
            config,
            wired,
            api,
            operations,
        })
    }

    /// The application that is served.
    pub(crate) fn application(&self) -> Arc<Application> {
        Arc::clone(&self.wired.app)
    }

    /// Where the API is served.
    pub(crate) fn api_address(&self) -> Result<SocketAddr, Failure> {
        Ok(self.api.local_addr()?)
    }

    /// Where health is served.
    pub(crate) fn operations_address(&self) -> Result<SocketAddr, Failure> {
        Ok(self.operations.local_addr()?)
    }

    /// Serves until `ending` is canceled, and then until what is under way has come to its end.
    pub(crate) async fn serve(self, ending: CancellationToken) -> Result<(), Failure> {
        let Self {
            config,
            wired,
            api,
            operations,
        } = self;
        let app = wired.app;
        let grace = Duration::from_secs(config.server.shutdown_grace_seconds);
        let readiness = Readiness::new();
        let router = tillgate_http_api::router(Arc::clone(&app), api_options(&config));
        let operations_router = tillgate_http_api::operations_router(Arc::clone(&app), readiness.clone());
        let alone = config.database.url.starts_with("sqlite:");
        let workers = workers::start(&app, &ending, alone);
        let draining = readiness.clone();
        let asked = ending.clone();
        let api_server = tokio::spawn(tillgate_http_api::serve(
            api,
            router,
            async move {
                asked.cancelled().await;
                draining.drain();
            },
            grace,
        ));
        // Health is answered until the very end, so that the end can be watched.
        let ended = CancellationToken::new();
        let watched = ended.clone();
        let operations_server = tokio::spawn(tillgate_http_api::serve(
            operations,
            operations_router,
            async move { watched.cancelled().await },
            Duration::from_secs(1),
        ));
        let served = api_server.await.map_err(|error| Failure::Stopped(error.to_string()))?;
        ending.cancel();
        workers.wait().await;
        if tokio::time::timeout(grace, app.drain()).await.is_err() {
            tracing::warn!("operations are still under way; they are resumed from their journal at the next start");
        }
        ended.cancel();
        let _stopped = operations_server.await;
        wired.database.close().await;
        tracing::info!("ended");
        Ok(served?)
    }
}

async fn bind(key: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| Failure::Bind {
        key: key.to_owned(),
        address,
        error,
    })
}

fn api_options(config: &Config) -> ApiOptions {
    ApiOptions {
        admin_token: config.admin.token.clone().map(Secret::new),
        body_max_bytes: config.server.body_max_bytes,
        webhook_body_max_bytes: config.server.webhook_body_max_bytes,
        request_timeout: Duration::from_secs(config.server.request_timeout_seconds),
        trust_forwarded_for: config.server.trust_forwarded_for,
        ..ApiOptions::default()
    }
}
