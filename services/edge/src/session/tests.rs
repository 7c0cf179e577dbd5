//! The rules of a session by values: stanzas, frames and answers in, actions out.

#![allow(clippy::unwrap_used)]

use natter_proto::dialog::v1::PostRequest;
use natter_proto::event::v1::frame::Told as FrameTold;
use natter_proto::event::v1::{Frame, MarkKind, Marker, Message};
use natter_proto::history::v1::{From, GapRow, KeptRow};
use natter_proto::presence::v1::{SessionRecord, SessionState};
use natter_proto::{Code, Failure, MessageId};
use natter_xmpp::{Limits, StreamEvent, StreamReader};

use super::*;

const BODY: &str = "<message type=\"chat\" id=\"66f1000000000000000000a1\" to=\"78-905@h\"><body>x</body>\
    <extraParams><save_to_history>1</save_to_history></extraParams></message>";
const ENABLE: &str = "<enable xmlns=\"urn:xmpp:sm:3\"/>";
const ASK: &str = "<r xmlns=\"urn:xmpp:sm:3\"/>";

// === the way in ===

#[test]
fn a_message_is_posted_to_the_dialog_of_the_two() {
    let mut client = Client::live();
    let post = client.posts(BODY).remove(0);
    assert_eq!((post.app, post.recipient, post.store, post.deliver), (905, 78, true, true));
    assert_eq!(post.dialog, dialog().to_vec());
    let message = post.message.unwrap();
    assert_eq!(message.id, "66f1000000000000000000a1".parse::<MessageId>().unwrap().to_vec());
    assert_eq!((message.sender, message.recipient, message.body.as_deref()), (34, 78, Some("x")));
    assert_eq!(post.origin.unwrap().session, 1);
}

#[test]
fn a_message_without_a_usable_id_gets_one_and_keeps_its_own_for_the_relay() {
    let mut client = Client::live();
    let post = client.posts("<message type=\"chat\" id=\"uuid-1\" to=\"78-905@h\"><body>x</body></message>").remove(0);
    let message = post.message.unwrap();
    assert_eq!((message.id.len(), message.stanza_id.as_str(), post.store), (12, "uuid-1", true));
}

#[test]
fn the_acks_of_the_sdk_count_its_stored_messages_only() {
    let mut client = Client::live();
    client.sends("<iq type=\"set\" id=\"1:enableCarbons\"><enable xmlns=\"urn:xmpp:carbons:2\"/></iq>");
    assert_eq!(client.sends(ENABLE), ["<enabled xmlns=\"urn:xmpp:sm:3\"/>"]);
    client.sends("<presence/>");
    assert_eq!(client.sends(BODY), [""; 0]);
    assert_eq!(client.sends(ASK), [""; 0], "an ack is a promise");
    assert_eq!(client.answers(0, Ok(1)), ["<a xmlns=\"urn:xmpp:sm:3\" h=\"1\"/>"]);
}

#[test]
fn a_refused_message_is_an_error_and_counts() {
    let mut client = Client::live();
    client.sends(ENABLE);
    client.sends(BODY);
    client.sends(ASK);
    let written = client.answers(0, Err(Failure::new(Code::Forbidden, "blocked")));
    assert!(written[0].contains("type=\"error\" id=\"66f1000000000000000000a1\" from=\"78-905@h\" to=\"34-905@h/r1\""));
    assert!(written[0].contains("<error code=\"403\""));
    assert_eq!(written[1], "<a xmlns=\"urn:xmpp:sm:3\" h=\"1\"/>");
}

#[test]
fn a_message_that_was_not_stored_is_lost_to_the_sdk_by_the_end_of_the_stream() {
    let mut client = Client::live();
    client.sends("<iq type=\"set\" id=\"1:enableCarbons\"><enable xmlns=\"urn:xmpp:carbons:2\"/></iq>");
    client.sends(ENABLE);
    client.sends(BODY);
    client.sends(ASK);
    client.job(0, Err(Failure::new(Code::NotStored, "full")));
    assert_eq!(client.farewell(), (Some(StreamFault::InternalError), SessionState::Vanished));

    let mut standard = Client::live();
    standard.sends(BODY);
    let written = standard.answers(0, Err(Failure::new(Code::NotStored, "full")));
    assert!(written[0].contains("<error code=\"500\""), "others are told by an error");
}

