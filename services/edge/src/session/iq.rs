//! Requests of the client: every one is answered, with its id, from where it was sent to (contract xmpp 0.2).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_xmpp::{Condition, Element, Kind, Stanza, StanzaError, ns, result};

use super::Session;
use crate::address::{self, Address};

/// How the carbons request of SDK 2.x to 6.x is named (contract xmpp 5, third row).
const SDK_CARBONS_ID: &str = ":enableCarbons";

impl Session {
    /// An `<iq/>` of the client.
    pub(super) fn iq(&mut self, request: &Element) {
        let stanza = Stanza { kind: Kind::Iq, element: request };
        // Answers to what we asked are signs of life, which any stanza is.
        if matches!(stanza.stanza_type(), "result" | "error") {
            return;
        }
        let Some(payload) = stanza.payload().filter(|_| stanza.is_request()) else {
            self.refuse_iq(&stanza, Condition::BadRequest, "Bad request.");
            return;
        };
        match address::read(stanza.to(), self.me.app) {
            Address::User(user) if stanza.stanza_type() == "get" && payload.is("query", ns::LAST) => {
                self.ask_last_activity(request, user);
            }
            Address::Server => self.request(&stanza, payload),
            Address::User(user) if user == self.me.user => self.request(&stanza, payload),
            Address::Room(dialog) if stanza.stanza_type() == "get" && payload.is("query", ns::DISCO_ITEMS) => {
                self.room_items(request, dialog);
            }
            // Requests are never handed to other clients (attack A22).
            _ => self.refuse_iq(&stanza, Condition::ServiceUnavailable, "Service not available."),
        }
    }

    fn request(&mut self, stanza: &Stanza<'_>, payload: &Element) {
        let is_set = stanza.stanza_type() == "set";
        match (payload.name.as_str(), payload.ns.as_str()) {
            ("ping", ns::PING) => self.grant(stanza, None),
            ("session", ns::SESSION) | ("mobile", ns::MOBILE) if is_set => self.grant(stanza, None),
            ("subscribe", ns::STATUS_STREAMING) if is_set => self.subscribe(stanza, payload),
            ("query", ns::ROSTER) if is_set => self.set_contact(stanza, payload),
            ("query", ns::ROSTER) => self.get_contacts(stanza),
            ("enable", ns::CARBONS) if is_set => {
                self.carbons = true;
                self.is_sdk |= stanza.id().is_some_and(|id| id.ends_with(SDK_CARBONS_ID));
                self.grant(stanza, None);
            }
            ("disable", ns::CARBONS) if is_set => {
                self.carbons = false;
                self.grant(stanza, None);
            }
            _ => self.refuse_iq(stanza, Condition::ServiceUnavailable, "Service not available."),
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
