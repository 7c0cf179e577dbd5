//! Joins, leaves, kicks, who is there.

use super::kit::*;
use natter_proto::event::v1::{Occupant, OccupantState};

const JOIN: &str = "<presence id=\"4a:join\" to=\"905_a6f0a1b2c3d4e5f607182930@muc.h/34\"><x xmlns=\"http://jabber.org/protocol/muc\"/></presence>";
const LEAVE: &str = "<presence type=\"unavailable\" to=\"905_a6f0a1b2c3d4e5f607182930@muc.h/34\"/>";
const WHO: &str = "<iq type=\"get\" id=\"1:muc_disco_items\" to=\"905_a6f0a1b2c3d4e5f607182930@muc.h\">\
    <query xmlns=\"http://jabber.org/protocol/disco#items\"/></iq>";

#[test]
fn a_join_is_answered_by_the_others_and_then_by_ones_own_presence() {
    let mut client = Client::live();
    assert_eq!(client.stanza(JOIN), [ask(0, Ask::Enter)]);
    assert_eq!(
        answered(&mut client, 0, Ok(vec![34, 78, 99])),
        [
            other(78, ""),
            other(99, ""),
            format!(
                "<presence xmlns=\"jabber:client\" from=\"{ROOM}/34\" to=\"34-905@h/r1\" id=\"4a:join\">\
                 <x xmlns=\"http://jabber.org/protocol/muc#user\"><item affiliation=\"member\" role=\"participant\"/>\
                 <status code=\"110\"/><xmlns><code>110</code></xmlns></x></presence>"
            )
        ]
    );
    let tcp = Identity { framing: Framing::Tcp, ..identity() };
    let mut client = Client::of(tcp);
    client.stanza(JOIN);
    let written = answered(&mut client, 0, Ok(vec![78]));
    assert!(written.iter().all(|text| text.starts_with("<presence from=")), "{written:?}");
}

#[test]
fn a_join_by_another_address_or_nick_is_answered_from_there_with_the_users_number() {
    let mut client = Client::live();
    client.stanza(&JOIN.replace(&format!("{ROOM}/34"), &format!("{GROUP}/nick")));
    let written = answered(&mut client, 0, Ok(vec![78]));
    assert!(written[0].contains(&format!("from=\"{ROOM}/78\"")) && written[1].contains(&format!("from=\"{GROUP}/34\"")));
}

#[test]
fn a_refused_join_keeps_its_id_and_its_x() {
    for (code, legacy, name) in [
        (Code::Forbidden, "407", "registration-required"),
        (Code::NotFound, "404", "item-not-found"),
        (Code::Busy, "500", "resource-constraint"),
    ] {
        let mut client = Client::live();
        client.stanza(JOIN);
        let written = answered(&mut client, 0, Err(Failure::new(code, "no")));
        let head = format!(
            "<presence xmlns=\"jabber:client\" type=\"error\" id=\"4a:join\" from=\"{ROOM}/34\" to=\"34-905@h/r1\">\
            <x xmlns=\"http://jabber.org/protocol/muc\"/><error code=\"{legacy}\""
        );
        assert!(written[0].starts_with(&head) && written[0].contains(&format!("<{name} ")), "{written:?}");
        assert_eq!(hears(&mut client, 78, OccupantState::Entered), [""; 0], "it is not in the room");
    }
}

#[test]
fn the_room_of_another_app_is_like_one_that_does_not_exist() {
    let mut client = Client::live();
    let foreign = ROOM.replace("905_", "906_");
    let join = client.sends(&JOIN.replace(ROOM, &foreign));
    client.stanza(JOIN);
    let unknown = answered(&mut client, 0, Err(Failure::new(Code::NotFound, "no")));
    assert_eq!(join, [unknown[0].replace(ROOM, &foreign)]);
    let left = client.sends(&LEAVE.replace(ROOM, &foreign));
    assert!(left.len() == 1 && left[0].contains(&format!("from=\"{foreign}/34\"")) && left[0].contains("code=\"110\""));
}