#[test]
fn sdk_1_is_answered_within_its_two_seconds_or_its_stream_ends() {
    let identity = || Identity { has_authzid: true, ..identity() };
    let mut client = Client::of(identity());
    client.sends(ENABLE);
    client.sends(BODY);
    client.sends(ASK);
    client.wait(1_800);
    assert_eq!(client.farewell().0, Some(StreamFault::InternalError), "submitted: it may exist");

    let mut client = Client::of(identity());
    client.sends(ENABLE);
    client.sends(BODY);
    client.sends(ASK);
    client.job(0, Err(Failure::new(Code::Busy, "full")));
    let written = client.wait(1_800);
    assert!(written[0].contains("code=\"500\""), "not submitted: {written:?}");
    assert_eq!(written[1], "<a xmlns=\"urn:xmpp:sm:3\" h=\"1\"/>");
}

#[test]
fn statuses_go_to_the_author_and_typing_is_signalled() {
    let mut client = Client::live();
    let mark = "<message type=\"chat\" id=\"66f1000000000000000000b1\" to=\"78-905@h\">\
        <displayed xmlns=\"urn:xmpp:chat-markers:0\" id=\"66f1000000000000000000a1\"/></message>";
    let actions = client.stanza(mark);
    let [Action::Call(Call::Job { job: Job::Mark(mark), .. })] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!((mark.user, mark.author, mark.relay, mark.kind()), (34, 78, true, MarkKind::Read));
    assert_eq!(mark.dialog, dialog().to_vec());
    let typing = "<message type=\"chat\" to=\"78-905@h\"><composing xmlns=\"http://jabber.org/protocol/chatstates\"/></message>";
    let actions = client.stanza(typing);
    let [Action::Call(Call::Job { job: Job::Signal(signal), .. })] = actions.as_slice() else { panic!("{actions:?}") };
    assert!(signal.typing.as_ref().unwrap().composing);
}

#[test]
fn what_leads_nowhere_is_refused_by_name_and_statuses_in_silence() {
    let mut client = Client::live();
    for (stanza, code) in [
        ("<message type=\"chat\" id=\"1\" to=\"78-906@h\"><body>x</body></message>", "404"),
        ("<message type=\"chat\" id=\"1\" to=\"nobody@h\"><body>x</body></message>", "404"),
        ("<message type=\"groupchat\" id=\"1\" to=\"905_a6f0a1b2c3d4e5f607182930@muc.h\"><body>x</body></message>", "404"),
        ("<message type=\"headline\" id=\"1\" to=\"78-905@h\"><body>x</body></message>", "503"),
    ] {
        assert!(client.sends(stanza)[0].contains(&format!("<error code=\"{code}\"")), "{stanza}");
    }
    let large = format!("<message type=\"chat\" id=\"1\" to=\"78-905@h\"><body>{}</body></message>", "x".repeat(61_441));
    assert!(client.sends(&large)[0].contains("<policy-violation "));
    let marker = "<message type=\"chat\" to=\"78-906@h\"><received xmlns=\"urn:xmpp:chat-markers:0\" id=\"1\"/></message>";
    assert_eq!(client.sends(marker), [""; 0]);
}

// === iq, presence, rooms ===

#[test]
fn every_iq_is_answered_from_where_it_was_sent() {
    let mut client = Client::live();
    for (request, answer) in [
        ("<iq type=\"get\" id=\"p\" to=\"h\"><ping xmlns=\"urn:xmpp:ping\"/></iq>", "type=\"result\" id=\"p\" from=\"h\""),
        ("<iq type=\"get\" id=\"r\"><query xmlns=\"jabber:iq:roster\"/></iq>", "<query xmlns=\"jabber:iq:roster\"/></iq>"),
        (
            "<iq type=\"get\" id=\"v\" to=\"h\"><query xmlns=\"jabber:iq:version\"/></iq>",
            "<query xmlns=\"jabber:iq:version\"/><error code=\"503\"",
        ),
        ("<iq type=\"set\" id=\"x\" to=\"78-905@h\"><query xmlns=\"jabber:iq:roster\"/></iq>", "<error code=\"503\""),
        ("<iq type=\"get\" id=\"l\" to=\"78-905@h\"><query xmlns=\"jabber:iq:last\"/></iq>", "<error code=\"404\""),
        (
            "<iq type=\"get\" id=\"d\" to=\"905_a6f0a1b2c3d4e5f607182930@muc.h\"><query xmlns=\"http://jabber.org/protocol/disco#items\"/></iq>",
            "<query xmlns=\"http://jabber.org/protocol/disco#items\"/></iq>",
        ),
        ("<iq type=\"get\" id=\"n\"/>", "<error code=\"400\""),
    ] {
        let written = client.sends(request);
        assert!(written.len() == 1 && written[0].contains(answer), "{request}: {written:?}");
    }
    assert_eq!(client.sends("<iq type=\"result\" id=\"q\"/>"), [""; 0]);
}

