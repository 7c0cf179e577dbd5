//! Messages and chat states of groups.

use natter_proto::STORING_MS;

use super::kit::*;
use natter_proto::event::v1::Typing;

const SAID: &str = "<message type=\"groupchat\" id=\"66f1000000000000000000a1\" to=\"905_a6f0a1b2c3d4e5f607182930@muc.h\">\
    <body>x</body><extraParams><save_to_history>1</save_to_history></extraParams></message>";

#[test]
fn a_message_to_a_group_is_posted_to_its_dialog_however_the_room_is_spelled() {
    let mut client = Client::live();
    for to in [ROOM, "905_a6f0a1b2c3d4e5f607182930@any", GROUP, "a6f0a1b2c3d4e5f607182930-905@h"] {
        let post = client.posts(&SAID.replace(ROOM, to)).remove(0);
        assert_eq!((post.dialog, post.recipient, post.store, post.deliver), (group().to_vec(), 0, true, true), "{to}");
        let message = post.message.unwrap();
        assert_eq!((message.sender, message.recipient, message.body.as_deref()), (34, 0, Some("x")));
    }
    let unsaved = client.posts(&SAID.replace("<save_to_history>1</save_to_history>", "")).remove(0);
    assert!(!unsaved.store && unsaved.deliver);
}

#[test]
fn a_group_message_is_acked_when_it_is_stored_and_echoed_by_its_frame() {
    let mut client = Client::live();
    client.sends("<iq type=\"set\" id=\"1:enableCarbons\"><enable xmlns=\"urn:xmpp:carbons:2\"/></iq>");
    client.sends(ENABLE);
    client.sends(SAID);
    assert_eq!(client.sends(ASK), [""; 0]);
    assert_eq!(client.answers(0, Ok(1)), ["<a xmlns=\"urn:xmpp:sm:3\" h=\"1\"/>"]);

    let own = |seq, body| {
        let origin = Some(identity().session);
        Frame { origin, ..of_group(FrameTold::Message(said(seq, 34, body))) }
    };
    let echo = client.frame(own(1, "x"));
    assert_eq!(
        echo,
        [format!(
            "<message xmlns=\"jabber:client\" type=\"groupchat\" from=\"{ROOM}/34\" to=\"34-905@h/r1\" \
             id=\"666666666666666666666601\"><body>x</body><extraParams xmlns=\"jabber:client\"><dialog_id>{GROUP}</dialog_id>\
             <date_sent>1</date_sent><message_id>666666666666666666666601</message_id></extraParams></message>"
        )],
        "no copy, and not left out"
    );
    assert_eq!(client.frame(own(1, "x")), [""; 0], "once");
    // Its answer may come after its frame, or the frame before its answer: no hole either way.
    client.sends(SAID);
    assert_eq!(bodies(&client.frame(own(2, "y"))), ["y"]);
    client.answers(1, Ok(2));
    let unsaved = |n: u8| {
        let message = Message { id: vec![n; 12], ..said(0, 34, "unsaved") };
        Frame { origin: Some(identity().session), ..of_group(FrameTold::Message(message)) }
    };
    assert_eq!(bodies(&client.frame(unsaved(1))), ["unsaved"]);
    assert_eq!(client.frame(unsaved(1)), [""; 0]);
}

#[test]
fn who_may_not_write_hears_it_from_the_address_he_wrote_to() {
    let mut client = Client::live();
    for (to, code, legacy) in [(ROOM, Code::Forbidden, "403"), (GROUP, Code::NotFound, "404")] {
        let number = match client.stanza(&SAID.replace(ROOM, to)).remove(0) {
            Action::Call(Call::Job { number, .. }) => number,
            other => panic!("{other:?}"),
        };
        let written = client.answers(number, Err(Failure::new(code, "no")));
        assert!(written[0].contains(&format!("type=\"error\" id=\"66f1000000000000000000a1\" from=\"{to}\"")), "{written:?}");
        assert!(written[0].contains(&format!("<error code=\"{legacy}\"")) && written[0].contains("<text "), "{written:?}");
    }
    let large = SAID.replace("<body>x", &format!("<body>{}", "x".repeat(61_441)));
    assert!(client.sends(&large)[0].contains("<policy-violation "));
}

#[test]
fn a_status_in_a_group_goes_to_the_author_alone() {
    let mut client = Client::live();
    let marker = |to: &str, kind: &str| {
        format!(
            "<message type=\"{kind}\" to=\"{to}\"><displayed xmlns=\"urn:xmpp:chat-markers:0\" id=\"66f1000000000000000000a1\"/>\
             <extraParams><dialog_id>{GROUP}</dialog_id></extraParams></message>"
        )
    };
    assert_eq!(client.stanza(&marker(ROOM, "groupchat")), [], "in silence");
    let actions = client.stanza(&marker("78-905@h", "chat"));
    let [Action::Call(Call::Job { job: Job::Mark(mark), .. })] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!((mark.dialog.clone(), mark.author), (group().to_vec(), 78));
}

