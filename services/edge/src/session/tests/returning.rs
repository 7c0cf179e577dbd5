//! What a session gets after its first presence.

use natter_proto::STORING_MS;

use super::kit::*;

#[test]
fn nothing_is_written_before_the_first_presence() {
    let mut client = Client::new(identity());
    assert_eq!(client.frame(row(1, 78, "a")), [""; 0]);
    assert!(matches!(client.stanza("<presence/>").as_slice(), [Action::Call(Call::Return { .. })]));
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
    let debt = SessionRecord { proofs: vec![proof(4)], ..SessionRecord::default() };
    let written =
        client.returns(Returned { debt: Some(debt), rows: rows.into(), kept: queue(vec![kept]), ..Returned::default() });
    assert_eq!(bodies(&written), ["row 5", "row 6", "kept", "live"]);
    assert!(written[0].contains("<delay xmlns=\"urn:xmpp:delay\" from=\"h\" stamp=\"1970-01-01T00:00:05Z\"/>"));
    assert!(!written[3].contains("urn:xmpp:delay") && written[3].contains("78-905@h/r-bob"), "by its live frame");

    client.now += 1_000;
    let calls = client.pongs(5);
    assert!(calls.contains(&"settle".to_owned()) && calls.contains(&"drop 3".to_owned()), "{calls:?}");
}

#[test]
fn a_debt_is_settled_at_once_when_nothing_was_missed() {
    let mut client = Client::new(identity());
    client.stanza("<presence/>");
    let returned = Returned { debt: Some(SessionRecord::default()), ..Returned::default() };
    client.session.answers(client.at(), [Answer::Returned(Ok(Box::new(returned)))]);
    assert_eq!(client.calls()[0], "settle");
}

#[test]
fn without_a_presence_a_session_is_reachable_for_two_seconds() {
    let mut client = Client::new(identity());
    assert_eq!(client.session.deadline(), Some(client.now + 2_000));
    client.wait(2_000);
    assert_eq!(client.last, [Action::Call(Call::Withdraw { owed: None })]);
    assert!(matches!(client.stanza("<presence/>").as_slice(), [Action::Call(Call::Return { .. })]));
    client.session.answers(client.at(), [Answer::Returned(Err(Failure::new(Code::TooMany, "sessions")))]);
    assert_eq!(client.farewell(), (Some(StreamFault::ResourceConstraint), SessionState::Vanished));
}

