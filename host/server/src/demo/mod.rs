//! The demonstration: gateway and simulated provider in one process, one customer from checkout to cancellation.
//!
//! Everything it prints is what happened in this run: the requests go through the real HTTP surface, the webhooks come
//! from the simulator over a socket, and the plugin runs in its sandbox.

mod browser;
mod printer;
mod story;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tillgate_simulator::stripe;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, LogFormat};
use crate::serve::Gateway;
use crate::wiring::{Migrations, random_base64};
use crate::{Failure, lifecycle, output};

use browser::Browser;
use printer::Printer;
use story::Story;

/// Runs it. `once` ends after the story; otherwise all stays up until a signal comes.
pub(crate) async fn run(plugins: PathBuf, once: bool, listen: SocketAddr) -> Result<(), Failure> {
    check_plugins(&plugins)?;
    let printer = Printer::new();
    let directory = tempfile::Builder::new().prefix("tillgate-demo-").tempdir()?;
    let signal = lifecycle::end_on_signal()?;
    let ending = CancellationToken::new();

    let simulator_listener = TcpListener::bind("127.0.0.1:0").await?;
    let simulator_url = format!("http://{}", simulator_listener.local_addr()?);
    let simulator = stripe::Simulator::new(stripe::Options::default());
    let simulating = ending.clone();
    let simulator_server =
        tokio::spawn(simulator.serve(simulator_listener, async move { simulating.cancelled().await }));

    let admin_token = random_base64(32)?;
    let config = configuration(directory.path(), plugins, listen, &simulator_url, &admin_token)?;
    output::log_to_stderr(&config.log, None)?;
    let started = std::time::Instant::now();
    let gateway = Gateway::prepare(config, Migrations::Apply).await?;
    let api_url = format!("http://{}", gateway.api_address()?);
    printer.title(&api_url, &simulator_url, started.elapsed());
    let app = gateway.application();
    let serving = ending.clone();
    let gateway_server = tokio::spawn(gateway.serve(serving));

    let browser = Browser::new(&api_url, &simulator_url)?;
    let mut story = Story::new(app, &printer, &browser, &api_url, &simulator_url, &admin_token);
    let told = tokio::select! {
        told = story.tell() => told,
        () = signal.cancelled() => Ok(()),
    };
    if told.is_ok() && !once && !signal.is_cancelled() {
        story.open_another_checkout().await?;
        printer.stays_up(&api_url, &simulator_url, &admin_token, &story);
        signal.cancelled().await;
    }
    ending.cancel();
    let served = gateway_server
        .await
        .map_err(|error| Failure::Stopped(error.to_string()))?;
    let simulated = simulator_server
        .await
        .map_err(|error| Failure::Stopped(error.to_string()))?;
    told?;
    served?;
    Ok(simulated?)
}

fn check_plugins(directory: &Path) -> Result<(), Failure> {
    let wanted = directory.join("stripe.wasm");
    if wanted.is_file() {
        return Ok(());
    }
    Err(Failure::Said(format!(
        "{} does not exist; build the plugins with `cargo xtask plugins`, or name their directory with --plugins",
        wanted.display()
    )))
}

fn configuration(
    directory: &Path,
    plugins: PathBuf,
    listen: SocketAddr,
    simulator_url: &str,
    admin_token: &str,
) -> Result<Config, Failure> {
    let mut config = Config::default();
    config.server.listen = free_or_any(listen);
    config.server.operations_listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.database.url = format!("sqlite://{}", directory.join("tillgate.db").display());
    config.secrets.master_key = Some(random_base64(32)?);
    config.egress.origin_overrides = vec![simulator_url.to_owned()];
    config.admin.token = Some(admin_token.to_owned());
    config.plugins.directory = plugins;
    config.plugins.cache_directory = Some(directory.join("plugin-cache"));
    config.log.level = "warn".to_owned();
    config.log.format = LogFormat::Text;
    Ok(config)
}

/// The wanted address, or the same one with a free port.
fn free_or_any(wanted: SocketAddr) -> SocketAddr {
    match std::net::TcpListener::bind(wanted) {
        Ok(_) => wanted,
        Err(_) => SocketAddr::new(wanted.ip(), 0),
    }
}
