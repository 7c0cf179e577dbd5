//! Clients at which nobody looks: what waits, what does not, and what presence hears of it.

use super::kit::*;
use natter_proto::event::v1::{Availability, Occupant, OccupantState, Typing};

const CSI: &str = "xmlns=\"urn:xmpp:csi:0\"";

#[test]
fn typing_and_comings_wait_while_nobody_looks_and_the_last_word_of_each_is_told_then() {
    let mut client = live_in_room();
    assert_eq!(state(&mut client, "inactive"), [Query::SetInactive(true)]);
    for frame in [
        typing(78, true),
        comes(78, "r1", true),
        occupant(80, OccupantState::Entered),
        comes(78, "r1", false),
        typing(78, false),
        comes(78, "r2", true),
        occupant(80, OccupantState::Left),
        typing(79, true),
    ] {
        assert_eq!(heard(&mut client, frame), Vec::<String>::new());
    }
    // Messages, statuses and removals never wait, and nothing is told because of them.
    assert_eq!(heard(&mut client, row(1, 78, "now")), ["message now"]);
    let marker = Marker { kind: MarkKind::Read.into(), message_id: vec![0x66; 12], user: 78, author: 34, ..Marker::default() };
    assert_eq!(heard(&mut client, Frame { told: Some(FrameTold::Marker(marker)), ..row(0, 78, "") }).len(), 1);
    let removed = Occupant { user: 34, state: OccupantState::Removed.into(), actor: 78 };
    assert!(heard(&mut client, of_group(FrameTold::Occupant(removed)))[0].contains("301"));

    let told: Vec<String> = csi(&mut client, "active").iter().map(|text| word(text)).collect();
    assert_eq!(told, ["gone 78-905@h/r1", "paused 78", "there 78-905@h/r2", "composing 79"], "in the order of the last words");
    assert_eq!(heard(&mut client, typing(78, true)), ["composing 78"], "nothing waits any more");
    assert_eq!(csi(&mut client, "active"), Vec::<String>::new(), "once");
}

#[test]
fn the_oldest_word_is_told_when_too_many_wait() {
    let mut client = Client::with(identity(), Options { unproved_max: 1_000, ..Options::default() });
    client.become_live();
    csi(&mut client, "inactive");
    for user in 1_000..1_256 {
        assert_eq!(heard(&mut client, typing(user, true)), Vec::<String>::new());
    }
    assert_eq!(heard(&mut client, typing(1_000, false)), Vec::<String>::new(), "it takes the place of an earlier one");
    assert_eq!(heard(&mut client, typing(2_000, true)), ["composing 1001"]);
    assert_eq!(csi(&mut client, "active").len(), 256);
}

#[test]
fn the_sdk_is_told_everything_whoever_looks_and_presence_hears_of_it() {
    let mut client = Client::live();
    let mobile = |enable: bool| {
        format!(
            "<iq id=\"1:markActive\" type=\"set\">\
             <mobile xmlns=\"http://tigase.org/protocol/mobile#v2\" enable=\"{enable}\"/></iq>"
        )
    };
    let number = asks(&mut client, &mobile(true), Query::SetInactive(true));
    let granted = ["<iq xmlns=\"jabber:client\" type=\"result\" id=\"1:markActive\" to=\"34-905@h/r1\"/>"];
    assert_eq!(answered(&mut client, number, Ok(Answered::Done)), granted);
    assert_eq!(heard(&mut client, typing(78, true)), ["composing 78"]);
    assert_eq!(heard(&mut client, comes(78, "r1", true)), ["there 78-905@h/r1"]);
    // Presence forgets a session that frames do not reach, and is told again.
    client.stanza("<presence type=\"unavailable\"/>");
    client.stanza("<presence/>");
    client.session.answers(client.at(), [Answer::Returned(Ok(Box::default()))]);
    let asked = client.actions();
    let asked: Vec<_> = queries(&asked).into_iter().map(|(_, query)| query).collect();
    assert_eq!(asked, [Query::SetInactive(true)]);
}

