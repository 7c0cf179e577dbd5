//! The contract, promise by promise.

use std::sync::Arc;

use natter_proto::AppId;
use natter_proto::event::v1::change::What;
use natter_proto::event::v1::{Change, Extension, Message};

use super::key;
use crate::edit::Edit;
use crate::error::Error;
use crate::log::{Append, DialogKey, MessageLog};
use crate::member::{Member, Move};
use crate::oracle::{id, message};
use crate::queries::find;
use crate::ranges::Ranges;

/// Runs every case on one log. Each has a dialog of its own.
pub async fn all(open: impl Fn() -> Arc<dyn MessageLog>) {
    let log = open();
    appends_are_dense_and_come_once(&*log, key(1)).await;
    an_append_settles_what_follows_from_it(&*log, key(2)).await;
    ids_and_aliases_are_found_in_the_dialogs_asked(&*log, key(3), key(4)).await;
    an_edit_keeps_the_place_and_a_removal_empties_it(&*log, key(5)).await;
    changes_of_one_dialog_get_stamps_of_their_own(&*log, key(6)).await;
    moves_are_cut_at_the_head(&*log, key(7)).await;
    scattered_states_stay_exact(&*log, key(8)).await;
    who_joins_starts_at_the_newest_row(&*log, key(12)).await;
    apps_are_apart(&*log, key(9)).await;
    what_is_cleared_for_all_is_gone_for_good(&*log, key(13)).await;
    many_writers_at_once_agree(log, key(10)).await;
}

async fn appends_are_dense_and_come_once(log: &dyn MessageLog, key: DialogKey) {
    assert_eq!(log.load(key).await.unwrap().seq, 0);
    assert_eq!(log.append(key, rows(1, &[1, 2, 1])).await, Ok(3));
    assert_eq!(log.append(key, rows(4, &[2])).await, Ok(4));
    assert_eq!(log.append(key, rows(4, &[2])).await, Err(Error::Conflict { head: 4, first_seq: 4 }));
    assert_eq!(log.append(key, rows(6, &[2])).await, Err(Error::Conflict { head: 4, first_seq: 6 }));
    let mut torn = rows(5, &[1, 1]);
    torn.rows[1].seq = 7;
    assert!(matches!(log.append(key, torn).await, Err(Error::Invalid(..))));

    let head = log.load(key).await.unwrap();
    let last = message(2, 4);
    assert_eq!((head.seq, head.date_sent, head.updated_at), (4, last.date_sent, last.created_at));
    let all = log.rows(key, &Ranges::of(1, 9)).await.unwrap();
    assert_eq!(all, rows(1, &[1, 2, 1, 2]).rows);
    let some = log.rows(key, &Ranges::of(1, 1).union(&Ranges::of(4, 4))).await.unwrap();
    assert_eq!(some, [message(1, 1), message(2, 4)]);
    let (_, tail) = find::load(log, key, 2).await.unwrap();
    assert_eq!(tail.iter().map(|row| (row.seq, row.id.clone())).collect::<Vec<_>>(), [(3, id(3).to_vec()), (4, id(4).to_vec())]);
}

async fn an_append_settles_what_follows_from_it(log: &dyn MessageLog, key: DialogKey) {
    log.append(key, Append { quiet: vec![(2, 2)], ..rows(1, &[1, 1, 3]) }).await.unwrap();
    let [writer, blocker, reader, stranger] = members(log, key, [1, 2, 3, 4]).await;
    assert_eq!((writer.base, writer.settled.is_empty()), (2, true));
    assert_eq!((blocker.base, blocker.settled, blocker.quiet), (0, Ranges::of(2, 2), Ranges::of(2, 2)));
    assert_eq!((reader.base, reader.settled), (0, Ranges::of(3, 3)));
    assert_eq!(stranger, Member::new(4));
    let refused = log.append(key, Append { quiet: vec![(2, 3)], ..rows(4, &[1]) }).await;
    assert_eq!(refused, Err(Error::Invalid("quiet", "names a row that is not appended")));
}

