//! What there may be of files: bytes of one, bytes and number of an app, number of a user's unfinished ones, uploads at once.
#![allow(clippy::unwrap_used)]

use natter_proto::Code;
use natter_proto::storage::v1::{CreateReply, CreateRequest};
use natter_storage::Options;

use crate::kit::{ANN, APP, BOB, Door, Made, Slow, answer, chunk};

#[tokio::test(start_paused = true)]
async fn a_file_over_its_size_is_refused_while_it_comes() {
    let mut door = Door::open_with(Options { file_bytes_max: 1_000, ..Options::default() });
    door.whole(&[7; 1_000]).await;
    let made = door.made().await;
    let refused = door.upload(&made, &[7; 5_000]).await.unwrap_err();
    assert_eq!(refused.code, Code::TooLarge, "by what the head says");
    for head in [0, 1_000] {
        let refused = door.send(vec![made.head(head), chunk(&[7; 600]), chunk(&[7; 401])]).await.unwrap_err();
        assert_eq!((refused.code, refused.text.as_str()), (Code::TooLarge, "the file is too large, at most 1000 bytes"));
    }
    assert_eq!(door.files(), 1, "what was refused is gone");
    door.upload(&made, &[7; 1_000]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn two_uploads_at_once_do_not_share_the_last_bytes_of_a_quota() {
    let mut door = Door::open_with(Options { app_bytes_max: 1_000, ..Options::default() });
    let first = door.whole(&[7; 400]).await;
    let (second, third) = (door.made().await, door.made().await);
    let slow = Slow::begin(&mut door, &second, 600).await;
    let refused = door.upload(&third, &[7; 600]).await.unwrap_err();
    assert_eq!((refused.code, refused.text.as_str()), (Code::TooLarge, "the app has no room for more files"));
    slow.end(&[7; 600]).await.unwrap();
    assert_eq!(door.upload(&third, &[7; 100]).await.unwrap_err().code, Code::TooLarge, "to the byte");
    door.delete(APP, ANN, &first).await.unwrap();
    door.upload(&third, &[7; 400]).await.unwrap();
    assert_eq!(door.files(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_brings_less_than_it_said_takes_no_more() {
    let mut door = Door::open_with(Options { app_bytes_max: 1_000, ..Options::default() });
    let (first, second) = (door.made().await, door.made().await);
    Slow::begin(&mut door, &first, 1_000).await.end(&[7; 10]).await.unwrap();
    door.upload(&second, &[7; 990]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_app_has_so_many_files_and_a_user_so_many_unfinished_ones() {
    let mut door = Door::open_with(Options { app_files_max: 4, unfinished_per_user_max: 2, ..Options::default() });
    let whole = door.whole(b"x").await;
    let (first, _) = (door.made().await, door.made().await);
    assert_eq!(door.create(ANN, "third").await.err().unwrap().code, Code::TooMany);
    door.create(BOB, "his").await.unwrap();
    assert_eq!(door.create(BOB, "fifth of the app").await.err().unwrap().code, Code::TooLarge);
    door.delete(APP, ANN, &whole).await.unwrap();
    assert_eq!(door.create(ANN, "third").await.err().unwrap().code, Code::TooMany);
    door.delete(APP, ANN, &first).await.unwrap();
    door.create(ANN, "second again").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn uploads_at_once_are_bounded_and_a_seat_is_given_back() {
    let mut door = Door::open_with(Options { uploads_per_app_max: 1, ..Options::default() });
    let (first, second) = (door.made().await, door.made().await);
    let slow = Slow::begin(&mut door, &first, 8).await;
    assert_eq!(door.upload(&second, b"x").await.unwrap_err().code, Code::Busy);
    slow.stop().await;
    door.upload(&second, b"x").await.unwrap();
    let slow = Slow::begin(&mut door, &first, 8).await;
    slow.end(&[7; 8]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_app_may_have_a_quota_of_its_own() {
    let mut door = Door::open_with(Options { app_bytes_max: 10, ..Options::default() });
    let mut all = Vec::new();
    for (app, own, fits) in [(1, 0, 10), (2, 4, 4), (3, 20, 20)] {
        let request = CreateRequest { app, user: ANN, name: "x".into(), app_bytes_max: own, ..CreateRequest::default() };
        let CreateReply { blob, key, expires_at } = answer(door.client.create(request).await).unwrap();
        let blob = blob.unwrap();
        all.push((Made { id: blob.id, uid: blob.uid.clone(), key, expires_at, blob }, fits));
    }
    // What was said when a file was made holds after a restart too.
    door.restart();
    for (made, fits) in &all {
        let over = door.upload(made, &vec![7; fits + 1]).await.unwrap_err();
        let app = made.blob.app;
        assert_eq!((over.code, over.text.as_str()), (Code::TooLarge, "the app has no room for more files"), "app {app}");
        door.upload(made, &vec![7; *fits]).await.unwrap();
    }
}
