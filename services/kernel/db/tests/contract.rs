//! The contract of the store, run on both engines: what a port may rely on, whichever is below it.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use natter_db::{Batch, Commit, Error, Faults, KeyRange, Kv, KvOptions, Series, Table, refill};
use natter_telemetry::Metrics;
use tempfile::TempDir;

const ROWS: Table = Table("rows");
const OTHER: Table = Table("other");

/// Every function here becomes one test per engine.
macro_rules! suite {
    ($($name:ident)*) => {
        mod memory {
            use super::*;
            $(#[tokio::test(start_paused = true)]
            async fn $name() { super::$name(Store::memory()).await; })*
        }
        mod disk {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(Store::disk()).await; })*
        }
    };
}
suite! {
    rows_come_back
    commits_happen_in_the_order_of_the_calls
    the_last_write_of_a_batch_stands
    a_condition_refuses_the_whole_batch_and_no_other
    of_many_who_require_absence_one_wins
    a_scan_reads_both_ways_within_its_limit
    many_ranges_are_read_together
    an_unknown_table_is_empty
    a_commit_that_nobody_awaits_is_written
    relaxed_and_durable_commits_keep_their_order
    what_was_committed_is_there_after_reopening
    a_full_queue_refuses_and_goes_on
    commits_that_wait_are_written_together
    a_group_is_bounded_in_commits_and_in_bytes
    a_reader_never_sees_half_a_batch
    a_key_that_no_engine_takes_is_refused
    numbers_of_a_series_are_given_in_the_order_of_commits
    a_copy_is_of_one_moment_whatever_is_written_while_it_is_read
}

async fn a_copy_is_of_one_moment_whatever_is_written_while_it_is_read(store: Store) {
    let kv = &store.kv;
    let key = |n: u32| n.to_be_bytes().to_vec();
    // Some pieces of a copy.
    for n in 0..400 {
        let mut batch = Batch::new();
        batch.put(ROWS, key(n), vec![1; 10_000]);
        batch.put(OTHER, key(n), n.to_string());
        kv.commit(batch).await.unwrap();
    }
    let mut copied = kv.copied().await.unwrap();
    let (mut bytes, mut n) = (Vec::new(), 0);
    while let Some(piece) = copied.next().await.unwrap() {
        bytes.extend_from_slice(&piece);
        let mut batch = Batch::new();
        (0..100).for_each(|from_end| batch.delete(ROWS, key(399 - from_end)));
        batch.put(ROWS, key(1_000 + n), "later");
        (0..400).for_each(|n| batch.put(OTHER, key(n), "later"));
        batch.put(Table("later"), "a", "b");
        kv.commit(batch).await.unwrap();
        n += 1;
    }
    assert!(n > 3, "{n} pieces are no traffic");
    let there = Kv::memory();
    assert_eq!(refill(&there, &mut bytes.as_slice()).await.unwrap(), 800);
    let rows = there.scan(ROWS, KeyRange::prefix(""), 1_000).await.unwrap();
    assert!(rows.len() == 400 && rows.iter().all(|(_, value)| value.len() == 10_000 && value[0] == 1));
    let other = there.scan(OTHER, KeyRange::prefix(""), 1_000).await.unwrap();
    let expected: Vec<_> = (0..400).map(|n| (Bytes::from(key(n)), Bytes::from(n.to_string()))).collect();
    assert_eq!(other, expected);
    assert!(there.scan(Table("later"), KeyRange::prefix(""), 10).await.unwrap().is_empty());
}

