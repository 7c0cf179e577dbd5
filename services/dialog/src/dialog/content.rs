//! What makes two messages the same: a hash over what their sender wrote.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::{Extension, Message};
use prost::Message as _;
use sha2::{Digest, Sha256};

/// SHA-256 over body, extensions, attachments and relayed children. Each part carries its length, so that no two
/// different messages read the same.
pub type Hash = [u8; 32];

/// Keys that a client may change when it sends a message again (design.md section 6).
const NOT_CONTENT: [&str; 2] = ["date_sent", "silent"];

/// The hash of what the sender wrote. Dates, ids and `silent` are not part of it.
pub fn hash(message: &Message) -> Hash {
    let mut content = Vec::with_capacity(256 + message.body.as_ref().map_or(0, String::len));
    match &message.body {
        // An absent body is not an empty one.
        None => content.push(0),
        Some(body) => {
            content.push(1);
            put(&mut content, body.as_bytes());
        }
    }
    for extension in message.extensions.iter().filter(|extension| is_content(extension)) {
        content.push(2);
        put(&mut content, &extension.encode_to_vec());
    }
    for attachment in &message.attachments {
        content.push(3);
        put(&mut content, &attachment.encode_to_vec());
    }
    content.push(4);
    put(&mut content, message.relay.as_bytes());
    Sha256::digest(&content).into()
}

fn is_content(extension: &Extension) -> bool {
    !NOT_CONTENT.contains(&extension.key.as_str())
}

fn put(content: &mut Vec<u8>, part: &[u8]) {
    content.extend_from_slice(&(part.len() as u64).to_be_bytes());
    content.extend_from_slice(part);
}

#[cfg(test)]
mod tests {
    use natter_proto::event::v1::{Attachment, Attribute, extension::Value};

    use super::*;

    #[test]
    fn the_date_and_silent_are_not_content() {
        let first = message("hello", &[("mood", "good"), ("date_sent", "100")]);
        let mut again = message("hello", &[("mood", "good"), ("date_sent", "160"), ("silent", "1")]);
        again.client_date = 160;
        again.silent = true;
        assert_eq!(hash(&first), hash(&again));
    }

    #[test]
    fn everything_else_the_sender_wrote_is_content() {
        let plain = message("hello", &[("mood", "good")]);
        let attached = Message {
            attachments: vec![Attachment { attributes: vec![Attribute { name: "uid".into(), value: "1".into() }] }],
            ..plain.clone()
        };
        let relayed = Message { relay: "<x xmlns=\"a\"/>".into(), ..plain.clone() };
        let silent = Message { body: None, ..plain.clone() };
        let empty = Message { body: Some(String::new()), ..plain.clone() };
        let other_key = message("hello", &[("moo", "dgood")]);
        let all = [plain, attached, relayed, silent, empty, other_key, message("hello!", &[("mood", "good")])];
        for (n, one) in all.iter().enumerate() {
            assert!(all[n + 1..].iter().all(|other| hash(one) != hash(other)), "{n}");
        }
    }

    fn message(body: &str, extensions: &[(&str, &str)]) -> Message {
        let extensions = extensions.iter().map(|(key, text)| Extension {
            key: (*key).into(),
            value: Some(Value::Text((*text).into())),
            ..Extension::default()
        });
        Message { body: Some(body.into()), extensions: extensions.collect(), ..Message::default() }
    }
}
