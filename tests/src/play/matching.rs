//! Whether a stanza is the expected one, and in what it differs. Attributes have no order, and children of different names
//! have none either, except in errors, where clients take the first child for the condition (`contract xmpp 0.2.6`).

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use natter_xmpp::{Element, Node};

use super::names::Names;

/// Compares, and keeps what `{name=pattern}` has caught. The error shows every difference and the whole stanza.
pub(super) fn compare(expected: &Element, actual: &Element, names: &mut Names) -> Result<()> {
    let mut comparison = Comparison { names, caught: BTreeMap::new(), differences: Vec::new() };
    comparison.element(expected, actual, &format!("<{}>", expected.name))?;
    let Comparison { caught, differences, .. } = comparison;
    if differences.is_empty() {
        caught.into_iter().for_each(|(name, value)| names.set(&name, value));
        return Ok(());
    }
    bail!("{}\n--- expected\n{}--- received\n{}", differences.join("\n"), pretty(expected, 0), pretty(actual, 0));
}

struct Comparison<'a> {
    names: &'a mut Names,
    caught: BTreeMap<String, String>,
    differences: Vec<String>,
}

impl Comparison<'_> {
    fn element(&mut self, expected: &Element, actual: &Element, place: &str) -> Result<()> {
        if (&expected.name, &expected.ns) != (&actual.name, &actual.ns) {
            self.differences.push(format!("{place}: expected {}, received {}", title(expected), title(actual)));
            return Ok(());
        }
        for (name, pattern) in &expected.attrs {
            match actual.attr(name) {
                Some(value) => self.text(pattern, value, &format!("{place} {name}"))?,
                None if pattern == "{any?}" => {}
                None => self.differences.push(format!("{place}: {name} is missing")),
            }
        }
        for (name, value) in actual.attrs.iter().filter(|(name, _)| expected.attr(name).is_none()) {
            self.differences.push(format!("{place}: {name}={value:?} is too much"));
        }
        self.children(&nodes(expected), &nodes(actual), place)
    }

    fn children(&mut self, expected: &[&Node], actual: &[&Node], place: &str) -> Result<()> {
        // `{any}` also stands for no text at all.
        if let ([Node::Text(pattern)], []) = (expected, actual) {
            return self.text(pattern, "", place);
        }
        for (expected, actual) in expected.iter().zip(actual) {
            match (expected, actual) {
                (Node::Element(expected), Node::Element(actual)) => {
                    self.element(expected, actual, &format!("{place}<{}>", expected.name))?;
                }
                (Node::Text(pattern), Node::Text(text)) => self.text(pattern, text, place)?,
                _ => self.differences.push(format!("{place}: text and element are mixed up")),
            }
        }
        for missing in expected.iter().skip(actual.len()) {
            self.differences.push(format!("{place}: {} is missing", described(missing)));
        }
        for surplus in actual.iter().skip(expected.len()) {
            self.differences.push(format!("{place}: {} is too much", described(surplus)));
        }
        Ok(())
    }

    /// A pattern is the whole of a text or attribute; inside a longer text braces hold names.
    fn text(&mut self, pattern: &str, text: &str, place: &str) -> Result<()> {
        let whole = pattern.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).filter(|rest| !rest.contains('{'));
        let (name, kind) = match whole {
            Some(whole) => whole.split_once('=').map_or((None, whole), |(name, kind)| (Some(name), kind)),
            None => (None, ""),
        };
        let fits = match kind {
            "any" | "any?" => true,
            "hex24" => text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "number" => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()),
            "stamp" => text.len() >= 20 && text.as_bytes()[10] == b'T' && text.ends_with('Z'),
            // A full address whose resource nobody can guess.
            "fresh" => text.split_once('/').is_some_and(|(_, resource)| resource.len() >= 32),
            _ => match kind.strip_prefix("of ") {
                Some(actor) => text.split_once('@').is_some_and(|(local, _)| self.names.get(actor).is_ok_and(|of| of == local)),
                None => text == self.names.fill_text(pattern)?,
            },
        };
        if let Some(name) = name.filter(|_| fits) {
            self.caught.insert(name.to_owned(), text.to_owned());
        }
        if !fits {
            self.differences.push(format!("{place}: expected {pattern:?}, received {text:?}"));
        }
        Ok(())
    }
}

