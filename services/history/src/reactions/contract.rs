//! What every engine of reactions must do: plain, with delays, with a store that fails by seed, on disk.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use natter_db::cql::testing::on_cassandra;
use natter_db::{Faults, Kv, KvOptions};
use natter_proto::{AppId, DialogId};

use super::embedded::EmbeddedReactions;
use super::{Reacted, ReactionStore};
use crate::error::Error;
use crate::log::DialogKey;
use crate::options::Options;
use crate::ranges::Ranges;

#[tokio::test(start_paused = true)]
async fn embedded_reactions_keep_the_contract_in_memory() {
    all(|| embedded(Kv::memory())).await;
}

#[tokio::test(start_paused = true)]
async fn embedded_reactions_keep_the_contract_on_a_slow_store() {
    all(|| embedded(Kv::memory_with(slow(7)))).await;
}

#[tokio::test]
async fn embedded_reactions_keep_the_contract_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let kv = Kv::open(directory.path(), KvOptions::default()).unwrap();
    all(|| embedded(kv.clone())).await;
}

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn reactions_on_cassandra_keep_the_contract() {
    on_cassandra(&[super::cql::TABLES], async |cql| {
        let open = || Arc::new(super::cql::OnCql::new(cql.clone(), &options())) as Arc<dyn ReactionStore>;
        all(open).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_reaction_that_was_answered_is_there_whatever_the_store_does() {
    for seed in 0..40 {
        let kv = Kv::memory_with(Faults { not_stored: 0.3, unknown: 0.2, ..slow(seed) });
        let store = embedded(kv.clone());
        let mut there = Vec::new();
        for user in 1..20 {
            if store.react(key(1), 1, add(user, "+")).await == Ok(true) {
                there.push(user);
            }
        }
        let crashed = kv.crash();
        crashed.set_faults(Faults::default());
        let kept = users(&*embedded(crashed), key(1), 1).await;
        assert!(there.iter().all(|user| kept.contains(user)), "seed {seed}: {there:?} in {kept:?}");
    }
}

async fn all(open: impl Fn() -> Arc<dyn ReactionStore>) {
    let store = open();
    reactions_are_kept_by_row(&*store).await;
    rows_and_apps_are_apart(&*store).await;
    an_answer_has_a_size(&*store).await;
    many_at_once_all_count(store.clone()).await;
    what_a_user_reacted_with_is_taken_away(&*store).await;
    of_an_app_that_is_erased_nothing_is_left(&*store).await;
    let again = open();
    assert!(again.react(key(1), 9, Reacted { user: 7, ..Reacted::default() }).await.is_err());
}

async fn reactions_are_kept_by_row(store: &dyn ReactionStore) {
    assert_eq!(store.react(key(1), 3, add(7, "+")).await, Ok(true));
    assert_eq!(store.react(key(1), 3, add(7, "+")).await, Ok(false));
    assert_eq!(store.react(key(1), 3, add(3, "+")).await, Ok(true));
    assert_eq!(store.react(key(1), 3, add(7, "-")).await, Ok(true));
    assert!(matches!(store.react(key(1), 3, add(7, "x")).await, Err(Error::Full("add", _))));
    let found = of(store, key(1), Ranges::of(1, 5)).await;
    assert_eq!(found, [(3, vec![("+".to_owned(), vec![3, 7]), ("-".to_owned(), vec![7])])]);
    for (user, gone) in [(7, "+"), (3, "+"), (7, "-")] {
        let reacted = Reacted { user, remove: gone.to_owned(), ..Reacted::default() };
        assert_eq!(store.react(key(1), 3, reacted.clone()).await, Ok(true));
        assert_eq!(store.react(key(1), 3, reacted).await, Ok(false));
    }
    assert_eq!(of(store, key(1), Ranges::of(1, 5)).await, []);
}

async fn rows_and_apps_are_apart(store: &dyn ReactionStore) {
    let elsewhere = DialogKey { app: AppId(6), ..key(2) };
    for (key, seq, reaction) in [(key(2), 1, "a"), (key(2), 200, "b"), (key(3), 1, "c"), (elsewhere, 1, "d")] {
        store.react(key, seq, add(7, reaction)).await.unwrap();
    }
    let seqs = async |key, places| of(store, key, places).await.into_iter().map(|(seq, _)| seq).collect::<Vec<_>>();
    assert_eq!(seqs(key(2), Ranges::of(1, 300)).await, [1, 200]);
    assert_eq!(seqs(key(2), Ranges::of(2, 300)).await, [200]);
    assert_eq!(of(store, elsewhere, Ranges::of(1, 300)).await, [(1, vec![("d".to_owned(), vec![7])])]);
}

async fn an_answer_has_a_size(store: &dyn ReactionStore) {
    let long = "x".repeat(60);
    for seq in 1..=9 {
        store.react(key(4), seq, add(7, &long)).await.unwrap();
    }
    let (mut places, mut seen, mut calls) = (Ranges::of(1, 100), Vec::new(), 0);
    loop {
        let (found, more) = store.of(key(4), places).await.unwrap();
        seen.extend(found.iter().map(|row| row.seq));
        calls += 1;
        if !more {
            break;
        }
        places = Ranges::of(seen.last().unwrap() + 1, 100);
    }
    assert_eq!((seen, calls), ((1..=9).collect(), 3));
}

async fn what_a_user_reacted_with_is_taken_away(store: &dyn ReactionStore) {
    for (n, seq) in [(6, 1), (6, 2), (6, 900), (7, 1)] {
        for user in [7, 8] {
            store.react(DialogKey { app: AppId(8), ..key(n) }, seq, add(user, "+")).await.unwrap();
        }
    }
    let (mut after, mut changed) = (Vec::new(), 0);
    loop {
        let (rows, next) = store.erase_user(AppId(8), 7, &after, 2).await.unwrap();
        changed += rows;
        after = next;
        if after.is_empty() {
            break;
        }
    }
    assert_eq!(changed, 4);
    for (n, seq) in [(6, 1), (6, 2), (6, 900), (7, 1)] {
        assert_eq!(users(store, DialogKey { app: AppId(8), ..key(n) }, seq).await, [8]);
    }
}

async fn of_an_app_that_is_erased_nothing_is_left(store: &dyn ReactionStore) {
    for (n, seq) in [(1, 1), (1, 700), (2, 1), (3, 1)] {
        store.react(DialogKey { app: AppId(9), ..key(n) }, seq, add(7, "+")).await.unwrap();
    }
    while store.erase_app(AppId(9), 2).await.unwrap() >= 2 {}
    assert_eq!(store.erase_app(AppId(9), 2).await, Ok(0));
    assert_eq!(of(store, DialogKey { app: AppId(9), ..key(1) }, Ranges::of(1, 999)).await, []);
    assert_ne!(of(store, key(5), Ranges::of(1, 1)).await, []);
}

async fn many_at_once_all_count(store: Arc<dyn ReactionStore>) {
    let reacting: Vec<_> = (1..=20)
        .map(|user| {
            let store = store.clone();
            tokio::spawn(async move { store.react(key(5), 1, add(user, "+")).await })
        })
        .collect();
    for reacted in reacting {
        assert_eq!(reacted.await.unwrap(), Ok(true));
    }
    assert_eq!(users(&*store, key(5), 1).await, (1..=20).collect::<Vec<_>>());
}

/// Rows of at most 20 reactions, two of a user; answers of at most four rows with a long one.
fn embedded(kv: Kv) -> Arc<dyn ReactionStore> {
    Arc::new(EmbeddedReactions::new(kv, &options()))
}

fn options() -> Options {
    Options { reactions_per_user: 2, reactions_per_row: 20, reply_bytes: 300, ..Options::default() }
}

async fn of(store: &dyn ReactionStore, key: DialogKey, places: Ranges) -> Vec<(u64, Vec<(String, Vec<u64>)>)> {
    let (found, more) = store.of(key, places).await.unwrap();
    assert!(!more);
    let all = |all: Vec<natter_proto::history::v1::Reaction>| all.into_iter().map(|one| (one.reaction, one.users)).collect();
    found.into_iter().map(|row| (row.seq, all(row.all))).collect()
}

async fn users(store: &dyn ReactionStore, key: DialogKey, seq: u64) -> Vec<u64> {
    of(store, key, Ranges::of(seq, seq)).await.into_iter().flat_map(|(_, all)| all).flat_map(|(_, users)| users).collect()
}

fn add(user: u64, reaction: &str) -> Reacted {
    Reacted { user, add: reaction.to_owned(), remove: String::new() }
}

fn slow(seed: u64) -> Faults {
    Faults { seed, delay_min: Duration::from_millis(1), delay_max: Duration::from_millis(9), ..Faults::default() }
}

fn key(n: u8) -> DialogKey {
    DialogKey { app: AppId(5), dialog: DialogId([n; 12]) }
}
