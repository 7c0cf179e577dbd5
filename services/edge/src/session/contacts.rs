//! Contacts (contract xmpp 6; RFC 6121, 2 to 4): the list, requests for presence and their answers, and who of them is there.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use natter_proto::event::v1::frame::Told as FrameTold;
use natter_proto::event::v1::{Availability, Contact, ContactChange, ContactRequest, Shown, Subscription};
use natter_proto::presence::v1::Present;
use natter_proto::{Failure, UserId};
use natter_xmpp::{Condition, Element, Kind, Stanza, ns};

use super::{Query, Session};
use crate::address::{self, Address};
use crate::proof::Told;
use crate::stanza_error;

/// Bytes of the name that a user gives a contact (RFC 6121, 2.3.3).
const NAME_BYTES_MAX: usize = 1_023;

/// How long the frame of a request may be on its way, milliseconds.
const ON_ITS_WAY_MS: i64 = 2_000;

/// What one session knows of the contact list.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    /// It asked for the list: it is told of changes.
    interested: bool,
    /// How often it was told of one.
    pushes: u64,
    /// Whose requests it was told of when it became available, unanswered, and when. Their frames may come after. As many as a greeting
    /// has, which presence bounds.
    greeted: BTreeMap<u64, i64>,
}

impl Contacts {
    pub(super) fn is_interested(&self) -> bool {
        self.interested
    }

    /// It asked for the list before, elsewhere.
    pub(super) fn be_interested(&mut self, interested: bool) {
        self.interested = interested;
    }
}

impl Session {
    // === requests ===

    pub(super) fn get_contacts(&mut self, stanza: &Stanza<'_>) {
        self.contacts.interested = true;
        self.query(Query::Contacts, Some(stanza.element));
    }

    /// One contact is added, named, or removed (RFC 6121, 2.3 to 2.5).
    pub(super) fn set_contact(&mut self, stanza: &Stanza<'_>, query: &Element) {
        let mut items = query.elements().filter(|item| item.is("item", ns::ROSTER));
        let (Some(item), None) = (items.next(), items.next()) else {
            return self.refuse_iq(stanza, Condition::BadRequest, "One item is set at a time.");
        };
        let user = match address::read(item.attr("jid"), self.me.app) {
            Address::User(user) if user == self.me.user => {
                return self.refuse_iq(stanza, Condition::NotAllowed, "Nobody is his own contact.");
            }
            Address::User(user) => user,
            _ => return self.refuse_iq(stanza, Condition::ItemNotFound, "Nobody has this address."),
        };
        let name = item.attr("name").unwrap_or_default();
        if item.attr("subscription") == Some("remove") {
            self.query(Query::RemoveContact(user), Some(stanza.element));
        } else if name.len() > NAME_BYTES_MAX {
            self.refuse_iq(stanza, Condition::NotAcceptable, "The name is too long.");
        } else {
            self.query(Query::SetContact { user, name: name.to_owned() }, Some(stanza.element));
        }
    }

    /// Presence to a user that asks for his, or answers. What is refused is not answered (contract xmpp 6), but a request that a
    /// privacy list keeps off (contract xmpp 7.3).
    pub(super) fn contact_presence(&mut self, stanza: &Stanza<'_>, user: UserId) {
        let kind = match stanza.stanza_type() {
            "subscribe" => Subscription::Subscribe,
            "subscribed" => Subscription::Subscribed,
            "unsubscribe" => Subscription::Unsubscribe,
            "unsubscribed" => Subscription::Unsubscribed,
            _ => return,
        };
        if user != self.me.user {
            self.contacts.greeted.remove(&user.0);
            let answered = Some(stanza.element).filter(|_| kind == Subscription::Subscribe);
            self.query(Query::Subscribe { user, kind }, answered);
        }
    }

    // === answers ===

    /// The list; nothing of it if the client has that revision (RFC 6121, 2.6.3).
    pub(super) fn list_contacts(&mut self, stanza: &Stanza<'_>, contacts: &[Contact], revision: u64) {
        let known = stanza.payload().and_then(|query| query.attr("ver"));
        let version = known.map(|_| revision.to_string());
        if known.is_some() && known == version.as_deref() {
            return self.grant(stanza, None);
        }
        let items = contacts.iter().map(|contact| self.item(contact));
        let query = Element::new("query", ns::ROSTER).with_attr_opt("ver", version.as_deref()).with_children(items);
        self.grant(stanza, Some(query));
    }

