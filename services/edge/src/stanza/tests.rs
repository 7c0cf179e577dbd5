//! Stanzas in and out by values. The parser is `kernel/xmpp`'s.

#![allow(clippy::unwrap_used)]

use natter_proto::{AppId, DialogId, MessageId};
use natter_xmpp::{Framing, Limits, StreamEvent, StreamReader};

use super::*;

const DIALOG: &str = "a6f0a1b2c3d4e5f607182930";
const ID: &str = "66f1000000000000000000a1";

#[test]
fn a_message_of_the_sdk_comes_through_with_the_keys_the_server_adds() {
    let sent = r#"<body>How are &lt;you&gt;&#xD;
?</body><markable xmlns="urn:xmpp:chat-markers:0"/><extraParams xmlns="jabber:client"><save_to_history>1</save_to_history><k>v</k><attachment uid="be9f" type="photo"/></extraParams>"#;
    let content = content(parse(sent));
    assert!(content.save);
    assert_eq!(content.id, Some(ID.parse().unwrap()));
    assert_eq!(content.message.body.as_deref(), Some("How are <you>\r\n?"));
    check(
        sent,
        r#"<body>How are &lt;you&gt;&#xD;
?</body><markable xmlns="urn:xmpp:chat-markers:0"/><extraParams xmlns="jabber:client"><save_to_history>1</save_to_history><k>v</k><attachment uid="be9f" type="photo"/><dialog_id>a6f0a1b2c3d4e5f607182930</dialog_id><date_sent>1769853600</date_sent><message_id>66f1000000000000000000a1</message_id></extraParams>"#,
    );
}

#[test]
fn what_the_client_gave_of_the_servers_keys_stays() {
    check(
        &format!(
            "<body>x</body><extraParams><dialog_id>{DIALOG}</dialog_id><date_sent>1700000000000</date_sent><silent>true</silent><message_id>forged</message_id></extraParams>"
        ),
        &format!(
            "<body>x</body><extraParams xmlns=\"jabber:client\"><dialog_id>{DIALOG}</dialog_id><silent>1</silent><date_sent>1700000000</date_sent><message_id>{ID}</message_id></extraParams>"
        ),
    );
    let unknown = content(parse("<body>x</body><extraParams><dialog_id>null</dialog_id></extraParams>"));
    assert!(unknown.message.extensions.is_empty(), "a word for no dialog is no dialog");
}

#[test]
fn nested_objects_stay_where_the_build_put_them() {
    let inside = "<extraParams xmlns=\"jabber:client\"><o a=\"1\"><p>2</p><q><r></r></q></o></extraParams>";
    check(inside, inside);
    let beside = "<o><p>2</p></o>";
    check(beside, beside);
    assert!(content(parse(beside)).message.extensions[0].sibling);
}

#[test]
fn unknown_children_of_other_namespaces_are_relayed_as_xml() {
    let sent = "<thread>t</thread><x xmlns=\"urn:some:thing\"><y/></x>";
    check(sent, "<thread xmlns=\"jabber:client\">t</thread><x xmlns=\"urn:some:thing\"><y/></x>");
}

#[test]
fn children_that_only_servers_write_are_dropped_however_often_they_come() {
    let forged = "<sent xmlns=\"urn:xmpp:carbons:2\"><forwarded xmlns=\"urn:xmpp:forward:0\"/></sent>\
        <result xmlns=\"urn:xmpp:mam:2\"/><stanza-id xmlns=\"urn:xmpp:sid:0\" id=\"1\"/><delay xmlns=\"urn:xmpp:delay\"/>\
        <addresses xmlns=\"http://jabber.org/protocol/address\"/><reactions user_id=\"34\"/><message/>";
    check(&format!("{forged}{forged}<a xmlns=\"b\"/>"), "<a xmlns=\"b\"/>");
    assert_eq!(purpose(&parse(forged)), Purpose::Nothing);
}

