//! The rules by values: one helper per question, many cases; and by proptest against a log that is searched plainly.

#![allow(clippy::unwrap_used)]

use natter_proto::event::v1::{Attachment, Attribute, Extension, MarkKind, Message, extension};
use natter_proto::history::v1::Range;
use natter_proto::{AppId, DialogId, MessageId, UserId};
use proptest::prelude::*;

use super::bars::{Bar, Bars};
use super::changes::{ChangeError, Removal, Words};
use super::duplicates::Known;
use super::group::Profile;
use super::marks::{Mark, Marked, Settled, merge};
use super::members::{Member, Members};
use super::order::Order;
use super::post::{Decision, PostError};
use super::rights::Action;
use super::{Dialog, Facts, Kept, Key, Kind, Limits, Post};

const ANN: UserId = UserId(34);
const BOB: UserId = UserId(78);
const EVE: UserId = UserId(99);
const NOW: i64 = 1_700_000_000_000;
const LIMITS: Limits = Limits { body_bytes_max: 20, stored_bytes_max: 200, unsaved_bytes_max: 400, tail_ids: 5, unsaved_ids: 3 };

// === posts ===

#[test]
fn a_post_becomes_the_next_row() {
    let mut dialog = dialog();
    let rows = post_all(&mut dialog, vec![post(ANN, 1, "hi"), post(BOB, 2, "hello")]);
    let seqs: Vec<(u64, u64, u64)> = rows.iter().map(|row| (row.seq, row.sender, row.recipient)).collect();
    assert_eq!(seqs, [(1, 34, 78), (2, 78, 34)]);
    assert_eq!(rows[0].id, id(1).to_vec());
    assert_eq!((rows[0].date_sent, rows[0].created_at, rows[0].updated_at), (NOW / 1000, NOW, NOW));
    assert_eq!(dialog.head(), 2);
}

#[test]
fn the_clients_date_is_relayed_as_it_is_and_stored_within_bounds() {
    let mut late = post(ANN, 1, "hi");
    late.message.client_date = NOW / 1000 + 500;
    let mut early = post(ANN, 2, "hi");
    early.message.client_date = 7;
    let rows = post_all(&mut dialog(), vec![late, early]);
    assert_eq!((rows[0].date_sent, rows[0].client_date), (NOW / 1000, NOW / 1000 + 500));
    assert_eq!((rows[1].date_sent, rows[1].client_date), (NOW / 1000, 7));
}

#[test]
fn a_post_is_refused_for_a_reason() {
    let check = |post: Post, expected: PostError| {
        let dialog = dialog();
        assert_eq!(dialog.draft(&LIMITS, &[], NOW).decide(post, fresh), Err(expected));
    };
    check(post(EVE, 1, "hi"), PostError::NotMember);
    check(Post { recipient: Some(EVE), ..post(ANN, 1, "hi") }, PostError::OtherRecipient);
    check(Post { store: false, deliver: false, ..post(ANN, 1, "hi") }, PostError::Nothing);
    check(post(ANN, 1, &"a".repeat(21)), PostError::BodyTooLarge { bytes: 21, max: 20 });
    let mut heavy = post(ANN, 1, "hi");
    heavy.message.relay = "x".repeat(200);
    let Err(PostError::MessageTooLarge { bytes, max: 200 }) = dialog().draft(&LIMITS, &[], NOW).decide(heavy.clone(), fresh)
    else {
        panic!("200 bytes of relay fit")
    };
    assert!(bytes > 200);
    let unsaved = Post { store: false, ..heavy };
    assert!(matches!(dialog().draft(&LIMITS, &[], NOW).decide(unsaved, fresh), Ok(Decision::Unsaved(..))));
}

#[test]
fn a_refused_post_takes_no_number() {
    let dialog = dialog();
    let mut draft = dialog.draft(&LIMITS, &[], NOW);
    draft.decide(post(EVE, 1, "hi"), fresh).unwrap_err();
    let Ok(Decision::Row(row)) = draft.decide(post(ANN, 1, "hi"), fresh) else { panic!("no row") };
    assert_eq!(row.seq, 1);
}

#[test]
fn nothing_moves_until_the_batch_is_applied() {
    let dialog = dialog();
    let before = dialog.clone();
    let mut draft = dialog.draft(&LIMITS, &[], NOW);
    draft.decide(post(ANN, 1, "hi"), fresh).unwrap();
    drop(draft);
    assert_eq!(dialog, before);
}

