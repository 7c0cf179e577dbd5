//! Repeats and holes.

use natter_proto::STORING_MS;

use super::kit::*;

#[test]
fn a_repeat_is_dropped_and_a_hole_is_filled_in_order() {
    let mut client = Client::live();
    assert_eq!(bodies(&client.frame(row(1, 78, "1"))), ["1"]);
    assert_eq!(client.frame(row(1, 78, "1")), [""; 0]);
    client.session.frame(client.at(), shared(row(4, 78, "4")));
    let fill = Action::Call(Call::Fill { dialog: dialog(), above: Some(1), since: SINCE - STORING_MS });
    assert!(client.actions().contains(&fill));
    assert_eq!(client.frame(row(5, 78, "5")), [""; 0], "order holds");
    let rows = vec![message(2, 78, "2"), message(3, 78, "3"), message(4, 78, "4")];
    client
        .session
        .answers(client.at(), [Answer::Filled { dialog: dialog(), stretch: Some(Stretch { rows, ..Stretch::default() }) }]);
    assert_eq!(bodies(&client.written()), ["2", "3", "4", "5"]);
}

#[test]
fn a_long_hole_is_filled_part_by_part() {
    let mut client = Client::live();
    client.frame(row(1, 78, "1"));
    client.session.head(client.at(), dialog(), Head { seq: 9, stamp: 0, at: 0, told_at: 0 });
    assert_eq!(client.actions(), [Action::Call(Call::Fill { dialog: dialog(), above: Some(1), since: SINCE - STORING_MS })]);
    let stretch = |rows: Vec<Message>, more| Answer::Filled {
        dialog: dialog(),
        stretch: Some(Stretch { rows, more, ..Stretch::default() }),
    };
    client.session.answers(client.at(), [stretch(vec![message(2, 78, "2"), message(3, 78, "3")], true)]);
    let actions = client.actions();
    assert!(
        actions.contains(&Action::Call(Call::Fill { dialog: dialog(), above: Some(3), since: SINCE - STORING_MS })),
        "{actions:?}"
    );
    client.session.answers(client.at(), [stretch(vec![message(8, 78, "8"), message(9, 78, "9")], false)]);
    assert_eq!(bodies(&client.written()), ["8", "9"]);
}

#[test]
fn a_hole_that_cannot_be_filled_ends_the_stream_and_is_owed() {
    let mut client = Client::live();
    client.frame(row(1, 78, "1"));
    client.frame(row(4, 78, "4"));
    client.session.answers(client.at(), [Answer::Filled { dialog: dialog(), stretch: None }]);
    let actions = client.actions();
    let Some(Action::End(farewell)) = actions.last() else { panic!("{actions:?}") };
    assert_eq!((farewell.fault, farewell.state), (Some(StreamFault::InternalError), SessionState::Vanished));
    assert_eq!(farewell.record.proofs[0].seq, 0, "not even 1 was proved");
}

#[test]
fn a_head_above_what_was_told_is_a_hole_and_own_posts_are_none() {
    let mut client = Client::live();
    let head = |client: &mut Client, seq| {
        client.session.head(client.at(), dialog(), Head { seq, stamp: 0, at: SINCE - 1, told_at: 0 });
        client.actions()
    };
    assert_eq!(head(&mut client, 7), [], "nothing moved since the session began");
    client.frame(row(1, 78, "1"));
    client.sends(BODY);
    client.job(0, Ok(2));
    assert_eq!(head(&mut client, 2), [], "its own");
    assert_eq!(head(&mut client, 3), [Action::Call(Call::Fill { dialog: dialog(), above: Some(1), since: SINCE - STORING_MS })]);
    let rows = vec![message(2, 34, "mine"), message(3, 78, "3")];
    client
        .session
        .answers(client.at(), [Answer::Filled { dialog: dialog(), stretch: Some(Stretch { rows, ..Stretch::default() }) }]);
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
    client
        .session
        .answers(client.at(), [Answer::Filled { dialog: dialog(), stretch: Some(Stretch { rows, ..Stretch::default() }) }]);
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
    assert_eq!(farewell.record.proofs, [From { stamp: Some(0), ..proof(7) }]);
}

