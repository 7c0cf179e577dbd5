//! Signals of calls (contract xmpp 11): relayed as they were sent to who is on the line, and forgotten.

use super::kit::*;
use natter_proto::dialog::v1::{CallMove, CallStep, SignalCallRequest};
use natter_proto::event::v1::{CallKind, Headline};

#[test]
fn a_signal_is_handed_on_as_it_was_written_however_long_it_is() {
    let mut client = Client::live();
    let sdp = "v=0\r\no=- 1 &lt;&amp;&gt;\r\n\ts=👍🏽 ";
    let sent = signal("78-905@h", &format!("<sdp>{sdp}</sdp><empty/>"));
    let request = signals(&mut client, &sent.replace("</message>", "<delay xmlns=\"urn:xmpp:delay\" stamp=\"x\"/></message>"));
    assert_eq!((request.app, request.recipient, request.dialog), (905, 78, dialog().to_vec()));
    assert_eq!(request.origin.unwrap().session, 1);
    let signal_ = request.signal.unwrap();
    assert_eq!((signal_.user, signal_.resource.as_str(), signal_.stanza_id.as_str()), (34, "r1", "c1"));
    let written = sdp.replace('\r', "&#xD;");
    assert_eq!(
        signal_.children,
        format!(
            "<extraParams xmlns=\"jabber:client\"><moduleIdentifier>WebRTCVideoChat</moduleIdentifier>\
             <signalType>call</signalType><sdp>{written}</sdp><empty/></extraParams>"
        )
    );
    let long = "a=candidate\r\n".repeat(15_000);
    let request = signals(&mut client, &signal("78-905@h", &format!("<sdp>{long}</sdp>")));
    assert!(request.signal.unwrap().children.len() > long.len());
}

#[test]
fn a_refusal_is_told_and_a_signal_of_unknown_fate_is_not_repeated() {
    for (code, legacy) in
        [(Code::NotFound, 404), (Code::Blocked, 503), (Code::Blocking, 406), (Code::Unknown, 500), (Code::Internal, 500)]
    {
        let mut client = Client::live();
        client.sends(ENABLE);
        client.stanza(&signal("78-905@h", ""));
        let written = client.answers(0, Err(Failure::new(code, "no")));
        assert_eq!(written.len(), 1, "{code:?}: {written:?}");
        assert!(written[0].contains("id=\"c1\"") && written[0].contains(&format!("<error code=\"{legacy}\"")), "{written:?}");
        assert_eq!(client.wait(1_000), [""; 0], "{code:?}");
        assert_eq!(client.last, [], "{code:?}");
    }
    let mut client = Client::live();
    client.stanza(&signal("78-905@h", ""));
    client.job(0, Err(Failure::new(Code::Busy, "full")));
    client.wait(100);
    assert!(
        matches!(&client.last[..], [Action::Call(Call::Job { job: Job::CallSignal(_), number: 1 }), ..]),
        "{:?}",
        client.last
    );
}

#[test]
fn what_a_signal_does_to_its_call_is_handed_on() {
    let mut client = Client::live();
    let mut step = |kind: &str, more: &str| {
        let xml = signal("78-905@h", more).replace("<signalType>call</signalType>", &format!("<signalType>{kind}</signalType>"));
        signals(&mut client, &xml).step
    };
    let named = |what: CallMove, kind: CallKind| Some(CallStep { what: what.into(), session: "f0f1".into(), kind: kind.into() });
    let (audio, video, any) = (CallKind::Audio, CallKind::Video, CallKind::Unspecified);
    for (kind, more, expected) in [
        ("call", "<sessionID> f0f1 </sessionID><callType>1</callType>", named(CallMove::Offer, video)),
        ("call", "<sessionID>f0f1</sessionID><callType>2</callType>", named(CallMove::Offer, audio)),
        ("call", "<sessionID>f0f1</sessionID><callType>x</callType>", named(CallMove::Offer, any)),
        ("accept", "<sessionID>f0f1</sessionID>", named(CallMove::Accept, any)),
        ("reject", "<sessionID>f0f1</sessionID>", named(CallMove::Reject, any)),
        ("hangUp", "<sessionID>f0f1</sessionID>", named(CallMove::HangUp, any)),
        ("iceCandidates", "<sessionID>f0f1</sessionID>", None),
        ("call", "", None),
        ("call", "<sessionID> </sessionID>", None),
        ("call", "<sessionID>f0\nf1</sessionID>", None),
        ("call", "<sessionID>ü</sessionID>", None),
        ("call", &format!("<sessionID>{}</sessionID>", "x".repeat(129)), None),
    ] {
        assert_eq!(step(kind, more), expected, "{kind} {more}");
    }
}

#[test]
fn rooms_and_users_of_other_apps_are_not_called() {
    let mut client = Client::live();
    for (to, code) in [(ROOM, 503), ("h", 503), ("78-906@h", 404), ("nobody@h", 404)] {
        let written = client.sends(&signal(to, ""));
        assert!(written.len() == 1 && written[0].contains(&format!("<error code=\"{code}\"")), "{to}: {written:?}");
    }
}