async fn ids_and_aliases_are_found_in_the_dialogs_asked(log: &dyn MessageLog, key: DialogKey, other: DialogKey) {
    // An alias takes no other row's place, also if one sender used the id three times.
    let mut forked = rows(1, &[1, 2, 1, 1]);
    forked.rows[1..].iter_mut().for_each(|row| row.alias = id(1).to_vec());
    log.append(key, forked).await.unwrap();
    let hide = Move::Hid(Ranges::of(1, 2));
    log.move_member(key, 2, hide).await.unwrap();
    log.append(other, rows(1, &[1])).await.unwrap();
    let found_by = async |reader, dialogs: &[DialogKey]| {
        let dialogs: Vec<_> = dialogs.iter().map(|key| key.dialog).collect();
        let found = find::find(log, key.app, (reader, false), &[id(1), id(99)], &dialogs).await.unwrap();
        found.into_iter().map(|found| (found.dialog, found.row.unwrap().seq)).collect::<Vec<_>>()
    };
    let found = async |dialogs: &[DialogKey]| found_by(0, dialogs).await;
    let (here, there) = (key.dialog.to_vec(), other.dialog.to_vec());
    let at = |seqs: &[u64]| seqs.iter().map(|seq| (here.clone(), *seq)).collect::<Vec<_>>();
    assert_eq!(found(&[key]).await, at(&[1, 2, 3, 4]));
    assert_eq!((found_by(1, &[key]).await, found_by(2, &[key]).await), (at(&[1, 2, 3, 4]), at(&[3, 4])), "what the reader sees");
    assert_eq!(found(&[other]).await, [(there.clone(), 1)]);
    assert_eq!(found(&[other, key]).await, [at(&[1]), vec![(there, 1)], at(&[2, 3, 4])].concat());
    assert_eq!(found(&[]).await, []);
}

async fn an_edit_keeps_the_place_and_a_removal_empties_it(log: &dyn MessageLog, key: DialogKey) {
    log.append(key, rows(1, &[1, 1])).await.unwrap();
    let extensions = vec![Extension { key: "mood".into(), ..Extension::default() }];
    let row = || Message { body: Some("better".into()), extensions: extensions.clone(), ..Message::default() };
    let words = || Edit::of(row(), true);
    let edited = log.change(key, 1, words(), 1, 1_900_000_000_000).await.unwrap();
    let expected =
        Message { body: Some("better".into()), extensions: extensions.clone(), updated_at: 1_900_000_000_000, ..message(1, 1) };
    assert_eq!((edited.stamp, &edited.row), (1, &expected));
    let removed = log.change(key, 2, Edit::Remove, 1, 1_900_000_000_001).await.unwrap();
    assert_eq!(removed.stamp, 2);
    // Again, and nothing changes.
    assert_eq!(log.change(key, 1, words(), 1, 1_900_000_000_002).await.unwrap(), edited);
    assert_eq!(log.change(key, 2, Edit::Remove, 1, 1_900_000_000_002).await.unwrap(), removed);
    assert_eq!(log.change(key, 2, words(), 1, 0).await, Err(Error::NoRow));
    assert_eq!(log.change(key, 3, words(), 1, 0).await, Err(Error::NoRow));

    let head = log.load(key).await.unwrap();
    assert_eq!((head.seq, head.stamp, head.removed), (2, 2, Ranges::of(2, 2)));
    assert_eq!(log.rows(key, &Ranges::of(1, 2)).await.unwrap(), [edited.row.clone(), removed.row]);
    let changes = [words().told(&edited.row, 1, 1), Change { at: 1_900_000_000_001, ..Edit::Remove.told(&message(1, 2), 1, 2) }];
    assert_eq!(log.changes(key, 0, 9).await.unwrap(), changes);
    assert_eq!(log.changes(key, 1, 9).await.unwrap(), changes[1..]);
    assert_eq!(log.changes(key, 0, 1).await.unwrap(), changes[..1]);
    assert_eq!(log.changes(key, u64::MAX, 9).await.unwrap(), []);
    assert_eq!(log.newest_changes(key, 1).await.unwrap(), changes[1..]);
}

