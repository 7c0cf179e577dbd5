//! What an app says of its dialogs, at the door: who removes others from a group, what members see, how fast it sends.

#![allow(clippy::unwrap_used)]

mod kit;

use std::time::Duration;

use kit::{ANN, APP, BOB, CAT, DAN, Door, World, code, id, play, post, session};
use natter_proto::account::v1::{App, Groups, Quotas};
use natter_proto::dialog::v1::*;
use natter_proto::event::v1::Frame;
use natter_proto::event::v1::frame::Told;
use natter_proto::{Code, Failure};

#[tokio::test(start_paused = true)]
async fn where_the_app_says_so_admins_remove_members() {
    play(async {
        let world = World::new();
        let door = world.start();
        let group = create(&door, &[BOB, CAT, DAN]).await;
        change(&door, &group, ANN, |change| change.add_admins = vec![BOB, DAN]).await.unwrap();
        let remove =
            async |user, others: &[u64]| change(&door, &group, user, |change| change.remove_members = others.to_vec()).await;
        assert_eq!(code(remove(BOB, &[CAT]).await), Code::Forbidden, "the owner alone");
        world.accounts.say(says(Groups { admins_remove: true, ..Groups::default() }));
        assert_eq!(code(remove(BOB, &[CAT]).await), Code::Forbidden, "what was heard holds for some seconds");
        tokio::time::sleep(Duration::from_secs(5)).await;
        for other in [ANN, DAN] {
            assert_eq!(code(remove(BOB, &[other, CAT]).await), Code::Forbidden, "who runs the group stays, and all with him");
        }
        assert_eq!(remove(BOB, &[CAT]).await.unwrap().members, [ANN, BOB, DAN]);
        assert_eq!(code(change(&door, &group, BOB, |change| change.remove_admins = vec![DAN]).await), Code::Forbidden);
        change(&door, &group, BOB, |change| change.add_members = vec![CAT]).await.unwrap();
        assert_eq!(code(remove(CAT, &[BOB]).await), Code::Forbidden, "a member is no admin");

        world.accounts.be_away(true);
        tokio::time::sleep(Duration::from_secs(6)).await;
        assert_eq!(remove(BOB, &[CAT]).await.unwrap().members, [ANN, BOB, DAN], "what was known holds on");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn where_the_app_says_so_who_is_added_sees_what_is_said_from_then_on() {
    for from_joining in [false, true] {
        play(async {
            let world = World::new();
            world.accounts.say(says(Groups { history_from_joining: from_joining, ..Groups::default() }));
            let mut door = world.start();
            let group = create(&door, &[BOB]).await;
            door.post(say(&group, ANN, 1, "before")).await.unwrap();
            let added = change(&door, &group, ANN, |change| change.add_members = vec![CAT]).await.unwrap();
            assert_eq!(added.from_joining, from_joining);
            assert_eq!(list(&door, CAT).await, [(group.clone(), from_joining, (!from_joining).then_some(1))]);
            assert_eq!(list(&door, BOB).await, [(group.clone(), from_joining, Some(1))], "he was there");
            let brief = ListRequest { app: APP, user: CAT, brief: true, ..ListRequest::default() };
            let brief = door.dialogs.list(brief).await.unwrap().into_inner().entries.remove(0).dialog.unwrap();
            assert_eq!((&brief.id, brief.from_joining), (&group, from_joining));
            let get = GetRequest { app: APP, dialog: group.clone(), user: CAT, preview: false };
            assert_eq!(door.dialogs.get(get).await.unwrap().into_inner().from_joining, from_joining);
            door.told().await;

            // What the others do with it she hears nothing of.
            door.dialogs.react(react(BOB, 1)).await.unwrap();
            door.dialogs.update(edit(&group, 1)).await.unwrap();
            door.dialogs.update(UpdateMessageRequest { told: false, ..edit(&group, 1) }).await.unwrap();
            let expected = if from_joining { vec![CAT] } else { Vec::new() };
            let [reaction, change] = &door.told().await[..] else { panic!("a reaction and a change") };
            for frame in [reaction, change] {
                assert_eq!((&frame.to, &frame.except), (&vec![ANN, CAT, BOB], &expected), "{frame:?}");
            }
            let react_to_it = door.dialogs.react(react(CAT, 1)).await;
            assert_eq!(react_to_it.is_ok(), !from_joining);
            let hide = RemoveMessagesRequest { app: APP, user: CAT, ids: vec![id(1)], ..RemoveMessagesRequest::default() };
            let hidden = door.dialogs.remove(hide).await.unwrap().into_inner();
            assert_eq!((hidden.removed.len(), hidden.not_found.len()), if from_joining { (0, 1) } else { (1, 0) });
            door.told().await;
            door.dialogs.remove(removal(1)).await.unwrap();
            assert_eq!(excepted(&door.told().await), [expected]);

            door.post(say(&group, ANN, 2, "since")).await.unwrap();
            door.told().await;
            door.dialogs.update(edit(&group, 2)).await.unwrap();
            door.dialogs.react(react(CAT, 2)).await.unwrap();
            door.dialogs.remove(removal(2)).await.unwrap();
            assert_eq!(excepted(&door.told().await), vec![Vec::<u64>::new(); 3], "of what is said since all hear");
            assert_eq!(list(&door, CAT).await[0].2, Some(2));
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_guesses_what_a_member_may_see() {
    play(async {
        let world = World::new();
        let group = create(&world.start(), &[BOB]).await;
        world.accounts.be_away(true);
        let door = world.start();
        let ask = || async {
            let request = ListRequest { app: APP, user: BOB, ..ListRequest::default() };
            door.dialogs.clone().list(request).await
        };
        assert_eq!(code(ask().await), Code::Busy);
        assert_eq!(code(change(&door, &group, ANN, |change| change.name = Some("other".into())).await), Code::Busy);
        door.post(say(&group, ANN, 1, "hi")).await.unwrap();
        world.accounts.be_away(false);
        ask().await.unwrap();
        world.accounts.be_away(true);
        tokio::time::sleep(Duration::from_secs(60)).await;
        ask().await.unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_app_may_send_as_fast_as_its_quota_says() {
    play(async {
        let world = World::new();
        world.accounts.say(App { quotas: Some(Quotas { messages_per_second: 2, ..Quotas::default() }), ..App::default() });
        let door = world.start();
        for n in 1..=2 {
            door.post(post(ANN, BOB, n, "hi")).await.unwrap();
        }
        let refused = door.post(post(ANN, BOB, 3, "hi")).await.unwrap_err();
        assert_eq!((refused.code, refused.text), (Code::TooMany, "app 7 sends more than 2 messages a second".into()));
    })
    .await;
}

// === helpers ===

fn says(groups: Groups) -> App {
    App { groups: Some(groups), ..App::default() }
}

/// The id of a group of ANN's.
async fn create(door: &Door, members: &[u64]) -> Vec<u8> {
    let (kind, name) = (DialogKind::Group.into(), Some("trip".into()));
    let request = CreateRequest { app: APP, kind, owner: ANN, members: members.to_vec(), name, ..CreateRequest::default() };
    door.dialogs.clone().create(request).await.unwrap().into_inner().id
}

async fn change(door: &Door, dialog: &[u8], user: u64, what: impl FnOnce(&mut ChangeDialogRequest)) -> Result<Dialog, Failure> {
    let mut request = ChangeDialogRequest { app: APP, dialog: dialog.to_vec(), user, ..ChangeDialogRequest::default() };
    what(&mut request);
    Ok(door.dialogs.clone().change(request).await?.into_inner())
}

/// Of each of a user's dialogs the id, whether he sees it from his joining on, and the place of its last message.
async fn list(door: &Door, user: u64) -> Vec<(Vec<u8>, bool, Option<u64>)> {
    let request = ListRequest { app: APP, user, ..ListRequest::default() };
    let entries = door.dialogs.clone().list(request).await.unwrap().into_inner().entries;
    let shown = entries.into_iter().map(|entry| {
        let (dialog, last) = (entry.dialog.unwrap(), entry.state.unwrap().last);
        (dialog.id, dialog.from_joining, last.map(|last| last.seq))
    });
    shown.collect()
}

fn excepted(told: &[Frame]) -> Vec<Vec<u64>> {
    assert!(told.iter().all(|frame| matches!(frame.told, Some(Told::Change(_) | Told::Reaction(_)))), "{told:?}");
    told.iter().map(|frame| frame.except.clone()).collect()
}

fn say(dialog: &[u8], sender: u64, n: u16, body: &str) -> PostRequest {
    PostRequest { dialog: dialog.to_vec(), recipient: 0, ..post(sender, BOB, n, body) }
}

fn react(user: u64, n: u16) -> ReactRequest {
    ReactRequest { app: APP, user, id: id(n), add: "+".into(), ..ReactRequest::default() }
}

fn edit(dialog: &[u8], n: u16) -> UpdateMessageRequest {
    let (dialog, origin) = (dialog.to_vec(), Some(session(ANN)));
    let edit = UpdateMessageRequest { app: APP, user: ANN, dialog, id: id(n), origin, ..UpdateMessageRequest::default() };
    UpdateMessageRequest { body: "edited".into(), told: true, stanza_id: "e".into(), ..edit }
}

/// Of ANN's message, for all.
fn removal(n: u16) -> RemoveMessagesRequest {
    RemoveMessagesRequest { app: APP, user: ANN, ids: vec![id(n)], force: true, ..RemoveMessagesRequest::default() }
}
