//! The kinds of stanzas that the rules tell apart, as they are counted, and as the table of rights (`tests/doors/rights`) lists
//! them: what is added here needs a row there.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::MarkKind;
use natter_proto::{AppId, UserId};
use natter_xmpp::{Element, Stanza, ns};

use super::{Purpose, is_call, purpose};
use crate::address::{self, Address};

/// What a stanza of a client is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    // Messages to a user.
    Text,
    Edit,
    Removal,
    Delivered,
    Read,
    Typing,
    /// Nothing that concerns the other: further chat states, what only a server may write.
    Idle,
    System,
    /// A signal of a call.
    Call,
    // Messages to a room.
    GroupText,
    GroupEdit,
    GroupRemoval,
    GroupStatus,
    GroupTyping,
    GroupIdle,
    /// A system message or a signal of a call to what is no user.
    GroupSystem,
    /// A message to nobody who could be reached, or of a type that does not fit.
    Astray,
    ErrorMessage,
    // Presence.
    Available,
    Unavailable,
    Enter,
    Exit,
    /// Presence to somebody, and requests of contacts.
    Contact,
    // Requests.
    Ping,
    SessionRequest,
    ClientState,
    Contacts,
    ContactSet,
    Privacy,
    PrivacySet,
    /// A subscription to somebody's last activity.
    Watch,
    Carbons,
    Occupants,
    /// What the server and the own account offer, and what is at them (XEP-0030).
    Discovery,
    /// What a room offers.
    RoomDiscovery,
    LastActivity,
    UnknownRequest,
    BrokenRequest,
    /// An answer to a request of ours.
    Reply,
    /// No stanza: stream management, and what ends a stream.
    NoStanza,
}

impl Kind {
    /// All of them, in their order.
    pub(crate) const ALL: [Kind; 40] = [
        Kind::Text,
        Kind::Edit,
        Kind::Removal,
        Kind::Delivered,
        Kind::Read,
        Kind::Typing,
        Kind::Idle,
        Kind::System,
        Kind::Call,
        Kind::GroupText,
        Kind::GroupEdit,
        Kind::GroupRemoval,
        Kind::GroupStatus,
        Kind::GroupTyping,
        Kind::GroupIdle,
        Kind::GroupSystem,
        Kind::Astray,
        Kind::ErrorMessage,
        Kind::Available,
        Kind::Unavailable,
        Kind::Enter,
        Kind::Exit,
        Kind::Contact,
        Kind::Ping,
        Kind::SessionRequest,
        Kind::ClientState,
        Kind::Contacts,
        Kind::ContactSet,
        Kind::Privacy,
        Kind::PrivacySet,
        Kind::Watch,
        Kind::Carbons,
        Kind::Occupants,
        Kind::Discovery,
        Kind::RoomDiscovery,
        Kind::LastActivity,
        Kind::UnknownRequest,
        Kind::BrokenRequest,
        Kind::Reply,
        Kind::NoStanza,
    ];

    /// The name it is counted under.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Edit => "edit",
            Kind::Removal => "removal",
            Kind::Delivered => "delivered",
            Kind::Read => "read",
            Kind::Typing => "typing",
            Kind::Idle => "idle",
            Kind::System => "system",
            Kind::Call => "call",
            Kind::GroupText => "group_text",
            Kind::GroupEdit => "group_edit",
            Kind::GroupRemoval => "group_removal",
            Kind::GroupStatus => "group_status",
            Kind::GroupTyping => "group_typing",
            Kind::GroupIdle => "group_idle",
            Kind::GroupSystem => "group_system",
            Kind::Astray => "astray",
            Kind::ErrorMessage => "error",
            Kind::Available => "available",
            Kind::Unavailable => "unavailable",
            Kind::Enter => "enter",
            Kind::Exit => "exit",
            Kind::Contact => "contact",
            Kind::Ping => "ping",
            Kind::SessionRequest => "session",
            Kind::ClientState => "client_state",
            Kind::Contacts => "contacts",
            Kind::ContactSet => "contact_set",
            Kind::Privacy => "privacy",
            Kind::PrivacySet => "privacy_set",
            Kind::Watch => "watch",
            Kind::Carbons => "carbons",
            Kind::Occupants => "occupants",
            Kind::Discovery => "discovery",
            Kind::RoomDiscovery => "room_discovery",
            Kind::LastActivity => "last_activity",
            Kind::UnknownRequest => "unknown_request",
            Kind::BrokenRequest => "broken_request",
            Kind::Reply => "reply",
            Kind::NoStanza => "no_stanza",
        }
    }

    /// The kind of a first-level element that `user` sent.
    pub(crate) fn of(element: &Element, app: AppId, user: UserId) -> Kind {
        let Some(stanza) = Stanza::of(element).filter(|_| element.ns != ns::SM) else { return Kind::NoStanza };
        let to = address::read(stanza.to(), app);
        match stanza.kind {
            natter_xmpp::Kind::Message => of_message(element, to),
            natter_xmpp::Kind::Presence => of_presence(&stanza, to),
            natter_xmpp::Kind::Iq => of_iq(&stanza, to, user),
        }
    }
}

