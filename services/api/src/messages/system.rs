//! `POST /chat/Message/system` (contract rest 5.8): a system message to one user, as the chat connection would have sent it
//! (contract xmpp 3.10).

use natter_proto::dialog::v1::HeadlineRequest;
use natter_proto::event::v1::Headline;
use natter_proto::{MessageId, UserId};
use natter_xmpp::{escape_text, is_name};
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::decode::{self, Params};
use crate::dialogs::users;
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;
use crate::object::hex;

/// Most bytes of the XML: what a chat connection may send as well.
const CHILDREN_MAX: usize = 250 << 10;

/// Sends it. Answers once it is durable in the recipient's queue.
pub(crate) async fn create_system(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let recipient: UserId = asked.params.word_needed("recipientId")?.parse().map_err(|_| Refusal::user_not_found())?;
    let children = children(&asked.params)?;
    if children.len() > CHILDREN_MAX {
        return Err(Refusal::too_large());
    }
    if users(door, caller.0.app, [recipient.0].into()).await?.is_empty() {
        return Err(Refusal::user_not_found());
    }
    let id = hex(&MessageId::from_random(door.clock.now_s(), door.chance.bytes()).0);
    let headline = Headline { user: caller.0.user, resource: String::new(), stanza_id: id.clone(), children };
    let request = HeadlineRequest { app: caller.0.app, recipient: recipient.0, headline: Some(headline), origin: None };
    door.dialogs().headline(request).await?;
    let own: Map<String, Value> = own(&asked.params).map(|(key, value)| (key.to_owned(), value.clone())).collect();
    Ok(Answer::json(json!({"messageId": id, "recipientId": recipient.0, "extensionParams": own})))
}

fn own(params: &Params) -> impl Iterator<Item = (&str, &Value)> {
    params.iter().filter(|(key, _)| *key != "recipientId")
}

// `body` is the body, every other key a child of `extraParams`, behind the one that makes it a system message to the SDK.
fn children(params: &Params) -> Result<String, Refusal> {
    let mut out = String::new();
    if let Some(body) = params.text("body") {
        leaf(&mut out, "body", &body);
    }
    out.push_str(r#"<extraParams xmlns="jabber:client"><moduleIdentifier>SystemNotifications</moduleIdentifier>"#);
    for (key, value) in own(params).filter(|(key, _)| !matches!(*key, "body" | "moduleIdentifier")) {
        element(&mut out, key, value)?;
    }
    out.push_str("</extraParams>");
    Ok(out)
}

// An object becomes nested elements; a list has no spelling in XML and is written as JSON (contract xmpp 3.1).
fn element(out: &mut String, key: &str, value: &Value) -> Result<(), Refusal> {
    if !is_name(key) {
        return Err(Refusal::field(key, "cannot be the name of an XML element"));
    }
    match value {
        Value::Object(inner) => {
            out.extend(["<", key, ">"]);
            for (key, value) in inner {
                element(out, key, value)?;
            }
            out.extend(["</", key, ">"]);
        }
        other => {
            if let Some(text) = decode::text(other) {
                leaf(out, key, &text);
            }
        }
    }
    Ok(())
}

fn leaf(out: &mut String, name: &str, text: &str) {
    out.extend(["<", name, ">"]);
    escape_text(out, text);
    out.extend(["</", name, ">"]);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::decode::Bounds;

    #[test]
    fn the_children_are_those_the_chat_connection_would_send() {
        check("{}", "");
        check(r#"{"any":"x","obj":{"k":"v","in":{"n":1}}}"#, "<any>x</any><obj><k>v</k><in><n>1</n></in></obj>");
        check(r#"{"a":"<&>\u0001","b":true,"c":[1,"x"],"d":null}"#, r#"<a>&lt;&amp;&gt;</a><b>true</b><c>[1,"x"]</c>"#);
        check(r#"{"obj[k]":"v","moduleIdentifier":"Calls","recipientId":1}"#, "<obj><k>v</k></obj>");
        let children = children(&params(r#"{"body":"a<b","any":"x"}"#)).unwrap();
        assert!(children.starts_with("<body>a&lt;b</body><extraParams "), "{children}");
        assert!(children.ends_with("</moduleIdentifier><any>x</any></extraParams>"), "{children}");
    }

    #[test]
    fn a_key_that_is_no_name_is_refused() {
        for body in [r#"{"a b":1}"#, r#"{"a><b":1}"#, r#"{"o":{"1":1}}"#, r#"{"x:y":1}"#] {
            assert_eq!(children(&params(body)).unwrap_err().status, 422, "{body}");
        }
    }

    fn check(body: &str, inner: &str) {
        let expected = format!(
            r#"<extraParams xmlns="jabber:client"><moduleIdentifier>SystemNotifications</moduleIdentifier>{inner}</extraParams>"#
        );
        assert_eq!(children(&params(body)).unwrap(), expected, "{body}");
    }

    fn params(body: &str) -> Params {
        Params::decode("", "application/json", body.as_bytes(), Bounds { depth: 8, keys: 100 }).unwrap()
    }
}
