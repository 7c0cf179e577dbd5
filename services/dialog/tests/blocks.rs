//! Privacy lists at the door: what Bob may not say to Ann is refused before anything comes of it. Presence is a fake.

#![allow(clippy::unwrap_used)]

mod kit;

use kit::{ANN, APP, BOB, CAT, Door, Fate, World, code, id, pair, play, post, session, unsaved};
use natter_proto::Code;
use natter_proto::dialog::v1::{
    CreateRequest, DialogKind, HeadlineRequest, ListRequest, MarkRequest, PostRequest, ReactRequest, RemoveMessagesRequest,
    SignalRequest, UpdateMessageRequest,
};
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Headline, MarkKind, Message, Typing};
use natter_proto::presence::v1::Verdict;

#[tokio::test(start_paused = true)]
async fn a_blocked_post_is_not_stored_not_kept_not_told_and_makes_no_dialog() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        world.presence.judge(BOB, ANN, Verdict::Blocked);
        for request in [post(BOB, ANN, 1, "hi"), unsaved(BOB, ANN, 2, "hi"), stored_only(BOB, ANN, 3)] {
            assert_eq!(code(door.post(request).await), Code::Blocked);
        }
        let create =
            CreateRequest { app: APP, kind: DialogKind::Private.into(), owner: BOB, members: vec![ANN], ..Default::default() };
        assert_eq!(code(door.dialogs.create(create).await), Code::Blocked);
        check_empty(&world, &door).await;

        door.post(post(ANN, BOB, 4, "hello")).await.unwrap();
        for request in [post(BOB, ANN, 5, "hi"), unsaved(BOB, ANN, 6, "hi"), stored_only(BOB, ANN, 7)] {
            assert_eq!(code(door.post(request).await), Code::Blocked);
        }
        assert_eq!(world.history.bodies(&pair(ANN, BOB)), ["hello"], "one way");
        assert_eq!(world.history.state().kept, []);
        assert_eq!(door.told_messages().await.len(), 1);
        assert_eq!(door.post(post(ANN, BOB, 8, "still there?")).await.unwrap().seq, 2, "no number was spent");
    })
    .await;
}

