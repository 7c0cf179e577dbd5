//! System messages (contract xmpp 3.10): sent, told, kept.

use super::kit::*;
use natter_proto::event::v1::Headline;

#[test]
fn a_system_message_is_handed_on_with_extra_params_and_acked_when_it_is_kept() {
    let mut client = Client::live();
    let sent = "<message type=\"headline\" id=\"66f1000000000000000000e1\" to=\"78-905@h\"><body>dialog/UPDATE</body>\
        <delay xmlns=\"urn:xmpp:delay\" stamp=\"2026-01-31T10:00:00Z\"/></message>";
    let actions = client.stanza(sent);
    let [Action::Call(Call::Job { job: Job::Headline(request), .. })] = actions.as_slice() else { panic!("{actions:?}") };
    let headline = request.headline.clone().unwrap();
    assert_eq!((request.recipient, headline.user, headline.resource.as_str()), (78, 34, "r1"));
    assert_eq!(headline.stanza_id, "66f1000000000000000000e1");
    assert_eq!(
        headline.children,
        "<body xmlns=\"jabber:client\">dialog/UPDATE</body><extraParams xmlns=\"jabber:client\">\
         <moduleIdentifier>SystemNotifications</moduleIdentifier></extraParams>"
    );
    let written = client.answers(0, Err(Failure::new(Code::Forbidden, "blocked")));
    assert!(written[0].contains("<error code=\"403\"") && written[0].contains("from=\"78-905@h\""));

    let with_extra = sent.replace("<delay", "<extraParams><dialogId>d</dialogId></extraParams><delay");
    let actions = client.stanza(&with_extra);
    let [Action::Call(Call::Job { job: Job::Headline(request), .. })] = actions.as_slice() else { panic!("{actions:?}") };
    let children = &request.headline.as_ref().unwrap().children;
    assert!(children.ends_with("<extraParams xmlns=\"jabber:client\"><dialogId>d</dialogId></extraParams>"), "{children}");
    let large = client.sends(&sent.replace("dialog/UPDATE", &"x".repeat(61_441)));
    assert!(large[0].contains("<policy-violation "));
}

#[test]
fn no_room_takes_system_messages_and_a_user_of_another_app_is_not_found() {
    let mut client = Client::live();
    for (to, code) in [(ROOM, 503), ("906_a6f0a1b2c3d4e5f607182930@muc.h", 503), ("78-906@h", 404)] {
        let written = client.sends(&format!("<message type=\"headline\" id=\"e\" to=\"{to}\"><body>x</body></message>"));
        assert!(written.len() == 1 && written[0].contains(&format!("<error code=\"{code}\"")), "{to}: {written:?}");
    }
}

#[test]
fn a_kept_system_message_obeys_its_place() {
    let mut client = Client::live();
    assert_eq!(
        client.frame(told(1, "e1")),
        ["<message xmlns=\"jabber:client\" type=\"headline\" from=\"78-905@h/r-bob\" to=\"34-905@h\" id=\"e1\"><x/></message>"]
    );
    assert_eq!(client.frame(told(1, "e1")), [""; 0], "a repeat");
    assert_eq!(client.frame(told(2, "e1")), [""; 0], "kept twice, because its sender repeated it");
    client.session.frame(client.at(), shared(told(4, "e4")));
    assert!(client.actions().contains(&Action::Call(Call::Kept { above: 2 })));
    let kept = KeptRow { place: 3, kept_at: 1_000, frame: Some(Frame { kept: 0, ..told(3, "e3") }) };
    client.session.answers(client.at(), [Answer::Kept(Some(Queue { rows: vec![kept], more: false, upto: 3 }))]);
    let written = client.written();
    let of = |id: &str, delayed| {
        written.iter().any(|text| text.contains(&format!("id=\"{id}\"")) && text.contains("<delay ") == delayed)
    };
    assert!(of("e3", true) && of("e4", false), "{written:?}");
    client.now += 1_000;
    assert!(client.pongs(1).contains(&"drop 1".to_owned()), "only what was proved");
}

#[test]
fn a_kept_system_message_that_did_not_fit_is_fetched() {
    let mut client = Client::with(identity(), Options { held_frames_max: 1, ..Options::default() });
    client.frame(row(1, 78, "1"));
    client.frame(told(1, "e1"));
    client.stanza("<presence/>");
    client.session.answers(client.at(), [Answer::Returned(Ok(Box::default()))]);
    assert!(client.actions().contains(&Action::Call(Call::Kept { above: 0 })));
}

/// A headline of user 78, told live.
fn told(kept: u64, id: &str) -> Frame {
    let headline = Headline { user: 78, resource: "r-bob".to_owned(), stanza_id: id.to_owned(), children: "<x/>".to_owned() };
    Frame { dialog: Vec::new(), to: vec![34], kept, told: Some(FrameTold::Headline(headline)), ..row(0, 78, "") }
}
