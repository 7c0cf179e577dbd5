//! What every engine of the port must do, as tests: each case runs on memory, on disk and on Cassandra.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use futures::future::join_all;
use natter_actor::Clock;
use natter_db::cql::testing::on_cassandra;
use natter_db::{Kv, KvOptions};
use natter_proto::BlobUid;

use super::{Blobs, Doomed, Error, Page, TABLES, Unfinished, open};
use crate::blob::{BlobRow, Object, State, Usage};

const PLENTY: Usage = Usage { bytes: 1 << 40, files: 1 << 20 };
const ALL: Page = Page { after: 0, skip: 0, limit: 100, count_max: 1_000 };

macro_rules! on_each_engine {
    ($($case:ident)*) => {
        $(mod $case {
            use super::{Clock, Kv, KvOptions, open};

            #[tokio::test]
            async fn memory() {
                super::$case(open(&Kv::memory().into(), &Clock::system())).await;
            }

            #[tokio::test]
            async fn disk() {
                let folder = tempfile::tempdir().unwrap();
                let kv = Kv::open(folder.path(), KvOptions::default()).unwrap();
                super::$case(open(&kv.into(), &Clock::system())).await;
            }
        })*

        #[tokio::test]
        #[ignore = "needs Cassandra: cargo xtask test --servers"]
        async fn cassandra() {
            $(on_cassandra(&[TABLES], async |cql| $case(open(&cql.into(), &Clock::system())).await).await;)*
        }
    };
}

on_each_engine! {
    a_row_is_found_by_its_id_its_uid_and_its_owner_until_it_is_removed
    every_state_is_read_as_it_was_written_and_only_by_who_saw_the_last
    the_unfinished_are_listed_until_they_are_complete
    however_many_end_at_once_the_usage_is_exact_and_under_its_limit
    blocks_of_ids_do_not_overlap
}

async fn a_row_is_found_by_its_id_its_uid_and_its_owner_until_it_is_removed(blobs: Box<dyn Blobs>) {
    for id in [1, 2, 3] {
        blobs.add(row(id), PLENTY).await.unwrap();
    }
    let kept = blobs.blob(1, 2).await.unwrap().unwrap();
    assert_eq!(kept.row, row(2));
    assert_eq!(blobs.blob_of(row(2).uid).await.unwrap(), Some(kept.clone()));
    assert_eq!(blobs.blob(2, 2).await.unwrap(), None, "another app has its own");
    assert_eq!(blobs.of_owner(1, 34, ALL).await.unwrap(), (vec![row(1), row(2), row(3)], 3));
    assert_eq!(blobs.of_owner(1, 34, Page { skip: 1, limit: 1, ..ALL }).await.unwrap(), (vec![row(2)], 3));
    assert_eq!(blobs.of_owner(1, 34, Page { after: 2, ..ALL }).await.unwrap().0, [row(3)]);
    assert_eq!(blobs.of_owner(1, 34, Page { after: u64::MAX, ..ALL }).await.unwrap().0, []);
    assert_eq!(blobs.of_owner(1, 3, ALL).await.unwrap(), (vec![], 0));

    let doomed = Doomed { due_at: 50, object: Object([7; 16]) };
    blobs.remove(&kept, Some(doomed)).await.unwrap();
    assert_eq!(blobs.blob(1, 2).await.unwrap(), None);
    assert_eq!(blobs.blob_of(row(2).uid).await.unwrap(), None);
    assert_eq!(blobs.of_owner(1, 34, ALL).await.unwrap().1, 2);
    assert_eq!(blobs.usage(1).await.unwrap(), Usage { bytes: 0, files: 2 });
    assert_eq!(blobs.remove(&kept, Some(doomed)).await, Err(Error::Changed));
    assert_eq!(blobs.doomed(49, 10).await.unwrap(), []);
    assert_eq!(blobs.doomed(50, 10).await.unwrap(), [doomed]);
    blobs.forget(&[doomed]).await.unwrap();
    assert_eq!(blobs.doomed(50, 10).await.unwrap(), []);
}

