//! Sessions as operators see and end them.

use natter_proto::event::v1::Expelled;
use natter_proto::presence::v1::{ChatSession, EndSessionsRequest, Entrance, ListSessionsRequest};

use crate::kit::*;

#[tokio::test(start_paused = true)]
async fn the_sessions_of_a_user_are_listed_with_how_they_came_in_the_order_they_did() {
    let node = Node::start(Kv::memory());
    come(&node, ROMEO, session("b", 1), 20, "wss").await;
    come(&node, ROMEO, session("a", 2), 10, "tcp").await;
    come(&node, JULIET, session("a", 3), 5, "ws").await;
    node.set_inactive(ROMEO, session("a", 2), true).await.unwrap();
    node.announce_with(ROMEO, session("b", 1), SessionState::Available, Some(record(1, 5))).await.unwrap();
    let listed = list(&node, ROMEO).await;
    let expected = |session, at, door: &str, inactive, unproving| ChatSession {
        session: Some(session),
        entrance: Some(entrance(at, door)),
        inactive,
        unproving,
    };
    assert_eq!(
        listed,
        [expected(session("a", 2), 10, "tcp", true, None), expected(session("b", 1), 20, "wss", false, Some(false))]
    );
    // An edge of an earlier version does not say how it came.
    node.announce(99, session("a", 4), SessionState::Bound).await.unwrap();
    assert_eq!(list(&node, 99).await[0].entrance, None);
    node.announce(ROMEO, session("a", 2), SessionState::Closed).await.unwrap();
    node.announce(ROMEO, session("b", 1), SessionState::Vanished).await.unwrap();
    assert_eq!(list(&node, ROMEO).await, []);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_session_is_ended_by_its_edge_and_the_answer_waits_for_that() {
    let node = Node::start(Kv::memory());
    for n in [1, 2] {
        come(&node, ROMEO, session("a", n), 10, "ws").await;
    }
    let mut expelled = node.bus.subscribe(&Subject::Expelled.to_string());
    let only = SessionRef { edge: String::new(), resource: String::new(), ..session("a", 2) };
    let (mut sessions, asked) = (node.sessions.clone(), of(ROMEO, Some(only.clone())));
    let asking = tokio::spawn(async move { sessions.end(asked).await });
    let told = expelled.next().await.unwrap();
    let expected = Expelled { app: 1, user: ROMEO, session: Some(only.clone()), token: Vec::new() };
    assert_eq!(*told.read::<Expelled>().unwrap(), expected);
    // Others that end are not it.
    node.announce(ROMEO, session("a", 1), SessionState::Closed).await.unwrap();
    assert!(!asking.is_finished());
    node.announce(ROMEO, session("a", 2), SessionState::Vanished).await.unwrap();
    assert_eq!(asking.await.unwrap().unwrap().into_inner().ended, 1);
    check_refusal(node.sessions.clone().end(of(ROMEO, Some(only))).await, Code::NotFound);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn all_sessions_are_ended_those_too_that_frames_do_not_reach() {
    let node = Node::start(Kv::memory());
    for (user, n) in [(ROMEO, 1), (ROMEO, 2), (JULIET, 3)] {
        come(&node, user, session("a", n), 10, "ws").await;
    }
    let mut expelled = node.bus.subscribe(&Subject::Expelled.to_string());
    let mut sessions = node.sessions.clone();
    let asking = tokio::spawn(async move { sessions.end(of(ROMEO, None)).await });
    let told = expelled.next().await.unwrap();
    assert_eq!(*told.read::<Expelled>().unwrap(), Expelled { app: 1, user: ROMEO, session: None, token: Vec::new() });
    for n in [1, 2] {
        assert!(!asking.is_finished());
        node.announce(ROMEO, session("a", n), SessionState::Vanished).await.unwrap();
    }
    assert_eq!(asking.await.unwrap().unwrap().into_inner().ended, 2);
    assert_eq!(list(&node, JULIET).await.len(), 1);
    assert_eq!(node.sessions.clone().end(of(ROMEO, None)).await.unwrap().into_inner().ended, 0);
    assert!(expelled.next().await.is_some(), "told all the same");
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_edge_that_does_not_end_a_session_is_not_waited_for_for_ever() {
    let node = Node::start(Kv::memory());
    come(&node, ROMEO, session("a", 1), 10, "ws").await;
    for only in [None, Some(session("a", 1))] {
        check_refusal(node.sessions.clone().end(of(ROMEO, only)).await, Code::Busy);
    }
    for only in [session("a", 9), SessionRef { boot: 8, ..session("a", 1) }, session("b", 1)] {
        check_refusal(node.sessions.clone().end(of(ROMEO, Some(only))).await, Code::NotFound);
    }
    node.stop().await;
}

async fn come(node: &Node, user: u64, session: SessionRef, at: i64, door: &str) {
    let (entrance, state) = (Some(entrance(at, door)), SessionState::Bound.into());
    let request = AnnounceRequest { app: 1, user, session: Some(session), state, entrance, ..Default::default() };
    node.client.clone().announce(request).await.unwrap();
}

async fn list(node: &Node, user: u64) -> Vec<ChatSession> {
    node.sessions.clone().list(ListSessionsRequest { app: 1, user }).await.unwrap().into_inner().sessions
}

fn of(user: u64, session: Option<SessionRef>) -> EndSessionsRequest {
    EndSessionsRequest { app: 1, user, session }
}

fn entrance(bound_at: i64, door: &str) -> Entrance {
    Entrance { address: "192.0.2.1".into(), door: door.into(), agent: "phone".into(), bound_at }
}