async fn numbers_of_a_series_are_given_in_the_order_of_commits(store: Store) {
    let (kv, series) = (&store.kv, Series::starting_at(7, Arc::default()));
    let numbered = |value: &str, twice: bool| {
        let mut batch = Batch::new();
        batch.put_next(ROWS, "n", &series, value.to_owned());
        if twice {
            batch.put_next(ROWS, "n", &series, format!("{value} again"));
        }
        batch
    };
    // The second was made first.
    let (second, first) = (numbered("second", false), numbered("first", true));
    let mut refused = numbered("refused", false);
    refused.require_equal(ROWS, "absent", "1");
    let commits = [kv.commit(first), kv.commit(refused), kv.commit(second)];
    let outcomes = join_all(commits).await;
    assert_eq!(outcomes, [Ok(()), Err(Error::Condition), Ok(())]);
    let rows = kv.scan(ROWS, KeyRange::prefix("n"), 9).await.unwrap();
    let rows: Vec<(u64, &[u8])> =
        rows.iter().map(|(key, value)| (u64::from_be_bytes(key[1..].try_into().unwrap()), value.as_ref())).collect();
    assert_eq!(rows, [(7, &b"first"[..]), (8, b"first again"), (10, b"second")], "what is refused leaves a gap");
    assert_eq!(series.upcoming(), 11);
}

async fn rows_come_back(store: Store) {
    let kv = &store.kv;
    put(kv, "a", "1").await.unwrap();
    put(kv, "empty", "").await.unwrap();
    put(kv, "large", &"x".repeat(100_000)).await.unwrap();
    assert_eq!(get(kv, "a").await, Some("1".into()));
    assert_eq!(get(kv, "empty").await, Some("".into()));
    assert_eq!(get(kv, "large").await.unwrap().len(), 100_000);
    assert_eq!(get(kv, "absent").await, None);
    put(kv, "a", "2").await.unwrap();
    assert_eq!(get(kv, "a").await, Some("2".into()));
    let mut batch = Batch::new();
    batch.delete(ROWS, "a");
    batch.delete(ROWS, "absent");
    kv.commit(batch).await.unwrap();
    assert_eq!(get(kv, "a").await, None);

    let keys: Vec<Vec<u8>> = (0..40).map(|n| if n == 20 { b"empty".to_vec() } else { vec![n] }).collect();
    let found = kv.multi_get(ROWS, keys).await.unwrap();
    assert_eq!(found.len(), 40);
    assert_eq!(found.iter().position(Option::is_some), Some(20));
}

async fn commits_happen_in_the_order_of_the_calls(store: Store) {
    let commits: Vec<Commit> = (0..600).map(|n| put(&store.kv, "a", &n.to_string())).collect();
    join_all(commits).await.into_iter().for_each(|outcome| outcome.unwrap());
    assert_eq!(get(&store.kv, "a").await, Some("599".into()));
}

async fn the_last_write_of_a_batch_stands(store: Store) {
    let mut batch = Batch::new();
    batch.put(ROWS, "a", "1");
    batch.delete(ROWS, "a");
    batch.put(ROWS, "b", "1");
    batch.put(ROWS, "b", "2");
    batch.put(OTHER, "b", "3");
    store.kv.commit(batch).await.unwrap();
    assert_eq!(get(&store.kv, "a").await, None);
    assert_eq!(get(&store.kv, "b").await, Some("2".into()));
    assert_eq!(store.kv.get(OTHER, b"b").await.unwrap(), Some("3".into()));
}

async fn a_condition_refuses_the_whole_batch_and_no_other(store: Store) {
    put(&store.kv, "a", "1").await.unwrap();
    let conditional = |condition: fn(&mut Batch), key: &str| {
        let mut batch = Batch::new();
        batch.put(ROWS, key, "written");
        condition(&mut batch);
        store.kv.commit(batch)
    };
    let outcomes = join_all([
        conditional(|batch| batch.require_absent(ROWS, "a"), "k0"),
        conditional(|batch| batch.require_equal(ROWS, "a", "1"), "k1"),
        conditional(|batch| batch.require_equal(ROWS, "a", "other"), "k2"),
        conditional(|batch| batch.require_equal(ROWS, "absent", ""), "k3"),
        conditional(|batch| batch.require_absent(ROWS, "k1"), "k4"),
        conditional(|batch| batch.require_absent(ROWS, "k5"), "k5"),
    ]);
    let expected = [Err(Error::Condition), Ok(()), Err(Error::Condition), Err(Error::Condition), Err(Error::Condition), Ok(())];
    assert_eq!(outcomes.await, expected);
    for (n, outcome) in expected.iter().enumerate() {
        assert_eq!(get(&store.kv, &format!("k{n}")).await.is_some(), outcome.is_ok(), "k{n}");
    }
}

