//! From messages, markers and typing to the XML of one session: no white space between elements, no prefixes
//! (contract xmpp 0.1), and the keys that the server adds (contract xmpp 3.2).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt::Write;

use natter_proto::event::v1::extension::Value;
use natter_proto::event::v1::{Attribute, Extension, Headline, MarkKind, Marker, Message, Typing};
use natter_proto::{AppId, DialogId};
use natter_xmpp::{Framing, escape_attribute, escape_text, is_name, ns};

use super::room::{Spelled, room};

/// What all stanzas of a session have in common.
#[derive(Clone, Copy)]
pub(crate) struct Spelling<'a> {
    pub app: AppId,
    pub host: &'a str,
    pub framing: Framing,
}

/// Between whom a stanza goes.
#[derive(Clone, Copy)]
pub(super) enum Route<'a> {
    /// From a user to the bare address of another.
    Private { from: Sender<'a>, to: u64 },
    /// From a user in the room of a dialog to one session; which one is left open.
    Group { dialog: DialogId, user: u64 },
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
    inner(&mut out, spelling, private(envelope, message), envelope, message);
    out
}

/// A message of a group (contract xmpp 4.3), as its room says it.
pub(crate) fn group_message(spelling: Spelling<'_>, envelope: Envelope<'_>, message: &Message) -> Spelled {
    let mut out = String::with_capacity(room_for(message));
    open_message(&mut out, spelling.framing == Framing::WebSocket);
    let route = Route::Group { dialog: envelope.dialog, user: message.sender };
    let gap = inner(&mut out, spelling, route, envelope, message);
    Spelled::new(out, gap)
}

/// The `sent` copy of a private message for another session of its sender (contract xmpp 3.8).
pub(crate) fn carbon(spelling: Spelling<'_>, to: &str, envelope: Envelope<'_>, message: &Message) -> String {
    let mut out = String::with_capacity(room_for(message) + 320);
    open_carbon(&mut out, spelling, to, envelope.from.user);
    // The stamp says when the copy was due, so it belongs to the outer stanza (XEP-0203, 4).
    let inner_envelope = Envelope { delayed: None, ..envelope };
    open_message(&mut out, true);
    inner(&mut out, spelling, private(envelope, message), inner_envelope, message);
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
    addresses(&mut out, spelling, "chat", Route::Private { from, to: marker.author });
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
    let from = Sender { user: typing.user, resource: &typing.resource };
    chat_state(spelling, Route::Private { from, to: typing.recipient }, typing).0
}

/// A chat state in a group.
pub(crate) fn group_typing(spelling: Spelling<'_>, dialog: DialogId, typing: &Typing) -> Spelled {
    let (out, gap) = chat_state(spelling, Route::Group { dialog, user: typing.user }, typing);
    Spelled::new(out, gap)
}

fn chat_state(spelling: Spelling<'_>, route: Route<'_>, typing: &Typing) -> (String, usize) {
    let mut out = String::with_capacity(256);
    open_message(&mut out, spelling.framing == Framing::WebSocket);
    let gap = addresses(&mut out, spelling, route.message_type(), route);
    let name = if typing.composing { "composing" } else { "paused" };
    let _ = write!(out, "><{name} xmlns=\"{}\"/>", ns::CHAT_STATES);
    out.push_str(&typing.stanza);
    out.push_str("</message>");
    (out, gap)
}

/// A system message (contract xmpp 3.10). Its children hold `extraParams`: whoever makes the frame sees to it.
pub(crate) fn headline(spelling: Spelling<'_>, headline: &Headline, to: u64, delayed: Option<i64>) -> String {
    let mut out = String::with_capacity(256 + headline.children.len());
    open_message(&mut out, spelling.framing == Framing::WebSocket);
    let from = Sender { user: headline.user, resource: &headline.resource };
    addresses(&mut out, spelling, "headline", Route::Private { from, to });
    attribute(&mut out, "id", &headline.stanza_id);
    out.push('>');
    out.push_str(&headline.children);
    delay(&mut out, spelling, delayed);
    out.push_str("</message>");
    out
}

fn private<'a>(envelope: Envelope<'a>, message: &Message) -> Route<'a> {
    Route::Private { from: envelope.from, to: message.recipient }
}

impl Route<'_> {
    pub(super) fn message_type(self) -> &'static str {
        match self {
            Route::Private { .. } => "chat",
            Route::Group { .. } => "groupchat",
        }
    }
}

pub(super) fn open_message(out: &mut String, with_namespace: bool) {
    out.push_str("<message");
    if with_namespace {
        out.push_str(" xmlns=\"jabber:client\"");
    }
}

/// Everything of a message behind `<message`, its end tag included. Gives where a group's receiver belongs.
fn inner(out: &mut String, spelling: Spelling<'_>, route: Route<'_>, envelope: Envelope<'_>, message: &Message) -> usize {
    let gap = addresses(out, spelling, route.message_type(), route);
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
    gap
}

/// Type, `from` and `to`. Gives where a group's receiver belongs.
pub(super) fn addresses(out: &mut String, spelling: Spelling<'_>, type_: &str, route: Route<'_>) -> usize {
    let _ = write!(out, " type=\"{type_}\" from=\"");
    let gap = match route {
        Route::Private { from, to } => {
            address(out, spelling, from.user);
            if !from.resource.is_empty() {
                out.push('/');
                escape_attribute(out, from.resource);
            }
            out.push_str("\" to=\"");
            address(out, spelling, to);
            out.len()
        }
        Route::Group { dialog, user } => {
            let _ = write!(out, "{}/{user}\" to=\"", room(spelling, dialog));
            out.len()
        }
    };
    out.push('"');
    gap
}

pub(super) fn address(out: &mut String, spelling: Spelling<'_>, user: u64) {
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

pub(super) fn attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    escape_attribute(out, value);
    out.push('"');
}

pub(super) fn leaf(out: &mut String, name: &str, text: &str) {
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

pub(super) fn delay(out: &mut String, spelling: Spelling<'_>, delayed: Option<i64>) {
    let Some(stamp) = delayed.and_then(|at| jiff::Timestamp::from_second(at.div_euclid(1_000)).ok()) else { return };
    let _ = write!(out, "<delay xmlns=\"{}\" from=\"{}\" stamp=\"{stamp}\"/>", ns::DELAY, spelling.host);
}

pub(super) fn open_carbon(out: &mut String, spelling: Spelling<'_>, to: &str, user: u64) {
    open_message(out, spelling.framing == Framing::WebSocket);
    out.push_str(" type=\"chat\" from=\"");
    address(out, spelling, user);
    out.push('"');
    attribute(out, "to", to);
    let _ = write!(out, "><sent xmlns=\"{}\"><forwarded xmlns=\"{}\">", ns::CARBONS, ns::FORWARD);
}

pub(super) fn hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
}

fn room_for(message: &Message) -> usize {
    512 + message.body.as_ref().map_or(0, String::len) + message.relay.len() + 64 * message.extensions.len()
}
