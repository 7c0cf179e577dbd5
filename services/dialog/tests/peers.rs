//! Dialogs of which each has one process: what comes to another one is passed on, and who loses a dialog forgets it.
#![allow(clippy::unwrap_used)]

mod kit;

use std::time::Duration;

use kit::{ANN, APP, BOB, CAT, DAN, Door, World, id, pair, play, post};
use natter_bus::Bus;
use natter_cluster::{Cluster, Member, Own};
use natter_proto::dialog::v1::{
    CreateRequest, DialogKind, ListRequest, MarkRequest, PostRequest, ReactRequest, RemoveMessagesRequest, UpdateMessageRequest,
};
use natter_proto::event::v1::MarkKind;
use natter_proto::{AppId, DialogId};
use natter_rpc::{Link, LinkOptions};
use tokio::task::spawn_local;
use tokio::time::sleep;

/// Two processes that know each other, over the same rows.
struct Two {
    world: World,
    a: Door,
    b: Door,
    owns: [Own; 2],
    /// Of the membership of `b`.
    b_lives: tokio::task::JoinHandle<()>,
}

async fn two() -> Two {
    let (world, bus) = (World::new(), Bus::local());
    let member = |name: &str| Member { name: name.into(), boot: 1, roles: vec!["dialog".into()], ..Member::default() };
    let [a, b] = ["a", "b"].map(|name| Cluster::new(member(name), bus.clone()));
    let owns = [&a, &b].map(|cluster| Own::Of(cluster.clone(), "dialog"));
    spawn_local(a.run(std::future::pending()));
    let b_lives = spawn_local(b.run(std::future::pending()));
    sleep(Duration::from_secs(2)).await;
    let own = |door: &Door| Link::local(door.service.server(), LinkOptions { deadline: Duration::from_secs(20) });
    let b = world.start_as(owns[1].clone(), Link::absent());
    let a = world.start_as(owns[0].clone(), own(&b));
    for door in [&a, &b] {
        let service = door.service.clone();
        spawn_local(async move { service.run(std::future::pending()).await });
    }
    Two { world, a, b, owns, b_lives }
}

impl Two {
    /// Two users whose dialog is the other process's than the one that is asked.
    fn pair_of_b(&self) -> (u64, u64) {
        let pairs = [(ANN, BOB), (ANN, CAT), (BOB, CAT), (ANN, DAN), (BOB, DAN), (CAT, DAN)];
        let of_b = |(one, other): &(u64, u64)| {
            let dialog = DialogId::try_from(&pair(*one, *other)[..]).unwrap();
            self.owns[1].has_dialog(AppId(APP), dialog)
        };
        pairs.into_iter().find(of_b).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn what_names_no_dialog_is_carried_out_by_the_process_that_has_it() {
    play(async {
        let mut two = two().await;
        let (one, other) = two.pair_of_b();
        let unnamed = PostRequest { dialog: Vec::new(), ..post(one, other, 1, "hi") };
        let reply = two.a.post(unnamed).await.unwrap();
        assert_eq!(reply.dialog, pair(one, other));
        assert_eq!((two.a.told().await.len(), two.b.told().await.len()), (0, 1), "told by its owner alone");

        let mut dialogs = two.a.dialogs.clone();
        let kind = MarkKind::Read.into();
        let mark = MarkRequest { app: APP, user: other, kind, ids: vec![id(1)], ..MarkRequest::default() };
        assert_eq!(dialogs.mark(mark).await.unwrap().into_inner().found, 1);
        let react = ReactRequest { app: APP, user: other, id: id(1), add: "+".into(), ..ReactRequest::default() };
        dialogs.react(react).await.unwrap();
        let edit = UpdateMessageRequest { app: APP, user: one, id: id(1), body: "hello".into(), ..Default::default() };
        dialogs.update(edit).await.unwrap();
        assert_eq!(two.world.history.bodies(&pair(one, other)), ["hello"]);
        let remove = RemoveMessagesRequest { app: APP, user: one, ids: vec![id(1)], force: true, ..Default::default() };
        assert_eq!(dialogs.remove(remove).await.unwrap().into_inner().removed, [id(1)]);
        assert_eq!(two.a.told().await, [], "no other process acted for the dialog");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_new_dialog_is_one_of_the_process_that_makes_it() {
    play(async {
        let two = two().await;
        for name in ["one", "two", "three", "four"] {
            let (kind, name) = (DialogKind::Group.into(), Some(name.to_owned()));
            let create = CreateRequest { app: APP, kind, owner: ANN, members: vec![BOB], name, ..CreateRequest::default() };
            let made = two.a.dialogs.clone().create(create).await.unwrap().into_inner();
            let dialog = DialogId::try_from(&made.id[..]).unwrap();
            assert!(two.owns[0].has_dialog(AppId(APP), dialog));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_loses_a_dialog_and_gets_it_back_knows_what_happened_meanwhile() {
    play(async {
        let mut two = two().await;
        let (one, other) = two.pair_of_b();
        // While `b` is thought dead, `a` has the dialog, and loses it when `b` is heard again.
        two.b_lives.abort();
        sleep(Duration::from_secs(4)).await;
        two.a.post(post(one, other, 1, "by a")).await.unwrap();
        assert_eq!(two.a.told().await.len(), 1);
        let Own::Of(b, _) = two.owns[1].clone() else { unreachable!("there are two") };
        let b_lives = spawn_local(b.run(std::future::pending()));
        sleep(Duration::from_secs(2)).await;
        two.b.post(post(one, other, 2, "by b")).await.unwrap();
        b_lives.abort();
        sleep(Duration::from_secs(4)).await;
        let third = two.a.post(post(one, other, 3, "by a again")).await.unwrap();
        assert_eq!(third.seq, 3, "what it knew of the first time is forgotten");
        let list = ListRequest { app: APP, user: one, ..ListRequest::default() };
        assert_eq!(two.a.dialogs.clone().list(list).await.unwrap().into_inner().total, 1);
    })
    .await;
}
