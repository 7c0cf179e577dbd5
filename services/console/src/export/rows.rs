//! The rows of an export that are shown nowhere else. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::DialogId;
use natter_proto::account::v1::User;
use natter_proto::dialog::v1::{Dialog, DialogKind};
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Attachment, Extension, Message, extension};
use natter_proto::history::v1::{KeptRow, UnreadRow};
use natter_proto::push::v1::{Environment, Event, Subscription};
use natter_proto::storage::v1::{Blob, Status};
use serde_json::{Value, json};

use super::{id, of_kind};
use crate::devices;
use crate::hex;
use crate::service::iso;
use crate::users;

/// Characters of a device's token that are shown: enough to know it again, too few to send to it.
const TOKEN_SHOWN: usize = 6;

pub fn profile(user: &User) -> Value {
    let mut shown = users::shown(user);
    shown["website"] = json!(user.website);
    shown["avatar"] = json!(user.avatar);
    shown["blob_id"] = json!(user.blob_id);
    shown["custom_data"] = json!(user.custom_data);
    shown["tags"] = json!(user.tags);
    shown["timezone"] = json!(user.timezone);
    shown["external_user_id"] = json!(user.external_user_id);
    shown["external_id"] = json!(user.external_id);
    shown["facebook_id"] = json!(user.facebook_id);
    shown["twitter_id"] = json!(user.twitter_id);
    of_kind("profile", shown)
}

/// A dialog as this user has it.
pub fn dialog(dialog: &Dialog, state: &UnreadRow, user: u64) -> Value {
    let (kind, is_public) = match dialog.kind() {
        DialogKind::Unspecified => ("", false),
        DialogKind::Private => ("private", false),
        DialogKind::Group => ("group", false),
        DialogKind::Public | DialogKind::Broadcast => ("public", true),
    };
    let role = match (dialog.owner == user, dialog.admins.contains(&user)) {
        (true, _) => "owner",
        (_, true) => "admin",
        _ => "member",
    };
    let member = state.member.as_ref();
    json!({
        "kind": "dialog",
        "id": hex::shown(&dialog.id),
        "type": kind,
        "name": dialog.name,
        "description": dialog.description,
        "photo": dialog.photo,
        "role": role,
        // Who joined a public dialog is nobody's data but their own.
        "members": if is_public { Value::Null } else { json!(dialog.members) },
        "muted": dialog.muted,
        "created_at": iso(dialog.created_at),
        "joined_at_seq": member.map_or(0, |member| member.joined),
        "read_upto": member.map_or(0, |member| member.base),
        "unread": state.unread,
    })
}

pub fn message(dialog: DialogId, row: &Message) -> Value {
    json!({
        "kind": "message",
        "dialog": hex::shown(&dialog.0),
        "id": hex::shown(&row.id),
        "seq": row.seq,
        "to": (row.recipient > 0).then_some(row.recipient),
        "created_at": iso(row.created_at),
        "edited_at": (row.updated_at > row.created_at).then(|| iso(row.updated_at)),
        "text": row.body,
        "attachments": row.attachments.iter().map(attachment).collect::<Vec<_>>(),
        "extensions": row.extensions.iter().map(|extension| (extension.key.clone(), value(extension))).collect::<Value>(),
    })
}

fn attachment(attachment: &Attachment) -> Value {
    attachment.attributes.iter().map(|attribute| (attribute.name.clone(), json!(attribute.value))).collect()
}

fn value(extension: &Extension) -> Value {
    match &extension.value {
        None => json!(""),
        Some(extension::Value::Text(text)) => json!(text),
        Some(extension::Value::Nested(nested)) => {
            nested.extensions.iter().map(|inner| (inner.key.clone(), value(inner))).collect()
        }
        Some(extension::Value::Json(text)) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    }
}