#[test]
fn a_kept_message_stays_kept_until_its_proof_lapses_or_the_client_says_goodbye() {
    let tcp = Identity { framing: Framing::Tcp, ..identity() };
    let kept = || KeptRow { place: 3, kept_at: 1_000, frame: Some(row(0, 78, "kept")) };
    let returned = |client: &mut Client| {
        client.stanza("<presence/>");
        assert_eq!(bodies(&client.returns(Returned { kept: queue(vec![kept()]), ..Returned::default() })), ["kept"]);
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
fn a_kept_message_that_is_told_as_well_is_written_once() {
    let mut client = Client::new(identity());
    client.stanza("<presence/>");
    // Kept twice, because its sender repeated it; and told after the list was read.
    let twice = KeptRow { place: 2, ..kept_row(1, "kept") };
    let written = client.returns(Returned { kept: queue(vec![kept_row(1, "kept"), twice]), ..Returned::default() });
    assert_eq!(bodies(&written), ["kept"]);
    assert_eq!(client.frame(Frame { kept: 2, ..kept(1, "kept") }), [""; 0]);
    client.now += 1_000;
    assert!(client.pongs(3).contains(&"drop 2".to_owned()));
}

#[test]
fn kept_messages_that_wait_as_live_frames_come_by_these() {
    let mut client = Client::new(identity());
    client.frame(kept(2, "two"));
    client.stanza("<presence/>");
    let rows = vec![kept_row(1, "one"), kept_row(2, "two")];
    let written = client.returns(Returned { kept: queue(rows), ..Returned::default() });
    assert_eq!(bodies(&written), ["one", "two"]);
    assert!(written[0].contains("urn:xmpp:delay") && !written[1].contains("urn:xmpp:delay"));
}

#[test]
fn more_than_came_at_once_is_fetched_before_what_is_live() {
    let mut client = Client::new(identity());
    client.stanza("<presence/>");
    let first = Queue { rows: vec![kept_row(1, "one")], more: true, upto: 3 };
    client.session.answers(client.at(), [Answer::Returned(Ok(Box::new(Returned { kept: first, ..Returned::default() })))]);
    let actions = client.actions();
    assert!(actions.contains(&Action::Call(Call::Kept { above: 1 })), "{actions:?}");
    assert_eq!(client.frame(kept(4, "four")), [""; 0]);
    let rest = Queue { rows: vec![kept_row(2, "two"), kept_row(3, "three")], more: false, upto: 4 };
    client.session.answers(client.at(), [Answer::Kept(Some(rest))]);
    assert_eq!(bodies(&client.written()), ["two", "three", "four"]);
}

#[test]
fn what_is_stored_after_the_presence_comes_by_its_frame() {
    let mut client = Client::new(identity());
    client.stanza("<presence/>");
    let late = Message { created_at: client.now, ..message(8, 78, "late") };
    let rows = vec![GapRow { dialog: dialog().to_vec(), row: Some(late) }];
    assert_eq!(client.returns(Returned { rows: rows.clone(), ..Returned::default() }), [""; 0]);
    assert!(client.frame(row(8, 78, "late"))[0].contains("78-905@h/r-bob"));

    // A session that was withdrawn is not told before its announcement is heard: for it the list is all there is.
    let mut client = Client::new(identity());
    client.wait(2_000);
    client.stanza("<presence/>");
    assert_eq!(bodies(&client.returns(Returned { rows, ..Returned::default() })), ["late"]);
}

#[test]
fn a_returning_session_gets_the_changes_it_missed_in_their_place() {
    let mut client = Client::new(identity());
    client.stanza("<presence/>");
    let debt = SessionRecord { proofs: vec![From { stamp: Some(4), ..proof(4) }], ..SessionRecord::default() };
    let rows = vec![GapRow { dialog: dialog().to_vec(), row: Some(message(5, 78, "row 5")) }];
    let change = Change { at: 4_000, ..change_of(removal(5)) };
    let changes = vec![GapChange { dialog: dialog().to_vec(), change: Some(change) }];
    let written = client.returns(Returned { debt: Some(debt), rows, changes, ..Returned::default() });
    assert!(written[0].contains("<remove ") && written[1].contains("row 5"), "{written:?}");
    assert_eq!(client.frame(removal(5)), [""; 0]);
}

#[test]
fn who_becomes_unavailable_is_owed_what_was_not_proved() {
    let mut client = Client::live();
    client.frame(row(1, 78, "1"));
    let actions = client.stanza("<presence type=\"unavailable\"/>");
    let Some(Action::Call(Call::Withdraw { owed: Some(owed) })) = actions.last() else { panic!("{actions:?}") };
    assert_eq!(owed.proofs[0].seq, 0);
    let mut client = Client::live();
    assert_eq!(client.stanza("<presence type=\"unavailable\"/>"), [Action::Call(Call::Withdraw { owed: None })]);

    let mut client = Client::new(identity());
    client.stanza("<presence/>");
    assert_eq!(client.stanza("<presence type=\"unavailable\"/>"), [], "its list is on its way");
    client.session.answers(client.at(), [Answer::Returned(Ok(Box::default()))]);
    assert_eq!(client.actions(), [Action::Call(Call::Withdraw { owed: None })]);
}

#[test]
fn frames_that_did_not_fit_before_the_first_presence_are_fetched_after_it() {
    let mut client = Client::with(identity(), Options { held_frames_max: 1, ..Options::default() });
    client.frame(row(1, 78, "1"));
    client.frame(row(2, 78, "2"));
    client.stanza("<presence/>");
    client.session.answers(client.at(), [Answer::Returned(Ok(Box::default()))]);
    assert!(client.actions().contains(&Action::Call(Call::Fill { dialog: dialog(), above: Some(1), since: SINCE - STORING_MS })));
}
