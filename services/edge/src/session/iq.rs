//! Requests of the client: every one is answered, with its id, from where it was sent to (contract xmpp 0.2).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_xmpp::{Condition, Element, Stanza, StanzaError, ns, result};

use super::{Query, Session};
use crate::address::{self, Address};
use crate::stanza::Kind;

/// How the carbons request of SDK 2.x to 6.x is named (contract xmpp 5, third row).
const SDK_CARBONS_ID: &str = ":enableCarbons";

impl Session {
    /// An `<iq/>` of the client.
    pub(super) fn iq(&mut self, request: &Element) {
        let stanza = Stanza { kind: natter_xmpp::Kind::Iq, element: request };
        let payload = stanza.payload();
        match (self.kind_of(request), payload) {
            // Answers to what we asked are signs of life, which any stanza is.
            (Kind::Reply, _) => {}
            (Kind::BrokenRequest, _) => self.refuse_iq(&stanza, Condition::BadRequest, "Bad request."),
            (Kind::Ping | Kind::SessionRequest, _) => self.grant(&stanza, None),
            (Kind::ClientState, Some(mobile)) => self.mobile_state(&stanza, mobile),
            (Kind::Contacts, _) => self.get_contacts(&stanza),
            (Kind::ContactSet, Some(query)) => self.set_contact(&stanza, query),
            (Kind::Privacy, Some(query)) => self.get_privacy(&stanza, query),
            (Kind::PrivacySet, Some(query)) => self.set_privacy(&stanza, query),
            (Kind::Carbons, _) => {
                self.carbons = payload.is_some_and(|payload| payload.name == "enable");
                self.is_sdk |= self.carbons && stanza.id().is_some_and(|id| id.ends_with(SDK_CARBONS_ID));
                self.grant(&stanza, None);
            }
            (Kind::Occupants, _) => match address::read(stanza.to(), self.me.app) {
                Address::Room(dialog) => self.room_items(request, dialog),
                // Nobody is in the room of another app, as in an unknown one (contract xmpp 4.6).
                _ => self.grant(&stanza, Some(Element::new("query", ns::DISCO_ITEMS))),
            },
            (Kind::Discovery, Some(query)) => self.discover(&stanza, query),
            (Kind::RoomDiscovery, Some(query)) => self.discover_room(&stanza, query),
            (Kind::LastActivity, _) => match address::read(stanza.to(), self.me.app) {
                Address::User(user) => self.query(Query::LastActivity(user), Some(request)),
                _ => self.refuse_iq(&stanza, Condition::ItemNotFound, "Not found."),
            },
            (Kind::Watch, Some(subscribe)) => self.subscribe(&stanza, subscribe),
            // Requests are never handed to other clients (attack A22).
            _ => self.refuse_iq(&stanza, Condition::ServiceUnavailable, "Service not available."),
        }
    }

    pub(super) fn grant(&mut self, stanza: &Stanza<'_>, payload: Option<Element>) {
        let answer = result(stanza.element, Some(&self.me.address), payload);
        self.write_element(&answer);
    }

    pub(super) fn refuse_iq(&mut self, stanza: &Stanza<'_>, condition: Condition, text: &str) {
        let answer = StanzaError::new(condition, text).answer(stanza, Some(&self.me.address));
        self.write_element(&answer);
    }
}
