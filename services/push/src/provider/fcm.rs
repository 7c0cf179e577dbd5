//! Firebase Cloud Messaging, v1: what is sent and what its answers mean. Pure.
//!
//! Source: Firebase, "REST Resource: projects.messages", "FcmError", "About FCM messages".
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::alert::{Alert, AndroidNotification, Channel};
use super::outcome::{Outcome, Reason, Verdict, readable};
use super::payload::{Payload, PayloadError, Written, fitting};
use super::time_to_live_s;

/// Bytes of what is sent to the device. All of the message but its token is counted here, which is a little more than FCM counts.
const BYTES_MAX: usize = 4_096;
/// Characters of a token. FCM promises no length; devices have about 160.
const TOKEN_MAX: usize = 4_096;
/// FCM asks for at least this pause where it names none ("Scale and performance").
const QUOTA_PAUSE: Duration = Duration::from_secs(60);

pub(super) fn payload(token: &str, alert: &Alert) -> Result<Payload, PayloadError> {
    let left_out = alert.data.iter().filter(|(name, _)| is_kept(name, alert)).map(|(name, _)| name.clone()).collect();
    fitting(&alert.text, BYTES_MAX, left_out, |text| {
        let counted = message(alert, text);
        let size = Value::from(counted.clone()).to_string().len();
        let mut whole = Map::new();
        whole.insert("token".into(), token.into());
        whole.extend(counted);
        Written { text: json!({ "message": whole }).to_string(), size }
    })
}

/// The message with the time that is left for it, which the payload alone does not know. `now` in Unix milliseconds.
pub(super) fn body(payload: &Payload, alert: &Alert, now: i64) -> String {
    let mut root: Value = serde_json::from_str(&payload.text).unwrap_or_default();
    root["message"]["android"]["ttl"] = format!("{}s", time_to_live_s(Channel::Fcm, alert, now)).into();
    root.to_string()
}

fn message(alert: &Alert, text: &str) -> Map<String, Value> {
    let mut message = Map::new();
    let shown = alert.android.as_ref().filter(|_| !alert.silent);
    if let Some(shown) = shown {
        let body = shown.body.as_deref().unwrap_or(text);
        let mut notification = Map::new();
        let title = shown.title.as_deref().or(alert.title.as_deref());
        title.map(|title| notification.insert("title".into(), title.into()));
        notification.insert("body".into(), body.into());
        message.insert("notification".into(), notification.into());
    }
    message.insert("data".into(), data(alert, text, shown).into());
    let mut android = Map::new();
    if !alert.collapse.is_empty() {
        android.insert("collapse_key".into(), alert.collapse.as_str().into());
    }
    android.insert("priority".into(), if alert.high && !alert.silent { "HIGH" } else { "NORMAL" }.into());
    // In its full length, so that the time itself changes no size.
    android.insert("ttl".into(), "2419200s".into());
    if let Some(shown) = shown {
        android.insert("notification".into(), android_notification(alert, shown).into());
    }
    message.insert("android".into(), android.into());
    message
}

// Texts only: FCM takes nothing else.
fn data(alert: &Alert, text: &str, shown: Option<&AndroidNotification>) -> Map<String, Value> {
    let mut data = Map::new();
    if shown.is_none_or(|shown| shown.body.is_some()) {
        data.insert("message".into(), text.into());
    }
    if shown.is_none() {
        let mut put = |name: &str, value: Option<String>| value.map(|value| data.insert(name.into(), value.into()));
        put("title", alert.title.clone());
        put("badge", alert.badge.map(|badge| badge.to_string()));
        put("sound", alert.sound.clone());
        put("category", alert.category.clone());
        put("thread", alert.thread.clone());
        put("silent", alert.silent.then(|| "1".into()));
    }
    for (name, value) in alert.data.iter().filter(|(name, _)| !is_kept(name, alert)) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        data.entry(name.as_str()).or_insert_with(|| text.into());
    }
    data
}

fn android_notification(alert: &Alert, shown: &AndroidNotification) -> Map<String, Value> {
    let mut notification = Map::new();
    for (name, text) in shown.further() {
        notification.insert((*name).into(), text.as_str().into());
    }
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            notification.entry(name).or_insert(value);
        }
    };
    // One entry for all attempts at the same alert.
    put("tag", (!alert.collapse.is_empty()).then(|| alert.collapse.as_str().into()));
    put("sound", alert.sound.as_deref().map(Value::from));
    put("click_action", alert.category.as_deref().map(Value::from));
    put("notification_count", alert.badge.and_then(|badge| i32::try_from(badge).ok()).map(Value::from));
    notification
}

// Keys that FCM refuses, and keys that are ours.
fn is_kept(name: &str, alert: &Alert) -> bool {
    let theirs =
        matches!(name, "from" | "message_type" | "notification") || name.starts_with("google") || name.starts_with("gcm");
    let is_data = alert.android.is_none() || alert.silent;
    let ours = name == "message" || (is_data && matches!(name, "title" | "badge" | "sound" | "category" | "thread" | "silent"));
    theirs || ours || name.is_empty()
}

/// Whether it can be a token at all.
pub(super) fn is_token(token: &str) -> bool {
    (1..=TOKEN_MAX).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic())
}

/// What an answer to a message means.
pub(super) fn verdict(status: u16, after: Option<Duration>, body: &[u8]) -> Verdict {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    if status == 200 {
        return match body["name"].as_str() {
            Some(name) => Verdict::well(Outcome::Accepted { id: Some(readable(name)) }),
            // A message may have gone out; but what answers is not FCM.
            None => Verdict::unwell("an answer without a name"),
        };
    }
    let error = &body["error"];
    let details = || error["details"].as_array().into_iter().flatten();
    let code =
        details().find_map(|detail| detail["errorCode"].as_str()).or(error["status"].as_str()).unwrap_or("no reason given");
    let message = error["message"].as_str().unwrap_or_default();
    let reason = if message.is_empty() { readable(code) } else { readable(&format!("{code}: {message}")) };
    let rejected = |reason| Verdict::well(Outcome::Rejected(reason));
    match (status, code) {
        (_, "UNREGISTERED") => rejected(Reason::Unregistered { since: None }),
        (_, "SENDER_ID_MISMATCH") => rejected(Reason::OtherSender),
        (400, _) => {
            let fields = || details().filter_map(|detail| detail["fieldViolations"].as_array()).flatten();
            let of_token = fields().any(|field| field["field"] == "message.token") || message.contains("registration token");
            if of_token { rejected(Reason::BadToken) } else { Verdict::refused(status, reason) }
        }
        // Firebase cannot speak to Apple, or to a browser's push service, for this project. Who subscribed with such a token chose
        // that way; Android's tokens go on.
        (_, "THIRD_PARTY_AUTH_ERROR") => Verdict::refused(status, reason),
        (401, _) => Verdict::credentials(status, reason).renewable(),
        (403, _) => Verdict::credentials(status, reason),
        (429, _) => Verdict::rests(Some(after.unwrap_or(QUOTA_PAUSE)), reason),
        (500.., _) => Verdict::rests(after, reason),
        _ => Verdict::refused(status, reason),
    }
}

#[cfg(test)]
#[path = "fcm/tests.rs"]
mod tests;
