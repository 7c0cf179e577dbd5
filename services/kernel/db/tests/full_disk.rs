//! A full disk: writes are refused, nothing is acked that is not there, reads go on, and so do writes when there is space
//! again. The disk is made full by a limit on the size of files, which fails the journal's write half way.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use natter_db::{Batch, Commit, Error, Kv, KvOptions, Table};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const ROWS: Table = Table("rows");
/// Set in the child: the directory of the store.
const STORE: &str = "NATTER_DB_FULL_STORE";
const ROW_BYTES: usize = 1_000;

#[test]
fn a_full_disk_refuses_and_service_goes_on_when_there_is_space() {
    if let Ok(store) = std::env::var(STORE) {
        return in_runtime(fill_and_recover(Path::new(&store)));
    }
    let place = tempfile::tempdir().unwrap();
    let test = "a_full_disk_refuses_and_service_goes_on_when_there_is_space";
    // Without the trap the kernel ends the process at the limit instead of failing the write.
    let mut child = Command::new("sh");
    child.args(["-c", "trap '' XFSZ; exec \"$0\" --exact \"$1\" --nocapture"]);
    let child = child.arg(std::env::current_exe().unwrap()).arg(test).env(STORE, place.path()).output().unwrap();
    let said = String::from_utf8(child.stdout).unwrap();
    assert!(child.status.success(), "{said}\n{}", String::from_utf8_lossy(&child.stderr));

    let kv = Kv::open(place.path(), KvOptions::default()).unwrap();
    let mut acked = 0;
    for line in said.lines() {
        let Some((row, outcome)) = line.strip_prefix("row ").and_then(|line| line.split_once(' ')) else { continue };
        let row: u64 = row.parse().unwrap();
        let stored = in_runtime(kv.get(ROWS, &row.to_be_bytes())).unwrap().is_some();
        match outcome {
            "acked" => assert!(stored, "acked row {row} is lost"),
            "refused" => assert!(!stored, "refused row {row} is there"),
            _ => assert_eq!(outcome, "unknown"),
        }
        acked += usize::from(outcome == "acked");
    }
    assert!(acked > 20, "{said}");
}

#[tokio::test]
async fn below_the_reserve_writes_are_refused_and_reads_go_on() {
    let place = tempfile::tempdir().unwrap();
    let kv = Kv::open(place.path(), KvOptions::default()).unwrap();
    put(&kv, 1).await.unwrap();
    drop(kv);
    let kv = Kv::open(place.path(), KvOptions { reserve_bytes: u64::MAX, ..KvOptions::default() }).unwrap();
    let Err(Error::NotStored(cause)) = put(&kv, 2).await else { panic!("it was taken") };
    assert!(cause.starts_with("disk full"), "{cause}");
    assert!(kv.get(ROWS, &1_u64.to_be_bytes()).await.unwrap().is_some());
    drop(kv);
    let kv = Kv::open(place.path(), KvOptions::default()).unwrap();
    assert_eq!(kv.get(ROWS, &2_u64.to_be_bytes()).await, Ok(None));
    put(&kv, 2).await.unwrap();
}

/// The child: writes until the disk is full, twice; each time it is refused for a while, and then taken again.
async fn fill_and_recover(store: &Path) {
    let kv = Kv::open(store, KvOptions::default()).unwrap();
    let mut row = 0;
    for limit in [64 << 10, 160 << 10] {
        while outcome(&kv, &mut row).await == "acked" {
            // The journal is at the head of its preallocated file, and the limit is on the place that is written.
            if row % 10 == 0 {
                limit_files(Some(limit));
            }
        }
        for _ in 0..50 {
            assert_ne!(outcome(&kv, &mut row).await, "acked", "the disk is full");
            assert!(kv.get(ROWS, &0_u64.to_be_bytes()).await.unwrap().is_some(), "reads go on");
        }
        limit_files(None);
        let until = Instant::now() + Duration::from_secs(10);
        while outcome(&kv, &mut row).await != "acked" {
            assert!(Instant::now() < until, "service does not go on");
        }
    }
}

/// Writes the next row and prints what became of it.
async fn outcome(kv: &Kv, row: &mut u64) -> &'static str {
    let outcome = match put(kv, *row).await {
        Ok(()) => "acked",
        Err(Error::NotStored(_)) => "refused",
        Err(Error::Unknown(_)) => "unknown",
        Err(error) => panic!("{error}"),
    };
    println!("row {row} {outcome}");
    *row += 1;
    outcome
}

fn limit_files(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: bytes.or(maximum), maximum }).unwrap();
}

fn put(kv: &Kv, row: u64) -> Commit {
    let mut batch = Batch::new();
    batch.put(ROWS, row.to_be_bytes(), vec![7; ROW_BYTES]);
    kv.commit(batch)
}

fn in_runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
