//! The contact list, requests for presence, and contacts that come and go.

use super::kit::*;
use natter_proto::event::v1::{Availability, Contact, ContactChange, ContactRequest, Shown, Subscription};
use natter_proto::presence::v1::Present;

const GET: &str = "<iq type=\"get\" id=\"1:getRoster\" from=\"34-905@h/r1\"><query xmlns=\"jabber:iq:roster\"/></iq>";

#[test]
fn the_list_has_a_query_even_when_it_is_empty_and_no_version_unless_asked_for() {
    let mut client = Client::live();
    let number = asks(&mut client, GET, Query::Contacts);
    let contacts = vec![
        Contact { user: 78, name: "Bob & Co".to_owned(), to: true, from: true, ask: false },
        Contact { user: 79, ask: true, ..Contact::default() },
        Contact { user: 80, to: true, ..Contact::default() },
        Contact { user: 81, from: true, ..Contact::default() },
    ];
    assert_eq!(
        answered(&mut client, number, Ok(Answered::Contacts { contacts: contacts.clone(), revision: 7 })),
        ["<iq xmlns=\"jabber:client\" type=\"result\" id=\"1:getRoster\" to=\"34-905@h/r1\"><query xmlns=\"jabber:iq:roster\">\
          <item jid=\"78-905@h\" subscription=\"both\" name=\"Bob &amp; Co\"/>\
          <item jid=\"79-905@h\" subscription=\"none\" ask=\"subscribe\"/>\
          <item jid=\"80-905@h\" subscription=\"to\"/><item jid=\"81-905@h\" subscription=\"from\"/></query></iq>"]
    );
    let number = asks(&mut client, GET, Query::Contacts);
    let written = answered(&mut client, number, Ok(Answered::Contacts { contacts: Vec::new(), revision: 0 }));
    assert!(written[0].ends_with("<query xmlns=\"jabber:iq:roster\"/></iq>"), "{written:?}");

    for (asked, answer) in [
        ("", "<query xmlns=\"jabber:iq:roster\" ver=\"7\"><item "),
        ("6", "<query xmlns=\"jabber:iq:roster\" ver=\"7\"><item "),
        ("7", "to=\"34-905@h/r1\"/>"),
    ] {
        let get = GET.replace("roster\"/>", &format!("roster\" ver=\"{asked}\"/>"));
        let number = asks(&mut client, &get, Query::Contacts);
        let list = Answered::Contacts { contacts: contacts.clone(), revision: 7 };
        let written = answered(&mut client, number, Ok(list));
        assert!(written[0].contains(answer), "{asked}: {written:?}");
    }
}

#[test]
fn one_contact_is_set_at_a_time_and_the_answer_is_empty() {
    let mut client = Client::live();
    let set = |items: &str| {
        format!("<iq type=\"set\" id=\"2:addContactInRoster\"><query xmlns=\"jabber:iq:roster\">{items}</query></iq>")
    };
    let done = "<iq xmlns=\"jabber:client\" type=\"result\" id=\"2:addContactInRoster\" to=\"34-905@h/r1\"/>";
    let user = UserId(78);
    for (item, query) in [
        ("<item jid=\"78-905@h\"/>", Query::SetContact { user, name: String::new() }),
        ("<item jid=\"78-905@h/x\" name=\"B\u{f6}b\"/>", Query::SetContact { user, name: "B\u{f6}b".to_owned() }),
        ("<item jid=\"78-905@h\" subscription=\"remove\"/>", Query::RemoveContact(user)),
    ] {
        let number = asks(&mut client, &set(item), query);
        assert_eq!(answered(&mut client, number, Ok(Answered::Done)), [done], "{item}");
    }
    let number = asks(&mut client, &set("<item jid=\"78-905@h\"/>"), Query::SetContact { user, name: String::new() });
    let full = answered(&mut client, number, Err(Failure::new(Code::TooMany, "300")));
    assert!(full[0].contains("<error code=\"405\"") && full[0].contains("<not-allowed "), "{full:?}");
    for (items, code) in [
        ("", "400"),
        ("<item jid=\"78-905@h\"/><item jid=\"79-905@h\"/>", "400"),
        ("<item/>", "404"),
        ("<item jid=\"78-906@h\"/>", "404"),
        ("<item jid=\"34-905@h\"/>", "405"),
        (&format!("<item jid=\"78-905@h\" name=\"{}\"/>", "n".repeat(1_024)), "406"),
    ] {
        let refused = client.sends(&set(items));
        assert!(refused.len() == 1 && refused[0].contains(&format!("<error code=\"{code}\"")), "{items}: {refused:?}");
    }
}