#[test]
fn who_is_barred_says_nothing_new_and_the_other_speaks_on() {
    let mut dialog = dialog();
    post_all(&mut dialog, vec![post(ANN, 1, "hi"), post(BOB, 2, "hello")]);
    let bars: Bars = [(BOB, Bar::Theirs)].into_iter().collect();
    let mut draft = dialog.draft(&LIMITS, &[], NOW).with_bars(&bars);
    assert_eq!(draft.decide(post(BOB, 3, "please"), fresh), Err(PostError::Barred(Bar::Theirs)));
    assert!(matches!(draft.decide(post(BOB, 2, "hello"), fresh), Ok(Decision::Repeat(..))), "what was stored is never refused");
    let Ok(Decision::Row(row)) = draft.decide(post(ANN, 4, "no"), fresh) else { panic!("she may speak") };
    assert_eq!(row.seq, 3, "a refused post takes no number");
    let unsaved = Post { store: false, ..post(BOB, 5, "psst") };
    assert_eq!(draft.decide(unsaved, fresh), Err(PostError::Barred(Bar::Theirs)));
    assert_eq!(draft.decide(post(EVE, 6, "hi"), fresh), Err(PostError::NotMember));
}

// === duplicates ===

#[test]
fn the_same_message_is_the_same_row() {
    let mut dialog = dialog();
    post_all(&mut dialog, vec![post(ANN, 1, "hi"), post(ANN, 2, "there")]);
    let mut again = post(ANN, 1, "hi");
    again.message.client_date = 77;
    again.message.silent = true;
    let Ok(Decision::Repeat(message, known)) = dialog.draft(&LIMITS, &[], NOW + 5000).decide(again, fresh) else {
        panic!("not a repeat")
    };
    assert_eq!((message.seq, message.id, message.date_sent), (1, id(1).to_vec(), NOW / 1000));
    assert_eq!((known.seq, known.told), (1, true));
}

#[test]
fn within_a_batch_the_second_is_the_first() {
    let dialog = dialog();
    let mut draft = dialog.draft(&LIMITS, &[], NOW);
    let unsaved = || Post { store: false, ..post(BOB, 9, "psst") };
    draft.decide(post(EVE, 1, "hi"), fresh).unwrap_err();
    draft.decide(post(ANN, 1, "hi"), fresh).unwrap();
    draft.decide(unsaved(), fresh).unwrap();
    assert_eq!(draft.decide(post(ANN, 1, "hi"), fresh), Ok(Decision::Same(1)));
    assert_eq!(draft.decide(unsaved(), fresh), Ok(Decision::Same(2)));
}

#[test]
fn what_was_stored_is_never_refused() {
    let mut dialog = dialog();
    post_all(&mut dialog, vec![post(BOB, 1, "hi")]);
    dialog.members = [(ANN, Member::default())].into_iter().collect();
    let mut draft = dialog.draft(&LIMITS, &[], NOW);
    assert!(matches!(draft.decide(post(BOB, 1, "hi"), fresh), Ok(Decision::Repeat(..))), "he was removed after it was stored");
    assert_eq!(draft.decide(post(BOB, 2, "hi"), fresh), Err(PostError::NotMember));
}

#[test]
fn another_content_or_sender_gets_another_id_and_keeps_its_own_as_alias() {
    let mut dialog = dialog();
    let rows = post_all(&mut dialog, vec![post(ANN, 1, "hi"), post(ANN, 1, "other"), post(BOB, 1, "hi")]);
    assert_eq!(rows[0].id, id(1).to_vec());
    for row in &rows[1..] {
        assert_eq!((&row.id, &row.alias), (&fresh().to_vec(), &id(1).to_vec()));
    }
    // Sent again, each of them is what it was.
    let mut draft = dialog.draft(&LIMITS, &[], NOW);
    for (post, seq) in [(post(ANN, 1, "hi"), 1), (post(ANN, 1, "other"), 2), (post(BOB, 1, "hi"), 3)] {
        let Ok(Decision::Repeat(_, known)) = draft.decide(post, fresh) else { panic!("not a repeat") };
        assert_eq!(known.seq, seq);
    }
}