#[test]
fn a_join_is_refused_with_its_x_and_a_leave_confirmed_from_the_same_address() {
    let mut client = Client::live();
    let join = client.sends("<presence id=\"4a:join\" to=\"905_a6f0a1b2c3d4e5f607182930@muc.h/34\"><x xmlns=\"http://jabber.org/protocol/muc\"/></presence>");
    assert!(
        join[0].contains("id=\"4a:join\"")
            && join[0].contains("<x xmlns=\"http://jabber.org/protocol/muc\"/><error code=\"404\"")
    );
    let leave = client.sends("<presence type=\"unavailable\" to=\"a6f0a1b2c3d4e5f607182930/34\"/>");
    assert!(
        leave[0].contains("from=\"a6f0a1b2c3d4e5f607182930/34\"")
            && leave[0].contains("<status code=\"110\"/><xmlns><code>110</code></xmlns>")
    );
}

// === the way out ===

#[test]
fn nothing_is_written_before_the_first_presence() {
    let mut client = Client::new(identity());
    assert_eq!(client.frame(row(1, 78, "a")), [""; 0]);
    assert!(matches!(client.stanza("<presence/>").as_slice(), [Action::Call(Call::Return(_))]));
    assert_eq!(client.frame(row(2, 78, "b")), [""; 0]);
    let written = client.returns(Returned::default());
    assert_eq!(bodies(&written), ["a", "b"]);
    assert!(written.iter().all(|text| !text.contains("urn:xmpp:delay")));
}

#[test]
fn a_returning_session_gets_one_list_and_then_what_is_live() {
    let mut client = Client::new(identity());
    client.frame(row(7, 78, "live"));
    client.stanza("<presence/>");
    let rows = [5, 6, 7].map(|seq| GapRow { dialog: dialog().to_vec(), row: Some(message(seq, 78, &format!("row {seq}"))) });
    let kept = KeptRow { place: 3, kept_at: 6_500, frame: Some(row(0, 78, "kept")) };
    let debt = SessionRecord { proofs: vec![From { dialog: dialog().to_vec(), seq: 4 }], ..SessionRecord::default() };
    let written = client.returns(Returned { debt: Some(debt), rows: rows.into(), kept: vec![kept] });
    assert_eq!(bodies(&written), ["row 5", "row 6", "kept", "row 7"]);
    assert!(written[0].contains("<delay xmlns=\"urn:xmpp:delay\" from=\"h\" stamp=\"1970-01-01T00:00:05Z\"/>"));
    assert!(!written[3].contains("urn:xmpp:delay"), "a live frame brings it too");

    client.now += 1_000;
    let calls = client.pongs(6);
    assert!(calls.contains(&"settle".to_owned()) && calls.contains(&"drop 3".to_owned()), "{calls:?}");
}

#[test]
fn a_debt_is_settled_at_once_when_nothing_was_missed() {
    let mut client = Client::new(identity());
    client.stanza("<presence/>");
    let returned = Returned { debt: Some(SessionRecord::default()), ..Returned::default() };
    client.session.answer(client.at(), Answer::Returned(Ok(Box::new(returned))));
    assert_eq!(client.calls()[0], "settle");
}

#[test]
fn without_a_presence_a_session_is_reachable_for_two_seconds() {
    let mut client = Client::new(identity());
    assert_eq!(client.session.deadline(), Some(client.now + 2_000));
    client.wait(2_000);
    assert_eq!(client.last, [Action::Call(Call::Withdraw)]);
    assert!(matches!(client.stanza("<presence/>").as_slice(), [Action::Call(Call::Return(_))]));
    client.session.answer(client.at(), Answer::Returned(Err(Failure::new(Code::TooMany, "sessions"))));
    assert_eq!(client.farewell(), (Some(StreamFault::ResourceConstraint), SessionState::Vanished));
}

