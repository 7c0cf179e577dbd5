//! What a client reads in a frame.

use anyhow::{Context, Result, bail};
use natter_proto::MessageId;
use natter_xmpp::{Element, Limits, StreamEvent, StreamReader, ns};

/// Something a client was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    Message {
        id: MessageId,
        from: String,
        body: String,
        delayed: bool,
    },
    /// The message has this body, or is removed.
    Changed {
        of: MessageId,
        body: Option<String>,
    },
    Refused {
        id: MessageId,
        forbidden: bool,
    },
    /// So many messages of this stream are handled.
    Acked(u64),
    /// The stream is over.
    End,
}

/// A reader of what a server says after sign-in.
pub fn reader() -> StreamReader {
    StreamReader::websocket(Limits::after_sign_in(256 * 1024))
}

/// Reads one frame; none if it tells nothing that matters here.
///
/// # Errors
/// It is not what a server may say.
pub fn hear(reader: &mut StreamReader, frame: &str) -> Result<Option<Heard>> {
    match reader.frame(frame) {
        Ok(StreamEvent::Stanza(element)) => of_element(&element),
        Ok(StreamEvent::Close) => Ok(Some(Heard::End)),
        Ok(StreamEvent::Open { .. }) => Ok(None),
        Err(fault) => bail!("{fault:?} in {frame}"),
    }
}

fn of_element(element: &Element) -> Result<Option<Heard>> {
    match element.name.as_str() {
        "a" => Ok(Some(Heard::Acked(attr(element, "h")?.parse()?))),
        "message" => of_message(element),
        "error" => Ok(Some(Heard::End)),
        _ => Ok(None),
    }
}

fn of_message(message: &Element) -> Result<Option<Heard>> {
    let forwarded = message.elements().find(|child| child.name == "sent").and_then(|sent| sent.elements().next());
    if let Some(inner) = forwarded.and_then(|forwarded| forwarded.elements().next()) {
        let mut heard = of_message(inner)?;
        if let Some(Heard::Message { delayed, .. }) = &mut heard {
            *delayed |= is_delayed(message);
        }
        return Ok(heard);
    }
    if message.attr("type") == Some("error") {
        let error = message.elements().find(|child| child.name == "error").context("an error says which")?;
        return Ok(Some(Heard::Refused { id: id(message)?, forbidden: error.attr("code") == Some("403") }));
    }
    let body = message.child_text("body", ns::CLIENT);
    for child in message.elements() {
        match child.name.as_str() {
            "replace" => return Ok(Some(Heard::Changed { of: id(child)?, body: Some(body.context("an edit has a body")?) })),
            "remove" => return Ok(Some(Heard::Changed { of: id(child)?, body: None })),
            _ => {}
        }
    }
    let Some(body) = body else { return Ok(None) };
    Ok(Some(Heard::Message { id: id(message)?, from: attr(message, "from")?.to_owned(), body, delayed: is_delayed(message) }))
}

fn is_delayed(message: &Element) -> bool {
    message.elements().any(|child| child.name == "delay")
}

fn id(element: &Element) -> Result<MessageId> {
    attr(element, "id")?.parse().ok().context("an id of a message")
}

fn attr<'a>(element: &'a Element, name: &str) -> Result<&'a str> {
    element.attr(name).with_context(|| format!("{} without {name}", element.name))
}
