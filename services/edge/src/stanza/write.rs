//! From messages, markers and typing to the XML of one session: no white space between elements, no prefixes
//! (contract xmpp 0.1), and the keys that the server adds (contract xmpp 3.2).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt::Write;

use natter_proto::event::v1::change::What;
use natter_proto::event::v1::extension::Value;
use natter_proto::event::v1::{Attribute, Change, Extension, Headline, MarkKind, Marker, Message, Typing};
use natter_proto::{AppId, DialogId};
use natter_xmpp::{Framing, escape_attribute, escape_text, is_name, ns};

/// What all stanzas of a session have in common.
#[derive(Clone, Copy)]
pub(crate) struct Spelling<'a> {
    pub app: AppId,
    pub host: &'a str,
    pub framing: Framing,
}

/// Who a stanza is from: a user, and the resource if it is known.
#[derive(Clone, Copy)]
pub(crate) struct Sender<'a> {
    pub user: u64,
    pub resource: &'a str,
}

/// What is around a message.
#[derive(Clone, Copy)]
pub(crate) struct Envelope<'a> {
    pub from: Sender<'a>,
    pub dialog: DialogId,
    /// When it was stored, unix milliseconds, for a message that is not live.
    pub delayed: Option<i64>,
}

/// A private message for its recipient, addressed to the bare JID (contract xmpp 3.3).
pub(crate) fn message(spelling: Spelling<'_>, envelope: Envelope<'_>, message: &Message) -> String {
    let mut out = String::with_capacity(room_for(message));
    open_message(&mut out, spelling.framing == Framing::WebSocket);
    inner(&mut out, spelling, envelope, message);
    out
}

/// The `sent` copy of a private message for another session of its sender (contract xmpp 3.8).
pub(crate) fn carbon(spelling: Spelling<'_>, to: &str, envelope: Envelope<'_>, message: &Message) -> String {
    let mut out = String::with_capacity(room_for(message) + 320);
    open_carbon(&mut out, spelling, to, envelope.from.user);
    // The stamp says when the copy was due, so it belongs to the outer stanza (XEP-0203, 4).
    let inner_envelope = Envelope { delayed: None, ..envelope };
    open_message(&mut out, true);
    inner(&mut out, spelling, inner_envelope, message);
    out.push_str("</forwarded></sent>");
    delay(&mut out, spelling, envelope.delayed);
    out.push_str("</message>");
    out
}

/// A delivered or read status (contract xmpp 3.4): for the author, or with `copy_for` as a `sent` copy for the reader's session.
pub(crate) fn marker(spelling: Spelling<'_>, marker: &Marker, dialog: Option<DialogId>, copy_for: Option<&str>) -> String {
    let mut out = String::with_capacity(512);
    if let Some(to) = copy_for {
        open_carbon(&mut out, spelling, to, marker.user);
    }
    open_message(&mut out, copy_for.is_some() || spelling.framing == Framing::WebSocket);
    let from = Sender { user: marker.user, resource: &marker.resource };
    addresses(&mut out, spelling, "chat", from, marker.author);
    attribute(&mut out, "id", &marker.stanza_id);
    let name = if marker.kind() == MarkKind::Read { "displayed" } else { "received" };
    let _ = write!(out, "><{name} xmlns=\"{}\" id=\"", ns::CHAT_MARKERS);
    match marker.named.as_str() {
        "" => hex(&mut out, &marker.message_id),
        named => escape_attribute(&mut out, named),
    }
    out.push_str("\"/>");
    if let Some(dialog) = dialog {
        let _ = write!(out, "<extraParams xmlns=\"jabber:client\"><dialog_id>{dialog}</dialog_id></extraParams>");
    }
    out.push_str("</message>");
    if copy_for.is_some() {
        out.push_str("</forwarded></sent></message>");
    }
    out
}

/// A chat state for the recipient (contract xmpp 3.5).
pub(crate) fn typing(spelling: Spelling<'_>, typing: &Typing) -> String {
    let mut out = String::with_capacity(256);
    open_message(&mut out, spelling.framing == Framing::WebSocket);
    let from = Sender { user: typing.user, resource: &typing.resource };
    addresses(&mut out, spelling, "chat", from, typing.recipient);
    let name = if typing.composing { "composing" } else { "paused" };
    let _ = write!(out, "><{name} xmlns=\"{}\"/>", ns::CHAT_STATES);
    out.push_str(&typing.stanza);
    out.push_str("</message>");
    out
}

/// An edit or a removal for all, as if the one who made it had sent it (contract xmpp 3.6); with `copy_for` as a `sent` copy.
pub(crate) fn change(spelling: Spelling<'_>, change: &Change, dialog: DialogId, to: u64, copy_for: Option<&str>) -> String {
    let mut out = String::with_capacity(512);
    if let Some(to) = copy_for {
        open_carbon(&mut out, spelling, to, change.user);
    }
    open_message(&mut out, copy_for.is_some() || spelling.framing == Framing::WebSocket);
    addresses(&mut out, spelling, "chat", Sender { user: change.user, resource: "" }, to);
    out.push('>');
    match &change.what {
        Some(What::Edited(edited)) => {
            leaf(&mut out, "body", edited.body.as_deref().unwrap_or_default());
            let _ = write!(out, "<replace xmlns=\"{}\" id=\"", ns::CORRECT);
        }
        _ => {
            let _ = write!(out, "<remove xmlns=\"{}\" id=\"", ns::DELETE);
        }
    }
    hex(&mut out, &change.message_id);
    let _ = write!(out, "\"/><extraParams xmlns=\"jabber:client\"><dialog_id>{dialog}</dialog_id></extraParams></message>");
    if copy_for.is_some() {
        out.push_str("</forwarded></sent></message>");
    }
    out
}

