//! What the chat door refuses: broken XML, broken order, wrong passwords, addresses that are nobody's, bodies that are too
//! large, too many connections. Each is named as the contract says (contract xmpp 1.5, 9), and others chat on.

mod stage;

use anyhow::{Context, Result, ensure};
use natter_tests::client::Account;
use tokio_tungstenite::tungstenite::Message;

use crate::raw::{HEADER, OPEN, Over, plain};
use crate::verdict::Verdict;
use stage::Stage;

const AUTH: &str = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>";

/// Sent on an open stream before and after sign-in, and the condition that ends the stream.
const XML: [(&str, &str, &str); 12] = [
    ("a DTD", "<!DOCTYPE m [<!ENTITY a 'x'>]><message/>", "restricted-xml"),
    ("an entity", "<message xmlns='jabber:client'><body>&lol;</body></message>", "restricted-xml"),
    ("an external entity", "<!DOCTYPE m SYSTEM 'file:///etc/passwd'><m/>", "restricted-xml"),
    ("a processing instruction", "<message xmlns='jabber:client'><?php evil() ?></message>", "restricted-xml"),
    ("a comment", "<message xmlns='jabber:client'><!-- hush --></message>", "restricted-xml"),
    ("tags that cross", "<message xmlns='jabber:client'><body></message></body>", "not-well-formed"),
    ("an attribute given twice", "<message xmlns='jabber:client' to='a' to='b'/>", "not-well-formed"),
    ("a prefix that was not declared", "<message xmlns='jabber:client'><x:y/></message>", "not-well-formed"),
    ("a character that XML has not", "<message xmlns='jabber:client'><body>&#0;</body></message>", "not-well-formed"),
    ("a stanza for servers", "<message xmlns='jabber:server'/>", "unsupported-stanza-type"),
    ("an element that is no stanza", "<sing xmlns='jabber:client'/>", "unsupported-stanza-type"),
    ("text between stanzas", "hello", "bad-format"),
];

#[tokio::test]
async fn what_is_not_xmpp_ends_its_stream_with_a_name_and_no_other() {
    break_streams().await.unwrap();
}

async fn break_streams() -> Result<()> {
    let stage = Stage::open(&["edge.stanza_bytes=131072"]).await?;
    let mut pair = stage.pair().await?;
    let mut verdict = Verdict::default();
    for over in [Over::Tcp, Over::WebSocket] {
        for signed_in in [false, true] {
            let mut cases: Vec<(&str, Vec<u8>, &str)> = XML.map(|(case, sent, condition)| (case, sent.into(), condition)).into();
            let (bytes, depth) = if signed_in { (140_000, 70) } else { (9_000, 20) };
            cases.push(("too many bytes", message_of("x".repeat(bytes)), "policy-violation"));
            cases.push((
                "too deep nesting",
                message_of(format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth))),
                "policy-violation",
            ));
            cases.push(("too many attributes", message_of(format!("<a {}/>", attributes(100))), "policy-violation"));
            cases.push(("too many children", message_of("<a/>".repeat(5_000)), "policy-violation"));
            cases.push(("a very long name", message_of(format!("<{}/>", "n".repeat(2_000))), "policy-violation"));
            cases.push(("bytes that are not UTF-8", message_of_bytes(b"<body>\xff\xfe</body>"), "unsupported-encoding"));
            if !signed_in {
                cases.push(("a message before sign-in", message_of("<body>hi</body>".into()), "not-authorized"));
                cases.push(("a presence before sign-in", b"<presence xmlns='jabber:client'/>".to_vec(), "not-authorized"));
            }
            for (case, sent, condition) in cases {
                let outcome = stage.is_ended(over, signed_in, &sent, condition).await;
                verdict.of(&format!("{case} over {over:?}, signed in: {signed_in}"), outcome);
                verdict.of("the others chat on", pair.chat().await);
            }
        }
    }
    verdict.of("text before the stream", stage.is_ended_at_once(Over::Tcp, "hello", "not-well-formed").await);
    verdict.of("HTTP on the XMPP port", stage.is_ended_at_once(Over::Tcp, "GET / HTTP/1.1\r\n\r\n", "not-well-formed").await);
    verdict.of(
        "a stream of another kind",
        stage.is_ended_at_once(Over::Tcp, &HEADER.replace("jabber:client", "jabber:server"), "invalid-namespace").await,
    );
    verdict.of(
        "a stream of the past",
        stage.is_ended_at_once(Over::WebSocket, &OPEN.replace("1.0", "0.9"), "unsupported-version").await,
    );
    verdict.of(
        "two elements in one frame",
        stage
            .is_ended(Over::WebSocket, true, b"<presence xmlns='jabber:client'/><presence xmlns='jabber:client'/>", "bad-format")
            .await,
    );
    verdict.of(
        "half an element in one frame",
        stage.is_ended(Over::WebSocket, true, b"<presence xmlns='jabber:client'>", "not-well-formed").await,
    );
    verdict.of("a binary frame", stage.is_ended_by_a_binary_frame().await);
    verdict.of("the others chat on", pair.chat().await);
    verdict.pronounce()
}

