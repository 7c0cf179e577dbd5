//! What is written for a frame, and what it proves.

use super::kit::*;

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
    client.session.frame(client.at(), shared(row(1, 78, "1")));
    assert!(client.actions().contains(&Action::Ping(1)));
    client.session.frame(client.at(), shared(row(2, 78, "2")));
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
    client.session.frame(client.at(), shared(row(5, 78, "x")));
    let actions = client.actions();
    let Some(Action::End(farewell)) = actions.last() else { panic!("{actions:?}") };
    assert!(farewell.cut && farewell.state == SessionState::Vanished);
    assert_eq!(farewell.record.proofs, [From { stamp: Some(0), ..proof(0) }]);
}
