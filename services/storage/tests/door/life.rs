//! The life of a file: made, uploaded, complete, read, renamed, deleted, or over before that.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::future::pending;
use std::time::Duration;

use natter_db::{Faults, Kv};
use natter_proto::Code;
use natter_proto::storage::v1::{GetRequest, RenameRequest, Status};
use natter_storage::Options;
use tokio::task::JoinHandle;

use crate::kit::{ANN, APP, BOB, Door, START_MS, Slow, answer, chunk, end};

#[tokio::test(start_paused = true)]
async fn a_file_is_made_uploaded_completed_and_read() {
    let mut door = Door::open();
    let content: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    let made = door.made().await;
    assert_eq!((made.blob.status(), made.blob.size, made.blob.completed_at), (Status::Unspecified, 0, 0));
    assert_eq!(made.expires_at, START_MS + 3_600_000);
    assert_eq!(door.find(&made).await.unwrap_err().code, Code::NotFound, "without content there is nothing");
    let stored = door.upload(&made, &content).await.unwrap();
    assert_eq!((stored.status(), stored.size), (Status::Stored, 200_000));
    assert_eq!(door.find(&made).await.unwrap_err().code, Code::NotFound, "nor before it is complete");
    assert_eq!(door.read(&made, 0, 1).await.unwrap_err().code, Code::NotFound);
    let complete = door.complete(&made, Some(200_000)).await.unwrap();
    assert_eq!((complete.status(), complete.completed_at), (Status::Complete, START_MS));
    assert_eq!(door.find(&made).await.unwrap(), complete);
    for (from, upto) in [(0, 200_000), (0, 0), (65_530, 131_080), (199_999, 200_000)] {
        assert!(door.read(&made, from, upto).await.unwrap() == content[from as usize..upto as usize], "{from}..{upto}");
    }
    assert_eq!(door.read(&made, 0, 200_001).await.unwrap_err().code, Code::NotFound);
    door.restart();
    assert!(door.read(&made, 0, 200_000).await.unwrap() == content, "after a restart");
}

#[tokio::test(start_paused = true)]
async fn an_empty_file_is_a_file() {
    let mut door = Door::open();
    let made = door.whole(b"").await;
    assert_eq!(door.find(&made).await.unwrap().size, 0);
    assert_eq!(door.read(&made, 0, 0).await.unwrap(), b"");
}

#[tokio::test(start_paused = true)]
async fn an_upload_without_an_end_leaves_nothing_and_may_be_made_again() {
    let mut door = Door::open();
    let made = door.made().await;
    let refused = door.send(vec![made.head(8), chunk(b"half")]).await.unwrap_err();
    assert_eq!((refused.code, door.files()), (Code::Invalid, 0));
    let refused = door.complete(&made, None).await.unwrap_err();
    assert_eq!((refused.code, refused.text.as_str()), (Code::Invalid, "the file was not uploaded"));
    door.send(vec![chunk(b"headless"), end()]).await.unwrap_err();
    door.upload(&made, b"12345678").await.unwrap();
    door.complete(&made, Some(8)).await.unwrap();
    assert_eq!(door.read(&made, 0, 8).await.unwrap(), b"12345678");
}

#[tokio::test(start_paused = true)]
async fn a_size_that_is_not_that_of_the_content_completes_nothing() {
    let mut door = Door::open();
    let made = door.made().await;
    door.upload(&made, b"12345678").await.unwrap();
    for lie in [0, 7, 9, u64::MAX] {
        let refused = door.complete(&made, Some(lie)).await.unwrap_err();
        assert_eq!((refused.code, refused.field.as_str()), (Code::Invalid, "size"));
        assert_eq!(door.find(&made).await.unwrap_err().code, Code::NotFound);
    }
    door.complete(&made, Some(8)).await.unwrap();
    door.complete(&made, Some(8)).await.unwrap();
    assert_eq!(door.complete(&made, Some(9)).await.unwrap_err().field, "size");
}