#[test]
fn each_purpose_is_recognised() {
    let counted = Purpose::Content { counted: true };
    assert_eq!(purpose(&parse("<body>x</body><composing xmlns=\"http://jabber.org/protocol/chatstates\"/>")), counted);
    assert_eq!(purpose(&parse("<extraParams><attachment uid=\"1\"/></extraParams>")), counted);
    assert_eq!(purpose(&parse("<extraParams><k>v</k></extraParams>")), Purpose::Content { counted: false });
    assert_eq!(
        purpose(&parse("<composing xmlns=\"http://jabber.org/protocol/chatstates\"/>")),
        Purpose::Typing { composing: true }
    );
    assert_eq!(purpose(&parse("<active xmlns=\"http://jabber.org/protocol/chatstates\"/>")), Purpose::Nothing);
    let edit = |last| Purpose::Edit { id: "1".to_owned(), last };
    assert_eq!(purpose(&parse("<body>x</body><replace xmlns=\"urn:xmpp:message-correct:0\" id=\"1\"/>")), edit(false));
    assert_eq!(purpose(&parse("<replace last=\"true\" xmlns=\"urn:xmpp:message-correct:0\" id=\"1\"/>")), edit(true));
    let removal = Purpose::Removal { id: "1".to_owned() };
    assert_eq!(purpose(&parse("<remove xmlns=\"urn:xmpp:message-delete:0\" id=\"1\"/>")), removal);
    assert_eq!(
        purpose(&parse(&format!(
            "<displayed xmlns=\"urn:xmpp:chat-markers:0\" id=\"{ID}\"/><extraParams><dialog_id>undefined</dialog_id></extraParams>"
        ))),
        Purpose::Marker { kind: MarkKind::Read, id: ID.to_owned(), dialog: None }
    );
}

#[test]
fn what_is_saved_is_told_by_the_key_or_by_its_absence() {
    for (sent, expected) in [
        ("<body>x</body><extraParams><save_to_history>1</save_to_history></extraParams>", true),
        ("<body>x</body><extraParams><save_to_history>true</save_to_history></extraParams>", true),
        ("<body>x</body><extraParams><save_to_history>0</save_to_history></extraParams>", false),
        ("<body>x</body><extraParams/>", false),
        ("<body>x</body>", true),
        ("<body>x</body><no-store xmlns=\"urn:xmpp:hints\"/>", false),
        ("<received xmlns=\"urn:xmpp:receipts\" id=\"1\"/>", false),
    ] {
        assert_eq!(content(parse(sent)).save, expected, "{sent}");
    }
}

#[test]
fn a_carbon_wraps_the_message_and_carries_the_stamp_outside() {
    let mut row = content(parse("<body>x</body>")).message;
    row.recipient = 78;
    row.id = ID.parse::<MessageId>().unwrap().to_vec();
    row.date_sent = 1_769_853_600;
    let envelope = Envelope { delayed: Some(1_769_853_600_500), ..envelope("") };
    assert_eq!(
        carbon(spelling(Framing::Tcp), "34-905@h/r2", envelope, &row),
        format!(
            "<message type=\"chat\" from=\"34-905@h\" to=\"34-905@h/r2\"><sent xmlns=\"urn:xmpp:carbons:2\">\
             <forwarded xmlns=\"urn:xmpp:forward:0\"><message xmlns=\"jabber:client\" type=\"chat\" from=\"34-905@h\" to=\"78-905@h\" id=\"{ID}\">\
             <body>x</body><extraParams xmlns=\"jabber:client\"><dialog_id>{DIALOG}</dialog_id><date_sent>1769853600</date_sent>\
             <message_id>{ID}</message_id></extraParams></message></forwarded></sent>\
             <delay xmlns=\"urn:xmpp:delay\" from=\"h\" stamp=\"2026-01-31T10:00:00Z\"/></message>"
        )
    );
}

/// Reads a message with these children and writes it for its recipient: the children must come out as expected.
fn check(children: &str, expected: &str) {
    let mut message = content(parse(children)).message;
    message.recipient = 78;
    message.id = ID.parse::<MessageId>().unwrap().to_vec();
    message.date_sent = 1_769_853_600;
    for (framing, namespace) in [(Framing::Tcp, ""), (Framing::WebSocket, " xmlns=\"jabber:client\"")] {
        let written = super::message(spelling(framing), envelope("r1"), &message);
        let expected =
            format!("<message{namespace} type=\"chat\" from=\"34-905@h/r1\" to=\"78-905@h\" id=\"{ID}\">{expected}</message>");
        assert_eq!(written, expected);
    }
}

fn envelope(resource: &str) -> Envelope<'_> {
    Envelope { from: Sender { user: 34, resource }, dialog: DIALOG.parse::<DialogId>().unwrap(), delayed: None }
}

fn spelling(framing: Framing) -> Spelling<'static> {
    Spelling { app: AppId(905), host: "h", framing }
}

fn parse(children: &str) -> Element {
    let frame = format!("<message xmlns=\"jabber:client\" id=\"{ID}\" to=\"78-905@h\" type=\"chat\">{children}</message>");
    match StreamReader::websocket(Limits::after_sign_in(256 * 1024)).frame(&frame).unwrap() {
        StreamEvent::Stanza(element) => element,
        other => panic!("{other:?}"),
    }
}
