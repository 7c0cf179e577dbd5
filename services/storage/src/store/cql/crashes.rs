//! What a crash leaves between two writes of a step, written as it would be left, and what the sweep makes of it.
#![allow(clippy::unwrap_used)]

use futures::future::join_all;
use natter_db::cql::testing::on_cassandra;
use natter_db::cql::{Statement, Write};

use super::rows::{Found, version_of};
use super::{Clock, OnCql, TABLES};
use crate::blob::{BlobRow, Object, State, Usage};
use crate::store::{Blobs, Doomed, Error, Page, Unfinished};

const NOW: i64 = 1_800_000_000_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const LIMIT: Usage = Usage { bytes: 100, files: 10 };

const BUCKETS: Statement = Statement::read("SELECT bucket FROM blob_buckets WHERE list = ?");
const CHARGES: Statement = Statement::read("SELECT id, charged_bytes FROM blob_usage WHERE app = ?");
const CHARGE: Statement = Statement::change("INSERT INTO blob_usage (app, id, charged_bytes, charged_files) VALUES (?, ?, ?, 1)");
const NUMBER: Statement =
    Statement::change("UPDATE blob_usage SET version = ?, bytes = ?, files = ? WHERE app = ? IF version = ?");
const VERSION: Statement = Statement::read("SELECT version FROM blob_usage WHERE app = ? LIMIT 1");

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn cassandra() {
    on_cassandra(&[TABLES], async |cql| {
        let on = OnCql::new(cql, Clock::paused(NOW));
        // An app for each case.
        a_blob_that_was_never_made_is_cleared(&on, 1).await;
        who_was_given_up_makes_no_blob(&on, 2).await;
        a_charge_for_what_was_not_written_is_lowered(&on, 3).await;
        who_counted_before_it_was_lowered_cannot_write(&on, 4).await;
        a_complete_blob_comes_to_rest(&on, 5).await;
        a_removal_is_brought_to_its_end_by_whoever_meets_it(&on, 6).await;
        a_removal_that_many_bring_to_its_end_is_given_back_once(&on, 7).await;
        what_a_step_has_doomed_is_listed_with_the_next(&on, 8).await;
        a_blob_is_completed_and_removed_at_once(&on, 9).await;
        a_removal_that_was_not_taken_changes_nothing(&on, 10).await;
        buckets_without_lines_go(&on, 11).await;
    })
    .await;
}

async fn a_blob_that_was_never_made_is_cleared(on: &OnCql, app: u64) {
    // Behind the lists, and behind the charge.
    on.enter(&row(app, 1)).await.unwrap();
    on.enter(&row(app, 2)).await.unwrap();
    on.raise(&row(app, 2), row(app, 2).weight(), LIMIT).await.unwrap();
    assert_eq!(on.usage(app).await.unwrap().files, 1);
    assert_eq!(on.of_owner(app, 34, ALL).await.unwrap().0, []);
    assert_eq!(on.blob_of(row(app, 1).uid).await.unwrap(), None);
    sweep(on, app).await;
    assert_eq!(on.usage(app).await.unwrap(), Usage::default());
    assert_eq!(on.of_owner(app, 34, ALL).await.unwrap().1, 0);
    assert_eq!(on.unfinished_of(app, 34, 9).await.unwrap(), 0);
    assert_eq!(on.id_of(row(app, 1).uid).await.unwrap(), None);
    assert_eq!(on.ids_of_app(app, 9).await.unwrap(), [0_i64; 0]);
    assert_eq!(unfinished(on, app).await, []);
    assert_eq!(charges(on, app).await, []);
}

async fn who_was_given_up_makes_no_blob(on: &OnCql, app: u64) {
    on.enter(&row(app, 1)).await.unwrap();
    on.raise(&row(app, 1), row(app, 1).weight(), LIMIT).await.unwrap();
    sweep(on, app).await;
    // Who was making it wakes up.
    assert!(!on.add_blob(&row(app, 1)).await.unwrap());
    assert_eq!(on.add(row(app, 1), LIMIT).await, Err(Error::Changed));
    assert_eq!(on.usage(app).await.unwrap(), Usage::default());
    assert_eq!(on.blob(app, 1).await.unwrap(), None);
    // And its lines stay struck.
    assert_eq!(unfinished(on, app).await, []);
}

