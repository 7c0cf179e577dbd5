//! Namespace declarations in force at one place of a document, and the names they give. rxml's own resolver is not
//! used: it takes any number of attributes before it shows one, and 40,000 of them cost 32 ms.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use rxml::RawQName;

use crate::{StreamFault, ns};

/// A stack of declarations, innermost last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    declared: Vec<Declaration>,
    /// How many were declared outside of each open element.
    outside: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Declaration {
    /// Empty for the default namespace.
    prefix: String,
    ns: String,
}

impl Scope {
    /// Starts an element: what is declared from here on holds inside it.
    pub(crate) fn enter(&mut self) {
        self.outside.push(self.declared.len());
    }

    /// Ends the innermost element and forgets what was declared on it.
    pub(crate) fn leave(&mut self) {
        let outside = self.outside.pop().expect("each leave has its enter: the parser pairs start and end tags");
        self.declared.truncate(outside);
    }

    /// How many declarations are in force, hidden ones included.
    pub(crate) fn len(&self) -> usize {
        self.declared.len()
    }

    /// Takes an attribute if it declares a namespace; hands it back if it does not.
    pub(crate) fn declare(&mut self, name: RawQName, ns: String) -> Result<Option<(RawQName, String)>, StreamFault> {
        let prefix = match &name {
            (Some(xmlns), prefix) if xmlns == "xmlns" => prefix.as_str(),
            (None, xmlns) if xmlns == "xmlns" => "",
            _ => return Ok(Some((name, ns))),
        };
        // The parser refuses the reserved names but this one (Namespaces in XML, 3: must not be declared).
        if ns == ns::XMLNS {
            return Err(StreamFault::NotWellFormed);
        }
        let outside = self.outside.last().copied().unwrap_or_default();
        if self.declared[outside..].iter().any(|earlier| earlier.prefix == prefix) {
            return Err(StreamFault::NotWellFormed);
        }
        self.declared.push(Declaration { prefix: prefix.to_owned(), ns });
        Ok(None)
    }

    /// The namespace of a prefix, or of no prefix on an element.
    pub(crate) fn resolve(&self, prefix: Option<&str>) -> Result<&str, StreamFault> {
        let wanted = prefix.unwrap_or_default();
        if wanted == "xml" {
            return Ok(ns::XML);
        }
        match self.declared.iter().rev().find(|declaration| declaration.prefix == wanted) {
            Some(declaration) => Ok(&declaration.ns),
            None if prefix.is_none() => Ok(""),
            None => Err(StreamFault::NotWellFormed),
        }
    }

    /// Gives back what a deep stanza made it reserve.
    pub(crate) fn shrink(&mut self) {
        self.declared.shrink_to_fit();
        self.outside.shrink_to_fit();
    }
}
