//! Edits, removals and reactions, in both directions.

use natter_proto::STORING_MS;

use super::kit::*;
use natter_proto::event::v1::Reaction;

const EDIT: &str = "<message type=\"chat\" id=\"66f1000000000000000000c1\" to=\"78-905@h\"><body>corrected</body>\
    <replace xmlns=\"urn:xmpp:message-correct:0\" id=\"66f1000000000000000000a1\" last=\"true\"/>\
    <extraParams><k>v</k></extraParams></message>";
const REMOVAL: &str = "<message type=\"groupchat\" id=\"66f1000000000000000000c2\" to=\"905_a6f0a1b2c3d4e5f607182930@muc.h\">\
    <remove xmlns=\"urn:xmpp:message-delete:0\" id=\"66f1000000000000000000a1\"/></message>";

#[test]
fn an_edit_is_made_with_its_keys_and_a_removal_is_for_all() {
    let mut client = Client::live();
    let id = "66f1000000000000000000a1".parse::<MessageId>().unwrap().to_vec();
    let actions = client.stanza(EDIT);
    let [Action::Call(Call::Job { job: Job::Update(edit), .. })] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!((edit.dialog.clone(), edit.id.clone(), edit.body.as_str()), (dialog().to_vec(), id.clone(), "corrected"));
    assert_eq!((edit.user, edit.told, edit.last, edit.stanza_id.as_str()), (34, true, true, "66f1000000000000000000c1"));
    assert_eq!(
        edit.relay,
        format!("<extraParams xmlns=\"jabber:client\"><k>v</k><dialog_id>{}</dialog_id></extraParams>", dialog())
    );
    assert_eq!(edit.origin, Some(identity().session));
    let keys: Vec<_> = edit.extensions.iter().map(|extension| extension.key.as_str()).collect();
    assert_eq!((keys, edit.attachments.is_empty()), (vec!["k"], true));

    let to_group = EDIT.replace("type=\"chat\"", "type=\"groupchat\"").replace("78-905@h", ROOM);
    let actions = client.stanza(&to_group.replace("<k>v</k>", "<dialog_id>null</dialog_id>").replace(" last=\"true\"", ""));
    let [Action::Call(Call::Job { job: Job::Update(edit), .. })] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!((edit.dialog.clone(), edit.last), (group().to_vec(), false));
    assert_eq!(edit.relay, format!("<extraParams xmlns=\"jabber:client\"><dialog_id>{GROUP}</dialog_id></extraParams>"));

    let actions = client.stanza(REMOVAL);
    let [Action::Call(Call::Job { job: Job::Remove(removal), .. })] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!((removal.user, removal.force, removal.ids.clone()), (34, true, vec![id]));
    assert_eq!((removal.stanza_id.as_str(), removal.dialog.clone()), ("66f1000000000000000000c2", group().to_vec()));
    let actions = client.stanza(&REMOVAL.replace("groupchat", "chat").replace(ROOM, "78-905@h"));
    let [Action::Call(Call::Job { job: Job::Remove(removal), .. })] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!(removal.dialog, dialog().to_vec());
}

#[test]
fn a_refused_change_is_an_error_and_a_message_nobody_knows_is_refused_here() {
    let mut client = Client::live();
    client.sends(EDIT);
    let written = client.answers(0, Err(Failure::new(Code::Forbidden, "not the author")));
    assert!(written[0].contains("type=\"error\" id=\"66f1000000000000000000c1\" from=\"78-905@h\""), "{written:?}");
    assert!(written[0].contains("<error code=\"403\""));
    client.sends(REMOVAL);
    assert!(client.answers(1, Err(Failure::new(Code::NotFound, "gone")))[0].contains("<error code=\"404\""));
    let unknown = client.sends(&EDIT.replace("66f1000000000000000000a1", "7"));
    assert!(unknown[0].contains("<error code=\"404\""), "{unknown:?}");
    let large = client.sends(&EDIT.replace("corrected", &"x".repeat(61_441)));
    assert!(large[0].contains("<policy-violation "));
}

#[test]
fn a_standard_client_names_what_it_changes_as_it_named_it_before() {
    let mut client = Client::live();
    let long = "0b5a9c1e-0d7f-4b0a";
    let post = client.posts(&format!("<message type=\"chat\" id=\"{long}\" to=\"78-905@h\"><body>x</body></message>")).remove(0);
    let actions = client.stanza(&EDIT.replace("66f1000000000000000000a1", long));
    let [Action::Call(Call::Job { job: Job::Update(edit), .. })] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!(edit.id, post.message.unwrap().id);
}