fn of_message(element: &Element, to: Address) -> Kind {
    match (element.attr("type").unwrap_or("normal"), to) {
        ("error", _) => Kind::ErrorMessage,
        ("headline", Address::User(_)) if is_call(element) => Kind::Call,
        ("headline", Address::User(_)) => Kind::System,
        ("headline", Address::Room(_) | Address::ForeignRoom | Address::Server) => Kind::GroupSystem,
        ("groupchat", Address::Room(_)) => match purpose(element) {
            Purpose::Content { .. } => Kind::GroupText,
            Purpose::Edit { .. } => Kind::GroupEdit,
            Purpose::Removal { .. } => Kind::GroupRemoval,
            Purpose::Marker { .. } => Kind::GroupStatus,
            Purpose::Typing { .. } => Kind::GroupTyping,
            Purpose::Nothing => Kind::GroupIdle,
        },
        // SDK 1.x and 2.x take a bare dialog id for a user's (contract xmpp 0.3).
        (_, Address::Room(_)) if matches!(purpose(element), Purpose::Typing { .. }) => Kind::GroupTyping,
        (other, Address::User(_)) if other != "groupchat" => match purpose(element) {
            Purpose::Content { .. } => Kind::Text,
            Purpose::Edit { .. } => Kind::Edit,
            Purpose::Removal { .. } => Kind::Removal,
            Purpose::Marker { kind: MarkKind::Read, .. } => Kind::Read,
            Purpose::Marker { .. } => Kind::Delivered,
            Purpose::Typing { .. } => Kind::Typing,
            Purpose::Nothing => Kind::Idle,
        },
        _ => Kind::Astray,
    }
}

fn of_presence(stanza: &Stanza<'_>, to: Address) -> Kind {
    match (stanza.stanza_type(), to, stanza.to()) {
        ("available", Address::Room(_) | Address::ForeignRoom, _) => Kind::Enter,
        ("unavailable", Address::Room(_) | Address::ForeignRoom, _) => Kind::Exit,
        ("available", _, None) => Kind::Available,
        ("unavailable", _, None) => Kind::Unavailable,
        _ => Kind::Contact,
    }
}

fn of_iq(stanza: &Stanza<'_>, to: Address, user: UserId) -> Kind {
    if matches!(stanza.stanza_type(), "result" | "error") {
        return Kind::Reply;
    }
    let Some(payload) = stanza.payload().filter(|_| stanza.is_request()) else { return Kind::BrokenRequest };
    let is_set = stanza.stanza_type() == "set";
    let is_own = to == Address::Server || to == Address::User(user);
    match (payload.name.as_str(), payload.ns.as_str()) {
        ("ping", ns::PING) if is_own => Kind::Ping,
        ("session", ns::SESSION) if is_own && is_set => Kind::SessionRequest,
        ("mobile", ns::MOBILE) if is_own && is_set => Kind::ClientState,
        ("query", ns::ROSTER) if is_own && is_set => Kind::ContactSet,
        ("query", ns::ROSTER) if is_own => Kind::Contacts,
        ("query", ns::PRIVACY) if is_own && is_set => Kind::PrivacySet,
        ("query", ns::PRIVACY) if is_own => Kind::Privacy,
        ("subscribe", ns::STATUS_STREAMING) if is_own && is_set => Kind::Watch,
        ("enable" | "disable", ns::CARBONS) if is_own && is_set => Kind::Carbons,
        ("query", ns::DISCO_ITEMS) if !is_set && matches!(to, Address::Room(_) | Address::ForeignRoom) => Kind::Occupants,
        ("query", ns::DISCO_INFO) if !is_set && matches!(to, Address::Room(_) | Address::ForeignRoom) => Kind::RoomDiscovery,
        ("query", ns::DISCO_INFO | ns::DISCO_ITEMS) if !is_set && is_own => Kind::Discovery,
        ("query", ns::LAST) if !is_set && matches!(to, Address::User(_) | Address::Foreign) => Kind::LastActivity,
        _ => Kind::UnknownRequest,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_kind_stands_once_and_at_its_place() {
        assert_eq!(Kind::ALL.len(), Kind::NoStanza as usize + 1);
        for (place, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place, "{kind:?}");
        }
        assert_eq!(Kind::ALL.iter().map(|kind| kind.name()).collect::<BTreeSet<_>>().len(), Kind::ALL.len());
    }
}