#[tokio::test]
async fn a_refused_sign_in_leaves_the_socket_open_for_the_right_one() {
    sign_in_wrongly().await.unwrap();
}

async fn sign_in_wrongly() -> Result<()> {
    let stage = Stage::open(&[]).await?;
    let wrong = |account: &Account| Account { password: "wrong".into(), ..account.clone() };
    let nobody = Account { user: 999_999, ..stage.ann.clone() };
    let foreign = Account { app: 2, ..stage.ann.clone() };
    let mut verdict = Verdict::default();
    for over in [Over::Tcp, Over::WebSocket] {
        for (case, sent, condition) in [
            ("a wrong password", plain(&wrong(&stage.ann)), "not-authorized"),
            ("an unknown user", plain(&nobody), "not-authorized"),
            ("a user of another app", plain(&foreign), "not-authorized"),
            ("a name that is none", format!("{AUTH}AGFubgBwdw==</auth>"), "not-authorized"),
            ("a mechanism that was not offered", plain(&stage.ann).replace("PLAIN", "SCRAM-SHA-1"), "invalid-mechanism"),
            ("what is no base64", format!("{AUTH}***</auth>"), "incorrect-encoding"),
            ("no credentials", format!("{AUTH}</auth>"), "malformed-request"),
            ("somebody else's authzid", format!("{AUTH}Nzg5LTEAMS0xAHB3</auth>"), "invalid-authzid"),
            ("an abort", "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".into(), "aborted"),
        ] {
            verdict.of(&format!("{case} over {over:?}"), stage.is_refused_then_let_in(over, &sent, condition).await);
        }
    }
    verdict.of("a fourth guess on one connection", stage.has_three_guesses().await);
    verdict.pronounce()
}

/// What marks a message of the video calling module (contract xmpp 11).
const CALL: &str = "<moduleIdentifier>WebRTCVideoChat</moduleIdentifier>";

#[tokio::test]
async fn a_stanza_that_cannot_be_carried_out_is_answered_and_the_stream_goes_on() {
    answer_stanzas().await.unwrap();
}

