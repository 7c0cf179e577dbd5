//! The negotiation, step by step, by values.

#![allow(clippy::unwrap_used)]

use super::*;

const WS: Terms = Terms { framing: Framing::WebSocket, secure: true, offers_tls: false, allows_plain_text: false };
const TCP: Terms = Terms { framing: Framing::Tcp, secure: false, offers_tls: true, allows_plain_text: false };

#[test]
fn the_sdk_signs_in_and_binds_over_websocket() {
    let mut negotiation = Negotiation::new(WS, "chat.example.net");
    assert_eq!(
        sent(open_stream(&mut negotiation)),
        "<open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" from=\"other.example.net\" id=\"s1\" version=\"1.0\" xml:lang=\"en\"/>\
         <stream:features xmlns:stream=\"http://etherx.jabber.org/streams\"><mechanisms xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\">\
         <mechanism>PLAIN</mechanism></mechanisms></stream:features>"
    );
    let credentials = credentials(negotiation.element(auth("PLAIN", b"\x0034-905\0s3cr\xe4t")));
    assert_eq!((credentials.user, credentials.app, credentials.has_authzid), (UserId(34), AppId(905), false));
    assert_eq!(credentials.secret, b"s3cr\xe4t", "the bytes as they came");
    assert_eq!(negotiation.accept(), "<success xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\"/>");
    let features = sent(open_stream(&mut negotiation));
    assert!(features.contains("<bind xmlns") && features.contains("<session xmlns") && features.contains("<sm xmlns"));
    assert!(!features.contains("PLAIN") && !features.contains("sasl:2"));
    assert!(matches!(negotiation.element(bind(None)), Step::Bind { resource: None }));
    assert_eq!(
        negotiation.bound("34-905@chat.example.net/r1"),
        "<iq xmlns=\"jabber:client\" type=\"result\" id=\"b1\"><bind xmlns=\"urn:ietf:params:xml:ns:xmpp-bind\">\
         <jid>34-905@chat.example.net/r1</jid></bind></iq>"
    );
}

