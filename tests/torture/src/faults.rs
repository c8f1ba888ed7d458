//! What is done to what runs, at random moments, again and again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use crate::delivery::Delivery;
use crate::host::Host;
use crate::options::Fault;
use crate::postgres::Postgres;
use crate::provider::{Mood, Provider};
use crate::proxy::{Passage, Proxy};
use crate::store::Store;

/// All that faults can happen to.
#[derive(Debug)]
pub(crate) struct World {
    /// The hosts.
    pub(crate) hosts: Vec<Arc<Host>>,
    /// The server, if there is one.
    pub(crate) postgres: Option<tokio::sync::Mutex<Postgres>>,
    /// What is between each host and the server.
    pub(crate) database_proxies: Vec<Proxy>,
    /// The provider.
    pub(crate) provider: Arc<Provider>,
    /// What is in front of it.
    pub(crate) provider_proxy: Proxy,
    /// The database.
    pub(crate) store: Store,
    /// What was done, when and to whom.
    pub(crate) log: Mutex<Vec<(Duration, String)>>,
    /// How often each was done.
    pub(crate) counts: Mutex<BTreeMap<Fault, u64>>,
}

fn millis(rng: &mut fastrand::Rng, from: u64, to: u64) -> Duration {
    Duration::from_millis(rng.u64(from..to))
}

impl World {
    /// Does these faults, one after the other, until the deliveries are in a hurry.
    ///
    /// # Errors
    /// Something couldn't be started again.
    pub(crate) async fn torment(&self, delivery: &Delivery, faults: &[Fault], mut rng: fastrand::Rng) -> Result<()> {
        while !faults.is_empty() {
            delivery.wait(millis(&mut rng, 200, 1_800)).await;
            if delivery.hurries() {
                break;
            }
            let fault = faults[rng.usize(..faults.len())];
            let began = delivery.elapsed();
            let told = self.happen(fault, &mut rng).await?;
            *self.counts.lock().unwrap().entry(fault).or_default() += 1;
            let took = delivery.elapsed().saturating_sub(began);
            self.log
                .lock()
                .unwrap()
                .push((began, format!("{fault}: {told}, {} ms", took.as_millis())));
        }
        Ok(())
    }

    async fn happen(&self, fault: Fault, rng: &mut fastrand::Rng) -> Result<String> {
        let number = rng.usize(..self.hosts.len());
        let host = &self.hosts[number];
        Ok(match fault {
            Fault::KillHost => {
                host.kill().await?;
                sleep(millis(rng, 0, 1_000)).await;
                host.start_patiently().await?;
                format!("host {number} is killed and started again")
            }
            Fault::PauseHost => {
                host.pause(millis(rng, 300, 3_000)).await?;
                format!("host {number} stands still")
            }
            Fault::KillDatabase => self.kill_database(millis(rng, 0, 1_500)).await?,
            Fault::CutDatabase => {
                self.database_proxies[number].set(Passage::Cut);
                sleep(millis(rng, 100, 3_000)).await;
                self.database_proxies[number].set(Passage::Open);
                format!("host {number} is cut off the database")
            }
            Fault::HoldDatabase => self.hold_database(number, millis(rng, 300, 6_000), rng.bool()).await,
            Fault::ProviderAway => {
                let passage = if rng.bool() { Passage::Cut } else { Passage::Held };
                self.provider_proxy.set(passage);
                sleep(millis(rng, 300, 4_000)).await;
                self.provider_proxy.set(Passage::Open);
                format!("the provider's line is {passage:?}")
            }
            Fault::ProviderSlow => {
                let most = millis(rng, 200, 2_000);
                self.provider.is(Mood::Slow(most));
                sleep(millis(rng, 1_000, 6_000)).await;
                self.provider.is(Mood::Well);
                format!("the provider takes up to {} ms", most.as_millis())
            }
            Fault::ProviderFails => {
                self.provider.is(Mood::Failing);
                sleep(millis(rng, 300, 3_000)).await;
                self.provider.is(Mood::Well);
                "the provider answers 500".to_owned()
            }
            Fault::Leases => match self.store.let_time_pass().await {
                Ok(entries) => format!("{entries} stored webhooks become due, whoever has them"),
                Err(_) => "the database is away".to_owned(),
            },
        })
    }

    async fn kill_database(&self, away: Duration) -> Result<String> {
        if let Some(postgres) = &self.postgres {
            let mut postgres = postgres.lock().await;
            postgres.kill()?;
            sleep(away).await;
            postgres.restart().await?;
        }
        Ok("PostgreSQL is killed and started again".to_owned())
    }

    async fn hold_database(&self, number: usize, duration: Duration, cut: bool) -> String {
        let proxy = &self.database_proxies[number];
        proxy.set(Passage::Held);
        sleep(duration).await;
        if cut {
            proxy.set(Passage::Cut);
            sleep(Duration::from_millis(50)).await;
        }
        proxy.set(Passage::Open);
        let then = if cut { "is lost" } else { "comes late" };
        format!("what host {number} and the database tell each other {then}")
    }

    /// Ends every fault.
    pub(crate) fn relent(&self) {
        self.provider.is(Mood::Well);
        for proxy in self.database_proxies.iter().chain([&self.provider_proxy]) {
            proxy.set(Passage::Open);
        }
    }
}