async fn of_many_who_require_absence_one_wins(store: Store) {
    let claim = |n: usize| {
        let mut batch = Batch::new();
        batch.require_absent(ROWS, "name");
        batch.put(ROWS, "name", n.to_string());
        store.kv.commit(batch)
    };
    let outcomes = join_all((0..300).map(claim)).await;
    let winners: Vec<usize> = (0..300).filter(|n| outcomes[*n].is_ok()).collect();
    assert_eq!(winners, [0]);
    assert_eq!(get(&store.kv, "name").await, Some("0".into()));
}

async fn a_scan_reads_both_ways_within_its_limit(store: Store) {
    let kv = &store.kv;
    for key in ["a1", "a2", "a3", "a\u{7f}", "b1", "b2"] {
        put(kv, key, key).await.unwrap();
    }
    let mut odd = Batch::new();
    odd.put(ROWS, [b'a', 0xff, 0xff], "high");
    kv.commit(odd).await.unwrap();
    let between = || KeyRange::between("a2", "b2");
    check_scan(kv, KeyRange::prefix("a"), 9, &["a1", "a2", "a3", "a\u{7f}", "high"]).await;
    check_scan(kv, KeyRange::prefix("a").reversed(), 2, &["high", "a\u{7f}"]).await;
    check_scan(kv, KeyRange::prefix(""), 3, &["a1", "a2", "a3"]).await;
    check_scan(kv, KeyRange::prefix("").reversed(), 1, &["b2"]).await;
    check_scan(kv, KeyRange::prefix([0xff]), 9, &[]).await;
    check_scan(kv, between(), 9, &["a2", "a3", "a\u{7f}", "high", "b1"]).await;
    check_scan(kv, between().reversed(), 3, &["b1", "high", "a\u{7f}"]).await;
    check_scan(kv, between(), 0, &[]).await;
    check_scan(kv, KeyRange::between("b", "a"), 9, &[]).await;
    check_scan(kv, KeyRange::between("a1", "a1"), 9, &[]).await;
}

async fn many_ranges_are_read_together(store: Store) {
    for n in 0..100 {
        put(&store.kv, &format!("{n:02}"), &n.to_string()).await.unwrap();
    }
    let tens = |range: std::ops::Range<usize>| range.map(|ten| KeyRange::prefix(ten.to_string())).collect::<Vec<_>>();
    // Few ranges or many, little in each or much: engines may take different ways.
    for (ranges, limit) in [(tens(0..10), 3), (tens(0..10), 10), (tens(0..10), 99), (tens(0..40), 99), (tens(0..0), 9)] {
        let found = store.kv.multi_scan(ROWS, ranges.clone(), limit).await.unwrap();
        assert_eq!(found.len(), ranges.len());
        for (range, rows) in ranges.into_iter().zip(found) {
            assert_eq!(store.kv.scan(ROWS, range, limit).await, Ok(rows));
        }
    }
    let odd = vec![KeyRange::between("9", "1"), KeyRange::prefix("7").reversed()];
    let found = store.kv.multi_scan(ROWS, odd, 2).await.unwrap();
    assert_eq!(found[0], []);
    assert_eq!(found[1].iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), ["79", "78"]);
    assert_eq!(store.kv.multi_scan(OTHER, tens(0..2), 9).await, Ok(vec![vec![], vec![]]));
}

async fn an_unknown_table_is_empty(store: Store) {
    assert_eq!(store.kv.get(OTHER, b"a").await, Ok(None));
    assert_eq!(store.kv.multi_get(OTHER, vec![b"a".to_vec()]).await, Ok(vec![None]));
    assert_eq!(store.kv.scan(OTHER, KeyRange::prefix(""), 9).await, Ok(vec![]));
}

