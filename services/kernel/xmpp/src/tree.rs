//! Parser events to one element, refused at the first event over a limit. It does not see bytes.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use rxml::{NcName, RawEvent, RawQName};

use crate::names::is_of_every_edition;
use crate::scope::Scope;
use crate::write::is_white_space;
use crate::{Element, Limits, Node, StreamFault, ns};

/// What has been read of one element.
#[derive(Default)]
pub(crate) struct Tree {
    /// The start tag being read.
    tag: Option<Tag>,
    /// Elements whose end is still to come, outermost first.
    open: Vec<Element>,
    /// Elements seen so far.
    elements: usize,
}

struct Tag {
    name: RawQName,
    /// How many came, declarations included.
    count: usize,
    attributes: Vec<(RawQName, String)>,
}

/// What an event completed.
pub(crate) enum Grown {
    /// Nothing yet.
    More,
    /// The start tag of the outermost element, which is now open.
    Head,
    /// The outermost element.
    Whole(Element),
}

impl Tree {
    /// Takes one event. After an error or a whole element the tree is spent.
    pub(crate) fn take(&mut self, event: RawEvent, scope: &mut Scope, limits: &Limits) -> Result<Grown, StreamFault> {
        match event {
            RawEvent::ElementHeadOpen(_, name) => self.start(name, scope, limits),
            RawEvent::Attribute(_, name, value) => self.attribute(name, value, scope, limits),
            RawEvent::ElementHeadClose(_) => return self.head(scope),
            RawEvent::Text(_, text) => self.text(text, limits),
            RawEvent::ElementFoot(_) => return Ok(self.end(scope)),
            // Only a stream header may have a declaration; its reader does not pass it on.
            RawEvent::XmlDeclaration(..) => Err(StreamFault::RestrictedXml),
        }?;
        Ok(Grown::More)
    }

    /// The outermost element, as far as it is known. For a stream header.
    pub(crate) fn into_outermost(mut self) -> Option<Element> {
        self.open.truncate(1);
        self.open.pop()
    }

    fn start(&mut self, name: RawQName, scope: &mut Scope, limits: &Limits) -> Result<(), StreamFault> {
        self.elements += 1;
        let siblings = self.open.last().map_or(0, |parent| parent.children.len());
        if self.open.len() >= limits.depth || siblings >= limits.children || self.elements > limits.elements {
            return Err(StreamFault::TooLarge);
        }
        check_name(&name, limits)?;
        scope.enter();
        self.tag = Some(Tag { name, count: 0, attributes: Vec::new() });
        Ok(())
    }

    fn attribute(&mut self, name: RawQName, value: String, scope: &mut Scope, limits: &Limits) -> Result<(), StreamFault> {
        let tag = self.tag.as_mut().expect("the parser gives attributes inside a start tag only");
        tag.count += 1;
        if tag.count > limits.attributes || value.len() > limits.value_bytes {
            return Err(StreamFault::TooLarge);
        }
        check_name(&name, limits)?;
        match scope.declare(name, value)? {
            Some(attribute) => tag.attributes.push(attribute),
            None if scope.len() > limits.namespaces => return Err(StreamFault::TooLarge),
            None => {}
        }
        Ok(())
    }

    /// Resolves the start tag; all that is declared on it is known now.
    fn head(&mut self, scope: &Scope) -> Result<Grown, StreamFault> {
        let Tag { name: (prefix, name), attributes, .. } = self.tag.take().expect("the parser ends a start tag that it began");
        let ns = scope.resolve(prefix.as_ref().map(NcName::as_str))?;
        // Could not be written again: the namespace must not be the default one (Namespaces in XML, 3).
        if ns == ns::XML {
            return Err(StreamFault::BadNamespacePrefix);
        }
        let ns = ns.to_owned();
        let attrs = resolve_attributes(attributes, scope)?;
        self.open.push(Element { name: name.into(), ns, attrs, children: Vec::new() });
        Ok(if self.open.len() == 1 { Grown::Head } else { Grown::More })
    }

    fn text(&mut self, text: String, limits: &Limits) -> Result<(), StreamFault> {
        let Some(parent) = self.open.last_mut() else { return Err(StreamFault::BadFormat) };
        let joins = matches!(parent.children.last(), Some(Node::Text(_)));
        if !joins && parent.children.len() >= limits.children {
            return Err(StreamFault::TooLarge);
        }
        parent.push_text(text);
        Ok(())
    }

    fn end(&mut self, scope: &mut Scope) -> Grown {
        scope.leave();
        let mut element = self.open.pop().expect("the parser pairs start and end tags");
        drop_white_space(&mut element.children);
        match self.open.last_mut() {
            Some(parent) => {
                parent.push(element);
                Grown::More
            }
            None => Grown::Whole(element),
        }
    }
}

/// Keeps `xml:` attributes under that name and drops the other prefixed ones, which could not be written again. They
/// are still held to the rules: prefixes declared, no two of one resolved name (Namespaces in XML, 6.3).
fn resolve_attributes(attributes: Vec<(RawQName, String)>, scope: &Scope) -> Result<Vec<(String, String)>, StreamFault> {
    for (at, (name, _)) in attributes.iter().enumerate() {
        let ns = attribute_ns(name, scope)?;
        let same = |(earlier, _): &(RawQName, String)| earlier.1 == name.1 && attribute_ns(earlier, scope) == Ok(ns);
        if attributes[..at].iter().any(same) {
            return Err(StreamFault::NotWellFormed);
        }
    }
    let mut written = Vec::with_capacity(attributes.len());
    for ((prefix, name), value) in attributes {
        match prefix {
            None => written.push((name.into(), value)),
            Some(prefix) if prefix == "xml" => written.push((format!("xml:{name}"), value)),
            Some(_) => {}
        }
    }
    Ok(written)
}

/// An attribute without prefix is in no namespace, whatever the default is.
fn attribute_ns<'a>((prefix, _): &RawQName, scope: &'a Scope) -> Result<&'a str, StreamFault> {
    match prefix {
        None => Ok(""),
        Some(prefix) => scope.resolve(Some(prefix.as_str())),
    }
}

fn check_name((prefix, name): &RawQName, limits: &Limits) -> Result<(), StreamFault> {
    let length = name.len() + prefix.as_ref().map_or(0, |prefix| prefix.len() + 1);
    match length > limits.name_bytes {
        true => Err(StreamFault::TooLarge),
        // Written out it would end the streams of clients whose parser does not know it.
        false if !is_of_every_edition(name) => Err(StreamFault::NotWellFormed),
        false => Ok(()),
    }
}

/// Old builds take a text beside elements for an element and die (`contract xmpp 0.1.1`); so what a client indented
/// does not reach them. White space that is all of a body stays.
fn drop_white_space(children: &mut Vec<Node>) {
    if children.len() > 1 {
        children.retain(|node| !matches!(node, Node::Text(text) if is_white_space(text)));
    }
}