#[test]
fn a_row_that_is_told_again_is_none_of_a_later_session_and_of_others_history_knows() {
    let mut client = Client::live();
    let again = |seq, at| Frame { again: true, previous_at: at, ..row(seq, 78, "again") };
    assert_eq!(client.frame(again(3, SINCE - 1)), [""; 0], "from long before the session");
    assert_eq!(bodies(&client.frame(Frame { previous_at: SINCE - 1, ..row(7, 78, "7") })), ["7"], "3 says nothing of 4 to 6");
    client.session.frame(client.at(), shared(again(8, SINCE)));
    assert_eq!(client.actions(), [Action::Call(Call::Fill { dialog: dialog(), above: Some(7), since: SINCE - STORING_MS })]);
    client.session.answers(client.at(), [Answer::Filled { dialog: dialog(), stretch: Some(Stretch::default()) }]);
    assert_eq!(client.actions(), [], "the user was not in the dialog");
    assert_eq!(bodies(&client.frame(row(9, 78, "9"))), ["9"]);
}

#[test]
fn a_message_stored_over_rest_without_send_to_chat_is_never_written() {
    let mut client = Client::live();
    client.frame(row(1, 78, "1"));
    client.frame(row(3, 78, "3"));
    let rows = vec![Message { stored_only: true, ..message(2, 78, "2") }, message(3, 78, "3")];
    client
        .session
        .answers(client.at(), [Answer::Filled { dialog: dialog(), stretch: Some(Stretch { rows, ..Stretch::default() }) }]);
    assert_eq!(bodies(&client.written()), ["3"]);
}