#[test]
fn without_tls_a_password_is_neither_asked_for_nor_taken() {
    let mut negotiation = Negotiation::new(TCP, "h");
    let features = sent(open_stream(&mut negotiation));
    assert!(features.starts_with("<?xml version='1.0'?><stream:stream "));
    assert!(features.contains("<required/>") && !features.contains("PLAIN"));
    assert!(sent(negotiation.element(auth("PLAIN", b"\x0034-905\0x"))).contains("<encryption-required/>"));
    let Step::Secure(proceed) = negotiation.element(Element::new("starttls", ns::TLS)) else { panic!() };
    assert_eq!(proceed, "<proceed xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"/>");
    let features = sent(open_stream(&mut negotiation));
    assert!(features.contains("PLAIN") && !features.contains("starttls"), "once is enough");
    assert!(ends_with(negotiation.element(Element::new("starttls", ns::TLS)), "unsupported-stanza-type"));
}

#[test]
fn where_plain_text_is_allowed_both_ways_are_offered() {
    let mut negotiation = Negotiation::new(Terms { allows_plain_text: true, ..TCP }, "h");
    let features = sent(open_stream(&mut negotiation));
    assert!(features.contains("PLAIN") && features.contains("starttls") && !features.contains("required"));
}

#[test]
fn nobody_signs_in_as_another() {
    for (message, condition) in [
        (&b"78-905@chat\x0034-905\0x"[..], "invalid-authzid"),
        (b"\0romeo\0x", "not-authorized"),
        (b"\x0034-0\0x", "not-authorized"),
        (b"\x0034-905", "malformed-request"),
    ] {
        assert!(sent(signing_in().element(auth("PLAIN", message))).contains(condition), "{condition}");
    }
    let own = credentials(signing_in().element(auth("PLAIN", b"34-905@elsewhere\x0034-905\0x")));
    assert!(own.has_authzid);
}

#[test]
fn a_sign_in_tells_the_host_that_it_is_to_and_holds_there_only() {
    for (first, asked) in [(Some("Chat.own.example"), "Chat.own.example"), (Some(""), "h"), (None, "h")] {
        let signed_in = || {
            let mut negotiation = Negotiation::new(WS, "h");
            sent(open_stream_to(&mut negotiation, first));
            assert_eq!(credentials(negotiation.element(auth("PLAIN", b"\x0034-905\0x"))).host, asked);
            negotiation.accept();
            negotiation
        };
        for same in [first, None, Some(""), Some(&asked.to_uppercase())] {
            assert!(sent(open_stream_to(&mut signed_in(), same)).contains("<bind"), "{first:?} {same:?}");
        }
        assert!(ends_with(open_stream_to(&mut signed_in(), Some("chat.other.example")), "host-unknown"));
    }
    let mut negotiation = Negotiation::new(TCP, "h");
    sent(open_stream_to(&mut negotiation, Some("a.example")));
    negotiation.element(Element::new("starttls", ns::TLS));
    sent(open_stream_to(&mut negotiation, Some("b.example")));
    assert_eq!(credentials(negotiation.element(auth("PLAIN", b"\x0034-905\0x"))).host, "b.example", "the last one before it");
}

#[test]
fn a_mechanism_that_was_not_offered_is_refused() {
    for mechanism in ["SCRAM-SHA-1", "DIGEST-MD5", "ANONYMOUS", "plain", ""] {
        assert!(sent(signing_in().element(auth(mechanism, b"\x0034-905\0x"))).contains("<invalid-mechanism/>"), "{mechanism}");
    }
}

#[test]
fn a_refused_sign_in_leaves_the_stream_open_for_a_few_attempts() {
    let mut negotiation = signing_in();
    for _ in 0..ATTEMPTS_MAX {
        credentials(negotiation.element(auth("PLAIN", b"\x0034-905\0x")));
        assert_eq!(
            negotiation.refuse(Refusal::NotAuthorized),
            "<failure xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\"><not-authorized/>\
             <text xml:lang=\"en\">Invalid username or password</text></failure>"
        );
    }
    assert!(ends_with(negotiation.element(auth("PLAIN", b"\x0034-905\0x")), "policy-violation"));
}

#[test]
fn nothing_is_taken_out_of_turn() {
    let message = || Element::new("message", ns::CLIENT);
    assert!(ends_with(Negotiation::new(WS, "h").element(message()), "not-authorized"), "before the header");
    assert!(ends_with(signing_in().element(message()), "not-authorized"));
    assert!(ends_with(signing_in().element(bind(None)), "not-authorized"));
    assert!(ends_with(signed_in().element(message()), "not-authorized"));
    assert!(ends_with(signed_in().element(auth("PLAIN", b"\x0034-905\0x")), "unsupported-stanza-type"));
    assert!(ends_with(open_stream(&mut signing_in()), "invalid-namespace"), "a second header");
    let old = Negotiation::new(TCP, "h").opened(None, Some("0.9"), "s1");
    assert!(ends_with(old, "unsupported-version"));
}

#[test]
fn an_error_before_the_header_brings_its_own() {
    let Step::End(frames) = Negotiation::new(TCP, "h").fault(StreamFault::NotWellFormed) else { panic!() };
    assert!(frames[0].contains("<stream:stream ") && frames[1].starts_with("<stream:error"));
}

#[test]
fn a_resource_of_the_client_is_taken_if_it_is_one() {
    assert!(matches!(signed_in().element(bind(Some("phone"))), Step::Bind { resource: Some(r) } if r == "phone"));
    for bad in ["", "a\nb", &"x".repeat(200)] {
        assert!(matches!(signed_in().element(bind(Some(bad))), Step::Bind { resource: None }));
    }
}

#[test]
fn a_stream_that_cannot_be_resumed_is_bound_instead() {
    let mut negotiation = signed_in();
    let resume = Element::new("resume", ns::SM).with_attr("previd", "p").with_attr("h", "7");
    assert!(matches!(negotiation.element(resume), Step::Resume { id, handled: 7 } if id == "p"));
    assert!(sent(negotiation.unresumed("item-not-found")).starts_with("<failed xmlns=\"urn:xmpp:sm:3\"><item-not-found "));
    assert!(matches!(negotiation.element(bind(None)), Step::Bind { .. }));
}

fn signing_in() -> Negotiation {
    let mut negotiation = Negotiation::new(WS, "h");
    open_stream(&mut negotiation);
    negotiation
}

fn open_stream_to(negotiation: &mut Negotiation, to: Option<&str>) -> Step {
    negotiation.opened(to.map(str::to_owned), Some("1.0"), "s1")
}

fn signed_in() -> Negotiation {
    let mut negotiation = signing_in();
    credentials(negotiation.element(auth("PLAIN", b"\x0034-905\0x")));
    negotiation.accept();
    open_stream(&mut negotiation);
    negotiation
}

fn open_stream(negotiation: &mut Negotiation) -> Step {
    negotiation.opened(Some("other.example.net".to_owned()), Some("1.0"), "s1")
}

fn auth(mechanism: &str, message: &[u8]) -> Element {
    Element::new("auth", ns::SASL).with_attr("mechanism", mechanism).with_text(STANDARD.encode(message))
}

fn bind(resource: Option<&str>) -> Element {
    let resource = resource.map(|resource| Element::new("resource", ns::BIND).with_text(resource));
    let bind = Element::new("bind", ns::BIND).with_children(resource);
    Element::new("iq", ns::CLIENT).with_attr("type", "set").with_attr("id", "b1").with_child(bind)
}

fn sent(step: Step) -> String {
    match step {
        Step::Send(frames) => frames.concat(),
        _ => panic!("something else was to be done"),
    }
}

fn credentials(step: Step) -> Credentials {
    match step {
        Step::Authenticate(credentials) => credentials,
        _ => panic!("something else was to be done"),
    }
}

fn ends_with(step: Step, condition: &str) -> bool {
    matches!(step, Step::End(frames) if frames.last().unwrap().contains(&format!("<{condition} ")))
}
