//! A stream that is kept for other edges, and goes on at one of them.

use super::kit::*;
use natter_trace::Recorder;

use crate::streams::Stored;

const RESUMABLE: &str = "<enable xmlns=\"urn:xmpp:sm:3\" resume=\"true\"/>";
const CARBONS: &str = "<iq type=\"set\" id=\"c\"><enable xmlns=\"urn:xmpp:carbons:2\"/></iq>";

#[test]
fn what_is_written_is_kept_and_goes_when_the_client_has_it() {
    let (mut client, mut stored) = kept();
    client.frame(row(1, 78, "1"));
    client.frame(row(2, 78, "2"));
    keep(&mut client, &mut stored);
    assert_eq!(ordinals(&stored), [2, 3, 4], "the answer to its iq is the first");
    assert!(client.session.update_to_keep(client.now).is_none(), "once");
    client.frame(row(3, 78, "3"));
    client.frame(row(4, 78, "4"));
    // Among what it has is one that came since.
    client.stanza("<a xmlns=\"urn:xmpp:sm:3\" h=\"5\"/>");
    let update = client.session.update_to_keep(client.now).unwrap();
    assert_eq!((update.removed, update.added.len(), update.added[0].0), (vec![2, 3, 4], 1, 6));
}

#[test]
fn a_quiet_stream_is_kept_again_before_its_life_is_over() {
    let (mut client, mut stored) = kept();
    keep(&mut client, &mut stored);
    client.wait(AGAIN_MS - 1);
    assert!(client.session.update_to_keep(client.now).is_none());
    client.now += 1;
    assert_eq!(client.session.deadline(), Some(client.now));
    let update = client.session.update_to_keep(client.now).unwrap();
    assert!(!update.is_new && update.added.is_empty());
    client.session.unkept();
    client.frame(row(1, 78, "1"));
    assert!(client.session.update_to_keep(client.now).is_none());
}

#[test]
fn elsewhere_the_client_gets_what_it_has_not_and_what_it_missed_and_nothing_twice() {
    let (mut client, mut stored) = kept();
    for n in 1..=4 {
        client.frame(row(n, 78, &n.to_string()));
    }
    client.stanza("<a xmlns=\"urn:xmpp:sm:3\" h=\"3\"/>");
    keep(&mut client, &mut stored);

    let mut client = elsewhere(&client, stored);
    assert!(client.session.resumed(client.at(), 4));
    let actions = client.actions();
    assert!(matches!(&actions[0], Action::Write(resumed) if resumed.contains("<resumed ") && resumed.contains("h=\"2\"")));
    assert_eq!(bodies(&texts(&actions)), ["3", "4"]);
    let returns = actions.iter().find_map(|action| match action {
        Action::Call(Call::Return { record, owed: Some(owed), .. }) => Some((record.clone(), owed.clone())),
        _ => None,
    });
    let (record, owed) = returns.unwrap();
    assert_eq!(owed.session.clone().unwrap(), identity().session, "what the old one had proved");
    let proofs = (seqs(&owed), seqs(&record));
    assert_eq!(proofs, (vec![1], vec![2]), "what it has of the rest is proved, and no more");

    // The debt may be older than what was told.
    let rows = (1..=6).map(|n| GapRow { dialog: dialog().to_vec(), row: Some(message(n, 78, &n.to_string())) }).collect();
    let debt = Some(SessionRecord { proofs: vec![proof(0)], ..SessionRecord::default() });
    let written = client.returns(Returned { debt, rows, ..Returned::default() });
    assert_eq!(bodies(&written), ["5", "6"]);
    assert_eq!(client.frame(row(7, 78, "7")).len(), 1);
    assert!(!client.session.resumed(client.at(), 4), "once");
}

#[test]
fn elsewhere_an_answer_proves_what_was_told_here_and_there() {
    let (mut client, mut stored) = kept();
    client.frame(row(1, 78, "1"));
    keep(&mut client, &mut stored);
    let mut client = elsewhere(&client, stored);
    assert!(client.session.resumed(client.at(), 2));
    client.actions();
    client.returns(Returned::default());
    client.wait(5_000);
    client.session.stanza(client.at(), Element::new("a", ns::SM).with_attr("h", "9"));
    assert!(client.wait(5_000).is_empty());
    let record = client.session.record(client.now);
    assert_eq!(seqs(&record), [1]);
}

#[test]
fn elsewhere_own_messages_are_no_copies_and_uncounted_ones_are_the_same() {
    let (mut client, mut stored) = kept();
    let body = BODY.replace("66f1000000000000000000a1", "short");
    let first = client.posts(&body).remove(0);
    client.job(0, Ok(1));
    client.actions();
    let uncounted = client.posts(&body).remove(0);
    keep(&mut client, &mut stored);

    let mut client = elsewhere(&client, stored);
    assert!(client.session.resumed(client.at(), 2));
    let resumed = client.written();
    assert!(resumed[0].contains("h=\"3\""), "two iqs and a message: {resumed:?}");
    // The second was stored, and its answer was lost.
    let stored = Message { id: uncounted.message.as_ref().unwrap().id.clone(), ..message(2, 34, "own") };
    let row = |row| GapRow { dialog: dialog().to_vec(), row: Some(row) };
    let rows = vec![row(message(1, 34, "own")), row(stored)];
    assert!(bodies(&client.returns(Returned { rows, ..Returned::default() })).is_empty());
    let again = client.posts(&body).remove(0);
    assert_eq!(again.message.as_ref().unwrap().id, uncounted.message.unwrap().id);
    assert_ne!(again.message.unwrap().id, first.message.unwrap().id);
}

