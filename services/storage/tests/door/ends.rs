//! The files of a user who is no more, and of an app.
#![allow(clippy::unwrap_used)]

use natter_db::{Faults, Kv};
use natter_proto::Code;
use natter_proto::erasure::v1::EraseRequest;
use natter_proto::storage::v1::CreateRequest;
use natter_proto::storage::v1::eraser_client::EraserClient;
use natter_rpc::{Link, LinkOptions};
use natter_storage::Options;

use crate::kit::{ANN, APP, BOB, Door, answer};

#[tokio::test(start_paused = true)]
async fn rows_and_contents_of_a_user_go_and_make_room() {
    let options = Options { app_bytes_max: 30, unfinished_per_user_max: 1_000, ..Options::default() };
    let mut door = Door::open_on(Kv::memory(), options);
    let hers = [door.whole(b"0123456789").await, door.whole(b"0123456789").await];
    let stored = door.made().await;
    door.upload(&stored, b"01234").await.unwrap();
    let empty = door.made().await;
    let his = door.create(BOB, "his").await.unwrap();
    door.upload(&his, b"01234").await.unwrap();
    assert_eq!(erase(&door, APP, ANN).await, Some((4, 25)));
    for made in [&hers[0], &hers[1], &stored, &empty] {
        assert_eq!(door.get(APP, ANN, made).await.unwrap_err().code, Code::NotFound);
    }
    assert_eq!((door.files(), erase(&door, APP, ANN).await), (1, Some((0, 0))));
    door.get(APP, BOB, &his).await.unwrap();
    door.whole(b"0123456789012345678901234").await;
}

#[tokio::test(start_paused = true)]
async fn what_a_page_that_was_cut_off_left_goes_with_the_next() {
    let mut door = Door::open();
    for _ in 0..20 {
        door.whole(b"x").await;
    }
    for seed in 0.. {
        door.db.set_faults(Faults { seed, not_stored: 0.3, ..Faults::default() });
        if erase(&door, APP, ANN).await.is_some() {
            assert!(seed > 0, "no page was cut off");
            break;
        }
    }
    door.db.set_faults(Faults::default());
    assert_eq!(erase(&door, APP, ANN).await, Some((0, 0)));
    assert_eq!((door.list(ANN, 0, 10).await.1, door.files()), (0, 0), "neither rows nor contents");
}

#[tokio::test(start_paused = true)]
async fn of_an_app_no_file_is_left_and_all_of_the_next() {
    let mut door = Door::open();
    door.whole(b"x").await;
    let request = CreateRequest { app: APP + 1, user: ANN, name: "x".into(), ..CreateRequest::default() };
    let kept = answer(door.client.create(request).await).unwrap().blob.unwrap();
    assert_eq!(erase(&door, APP, 0).await, Some((1, 1)));
    assert_eq!((door.files(), erase(&door, APP, 0).await), (0, Some((0, 0))));
    assert_eq!(erase(&door, APP + 1, ANN).await, Some((1, 0)), "{kept:?}");
}

/// Every page: how many files and bytes went; nothing if a page was refused.
pub async fn erase(door: &Door, app: u64, user: u64) -> Option<(u64, u64)> {
    let mut eraser = EraserClient::new(Link::local(door.service.eraser_server(), LinkOptions::default()));
    let (mut went, mut after) = ((0, 0), Vec::new());
    loop {
        let reply = eraser.erase(EraseRequest { app, user, after }).await.ok()?.into_inner();
        let of = |kind: &str| reply.erased.iter().filter(|one| one.kind == kind).map(|one| one.count).sum::<u64>();
        went = (went.0 + of("files"), went.1 + of("file_bytes"));
        if reply.next.is_empty() {
            return Some(went);
        }
        after = reply.next;
    }
}