async fn every_state_is_read_as_it_was_written_and_only_by_who_saw_the_last(blobs: Box<dyn Blobs>) {
    blobs.add(row(1), PLENTY).await.unwrap();
    let object = Object([9; 16]);
    let mut before = blobs.blob(1, 1).await.unwrap().unwrap();
    for state in
        [State::Empty { pending: Some(object) }, State::Stored { object, size: 0 }, State::Complete { object, size: 8, at: 5 }]
    {
        let after = BlobRow { state, ..before.row.clone() };
        let late = before.clone();
        before = blobs.change(&before, after.clone(), None, PLENTY).await.unwrap();
        assert_eq!(blobs.blob(1, 1).await.unwrap(), Some(before.clone()));
        assert_eq!(before.row, after);
        assert_eq!(blobs.change(&late, after, None, PLENTY).await, Err(Error::Changed));
    }
}

async fn the_unfinished_are_listed_until_they_are_complete(blobs: Box<dyn Blobs>) {
    for id in [1, 2, 3] {
        blobs.add(row(id), PLENTY).await.unwrap();
    }
    let of = |id: u64| Unfinished { app: 1, owner: 34, id, created_at: 10 * id as i64 };
    assert_eq!(blobs.unfinished(None, 1_000, 2).await.unwrap(), [of(1), of(2)]);
    assert_eq!(blobs.unfinished(Some(of(2)), 1_000, 2).await.unwrap(), [of(3)]);
    assert_eq!(blobs.unfinished_of(1, 34, 2).await.unwrap(), 2);
    for id in [1, 2] {
        let before = blobs.blob(1, id).await.unwrap().unwrap();
        blobs.change(&before, complete(id, 8), None, PLENTY).await.unwrap();
    }
    assert_eq!(blobs.unfinished(None, 1_000, 9).await.unwrap(), [of(3)]);
    assert_eq!(blobs.unfinished_of(1, 34, 9).await.unwrap(), 1);
    assert_eq!(blobs.unfinished_of(1, 35, 9).await.unwrap(), 0);
}

async fn however_many_end_at_once_the_usage_is_exact_and_under_its_limit(blobs: Box<dyn Blobs>) {
    let ids = 1..=40;
    for id in ids.clone() {
        blobs.add(row(id), PLENTY).await.unwrap();
    }
    let limit = Usage { bytes: 100, files: 40 };
    let store = async |id: u64| {
        let before = blobs.blob(1, id).await.unwrap().unwrap();
        blobs.change(&before, complete(id, 8), None, limit).await
    };
    let outcomes = join_all(ids.map(store)).await;
    let (stored, full): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(stored.len(), 12, "12 times 8 is under 100");
    assert!(full.into_iter().all(|outcome| outcome == Err(Error::Full)));
    assert_eq!(blobs.usage(1).await.unwrap(), Usage { bytes: 96, files: 40 });
    assert_eq!(blobs.add(row(41), limit).await, Err(Error::Full));
    assert_eq!(blobs.blob(1, 41).await.unwrap(), None, "what is refused leaves nothing");

    let mut rows = blobs.of_owner(1, 34, ALL).await.unwrap().0;
    rows.retain(BlobRow::is_complete);
    let removed = join_all(rows.iter().map(async |row| {
        let before = blobs.blob(1, row.id).await.unwrap().unwrap();
        blobs.remove(&before, None).await
    }));
    assert!(removed.await.into_iter().all(|outcome| outcome == Ok(())));
    assert_eq!(blobs.usage(1).await.unwrap(), Usage { bytes: 0, files: 28 });
}

async fn blocks_of_ids_do_not_overlap(blobs: Box<dyn Blobs>) {
    let blocks = join_all((0..8).map(|_| blobs.take_block(10))).await;
    let firsts: BTreeSet<u64> = blocks.into_iter().map(|block| block.unwrap().start).collect();
    assert_eq!(firsts, BTreeSet::from([1, 11, 21, 31, 41, 51, 61, 71]));
}

fn row(id: u64) -> BlobRow {
    BlobRow {
        app: 1,
        id,
        uid: BlobUid::from_random([id as u8; 16]),
        owner: 34,
        name: format!("{id}.png"),
        content_type: "image/png".to_owned(),
        public: true,
        key_hash: [3; 32],
        created_at: 10 * id as i64,
        updated_at: 0,
        state: State::Empty { pending: None },
        app_bytes_max: 0,
    }
}

fn complete(id: u64, size: u64) -> BlobRow {
    BlobRow { state: State::Complete { object: Object([id as u8; 16]), size, at: 7 }, ..row(id) }
}
