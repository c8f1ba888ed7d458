//! When it ends: a first signal asks everything to come to its end, a second one doesn't wait for that.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The exit code of a process that was told twice to end: 128 + SIGINT.
const TOLD_TWICE: i32 = 130;

/// Signals that come so close together are one.
const ONE_WORD: Duration = Duration::from_secs(1);

/// Gives a token that is canceled when the process is asked to end.
pub(crate) fn end_on_signal() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let ending = token.clone();
    tokio::spawn(async move {
        let mut first: Option<Instant> = None;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            match first {
                None => {
                    first = Some(Instant::now());
                    tracing::info!("asked to end: no new requests, those under way may finish");
                    ending.cancel();
                }
                // Some supervisors tell the process and its group, which it is of: that is one word, said twice.
                Some(first) if first.elapsed() < ONE_WORD => {}
                Some(_) => std::process::exit(TOLD_TWICE),
            }
        }
    });
    Ok(token)
}
