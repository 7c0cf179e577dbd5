//! What is written is read as the same tree, and what is read here is what another parser reads (attack A27).

#![allow(clippy::unwrap_used)]

use natter_xmpp::{Element, Limits, Node, StreamEvent, StreamFault, StreamReader, ns};
use proptest::prelude::*;
use rxml::{Event, Parse};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A tree written and read is the tree, over both framings, and there is no white space between its elements.
    #[test]
    fn a_written_tree_is_read_as_the_same_tree(tree in tree()) {
        prop_assert_eq!(&frame(&tree.to_xml("")).unwrap(), &tree);
        let stream = format!("{}{}", natter_xmpp::stream_header("h", "1"), tree.to_xml(ns::CLIENT));
        let mut reader = StreamReader::tcp(Limits::after_sign_in(1 << 20));
        reader.push(stream.as_bytes());
        reader.next().unwrap();
        prop_assert_eq!(reader.next().unwrap(), Some(StreamEvent::Stanza(tree.clone())));
        prop_assert!(!has_white_space_between_elements(&tree.to_xml("")));
    }

    /// A tree that only code can make, with any text in any place, is still written as well-formed XML.
    #[test]
    fn any_tree_is_written_well_formed(tree in any_tree()) {
        let xml = tree.to_xml("");
        prop_assert!(!has_white_space_between_elements(&xml));
        if let Ok(read) = frame(&xml) {
            prop_assert_eq!(frame(&read.to_xml("")), Ok(read));
        } else {
            prop_assert!(xml.is_empty() || tree.ns.is_empty(), "{}", xml);
        }
    }

    /// Documents in every spelling, whole or damaged: accepted here means accepted by rxml's own namespace parser,
    /// with the same tree, and what is accepted is written and read as the same tree.
    #[test]
    fn every_accepted_document_means_the_same_to_another_parser(document in document(), damage in damage()) {
        let document = damaged(&document, &damage);
        let ours = frame(&document);
        let theirs = other_parser(&document);
        match (&ours, &theirs) {
            (Ok(ours), Some(theirs)) => {
                prop_assert_eq!(&sorted(ours.clone()), &sorted(theirs.clone()), "{}", document);
                prop_assert_eq!(&frame(&ours.to_xml("")), &Ok(ours.clone()), "{}", document);
            }
            (Ok(_), None) => prop_assert!(false, "accepted here only: {document}"),
            // Refused here only: what XMPP forbids, what could not be written again, and what rxml 0.14 lets through.
            (Err(StreamFault::InvalidNamespace | StreamFault::BadNamespacePrefix | StreamFault::BadFormat), Some(_)) => {}
            (Err(fault), Some(_)) => prop_assert!(has_two_default_namespaces(&document), "{fault:?}: {document}"),
            (Err(_), None) => {}
        }
    }
}

// === trees ===

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]", "[A-Za-z_][A-Za-z0-9_.-]{0,6}", "[\u{c0}-\u{d6}\u{3041}-\u{3094}]{1,3}", Just("xmlns1".to_owned())]
}

fn namespace() -> impl Strategy<Value = String> {
    prop_oneof![Just(ns::CLIENT.to_owned()), Just(ns::DELAY.to_owned()), "urn:[a-z&'\" ]{0,4}"]
}

/// Characters of XML 1.0, those that are escaped or folded more often than others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[<>&'\"\r\n\t \\]a]{1,8}",
        "[\u{20}-\u{7e}\r\n]{1,20}",
        "[\u{85}\u{2028}\u{e000}-\u{fffd}\u{1f300}-\u{1f6ff}]{1,4}"
    ]
}

/// As a reader makes them: no neighbouring texts, none of white space beside elements.
fn tree() -> impl Strategy<Value = Element> {
    tree_with(text().boxed(), name().boxed()).prop_map(|mut tree| {
        normalise(&mut tree);
        tree
    })
}

