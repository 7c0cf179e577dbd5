//! What a client sends: posts, acks, statuses, refusals.

use super::kit::*;

#[test]
fn a_message_is_posted_to_the_dialog_of_the_two() {
    let mut client = Client::live();
    let post = client.posts(BODY).remove(0);
    assert_eq!((post.app, post.recipient, post.store, post.deliver), (905, 78, true, true));
    assert_eq!(post.dialog, dialog().to_vec());
    let message = post.message.unwrap();
    assert_eq!(message.id, "66f1000000000000000000a1".parse::<MessageId>().unwrap().to_vec());
    assert_eq!((message.sender, message.recipient, message.body.as_deref()), (34, 78, Some("x")));
    assert_eq!(post.origin.unwrap().session, 1);
}

#[test]
fn a_message_without_a_usable_id_gets_one_and_keeps_its_own_for_the_relay() {
    let mut client = Client::live();
    let post = client.posts("<message type=\"chat\" id=\"uuid-1\" to=\"78-905@h\"><body>x</body></message>").remove(0);
    let message = post.message.unwrap();
    assert_eq!((message.id.len(), message.stanza_id.as_str(), post.store), (12, "uuid-1", true));
}

#[test]
fn the_acks_of_the_sdk_count_its_stored_messages_only() {
    let mut client = Client::live();
    client.sends("<iq type=\"set\" id=\"1:enableCarbons\"><enable xmlns=\"urn:xmpp:carbons:2\"/></iq>");
    assert_eq!(client.sends(ENABLE), ["<enabled xmlns=\"urn:xmpp:sm:3\"/>"]);
    client.sends("<presence/>");
    assert_eq!(client.sends(BODY), [""; 0]);
    assert_eq!(client.sends(ASK), [""; 0], "an ack is a promise");
    assert_eq!(client.answers(0, Ok(1)), ["<a xmlns=\"urn:xmpp:sm:3\" h=\"1\"/>"]);
}

#[test]
fn a_refused_message_is_an_error_and_counts() {
    let mut client = Client::live();
    client.sends(ENABLE);
    client.sends(BODY);
    client.sends(ASK);
    let written = client.answers(0, Err(Failure::new(Code::Forbidden, "blocked")));
    assert!(written[0].contains("type=\"error\" id=\"66f1000000000000000000a1\" from=\"78-905@h\" to=\"34-905@h/r1\""));
    assert!(written[0].contains("<error code=\"403\""));
    assert_eq!(written[1], "<a xmlns=\"urn:xmpp:sm:3\" h=\"1\"/>");
}

#[test]
fn a_message_that_was_not_stored_is_lost_to_the_sdk_by_the_end_of_the_stream() {
    let mut client = Client::live();
    client.sends("<iq type=\"set\" id=\"1:enableCarbons\"><enable xmlns=\"urn:xmpp:carbons:2\"/></iq>");
    client.sends(ENABLE);
    client.sends(BODY);
    client.sends(ASK);
    client.job(0, Err(Failure::new(Code::NotStored, "full")));
    assert_eq!(client.farewell(), (Some(StreamFault::InternalError), SessionState::Vanished));

    let mut standard = Client::live();
    standard.sends(BODY);
    let written = standard.answers(0, Err(Failure::new(Code::NotStored, "full")));
    assert!(written[0].contains("<error code=\"500\""), "others are told by an error");
}

#[test]
fn sdk_1_is_answered_within_its_two_seconds_or_its_stream_ends() {
    let identity = || Identity { has_authzid: true, ..identity() };
    let mut client = Client::of(identity());
    client.sends(ENABLE);
    client.sends(BODY);
    client.sends(ASK);
    client.wait(1_800);
    assert_eq!(client.farewell().0, Some(StreamFault::InternalError), "submitted: it may exist");

    let mut client = Client::of(identity());
    client.sends(ENABLE);
    client.sends(BODY);
    client.sends(ASK);
    client.job(0, Err(Failure::new(Code::Busy, "full")));
    let written = client.wait(1_800);
    assert!(written[0].contains("code=\"500\""), "not submitted: {written:?}");
    assert_eq!(written[1], "<a xmlns=\"urn:xmpp:sm:3\" h=\"1\"/>");
}