async fn what_is_cleared_for_all_is_gone_for_good(log: &dyn MessageLog, key: DialogKey) {
    assert_eq!(log.clear(key).await, Ok(0), "nothing is there");
    log.append(key, rows(1, &[1; 300])).await.unwrap();
    let words = || Edit::of(Message { body: Some("better".into()), ..Message::default() }, false);
    log.change(key, 2, words(), 1, 900).await.unwrap();
    assert_eq!(log.clear(key).await, Ok(300));
    assert_eq!(log.clear(key).await, Ok(300), "again is the same");
    log.append(key, rows(301, &[2])).await.unwrap();
    let head = log.load(key).await.unwrap();
    assert_eq!((head.seq, head.removed.clone()), (301, Ranges::of(1, 300)));
    assert_eq!(head.visible(&Member::new(9)), Ranges::of(301, 301), "also for whoever comes later");
    assert_eq!(log.change(key, 3, words(), 1, 950).await, Err(Error::NoRow));

    while log.load(key).await.unwrap().wiped < 300 {
        tokio::task::yield_now().await;
    }
    let kept = log.rows(key, &Ranges::of(1, 301)).await.unwrap();
    let says = |row: &Message| !row.removed || row.body.is_some() || !row.extensions.is_empty();
    assert_eq!(kept.iter().filter(|row| says(row)).map(|row| row.seq).collect::<Vec<_>>(), [301]);
    assert_eq!(kept[0].id, id(1).to_vec(), "a repeated post is known again");
    let changes = log.changes(key, 0, 9).await.unwrap();
    assert!(changes.iter().all(|change| change.what == Some(What::Removed(true))), "{changes:?}");
}

async fn changes_of_one_dialog_get_stamps_of_their_own(log: &dyn MessageLog, key: DialogKey) {
    log.append(key, rows(1, &[1; 8])).await.unwrap();
    let edit = |seq: u64| log.change(key, seq, Edit::Remove, 1, 1_900_000_000_000);
    let (a, b, c, again) = tokio::join!(edit(1), edit(2), edit(3), edit(1));
    let mut stamps = [a.clone().unwrap().stamp, b.unwrap().stamp, c.unwrap().stamp];
    stamps.sort_unstable();
    assert_eq!(stamps, [1, 2, 3]);
    assert_eq!(again.unwrap().stamp, a.unwrap().stamp);
    // Of a change that more than the kept ones came after, the stamp is forgotten.
    for seq in 4..=8 {
        edit(seq).await.unwrap();
    }
    assert_eq!((edit(8).await.unwrap().stamp, edit(1).await.unwrap().stamp), (8, 0));
}

async fn moves_are_cut_at_the_head(log: &dyn MessageLog, key: DialogKey) {
    let read_all = || Move::Read(Ranges::of(1, u64::MAX));
    assert!(!log.move_member(key, 2, read_all()).await.unwrap().changed);
    log.append(key, rows(1, &[1, 1])).await.unwrap();
    let moved = log.move_member(key, 2, read_all()).await.unwrap();
    assert_eq!((moved.changed, moved.head), (true, 2));
    assert!(!log.move_member(key, 2, read_all()).await.unwrap().changed);
    let moved = log.move_member(key, 3, Move::Cleared(u64::MAX)).await.unwrap();
    assert_eq!((moved.changed, moved.head), (true, 2));
    assert!(log.move_member(key, 4, Move::Received(Ranges::of(2, 9))).await.unwrap().changed);
    log.append(key, rows(3, &[1])).await.unwrap();
    let [reader, cleaner, receiver] = members(log, key, [2, 3, 4]).await;
    assert_eq!((reader.base, cleaner.base, cleaner.quiet), (2, 2, Ranges::of(1, 2)));
    assert_eq!(receiver.delivered, Ranges::of(2, 2));
}

async fn who_joins_starts_at_the_newest_row(log: &dyn MessageLog, key: DialogKey) {
    log.join(key, &[2]).await.unwrap();
    assert_eq!(members(log, key, [2]).await, [Member::new(2)], "an empty dialog has nothing to pass over");
    log.append(key, rows(1, &[1, 1, 1])).await.unwrap();
    log.move_member(key, 2, Move::Read(Ranges::of(2, 2))).await.unwrap();
    // More than are written together, in any order, one of them twice.
    let many: Vec<u64> = (2..2_500).rev().chain([7]).collect();
    log.join(key, &many).await.unwrap();
    let joined = log.everyone(key).await.unwrap();
    assert_eq!((joined.len(), joined[0].user), (2_499, 1), "{:?}", &joined[..2]);
    assert!(joined[1..].iter().all(|member| (member.joined, member.base) == (3, 3)));
    log.append(key, rows(4, &[1])).await.unwrap();
    log.join(key, &[2]).await.unwrap();
    let [again, before] = members(log, key, [2, 3]).await;
    assert_eq!((again.joined, again.base, before.joined, before.base), (4, 4, 3, 3));
}