async fn a_commit_that_nobody_awaits_is_written(store: Store) {
    drop(put(&store.kv, "a", "1"));
    put(&store.kv, "b", "1").await.unwrap();
    assert_eq!(get(&store.kv, "a").await, Some("1".into()));
}

async fn relaxed_and_durable_commits_keep_their_order(store: Store) {
    let write = |n: usize| {
        let mut batch = Batch::new();
        batch.put(ROWS, "a", n.to_string());
        batch.put(ROWS, format!("row {n}"), "1");
        if !n.is_multiple_of(3) {
            batch.relaxed();
        }
        store.kv.commit(batch)
    };
    let mut commits: Vec<Commit> = (0..100).map(write).collect();
    commits.pop().unwrap().await.unwrap();
    assert_eq!(get(&store.kv, "a").await, Some("99".into()));
    let store = store.reopen();
    assert_eq!(get(&store.kv, "a").await, Some("99".into()));
    assert_eq!(store.kv.scan(ROWS, KeyRange::prefix("row "), 999).await.unwrap().len(), 100);
}

async fn what_was_committed_is_there_after_reopening(mut store: Store) {
    for round in 0..3 {
        let write = |n: usize| put(&store.kv, &format!("{round} {n:03}"), &n.to_string());
        join_all((0..200).map(write)).await.into_iter().for_each(|outcome| outcome.unwrap());
        store = store.reopen();
        let rows = store.kv.scan(ROWS, KeyRange::prefix(format!("{round} ")), 999).await.unwrap();
        assert_eq!(rows.len(), 200, "round {round}");
        assert!(rows.iter().enumerate().all(|(n, (_, value))| *value == n.to_string()));
    }
}

async fn a_full_queue_refuses_and_goes_on(store: Store) {
    let store = store.with_queue(2, 5_000);
    assert_eq!(put(&store.kv, "large", &"x".repeat(6_000)).await, Err(Error::Full));
    let mut commits = Vec::new();
    loop {
        let mut commit = put(&store.kv, &commits.len().to_string(), "1");
        match futures::poll!(&mut commit) {
            std::task::Poll::Ready(Err(Error::Full)) => break,
            std::task::Poll::Ready(outcome) => outcome.unwrap(),
            std::task::Poll::Pending => commits.push(commit),
        }
    }
    join_all(commits).await.into_iter().for_each(|outcome| outcome.unwrap());
    put(&store.kv, "a", "1").await.unwrap();
}

async fn commits_that_wait_are_written_together(store: Store) {
    let commits: Vec<Commit> = (0..1_000).map(|n| put(&store.kv, &n.to_string(), "1")).collect();
    join_all(commits).await.into_iter().for_each(|outcome| outcome.unwrap());
    let groups = groups(&store.kv);
    assert!((4..200).contains(&groups), "1000 commits in {groups} groups of at most 256");
}

async fn a_group_is_bounded_in_commits_and_in_bytes(store: Store) {
    let (group_count, group_bytes) = (5, 5_000);
    let store = store.with_groups(group_count, group_bytes);
    let before = groups(&store.kv);
    let small: Vec<Commit> = (0..100).map(|n| put(&store.kv, &n.to_string(), "1")).collect();
    join_all(small).await.into_iter().for_each(|outcome| outcome.unwrap());
    let small = groups(&store.kv) - before;
    assert!(small >= 20, "100 commits in {small} groups of at most {group_count}");
    // Two of these fit, and one that is larger than a group may be goes alone.
    let large: Vec<Commit> = (0..20).map(|n| put(&store.kv, &n.to_string(), &"x".repeat(2_000))).collect();
    let over = put(&store.kv, "over", &"x".repeat(6_000));
    join_all(large.into_iter().chain([over])).await.into_iter().for_each(|outcome| outcome.unwrap());
    let large = groups(&store.kv) - small - before;
    assert!(large >= 11, "20 large commits and a larger one in {large} groups of at most {group_bytes} bytes");
    assert_eq!(get(&store.kv, "over").await.unwrap().len(), 6_000);
}

