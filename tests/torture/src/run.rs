//! A run from its beginning to its end.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use crate::compare::compare;
use crate::delivery::Delivery;
use crate::faults::World;
use crate::host::Host;
use crate::lives::{Life, lives};
use crate::observed::Observed;
use crate::options::{Database, Fault, Options};
use crate::postgres::Postgres;
use crate::provider::Provider;
use crate::proxy::Proxy;
use crate::report::Report;
use crate::store::Store;
use crate::tenants::{Tenant, check_out, make};

/// How often is looked at what was taken in.
const LOOK: Duration = Duration::from_millis(200);

/// How long the rest of the deliveries may take once the faults are over: many at a time, and each at once.
const REST: Duration = Duration::from_secs(120);

/// How long it may take until no stored webhook waits: longer than the longest pause of a circuit breaker, and of a lease.
const DRAIN: Duration = Duration::from_secs(180);

/// Makes a run.
///
/// # Errors
/// It couldn't be made: that says nothing about the gateway, unless a host doesn't start any more or webhooks stay behind.
pub async fn run(options: Options) -> Result<Report> {
    options.check()?;
    // The plan is the seed's; how the parts of a run meet in time is not.
    fastrand::seed(options.seed);
    let began = Instant::now();
    let lives = Arc::new(lives(&options));
    let (world, tenants) = world(&options, &lives).await?;
    let delivery = Arc::new(Delivery::new(
        Arc::clone(&lives),
        Arc::clone(&world.provider),
        world.hosts.clone(),
        tenants.clone(),
        options.duration,
    )?);
    let own_server = match &world.postgres {
        Some(postgres) => postgres.lock().await.is_own(),
        None => false,
    };
    let faults = options.possible_faults(own_server);
    let looking = look(world.store.clone(), Arc::clone(&delivery));
    deliver(&options, &world, &delivery, &faults).await?;
    drain(&world).await?;
    looking.abort();
    let taken_in = world.store.taken_in().await?;
    let api = world.hosts[0].api();
    let observed = Observed::read(&api, &tenants, &world.store).await?;
    let mismatches = compare(&lives, &observed, &taken_in);
    let report = Report {
        took: began.elapsed(),
        asked: world.provider.asked(),
        things: observed.things.values().map(Vec::len).sum(),
        published: observed.events.len(),
        inbox: world.store.inbox().await?,
        log: world.log.lock().unwrap().clone(),
        faults: world.counts.lock().unwrap().clone(),
        delivery,
        observed,
        mismatches,
        options,
    };
    for host in &world.hosts {
        host.kill().await?;
    }
    Ok(report)
}

/// Starts everything, and lets nothing happen to it yet.
async fn world(options: &Options, lives: &Arc<Vec<Life>>) -> Result<(World, Vec<Tenant>)> {
    let provider = Arc::new(Provider::new(Arc::clone(lives)));
    let provider_proxy = Proxy::start(provider.serve().await?).await?;
    let origin = format!("http://{}", provider_proxy.address);
    let postgres = match options.database {
        Database::Sqlite => None,
        Database::Postgres => Some(Postgres::provide().await?),
    };
    let (mut hosts, mut database_proxies) = (Vec::new(), Vec::new());
    for _ in 0..options.hosts {
        let url = match &postgres {
            None => None,
            Some(postgres) => {
                let proxy = Proxy::start(postgres.address()).await?;
                let address: SocketAddr = proxy.address;
                database_proxies.push(proxy);
                Some(postgres.url_by(address))
            }
        };
        let host = Host::new(url, origin.clone(), options.show_logs)?;
        host.start().await?;
        hosts.push(Arc::new(host));
    }
    let url = match &postgres {
        None => hosts[0].database_url().to_owned(),
        Some(postgres) => postgres.url_by(postgres.address()),
    };
    let world = World {
        store: Store::open(&url).await?,
        postgres: postgres.map(tokio::sync::Mutex::new),
        hosts,
        database_proxies,
        provider,
        provider_proxy,
        log: Mutex::default(),
        counts: Mutex::default(),
    };
    let api = world.hosts[0].api();
    let tenants = make(&api, &origin).await?;
    check_out(&api, &tenants, lives, &world.provider).await?;
    Ok((world, tenants))
}

fn look(store: Store, delivery: Arc<Delivery>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            // The database may be away: then there is nothing new.
            if let Ok(taken_in) = store.taken_in().await {
                delivery.learn(taken_in);
            }
            sleep(LOOK).await;
        }
    })
}

/// Delivers everything, with faults for as long as was asked for.
async fn deliver(options: &Options, world: &World, delivery: &Arc<Delivery>, faults: &[Fault]) -> Result<()> {
    let mut living = JoinSet::new();
    for life in delivery.lives.iter() {
        living.spawn(Arc::clone(delivery).live(life.number));
    }
    let (of_provider, of_hosts): (Vec<Fault>, Vec<Fault>) = faults.iter().partition(|fault| fault.is_the_providers());
    let mut seeds = fastrand::Rng::with_seed(!options.seed);
    let (one, other) = (seeds.fork(), seeds.fork());
    let over = async {
        sleep(options.duration).await;
        delivery.hurry();
        anyhow::Ok(())
    };
    tokio::try_join!(
        world.torment(delivery, &of_hosts, one),
        world.torment(delivery, &of_provider, other),
        over
    )?;
    world.relent();
    for host in &world.hosts {
        if !host.is_up() {
            host.start_patiently().await?;
        }
    }
    // What waits to be taken in before another is sent needn't wait for pauses to run out either.
    let all = async {
        while let Some(ended) = living.join_next().await {
            ended?;
        }
        anyhow::Ok(())
    };
    let passing = async {
        loop {
            sleep(Duration::from_secs(1)).await;
            world.store.let_time_pass().await?;
        }
    };
    let rest = async {
        tokio::select! {
            ended = all => ended,
            failed = passing => failed,
        }
    };
    let delivered = timeout(REST, rest).await;
    delivered.with_context(|| format!("not all was acknowledged within {} s after the faults", REST.as_secs()))?
}

/// Waits until no stored webhook waits. Time passes faster: pauses and leases run out.
async fn drain(world: &World) -> Result<()> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .build()?;
    let deadline = Instant::now() + DRAIN;
    loop {
        let url = format!("{}/readyz", world.hosts[0].operations());
        let answer = match client.get(&url).send().await {
            Ok(answer) => answer.json().await.unwrap_or(Value::Null),
            Err(_) => Value::Null,
        };
        let waiting = &answer["webhooks"];
        if waiting["pending"] == 0 && waiting["dead"] == 0 {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let left = world.store.unprocessed().await?;
            bail!("stored webhooks stay behind: {answer}, {left:?}");
        }
        world.store.let_time_pass().await?;
        sleep(Duration::from_millis(500)).await;
    }
}
