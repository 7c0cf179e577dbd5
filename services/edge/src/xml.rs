//! XML written straight into a buffer: for the stanzas that are written for every message, where a tree would be in the way.
//! All other XML is built as [`natter_xmpp::Element`].

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// Character data. A carriage return is written as a reference, or readers would fold it (contract xmpp 0.1.5).
pub(crate) fn text(out: &mut String, text: &str) {
    escape(out, text, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    });
}

/// ` name="value"`.
pub(crate) fn attribute(out: &mut String, name: &str, content: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    value(out, content);
    out.push('"');
}

/// The value of an attribute, between double quotes.
pub(crate) fn value(out: &mut String, content: &str) {
    escape(out, content, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'"' => Some("&quot;"),
        b'\r' => Some("&#xD;"),
        b'\n' => Some("&#xA;"),
        b'\t' => Some("&#x9;"),
        _ => None,
    });
}

/// `<name>text</name>`.
pub(crate) fn leaf(out: &mut String, name: &str, content: &str) {
    open(out, name);
    out.push('>');
    text(out, content);
    close(out, name);
}

/// `<name`, without its `>`.
pub(crate) fn open(out: &mut String, name: &str) {
    out.push('<');
    out.push_str(name);
}

/// `</name>`.
pub(crate) fn close(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// Copies runs between the characters that need a reference. What XML 1.0 cannot carry is left out: REST takes any text.
fn escape(out: &mut String, text: &str, reference: impl Fn(u8) -> Option<&'static str>) {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let (instead, length) = match reference(byte) {
            Some(reference) => (reference, 1),
            None if byte < b' ' && byte != b'\n' && byte != b'\t' => ("", 1),
            None if byte == 0xEF && matches!(text.as_bytes()[at + 1..], [0xBF, 0xBE | 0xBF, ..]) => ("", 3),
            None => continue,
        };
        out.push_str(&text[from..at]);
        out.push_str(instead);
        from = at + length;
    }
    out.push_str(&text[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_would_change_is_written_as_a_reference() {
        let mut out = String::new();
        leaf(&mut out, "body", "a<b> & \"c\"\r\n\u{1f600}");
        attribute(&mut out, "name", "a\"<\n\t");
        assert_eq!(out, "<body>a&lt;b&gt; &amp; \"c\"&#xD;\n\u{1f600}</body> name=\"a&quot;&lt;&#xA;&#x9;\"");
    }
}