/// What is remembered in a dialog is older than the block: nothing of the kind is.
#[tokio::test(start_paused = true)]
async fn a_block_holds_from_the_next_post_on_and_so_does_its_end() {
    play(async {
        let world = World::new();
        let door = world.start();
        door.post(post(BOB, ANN, 1, "hi")).await.unwrap();
        world.presence.judge(BOB, ANN, Verdict::Blocked);
        assert_eq!(code(door.post(post(BOB, ANN, 2, "hi")).await), Code::Blocked);
        assert_eq!(code(door.post(post(BOB, ANN, 3, "hi")).await), Code::Blocked);
        let repeated = door.post(post(BOB, ANN, 1, "hi")).await.unwrap();
        assert!(repeated.duplicate && repeated.seq == 1, "what was stored is acknowledged again");
        world.presence.judge(BOB, ANN, Verdict::Passes);
        assert_eq!(door.post(post(BOB, ANN, 2, "hi")).await.unwrap().seq, 2);
        world.presence.judge(BOB, ANN, Verdict::Blocking);
        assert_eq!(code(door.post(post(BOB, ANN, 4, "hi")).await), Code::Blocking, "his own list, in both directions");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn all_posts_that_wait_are_one_question_and_groups_are_none() {
    play(async {
        let world = World::new();
        let door = world.start();
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        let before = world.presence.judged();
        let posts = (2..50).map(|n| door.post(if n % 2 == 0 { post(ANN, BOB, n, "x") } else { post(BOB, ANN, n, "x") }));
        futures::future::try_join_all(posts).await.unwrap();
        assert_eq!(world.presence.judged() - before, 1);

        let create =
            CreateRequest { app: APP, kind: DialogKind::Group.into(), owner: ANN, members: vec![BOB], ..Default::default() };
        let group = door.dialogs.clone().create(create).await.unwrap().into_inner().id;
        let before = world.presence.judged();
        door.post(PostRequest { dialog: group, recipient: 0, ..post(BOB, ANN, 90, "all") }).await.unwrap();
        assert_eq!(world.presence.judged(), before);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn without_a_verdict_nothing_is_said_and_it_may_be_sent_again() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        door.told().await;
        world.presence.fail(Code::Unknown);
        assert_eq!(code(door.post(post(BOB, ANN, 2, "hi")).await), Code::Busy);
        assert_eq!(code(door.post(post(ANN, CAT, 3, "hi")).await), Code::Busy);
        assert_eq!(world.history.bodies(&pair(ANN, BOB)), ["hi"]);
        assert_eq!(door.told().await, []);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_blocked_user_changes_nothing_that_he_said_before() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        door.post(post(BOB, ANN, 1, "hi")).await.unwrap();
        door.post(post(ANN, BOB, 2, "hello")).await.unwrap();
        door.told().await;
        world.presence.judge(BOB, ANN, Verdict::Blocked);
        let edit = UpdateMessageRequest {
            app: APP,
            user: BOB,
            dialog: pair(ANN, BOB),
            id: id(1),
            body: "HI".into(),
            ..Default::default()
        };
        assert_eq!(code(door.dialogs.update(edit.clone()).await), Code::Blocked, "over REST");
        let edit = UpdateMessageRequest { told: true, stanza_id: "e".into(), ..edit };
        assert_eq!(code(door.dialogs.update(edit).await), Code::Blocked);
        let react = ReactRequest { app: APP, user: BOB, id: id(2), add: "+".into(), ..ReactRequest::default() };
        assert_eq!(code(door.dialogs.react(react).await), Code::Blocked);
        let remove = RemoveMessagesRequest { app: APP, user: BOB, ids: vec![id(1)], force: true, ..Default::default() };
        assert_eq!(door.dialogs.remove(remove.clone()).await.unwrap().into_inner().forbidden, [id(1)], "over REST, in its list");
        let by_stanza = RemoveMessagesRequest { dialog: pair(ANN, BOB), stanza_id: "r".into(), ..remove.clone() };
        assert_eq!(code(door.dialogs.remove(by_stanza).await), Code::Blocked);
        assert_eq!((door.told().await, world.history.bodies(&pair(ANN, BOB))), (vec![], vec!["hi".into(), "hello".into()]));
        assert!(world.history.state().reactions.is_empty());

        let hide = RemoveMessagesRequest { force: false, ..remove };
        assert_eq!(door.dialogs.remove(hide).await.unwrap().into_inner().removed, [id(1)], "from his own sight he may");
        let read = MarkRequest {
            app: APP,
            dialog: pair(ANN, BOB),
            user: BOB,
            kind: MarkKind::Read.into(),
            ids: vec![id(2)],
            ..Default::default()
        };
        assert_eq!(door.dialogs.mark(read).await.unwrap().into_inner().found, 1, "what he has read is his own affair");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_blocked_system_message_is_neither_kept_nor_told() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        world.presence.judge(BOB, ANN, Verdict::Blocked);
        let headline = Headline { user: BOB, stanza_id: "h".into(), ..Headline::default() };
        let request = HeadlineRequest { app: APP, recipient: ANN, headline: Some(headline), origin: None };
        assert_eq!(code(door.dialogs.headline(request).await), Code::Blocked);
        check_empty(&world, &door).await;
        assert_eq!(door.told().await, []);
    })
    .await;
}

/// Presence keeps it from her: the frame says who types.
#[tokio::test(start_paused = true)]
async fn typing_is_told_as_that_of_its_user_with_and_without_a_dialog() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        let typing = Typing { user: BOB, recipient: ANN, composing: true, ..Typing::default() };
        let signal = SignalRequest {
            app: APP,
            dialog: pair(ANN, BOB),
            user: BOB,
            recipient: ANN,
            origin: Some(session(BOB)),
            typing: Some(typing),
        };
        door.dialogs.signal(signal.clone()).await.unwrap();
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        door.dialogs.signal(signal).await.unwrap();
        let told = door.told().await;
        let typists = told.iter().filter_map(|frame| match &frame.told {
            Some(Told::Typing(typing)) => Some((typing.user, frame.group, frame.to.clone())),
            _ => None,
        });
        assert_eq!(typists.collect::<Vec<_>>(), [(BOB, false, vec![ANN]), (BOB, false, vec![ANN])]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_post_of_unknown_outcome_is_acknowledged_though_its_sender_was_blocked_meanwhile() {
    play(async {
        let world = World::new();
        let door = world.start();
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        world.history.next(Fate::Unanswered);
        assert_eq!(code(door.post(post(BOB, ANN, 2, "hello")).await), Code::Unknown);
        world.presence.judge(BOB, ANN, Verdict::Blocked);
        assert_eq!(door.post(post(BOB, ANN, 2, "hello")).await.unwrap().seq, 2);
    })
    .await;
}

fn stored_only(sender: u64, recipient: u64, n: u16) -> PostRequest {
    PostRequest {
        deliver: false,
        message: Some(Message { id: id(n), sender, ..Message::default() }),
        ..post(sender, recipient, n, "")
    }
}

async fn check_empty(world: &World, door: &Door) {
    for user in [ANN, BOB] {
        let list = ListRequest { app: APP, user, with_hidden: true, brief: true, ..ListRequest::default() };
        assert_eq!(door.dialogs.clone().list(list).await.unwrap().into_inner().entries, []);
    }
    assert!(world.history.state().rows.is_empty() && world.history.state().kept.is_empty());
}