#[test]
fn only_in_the_room_others_are_seen_to_come_and_go_and_never_oneself() {
    let mut client = Client::live();
    assert_eq!(hears(&mut client, 78, OccupantState::Entered), [""; 0]);
    client.stanza(JOIN);
    answered(&mut client, 0, Ok(vec![]));
    assert_eq!(hears(&mut client, 78, OccupantState::Entered), [other(78, "")]);
    let gone = format!(
        "<presence xmlns=\"jabber:client\" from=\"{ROOM}/78\" to=\"34-905@h/r1\" type=\"unavailable\">\
         <x xmlns=\"http://jabber.org/protocol/muc#user\"><item affiliation=\"member\" role=\"none\"/></x></presence>"
    );
    assert_eq!(hears(&mut client, 78, OccupantState::Left), std::slice::from_ref(&gone));
    assert_eq!(hears(&mut client, 78, OccupantState::Removed), [gone], "no status about another");
    assert_eq!(hears(&mut client, 34, OccupantState::Entered), [""; 0]);
    assert_eq!(hears(&mut client, 34, OccupantState::Left), [""; 0]);
}

#[test]
fn what_happens_during_a_join_comes_behind_its_answer() {
    let mut client = Client::live();
    client.stanza(JOIN);
    assert_eq!(hears(&mut client, 78, OccupantState::Entered), [""; 0]);
    let written = answered(&mut client, 0, Ok(vec![]));
    assert!(written[0].contains("code=\"110\"") && written[1] == other(78, ""), "{written:?}");
}

#[test]
fn who_is_removed_is_told_by_whom_and_is_out() {
    let mut client = Client::live();
    assert_eq!(hears(&mut client, 34, OccupantState::Removed), [""; 0], "it was not in the room");
    client.stanza(JOIN);
    answered(&mut client, 0, Ok(vec![]));
    assert_eq!(
        hears(&mut client, 34, OccupantState::Removed),
        [format!(
            "<presence xmlns=\"jabber:client\" from=\"{ROOM}/34\" to=\"34-905@h/r1\" type=\"unavailable\">\
             <x xmlns=\"http://jabber.org/protocol/muc#user\"><item affiliation=\"none\" role=\"none\"><actor jid=\"78-905@h\"/></item>\
             <status code=\"301\"/><xmlns><code>301</code></xmlns></x><item><actor jid=\"78-905@h\"/></item></presence>"
        )]
    );
    assert_eq!(hears(&mut client, 78, OccupantState::Left), [""; 0]);
}

#[test]
fn a_leave_is_answered_from_where_it_was_sent_whatever_became_of_it() {
    for (to, answer) in [(format!("{ROOM}/34"), Ok(vec![])), (format!("{GROUP}/34"), Err(Failure::new(Code::NotFound, "no")))] {
        let mut client = Client::live();
        client.stanza(JOIN);
        answered(&mut client, 0, Ok(vec![]));
        assert_eq!(client.stanza(&LEAVE.replace(&format!("{ROOM}/34"), &to)), [ask(1, Ask::Exit)]);
        assert_eq!(
            answered(&mut client, 1, answer),
            [format!(
                "<presence xmlns=\"jabber:client\" from=\"{to}\" to=\"34-905@h/r1\" type=\"unavailable\">\
                 <x xmlns=\"http://jabber.org/protocol/muc#user\"><item affiliation=\"member\" role=\"none\"/>\
                 <status code=\"110\"/><xmlns><code>110</code></xmlns></x></presence>"
            )]
        );
        assert_eq!(hears(&mut client, 78, OccupantState::Entered), [""; 0]);
    }
}

#[test]
fn who_is_in_a_room_is_listed_and_of_an_unknown_one_nobody() {
    let mut client = Client::live();
    assert_eq!(client.stanza(WHO), [ask(0, Ask::Occupants)]);
    let list = |items: &str| {
        format!(
            "<iq xmlns=\"jabber:client\" type=\"result\" id=\"1:muc_disco_items\" from=\"{ROOM}\" to=\"34-905@h/r1\">{items}</iq>"
        )
    };
    assert_eq!(
        answered(&mut client, 0, Ok(vec![34, 78])),
        [list(&format!(
            "<query xmlns=\"http://jabber.org/protocol/disco#items\"><item jid=\"{ROOM}/34\" name=\"34\"/>\
             <item jid=\"{ROOM}/78\" name=\"78\"/></query>"
        ))]
    );
    client.stanza(WHO);
    let nobody = list("<query xmlns=\"http://jabber.org/protocol/disco#items\"/>");
    assert_eq!(answered(&mut client, 1, Err(Failure::new(Code::NotFound, "no"))), [nobody]);
    // An old build asks by the bare id.
    client.stanza(&WHO.replace(ROOM, GROUP));
    assert!(answered(&mut client, 2, Ok(vec![34]))[0].contains(&format!("from=\"{GROUP}\"")));
}