#[tokio::test(start_paused = true)]
async fn one_key_opens_one_upload_for_an_hour_and_no_refusal_tells_what_is_there() {
    let mut door = Door::open();
    let (made, other) = (door.made().await, door.made().await);
    let mut unknown = made.clone();
    unknown.uid = unknown.uid.chars().rev().collect();
    let mut guessed = made.clone();
    guessed.key = other.key.clone();
    let late = made.clone();
    let wrong = door.upload(&guessed, b"x").await.unwrap_err();
    assert_eq!(wrong.code, Code::Forbidden);
    assert_eq!(door.upload(&unknown, b"x").await.unwrap_err(), wrong);
    door.upload(&other, b"first").await.unwrap();
    let again = door.upload(&other, b"again").await.unwrap_err();
    assert_eq!((again.code, again.text.as_str()), (Code::Invalid, "the file was uploaded already"));
    door.complete(&other, None).await.unwrap();
    assert_eq!(door.upload(&other, b"again").await.unwrap_err(), again);
    assert_eq!(door.read(&other, 0, 5).await.unwrap(), b"first");
    tokio::time::advance(Duration::from_secs(3_600)).await;
    assert_eq!(door.upload(&late, b"x").await.unwrap_err(), wrong);
}

#[tokio::test(start_paused = true)]
async fn of_two_uploads_of_a_file_the_last_to_begin_counts() {
    let mut door = Door::open();
    let made = door.made().await;
    let first = Slow::begin(&mut door, &made, 5).await;
    door.upload(&made, b"second").await.unwrap();
    let refused = first.end(b"first").await.unwrap_err();
    assert_eq!((refused.code, refused.text.as_str()), (Code::Invalid, "another upload of the file has begun"));
    door.complete(&made, Some(6)).await.unwrap();
    assert_eq!((door.read(&made, 0, 6).await.unwrap(), door.files()), (b"second".to_vec(), 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_finished_is_over_after_a_day_and_what_is_complete_stays() {
    let mut door = Door::open();
    let kept = door.whole(b"kept").await;
    let (empty, stored) = (door.made().await, door.made().await);
    door.upload(&stored, b"stored").await.unwrap();
    let begun = door.made().await;
    door.send(vec![begun.head(8), chunk(b"half")]).await.unwrap_err();
    assert_eq!((door.files(), door.list(ANN, 0, 9).await.1), (2, 4));
    let _run = Running(tokio::spawn(door.service.clone().run(pending())));
    tokio::time::sleep(Duration::from_secs(86_400 - 30)).await;
    assert_eq!((door.files(), door.list(ANN, 0, 9).await.1), (2, 4), "not a moment too early");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((door.files(), door.list(ANN, 0, 9).await), (1, (vec![kept.id], 1)));
    for over in [empty, stored, begun] {
        assert_eq!(door.get(APP, ANN, &over).await.unwrap_err().code, Code::NotFound);
    }
    assert_eq!(door.read(&kept, 0, 4).await.unwrap(), b"kept");
}

#[tokio::test(start_paused = true)]
async fn only_its_owner_changes_a_file_and_nobody_is_told_of_a_private_one() {
    let mut door = Door::open();
    let made = door.whole(b"12345678").await;
    let rename = |app, user, name: &str| RenameRequest { app, user, id: made.id, name: name.into() };
    for (app, user) in [(APP, BOB), (APP, 0), (2, ANN)] {
        assert_eq!(door.get(app, user, &made).await.unwrap_err().code, Code::NotFound);
        assert_eq!(door.delete(app, user, &made).await.unwrap_err().code, Code::NotFound);
        let refused = answer(door.client.rename(rename(app, user, "x")).await).unwrap_err();
        assert_eq!(refused.code, Code::NotFound);
    }
    let by_uid = |app| GetRequest { app, user: BOB, id: 0, uid: made.uid.clone() };
    assert_eq!(answer(door.client.get(by_uid(APP)).await).unwrap().id, made.id, "whoever has the uid may see it");
    assert_eq!(answer(door.client.get(by_uid(2)).await).unwrap_err().code, Code::NotFound);

    let renamed = answer(door.client.rename(rename(APP, ANN, "neu.png")).await).unwrap();
    assert_eq!((renamed.name.as_str(), renamed.uid.as_str()), ("neu.png", made.uid.as_str()));
    let refused = answer(door.client.rename(rename(APP, ANN, "../neu.png")).await).unwrap_err();
    assert_eq!((refused.code, refused.field.as_str()), (Code::Invalid, "name"));
    door.delete(APP, ANN, &made).await.unwrap();
    assert_eq!((door.files(), door.find(&made).await.unwrap_err().code), (0, Code::NotFound));
    assert_eq!(door.delete(APP, ANN, &made).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test(start_paused = true)]
async fn what_is_renamed_while_it_is_uploaded_is_stored_and_what_is_deleted_is_not() {
    let mut door = Door::open();
    let (renamed, deleted) = (door.made().await, door.made().await);
    let slow = [Slow::begin(&mut door, &renamed, 8).await, Slow::begin(&mut door, &deleted, 8).await];
    let request = RenameRequest { app: APP, user: ANN, id: renamed.id, name: "neu.png".into() };
    answer(door.client.rename(request).await).unwrap();
    door.delete(APP, ANN, &deleted).await.unwrap();
    let [first, second] = slow;
    assert_eq!(first.end(b"12345678").await.unwrap().name, "neu.png");
    assert_eq!(second.end(b"12345678").await.unwrap_err().code, Code::NotFound);
    assert_eq!((door.files(), door.list(ANN, 0, 9).await.0), (1, vec![renamed.id]));
}

#[tokio::test(start_paused = true)]
async fn a_user_lists_his_own_files_page_by_page() {
    let mut door = Door::open();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(door.whole(b"x").await.id);
        door.create(BOB, "other.png").await.unwrap();
    }
    assert_eq!(door.list(ANN, 0, 2).await, (ids[..2].to_vec(), 5));
    assert_eq!(door.list(ANN, 4, 2).await, (ids[4..].to_vec(), 5));
    assert_eq!(door.list(ANN, 9, 2).await, (vec![], 5));
}

#[tokio::test(start_paused = true)]
async fn an_upload_whose_caller_leaves_leaves_nothing() {
    let mut door = Door::open();
    let made = door.made().await;
    Slow::begin(&mut door, &made, 8).await.leave().await;
    assert_eq!(door.files(), 0);
    door.upload(&made, b"12345678").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_upload_whose_row_the_store_refuses_is_not_answered_and_leaves_nothing() {
    let mut door = Door::open();
    let made = door.made().await;
    let slow = Slow::begin(&mut door, &made, 8).await;
    door.db.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    assert_eq!(slow.end(b"12345678").await.unwrap_err().code, Code::NotStored);
    assert_eq!(door.files(), 0);
    door.db.set_faults(Faults::default());
    door.upload(&made, b"12345678").await.unwrap();
}

/// Whichever came true: a row never names what is not there, and what no row names is gone in the end.
#[tokio::test(start_paused = true)]
async fn an_upload_of_unknown_outcome_is_wholly_there_or_wholly_over() {
    let mut outcomes = BTreeSet::new();
    let options = Options { unfinished_s: 60, ..Options::default() };
    for seed in 0..16 {
        let mut door = Door::open_on(Kv::memory_with(Faults { seed, ..Faults::default() }), options.clone());
        let made = door.made().await;
        let slow = Slow::begin(&mut door, &made, 8).await;
        door.db.set_faults(Faults { unknown: 1.0, ..Faults::default() });
        assert_eq!(slow.end(b"12345678").await.unwrap_err().code, Code::Unknown);
        door.db.set_faults(Faults::default());
        let is_stored = door.complete(&made, Some(8)).await.is_ok();
        // The next upload takes the place of one whose content may lie there.
        let again = !is_stored && seed % 2 == 0;
        if again {
            door.upload(&made, b"again").await.unwrap();
            door.complete(&made, Some(5)).await.unwrap();
            assert_eq!(door.files(), 2);
        }
        outcomes.insert((is_stored, again));
        let _run = Running(tokio::spawn(door.service.clone().run(pending())));
        // What an upload may have been writing stays for two hours more.
        tokio::time::sleep(Duration::from_secs(2 * 3_600 + 120)).await;
        match (is_stored, again) {
            (true, _) => assert_eq!(door.read(&made, 0, 8).await.unwrap(), b"12345678", "seed {seed}"),
            (_, true) => assert_eq!(door.read(&made, 0, 5).await.unwrap(), b"again", "seed {seed}"),
            (_, false) => assert_eq!(door.list(ANN, 0, 9).await.1, 0, "seed {seed}"),
        }
        assert_eq!(door.files(), usize::from(is_stored || again), "seed {seed}");
    }
    assert_eq!(outcomes.len(), 3, "all of it came true");
}

/// Ends with the test.
struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}