#[test]
fn what_was_to_be_a_repeat_is_refused_where_it_is_none() {
    let mut dialog = dialog();
    let repeat = |n| Post { only_repeat: true, ..post(ANN, n, "hi") };
    post_all(&mut dialog, vec![post(ANN, 1, "hi")]);
    let mut draft = dialog.draft(&LIMITS, &[], 0);
    assert!(matches!(draft.decide(repeat(1), fresh), Ok(Decision::Repeat(..))));
    assert_eq!(draft.decide(repeat(2), fresh), Err(PostError::NoRepeat));
    assert!(draft.finish().is_empty());
}

#[test]
fn a_message_without_an_id_gets_one() {
    let nameless = Post { id: None, ..post(ANN, 1, "hi") };
    let rows = post_all(&mut dialog(), vec![nameless.clone(), nameless]);
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.id == fresh().to_vec() && row.alias.is_empty()));
}

#[test]
fn ids_that_the_tail_has_forgotten_are_asked_for_and_found() {
    let mut dialog = dialog();
    let rows = post_all(&mut dialog, (1..=6).map(|n| post(ANN, n, "hi")).collect());
    assert_eq!(dialog.forgotten([post(ANN, 1, "hi"), post(ANN, 6, "hi")].iter()), [id(1)]);
    let older = [Known::of_row(&rows[0]).unwrap()];
    let decided = dialog.draft(&LIMITS, &older, NOW).decide(post(ANN, 1, "hi"), fresh);
    assert!(matches!(decided, Ok(Decision::Repeat(_, Known { seq: 1, told: true, .. }))), "{decided:?}");
    let decided = dialog.draft(&LIMITS, &older, NOW).decide(post(ANN, 1, "other"), fresh);
    assert!(matches!(decided, Ok(Decision::Row(row)) if row.alias == id(1).to_vec()));
}

#[test]
fn a_forgotten_message_is_asked_for_also_while_another_has_its_id() {
    let mut dialog = dialog();
    let rows = post_all(&mut dialog, (1..=5).map(|n| post(ANN, n, "hi")).collect());
    let older = [Known::of_row(&rows[0]).unwrap()];
    let mut draft = dialog.draft(&LIMITS, &older, NOW);
    draft.decide(post(BOB, 1, "hi"), fresh).unwrap();
    let batch = draft.finish();
    dialog.apply(batch, 1);
    assert_eq!(dialog.forgotten([post(ANN, 1, "hi"), post(BOB, 1, "hi")].iter()), [id(1)]);
    assert_eq!(dialog.forgotten_of(&mark(BOB, &[1]), true), [id(1)]);
}

#[test]
fn what_another_process_may_have_written_is_asked_for_when_somebody_marks_it() {
    let mut dialog = dialog();
    let rows = post_all(&mut dialog, vec![post(ANN, 1, "hi")]);
    assert_eq!(dialog.forgotten_of(&mark(BOB, &[1, 2]), true), []);
    assert_eq!(dialog.forgotten_of(&mark(BOB, &[1, 2]), false), [id(2)]);
    let older = [Known { id: id(2), seq: 2, ..Known::of_row(&rows[0]).unwrap() }];
    assert_eq!(dialog.settle(&mark(BOB, &[2]), &older, 10).unwrap().ranges, [Range { from: 2, upto: 2 }]);
}

#[test]
fn a_log_that_fits_the_tail_is_not_asked() {
    let mut dialog = dialog();
    post_all(&mut dialog, (1..=5).map(|n| post(ANN, n, "hi")).collect());
    assert_eq!(dialog.forgotten([post(ANN, 9, "hi")].iter()), []);
}

#[test]
fn a_message_outside_history_is_the_same_while_it_is_remembered() {
    let mut dialog = dialog();
    let unsaved = |n| Post { store: false, ..post(ANN, n, "hi") };
    for n in 1..=4 {
        let Ok(Decision::Unsaved(message, known)) = dialog.draft(&LIMITS, &[], NOW).decide(unsaved(n), fresh) else {
            panic!("not unsaved")
        };
        assert_eq!((message.seq, message.id), (0, id(n).to_vec()));
        dialog.apply_unsaved(known);
    }
    let mut draft = dialog.draft(&LIMITS, &[], NOW);
    assert!(matches!(draft.decide(unsaved(4), fresh), Ok(Decision::Repeat(..))));
    assert!(matches!(draft.decide(unsaved(1), fresh), Ok(Decision::Unsaved(..))), "three are remembered");
    assert!(matches!(draft.decide(post(ANN, 4, "hi"), fresh), Ok(Decision::Row(row)) if row.id == id(4).to_vec()));
}