#[test]
fn a_repeat_is_dropped_and_a_hole_is_filled_in_order() {
    let mut client = Client::live();
    assert_eq!(bodies(&client.frame(row(1, 78, "1"))), ["1"]);
    assert_eq!(client.frame(row(1, 78, "1")), [""; 0]);
    client.session.frame(client.at(), Arc::new(row(4, 78, "4")));
    let fill = Action::Call(Call::Fill { dialog: dialog(), above: 1 });
    assert!(client.actions().contains(&fill));
    assert_eq!(client.frame(row(5, 78, "5")), [""; 0], "order holds");
    let rows = vec![message(2, 78, "2"), message(3, 78, "3"), message(4, 78, "4")];
    client.session.answer(client.at(), Answer::Filled { dialog: dialog(), stretch: Some(Stretch { rows, more: false }) });
    assert_eq!(bodies(&client.written()), ["2", "3", "4", "5"]);
}

#[test]
fn a_long_hole_is_filled_part_by_part() {
    let mut client = Client::live();
    client.frame(row(1, 78, "1"));
    client.session.head(client.at(), dialog(), 9);
    assert_eq!(client.actions(), [Action::Call(Call::Fill { dialog: dialog(), above: 1 })]);
    let stretch = |rows: Vec<Message>, more| Answer::Filled { dialog: dialog(), stretch: Some(Stretch { rows, more }) };
    client.session.answer(client.at(), stretch(vec![message(2, 78, "2"), message(3, 78, "3")], true));
    let actions = client.actions();
    assert!(actions.contains(&Action::Call(Call::Fill { dialog: dialog(), above: 3 })), "{actions:?}");
    client.session.answer(client.at(), stretch(vec![message(8, 78, "8"), message(9, 78, "9")], false));
    assert_eq!(bodies(&client.written()), ["8", "9"]);
}

#[test]
fn a_hole_that_cannot_be_filled_ends_the_stream_and_is_owed() {
    let mut client = Client::live();
    client.frame(row(1, 78, "1"));
    client.frame(row(4, 78, "4"));
    client.session.answer(client.at(), Answer::Filled { dialog: dialog(), stretch: None });
    let actions = client.actions();
    let Some(Action::End(farewell)) = actions.last() else { panic!("{actions:?}") };
    assert_eq!((farewell.fault, farewell.state), (Some(StreamFault::InternalError), SessionState::Vanished));
    assert_eq!(farewell.record.proofs[0].seq, 0, "not even 1 was proved");
}

#[test]
fn a_head_above_what_was_told_is_a_hole_and_own_posts_are_none() {
    let mut client = Client::live();
    let head = |client: &mut Client, seq| {
        client.session.head(client.at(), dialog(), seq);
        client.actions()
    };
    assert_eq!(head(&mut client, 7), [], "nothing was told of it");
    client.frame(row(1, 78, "1"));
    client.sends(BODY);
    client.job(0, Ok(2));
    assert_eq!(head(&mut client, 2), [], "its own");
    assert_eq!(head(&mut client, 3), [Action::Call(Call::Fill { dialog: dialog(), above: 1 })]);
    let rows = vec![message(2, 34, "mine"), message(3, 78, "3")];
    client.session.answer(client.at(), Answer::Filled { dialog: dialog(), stretch: Some(Stretch { rows, more: false }) });
    assert_eq!(bodies(&client.written()), ["3"]);
    assert_eq!(head(&mut client, 3), []);
}

#[test]
fn a_row_that_is_the_sessions_own_post_without_an_answer_yet_is_no_copy() {
    let mut client = Client::live();
    client.sends("<iq type=\"set\" id=\"c\"><enable xmlns=\"urn:xmpp:carbons:2\"/></iq>");
    client.frame(row(1, 78, "1"));
    client.sends(BODY);
    client.frame(row(3, 78, "3"));
    let id = "66f1000000000000000000a1".parse::<MessageId>().unwrap().to_vec();
    let rows = vec![Message { id, ..message(2, 34, "x") }, message(3, 78, "3")];
    client.session.answer(client.at(), Answer::Filled { dialog: dialog(), stretch: Some(Stretch { rows, more: false }) });
    assert_eq!(bodies(&client.written()), ["3"]);
}

