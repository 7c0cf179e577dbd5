//! A first-level element seen as a stanza, and the answers that need no error. It reads attributes; it does not judge
//! them (addresses, rights): that is the edge's.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use crate::{Element, ns};

/// The three kinds of stanza (RFC 6120, 8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `<iq/>`
    Iq,
    /// `<message/>`
    Message,
    /// `<presence/>`
    Presence,
}

/// A stanza of a client.
#[derive(Clone, Copy, Debug)]
pub struct Stanza<'a> {
    /// Which of the three it is.
    pub kind: Kind,
    /// The whole of it.
    pub element: &'a Element,
}

impl<'a> Stanza<'a> {
    /// Views an element as a stanza; nothing if it is none (a step of the negotiation, stream management, nonsense).
    #[must_use]
    pub fn of(element: &'a Element) -> Option<Stanza<'a>> {
        let kind = match element.name.as_str() {
            _ if element.ns != ns::CLIENT => return None,
            "iq" => Kind::Iq,
            "message" => Kind::Message,
            "presence" => Kind::Presence,
            _ => return None,
        };
        Some(Stanza { kind, element })
    }

    /// The `type`; without one an iq has none, a message is `normal`, a presence `available`.
    #[must_use]
    pub fn stanza_type(&self) -> &'a str {
        self.element.attr("type").unwrap_or(match self.kind {
            Kind::Iq => "",
            Kind::Message => "normal",
            Kind::Presence => "available",
        })
    }

    /// The `id`, if there is one that is not empty.
    #[must_use]
    pub fn id(&self) -> Option<&'a str> {
        self.element.attr("id").filter(|id| !id.is_empty())
    }

    /// The `to` as the client wrote it: answers repeat it (`contract xmpp 0.3`). Empty counts as none.
    #[must_use]
    pub fn to(&self) -> Option<&'a str> {
        self.element.attr("to").filter(|to| !to.is_empty())
    }

    /// The `from` as the client wrote it: to be overwritten, never trusted (`contract xmpp 0.2.7`, attack A21).
    #[must_use]
    pub fn from(&self) -> Option<&'a str> {
        self.element.attr("from")
    }

    /// Whether it must be answered: an iq of type `get` or `set` (`contract xmpp 0.2.3`).
    #[must_use]
    pub fn is_request(&self) -> bool {
        self.kind == Kind::Iq && matches!(self.stanza_type(), "get" | "set")
    }

    /// The first child element: what an iq asks for.
    #[must_use]
    pub fn payload(&self) -> Option<&'a Element> {
        self.element.elements().next()
    }
}

/// The `result` of an iq: the same `id`, `from` what the client had in `to` (`contract xmpp 0.2.3`).
///
/// `to` is the full address of the client, none before it is bound.
#[must_use]
pub fn result(request: &Element, to: Option<&str>, payload: Option<Element>) -> Element {
    Element::new("iq", ns::CLIENT)
        .with_attr("type", "result")
        .with_attr("id", request.attr("id").unwrap_or_default())
        .with_attr_opt("from", request.attr("to").filter(|to| !to.is_empty()))
        .with_attr_opt("to", to)
        .with_children(payload)
}

/// The `result` of a bind request (RFC 6120, 7.6).
#[must_use]
pub fn bound(request: &Element, jid: &str) -> Element {
    let jid = Element::new("jid", ns::BIND).with_text(jid);
    result(request, None, Some(Element::new("bind", ns::BIND).with_child(jid)))
}

/// The mark of a message that was kept (XEP-0203). `stamp` is UTC as `2026-01-31T10:00:00Z`.
#[must_use]
pub fn delay(from: &str, stamp: &str) -> Element {
    Element::new("delay", ns::DELAY).with_attr("from", from).with_attr("stamp", stamp)
}
