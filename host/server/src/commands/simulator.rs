//! `tillgate simulator`

use tillgate_simulator::stripe;
use tokio::net::TcpListener;

use crate::cli::SimulatorCommand;
use crate::{Failure, lifecycle};

pub(crate) async fn simulator(command: SimulatorCommand) -> Result<(), Failure> {
    let SimulatorCommand::Stripe { listen, seed } = command;
    let ending = lifecycle::end_on_signal()?;
    let listener = TcpListener::bind(listen).await.map_err(|error| Failure::Bind {
        key: "--listen".to_owned(),
        address: listen,
        error,
    })?;
    println!("simulated Stripe is ready: http://{}", listener.local_addr()?);
    let simulator = stripe::Simulator::new(stripe::Options {
        seed,
        ..stripe::Options::default()
    });
    simulator
        .serve(listener, async move { ending.cancelled().await })
        .await?;
    Ok(())
}