#[test]
fn each_signal_is_written_in_its_place_the_same_one_again_too() {
    let mut client = Client::live();
    client.session.frame(client.at(), shared(told("c1", "<sdp>a&#xD;&#xA;</sdp>")));
    client.session.frame(client.at(), shared(row(1, 78, "ring, ring")));
    client.session.frame(client.at(), shared(told("c1", "<sdp>a&#xD;&#xA;</sdp>")));
    let written = client.written();
    let ring = "<message xmlns=\"jabber:client\" type=\"headline\" from=\"78-905@h/r-bob\" to=\"34-905@h\" id=\"c1\">\
        <sdp>a&#xD;&#xA;</sdp></message>";
    let [first, text, again] = written.as_slice() else { panic!("{written:?}") };
    assert_eq!((first.as_str(), again.as_str()), (ring, ring));
    assert!(text.contains("ring, ring"));
}

#[test]
fn a_signal_waits_behind_what_is_missing() {
    let mut client = Client::live();
    client.frame(row(1, 78, "1"));
    assert_eq!(client.frame(row(3, 78, "3")), [""; 0], "a hole");
    assert_eq!(client.frame(told("c1", "<x/>")), [""; 0]);
    let stretch = Some(Stretch { rows: vec![message(2, 78, "2"), message(3, 78, "3")], ..Stretch::default() });
    client.session.answers(client.at(), [Answer::Filled { dialog: dialog(), stretch }]);
    let written = client.written();
    assert!(written.last().is_some_and(|last| last.contains("id=\"c1\"")), "{written:?}");
}

#[test]
fn who_is_not_on_the_line_is_not_told_later() {
    let mut client = Client::new(identity());
    assert_eq!(client.frame(told("c1", "<x/>")), [""; 0], "not there yet");
    client.stanza("<presence/>");
    assert_eq!(client.frame(told("c2", "<x/>")), [""; 0], "coming back");
    let mut written = client.returns(Returned::default());
    written.extend(client.pongs(1));
    assert!(!written.iter().any(|text| text.contains("headline")), "{written:?}");
    assert!(client.frame(told("c3", "<x/>"))[0].contains("id=\"c3\""));
}

#[test]
fn a_stream_that_is_resumed_brings_no_calls_of_before() {
    let mut client = Client::live();
    client.sends("<enable xmlns=\"urn:xmpp:sm:3\" resume=\"true\"/>");
    client.frame(row(1, 78, "1"));
    client.frame(row(3, 78, "3"));
    client.frame(told("c1", "<x/>"));
    client.session.broken(client.at());
    client.frame(told("c2", "<x/>"));
    let stretch = Some(Stretch { rows: vec![message(2, 78, "2"), message(3, 78, "3")], ..Stretch::default() });
    client.session.answers(client.at(), [Answer::Filled { dialog: dialog(), stretch }]);
    client.actions();
    assert!(client.session.resumed(client.at(), 0));
    let written = client.written();
    assert_eq!(bodies(&written), ["1", "2", "3"]);
    assert!(!written.iter().any(|text| text.contains("headline")), "{written:?}");
    assert!(client.frame(told("c3", "<x/>"))[0].contains("id=\"c3\""));
}

#[test]
fn who_goes_away_and_comes_back_is_not_told_either() {
    let mut client = Client::live();
    client.frame(row(1, 78, "1"));
    client.frame(row(3, 78, "3"));
    client.frame(told("c1", "<x/>"));
    client.sends("<presence type=\"unavailable\"/>");
    let stretch = Some(Stretch { rows: vec![message(2, 78, "2"), message(3, 78, "3")], ..Stretch::default() });
    client.session.answers(client.at(), [Answer::Filled { dialog: dialog(), stretch }]);
    let mut written = client.written();
    client.stanza("<presence/>");
    written.extend(client.returns(Returned::default()));
    assert!(!written.iter().any(|text| text.contains("headline")), "{written:?}");
}

fn signal(to: &str, more: &str) -> String {
    format!(
        "<message type=\"headline\" id=\"c1\" to=\"{to}\"><extraParams><moduleIdentifier>WebRTCVideoChat</moduleIdentifier>\
         <signalType>call</signalType>{more}</extraParams></message>"
    )
}

/// The one request that a stanza leads to.
fn signals(client: &mut Client, xml: &str) -> SignalCallRequest {
    match client.stanza(xml).as_slice() {
        [Action::Call(Call::Job { job: Job::CallSignal(request), .. })] => (**request).clone(),
        actions => panic!("{actions:?}"),
    }
}

/// A signal of user 78, told live.
fn told(id: &str, children: &str) -> Frame {
    let children = children.to_owned();
    let signal = Headline { user: 78, resource: "r-bob".to_owned(), stanza_id: id.to_owned(), children };
    Frame { dialog: Vec::new(), to: vec![34], told: Some(FrameTold::CallSignal(signal)), ..row(0, 78, "") }
}
