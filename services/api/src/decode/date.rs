//! Dates in every form a client writes them (contract rest 1.4).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil, fmt::strtime};
use serde_json::Value;

/// A number above this is milliseconds (contract rest 1.4): as seconds it would lie beyond the year 5000.
const SECONDS_MAX: f64 = 1e11;

/// Reads unix seconds (whole or not), unix milliseconds, ISO 8601 with or without zone and fraction, or the text of a
/// JavaScript `Date`. The result is unix milliseconds.
pub(super) fn date_ms(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => from_number(number.as_f64()?),
        Value::String(text) => from_text(text.trim()),
        _ => None,
    }
}

fn from_number(number: f64) -> Option<i64> {
    let ms = if number.abs() > SECONDS_MAX { number } else { number * 1000.0 };
    number.is_finite().then(|| ms.round() as i64)
}

fn from_text(text: &str) -> Option<i64> {
    if text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'))
        && let Ok(number) = text.parse()
    {
        return from_number(number);
    }
    from_iso(text).or_else(|| from_javascript(text)).map(Timestamp::as_millisecond)
}

// Without a zone it is UTC: the server must not read a date differently depending on where it runs.
fn from_iso(text: &str) -> Option<Timestamp> {
    let civil = || text.parse::<civil::DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    text.parse().ok().or_else(|| Some(civil()?.timestamp()))
}

// `Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)`
fn from_javascript(text: &str) -> Option<Timestamp> {
    let text = text.split(" (").next()?;
    strtime::parse("%a %b %d %Y %H:%M:%S GMT%z", text).ok()?.to_timestamp().ok()
}