#[test]
fn what_a_session_posted_to_a_dialog_it_was_never_told_of_is_not_owed_to_it() {
    let mut client = Client::live();
    client.sends(BODY);
    client.answers(0, Ok(7));
    let mut own = row(7, 34, "x");
    own.origin = Some(identity().session);
    client.frame(own);
    client.session.broken(client.at());
    let actions = client.actions();
    let Some(Action::End(farewell)) = actions.last() else { panic!("{actions:?}") };
    assert_eq!(farewell.record.proofs, [From { dialog: dialog().to_vec(), seq: 7 }]);
}

#[test]
fn a_kept_message_stays_kept_until_its_proof_lapses_or_the_client_says_goodbye() {
    let tcp = Identity { framing: Framing::Tcp, ..identity() };
    let kept = || KeptRow { place: 3, kept_at: 1_000, frame: Some(row(0, 78, "kept")) };
    let returned = |client: &mut Client| {
        client.stanza("<presence/>");
        assert_eq!(bodies(&client.returns(Returned { kept: vec![kept()], ..Returned::default() })), ["kept"]);
    };
    let dropped = |actions: &[Action]| actions.contains(&Action::Call(Call::Drop { upto: 3 }));
    let mut client = Client::new(tcp.clone());
    returned(&mut client);
    client.wait(29_999);
    assert!(!dropped(&client.last), "its socket may be dead");
    client.wait(1);
    assert!(dropped(&client.last));

    let mut client = Client::new(tcp);
    returned(&mut client);
    client.session.goodbye(client.at());
    assert!(dropped(&client.actions()));
}

#[test]
fn a_message_stored_over_rest_without_send_to_chat_is_never_written() {
    let mut client = Client::live();
    client.frame(row(1, 78, "1"));
    client.frame(row(3, 78, "3"));
    let rows = vec![Message { stored_only: true, ..message(2, 78, "2") }, message(3, 78, "3")];
    client.session.answer(client.at(), Answer::Filled { dialog: dialog(), stretch: Some(Stretch { rows, more: false }) });
    assert_eq!(bodies(&client.written()), ["3"]);
}

#[test]
fn a_kept_message_that_is_told_as_well_is_written_once() {
    let mut client = Client::new(identity());
    client.stanza("<presence/>");
    let kept = |place| KeptRow { place, kept_at: 1_000, frame: Some(row(0, 78, "kept")) };
    // Kept twice, because its sender repeated it; and told after the list was read.
    let written = client.returns(Returned { kept: vec![kept(1), kept(2)], ..Returned::default() });
    assert_eq!(bodies(&written), ["kept"]);
    assert_eq!(client.frame(row(0, 78, "kept")), [""; 0]);
    client.now += 1_000;
    assert!(client.pongs(3).contains(&"drop 2".to_owned()));
}

#[test]
fn a_hole_that_history_does_not_know_is_none() {
    let mut client = Client::live();
    client.frame(row(1, 78, "1"));
    client.frame(row(4, 78, "4"));
    client.session.answer(client.at(), Answer::Filled { dialog: dialog(), stretch: Some(Stretch::default()) });
    assert_eq!(bodies(&client.written()), ["4"]);
}

#[test]
fn own_posts_make_no_hole_and_no_echo() {
    let mut client = Client::live();
    client.frame(row(1, 78, "1"));
    client.sends(BODY);
    client.answers(0, Ok(2));
    assert_eq!(bodies(&client.frame(row(3, 78, "3"))), ["3"]);
    let mut own = row(2, 34, "mine");
    own.origin = Some(identity().session);
    assert_eq!(client.frame(own), [""; 0]);
}

#[test]
fn another_session_of_the_sender_gets_a_sent_copy_if_it_asked() {
    let mut client = Client::live();
    assert_eq!(client.frame(row(1, 34, "mine")), [""; 0]);
    client.sends("<iq type=\"set\" id=\"c\"><enable xmlns=\"urn:xmpp:carbons:2\"/></iq>");
    let written = client.frame(row(2, 34, "mine"));
    assert!(written[0].contains("<sent xmlns=\"urn:xmpp:carbons:2\"><forwarded "), "{written:?}");

    let node_1 = Identity { has_authzid: true, framing: Framing::Tcp, ..identity() };
    let mut client = Client::of(node_1);
    client.sends("<iq type=\"set\" id=\"c\"><enable xmlns=\"urn:xmpp:carbons:2\"/></iq>");
    assert_eq!(client.frame(row(1, 34, "mine")), [""; 0], "1.x on Node makes an empty message of it");
}

