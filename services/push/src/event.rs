//! What an event says to a device (contract rest 7.2): keys with a meaning, and whatever else its maker put in.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use natter_proto::push::v1::{Channel, Environment, Event, Subscription};
use natter_proto::{DialogId, MessageId};
use serde_json::{Map, Value};

use crate::provider::{Alert, AndroidNotification, Ios, PushType};
use crate::subscription::Refused;

/// Bytes of what is said, as it was given.
const MESSAGE_BYTES_MAX: usize = 10 * 1_024;
/// Recipients of one event.
pub const USERS_MAX: usize = 1_000;
const NAME_BYTES_MAX: usize = 256;
/// How far ahead an event may be: a year.
const AHEAD_MAX_MS: i64 = 366 * 24 * 60 * 60 * 1_000;

/// Under which an event stands in the journal: it has no dialog.
pub const NO_DIALOG: DialogId = DialogId([0; 12]);

pub fn message_id(event: u64) -> MessageId {
    let mut id = [0; 12];
    id[4..].copy_from_slice(&event.to_be_bytes());
    MessageId(id)
}

/// The event as it is kept, if it may be: its recipients once each.
pub fn check(mut event: Event, now: i64) -> Result<Event, Refused> {
    event.users.sort_unstable();
    event.users.dedup();
    if event.users.len() > USERS_MAX {
        return Err(Refused("user", "has too many recipients (maximum is 1000)"));
    }
    if Environment::try_from(event.environment).is_err() {
        return Err(Refused("environment", "is not one of development, production"));
    }
    if Channel::try_from(event.channel).is_err() {
        return Err(Refused("push_type", "is not one of apns, apns_voip, gcm, web"));
    }
    if event.name.len() > NAME_BYTES_MAX {
        return Err(Refused("name", "is too long (maximum is 256 bytes)"));
    }
    if event.at > now + AHEAD_MAX_MS {
        return Err(Refused("date", "is more than a year ahead"));
    }
    if event.sample.is_some() {
        return Ok(event);
    }
    match event.message.len() {
        0 => Err(Refused("message", "is required")),
        length if length > MESSAGE_BYTES_MAX => Err(Refused("message", "is too long (maximum is 10240 bytes)")),
        _ => Ok(event),
    }
}

/// Whether it is meant for this device. A device that is woken for calls is woken for them alone.
pub fn is_for(event: &Event, alert: &Alert, device: &Subscription) -> bool {
    if event.subscription > 0 {
        return event.subscription == device.id;
    }
    let rings = alert.ios.voip || event.channel() == Channel::ApnsVoip;
    let of_kind = match device.channel() {
        Channel::ApnsVoip => rings,
        Channel::Apns => !rings,
        Channel::Unspecified | Channel::Gcm | Channel::Web => true,
    };
    let same_environment = event.environment() == Environment::Unspecified || event.environment == device.environment;
    let same_channel = match event.channel() {
        Channel::Unspecified => true,
        Channel::Apns | Channel::ApnsVoip => matches!(device.channel(), Channel::Apns | Channel::ApnsVoip),
        channel => channel == device.channel(),
    };
    of_kind && same_environment && same_channel
}

/// The alert of an event.
pub fn alert(event: &Event) -> Alert {
    let mut keys = keys_of(&event.message);
    let mut take = |name: &str| keys.shift_remove(name).filter(|value| !value.is_null());
    let text = take("message").map_or_else(String::new, |value| written(&value));
    let is_set = |value: Option<Value>| value.is_some_and(|value| matches!(written(&value).as_str(), "1" | "true"));
    let voip = is_set(take("ios_voip"));
    let content_available = is_set(take("ios_content_available"));
    let push_type = take("ios_push_type").and_then(|value| match written(&value).as_str() {
        "alert" => Some(PushType::Alert),
        "background" => Some(PushType::Background),
        "voip" => Some(PushType::Voip),
        _ => None,
    });
    let ios = Ios {
        push_type,
        mutable_content: is_set(take("ios_mutable_content")),
        content_available,
        voip,
        loc: take("ios_loc_data").and_then(object).map(|loc| loc.into_iter().collect()).unwrap_or_default(),
    };
    let seconds = take("expiration").and_then(|value| written(&value).parse::<i64>().ok()).filter(|seconds| *seconds > 0);
    Alert {
        title: None,
        collapse: format!("event-{}", event.id),
        badge: take("ios_badge").and_then(|value| written(&value).parse().ok()),
        sound: take("ios_sound").map(|value| written(&value)),
        category: take("ios_category").map(|value| written(&value)),
        thread: take("ios_thread_id").map(|value| written(&value)),
        silent: text.is_empty() && content_available && !voip,
        expires_at: seconds.map(|seconds| seconds.saturating_mul(1_000)),
        high: true,
        android: take("android_fcm_notification")
            .and_then(object)
            .and_then(|shown| AndroidNotification::from_value(&shown.into())),
        text,
        ios,
        data: keys.into_iter().collect(),
    }
}

