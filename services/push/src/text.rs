//! The alert of a message, a contact request or a call, or of a sample of one: what its template says, and what the app on the device reads besides.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::CallKind;
use natter_proto::push::v1::Content;
use serde_json::Value;

use crate::occasion::Occasion;
use crate::provider::Alert;
use crate::template::Saying;

/// The alert. `message`: its id in lower-case hex; of what is no message: whatever tells it from others. `expires_at`: unix
/// milliseconds.
pub fn alert(occasion: &Occasion, saying: &Saying, message: &str, expires_at: i64) -> Alert {
    let word = word(occasion.content);
    let mut data = match word {
        Some(word) => vec![("alert".to_owned(), Value::from(word))],
        None => {
            vec![("dialog_id".to_owned(), Value::from(occasion.dialog.clone())), ("message_id".to_owned(), Value::from(message))]
        }
    };
    // 0: who it was may not leave.
    if occasion.sender > 0 {
        data.push(("user_id".to_owned(), Value::from(occasion.sender)));
    }
    if let Some(kind) = call_word(occasion.call) {
        data.push(("call_type".to_owned(), Value::from(kind)));
    }
    let is_ours = |key: &str| matches!(key, "dialog_id" | "message_id" | "user_id");
    let keys = occasion.extension.iter().filter(|(key, _)| !is_ours(key));
    data.extend(keys.cloned());
    Alert {
        text: saying.body.clone(),
        title: saying.title.clone(),
        collapse: format!("{}-{message}", word.unwrap_or(&occasion.dialog)),
        badge: Some(occasion.unread),
        sound: Some(saying.sound.clone()),
        category: saying.category.clone(),
        thread: Some(word.map_or_else(|| occasion.dialog.clone(), str::to_owned)),
        expires_at: Some(expires_at),
        high: saying.high,
        data,
        ..Alert::default()
    }
}

/// What is no message, as an app on the device reads it.
fn word(content: Content) -> Option<&'static str> {
    match content {
        Content::Unspecified | Content::Text | Content::Attachment => None,
        Content::Call => Some("call"),
        Content::ContactRequest => Some("contact_request"),
    }
}

/// How a call is made; nothing if it does not say.
pub fn call_word(kind: CallKind) -> Option<&'static str> {
    match kind {
        CallKind::Unspecified => None,
        CallKind::Audio => Some("audio"),
        CallKind::Video => Some("video"),
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use natter_proto::push::v1::{Privacy, Sample, Settings};
    use serde_json::json;

    use super::*;
    use crate::policy::Policy;

    #[test]
    fn an_alert_has_what_its_template_says_and_the_ids() {
        let alert = of("0102", Privacy::Text, &sample());
        assert_eq!((alert.text.as_str(), alert.title.as_deref()), ("Romeo: hi", None));
        assert_eq!((alert.badge, alert.sound.as_deref(), alert.high), (Some(7), Some("default"), true));
        assert_eq!((alert.thread.as_deref(), alert.expires_at), (Some(DIALOG), Some(9)));
        assert_eq!(json!(alert.data), json!([["dialog_id", DIALOG], ["message_id", "0102"], ["user_id", 34]]));
    }

    #[test]
    fn the_keys_of_the_app_go_along_and_take_no_other_keys_place() {
        let extension = r#"{"mood": "5", "typed": {"a": 1}, "dialog_id": "forged", "user_id": 5}"#.to_owned();
        let sample = Sample { extension, ..sample() };
        let expected = json!([["dialog_id", DIALOG], ["message_id", "01"], ["user_id", 34], ["mood", "5"], ["typed", {"a": 1}]]);
        assert_eq!(json!(of("01", Privacy::Text, &sample).data), expected);
        let expected = json!([["dialog_id", DIALOG], ["message_id", "01"], ["user_id", 34]]);
        assert_eq!(json!(of("01", Privacy::Sender, &sample).data), expected);
        let nothing = of("01", Privacy::Nothing, &sample);
        assert_eq!(json!(nothing.data), json!([["dialog_id", DIALOG], ["message_id", "01"]]));
        assert_eq!((nothing.text.as_str(), nothing.title), ("New message", None));
    }

    #[test]
    fn every_attempt_at_a_message_has_the_same_collapse_id_and_no_other_message_has_it() {
        let collapse = |message: &str, sample: &Sample| of(message, Privacy::Text, sample).collapse;
        let again = Sample { unread: 9, sender_name: "R".into(), text: "edited".into(), ..sample() };
        assert_eq!(collapse("0102", &sample()), collapse("0102", &again));
        assert_ne!(collapse("0102", &sample()), collapse("0103", &sample()));
        let longest = collapse(&"f".repeat(24), &sample());
        assert!(longest.len() <= 64 && longest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    }

    #[test]
    fn a_contact_request_says_what_it_is_and_is_replaced_by_the_same_one() {
        let request = Sample { content: Content::ContactRequest.into(), ..sample() };
        let alert = of("0102", Privacy::Text, &request);
        assert_eq!((alert.text.as_str(), alert.collapse.as_str()), ("Romeo wants to be your contact", "contact_request-0102"));
        assert_eq!(json!(alert.data), json!([["alert", "contact_request"], ["user_id", 34]]));
        let nothing = of("0102", Privacy::Nothing, &request);
        assert_eq!((nothing.text.as_str(), json!(nothing.data)), ("New contact request", json!([["alert", "contact_request"]])));
        let longest = of(&"f".repeat(24), Privacy::Text, &request).collapse;
        assert!(longest.len() <= 64 && longest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    }

    #[test]
    fn a_call_says_who_calls_and_how_and_is_shown_once() {
        let call = Sample { content: Content::Call.into(), call: CallKind::Video.into(), ..sample() };
        let alert = of("8102", Privacy::Text, &call);
        assert_eq!((alert.text.as_str(), alert.collapse.as_str()), ("Romeo is calling", "call-8102"));
        assert_eq!((alert.thread.as_deref(), alert.expires_at), (Some("call"), Some(9)));
        assert_eq!(json!(alert.data), json!([["alert", "call"], ["user_id", 34], ["call_type", "video"]]));
        let nothing = of("8102", Privacy::Nothing, &call);
        assert_eq!((nothing.text.as_str(), json!(nothing.data)), ("Incoming call", json!([["alert", "call"]])));
    }

    const DIALOG: &str = "000000000000000000000000";

    fn of(message: &str, privacy: Privacy, sample: &Sample) -> Alert {
        let policy = Policy::checked(Settings { privacy: privacy.into(), ..Settings::default() }).unwrap();
        let (occasion, saying) = policy.say(Occasion::of_sample(sample).unwrap());
        alert(&occasion, &saying, message, 9)
    }

    fn sample() -> Sample {
        Sample { sender: 34, sender_name: "Romeo".into(), text: "hi".into(), unread: 7, ..Sample::default() }
    }
}
