//! Presence of an app changes hands: its sessions are announced again, and hear what is told meanwhile.

use natter_cluster::Shard;
use natter_edge::Options;
use natter_proto::AppId;
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{ContactRequest, Subscription};
use natter_proto::presence::v1::SessionState::{Available, Bound};

use crate::client::Web;
use crate::world::World;

#[tokio::test]
async fn sessions_of_an_app_that_was_taken_over_are_announced_once_for_each_time() {
    // Slowly, so that one walk is over before the next begins.
    let world = World::start(Options { announce_again_per_s: 1, ..Options::default() }).await;
    let mine = Shard::of_app(AppId(905));
    let _ann = Web::live(&world, 34).await;
    let mut bob = Web::bound(&world, 78).await;
    world.learn(1, mine);
    world.learn(1, mine);
    world.learn(2, Shard(mine.0 + 1));
    assert_eq!(world.announced_again(2).await, [(34, Available), (78, Bound)]);
    bob.send("<presence xmlns=\"jabber:client\"/>").await;
    world.announced(78, Available).await;
    // Questions are answered one after another: what was announced for those before stands before her.
    let _eve = Web::live(&world, 99).await;
    world.learn(3, mine);
    let all = world.announced_again_with((99, Available)).await;
    assert_eq!(all[2..], [(34, Available), (78, Available), (99, Available)]);
}

#[tokio::test]
async fn what_is_told_to_every_edge_is_heard_by_who_is_here() {
    let world = World::start(Options::default()).await;
    let mut ann = Web::live(&world, 34).await;
    let request = ContactRequest { user: 78, kind: Subscription::Subscribe.into() };
    world.tell_everywhere(vec![99], Told::ContactRequest(ContactRequest { user: 77, ..request }));
    world.tell_everywhere(vec![34, 99], Told::ContactRequest(request));
    let got = ann.expect("type=\"subscribe\"").await;
    assert!(got.contains("from=\"78-905@"), "{got}");
}