#[test]
fn a_status_is_written_for_its_author_and_displayed_copied_to_its_reader() {
    let marker = |author, user, kind: MarkKind| Frame {
        told: Some(FrameTold::Marker(Marker {
            kind: kind.into(),
            message_id: vec![0x66; 12],
            user,
            resource: "r-bob".to_owned(),
            stanza_id: "s".to_owned(),
            author,
            ..Marker::default()
        })),
        ..row(0, 78, "")
    };
    let mut client = Client::live();
    let written = client.frame(marker(34, 78, MarkKind::Delivered));
    assert_eq!(
        written[0],
        format!(
            "<message xmlns=\"jabber:client\" type=\"chat\" from=\"78-905@h/r-bob\" to=\"34-905@h\" id=\"s\">\
             <received xmlns=\"urn:xmpp:chat-markers:0\" id=\"666666666666666666666666\"/>\
             <extraParams xmlns=\"jabber:client\"><dialog_id>{}</dialog_id></extraParams></message>",
            dialog()
        )
    );
    client.sends("<iq type=\"set\" id=\"c\"><enable xmlns=\"urn:xmpp:carbons:2\"/></iq>");
    assert!(client.frame(marker(78, 34, MarkKind::Read))[0].contains("<sent "));
    assert_eq!(client.frame(marker(78, 34, MarkKind::Delivered)), [""; 0]);
}

#[test]
fn a_pong_proves_and_is_reported_once_a_second() {
    let mut client = Client::live();
    client.wait(10_000);
    client.session.frame(client.at(), Arc::new(row(1, 78, "1")));
    assert!(client.actions().contains(&Action::Ping(1)));
    client.session.frame(client.at(), Arc::new(row(2, 78, "2")));
    client.actions();
    assert_eq!(client.pongs(1), [""; 0], "not twice in a second");
    client.now += 1_000;
    client.session.tick(client.at());
    let calls = client.calls();
    assert_eq!(calls, ["delivered 1-1", "record 1"]);
}

#[test]
fn who_proves_nothing_in_time_is_cut_off_and_owed() {
    let options = Options { unproved_max: 2, held_frames_max: 2, ..Options::default() };
    let mut client = Client::with(identity(), options);
    client.become_live();
    for seq in 1..=4 {
        let written = client.frame(row(seq, 78, "x"));
        assert_eq!(written.len(), usize::from(seq <= 2), "the window closes");
    }
    client.session.frame(client.at(), Arc::new(row(5, 78, "x")));
    let actions = client.actions();
    let Some(Action::End(farewell)) = actions.last() else { panic!("{actions:?}") };
    assert!(farewell.cut && farewell.state == SessionState::Vanished);
    assert_eq!(farewell.record.proofs, [From { dialog: dialog().to_vec(), seq: 0 }]);
}

#[test]
fn frames_that_did_not_fit_before_the_first_presence_are_fetched_after_it() {
    let mut client = Client::with(identity(), Options { held_frames_max: 1, ..Options::default() });
    client.frame(row(1, 78, "1"));
    client.frame(row(2, 78, "2"));
    client.stanza("<presence/>");
    client.session.answer(client.at(), Answer::Returned(Ok(Box::default())));
    assert!(client.actions().contains(&Action::Call(Call::Fill { dialog: dialog(), above: 1 })));
}

// === the life of a session ===

#[test]
fn silence_is_asked_about_once() {
    let mut client = Client::live();
    client.session.idle(client.at());
    assert_eq!(client.actions(), [Action::Ping(0), Action::ExpectLife]);
    client.session.idle(client.at());
    assert_eq!(client.actions(), [Action::ExpectLife]);
}

#[test]
fn a_standard_client_resumes_its_stream_once() {
    let mut client = Client::live();
    let enabled = client.sends("<enable xmlns=\"urn:xmpp:sm:3\" resume=\"true\"/>");
    assert!(enabled[0].contains("resume=\"true\""));
    client.sends("<presence/>");
    client.frame(row(1, 78, "1"));
    client.frame(row(2, 78, "2"));
    client.session.broken(client.at());
    assert!(client.actions().iter().all(|action| !matches!(action, Action::End(_))));
    client.frame(row(3, 78, "3"));
    assert!(!client.session.resumed(client.at(), 9), "more than was ever written");
    assert!(client.session.resumed(client.at(), 1));
    let written = client.written();
    assert!(written[0].starts_with("<resumed ") && written[0].contains("h=\"1\""), "{written:?}");
    assert_eq!(bodies(&written[1..]), ["2", "3"]);
    assert!(!client.session.resumed(client.at(), 1));
}

