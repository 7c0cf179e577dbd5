//! A stream is resumed at another edge than the one that had it, which was killed or lives still: nothing is lost, nothing comes twice.

use natter_db::Lossy;
use natter_db::redis::{Redis, RedisOptions};
use natter_edge::Options;
use natter_proto::presence::v1::SessionState::{self, Available, Bound, Vanished};

use crate::client::Web;
use crate::message;
use crate::world::{Around, World};

const PING: &str = "<iq xmlns=\"jabber:client\" type=\"get\" id=\"p\"><ping xmlns=\"urn:xmpp:ping\"/></iq>";

#[tokio::test]
async fn after_its_edge_was_killed_a_stream_goes_on_where_it_stood() {
    goes_on_where_it_stood(Around::keeping()).await;
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test --servers"]
async fn after_its_edge_was_killed_a_stream_goes_on_where_it_stood_by_redis() {
    let nodes = std::env::var("NATTER_TEST_REDIS").expect("NATTER_TEST_REDIS names a server: cargo xtask test --servers");
    let options = RedisOptions { nodes: vec![nodes], ..RedisOptions::default() };
    let redis = Lossy::from(Redis::connect(&options).await.unwrap());
    goes_on_where_it_stood(Around::keeping_in((&redis).into())).await;
}

async fn goes_on_where_it_stood(around: Around) {
    let (one, life) = World::start_mortal(&around, edge("e1")).await;
    let two = World::start_in(&around, edge("e2")).await;
    let mut ann = Web::live(&two, 34).await;
    let (mut bob, id, address) = resumable(&one).await;
    for body in ["has", "gets again"] {
        ann.send(&message(78, &format!("a{}", body.len()), body)).await;
        bob.expect(body).await;
    }
    bob.send(&message(34, "b1", "counted")).await;
    ann.expect("counted").await;
    // Written in this turn or a later one: what is answered is counted, and that is kept.
    bob.send("<r xmlns=\"urn:xmpp:sm:3\"/>").await;
    bob.expect("<a xmlns=\"urn:xmpp:sm:3\" h=\"2\"/>").await;
    life.kill();
    bob.expect_end().await;
    two.store_untold(78, 34, "missed");

    let mut bob = Web::signed_in(&two, 78).await;
    bob.send(&resume(&id, 2)).await;
    // The answer to a ping, and the first message.
    assert_eq!(bob.expect("").await, format!("<resumed xmlns=\"urn:xmpp:sm:3\" previd=\"{id}\" h=\"2\"/>"));
    let mut all = bob.upto("missed").await;
    bob.send(PING).await;
    all.extend(bob.upto("id=\"p\"").await);
    assert_eq!(bodies(&all), ["gets again", "missed"]);
    assert!(all.last().unwrap().contains(&format!("to=\"{address}\"")), "{all:?}");
    assert_eq!(two.announcements(78), [Bound, Available, Vanished, Bound, Available]);

    // And it goes on.
    ann.send(&message(78, "a3", "live")).await;
    assert!(!bob.expect("live</body>").await.contains("<delay "));
    bob.send(&message(34, "b2", "answer")).await;
    assert!(ann.expect("answer").await.contains(&format!("from=\"{address}\"")));
}

#[tokio::test]
async fn a_message_without_a_name_that_was_not_counted_is_the_same_when_it_comes_again() {
    let around = Around::keeping();
    let (one, life) = World::start_mortal(&around, edge("e1")).await;
    let two = World::start_in(&around, edge("e2")).await;
    let (mut bob, id, _) = resumable(&one).await;
    let nameless = |body| message(34, "", body).replace(" id=\"66f100000000000000000000\"", "");
    bob.send(&nameless("counted")).await;
    one.posted(1).await;
    // What is acknowledged is kept.
    bob.send("<r xmlns=\"urn:xmpp:sm:3\"/>").await;
    assert!(bob.expect("<a ").await.contains("h=\"2\""));
    one.hold_posts();
    bob.send(&nameless("on its way")).await;
    one.posted(2).await;
    life.kill();
    one.release_posts();

    let mut bob = Web::signed_in(&two, 78).await;
    bob.send(&resume(&id, 1)).await;
    // The ping, and the message that was answered.
    assert!(bob.expect("<resumed ").await.contains("h=\"2\""));
    bob.send(&nameless("on its way")).await;
    let posts = two.posted(3).await;
    let ids: Vec<_> = posts.iter().map(|post| post.message.as_ref().unwrap().id.clone()).collect();
    assert_eq!(ids[1], ids[2]);
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn an_edge_that_lives_lets_go_of_a_stream_that_another_has_claimed() {
    let around = Around::keeping();
    let one = World::start_in(&around, edge("e1")).await;
    let two = World::start_in(&around, edge("e2")).await;
    let mut ann = Web::live(&two, 34).await;
    let (mut before, id, _) = resumable(&one).await;

    let mut thief = Web::signed_in(&two, 34).await;
    thief.send(&resume(&id, 1)).await;
    thief.expect("<item-not-found ").await;
    let mut bob = Web::signed_in(&two, 78).await;
    bob.send(&resume(&id, 1)).await;
    bob.expect("<resumed ").await;
    before.expect_end().await;
    // Of the one that went on, of the one that was let go.
    let vanished = |states: &[SessionState]| states.iter().filter(|state| **state == Vanished).count();
    while vanished(&two.announcements(78)) < 2 {
        tokio::task::yield_now().await;
    }
    ann.send(&message(78, "a1", "once")).await;
    bob.send(PING).await;
    let mut all = bob.upto("once").await;
    bob.send(&PING.replace("\"p\"", "\"q\"")).await;
    all.extend(bob.upto("id=\"q\"").await);
    assert_eq!(bodies(&all), ["once"]);

    let mut again = Web::signed_in(&one, 78).await;
    again.send(&resume(&id, 1)).await;
    again.expect("<item-not-found ").await;
}

#[tokio::test]
async fn who_has_more_than_was_ever_written_binds_anew() {
    let around = Around::keeping();
    let (one, life) = World::start_mortal(&around, edge("e1")).await;
    let two = World::start_in(&around, edge("e2")).await;
    let mut ann = Web::live(&two, 34).await;
    let (mut bob, id, _) = resumable(&one).await;
    ann.send(&message(78, "a1", "has")).await;
    bob.expect("has").await;
    life.kill();
    two.store_untold(78, 34, "missed");
    let mut bob = Web::signed_in(&two, 78).await;
    bob.send(&resume(&id, 7)).await;
    bob.expect("<item-not-found ").await;
    bob.bind().await;
    bob.send("<presence xmlns=\"jabber:client\"/>").await;
    bob.expect("missed").await;
}

/// User 78, available, with a stream that may be resumed, and one stanza of each side in it: its id, and the address of the session.
async fn resumable(world: &World) -> (Web, String, String) {
    let (mut web, address) = Web::live_at(world, 78, "localhost").await;
    web.send("<enable xmlns=\"urn:xmpp:sm:3\" resume=\"true\"/>").await;
    let enabled = web.expect("<enabled ").await;
    let id = enabled.split("id=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    web.send(PING).await;
    web.expect("id=\"p\"").await;
    (web, id, address)
}

fn resume(id: &str, h: u32) -> String {
    format!("<resume xmlns=\"urn:xmpp:sm:3\" previd=\"{id}\" h=\"{h}\"/>")
}

fn bodies(stanzas: &[String]) -> Vec<&str> {
    let body = |text| Some(str::split_once(text, "<body>")?.1.split_once("</body>")?.0);
    stanzas.iter().filter_map(|text| body(text)).collect()
}

fn edge(id: &str) -> Options {
    Options { id: id.to_owned(), ..Options::default() }
}
