//! Errors of single stanzas: condition, legacy code and text as the SDK reads them (`contract xmpp 0.2.6, 9`). Which
//! refusal becomes which condition is the edge's table.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use crate::{Element, Kind, Stanza, ns};

/// The conditions in use (RFC 6120, 8.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// 400
    BadRequest,
    /// 400, an address that cannot be read
    JidMalformed,
    /// 401
    NotAuthorized,
    /// 403
    Forbidden,
    /// 404
    ItemNotFound,
    /// 405
    NotAllowed,
    /// 406
    NotAcceptable,
    /// 406, a rule of the operator: size, rate
    PolicyViolation,
    /// 407
    RegistrationRequired,
    /// 409
    Conflict,
    /// 500
    InternalServerError,
    /// 500, no room for now
    ResourceConstraint,
    /// 501
    FeatureNotImplemented,
    /// 503
    ServiceUnavailable,
}

impl Condition {
    /// Element name, `type`, and the legacy code (XEP-0086), without which the SDK reads NaN.
    const fn row(self) -> (&'static str, &'static str, u16) {
        match self {
            Condition::BadRequest => ("bad-request", "modify", 400),
            Condition::JidMalformed => ("jid-malformed", "modify", 400),
            Condition::NotAuthorized => ("not-authorized", "auth", 401),
            Condition::Forbidden => ("forbidden", "auth", 403),
            Condition::ItemNotFound => ("item-not-found", "cancel", 404),
            Condition::NotAllowed => ("not-allowed", "cancel", 405),
            Condition::NotAcceptable => ("not-acceptable", "modify", 406),
            Condition::PolicyViolation => ("policy-violation", "modify", 406),
            Condition::RegistrationRequired => ("registration-required", "auth", 407),
            Condition::Conflict => ("conflict", "cancel", 409),
            Condition::InternalServerError => ("internal-server-error", "wait", 500),
            Condition::ResourceConstraint => ("resource-constraint", "wait", 500),
            Condition::FeatureNotImplemented => ("feature-not-implemented", "cancel", 501),
            Condition::ServiceUnavailable => ("service-unavailable", "cancel", 503),
        }
    }

    /// The element name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// The legacy code.
    #[must_use]
    pub const fn code(self) -> u16 {
        self.row().2
    }
}

/// A refused stanza.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StanzaError {
    /// What is wrong, for the machine.
    pub condition: Condition,
    /// What is wrong, for a person; the app gets it as `info`. Never empty, never a secret.
    pub text: String,
}

impl StanzaError {
    /// An error with its text.
    pub fn new(condition: Condition, text: impl Into<String>) -> StanzaError {
        StanzaError { condition, text: text.into() }
    }

    /// The `<error/>` child.
    #[must_use]
    pub fn to_element(&self) -> Element {
        let (name, error_type, code) = self.condition.row();
        let text = Element::new("text", ns::STANZA_ERRORS).with_attr("xml:lang", "en").with_text(self.text.as_str());
        Element::new("error", ns::CLIENT)
            .with_attr("code", code.to_string())
            .with_attr("type", error_type)
            .with_child(Element::new(name, ns::STANZA_ERRORS))
            .with_child(text)
    }

    /// The answer to a stanza: same kind and `id`, `from` what the client had in `to`.
    ///
    /// An iq gets its payload back: old builds read it before they look for an error (`contract xmpp 0.2.4`). A
    /// presence gets its `<x/>` back, without which a refused join is not noticed (`contract xmpp 4.1`). A message
    /// does not: its sender has it. Errors and results must not be answered (RFC 6120, 8.3.1); the caller sees to it.
    ///
    /// `to` is the full address of the client, none before it is bound.
    #[must_use]
    pub fn answer(&self, stanza: &Stanza<'_>, to: Option<&str>) -> Element {
        let request = stanza.element;
        let echoed = request.elements().filter(|child| match stanza.kind {
            Kind::Iq => true,
            Kind::Presence => child.is("x", ns::MUC),
            Kind::Message => false,
        });
        let mut answer = Element::new(request.name.as_str(), ns::CLIENT).with_attr("type", "error");
        // An iq without id is still answered with one: builds throw otherwise (`contract xmpp 0.2.1`).
        if let Some(id) = request.attr("id").or((stanza.kind == Kind::Iq).then_some("")) {
            answer.set("id", id);
        }
        answer
            .with_attr_opt("from", stanza.to())
            .with_attr_opt("to", to)
            .with_children(echoed.cloned())
            .with_child(self.to_element())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_unknown_iq_gets_its_payload_back() {
        let request = Element::new("iq", ns::CLIENT)
            .with_attr("type", "get")
            .with_attr("id", "q1")
            .with_attr("to", "chat.example.net")
            .with_child(Element::new("query", "jabber:iq:version"));
        let error = StanzaError::new(Condition::ServiceUnavailable, "Service not available.");
        let answer = error.answer(&Stanza::of(&request).unwrap(), Some("34-905@chat.example.net/r"));
        assert_eq!(
            answer.to_xml(""),
            "<iq xmlns=\"jabber:client\" type=\"error\" id=\"q1\" from=\"chat.example.net\" \
             to=\"34-905@chat.example.net/r\"><query xmlns=\"jabber:iq:version\"/><error code=\"503\" type=\"cancel\">\
             <service-unavailable xmlns=\"urn:ietf:params:xml:ns:xmpp-stanzas\"/>\
             <text xmlns=\"urn:ietf:params:xml:ns:xmpp-stanzas\" xml:lang=\"en\">Service not available.</text>\
             </error></iq>"
        );
    }

    #[test]
    fn a_message_error_leaves_the_body_out_and_a_refused_join_keeps_its_x() {
        let error = StanzaError::new(Condition::RegistrationRequired, "Membership is required to enter this room");
        let message = Element::new("message", ns::CLIENT).with_child(Element::new("body", ns::CLIENT).with_text("hi"));
        let answer = error.answer(&Stanza::of(&message).unwrap(), None);
        assert_eq!(answer.elements().map(|child| child.name.as_str()).collect::<Vec<_>>(), ["error"]);
        let presence = Element::new("presence", ns::CLIENT)
            .with_child(Element::new("x", ns::MUC))
            .with_child(Element::new("c", "http://jabber.org/protocol/caps"));
        let answer = error.answer(&Stanza::of(&presence).unwrap(), None);
        assert_eq!(answer.elements().map(|child| child.name.as_str()).collect::<Vec<_>>(), ["x", "error"]);
        assert_eq!(answer.child("error", ns::CLIENT).unwrap().attr("code"), Some("407"));
    }
}
