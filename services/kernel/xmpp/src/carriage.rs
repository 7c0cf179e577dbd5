//! Saves carriage returns. An XML parser folds `\r\n` and `\r` in text into `\n` (XML 1.0, 2.11), but SDP in call
//! signalling must arrive as it was sent (`contract xmpp 0.1.5`). So a `\r` in text is handed to the parser as the
//! reference it may not fold. To know what is text, this follows the document just far enough; it judges nothing but
//! `<!` and `<?`: there is one lawful use of each, a CDATA section and the declaration before a stream header.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use memchr::{memchr, memchr2, memchr3};

/// How far a run may go on over whole tags. Long runs spare calls of the parser; but what lies behind the end of an element
/// is looked at again with the next one, so they must not be as long as what a client may send at once.
const RUN_BYTES: usize = 512;

/// Where in the document the last byte was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carriage {
    /// Before a document that may begin with an XML declaration; its first byte is `<`.
    First,
    /// Behind that byte.
    FirstOpened,
    /// Between tags.
    Text,
    /// Behind `<`.
    Opened,
    /// Behind `<!`.
    Bang,
    /// Inside a tag.
    Tag,
    /// Inside an attribute value, with its quote.
    Value(u8),
    /// Inside `<![CDATA[`, with the number of `]` seen.
    Cdata(u8),
}

/// A run of bytes that the parser takes as they are, and what stands behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) length: usize,
    pub(crate) then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// More of the document.
    More,
    /// One carriage return, to be replaced by this.
    Replace(&'static [u8]),
    /// A DTD, a comment or a processing instruction.
    Refuse,
}

impl Carriage {
    /// The run at the start of `bytes`, which are not empty. It ends with the first tag behind [`RUN_BYTES`] at the latest.
    pub(crate) fn run(&mut self, bytes: &[u8]) -> Run {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let state = *self;
            at += match state {
                Carriage::First => self.becomes(Carriage::FirstOpened, 1),
                Carriage::FirstOpened if rest[0] == b'?' => self.becomes(Carriage::Tag, 1),
                Carriage::FirstOpened => self.becomes(Carriage::Opened, 0),
                Carriage::Text => match memchr2(b'<', b'\r', rest) {
                    Some(found) if rest[found] == b'\r' => return Run::replacing(at + found, b"&#xD;"),
                    Some(found) => self.becomes(Carriage::Opened, found + 1),
                    None => rest.len(),
                },
                Carriage::Opened if rest[0] == b'!' => self.becomes(Carriage::Bang, 1),
                Carriage::Opened if rest[0] == b'?' => return Run { length: at, then: Then::Refuse },
                // The byte is looked at again: `<>` is for the parser to refuse.
                Carriage::Opened => self.becomes(Carriage::Tag, 0),
                Carriage::Bang if rest[0] == b'[' => self.becomes(Carriage::Cdata(0), 1),
                Carriage::Bang => return Run { length: at, then: Then::Refuse },
                Carriage::Tag => match memchr3(b'>', b'"', b'\'', rest) {
                    Some(found) if rest[found] == b'>' && at + found >= RUN_BYTES => {
                        *self = Carriage::Text;
                        return Run { length: at + found + 1, then: Then::More };
                    }
                    Some(found) if rest[found] == b'>' => self.becomes(Carriage::Text, found + 1),
                    Some(found) => self.becomes(Carriage::Value(rest[found]), found + 1),
                    None => rest.len(),
                },
                Carriage::Value(quote) => match memchr(quote, rest) {
                    Some(found) => self.becomes(Carriage::Tag, found + 1),
                    None => rest.len(),
                },
                Carriage::Cdata(brackets) => match rest[0] {
                    b'\r' => {
                        *self = Carriage::Cdata(0);
                        // A reference means nothing inside a section, so it stands between two.
                        return Run::replacing(at, b"]]>&#xD;<![CDATA[");
                    }
                    b']' => self.becomes(Carriage::Cdata(brackets.saturating_add(1)), 1),
                    b'>' if brackets >= 2 => self.becomes(Carriage::Text, 1),
                    _ => self.becomes(Carriage::Cdata(0), 1),
                },
            };
        }
        Run { length: bytes.len(), then: Then::More }
    }

    fn becomes(&mut self, state: Carriage, eaten: usize) -> usize {
        *self = state;
        eaten
    }
}

impl Run {
    fn replacing(length: usize, by: &'static [u8]) -> Run {
        Run { length, then: Then::Replace(by) }
    }
}
