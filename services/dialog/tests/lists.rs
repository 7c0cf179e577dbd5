//! Dialogs as their members see them: made, listed, deleted, come back; messages edited and removed; unread counts; heads.

#![allow(clippy::unwrap_used)]

mod kit;

use std::time::Duration;

use kit::{ANN, APP, BOB, CAT, Door, Fate, NOBODY, PRIVATE, World, code, id, pair, play, post};
use natter_dialog::Options;
use natter_proto::Code;
use natter_proto::dialog::v1::*;
use natter_proto::event::v1::change::What;
use natter_proto::event::v1::frame::Told;
use tokio::task::LocalSet;

#[tokio::test(start_paused = true)]
async fn creating_twice_gives_the_same_dialog() {
    play(async {
        let door = World::new().start();
        let first = create(&door, ANN, &[BOB]).await.unwrap();
        assert_eq!((first.id.clone(), first.owner, first.members.clone()), (pair(ANN, BOB), ANN, vec![ANN, BOB]));
        assert_eq!(create(&door, BOB, &[BOB, ANN]).await.unwrap(), first);
        assert_eq!(door.post(post(BOB, ANN, 1, "hi")).await.unwrap().dialog, first.id);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_dialog_that_cannot_be_made_is_refused() {
    play(async {
        let world = World { options: Options { dialogs_of_user_max: 1, ..Options::default() }, ..World::new() };
        let door = world.start();
        assert_eq!(code(create(&door, ANN, &[NOBODY]).await), Code::NotFound);
        assert_eq!(code(create(&door, ANN, &[ANN]).await), Code::Invalid);
        assert_eq!(code(create(&door, ANN, &[BOB, CAT]).await), Code::Invalid);
        let nothing = CreateRequest { kind: DialogKind::Unspecified as i32, ..request(ANN, &[BOB]) };
        assert_eq!(code(door.dialogs.clone().create(nothing).await), Code::Invalid);
        create(&door, ANN, &[BOB]).await.unwrap();
        assert_eq!(code(create(&door, ANN, &[CAT]).await), Code::TooMany);
        assert_eq!(code(create(&door, CAT, &[BOB]).await), Code::TooMany);
        assert_eq!(code(get(&door, pair(ANN, CAT), 0).await), Code::NotFound);
        assert_eq!(code(get(&door, pair(ANN, BOB), CAT).await), Code::Forbidden);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_list_begins_with_the_newest_activity() {
    play(async {
        let door = World::new().start();
        for (n, other) in [(1, BOB), (2, CAT)] {
            door.post(post(ANN, other, n, "hi")).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(list(&door, ANN).await, [(pair(ANN, CAT), 0), (pair(ANN, BOB), 0)]);
        door.post(post(BOB, ANN, 3, "hello")).await.unwrap();
        assert_eq!(list(&door, ANN).await, [(pair(ANN, BOB), 1), (pair(ANN, CAT), 0)]);
        assert_eq!(list(&door, CAT).await, [(pair(ANN, CAT), 1)]);
        let second = ListRequest { app: APP, user: ANN, skip: 1, limit: 1, ..ListRequest::default() };
        let second = door.dialogs.clone().list(second).await.unwrap().into_inner();
        assert_eq!((second.total, second.entries.len()), (2, 1));
        assert_eq!(second.entries[0].dialog.as_ref().unwrap().id, pair(ANN, CAT));
        let brief = ListRequest { app: APP, user: ANN, brief: true, ..ListRequest::default() };
        let entries = door.dialogs.clone().list(brief).await.unwrap().into_inner().entries;
        assert_eq!(entries.len(), 2);
        assert!(entries.iter().all(|entry| entry.state.is_none() && entry.dialog.as_ref().unwrap().kind == PRIVATE));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_dialog_comes_back_with_the_next_message_or_when_it_is_created() {
    play(async {
        let world = World::new();
        let door = world.start();
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        delete(&door, BOB, false).await.unwrap();
        assert_eq!(list(&door, BOB).await, []);
        assert_eq!(list(&door, ANN).await.len(), 1, "deleted for him only");
        let with_hidden = ListRequest { app: APP, user: BOB, with_hidden: true, ..ListRequest::default() };
        assert_eq!(door.dialogs.clone().list(with_hidden).await.unwrap().into_inner().entries.len(), 1);

        // The next process knows it too.
        let door = world.start();
        assert_eq!(list(&door, BOB).await, []);
        door.post(post(ANN, BOB, 2, "are you there?")).await.unwrap();
        assert_eq!(list(&door, BOB).await, [(pair(ANN, BOB), 1)], "what was there before stays hidden");

        delete(&door, BOB, false).await.unwrap();
        create(&door, BOB, &[ANN]).await.unwrap();
        assert_eq!(list(&door, BOB).await, [(pair(ANN, BOB), 0)]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_dialog_that_came_back_stays_when_it_is_cleared() {
    play(async {
        let world = World::new();
        let door = world.start();
        let clear = async || {
            let request = ClearDialogRequest { app: APP, dialog: pair(ANN, BOB), user: BOB, force: false };
            door.dialogs.clone().clear(request).await.unwrap();
        };
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        delete(&door, BOB, false).await.unwrap();
        clear().await;
        assert_eq!(list(&door, BOB).await, [], "it has not come back");
        door.post(post(ANN, BOB, 2, "are you there?")).await.unwrap();
        clear().await;
        assert_eq!(list(&door, BOB).await, [(pair(ANN, BOB), 0)]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_a_user_hid_is_not_there_for_him_to_change() {
    play(async {
        let world = World::new();
        let door = world.start();
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        assert_eq!(remove(&door, ANN, &[1], false).await.removed, [id(1)]);
        assert_eq!(remove(&door, ANN, &[1], true).await.not_found, [id(1)]);
        let edit = |user| UpdateMessageRequest {
            app: APP,
            user,
            dialog: pair(ANN, BOB),
            id: id(1),
            body: "ho".into(),
            ..Default::default()
        };
        assert_eq!(code(door.dialogs.clone().update(edit(ANN)).await), Code::NotFound);
        assert_eq!(code(door.dialogs.clone().update(edit(BOB)).await), Code::Forbidden);
        let stranger = UpdateMessageRequest { id: id(9), ..edit(CAT) };
        assert_eq!(code(door.dialogs.clone().update(stranger).await), Code::Forbidden, "also of a message that nobody has");
        assert_eq!(world.history.bodies(&pair(ANN, BOB)), ["hi"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn only_its_owner_deletes_a_dialog_for_all() {
    play(async {
        let world = World::new();
        let door = world.start();
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        assert_eq!(code(delete(&door, BOB, true).await), Code::Forbidden);
        assert_eq!(code(delete(&door, CAT, false).await), Code::Forbidden);
        delete(&door, ANN, true).await.unwrap();
        assert_eq!((list(&door, ANN).await, list(&door, BOB).await), (vec![], vec![]));
        let unknown = DeleteRequest { app: APP, user: ANN, dialog: pair(ANN, CAT), force: false };
        assert_eq!(code(door.dialogs.clone().delete(unknown).await), Code::NotFound);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_is_not_stored_hides_nothing() {
    play(async {
        let world = World::new();
        let door = world.start();
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        world.history.next(Fate::Refused(Code::NotStored));
        assert_eq!(code(delete(&door, BOB, false).await), Code::NotStored);
        assert_eq!(list(&door, BOB).await, [(pair(ANN, BOB), 1)]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn only_the_sender_edits_and_nobody_is_told() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        door.told().await;
        let edit = |user, n, dialog| {
            let (id, body) = (id(n), "hello".into());
            UpdateMessageRequest { app: APP, user, dialog, id, body, ..UpdateMessageRequest::default() }
        };
        let update = async |request| door.dialogs.clone().update(request).await;
        assert_eq!(code(update(edit(BOB, 1, pair(ANN, BOB))).await), Code::Forbidden);
        assert_eq!(code(update(edit(ANN, 2, pair(ANN, BOB))).await), Code::NotFound);
        assert_eq!(code(update(edit(ANN, 2, Vec::new())).await), Code::NotFound);
        update(edit(ANN, 1, Vec::new())).await.unwrap();
        assert_eq!(world.history.bodies(&pair(ANN, BOB)), ["hello"]);
        // What was sent is still the same message.
        assert!(door.post(post(ANN, BOB, 1, "hi")).await.unwrap().duplicate);
        assert!(door.told().await.is_empty());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn removing_hides_or_with_force_removes_own_messages_for_all_and_tells_it() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        door.post(post(BOB, ANN, 2, "hello")).await.unwrap();
        door.told().await;

        let hidden = remove(&door, BOB, &[1, 9], false).await;
        assert_eq!((hidden.removed, hidden.not_found, hidden.forbidden), (vec![id(1)], vec![id(9)], vec![]));
        assert!(door.told().await.is_empty());
        assert_eq!(list(&door, BOB).await, [(pair(ANN, BOB), 0)]);

        let forced = remove(&door, ANN, &[1, 2], true).await;
        assert_eq!((forced.removed, forced.not_found, forced.forbidden), (vec![id(1)], vec![], vec![id(2)]));
        let told = door.told().await;
        let Some(Told::Change(change)) = &told[0].told else { panic!("no change: {told:?}") };
        assert_eq!((change.seq, &change.message_id, change.user), (1, &id(1), ANN));
        assert_eq!((&change.what, change.stamp, told[0].stamp), (&Some(What::Removed(true)), 1, 1));
        assert_eq!((told.len(), &told[0].to), (1, &vec![ANN, BOB]));
        assert_eq!(remove(&door, ANN, &[1], true).await.not_found, [id(1)]);
        assert_eq!(remove(&door, CAT, &[2], false).await.not_found, [id(2)]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_names_its_dialog_is_of_that_dialog_and_tells_a_stranger_nothing() {
    play(async {
        let door = World::new().start();
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        door.post(post(ANN, CAT, 2, "hi")).await.unwrap();
        let remove = async |user, n, dialog| {
            let (ids, force) = (vec![id(n)], true);
            let request = RemoveMessagesRequest { app: APP, user, dialog, ids, force, ..RemoveMessagesRequest::default() };
            door.dialogs.clone().remove(request).await
        };
        for n in [1, 9] {
            assert_eq!(code(remove(CAT, n, pair(ANN, BOB)).await), Code::Forbidden, "whether there is such a message or not");
        }
        assert_eq!(code(remove(CAT, 1, pair(BOB, CAT)).await), Code::NotFound);
        assert_eq!(remove(ANN, 1, pair(ANN, CAT)).await.unwrap().into_inner().not_found, [id(1)]);
        assert_eq!(remove(ANN, 1, pair(ANN, BOB)).await.unwrap().into_inner().removed, [id(1)]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn unread_counts_are_of_the_dialogs_asked_for_and_of_all_together() {
    play(async {
        let door = World::new().start();
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        door.post(post(CAT, BOB, 2, "meow")).await.unwrap();
        door.post(post(CAT, BOB, 3, "meow")).await.unwrap();
        let dialogs = vec![pair(CAT, BOB), pair(ANN, CAT)];
        let request = UnreadCountsRequest { app: APP, user: BOB, dialogs: dialogs.clone() };
        let reply = door.dialogs.clone().unread(request).await.unwrap().into_inner();
        assert_eq!(reply.total, 3);
        let counts: Vec<(Vec<u8>, u64)> = reply.counts.into_iter().map(|count| (count.dialog, count.unread)).collect();
        assert_eq!(counts, [(dialogs[0].clone(), 2), (dialogs[1].clone(), 0)]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn heads_of_active_dialogs_are_published_every_second_for_half_a_minute() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        let service = door.service.clone();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let run = tokio::task::spawn_local(async move { service.run(async { stopped.await.unwrap() }).await });
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        door.post(post(ANN, BOB, 2, "hi")).await.unwrap();
        for _ in 0..30 {
            let heads = door.heads().await.heads;
            assert_eq!((heads.len(), heads[0].seq, &heads[0].dialog), (1, 2, &pair(ANN, BOB)));
        }
        assert!(tokio::time::timeout(Duration::from_secs(60), door.heads()).await.is_err());
        stop.send(()).unwrap();
        run.await.unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_dialog_that_comes_into_memory_says_where_its_log_ends() {
    let world = World::new();
    let node = LocalSet::new();
    node.run_until(async { world.start().post(post(ANN, BOB, 1, "hi")).await.unwrap() }).await;
    drop(node);
    play(async {
        let mut door = world.start();
        let service = door.service.clone();
        tokio::task::spawn_local(async move { service.run(std::future::pending()).await });
        let delete = DeleteRequest { app: APP, user: CAT, dialog: pair(ANN, BOB), force: false };
        assert!(door.dialogs.clone().delete(delete).await.is_err(), "not a member");
        let heads = tokio::time::timeout(Duration::from_secs(5), door.heads()).await.unwrap();
        assert_eq!((heads.heads[0].seq, heads.heads[0].told_at), (1, 0), "its last row may have been told to nobody");
        // Its sender had no answer, and says it again.
        tokio::time::advance(Duration::from_secs(2)).await;
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        door.post(post(ANN, BOB, 2, "hi")).await.unwrap();
        let told = door.told().await;
        let made_at = world.history.state().rows[&pair(ANN, BOB)][0].created_at;
        assert!(told[0].again && told[1].previous_at > made_at, "when it was told again: {told:?}");
    })
    .await;
}

// === asking ===

fn request(owner: u64, members: &[u64]) -> CreateRequest {
    CreateRequest { app: APP, kind: PRIVATE, owner, members: members.to_vec(), ..CreateRequest::default() }
}

async fn create(door: &Door, owner: u64, members: &[u64]) -> Result<Dialog, natter_rpc::Status> {
    Ok(door.dialogs.clone().create(request(owner, members)).await?.into_inner())
}

async fn get(door: &Door, dialog: Vec<u8>, user: u64) -> Result<Dialog, natter_rpc::Status> {
    Ok(door.dialogs.clone().get(GetRequest { app: APP, dialog, user, preview: false }).await?.into_inner())
}

async fn delete(door: &Door, user: u64, force: bool) -> Result<(), natter_rpc::Status> {
    door.dialogs.clone().delete(DeleteRequest { app: APP, user, dialog: pair(ANN, BOB), force }).await.map(|_| ())
}

async fn remove(door: &Door, user: u64, ids: &[u16], force: bool) -> RemoveMessagesReply {
    let ids = ids.iter().map(|n| id(*n)).collect();
    door.dialogs
        .clone()
        .remove(RemoveMessagesRequest { app: APP, user, ids, force, ..RemoveMessagesRequest::default() })
        .await
        .unwrap()
        .into_inner()
}

/// The user's dialogs with their unread counts.
async fn list(door: &Door, user: u64) -> Vec<(Vec<u8>, u64)> {
    let request = ListRequest { app: APP, user, ..ListRequest::default() };
    let entries = door.dialogs.clone().list(request).await.unwrap().into_inner().entries;
    entries.into_iter().map(|entry| (entry.dialog.unwrap().id, entry.state.unwrap().unread)).collect()
}
