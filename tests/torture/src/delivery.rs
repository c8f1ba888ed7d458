//! How webhooks come: doubled, late, in another order, several at a time, to any host, and again until they are
//! acknowledged.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use futures_util::future::join_all;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep};

use crate::host::Host;
use crate::lives::Life;
use crate::provider::Provider;
use crate::tenants::Tenant;

/// How many requests are under way at a time.
const AT_ONCE: usize = 24;

/// After how long the provider hangs up and takes a webhook for unacknowledged.
const PATIENCE: Duration = Duration::from_secs(8);

/// One attempt to deliver one webhook.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// When, since the run began.
    pub(crate) at: Duration,
    /// Which of the life's moments.
    pub(crate) moment: usize,
    /// To which host.
    pub(crate) host: usize,
    /// What came of it.
    pub(crate) outcome: String,
}

/// What delivers all lives' webhooks.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// The lives.
    pub(crate) lives: Arc<Vec<Life>>,
    /// The provider they are at.
    pub(crate) provider: Arc<Provider>,
    /// The hosts.
    pub(crate) hosts: Vec<Arc<Host>>,
    /// The tenants.
    pub(crate) tenants: Vec<Tenant>,
    /// How long the lives are to be spread over.
    pub(crate) duration: Duration,
    client: reqwest::Client,
    began: Instant,
    places: Semaphore,
    taken_in: watch::Sender<HashSet<String>>,
    hurry: watch::Sender<bool>,
    attempts: Vec<Mutex<Vec<Attempt>>>,
    outcomes: Mutex<BTreeMap<String, u64>>,
    acknowledged: AtomicU64,
}

impl Delivery {
    /// One, which has delivered nothing yet.
    ///
    /// # Errors
    /// There is no client.
    pub(crate) fn new(
        lives: Arc<Vec<Life>>,
        provider: Arc<Provider>,
        hosts: Vec<Arc<Host>>,
        tenants: Vec<Tenant>,
        duration: Duration,
    ) -> Result<Self> {
        Ok(Self {
            attempts: lives.iter().map(|_| Mutex::default()).collect(),
            lives,
            provider,
            hosts,
            tenants,
            duration,
            client: reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?,
            began: Instant::now(),
            places: Semaphore::new(AT_ONCE),
            taken_in: watch::Sender::new(HashSet::new()),
            hurry: watch::Sender::new(false),
            outcomes: Mutex::default(),
            acknowledged: AtomicU64::new(0),
        })
    }

    /// How long it has been going on.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// What has been taken in by now.
    pub(crate) fn learn(&self, taken_in: HashSet<String>) {
        self.taken_in.send_replace(taken_in);
    }

    /// From now on nothing waits that needn't.
    pub(crate) fn hurry(&self) {
        self.hurry.send_replace(true);
    }

    /// Whether it is in a hurry.
    pub(crate) fn hurries(&self) -> bool {
        *self.hurry.borrow()
    }

    /// What came of all attempts, and how many there were of each.
    pub(crate) fn outcomes(&self) -> BTreeMap<String, u64> {
        self.outcomes.lock().unwrap().clone()
    }

    /// How many webhooks were acknowledged, each counted once.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// The attempts of a life.
    pub(crate) fn attempts(&self, life: usize) -> Vec<Attempt> {
        self.attempts[life].lock().unwrap().clone()
    }

    /// Waits, unless it is in a hurry.
    pub(crate) async fn wait(&self, duration: Duration) {
        let mut hurry = self.hurry.subscribe();
        tokio::select! {
            () = sleep(duration) => {}
            _ = hurry.wait_for(|hurry| *hurry) => {}
        }
    }