#[test]
fn an_early_word_is_taken_and_a_state_that_is_none_ends_the_stream() {
    let mut client = Client::live();
    let number = asks(
        &mut client,
        "<iq id=\"2:markActive\" type=\"set\"><mobile xmlns=\"http://tigase.org/protocol/mobile#v2\" enable=\"true\"/></iq>",
        Query::SetInactive(true),
    );
    assert!(answered(&mut client, number, Err(Failure::new(Code::Conflict, "")))[0].contains("type=\"result\""));
    csi(&mut client, "asleep");
    assert_eq!(client.farewell().0, Some(StreamFault::UnsupportedStanzaType));
}

#[test]
fn a_resumed_stream_is_active_and_told_what_waited() {
    let mut client = Client::live();
    client.stanza("<enable xmlns=\"urn:xmpp:sm:3\" resume=\"true\"/>");
    csi(&mut client, "inactive");
    let number = queries(&client.last)[0].0;
    answered(&mut client, number, Ok(Answered::Done));
    heard(&mut client, typing(78, true));
    client.session.broken(client.at());
    client.actions();
    assert!(client.session.resumed(client.at(), 0));
    let actions = client.actions();
    let asked: Vec<_> = queries(&actions).into_iter().map(|(_, query)| query).collect();
    assert_eq!(asked, [Query::SetInactive(false)]);
    let written = actions.iter().any(|action| matches!(action, Action::Write(text) if text.contains("<composing")));
    assert!(written, "{actions:?}");
}

// === helpers ===

/// In the room of the group, with 80.
fn live_in_room() -> Client {
    let mut client = Client::live();
    client.stanza(&format!("<presence to=\"{ROOM}/34\" id=\"j\"><x xmlns=\"http://jabber.org/protocol/muc\"/></presence>"));
    client.session.answers(client.at(), [Answer::Room { number: 0, answer: Ok(vec![80]) }]);
    client.actions();
    client
}

fn csi(client: &mut Client, name: &str) -> Vec<String> {
    let element = Element::new(name, natter_xmpp::ns::CSI);
    client.session.stanza(client.at(), element);
    client.last = std::iter::from_fn(|| client.session.next_action()).collect();
    let written = |action: &Action| if let Action::Write(text) = action { Some(text.clone()) } else { None };
    client.last.iter().filter_map(written).collect()
}

fn state(client: &mut Client, name: &str) -> Vec<Query> {
    assert_eq!(csi(client, name), Vec::<String>::new(), "{CSI} is not answered");
    queries(&client.last).into_iter().map(|(_, query)| query).collect()
}

fn heard(client: &mut Client, frame: Frame) -> Vec<String> {
    client.session.frame(client.at(), shared(frame));
    client.written().iter().map(|text| word(text)).collect()
}

/// The kernel of what was written.
fn word(text: &str) -> String {
    let between = |start: &str, end: &str| {
        text.split_once(start).and_then(|(_, rest)| rest.split_once(end)).map_or(String::new(), |(found, _)| found.to_owned())
    };
    let from = between("from=\"", "\"");
    let user = from.split('-').next().unwrap_or_default();
    match () {
        () if text.contains("<composing") => format!("composing {user}"),
        () if text.contains("<paused") => format!("paused {user}"),
        () if text.contains("<body>") => format!("message {}", between("<body>", "</body>")),
        () if text.contains("<status") || text.starts_with("<message") => text.to_owned(),
        () if text.contains("type=\"unavailable\"") => format!("gone {from}"),
        () if text.starts_with("<presence") => format!("there {from}"),
        () => text.to_owned(),
    }
}

fn typing(user: u64, composing: bool) -> Frame {
    let typing = Typing { user, resource: "r9".to_owned(), composing, recipient: 34, stanza: String::new() };
    let dialog = DialogId::of_pair(b"key", UserId(34), UserId(user)).to_vec();
    Frame { dialog, told: Some(FrameTold::Typing(typing)), ..row(0, user, "") }
}

fn comes(user: u64, resource: &str, available: bool) -> Frame {
    let availability =
        Availability { user, resource: resource.to_owned(), available, last: !available, ..Availability::default() };
    Frame { app: 905, to: vec![34], told: Some(FrameTold::Availability(availability)), ..Frame::default() }
}

fn occupant(user: u64, state: OccupantState) -> Frame {
    of_group(FrameTold::Occupant(Occupant { user, state: state.into(), actor: 0 }))
}