/// A system message (contract xmpp 3.10). Its children hold `extraParams`: whoever makes the frame sees to it.
pub(crate) fn headline(spelling: Spelling<'_>, headline: &Headline, to: u64, delayed: Option<i64>) -> String {
    let mut out = String::with_capacity(256 + headline.children.len());
    open_message(&mut out, spelling.framing == Framing::WebSocket);
    let from = Sender { user: headline.user, resource: &headline.resource };
    addresses(&mut out, spelling, "headline", from, to);
    attribute(&mut out, "id", &headline.stanza_id);
    out.push('>');
    out.push_str(&headline.children);
    delay(&mut out, spelling, delayed);
    out.push_str("</message>");
    out
}

fn open_message(out: &mut String, with_namespace: bool) {
    out.push_str("<message");
    if with_namespace {
        out.push_str(" xmlns=\"jabber:client\"");
    }
}

/// Everything of a message behind `<message`, its end tag included.
fn inner(out: &mut String, spelling: Spelling<'_>, envelope: Envelope<'_>, message: &Message) {
    addresses(out, spelling, "chat", envelope.from, message.recipient);
    if message.stanza_id.is_empty() {
        out.push_str(" id=\"");
        hex(out, &message.id);
        out.push('"');
    } else {
        attribute(out, "id", &message.stanza_id);
    }
    out.push('>');
    if let Some(body) = &message.body {
        leaf(out, "body", body);
    }
    if message.markable {
        let _ = write!(out, "<markable xmlns=\"{}\"/>", ns::CHAT_MARKERS);
    }
    extra_params(out, envelope.dialog, message);
    for sibling in message.extensions.iter().filter(|extension| extension.sibling) {
        extension(out, sibling);
    }
    out.push_str(&message.relay);
    delay(out, spelling, envelope.delayed);
    out.push_str("</message>");
}

fn addresses(out: &mut String, spelling: Spelling<'_>, type_: &str, from: Sender<'_>, to: u64) {
    let _ = write!(out, " type=\"{type_}\" from=\"");
    address(out, spelling, from.user);
    if !from.resource.is_empty() {
        out.push('/');
        escape_attribute(out, from.resource);
    }
    out.push_str("\" to=\"");
    address(out, spelling, to);
    out.push('"');
}

fn address(out: &mut String, spelling: Spelling<'_>, user: u64) {
    let _ = write!(out, "{user}-{}@{}", spelling.app, spelling.host);
}

fn extra_params(out: &mut String, dialog: DialogId, message: &Message) {
    let is_content = message.body.is_some() || !message.attachments.is_empty();
    let mut inside = message.extensions.iter().filter(|extension| !extension.sibling).peekable();
    if !is_content && inside.peek().is_none() {
        return;
    }
    out.push_str("<extraParams xmlns=\"jabber:client\">");
    let mut has_dialog = false;
    for child in inside {
        has_dialog |= child.key == "dialog_id";
        extension(out, child);
    }
    for attachment in &message.attachments {
        out.push_str("<attachment");
        attributes(out, &attachment.attributes);
        out.push_str("/>");
    }
    if message.silent {
        out.push_str("<silent>1</silent>");
    }
    if is_content {
        if !has_dialog {
            let _ = write!(out, "<dialog_id>{dialog}</dialog_id>");
        }
        let date = if message.client_date > 0 { message.client_date } else { message.date_sent };
        let _ = write!(out, "<date_sent>{date}</date_sent><message_id>");
        hex(out, &message.id);
        out.push_str("</message_id>");
    }
    out.push_str("</extraParams>");
}

fn extension(out: &mut String, extension_: &Extension) {
    // A key made over REST may be no XML name; there is no other spelling for it.
    if !is_name(&extension_.key) {
        return;
    }
    out.push('<');
    out.push_str(&extension_.key);
    attributes(out, &extension_.attributes);
    out.push('>');
    match &extension_.value {
        Some(Value::Text(value) | Value::Json(value)) => escape_text(out, value),
        Some(Value::Nested(nested)) => nested.extensions.iter().for_each(|child| extension(out, child)),
        None => {}
    }
    close(out, &extension_.key);
}

fn attributes(out: &mut String, attributes: &[Attribute]) {
    for Attribute { name, value } in attributes.iter().filter(|attribute| is_name(&attribute.name)) {
        attribute(out, name, value);
    }
}

fn attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    escape_attribute(out, value);
    out.push('"');
}

fn leaf(out: &mut String, name: &str, text: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    escape_text(out, text);
    close(out, name);
}

fn close(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

fn delay(out: &mut String, spelling: Spelling<'_>, delayed: Option<i64>) {
    let Some(stamp) = delayed.and_then(|at| jiff::Timestamp::from_second(at.div_euclid(1_000)).ok()) else { return };
    let _ = write!(out, "<delay xmlns=\"{}\" from=\"{}\" stamp=\"{stamp}\"/>", ns::DELAY, spelling.host);
}

fn open_carbon(out: &mut String, spelling: Spelling<'_>, to: &str, user: u64) {
    open_message(out, spelling.framing == Framing::WebSocket);
    out.push_str(" type=\"chat\" from=\"");
    address(out, spelling, user);
    out.push('"');
    attribute(out, "to", to);
    let _ = write!(out, "><sent xmlns=\"{}\"><forwarded xmlns=\"{}\">", ns::CARBONS, ns::FORWARD);
}

fn hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
}

fn room_for(message: &Message) -> usize {
    512 + message.body.as_ref().map_or(0, String::len) + message.relay.len() + 64 * message.extensions.len()
}
