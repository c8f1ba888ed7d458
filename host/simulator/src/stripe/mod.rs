//! A stateful stand-in of Stripe.
//!
//! It answers Stripe's API (version [`API_VERSION`], form-encoded requests and
//! JSON answers), shows a hosted checkout page and a billing portal, sends
//! signed webhooks, and can be told to misbehave or to let time pass through
//! `/_simulator/…`. Facts about Stripe come from <https://docs.stripe.com/api>.
//!
//! ```no_run
//! use tillgate_simulator::stripe::{Options, Simulator};
//!
//! # async fn demo() -> std::io::Result<()> {
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let simulator = Simulator::new(Options::default());
//! simulator.serve(listener, std::future::pending::<()>()).await
//! # }
//! ```

mod api;
mod billing;
mod clock;
mod connection;
mod control;
mod error;
mod events;
mod form;
mod model;
mod pages;
mod params;
mod random;
mod state;
mod webhooks;

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{any, get};
use tokio::net::TcpListener;
use tokio::sync::watch;

use connection::{CuttableListener, Switch};
use state::State;
use webhooks::Sender;

/// The API version the simulator speaks, which is the one the official SDKs
/// of late 2026 pin (<https://docs.stripe.com/changelog>).
pub const API_VERSION: &str = "2026-10-28.endive";

/// What follows the last failed attempt to collect a renewal
/// (<https://docs.stripe.com/billing/revenue-recovery/smart-retries>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AfterLastAttempt {
    /// The subscription is canceled, which is Stripe's own default.
    #[default]
    Cancel,
    /// The subscription becomes `unpaid`.
    MarkUnpaid,
    /// The subscription stays `past_due`.
    LeavePastDue,
}

/// How a simulator behaves. The defaults suit a demo.
#[derive(Clone)]
pub struct Options {
    /// Where ids and shuffles come from: the same seed and the same requests
    /// give the same ids. Default 0.
    pub seed: u64,
    /// Where people reach the pages, without a trailing slash. Default
    /// `None`: `http://` and the listener's address.
    pub public_base_url: Option<String>,
    /// The only secret key that is accepted. Default `None`: any `sk_…` or `rk_…`.
    pub api_key: Option<String>,
    /// Factor on the pauses between webhook attempts (5 minutes, 30 minutes,
    /// 2 hours, …), from 0 to 1. Default 0.001: the first retry after 0.3 s.
    pub webhook_retry_scale: f64,
    /// The most attempts of one webhook, at least 1. Default 11, which is
    /// about three days at scale 1.
    pub webhook_max_attempts: usize,
    /// Whether webhooks are sent by themselves. `false` leaves them to
    /// `POST /_simulator/deliveries/flush`, so that tests decide when.
    pub webhook_auto_deliver: bool,
    /// Unix seconds at which simulated time stands still until it is moved.
    /// Default `None`: it goes with the wall clock.
    pub frozen_at: Option<i64>,
    /// What follows the last failed attempt to collect a renewal.
    pub after_last_attempt: AfterLastAttempt,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 0,
            public_base_url: None,
            api_key: None,
            webhook_retry_scale: 0.001,
            webhook_max_attempts: 11,
            webhook_auto_deliver: true,
            frozen_at: None,
            after_last_attempt: AfterLastAttempt::default(),
        }
    }
}

impl std::fmt::Debug for Options {
    /// Without the key.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Options")
            .field("seed", &self.seed)
            .field("public_base_url", &self.public_base_url)
            .field("frozen_at", &self.frozen_at)
            .finish_non_exhaustive()
    }
}

/// A simulated Stripe account with its API, pages and webhooks.
pub struct Simulator {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Simulator {
    /// Without what it holds, among which are signing secrets.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Simulator").finish_non_exhaustive()
    }
}

/// What all requests share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    sender: Sender,
    /// `true` once the server shall end, for requests that hang.
    ending: watch::Sender<bool>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in one request shall not end the others.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the state as it is.
    fn read<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.lock())
    }

    /// Does something at the present time: first what is due, then this, and
    /// then the webhooks of both may go.
    fn act<R>(&self, action: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        state.catch_up();
        let result = action(&mut state);
        drop(state);
        self.sender.wake();
        result
    }
}

impl Simulator {
    /// A simulator that knows nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let shared = Shared {
            state: Mutex::new(State::new(options)),
            sender: Sender::new(),
            ending: watch::channel(false).0,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The routes alone, for a server of one's own. Webhooks are then sent
    /// only by `POST /_simulator/deliveries/flush`, and links start with
    /// [`Options::public_base_url`] or `http://localhost`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/", get(pages::index::show))
            .route(
                "/c/pay/{session}",
                get(pages::checkout::show).post(pages::checkout::submit),
            )
            .route(
                "/p/session/{session}",
                get(pages::portal::show).post(pages::portal::submit),
            )
            .route("/i/{invoice}", get(pages::invoice::show))
            .route("/v1/{*path}", any(api::handle))
            .route("/v2/{*path}", any(api::handle))
            .merge(control::actions::router())
            .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
            .fallback(api::handle)
            .layer(DefaultBodyLimit::max(api::MAX_BODY_BYTES))
            .with_state(Arc::clone(&self.shared))
    }

    /// Serves until `shutdown` is done, and sends webhooks meanwhile.
    ///
    /// # Errors
    ///
    /// If the listener has no address or cannot accept connections.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let address = listener.local_addr()?;
        let auto_deliver = self.shared.read(|state| {
            if state.options.public_base_url.is_none() {
                state.base_url = format!("http://{address}");
            }
            state.options.webhook_auto_deliver
        });
        let sending = auto_deliver.then(|| tokio::spawn(Sender::run(Arc::clone(&self.shared))));
        let service = self.router().into_make_service_with_connect_info::<Switch>();
        let shared = Arc::clone(&self.shared);
        let served = axum::serve(CuttableListener(listener), service)
            .with_graceful_shutdown(async move {
                shutdown.await;
                shared.ending.send_replace(true);
            })
            .await;
        if let Some(sending) = sending {
            sending.abort();
        }
        served
    }
}