// === the log as a whole ===

#[derive(Clone, Debug)]
struct Sent {
    sender: UserId,
    id: Option<u8>,
    body: u8,
    client_date: i64,
}

proptest! {
    /// Any posts in any batches, some batches refused by the store, clocks that jump, actors that are loaded again at any
    /// time: numbers stay dense, dates never go back, ids are unique, and each message of a sender is there once.
    #[test]
    fn a_log_is_dense_dated_and_without_duplicates(
        batches in proptest::collection::vec((proptest::collection::vec(sent(), 1..8), any::<bool>(), any::<bool>(), 0i64..100), 1..20),
    ) {
        let mut log: Vec<Message> = Vec::new();
        let mut dialog = dialog();
        let mut ordinal = 0_u32;
        for (batch, stored, reloaded, now_s) in batches {
            if reloaded {
                dialog = load(&log);
            }
            let posts: Vec<Post> = batch.iter().map(to_post).collect();
            let forgotten = dialog.forgotten(posts.iter());
            let older: Vec<Known> = log.iter().map(|row| Known::of_row(row).unwrap())
                .filter(|known| forgotten.iter().any(|id| known.answers_to(*id))).collect();
            let mut draft = dialog.draft(&LIMITS, &older, now_s * 1000);
            let mut rows = Vec::new();
            for post in posts {
                let (sender, content) = (post.sender, post.hash);
                let decision = draft.decide(post, || { ordinal += 1; MessageId::from_random(1, u64::from(ordinal).to_be_bytes()) });
                match decision.unwrap() {
                    Decision::Row(row) => rows.push(row),
                    Decision::Repeat(_, known) => {
                        let row = &log[known.seq as usize - 1];
                        prop_assert_eq!((row.sender, &row.content_hash[..]), (sender.0, &content[..]));
                    }
                    Decision::Same(_) => {}
                    Decision::Unsaved(..) => prop_assert!(false, "all of these are stored"),
                }
            }
            let finished = draft.finish();
            if stored {
                dialog.apply(finished, 1);
                log.extend(rows);
            }
            prop_assert_eq!(dialog.head(), log.len() as u64);
        }
        check_log(&log)?;
    }
}

fn check_log(log: &[Message]) -> Result<(), TestCaseError> {
    for (n, row) in log.iter().enumerate() {
        prop_assert_eq!(row.seq, n as u64 + 1);
        for before in &log[..n] {
            prop_assert!(before.date_sent <= row.date_sent);
            prop_assert_ne!(&before.id, &row.id);
            let original = |row: &Message| if row.alias.is_empty() { row.id.clone() } else { row.alias.clone() };
            let key = |row: &Message| (row.sender, original(row), row.content_hash.clone());
            prop_assert_ne!(key(before), key(row));
        }
    }
    Ok(())
}

fn sent() -> impl Strategy<Value = Sent> {
    (any::<bool>(), proptest::option::weighted(0.9, 0u8..10), 0u8..3, 0i64..200).prop_map(|(ann, id, body, client_date)| Sent {
        sender: if ann { ANN } else { BOB },
        id,
        body,
        client_date,
    })
}

fn to_post(sent: &Sent) -> Post {
    let mut post = post(sent.sender, 0, &sent.body.to_string());
    post.id = sent.id.map(id);
    post.message.client_date = sent.client_date;
    post
}

fn load(log: &[Message]) -> Dialog {
    let newest = log.last().cloned().unwrap_or_default();
    let order = Order { head: newest.seq, date_sent: newest.date_sent, updated_at: newest.updated_at };
    let tail = &log[log.len().saturating_sub(LIMITS.tail_ids)..];
    dialog().with_log(order, 0, tail.iter().map(|row| Known { told: false, ..Known::of_row(row).unwrap() }))
}

// === marks ===

#[test]
fn a_mark_finds_the_rows_of_its_ids() {
    let mut dialog = dialog();
    post_all(&mut dialog, (1..=4).map(|n| post(ANN, n, "hi")).collect());
    let settled = dialog.settle(&mark(BOB, &[2, 1, 4, 9]), &[], 100).unwrap();
    assert_eq!(settled.ranges, [range(1, 2), range(4, 4)]);
    assert_eq!(settled.found, 3);
    assert_eq!(settled.told, [(id(2), ANN), (id(1), ANN), (id(4), ANN)]);
}

