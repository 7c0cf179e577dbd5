//! The domain in addresses: that of the name which the session's client came by, whatever name others came by.

use super::kit::*;
use natter_proto::event::v1::{Availability, ContactRequest, Headline, Occupant, OccupantState, Reaction, Subscription, Typing};
use natter_proto::presence::v1::PrivacyItem;

#[test]
fn every_address_that_a_client_is_told_has_the_domain_that_it_came_by() {
    let (mut shared_name, mut own_name) = (client("h"), client("own.example"));
    for frame in frames() {
        let told = format!("{:?}", frame.told);
        let frame = shared(frame);
        let hears = |client: &mut Client| {
            client.session.frame(client.at(), frame.clone());
            client.written().concat()
        };
        let expected = moved(&hears(&mut shared_name));
        assert!(expected.contains("own.example"), "{told}: {expected}");
        assert_eq!(hears(&mut own_name), expected);
    }
    let room = |host: &str| ROOM.replace("muc.h", &format!("muc.{host}"));
    for (stanza, answer) in [
        ("<iq type=\"get\" id=\"i\"><query xmlns=\"http://jabber.org/protocol/disco#items\"/></iq>".to_owned(), None),
        (
            "<iq type=\"get\" id=\"p\"><query xmlns=\"jabber:iq:privacy\"><list name=\"l\"/></query></iq>".to_owned(),
            Some(Answered::PrivacyList { name: "l".to_owned(), items: items() }),
        ),
    ] {
        let expected = moved(&asked(&mut shared_name, &stanza, answer.clone()));
        assert!(expected.contains("muc.own.example"), "{expected}");
        assert_eq!(asked(&mut own_name, &stanza, answer), expected);
    }
    let joins = |client: &mut Client, host: &str| {
        let to = room(host);
        client.stanza(&format!("<presence to=\"{to}/34\" id=\"j\"><x xmlns=\"http://jabber.org/protocol/muc\"/></presence>"));
        client.session.answers(client.at(), [Answer::Room { number: 0, answer: Ok(vec![80]) }]);
        let mut written = client.written();
        for state in [OccupantState::Entered, OccupantState::Removed] {
            let occupant =
                Occupant { user: if state == OccupantState::Removed { 34 } else { 78 }, state: state.into(), actor: 0 };
            client.session.frame(client.at(), shared(of_group(FrameTold::Occupant(occupant))));
            written.extend(client.written());
        }
        assert_eq!(written.len(), 4, "{written:?}");
        written.concat()
    };
    let expected = moved(&joins(&mut client("h"), "h"));
    assert!(expected.contains(&format!("from=\"{}/80\"", room("own.example"))), "{expected}");
    assert_eq!(joins(&mut client("own.example"), "own.example"), expected);
}

fn client(host: &str) -> Client {
    let mut client = Client::of(Identity { host: host.into(), address: format!("34-905@{host}/r1"), ..identity() });
    client.sends("<iq type=\"set\" id=\"c\"><enable xmlns=\"urn:xmpp:carbons:2\"/></iq>");
    client
}

/// The same as it is written to who came by the other name.
fn moved(text: &str) -> String {
    ["@h/", "@h\"", "muc.h/", "muc.h\""]
        .iter()
        .fold(text.to_owned(), |text, end| text.replace(end, &end.replace('h', "own.example")))
}

fn asked(client: &mut Client, xml: &str, answer: Option<Answered>) -> String {
    let actions = client.stanza(xml);
    let Some(answer) = answer else {
        let written = actions.into_iter().filter_map(|action| if let Action::Write(text) = action { Some(text) } else { None });
        return written.collect();
    };
    let number = queries(&actions)[0].0;
    answered(client, number, Ok(answer)).concat()
}

fn items() -> Vec<PrivacyItem> {
    let of = |in_groups, order| PrivacyItem { user: 78, in_groups, order, ..PrivacyItem::default() };
    vec![of(false, 1), of(true, 2)]
}

/// One frame of each kind, for user 34.
fn frames() -> Vec<Frame> {
    let resource = || "r-bob".to_owned();
    let private = |told| Frame { told: Some(told), ..row(0, 78, "") };
    let contact = |told| Frame { app: 905, to: vec![34], told: Some(told), ..Frame::default() };
    let marker = |author, user| Marker {
        kind: MarkKind::Read.into(),
        message_id: vec![0x66; 12],
        user,
        resource: resource(),
        author,
        ..Marker::default()
    };
    let typing = |recipient| Typing { user: 78, resource: resource(), composing: true, recipient, ..Typing::default() };
    let headline = || Headline { user: 78, resource: resource(), stanza_id: "e".to_owned(), children: "<x/>".to_owned() };
    let reaction =
        |recipient| Reaction { user: 78, recipient, add: "+".to_owned(), message_id: vec![0x66; 12], ..Reaction::default() };
    let change = Change { recipient: 0, ..change_of(removal(1)) };
    vec![
        row(1, 78, "x"),
        row(2, 34, "a copy"),
        private(FrameTold::Marker(marker(34, 78))),
        private(FrameTold::Marker(marker(78, 34))),
        private(FrameTold::Typing(typing(34))),
        private(FrameTold::Reaction(reaction(34))),
        removal(1),
        private(FrameTold::CallSignal(headline())),
        Frame { dialog: Vec::new(), to: vec![34], kept: 1, ..private(FrameTold::Headline(headline())) },
        of_group(FrameTold::Message(said(1, 78, "x"))),
        of_group(FrameTold::Typing(typing(0))),
        of_group(FrameTold::Reaction(reaction(0))),
        Frame { stamp: 1, ..of_group(FrameTold::Change(change)) },
        contact(FrameTold::Availability(Availability {
            user: 78,
            resource: resource(),
            available: true,
            ..Availability::default()
        })),
        contact(FrameTold::ContactRequest(ContactRequest { user: 78, kind: Subscription::Subscribe.into() })),
    ]
}