/// A message that waits for the user, or a system message. Nothing else is kept.
pub fn kept(row: &KeptRow) -> Option<Value> {
    let (from, message, text, xml) = match row.frame.as_ref()?.told.as_ref()? {
        Told::Message(message) => (message.sender, id(&message.id), message.body.clone(), None),
        Told::Headline(headline) => (headline.user, None, None, Some(headline.children.clone())),
        _ => return None,
    };
    let at = iso(row.kept_at);
    Some(json!({ "kind": "kept_message", "place": row.place, "at": at, "from": from, "id": message, "text": text, "xml": xml }))
}

pub fn file(blob: &Blob) -> Value {
    json!({
        "kind": "file",
        "id": blob.id,
        "uid": blob.uid,
        "name": blob.name,
        "content_type": Some(&blob.content_type).filter(|kind| !kind.is_empty()),
        "public": blob.public,
        "size": blob.size,
        "complete": blob.status() == Status::Complete,
        "created_at": iso(blob.created_at),
        "updated_at": iso(blob.updated_at),
    })
}

pub fn device(subscription: &Subscription) -> Value {
    let token = match &subscription.web {
        Some(web) => &web.endpoint,
        None => &subscription.token,
    };
    let mut shown = devices::shown(subscription);
    shown["token"] = json!(cut(token));
    of_kind("device", shown)
}

fn cut(token: &str) -> String {
    let end = token.chars().rev().take(TOKEN_SHOWN.min(token.chars().count() / 4)).collect::<Vec<_>>();
    format!("…{}", end.into_iter().rev().collect::<String>())
}

pub fn event(event: &Event) -> Value {
    let environment = match event.environment() {
        Environment::Unspecified => None,
        Environment::Development => Some("development"),
        Environment::Production => Some("production"),
    };
    json!({
        "kind": "event",
        "id": event.id,
        "name": event.name,
        "environment": environment,
        "channel": Some(devices::channel_name(event.channel())).filter(|channel| !channel.is_empty()),
        "message": event.message,
        "users": event.users,
        "at": iso(event.at),
        "created_at": iso(event.created_at),
    })
}

#[cfg(test)]
mod tests {
    use natter_proto::event::v1::{Attribute, Nested};

    use super::*;

    #[test]
    fn a_token_is_known_again_and_not_given_away() {
        for (token, shown) in
            [("", "…"), ("abc", "…"), ("0123456789abcdef", "…cdef"), (&"x".repeat(64), "…xxxxxx"), ("äöüäöüäö", "…äö")]
        {
            assert_eq!(cut(token), shown);
        }
    }

    #[test]
    fn a_message_is_shown_with_all_that_its_sender_put_into_it() {
        let text = |key: &str, text: &str| Extension {
            key: key.into(),
            value: Some(extension::Value::Text(text.into())),
            ..Extension::default()
        };
        let nested = Nested { extensions: vec![text("inner", "1")] };
        let row = Message {
            id: vec![7; 12],
            seq: 3,
            recipient: 8,
            created_at: 1_700_000_000_000,
            updated_at: 1_700_000_001_000,
            body: Some("hi".into()),
            extensions: vec![
                text("a", "b"),
                Extension { key: "n".into(), value: Some(extension::Value::Nested(nested)), ..Extension::default() },
                Extension { key: "j".into(), value: Some(extension::Value::Json("[1]".into())), ..Extension::default() },
            ],
            attachments: vec![Attachment { attributes: vec![Attribute { name: "uid".into(), value: "U".into() }] }],
            ..Message::default()
        };
        let shown = message(DialogId([9; 12]), &row);
        let expected = json!({
            "kind": "message", "dialog": "09".repeat(12), "id": "07".repeat(12), "seq": 3, "to": 8, "text": "hi",
            "created_at": "2023-11-14T22:13:20Z", "edited_at": "2023-11-14T22:13:21Z",
            "attachments": [{"uid": "U"}], "extensions": {"a": "b", "n": {"inner": "1"}, "j": [1]},
        });
        assert_eq!(shown, expected);
        assert_eq!(message(DialogId([9; 12]), &Message { updated_at: row.created_at, ..row })["edited_at"], Value::Null);
    }
}
