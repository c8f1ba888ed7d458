//! Runs the Stripe simulator alone: `cargo run -p tillgate-simulator --example stripe [ADDR]`.

use std::io;

use tillgate_simulator::stripe::{Options, Simulator};

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:12111".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("http://{}", listener.local_addr()?);
    let interrupted = async {
        // Without a signal to wait for, the simulator runs until it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    Simulator::new(Options::default()).serve(listener, interrupted).await
}
