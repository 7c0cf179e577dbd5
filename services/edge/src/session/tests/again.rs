//! What a session says of itself when presence of its app changes hands.

use super::kit::*;

const JOIN: &str =
    "<presence to=\"905_a6f0a1b2c3d4e5f607182930@muc.h/34\"><x xmlns=\"http://jabber.org/protocol/muc\"/></presence>";
const WATCH: &str = "<iq type=\"set\" id=\"d:statusStreaming\"><subscribe \
    xmlns=\"https://connectycube.com/protocol/status_streaming\" user_jid=\"78-905@h\" enable=\"true\"/></iq>";

#[test]
fn a_session_says_all_that_presence_knew_of_it() {
    let mut client = Client::live();
    let plain = says(&mut client).unwrap();
    assert_eq!((plain.available, plain.inactive, plain.rooms, plain.watched, plain.shown), (true, false, vec![], vec![], None));
    client.stanza(JOIN);
    client.session.answers(client.at(), [Answer::Room { number: 0, answer: Ok(vec![]) }]);
    client.stanza(WATCH);
    client.session.answers(client.at(), [Answer::Presence { number: 0, answer: Ok(Answered::Done) }]);
    client.stanza("<presence><show>away</show></presence>");
    client.stanza("<iq id=\"2:m\" type=\"set\"><mobile xmlns=\"http://tigase.org/protocol/mobile#v2\" enable=\"true\"/></iq>");
    let all = says(&mut client).unwrap();
    assert_eq!((all.rooms, all.watched, all.inactive), (vec![group()], vec![UserId(78)], true));
    assert_eq!(all.shown.unwrap().show, "away");
    assert_eq!((all.record.since, &*all.by), (SINCE, "p/1"));
}

#[test]
fn a_session_is_bound_before_its_first_presence_and_nothing_when_frames_do_not_reach_it() {
    let mut client = Client::new(identity());
    assert!(!says(&mut client).unwrap().available);
    client.wait(2_000);
    assert_eq!(says(&mut client), None, "it was taken back");
    client.stanza("<presence/>");
    assert!(says(&mut client).unwrap().available, "behind its return");
}

#[test]
fn an_announcement_that_failed_is_made_again_and_one_that_did_not_is_not() {
    let mut client = Client::live();
    says(&mut client).unwrap();
    client.session.answers(client.at(), [Answer::Again(Err(Failure::new(Code::Busy, "elsewhere")))]);
    assert_eq!(client.session.deadline(), Some(client.now + 5_000));
    client.now += 5_000;
    client.session.tick(client.at());
    assert!(client.actions().iter().any(|action| matches!(action, Action::Call(Call::Again(_)))));
    client.session.answers(client.at(), [Answer::Again(Ok(()))]);
    client.now += 60_000;
    client.session.tick(client.at());
    assert!(!client.actions().iter().any(|action| matches!(action, Action::Call(Call::Again(_)))));
}

fn says(client: &mut Client) -> Option<Whereabouts> {
    client.session.announce_again(client.at(), "p/1".into());
    client.actions().into_iter().find_map(|action| match action {
        Action::Call(Call::Again(whereabouts)) => Some(*whereabouts),
        _ => None,
    })
}
