//! The log on a store that refuses, leaves outcomes open, and dies between two writes. Each run prints its seed when it fails.

use std::time::Duration;

use natter_db::{Faults, Kv};

use super::{embedded, key, slow};
use crate::edit::Edit;
use crate::error::Error;
use crate::log::{DialogKey, MessageLog};
use crate::member::Move;
use crate::oracle::Oracle;
use crate::ranges::Ranges;

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_leaves_the_log_as_it_was_answered() {
    for seed in 0..60 {
        let _replay = Seed(seed);
        let kv = Kv::memory_with(Faults { not_stored: 0.2, unknown: 0.2, ..slow(seed) });
        let log = embedded(kv);
        let mut oracle = Oracle::default();
        for round in 0..30 {
            append(&*log, key(1), &mut oracle, &senders(seed, round)).await;
            oracle.agrees_with(&*log, key(1)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_rides_on_a_failed_append_does_not_speak_of_its_rows() {
    for seed in 0..60 {
        let _replay = Seed(seed);
        let kv = Kv::memory_with(Faults { not_stored: 0.3, unknown: 0.1, ..slow(seed) });
        let log = embedded(kv);
        let mut oracle = Oracle::default();
        for round in 0..20 {
            let head = oracle.head();
            let before = oracle.clone();
            // The sender reads, a reader reads and the newest row is removed while the append is in flight.
            let (log, seqs, senders) = (&*log, 1..=head, senders(seed, round));
            tokio::join!(
                append(log, key(1), &mut oracle, &senders),
                until_done(|| log.move_member(key(1), 1, Move::Read(Ranges::of(1, head)))),
                until_done(|| log.move_member(key(1), 2, Move::Received(Ranges::of(1, head)))),
                async {
                    if before.rows.last().is_some_and(|row| !row.removed) {
                        until_done(|| log.change(key(1), head, Edit::Remove, 3, 1_900_000_000_000)).await;
                    }
                },
            );
            oracle.read(1, seqs.clone());
            oracle.receive(2, seqs);
            oracle.remove(head);
            oracle.agrees_with(log, key(1)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_two_writes_leaves_a_whole_log() {
    for seed in 0..60 {
        let _replay = Seed(seed);
        let kv = Kv::memory_with(slow(seed));
        let mut oracle = Oracle::default();
        let log = embedded(kv.clone());
        append(&*log, key(1), &mut oracle, &[1, 2]).await;
        let next = oracle.next(&[1, 2, 3], Some(3));
        let appended = tokio::spawn({
            let (log, next) = (log.clone(), next.clone());
            async move { log.append(key(1), next).await.is_ok() }
        });
        let marked = tokio::spawn(async move { log.move_member(key(1), 2, Move::Read(Ranges::of(1, 1))).await.is_ok() });
        for _ in 0..seed % 23 {
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        let kv = kv.crash();
        let acked = [appended.await.unwrap(), marked.await.unwrap()];
        check_after_crash(&*embedded(kv), oracle, next, acked).await;
    }
}

/// Both writes are there or not, each as a whole; what was acked is there.
async fn check_after_crash(log: &dyn MessageLog, mut oracle: Oracle, next: crate::log::Append, acked: [bool; 2]) {
    let stored = log.load(key(1)).await.unwrap().seq == 5;
    assert!(stored || !acked[0], "an acked append is lost");
    if stored {
        oracle.append(&next);
    }
    let read = log.members(key(1).app, &[(key(1).dialog, 2)]).await.unwrap()[0].has_read(1);
    assert!(read || !acked[1], "an acked mark is lost");
    if read {
        oracle.read(2, [1]);
    }
    oracle.agrees_with(log, key(1)).await;
    append(log, key(1), &mut oracle, &[3]).await;
    oracle.agrees_with(log, key(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_does_not_stop_what_he_began() {
    let mut stored = [0, 0];
    for cut in 0..40 {
        let log = embedded(Kv::memory_with(slow(cut)));
        let mut oracle = Oracle::default();
        append(&*log, key(1), &mut oracle, &[3]).await;
        let next = oracle.next(&[1, 2], None);
        let patience = Duration::from_millis(cut);
        let _left = tokio::time::timeout(patience, log.append(key(1), next.clone())).await;
        // The sender's mark comes while it is in flight, and a new owner waits for it.
        log.move_member(key(1), 1, Move::Read(Ranges::of(1, 1))).await.unwrap();
        oracle.read(1, [1]);
        let head = log.load(key(1)).await.unwrap().seq;
        if head == 3 {
            oracle.append(&next);
        }
        oracle.agrees_with(&*log, key(1)).await;
        stored[usize::from(head == 3)] += 1;
    }
    assert!(stored[0] > 0 && stored[1] > 0, "{stored:?}");
}

/// Appends as an owner does: after a failure it loads and sees whether its rows are there.
async fn append(log: &dyn MessageLog, key: DialogKey, oracle: &mut Oracle, senders: &[u64]) {
    let next = oracle.next(senders, None);
    let (before, after) = (oracle.head(), oracle.head() + next.rows.len() as u64);
    let outcome = log.append(key, next.clone()).await;
    let head = log.load(key).await.unwrap().seq;
    match outcome {
        Ok(head) => assert_eq!(head, after),
        Err(Error::Store(natter_db::Error::NotStored(_))) => assert_eq!(head, before),
        Err(Error::Store(natter_db::Error::Unknown(_))) => assert!(head == before || head == after),
        Err(error) => panic!("{error}"),
    }
    if head == after {
        oracle.append(&next);
    }
}

async fn until_done<T, F: Future<Output = Result<T, Error>>>(mut call: impl FnMut() -> F) {
    for _ in 0..64 {
        if call().await.is_ok() {
            return;
        }
    }
    panic!("never done");
}

fn senders(seed: u64, round: u64) -> Vec<u64> {
    (0..=(seed + round) % 3).map(|n| 1 + (seed * 7 + round * 3 + n) % 3).collect()
}

/// Names the seed of a run that panics.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}", self.0);
        }
    }
}
