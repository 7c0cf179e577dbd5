//! Statuses and typing at the door.

#![allow(clippy::unwrap_used)]

mod kit;

use kit::{ANN, APP, BOB, CAT, Door, Fate, World, code, id, pair, play, post, session, unsaved};
use natter_proto::Code;
use natter_proto::dialog::v1::{MarkRequest, SignalRequest};
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Frame, MarkKind, Marker, Typing};
use natter_proto::history::v1::Range;

#[tokio::test(start_paused = true)]
async fn a_status_is_stored_and_told_to_the_author_and_a_read_one_to_the_readers_other_sessions() {
    play(async {
        let (world, mut door) = with_messages(3).await;
        for (kind, to) in [(MarkKind::Delivered, vec![ANN]), (MarkKind::Read, vec![ANN, BOB])] {
            assert_eq!(mark(&door, MarkRequest { kind: kind as i32, ..by_ids(&[2]) }).await, Ok(1));
            let told = door.told().await;
            assert_eq!((told.len(), &told[0].to, &told[0].origin), (1, &to, &Some(session(BOB))));
            let marker = marker(&told[0]);
            assert_eq!((marker.kind, marker.message_id, marker.user, marker.author), (kind as i32, id(2), BOB, ANN));
            assert_eq!((marker.resource, marker.stanza_id), ("r-78".to_owned(), "s1".to_owned()));
            let stored = world.history.state().marks.pop().unwrap();
            assert_eq!((stored.kind, stored.user, stored.ranges), (kind as i32, BOB, vec![range(2, 2)]));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn marks_that_wait_together_are_one_write() {
    play(async {
        let (world, mut door) = with_messages(20).await;
        let marks = (1..=20).map(|n| mark(&door, by_ids(&[n])));
        let found = futures::future::join_all(marks).await;
        assert!(found.into_iter().all(|found| found == Ok(1)));
        assert_eq!(world.history.state().marks.len(), 1);
        assert_eq!(world.history.state().marks[0].ranges, [range(1, 20)]);
        assert_eq!(door.told().await.len(), 20);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_mark_of_nothing_is_no_mistake() {
    play(async {
        let (world, mut door) = with_messages(1).await;
        assert_eq!(mark(&door, by_ids(&[99])).await, Ok(0));
        assert_eq!(mark(&door, MarkRequest { user: ANN, ..by_ids(&[1]) }).await, Ok(0), "her own");
        assert_eq!(mark(&door, MarkRequest { dialog: pair(BOB, CAT), ..by_ids(&[1]) }).await, Ok(0));
        assert_eq!(mark(&door, MarkRequest { user: CAT, ..by_ids(&[1]) }).await, Err(Code::Forbidden));
        assert!(world.history.state().marks.is_empty());
        assert!(door.told().await.is_empty());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_is_not_stored_is_told_to_nobody() {
    play(async {
        let (world, mut door) = with_messages(1).await;
        world.history.next(Fate::Refused(Code::NotStored));
        assert_eq!(mark(&door, by_ids(&[1])).await, Err(Code::NotStored));
        world.history.next(Fate::Lost);
        assert_eq!(mark(&door, by_ids(&[1])).await, Err(Code::Unknown));
        assert!(door.told().await.is_empty());
        assert_eq!(mark(&door, by_ids(&[1])).await, Ok(1));
        assert_eq!(world.history.state().loads, 1, "a mark in doubt does not cost the dialog");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_mark_without_a_dialog_is_found_by_its_author_or_anywhere() {
    play(async {
        let (world, door) = with_messages(1).await;
        door.post(post(CAT, BOB, 5, "meow")).await.unwrap();
        let nowhere = MarkRequest { dialog: Vec::new(), ..by_ids(&[1]) };
        assert_eq!(mark(&door, MarkRequest { author: ANN, ..nowhere.clone() }).await, Ok(1));
        assert_eq!(mark(&door, MarkRequest { author: CAT, ..nowhere.clone() }).await, Ok(0));
        assert_eq!(mark(&door, MarkRequest { ids: vec![id(1), id(5)], ..nowhere }).await, Ok(2));
        let dialogs: Vec<Vec<u8>> = world.history.state().marks.iter().map(|mark| mark.dialog.clone()).collect();
        assert!(dialogs.contains(&pair(ANN, BOB)) && dialogs.contains(&pair(CAT, BOB)));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_status_of_a_message_outside_history_is_told_only() {
    play(async {
        let (world, mut door) = with_messages(0).await;
        door.post(unsaved(ANN, BOB, 1, "psst")).await.unwrap();
        door.told().await;
        assert_eq!(mark(&door, by_ids(&[1])).await, Ok(1));
        assert_eq!(marker(&door.told().await[0]).message_id, id(1));
        assert!(world.history.state().marks.is_empty());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn places_and_all_are_stored_without_being_told() {
    play(async {
        let (world, mut door) = with_messages(4).await;
        let ranges = MarkRequest { ids: Vec::new(), ranges: vec![range(2, 9)], ..by_ids(&[]) };
        assert_eq!(mark(&door, ranges).await, Ok(3));
        assert_eq!(mark(&door, MarkRequest { all: true, ..by_ids(&[]) }).await, Ok(4));
        let marks = world.history.state().marks.clone();
        assert_eq!((&marks[0].ranges, marks[0].all, marks[1].all), (&vec![range(2, 4)], false, true));
        assert!(door.told().await.is_empty());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_missed_what_another_one_stored_marks_it_all_the_same() {
    play(async {
        let (world, door) = with_messages(1).await;
        // Another process owns the dialog meanwhile, and this one does not know that.
        world.start().post(post(ANN, BOB, 2, "hi")).await.unwrap();
        let request = MarkRequest { ids: Vec::new(), ranges: vec![range(2, 2)], ..by_ids(&[]) };
        assert_eq!(mark(&door, request).await, Ok(1));
        assert_eq!(world.history.state().marks[0].ranges, [range(2, 2)]);
        // Nor that there is a dialog by now.
        let world = World::new();
        let door = world.start();
        assert_eq!(mark(&door, by_ids(&[1])).await, Ok(0));
        world.start().post(post(ANN, BOB, 1, "hi")).await.unwrap();
        assert_eq!(mark(&door, by_ids(&[1])).await, Ok(1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn typing_is_told_to_the_other_one_also_before_the_first_message_and_never_refused() {
    play(async {
        let mut door = World::new().start();
        let typing = Typing { user: ANN, composing: true, recipient: BOB, ..Typing::default() };
        let signal = SignalRequest {
            app: APP,
            dialog: pair(ANN, BOB),
            user: ANN,
            recipient: BOB,
            origin: Some(session(ANN)),
            typing: Some(typing.clone()),
        };
        let send = async |request: SignalRequest| door.dialogs.clone().signal(request).await.unwrap();
        send(signal.clone()).await;
        send(SignalRequest { recipient: CAT, ..signal.clone() }).await;
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        send(SignalRequest { dialog: Vec::new(), ..signal.clone() }).await;
        send(SignalRequest { user: CAT, ..signal }).await;
        let told = door.told().await;
        let typed: Vec<&Frame> = told.iter().filter(|frame| frame.told == Some(Told::Typing(typing.clone()))).collect();
        assert_eq!(typed.len(), 2);
        assert!(typed.iter().all(|frame| frame.to == [BOB] && frame.origin == Some(session(ANN))));
    })
    .await;
}

/// Ann wrote to Bob; nobody listens to that any more.
async fn with_messages(count: u16) -> (World, Door) {
    let world = World::new();
    let mut door = world.start();
    for n in 1..=count {
        door.post(post(ANN, BOB, n, "hi")).await.unwrap();
    }
    door.told().await;
    (world, door)
}

/// Bob has read these.
fn by_ids(ids: &[u16]) -> MarkRequest {
    MarkRequest {
        app: APP,
        dialog: pair(ANN, BOB),
        user: BOB,
        kind: MarkKind::Read as i32,
        ids: ids.iter().map(|n| id(*n)).collect(),
        relay: true,
        origin: Some(session(BOB)),
        stanza_id: "s1".into(),
        ..MarkRequest::default()
    }
}

async fn mark(door: &Door, request: MarkRequest) -> Result<u32, Code> {
    let reply = door.dialogs.clone().mark(request).await;
    match reply {
        Ok(reply) => Ok(reply.into_inner().found),
        failed => Err(code(failed)),
    }
}

fn marker(frame: &Frame) -> Marker {
    match &frame.told {
        Some(Told::Marker(marker)) => marker.clone(),
        other => panic!("not a marker: {other:?}"),
    }
}

fn range(from: u64, upto: u64) -> Range {
    Range { from, upto }
}