#[test]
fn a_mark_tells_the_author_the_id_he_knows() {
    let mut dialog = dialog();
    post_all(&mut dialog, vec![post(BOB, 1, "mine"), post(ANN, 1, "hi")]);
    let by_id = Mark { rows: Marked::Ids(vec![fresh()]), ..mark(BOB, &[]) };
    for mark in [by_id, mark(BOB, &[1])] {
        let settled = dialog.settle(&mark, &[], 100).unwrap();
        assert_eq!((settled.told, settled.ranges), (vec![(id(1), ANN)], vec![range(2, 2)]));
    }
}

#[test]
fn a_mark_ignores_what_it_cannot_be_about() {
    let mut dialog = dialog();
    post_all(&mut dialog, (1..=3).map(|n| post(ANN, n, "hi")).collect());
    dialog.members.set(BOB, Member::default().deleted_at(2));
    let found = |mark: Mark| dialog.settle(&mark, &[], 100).map(|settled| settled.found);
    assert_eq!(found(mark(EVE, &[1])), Err(super::Forbidden));
    assert_eq!(found(mark(ANN, &[1, 2, 3])), Ok(0), "her own");
    assert_eq!(found(mark(BOB, &[1, 2, 3])), Ok(1), "two are hidden");
    assert_eq!(found(Mark { author: Some(BOB), ..mark(BOB, &[3]) }), Ok(0), "not by that author");
    let all = Mark { rows: Marked::All, ..mark(BOB, &[]) };
    assert_eq!(dialog.settle(&all, &[], 100).unwrap(), Settled { all: true, found: 1, ..Settled::default() });
    let ranges = Mark { rows: Marked::Ranges(vec![range(1, 2), range(2, 70)]), ..mark(BOB, &[]) };
    assert_eq!(dialog.settle(&ranges, &[], 100).unwrap().ranges, [range(3, 3)]);
}

#[test]
fn a_marker_of_a_message_outside_history_is_told_and_not_stored() {
    let mut dialog = dialog();
    let unsaved = Post { store: false, ..post(ANN, 1, "hi") };
    let Ok(Decision::Unsaved(_, known)) = dialog.draft(&LIMITS, &[], NOW).decide(unsaved, fresh) else { panic!() };
    dialog.apply_unsaved(known);
    let settled = dialog.settle(&mark(BOB, &[1]), &[], 100).unwrap();
    assert_eq!((settled.ranges, settled.found, settled.told), (vec![], 1, vec![(id(1), ANN)]));
}

proptest! {
    #[test]
    fn merged_ranges_hold_the_same_numbers_apart_and_in_order(
        ranges in proptest::collection::vec((1u64..40, 0u64..6), 0..20),
    ) {
        let ranges: Vec<Range> = ranges.into_iter().map(|(from, more)| range(from, from + more)).collect();
        let holds = |ranges: &[Range], n| ranges.iter().any(|range| range.from <= n && n <= range.upto);
        let merged = merge(ranges.iter().copied());
        prop_assert!((0..50).all(|n| holds(&ranges, n) == holds(&merged, n)));
        prop_assert!(merged.windows(2).all(|pair| pair[0].upto + 1 < pair[1].from));
    }
}

// === rights and changes ===

#[test]
fn only_the_owner_deletes_for_all() {
    let dialog = dialog();
    assert!(dialog.may(ANN, Action::DeleteForAll).is_ok());
    assert!(dialog.may(BOB, Action::DeleteForAll).is_err());
    assert!(dialog.may(BOB, Action::Leave).is_ok());
    assert!(dialog.may(EVE, Action::Leave).is_err());
}

#[test]
fn only_the_sender_edits_and_what_he_sent_stays_recognisable() {
    let mut dialog = dialog();
    let row = post_all(&mut dialog, vec![post(ANN, 1, "hi")]).remove(0);
    let edit = |user, row: &Message, body: &str| {
        dialog.edited(user, row.clone(), Words { body: body.into(), ..Words::default() }, &LIMITS, NOW + 9)
    };
    let edited = edit(ANN, &row, "hello").unwrap();
    assert_eq!((edited.body.as_deref(), edited.updated_at), (Some("hello"), NOW + 9));
    assert_eq!((edited.content_hash, edited.created_at), (row.content_hash.clone(), NOW));
    assert_eq!(edit(BOB, &row, "hello"), Err(ChangeError::Forbidden));
    assert_eq!(edit(EVE, &row, "hello"), Err(ChangeError::Forbidden));
    assert_eq!(edit(ANN, &row, &"a".repeat(21)), Err(ChangeError::BodyTooLarge { bytes: 21, max: 20 }));
    assert_eq!(edit(ANN, &Message { removed: true, ..row }, "hello"), Err(ChangeError::NotFound));
}