/// JSON, in base64 or as it is; anything else is what is to be said.
fn keys_of(message: &str) -> Map<String, Value> {
    let decoded = STANDARD.decode(message.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = decoded.as_deref().unwrap_or(message);
    match serde_json::from_str(text) {
        Ok(Value::Object(keys)) => keys,
        _ => Map::from_iter([("message".to_owned(), Value::from(text))]),
    }
}

/// An object, or its text.
fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(object) => Some(object),
        Value::String(text) => serde_json::from_str(&text).ok(),
        _ => None,
    }
}

fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_with_a_meaning_are_taken_and_all_others_passed_through() {
        let message = json!({
            "message": "hi", "ios_badge": "5", "ios_sound": "ding", "ios_mutable_content": 1, "ios_category": "C",
            "ios_thread_id": "t", "ios_push_type": "background", "ios_content_available": true, "expiration": 77,
            "ios_loc_data": {"loc-key": "K"}, "android_fcm_notification": {"title": "T"}, "mine": {"a": 1}, "none": null,
        });
        let alert = of(&STANDARD.encode(message.to_string()));
        let said = (alert.text.as_str(), alert.badge, alert.sound.as_deref(), alert.category.as_deref(), alert.thread.as_deref());
        assert_eq!(said, ("hi", Some(5), Some("ding"), Some("C"), Some("t")));
        assert_eq!((alert.expires_at, alert.silent), (Some(77_000), false));
        assert_eq!(alert.android.unwrap().title.as_deref(), Some("T"));
        let Ios { push_type, mutable_content, content_available, voip, loc } = alert.ios;
        assert_eq!((push_type, mutable_content, content_available, voip), (Some(PushType::Background), true, true, false));
        assert_eq!((loc, alert.collapse.as_str()), (vec![("loc-key".into(), json!("K"))], "event-7"));
        assert_eq!(alert.data, [("mine".to_owned(), json!({"a": 1})), ("none".to_owned(), Value::Null)]);
    }

    #[test]
    fn what_is_no_json_is_what_is_to_be_said() {
        for (message, text) in [
            (r#"{"message": "plain"}"#, "plain"),
            ("hello there!", "hello there!"),
            (&STANDARD.encode("hello"), "hello"),
            (&STANDARD.encode("[1]"), "[1]"),
            (&STANDARD.encode(r#"{"message": 5}"#), "5"),
        ] {
            assert_eq!(of(message).text, text, "{message}");
        }
        let wakes = of(r#"{"ios_content_available": 1, "a": 1}"#);
        assert_eq!((wakes.silent, wakes.text.as_str()), (true, ""));
    }

    #[test]
    fn an_event_is_for_the_devices_that_it_names() {
        let device = |channel: Channel, environment: Environment| Subscription {
            channel: channel.into(),
            environment: environment.into(),
            ..Subscription::default()
        };
        let of = |channel: Channel, voip: bool| {
            let event = Event { channel: channel.into(), environment: Environment::Production.into(), ..Event::default() };
            let alert = Alert { ios: Ios { voip, ..Ios::default() }, ..Alert::default() };
            let channels = [Channel::Apns, Channel::ApnsVoip, Channel::Gcm, Channel::Web];
            channels.map(|channel| is_for(&event, &alert, &device(channel, Environment::Production)))
        };
        assert_eq!(of(Channel::Unspecified, false), [true, false, true, true]);
        assert_eq!(of(Channel::Unspecified, true), [false, true, true, true]);
        assert_eq!(of(Channel::Apns, false), [true, false, false, false]);
        assert_eq!(of(Channel::Apns, true), [false, true, false, false]);
        assert_eq!(of(Channel::ApnsVoip, true), [false, true, false, false]);
        assert_eq!(of(Channel::ApnsVoip, false), [false, true, false, false]);
        assert_eq!(of(Channel::Gcm, false), [false, false, true, false]);
        let event = Event { environment: Environment::Production.into(), ..Event::default() };
        let sandbox = device(Channel::Gcm, Environment::Development);
        assert!(!is_for(&event, &Alert::default(), &sandbox));
        assert!(is_for(&Event::default(), &Alert::default(), &sandbox));
    }

    #[test]
    fn what_can_never_be_sent_is_refused_by_field() {
        let event = Event { users: vec![5, 3, 5], message: "e30=".into(), ..Event::default() };
        assert_eq!(check(event.clone(), 0).unwrap().users, [3, 5]);
        for (wrong, field) in [
            (Event { users: (0..1_001).collect(), ..event.clone() }, "user"),
            (Event { environment: 9, ..event.clone() }, "environment"),
            (Event { channel: 9, ..event.clone() }, "push_type"),
            (Event { name: "x".repeat(257), ..event.clone() }, "name"),
            (Event { message: String::new(), ..event.clone() }, "message"),
            (Event { message: "x".repeat(10_241), ..event.clone() }, "message"),
            (Event { at: i64::MAX, ..event }, "date"),
        ] {
            assert_eq!(check(wrong, 0).unwrap_err().0, field);
        }
    }

    fn of(message: &str) -> Alert {
        alert(&Event { id: 7, message: message.into(), ..Event::default() })
    }
}