fn nodes(element: &Element) -> Vec<&Node> {
    let mut nodes: Vec<&Node> = element.children.iter().collect();
    if !matches!(element.name.as_str(), "error" | "failure") {
        nodes.sort_by_key(|node| match node {
            Node::Element(child) => (child.name.clone(), child.ns.clone()),
            Node::Text(_) => Default::default(),
        });
    }
    nodes
}

fn title(element: &Element) -> String {
    format!("<{} xmlns={:?}>", element.name, element.ns)
}

fn described(node: &Node) -> String {
    match node {
        Node::Element(element) => title(element),
        Node::Text(text) => format!("the text {text:?}"),
    }
}

/// One line per element, attributes sorted: for eyes, not for parsers.
pub(super) fn pretty(element: &Element, depth: usize) -> String {
    let indent = "    ".repeat(depth + 1);
    let mut attrs: Vec<_> = element.attrs.iter().map(|(name, value)| format!(" {name}={value:?}")).collect();
    attrs.sort();
    let mut out = format!("{indent}<{} xmlns={:?}{}>", element.name, element.ns, attrs.concat());
    let mut below = String::new();
    for node in &element.children {
        match node {
            Node::Element(child) => below.push_str(&pretty(child, depth + 1)),
            Node::Text(text) => out.push_str(&format!(" {text:?}")),
        }
    }
    out.push('\n');
    out + &below
}

#[cfg(test)]
mod tests {
    use natter_xmpp::ns;

    use super::*;
    use crate::play::Target;

    #[test]
    fn patterns_match_and_are_caught() {
        let mut names = names();
        let expected = message("{any}", "{dialog=hex24}");
        compare(&expected, &message("34-905@h/r", "66f0a1b2c3d4e5f607182930"), &mut names).unwrap();
        assert_eq!(names.get("dialog").unwrap(), "66f0a1b2c3d4e5f607182930");
        names.set("Romeo", "34-905".to_owned());
        compare(&message("{of Romeo}", "{dialog}"), &message("34-905@h/r", "66f0a1b2c3d4e5f607182930"), &mut names).unwrap();
    }

    #[test]
    fn every_difference_is_shown_at_its_place() {
        let actual = message("b", "null").with_attr("lang", "de").with_child(Element::new("x", "urn:x"));
        let error = compare(&message("a", "{hex24}").with_attr("id", "1"), &actual, &mut names()).unwrap_err().to_string();
        for part in [
            "<message> from: expected \"a\", received \"b\"",
            "<message>: id is missing",
            "<message>: lang=\"de\" is too much",
            "<message><extraParams><dialog_id>: expected \"{hex24}\", received \"null\"",
            "<message>: <x xmlns=\"urn:x\"> is too much",
        ] {
            assert!(error.contains(part), "{part} is not in\n{error}");
        }
    }

    #[test]
    fn only_errors_have_an_order() {
        let pair = |outer: &str, first: &str, second: &str| {
            Element::new(outer, ns::CLIENT).with_child(Element::new(first, "")).with_child(Element::new(second, ""))
        };
        assert!(compare(&pair("message", "a", "b"), &pair("message", "b", "a"), &mut names()).is_ok());
        assert!(compare(&pair("error", "a", "b"), &pair("error", "b", "a"), &mut names()).is_err());
    }

    fn message(from: &str, dialog: &str) -> Element {
        let dialog = Element::new("dialog_id", ns::CLIENT).with_text(dialog);
        Element::new("message", ns::CLIENT)
            .with_attr("from", from)
            .with_child(Element::new("extraParams", ns::CLIENT).with_child(dialog))
    }

    fn names() -> Names {
        Names::new(&Target {
            host: "localhost".to_owned(),
            ws_port: 0,
            wss_port: 0,
            tcp_port: 0,
            tls_port: 0,
            ca_pem: String::new(),
            app: 905,
            group: None,
            users: BTreeMap::new(),
        })
    }
}