#[test]
fn an_edit_is_told_with_its_id_its_sender_and_its_keys() {
    let mut client = Client::live();
    let relay = "<extraParams xmlns=\"jabber:client\"><k>v</k></extraParams>";
    let edit = |user, stamp| Change {
        what: Some(What::Edited(message(1, 78, "new"))),
        user,
        stanza_id: "66f1000000000000000000c1".to_owned(),
        resource: "r-bob".to_owned(),
        relay: relay.to_owned(),
        last: true,
        ..change_of(removal(stamp))
    };
    let inner = |from: &str, to: &str| {
        format!(
            "from=\"{from}\" to=\"{to}\" id=\"66f1000000000000000000c1\"><body>new</body>\
             <replace xmlns=\"urn:xmpp:message-correct:0\" id=\"{}\" last=\"true\"/>{relay}</message>",
            "66".repeat(12)
        )
    };
    let private = Frame { told: Some(FrameTold::Change(edit(78, 1))), ..removal(1) };
    let expected = format!("<message xmlns=\"jabber:client\" type=\"chat\" {}", inner("78-905@h/r-bob", "34-905@h"));
    assert_eq!(client.frame(private), [expected]);

    let in_group = |user, stamp| of_group(FrameTold::Change(Change { recipient: 0, ..edit(user, stamp) }));
    let expected = format!("<message xmlns=\"jabber:client\" type=\"groupchat\" {}", inner(&format!("{ROOM}/78"), "34-905@h/r1"));
    assert_eq!(client.frame(in_group(78, 1)), [expected]);
    let own = Frame { origin: Some(identity().session), ..in_group(34, 2) };
    assert!(client.frame(own)[0].contains(&format!("from=\"{ROOM}/34\"")), "in a group everybody gets it");
    // From history it is the same.
    client.session.frame(client.at(), shared(in_group(78, 4)));
    assert!(client.actions().contains(&Action::Call(Call::Changes {
        dialog: group(),
        above: Some(2),
        since: SINCE - STORING_MS
    })));
    let changes = Changes { changes: vec![Change { recipient: 0, ..edit(34, 3) }], more: false };
    client.session.answers(client.at(), [Answer::Changed { dialog: group(), changes: Some(changes) }]);
    let written = client.written();
    assert!(written[0].contains("type=\"groupchat\"") && written[0].contains(&format!("{ROOM}/34")), "{written:?}");
}

#[test]
fn own_changes_are_copies_elsewhere_and_nothing_here() {
    let mut client = Client::live();
    client.sends("<iq type=\"set\" id=\"c\"><enable xmlns=\"urn:xmpp:carbons:2\"/></iq>");
    let own = |stamp, resource: &str| {
        let change = Change { user: 34, recipient: 78, resource: resource.to_owned(), ..change_of(removal(stamp)) };
        Frame { told: Some(FrameTold::Change(change)), ..removal(stamp) }
    };
    let here = |stamp| Frame { origin: Some(identity().session), ..own(stamp, "r1") };
    let written = client.frame(own(1, "r2"));
    assert!(written[0].contains("<sent ") && written[0].contains("from=\"34-905@h/r2\" to=\"78-905@h\" id=\""), "{written:?}");
    assert_eq!(client.frame(here(2)), [""; 0]);
    assert_eq!(client.frame(removal(3)).len(), 1, "its own was no hole");
    // The frame of its own was lost.
    client.session.frame(client.at(), shared(removal(5)));
    client.actions();
    let changes = Changes { changes: vec![change_of(here(4))], more: false };
    client.session.answers(client.at(), [Answer::Changed { dialog: dialog(), changes: Some(changes) }]);
    assert_eq!(client.written().iter().filter(|text| text.contains("<remove ")).count(), 1);
}

#[test]
fn a_change_made_over_rest_has_the_same_id_everywhere() {
    let id = |framing| {
        let mut client = Client::of(Identity { framing, ..identity() });
        let written = client.frame(removal(1)).remove(0);
        written.split(" id=\"").nth(1).unwrap()[..24].to_owned()
    };
    assert_eq!(id(Framing::Tcp), id(Framing::WebSocket));
    assert!(id(Framing::Tcp).parse::<MessageId>().is_ok());
}

#[test]
fn a_reaction_is_told_by_the_room_or_by_the_other() {
    let reaction = |user| Reaction {
        user,
        message_id: vec![0x66; 12],
        add: "👍".to_owned(),
        remove: "👎".to_owned(),
        stanza_id: "66f1000000000000000000d1".to_owned(),
        recipient: 78,
    };
    let inner = |user, dialog| {
        format!(
            "id=\"66f1000000000000000000d1\"><reactions user_id=\"{user}\" message_id=\"{}\"><reaction add=\"true\" type=\"👍\"/>\
             <reaction remove=\"true\" type=\"👎\"/></reactions>\
             <extraParams xmlns=\"jabber:client\"><dialog_id>{dialog}</dialog_id></extraParams></message>",
            "66".repeat(12)
        )
    };
    let mut client = Client::live();
    for user in [78, 34] {
        let written = client.frame(of_group(FrameTold::Reaction(reaction(user))));
        let head = format!("<message xmlns=\"jabber:client\" type=\"groupchat\" from=\"{ROOM}/{user}\" to=\"34-905@h/r1\" ");
        assert_eq!(written, [head + &inner(user, group())]);
    }
    let private = |user| Frame { told: Some(FrameTold::Reaction(reaction(user))), ..row(0, 78, "") };
    let head = "<message xmlns=\"jabber:client\" type=\"chat\" from=\"78-905@h\" to=\"34-905@h\" ";
    assert_eq!(client.frame(private(78)), [head.to_owned() + &inner(78, dialog())]);
    assert_eq!(client.frame(private(34)), [""; 0]);
    client.sends("<iq type=\"set\" id=\"c\"><enable xmlns=\"urn:xmpp:carbons:2\"/></iq>");
    let copy = client.frame(private(34));
    assert!(copy[0].contains("<sent ") && copy[0].contains("from=\"34-905@h\" to=\"78-905@h\" id="), "{copy:?}");
    let only_added = Reaction { remove: String::new(), ..reaction(78) };
    assert!(!client.frame(of_group(FrameTold::Reaction(only_added)))[0].contains("remove="));
}
