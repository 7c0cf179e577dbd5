//! Streams as clients send them, good and bad. Cuts, limits and random documents: `tests/` of this crate.

#![allow(clippy::unwrap_used)]

use super::*;

const HEADER: &str = "<stream:stream xmlns=\"jabber:client\" xmlns:stream=\"http://etherx.jabber.org/streams\" \
                      version=\"1.0\" to=\"chat.example.net\">";

#[test]
fn a_stream_is_opened_used_and_closed() {
    let events = tcp(&format!(
        "<?xml version='1.0'?>\r\n {HEADER} \n<message to='78-905@h'><body>hi</body></message> <r xmlns='urn:xmpp:sm:3'/>\r\n\
         </stream:stream >rest"
    ));
    let [Ok(StreamEvent::Open { to, version, from: None, .. }), Ok(message), Ok(ack), Ok(StreamEvent::Close)] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((to.as_deref(), version.as_deref()), (Some("chat.example.net"), Some("1.0")));
    let body = Element::new("body", ns::CLIENT).with_text("hi");
    let expected = Element::new("message", ns::CLIENT).with_attr("to", "78-905@h").with_child(body);
    assert_eq!(*message, StreamEvent::Stanza(expected));
    assert_eq!(*ack, StreamEvent::Stanza(Element::new("r", ns::SM)));
}

#[test]
fn prefixes_are_resolved_and_not_written_again() {
    let header = "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' xmlns:m='urn:m'>";
    let stanza = "<message m:lost='1' xml:lang='de' xmlns:x='urn:x'><m:a/><x:b x:lost='2' kept='3'><c/></x:b></message>";
    let events = tcp(&format!("{header}{stanza}</s:stream>"));
    let Ok(StreamEvent::Stanza(element)) = &events[1] else { panic!("{events:?}") };
    assert_eq!(
        element.to_xml(ns::CLIENT),
        "<message xml:lang=\"de\"><a xmlns=\"urn:m\"/><b xmlns=\"urn:x\" kept=\"3\"><c xmlns=\"jabber:client\"/></b></message>"
    );
    assert_eq!(events[2], Ok(StreamEvent::Close));
}

#[test]
fn text_keeps_its_carriage_returns_and_its_emoji() {
    for (spelt, text) in [
        ("v=0\r\no=-\r\n", "v=0\r\no=-\r\n"),
        ("a\rb\r", "a\rb\r"),
        ("a&#13;&#xA;b", "a\r\nb"),
        ("<![CDATA[a\r\nb]\r]]\r>]]>c\r", "a\r\nb]\r]]\r>c\r"),
        ("\u{1f44d}\u{feff}\r\n", "\u{1f44d}\u{feff}\r\n"),
        ("  ", "  "),
    ] {
        let frame = format!("<message xmlns='jabber:client'\r\n\tid='1'\r><body>{spelt}</body\r></message>");
        let StreamEvent::Stanza(message) = websocket(&frame).unwrap() else { panic!("{spelt:?}") };
        assert_eq!(message.child_text("body", ns::CLIENT).as_deref(), Some(text));
        let StreamEvent::Stanza(again) = websocket(&message.to_xml("")).unwrap() else { panic!("{spelt:?}") };
        assert_eq!(again, message);
    }
}

#[test]
fn white_space_between_elements_is_dropped_and_that_of_a_body_is_not() {
    let frame = "<message xmlns='jabber:client'>\n  <body> </body>\r\n  <x>\n <y/> word </x>\n</message>";
    let StreamEvent::Stanza(message) = websocket(frame).unwrap() else { panic!() };
    assert_eq!(message.to_xml(""), "<message xmlns=\"jabber:client\"><body> </body><x><y/> word </x></message>");
}

