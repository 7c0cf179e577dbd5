//! What happens to messages that were told: edits, removals and reactions, as XML for one session or for all of a group.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt::Write;

use natter_proto::event::v1::change::What;
use natter_proto::event::v1::{Change, Reaction};
use natter_proto::{DialogId, MessageId, UserId};
use natter_xmpp::{Framing, ns};

use super::room::Spelled;
use super::write::{Route, Sender, Spelling, addresses, attribute, hex, leaf, open_carbon, open_message};

/// An edit or a removal for all, as if the one who made it had sent it (contract xmpp 3.6); with `copy_for` as a `sent` copy.
pub(crate) fn change(spelling: Spelling<'_>, change: &Change, dialog: DialogId, to: u64, copy_for: Option<&str>) -> String {
    let from = Sender { user: change.user, resource: &change.resource };
    copied(spelling, change.user, copy_for, |out| {
        change_inner(out, spelling, Route::Private { from, to }, change, dialog);
    })
}

/// The same in a group.
pub(crate) fn group_change(spelling: Spelling<'_>, change: &Change, dialog: DialogId) -> Spelled {
    let mut out = String::with_capacity(512);
    open_message(&mut out, spelling.framing == Framing::WebSocket);
    let gap = change_inner(&mut out, spelling, Route::Group { dialog, user: change.user }, change, dialog);
    Spelled::new(out, gap)
}

/// Reactions that a user added and removed (contract xmpp 3.7); with `copy_for` as a `sent` copy.
pub(crate) fn reaction(spelling: Spelling<'_>, reaction: &Reaction, dialog: DialogId, to: u64, copy_for: Option<&str>) -> String {
    let from = Sender { user: reaction.user, resource: "" };
    copied(spelling, reaction.user, copy_for, |out| {
        reaction_inner(out, spelling, Route::Private { from, to }, reaction, dialog);
    })
}

/// The same in a group.
pub(crate) fn group_reaction(spelling: Spelling<'_>, reaction: &Reaction, dialog: DialogId) -> Spelled {
    let mut out = String::with_capacity(512);
    open_message(&mut out, spelling.framing == Framing::WebSocket);
    let gap = reaction_inner(&mut out, spelling, Route::Group { dialog, user: reaction.user }, reaction, dialog);
    Spelled::new(out, gap)
}

/// A private stanza, or with `copy_for` the copy of it for another session of `user`.
fn copied(spelling: Spelling<'_>, user: u64, copy_for: Option<&str>, inner: impl FnOnce(&mut String)) -> String {
    let mut out = String::with_capacity(512);
    if let Some(to) = copy_for {
        open_carbon(&mut out, spelling, to, user);
    }
    open_message(&mut out, copy_for.is_some() || spelling.framing == Framing::WebSocket);
    inner(&mut out);
    if copy_for.is_some() {
        out.push_str("</forwarded></sent></message>");
    }
    out
}

fn change_inner(out: &mut String, spelling: Spelling<'_>, route: Route<'_>, change: &Change, dialog: DialogId) -> usize {
    let gap = addresses(out, spelling, route.message_type(), route);
    if change.stanza_id.is_empty() {
        // Made over REST: every edge makes the same one.
        let made = MessageId::of_name(UserId(change.user), &format!("change {} of {dialog}", change.stamp));
        attribute(out, "id", &made.to_string());
    } else {
        attribute(out, "id", &change.stanza_id);
    }
    out.push('>');
    if let Some(What::Edited(edited)) = &change.what {
        leaf(out, "body", edited.body.as_deref().unwrap_or_default());
        let _ = write!(out, "<replace xmlns=\"{}\" id=\"", ns::CORRECT);
    } else {
        let _ = write!(out, "<remove xmlns=\"{}\" id=\"", ns::DELETE);
    }
    hex(out, &change.message_id);
    out.push_str(if change.last { "\" last=\"true\"/>" } else { "\"/>" });
    match change.relay.as_str() {
        "" => dialog_id(out, dialog),
        relay => out.push_str(relay),
    }
    out.push_str("</message>");
    gap
}

fn reaction_inner(out: &mut String, spelling: Spelling<'_>, route: Route<'_>, reaction: &Reaction, dialog: DialogId) -> usize {
    let gap = addresses(out, spelling, route.message_type(), route);
    attribute(out, "id", &reaction.stanza_id);
    let _ = write!(out, "><reactions user_id=\"{}\" message_id=\"", reaction.user);
    hex(out, &reaction.message_id);
    out.push_str("\">");
    for (what, emoji) in [("add", &reaction.add), ("remove", &reaction.remove)] {
        if !emoji.is_empty() {
            let _ = write!(out, "<reaction {what}=\"true\"");
            attribute(out, "type", emoji);
            out.push_str("/>");
        }
    }
    out.push_str("</reactions>");
    dialog_id(out, dialog);
    out.push_str("</message>");
    gap
}

fn dialog_id(out: &mut String, dialog: DialogId) {
    let _ = write!(out, "<extraParams xmlns=\"jabber:client\"><dialog_id>{dialog}</dialog_id></extraParams>");
}
