//! Sending deliveries over HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;

use super::{Job, Take, signature_header};
use crate::stripe::Shared;
use crate::stripe::clock::wall_seconds;

/// How long a receiver has to answer; Stripe's limit is in the tens of seconds.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of an answer is read before its connection is given up.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// What Stripe's sender calls itself.
const USER_AGENT: &str = "Stripe/1.0 (+https://stripe.com/docs/webhooks)";

/// The outgoing side: one batch at a time, endpoints in parallel, each
/// endpoint's deliveries one after the other.
#[derive(Debug)]
pub(crate) struct Sender {
    client: Option<reqwest::Client>,
    turn: Mutex<()>,
    woken: Notify,
}

impl Sender {
    pub(crate) fn new() -> Self {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(USER_AGENT)
            .build();
        if let Err(error) = &client {
            tracing::error!(%error, "webhooks cannot be sent");
        }
        Self {
            client: client.ok(),
            turn: Mutex::new(()),
            woken: Notify::new(),
        }
    }

    /// Says that there may be something to send.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Sends what is due, until the task is dropped.
    pub(crate) async fn run(shared: Arc<Shared>) {
        loop {
            let next = shared.read(|state| state.deliveries.next_due());
            let woken = shared.sender.woken.notified();
            match next {
                Some(due) => tokio::select! {
                    () = woken => {}
                    () = tokio::time::sleep_until(due) => {}
                },
                None => woken.await,
            }
            Self::send_batch(&shared, Take::Due).await;
        }
    }

    /// Tries everything pending once, including what waits for a retry and
    /// what is queued meanwhile.
    pub(crate) async fn flush(shared: &Arc<Shared>) -> usize {
        let flush = shared.read(|state| state.deliveries.begin_flush());
        let mut sent = 0;
        loop {
            let batch = Self::send_batch(shared, Take::Flush(flush)).await;
            if batch == 0 {
                return sent;
            }
            sent += batch;
        }
    }

    async fn send_batch(shared: &Arc<Shared>, take: Take) -> usize {
        let _turn = shared.sender.turn.lock().await;
        let jobs = shared.read(|state| state.take_jobs(take));
        let count = jobs.len();
        let mut by_endpoint: BTreeMap<String, Vec<Job>> = BTreeMap::new();
        for job in jobs {
            by_endpoint.entry(job.endpoint.clone()).or_default().push(job);
        }
        let mut tasks = JoinSet::new();
        for jobs in by_endpoint.into_values() {
            let shared = Arc::clone(shared);
            tasks.spawn(async move {
                for job in jobs {
                    let at = wall_seconds();
                    let answer = shared.sender.send(&job, at).await;
                    shared.read(|state| state.record_attempt(job.delivery, at, answer));
                }
            });
        }
        while tasks.join_next().await.is_some() {}
        count
    }

    async fn send(&self, job: &Job, at: i64) -> Result<u16, String> {
        let client = self.client.as_ref().ok_or("no HTTP client")?;
        let mut response = client
            .post(&job.url)
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .header("Stripe-Signature", signature_header(&job.secrets, at, &job.body))
            .body(job.body.clone())
            .send()
            .await
            .map_err(|error| reason(&error))?;
        // Reading the answer lets the connection be used again.
        let mut read = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            read += chunk.len();
            if read > MAX_ANSWER_BYTES {
                break;
            }
        }
        Ok(response.status().as_u16())
    }
}

fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        "timed out".to_owned()
    } else if error.is_connect() {
        "could not connect".to_owned()
    } else {
        error.to_string()
    }
}
