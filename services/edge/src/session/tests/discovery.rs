//! What is said of the server, the room service, the own account and rooms.

use super::kit::*;

#[test]
fn each_place_says_what_can_be_had_there() {
    let mut client = Client::live();
    for (to, identity, features) in [
        (
            "",
            "category=\"server\" type=\"im\"",
            &[
                "disco#info",
                "disco#items",
                "urn:xmpp:ping",
                "jabber:iq:roster",
                "jabber:iq:privacy",
                "urn:xmpp:carbons:2",
                "msgoffline",
            ][..],
        ),
        ("to=\"muc.h\"", "category=\"conference\" type=\"text\"", &["disco#info", "disco#items", "protocol/muc"]),
        (
            "to=\"34-905@h\"",
            "category=\"account\" type=\"registered\"",
            &["disco#info", "disco#items", "urn:xmpp:ping", "urn:xmpp:carbons:2", "jabber:iq:last"],
        ),
    ] {
        let written = client.sends(&ask("info", to, ""));
        let of = |text: &str| text.matches("<feature ").count();
        assert_eq!((written.len(), of(&written[0])), (1, features.len()), "{to}: {written:?}");
        assert!(written[0].contains("type=\"result\"") && written[0].contains(identity), "{to}: {written:?}");
        for feature in features {
            assert!(written[0].contains(&format!("{feature}\"/>")), "no {feature} in {written:?}");
        }
    }
    assert!(client.sends(&ask("items", "", ""))[0].contains("<item jid=\"muc.h\"/></query>"));
    for to in ["to=\"muc.h\"", "to=\"34-905@h\""] {
        assert!(client.sends(&ask("items", to, ""))[0].contains("disco#items\"/></iq>"), "{to}");
    }
}

#[test]
fn there_are_no_nodes_and_nothing_is_said_of_others() {
    let mut client = Client::live();
    for (what, to, node, condition) in [
        ("info", "", "node=\"x\"", "item-not-found"),
        ("items", "", "node=\"x\"", "item-not-found"),
        ("info", "to=\"905_a6f0a1b2c3d4e5f607182930@muc.h\"", "node=\"x\"", "item-not-found"),
        ("info", "to=\"906_a6f0a1b2c3d4e5f607182930@muc.h\"", "", "item-not-found"),
        ("info", "to=\"78-905@h\"", "", "service-unavailable"),
        ("items", "to=\"78-905@h\"", "", "service-unavailable"),
        ("info", "to=\"78-906@h\"", "", "service-unavailable"),
    ] {
        let written = client.sends(&ask(what, to, node));
        assert!(written[0].contains("type=\"error\"") && written[0].contains(condition), "{to} {node}: {written:?}");
    }
}

#[test]
fn a_room_is_described_to_whoever_may_enter_it_and_is_not_there_for_others() {
    let mut client = Client::live();
    let mut described = |number: u64, answer: Result<Vec<u64>, Failure>| {
        let asked = client.stanza(&ask("info", &format!("to=\"{ROOM}\""), ""));
        assert_eq!(asked, [Action::Call(Call::Room { number, dialog: group(), ask: Ask::About })]);
        client.session.answers(client.at(), [Answer::Room { number, answer }]);
        client.written().remove(0)
    };
    let text = described(0, Ok(Vec::new()));
    assert!(text.contains("category=\"conference\"") && text.contains("muc_persistent"), "{text}");
    assert!(text.contains(&format!("from=\"{ROOM}\"")), "{text}");
    let refusals = [Code::NotFound, Code::Forbidden]
        .map(|code| described(1 + u64::from(code == Code::Forbidden), Err(Failure::new(code, "why"))));
    assert!(refusals[0].contains("item-not-found") && refusals[0] == refusals[1], "{refusals:?}");
    assert!(!described(3, Err(Failure::new(Code::Busy, ""))).contains("item-not-found"));
}

fn ask(what: &str, to: &str, node: &str) -> String {
    format!("<iq type=\"get\" id=\"d\" {to}><query xmlns=\"http://jabber.org/protocol/disco#{what}\" {node}/></iq>")
}