#[test]
fn typing_in_a_group_is_heard_by_the_others() {
    let mut client = Client::live();
    let typing =
        format!("<message type=\"groupchat\" to=\"{ROOM}\"><paused xmlns=\"http://jabber.org/protocol/chatstates\"/></message>");
    let actions = client.stanza(&typing);
    let [Action::Call(Call::Job { job: Job::Signal(signal), .. })] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!((signal.dialog.clone(), signal.recipient), (group().to_vec(), 0));
    // As SDK 1.7.3 and 2.1.7 name it who are given a dialog's id.
    for loose in [format!("to=\"{GROUP}\""), format!("to=\"{GROUP}-905@h\"")] {
        let typing = typing.replace("groupchat", "chat").replace(&format!("to=\"{ROOM}\""), &loose);
        let actions = client.stanza(&typing);
        let [Action::Call(Call::Job { job: Job::Signal(again), .. })] = actions.as_slice() else { panic!("{actions:?}") };
        assert_eq!((&again.dialog, again.recipient), (&signal.dialog, 0), "{typing}");
    }

    let heard = |user| of_group(FrameTold::Typing(Typing { user, composing: true, ..Typing::default() }));
    assert_eq!(
        client.frame(heard(78)),
        [format!(
            "<message xmlns=\"jabber:client\" type=\"groupchat\" from=\"{ROOM}/78\" to=\"34-905@h/r1\">\
             <composing xmlns=\"http://jabber.org/protocol/chatstates\"/></message>"
        )]
    );
    assert_eq!(client.frame(heard(34)), [""; 0], "not one's own");
}

#[test]
fn what_a_group_said_meanwhile_comes_with_its_date_and_proves_nothing_but_itself() {
    let mut client = Client::new(identity());
    client.stanza("<presence/>");
    let rows = vec![
        GapRow { dialog: group().to_vec(), row: Some(said(5, 78, "theirs")) },
        GapRow { dialog: group().to_vec(), row: Some(said(6, 34, "mine")) },
    ];
    let debt = SessionRecord { proofs: vec![From { dialog: group().to_vec(), ..proof(4) }], ..SessionRecord::default() };
    let written = client.returns(Returned { debt: Some(debt), rows, ..Returned::default() });
    assert_eq!(bodies(&written), ["theirs", "mine"]);
    assert!(written.iter().all(|text| text.contains("type=\"groupchat\"") && text.contains("<delay ")), "{written:?}");
    client.now += 1_000;
    assert_eq!(client.pongs(3), ["settle", "record 6"], "a marker says who has received it, a proof does not");
}

#[test]
fn a_hole_in_a_group_is_filled_with_dates() {
    let mut client = Client::live();
    client.frame(of_group(FrameTold::Message(said(1, 78, "1"))));
    client.session.frame(client.at(), shared(of_group(FrameTold::Message(said(3, 78, "3")))));
    assert!(client.actions().contains(&Action::Call(Call::Fill { dialog: group(), above: Some(1), since: SINCE - STORING_MS })));
    let stretch = Stretch { rows: vec![said(2, 34, "2")], ..Stretch::default() };
    client.session.answers(client.at(), [Answer::Filled { dialog: group(), stretch: Some(stretch) }]);
    let written = client.written();
    assert_eq!(bodies(&written), ["2", "3"]);
    assert_eq!(written.iter().filter(|text| text.contains("<delay ")).count(), 1);
}

#[test]
fn an_echo_that_was_lost_is_missing_like_any_other_message() {
    let mut client = Client::live();
    client.frame(of_group(FrameTold::Message(said(1, 78, "1"))));
    client.sends(SAID);
    client.answers(0, Ok(2));
    client.session.frame(client.at(), shared(of_group(FrameTold::Message(said(3, 78, "3")))));
    assert!(client.actions().contains(&Action::Call(Call::Fill { dialog: group(), above: Some(1), since: SINCE - STORING_MS })));
    let id = "66f1000000000000000000a1".parse::<MessageId>().unwrap().to_vec();
    let stretch = Stretch { rows: vec![Message { id, ..said(2, 34, "2") }], ..Stretch::default() };
    client.session.answers(client.at(), [Answer::Filled { dialog: group(), stretch: Some(stretch) }]);
    assert_eq!(bodies(&client.written()), ["2", "3"]);
}

#[test]
fn what_a_group_says_is_spelled_once_for_all_sessions_of_a_framing() {
    let frame = shared(of_group(FrameTold::Message(said(1, 78, "x"))));
    for (n, framing) in [(1, Framing::WebSocket), (2, Framing::WebSocket), (3, Framing::Tcp)] {
        let mut client = Client::of(Identity { address: format!("34-905@h/r{n}"), framing, ..identity() });
        client.session.frame(client.at(), frame.clone());
        let written = client.written().concat();
        assert!(written.contains(&format!("from=\"{ROOM}/78\" to=\"34-905@h/r{n}\" ")), "{written}");
        frame.spelled(framing, &"h".into(), || panic!("nobody had spelled it"), |_| ());
    }
}
