//! Privacy lists: how they are asked for, changed and answered, and what is not told to whoever keeps somebody out.

use super::kit::*;
use natter_proto::event::v1::{Headline, Reaction, Subscription, Typing};
use natter_proto::presence::v1::PrivacyItem;

const ONE_WAY: &str = "<item type=\"jid\" value=\"78-905@h\" action=\"deny\" order=\"1\"><message/><presence-in/><presence-out/><iq/></item>\
    <item type=\"jid\" value=\"muc.h/78\" action=\"deny\" order=\"2\"><message/><presence-in/><presence-out/><iq/></item>";
const MUTUAL: &str = "<item type=\"jid\" value=\"48-905@h\" action=\"deny\" order=\"3\"/>\
    <item type=\"jid\" value=\"muc.h/48\" action=\"allow\" order=\"4\"/><item action=\"deny\" order=\"5\"/>";

#[test]
fn names_are_listed_with_the_default_and_without_one_that_is_unset() {
    let mut client = Client::live();
    let lists = "<list name=\"a\"/><list name=\"b\"/>";
    for (default, query) in [(None, lists.to_owned()), (Some("b"), format!("<default name=\"b\"/>{lists}"))] {
        let number = asks(&mut client, &iq("get", ""), Query::PrivacyLists);
        let names = vec!["a".to_owned(), "b".to_owned()];
        let answer = Answered::PrivacyLists { names, default: default.map(str::to_owned) };
        assert_eq!(answered(&mut client, number, Ok(answer)), [result(&query)]);
    }
}

#[test]
fn a_list_is_given_back_as_it_was_set() {
    let mut client = Client::live();
    for items in [ONE_WAY, MUTUAL, "<item type=\"jid\" value=\"78-905@h\" action=\"deny\" order=\"1\"><iq/></item>", ""] {
        let (number, items_read) = sets(&mut client, &iq("set", &list(items)));
        assert_eq!(answered(&mut client, number, Ok(Answered::Done)), [DONE], "{items}");
        let name = || "l".to_owned();
        let number = asks(&mut client, &iq("get", "<list name=\"l\"/>"), Query::PrivacyList(name()));
        let written = answered(&mut client, number, Ok(Answered::PrivacyList { name: name(), items: items_read }));
        assert_eq!(written, [result(&list(items))]);
    }
}

/// SDK 1.x in browsers (contract xmpp 7.2).
#[test]
fn items_beside_the_list_and_beside_the_query_belong_to_it() {
    let mut client = Client::live();
    let (first, rest) = MUTUAL.split_at(MUTUAL.find("<item type=\"jid\" value=\"muc").unwrap());
    let (second, third) = rest.split_at(rest.find("<item action").unwrap());
    let expected = sets(&mut client, &iq("set", &list(MUTUAL))).1;
    let mut client = Client::live();
    let spread =
        format!("<iq type=\"set\" id=\"1:edit\"><query xmlns=\"jabber:iq:privacy\">{}{second}</query>{third}</iq>", list(first));
    assert_eq!(sets(&mut client, &spread).1, expected);
    assert_eq!(expected[1], PrivacyItem { user: 48, in_groups: true, allow: true, order: 4, ..PrivacyItem::default() });
    assert_eq!(expected[2], PrivacyItem { order: 5, ..PrivacyItem::default() });
}

#[test]
fn the_default_is_set_and_declined() {
    let mut client = Client::live();
    for (child, name) in [("<default name=\"l\"/>", Some("l".to_owned())), ("<default/>", None)] {
        let number = asks(&mut client, &iq("set", child), Query::SetDefaultList(name));
        assert_eq!(answered(&mut client, number, Ok(Answered::Done)), [DONE]);
    }
    assert_eq!(client.sends(&iq("set", "<active/>")), [DONE], "there is none");
}

#[test]
fn what_is_no_list_is_refused_and_nobody_is_asked() {
    let mut client = Client::live();
    let item = |attributes: &str| list(&format!("<item {attributes}/>"));
    for (kind, child, code) in [
        ("get", "<list/>", "400"),
        ("get", "<list name=\"a\"/><list name=\"b\"/>", "400"),
        ("get", "<default/>", "400"),
        ("set", "", "400"),
        ("set", "<list/>", "400"),
        ("set", "<list name=\"a\"/><default/>", "400"),
        ("set", "<active name=\"a\"/>", "501"),
        ("set", "<other name=\"a\"/>", "400"),
        ("set", &item("action=\"deny\""), "400"),
        ("set", &item("action=\"deny\" order=\"-1\""), "400"),
        ("set", &item("action=\"ban\" order=\"1\""), "400"),
        ("set", &item("order=\"1\""), "400"),
        ("set", &item("type=\"jid\" action=\"deny\" order=\"1\""), "400"),
        ("set", &item("value=\"78-905@h\" action=\"deny\" order=\"1\""), "400"),
        ("set", &item("type=\"group\" value=\"Enemies\" action=\"deny\" order=\"1\""), "501"),
        ("set", &item("type=\"jid\" value=\"78-906@h\" action=\"deny\" order=\"1\""), "400"),
        ("set", &item("type=\"jid\" value=\"muc.h/me\" action=\"deny\" order=\"1\""), "400"),
        ("set", &item("type=\"jid\" value=\"romeo@elsewhere\" action=\"deny\" order=\"1\""), "400"),
        ("set", &list("<item action=\"deny\" order=\"1\"><news/></item>"), "400"),
    ] {
        let refused = client.sends(&iq(kind, child));
        assert!(refused.len() == 1 && refused[0].contains(&format!("<error code=\"{code}\"")), "{child}: {refused:?}");
    }
    let to_another = iq("get", "").replace("<iq ", "<iq to=\"78-905@h\" ");
    assert!(client.sends(&to_another)[0].contains("<error code=\"503\""));
}

