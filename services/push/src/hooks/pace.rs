//! When a receiver that fails is asked again. After failures in a row its webhook pauses: everything that waits keeps its order, and one
//! request at a time is tried, later each time. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::push::v1::WebhookState;

use crate::options::WebhookOptions;

/// What an attempt came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    Delivered,
    /// The receiver did not take it, or was not reached. What it said.
    Failed(String),
    /// It says that it is gone for good.
    Gone,
    /// It was not sent, and that is not the receiver's doing.
    Later(String),
}

/// As a status of the answer says.
pub fn outcome_of(status: u16) -> Outcome {
    match status {
        200..=299 => Outcome::Delivered,
        410 => Outcome::Gone,
        300..=399 => Outcome::Failed(format!("status {status}: redirects are not followed")),
        status => Outcome::Failed(format!("status {status}")),
    }
}

/// The state after it. Whether that is worth keeping at once.
pub fn note(state: &mut WebhookState, outcome: &Outcome, options: &WebhookOptions, now: i64, chance: u64) -> bool {
    let answer = match outcome {
        Outcome::Later(_) => return false,
        Outcome::Delivered => {
            let failed = state.failures > 0;
            let (dropped, answer) = (state.dropped, std::mem::take(&mut state.answer));
            *state = WebhookState { dropped, answer, delivered_at: now, ..WebhookState::default() };
            return failed;
        }
        Outcome::Gone => "status 410: it says that it is gone for good",
        Outcome::Failed(answer) => answer.as_str(),
    };
    state.failures = state.failures.saturating_add(1);
    state.answer = answer.to_owned();
    if state.failing_since == 0 {
        state.failing_since = now;
    }
    state.gone = *outcome == Outcome::Gone;
    state.paused = state.gone || state.failures >= options.failures_max;
    if state.paused {
        let probes = state.failures.saturating_sub(options.failures_max);
        state.next_at = now + spread(doubled(options.probe_ms, probes, options.probe_ms_max), chance);
    }
    true
}

/// The pause before try number `tried + 1` of one delivery.
pub fn retry_ms(tried: u32, options: &WebhookOptions, chance: u64) -> i64 {
    spread(doubled(options.retry_ms, tried.saturating_sub(1), options.probe_ms), chance)
}

fn doubled(first: u64, times: u32, most: u64) -> u64 {
    first.saturating_mul(1_u64.checked_shl(times).unwrap_or(u64::MAX)).min(most.max(first)).max(1)
}

/// At least half of it, so that those who failed together do not return together.
fn spread(ms: u64, chance: u64) -> i64 {
    i64::try_from(ms / 2 + chance % (ms / 2 + 1)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_five_failures_in_a_row_it_pauses_longer_each_time_until_one_succeeds() {
        let (options, mut state) = (WebhookOptions::default(), WebhookState { dropped: 3, ..WebhookState::default() });
        for n in 1..=4 {
            assert!(note(&mut state, &Outcome::Failed("status 500".into()), &options, n, 0));
            assert_eq!((state.failures, state.paused, state.failing_since), (n as u32, false, 1));
        }
        let pauses: Vec<i64> = (5..=11)
            .map(|n| {
                note(&mut state, &Outcome::Failed("status 500".into()), &options, n, u64::MAX);
                assert!(state.paused);
                state.next_at - n
            })
            .collect();
        assert!(pauses.windows(2).all(|two| two[0] <= two[1]) && pauses[0] >= 15_000 && pauses[6] >= 300_000, "{pauses:?}");
        assert!(!note(&mut state, &Outcome::Later("busy".into()), &options, 12, 0), "not the receiver's doing");
        assert_eq!(state.failures, 11);
        assert!(note(&mut state, &Outcome::Delivered, &options, 99, 0));
        let well = WebhookState { dropped: 3, delivered_at: 99, answer: "status 500".into(), ..WebhookState::default() };
        assert_eq!(state, well);
        assert!(!note(&mut state, &Outcome::Delivered, &options, 100, 0), "that it goes on is not written each time");
    }

    #[test]
    fn one_that_is_gone_pauses_at_once() {
        let (options, mut state) = (WebhookOptions::default(), WebhookState::default());
        note(&mut state, &outcome_of(410), &options, 1, 0);
        assert!(state.paused && state.gone && state.next_at > 10_000);
    }

    #[test]
    fn only_two_hundreds_are_taken_for_taken() {
        assert_eq!([200, 204, 299].map(outcome_of), [Outcome::Delivered, Outcome::Delivered, Outcome::Delivered]);
        for status in [100, 301, 302, 400, 404, 429, 500, 503] {
            assert!(matches!(outcome_of(status), Outcome::Failed(_)), "{status}");
        }
    }

    #[test]
    fn tries_of_one_delivery_are_further_apart_each_time() {
        let options = WebhookOptions::default();
        assert_eq!([1, 2, 3, 40].map(|tried| retry_ms(tried, &options, 0)), [500, 1_000, 2_000, 15_000]);
        assert_eq!(retry_ms(1, &WebhookOptions { retry_ms: 0, ..options }, 9), 0);
    }
}