async fn a_charge_for_what_was_not_written_is_lowered(on: &OnCql, app: u64) {
    on.add(row(app, 1), LIMIT).await.unwrap();
    on.raise(&row(app, 1), Usage { bytes: 90, files: 1 }, LIMIT).await.unwrap();
    assert_eq!(on.usage(app).await.unwrap(), Usage { bytes: 90, files: 1 });
    on.add(row(app, 2), LIMIT).await.unwrap();
    let two = on.blob(app, 2).await.unwrap().unwrap();
    assert_eq!(on.change(&two, stored(app, 2, 11), None, LIMIT).await, Err(Error::Full));
    // The upload is done again, and is smaller.
    let one = on.blob(app, 1).await.unwrap().unwrap();
    let one = on.change(&one, stored(app, 1, 30), None, LIMIT).await.unwrap();
    let one = on.change(&one, complete(app, 1, 30), None, LIMIT).await.unwrap();
    assert_eq!(on.usage(app).await.unwrap(), Usage { bytes: 30, files: 2 });
    on.change(&two, stored(app, 2, 11), None, LIMIT).await.unwrap();
    on.remove(&on.blob(app, 1).await.unwrap().unwrap(), None).await.unwrap();
    assert_eq!(on.remove(&one, None).await, Err(Error::Changed));
    assert_eq!(on.usage(app).await.unwrap(), Usage { bytes: 11, files: 1 });
}

async fn who_counted_before_it_was_lowered_cannot_write(on: &OnCql, app: u64) {
    on.add(row(app, 1), LIMIT).await.unwrap();
    let before = on.blob(app, 1).await.unwrap().unwrap();
    on.raise(&row(app, 1), Usage { bytes: 50, files: 1 }, LIMIT).await.unwrap();
    on.lower(app, 1, false).await.unwrap();
    assert!(!on.change_blob(&stored(app, 1, 50), version_of(&before).unwrap(), None).await.unwrap());
    assert_eq!(on.usage(app).await.unwrap(), Usage { bytes: 0, files: 1 });
}

async fn a_complete_blob_comes_to_rest(on: &OnCql, app: u64) {
    on.add(row(app, 1), LIMIT).await.unwrap();
    let before = on.blob(app, 1).await.unwrap().unwrap();
    on.raise(&row(app, 1), Usage { bytes: 50, files: 1 }, LIMIT).await.unwrap();
    assert!(on.change_blob(&complete(app, 1, 50), version_of(&before).unwrap(), None).await.unwrap());
    assert_eq!(charges(on, app).await, [(1, 50)]);
    sweep(on, app).await;
    assert_eq!((charges(on, app).await, unfinished(on, app).await), (vec![], vec![]));
    assert_eq!(on.unfinished_of(app, 34, 9).await.unwrap(), 0);
    assert_eq!(on.usage(app).await.unwrap(), Usage { bytes: 50, files: 1 });
    assert_eq!(on.of_owner(app, 34, ALL).await.unwrap(), (vec![complete(app, 1, 50)], 1));
}

async fn a_removal_is_brought_to_its_end_by_whoever_meets_it(on: &OnCql, app: u64) {
    for id in 1..=4 {
        made(on, app, id).await;
        let kept = on.blob(app, id).await.unwrap().unwrap();
        on.list_again(&kept.row).await.unwrap();
        let doomed = Doomed { due_at: 5, object: Object([id as u8; 16]) };
        assert!(on.leave_blob(&kept.row, version_of(&kept).unwrap(), Some(doomed)).await.unwrap());
        assert_eq!(on.blob(app, id).await.unwrap(), None);
        assert_eq!(on.blob_of(kept.row.uid).await.unwrap(), None);
        assert_eq!(on.usage(app).await.unwrap(), Usage { bytes: 8, files: 1 }, "counted until it is gone");
        match id {
            1 => assert_eq!(on.of_owner(app, 34, ALL).await.unwrap().0, []),
            2 => assert_eq!(on.of_app(app, 9).await.unwrap(), []),
            3 => sweep(on, app).await,
            _ => {
                // It had come as far as to give the row up, and not the room.
                on.charge_left(&kept.row).await.unwrap();
                on.strike(&kept.row).await.unwrap();
                on.doom(Some(Doomed { due_at: NOW, ..doomed })).await.unwrap();
                on.delete_blob(&kept.row, version_of(&kept).unwrap() + 1).await.unwrap();
                assert_eq!(on.usage(app).await.unwrap(), Usage { bytes: 8, files: 1 });
                sweep(on, app).await;
            }
        }
        assert_eq!(on.usage(app).await.unwrap(), Usage::default());
        assert_eq!(charges(on, app).await, []);
        assert_eq!(on.of_owner(app, 34, ALL).await.unwrap().1, 0);
        let late = Doomed { due_at: NOW, ..doomed };
        let due = on.doomed(NOW + 60_000, 99).await.unwrap();
        assert!(due.iter().any(|due| due.object == late.object && due.due_at >= NOW), "{due:?}");
        on.forget(&due).await.unwrap();
    }
    sweep(on, app).await;
    assert_eq!(unfinished(on, app).await, []);
}

