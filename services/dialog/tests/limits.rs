//! What the settings of a dialog bound, each gone over at the door.

#![allow(clippy::unwrap_used)]

mod kit;

use std::time::Duration;

use futures::future::join_all;
use kit::{ANN, APP, BOB, CAT, Fate, World, code, id, pair, play, post, unsaved};
use natter_dialog::Options;
use natter_proto::Code;
use natter_proto::dialog::v1::{MarkRequest, PostRequest, SignalRequest};
use natter_proto::event::v1::{MarkKind, Typing};

#[tokio::test(start_paused = true)]
async fn an_app_over_its_messages_of_a_second_is_refused_before_anything_is_stored() {
    play(async {
        let world = with(Options { app_rate: 3, ..Options::default() });
        let mut door = world.start();
        let senders = [post(ANN, BOB, 1, "1"), post(BOB, CAT, 2, "2"), unsaved(CAT, ANN, 3, "3")];
        for request in senders {
            door.post(request).await.unwrap();
        }
        assert_eq!(door.told().await.len(), 3);
        let refused = door.post(post(CAT, ANN, 4, "4")).await.unwrap_err();
        assert_eq!((refused.code, refused.text), (Code::TooMany, "app 7 sends more than 3 messages a second".into()));
        assert_eq!(code(door.post(PostRequest { deliver: false, ..post(ANN, BOB, 5, "5") }).await), Code::TooMany);
        assert_eq!(code(door.post(unsaved(ANN, BOB, 6, "6")).await), Code::TooMany);
        assert!(door.told().await.is_empty());
        {
            let state = world.history.state();
            assert_eq!((state.appends, state.kept.len()), (2, 1));
        }

        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(door.post(post(CAT, ANN, 4, "4")).await.unwrap().seq, 1, "the same message, later");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn statuses_and_typing_do_not_count_as_messages_and_are_not_held_up_by_them() {
    play(async {
        let world = with(Options { app_rate: 2, ..Options::default() });
        let mut door = world.start();
        door.post(post(ANN, BOB, 1, "1")).await.unwrap();
        let read = MarkRequest {
            app: APP,
            dialog: pair(ANN, BOB),
            user: BOB,
            author: ANN,
            kind: MarkKind::Read.into(),
            ids: vec![id(1)],
            ..MarkRequest::default()
        };
        let typing = SignalRequest {
            app: APP,
            dialog: pair(ANN, BOB),
            user: BOB,
            recipient: ANN,
            typing: Some(Typing::default()),
            ..SignalRequest::default()
        };
        for _ in 0..5 {
            assert_eq!(door.dialogs.clone().mark(read.clone()).await.unwrap().into_inner().found, 1);
            door.dialogs.clone().signal(typing.clone()).await.unwrap();
        }
        door.post(post(ANN, BOB, 2, "2")).await.unwrap();
        assert_eq!(code(door.post(post(ANN, BOB, 3, "3")).await), Code::TooMany);
        door.told().await;
        assert_eq!(door.dialogs.clone().mark(read).await.unwrap().into_inner().found, 1);
        door.dialogs.clone().signal(typing).await.unwrap();
        assert_eq!(door.told().await.len(), 1, "typing is told");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn posts_that_wait_are_appended_in_batches_of_the_setting_and_of_256_at_most() {
    for (batch, posts, appends) in [(4, 10, 3), (0, 3, 3), (1_000, 300, 2)] {
        play(async move {
            let world = with(Options { batch, ..Options::default() });
            let door = world.start();
            door.post(post(ANN, BOB, 1_000, "first")).await.unwrap();
            let replies = join_all((0..posts).map(|n| door.post(post(ANN, BOB, n, "hi")))).await;
            assert!((2..).zip(replies).all(|(seq, reply)| reply.unwrap().seq == seq), "batches of {batch}");
            assert_eq!(world.history.state().appends, 1 + appends, "batches of {batch}");
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dialog_with_a_full_mailbox_is_busy() {
    play(async {
        let world = with(Options { mailbox: 4, ..Options::default() });
        let door = world.start();
        door.post(post(ANN, BOB, 0, "hi")).await.unwrap();
        world.history.next(Fate::Lost);
        let outcomes = join_all((1..20).map(|n| door.post(post(ANN, BOB, n, "hi")))).await;
        let busy = outcomes.iter().filter(|outcome| outcome.as_ref().is_err_and(|refused| refused.code == Code::Busy));
        assert!(busy.count() >= 14);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_dialog_too_many_of_a_user_is_refused_to_both_sides() {
    play(async {
        let world = with(Options { dialogs_of_user_max: 1, ..Options::default() });
        let door = world.start();
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        assert_eq!(code(door.post(post(ANN, CAT, 2, "hi")).await), Code::TooMany);
        assert_eq!(code(door.post(post(CAT, ANN, 3, "hi")).await), Code::TooMany);
        door.post(post(BOB, ANN, 4, "hello")).await.unwrap();
    })
    .await;
}

fn with(options: Options) -> World {
    World { options, ..World::new() }
}
