//! `multipart/form-data` (RFC 7578) as the SDK's upload form has it, read as it comes: fields first, `file` last. Pure.
//!
//! A file is the part that is called so, whatever else its header says: on Node it has no file name (contract rest 6.1). At
//! most one boundary and one part header are held; the bytes of the file are handed on as they were received.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem::Finder;

/// Longest boundary (RFC 2046, 5.1.1).
const BOUNDARY_BYTES_MAX: usize = 70;
/// Of one part.
const HEADER_BYTES_MAX: usize = 4 << 10;
const FIELD_BYTES_MAX: usize = 8 << 10;
const FIELDS_MAX: usize = 32;
/// Of a file, handed out at a time.
const PIECE_BYTES_MAX: usize = 64 << 10;
/// Behind a boundary.
const BLANKS_MAX: usize = 64;
/// What may stand before the first boundary.
const PREAMBLE_BYTES_MAX: usize = 4 << 10;

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    Field {
        name: String,
        value: String,
    },
    /// The file begins.
    File,
    /// More of the file.
    Bytes(Bytes),
    /// The form is whole; what follows is of no account.
    End,
}

/// Why a body is no such form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("not a multipart form")]
    ContentType,
    #[error("malformed multipart form")]
    Malformed,
    #[error("too much before the file")]
    TooMuch,
    #[error("the file is not the last part of the form")]
    AfterFile,
}

/// A form that is being read.
pub(crate) struct Multipart {
    /// CR LF and the boundary.
    delimiter: Finder<'static>,
    buffer: BytesMut,
    state: State,
    fields: usize,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum State {
    Preamble,
    /// The buffer begins with a delimiter.
    Delimiter,
    Header,
    Field(String),
    File,
    /// As `Delimiter`, behind the file.
    LastDelimiter,
    Done,
}

impl Multipart {
    /// A form whose head has this `Content-Type`.
    pub(crate) fn new(content_type: &str) -> Result<Multipart, Fault> {
        let (kind, parameters) = content_type.split_once(';').ok_or(Fault::ContentType)?;
        let boundary = parameter(parameters, "boundary").ok_or(Fault::ContentType)?;
        if !kind.trim().eq_ignore_ascii_case("multipart/form-data") || !(1..=BOUNDARY_BYTES_MAX).contains(&boundary.len()) {
            return Err(Fault::ContentType);
        }
        let delimiter = Finder::new(format!("\r\n--{boundary}").as_bytes()).into_owned();
        // The first boundary may stand at the very beginning, without an end of line before it.
        let buffer = BytesMut::from(b"\r\n".as_slice());
        Ok(Multipart { delimiter, buffer, state: State::Preamble, fields: 0 })
    }

    /// Takes the next bytes. Called when [`Multipart::next`] has nothing more.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.state != State::Done {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Bytes that were pushed and not yet handed out.
    pub(crate) fn held(&self) -> usize {
        self.buffer.len()
    }

    /// Fewest bytes that stand behind a file.
    pub(crate) fn tail(&self) -> usize {
        self.delimiter.needle().len() + b"--".len()
    }