async fn a_removal_that_many_bring_to_its_end_is_given_back_once(on: &OnCql, app: u64) {
    for id in 1..=3 {
        made(on, app, id).await;
    }
    let kept = on.blob(app, 2).await.unwrap().unwrap();
    assert!(on.leave_blob(&kept.row, version_of(&kept).unwrap(), None).await.unwrap());
    // Two of them in other processes: they share no turn.
    let others = [on.clone(), OnCql::new(on.cql.clone(), on.clock.clone()), OnCql::new(on.cql.clone(), on.clock.clone())];
    let ends = others.iter().map(async |on| match on.found(app, 2).await.unwrap() {
        Found::Left(left) => on.finish_later(left, NOW).await,
        _ => Ok(()),
    });
    assert!(join_all(ends).await.into_iter().all(|end| end == Ok(())));
    assert_eq!(on.usage(app).await.unwrap(), Usage { bytes: 16, files: 2 });
    // And one who had met it before and comes late.
    on.charge_left(&kept.row).await.unwrap();
    on.lower(app, 2, true).await.unwrap();
    assert_eq!(on.usage(app).await.unwrap(), Usage { bytes: 16, files: 2 });
}

async fn what_a_step_has_doomed_is_listed_with_the_next(on: &OnCql, app: u64) {
    on.add(row(app, 1), LIMIT).await.unwrap();
    let kept = on.blob(app, 1).await.unwrap().unwrap();
    let doomed = Doomed { due_at: NOW + 1_000, object: Object([0xd0; 16]) };
    let begun = BlobRow { state: State::Empty { pending: Some(Object([1; 16])) }, ..row(app, 1) };
    assert!(on.change_blob(&begun, version_of(&kept).unwrap(), Some(doomed)).await.unwrap());
    assert_eq!(on.doomed(NOW + 1_000, 9).await.unwrap(), []);
    let kept = on.blob(app, 1).await.unwrap().unwrap();
    on.change(&kept, stored(app, 1, 5), None, LIMIT).await.unwrap();
    assert_eq!(on.doomed(NOW + 1_000, 9).await.unwrap(), [doomed]);
    on.forget(&[doomed]).await.unwrap();
}

async fn a_blob_is_completed_and_removed_at_once(on: &OnCql, app: u64) {
    for id in 1..=6 {
        on.add(row(app, id), LIMIT).await.unwrap();
        let kept = on.blob(app, id).await.unwrap().unwrap();
        on.raise(&kept.row, Usage { bytes: 8, files: 1 }, LIMIT).await.unwrap();
        assert!(on.change_blob(&complete(app, id, 8), version_of(&kept).unwrap(), None).await.unwrap());
        // Who has completed it brings it to rest, while another process removes it.
        let other = OnCql::new(on.cql.clone(), on.clock.clone());
        let done = complete(app, id, 8);
        let kept = on.blob(app, id).await.unwrap().unwrap();
        let (_, removed) = tokio::join!(on.at_rest(&done), other.remove(&kept, None));
        if removed.is_err() {
            let kept = on.blob(app, id).await.unwrap().unwrap();
            other.remove(&kept, None).await.unwrap();
        }
        assert_eq!(on.usage(app).await.unwrap(), Usage::default());
        assert_eq!(charges(on, app).await, []);
    }
}

