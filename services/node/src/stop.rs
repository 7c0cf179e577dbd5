//! The signals: TERM or INT drains, a second one stops at once.

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Two stages of an end. Whatever was acked is in the store at either.
#[derive(Clone, Default)]
pub struct Stop {
    /// No more traffic is taken; what was begun is finished.
    pub drain: CancellationToken,
    /// Nothing is waited for.
    pub now: CancellationToken,
}

/// Listens for TERM and INT.
pub fn signals() -> Result<Stop> {
    let mut term = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut int = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let stop = Stop::default();
    let listening = stop.clone();
    tokio::spawn(async move {
        for token in [listening.drain, listening.now] {
            tokio::select! {
                biased;
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            info!("stop asked for");
            token.cancel();
        }
    });
    Ok(stop)
}
