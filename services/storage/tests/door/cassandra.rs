//! The life of files with their rows on Cassandra, in one keyspace and in the time that passes.
#![allow(clippy::unwrap_used)]

use futures::future::join_all;
use natter_db::cql::testing::on_cassandra;
use natter_proto::Code;
use natter_storage::{Options, TABLES};

use crate::ends::erase;
use crate::kit::{ANN, APP, BOB, Door};

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn files_live_and_end_with_their_rows_on_cassandra() {
    on_cassandra(&TABLES, async |cql| {
        let options = Options { app_bytes_max: 40, unfinished_per_user_max: 6, ..Options::default() };
        let mut door = Door::open_elsewhere(cql.into(), options);
        let made = door.whole(b"0123456789").await;
        assert_eq!(door.read(&made, 0, 10).await.unwrap(), b"0123456789");
        door.restart();
        assert_eq!(door.read(&made, 2, 4).await.unwrap(), b"23", "another process reads the same rows");
        assert_eq!(door.get(APP, BOB, &made).await.unwrap_err().code, Code::NotFound);
        assert_eq!(door.list(ANN, 0, 10).await, (vec![made.id], 1));

        // Of six uploads of ten bytes that end at once there is room for three.
        let mut files = Vec::new();
        for _ in 0..6 {
            files.push(door.made().await);
        }
        assert!(door.create(ANN, "one more").await.is_err(), "six are unfinished");
        let uploads = files.iter().map(|made| {
            let mut client = door.client.clone();
            let parts = crate::kit::whole(made, b"0123456789");
            async move { client.upload(futures::stream::iter(parts)).await.is_ok() }
        });
        let stored = join_all(uploads).await;
        assert_eq!(stored.iter().filter(|is_stored| **is_stored).count(), 3, "{stored:?}");
        let (stored, refused): (Vec<_>, Vec<_>) = files.iter().zip(stored).partition(|(_, is_stored)| *is_stored);
        for (made, _) in &refused {
            assert!(door.upload(made, b"x").await.is_err(), "there is no room for a byte");
        }
        let (first, _) = stored[0];
        door.complete(first, Some(10)).await.unwrap();
        door.delete(APP, ANN, first).await.unwrap();
        assert_eq!(door.find(first).await.unwrap_err().code, Code::NotFound);
        door.upload(refused[0].0, b"0123456789").await.unwrap();

        door.create(BOB, "his").await.unwrap();
        assert_eq!(erase(&door, APP, ANN).await, Some((6, 40)));
        assert_eq!((erase(&door, APP, ANN).await, door.list(ANN, 0, 10).await.1, door.files()), (Some((0, 0)), 0, 0));
        assert_eq!(door.list(BOB, 0, 10).await.1, 1);
        assert_eq!((erase(&door, APP, 0).await, erase(&door, APP, 0).await), (Some((1, 0)), Some((0, 0))));
    })
    .await;
}
