//! What an archive brings of files: whole or not at all, with the ids and dates it had, and never over another one.
#![allow(clippy::unwrap_used)]

use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use natter_proto::archive::v1::Taken;
use natter_proto::storage::v1::archive_client::ArchiveClient;
use natter_proto::storage::v1::take_blob_part::Part;
use natter_proto::storage::v1::*;
use natter_proto::{Code, Failure};
use natter_rpc::{Link, LinkOptions};
use natter_storage::Options;

use crate::kit::{ANN, APP, Door, Made};

const UID: &str = "0A1B2C3D4E5F60718293A4B5C6D7E8F9";

fn blob(id: u64, content: &[u8]) -> Blob {
    Blob {
        app: APP,
        id,
        uid: UID.into(),
        owner: ANN,
        name: "image.png".into(),
        content_type: "image/png".into(),
        public: true,
        status: Status::Complete.into(),
        size: content.len() as u64,
        created_at: 1_000,
        updated_at: 3_000,
        completed_at: 2_000,
    }
}

async fn take(door: &Door, parts: Vec<Part>) -> Result<Taken, Failure> {
    let mut client = ArchiveClient::new(Link::local(door.service.archive_server(), LinkOptions::default()));
    let parts = stream::iter(parts.into_iter().map(|part| TakeBlobPart { part: Some(part) }));
    Ok(client.take_blob(parts).await.map_err(Failure::from)?.into_inner())
}

fn parts(blob: Blob, content: &[u8], dry: bool) -> Vec<Part> {
    let chunks = content.chunks(64 << 10).map(|chunk| Part::Chunk(Bytes::copy_from_slice(chunk)));
    let head = Part::Head(TakeBlobHead { blob: Some(blob), dry, app_bytes_max: 0 });
    std::iter::once(head).chain(chunks).chain([Part::End(Empty {})]).collect()
}

#[track_caller]
fn check(taken: &Taken, expected: (u64, u64, &[&str])) {
    let clashes: Vec<&str> = taken.clashes.iter().map(|clash| clash.text.as_str()).collect();
    assert_eq!((taken.taken, taken.same, &clashes[..]), expected);
}

#[tokio::test(start_paused = true)]
async fn a_file_comes_with_its_ids_dates_and_content_and_once() {
    let mut door = Door::open();
    let content: Vec<u8> = (0..150_000_u32).map(|n| (n % 251) as u8).collect();
    let made = Made { id: 5_000, uid: UID.into(), key: String::new(), expires_at: 0, blob: blob(5_000, &content) };
    check(&take(&door, parts(made.blob.clone(), &content, true)).await.unwrap(), (1, 0, &[]));
    assert_eq!(door.files(), 0, "a dry run wrote");
    check(&take(&door, parts(made.blob.clone(), &content, false)).await.unwrap(), (1, 0, &[]));
    assert_eq!(door.find(&made).await.unwrap(), made.blob);
    assert!(door.read(&made, 0, 150_000).await.unwrap() == content);
    check(&take(&door, parts(made.blob.clone(), &content, false)).await.unwrap(), (0, 1, &[]));
    assert!(door.made().await.id > 5_000, "an id was given again");
    door.restart();
    assert!(door.made().await.id > 5_000, "nor after a restart");

    let another = Blob { id: 5_001, ..made.blob.clone() };
    check(&take(&door, parts(another, &content, false)).await.unwrap(), (0, 0, &["another file has its id"]));
    let another = Blob { uid: UID.replace('0', "1"), ..made.blob.clone() };
    check(&take(&door, parts(another, &content, false)).await.unwrap(), (0, 0, &["another file has its id"]));
    let shorter = Blob { size: 7, ..made.blob.clone() };
    check(&take(&door, parts(shorter, &content[..7], false)).await.unwrap(), (0, 0, &["a file of another size is there"]));
    assert!(door.read(&made, 0, 150_000).await.unwrap() == content, "what is there stays");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_cut_off_is_not_there_and_is_brought_again() {
    let mut door = Door::open();
    let content = b"But soft, what light";
    let made = Made { id: 9, uid: UID.into(), key: String::new(), expires_at: 0, blob: blob(9, content) };
    let mut cut = parts(made.blob.clone(), content, false);
    cut.pop();
    take(&door, cut).await.unwrap_err();
    door.find(&made).await.unwrap_err();
    let short = take(&door, parts(made.blob.clone(), &content[..4], false)).await.unwrap();
    check(&short, (0, 0, &["its content has 4 bytes and not 20"]));
    door.find(&made).await.unwrap_err();
    // The sweep leaves it alone: it is as old as its import, not as its date says.
    let sweeping = tokio::spawn(door.service.clone().run(pending()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    check(&take(&door, parts(made.blob.clone(), content, false)).await.unwrap(), (1, 0, &[]));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(door.read(&made, 0, 20).await.unwrap(), content);
    sweeping.abort();
}

#[tokio::test(start_paused = true)]
async fn an_app_without_room_takes_no_more_from_an_archive_either() {
    let mut door = Door::open_with(Options { app_bytes_max: 10, ..Options::default() });
    let made = Made { id: 9, uid: UID.into(), key: String::new(), expires_at: 0, blob: blob(9, b"eleven byte") };
    let full = take(&door, parts(made.blob.clone(), b"eleven byte", false)).await.unwrap_err();
    assert_eq!(full.code, Code::TooLarge, "{full:?}");
    door.find(&made).await.unwrap_err();
}
