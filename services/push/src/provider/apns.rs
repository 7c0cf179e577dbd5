//! Apple's push service: what is sent, in which headers, and what its answers mean. Pure.
//!
//! Source: Apple, "Sending notification requests to APNs", "Handling notification responses from APNs".
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::alert::{Alert, Channel, PushType};
use super::outcome::{Outcome, Reason, Verdict, readable};
use super::payload::{Payload, PayloadError, Written, fitting};
use super::time_to_live_s;

/// Bytes of a payload, and of one of VoIP.
const BYTES_MAX: usize = 4_096;
const VOIP_BYTES_MAX: usize = 5_120;
/// Bytes of a collapse id.
const COLLAPSE_MAX: usize = 64;
/// Hex digits of a token. Apple promises no length; 64 is what devices have.
const TOKEN_MAX: usize = 400;
/// What the system reads. The app's keys stand beside it.
const APS: &str = "aps";
/// Where an app finds the text that the system does not show.
const MESSAGE: &str = "message";

pub(super) fn payload(voip: bool, alert: &Alert) -> Result<Payload, PayloadError> {
    let push_type = push_type(voip, alert);
    let limit = if voip { VOIP_BYTES_MAX } else { BYTES_MAX };
    let hidden = push_type != PushType::Alert;
    let is_ours = |name: &str| name == APS || (hidden && name == MESSAGE);
    let left_out = alert.data.iter().filter(|(name, _)| is_ours(name)).map(|(name, _)| name.clone()).collect();
    fitting(&alert.text, limit, left_out, |text| {
        let mut root = Map::new();
        root.insert(APS.into(), aps(push_type, alert, text));
        if hidden {
            root.insert(MESSAGE.into(), text.into());
        }
        let others = alert.data.iter().filter(|(name, _)| !is_ours(name));
        root.extend(others.map(|(name, value)| (name.clone(), value.clone())));
        Written::whole(&Value::Object(root))
    })
}

fn aps(push_type: PushType, alert: &Alert, text: &str) -> Value {
    match push_type {
        // Neither text nor badge nor sound, or Apple treats it as an alert.
        PushType::Background => return json!({"content-available": 1}),
        PushType::Voip => return json!({}),
        PushType::Alert => {}
    }
    let mut shown = Map::new();
    if let Some(title) = &alert.title {
        shown.insert("title".into(), title.as_str().into());
    }
    shown.insert("body".into(), text.into());
    for (name, value) in &alert.ios.loc {
        shown.entry(name.as_str()).or_insert_with(|| value.clone());
    }
    let mut aps = Map::new();
    aps.insert("alert".into(), shown.into());
    let mut put = |name: &str, value: Option<Value>| value.map(|value| aps.insert(name.into(), value));
    put("badge", alert.badge.map(Value::from));
    put("sound", alert.sound.as_deref().map(Value::from));
    put("category", alert.category.as_deref().map(Value::from));
    put("thread-id", alert.thread.as_deref().map(Value::from));
    put("mutable-content", alert.ios.mutable_content.then(|| 1.into()));
    put("content-available", alert.ios.content_available.then(|| 1.into()));
    aps.into()
}

/// How Apple is to treat it. The subscription decides about VoIP: its token takes nothing else.
pub(super) fn push_type(voip: bool, alert: &Alert) -> PushType {
    match alert.ios.push_type {
        _ if voip => PushType::Voip,
        _ if alert.silent => PushType::Background,
        Some(PushType::Background) => PushType::Background,
        Some(PushType::Alert | PushType::Voip) | None => PushType::Alert,
    }
}

/// Whether it can stand in the path of a request.
pub(super) fn is_token(token: &str) -> bool {
    (1..=TOKEN_MAX).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_hexdigit())
}