    fn item(&self, contact: &Contact) -> Element {
        let subscription = match (contact.to, contact.from) {
            (false, false) => "none",
            (true, false) => "to",
            (false, true) => "from",
            (true, true) => "both",
        };
        Element::new("item", ns::ROSTER)
            .with_attr("jid", self.bare(contact.user))
            .with_attr("subscription", subscription)
            .with_attr_opt("ask", contact.ask.then_some("subscribe"))
            .with_attr_opt("name", Some(contact.name.as_str()).filter(|name| !name.is_empty()))
    }

    pub(super) fn refuse_contact(&mut self, element: &Element, failure: &Failure) {
        let answer = stanza_error::of(failure).answer(&Stanza { kind: Kind::Presence, element }, Some(&self.me.address));
        self.write_element(&answer);
    }

    // === what contacts do ===

    /// What waits for a session that became available: contacts that are there, then requests (contract xmpp 1.6).
    pub(super) fn greeted(&mut self, now: i64, requests: &[u64], present: Vec<Present>) {
        for Present { user, resource, shown } in present {
            let availability = Availability { user, resource, available: true, shown, ..Availability::default() };
            self.availability(now, &availability);
        }
        for user in requests {
            let comes_anyway = self.backlog.frames().any(|frame| match &frame.told {
                Some(FrameTold::ContactRequest(request)) => request.user == *user && request.kind() == Subscription::Subscribe,
                _ => false,
            });
            if !comes_anyway {
                self.contact_request(now, &ContactRequest { user: *user, kind: Subscription::Subscribe.into() });
                self.contacts.greeted.insert(*user, now);
            }
        }
    }

    /// A contact came or went, or shows something else. The SDK knows users only, so it is told of a user's last session alone,
    /// and of nothing that is shown.
    pub(super) fn availability(&mut self, now: i64, availability: &Availability) {
        let Availability { user, resource, available, last, shown, again } = availability;
        if self.is_sdk() && (*again || (!available && !last)) {
            return;
        }
        let shown = shown.as_ref().filter(|_| *available && !self.is_sdk());
        let from = format!("{}/{resource}", self.bare(*user));
        let presence = Element::new("presence", ns::CLIENT).with_attr("from", from).with_attr("to", self.me.address.as_str());
        let presence = presence.with_attr_opt("type", (!available).then_some("unavailable"));
        self.write_element(&presence.with_children(shown.into_iter().flat_map(shown_children)));
        self.told(now, Told::Unstored);
    }

    pub(super) fn contact_request(&mut self, now: i64, request: &ContactRequest) {
        let kind = match request.kind() {
            Subscription::Unspecified => return,
            Subscription::Subscribe if self.contacts.greeted.get(&request.user).is_some_and(|at| now - at < ON_ITS_WAY_MS) => {
                return;
            }
            Subscription::Subscribe => "subscribe",
            Subscription::Subscribed => "subscribed",
            Subscription::Unsubscribe => "unsubscribe",
            Subscription::Unsubscribed => "unsubscribed",
        };
        let (from, to) = (self.bare(request.user), self.bare(self.me.user.0));
        let presence = Element::new("presence", ns::CLIENT).with_attr("from", from).with_attr("to", to).with_attr("type", kind);
        self.write_element(&presence);
        self.told(now, Told::Unstored);
    }

    /// The list changed. The SDK neither needs nor uses a push (contract xmpp 6).
    pub(super) fn contact_change(&mut self, now: i64, change: &ContactChange) {
        let Some(contact) = change.contact.as_ref().filter(|_| self.contacts.interested && !self.is_sdk()) else { return };
        let item = match change.removed {
            true => {
                Element::new("item", ns::ROSTER).with_attr("jid", self.bare(contact.user)).with_attr("subscription", "remove")
            }
            false => self.item(contact),
        };
        self.contacts.pushes += 1;
        let query = Element::new("query", ns::ROSTER).with_attr("ver", change.revision.to_string()).with_child(item);
        let iq =
            Element::new("iq", ns::CLIENT).with_attr("type", "set").with_attr("id", format!("contacts-{}", self.contacts.pushes));
        self.write_element(&iq.with_attr("to", self.me.address.as_str()).with_child(query));
        self.told(now, Told::Unstored);
    }

    fn is_sdk(&self) -> bool {
        self.is_sdk || self.me.has_authzid
    }
}

/// What is not the default is written.
fn shown_children(shown: &Shown) -> impl Iterator<Item = Element> {
    let priority = if shown.priority == 0 { String::new() } else { shown.priority.to_string() };
    let children = [("show", shown.show.clone()), ("status", shown.status.clone()), ("priority", priority)];
    children.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| Element::new(name, ns::CLIENT).with_text(text))
}
