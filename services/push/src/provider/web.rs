//! Web Push: what a service worker reads, the headers of the request, and what the answers of push services mean. Pure.
//!
//! The encryption is [`super::encryption`], the proof of who we are [`super::vapid`]. Source: RFC 8030, 8291, 8292.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::alert::{Alert, Channel};
use super::encryption::PLAIN_BYTES_MAX;
use super::jwt::base64;
use super::outcome::{Outcome, Reason, Verdict, readable};
use super::payload::{Payload, PayloadError, Written, fitting};
use super::time_to_live_s;

/// Characters of a topic (RFC 8030, 5.4).
const TOPIC_CHARS: usize = 32;
/// Characters of an endpoint.
const ENDPOINT_MAX: usize = 2_048;

/// What the service worker gets: an object with `message`, and what else there is of `title`, `tag`, `badge`, `category`, `thread`,
/// `silent`, beside the app's keys.
pub(super) fn payload(alert: &Alert) -> Result<Payload, PayloadError> {
    let left_out = alert.data.iter().filter(|(name, _)| is_ours(name)).map(|(name, _)| name.clone()).collect();
    fitting(&alert.text, PLAIN_BYTES_MAX, left_out, |text| {
        let mut root = Map::new();
        let mut put = |name: &str, value: Option<Value>| value.map(|value| root.insert(name.into(), value));
        put("message", Some(text.into()));
        put("title", alert.title.as_deref().map(Value::from));
        put("tag", (!alert.collapse.is_empty()).then(|| alert.collapse.as_str().into()));
        put("badge", alert.badge.map(Value::from));
        put("category", alert.category.as_deref().map(Value::from));
        put("thread", alert.thread.as_deref().map(Value::from));
        put("silent", alert.silent.then(|| true.into()));
        let others = alert.data.iter().filter(|(name, _)| !is_ours(name));
        root.extend(others.map(|(name, value)| (name.clone(), value.clone())));
        Written::whole(&root.into())
    })
}

fn is_ours(name: &str) -> bool {
    matches!(name, "message" | "title" | "tag" | "badge" | "category" | "thread" | "silent")
}

/// What is sent before the encrypted payload, without the proof of who we are. `now` in Unix milliseconds.
pub(super) fn headers(alert: &Alert, now: i64) -> Vec<(&'static str, String)> {
    let urgency = match (alert.silent, alert.high) {
        (true, _) => "low",
        (false, true) => "high",
        (false, false) => "normal",
    };
    let mut headers = vec![
        ("content-encoding", "aes128gcm".to_owned()),
        ("content-type", "application/octet-stream".to_owned()),
        ("ttl", time_to_live_s(Channel::Web, alert, now).to_string()),
        ("urgency", urgency.to_owned()),
    ];
    if !alert.collapse.is_empty() {
        headers.push(("topic", topic(&alert.collapse)));
    }
    headers
}

// Of a hash the first 24 bytes, which are 32 characters.
fn topic(collapse: &str) -> String {
    let mut text = base64(&Sha256::digest(collapse));
    text.truncate(TOPIC_CHARS);
    text
}

/// Scheme, host and port of an endpoint, as a push service compares it (RFC 6454, 6.2). `None` if it is no address on https.
pub(super) fn origin(endpoint: &str) -> Option<String> {
    let fits = endpoint.len() <= ENDPOINT_MAX && endpoint.bytes().all(|b| b.is_ascii_graphic());
    let rest = endpoint.strip_prefix("https://").filter(|_| fits && natter_outbound::is_url(endpoint))?;
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    let authority = authority.strip_suffix(":443").unwrap_or(&authority);
    (!authority.is_empty()).then(|| format!("https://{authority}"))
}

/// What an answer means. Who subscribes chooses the push service, so nothing that it says is about the app's credentials, and a
/// refusal of our proof costs no subscription: our own clock may be the reason (RFC 8292, 4.2 asks for 403 for all of them).
pub(super) fn verdict(status: u16, location: Option<&str>, after: Option<Duration>, body: &[u8]) -> Verdict {
    let reason = || match readable(&String::from_utf8_lossy(body)) {
        text if text.is_empty() => "no reason given".to_owned(),
        text => text,
    };
    match status {
        200..=299 => Verdict::well(Outcome::Accepted { id: location.map(readable) }),
        404 | 410 => Verdict::well(Outcome::Rejected(Reason::Unregistered { since: None })),
        429 => Verdict::later(after, reason()),
        500.. => Verdict::rests(after, reason()),
        _ => Verdict::refused(status, reason()),
    }
}

#[cfg(test)]
#[path = "web/tests.rs"]
mod tests;