async fn answer_stanzas() -> Result<()> {
    let stage = Stage::open(&[]).await?;
    let mut pair = stage.pair().await?;
    let mut verdict = Verdict::default();
    let content = "<body>BODY</body><extraParams xmlns='jabber:client'><save_to_history>1</save_to_history></extraParams>";
    let message = |to: &str, kind: &str, id: &str| {
        format!("<message xmlns='jabber:client' to='{to}' type='{kind}' id='{id}'>{content}</message>")
    };
    let large = message("BOB", "chat", "6b0000000000000000000009").replace("BODY", &"x".repeat(61 << 10));
    let room = "1_66f0a1b2c3d4e5f607182930@muc.localhost";
    let not_found = ["code=\"404\"", "<item-not-found"];
    let unavailable = ["code=\"503\"", "<service-unavailable"];
    let rows: Vec<(&str, String, Vec<&str>)> = vec![
        ("a message to an unknown user", message("999999-1@localhost", "chat", "m1"), with("id=\"m1\"", &not_found)),
        ("a message to a user of another app", message("7-2@localhost", "chat", "m2"), with("id=\"m2\"", &not_found)),
        ("a message to what is no address", message("a@b@c", "chat", "m3"), with("id=\"m3\"", &not_found)),
        ("a message to an unknown room", message(room, "groupchat", "m4"), with(room, &not_found)),
        ("a body over 60 KB", large, vec!["code=\"406\"", "<policy-violation", "id=\"6b0000000000000000000009\""]),
        ("a system message to a room", message(room, "headline", "m5"), with("id=\"m5\"", &unavailable)),
        (
            "a call to a room",
            message(room, "headline", "m6").replace("<save_to_history>1</save_to_history>", CALL),
            with("id=\"m6\"", &unavailable),
        ),
        (
            "an unknown request",
            iq("get", "q1", "", "<query xmlns='jabber:iq:version'/>"),
            with("<query xmlns=\"jabber:iq:version\"", &unavailable),
        ),
        (
            "an unknown request to somebody",
            iq("get", "q2", "to='BOB'", "<x xmlns='u:x'><y/></x>"),
            with("<x xmlns=\"u:x\"><y/></x>", &unavailable),
        ),
        (
            "a roster push to somebody",
            iq("set", "q3", "to='BOB'", "<query xmlns='jabber:iq:roster'/>"),
            with("id=\"q3\"", &unavailable),
        ),
        ("a request of no kind", iq("shout", "q4", "", "<x xmlns='u:x'/>"), vec!["id=\"q4\"", "code=\"400\""]),
        ("a request without a payload", iq("get", "q5", "", ""), vec!["id=\"q5\"", "code=\"400\""]),
        (
            "a join of an unknown room",
            format!(
                "<presence xmlns='jabber:client' to='{room}/1' id='j1'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
            ),
            with("<x xmlns=\"http://jabber.org/protocol/muc\"", &not_found),
        ),
        (
            "the activity of an unknown user",
            iq("get", "q6", "to='999999-1@localhost'", "<query xmlns='jabber:iq:last'/>"),
            with("id=\"q6\"", &not_found),
        ),
    ];
    for (case, sent, words) in rows {
        verdict.of(case, pair.is_answered(&sent, &words).await);
        verdict.of("the two chat on", pair.chat().await);
    }
    verdict.of("a spoofed sender", pair.is_overwritten().await);
    verdict.of("the two chat on", pair.chat().await);
    verdict.pronounce()?;
    let heard = pair.heard_by_bob().await?;
    ensure!(!heard.contains("roster") && !heard.contains("xxxx"), "bob heard {heard}");
    Ok(())
}

#[tokio::test]
async fn connections_and_sessions_are_bounded_and_so_is_their_time() {
    crowd().await.unwrap();
}

async fn crowd() -> Result<()> {
    let settings = ["edge.negotiation_s=1", "edge.connections_per_address_max=3", "presence.sessions_per_user_max=2"];
    let stage = Stage::open(&settings).await?;
    let mut pair = stage.pair().await?;

    let mut waiting = Vec::new();
    for over in [Over::Tcp, Over::WebSocket, Over::Tcp] {
        let mut raw = stage.raw(over).await?;
        raw.open().await?;
        waiting.push(raw);
    }
    ensure!(
        stage.raw(Over::Tcp).await?.end().await?.is_empty(),
        "a fourth stranger of one address is turned away without a word"
    );
    pair.chat().await?;
    // A total deadline: neither one byte after the other nor pings prolong it.
    waiting[0].send("<auth").await?;
    waiting[1].send_message(Message::Ping("still here".into())).await?;
    for mut raw in waiting {
        let last = raw.end().await?;
        ensure!(last.contains("<connection-timeout"), "{last}");
    }
    pair.chat().await?;

    let mut second = stage.signed_in(Over::WebSocket, &stage.ann).await?;
    let mut third = stage.raw(Over::Tcp).await?;
    third.open().await?;
    let refused = third.sign_in(&stage.ann).await.err().context("a third session of one user was made")?.to_string();
    ensure!(refused.contains("resource-constraint"), "{refused}");
    second.send("<iq xmlns='jabber:client' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>").await?;
    second.expect("id=\"p\"").await?;
    pair.chat().await
}

fn message_of(inner: String) -> Vec<u8> {
    message_of_bytes(inner.as_bytes())
}

fn message_of_bytes(inner: &[u8]) -> Vec<u8> {
    [b"<message xmlns='jabber:client'>", inner, b"</message>"].concat()
}

fn attributes(count: usize) -> String {
    (0..count).map(|n| format!("a{n}='' ")).collect()
}

fn iq(kind: &str, id: &str, to: &str, payload: &str) -> String {
    format!("<iq xmlns='jabber:client' type='{kind}' id='{id}' {to}>{payload}</iq>")
}

fn with<'a>(word: &'a str, words: &[&'a str]) -> Vec<&'a str> {
    [&[word], words].concat()
}