#[test]
fn a_resumable_session_does_not_wait_for_ever() {
    let mut client = Client::live();
    client.sends("<enable xmlns=\"urn:xmpp:sm:3\" resume=\"true\"/>");
    client.session.broken(client.at());
    client.actions();
    client.wait(120_000);
    assert_eq!(client.farewell(), (None, SessionState::Vanished));
}

#[test]
fn only_a_goodbye_owes_nothing() {
    let mut client = Client::live();
    client.session.goodbye(client.at());
    assert_eq!(client.farewell(), (None, SessionState::Closed));
    let mut client = Client::live();
    client.session.broken(client.at());
    assert_eq!(client.farewell(), (None, SessionState::Vanished));
    let mut client = Client::live();
    client.session.conflict(client.at());
    assert_eq!(client.farewell(), (Some(StreamFault::Conflict), SessionState::Vanished));
}

#[test]
fn draining_waits_for_answers() {
    let mut client = Client::live();
    client.sends(ENABLE);
    client.sends(BODY);
    client.sends(ASK);
    client.session.drain(client.at());
    assert!(client.actions().is_empty());
    client.session.answer(client.at(), Answer::Job { number: 0, answer: Ok(1) });
    let actions = client.actions();
    assert!(matches!(&actions[0], Action::Write(ack) if ack.contains("h=\"1\"")), "{actions:?}");
    assert!(matches!(actions.last(), Some(Action::End(_))));
}

#[test]
fn the_socket_is_not_read_while_too_many_posts_wait() {
    let mut client = Client::with(identity(), Options { posts_max: 1, ..Options::default() });
    client.become_live();
    client.stanza(BODY);
    assert!(client.stanza(BODY).contains(&Action::Pause(true)));
    client.job(0, Ok(1));
    assert!(client.last.contains(&Action::Pause(false)));
}

// === a client and its clock ===

struct Client {
    session: Session,
    now: i64,
    last: Vec<Action>,
}

impl Client {
    fn new(identity: Identity) -> Client {
        Client::with(identity, Options::default())
    }

    fn with(identity: Identity, options: Options) -> Client {
        let options = Options { host: "h".to_owned(), ..options };
        Client { session: Session::new(identity, Arc::new(options), 1_000_000, [7; 24]), now: 1_000_000, last: Vec::new() }
    }

    fn of(identity: Identity) -> Client {
        let mut client = Client::new(identity);
        client.become_live();
        client
    }

    fn live() -> Client {
        Client::of(identity())
    }

    /// First presence, an empty list, and its proof.
    fn become_live(&mut self) {
        self.stanza("<presence/>");
        self.returns(Returned::default());
        self.session.pong(self.at(), 1);
        self.actions();
        self.now += 5_000;
        self.session.tick(self.at());
        self.actions();
    }

    fn at(&self) -> Moment {
        Moment { now: self.now, room: 512 * 1024 }
    }

    fn actions(&mut self) -> Vec<Action> {
        self.last = std::iter::from_fn(|| self.session.next_action()).collect();
        std::mem::take(&mut self.last)
    }

    fn written(&mut self) -> Vec<String> {
        let written = |action| match action {
            Action::Write(text) => Some(text),
            _ => None,
        };
        self.actions().into_iter().filter_map(written).collect()
    }

    fn stanza(&mut self, xml: &str) -> Vec<Action> {
        let (name, rest) = xml.split_at(xml.find([' ', '/', '>']).unwrap());
        let namespace = if xml.contains("urn:xmpp:sm:3") { "" } else { " xmlns=\"jabber:client\"" };
        let frame = format!("{name}{namespace}{rest}");
        let event = StreamReader::websocket(Limits::after_sign_in(256 * 1024)).frame(&frame).unwrap();
        let StreamEvent::Stanza(element) = event else { panic!("{event:?}") };
        self.session.stanza(self.at(), element);
        self.actions()
    }

    fn sends(&mut self, xml: &str) -> Vec<String> {
        let actions = self.stanza(xml);
        actions.into_iter().filter_map(|action| if let Action::Write(text) = action { Some(text) } else { None }).collect()
    }