async fn a_removal_that_was_not_taken_changes_nothing(on: &OnCql, app: u64) {
    made(on, app, 1).await;
    let kept = on.blob(app, 1).await.unwrap().unwrap();
    on.list_again(&kept.row).await.unwrap();
    sweep(on, app).await;
    assert_eq!(on.of_owner(app, 34, ALL).await.unwrap(), (vec![complete(app, 1, 8)], 1));
    assert_eq!(on.usage(app).await.unwrap(), Usage { bytes: 8, files: 1 });
    assert_eq!((charges(on, app).await, unfinished(on, app).await), (vec![], vec![]));
    // The number of the app was written by another process meanwhile.
    let (version,) = on.cql.row::<(i64,)>(VERSION, (app as i64,)).await.unwrap().unwrap();
    let writes: Vec<Write> = vec![
        (NUMBER, Box::new((version + 1, 100_i64, 2_i64, app as i64, version))),
        (CHARGE, Box::new((app as i64, 99_i64, 92_i64))),
    ];
    assert!(on.cql.change_all(writes).await.unwrap());
    on.add(row(app, 2), LIMIT).await.unwrap();
    let two = on.blob(app, 2).await.unwrap().unwrap();
    assert_eq!(on.change(&two, stored(app, 2, 1), None, LIMIT).await, Err(Error::Full));
    on.forget_usage(app).await.unwrap();
    assert_eq!(on.usage(app).await.unwrap(), Usage { bytes: 100, files: 3 }, "an app that has rows is not forgotten");
}

async fn buckets_without_lines_go(on: &OnCql, app: u64) {
    made(on, app, 1).await;
    let kept = on.blob(app, 1).await.unwrap().unwrap();
    on.remove(&kept, Some(Doomed { due_at: NOW, object: Object([1; 16]) })).await.unwrap();
    let due = on.doomed(NOW, 9).await.unwrap();
    assert_eq!(due.len(), 1);
    on.forget(&due).await.unwrap();
    let count = async |list: &str| on.cql.rows::<(i64,)>(BUCKETS, (list,)).await.unwrap().len();
    on.doomed(NOW + 30 * 60_000, 9).await.unwrap();
    assert!(count("doomed_objects").await > 0, "something may come late");
    on.doomed(NOW + 2 * DAY_MS, 9).await.unwrap();
    assert_eq!(count("doomed_objects").await, 0);
    // Of the other cases some are unfinished for good reason.
    for app in 1..=app {
        sweep(on, app).await;
    }
    assert_eq!(on.unfinished(None, NOW + 2 * DAY_MS, 99).await.unwrap(), []);
    assert_eq!(count("uploads").await, 0);
    on.forget_usage(app).await.unwrap();
    assert!(on.cql.row::<(Option<i64>,)>(VERSION, (app as i64,)).await.unwrap().is_none_or(|(version,)| version.is_none()));
}

/// As the sweep does it, a day later.
async fn sweep(on: &OnCql, app: u64) {
    for found in unfinished(on, app).await {
        match on.blob(app, found.id).await.unwrap() {
            Some(kept) if !kept.row.is_complete() => on.remove(&kept, None).await.unwrap(),
            _ => on.settle(found).await.unwrap(),
        }
    }
}

async fn unfinished(on: &OnCql, app: u64) -> Vec<Unfinished> {
    let mut all = on.unfinished(None, NOW + DAY_MS / 24, 999).await.unwrap();
    all.retain(|found| found.app == app);
    all
}

async fn charges(on: &OnCql, app: u64) -> Vec<(i64, i64)> {
    let found = on.cql.rows::<(Option<i64>, Option<i64>)>(CHARGES, (app as i64,)).await.unwrap();
    found.into_iter().filter_map(|(id, bytes)| id.zip(bytes)).collect()
}

/// A complete blob of 8 bytes.
async fn made(on: &OnCql, app: u64, id: u64) {
    on.add(row(app, id), LIMIT).await.unwrap();
    let kept = on.blob(app, id).await.unwrap().unwrap();
    on.change(&kept, complete(app, id, 8), None, LIMIT).await.unwrap();
}

const ALL: Page = Page { after: 0, skip: 0, limit: 100, count_max: 1_000 };

fn row(app: u64, id: u64) -> BlobRow {
    let mut uid = [app as u8; 16];
    uid[0] = id as u8;
    BlobRow {
        app,
        id,
        uid: natter_proto::BlobUid::from_random(uid),
        owner: 34,
        name: "a.png".to_owned(),
        content_type: "image/png".to_owned(),
        public: true,
        key_hash: [3; 32],
        created_at: NOW - 1_000 + id as i64,
        updated_at: 0,
        state: State::Empty { pending: None },
        app_bytes_max: 0,
    }
}

fn stored(app: u64, id: u64, size: u64) -> BlobRow {
    BlobRow { state: State::Stored { object: Object([id as u8; 16]), size }, ..row(app, id) }
}

fn complete(app: u64, id: u64, size: u64) -> BlobRow {
    BlobRow { state: State::Complete { object: Object([id as u8; 16]), size, at: 7 }, ..row(app, id) }
}