#[test]
fn bad_input_is_refused_by_name() {
    use StreamFault::*;
    for (content, fault) in [
        // RFC 6120, 11.1 (attack A1)
        ("<!DOCTYPE a [<!ENTITY b 'c'>]>", RestrictedXml),
        ("<message><!ENTITY b 'c'></message>", RestrictedXml),
        ("<!-- a -->", RestrictedXml),
        ("<message><!-- a --></message>", RestrictedXml),
        ("<?php a ?>", RestrictedXml),
        ("<message><?php a ?></message>", RestrictedXml),
        ("<?xml version='1.0'?><message/>", RestrictedXml),
        ("<message><?xml version='1.0'?></message>", RestrictedXml),
        ("<message>&b;</message>", RestrictedXml),
        ("<message a='&b;'/>", RestrictedXml),
        // XML 1.0
        ("<message></messag>", NotWellFormed),
        ("<message></stream:stream>", NotWellFormed),
        ("</stream>", NotWellFormed),
        ("</message>", NotWellFormed),
        ("<message a='1' a='2'/>", NotWellFormed),
        ("<message a='1'b='2'/>", NotWellFormed),
        ("<message a=1/>", NotWellFormed),
        ("<message a='<'/>", NotWellFormed),
        ("<message>]]></message>", NotWellFormed),
        ("<message>\0</message>", NotWellFormed),
        ("<message>\x01</message>", NotWellFormed),
        ("<message a='\x1b'/>", NotWellFormed),
        ("<message>&#0;</message>", NotWellFormed),
        ("<message>&#xFFFE;</message>", NotWellFormed),
        ("<message>&#xD800;</message>", NotWellFormed),
        ("<message>\u{ffff}</message>", NotWellFormed),
        ("<message>& </message>", NotWellFormed),
        ("< message/>", NotWellFormed),
        ("<1/>", NotWellFormed),
        ("\0", NotWellFormed),
        // Namespaces in XML
        ("<a:message/>", NotWellFormed),
        ("<message a:b='1'/>", NotWellFormed),
        ("<message xmlns:a='1' xmlns:a='2'/>", NotWellFormed),
        ("<message xmlns='1' xmlns='2'/>", NotWellFormed),
        ("<message xmlns:a='1' xmlns:b='1' a:c='' b:c=''/>", NotWellFormed),
        ("<message xmlns:a=''/>", NotWellFormed),
        ("<message xmlns:xmlns='a'/>", NotWellFormed),
        ("<message xmlns:a='http://www.w3.org/2000/xmlns/'/>", NotWellFormed),
        ("<message xmlns='http://www.w3.org/XML/1998/namespace'/>", NotWellFormed),
        ("<message a:b:c='1'/>", NotWellFormed),
        ("<xml:message/>", BadNamespacePrefix),
        ("<message><xml:a/></message>", BadNamespacePrefix),
        // XMPP
        ("text", BadFormat),
        ("<message/>text", BadFormat),
        ("&amp;", BadFormat),
        ("\u{feff}<message/>", BadFormat),
        ("<message xmlns=''/>", InvalidNamespace),
    ] {
        let events = tcp(&format!("{HEADER}{content}"));
        assert_eq!(events.last().unwrap().as_ref().unwrap_err(), &fault, "{content:?}");
    }
}

#[test]
fn bad_headers_are_refused_by_name() {
    use StreamFault::*;
    for (header, fault) in [
        ("GET / HTTP/1.1\r\n", NotWellFormed),
        ("\u{feff}<stream:stream", NotWellFormed),
        ("<?xml version='1.0'?><?xml version='1.0'?>", RestrictedXml),
        ("<?xml version='1.1'?>", RestrictedXml),
        ("<?xml version='1.0' encoding='UTF-16'?>", UnsupportedEncoding),
        ("<?xml version='1.0'?><!DOCTYPE stream>", RestrictedXml),
        ("<!DOCTYPE stream>", RestrictedXml),
        ("<stream:stream xmlns='jabber:client'>", NotWellFormed),
        ("<stream:stream xmlns='jabber:client' xmlns:stream='urn:x'>", InvalidNamespace),
        ("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>", InvalidNamespace),
        ("<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>", InvalidNamespace),
        ("<stream:open xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>", BadFormat),
        ("<message xmlns='jabber:client'/>", InvalidNamespace),
        ("</stream:stream>", NotWellFormed),
    ] {
        assert_eq!(tcp(header), [Err(fault)], "{header:?}");
    }
    let mut reader = StreamReader::tcp(Limits::before_sign_in());
    reader.push(b"\xfe\xff\0<");
    assert_eq!(reader.next(), Err(NotWellFormed));
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    for bytes in [&b"\xe4"[..], b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\x80", b"a\xff"] {
        let mut reader = StreamReader::tcp(Limits::before_sign_in());
        let stanza = [b"<message><body>", bytes, b"</body></message>"].concat();
        reader.push(&[HEADER.as_bytes(), &stanza].concat());
        assert!(matches!(reader.next(), Ok(Some(StreamEvent::Open { .. }))));
        assert_eq!(reader.next(), Err(StreamFault::InvalidUtf8), "{bytes:?}");
    }
}

#[test]
fn a_fault_ends_the_stream_for_good() {
    let mut reader = StreamReader::tcp(Limits::before_sign_in());
    reader.push(HEADER.as_bytes());
    reader.push(b"<message/><a></b><message/>");
    assert!(matches!(reader.next(), Ok(Some(StreamEvent::Open { .. }))));
    assert!(matches!(reader.next(), Ok(Some(StreamEvent::Stanza(_)))), "what came before it counts");
    for _ in 0..2 {
        reader.push(b"<message/>");
        assert_eq!(reader.next(), Err(StreamFault::NotWellFormed));
    }
}

#[test]
fn a_stream_starts_again_after_sasl_with_what_was_sent_ahead() {
    let mut reader = StreamReader::tcp(Limits::before_sign_in());
    reader.push(format!("{HEADER}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>{HEADER}<iq/>").as_bytes());
    assert!(matches!(reader.next(), Ok(Some(StreamEvent::Open { .. }))));
    assert!(matches!(reader.next(), Ok(Some(StreamEvent::Stanza(_)))));
    reader.restart(Limits::after_sign_in(262_144));
    assert!(matches!(reader.next(), Ok(Some(StreamEvent::Open { .. }))));
    assert_eq!(reader.next(), Ok(Some(StreamEvent::Stanza(Element::new("iq", ns::CLIENT)))));
}

