//! A network cuts a stream anywhere: no cut may change what is read.

#![allow(clippy::unwrap_used)]

use natter_xmpp::{Limits, StreamEvent, StreamFault, StreamReader, ns};
use proptest::prelude::*;

/// Every construct in which a cut could hurt: declaration, prefixes, references, CDATA, carriage returns, characters
/// of two to four bytes, keepalives.
const STREAM: &str = "<?xml version='1.0' encoding=\"utf-8\"?>\r\n<stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' version='1.0'> \r\n<message\r\n id=\"'1>\" a='\"'><body \
    xml:lang='de'>\u{e4}\u{20ac}\u{1f44d} &amp;&#xD;&#13;\n\r\n\r]] ></body ><x:y xmlns:x='urn:x'>\r<![CDATA[<\r\n]]\r]>]]]]>\r\
    <![CDATA[]]></x:y></message>\n\n<iq/><r xmlns='urn:xmpp:sm:3'></r ></stream:stream\r\n> <";

/// The same with each fault that comes late.
const BROKEN: [(&str, StreamFault); 8] = [
    ("<message><!DOCTYPE", StreamFault::RestrictedXml),
    ("<message><!--", StreamFault::RestrictedXml),
    ("<?xml version='1.0'?>", StreamFault::RestrictedXml),
    ("<message>\r\n&unknown;", StreamFault::RestrictedXml),
    ("<message>\r\n\0", StreamFault::NotWellFormed),
    ("<a></b>", StreamFault::NotWellFormed),
    ("</stream:strea>", StreamFault::NotWellFormed),
    ("\u{1f44d}", StreamFault::BadFormat),
];

#[test]
fn a_stream_cut_in_two_anywhere_gives_the_same_events() {
    let whole = read([STREAM.as_bytes()]);
    assert_eq!(whole.len(), 5, "{whole:?}");
    for at in 0..=STREAM.len() {
        let (front, back) = STREAM.as_bytes().split_at(at);
        assert_eq!(read([front, back]), whole, "cut at {at}");
    }
}

#[test]
fn a_stream_that_comes_byte_by_byte_gives_the_same_events() {
    assert_eq!(read(STREAM.as_bytes().chunks(1)), read([STREAM.as_bytes()]));
}

#[test]
fn a_broken_stream_cut_anywhere_gives_the_same_fault() {
    let header = STREAM.split_inclusive('>').take(2).collect::<String>();
    for (broken, fault) in BROKEN {
        let stream = format!("{header}<iq/>{broken}");
        let whole = read([stream.as_bytes()]);
        assert_eq!(whole.last(), Some(&Err(fault)), "{broken:?}");
        for at in 0..=stream.len() {
            let (front, back) = stream.as_bytes().split_at(at);
            assert_eq!(read([front, back]), whole, "{broken:?} cut at {at}");
        }
        assert_eq!(read(stream.as_bytes().chunks(1)), whole, "{broken:?}");
    }
}

#[test]
fn the_carriage_returns_of_the_stream_survive() {
    let events = read([STREAM.as_bytes()]);
    let Ok(StreamEvent::Stanza(message)) = &events[1] else { panic!("{events:?}") };
    let body = message.child_text("body", ns::CLIENT).unwrap();
    assert_eq!(body, "\u{e4}\u{20ac}\u{1f44d} &\r\r\n\r\n\r]] >");
    assert_eq!(message.child_text("y", "urn:x").unwrap(), "\r<\r\n]]\r]>]]\r");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Arbitrary bytes in arbitrary pieces: never a panic, and the pieces do not matter.
    #[test]
    fn no_bytes_and_no_pieces_do_harm(
        tail in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "([<>/a='\"&;!\\[\\]?\r\n \u{e4}-]|xmlns|CDATA|stream:|&amp;|<a>|</a>|<!\\[CDATA\\[|\\]\\]>){0,60}".prop_map(String::into_bytes),
        ],
        cuts in proptest::collection::vec(0usize..300, 0..6),
    ) {
        let header = STREAM.split_inclusive('>').take(2).collect::<String>();
        let stream = [header.as_bytes(), &tail].concat();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
        prop_assert_eq!(read(pieces), read([&stream[..]]));
    }
}

/// All events, up to the first fault.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Result<StreamEvent, StreamFault>> {
    let mut reader = StreamReader::tcp(Limits::before_sign_in());
    let mut events = Vec::new();
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