#[test]
fn requests_go_out_in_order_and_are_never_answered_to_who_sends_them() {
    let mut client = Client::live();
    for (kind, word) in KINDS {
        let number = asks(
            &mut client,
            &format!("<presence to=\"78-905@h\" type=\"{word}\"/>"),
            Query::Subscribe { user: UserId(78), kind },
        );
        assert_eq!(answered(&mut client, number, Err(Failure::new(Code::TooMany, "no"))), [""; 0]);
    }
    for odd in [
        "<presence to=\"34-905@h\" type=\"subscribe\"/>",
        "<presence to=\"78-905@h\"/>",
        "<presence to=\"78-906@h\" type=\"subscribe\"/>",
    ] {
        assert_eq!((queries(&client.stanza(odd)).len(), client.written().len()), (0, 0), "{odd}");
    }
    // The SDK adds a contact and asks it at once: the second waits for the first, and for nobody else's.
    let set = "<iq type=\"set\" id=\"2\"><query xmlns=\"jabber:iq:roster\"><item jid=\"78-905@h\"/></query></iq>";
    let number = asks(&mut client, set, Query::SetContact { user: UserId(78), name: String::new() });
    assert_eq!(queries(&client.stanza("<presence to=\"78-905@h\" type=\"subscribe\"/>")).len(), 0);
    let other = "<presence to=\"79-905@h\" type=\"subscribe\"/>";
    let kind = Subscription::Subscribe;
    asks(&mut client, other, Query::Subscribe { user: UserId(79), kind });
    client.session.answers(client.at(), [Answer::Presence { number, answer: Ok(Answered::Done) }]);
    assert_eq!(queries(&client.actions())[0].1, Query::Subscribe { user: UserId(78), kind });
}

#[test]
fn a_step_is_acknowledged_when_it_is_stored() {
    let user = UserId(78);
    let kind = Subscription::Subscribe;
    let set = "<iq type=\"set\" id=\"2\"><query xmlns=\"jabber:iq:roster\"><item jid=\"78-905@h\"/></query></iq>";
    let step = "<presence to=\"78-905@h\" type=\"subscribe\"/>";
    let steps = [(set, Query::SetContact { user, name: String::new() }), (step, Query::Subscribe { user, kind })];
    for (stanza, query) in steps.clone() {
        let mut client = counted();
        let number = asks(&mut client, stanza, query);
        assert_eq!(client.sends(R), [""; 0], "not stored yet: {stanza}");
        let written = answered(&mut client, number, Ok(Answered::Done));
        assert_eq!(written.last().map(String::as_str), Some("<a xmlns=\"urn:xmpp:sm:3\" h=\"1\"/>"), "{stanza}");
    }
    for code in [Code::Forbidden, Code::TooMany] {
        let mut client = counted();
        let number = asks(&mut client, step, steps[1].1.clone());
        client.sends(R);
        let written = answered(&mut client, number, Err(Failure::new(code, "no")));
        assert_eq!(written, ["<a xmlns=\"urn:xmpp:sm:3\" h=\"1\"/>"], "refused for good: {code:?}");
    }
    for code in [Code::Unknown, Code::NotStored, Code::Busy] {
        let mut client = counted();
        let number = asks(&mut client, step, steps[1].1.clone());
        client.sends(R);
        let answer = Err(Failure::new(code, "?"));
        client.session.answers(client.at(), [Answer::Presence { number, answer }]);
        assert_eq!(client.farewell(), (Some(StreamFault::InternalError), SessionState::Vanished), "{code:?}");
    }
    // What is only read holds nothing up.
    let mut client = counted();
    asks(&mut client, GET, Query::Contacts);
    assert_eq!(client.sends(R), ["<a xmlns=\"urn:xmpp:sm:3\" h=\"1\"/>"]);
}