#[test]
fn a_hole_that_history_does_not_know_is_none() {
    let mut client = Client::live();
    client.frame(row(1, 78, "1"));
    client.frame(row(4, 78, "4"));
    client.session.answers(client.at(), [Answer::Filled { dialog: dialog(), stretch: Some(Stretch::default()) }]);
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
fn a_lost_first_frame_of_a_dialog_is_noticed_by_the_next_one_or_by_its_head() {
    let fill = || Action::Call(Call::Fill { dialog: dialog(), above: None, since: SINCE - STORING_MS });
    let second = |previous_at| Frame { previous_at, ..row(8, 78, "8") };
    let mut client = Client::live();
    assert_eq!(bodies(&client.frame(second(SINCE - 1))), ["8"]);

    let mut client = Client::live();
    client.session.frame(client.at(), shared(second(SINCE)));
    assert_eq!(client.actions(), [fill()]);
    let stretch = Stretch { rows: vec![message(7, 78, "7"), message(8, 78, "8")], ..Stretch::default() };
    client.session.answers(client.at(), [Answer::Filled { dialog: dialog(), stretch: Some(stretch) }]);
    assert_eq!(bodies(&client.written()), ["7", "8"]);

    let mut client = Client::live();
    client.session.head(client.at(), dialog(), Head { seq: 7, stamp: 1, at: SINCE, told_at: 0 });
    assert_eq!(client.actions(), [fill()]);
    let changes = vec![change_of(removal(1))];
    let stretch = Stretch { changes, ..Stretch::default() };
    client.session.answers(client.at(), [Answer::Filled { dialog: dialog(), stretch: Some(stretch) }]);
    assert!(client.written()[0].contains("<remove "), "what moved was a change");
    assert_eq!(client.frame(removal(1)), [""; 0]);
}

/// The fill of a hole in front of the third row of a dialog, of which the client was told nothing; the rows were made at these times
/// and say that the one before them was told then.
fn hole(frame: Frame, rows: [(i64, i64); 2]) -> Vec<Action> {
    let mut client = Client::live();
    client.session.frame(client.at(), shared(frame));
    assert_eq!(client.actions(), [Action::Call(Call::Fill { dialog: dialog(), above: None, since: SINCE - STORING_MS })]);
    let row =
        |seq, (created_at, previous_told_at)| Message { created_at, previous_told_at, ..message(seq, 78, &format!("{seq}")) };
    let stretch = Stretch { rows: vec![row(1, rows[0]), row(2, rows[1])], ..Stretch::default() };
    client.session.answers(client.at(), [Answer::Filled { dialog: dialog(), stretch: Some(stretch) }]);
    client.actions()
}

#[test]
fn a_row_made_shortly_before_the_session_and_told_again_is_asked_for() {
    for (before, is_asked_for) in [(STORING_MS, true), (STORING_MS + 1, false)] {
        let mut client = Client::live();
        let at = SINCE - before;
        let mut again = Frame { again: true, previous_at: at, ..row(3, 78, "again") };
        let Some(FrameTold::Message(message)) = &mut again.told else { unreachable!() };
        message.created_at = at;
        client.session.frame(client.at(), shared(again));
        let fill = Action::Call(Call::Fill { dialog: dialog(), above: Some(2), since: SINCE - STORING_MS });
        assert_eq!(client.actions().contains(&fill), is_asked_for);
    }
}

#[test]
fn a_row_made_before_the_session_and_told_after_it_began_is_missing() {
    let third = |previous_at| Frame { previous_at, ..row(3, 78, "3") };
    let told = |frame, rows| bodies(&texts(&hole(frame, rows))).join(" ");
    assert_eq!(told(third(SINCE + 9), [(SINCE - 500, 0), (SINCE + 5, SINCE + 4)]), "1 2 3", "made long before it was told");
    assert_eq!(told(third(SINCE), [(SINCE - 500, 0), (SINCE - 400, SINCE - 400)]), "2 3", "1 was told to an older session");
    assert_eq!(told(third(SINCE), [(SINCE - 500, 0), (SINCE - 500, 0)]), "1 2 3", "of one append");
    assert_eq!(told(third(SINCE), [(SINCE - 500, 0), (SINCE, 0)]), "2 3", "nobody knows when 1 was told");
    // Nor when 2 was, before a row that comes again.
    let again = hole(Frame { again: true, ..third(SINCE) }, [(SINCE - 500, 0), (SINCE - 400, 0)]);
    assert_eq!(again, [Action::Call(Call::Fill { dialog: dialog(), above: Some(2), since: SINCE - STORING_MS })]);
}

#[test]
fn what_follows_of_a_hole_leaves_out_what_an_older_session_was_told_as_well() {
    let mut client = Client::live();
    client.session.frame(client.at(), shared(Frame { previous_at: SINCE, stamp: 1, ..row(9, 78, "9") }));
    client.actions();
    let early = |seq| Message { created_at: SINCE - 500, ..message(seq, 78, "early") };
    let mut fill = |rows, more, changes| {
        let stretch = Some(Stretch { rows, more, changes });
        client.session.answers(client.at(), [Answer::Filled { dialog: dialog(), stretch }]);
        client.actions()
    };
    let next = fill(vec![early(1), early(2)], true, vec![change_of(removal(1))]);
    assert_eq!(next, [Action::Call(Call::Fill { dialog: dialog(), above: Some(2), since: SINCE - STORING_MS })]);
    let late = Message { created_at: SINCE - 400, previous_told_at: SINCE - 450, ..message(8, 78, "8") };
    let written = texts(&fill(vec![early(7), late], false, Vec::new()));
    assert_eq!(bodies(&written), ["8", "9"]);
    assert!(written.iter().any(|text| text.contains("<remove ")), "what came with the first part");
}

#[test]
fn a_head_says_when_the_newest_row_was_told_apart_from_changes() {
    for (told_at, written) in [(SINCE, vec!["1"]), (SINCE - 1, vec![])] {
        let mut client = Client::live();
        client.session.head(client.at(), dialog(), Head { seq: 1, stamp: 0, at: SINCE, told_at });
        client.actions();
        let rows = vec![Message { created_at: SINCE - 500, ..message(1, 78, "1") }];
        let stretch = Stretch { rows, ..Stretch::default() };
        client.session.answers(client.at(), [Answer::Filled { dialog: dialog(), stretch: Some(stretch) }]);
        assert_eq!(bodies(&client.written()), written);
    }
}

#[test]
fn changes_come_once_and_missing_ones_are_fetched_in_order() {
    let mut client = Client::live();
    client.frame(Frame { stamp: 4, ..row(1, 78, "1") });
    assert_eq!(client.frame(removal(4)), [""; 0], "from before the session");
    assert_eq!(client.frame(removal(5)).len(), 1);
    client.session.frame(client.at(), shared(removal(8)));
    assert!(client.actions().contains(&Action::Call(Call::Changes {
        dialog: dialog(),
        above: Some(5),
        since: SINCE - STORING_MS
    })));
    assert_eq!(client.frame(Frame { stamp: 8, ..row(2, 78, "2") }), [""; 0], "order holds");
    let silent = Change { silent: true, ..change_of(removal(7)) };
    let hidden = Change { what: None, ..change_of(removal(8)) };
    let changes = Changes { changes: vec![change_of(removal(6)), silent, hidden], more: false };
    client.session.answers(client.at(), [Answer::Changed { dialog: dialog(), changes: Some(changes) }]);
    let written: Vec<String> = client.written().into_iter().filter(|text| text.starts_with("<message")).collect();
    assert_eq!(written.iter().map(|text| text.contains("<remove ")).collect::<Vec<_>>(), [true, true, false]);
}

#[test]
fn a_lost_last_change_is_noticed_by_the_head_and_by_the_next_message() {
    let mut client = Client::live();
    client.frame(Frame { stamp: 4, ..row(1, 78, "1") });
    client.session.head(client.at(), dialog(), Head { seq: 1, stamp: 5, at: SINCE, told_at: 0 });
    assert_eq!(client.actions(), [Action::Call(Call::Changes { dialog: dialog(), above: Some(4), since: SINCE - STORING_MS })]);
    // It is kept no more: not missing.
    client.session.answers(client.at(), [Answer::Changed { dialog: dialog(), changes: Some(Changes::default()) }]);
    client.actions();
    client.session.head(client.at(), dialog(), Head { seq: 1, stamp: 5, at: SINCE, told_at: 0 });
    assert_eq!(client.actions(), []);
    client.session.frame(client.at(), shared(Frame { stamp: 6, ..row(2, 78, "2") }));
    assert!(client.actions().contains(&Action::Call(Call::Changes {
        dialog: dialog(),
        above: Some(5),
        since: SINCE - STORING_MS
    })));
    client.session.answers(client.at(), [Answer::Changed { dialog: dialog(), changes: None }]);
    assert_eq!(client.farewell(), (Some(StreamFault::InternalError), SessionState::Vanished));
}

#[test]
fn a_kept_message_is_told_once_and_a_missing_one_is_fetched_in_order() {
    let mut client = Client::live();
    assert_eq!(bodies(&client.frame(kept(1, "one"))), ["one"]);
    assert_eq!(client.frame(kept(1, "one")), [""; 0]);
    client.session.frame(client.at(), shared(kept(4, "four")));
    assert!(client.actions().contains(&Action::Call(Call::Kept { above: 1 })));
    // 3 was kept for nobody: its write failed.
    let read = Queue { rows: vec![kept_row(2, "two")], more: false, upto: 4 };
    client.session.answers(client.at(), [Answer::Kept(Some(read))]);
    assert_eq!(bodies(&client.written()), ["two", "four"]);
    client.now += 1_000;
    assert!(client.pongs(1).contains(&"drop 1".to_owned()), "only what was proved");
}

#[test]
fn copies_of_what_is_kept_for_another_have_no_place_here() {
    let mut client = Client::live();
    client.sends("<iq type=\"set\" id=\"c\"><enable xmlns=\"urn:xmpp:carbons:2\"/></iq>");
    let told = Some(FrameTold::Message(Message { body: Some("mine".to_owned()), ..message(0, 34, "mine") }));
    let copy = Frame { kept: 9, told, ..row(0, 34, "mine") };
    assert_eq!(bodies(&client.frame(copy)), ["mine"]);
    assert_eq!(bodies(&client.frame(kept(1, "one"))), ["one"]);
}
