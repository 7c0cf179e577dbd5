//! Last activity and who is told of it.

use super::kit::*;
use natter_proto::event::v1::Activity;

const LAST: &str =
    "<iq type=\"get\" from=\"34-905@h/r1\" to=\"78-905@h\" id=\"a:lastActivity\"><query xmlns=\"jabber:iq:last\"/></iq>";
const WATCH: &str = "<iq type=\"set\" id=\"d:statusStreaming\"><subscribe \
    xmlns=\"https://connectycube.com/protocol/status_streaming\" user_jid=\"78-905@h\" enable=\"true\"/></iq>";

#[test]
fn the_answer_says_how_many_seconds_ago_and_0_is_now() {
    let mut client = Client::live();
    for (seen_at, seconds) in [(None, 0), (Some(client.now), 1), (Some(client.now - 3_617_999), 3_617)] {
        let number = asks(&mut client, LAST, Query::LastActivity(UserId(78)));
        assert_eq!(
            answered(&mut client, number, Ok(Answered::LastActivity(seen_at))),
            [format!(
                "<iq xmlns=\"jabber:client\" type=\"result\" id=\"a:lastActivity\" from=\"78-905@h\" to=\"34-905@h/r1\">\
                 <query xmlns=\"jabber:iq:last\" seconds=\"{seconds}\"/></iq>"
            )]
        );
    }
    let number = asks(&mut client, &LAST.replace("78-905@h", "34-905@h/x"), Query::LastActivity(UserId(34)));
    assert!(answered(&mut client, number, Ok(Answered::LastActivity(None)))[0].contains("seconds=\"0\""), "oneself");
    let number = asks(&mut client, LAST, Query::LastActivity(UserId(78)));
    let unknown = answered(&mut client, number, Err(Failure::new(Code::NotFound, "never")));
    let head = "<iq xmlns=\"jabber:client\" type=\"error\" id=\"a:lastActivity\" from=\"78-905@h\" to=\"34-905@h/r1\">\
        <query xmlns=\"jabber:iq:last\"/><error code=\"404\"";
    assert!(unknown[0].starts_with(head), "{unknown:?}");
}

#[test]
fn only_whoever_watches_hears_until_he_watches_no_more() {
    let mut client = Client::live();
    assert_eq!(hears(&mut client, 0), [""; 0], "another session of the user watches");
    let number = asks(&mut client, WATCH, Query::Watch { user: UserId(78), enable: true });
    assert_eq!(
        answered(&mut client, number, Ok(Answered::Done)),
        ["<iq xmlns=\"jabber:client\" type=\"result\" id=\"d:statusStreaming\" to=\"34-905@h/r1\"/>"]
    );
    let notice = |n: u64, seconds: u64| {
        format!(
            "<iq xmlns=\"jabber:client\" type=\"result\" id=\"activity-{n}\" from=\"78-905@h\" to=\"34-905@h/r1\">\
             <query xmlns=\"jabber:iq:last\" seconds=\"{seconds}\"/></iq>"
        )
    };
    assert_eq!(hears(&mut client, 0), [notice(1, 0)]);
    let now = client.now;
    assert_eq!(hears(&mut client, now), [notice(2, 1)], "who went is not there");
    assert_eq!(hears(&mut client, now - 20_000), [notice(3, 20)]);
    let number = asks(&mut client, &WATCH.replace("true", "false"), Query::Watch { user: UserId(78), enable: false });
    answered(&mut client, number, Ok(Answered::Done));
    assert_eq!(hears(&mut client, 0), [""; 0]);
}

#[test]
fn a_subscription_that_is_refused_or_makes_no_sense_is_none() {
    let mut client = Client::live();
    let number = asks(&mut client, WATCH, Query::Watch { user: UserId(78), enable: true });
    let refused = answered(&mut client, number, Err(Failure::new(Code::TooMany, "no")));
    assert!(refused[0].contains("type=\"error\"") && refused[0].contains("<subscribe "), "{refused:?}");
    assert_eq!(hears(&mut client, 0), [""; 0]);
    for (from, to) in [("78-905@h", "h"), ("78-905@h", "78-906@h"), ("true", "yes"), (" enable=\"true\"", "")] {
        let written = client.sends(&WATCH.replace(from, to));
        assert!(written.len() == 1 && written[0].contains("<error code=\"400\""), "{from} {to}: {written:?}");
    }
}

#[test]
fn a_session_that_comes_back_watches_again() {
    let mut client = Client::live();
    let number = asks(&mut client, WATCH, Query::Watch { user: UserId(78), enable: true });
    answered(&mut client, number, Ok(Answered::Done));
    client.stanza("<presence type=\"unavailable\"/>");
    // Presence takes no subscription of a session that frames do not reach; it is made when they do.
    let number = asks(&mut client, &WATCH.replace("78", "79"), Query::Watch { user: UserId(79), enable: true });
    let granted = answered(&mut client, number, Err(Failure::new(Code::Conflict, "not announced")));
    assert!(granted[0].contains("type=\"result\""), "{granted:?}");
    client.stanza("<presence/>");
    client.session.answers(client.at(), [Answer::Returned(Ok(Box::default()))]);
    let watched: Vec<Option<UserId>> = queries(&client.actions()).into_iter().map(|(_, query)| query.user()).collect();
    assert_eq!(watched, [Some(UserId(78)), Some(UserId(79))]);
}

#[test]
fn a_client_that_asks_for_all_its_contacts_at_once_is_answered_and_not_read_meanwhile() {
    let mut client = Client::live();
    let mut asked = Vec::new();
    for user in 100..200 {
        asked.extend(client.stanza(&LAST.replace("78-905", &format!("{user}-905"))));
    }
    assert!(asked.contains(&Action::Pause(true)));
    let mut flying: std::collections::VecDeque<u64> = queries(&asked).into_iter().map(|(number, _)| number).collect();
    let (mut answers, mut goes_on) = (0, false);
    while let Some(number) = flying.pop_front() {
        client.session.answers(client.at(), [Answer::Presence { number, answer: Ok(Answered::LastActivity(None)) }]);
        let actions = client.actions();
        answers += actions.iter().filter(|action| matches!(action, Action::Write(_))).count();
        goes_on |= actions.contains(&Action::Pause(false));
        flying.extend(queries(&actions).into_iter().map(|(number, _)| number));
        assert!(flying.len() <= 8);
    }
    assert_eq!((answers, goes_on), (100, true));
}

// === helpers ===

fn hears(client: &mut Client, seen_at: i64) -> Vec<String> {
    let told = Some(FrameTold::Activity(Activity { user: 78, seen_at }));
    client.session.frame(client.at(), shared(Frame { app: 905, to: vec![34], told, ..Frame::default() }));
    client.written()
}
