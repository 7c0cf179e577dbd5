//! How long to wait before the next try, and when a provider is to be left alone. Pure: the time and the chance are given.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

use super::outcome::Health;

/// The first pause, and the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// Failures in a row after which a provider is left alone.
const FAILURES_MAX: u32 = 5;
/// Failures that are so old say nothing.
const FORGET_MS: u64 = 2 * 60 * 1_000;
/// The longest rest that a provider gets because it asks for it.
pub(super) const REST_MAX: Duration = Duration::from_secs(60 * 60);

/// The pause before try number `tried + 1`: doubled each time up to a minute, and of that at least half, the rest by `chance`, so
/// that those who failed together do not return together.
pub fn pause(tried: u32, chance: u64) -> Duration {
    let whole = FIRST.saturating_mul(1 << tried.saturating_sub(1).min(10)).min(LONGEST);
    let half = whole / 2;
    half + Duration::from_millis(chance % (half.as_millis() as u64 + 1))
}

/// Whether a provider is asked. It is not while it rests, and after failures in a row one alert tries it before the others.
///
/// Times are milliseconds of one clock that does not jump.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Circuit {
    failures: u32,
    failed_at: u64,
    /// Rests in a row.
    rests: u32,
    /// Left alone because it failed: until when, and whether somebody tries it.
    broken_until: Option<u64>,
    is_tried: bool,
    /// Left alone because it asked for it.
    rests_until: u64,
}

/// How one may ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pass {
    Free,
    /// As the one that tries.
    Trial,
}

impl Circuit {
    /// Whether one may ask at `now`; else how long to wait.
    pub fn admit(&mut self, now: u64) -> Result<Pass, Duration> {
        if now < self.rests_until {
            return Err(Duration::from_millis(self.rests_until - now));
        }
        match self.broken_until {
            None => Ok(Pass::Free),
            Some(until) if now < until => Err(Duration::from_millis(until - now)),
            Some(_) if self.is_tried => Err(FIRST),
            Some(_) => {
                self.is_tried = true;
                Ok(Pass::Trial)
            }
        }
    }

    /// How long it is left alone yet, if it is.
    pub fn left(&self, now: u64) -> Option<Duration> {
        let until = self.rests_until.max(self.broken_until.unwrap_or(0));
        (now < until).then(|| Duration::from_millis(until - now))
    }

    /// Notes an answer to one who asked with `pass`. `None`: he went away without one.
    pub fn note(&mut self, now: u64, pass: Pass, health: Option<Health>, chance: u64) {
        if pass == Pass::Trial {
            self.is_tried = false;
        }
        match health {
            None => {}
            Some(Health::Well) => (self.failures, self.rests, self.broken_until) = (0, 0, None),
            Some(Health::Rests(time)) => {
                let until = now + time.min(REST_MAX).as_millis() as u64;
                self.rests_until = self.rests_until.max(until);
                (self.failures, self.broken_until) = (0, None);
            }
            // Those who had asked before it was left alone say nothing new.
            Some(Health::Unwell) if self.broken_until.is_some() && pass == Pass::Free => {}
            Some(Health::Unwell) => {
                self.failures = if now - self.failed_at > FORGET_MS { 1 } else { self.failures + 1 };
                self.failed_at = now;
                if self.failures >= FAILURES_MAX || pass == Pass::Trial {
                    self.rests += 1;
                    self.broken_until = Some(now + pause(self.rests, chance).as_millis() as u64);
                }
            }
        }
    }

    /// Whether nothing is remembered that counts at `now`.
    pub fn is_fresh(&self, now: u64) -> bool {
        let remembers = self.failures > 0 && now - self.failed_at <= FORGET_MS;
        !remembers && self.left(now).is_none()
    }
}

#[cfg(test)]
#[path = "backoff/tests.rs"]
mod tests;
