//! A stream of stanzas: TCP bytes or WebSocket frames in, events out. It reads only; what is answered, and when a
//! stream may start again, is the edge's to know.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use memchr::memchr;

use crate::read::{ElementReader, Part, Read};
use crate::scope::Scope;
use crate::{Element, Limits, StreamFault, ns};

/// How stanzas are told apart on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// One long XML document (RFC 6120, 4).
    Tcp,
    /// One document per frame (RFC 7395, 3).
    WebSocket,
}

/// What a peer did to its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// `<stream:stream>` or `<open/>`. Nothing is checked but the namespaces; any `to` is fine
    /// (`contract xmpp 1.4a`).
    Open {
        /// The host the client wants to reach.
        to: Option<String>,
        /// Whom the client takes itself for; to be ignored (`contract xmpp 1.2`).
        from: Option<String>,
        /// Set by servers.
        id: Option<String>,
        /// `1.0` from every build; whether it suffices is for the edge to say.
        version: Option<String>,
        /// `xml:lang`.
        lang: Option<String>,
    },
    /// A whole first-level element: a stanza, or a step of the negotiation. It has a namespace.
    Stanza(Element),
    /// `</stream:stream>` or `<close/>`.
    Close,
}

/// Reads one direction of a stream, client's or server's.
///
/// TCP: [`push`](StreamReader::push) bytes, then call [`next`](StreamReader::next) until it gives nothing; do so
/// before the next push, for what is pushed is held until it is read. WebSocket: [`frame`](StreamReader::frame).
/// A reader that waits between stanzas holds the prefixes of the header and nothing else.
pub struct StreamReader {
    limits: Limits,
    kind: Reader,
}

enum Reader {
    Tcp(Tcp),
    WebSocket,
}

impl StreamReader {
    /// A reader for a TCP connection, before its header. Also for the one behind STARTTLS: what was pushed into the
    /// old reader and not read yet goes with it, as it must, for it was not encrypted (attack A15).
    #[must_use]
    pub fn tcp(limits: Limits) -> StreamReader {
        StreamReader { limits, kind: Reader::Tcp(Tcp::default()) }
    }

    /// A reader for a WebSocket connection.
    #[must_use]
    pub fn websocket(limits: Limits) -> StreamReader {
        StreamReader { limits, kind: Reader::WebSocket }
    }

    /// How stanzas are told apart.
    #[must_use]
    pub fn framing(&self) -> Framing {
        match self.kind {
            Reader::Tcp(_) => Framing::Tcp,
            Reader::WebSocket => Framing::WebSocket,
        }
    }

    /// TCP: takes bytes as they came, cut anywhere.
    pub fn push(&mut self, bytes: &[u8]) {
        debug_assert_eq!(self.framing(), Framing::Tcp, "a WebSocket gives frames");
        if let Reader::Tcp(tcp) = &mut self.kind {
            tcp.push(bytes);
        }
    }

    /// TCP: the next event, nothing until more bytes are pushed. White space between stanzas, the keepalive of RFC
    /// 6120, 4.6.1, is passed over. After a fault the stream cannot go on: the same fault comes again. After `Close`
    /// nothing comes any more.
    #[expect(clippy::should_implement_trait, reason = "an iterator could not end and go on again")]
    pub fn next(&mut self) -> Result<Option<StreamEvent>, StreamFault> {
        match &mut self.kind {
            Reader::Tcp(tcp) => tcp.next(&self.limits),
            Reader::WebSocket => Ok(None),
        }
    }

    /// WebSocket: the event of one frame, which is one element and nothing else: no XML declaration, no white space
    /// around it (RFC 7395, 3.3). Frames are independent: after a fault the next one can be read, if the edge so
    /// wishes.
    pub fn frame(&mut self, frame: &str) -> Result<StreamEvent, StreamFault> {
        debug_assert_eq!(self.framing(), Framing::WebSocket, "a TCP connection gives bytes");
        let mut input = frame.as_bytes();
        if input.first() != Some(&b'<') {
            return Err(StreamFault::BadFormat);
        }
        let mut reader = ElementReader::new(Part::Whole, &self.limits);
        match reader.read(&mut input, &mut Scope::default(), &self.limits)? {
            Some(Read::Whole(_)) if !input.is_empty() => Err(StreamFault::BadFormat),
            Some(Read::Whole(element)) if element.is("open", ns::FRAMING) => Ok(opened(element)),
            Some(Read::Whole(element)) if element.is("close", ns::FRAMING) => Ok(StreamEvent::Close),
            Some(Read::Whole(element)) => stanza(element),
            Some(Read::Header { .. }) | None => Err(StreamFault::NotWellFormed),
        }
    }

    /// Begins a new stream on the same connection, as after SASL (RFC 6120, 6.4.6), with other limits. Bytes pushed
    /// and not read yet belong to it. After STARTTLS make a reader instead.
    pub fn restart(&mut self, limits: Limits) {
        self.limits = limits;
        if let Reader::Tcp(tcp) = &mut self.kind {
            let unread = tcp.unread.split_off(tcp.done);
            *tcp = Tcp { unread, ..Tcp::default() };
        }
    }
}

/// `<stream:stream>` and `<open/>` say the same.
fn opened(mut head: Element) -> StreamEvent {
    StreamEvent::Open {
        to: head.remove("to"),
        from: head.remove("from"),
        id: head.remove("id"),
        version: head.remove("version"),
        lang: head.remove("xml:lang"),
    }
}