#[test]
fn an_empty_stream_is_opened_and_closed() {
    let header = HEADER.replace('>', "/>");
    assert!(matches!(tcp(&header)[..], [Ok(StreamEvent::Open { .. }), Ok(StreamEvent::Close)]));
}

#[test]
fn a_frame_is_one_element_and_nothing_else() {
    use StreamFault::*;
    let open = "<open version=\"1.0\" xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" to=\"h\" from=\"34-905@h\"/>";
    let Ok(StreamEvent::Open { to, from, .. }) = websocket(open) else { panic!() };
    assert_eq!((to.as_deref(), from.as_deref()), (Some("h"), Some("34-905@h")));
    assert_eq!(websocket("<close xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\"/>"), Ok(StreamEvent::Close));
    for (frame, fault) in [
        ("", BadFormat),
        (" ", BadFormat),
        (" <iq xmlns='jabber:client'/>", BadFormat),
        ("\u{feff}<iq xmlns='jabber:client'/>", BadFormat),
        ("<iq xmlns='jabber:client'/>\n", BadFormat),
        ("<iq xmlns='jabber:client'/><iq xmlns='jabber:client'/>", BadFormat),
        ("<iq xmlns='jabber:client'/>text", BadFormat),
        ("<iq xmlns='jabber:client'>", NotWellFormed),
        ("<iq xmlns='jabber:client'", NotWellFormed),
        ("<", NotWellFormed),
        ("<iq/>", InvalidNamespace),
        ("<?xml version='1.0'?><iq xmlns='jabber:client'/>", RestrictedXml),
        ("<!DOCTYPE a><iq xmlns='jabber:client'/>", RestrictedXml),
        ("<stream:features/>", NotWellFormed),
        (HEADER, NotWellFormed),
    ] {
        assert_eq!(websocket(frame), Err(fault), "{frame:?}");
    }
}

#[test]
fn what_the_server_says_is_read_by_the_same_reader() {
    let mut reader = StreamReader::tcp(Limits::before_sign_in());
    reader.push(crate::stream_header("chat.example.net", "a'b\"c").as_bytes());
    let Ok(Some(StreamEvent::Open { id, from, .. })) = reader.next() else { panic!() };
    assert_eq!((id.as_deref(), from.as_deref()), (Some("a'b\"c"), Some("chat.example.net")));
    let features = crate::features([crate::mechanisms(&["PLAIN"])]);
    assert_eq!(
        features.to_xml(""),
        "<stream:features xmlns:stream=\"http://etherx.jabber.org/streams\"><mechanisms \
         xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\"><mechanism>PLAIN</mechanism></mechanisms></stream:features>"
    );
    reader.push(features.to_xml(ns::CLIENT).as_bytes());
    let Ok(Some(StreamEvent::Stanza(read))) = reader.next() else { panic!() };
    assert!(read.is("features", ns::STREAM) && read.child("mechanisms", ns::SASL).is_some());
    assert_eq!(
        StreamFault::Conflict.to_element().to_xml(""),
        "<stream:error xmlns:stream=\"http://etherx.jabber.org/streams\"><conflict \
         xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\"/><text xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\" \
         xml:lang=\"en\">replaced by another connection</text></stream:error>"
    );
    assert!(crate::open("h", "1").to_xml("").starts_with("<open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" from="));
}

#[test]
fn what_xml_cannot_carry_is_left_out_when_written() {
    let mut element = Element::new("message", ns::CLIENT)
        .with_attr("a", "<\t\n\r'\"&\u{0}>")
        .with_attr("bad name", "1")
        .with_attr("xmlns", "urn:forged")
        .with_child(Element::new("a b", ns::CLIENT).with_text("gone"))
        .with_child(Element::new("", ns::CLIENT))
        .with_child(Element::new("x:y", ns::CLIENT))
        .with_child(Element::new("lang", ns::XML))
        .with_text("\n \t")
        .with_child(Element::new("xmlns", ns::CLIENT))
        .with_text("\u{b}\u{fffe}\u{ffff}\u{fffd}]]>\r\u{1f44d}\u{ef}");
    element.attrs.push(("a".to_owned(), "twice".to_owned()));
    assert_eq!(
        element.to_xml(""),
        "<message xmlns=\"jabber:client\" a=\"&lt;&#x9;&#xA;&#xD;&apos;&quot;&amp;&gt;\"><xmlns/>\
         \u{fffd}]]&gt;&#xD;\u{1f44d}\u{ef}</message>"
    );
}

// === tools ===

/// All events of a TCP stream, up to its first fault.
fn tcp(bytes: &str) -> Vec<Result<StreamEvent, StreamFault>> {
    let mut reader = StreamReader::tcp(Limits::before_sign_in());
    reader.push(bytes.as_bytes());
    let mut events = Vec::new();
    loop {
        match reader.next() {
            Ok(None) => return events,
            Ok(Some(event)) => events.push(Ok(event)),
            Err(fault) => {
                events.push(Err(fault));
                return events;
            }
        }
    }
}

fn websocket(frame: &str) -> Result<StreamEvent, StreamFault> {
    StreamReader::websocket(Limits::before_sign_in()).frame(frame)
}