fn any_tree() -> impl Strategy<Value = Element> {
    tree_with(any::<String>().boxed(), prop_oneof![3 => name(), 1 => any::<String>(), 1 => Just("xmlns".to_owned())].boxed())
}

fn tree_with(text: BoxedStrategy<String>, name: BoxedStrategy<String>) -> BoxedStrategy<Element> {
    let attrs = proptest::collection::vec((prop_oneof![4 => name.clone(), 1 => Just("xml:lang".to_owned())], text.clone()), 0..4);
    let leaf = (name, namespace(), attrs).prop_map(|(name, ns, attrs)| {
        attrs.into_iter().fold(Element::new(name, ns), |element, (name, value)| element.with_attr(&name, value))
    });
    let leaf = leaf.boxed();
    let outer = leaf.clone();
    leaf.prop_recursive(4, 40, 5, move |inner| {
        let node = prop_oneof![inner.prop_map(Node::Element), text.clone().prop_map(Node::Text)];
        (outer.clone(), proptest::collection::vec(node, 0..5)).prop_map(|(element, children)| Element { children, ..element })
    })
    .boxed()
}

fn normalise(element: &mut Element) {
    let children = std::mem::take(&mut element.children);
    for node in children {
        match node {
            Node::Text(text) => element.push_text(text),
            Node::Element(mut child) => {
                normalise(&mut child);
                element.push(child);
            }
        }
    }
    if element.children.len() > 1 {
        element.children.retain(|node| !matches!(node, Node::Text(text) if text.chars().all(|c| " \t\r\n".contains(c))));
    }
    // What is left may be neighbours again.
    if element.children.windows(2).any(|pair| matches!(pair, [Node::Text(_), Node::Text(_)])) {
        normalise(element);
    }
}

/// `<a/> <b/>`: white space between two tags, except as the only content of an element.
fn has_white_space_between_elements(xml: &str) -> bool {
    let mut rest = xml;
    while let Some(at) = rest.find('>') {
        let after = &rest[at + 1..];
        let content = after.trim_start_matches([' ', '\t', '\r', '\n']);
        let opens = rest[..at].rfind('<').is_some_and(|tag| !rest[tag..].starts_with("</")) && !rest[..at].ends_with('/');
        if content.len() < after.len() && content.starts_with('<') && !(opens && content.starts_with("</")) {
            return true;
        }
        rest = after;
    }
    false
}

// === documents ===

/// A document in some spelling: prefixes declared or not, either quote, references, CDATA.
fn document() -> BoxedStrategy<String> {
    let piece = prop_oneof![
        "[a-c <>\n]{0,4}".prop_map(|text| text.replace('<', "&lt;")),
        Just("&amp;&#xD;&#10;".to_owned()),
        "[a-c<&\\]\n ]{0,5}".prop_map(|text| format!("<![CDATA[{text}]]>")),
    ];
    let element = |content: BoxedStrategy<String>| {
        let attribute = ("(a:|b:|xml:)?[p-r]", "['\"]", "[a-c &;\t]{0,3}")
            .prop_map(|(name, quote, value)| format!(" {name}={quote}{}{quote}", value.replace('&', "&amp;")));
        let declared = "( xmlns='urn:[a-b]'| xmlns='')?( xmlns:a=\"urn:[a-b]\"){0,2}( xmlns:b='urn:[a-b]')?";
        ("(a:|b:|xml:)?[x-z]", declared, proptest::collection::vec(attribute, 0..3), content).prop_map(
            |(name, declared, attributes, content)| match content.as_str() {
                "" => format!("<{name}{declared}{}/>", attributes.concat()),
                _ => format!("<{name}{declared}{}>{content}</{name} >", attributes.concat()),
            },
        )
    };
    let inner = piece.boxed().prop_recursive(3, 30, 4, move |inner| {
        proptest::collection::vec(prop_oneof![inner.clone(), element(inner.boxed())], 0..4).prop_map(|parts| parts.concat())
    });
    inner.prop_map(|content| format!("<a:m xmlns='jabber:client' xmlns:a='urn:a' xmlns:b='urn:b'>{content}</a:m>")).boxed()
}

