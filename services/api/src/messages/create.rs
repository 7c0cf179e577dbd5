//! `POST /chat/Message` (contract rest 5.3).

use natter_proto::dialog::v1::PostRequest;
use natter_proto::event::v1::{Attachment, Attribute, Extension, Message, extension};
use natter_proto::{DialogId, MessageId, UserId};
use serde_json::{Value, json};

use super::dialog_of;
use crate::answer::Answer;
use crate::decode::{self, Params, Wrong};
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;
use crate::object::{Shown, is_reserved};
use crate::readers::Readers;

/// Stores a message, in a dialog or in the private dialog with `recipient_id`. With `send_to_chat` it is delivered as well.
pub(crate) async fn create(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let (dialog, recipient) = target(&asked.params, caller)?;
    let id = MessageId::from_random(door.clock.now_s(), door.chance.bytes());
    let message = message(&asked.params, id, caller.0.user)?;
    let request = PostRequest {
        app: caller.0.app,
        dialog: dialog.to_vec(),
        recipient,
        message: Some(message.clone()),
        store: true,
        deliver: asked.params.flag("send_to_chat"),
        origin: None,
        traceparent: natter_telemetry::traceparent(),
        only_repeat: false,
        brief: false,
    };
    let reply = door.dialogs().post(request).await?.into_inner();
    let given = Message { id: reply.id, seq: reply.seq, date_sent: reply.date_sent, ..message };
    let row = reply.message.unwrap_or(given);
    let readers = Readers::of(&row, &[]);
    Ok(Answer::created(json!(Shown { row: &row, dialog: &reply.dialog, readers, reactions: Vec::new(), viewer: caller.0.user })))
}

// The dialog, and for a private one that may not exist yet the other user.
fn target(params: &Params, caller: &Caller) -> Result<(DialogId, u64), Refusal> {
    if let Some(dialog) = dialog_of(params)? {
        return Ok((dialog, 0));
    }
    let recipient = params.word("recipient_id").ok_or_else(|| Wrong::new("chat_dialog_id", "is required"))?;
    let recipient: UserId = recipient.parse().map_err(|_| Refusal::user_not_found())?;
    if recipient.0 == caller.0.user {
        return Err(Refusal::field("recipient_id", "is yourself"));
    }
    Ok((DialogId::of_pair(&caller.0.pair_key, UserId(caller.0.user), recipient), recipient.0))
}

fn message(params: &Params, id: MessageId, sender: u64) -> Result<Message, Wrong> {
    Ok(Message {
        id: id.to_vec(),
        sender,
        client_date: params.date("date_sent")?.map_or(0, |ms| ms.div_euclid(1000)),
        body: params.text("message"),
        extensions: params.iter().filter(|(key, _)| !is_reserved(key)).filter_map(|(key, value)| own_key(key, value)).collect(),
        attachments: params.objects("attachments").iter().map(attachment).collect(),
        markable: params.flag("markable"),
        silent: params.flag("silent"),
        ..Message::default()
    })
}

// A text stays a text; any other value keeps its type as JSON.
fn own_key(key: &str, value: &Value) -> Option<Extension> {
    let value = match value {
        Value::Null => return None,
        Value::String(text) => extension::Value::Text(text.clone()),
        typed => extension::Value::Json(typed.to_string()),
    };
    Some(Extension { key: key.to_owned(), value: Some(value), ..Extension::default() })
}

fn attachment(fields: &Params) -> Attachment {
    let attribute = |(name, value): (&str, &Value)| Some(Attribute { name: name.to_owned(), value: decode::text(value)? });
    Attachment { attributes: fields.iter().filter_map(attribute).collect() }
}
