//! What a receiver reads: one JSON object, with the words of REST (contract rest 5.1) for what is of a message. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use jiff::Timestamp;
use natter_proto::event::v1::extension::Value as Said;
use natter_proto::event::v1::{Attachment, Extension, Message};
use natter_proto::push::v1::{WebhookDelivery, WebhookEvent};
use serde_json::{Map, Value, json};

use super::event::word;
use crate::text::hex;

/// The text of a delivery. `message`: that it is about, as it is now; none: it is gone.
pub fn of(app: u64, delivery: &WebhookDelivery, message: Option<&Message>) -> Vec<u8> {
    let event = delivery.event();
    let mut data = match serde_json::from_str(&delivery.detail) {
        Ok(Value::Object(detail)) => detail,
        _ => Map::new(),
    };
    if !delivery.message.is_empty() {
        of_message(delivery, message, &mut data);
    } else if delivery.user > 0 {
        data.insert("user_id".to_owned(), delivery.user.into());
    }
    let mut body = json!({
        "id": delivery.id,
        "type": word(event),
        "app_id": app,
        "created_at": iso(delivery.at),
        "sequence": delivery.number,
        "data": data,
    });
    if !delivery.dialog.is_empty() {
        body["dialog_id"] = hex(&delivery.dialog).into();
    }
    body.to_string().into_bytes()
}

fn of_message(delivery: &WebhookDelivery, message: Option<&Message>, data: &mut Map<String, Value>) {
    let mut put = |name: &str, value: Value| _ = data.insert(name.to_owned(), value);
    put("_id", hex(&delivery.message).into());
    put("chat_dialog_id", hex(&delivery.dialog).into());
    put("seq", delivery.seq.into());
    if delivery.event() != WebhookEvent::MessageCreated {
        put("by_user_id", delivery.user.into());
    }
    let Some(message) = message.filter(|message| !message.removed) else {
        put("removed", true.into());
        return;
    };
    put("sender_id", message.sender.into());
    if message.recipient > 0 {
        put("recipient_id", message.recipient.into());
    }
    put("date_sent", message.date_sent.into());
    put("message", message.body.clone().unwrap_or_default().into());
    put("attachments", message.attachments.iter().map(attached).collect());
    put("extension", Value::Object(message.extensions.iter().filter_map(key_of).collect()));
    put("edited", (message.updated_at > message.created_at).into());
}

fn attached(attachment: &Attachment) -> Value {
    let of = |attribute: &natter_proto::event::v1::Attribute| (attribute.name.clone(), Value::from(attribute.value.as_str()));
    Value::Object(attachment.attributes.iter().map(of).collect())
}

fn key_of(extension: &Extension) -> Option<(String, Value)> {
    let value = match extension.value.as_ref()? {
        Said::Text(text) => json!(text),
        Said::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        Said::Nested(nested) => Value::Object(nested.extensions.iter().filter_map(key_of).collect()),
    };
    Some((extension.key.clone(), value))
}

fn iso(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use natter_proto::event::v1::{Attribute, Nested};

    use super::*;

    #[test]
    fn a_message_is_told_as_rest_tells_it() {
        let said = |key: &str, value| Extension { key: key.into(), value: Some(value), ..Extension::default() };
        let deep = Nested { extensions: vec![said("a", Said::Text("b".into()))] };
        let message = Message {
            sender: 34,
            recipient: 78,
            date_sent: 1_700_000_000,
            body: Some("ein \"Gruß\"".into()),
            attachments: vec![Attachment { attributes: vec![Attribute { name: "type".into(), value: "image".into() }] }],
            extensions: vec![said("mood", Said::Json("5".into())), said("deep", Said::Nested(deep))],
            ..Message::default()
        };
        let expected = json!({
            "id": "msg_1", "type": "message.created", "app_id": 7, "created_at": "2023-11-14T22:13:20.5Z", "sequence": 9,
            "dialog_id": "09".repeat(12),
            "data": {
                "_id": "05".repeat(12), "chat_dialog_id": "09".repeat(12), "seq": 3, "sender_id": 34, "recipient_id": 78,
                "date_sent": 1_700_000_000, "message": "ein \"Gruß\"", "attachments": [{"type": "image"}],
                "extension": {"mood": 5, "deep": {"a": "b"}}, "edited": false,
            },
        });
        assert_eq!(read(WebhookEvent::MessageCreated, Some(&message)), expected);
    }

    #[test]
    fn of_what_is_gone_only_where_it_was_is_told() {
        for gone in [None, Some(&Message { removed: true, sender: 34, ..Message::default() })] {
            let told = read(WebhookEvent::MessageDeleted, gone);
            let data = json!({
                "_id": "05".repeat(12), "chat_dialog_id": "09".repeat(12), "seq": 3, "by_user_id": 34, "removed": true,
            });
            assert_eq!((&told["type"], &told["data"]), (&json!("message.deleted"), &data));
        }
    }

    #[test]
    fn what_is_no_message_says_whose_it_is_and_what_else_there_is() {
        let online = WebhookDelivery {
            event: WebhookEvent::UserOnline.into(),
            user: 34,
            detail: r#"{"sessions":2}"#.into(),
            ..WebhookDelivery::default()
        };
        let told: Value = serde_json::from_slice(&of(7, &online, None)).unwrap();
        assert_eq!((&told["type"], &told["data"]), (&json!("user.online"), &json!({"user_id": 34, "sessions": 2})));
        assert_eq!(told.get("dialog_id"), None);
    }

    fn read(event: WebhookEvent, message: Option<&Message>) -> Value {
        let delivery = WebhookDelivery {
            number: 9,
            id: "msg_1".into(),
            event: event.into(),
            at: 1_700_000_000_500,
            dialog: vec![9; 12],
            message: vec![5; 12],
            seq: 3,
            user: 34,
            ..WebhookDelivery::default()
        };
        serde_json::from_slice(&of(7, &delivery, message)).unwrap()
    }
}
