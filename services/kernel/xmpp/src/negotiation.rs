//! What the server says while a stream is opened: header, features, SASL failure, the ways to end it. Spelling only;
//! which of them to say is the edge's.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use crate::write::escape_attribute;
use crate::{Element, ns};

/// The header of a TCP stream, XML declaration included. `id` must be unique and not guessable (RFC 6120, 4.7.3).
#[must_use]
pub fn stream_header(from: &str, id: &str) -> String {
    let mut out = String::with_capacity(192);
    out.push_str("<?xml version='1.0'?><stream:stream xmlns=\"jabber:client\" xmlns:stream=\"");
    out.push_str(ns::STREAM);
    out.push_str("\" from=\"");
    escape_attribute(&mut out, from);
    out.push_str("\" id=\"");
    escape_attribute(&mut out, id);
    out.push_str("\" version=\"1.0\" xml:lang=\"en\">");
    out
}

/// `<open/>`, the header of a WebSocket stream (`contract xmpp 1.2`).
#[must_use]
pub fn open(from: &str, id: &str) -> Element {
    Element::new("open", ns::FRAMING)
        .with_attr("from", from)
        .with_attr("id", id)
        .with_attr("version", "1.0")
        .with_attr("xml:lang", "en")
}

/// `<close/>`, the end of a WebSocket stream; the socket is closed after it.
#[must_use]
pub fn close() -> Element {
    Element::new("close", ns::FRAMING)
}

/// `<stream:features/>` with what is offered, in this order.
#[must_use]
pub fn features(offered: impl IntoIterator<Item = Element>) -> Element {
    Element::new("stream:features", ns::STREAM).with_children(offered)
}

/// The feature that lists SASL mechanisms, the preferred one first.
#[must_use]
pub fn mechanisms(names: &[&str]) -> Element {
    Element::new("mechanisms", ns::SASL)
        .with_children(names.iter().map(|name| Element::new("mechanism", ns::SASL).with_text(*name)))
}

/// A refused sign-in. The condition is the first child: it is what the builds report (`contract xmpp 1.5, 0.2.6`).
#[must_use]
pub fn sasl_failure(condition: &str, text: &str) -> Element {
    Element::new("failure", ns::SASL)
        .with_child(Element::new(condition, ns::SASL))
        .with_child(Element::new("text", ns::SASL).with_attr("xml:lang", "en").with_text(text))
}

/// A stream error that sends the client to another address, `host[:port]` (RFC 6120, 4.9.3.19): to drain an edge, nothing else
/// (`contract xmpp 9`).
#[must_use]
pub fn see_other_host(address: &str) -> Element {
    Element::new("stream:error", ns::STREAM).with_child(Element::new("see-other-host", ns::STREAM_ERRORS).with_text(address))
}
