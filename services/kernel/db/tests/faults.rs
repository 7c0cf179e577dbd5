//! The memory engine's misfortune: the same seed gives the same outcomes, a crash leaves whole groups.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use futures::future::join_all;
use natter_db::{Batch, Commit, Error, Faults, KeyRange, Kv, KvOptions, Table};
use tokio::time::Instant;

const ROWS: Table = Table("rows");

#[test]
fn without_faults_a_commit_is_done_when_the_call_returns() {
    let kv = Kv::memory();
    let commit = put(&kv, 1);
    assert_eq!(rows(&kv), [1]);
    assert_eq!(futures::executor::block_on(commit), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_seed_gives_the_same_outcomes_every_time() {
    let first = outcomes_of(7).await;
    assert_eq!(first, outcomes_of(7).await);
    assert_ne!(first.0, outcomes_of(8).await.0);
    let count = |wanted: fn(&Result<(), Error>) -> bool| first.0.iter().filter(|outcome| wanted(outcome)).count();
    assert!(count(|outcome| outcome.is_ok()) > 100, "{first:?}");
    assert!(count(|outcome| matches!(outcome, Err(Error::NotStored(_)))) > 10, "{first:?}");
    assert!(count(|outcome| matches!(outcome, Err(Error::Unknown(_)))) > 10, "{first:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_is_acked_or_of_unknown_outcome() {
    let (outcomes, stored, _) = outcomes_of(11).await;
    let mut unknown_stored = 0;
    for (n, outcome) in (0..).zip(&outcomes) {
        match outcome {
            Ok(()) => assert!(stored.contains(&n), "acked row {n} is absent"),
            Err(Error::NotStored(_)) => assert!(!stored.contains(&n), "refused row {n} is there"),
            Err(_) => unknown_stored += usize::from(stored.contains(&n)),
        }
    }
    let unknown = outcomes.iter().filter(|outcome| matches!(outcome, Err(Error::Unknown(_)))).count();
    assert!(unknown_stored > 0 && unknown_stored < unknown, "{unknown_stored} of {unknown}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_keeps_what_was_acked_and_fails_who_waits() {
    let mut half_way = 0;
    for seed in 0..20 {
        let kv = Kv::memory_with(Faults { seed, ..slow() });
        put(&kv, 1).await.unwrap();
        let in_flight: Vec<Commit> = (2..5).map(|n| put(&kv, n)).collect();
        // The three are being written when the next two arrive.
        tokio::task::yield_now().await;
        let queued: Vec<Commit> = (5..7).map(|n| put(&kv, n)).collect();
        let reopened = kv.crash();
        for outcome in join_all(in_flight.into_iter().chain(queued)).await {
            assert!(matches!(outcome, Err(Error::Unknown(_))), "{outcome:?}");
        }
        assert!(matches!(put(&kv, 9).await, Err(Error::NotStored(_))));
        assert!(kv.get(ROWS, b"1").await.is_err());
        let survived = scan(&reopened).await;
        assert!(survived == [1] || survived == [1, 2, 3, 4], "seed {seed}: {survived:?}");
        half_way += usize::from(survived.len() > 1);
        put(&reopened, 9).await.unwrap();
        assert_eq!(scan(&reopened).await.last(), Some(&9));
    }
    assert!((1..20).contains(&half_way), "{half_way}");
}

#[tokio::test(start_paused = true)]
async fn faults_can_be_switched_on_and_off() {
    let kv = Kv::memory();
    kv.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    assert!(matches!(put(&kv, 1).await, Err(Error::NotStored(_))));
    kv.set_faults(Faults::default());
    assert_eq!(put(&kv, 2).await, Ok(()));
    assert_eq!(scan(&kv).await, [2]);
}

#[tokio::test(start_paused = true)]
async fn a_read_without_an_answer_in_time_has_failed_and_a_commit_is_waited_for() {
    let deadline = Duration::from_millis(100);
    let kv = Kv::memory_with(Faults { deadline, delay_min: deadline * 3, delay_max: deadline * 3, ..Faults::default() });
    let began = Instant::now();
    let late = Error::NotStored("no answer within 100 ms".into());
    assert_eq!(kv.get(ROWS, b"1").await, Err(late.clone()));
    assert_eq!(kv.multi_get(ROWS, vec![b"1".to_vec()]).await, Err(late.clone()));
    assert_eq!(kv.scan(ROWS, KeyRange::prefix(""), 9).await, Err(late));
    assert_eq!(began.elapsed(), 3 * deadline);
    assert_eq!(put(&kv, 1).await, Ok(()));
    assert_eq!(began.elapsed(), 6 * deadline, "its outcome is certain");
    kv.set_faults(Faults::default());
    assert_eq!(scan(&kv).await, [1]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_slow_within_its_deadline_is_waited_for() {
    let delay = Duration::from_millis(KvOptions::default().deadline_ms - 1);
    let kv = Kv::memory_with(Faults { delay_min: delay, delay_max: delay, ..Faults::default() });
    assert_eq!(put(&kv, 1).await, Ok(()));
    assert_eq!(kv.get(ROWS, &1_u32.to_be_bytes()).await, Ok(Some("1".into())));
}

// === helpers ===

fn slow() -> Faults {
    Faults { delay_min: Duration::from_millis(1), delay_max: Duration::from_millis(9), ..Faults::default() }
}

/// 300 commits by three writers who each wait for their answers: outcomes, the rows stored, the time it took.
async fn outcomes_of(seed: u64) -> (Vec<Result<(), Error>>, Vec<u32>, Duration) {
    let kv = Kv::memory_with(Faults { seed, not_stored: 0.2, unknown: 0.2, ..slow() });
    let began = Instant::now();
    let mut outcomes = Vec::new();
    for n in 0..100 {
        let three = join_all((0..3).map(|writer| put(&kv, n * 3 + writer)));
        outcomes.extend(three.await);
    }
    (outcomes, scan(&kv).await, began.elapsed())
}

fn put(kv: &Kv, n: u32) -> Commit {
    let mut batch = Batch::new();
    batch.put(ROWS, n.to_be_bytes(), "1");
    kv.commit(batch)
}

async fn scan(kv: &Kv) -> Vec<u32> {
    let rows = kv.scan(ROWS, KeyRange::prefix(""), 9_999).await.unwrap();
    rows.iter().map(|(key, _)| u32::from_be_bytes(key.as_ref().try_into().unwrap())).collect()
}

fn rows(kv: &Kv) -> Vec<u32> {
    futures::executor::block_on(scan(kv))
}
