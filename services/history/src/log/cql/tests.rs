//! Several boots over one keyspace, on real servers: who takes over from whom, what is void, what is done again. All cases in one
//! keyspace, each with a dialog of its own.
#![allow(clippy::unwrap_used)]

mod run;

use std::sync::Arc;

use futures::future::join_all;
use natter_actor::Clock;
use natter_bus::Log;
use natter_db::cql::testing::on_cassandra;
use natter_db::{Cql, Faults, Kv, Table};
use natter_proto::event::v1::Message;
use natter_proto::{AppId, DialogId};

use super::rows::{self, Rows};
use super::{Engine, OnCql, Setup, TABLES, Told};
use crate::edit::Edit;
use crate::error::Error;
use crate::log::segment::{Boot, Segment, State, Stored};
use crate::log::{Append, DialogKey, MessageLog};
use crate::member::Move;
use crate::oracle::{Oracle, id, message};
use crate::ranges::Ranges;

/// A minute after the first messages of the oracle.
const NOW: i64 = 1_800_000_060_000;

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn many_boots_write_one_log() {
    on_cassandra(&[TABLES], async |cql| {
        boots_take_over_in_turn_and_pages_go_over_segments(&cql, key(1)).await;
        rows_of_a_boot_that_was_taken_over_are_void(&cql, key(2)).await;
        what_was_written_and_not_answered_stands_and_its_sender_hears_its_number(&cql, key(3)).await;
        a_batch_with_a_gap_counts_up_to_it(&cql, key(4)).await;
        whoever_meets_a_fence_finishes(&cql, key(5)).await;
        an_edit_outlives_the_row_that_is_written_again(&cql, key(6)).await;
        a_change_that_was_recorded_is_made_by_who_comes_next(&cql, key(7)).await;
        who_forgot_its_place_takes_over_from_itself(&cql, key(8)).await;
        of_two_who_open_one_gets_the_segment(&cql, key(9)).await;
        what_the_durable_log_does_not_take_is_told_later(&cql, key(10)).await;
        what_goes_together_is_each_of_its_own_dialog(&cql).await;
        of_an_app_that_is_erased_nothing_is_left(&cql).await;
    })
    .await;
}

async fn boots_take_over_in_turn_and_pages_go_over_segments(cql: &Cql, key: DialogKey) {
    let boots = [boot(cql, 1), boot(cql, 2), boot(cql, 3)];
    let mut oracle = Oracle::default();
    for round in 0..9 {
        let log = &boots[round % 3].log;
        assert_eq!(log.load(key).await.unwrap().seq, oracle.head());
        for senders in [&[1, 2, 1][..], &[3][..], &[2, 2][..]] {
            let append = oracle.next(senders, Some(3));
            oracle.append(&append);
            assert_eq!(log.append(key, append).await, Ok(oracle.head()));
        }
        oracle.read(2, 1..=3);
        log.move_member(key, 2, Move::Read(Ranges::of(1, 3))).await.unwrap();
    }
    let chain = boots[0].engine().segments.chain(key).await.unwrap();
    assert!(chain.iter().count() >= 18, "each boot fills more than one");
    for boot in &boots {
        oracle.agrees_with(&*boot.log, key).await;
    }
    let places = Ranges::of(2, 5).union(&Ranges::of(11, 11)).union(&Ranges::of(50, u64::MAX));
    let seqs: Vec<u64> = boots[1].log.rows(key, &places).await.unwrap().iter().map(|row| row.seq).collect();
    assert_eq!(seqs, [2, 3, 4, 5, 11, 50, 51, 52, 53, 54]);
}

async fn rows_of_a_boot_that_was_taken_over_are_void(cql: &Cql, key: DialogKey) {
    let [old, new, reader] = [boot(cql, 1), boot(cql, 2), boot(cql, 3)];
    old.log.append(key, append(1, &[1, 1])).await.unwrap();
    assert_eq!(new.log.load(key).await.unwrap().seq, 2);
    let conflict = Err(Error::Conflict { head: 2, first_seq: 3 });
    assert_eq!(old.log.append(key, append(3, &[1])).await, conflict);
    assert_eq!(old.engine().rows.read(key, 0, 0, 9).await.unwrap().len(), 3, "it lies there");
    for boot in [&old, &new, &reader] {
        assert_eq!(boot.log.rows(key, &Ranges::of(1, 9)).await.unwrap().len(), 2);
        assert_eq!(boot.log.heads(key.app, &[key.dialog]).await.unwrap()[0].seq, 2);
        assert_eq!(boot.log.find(key.app, &[id(3)], &[key.dialog]).await.unwrap(), [[]]);
        assert_eq!(boot.log.members(key.app, &[(key.dialog, 1)]).await.unwrap()[0].base, 2, "nothing follows from it");
    }
    // It leaves the other boot what that has, until it is to own the dialog.
    assert_eq!(old.log.append(key, append(3, &[1])).await, conflict);
    assert_eq!(new.log.append(key, append(3, &[2])).await, Ok(3));
    assert_eq!(reader.log.find(key.app, &[id(3)], &[key.dialog]).await.unwrap()[0].len(), 1);
    assert_eq!(old.log.load(key).await.unwrap().seq, 3);
    assert_eq!(old.log.append(key, append(4, &[1])).await, Ok(4));
    let senders: Vec<u64> = new.log.rows(key, &Ranges::of(1, 9)).await.unwrap().iter().map(|row| row.sender).collect();
    assert_eq!(senders, [1, 1, 2, 1]);
}

