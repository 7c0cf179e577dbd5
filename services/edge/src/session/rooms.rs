//! What rooms answer while dialogs of more than two have no sessions on the wire: the errors and empty results of
//! contract xmpp 4 that every build understands.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_xmpp::{Condition, Element, Stanza, StanzaError, ns, result};

use super::Session;
use crate::acks::Place;
use crate::stanza::Purpose;

impl Session {
    /// A message of type `groupchat`: no room is known (contract xmpp 4.3). Chat states are dropped in silence.
    pub(super) fn room_message(&mut self, place: Place, element: &Element, purpose: &Purpose) {
        match purpose {
            Purpose::Content { .. } | Purpose::Change => {
                self.refuse(place, element, Condition::ItemNotFound, "Room not found");
            }
            _ => self.acks.done(place),
        }
    }

    /// A join (contract xmpp 4.1) is refused, a leave (4.4) is confirmed: `from` is what the client wrote.
    pub(super) fn room_presence(&mut self, stanza: &Stanza<'_>) {
        match stanza.stanza_type() {
            "available" => {
                let mut answer =
                    StanzaError::new(Condition::ItemNotFound, "Room not found").answer(stanza, Some(&self.me.address));
                // Without it the refusal is not noticed, whether the client sent one or not.
                if answer.child("x", ns::MUC).is_none() {
                    answer.children.insert(0, natter_xmpp::Node::Element(Element::new("x", ns::MUC)));
                }
                self.write_element(&answer);
            }
            "unavailable" => {
                let answer = left(stanza, &self.me.address);
                self.write_element(&answer);
            }
            _ => {}
        }
    }

    /// Who is in a room (contract xmpp 4.6): an unknown one has nobody in it, and an error would never be heard of.
    pub(super) fn room_items(&mut self, request: &Element) {
        let answer = result(request, Some(&self.me.address), Some(Element::new("query", ns::DISCO_ITEMS)));
        self.write_element(&answer);
    }
}

/// The answer to a leave, with the child under the wrong name that 4.x to 6.x look for.
fn left(stanza: &Stanza<'_>, to: &str) -> Element {
    let item = Element::new("item", ns::MUC_USER).with_attr("affiliation", "member").with_attr("role", "none");
    let status = Element::new("status", ns::MUC_USER).with_attr("code", "110");
    let shim = Element::new("xmlns", ns::MUC_USER).with_child(Element::new("code", ns::MUC_USER).with_text("110"));
    Element::new("presence", ns::CLIENT)
        .with_attr_opt("from", stanza.to())
        .with_attr("to", to)
        .with_attr("type", "unavailable")
        .with_attr_opt("id", stanza.id())
        .with_child(Element::new("x", ns::MUC_USER).with_child(item).with_child(status).with_child(shim))
}
