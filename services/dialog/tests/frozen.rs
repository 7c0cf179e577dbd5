//! A frozen dialog at the door: nobody writes, whoever may read reads on; an operator removes and finds all the same.

#![allow(clippy::unwrap_used)]

mod kit;

use kit::{ANN, APP, BOB, CAT, Door, World, code, id, pair, play, post, session, unsaved};
use natter_proto::dialog::v1::*;
use natter_proto::event::v1::change::What;
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{CallKind, Headline, MarkKind, Typing};
use natter_proto::{Code, Failure};

#[tokio::test(start_paused = true)]
async fn nobody_writes_in_a_frozen_dialog_and_all_read_on() {
    play(Box::pin(async {
        let world = World::new();
        let mut door = world.start();
        let group = create(&door).await;
        door.post(say(&group, ANN, 1, "before")).await.unwrap();
        assert!(freeze(&door, &group, true).await.frozen && freeze(&door, &group, true).await.frozen);
        door.told().await;
        // Kept with the dialog: whoever loads it next knows.
        for mut door in [door, world.start()] {
            for (what, failure) in written(&door, &group).await {
                let failure = failure.unwrap_err();
                assert_eq!((failure.code, failure.text.contains("is frozen")), (Code::Forbidden, true), "{what}: {failure}");
            }
            let force = RemoveMessagesRequest { force: true, ..removal(ANN) };
            assert_eq!(door.dialogs.remove(force).await.unwrap().into_inner().forbidden, [id(1)]);
            door.dialogs.signal(typing(&group)).await.unwrap();
            assert_eq!(door.told().await, [], "nobody hears anything");
            // What was said before is acknowledged again.
            assert!(door.post(say(&group, ANN, 1, "before")).await.unwrap().duplicate);
            door.told().await;
            let all = ListRequest { app: APP, user: CAT, ..ListRequest::default() };
            assert_eq!(door.dialogs.list(all).await.unwrap().into_inner().entries.len(), 1);
            let read = MarkRequest {
                app: APP,
                dialog: group.clone(),
                user: BOB,
                kind: MarkKind::Read.into(),
                all: true,
                ..MarkRequest::default()
            };
            door.dialogs.mark(read).await.unwrap();
            assert!(!mute(&door, &group).await.unwrap());
            assert_eq!(door.dialogs.remove(removal(CAT)).await.unwrap().into_inner().forbidden.len(), 0, "hidden from himself");
        }
        let mut door = world.start();
        change(&door, &group, |change| (change.user, change.remove_members) = (CAT, vec![CAT])).await.unwrap();
        door.told().await;
        assert!(!freeze(&door, &group, false).await.frozen);
        assert_eq!(door.post(say(&group, BOB, 2, "after")).await.unwrap().seq, 2);
        assert_eq!(door.told().await.len(), 1);
        change(&door, &group, |change| change.name = Some("other".into())).await.unwrap();
        assert_eq!(
            code(door.dialogs.freeze(FreezeRequest { dialog: vec![9; 12], ..frozen(&group, true) }).await),
            Code::NotFound
        );
    }))
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_frozen_pair_hears_nothing_of_each_other() {
    play(Box::pin(async {
        let world = World::new();
        let door = world.start();
        let two = pair(ANN, BOB);
        door.post(post(ANN, BOB, 1, "before")).await.unwrap();
        ring(&door, CallMove::Offer).await.unwrap();
        assert!(freeze(&door, &two, true).await.frozen);
        let door = world.start();
        let delete = DeleteRequest { app: APP, dialog: two.clone(), user: ANN, force: true };
        for (what, outcome) in [
            ("post", door.post(post(BOB, ANN, 2, "hi")).await.map(drop)),
            ("unsaved", door.post(unsaved(BOB, ANN, 3, "hi")).await.map(drop)),
            ("call", ring(&door, CallMove::Offer).await),
            ("delete", door.dialogs.clone().delete(delete.clone()).await.map(drop).map_err(Failure::from)),
        ] {
            assert_eq!(code(outcome), Code::Forbidden, "{what}");
        }
        ring(&door, CallMove::HangUp).await.unwrap();
        door.dialogs.clone().delete(DeleteRequest { force: false, ..delete }).await.unwrap();
        assert!(get(&world.start(), &two).await.frozen, "also after his view of it was written");
        assert!(!freeze(&door, &two, false).await.frozen);
        assert_eq!(world.start().post(post(BOB, ANN, 2, "hi")).await.unwrap().seq, 2);
    }))
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_operator_removes_what_anybody_wrote_and_its_author_is_said_to_have() {
    play(async {
        let mut door = World::new().start();
        let group = create(&door).await;
        door.post(say(&group, BOB, 1, "insult")).await.unwrap();
        freeze(&door, &group, true).await;
        door.told().await;
        let request =
            RemoveMessagesRequest { app: APP, dialog: group.clone(), by_operator: true, ..RemoveMessagesRequest::default() };
        let request = RemoveMessagesRequest { ids: vec![id(1), id(9)], ..request };
        for _ in 0..2 {
            let removed = door.dialogs.remove(request.clone()).await.unwrap().into_inner();
            assert_eq!((removed.removed, removed.not_found, removed.forbidden.len()), (vec![id(1)], vec![id(9)], 0));
        }
        let [frame] = &door.told().await[..] else { panic!("one is told of, once") };
        let Some(Told::Change(change)) = &frame.told else { panic!("{frame:?}") };
        assert_eq!((change.user, &change.what, &frame.to), (BOB, &Some(What::Removed(true)), &vec![ANN, CAT, BOB]));
        let unnamed = RemoveMessagesRequest { dialog: Vec::new(), ..request };
        assert_eq!(code(door.dialogs.remove(unnamed).await), Code::Invalid);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn dialogs_are_found_by_name_type_and_member_page_by_page() {
    play(async {
        let door = World::new().start();
        let (verona, mantua) = (named(&door, "Verona", &[BOB]).await, named(&door, "MANTUA", &[CAT]).await);
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        let two = pair(ANN, BOB);
        let search = SearchRequest { app: APP, ..SearchRequest::default() };
        let by_name = |name: &str| SearchRequest { name: name.into(), ..search.clone() };
        for (request, expected) in [
            (search.clone(), vec![&verona, &mantua, &two]),
            (by_name("ntu"), vec![&mantua]),
            (by_name("padua"), vec![]),
            (SearchRequest { kind: DialogKind::Private.into(), ..search.clone() }, vec![&two]),
            (SearchRequest { member: BOB, ..search.clone() }, vec![&verona, &two]),
            (SearchRequest { member: BOB, ..by_name("VER") }, vec![&verona]),
            (SearchRequest { app: 8, ..search.clone() }, vec![]),
        ] {
            let mut expected: Vec<&Vec<u8>> = expected;
            expected.sort();
            for limit in [0, 1] {
                let (mut found, mut request) = (Vec::new(), SearchRequest { limit, ..request.clone() });
                loop {
                    let page = door.dialogs.clone().search(request.clone()).await.unwrap().into_inner();
                    assert!(limit == 0 || page.dialogs.len() <= 1);
                    found.extend(page.dialogs);
                    if page.next.is_empty() {
                        break;
                    }
                    request.after = page.next;
                }
                let mut ids: Vec<&Vec<u8>> = found.iter().map(|dialog| &dialog.id).collect();
                ids.sort();
                assert_eq!(ids, expected, "{request:?}");
                for dialog in found {
                    assert_eq!((dialog.members.len(), dialog.count), if dialog.id == two { (2, 2) } else { (0, 2) });
                }
            }
        }
        assert_eq!(code(door.dialogs.clone().search(SearchRequest { kind: 9, ..search }).await), Code::Invalid);
    })
    .await;
}

// === helpers ===

/// All that writes in the group, and what came of it.
async fn written(door: &Door, group: &[u8]) -> Vec<(&'static str, Result<(), Failure>)> {
    let edit = UpdateMessageRequest {
        app: APP,
        dialog: group.to_vec(),
        user: ANN,
        id: id(1),
        body: "other".into(),
        ..UpdateMessageRequest::default()
    };
    let by_stanza = RemoveMessagesRequest { dialog: group.to_vec(), force: true, stanza_id: "r".into(), ..removal(ANN) };
    let react = ReactRequest { app: APP, user: BOB, id: id(1), add: "+".into(), ..ReactRequest::default() };
    let clear = ClearDialogRequest { app: APP, dialog: group.to_vec(), user: ANN, force: true };
    let delete = DeleteRequest { app: APP, dialog: group.to_vec(), user: ANN, force: true };
    let mut dialogs = door.dialogs.clone();
    vec![
        ("post", door.post(say(group, BOB, 2, "hi")).await.map(drop)),
        ("unsaved", door.post(PostRequest { store: false, ..say(group, BOB, 3, "hi") }).await.map(drop)),
        ("edit", dialogs.update(edit).await.map(drop).map_err(Failure::from)),
        ("removal", dialogs.remove(by_stanza).await.map(drop).map_err(Failure::from)),
        ("reaction", dialogs.react(react).await.map(drop).map_err(Failure::from)),
        ("clear", dialogs.clear(clear).await.map(drop).map_err(Failure::from)),
        ("delete", dialogs.delete(delete).await.map(drop).map_err(Failure::from)),
        ("name", change(door, group, |change| change.name = Some("x".into())).await.map(drop)),
        ("pin", change(door, group, |change| change.pin = vec![id(1)]).await.map(drop)),
        ("another out", change(door, group, |change| change.remove_members = vec![BOB]).await.map(drop)),
    ]
}

async fn create(door: &Door) -> Vec<u8> {
    named(door, "trip", &[BOB, CAT]).await
}

async fn named(door: &Door, name: &str, members: &[u64]) -> Vec<u8> {
    let (kind, name) = (DialogKind::Group.into(), Some(name.to_owned()));
    let request = CreateRequest { app: APP, kind, owner: ANN, members: members.to_vec(), name, ..CreateRequest::default() };
    door.dialogs.clone().create(request).await.unwrap().into_inner().id
}

fn frozen(dialog: &[u8], frozen: bool) -> FreezeRequest {
    FreezeRequest { app: APP, dialog: dialog.to_vec(), frozen }
}

async fn freeze(door: &Door, dialog: &[u8], is_frozen: bool) -> Dialog {
    door.dialogs.clone().freeze(frozen(dialog, is_frozen)).await.unwrap().into_inner()
}

async fn get(door: &Door, dialog: &[u8]) -> Dialog {
    let request = GetRequest { app: APP, dialog: dialog.to_vec(), user: 0, preview: false };
    door.dialogs.clone().get(request).await.unwrap().into_inner()
}

async fn mute(door: &Door, dialog: &[u8]) -> Result<bool, Failure> {
    let request = NotifyRequest { app: APP, dialog: dialog.to_vec(), user: BOB, enabled: Some(false) };
    Ok(door.dialogs.clone().notify(request).await?.into_inner().enabled)
}

async fn change(door: &Door, dialog: &[u8], what: impl FnOnce(&mut ChangeDialogRequest)) -> Result<Dialog, Failure> {
    let mut request = ChangeDialogRequest { app: APP, dialog: dialog.to_vec(), user: ANN, ..ChangeDialogRequest::default() };
    what(&mut request);
    Ok(door.dialogs.clone().change(request).await?.into_inner())
}

fn say(dialog: &[u8], sender: u64, n: u16, body: &str) -> PostRequest {
    PostRequest { dialog: dialog.to_vec(), recipient: 0, ..post(sender, BOB, n, body) }
}

fn removal(user: u64) -> RemoveMessagesRequest {
    RemoveMessagesRequest { app: APP, user, ids: vec![id(1)], ..RemoveMessagesRequest::default() }
}

fn typing(dialog: &[u8]) -> SignalRequest {
    let typing = Some(Typing { user: ANN, ..Typing::default() });
    SignalRequest { app: APP, dialog: dialog.to_vec(), user: ANN, recipient: 0, origin: Some(session(ANN)), typing }
}

async fn ring(door: &Door, what: CallMove) -> Result<(), Failure> {
    let signal = Some(Headline { user: ANN, stanza_id: "s".into(), ..Headline::default() });
    let step = Some(CallStep { what: what.into(), session: "s".into(), kind: CallKind::Audio.into() });
    let request =
        SignalCallRequest { app: APP, dialog: pair(ANN, BOB), recipient: BOB, signal, origin: Some(session(ANN)), step };
    door.dialogs.clone().signal_call(request).await.map(drop).map_err(Failure::from)
}