#[test]
fn elsewhere_rooms_are_entered_again_without_a_word() {
    let (mut client, mut stored) = kept();
    client.stanza(&format!("<presence to=\"{ROOM}/34\"/>"));
    client.session.answers(client.at(), [Answer::Room { number: 0, answer: Ok(vec![78]) }]);
    client.actions();
    keep(&mut client, &mut stored);
    let handled = ordinals(&stored).into_iter().max().unwrap();
    let mut client = elsewhere(&client, stored);
    assert!(client.session.resumed(client.at(), handled));
    client.actions();
    client.session.answers(client.at(), [Answer::Returned(Ok(Box::default()))]);
    let asked = client.actions().into_iter().find_map(|action| match action {
        Action::Call(Call::Room { number, dialog, ask: Ask::Enter }) => Some((number, dialog)),
        _ => None,
    });
    assert_eq!(asked, Some((0, group())));
    client.session.answers(client.at(), [Answer::Room { number: 0, answer: Ok(vec![78]) }]);
    assert!(client.written().iter().all(|text| !text.contains("<presence")));
    let again = client.session.rooms.inside().collect::<Vec<_>>();
    assert_eq!(again, [group()]);
}

#[test]
fn a_name_of_a_message_that_comes_again_is_known() {
    let (mut client, mut stored) = kept();
    let told = FrameTold::Message(Message { stanza_id: "its name".to_owned(), ..message(1, 78, "x") });
    client.frame(Frame { told: Some(told), ..row(1, 78, "x") });
    keep(&mut client, &mut stored);
    let client = elsewhere(&client, stored);
    assert_eq!(client.session.names.find("its name").map(|(of, _)| of), Some(dialog()));
}

#[test]
fn what_is_not_whole_or_of_another_framing_is_not_resumed() {
    let (mut client, mut stored) = kept();
    for n in 1..=3 {
        client.frame(row(n, 78, "x"));
    }
    keep(&mut client, &mut stored);
    let whole = read(stored.clone()).unwrap();
    for (handled, fits) in [(1, true), (5, true), (0, false), (6, false)] {
        assert_eq!(whole.fits(Framing::WebSocket, handled), fits, "{handled}");
    }
    assert!(!whole.fits(Framing::Tcp, 5));
    let without = |ordinal| {
        let stanzas = stored.stanzas.iter().filter(|(of, _)| *of != ordinal).cloned().collect();
        read(Stored { stanzas, ..stored.clone() })
    };
    assert!(without(2).is_none() && without(4).is_none());
    assert!(without(5).is_some_and(|stream| !stream.fits(Framing::WebSocket, 5)), "the client has what is lost");
    assert!(read(Stored { head: Vec::new(), ..stored.clone() }).is_none());
    assert!(read(Stored { head: vec![0xff; 9], ..stored }).is_none());
}

/// A client with a stream that is kept, and one stanza in it.
fn kept() -> (Client, Stored) {
    let mut client = Client::live();
    client.sends(RESUMABLE);
    client.session.keep_elsewhere();
    client.sends("<iq type=\"get\" id=\"p\"><ping xmlns=\"urn:xmpp:ping\"/></iq>");
    let (mut stored, _) = (Stored::default(), client.sends(CARBONS));
    // The answers to its iqs are with it.
    client.stanza("<a xmlns=\"urn:xmpp:sm:3\" h=\"1\"/>");
    keep(&mut client, &mut stored);
    (client, stored)
}

fn keep(client: &mut Client, stored: &mut Stored) {
    let Some(update) = client.session.update_to_keep(client.now) else { return };
    stored.head = update.head;
    stored.stanzas.retain(|(ordinal, _)| !update.removed.contains(ordinal));
    stored.stanzas.extend(update.added);
}

fn ordinals(stored: &Stored) -> Vec<u32> {
    stored.stanzas.iter().map(|(ordinal, _)| *ordinal).collect()
}

fn read(stored: Stored) -> Option<KeptStream> {
    KeptStream::read("id".to_owned(), stored)
}

/// The session that is made of it.
fn elsewhere(client: &Client, stored: Stored) -> Client {
    let stream = read(stored).unwrap();
    let session = SessionRef { edge: "other".to_owned(), boot: 2, session: 7, resource: "r1".to_owned() };
    let me = Identity { session, ..identity() };
    let session = Session::restored(me, Arc::default(), Recorder::default(), client.now, stream);
    Client { session, now: client.now, last: Vec::new() }
}

fn texts(actions: &[Action]) -> Vec<String> {
    actions.iter().filter_map(|action| if let Action::Write(text) = action { Some(text.clone()) } else { None }).collect()
}

fn seqs(record: &SessionRecord) -> Vec<u64> {
    record.proofs.iter().map(|proof| proof.seq).collect()
}