#[test]
fn requests_of_one_room_follow_one_another_and_few_fly() {
    let mut client = Client::live();
    assert_eq!(client.stanza(JOIN), [ask(0, Ask::Enter)]);
    assert_eq!(client.stanza(LEAVE), [], "not before the join is answered");
    let elsewhere = JOIN.replace("a6f0", "b6f0");
    assert!(matches!(client.stanza(&elsewhere).as_slice(), [Action::Call(Call::Room { number: 1, ask: Ask::Enter, .. })]));
    assert_eq!(client.stanza(&JOIN.replace("a6f0", "c6f0")), [], "two at a time");
    client.session.answers(client.at(), [Answer::Room { number: 0, answer: Ok(vec![]) }]);
    assert!(client.actions().contains(&ask(2, Ask::Exit)));
    for n in 0..20 {
        let actions = client.stanza(&WHO.replace("a6f0", &format!("d6{n:02x}")));
        assert_eq!(actions.contains(&Action::Pause(true)), n == 15, "{n}: {actions:?}");
    }
}

#[test]
fn a_join_does_not_overtake_the_sessions_own_announcement() {
    let mut client = Client::new(identity());
    client.stanza("<presence/>");
    assert_eq!(client.stanza(JOIN), []);
    client.session.answers(client.at(), [Answer::Returned(Ok(Box::default()))]);
    assert!(client.actions().contains(&ask(0, Ask::Enter)));
}

#[test]
fn rooms_are_bounded_and_left_with_the_last_presence() {
    let mut client = Client::with(identity(), Options { rooms_max: 1, occupants_max: 1, ..Options::default() });
    client.become_live();
    client.stanza(JOIN);
    let elsewhere = JOIN.replace("a6f0", "b6f0");
    assert!(client.sends(&elsewhere)[0].contains("<x xmlns=\"http://jabber.org/protocol/muc\"/><error code=\"406\""));
    assert_eq!(answered(&mut client, 0, Ok(vec![78, 99])).len(), 2, "one of the others");
    assert!(client.sends(&elsewhere)[0].contains("<error code=\"406\""));
    assert_eq!(client.stanza(JOIN), [ask(1, Ask::Enter)], "it is there already");
    answered(&mut client, 1, Ok(vec![]));
    client.stanza("<presence type=\"unavailable\"/>");
    client.stanza("<presence/>");
    client.session.answers(client.at(), [Answer::Returned(Ok(Box::default()))]);
    client.actions();
    assert_eq!(hears(&mut client, 78, OccupantState::Entered), [""; 0]);
}

fn ask(number: u64, ask: Ask) -> Action {
    Action::Call(Call::Room { number, dialog: group(), ask })
}

fn answered(client: &mut Client, number: u64, answer: Result<Vec<u64>, Failure>) -> Vec<String> {
    client.session.answers(client.at(), [Answer::Room { number, answer }]);
    client.written()
}

fn hears(client: &mut Client, user: u64, state: OccupantState) -> Vec<String> {
    let occupant = Occupant { user, state: state.into(), actor: 78 };
    client.session.frame(client.at(), shared(of_group(FrameTold::Occupant(occupant))));
    client.written()
}

/// The presence of another user in the room.
fn other(user: u64, unavailable: &str) -> String {
    format!(
        "<presence xmlns=\"jabber:client\" from=\"{ROOM}/{user}\" to=\"34-905@h/r1\"{unavailable}>\
         <x xmlns=\"http://jabber.org/protocol/muc#user\"><item affiliation=\"member\" role=\"participant\"/></x></presence>"
    )
}
