//! An edge that an operator empties while it goes on running.

use std::time::Duration;

use natter_edge::{Options, State};
use natter_proto::presence::v1::SessionState;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::client::Web;
use crate::world::World;

#[tokio::test]
async fn a_drained_edge_hands_its_sessions_over_at_a_pace_takes_nothing_new_and_serves_again_when_told() {
    let world = World::start(Options::default()).await;
    let drains = world.drains.clone();
    let mut sessions = Vec::new();
    for user in [34, 78, 90] {
        sessions.push(Web::live(&world, user).await);
    }
    let mut half_way = Web::signed_in(&world, 91).await;
    assert_eq!((drains.state(), drains.sessions(), drains.id()), (State::Serving, 3, "e1"));

    // One a second: the first one is gone, and the last one has not heard.
    drains.begin(1);
    sessions.remove(0).expect_end().await;
    assert_eq!(drains.state(), State::Draining);
    sessions[1].is_served().await;
    // Whoever was on his way in stays out.
    half_way.send(BIND).await;
    half_way.expect("Shutting down.").await;
    assert!(is_turned_away(&world).await);

    drains.begin(1_000);
    for mut session in sessions {
        session.expect_end().await;
    }
    until(|| drains.state() == State::Drained).await;
    assert_eq!(world.announcements(90).last(), Some(&SessionState::Vanished), "what it could not prove is owed");
    assert!(world.metrics().contains("natter_edge_turned_away_total{why=\"drained\"}"));
    assert!(is_turned_away(&world).await, "it stays so");

    drains.end();
    assert_eq!(drains.state(), State::Serving);
    let mut back = Web::live(&world, 34).await;
    back.is_served().await;
    assert_eq!((drains.state(), drains.sessions()), (State::Serving, 1));
}

#[tokio::test]
async fn a_drain_that_ends_half_way_leaves_the_others_where_they_are_and_a_stop_ends_a_drained_edge() {
    let world = World::start(Options::default()).await;
    let drains = world.drains.clone();
    let (mut first, mut second) = (Web::live(&world, 34).await, Web::live(&world, 78).await);
    drains.begin(1);
    first.expect_end().await;
    drains.end();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    second.is_served().await;
    drains.begin(1_000);
    second.expect_end().await;
    world.stop();
    world.ended().await;
}

#[tokio::test]
async fn an_edge_that_stops_tells_its_sessions_one_after_the_other_where_there_are_others_to_go_to() {
    let world = World::start(Options { drain_spread_s: 1, ..Options::default() }).await;
    let mut sessions = Vec::new();
    for user in [34, 78, 90, 91, 92] {
        sessions.push(Web::live(&world, user).await);
    }
    let stopped = std::time::Instant::now();
    world.stop();
    for mut session in sessions {
        session.expect_end().await;
    }
    assert!(stopped.elapsed() >= Duration::from_millis(800), "five of them over a second: {:?}", stopped.elapsed());
    world.ended().await;
}

#[tokio::test]
async fn the_bound_of_an_address_turns_while_the_edge_runs() {
    let world = World::start(Options::default()).await;
    let bound = world.dials[0].clone();
    assert_eq!((bound.name(), bound.get()), ("edge.connections_per_address_max", 200));
    bound.turn(Some(1));
    let waiting = Web::connect(&world).await;
    assert!(is_turned_away(&world).await);
    bound.turn(None);
    let _other = Web::connect(&world).await;
    drop(waiting);
}

const BIND: &str = r#"<iq xmlns="jabber:client" type="set" id="b"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>"#;

async fn is_turned_away(world: &World) -> bool {
    let Ok(mut socket) = TcpStream::connect(("127.0.0.1", world.tcp)).await else { return true };
    let mut byte = [0];
    // An edge that takes a connection waits for its first word.
    let heard = tokio::time::timeout(Duration::from_secs(2), socket.read(&mut byte)).await;
    matches!(heard, Ok(Ok(0) | Err(_)))
}

async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..500 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never was so");
}