#[test]
fn statuses_go_to_the_author_and_typing_is_signalled() {
    let mut client = Client::live();
    let mark = "<message type=\"chat\" id=\"66f1000000000000000000b1\" to=\"78-905@h\">\
        <displayed xmlns=\"urn:xmpp:chat-markers:0\" id=\"66f1000000000000000000a1\"/></message>";
    let actions = client.stanza(mark);
    let [Action::Call(Call::Job { job: Job::Mark(mark), .. })] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!((mark.user, mark.author, mark.relay, mark.kind()), (34, 78, true, MarkKind::Read));
    assert_eq!(mark.dialog, dialog().to_vec());
    let typing = "<message type=\"chat\" to=\"78-905@h\"><composing xmlns=\"http://jabber.org/protocol/chatstates\"/></message>";
    let actions = client.stanza(typing);
    let [Action::Call(Call::Job { job: Job::Signal(signal), .. })] = actions.as_slice() else { panic!("{actions:?}") };
    assert!(signal.typing.as_ref().unwrap().composing);
}

#[test]
fn what_leads_nowhere_is_refused_by_name_and_statuses_in_silence() {
    let mut client = Client::live();
    for (stanza, code) in [
        ("<message type=\"chat\" id=\"1\" to=\"78-906@h\"><body>x</body></message>", "404"),
        ("<message type=\"chat\" id=\"1\" to=\"nobody@h\"><body>x</body></message>", "404"),
        ("<message type=\"groupchat\" id=\"1\" to=\"78-905@h\"><body>x</body></message>", "404"),
        ("<message type=\"groupchat\" id=\"1\" to=\"906_a6f0a1b2c3d4e5f607182930@muc.h\"><body>x</body></message>", "404"),
        ("<message type=\"headline\" id=\"1\" to=\"a6f0a1b2c3d4e5f607182930\"><body>x</body></message>", "503"),
    ] {
        assert!(client.sends(stanza)[0].contains(&format!("<error code=\"{code}\"")), "{stanza}");
    }
    let large = format!("<message type=\"chat\" id=\"1\" to=\"78-905@h\"><body>{}</body></message>", "x".repeat(61_441));
    assert!(client.sends(&large)[0].contains("<policy-violation "));
    let marker = "<message type=\"chat\" to=\"78-906@h\"><received xmlns=\"urn:xmpp:chat-markers:0\" id=\"1\"/></message>";
    assert_eq!(client.sends(marker), [""; 0]);
}

#[test]
fn a_message_named_in_another_form_is_marked_by_that_name() {
    let mut client = Client::live();
    let named = Message { stanza_id: "uuid-1".to_owned(), ..message(1, 78, "hi") };
    let id = named.id.clone();
    client.frame(Frame { told: Some(FrameTold::Message(named)), ..row(1, 78, "") });
    let mark = |name: &str| {
        format!("<message type=\"chat\" to=\"78-905@h\"><displayed xmlns=\"urn:xmpp:chat-markers:0\" id=\"{name}\"/></message>")
    };
    let actions = client.stanza(&mark("uuid-1"));
    let [Action::Call(Call::Job { job: Job::Mark(request), .. })] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!((&request.ids[0], &request.dialog, request.named.as_str()), (&id, &dialog().to_vec(), "uuid-1"));
    assert_eq!(client.stanza(&mark("uuid-2")), [], "nobody told it of that one");
}

#[test]
fn a_name_that_is_unique_gives_the_same_id_on_every_stream() {
    let id_of = |client: &mut Client, name: &str| {
        let post =
            client.posts(&format!("<message type=\"chat\" id=\"{name}\" to=\"78-905@h\"><body>x</body></message>")).remove(0);
        post.message.unwrap().id
    };
    let (mut one, mut other) = (Client::live(), Client::live());
    one.sends("<presence/>");
    let long = "0b5a9c1e-0d7f-4b0a";
    assert_eq!(id_of(&mut one, long), id_of(&mut other, long));
    assert_ne!(id_of(&mut one, "7"), id_of(&mut other, "7"), "a counter is not unique");
}
