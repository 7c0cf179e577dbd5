//! The life of a session.

use super::kit::*;

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
    client.session.answers(client.at(), [Answer::Job { number: 0, answer: Ok(1) }]);
    let actions = client.actions();
    assert!(matches!(&actions[0], Action::Write(ack) if ack.contains("h=\"1\"")), "{actions:?}");
    assert!(matches!(actions.last(), Some(Action::End(_))));
}

#[test]
fn draining_waits_for_the_proof_and_writes_nothing_more() {
    let mut client = Client::live();
    client.now += 1_000;
    client.session.frame(client.at(), shared(row(1, 78, "told")));
    let asked = client.actions().into_iter().find_map(|action| match action {
        Action::Ping(ordinal) => Some(ordinal),
        _ => None,
    });
    client.session.drain(client.at());
    assert_eq!(client.frame(row(2, 78, "not any more")), [""; 0]);
    assert!(!ends(&client.actions()));
    client.session.pong(client.at(), asked.unwrap());
    let actions = client.actions();
    assert!(ends(&actions), "{actions:?}");
    let mut written = actions.iter().filter(|action| matches!(action, Action::Write(text) if text.starts_with("<message")));
    assert_eq!(written.next(), None, "the next edge tells it");
}

#[test]
fn draining_does_not_wait_long_for_who_proves_nothing() {
    let mut client = Client::live();
    client.now += 1_000;
    client.frame(row(1, 78, "told"));
    client.session.drain(client.at());
    client.wait(900);
    assert!(!ends(&client.last));
    client.wait(100);
    assert!(ends(&client.last), "{:?}", client.last);
}

#[test]
fn only_an_sdk_is_told_where_to_go() {
    for (carbons, expected) in [("c:enableCarbons", true), ("other", false)] {
        let mut client = elsewhere(carbons);
        client.session.drain(client.at());
        let actions = client.actions();
        assert_eq!(is_told(&actions), expected, "{carbons}: {actions:?}");
        assert_eq!(ends(&actions), !expected, "{carbons}: {actions:?}");
    }
}

#[test]
fn what_a_client_sends_before_it_goes_elsewhere_is_posted_and_acknowledged() {
    let mut client = elsewhere("c:enableCarbons");
    client.sends(ENABLE);
    client.session.drain(client.at());
    assert!(is_told(&client.actions()));
    client.sends(BODY);
    client.sends(ASK);
    client.session.goodbye(client.at());
    assert!(!ends(&client.actions()), "its message is on its way");
    client.session.answers(client.at(), [Answer::Job { number: 0, answer: Ok(1) }]);
    let written = client.actions();
    assert!(written.iter().any(|action| matches!(action, Action::Write(text) if text.contains("h=\"1\""))), "{written:?}");
    let Some(Action::End(farewell)) = written.last() else { panic!("{written:?}") };
    assert_eq!(farewell.state, SessionState::Vanished, "it is back in a moment");
}

#[test]
fn who_does_not_go_is_not_waited_for_long() {
    let mut client = elsewhere("c:enableCarbons");
    client.session.drain(client.at());
    client.actions();
    client.wait(1_400);
    assert!(!ends(&client.last));
    client.wait(100);
    assert!(ends(&client.last), "{:?}", client.last);
}

fn elsewhere(carbons: &str) -> Client {
    let mut client = Client::with(identity(), Options { elsewhere: "door.test:5291".into(), ..Options::default() });
    client.become_live();
    client.sends(&format!("<iq type='set' id='{carbons}'><enable xmlns='urn:xmpp:carbons:2'/></iq>"));
    client
}

fn is_told(actions: &[Action]) -> bool {
    actions.iter().any(|action| matches!(action, Action::Write(text) if text.contains(":5291</see-other-host>")))
}

fn ends(actions: &[Action]) -> bool {
    matches!(actions.last(), Some(Action::End(_)))
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

#[test]
fn it_is_asked_again_and_again_whether_a_user_may_be_connected() {
    for (code, fault, state) in [
        (Code::NotFound, StreamFault::NotAuthorized, SessionState::Closed),
        (Code::Forbidden, StreamFault::NotAuthorized, SessionState::Vanished),
        (Code::Unauthenticated, StreamFault::Reset, SessionState::Vanished),
    ] {
        let mut client = Client::live();
        for _ in 0..2 {
            client.wait(60_000);
            assert!(client.last.contains(&Action::Call(Call::Touch)), "{:?}", client.last);
        }
        client.session.answers(client.at(), [Answer::Barred(code)]);
        assert_eq!(client.farewell(), (Some(fault), state));
    }
}