#[test]
fn an_unknown_list_is_404_and_the_query_stands_in_the_answer() {
    let mut client = Client::live();
    let number = asks(&mut client, &iq("get", "<list name=\"l\"/>"), Query::PrivacyList("l".to_owned()));
    let written = answered(&mut client, number, Err(Failure::new(Code::NotFound, "no")));
    assert!(written[0].starts_with(
        "<iq xmlns=\"jabber:client\" type=\"error\" id=\"1:edit\" to=\"34-905@h/r1\"><query xmlns=\"jabber:iq:privacy\"><list name=\"l\"/></query>\
         <error code=\"404\" type=\"cancel\"><item-not-found "
    ));
    let (number, _) = sets(&mut client, &iq("set", &list(ONE_WAY)));
    let written = answered(&mut client, number, Err(Failure::new(Code::TooMany, "20")));
    assert!(written[0].contains("<error code=\"405\""), "{written:?}");
}

#[test]
fn a_change_is_acknowledged_when_it_is_stored() {
    for change in [list(ONE_WAY), "<default name=\"l\"/>".to_owned()] {
        let mut client = Client::live();
        client.sends("<enable xmlns=\"urn:xmpp:sm:3\" resume=\"true\"/>");
        let asked = queries(&client.stanza(&iq("set", &change)));
        assert_eq!(client.sends("<r xmlns=\"urn:xmpp:sm:3\"/>"), [""; 0], "not stored yet: {change}");
        let written = answered(&mut client, asked[0].0, Ok(Answered::Done));
        assert_eq!(written, [DONE, "<a xmlns=\"urn:xmpp:sm:3\" h=\"1\"/>"], "{change}");
    }
}

#[test]
fn only_a_request_for_presence_that_a_list_keeps_off_is_answered() {
    let mut client = Client::live();
    let user = UserId(78);
    for (code, legacy) in [(Code::Blocked, "503"), (Code::Blocking, "406")] {
        let kind = Subscription::Subscribe;
        let number =
            asks(&mut client, "<presence to=\"78-905@h\" type=\"subscribe\" id=\"s\"/>", Query::Subscribe { user, kind });
        let written = answered(&mut client, number, Err(Failure::new(code, "no")));
        let head =
            "<presence xmlns=\"jabber:client\" type=\"error\" id=\"s\" from=\"78-905@h\" to=\"34-905@h/r1\"><error code=\"";
        assert!(written.len() == 1 && written[0].starts_with(&format!("{head}{legacy}\"")), "{written:?}");
    }
    let kind = Subscription::Subscribed;
    let number = asks(&mut client, "<presence to=\"78-905@h\" type=\"subscribed\"/>", Query::Subscribe { user, kind });
    assert_eq!(answered(&mut client, number, Err(Failure::new(Code::Blocked, "no"))), [""; 0]);
}

#[test]
fn a_refused_message_is_503_or_406_and_a_refused_status_is_silent() {
    let mut client = Client::live();
    for (code, condition) in
        [(Code::Blocked, "503\" type=\"cancel\"><service-unavailable"), (Code::Blocking, "406\" type=\"modify\"><not-acceptable")]
    {
        let number = job(&client.stanza(BODY));
        let written = client.answers(number, Err(Failure::new(code, "no")));
        assert!(written.len() == 1 && written[0].contains(&format!("<error code=\"{condition} ")), "{written:?}");
    }
    let marker = "<message to=\"78-905@h\" type=\"chat\" id=\"m\"><received xmlns=\"urn:xmpp:chat-markers:0\" \
        id=\"66f1000000000000000000a1\"/></message>";
    let number = job(&client.stanza(marker));
    assert_eq!(client.answers(number, Err(Failure::new(Code::Blocked, "no"))), [""; 0]);
}

