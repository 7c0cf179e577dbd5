//! The tree of one stanza: elements and text, names and namespaces resolved. It knows no stanza rules (`stanza.rs`)
//! and no spelling (`write.rs`).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// An element with its namespace by value; prefixes are gone.
///
/// Names `stream:features`, `stream:error`, `stream:stream` are written with exactly that prefix
/// (`contract xmpp 0.1.3`); read back, they are `features`, `error`, `stream` in [`ns::STREAM`](crate::ns::STREAM).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Local name.
    pub name: String,
    /// Namespace name, empty for none.
    pub ns: String,
    /// Attributes in their order, without namespace declarations. `xml:lang` and other `xml:` attributes keep their
    /// prefix; all other prefixed attributes are dropped when read.
    pub attrs: Vec<(String, String)>,
    /// Content in its order. As read: no empty and no neighbouring texts, and no white space beside elements.
    pub children: Vec<Node>,
}

/// One piece of an element's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A child element.
    Element(Element),
    /// Character data, unescaped.
    Text(String),
}

impl Element {
    /// An empty element.
    pub fn new(name: impl Into<String>, ns: impl Into<String>) -> Element {
        Element { name: name.into(), ns: ns.into(), attrs: Vec::new(), children: Vec::new() }
    }

    /// Whether this is the element `name` of namespace `ns`.
    #[must_use]
    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.name == name && self.ns == ns
    }

    // === attributes ===

    /// The value of an attribute, unescaped.
    #[must_use]
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attrs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Sets an attribute; it keeps its place if it was there.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        match self.attrs.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value.into(),
            None => self.attrs.push((name.to_owned(), value.into())),
        }
    }

    /// Takes an attribute away and returns its value.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        let at = self.attrs.iter().position(|(key, _)| key == name)?;
        Some(self.attrs.remove(at).1)
    }

    /// [`set`](Element::set), for building.
    #[must_use]
    pub fn with_attr(mut self, name: &str, value: impl Into<String>) -> Element {
        self.set(name, value);
        self
    }

    /// [`set`](Element::set) if there is a value, for building.
    #[must_use]
    pub fn with_attr_opt(self, name: &str, value: Option<impl Into<String>>) -> Element {
        match value {
            Some(value) => self.with_attr(name, value),
            None => self,
        }
    }

    // === children ===

    /// Adds a child element at the end.
    pub fn push(&mut self, child: Element) {
        self.children.push(Node::Element(child));
    }

    /// [`push`](Element::push), for building.
    #[must_use]
    pub fn with_child(mut self, child: Element) -> Element {
        self.push(child);
        self
    }

    /// Adds several child elements at the end, for building.
    #[must_use]
    pub fn with_children(mut self, children: impl IntoIterator<Item = Element>) -> Element {
        self.children.extend(children.into_iter().map(Node::Element));
        self
    }

    /// Adds text at the end, for building. Empty text adds nothing.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Element {
        self.push_text(text.into());
        self
    }

    /// Adds text at the end, joined to a text that ends the content already.
    pub fn push_text(&mut self, text: String) {
        match self.children.last_mut() {
            _ if text.is_empty() => {}
            Some(Node::Text(last)) => last.push_str(&text),
            Some(Node::Element(_)) => self.children.push(Node::Text(text)),
            // Most often it is all of the content.
            None => self.children = vec![Node::Text(text)],
        }
    }

    /// The first child `name` of namespace `ns`.
    #[must_use]
    pub fn child(&self, name: &str, ns: &str) -> Option<&Element> {
        self.elements().find(|child| child.is(name, ns))
    }

    /// The first child `name` of namespace `ns`, to change it.
    pub fn child_mut(&mut self, name: &str, ns: &str) -> Option<&mut Element> {
        self.children.iter_mut().find_map(|node| match node {
            Node::Element(child) if child.is(name, ns) => Some(child),
            _ => None,
        })
    }

    /// The child elements in their order, without the text between them.
    #[must_use]
    pub fn elements(&self) -> Elements<'_> {
        Elements(self.children.iter())
    }

    /// Takes away the child elements for which `unwanted` holds; says whether there were any.
    pub fn remove_children(&mut self, mut unwanted: impl FnMut(&Element) -> bool) -> bool {
        let before = self.children.len();
        self.children.retain(|node| !matches!(node, Node::Element(child) if unwanted(child)));
        self.children.len() != before
    }

    /// The element's own text, that of its children left out.
    #[must_use]
    pub fn text(&self) -> String {
        self.children
            .iter()
            .filter_map(|node| match node {
                Node::Text(text) => Some(text.as_str()),
                Node::Element(_) => None,
            })
            .collect()
    }

    /// The text of the first child `name` of namespace `ns`.
    #[must_use]
    pub fn child_text(&self, name: &str, ns: &str) -> Option<String> {
        self.child(name, ns).map(Element::text)
    }
}

/// Child elements of an element; see [`Element::elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a>(std::slice::Iter<'a, Node>);

impl<'a> Iterator for Elements<'a> {
    type Item = &'a Element;

    fn next(&mut self) -> Option<&'a Element> {
        self.0.find_map(|node| match node {
            Node::Element(child) => Some(child),
            Node::Text(_) => None,
        })
    }
}