/// What is sent before the payload, without the proof of who we are. `topic`: the bundle; without one, Apple takes that of the
/// certificate. `now` in Unix milliseconds.
pub(super) fn headers(token: &str, topic: Option<&str>, voip: bool, alert: &Alert, now: i64) -> Vec<(&'static str, String)> {
    let push_type = push_type(voip, alert);
    let name = match push_type {
        PushType::Alert => "alert",
        PushType::Background => "background",
        PushType::Voip => "voip",
    };
    // A background push with another priority is refused.
    let priority = if voip || (alert.high && push_type == PushType::Alert) { 10 } else { 5 };
    let channel = if voip { Channel::ApnsVoip } else { Channel::Apns };
    let expires = match time_to_live_s(channel, alert, now) {
        // Tried once and not kept.
        0 => 0,
        seconds => now.div_euclid(1_000) + i64::from(seconds),
    };
    let mut headers = vec![
        ("apns-push-type", name.to_owned()),
        ("apns-priority", priority.to_string()),
        ("apns-expiration", expires.to_string()),
        ("apns-id", id(token, &alert.collapse)),
    ];
    if let Some(topic) = topic {
        headers.push(("apns-topic", topic_of(topic, voip)));
    }
    if push_type == PushType::Alert && !alert.collapse.is_empty() {
        headers.push(("apns-collapse-id", collapse_id(&alert.collapse)));
    }
    headers
}

/// The topic of a bundle.
pub(super) fn topic_of(bundle: &str, voip: bool) -> String {
    const VOIP: &str = ".voip";
    if voip && !bundle.ends_with(VOIP) { format!("{bundle}{VOIP}") } else { bundle.to_owned() }
}

fn collapse_id(collapse: &str) -> String {
    let printable = collapse.len() <= COLLAPSE_MAX && collapse.bytes().all(|b| b.is_ascii_graphic());
    if printable { collapse.to_owned() } else { super::jwt::base64(&Sha256::digest(collapse)) }
}

// The same for each attempt at the same alert to the same device (RFC 9562, 5.8: a UUID whose bits are ours to choose).
fn id(token: &str, collapse: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(token);
    digest.update([0]);
    digest.update(collapse);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.finalize()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]].map(hex).join("-")
}

/// What an answer means. `own_topic`: the topic was that of the app's credentials, and not one that the subscription named.
pub(super) fn verdict(status: u16, id: Option<&str>, after: Option<Duration>, body: &[u8], own_topic: bool) -> Verdict {
    if status == 200 {
        return Verdict::well(Outcome::Accepted { id: id.map(readable) });
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let reason = readable(body["reason"].as_str().unwrap_or("no reason given"));
    let rejected = |reason| Verdict::well(Outcome::Rejected(reason));
    match (status, reason.as_str()) {
        (400, "BadDeviceToken" | "MissingDeviceToken") => rejected(Reason::BadToken),
        (400, "DeviceTokenNotForTopic") => rejected(Reason::OtherSender),
        // Anybody may subscribe with a foreign bundle: that must not stop the app's own.
        (400, "TopicDisallowed") if !own_topic => rejected(Reason::OtherSender),
        (400, "TopicDisallowed" | "MissingTopic") => Verdict::credentials(status, reason),
        (400, "IdleTimeout") => Verdict::later(after, reason),
        (403, "ExpiredProviderToken") => Verdict::credentials(status, reason).renewable(),
        // Credentials of one environment, subscription of the other: the app's other subscriptions go on.
        (403, "BadCertificateEnvironment" | "BadEnvironmentKeyIdInToken" | "BadEnvironmentKeyInToken") => {
            Verdict::refused(status, reason)
        }
        (401 | 403, _) => Verdict::credentials(status, reason),
        (410, _) => rejected(Reason::Unregistered { since: body["timestamp"].as_i64() }),
        (429, "TooManyProviderTokenUpdates") => Verdict::rests(after, reason),
        // Too many for this one device.
        (429, _) => Verdict::later(after, reason),
        (500.., _) => Verdict::rests(after, reason),
        _ => Verdict::refused(status, reason),
    }
}

#[cfg(test)]
#[path = "apns/tests.rs"]
mod tests;