fn stanza(element: Element) -> Result<StreamEvent, StreamFault> {
    if element.ns.is_empty() { Err(StreamFault::InvalidNamespace) } else { Ok(StreamEvent::Stanza(element)) }
}

// === TCP ===

/// Bytes of `</stream:stream>` beyond its name: white space before `>`.
const END_TAG_SPACE: usize = 64;

#[derive(Default)]
struct Tcp {
    phase: Phase,
    unread: Vec<u8>,
    /// How many of `unread` are read after all.
    done: usize,
    /// The element being read. None between stanzas.
    reader: Option<Box<ElementReader>>,
    /// Namespaces declared on the header.
    scope: Scope,
    /// The header's name as it was spelt, which its end tag must repeat.
    tag: String,
}

#[derive(Clone, Copy, Default)]
enum Phase {
    /// The header is to come or being read.
    #[default]
    Header,
    /// Stanzas.
    Content,
    /// The end has been read but not told.
    Ending,
    /// The end has been told.
    Ended,
    /// Told, and told again.
    Failed(StreamFault),
}

/// What stands at the front of the unread bytes, outside of any element.
enum Front {
    Element,
    End,
    /// Cannot be known yet.
    Nothing,
}

impl Tcp {
    fn next(&mut self, limits: &Limits) -> Result<Option<StreamEvent>, StreamFault> {
        match self.phase {
            Phase::Failed(fault) => Err(fault),
            Phase::Ending => {
                *self = Tcp { phase: Phase::Ended, ..Tcp::default() };
                Ok(Some(StreamEvent::Close))
            }
            Phase::Ended => {
                self.unread = Vec::new();
                Ok(None)
            }
            Phase::Header | Phase::Content => self.read(limits).inspect_err(|fault| {
                *self = Tcp { phase: Phase::Failed(*fault), ..Tcp::default() };
            }),
        }
    }

    fn read(&mut self, limits: &Limits) -> Result<Option<StreamEvent>, StreamFault> {
        if self.reader.is_none() {
            let part = if matches!(self.phase, Phase::Header) { Part::Header } else { Part::Whole };
            match self.front(limits)? {
                Front::Element => self.reader = Some(Box::new(ElementReader::new(part, limits))),
                Front::End => {
                    self.phase = Phase::Ending;
                    return self.next(limits);
                }
                Front::Nothing => return Ok(None),
            }
        }
        let Some(reader) = &mut self.reader else { return Ok(None) };
        let mut input = &self.unread[self.done..];
        let read = reader.read(&mut input, &mut self.scope, limits)?;
        self.done = self.unread.len() - input.len();
        self.release();
        let Some(read) = read else { return Ok(None) };
        self.reader = None;
        self.scope.shrink();
        match read {
            Read::Whole(element) => stanza(element).map(Some),
            Read::Header { element, tag, ended } => self.header(element, tag, ended).map(Some),
        }
    }

    /// Passes over white space and looks at what follows, at most two bytes and an end tag.
    fn front(&mut self, limits: &Limits) -> Result<Front, StreamFault> {
        let white = self.unread[self.done..].iter().take_while(|byte| byte.is_ascii_whitespace() && **byte != b'\x0c');
        self.done += white.count();
        let front = match (&self.unread[self.done..], self.phase) {
            ([], _) | ([b'<'], Phase::Content) => Front::Nothing,
            ([b'<', b'/', ..], Phase::Content) => return self.end_tag(limits),
            ([b'<', ..], _) => Front::Element,
            // In a header this is another encoding or another protocol; in a stream it is stray text.
            ([byte, ..], Phase::Content) if !byte.is_ascii_control() => return Err(StreamFault::BadFormat),
            _ => return Err(StreamFault::NotWellFormed),
        };
        self.release();
        Ok(front)
    }

    fn end_tag(&self, limits: &Limits) -> Result<Front, StreamFault> {
        let rest = &self.unread[self.done..];
        let end = memchr(b'>', rest);
        if end.unwrap_or(rest.len()) > limits.name_bytes + END_TAG_SPACE {
            return Err(StreamFault::TooLarge);
        }
        match end {
            None => Ok(Front::Nothing),
            Some(end) if rest[2..end].trim_ascii_end() == self.tag.as_bytes() => Ok(Front::End),
            Some(_) => Err(StreamFault::NotWellFormed),
        }
    }

    fn header(&mut self, element: Element, tag: String, ended: bool) -> Result<StreamEvent, StreamFault> {
        // RFC 6120, 4.9.3.10: both the stream's and the content's namespace must be ones we serve.
        if element.ns != ns::STREAM || self.scope.resolve(None)? != ns::CLIENT {
            return Err(StreamFault::InvalidNamespace);
        }
        if element.name != "stream" {
            return Err(StreamFault::BadFormat);
        }
        self.tag = tag;
        self.phase = if ended { Phase::Ending } else { Phase::Content };
        Ok(opened(element))
    }

    /// Gives the buffer back as soon as it is read: most connections are idle most of the time.
    fn release(&mut self) {
        if self.done == self.unread.len() {
            self.unread = Vec::new();
            self.done = 0;
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.unread.drain(..self.done);
        self.done = 0;
        self.unread.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests;