    /// What comes next, or none if more bytes are needed.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, Fault> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Preamble => match self.delimiter.find(&self.buffer) {
                    Some(at) if at > PREAMBLE_BYTES_MAX => return Err(Fault::TooMuch),
                    Some(at) => {
                        self.buffer.advance(at);
                        self.state = State::Delimiter;
                    }
                    None => return self.wait(State::Preamble, PREAMBLE_BYTES_MAX),
                },
                State::Delimiter => match self.after_delimiter()? {
                    Some(true) => return Ok(Some(Event::End)),
                    Some(false) => self.state = State::Header,
                    None => return self.wait(State::Delimiter, HEADER_BYTES_MAX),
                },
                State::LastDelimiter => match self.after_delimiter()? {
                    Some(true) => return Ok(Some(Event::End)),
                    Some(false) => return Err(Fault::AfterFile),
                    None => return self.wait(State::LastDelimiter, HEADER_BYTES_MAX),
                },
                // A part without a header has no name.
                State::Header if self.buffer.starts_with(b"\r\n") => return Err(Fault::Malformed),
                State::Header => match memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                    Some(at) if at > HEADER_BYTES_MAX => return Err(Fault::TooMuch),
                    Some(at) => {
                        let name = part_name(&self.buffer[..at])?;
                        self.buffer.advance(at + 4);
                        if name == "file" {
                            self.state = State::File;
                            return Ok(Some(Event::File));
                        }
                        self.fields += 1;
                        self.state = State::Field(name);
                        if self.fields > FIELDS_MAX {
                            return Err(Fault::TooMuch);
                        }
                    }
                    None => return self.wait(State::Header, HEADER_BYTES_MAX),
                },
                State::Field(name) => match self.delimiter.find(&self.buffer) {
                    Some(at) if at > FIELD_BYTES_MAX => return Err(Fault::TooMuch),
                    Some(at) => {
                        let value = String::from_utf8(self.buffer.split_to(at).to_vec()).map_err(|_| Fault::Malformed)?;
                        self.state = State::Delimiter;
                        return Ok(Some(Event::Field { name, value }));
                    }
                    None => return self.wait(State::Field(name), FIELD_BYTES_MAX),
                },
                State::File => match self.delimiter.find(&self.buffer) {
                    Some(0) => self.state = State::LastDelimiter,
                    found => {
                        self.state = State::File;
                        // All is of the file but what may be the beginning of a delimiter.
                        let sure = self.buffer.len().saturating_sub(self.delimiter.needle().len() - 1);
                        let bytes = self.buffer.split_to(found.unwrap_or(sure).min(PIECE_BYTES_MAX)).freeze();
                        return Ok((!bytes.is_empty()).then_some(Event::Bytes(bytes)));
                    }
                },
                State::Done => return Ok(None),
            }
        }
    }

    // More bytes are needed, but no more than so many.
    fn wait(&mut self, state: State, bytes_max: usize) -> Result<Option<Event>, Fault> {
        self.state = state;
        if self.buffer.len() > bytes_max + self.delimiter.needle().len() { Err(Fault::TooMuch) } else { Ok(None) }
    }

    // Whether a delimiter is the last one; none if that cannot be told yet. The delimiter and its line are taken off.
    fn after_delimiter(&mut self) -> Result<Option<bool>, Fault> {
        let length = self.delimiter.needle().len();
        let after = &self.buffer[length..];
        if after.starts_with(b"--") {
            self.buffer.clear();
            return Ok(Some(true));
        }
        // Spaces and tabs may stand before the end of the line (RFC 2046, 5.1.1).
        let blank = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        match &after[blank..] {
            _ if blank > BLANKS_MAX => Err(Fault::Malformed),
            [] | [b'\r'] => Ok(None),
            [b'-'] if blank == 0 => Ok(None),
            [b'\r', b'\n', ..] => {
                self.buffer.advance(length + blank + 2);
                Ok(Some(false))
            }
            _ => Err(Fault::Malformed),
        }
    }
}

// The name of a part, from the lines of its header.
fn part_name(header: &[u8]) -> Result<String, Fault> {
    let header = std::str::from_utf8(header).map_err(|_| Fault::Malformed)?;
    let disposition = header.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    });
    let (kind, parameters) = disposition.and_then(|value| value.split_once(';')).ok_or(Fault::Malformed)?;
    match parameter(parameters, "name") {
        Some(name) if kind.trim().eq_ignore_ascii_case("form-data") => Ok(name),
        _ => Err(Fault::Malformed),
    }
}

// A parameter of a header: `a=b; c="d; \"e\""`.
fn parameter(mut text: &str, wanted: &str) -> Option<String> {
    loop {
        let (name, rest) = text.split_once('=')?;
        let name = name.trim_matches([' ', '\t', ';']);
        let (value, rest) = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => rest.split_once(';').map_or((rest.trim().to_owned(), ""), |(value, rest)| (value.trim().to_owned(), rest)),
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        text = rest;
    }
}

// Up to the closing quote, and what follows.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests;
