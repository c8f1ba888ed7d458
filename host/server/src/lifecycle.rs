//! When it ends: a first signal asks everything to come to its end, a second one doesn't wait for that.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code of a process that was told twice to end: 128 + SIGINT.
const TOLD_TWICE: i32 = 130;

/// Gives a token that is canceled when the process is asked to end.
pub(crate) fn end_on_signal() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let ending = token.clone();
    tokio::spawn(async move {
        for told in 1.. {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if told > 1 {
                std::process::exit(TOLD_TWICE);
            }
            tracing::info!("asked to end: no new requests, those under way may finish");
            ending.cancel();
        }
    });
    Ok(token)
}
