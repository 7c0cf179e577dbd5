//! `kill -9` at random points: what was acked is there afterwards, and what is there has no gap.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use natter_db::{Batch, Commit, KeyRange, Kv, KvOptions, Table};

const ROWS: Table = Table("rows");
const KILLS: u64 = 5;
/// Set in the child: the directory of the store.
const STORE: &str = "NATTER_DB_KILL_STORE";
/// Set in the child: the number of its first row.
const FIRST: &str = "NATTER_DB_KILL_FIRST";
/// Replays a run.
const SEED: &str = "NATTER_SEED";

#[test]
fn a_killed_process_loses_no_acked_row() {
    if let Ok(store) = std::env::var(STORE) {
        return write_for_ever(Path::new(&store), std::env::var(FIRST).unwrap().parse().unwrap());
    }
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(u64::from(std::process::id()));
    println!("replay with {SEED}={seed} cargo test -p natter-db --test kill");
    let place = tempfile::tempdir().unwrap();
    let mut chance = seed;
    let mut next = 0;
    let mut acked_count = 0;
    for kill in 0..KILLS {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let acked = kill_after(start(place.path(), next), 1 + chance % 700);
        let stored = stored(place.path());
        for row in &acked {
            assert!(*row < stored, "kill {kill}, seed {seed}: acked row {row} is lost, {stored} stored");
        }
        acked_count += acked.len();
        next = stored;
    }
    println!("{KILLS} kills, {acked_count} rows acked, {next} stored, none lost");
}

#[test]
fn a_first_start_that_was_cut_is_made_good() {
    let place = tempfile::tempdir().unwrap();
    drop(Kv::open(place.path(), KvOptions::default()).unwrap());
    // The version comes last but for the tables.
    std::fs::remove_file(place.path().join("version")).unwrap();
    std::fs::remove_dir_all(place.path().join("keyspaces/0")).unwrap();
    let kv = Kv::open(place.path(), KvOptions::default()).unwrap();
    in_runtime(kv.commit(row(0))).unwrap();
    drop(kv);
    assert_eq!(stored(place.path()), 1);
}

/// Kills the child when it has acked this many rows, and gives all that it acked.
fn kill_after(mut child: Child, count: u64) -> Vec<u64> {
    let mut acked = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // The harness prints on the same stream; a line cut by the kill was not acked to anybody.
        let Some(row) = line.unwrap().strip_prefix("acked ").and_then(|row| row.strip_suffix('.')?.parse().ok()) else {
            continue;
        };
        acked.push(row);
        if acked.len() as u64 == count {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acked.len() as u64 >= count, "the child ended by itself after {} rows", acked.len());
    acked
}

fn start(store: &Path, first: u64) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "a_killed_process_loses_no_acked_row", "--nocapture"]);
    child.env(STORE, store).env(FIRST, first.to_string());
    child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// How many rows are stored; fails unless they are whole and dense from 0.
fn stored(store: &Path) -> u64 {
    let kv = Kv::open(store, KvOptions::default()).unwrap();
    let rows = in_runtime(kv.scan(ROWS, KeyRange::prefix(""), usize::MAX)).unwrap();
    for (n, (key, value)) in (0_u64..).zip(&rows) {
        assert_eq!(key.as_ref(), n.to_be_bytes(), "row {n} is missing, a later one is there");
        assert_eq!(*value, content(n), "row {n} is damaged");
    }
    rows.len() as u64
}

fn write_for_ever(store: &Path, first: u64) {
    let kv = Kv::open(store, KvOptions::default()).unwrap();
    let mut next = first;
    in_runtime(async {
        loop {
            let width = 1 + next % 9;
            let commits: Vec<Commit> = (next..next + width).map(|n| kv.commit(row(n))).collect();
            for (n, commit) in (next..).zip(commits) {
                commit.await.unwrap();
                let mut out = std::io::stdout().lock();
                writeln!(out, "acked {n}.").and_then(|()| out.flush()).unwrap();
            }
            next += width;
        }
    })
}

/// Every third row is relaxed: it too must survive the process.
fn row(n: u64) -> Batch {
    let mut batch = Batch::new();
    batch.require_absent(ROWS, n.to_be_bytes());
    batch.put(ROWS, n.to_be_bytes(), content(n));
    if n.is_multiple_of(3) {
        batch.relaxed();
    }
    batch
}

fn content(n: u64) -> Vec<u8> {
    n.to_be_bytes().repeat(1 + (n % 50) as usize)
}

fn in_runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