async fn a_reader_never_sees_half_a_batch(store: Store) {
    let pairs = |n: u32| {
        let mut batch = Batch::new();
        for part in 0..20_u8 {
            batch.put(ROWS, [part], n.to_be_bytes().to_vec());
        }
        store.kv.commit(batch)
    };
    pairs(0).await.unwrap();
    for n in 1..300 {
        let (written, read) = futures::join!(pairs(n), store.kv.scan(ROWS, KeyRange::prefix(""), 99));
        written.unwrap();
        let mut values: Vec<Bytes> = read.unwrap().into_iter().map(|(_, value)| value).collect();
        assert_eq!(values.len(), 20);
        values.dedup();
        assert_eq!(values.len(), 1, "round {n}: {values:?}");
    }
}

async fn a_key_that_no_engine_takes_is_refused(store: Store) {
    for key in [vec![], vec![1; 65_536]] {
        let mut batch = Batch::new();
        batch.put(ROWS, key, "1");
        assert!(matches!(store.kv.commit(batch).await, Err(Error::NotStored(_))));
    }
    let mut batch = Batch::new();
    batch.put(ROWS, vec![1; 65_535], "1");
    store.kv.commit(batch).await.unwrap();
}

// === helpers ===

/// A store and the place where it is found again.
struct Store {
    kv: Kv,
    place: Option<TempDir>,
}

impl Store {
    fn memory() -> Store {
        Store { kv: Kv::memory_with(slow()), place: None }
    }

    fn disk() -> Store {
        let place = tempfile::tempdir().unwrap();
        Store { kv: Kv::open(place.path(), KvOptions::default()).unwrap(), place: Some(place) }
    }

    fn with_queue(self, queue_count: usize, queue_bytes: usize) -> Store {
        let faults = Faults { queue_count, queue_bytes, ..slow() };
        self.again(faults, KvOptions { queue_count, queue_bytes, ..KvOptions::default() })
    }

    fn with_groups(self, group_count: usize, group_bytes: usize) -> Store {
        let faults = Faults { group_count, group_bytes, ..slow() };
        self.again(faults, KvOptions { group_count, group_bytes, ..KvOptions::default() })
    }

    fn again(self, faults: Faults, options: KvOptions) -> Store {
        let Some(place) = self.place else { return Store { kv: Kv::memory_with(faults), place: None } };
        drop(self.kv);
        Store { kv: Kv::open(place.path(), options).unwrap(), place: Some(place) }
    }

    fn reopen(self) -> Store {
        let Some(place) = self.place else { return Store { kv: self.kv.crash(), place: None } };
        drop(self.kv);
        Store { kv: Kv::open(place.path(), KvOptions::default()).unwrap(), place: Some(place) }
    }
}

fn slow() -> Faults {
    Faults { delay_min: Duration::from_millis(1), delay_max: Duration::from_millis(5), ..Faults::default() }
}

fn put(kv: &Kv, key: &str, value: &str) -> Commit {
    let mut batch = Batch::new();
    batch.put(ROWS, key, value.to_owned());
    kv.commit(batch)
}

async fn get(kv: &Kv, key: &str) -> Option<Bytes> {
    kv.get(ROWS, key.as_bytes()).await.unwrap()
}

async fn check_scan(kv: &Kv, range: KeyRange, limit: usize, expected: &[&str]) {
    let rows = kv.scan(ROWS, range.clone(), limit).await.unwrap();
    let values: Vec<&[u8]> = rows.iter().map(|(_, value)| value.as_ref()).collect();
    assert_eq!(values, expected.iter().map(|value| value.as_bytes()).collect::<Vec<_>>(), "{range:?}");
}

fn groups(kv: &Kv) -> u64 {
    let metrics = Metrics::new();
    kv.register(&metrics);
    let text = metrics.encode();
    let line = text.lines().find(|line| line.starts_with("natter_db_group_batches_count")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}