async fn what_was_written_and_not_answered_stands_and_its_sender_hears_its_number(cql: &Cql, key: DialogKey) {
    let [old, new] = [boot(cql, 1), boot(cql, 2)];
    old.log.append(key, append(1, &[1])).await.unwrap();
    // It ends when the rows are written, before its id rows and its look.
    let lost = Append { quiet: vec![(9, 3)], ..append(2, &[2, 1]) };
    let segment = old.engine().segments.last(key).await.unwrap().unwrap();
    old.put_rows(key, segment.number, &rows::batch(1, &lost.rows, &lost.quiet)).await;
    let told = new.told().await;
    assert_eq!(new.log.load(key).await.unwrap().seq, 3);
    let found = new.log.find(key.app, &[id(2)], &[key.dialog]).await.unwrap();
    assert_eq!(found[0].iter().map(|(_, row)| row.seq).collect::<Vec<_>>(), [2], "posted again, it is known");
    let members = new.log.members(key.app, &[(key.dialog, 1), (key.dialog, 2), (key.dialog, 9)]).await.unwrap();
    assert_eq!((members[0].settled.contains(3), members[1].settled.contains(2)), (true, true), "own rows are settled");
    assert_eq!(members[2].quiet, Ranges::of(3, 3));
    assert_eq!(new.told().await, told + 1, "the durable log is told by who takes over");
}

/// Dialogs of two apps, written at the same time: the requests are few, and a dialog that somebody else has taken stops only itself.
async fn what_goes_together_is_each_of_its_own_dialog(cql: &Cql) {
    let (old, new) = (boot(cql, 1), boot(cql, 2));
    let keys: Vec<DialogKey> = (0..24_u8).map(|n| DialogKey { app: AppId(71 + u64::from(n % 2)), ..key(100 + n) }).collect();
    let append_to_all = async |first_seq| {
        let one = |key: &DialogKey| old.log.append(*key, append(first_seq, &[1]));
        join_all(keys.iter().map(one)).await
    };
    assert_eq!(append_to_all(1).await, vec![Ok(1); 24]);
    assert_eq!(append_to_all(2).await, vec![Ok(2); 24]);
    for key in keys.iter().step_by(3) {
        assert_eq!(new.log.load(*key).await.unwrap().seq, 2);
    }
    for seq in [3, 4] {
        let ends = append_to_all(seq).await;
        for (n, end) in ends.into_iter().enumerate() {
            match n % 3 {
                0 => assert!(matches!(end, Err(Error::Conflict { .. })), "{n}: {end:?}"),
                _ => assert_eq!(end, Ok(seq), "{n}"),
            }
        }
    }
    for (n, key) in keys.iter().enumerate() {
        let rows = new.log.rows(*key, &Ranges::of(1, 9)).await.unwrap();
        assert_eq!(rows.len(), if n % 3 == 0 { 2 } else { 4 }, "{n}");
    }
}

async fn a_batch_with_a_gap_counts_up_to_it(cql: &Cql, key: DialogKey) {
    let [old, reader, new] = [boot(cql, 1), boot(cql, 2), boot(cql, 3)];
    old.log.append(key, append(1, &[1])).await.unwrap();
    let segment = old.engine().segments.last(key).await.unwrap().unwrap();
    let mut batch = rows::batch(1, &append(2, &[1, 2, 1]).rows, &[]);
    batch.remove(1);
    old.put(key, segment, &batch).await;
    // The segment is open yet: what stands behind the gap is shown to nobody.
    assert_eq!(reader.log.rows(key, &Ranges::of(1, 9)).await.unwrap().len(), 2);
    assert_eq!(reader.log.rows(key, &Ranges::of(4, 4)).await.unwrap(), []);
    assert_eq!(reader.log.heads(key.app, &[key.dialog]).await.unwrap()[0].seq, 2);
    assert_eq!(reader.log.find(key.app, &[id(4)], &[key.dialog]).await.unwrap(), [[]]);
    assert_eq!(new.log.load(key).await.unwrap().seq, 2);
    assert_eq!(new.log.append(key, append(3, &[3])).await, Ok(3));
    assert_eq!(reader.log.rows(key, &Ranges::of(3, 3)).await.unwrap()[0].sender, 3);
}

