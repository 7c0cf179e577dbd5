//! What a dialog notes of the ways of its messages.

#![allow(clippy::unwrap_used)]

mod kit;

use kit::{ANN, APP, BOB, World, id, pair, play, post};
use natter_proto::dialog::v1::MarkRequest;
use natter_proto::event::v1::MarkKind;
use natter_proto::subject::Subject;
use natter_proto::trace::v1::{Hops, Kind};

#[tokio::test(start_paused = true)]
async fn a_message_is_ordered_stored_told_and_read() {
    play(async {
        let door = World { one_in: 1, ..World::new() }.start();
        let mut told = door.ways.0.subscribe(&Subject::Hops.to_string());
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        door.post(natter_proto::dialog::v1::PostRequest { deliver: false, ..post(ANN, BOB, 2, "stored only") }).await.unwrap();
        for kind in [MarkKind::Delivered, MarkKind::Read] {
            let (ids, dialog, kind) = (vec![id(1)], pair(ANN, BOB), kind as i32);
            let mark = MarkRequest { app: APP, dialog, user: BOB, kind, ids, ..MarkRequest::default() };
            door.dialogs.clone().mark(mark).await.unwrap();
        }
        door.ways.1.run(async {}).await;
        let hops = told.next().await.unwrap().read::<Hops>().unwrap();
        let noted = hops.hops.iter().map(|hop| (hop.kind(), hop.seq, hop.user, hop.count, hop.message.clone()));
        assert_eq!(
            noted.collect::<Vec<_>>(),
            [
                (Kind::Ordered, 1, ANN, 0, id(1)),
                (Kind::Stored, 1, ANN, 0, vec![]),
                (Kind::Told, 1, ANN, 2, vec![]),
                (Kind::Ordered, 2, ANN, 0, id(2)),
                (Kind::Stored, 2, ANN, 0, vec![]),
                (Kind::Delivered, 1, BOB, 0, vec![]),
                (Kind::Read, 1, BOB, 0, vec![]),
            ]
        );
    })
    .await;
}
