//! A preview as a page shows it: what is said, and what each channel carries. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::push::v1::{Channel, Payload, PreviewReply};
use serde_json::Value;

/// What devices would be sent.
pub struct Preview {
    /// Empty: none.
    pub title: String,
    pub body: String,
    /// Why the built-in template stood in; empty: it did not.
    pub remark: String,
    pub channels: Vec<Carried>,
}

/// What one channel carries.
pub struct Carried {
    /// For ids.
    pub word: &'static str,
    pub name: &'static str,
    pub json: String,
    pub size: u32,
    pub limit: u32,
    /// From where on the meter says that it gets tight.
    pub high: u32,
    pub is_shortened: bool,
    /// Why there is nothing; empty: there is.
    pub error: String,
}

impl Preview {
    pub fn of(reply: PreviewReply) -> Preview {
        let PreviewReply { title, body, remark, payloads } = reply;
        Preview { title, body, remark, channels: payloads.into_iter().map(Carried::of).collect() }
    }
}

impl Carried {
    fn of(payload: Payload) -> Carried {
        let (word, name) = match payload.channel() {
            Channel::Apns => ("apns", "APNs"),
            Channel::ApnsVoip => ("apns_voip", "APNs, VoIP"),
            Channel::Gcm => ("gcm", "FCM"),
            Channel::Web => ("web", "Web Push"),
            Channel::Unspecified => ("other", "Another channel"),
        };
        let Payload { json, size, limit, shortened, error, .. } = payload;
        Carried { word, name, json: laid_out(json), size, limit, high: limit / 10 * 9, is_shortened: shortened, error }
    }
}

/// The same with a line for each value. What is counted is without them.
fn laid_out(json: String) -> String {
    let read = serde_json::from_str::<Value>(&json).and_then(|value| serde_json::to_string_pretty(&value));
    read.unwrap_or(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_is_laid_out_in_its_order_or_left_as_it_is() {
        assert_eq!(laid_out(r#"{"b":1,"a":[]}"#.into()), "{\n  \"b\": 1,\n  \"a\": []\n}");
        assert_eq!(laid_out("{".into()), "{");
    }
}
