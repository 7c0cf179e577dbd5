//! Groups and public dialogs at the door: who is told what, who may what, rooms, changes, system messages.

#![allow(clippy::unwrap_used)]

mod kit;

use kit::{ANN, APP, BOB, CAT, Door, NOBODY, World, code, id, pair, play, post, session};
use natter_dialog::Options;
use natter_proto::dialog::v1::*;
use natter_proto::event::v1::change::What;
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Frame, Headline, MarkKind, OccupantState, Typing};
use natter_proto::{Code, Failure};

#[tokio::test(start_paused = true)]
async fn a_message_goes_to_every_member_and_has_its_number() {
    play(async {
        let mut door = World::new().start();
        let group = create(&door, DialogKind::Group, &[BOB, CAT, NOBODY]).await.unwrap();
        assert_eq!((group.members, group.owner, group.count), (vec![ANN, CAT, BOB], ANN, 3));
        let reply = door.post(say(&group.id, BOB, 1, "hi")).await.unwrap();
        assert_eq!(reply.seq, 1);
        let told = door.told().await.remove(0);
        assert!(told.group);
        assert_eq!((told.to, told.dialog), (vec![ANN, CAT, BOB], group.id.clone()));
        assert!(matches!(told.told, Some(Told::Message(message)) if message.recipient == 0 && message.seq == 1));
        let refused = door.post(say(&group.id, NOBODY, 2, "hi")).await;
        assert_eq!(code(refused), Code::Forbidden);
        assert_eq!(code(door.post(say(&[0xac; 12], ANN, 2, "hi")).await), Code::NotFound);
        let to_one = PostRequest { recipient: BOB, ..say(&group.id, ANN, 2, "hi") };
        assert_eq!(code(door.post(to_one).await), Code::Invalid);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_unsaved_group_message_is_told_and_kept_for_nobody() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        let group = create(&door, DialogKind::Group, &[BOB]).await.unwrap();
        let reply = door.post(PostRequest { store: false, ..say(&group.id, ANN, 1, "psst") }).await.unwrap();
        assert_eq!(reply.seq, 0);
        let told = door.told().await.remove(0);
        assert_eq!((told.kept, told.to), (0, vec![ANN, BOB]));
        assert!(world.history.state().kept.is_empty());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn members_come_and_go_and_what_was_before_is_not_unread_to_who_comes() {
    play(Box::pin(async {
        let world = World::new();
        let mut door = world.start();
        let group = create(&door, DialogKind::Group, &[BOB]).await.unwrap();
        door.post(say(&group.id, ANN, 1, "before")).await.unwrap();
        let changed = change(&door, &group.id, BOB, |change| change.add_members = vec![CAT, NOBODY]).await.unwrap();
        assert_eq!((changed.members, world.history.state().joined.clone()), (vec![ANN, CAT, BOB], vec![CAT]));
        assert_eq!(unread(&door, CAT).await, 0);
        door.post(say(&group.id, ANN, 2, "after")).await.unwrap();
        assert_eq!(unread(&door, CAT).await, 1);
        assert_eq!(code(change(&door, &group.id, BOB, |change| change.remove_members = vec![CAT]).await), Code::Forbidden);
        door.told().await;
        enter(&door, &group.id, BOB).await.unwrap();
        change(&door, &group.id, ANN, |change| change.remove_members = vec![CAT]).await.unwrap();
        let told = door.told().await.remove(0);
        assert_eq!(told.to, [BOB, CAT], "the room, and who was removed");
        let Some(Told::Occupant(occupant)) = told.told else { panic!("{told:?}") };
        assert_eq!((occupant.user, occupant.actor, occupant.state()), (CAT, ANN, OccupantState::Removed));
        assert_eq!(code(door.post(say(&group.id, CAT, 3, "hi")).await), Code::Forbidden);
        assert_eq!(list(&door, CAT).await, Vec::<Vec<u8>>::new());
        let after_restart = world.start();
        assert_eq!(code(after_restart.post(say(&group.id, CAT, 3, "hi")).await), Code::Forbidden);
        assert_eq!(after_restart.post(say(&group.id, BOB, 3, "hi")).await.unwrap().seq, 3);
    }))
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_deletes_a_group_leaves_it_and_with_the_last_one_it_is_gone() {
    play(async {
        let world = World::new();
        let door = world.start();
        let group = create(&door, DialogKind::Group, &[BOB]).await.unwrap();
        let delete = |user, force| DeleteRequest { app: APP, user, dialog: group.id.clone(), force };
        assert_eq!(code(door.dialogs.clone().delete(delete(BOB, true)).await), Code::Forbidden);
        door.dialogs.clone().delete(delete(ANN, false)).await.unwrap();
        let left = get(&door, &group.id, BOB).await.unwrap();
        assert_eq!((left.owner, left.members), (BOB, vec![BOB]));
        door.dialogs.clone().delete(delete(BOB, false)).await.unwrap();
        assert_eq!(code(get(&door, &group.id, BOB).await), Code::NotFound);
        assert_eq!(code(door.post(say(&group.id, BOB, 1, "hi")).await), Code::NotFound);
        assert_eq!(code(world.start().post(say(&group.id, BOB, 1, "hi")).await), Code::NotFound);

        let group = create(&door, DialogKind::Group, &[BOB]).await.unwrap();
        let all = DeleteRequest { app: APP, user: ANN, dialog: group.id.clone(), force: true };
        door.dialogs.clone().delete(all).await.unwrap();
        assert_eq!((list(&door, BOB).await, code(get(&door, &group.id, ANN).await)), (vec![], Code::NotFound));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_public_dialog_is_read_and_written_by_everybody_and_heard_by_who_entered() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        let unnamed = CreateRequest { name: None, ..request(DialogKind::Public, &[]) };
        assert_eq!(code(door.dialogs.clone().create(unnamed).await), Code::Invalid);
        let public = create(&door, DialogKind::Public, &[BOB]).await.unwrap();
        assert_eq!((public.members, public.count), (vec![], 1), "given ids are ignored");
        assert_eq!(list(&door, CAT).await, std::slice::from_ref(&public.id));
        door.post(say(&public.id, CAT, 1, "hi")).await.unwrap();
        assert_eq!(door.told().await[0].to, [ANN, CAT], "its owner, and whoever wrote");
        assert_eq!(enter(&door, &public.id, BOB).await.unwrap(), [0; 0]);
        assert_eq!(enter(&door, &public.id, CAT).await.unwrap(), [BOB]);
        door.post(say(&public.id, ANN, 2, "hi")).await.unwrap();
        assert_eq!(door.told().await[0].to, [ANN, CAT, BOB]);
        assert_eq!(unread(&door, BOB).await, 0, "nothing is counted");
        let members = OccupantsRequest { app: APP, dialog: public.id.clone(), user: kit::DAN, members: true };
        assert_eq!(door.dialogs.clone().occupants(members).await.unwrap().into_inner().users, [ANN, CAT, BOB]);
        exit(&door, &public.id, BOB).await;
        door.post(say(&public.id, ANN, 3, "hi")).await.unwrap();
        assert_eq!(door.told().await[0].to, [ANN, CAT]);

        let subscribe = |leave| SubscribeRequest { app: APP, dialog: public.id.clone(), user: BOB, leave };
        assert_eq!(door.dialogs.clone().subscribe(subscribe(false)).await.unwrap().into_inner().count, 3);
        enter(&door, &public.id, BOB).await.unwrap();
        exit(&door, &public.id, BOB).await;
        assert_eq!(get(&door, &public.id, BOB).await.unwrap().count, 3, "who subscribed stays when he leaves the room");
        assert_eq!(door.dialogs.clone().subscribe(subscribe(true)).await.unwrap().into_inner().count, 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_is_no_member_of_a_public_dialog_hears_what_he_does_there_and_marks_nothing() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        let public = create(&door, DialogKind::Public, &[]).await.unwrap();
        door.post(say(&public.id, CAT, 1, "hi")).await.unwrap();
        let (dialog, body, told) = (public.id.clone(), "hello".into(), true);
        let edit = UpdateMessageRequest { app: APP, user: CAT, dialog, id: id(1), body, told, ..UpdateMessageRequest::default() };
        door.dialogs.update(edit).await.unwrap();
        door.dialogs
            .react(ReactRequest { app: APP, user: CAT, id: id(1), add: "+".into(), ..ReactRequest::default() })
            .await
            .unwrap();
        let to: Vec<Vec<u64>> = door.told().await.into_iter().map(|frame| frame.to).collect();
        assert_eq!(to, [[ANN, CAT]; 3]);

        let read =
            MarkRequest { app: APP, dialog: public.id, kind: MarkKind::Read.into(), relay: true, ..MarkRequest::default() };
        for (user, n, found) in [(BOB, 1, 1), (ANN, 1, 1), (CAT, 1, 0), (BOB, 9, 0)] {
            let request = MarkRequest { user, ids: vec![id(n)], ..read.clone() };
            assert_eq!(door.dialogs.mark(request).await.unwrap().into_inner().found, found, "user {user}, message {n}");
        }
        assert!(world.history.state().marks.is_empty() && door.told().await.is_empty());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_room_is_for_members_and_tells_who_is_there() {
    play(async {
        let world = World::new();
        let door = world.start();
        let group = create(&door, DialogKind::Group, &[BOB]).await.unwrap();
        assert_eq!(code(enter(&door, &group.id, CAT).await), Code::Forbidden);
        assert_eq!(code(enter(&door, &[0xac; 12], ANN).await), Code::NotFound);
        assert_eq!(enter(&door, &group.id, ANN).await.unwrap(), [0; 0]);
        assert_eq!(enter(&door, &group.id, BOB).await.unwrap(), [ANN]);
        let occupants = async |user| {
            let request = OccupantsRequest { app: APP, dialog: group.id.clone(), user, members: false };
            door.dialogs.clone().occupants(request).await.unwrap().into_inner().users
        };
        assert_eq!((occupants(ANN).await, occupants(CAT).await), (vec![ANN, BOB], vec![]));
        exit(&door, &group.id, ANN).await;
        assert_eq!(world.presence.room(&group.id), [BOB]);
        exit(&door, &group.id, CAT).await;
        let delete = DeleteRequest { app: APP, user: BOB, dialog: group.id.clone(), force: false };
        door.dialogs.clone().delete(delete).await.unwrap();
        assert_eq!(world.presence.room(&group.id), [0; 0], "who leaves the group leaves the room");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn typing_is_told_to_the_others_and_a_status_to_the_author_of_a_small_group() {
    play(async {
        let world = World { options: Options { markers_relayed_members_max: 3, ..Options::default() }, ..World::new() };
        let mut door = world.start();
        let group = create(&door, DialogKind::Group, &[BOB, CAT]).await.unwrap();
        let typing = Typing { user: ANN, composing: true, ..Typing::default() };
        let signal = SignalRequest {
            app: APP,
            dialog: group.id.clone(),
            user: ANN,
            recipient: 0,
            origin: Some(session(ANN)),
            typing: Some(typing),
        };
        door.dialogs.signal(signal.clone()).await.unwrap();
        door.dialogs.signal(SignalRequest { user: NOBODY, ..signal }).await.unwrap();
        let told = door.told().await;
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].to.clone(), told[0].group), (vec![CAT, BOB], true));

        door.post(say(&group.id, ANN, 1, "hi")).await.unwrap();
        door.told().await;
        let mark = MarkRequest {
            app: APP,
            dialog: group.id.clone(),
            user: BOB,
            author: ANN,
            kind: MarkKind::Read.into(),
            ids: vec![id(1)],
            relay: true,
            ..MarkRequest::default()
        };
        door.dialogs.mark(mark.clone()).await.unwrap();
        let told = door.told().await.remove(0);
        assert!(matches!(told.told, Some(Told::Marker(_))) && !told.group);
        assert_eq!(told.to, [ANN, BOB]);
        assert_eq!(unread(&door, BOB).await, 0);

        change(&door, &group.id, ANN, |change| change.add_members = vec![kit::DAN]).await.unwrap();
        door.dialogs.mark(MarkRequest { user: CAT, ..mark }).await.unwrap();
        assert!(door.told().await.is_empty(), "stored only");
        assert_eq!(unread(&door, CAT).await, 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn edits_over_xmpp_are_told_and_an_admin_removes_what_others_wrote() {
    play(async {
        let mut door = World::new().start();
        let group = create(&door, DialogKind::Group, &[BOB, CAT]).await.unwrap();
        door.post(say(&group.id, CAT, 1, "hi")).await.unwrap();
        door.told().await;
        let edit = UpdateMessageRequest {
            app: APP,
            user: CAT,
            dialog: group.id.clone(),
            id: id(1),
            body: "hello".into(),
            told: true,
            origin: Some(session(CAT)),
            stanza_id: "e1".into(),
            relay: "<extraParams/>".into(),
            last: true,
            ..UpdateMessageRequest::default()
        };
        assert_eq!(code(door.dialogs.update(UpdateMessageRequest { user: ANN, ..edit.clone() }).await), Code::Forbidden);
        door.dialogs.update(edit).await.unwrap();
        let told = door.told().await.remove(0);
        assert!(told.group && told.stamp == 1);
        let Some(Told::Change(change_told)) = told.told else { panic!("{told:?}") };
        assert_eq!((change_told.stanza_id.as_str(), change_told.last, change_told.recipient), ("e1", true, 0));
        assert_eq!((change_told.relay.as_str(), change_told.resource.as_str()), ("<extraParams/>", "r-56"));
        assert!(matches!(change_told.what, Some(What::Edited(row)) if row.body.as_deref() == Some("hello")));

        let remove =
            |user| RemoveMessagesRequest { app: APP, user, ids: vec![id(1)], force: true, ..RemoveMessagesRequest::default() };
        assert_eq!(door.dialogs.remove(remove(BOB)).await.unwrap().into_inner().forbidden, [id(1)]);
        change(&door, &group.id, ANN, |change| change.add_admins = vec![BOB]).await.unwrap();
        assert_eq!(door.dialogs.remove(remove(BOB)).await.unwrap().into_inner().removed, [id(1)]);
        let told = door.told().await.pop().unwrap();
        assert!(
            matches!(told.told, Some(Told::Change(change)) if change.what == Some(What::Removed(true)) && change.user == BOB)
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_reaction_is_told_once_and_listed() {
    play(async {
        let mut door = World::new().start();
        let group = create(&door, DialogKind::Group, &[BOB]).await.unwrap();
        door.post(say(&group.id, ANN, 1, "hi")).await.unwrap();
        door.told().await;
        let react = |user, add: &str| ReactRequest { app: APP, user, id: id(1), add: add.into(), ..ReactRequest::default() };
        door.dialogs.react(react(BOB, "+")).await.unwrap();
        door.dialogs.react(react(BOB, "+")).await.unwrap();
        assert_eq!(code(door.dialogs.react(react(CAT, "+")).await), Code::NotFound);
        assert_eq!(code(door.dialogs.react(react(BOB, "")).await), Code::Invalid);
        assert_eq!(code(door.dialogs.react(react(BOB, &"x".repeat(65))).await), Code::Invalid);
        let told = door.told().await;
        assert_eq!(told.len(), 1);
        assert!(matches!(&told[0].told, Some(Told::Reaction(reaction)) if reaction.add == "+" && reaction.user == BOB));
        let listed = door.dialogs.reactions(ReactionsRequest { app: APP, user: ANN, id: id(1) }).await.unwrap().into_inner();
        assert_eq!(listed.reactions, [ReactionOf { reaction: "+".into(), users: vec![BOB] }]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_system_message_is_kept_and_told_with_its_place() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        let headline = Headline { user: ANN, stanza_id: "h".into(), children: "<body>x</body>".into(), ..Headline::default() };
        let request =
            |recipient| HeadlineRequest { app: APP, recipient, headline: Some(headline.clone()), origin: Some(session(ANN)) };
        door.dialogs.headline(request(BOB)).await.unwrap();
        assert_eq!(code(door.dialogs.headline(request(NOBODY)).await), Code::NotFound);
        let told = door.told().await.remove(0);
        assert_eq!((told.to.clone(), told.kept), (vec![BOB], 1));
        assert_eq!(world.history.state().kept, [(BOB, Frame { kept: 0, ..told })]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn alerts_can_be_turned_off_and_history_cleared() {
    play(async {
        let door = World::new().start();
        let group = create(&door, DialogKind::Group, &[BOB]).await.unwrap();
        let notify = async |user, enabled| {
            let request = NotifyRequest { app: APP, dialog: group.id.clone(), user, enabled };
            door.dialogs.clone().notify(request).await.map(|reply| reply.into_inner().enabled)
        };
        assert!(notify(BOB, None).await.unwrap());
        assert!(!notify(BOB, Some(false)).await.unwrap());
        assert!(!notify(BOB, None).await.unwrap() && notify(ANN, None).await.unwrap());
        assert_eq!(code(notify(CAT, None).await), Code::Forbidden);
        assert!(get(&door, &group.id, BOB).await.unwrap().muted);

        door.post(say(&group.id, ANN, 1, "hi")).await.unwrap();
        let clear = |user, force| ClearDialogRequest { app: APP, dialog: group.id.clone(), user, force };
        assert_eq!(code(door.dialogs.clone().clear(clear(BOB, true)).await), Code::Forbidden);
        door.dialogs.clone().clear(clear(BOB, false)).await.unwrap();
        assert_eq!(unread(&door, BOB).await, 0);
        let hide = RemoveMessagesRequest { app: APP, user: BOB, ids: vec![id(1)], ..RemoveMessagesRequest::default() };
        assert_eq!(door.dialogs.clone().remove(hide).await.unwrap().into_inner().not_found, [id(1)], "it is hidden already");
        assert!(get(&door, &group.id, BOB).await.unwrap().muted, "the view keeps the rest");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_preview_is_for_everybody_where_it_is_allowed() {
    play(async {
        let door = World::new().start();
        let group = create(&door, DialogKind::Group, &[BOB]).await.unwrap();
        let preview = |preview| GetRequest { app: APP, dialog: group.id.clone(), user: CAT, preview };
        assert_eq!(code(door.dialogs.clone().get(preview(true)).await), Code::Forbidden);
        assert_eq!(code(change(&door, &group.id, BOB, |change| change.allow_preview = Some(true)).await), Code::Forbidden);
        change(&door, &group.id, ANN, |change| change.allow_preview = Some(true)).await.unwrap();
        assert_eq!(door.dialogs.clone().get(preview(true)).await.unwrap().into_inner().allow_preview, Some(true));
        assert_eq!(code(door.dialogs.clone().get(preview(false)).await), Code::Forbidden);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nobody_is_put_into_more_dialogs_than_he_may_have() {
    play(async {
        let world = World { options: Options { dialogs_of_user_max: 1, ..Options::default() }, ..World::new() };
        let door = world.start();
        let group = create(&door, DialogKind::Group, &[BOB]).await.unwrap();
        assert_eq!(code(create(&door, DialogKind::Group, &[CAT]).await), Code::TooMany);
        door.post(post(CAT, kit::DAN, 1, "hi")).await.unwrap();
        assert_eq!(code(change(&door, &group.id, ANN, |change| change.add_members = vec![CAT]).await), Code::TooMany);
        assert_eq!(list(&door, CAT).await, [pair(CAT, kit::DAN)]);
    })
    .await;
}

// === helpers ===

fn request(kind: DialogKind, members: &[u64]) -> CreateRequest {
    CreateRequest {
        app: APP,
        kind: kind.into(),
        owner: ANN,
        members: members.to_vec(),
        name: Some("trip".into()),
        ..CreateRequest::default()
    }
}

async fn create(door: &Door, kind: DialogKind, members: &[u64]) -> Result<Dialog, Failure> {
    let created = door.dialogs.clone().create(request(kind, members)).await;
    created.map(|reply| reply.into_inner()).map_err(Failure::from)
}

async fn change(door: &Door, dialog: &[u8], user: u64, what: impl FnOnce(&mut ChangeDialogRequest)) -> Result<Dialog, Failure> {
    let mut request = ChangeDialogRequest { app: APP, dialog: dialog.to_vec(), user, ..ChangeDialogRequest::default() };
    what(&mut request);
    let changed = door.dialogs.clone().change(request).await;
    changed.map(|reply| reply.into_inner()).map_err(Failure::from)
}

async fn enter(door: &Door, dialog: &[u8], user: u64) -> Result<Vec<u64>, Failure> {
    let request = EnterRequest { app: APP, dialog: dialog.to_vec(), user, session: Some(session(user)) };
    let entered = door.dialogs.clone().enter(request).await;
    entered.map(|reply| reply.into_inner().others).map_err(Failure::from)
}

async fn exit(door: &Door, dialog: &[u8], user: u64) {
    let request = ExitRequest { app: APP, dialog: dialog.to_vec(), user, session: Some(session(user)) };
    door.dialogs.clone().exit(request).await.unwrap();
}

async fn get(door: &Door, dialog: &[u8], user: u64) -> Result<Dialog, Failure> {
    let request = GetRequest { app: APP, dialog: dialog.to_vec(), user, preview: false };
    door.dialogs.clone().get(request).await.map(|reply| reply.into_inner()).map_err(Failure::from)
}

/// Ids of the dialogs a user has.
async fn list(door: &Door, user: u64) -> Vec<Vec<u8>> {
    let request = ListRequest { app: APP, user, ..ListRequest::default() };
    let entries = door.dialogs.clone().list(request).await.unwrap().into_inner().entries;
    entries.into_iter().map(|entry| entry.dialog.unwrap().id).collect()
}

async fn unread(door: &Door, user: u64) -> u64 {
    let request = UnreadCountsRequest { app: APP, user, dialogs: vec![] };
    door.dialogs.clone().unread(request).await.unwrap().into_inner().total
}

fn say(dialog: &[u8], sender: u64, n: u16, body: &str) -> PostRequest {
    PostRequest { dialog: dialog.to_vec(), recipient: 0, ..post(sender, BOB, n, body) }
}
