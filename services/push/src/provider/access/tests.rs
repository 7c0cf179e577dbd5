//! When a token is used, when it is exchanged, and what the house's answers mean.
#![allow(clippy::unwrap_used)]

use super::*;

const NOW: i64 = 1_800_000_000_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;

#[test]
fn a_token_is_exchanged_before_its_end_and_used_to_its_last_seconds_if_there_is_no_other() {
    let known = known(json!({"access_token": "t", "expires_in": 3_600}));
    let of = |at| (known.fresh(at).is_some(), known.usable(at).is_some());
    assert_eq!(of(NOW), (true, true));
    assert_eq!(of(NOW + HOUR_MS - AHEAD_MS - 1), (true, true));
    assert_eq!(of(NOW + HOUR_MS - AHEAD_MS), (false, true));
    assert_eq!(of(NOW + HOUR_MS - LAST_MS - 1), (false, true));
    assert_eq!(of(NOW + HOUR_MS - LAST_MS), (false, false));
    assert_eq!(of(NOW - 1), (false, true), "the clock was set back");
}

#[test]
fn a_short_life_is_used_to_its_half_and_a_long_one_is_not_believed() {
    let short = known(json!({"access_token": "t", "expires_in": 60}));
    assert!(short.fresh(NOW + 29_999).is_some() && short.fresh(NOW + 30_000).is_none());
    let long = known(json!({"access_token": "t", "expires_in": i64::MAX}));
    assert!(long.fresh(NOW + 23 * HOUR_MS).is_some() && long.usable(NOW + 24 * HOUR_MS).is_none());
    assert!(known(json!({"access_token": "t", "expires_in": -5})).usable(NOW).is_none());
    assert!(known(json!({"access_token": "t"})).usable(NOW + HOUR_MS / 2).is_some());
}

#[test]
fn what_is_no_token_is_not_sent() {
    let after = Some(Duration::from_secs(9));
    let of = |status, body: Value| token(status, after, &body, NOW).map(drop).unwrap_err();
    for bad in ["", "a b", "a\r\nx: y", "ü"] {
        assert_eq!(of(200, json!({"access_token": bad})).health, Verdict::unwell("").health, "{bad:?}");
    }
    let reason = "no access token: invalid_grant";
    assert_eq!(of(400, json!({"error": "invalid_grant"})), Verdict::credentials(400, reason));
    assert_eq!(of(401, json!({"error": "invalid_grant"})), Verdict::credentials(401, reason));
    assert_eq!(of(503, json!({"error": "invalid_grant"})), Verdict::rests(after, reason));
    assert_eq!(of(429, json!({"error": "invalid_grant"})), Verdict::rests(after, reason));
    assert!(matches!(of(302, Value::Null).outcome, Outcome::Later { .. }));
}

fn known(body: Value) -> Known {
    Known { token: Some(token(200, None, &body, NOW).unwrap()), ..Known::default() }
}