    /// Delivers a life's webhooks, all of them.
    pub(crate) async fn live(self: Arc<Self>, number: usize) {
        let life = &self.lives[number];
        self.wait(some_of(self.duration.mul_f64(0.5))).await;
        let windows = life.moments.len().div_ceil(if life.orderly { 1 } else { 3 });
        let pause = self.duration.mul_f64(0.7).div_f64(windows.max(1) as f64);
        let mut begin = 0;
        while begin < life.moments.len() {
            let width = if life.orderly { 1 } else { fastrand::usize(1..=5) };
            let end = (begin + width).min(life.moments.len());
            let mut happens = Duration::ZERO;
            join_all((begin..end).map(|place| {
                happens += some_of(Duration::from_millis(150));
                self.tell(number, place, happens)
            }))
            .await;
            begin = end;
            self.wait(some_of(pause)).await;
        }
    }

    /// A moment happens, and its webhook is sent until it is acknowledged, and perhaps again.
    async fn tell(self: &Arc<Self>, number: usize, place: usize, happens: Duration) {
        let life = &self.lives[number];
        self.wait(happens).await;
        if life.orderly {
            // Asked about the moment before, the provider must not know of this one.
            self.until_taken_in(life, &life.moments[place].after).await;
        }
        self.provider.progress(number).advance_to(place + 1);
        if !life.orderly {
            self.wait(some_of(Duration::from_millis(600))).await;
            self.until_taken_in(life, &life.moments[place].after).await;
        }
        if fastrand::u8(..100) < 35 {
            for _ in 0..fastrand::usize(1..=2) {
                let this = Arc::clone(self);
                let late = if fastrand::bool() {
                    Duration::ZERO
                } else {
                    some_of(Duration::from_secs(3))
                };
                tokio::spawn(async move {
                    this.wait(late).await;
                    this.post(number, place).await;
                });
            }
        }
        while !self.post(number, place).await {
            let pause = if self.hurries() { 100 } else { fastrand::u64(50..1_000) };
            sleep(Duration::from_millis(pause)).await;
        }
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
    }

    async fn until_taken_in(&self, life: &Life, moments: &[usize]) {
        let mut taken_in = self.taken_in.subscribe();
        let all = |known: &HashSet<String>| {
            moments
                .iter()
                .all(|place| known.contains(&life.moments[*place].event_id))
        };
        let _known = taken_in.wait_for(all).await;
    }

    /// Posts a webhook to some host; whether it is acknowledged.
    async fn post(&self, number: usize, place: usize) -> bool {
        let Ok(_place) = self.places.acquire().await else {
            return false;
        };
        let life = &self.lives[number];
        let tenant = &self.tenants[life.tenant];
        let body = life.moments[place].body(life.shape, self.provider.progress(number).correlation().as_deref());
        let host = fastrand::usize(..self.hosts.len());
        let url = format!("{}/v1/webhooks/{}", self.hosts[host].api(), tenant.account);
        let request = self
            .client
            .post(url)
            .header("stripe-signature", signature(&tenant.secret, &body))
            .header("content-type", "application/json")
            .body(body);
        let at = self.began.elapsed();
        let (outcome, acknowledged) = match request.send().await {
            Ok(answer) => (answer.status().as_u16().to_string(), answer.status().is_success()),
            Err(error) if error.is_timeout() => ("no answer in time".to_owned(), false),
            Err(error) if error.is_connect() => ("not reached".to_owned(), false),
            Err(_) => ("the connection broke".to_owned(), false),
        };
        *self.outcomes.lock().unwrap().entry(outcome.clone()).or_default() += 1;
        self.attempts[number].lock().unwrap().push(Attempt {
            at,
            moment: place,
            host,
            outcome,
        });
        acknowledged
    }
}

fn some_of(duration: Duration) -> Duration {
    duration.mul_f64(fastrand::f64())
}

/// Signs as Stripe does (<https://docs.stripe.com/webhooks#verify-manually>), by the real clock: a webhook that is sent
/// again is signed again.
fn signature(secret: &str, body: &str) -> String {
    let seconds = jiff::Timestamp::now().as_second();
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(format!("{seconds}.{body}").as_bytes());
    format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
}
