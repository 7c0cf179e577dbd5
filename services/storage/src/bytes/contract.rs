//! What every engine of the port must do, as tests: each case runs in memory and in a directory, and, with a server, in a bucket.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use bytes::Bytes as Chunk;

use super::{Bytes, CHUNK, Directory, Error, Memory, Reader, S3, S3Options};
use crate::blob::Object;

const ONE: Object = Object([1; 16]);

macro_rules! on_each_engine {
    ($($case:ident)*) => {
        mod memory {
            $(#[tokio::test] async fn $case() { super::$case(&super::Memory::default()).await })*
        }
        mod directory {
            $(#[tokio::test] async fn $case() {
                let folder = tempfile::tempdir().unwrap();
                super::$case(&super::Directory::open(&folder.path().join("blobs"), 0).unwrap()).await;
                assert!(super::files(&folder.path().join("blobs/parts")).is_empty());
            })*
        }
        mod s3 {
            $(#[tokio::test]
            #[ignore = "needs S3: cargo xtask test --servers"]
            async fn $case() { super::$case(&super::bucket(stringify!($case))).await })*
        }
    };
}

on_each_engine! {
    what_was_finished_is_read_in_any_part
    what_was_not_finished_leaves_nothing
    what_is_removed_is_gone_and_whoever_reads_it_reads_on
    a_content_of_many_parts_is_whole
}

async fn what_was_finished_is_read_in_any_part(bytes: &dyn Bytes) {
    let content: Vec<u8> = (0..3 * CHUNK as u32 + 7).map(|n| (n % 251) as u8).collect();
    let mut writer = bytes.write(ONE, content.len() as u64).await.unwrap();
    for chunk in content.chunks(CHUNK - 5) {
        writer.append(Chunk::copy_from_slice(chunk)).await.unwrap();
    }
    assert!(matches!(bytes.read(ONE, 0..1).await.err(), Some(Error::Absent)), "nothing before it is finished");
    writer.finish().await.unwrap();
    let end = content.len() as u64;
    for (from, upto) in [(0, end), (0, 0), (0, 1), (end - 1, end), (end, end), (5, CHUNK as u64 + 6), (CHUNK as u64, end)] {
        let read = whole(bytes.read(ONE, from..upto).await.unwrap()).await;
        assert!(read == content[from as usize..upto as usize], "{from}..{upto}");
    }
    assert!(matches!(bytes.read(ONE, 0..end + 1).await.err(), Some(Error::Absent)), "more than there is");
    assert!(matches!(bytes.read(Object([2; 16]), 0..0).await.err(), Some(Error::Absent)));
}

async fn what_was_not_finished_leaves_nothing(bytes: &dyn Bytes) {
    let mut writer = bytes.write(ONE, 8).await.unwrap();
    writer.append(Chunk::from_static(b"half")).await.unwrap();
    drop(writer);
    assert!(bytes.read(ONE, 0..4).await.is_err());
    bytes.write(ONE, 0).await.unwrap().finish().await.unwrap();
    assert_eq!(whole(bytes.read(ONE, 0..0).await.unwrap()).await, b"");
}

async fn what_is_removed_is_gone_and_whoever_reads_it_reads_on(bytes: &dyn Bytes) {
    let mut writer = bytes.write(ONE, 8).await.unwrap();
    writer.append(Chunk::from_static(b"12345678")).await.unwrap();
    writer.finish().await.unwrap();
    let reader = bytes.read(ONE, 0..8).await.unwrap();
    for _ in 0..2 {
        bytes.remove(ONE).await.unwrap();
    }
    assert!(bytes.read(ONE, 0..8).await.is_err());
    assert_eq!(whole(reader).await, b"12345678");
}

async fn a_content_of_many_parts_is_whole(bytes: &dyn Bytes) {
    let chunk = |n: usize| Chunk::from(vec![n as u8; CHUNK]);
    let mut writer = bytes.write(ONE, (200 * CHUNK) as u64).await.unwrap();
    for n in 0..200 {
        writer.append(chunk(n)).await.unwrap();
    }
    assert!(bytes.read(ONE, 0..1).await.is_err(), "nothing before it is finished");
    writer.finish().await.unwrap();
    let mut reader = bytes.read(ONE, 0..(200 * CHUNK) as u64).await.unwrap();
    let mut read = 0;
    while let Some(part) = reader.next().await.unwrap() {
        assert!(part.iter().enumerate().all(|(n, byte)| *byte == ((read + n) / CHUNK) as u8));
        read += part.len();
    }
    assert_eq!(read, 200 * CHUNK);
    let mut given_up = bytes.write(Object([3; 16]), (200 * CHUNK) as u64).await.unwrap();
    for n in 0..100 {
        given_up.append(chunk(n)).await.unwrap();
    }
    drop(given_up);
    assert!(bytes.read(Object([3; 16]), 0..1).await.is_err());
}

#[tokio::test]
async fn a_directory_holds_whole_files_only_and_forgets_the_parts_of_a_dead_process() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("blobs");
    let bytes = Directory::open(&root, 0).unwrap();
    let mut whole = bytes.write(ONE, 8).await.unwrap();
    whole.append(Chunk::from_static(b"whole")).await.unwrap();
    whole.finish().await.unwrap();
    let mut half = bytes.write(Object([2; 16]), 8).await.unwrap();
    half.append(Chunk::from_static(b"half")).await.unwrap();
    assert_eq!(files(&root).len(), 2);
    // As a kill leaves it: nobody is there to remove the part.
    std::mem::forget(half);
    drop(bytes);
    let bytes = Directory::open(&root, 0).unwrap();
    assert_eq!(files(&root), [format!("01/{ONE}")]);
    assert!(bytes.read(ONE, 0..5).await.is_ok());
}

#[tokio::test]
async fn a_directory_leaves_room_on_its_volume() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = Directory::open(folder.path(), 1 << 60).unwrap();
    assert!(matches!(bytes.write(ONE, 1).await.err(), Some(Error::NoSpace)));
}

// A part of the bucket for each case.
fn bucket(case: &str) -> S3 {
    let server = std::env::var("NATTER_TEST_S3").expect("NATTER_TEST_S3 names a server");
    let text = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not said"));
    S3::new(&S3Options {
        endpoint: format!("http://{server}"),
        bucket: text("NATTER_TEST_S3_BUCKET"),
        prefix: format!("{case}/{}/", std::process::id()),
        access_key: text("NATTER_TEST_S3_ACCESS_KEY"),
        secret_key: text("NATTER_TEST_S3_SECRET_KEY"),
        ..S3Options::default()
    })
    .unwrap()
}

async fn whole(mut reader: Box<dyn Reader>) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(chunk) = reader.next().await.unwrap() {
        assert!((1..=CHUNK).contains(&chunk.len()));
        whole.extend_from_slice(&chunk);
    }
    whole
}

// Every file below, by its path from there.
fn files(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}