    fn posts(&mut self, xml: &str) -> Vec<PostRequest> {
        let post = |action| match action {
            Action::Call(Call::Job { job: Job::Post(post), .. }) => Some(*post),
            _ => None,
        };
        self.stanza(xml).into_iter().filter_map(post).collect()
    }

    fn job(&mut self, number: u64, answer: Result<u64, Failure>) {
        self.session.answer(self.at(), Answer::Job { number, answer });
        self.last = std::iter::from_fn(|| self.session.next_action()).collect();
    }

    fn answers(&mut self, number: u64, answer: Result<u64, Failure>) -> Vec<String> {
        self.session.answer(self.at(), Answer::Job { number, answer });
        self.written()
    }

    fn returns(&mut self, returned: Returned) -> Vec<String> {
        self.session.answer(self.at(), Answer::Returned(Ok(Box::new(returned))));
        self.written()
    }

    fn frame(&mut self, frame: Frame) -> Vec<String> {
        self.session.frame(self.at(), Arc::new(frame));
        self.written().into_iter().filter(|text| text.starts_with("<message")).collect()
    }

    fn pongs(&mut self, ordinal: u64) -> Vec<String> {
        self.session.pong(self.at(), ordinal);
        self.calls()
    }

    fn calls(&mut self) -> Vec<String> {
        let word = |action| match action {
            Action::Call(Call::Settle) => Some("settle".to_owned()),
            Action::Call(Call::Drop { upto }) => Some(format!("drop {upto}")),
            Action::Call(Call::Delivered { ranges, .. }) => Some(format!("delivered {}-{}", ranges[0].from, ranges[0].upto)),
            Action::Call(Call::Record(record)) => record.proofs.first().map(|proof| format!("record {}", proof.seq)),
            _ => None,
        };
        self.actions().into_iter().filter_map(word).collect()
    }

    fn wait(&mut self, milliseconds: i64) -> Vec<String> {
        self.now += milliseconds;
        self.session.tick(self.at());
        self.last = std::iter::from_fn(|| self.session.next_action()).collect();
        let written = |action: &Action| if let Action::Write(text) = action { Some(text.clone()) } else { None };
        self.last.iter().filter_map(written).collect()
    }

    fn farewell(&mut self) -> (Option<StreamFault>, SessionState) {
        let mut actions = std::mem::take(&mut self.last);
        actions.extend(std::iter::from_fn(|| self.session.next_action()));
        match actions.pop() {
            Some(Action::End(farewell)) => (farewell.fault, farewell.state),
            other => panic!("not over: {other:?}"),
        }
    }
}

fn identity() -> Identity {
    Identity {
        app: AppId(905),
        user: UserId(34),
        pair_key: b"key".to_vec(),
        address: "34-905@h/r1".to_owned(),
        session: SessionRef { edge: "e".to_owned(), boot: 1, session: 1, resource: "r1".to_owned() },
        token: None,
        framing: Framing::WebSocket,
        has_authzid: false,
        agent: String::new(),
        origin: String::new(),
        peer: String::new(),
    }
}

fn dialog() -> DialogId {
    DialogId::of_pair(b"key", UserId(34), UserId(78))
}

fn message(seq: u64, sender: u64, body: &str) -> Message {
    let mut id = vec![0x66; 12];
    id[11] = seq as u8;
    Message {
        id,
        sender,
        recipient: if sender == 34 { 78 } else { 34 },
        seq,
        date_sent: seq as i64,
        created_at: seq as i64 * 1_000,
        body: Some(body.to_owned()),
        ..Message::default()
    }
}

/// A live frame of the private dialog, from a session elsewhere.
fn row(seq: u64, sender: u64, body: &str) -> Frame {
    let origin = SessionRef { edge: "e".to_owned(), boot: 1, session: 99, resource: "r-bob".to_owned() };
    Frame {
        app: 905,
        dialog: dialog().to_vec(),
        to: vec![34, 78],
        origin: Some(origin),
        told: Some(FrameTold::Message(message(seq, sender, body))),
        ..Frame::default()
    }
}

fn bodies(written: &[String]) -> Vec<&str> {
    let body = |text: &String| text.find("<body>").map(|from| (from + 6, text.find("</body>").unwrap()));
    written.iter().filter_map(|text| body(text).map(|(from, upto)| &text[from..upto])).collect()
}