#[test]
fn a_session_that_drains_waits_for_its_steps() {
    let mut client = Client::live();
    let kind = Subscription::Subscribe;
    let number = asks(&mut client, "<presence to=\"78-905@h\" type=\"subscribe\"/>", Query::Subscribe { user: UserId(78), kind });
    client.session.drain(client.at());
    assert!(!client.actions().iter().any(|action| matches!(action, Action::End(_))));
    client.session.answers(client.at(), [Answer::Presence { number, answer: Ok(Answered::Done) }]);
    assert_eq!(client.farewell(), (None, SessionState::Vanished));
}

#[test]
fn what_a_contact_asks_and_answers_comes_from_bare_to_bare() {
    let mut client = Client::live();
    for (kind, word) in KINDS {
        let request = ContactRequest { user: 78, kind: kind.into() };
        assert_eq!(
            hears(&mut client, FrameTold::ContactRequest(request)),
            [format!("<presence xmlns=\"jabber:client\" from=\"78-905@h\" to=\"34-905@h\" type=\"{word}\"/>")]
        );
    }
}

#[test]
fn an_sdk_hears_of_the_last_session_only_and_a_standard_client_of_each() {
    let seen = |available, last| {
        FrameTold::Availability(Availability {
            user: 78,
            resource: "phone".to_owned(),
            available,
            last,
            ..Availability::default()
        })
    };
    let there = "<presence xmlns=\"jabber:client\" from=\"78-905@h/phone\" to=\"34-905@h/r1\"/>".to_owned();
    let gone = there.replace("/>", " type=\"unavailable\"/>");
    let mut standard = Client::live();
    let mut sdk = Client::of(Identity { has_authzid: true, ..identity() });
    for (told, to_standard, to_sdk) in [
        (seen(true, false), vec![&there], vec![&there]),
        (seen(false, false), vec![&gone], vec![]),
        (seen(false, true), vec![&gone], vec![&gone]),
    ] {
        assert_eq!(hears(&mut standard, told.clone()).iter().collect::<Vec<_>>(), to_standard);
        assert_eq!(hears(&mut sdk, told).iter().collect::<Vec<_>>(), to_sdk);
    }
}

#[test]
fn what_a_presence_shows_is_announced_bounded_and_told_again_when_it_changes() {
    let mut client = Client::new(identity());
    let shows = |actions: Vec<Action>| match actions.as_slice() {
        [Action::Call(Call::Return { shown, .. })] => vec![shown.clone()],
        [Action::Call(Call::Show(shown))] => vec![shown.clone()],
        [] => vec![],
        other => panic!("{other:?}"),
    };
    let away = Shown { show: "away".to_owned(), status: "at the ball".to_owned(), priority: -5 };
    let stanza = "<presence><show>away</show><status>at the ball</status><priority>-5</priority><x xmlns=\"u:x\"/></presence>";
    assert_eq!(shows(client.stanza(stanza)), [Some(away.clone())]);
    client.returns(Returned::default());
    assert_eq!(shows(client.stanza(stanza)), [], "nothing changed");
    assert_eq!(shows(client.stanza("<presence/>")), [None]);
    // Words of no meaning and numbers out of range show nothing; long words are cut, and not within a letter.
    for nothing in ["<show>busy</show>", "<priority>200</priority>", "<priority>x</priority>", "<status/>", "<y xmlns=\"u:y\"/>"]
    {
        assert_eq!(shows(client.stanza(&format!("<presence>{nothing}</presence>"))), [], "{nothing}");
    }
    let long = shows(client.stanza(&format!("<presence><status>{}</status></presence>", "\u{f6}".repeat(600))));
    assert_eq!(long[0].as_ref().map(|shown| shown.status.len()), Some(1_022));
}

#[test]
fn a_standard_client_is_told_what_a_contact_shows_and_an_sdk_is_not() {
    let shown = Some(Shown { show: "dnd".to_owned(), status: "a & b".to_owned(), priority: 3 });
    let seen = |again| {
        let availability =
            Availability { user: 78, resource: "phone".to_owned(), available: true, shown: shown.clone(), again, last: false };
        FrameTold::Availability(availability)
    };
    let bare = "<presence xmlns=\"jabber:client\" from=\"78-905@h/phone\" to=\"34-905@h/r1\"/>";
    let whole = bare.replace("/>", "><show>dnd</show><status>a &amp; b</status><priority>3</priority></presence>");
    let (mut standard, mut sdk) = (Client::live(), Client::of(Identity { has_authzid: true, ..identity() }));
    for again in [false, true] {
        assert_eq!(hears(&mut standard, seen(again)), [whole.as_str()]);
    }
    assert_eq!(hears(&mut sdk, seen(false)), [bare]);
    assert_eq!(hears(&mut sdk, seen(true)), [""; 0], "he came already");
    let mut client = Client::new(identity());
    client.stanza("<presence/>");
    let present = vec![Present { user: 78, resource: "phone".to_owned(), shown }];
    assert_eq!(client.returns(Returned { present, ..Returned::default() }), [whole.as_str()]);
}

