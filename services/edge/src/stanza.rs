//! Between the XML of clients and the messages of the other services: what kind of message it is, and which children no client
//! may send. The kinds of all stanzas are in `kind.rs`; reading is in `read.rs`; writing in `write.rs`, of changes in
//! `change.rs`, of rooms in `room.rs`; both, of privacy lists, in `privacy.rs`.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod change;
mod kind;
mod privacy;
mod read;
mod room;
mod write;

pub(crate) use change::{change, group_change, group_reaction, reaction};
pub(crate) use kind::Kind;
pub(crate) use privacy::{privacy_items, privacy_list, privacy_names};
pub(crate) use read::{content, edited, headline_children, relayed};
pub(crate) use room::{Seen, Spelled, items, occupant, own_presence, removed, room};
pub(crate) use write::{Envelope, Sender, Spelling, carbon, group_message, group_typing, headline, marker, message, typing};

use natter_proto::DialogId;
use natter_proto::dialog::v1::{CallMove, CallStep};
use natter_proto::event::v1::{CallKind, MarkKind};
use natter_xmpp::{Element, ns};

/// Bytes of the name that clients give a call. They use 36.
const CALL_SESSION_BYTES_MAX: usize = 128;

/// What a `<message/>` of type `chat`, `groupchat` or `normal` is for.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Purpose {
    /// Something to keep or hand on; `counted`: it has a body or an attachment (contract xmpp 5, third row).
    Content { counted: bool },
    /// A delivered or read status (contract xmpp 3.4) for the message with this `id`, as its client wrote it.
    Marker { kind: MarkKind, id: String, dialog: Option<DialogId> },
    /// `<composing/>` or `<paused/>` (contract xmpp 3.5).
    Typing { composing: bool },
    /// An edit (contract xmpp 3.6) of the message with this `id`, as its client wrote it.
    Edit { id: String, last: bool },
    /// A removal of the message with this `id`, as its client wrote it.
    Removal { id: String },
    /// Nothing that concerns another: further chat states, an empty message.
    Nothing,
}

/// Sorts a message. A body or an attachment makes it content, whatever else is in it.
pub(crate) fn purpose(element: &Element) -> Purpose {
    let extra = element.child("extraParams", ns::CLIENT);
    let has_attachment = extra.is_some_and(|extra| extra.child("attachment", ns::CLIENT).is_some());
    let id = |child: &Element| child.attr("id").unwrap_or_default().to_owned();
    if let Some(replace) = element.child("replace", ns::CORRECT) {
        return Purpose::Edit { id: id(replace), last: matches!(replace.attr("last"), Some("true" | "1")) };
    }
    if let Some(remove) = element.child("remove", ns::DELETE) {
        return Purpose::Removal { id: id(remove) };
    }
    if element.child("body", ns::CLIENT).is_some() || has_attachment {
        return Purpose::Content { counted: true };
    }
    for child in element.elements() {
        match (child.name.as_str(), child.ns.as_str()) {
            ("received", ns::CHAT_MARKERS) => return marker_of(MarkKind::Delivered, child, extra),
            ("displayed", ns::CHAT_MARKERS) => return marker_of(MarkKind::Read, child, extra),
            ("composing", ns::CHAT_STATES) => return Purpose::Typing { composing: true },
            ("paused", ns::CHAT_STATES) => return Purpose::Typing { composing: false },
            _ => {}
        }
    }
    let of_interest = |child: &Element| !is_forbidden(child) && child.ns != ns::CHAT_STATES;
    if element.elements().any(of_interest) { Purpose::Content { counted: false } } else { Purpose::Nothing }
}

fn marker_of(kind: MarkKind, marker: &Element, extra: Option<&Element>) -> Purpose {
    // Empty, `null` and `undefined` stand for a dialog the SDK does not know.
    let dialog = extra.and_then(|extra| extra.child_text("dialog_id", ns::CLIENT)).and_then(|id| id.parse().ok());
    Purpose::Marker { kind, id: marker.attr("id").unwrap_or_default().to_owned(), dialog }
}

/// A message of the video calling module (contract xmpp 11).
pub(crate) fn is_call(element: &Element) -> bool {
    let extra = element.child("extraParams", ns::CLIENT);
    let module = extra.and_then(|extra| extra.child_text("moduleIdentifier", ns::CLIENT));
    module.is_some_and(|module| module.trim() == "WebRTCVideoChat")
}

/// What a signal of a call does to it, if it begins to ring by it or rings no more. Of one without a name, or with an odd one, nothing
/// can be said.
pub(crate) fn call_step(element: &Element) -> Option<CallStep> {
    let extra = element.child("extraParams", ns::CLIENT)?;
    let text = |name: &str| extra.child_text(name, ns::CLIENT).map(|text| text.trim().to_owned());
    let what = match text("signalType")?.as_str() {
        "call" => CallMove::Offer,
        "accept" => CallMove::Accept,
        "reject" => CallMove::Reject,
        "hangUp" => CallMove::HangUp,
        _ => return None,
    };
    let kind = match text("callType").as_deref() {
        Some("1") => CallKind::Video,
        Some("2") => CallKind::Audio,
        _ => CallKind::Unspecified,
    };
    let is_name =
        |name: &String| (1..=CALL_SESSION_BYTES_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    let session = text("sessionID").filter(is_name)?;
    Some(CallStep { what: what.into(), session, kind: kind.into() })
}

/// Children that only a server may write, or that would make one stanza look like another (attacks A23 to A26): carbons,
/// archive results, ids and stamps of servers, addresses, reactions, stanzas within stanzas.
pub(crate) fn is_forbidden(child: &Element) -> bool {
    match child.ns.as_str() {
        ns::CARBONS | ns::DELAY | "urn:xmpp:sid:0" | "urn:xmpp:occupant-id:0" | "http://jabber.org/protocol/address" => {
            // XEP-0359: the client's own `origin-id` is its own business, and so is `private` of XEP-0280.
            !matches!(child.name.as_str(), "origin-id" | "private")
        }
        ns::STREAM | ns::MUC_USER | ns::STANZA_ERRORS => true,
        ns::CLIENT => matches!(child.name.as_str(), "message" | "presence" | "iq" | "error" | "reactions"),
        other => other.starts_with("urn:xmpp:mam:"),
    }
}

#[cfg(test)]
#[path = "stanza/tests.rs"]
mod tests;
