//! The wall clock as an argument. Durations and deadlines do not come from here: they are tokio's, so that they can be paused.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Tells the time of day.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Paused { start_ms: i64, started: Instant },
}

impl Clock {
    /// The machine's clock. It may jump, also backwards.
    pub fn system() -> Clock {
        Clock(Source::System)
    }

    /// A clock that shows `start_ms` and from then on moves with tokio's time, paused or not.
    pub fn paused(start_ms: i64) -> Clock {
        Clock(Source::Paused { start_ms, started: Instant::now() })
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub fn now_ms(&self) -> i64 {
        match &self.0 {
            Source::System => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64),
            Source::Paused { start_ms, started } => start_ms + started.elapsed().as_millis() as i64,
        }
    }

    /// Seconds since 1970-01-01 UTC, rounded down.
    pub fn now_s(&self) -> i64 {
        self.now_ms().div_euclid(1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_moves_with_tokio() {
        let clock = Clock::paused(1_800_000_000_900);
        assert_eq!((clock.now_ms(), clock.now_s()), (1_800_000_000_900, 1_800_000_000));
        tokio::time::advance(Duration::from_millis(250)).await;
        assert_eq!((clock.now_ms(), clock.now_s()), (1_800_000_001_150, 1_800_000_001));
    }
}