#[test]
fn an_edit_gives_its_keys_other_values_and_leaves_the_rest() {
    let mut dialog = dialog();
    let key = |key: &str, text: &str| Extension {
        key: key.into(),
        value: Some(extension::Value::Text(text.into())),
        ..Extension::default()
    };
    let attachment = |value: &str| Attachment { attributes: vec![Attribute { name: "id".into(), value: value.into() }] };
    let row = post_all(&mut dialog, vec![post(ANN, 1, "hi")]).remove(0);
    let row = Message { extensions: vec![key("a", "1"), key("b", "2")], attachments: vec![attachment("x")], ..row };
    let edit = |extensions: Vec<Extension>, attachments: Vec<Attachment>| {
        let words = Words { body: "hello".into(), extensions, attachments };
        dialog.edited(ANN, row.clone(), words, &LIMITS, NOW + 9)
    };
    let edited = edit(vec![key("b", "3"), key("c", "4")], Vec::new()).unwrap();
    assert_eq!(edited.extensions, [key("a", "1"), key("b", "3"), key("c", "4")]);
    assert_eq!(edited.attachments, row.attachments);
    assert_eq!(edit(Vec::new(), vec![attachment("y")]).unwrap().attachments, [attachment("y")]);
    let heavy = edit(vec![key("b", &"3".repeat(200))], Vec::new());
    assert!(matches!(heavy, Err(ChangeError::MessageTooLarge { max: 200, .. })), "{heavy:?}");
}

#[test]
fn everybody_hides_what_he_sees_and_removes_for_all_what_is_his() {
    let mut dialog = dialog();
    let row = post_all(&mut dialog, vec![post(ANN, 1, "hi")]).remove(0);
    dialog.members.set(ANN, Member::default());
    assert_eq!(dialog.removal(BOB, &row, false), Ok(Removal::Hide));
    assert_eq!(dialog.removal(BOB, &row, true), Err(ChangeError::Forbidden));
    assert_eq!(dialog.removal(ANN, &row, true), Ok(Removal::ForAll));
    dialog.members.set(BOB, Member::default().deleted_at(1));
    assert_eq!(dialog.removal(BOB, &row, false), Err(ChangeError::NotFound));
}

// === helpers ===

fn dialog() -> Dialog {
    let key = Key { app: AppId(1), dialog: DialogId([0xab; 12]) };
    let facts = Facts { kind: Kind::Private, owner: ANN, created_at: NOW };
    let kept = Kept { facts, profile: Profile::default(), members: Members::pair(ANN, BOB) };
    Dialog::new(key, kept, &LIMITS)
}

/// Posts a batch that the store takes; all of it must be new.
fn post_all(dialog: &mut Dialog, posts: Vec<Post>) -> Vec<Message> {
    let mut draft = dialog.draft(&LIMITS, &[], NOW);
    let rows = posts.into_iter().map(|post| match draft.decide(post, fresh) {
        Ok(Decision::Row(row)) => row,
        other => panic!("not a row: {other:?}"),
    });
    let rows = rows.collect();
    let batch = draft.finish();
    dialog.apply(batch, 1);
    rows
}

fn post(sender: UserId, n: u8, body: &str) -> Post {
    Post::new(sender, Some(id(n)), Message { body: Some(body.into()), ..Message::default() })
}

fn mark(user: UserId, ids: &[u8]) -> Mark {
    Mark {
        user,
        author: None,
        kind: MarkKind::Read,
        rows: Marked::Ids(ids.iter().map(|n| id(*n)).collect()),
        relay: true,
        origin: None,
        stanza_id: String::new(),
        named: String::new(),
    }
}

fn id(n: u8) -> MessageId {
    MessageId([n; 12])
}

fn fresh() -> MessageId {
    MessageId([0xff; 12])
}

fn range(from: u64, upto: u64) -> Range {
    Range { from, upto }
}