async fn scattered_states_stay_exact(log: &dyn MessageLog, key: DialogKey) {
    // Two who never read: each one's own rows are scattered. Enough for several spilled rows.
    for first in (1..=1_200).step_by(100) {
        log.append(key, rows(first, &[1, 2].repeat(50))).await.unwrap();
        log.append(self::key(11), rows(first, &[1; 100])).await.unwrap();
    }
    log.move_member(key, 1, Move::Hid(Ranges::of(2, 2))).await.unwrap();
    let [one, two] = members(log, key, [1, 2]).await;
    assert_eq!((one.base, one.settled.length(), one.settled.range_count()), (3, 598, 598));
    assert_eq!((two.base, two.settled.length()), (0, 600));
    assert_eq!(log.everyone(key).await.unwrap(), [one, two]);

    log.move_member(key, 1, Move::Read(Ranges::of(1, 1_200))).await.unwrap();
    let [one] = members(log, key, [1]).await;
    assert_eq!((one.base, one.range_count(), one.quiet), (1_200, 1, Ranges::of(2, 2)));
    assert_eq!(log.everyone(key).await.unwrap().len(), 2);
}

async fn apps_are_apart(log: &dyn MessageLog, key: DialogKey) {
    let elsewhere = DialogKey { app: AppId(6), ..key };
    log.append(key, rows(1, &[1, 1])).await.unwrap();
    log.append(elsewhere, rows(1, &[2])).await.unwrap();
    log.move_member(key, 3, Move::Cleared(u64::MAX)).await.unwrap();
    assert_eq!(log.heads(AppId(6), &[key.dialog]).await.unwrap()[0].seq, 1);
    assert_eq!(log.rows(elsewhere, &Ranges::of(1, 9)).await.unwrap(), [message(2, 1)]);
    assert_eq!(log.everyone(elsewhere).await.unwrap().iter().map(|member| member.user).collect::<Vec<_>>(), [2]);
    assert_eq!(log.find(AppId(6), &[id(2)], &[key.dialog]).await.unwrap(), [[]]);
}

/// Appends one after the other, and marks, removals and hides of other places while they are in flight.
async fn many_writers_at_once_agree(log: Arc<dyn MessageLog>, key: DialogKey) {
    let marks = (1..=20_u64).map(|seq| {
        let log = log.clone();
        tokio::spawn(async move {
            while log.load(key).await.unwrap().seq < seq {
                tokio::task::yield_now().await;
            }
            log.move_member(key, 1, Move::Received(Ranges::of(seq, seq))).await.unwrap();
            log.move_member(key, 2, Move::Read(Ranges::of(seq, seq))).await.unwrap();
            if seq % 4 == 0 {
                log.change(key, seq, Edit::Remove, 1, 1_900_000_000_000).await.unwrap();
            }
        })
    });
    let marks: Vec<_> = marks.collect();
    for seq in 1..=20 {
        log.append(key, rows(seq, &[1])).await.unwrap();
        let [writer] = members(&*log, key, [1]).await;
        assert_eq!(writer.base, seq);
    }
    for mark in marks {
        mark.await.unwrap();
    }
    let head = log.load(key).await.unwrap();
    assert_eq!((head.seq, head.stamp, head.removed.length()), (20, 5, 5));
    let [reader] = members(&*log, key, [2]).await;
    assert_eq!((reader.base, reader.range_count()), (20, 0));
}

fn rows(first_seq: u64, senders: &[u64]) -> Append {
    let rows = senders.iter().zip(first_seq..).map(|(sender, seq)| message(*sender, seq)).collect();
    Append { first_seq, rows, ..Append::default() }
}

async fn members<const N: usize>(log: &dyn MessageLog, key: DialogKey, users: [u64; N]) -> [Member; N] {
    log.members(key.app, &users.map(|user| (key.dialog, user))).await.unwrap().try_into().unwrap()
}