/// Each kind of frame that another causes, and that is not for this user.
#[test]
fn what_is_not_for_the_user_is_not_written() {
    let mut client = Client::live();
    let change = Change { stamp: 1, user: 78, what: Some(What::Removed(true)), ..Change::default() };
    for told in [
        FrameTold::Message(said(1, 78, "x")),
        FrameTold::Change(change),
        FrameTold::Message(Message { seq: 0, ..said(1, 78, "x") }),
        FrameTold::Typing(Typing { user: 78, composing: true, ..Typing::default() }),
        FrameTold::Reaction(Reaction { user: 78, add: "+".to_owned(), ..Reaction::default() }),
        FrameTold::Marker(Marker { user: 78, author: 34, kind: MarkKind::Read.into(), ..Marker::default() }),
        FrameTold::Headline(Headline { user: 78, ..Headline::default() }),
    ] {
        let frame = Frame { stamp: 1, except: vec![34], ..of_group(told.clone()) };
        assert_eq!(client.frame(frame.clone()), [""; 0], "{told:?}");
        let mut other = Client::live();
        assert_eq!(other.frame(Frame { except: vec![35], ..frame }).len(), 1, "it would be written: {told:?}");
    }
}

/// A number that is never told is no hole, live or as the newest of its dialog.
#[test]
fn the_numbers_of_what_is_not_told_are_not_missed() {
    let mut client = Client::live();
    let group_row = |seq, sender, except: &[u64]| {
        let frame = of_group(FrameTold::Message(said(seq, sender, "x")));
        Frame { except: except.to_vec(), previous_at: SINCE - 1, ..frame }
    };
    assert_eq!(client.frame(group_row(1, 79, &[])).len(), 1);
    assert_eq!(client.frame(group_row(2, 78, &[34])), [""; 0]);
    assert_eq!(client.frame(group_row(3, 78, &[34])), [""; 0]);
    assert_eq!(client.frame(group_row(4, 79, &[])).len(), 1, "nothing is fetched in between");
    assert_eq!(client.frame(group_row(5, 78, &[34])), [""; 0]);
    client.session.head(client.at(), group(), Head { seq: 5, stamp: 0, at: client.now, told_at: 0 });
    assert!(!client.actions().iter().any(|action| matches!(action, Action::Call(Call::Fill { .. }))), "nor by its head");
}

/// As the calls hand it over: rows that are never written, changes that are silent, frames that tell nothing.
#[test]
fn what_history_has_of_a_blocked_user_moves_the_places_and_is_not_written() {
    let mut client = Client::new(identity());
    client.stanza("<presence/>");
    let row = |seq, sender, stored_only| {
        let row = Message { stored_only, created_at: SINCE - 5, ..said(seq, sender, &format!("m{seq}")) };
        GapRow { dialog: group().to_vec(), row: Some(row) }
    };
    let debt =
        SessionRecord { proofs: vec![From { dialog: group().to_vec(), seq: 1, stamp: Some(0) }], ..SessionRecord::default() };
    let silent = Change { silent: true, recipient: 0, ..change_of(removal(1)) };
    let returned = Returned {
        debt: Some(debt),
        rows: vec![row(2, 79, false), row(3, 78, true), row(4, 79, false), row(5, 78, true)],
        changes: vec![GapChange { dialog: group().to_vec(), change: Some(silent) }],
        kept: queue(vec![KeptRow { frame: Some(Frame { told: None, ..kept(1, "k1") }), ..kept_row(1, "k1") }, kept_row(2, "k2")]),
        ..Returned::default()
    };
    let mut written = client.returns(returned);
    written.sort();
    assert_eq!(bodies(&written), ["k2", "m2", "m4"]);
    let live = of_group(FrameTold::Message(Message { created_at: SINCE + 9, ..said(6, 79, "m6") }));
    assert_eq!(bodies(&client.frame(Frame { stamp: 1, ..live })), ["m6"]);
    assert!(!client.actions().iter().any(|action| matches!(action, Action::Call(Call::Fill { .. } | Call::Changes { .. }))));
}

// === helpers ===

const DONE: &str = "<iq xmlns=\"jabber:client\" type=\"result\" id=\"1:edit\" to=\"34-905@h/r1\"/>";

fn iq(kind: &str, child: &str) -> String {
    format!("<iq type=\"{kind}\" id=\"1:edit\"><query xmlns=\"jabber:iq:privacy\">{child}</query></iq>")
}

fn list(items: &str) -> String {
    match items {
        "" => "<list name=\"l\"/>".to_owned(),
        items => format!("<list name=\"l\">{items}</list>"),
    }
}

fn result(query: &str) -> String {
    format!(
        "<iq xmlns=\"jabber:client\" type=\"result\" id=\"1:edit\" to=\"34-905@h/r1\"><query xmlns=\"jabber:iq:privacy\">{query}</query></iq>"
    )
}

/// The number of the query that this stanza leads to, and the items of the list `l` in it.
fn sets(client: &mut Client, xml: &str) -> (u64, Vec<PrivacyItem>) {
    let mut asked = queries(&client.stanza(xml));
    match asked.pop() {
        Some((number, Query::SetPrivacyList { name, items })) if name == "l" && asked.is_empty() => (number, items),
        other => panic!("{other:?} {asked:?}"),
    }
}

fn job(actions: &[Action]) -> u64 {
    let number = |action: &Action| if let Action::Call(Call::Job { number, .. }) = action { Some(*number) } else { None };
    actions.iter().find_map(number).unwrap()
}