async fn whoever_meets_a_fence_finishes(cql: &Cql, key: DialogKey) {
    let [old, fencer, reader] = [boot(cql, 1), boot(cql, 2), boot(cql, 3)];
    old.log.append(key, append(1, &[1, 2])).await.unwrap();
    let segment = old.engine().segments.last(key).await.unwrap().unwrap();
    let fence = async || fencer.engine().segments.fence(key, segment).await.unwrap();
    fence().await;
    // Who fenced falls silent. A reader shows all that was acknowledged, and seals.
    assert_eq!(reader.log.rows(key, &Ranges::of(1, 9)).await.unwrap().len(), 2);
    let last = reader.engine().segments.last(key).await.unwrap().unwrap();
    assert_eq!(last.state, State::Sealed { length: 2 });
    // The old writer goes on in a segment of its own when it looks.
    assert_eq!(old.log.append(key, append(3, &[1])).await, Err(Error::Conflict { head: 2, first_seq: 3 }));
    assert_eq!(old.log.load(key).await.unwrap().seq, 2);
    assert_eq!(old.log.append(key, append(3, &[1])).await, Ok(3));
    let segment = old.engine().segments.last(key).await.unwrap().unwrap();
    fencer.engine().segments.fence(key, segment).await.unwrap();
    // Its batch was at a quorum before anybody read: it stands, whoever seals.
    assert_eq!(old.log.append(key, append(4, &[2])).await, Ok(4));
    assert_eq!(reader.log.heads(key.app, &[key.dialog]).await.unwrap()[0].seq, 4);
}

async fn an_edit_outlives_the_row_that_is_written_again(cql: &Cql, key: DialogKey) {
    let [old, new] = [boot(cql, 1), boot(cql, 2)];
    old.log.append(key, append(1, &[1, 2])).await.unwrap();
    let read = new.engine().rows.read(key, 0, 0, 2).await.unwrap();
    let words = Edit::of(Message { body: Some("better".into()), ..Message::default() }, false);
    old.log.change(key, 1, words, 1, NOW).await.unwrap();
    old.log.change(key, 2, Edit::Remove, 2, NOW).await.unwrap();
    new.put_rows(key, 0, &read).await;
    let check = async || {
        let rows = new.log.rows(key, &Ranges::of(1, 2)).await.unwrap();
        assert_eq!((rows[0].body.as_deref(), rows[1].body.as_deref(), rows[1].removed), (Some("better"), None, true));
        let stored = new.engine().rows.read(key, 0, 0, 2).await.unwrap();
        assert_eq!((stored[0].row.is_some(), &stored[1].row), (true, &None), "nothing is left of what was removed");
    };
    check().await;
    assert_eq!(new.log.load(key).await.unwrap().removed, Ranges::of(2, 2));
    check().await;
}

async fn a_change_that_was_recorded_is_made_by_who_comes_next(cql: &Cql, key: DialogKey) {
    let [old, new] = [boot(cql, 1), boot(cql, 2)];
    old.log.append(key, append(1, &[1, 2])).await.unwrap();
    for (seq, edit) in [(1, Edit::of(Message { body: Some("better".into()), ..Message::default() }, false)), (2, Edit::Remove)] {
        // It ends before the row is changed.
        let row = edit.apply(&message(seq, seq), NOW).unwrap().unwrap();
        let change = edit.told(&row, seq, seq);
        assert!(old.engine().facts.record(key, seq - 1, &change).await.unwrap());
        assert!(!old.engine().facts.record(key, seq - 1, &change).await.unwrap(), "a stamp is given once");
        let changes = new.log.changes(key, seq - 1, 9).await.unwrap();
        assert_eq!(changes, [change]);
        assert_eq!(new.log.rows(key, &Ranges::of(seq, seq)).await.unwrap(), [row], "what is told is so");
    }
    let head = new.log.load(key).await.unwrap();
    assert_eq!((head.stamp, head.removed), (2, Ranges::of(2, 2)));
}

async fn who_forgot_its_place_takes_over_from_itself(cql: &Cql, key: DialogKey) {
    let own = boot(cql, 1);
    own.log.append(key, append(1, &[1, 2])).await.unwrap();
    own.engine().owned.entry(key).lock().await.forget();
    assert_eq!(own.log.append(key, append(3, &[1])).await, Ok(3));
    let last = own.engine().segments.last(key).await.unwrap().unwrap();
    assert_eq!((last.number, last.first_seq), (1, 3));
}

