//! What can be had here (XEP-0030): of the server, of the room service, of the own account, of a room. Invariant: what is named
//! can be used, by whoever is told of it (`tests/doors/standard.rs` uses each). The SDK asks for none of it.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::{Code, Failure};
use natter_xmpp::{Condition, Element, Kind, Stanza, StanzaError, ns, result};

use super::Session;
use crate::address::{self, Address};
use crate::stanza_error;

/// Messages to who is not there are kept (XEP-0160).
const OFFLINE: &str = "msgoffline";
/// The dialog outlives who is in its room (XEP-0045, 15.3).
const PERSISTENT: &str = "muc_persistent";
/// The room service's name begins so (contract xmpp 0.3).
const ROOMS: &str = "muc.";

const SERVER: [&str; 7] = [ns::DISCO_INFO, ns::DISCO_ITEMS, ns::PING, ns::ROSTER, ns::PRIVACY, ns::CARBONS, OFFLINE];
const ACCOUNT: [&str; 5] = [ns::DISCO_INFO, ns::DISCO_ITEMS, ns::PING, ns::CARBONS, ns::LAST];
const ROOM_SERVICE: [&str; 3] = [ns::DISCO_INFO, ns::DISCO_ITEMS, ns::MUC];
const ROOM: [&str; 4] = [ns::DISCO_INFO, ns::DISCO_ITEMS, ns::MUC, PERSISTENT];

impl Session {
    /// Information about the server, the room service or the own account, or what is there.
    pub(super) fn discover(&mut self, stanza: &Stanza<'_>, query: &Element) {
        if is_of_node(query) {
            return self.refuse_iq(stanza, Condition::ItemNotFound, "Not found.");
        }
        let is_server = address::read(stanza.to(), self.me.app) == Address::Server;
        let is_room_service = is_server && stanza.to().is_some_and(|to| to.starts_with(ROOMS));
        let payload = match (query.ns.as_str(), is_server) {
            // Rooms are entered by who knows them; who is in a dialog finds it over REST.
            (ns::DISCO_ITEMS, true) if !is_room_service => {
                let rooms = format!("{ROOMS}{}", self.me.host);
                Element::new("query", ns::DISCO_ITEMS).with_child(Element::new("item", ns::DISCO_ITEMS).with_attr("jid", rooms))
            }
            (ns::DISCO_ITEMS, _) => Element::new("query", ns::DISCO_ITEMS),
            (_, true) if is_room_service => info("conference", "text", &ROOM_SERVICE),
            (_, true) => info("server", "im", &SERVER),
            (_, false) => info("account", "registered", &ACCOUNT),
        };
        self.grant(stanza, Some(payload));
    }

    /// Information about a room, for who may enter it.
    pub(super) fn discover_room(&mut self, stanza: &Stanza<'_>, query: &Element) {
        match address::read(stanza.to(), self.me.app) {
            Address::Room(dialog) if !is_of_node(query) => self.room_info(stanza.element, dialog),
            _ => self.refuse_iq(stanza, Condition::ItemNotFound, "Not found."),
        }
    }

    /// Of a room of which the user may know nothing, nothing is said, as of one that is not there (attack A29).
    pub(super) fn describe_room(&mut self, request: &Element, failure: Option<Failure>) {
        let answer = match failure {
            None => result(request, Some(&self.me.address), Some(info("conference", "text", &ROOM))),
            Some(failure) => {
                let error = match failure.code {
                    Code::Forbidden | Code::NotFound => StanzaError::new(Condition::ItemNotFound, "Not found."),
                    _ => stanza_error::of(&failure),
                };
                error.answer(&Stanza { kind: Kind::Iq, element: request }, Some(&self.me.address))
            }
        };
        self.write_element(&answer);
    }
}

/// There are no nodes here.
fn is_of_node(query: &Element) -> bool {
    query.attr("node").is_some_and(|node| !node.is_empty())
}

fn info(category: &str, kind: &str, features: &[&str]) -> Element {
    let identity = Element::new("identity", ns::DISCO_INFO).with_attr("category", category).with_attr("type", kind);
    let features = features.iter().map(|var| Element::new("feature", ns::DISCO_INFO).with_attr("var", *var));
    Element::new("query", ns::DISCO_INFO).with_child(identity.with_attr("name", "Natter")).with_children(features)
}
