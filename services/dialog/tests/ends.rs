//! What a dialog does without a user who is no more, and what is left of the dialogs of an app that is.

#![allow(clippy::unwrap_used)]

mod kit;

use kit::{ANN, APP, BOB, CAT, Door, World, code, pair, play, post, unsaved};
use natter_proto::dialog::v1::eraser_client::EraserClient;
use natter_proto::dialog::v1::*;
use natter_proto::erasure::v1::{EraseRequest, Erased};
use natter_proto::event::v1::OccupantState;
use natter_proto::event::v1::frame::Told;
use natter_proto::{Code, Failure};
use natter_rpc::{Link, LinkOptions};

#[tokio::test(start_paused = true)]
async fn a_group_goes_on_without_who_ended_and_a_private_dialog_stays_for_the_other() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        let group = create(&door, DialogKind::Group, &[BOB, CAT]).await;
        door.post(post(ANN, BOB, 1, "between us")).await.unwrap();
        door.post(PostRequest { dialog: group.clone(), recipient: 0, ..post(ANN, BOB, 2, "to all") }).await.unwrap();
        let _ = door.told().await;

        let erased = erase(&door, ANN).await.unwrap();
        assert_eq!(counts(&erased), [("private_dialogs", 1), ("dialogs_left", 1)]);
        let told = door.told().await;
        let gone = |told: &Told| matches!(told, Told::Occupant(one) if one.user == ANN && one.state() == OccupantState::Left);
        assert!(told.iter().any(|frame| frame.told.as_ref().is_some_and(gone)), "{told:?}");
        assert_eq!(list(&door, ANN).await, Vec::<Vec<u8>>::new());
        let seen = get(&door, &group, BOB).await.unwrap();
        assert_eq!((seen.owner, seen.members), (CAT, vec![CAT, BOB]), "the oldest of those who are left");
        assert_eq!(get(&door, &pair(ANN, BOB), BOB).await.unwrap().members, [ANN, BOB], "a pair is one for ever");
        assert!(list(&door, BOB).await.contains(&pair(ANN, BOB)));
        assert_eq!(counts(&erase(&door, ANN).await.unwrap()), [], "there is no more of her");

        // Nobody hears what is said to her, also after a restart; what was said before is no new message.
        for door in [door, world.start()] {
            assert!(door.post(post(ANN, BOB, 1, "between us")).await.unwrap().duplicate);
            assert_eq!(code(door.post(post(BOB, ANN, 3, "hello?")).await), Code::NotFound);
            assert_eq!(code(door.post(unsaved(BOB, ANN, 4, "hello?")).await), Code::NotFound);
        }
        assert!(world.history.state().kept.is_empty());
        assert_eq!(world.history.bodies(&pair(ANN, BOB)), ["between us"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_others_view_does_not_bring_her_back_and_with_the_second_the_dialog_goes() {
    play(async {
        let world = World::new();
        let door = world.start();
        door.post(post(ANN, BOB, 1, "between us")).await.unwrap();
        erase(&door, BOB).await.unwrap();
        // She owns it, so she may delete it for both: his view is written then.
        let delete = DeleteRequest { app: APP, user: ANN, dialog: pair(ANN, BOB), force: true };
        door.dialogs.clone().delete(delete).await.unwrap();
        assert_eq!(list(&door, BOB).await, Vec::<Vec<u8>>::new());
        let door = world.start();
        assert_eq!(code(door.post(post(ANN, BOB, 2, "hello?")).await), Code::NotFound);
        erase(&door, ANN).await.unwrap();
        assert_eq!(code(get(&door, &pair(ANN, BOB), ANN).await), Code::NotFound);
        let state = world.history.state();
        let rows = &state.rows[&pair(ANN, BOB)];
        assert!(!rows.is_empty() && rows.iter().all(|row| row.removed), "nobody is left to read it: {rows:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn of_an_app_no_dialog_is_left_and_all_of_the_next() {
    play(async {
        let world = World::new();
        let door = world.start();
        create(&door, DialogKind::Public, &[]).await;
        door.post(post(ANN, BOB, 1, "between us")).await.unwrap();
        let elsewhere = CreateRequest { app: APP + 1, ..request(DialogKind::Group, &[BOB]) };
        let kept = door.dialogs.clone().create(elsewhere).await.unwrap().into_inner().id;
        erase(&door, 0).await.unwrap();
        assert_eq!(counts(&erase(&door, 0).await.unwrap()), []);
        let door = world.start();
        assert_eq!(list(&door, ANN).await, Vec::<Vec<u8>>::new());
        let request = GetRequest { app: APP + 1, dialog: kept, user: BOB, preview: false };
        assert_eq!(door.dialogs.clone().get(request).await.unwrap().into_inner().members, [ANN, BOB]);
    })
    .await;
}

// === helpers ===

async fn erase(door: &Door, user: u64) -> Result<Vec<Erased>, Failure> {
    let mut eraser = EraserClient::new(Link::local(door.service.eraser_server(), LinkOptions::default()));
    let (mut erased, mut after) = (Vec::new(), Vec::new());
    loop {
        let reply = eraser.erase(EraseRequest { app: APP, user, after }).await.map_err(Failure::from)?.into_inner();
        erased.extend(reply.erased);
        if reply.next.is_empty() {
            return Ok(erased);
        }
        after = reply.next;
    }
}

fn counts(erased: &[Erased]) -> Vec<(&str, u64)> {
    erased.iter().filter(|one| one.count > 0).map(|one| (one.kind.as_str(), one.count)).collect()
}

fn request(kind: DialogKind, members: &[u64]) -> CreateRequest {
    let (kind, members, name) = (kind.into(), members.to_vec(), Some("trip".into()));
    CreateRequest { app: APP, kind, owner: ANN, members, name, ..CreateRequest::default() }
}

async fn create(door: &Door, kind: DialogKind, members: &[u64]) -> Vec<u8> {
    door.dialogs.clone().create(request(kind, members)).await.unwrap().into_inner().id
}

async fn get(door: &Door, dialog: &[u8], user: u64) -> Result<Dialog, Failure> {
    let request = GetRequest { app: APP, dialog: dialog.to_vec(), user, preview: false };
    door.dialogs.clone().get(request).await.map(|reply| reply.into_inner()).map_err(Failure::from)
}

async fn list(door: &Door, user: u64) -> Vec<Vec<u8>> {
    let request = ListRequest { app: APP, user, with_hidden: true, ..ListRequest::default() };
    let entries = door.dialogs.clone().list(request).await.unwrap().into_inner().entries;
    entries.into_iter().map(|entry| entry.dialog.unwrap().id).collect()
}