async fn of_two_who_open_one_gets_the_segment(cql: &Cql, key: DialogKey) {
    let [one, other] = [boot(cql, 1), boot(cql, 2)];
    assert_eq!((one.log.load(key).await.unwrap().seq, other.log.load(key).await.unwrap().seq), (0, 0));
    let (ones, others) = tokio::join!(one.log.append(key, append(1, &[1])), other.log.append(key, append(1, &[2])));
    assert!(ones.is_ok() != others.is_ok(), "{ones:?} {others:?}");
    let standing = one.log.rows(key, &Ranges::of(1, 9)).await.unwrap();
    assert_eq!(standing.iter().map(|row| row.sender).collect::<Vec<_>>(), [if ones.is_ok() { 1 } else { 2 }]);
}

async fn what_the_durable_log_does_not_take_is_told_later(cql: &Cql, key: DialogKey) {
    let own = boot(cql, 1);
    own.kv.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    assert_eq!(own.log.append(key, append(1, &[1])).await, Ok(1), "the row that stands in for it is durable");
    own.kv.set_faults(Faults::default());
    let other = boot(cql, 2);
    other.told.sweep().await.unwrap();
    // Every process looks for it now and then.
    assert_eq!(own.told().await + other.told().await, 1);
    assert_eq!(other.told.sweep().await, Ok(0));
}

async fn of_an_app_that_is_erased_nothing_is_left(cql: &Cql) {
    let [app, other] = [AppId(77), AppId(78)];
    let own = boot(cql, 1);
    let dialog = |app, n| DialogKey { app, dialog: DialogId([n; 12]) };
    for key in [dialog(app, 1), dialog(app, 2), dialog(other, 1)] {
        own.log.append(key, append(1, &[1, 2, 1])).await.unwrap();
        own.log.append(key, append(4, &[1, 2, 1])).await.unwrap();
        own.log.change(key, 2, Edit::Remove, 2, NOW).await.unwrap();
    }
    let (mut messages, mut calls) = (0, 0);
    loop {
        let (gone, most) = own.log.erase(app, 4).await.unwrap();
        (messages, calls) = (messages + gone, calls + 1);
        if most < 4 {
            break;
        }
    }
    assert!(messages == 12 && calls > 2, "{messages} in {calls}");
    let later = boot(cql, 2);
    for n in [1, 2] {
        let key = dialog(app, n);
        assert_eq!(later.log.heads(app, &[key.dialog]).await.unwrap()[0], Default::default());
        assert_eq!(later.engine().rows.read(key, 0, 0, 9).await.unwrap(), []);
        assert_eq!(later.engine().ids.find(key, id(1)).await.unwrap(), []);
        assert_eq!(later.log.everyone(key).await.unwrap(), []);
    }
    assert_eq!(later.log.rows(dialog(other, 1), &Ranges::of(1, 9)).await.unwrap().len(), 6);
}

/// One run of a process, with segments of four rows and a durable log of its own.
struct Running {
    log: Arc<OnCql>,
    told: Arc<Told>,
    kv: Kv,
    posted: Log,
}

fn boot(cql: &Cql, number: u64) -> Running {
    let kv = Kv::memory();
    let posted = Log::embedded(kv.clone(), Table("posted"), 1_000);
    let told = Told::new(cql.clone(), posted.clone());
    let setup = Setup { boot: Boot(number), segment_rows: 4, dialogs_max: 64, changes_kept: 5 };
    let log = OnCql::new(cql.clone(), setup, told.clone(), Clock::paused(NOW));
    Running { log: Arc::new(log), told, kv, posted }
}

impl Running {
    fn engine(&self) -> &Engine {
        &self.log.0
    }

    /// Rows and id rows, and nothing else of an append.
    async fn put(&self, key: DialogKey, segment: Segment, stored: &[Stored]) {
        self.engine().write(key, segment, stored).await.unwrap();
    }

    // Without their id rows.
    async fn put_rows(&self, key: DialogKey, segment: u64, stored: &[Stored]) {
        self.engine().rows.cql.write_parts(vec![Rows::part(key, segment, stored)]).await.unwrap();
    }

    async fn told(&self) -> usize {
        self.posted.read(5, 1_000).await.unwrap().len()
    }
}

fn append(first_seq: u64, senders: &[u64]) -> Append {
    let rows = senders.iter().zip(first_seq..).map(|(sender, seq)| message(*sender, seq)).collect();
    Append { first_seq, rows, ..Append::default() }
}

fn key(n: u8) -> DialogKey {
    DialogKey { app: AppId(5), dialog: DialogId([n; 12]) }
}
