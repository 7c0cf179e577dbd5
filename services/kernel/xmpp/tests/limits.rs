//! What a stranger may make us hold: each limit at its number and one over (attacks A1, A2, A5).

#![allow(clippy::unwrap_used)]

use natter_xmpp::{Limits, StreamEvent, StreamFault, StreamReader};

const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// Small numbers, so that each is met alone.
const LIMITS: Limits = Limits {
    stanza_bytes: 2_000,
    depth: 4,
    attributes: 3,
    children: 5,
    elements: 12,
    namespaces: 6,
    name_bytes: 64,
    value_bytes: 100,
};

#[test]
fn each_limit_is_accepted_at_its_number_and_refused_one_over() {
    type Make = fn(usize) -> String;
    let cases: [(&str, Make, usize); 10] = [
        ("bytes of text", |n| format!("<m>{}</m>", "x".repeat(n - 7)), LIMITS.stanza_bytes),
        (
            "bytes of references",
            |n| format!("<m>{}</m>", "&#xD;".repeat((n - 7) / 5) + &"x".repeat((n - 7) % 5)),
            LIMITS.stanza_bytes,
        ),
        // Counted as they came: each becomes five bytes on its way to the parser.
        ("bytes of carriage returns", |n| format!("<m>{}</m>", "\r".repeat(n - 7)), LIMITS.stanza_bytes),
        ("bytes of white space in a tag", |n| format!("<m{}/>", " ".repeat(n - 4)), LIMITS.stanza_bytes),
        ("depth", |n| "<m>".repeat(n) + &"</m>".repeat(n), LIMITS.depth),
        ("attributes", |n| format!("<m{}/>", (0..n).map(|i| format!(" a{i}=''")).collect::<String>()), LIMITS.attributes),
        ("children", |n| format!("<m>{}</m>", "<a/>".repeat(n)), LIMITS.children),
        ("children and texts", |n| format!("<m>{}{}</m>", "<a/>x".repeat(n / 2), "<a/>".repeat(n % 2)), LIMITS.children),
        ("bytes of a name", |n| format!("<{}/>", "m".repeat(n)), LIMITS.name_bytes),
        ("bytes of a value", |n| format!("<m a='{}'/>", "x".repeat(n)), LIMITS.value_bytes),
    ];
    for (what, make, limit) in cases {
        assert!(matches!(read(&make(limit)), Ok(Some(StreamEvent::Stanza(_)))), "{what} at {limit}");
        assert_eq!(read(&make(limit + 1)), Err(StreamFault::TooLarge), "{what} over {limit}");
    }
}

#[test]
fn elements_and_namespaces_are_counted_over_the_whole_stanza() {
    let tree = |last: usize| format!("<m><a>{}</a><a>{}</a></m>", "<b/>".repeat(5), "<b/>".repeat(last));
    assert!(read(&tree(4)).is_ok(), "12 elements");
    assert_eq!(read(&tree(5)), Err(StreamFault::TooLarge), "13 elements");
    // Two are declared on the header.
    let declared =
        |last: &str| format!("<m xmlns:a='1' xmlns:b='1'><x xmlns:c='1' xmlns='1'/><x xmlns:c='1' xmlns='1'{last}/></m>");
    assert!(read(&declared("")).is_ok());
    assert_eq!(read(&declared(" xmlns:d='1'")), Err(StreamFault::TooLarge));
}

#[test]
fn the_header_has_the_same_limits() {
    let header = |pad: usize| format!("<?xml version='1.0'?>{}{HEADER}", " ".repeat(pad));
    let bytes = header(0).len();
    let open = |pad| events(LIMITS, &header(pad)).pop().unwrap();
    assert!(matches!(open(LIMITS.stanza_bytes - bytes), Ok(StreamEvent::Open { .. })));
    assert_eq!(open(LIMITS.stanza_bytes - bytes + 1), Err(StreamFault::TooLarge));
    assert_eq!(events(LIMITS, &HEADER.replace('>', " a='' b=''>")), [Err(StreamFault::TooLarge)]);
    let end = format!("{HEADER}</stream:stream{}>", " ".repeat(10_000));
    assert_eq!(events(LIMITS, &end).pop(), Some(Err(StreamFault::TooLarge)));
}

#[test]
fn a_frame_has_the_same_limits() {
    let frame = |n: usize| format!("<m xmlns='jabber:client'>{}</m>", "x".repeat(n - 29));
    let mut reader = StreamReader::websocket(LIMITS);
    assert!(reader.frame(&frame(LIMITS.stanza_bytes)).is_ok());
    assert_eq!(reader.frame(&frame(LIMITS.stanza_bytes + 1)), Err(StreamFault::TooLarge));
    assert!(reader.frame(&frame(29)).is_ok(), "one bad frame does not spoil the next");
}

#[test]
fn a_tower_of_elements_is_refused_at_its_seventeenth_floor() {
    let mut reader = opened(Limits::before_sign_in());
    for floor in 1..=200_000 {
        reader.push(b"<a>");
        match reader.next() {
            Ok(None) => assert!(floor <= 16, "floor {floor} was let in"),
            refused => {
                assert_eq!((refused, floor), (Err(StreamFault::TooLarge), 17));
                return;
            }
        }
    }
    panic!("never refused");
}

#[test]
fn an_entity_bomb_is_refused_before_its_first_entity() {
    let mut reader = opened(Limits::before_sign_in());
    reader.push(b"<!D");
    assert_eq!(reader.next(), Err(StreamFault::RestrictedXml), "nothing of the bomb has to be read");
}

#[test]
fn a_stranger_who_never_ends_a_stanza_is_cut_off_at_eight_kilobytes() {
    for start in ["<a>", "<a b='", "<a", "<a><![CDATA[", "<a>&#"] {
        let mut reader = opened(Limits::before_sign_in());
        reader.push(start.as_bytes());
        let cut_off = (start.len()..100_000).find(|_| {
            reader.push(b"1");
            reader.next().is_err()
        });
        assert!(cut_off.unwrap() <= 8 * 1024, "{start:?}");
    }
}

#[test]
fn white_space_between_stanzas_is_free() {
    let mut reader = opened(Limits::before_sign_in());
    for _ in 0..10_000 {
        reader.push(b" \n");
        assert_eq!(reader.next(), Ok(None));
    }
    reader.push(b"<iq/>");
    assert!(matches!(reader.next(), Ok(Some(StreamEvent::Stanza(_)))));
}

fn opened(limits: Limits) -> StreamReader {
    let mut reader = StreamReader::tcp(limits);
    reader.push(HEADER.as_bytes());
    assert!(matches!(reader.next(), Ok(Some(StreamEvent::Open { .. }))));
    reader
}

/// The event of one stanza in an open stream.
fn read(stanza: &str) -> Result<Option<StreamEvent>, StreamFault> {
    let mut reader = opened(LIMITS);
    reader.push(stanza.as_bytes());
    reader.next()
}

/// All events of a stream, up to its first fault.
fn events(limits: Limits, stream: &str) -> Vec<Result<StreamEvent, StreamFault>> {
    let mut reader = StreamReader::tcp(limits);
    reader.push(stream.as_bytes());
    let mut events = Vec::new();
    while let Some(event) = reader.next().transpose() {
        events.push(event);
        if events.last().is_some_and(Result::is_err) {
            break;
        }
    }
    events
}
