//! Trees to XML, in the one spelling that every SDK build reads (`contract xmpp 0.1`): no white space between
//! elements, no prefix but `stream:` and `xml:`, `xmlns` written out wherever it changes.
//!
//! Invariant: what is written is well-formed, whatever the tree holds. A character or a name that XML 1.0 cannot
//! carry is left out, since apps name extension keys and REST carries any text.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use crate::names::is_of_every_edition;
use crate::{Element, Node, ns};

/// The end of a TCP stream (`contract xmpp 1.3`: it must come before the connection is closed).
pub const STREAM_CLOSE: &str = "</stream:stream>";

/// The only prefix an element is ever written with.
const STREAM_PREFIX: &str = "stream:";

impl Element {
    /// The element as XML. `default_ns` is the namespace that holds where it will stand: `jabber:client` inside a TCP
    /// stream, empty for a WebSocket frame. With an empty one the prefix `stream` is declared on the element that
    /// uses it.
    #[must_use]
    pub fn to_xml(&self, default_ns: &str) -> String {
        let mut out = String::with_capacity(512);
        self.write_xml(&mut out, default_ns);
        out
    }

    /// [`to_xml`](Element::to_xml) at the end of a text that is there already.
    pub fn write_xml(&self, out: &mut String, default_ns: &str) {
        let Some(inner_ns) = write_start(out, self, default_ns) else { return };
        if self.children.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        let beside_elements = self.elements().next().is_some();
        for node in &self.children {
            match node {
                Node::Element(child) => child.write_xml(out, inner_ns),
                Node::Text(text) if beside_elements && is_white_space(text) => {}
                Node::Text(text) => escape_text(out, text),
            }
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }
}

/// Whether a text can be the name of an element or attribute: a name of every edition of XML 1.0 without colon.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let ascii = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    match name.as_bytes() {
        [] => false,
        [first, rest @ ..] if first.is_ascii_alphabetic() && rest.iter().all(ascii) => true,
        _ => rxml::strings::NcNameStr::from_str(name).is_ok() && is_of_every_edition(name),
    }
}

/// Writes `<name attributes` and returns the default namespace of the content; nothing if the name cannot be written.
fn write_start<'a>(out: &mut String, element: &'a Element, default_ns: &'a str) -> Option<&'a str> {
    let prefixed = element.name.strip_prefix(STREAM_PREFIX);
    // The reserved namespaces cannot be declared without their prefix, so nothing in them can be written.
    if !is_name(prefixed.unwrap_or(&element.name)) || element.ns == ns::XML || element.ns == ns::XMLNS {
        return None;
    }
    out.push('<');
    out.push_str(&element.name);
    let inner_ns = match prefixed {
        Some(_) => {
            if default_ns.is_empty() {
                write_attribute(out, "xmlns:stream", ns::STREAM);
            }
            default_ns
        }
        None => {
            if element.ns != default_ns {
                write_attribute(out, "xmlns", &element.ns);
            }
            &element.ns
        }
    };
    for (at, (name, value)) in element.attrs.iter().enumerate() {
        let repeated = element.attrs[..at].iter().any(|(before, _)| before == name);
        if !repeated && name != "xmlns" && is_name(name.strip_prefix("xml:").unwrap_or(name)) {
            write_attribute(out, name, value);
        }
    }
    Some(inner_ns)
}

fn write_attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    escape_attribute(out, value);
    out.push('"');
}

/// What XML calls white space (XML 1.0, 2.3).
pub(crate) fn is_white_space(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

// === escapes ===

/// Appends text content. A carriage return is written as a reference, since a parser folds a raw one (XML 1.0, 2.11) and call
/// signalling needs it (`contract xmpp 0.1.5`).
pub fn escape_text(out: &mut String, text: &str) {
    escape(out, text, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    });
}

/// Appends an attribute value, for either quote. White space other than a blank is written as references, since a parser
/// turns it into blanks (XML 1.0, 3.3.3).
pub fn escape_attribute(out: &mut String, value: &str) {
    escape(out, value, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'"' => Some("&quot;"),
        b'\'' => Some("&apos;"),
        b'\t' => Some("&#x9;"),
        b'\n' => Some("&#xA;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    });
}

fn escape(out: &mut String, text: &str, replacement: impl Fn(u8) -> Option<&'static str>) {
    let mut clean_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte > b'>' && byte != 0xEF {
            continue;
        }
        let (instead, length) = match replacement(byte) {
            Some(reference) => (reference, 1),
            None if byte < b' ' && byte != b'\t' && byte != b'\n' => ("", 1),
            // U+FFFE and U+FFFF, the only characters above the control characters that XML 1.0 leaves out.
            None if byte == 0xEF && matches!(text.as_bytes()[at + 1..], [0xBF, 0xBE | 0xBF, ..]) => ("", 3),
            None => continue,
        };
        out.push_str(&text[clean_from..at]);
        out.push_str(instead);
        clean_from = at + length;
    }
    out.push_str(&text[clean_from..]);
}
