//! What holds of any input, for fuzzing (feature `testing`): each function panics where it does not.

use crate::{Element, Jid, Limits, StreamEvent, StreamFault, StreamReader, ns};

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
                      version='1.0' to='x'>";
const LIMITS: Limits = Limits::after_sign_in(4_096);

/// A stream over TCP or WebSocket is read the same wherever the network cuts it, and what was accepted is written and read again as
/// the same tree. The first byte chooses the framing and the size of the pieces.
pub fn stream(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else { return };
    match choice & 1 {
        0 => {
            let stream = [HEADER.as_bytes(), bytes].concat();
            let whole = tcp(&[&stream]);
            let pieces: Vec<&[u8]> = stream.chunks(1 + usize::from(choice >> 1)).collect();
            assert_eq!(whole, tcp(&pieces), "the pieces decide");
            whole.iter().flatten().for_each(again);
        }
        _ => {
            let Ok(frame) = std::str::from_utf8(bytes) else { return };
            if let Ok(event) = StreamReader::websocket(LIMITS).frame(frame) {
                again(&event);
            }
        }
    }
}

/// A JID that was accepted is written as one that is accepted and equal.
pub fn jid(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(jid) = Jid::parse(text) else { return };
    let written = jid.to_string();
    assert_eq!(Jid::parse(&written).as_ref(), Ok(&jid), "{text:?} becomes {written:?}");
    assert!([jid.local(), Some(jid.domain()), jid.resource()].into_iter().flatten().all(|part| part.len() <= 1_023));
    assert_eq!(Jid::parse(&jid.bare().to_string()), Ok(jid.bare()));
}

type Events = Vec<Result<StreamEvent, StreamFault>>;

fn tcp(pieces: &[&[u8]]) -> Events {
    let mut reader = StreamReader::tcp(LIMITS);
    let mut events = Events::new();
    for piece in pieces {
        reader.push(piece);
        loop {
            match reader.next() {
                Ok(None) => break,
                Ok(Some(event)) => events.push(Ok(event)),
                Err(fault) => {
                    events.push(Err(fault));
                    return events;
                }
            }
        }
    }
    events
}

fn again(event: &StreamEvent) {
    let StreamEvent::Stanza(element) = event else { return };
    let xml = element.to_xml(ns::CLIENT);
    let read = read(&xml);
    assert_eq!(read.as_ref(), Some(element), "{xml}");
}

fn read(xml: &str) -> Option<Element> {
    let mut reader = StreamReader::tcp(Limits::after_sign_in(1 << 20));
    reader.push(HEADER.as_bytes());
    reader.push(xml.as_bytes());
    while let Ok(Some(event)) = reader.next() {
        if let StreamEvent::Stanza(element) = event {
            return Some(element);
        }
    }
    None
}
