//! One element out of bytes that come in any pieces. It counts them and feeds the parser; the tree is `tree.rs`'s,
//! what stands around the element is `stream.rs`'s.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use rxml::error::EndOrError;
use rxml::{Options, Parse, RawEvent, RawParser, RawQName, WithOptions};

use crate::carriage::{Carriage, Then};
use crate::scope::Scope;
use crate::tree::{Grown, Tree};
use crate::{Element, Limits, StreamFault};

/// Reads a single element, then it is spent. The parser is made for the element and goes with it: rxml's buffers
/// would otherwise stay with each idle connection.
pub(crate) struct ElementReader {
    parser: RawParser,
    carriage: Carriage,
    tree: Tree,
    /// What is read: a whole element, or the header of a stream.
    part: Part,
    /// The name of a header as it was spelt.
    tag: String,
    /// Bytes of the wire taken so far.
    bytes: usize,
    /// How many of the bytes that come next the parser takes as they are.
    run: usize,
    /// What stands behind that run.
    then: Then,
    /// What stands for a byte of the wire and is still to be fed.
    instead: &'static [u8],
}

/// How much of an element its reader waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// Its start tag, behind an XML declaration if there is one.
    Header,
}

/// What came to its end.
pub(crate) enum Read {
    /// The element.
    Whole(Element),
    /// The start tag of a stream: the element without content, its name as it was spelt, and whether it was ended at
    /// once, as `<stream:stream/>`.
    Header { element: Element, tag: String, ended: bool },
}

impl ElementReader {
    pub(crate) fn new(part: Part, limits: &Limits) -> ElementReader {
        let options = Options {
            max_token_length: limits.value_bytes.max(limits.name_bytes).min(limits.stanza_bytes.max(64)),
            ..Options::default()
        };
        ElementReader {
            parser: RawParser::with_options(options),
            carriage: if part == Part::Header { Carriage::First } else { Carriage::Text },
            tree: Tree::default(),
            part,
            tag: String::new(),
            bytes: 0,
            run: 0,
            then: Then::More,
            instead: b"",
        }
    }

    /// Takes bytes off the front of `input` until the element is there or they are used up.
    pub(crate) fn read(&mut self, input: &mut &[u8], scope: &mut Scope, limits: &Limits) -> Result<Option<Read>, StreamFault> {
        loop {
            let parsed = self.parse(input);
            if self.bytes > limits.stanza_bytes {
                return Err(StreamFault::TooLarge);
            }
            match parsed {
                Ok(Some(event)) => {
                    if let Some(read) = self.grow(event, scope, limits)? {
                        return Ok(Some(read));
                    }
                }
                // Nothing can follow the element: this reader is dropped when its end has been read.
                Ok(None) => return Err(StreamFault::NotWellFormed),
                Err(EndOrError::NeedMoreData) if self.advance(input)? => {}
                Err(EndOrError::NeedMoreData) => return Ok(None),
                Err(EndOrError::Error(error)) => return Err(fault(error)),
            }
        }
    }

    /// The next event of the run.
    fn parse(&mut self, input: &mut &[u8]) -> Result<Option<RawEvent>, EndOrError> {
        if !self.instead.is_empty() {
            return self.parser.parse(&mut self.instead, false);
        }
        let mut piece = &input[..self.run];
        let parsed = self.parser.parse(&mut piece, false);
        let eaten = self.run - piece.len();
        *input = &input[eaten..];
        self.run = piece.len();
        self.bytes += eaten;
        parsed
    }

    /// Goes to the next run; `false` if there are no bytes for one.
    fn advance(&mut self, input: &mut &[u8]) -> Result<bool, StreamFault> {
        match std::mem::replace(&mut self.then, Then::More) {
            Then::Refuse => return Err(StreamFault::RestrictedXml),
            Then::Replace(instead) => {
                // Around a declaration there is no text to save it for.
                self.instead = if self.part == Part::Header { b" " } else { instead };
                *input = &input[1..];
                self.bytes += 1;
            }
            Then::More if input.is_empty() => return Ok(false),
            Then::More => {
                let run = self.carriage.run(input);
                self.run = run.length;
                self.then = run.then;
            }
        }
        Ok(true)
    }

    fn grow(&mut self, event: RawEvent, scope: &mut Scope, limits: &Limits) -> Result<Option<Read>, StreamFault> {
        match &event {
            RawEvent::XmlDeclaration(..) if self.part == Part::Header => return Ok(None),
            RawEvent::ElementHeadOpen(_, name) if self.part == Part::Header => self.tag = spelt(name),
            _ => {}
        }
        match self.tree.take(event, scope, limits)? {
            Grown::Whole(element) => Ok(Some(Read::Whole(element))),
            Grown::Head if self.part == Part::Header => Ok(self.header()),
            Grown::Head | Grown::More => Ok(None),
        }
    }

    fn header(&mut self) -> Option<Read> {
        let element = std::mem::take(&mut self.tree).into_outermost()?;
        // `<stream:stream/>`: the parser holds the end already.
        let ended = matches!(self.parser.parse(&mut &b""[..], false), Ok(Some(RawEvent::ElementFoot(_))));
        Some(Read::Header { element, tag: std::mem::take(&mut self.tag), ended })
    }
}

fn spelt((prefix, name): &RawQName) -> String {
    match prefix {
        Some(prefix) => format!("{prefix}:{name}"),
        None => name.to_string(),
    }
}

/// Parser errors as RFC 6120 names them. rxml gives some of them by text only; a test holds these texts.
fn fault(error: rxml::Error) -> StreamFault {
    match error {
        rxml::Error::InvalidUtf8Byte(_) => StreamFault::InvalidUtf8,
        rxml::Error::RestrictedXml("long name or reference") => StreamFault::TooLarge,
        rxml::Error::RestrictedXml("only utf-8 encoding is allowed") => StreamFault::UnsupportedEncoding,
        rxml::Error::RestrictedXml(_) | rxml::Error::UndeclaredEntity => StreamFault::RestrictedXml,
        _ => StreamFault::NotWellFormed,
    }
}
