//! From the XML of a client to a message: body, keys of the app, attachments, and all that is not understood, kept as XML.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::extension::Value;
use natter_proto::event::v1::{Attachment, Attribute, Extension, Message, Nested};
use natter_proto::{DialogId, MessageId};
use natter_xmpp::{Element, Node, ns};

use super::is_forbidden;

/// A message as it was sent, with what its sender said about it.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Content {
    /// Body, extensions, attachments, relay, `markable`, `silent`, `client_date`; ids and sender are the caller's.
    pub message: Message,
    /// The stanza's id, if it is one of ours in form.
    pub id: Option<MessageId>,
    /// To be kept in history: `save_to_history`, or for a client that knows no `extraParams`, what XEP-0334 does not forbid.
    pub save: bool,
}

/// Dates above this are milliseconds, not seconds (contract rest 9, the Flutter builds).
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// Takes a `<message/>` apart. Children that no client may send are left out.
pub(crate) fn content(element: Element) -> Content {
    let mut content = Content { id: element.attr("id").and_then(|id| id.parse().ok()), ..Content::default() };
    let mut is_standard = true;
    let mut may_save = true;
    for node in element.children {
        let Node::Element(child) = node else { continue };
        if is_forbidden(&child) {
            continue;
        }
        match (child.name.as_str(), child.ns.as_str()) {
            ("body", ns::CLIENT) => {
                content.message.body.get_or_insert_with(|| into_text(child));
            }
            ("extraParams", ns::CLIENT) => {
                is_standard = false;
                extra_params(child, &mut content);
            }
            ("markable", ns::CHAT_MARKERS) => content.message.markable = true,
            ("subject" | "thread", ns::CLIENT) => content.message.relay.push_str(&child.to_xml("")),
            // SDK 1.x to 3.14 put nested objects of `extension` here (contract xmpp 3.1).
            (_, ns::CLIENT) => content.message.extensions.push(Extension { sibling: true, ..extension(child) }),
            (name, namespace) => {
                may_save &= !(namespace == ns::HINTS && matches!(name, "no-store" | "no-permanent-store"));
                content.message.relay.push_str(&child.to_xml(""));
            }
        }
    }
    if is_standard {
        content.save = may_save && content.message.body.is_some();
    }
    content
}

/// What an edit changes: body, keys of the app, attachments. What says where a message belongs is not the edit's to change.
pub(crate) fn edited(element: &Element) -> Message {
    let mut words = content(element.clone()).message;
    words.extensions.retain(|extension| !matches!(extension.key.as_str(), "dialog_id" | "save_to_history"));
    words
}

/// The `extraParams` of an edit as they are relayed: the client's own, and the dialog if it named none.
pub(crate) fn relayed(element: &Element, dialog: DialogId) -> String {
    let mut extra = match element.child("extraParams", ns::CLIENT) {
        Some(extra) => extra.clone(),
        None => Element::new("extraParams", ns::CLIENT),
    };
    let is_dialog = |child: &Element| child.is("dialog_id", ns::CLIENT);
    extra.remove_children(|child| is_dialog(child) && child.text().parse::<DialogId>().is_err());
    if !extra.elements().any(is_dialog) {
        extra.push(Element::new("dialog_id", ns::CLIENT).with_text(dialog.to_string()));
    }
    extra.to_xml("")
}

/// The children of a system message as they are relayed. Builds up to 3.35 throw without `extraParams` (contract xmpp 3.10).
pub(crate) fn headline_children(element: &Element) -> String {
    let mut children: String = element.elements().filter(|child| !is_forbidden(child)).map(|child| child.to_xml("")).collect();
    if element.child("extraParams", ns::CLIENT).is_none() {
        let module = Element::new("moduleIdentifier", ns::CLIENT).with_text("SystemNotifications");
        children.push_str(&Element::new("extraParams", ns::CLIENT).with_child(module).to_xml(""));
    }
    children
}

fn extra_params(extra: Element, content: &mut Content) {
    for node in extra.children {
        let Node::Element(child) = node else { continue };
        match child.name.as_str() {
            "attachment" => content.message.attachments.push(Attachment { attributes: attributes(child.attrs) }),
            "date_sent" => content.message.client_date = date(&child.text()),
            "silent" => content.message.silent = is_set(&child.text()),
            // Written anew for every reader.
            "message_id" => {}
            "dialog_id" if child.text().parse::<DialogId>().is_err() => {}
            name => {
                if name == "save_to_history" {
                    content.save = is_set(&child.text());
                }
                content.message.extensions.push(extension(child));
            }
        }
    }
}

fn extension(element: Element) -> Extension {
    let attributes = attributes(element.attrs);
    let is_nested = element.children.iter().any(|node| matches!(node, Node::Element(_)));
    let value = if is_nested {
        let of_node = |node| match node {
            Node::Element(child) => Some(extension(child)),
            Node::Text(_) => None,
        };
        Value::Nested(Nested { extensions: element.children.into_iter().filter_map(of_node).collect() })
    } else {
        Value::Text(joined(element.children))
    };
    Extension { key: element.name, value: Some(value), attributes, sibling: false }
}

fn attributes(attrs: Vec<(String, String)>) -> Vec<Attribute> {
    attrs.into_iter().map(|(name, value)| Attribute { name, value }).collect()
}

fn into_text(element: Element) -> String {
    joined(element.children)
}

/// The text among the nodes; the usual single text is moved, not copied.
fn joined(nodes: Vec<Node>) -> String {
    let mut whole = String::new();
    for node in nodes {
        match node {
            Node::Text(text) if whole.is_empty() => whole = text,
            Node::Text(text) => whole.push_str(&text),
            Node::Element(_) => {}
        }
    }
    whole
}

fn date(text: &str) -> i64 {
    match text.trim().parse::<i64>() {
        Ok(date) if date >= MILLISECONDS_FROM => date / 1_000,
        Ok(date) if date > 0 => date,
        _ => 0,
    }
}

fn is_set(text: &str) -> bool {
    matches!(text.trim(), "1" | "true")
}
