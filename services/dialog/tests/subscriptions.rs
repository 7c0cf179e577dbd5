//! Who comes to dialogs by himself, and who goes, at the door.

#![allow(clippy::unwrap_used)]

mod kit;

use std::time::Duration;

use kit::{ANN, APP, BOB, CAT, DAN, Door, NOW, World, code, pair, play, post, session};
use natter_proto::Code;
use natter_proto::dialog::v1::*;
use natter_rpc::Status;

#[tokio::test(start_paused = true)]
async fn nobody_unsubscribes_from_a_private_dialog() {
    play(async {
        let door = World::new().start();
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        assert_eq!(code(unsubscribe(&door, &pair(ANN, BOB), BOB).await), Code::Forbidden);
        door.post(post(BOB, ANN, 2, "still here")).await.unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_group_that_everybody_unsubscribed_from_is_gone() {
    play(async {
        let door = World::new().start();
        let group = create(&door, DialogKind::Group).await;
        assert_eq!(code(unsubscribe(&door, &group, BOB).await), Code::Forbidden, "he is no member");
        unsubscribe(&door, &group, ANN).await.unwrap();
        let message = PostRequest { dialog: group.clone(), ..post(ANN, 0, 1, "hi") };
        assert_eq!(code(door.post(message).await), Code::NotFound);
        let add = ChangeDialogRequest { app: APP, dialog: group, user: ANN, add_members: vec![BOB], ..Default::default() };
        assert_eq!(code(door.dialogs.clone().change(add).await), Code::NotFound);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_entered_and_then_subscribed_stays_when_he_leaves_the_room() {
    play(async {
        let world = World::new();
        let door = world.start();
        let public = create(&door, DialogKind::Public).await;
        let enter = EnterRequest { app: APP, dialog: public.clone(), user: BOB, session: Some(session(BOB)) };
        door.dialogs.clone().enter(enter).await.unwrap();
        let subscribe = SubscribeRequest { app: APP, dialog: public.clone(), user: BOB, leave: false };
        door.dialogs.clone().subscribe(subscribe).await.unwrap();
        // Also for the next process.
        let door = world.start();
        let exit = ExitRequest { app: APP, dialog: public.clone(), user: BOB, session: Some(session(BOB)) };
        door.dialogs.clone().exit(exit).await.unwrap();
        let get = GetRequest { app: APP, dialog: public, user: BOB, preview: false };
        assert_eq!(door.dialogs.clone().get(get).await.unwrap().into_inner().count, 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_audience_of_a_dialog_is_its_members_page_by_page_and_who_is_muted() {
    play(async {
        let door = World::new().start();
        let group = create(&door, DialogKind::Group).await;
        let add = vec![BOB, CAT, DAN];
        let add = ChangeDialogRequest { app: APP, dialog: group.clone(), user: ANN, add_members: add, ..Default::default() };
        door.dialogs.clone().change(add).await.unwrap();
        let mute = NotifyRequest { app: APP, dialog: group.clone(), user: CAT, enabled: Some(false) };
        door.dialogs.clone().notify(mute).await.unwrap();
        let page = async |after, limit| {
            let request = AudienceRequest { app: APP, dialog: group.clone(), after, limit };
            let page = door.dialogs.clone().audience(request).await.unwrap().into_inner();
            assert_eq!(page.kind(), DialogKind::Group);
            let members: Vec<_> = page.members.into_iter().map(|one| (one.user, one.muted)).collect();
            (members, page.more)
        };
        assert_eq!(page(0, 3).await, (vec![(ANN, false), (CAT, true), (BOB, false)], true));
        assert_eq!(page(BOB, 3).await, (vec![(DAN, false)], false));
        assert_eq!(page(BOB, 1).await, (vec![(DAN, false)], false));
        let nowhere = AudienceRequest { app: APP, dialog: pair(ANN, BOB), after: 0, limit: 9 };
        assert_eq!(code(door.dialogs.clone().audience(nowhere).await), Code::NotFound);
        let public = create(&door, DialogKind::Public).await;
        let subscribe = SubscribeRequest { app: APP, dialog: public.clone(), user: BOB, leave: false };
        door.dialogs.clone().subscribe(subscribe).await.unwrap();
        let request = AudienceRequest { app: APP, dialog: public, after: 0, limit: 9 };
        let members = door.dialogs.clone().audience(request).await.unwrap().into_inner().members;
        assert_eq!(members.iter().map(|one| one.user).collect::<Vec<_>>(), [ANN, BOB], "who joined a public one");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nobody_adds_others_to_a_public_dialog_even_if_they_are_there() {
    play(async {
        let door = World::new().start();
        let dialog = create(&door, DialogKind::Public).await;
        let add = ChangeDialogRequest { app: APP, dialog, user: BOB, add_members: vec![ANN], ..Default::default() };
        assert_eq!(code(door.dialogs.clone().change(add).await), Code::Forbidden);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_only_entered_a_public_dialog_is_no_member_after_a_day_without_a_session() {
    const DAY: i64 = 24 * 3600 * 1000;
    play(async {
        let world = World::new();
        let mut door = world.start();
        for kind in [DialogKind::Public, DialogKind::Broadcast] {
            let public = create(&door, kind).await;
            for user in [BOB, CAT] {
                let enter = EnterRequest { app: APP, dialog: public.clone(), user, session: Some(session(user)) };
                door.dialogs.clone().enter(enter).await.unwrap();
            }
            let subscribe = SubscribeRequest { app: APP, dialog: public.clone(), user: DAN, leave: false };
            door.dialogs.clone().subscribe(subscribe).await.unwrap();
            let count = async |door: &Door| {
                let get = GetRequest { app: APP, dialog: public.clone(), user: BOB, preview: false };
                door.dialogs.clone().get(get).await.unwrap().into_inner().count
            };
            // Cat is there, and Dan subscribed. The owner never entered.
            for user in [ANN, BOB, DAN] {
                world.presence.left(user, NOW - DAY + 120_000);
            }
            run(&door, 60).await;
            assert_eq!(count(&door).await, 4, "a day is not over");
            run(&door, 120).await;
            assert_eq!(count(&door).await, 3);
            // Also for the next process, whose time begins again.
            door = world.start();
            assert_eq!(count(&door).await, 3);
        }
    })
    .await;
}

/// Lets the service do what it does by itself.
async fn run(door: &Door, seconds: u64) {
    let _ = tokio::time::timeout(Duration::from_secs(seconds), door.service.run(std::future::pending())).await;
}

async fn create(door: &Door, kind: DialogKind) -> Vec<u8> {
    let request = CreateRequest { app: APP, kind: kind.into(), owner: ANN, name: Some("trip".into()), ..Default::default() };
    door.dialogs.clone().create(request).await.unwrap().into_inner().id
}

async fn unsubscribe(door: &Door, dialog: &[u8], user: u64) -> Result<(), Status> {
    let request = SubscribeRequest { app: APP, dialog: dialog.to_vec(), user, leave: true };
    door.dialogs.clone().subscribe(request).await.map(|_| ())
}