#[test]
fn a_change_is_pushed_to_standard_clients_that_asked_for_the_list() {
    let change = |removed| {
        let contact = Contact { user: 78, name: "Bob".to_owned(), to: true, ..Contact::default() };
        FrameTold::ContactChange(ContactChange { contact: Some(contact), removed, revision: 8 })
    };
    let mut client = Client::live();
    assert_eq!(hears(&mut client, change(false)), [""; 0], "it has no list");
    asks(&mut client, GET, Query::Contacts);
    let push = |n: u64, item: &str| {
        format!(
            "<iq xmlns=\"jabber:client\" type=\"set\" id=\"contacts-{n}\" to=\"34-905@h/r1\">\
             <query xmlns=\"jabber:iq:roster\" ver=\"8\">{item}</query></iq>"
        )
    };
    let item = "<item jid=\"78-905@h\" subscription=\"to\" name=\"Bob\"/>";
    assert_eq!(hears(&mut client, change(false)), [push(1, item)]);
    assert_eq!(hears(&mut client, change(true)), [push(2, "<item jid=\"78-905@h\" subscription=\"remove\"/>")]);
    let mut sdk = Client::of(Identity { has_authzid: true, ..identity() });
    asks(&mut sdk, GET, Query::Contacts);
    assert_eq!(hears(&mut sdk, change(false)), [""; 0]);
}

#[test]
fn the_first_presence_brings_contacts_and_open_requests_once() {
    let mut client = Client::new(identity());
    client.stanza("<presence/>");
    let request = ContactRequest { user: 79, kind: Subscription::Subscribe.into() };
    assert_eq!(hears(&mut client, FrameTold::ContactRequest(request)), [""; 0]);
    let present = vec![Present { user: 78, resource: "phone".to_owned(), shown: None }];
    let written = client.returns(Returned { requests: vec![79, 80], present, ..Returned::default() });
    let from = |text: &String| text.split('"').nth(3).unwrap().to_owned();
    assert_eq!(written.iter().map(from).collect::<Vec<_>>(), ["78-905@h/phone", "80-905@h", "79-905@h"]);
}

#[test]
fn a_request_that_was_told_at_the_greeting_is_not_told_again_by_its_frame() {
    let asks_him = || FrameTold::ContactRequest(ContactRequest { user: 79, kind: Subscription::Subscribe.into() });
    let greeted = || {
        let mut client = Client::new(identity());
        client.stanza("<presence/>");
        assert_eq!(client.returns(Returned { requests: vec![79], ..Returned::default() }).len(), 1);
        client
    };
    let mut client = greeted();
    assert_eq!(hears(&mut client, asks_him()), [""; 0], "it was on its way");
    client.wait(2_000);
    assert_eq!(hears(&mut client, asks_him()).len(), 1, "another one");
    let mut client = greeted();
    client.stanza("<presence to=\"79-905@h\" type=\"unsubscribed\"/>");
    assert_eq!(hears(&mut client, asks_him()).len(), 1, "he was answered, and asks again");
}

// === helpers ===

const R: &str = "<r xmlns=\"urn:xmpp:sm:3\"/>";

/// A standard client that counts from here on.
fn counted() -> Client {
    let mut client = Client::live();
    client.sends("<enable xmlns=\"urn:xmpp:sm:3\" resume=\"true\"/>");
    client
}

const KINDS: [(Subscription, &str); 4] = [
    (Subscription::Subscribe, "subscribe"),
    (Subscription::Subscribed, "subscribed"),
    (Subscription::Unsubscribe, "unsubscribe"),
    (Subscription::Unsubscribed, "unsubscribed"),
];

fn hears(client: &mut Client, told: FrameTold) -> Vec<String> {
    client.session.frame(client.at(), shared(Frame { app: 905, to: vec![34], told: Some(told), ..Frame::default() }));
    client.written()
}