/// Where to cut, how much to take out, what to put in.
fn damage() -> impl Strategy<Value = Option<(prop::sample::Index, usize, String)>> {
    let inserted = prop_oneof![
        Just(String::new()),
        "[<>&'\"/!?=;:\\[\\] \u{0}a]{1,2}",
        prop::sample::select(vec![
            "<!--x-->",
            "<?x?>",
            "<!DOCTYPE x>",
            "]]>",
            "<![CDATA[",
            " p='1'",
            "</x>",
            "<x>",
            "&x;",
            " xmlns:a='urn:b'"
        ])
        .prop_map(str::to_owned),
    ];
    proptest::option::of((any::<prop::sample::Index>(), 0usize..3, inserted))
}

fn damaged(document: &str, damage: &Option<(prop::sample::Index, usize, String)>) -> String {
    let Some((at, taken, inserted)) = damage else { return document.to_owned() };
    let chars: Vec<char> = document.chars().collect();
    let at = at.index(chars.len());
    let after = (at + taken).min(chars.len());
    chars[..at].iter().chain(&inserted.chars().collect::<Vec<_>>()).chain(&chars[after..]).collect()
}

// === readers ===

fn frame(xml: &str) -> Result<Element, StreamFault> {
    match StreamReader::websocket(Limits::after_sign_in(1 << 20)).frame(xml)? {
        StreamEvent::Stanza(element) => Ok(element),
        event => panic!("no such document is made here: {event:?}"),
    }
}

/// The tree as rxml's full parser gives it, under the rules this crate documents: prefixed attributes dropped but
/// `xml:`, white space beside elements dropped.
fn other_parser(document: &str) -> Option<Element> {
    let mut parser = rxml::Parser::new();
    let mut input = document.as_bytes();
    let (mut open, mut root): (Vec<Element>, Option<Element>) = (Vec::new(), None);
    while let Some(event) = parser.parse(&mut input, true).ok()? {
        match event {
            Event::XmlDeclaration(..) => return None,
            Event::StartElement(_, (ns, name), attributes) => {
                let mut element = Element::new(name.as_str(), ns.as_str());
                for ((ns, name), value) in &attributes {
                    match ns.as_str() {
                        "" => element.set(name, value.as_str()),
                        ns::XML => element.set(&format!("xml:{name}"), value.as_str()),
                        _ => {}
                    }
                }
                open.push(element);
            }
            Event::Text(_, text) => open.last_mut()?.push_text(text),
            Event::EndElement(_) => {
                let element = open.pop()?;
                match open.last_mut() {
                    Some(parent) => parent.push(element),
                    None => root = Some(element),
                }
            }
        }
    }
    let mut root = root?;
    normalise_as_read(&mut root);
    Some(root)
}

/// rxml's namespace parser takes `xmlns` twice on one element, which XML 1.0 forbids (3.1, Unique Att Spec).
fn has_two_default_namespaces(document: &str) -> bool {
    let declares = |(at, _): &(usize, &str), tag: &str| {
        tag[..*at].ends_with(char::is_whitespace) && tag[at + "xmlns".len()..].trim_start().starts_with('=')
    };
    document.split('<').any(|tag| tag.match_indices("xmlns").filter(|found| declares(found, tag)).count() > 1)
}

/// rxml keeps attributes in an order of its own.
fn sorted(mut element: Element) -> Element {
    element.attrs.sort();
    for node in &mut element.children {
        if let Node::Element(child) = node {
            *child = sorted(child.clone());
        }
    }
    element
}

/// White space beside elements goes.
fn normalise_as_read(element: &mut Element) {
    if element.children.len() > 1 {
        element.children.retain(|node| !matches!(node, Node::Text(text) if text.chars().all(|c| " \t\r\n".contains(c))));
    }
    for node in &mut element.children {
        if let Node::Element(child) = node {
            normalise_as_read(child);
        }
    }
}
