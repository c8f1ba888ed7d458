//! Runs the gateway.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tillgate_application::Application;
use tillgate_application::ports::{Plugins as _, Secret};
use tillgate_http_api::{ApiOptions, Readiness};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::wiring::{Migrations, Wired, wire};
use crate::{Failure, telemetry, workers};

/// A gateway that listens, and isn't serving yet.
pub(crate) struct Gateway {
    config: Config,
    wired: Wired,
    app: Arc<Application>,
    api: TcpListener,
    operations: TcpListener,
    /// Held as long as it serves.
    _alone: Option<File>,
}

impl Gateway {
    /// Checks everything, and binds the ports last.
    pub(crate) async fn prepare(config: Config, migrations: Migrations) -> Result<Self, Failure> {
        raise_file_limit();
        let alone = alone_on_the_file(&config.database.url)?;
        let wired = wire(&config, migrations).await?;
        if wired.plugin_host.list().is_empty() {
            tracing::warn!(directory = %config.plugins.directory.display(), "no plugin is loaded: the directory has none that is accepted");
        }
        if config.server.public_url.is_none() && config.server.listen.ip().is_unspecified() {
            tracing::warn!(
                "server.public_url is not set: webhook URLs name the address listened on, which nobody outside can reach"
            );
        }
        for (path, rejected) in &wired.rejected {
            tracing::error!(file = %path.display(), code = rejected.code, reason = %rejected.message, "plugin not loaded");
        }
        for plugin in wired.plugin_host.list() {
            tracing::info!(plugin = %plugin.name, version = %plugin.version, digest = %plugin.digest, "plugin loaded");
        }
        let api = bind("server.listen", config.server.listen).await?;
        let operations = bind("server.operations_listen", config.server.operations_listen).await?;
        let app = wired.application(config.public_url(api.local_addr()?));
        Ok(Self {
            config,
            wired,
            app,
            api,
            operations,
            _alone: alone,
        })
    }

    /// The application that is served.
    pub(crate) fn application(&self) -> Arc<Application> {
        Arc::clone(&self.app)
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
            app,
            api,
            operations,
            _alone,
        } = self;
        let grace = Duration::from_secs(config.server.shutdown_grace_seconds);
        let metrics = telemetry::text(&wired, Arc::clone(&app));
        let readiness = Readiness::new().with_metrics(metrics);
        let router = tillgate_http_api::router(Arc::clone(&app), api_options(&config));
        let operations_router = tillgate_http_api::operations_router(Arc::clone(&app), readiness.clone());
        let alone = config.database.url.starts_with("sqlite:");
        let ended = CancellationToken::new();
        let following = tokio::spawn(workers::follow_changes(Arc::clone(&app), ended.clone()));
        let workers = workers::start(&app, &wired.plugin_host, &ending, alone, config.retention.retention());
        let draining = readiness.clone();
        let asked = ending.clone();
        let stop_by = Arc::new(OnceLock::new());
        let asked_at = Arc::clone(&stop_by);
        let api_server = tokio::spawn(tillgate_http_api::serve(
            api,
            router,
            async move {
                asked.cancelled().await;
                let _first = asked_at.set(Instant::now() + grace);
                draining.drain();
            },
            grace,
        ));
        // Health is answered until the very end, so that the end can be watched.
        let watched = ended.clone();
        let operations_server = tokio::spawn(tillgate_http_api::serve(
            operations,
            operations_router,
            async move { watched.cancelled().await },
            Duration::from_secs(1),
        ));
        let served = api_server.await.map_err(|error| Failure::Stopped(error.to_string()))?;
        ending.cancel();
        // What requests left of the grace is everybody's.
        let rest = async {
            workers.wait().await;
            app.drain().await;
        };
        if tokio::time::timeout_at(stop_by.get().copied().unwrap_or_else(Instant::now), rest)
            .await
            .is_err()
        {
            tracing::warn!("work is still under way; what is stored goes on at the next start");
        }
        ended.cancel();
        let _stopped = operations_server.await;
        let _followed = following.await;
        wired.database.close().await;
        tracing::info!("ended");
        Ok(served?)
    }
}

/// Sees to it that no other gateway serves the same SQLite file: each takes what the other runs for abandoned.
fn alone_on_the_file(url: &str) -> Result<Option<File>, Failure> {
    let Some(path) = url.strip_prefix("sqlite://") else {
        return Ok(None);
    };
    let path = path.split('?').next().unwrap_or_default();
    let lock_path = PathBuf::from(format!("{path}.serving"));
    let file = match File::options().create(true).append(true).open(&lock_path) {
        Ok(file) => file,
        // Where nothing can be written, nothing can be run twice either; the database says the rest.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotFound
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(Failure::Said(format!(
            "another gateway serves {path} ({} is locked); end it first, or use PostgreSQL, which several share",
            lock_path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Takes as many open files as the system lets us have: each connection is one.
fn raise_file_limit() {
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = rustix::process::setrlimit(rustix::process::Resource::Nofile, limit) {
        tracing::debug!(%error, "the limit of open files stays as it was");
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
