//! The rooms of dialogs as XML: their addresses, who is in them, and stanzas that differ from session to session in nothing but
//! their `to`.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt::{self, Write};

use natter_proto::{AppId, DialogId};
use natter_xmpp::{Element, Framing, escape_attribute, ns};

use super::write::{Spelling, address};

/// A stanza for many sessions: all of it but the address of the one it is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Spelled {
    text: String,
    /// Where in `text` the address belongs.
    gap: usize,
}

impl Spelled {
    pub(crate) fn new(text: String, gap: usize) -> Spelled {
        Spelled { text, gap }
    }

    /// The stanza for the session with this full address.
    pub(crate) fn addressed_to(&self, to: &str) -> String {
        let (before, after) = self.text.split_at(self.gap);
        let mut out = String::with_capacity(self.text.len() + to.len());
        out.push_str(before);
        escape_attribute(&mut out, to);
        out.push_str(after);
        out
    }
}

/// The address of the room of a dialog, without a user (contract xmpp 2).
pub(crate) struct Room<'a> {
    app: AppId,
    host: &'a str,
    dialog: DialogId,
}

/// The room of a dialog.
pub(crate) fn room(spelling: Spelling<'_>, dialog: DialogId) -> Room<'_> {
    Room { app: spelling.app, host: spelling.host, dialog }
}

impl fmt::Display for Room<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}@muc.{}", self.app, self.dialog, self.host)
    }
}

/// What a presence in a room says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    There,
    Gone,
}

/// That another user is in the room of a dialog, or left it (contract xmpp 4.1, 4.4): never with a status.
pub(crate) fn occupant(spelling: Spelling<'_>, dialog: DialogId, user: u64, seen: Seen) -> Spelled {
    let mut out = String::with_capacity(320);
    open_presence(&mut out, spelling);
    let _ = write!(out, " from=\"{}/{user}\" to=\"", room(spelling, dialog));
    let gap = out.len();
    let (unavailable, role) = match seen {
        Seen::There => ("", "participant"),
        Seen::Gone => (" type=\"unavailable\"", "none"),
    };
    let _ = write!(
        out,
        "\"{unavailable}><x xmlns=\"{}\"><item affiliation=\"member\" role=\"{role}\"/></x></presence>",
        ns::MUC_USER
    );
    Spelled::new(out, gap)
}

/// That `user` was removed from the dialog by `actor`, for himself (contract xmpp 4.5).
pub(crate) fn removed(spelling: Spelling<'_>, dialog: DialogId, user: u64, actor: u64, to: &str) -> String {
    let mut by = String::with_capacity(64);
    by.push_str("<actor jid=\"");
    address(&mut by, spelling, actor);
    by.push_str("\"/>");
    let mut out = String::with_capacity(512);
    open_presence(&mut out, spelling);
    let _ = write!(out, " from=\"{}/{user}\" to=\"", room(spelling, dialog));
    escape_attribute(&mut out, to);
    let _ = write!(
        out,
        "\" type=\"unavailable\"><x xmlns=\"{}\"><item affiliation=\"none\" role=\"none\">{by}</item>\
         <status code=\"301\"/><xmlns><code>301</code></xmlns></x>\
         <item>{by}</item></presence>",
        ns::MUC_USER
    );
    out
}

fn open_presence(out: &mut String, spelling: Spelling<'_>) {
    out.push_str("<presence");
    if spelling.framing == Framing::WebSocket {
        out.push_str(" xmlns=\"jabber:client\"");
    }
}

/// The presence of a user about himself, status 110: that he is in the room, or out of it (contract xmpp 4.1, 4.4). With the child
/// under the wrong name that 4.x to 6.x look for.
pub(crate) fn own_presence(from: String, to: &str, id: Option<&str>, seen: Seen) -> Element {
    let (unavailable, role) = match seen {
        Seen::There => (None, "participant"),
        Seen::Gone => (Some("unavailable"), "none"),
    };
    let item = Element::new("item", ns::MUC_USER).with_attr("affiliation", "member").with_attr("role", role);
    let status = Element::new("status", ns::MUC_USER).with_attr("code", "110");
    let shim = Element::new("xmlns", ns::MUC_USER).with_child(Element::new("code", ns::MUC_USER).with_text("110"));
    Element::new("presence", ns::CLIENT)
        .with_attr("from", from)
        .with_attr("to", to)
        .with_attr_opt("type", unavailable)
        .with_attr_opt("id", id)
        .with_child(Element::new("x", ns::MUC_USER).with_child(item).with_child(status).with_child(shim))
}

/// The users in a room as items of a disco query (contract xmpp 4.6).
pub(crate) fn items(spelling: Spelling<'_>, dialog: DialogId, users: &[u64]) -> Element {
    let room = room(spelling, dialog);
    let item = |user: &u64| {
        let jid = format!("{room}/{user}");
        Element::new("item", ns::DISCO_ITEMS).with_attr("jid", jid).with_attr("name", user.to_string())
    };
    Element::new("query", ns::DISCO_ITEMS).with_children(users.iter().map(item))
}
