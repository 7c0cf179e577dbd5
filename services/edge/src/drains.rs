//! An edge that an operator empties while it goes on running: it takes no connection, and hands its sessions over at a pace, until it is
//! told otherwise. Not the end of a process, which does not wait so long (`service.rs`).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::actor::SessionMessage;
use crate::service::Edge;

/// How an edge stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Serving,
    /// It takes nothing new, and has sessions.
    Draining,
    /// It takes nothing new, and has none.
    Drained,
}

/// What an operator has ordered: sessions that are handed over in a second; 0: the edge serves.
pub(crate) type Order = watch::Sender<u32>;

/// Drains an edge. Clone; all clones are of the same edge.
#[derive(Clone)]
pub struct Drains(Arc<Edge>);

/// Before those are told once more that are still there.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a session that takes no mail holds up the next.
const PATIENCE: Duration = Duration::from_millis(200);

impl Drains {
    pub(crate) fn of(edge: Arc<Edge>) -> Drains {
        Drains(edge)
    }

    /// Name of the edge on the bus.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// From now on the edge takes no connection, and hands over so many sessions in a second, one at least. Again: at another pace.
    pub fn begin(&self, per_second: u32) {
        self.0.draining.send_replace(per_second.max(1));
        tracing::warn!(sessions = self.sessions(), per_second, "an operator drains this edge");
    }

    /// From now on the edge takes connections, and keeps the sessions that it has. One that serves goes on.
    pub fn end(&self) {
        if self.0.draining.send_replace(0) > 0 {
            tracing::warn!(sessions = self.sessions(), "this edge takes connections again");
        }
    }

    pub fn state(&self) -> State {
        match (self.0.is_drained(), self.sessions()) {
            (false, _) => State::Serving,
            (true, 0) => State::Drained,
            (true, _) => State::Draining,
        }
    }

    /// Sessions that are here.
    pub fn sessions(&self) -> usize {
        self.0.table.len()
    }

    /// Hands sessions over whenever that is ordered, until it is dropped.
    pub(crate) async fn run(self) {
        let mut orders = self.0.draining.subscribe();
        while orders.wait_for(|per_second| *per_second > 0).await.is_ok() {
            self.hand_over().await;
            // Those that were being bound, and those that did not hear.
            let _ = timeout(AGAIN, orders.changed()).await;
        }
    }

    /// Tells each session that is here, unless the order ends meanwhile.
    async fn hand_over(&self) {
        let sessions = self.0.table.all();
        let (mut left, mut per_second) = (sessions.as_slice(), *self.0.draining.borrow());
        while !left.is_empty() && per_second > 0 {
            let (together, pause) = group(per_second);
            let (group, rest) = left.split_at(left.len().min(together));
            for session in group {
                let _ = timeout(PATIENCE, session.deliver(SessionMessage::Drain)).await;
            }
            left = rest;
            sleep(pause).await;
            per_second = *self.0.draining.borrow();
        }
    }
}

/// How many sessions are handed over together, and how long it takes until the next ones are.
fn group(per_second: u32) -> (usize, Duration) {
    match per_second {
        0..10 => (1, Duration::from_secs(1) / per_second.max(1)),
        _ => (per_second as usize / 10, Duration::from_millis(100)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_pace_is_one_by_one_and_a_fast_one_in_groups() {
        assert_eq!(group(1), (1, Duration::from_secs(1)));
        assert_eq!(group(4), (1, Duration::from_millis(250)));
        assert_eq!(group(10), (1, Duration::from_millis(100)));
        assert_eq!(group(2_000), (200, Duration::from_millis(100)));
    }
}
