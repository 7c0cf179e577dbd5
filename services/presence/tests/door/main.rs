//! Presence at its gRPC door, on a store in memory and paused time: who is told what, and what a returning client gets.
#![allow(clippy::unwrap_used)]

mod archives;
mod debts;
mod ends;
mod expulsion;
mod handover;
mod kit;
mod people;
mod privacy;
mod rooms;

use kit::*;

#[tokio::test(start_paused = true)]
async fn a_frame_goes_once_to_each_edge_that_has_somebody_to_tell() {
    let node = Node::start(Kv::memory());
    node.announce(ROMEO, session("a", 1), SessionState::Bound).await.unwrap();
    node.announce(ROMEO, session("a", 2), SessionState::Available).await.unwrap();
    node.announce(ROMEO, session("b", 3), SessionState::Available).await.unwrap();
    node.announce(JULIET, session("b", 4), SessionState::Available).await.unwrap();
    let (mut at_a, mut at_b) = (node.edge("a"), node.edge("b"));

    let told = frame(&[ROMEO, JULIET, 99], &[]);
    node.tell(&told);
    assert_eq!(heard(&mut at_a).await, [(told.clone(), vec![ROMEO])]);
    assert_eq!(heard(&mut at_b).await, [(told, vec![ROMEO, JULIET])]);

    let not_for_juliet = frame(&[ROMEO, JULIET], &[JULIET]);
    node.tell(&not_for_juliet);
    assert_eq!(heard(&mut at_a).await, [(not_for_juliet.clone(), vec![ROMEO])]);
    assert_eq!(heard(&mut at_b).await, [(not_for_juliet, vec![ROMEO])], "her sessions take note of its number");

    node.tell(&frame(&[99], &[]));
    node.tell(&Frame { app: 2, ..frame(&[ROMEO], &[]) });
    assert_eq!(heard(&mut at_a).await, []);
    assert_eq!(heard(&mut at_b).await, []);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_user_at_whom_nobody_looks_is_reachable_and_inactive() {
    let node = Node::start(Kv::memory());
    let (first, second) = (session("a", 1), session("b", 2));
    check_refusal(node.set_inactive(ROMEO, first.clone(), true).await, Code::Conflict);
    node.announce(ROMEO, first.clone(), SessionState::Available).await.unwrap();
    node.announce(ROMEO, second.clone(), SessionState::Bound).await.unwrap();
    node.announce(JULIET, session("a", 3), SessionState::Available).await.unwrap();
    assert_eq!(node.inactive(&[ROMEO, JULIET]).await, [0; 0]);
    node.set_inactive(ROMEO, first.clone(), true).await.unwrap();
    assert_eq!(node.inactive(&[ROMEO, JULIET]).await, [0; 0], "his other session is active");
    node.set_inactive(ROMEO, second.clone(), true).await.unwrap();
    assert_eq!(node.inactive(&[99, ROMEO, JULIET]).await, [ROMEO]);
    assert_eq!(node.reachable(&[ROMEO, JULIET]).await, [ROMEO, JULIET]);
    node.set_inactive(ROMEO, second, false).await.unwrap();
    assert_eq!(node.inactive(&[ROMEO]).await, [0; 0]);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ended_is_told_nothing_more() {
    let node = Node::start(Kv::memory());
    let mut at_a = node.edge("a");
    assert_eq!(node.announce(ROMEO, session("a", 1), SessionState::Available).await.unwrap(), 1);
    assert_eq!(node.announce(ROMEO, session("a", 2), SessionState::Available).await.unwrap(), 2);
    assert_eq!(node.announce(ROMEO, session("a", 1), SessionState::Closed).await.unwrap(), 1);
    assert_eq!(node.reachable(&[99, ROMEO, JULIET]).await, [ROMEO]);
    node.tell(&frame(&[ROMEO], &[]));
    assert_eq!(heard(&mut at_a).await.len(), 1);
    assert_eq!(node.announce(ROMEO, session("a", 2), SessionState::Vanished).await.unwrap(), 0);
    assert!(node.reachable(&[ROMEO]).await.is_empty());
    node.tell(&frame(&[ROMEO], &[]));
    assert_eq!(heard(&mut at_a).await, []);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn users_are_online_from_their_first_session_to_their_last() {
    let node = Node::start(Kv::memory());
    for (user, n, state) in [
        (JULIET, 1, SessionState::Bound),
        (ROMEO, 2, SessionState::Available),
        (ROMEO, 3, SessionState::Available),
        (ROMEO, 2, SessionState::Vanished),
    ] {
        node.announce(user, session("a", n), state).await.unwrap();
    }
    assert_eq!(node.online(1, 0, 5_000).await, (2, vec![ROMEO, JULIET]));
    assert_eq!(node.online(1, 1, 1).await, (2, vec![JULIET]));
    assert_eq!(node.online(1, u64::MAX, 1).await, (2, vec![]));
    assert_eq!(node.online(2, 0, 1).await, (0, vec![]), "another app");
    node.announce(ROMEO, session("a", 3), SessionState::Closed).await.unwrap();
    assert_eq!(node.online(1, 0, 0).await, (1, vec![]));
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn frames_told_before_the_service_runs_are_passed_on() {
    let mut node = Node::not_running(Kv::memory());
    let mut at_a = node.edge("a");
    node.announce(ROMEO, session("a", 1), SessionState::Bound).await.unwrap();
    node.tell(&frame(&[ROMEO], &[]));
    node.bus.publish(&Subject::Told.to_string(), Bytes::from_static(b"\xffno frame"));
    node.run();
    assert_eq!(heard(&mut at_a).await.len(), 1);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn how_far_a_user_is_follows_his_sessions_and_what_they_have_proved() {
    let node = Node::start(Kv::memory());
    let keep = async |n: u64, proved: u64, unproving: bool| {
        let record = SessionRecord { unproving, ..record(n, proved) };
        node.client.clone().record(record).await.unwrap();
    };
    assert_eq!(node.attention(&[ROMEO, JULIET]).await, []);
    for n in [1, 2] {
        node.announce(ROMEO, session("a", n), SessionState::Available).await.unwrap();
    }
    assert_eq!(node.attention(&[JULIET, ROMEO]).await, [(ROMEO, true, false, 0)], "nothing is known of either");
    keep(1, 7, false).await;
    keep(2, 4, false).await;
    assert_eq!(node.attention(&[ROMEO]).await, [(ROMEO, true, false, 7)], "the session that is furthest");
    keep(2, 4, true).await;
    assert_eq!(node.attention(&[ROMEO]).await, [(ROMEO, true, true, 7)]);
    node.set_inactive(ROMEO, session("a", 2), true).await.unwrap();
    assert_eq!(node.attention(&[ROMEO]).await, [(ROMEO, true, false, 7)], "nobody looks at the one that can prove nothing");
    node.set_inactive(ROMEO, session("a", 1), true).await.unwrap();
    assert_eq!(node.attention(&[ROMEO]).await, [(ROMEO, false, false, 7)]);
    node.announce(ROMEO, session("a", 1), SessionState::Vanished).await.unwrap();
    assert_eq!(node.attention(&[ROMEO]).await, [(ROMEO, false, false, 4)], "who is dead proves nothing");
    node.announce(ROMEO, session("a", 2), SessionState::Closed).await.unwrap();
    assert_eq!(node.attention(&[ROMEO]).await, []);
}

#[tokio::test(start_paused = true)]
async fn one_session_too_many_is_refused() {
    let node = Node::start(Kv::memory());
    for n in 0..20 {
        node.announce(ROMEO, session("a", n), SessionState::Bound).await.unwrap();
    }
    check_refusal(node.announce(ROMEO, session("a", 20), SessionState::Bound).await, Code::TooMany);
    node.announce(ROMEO, session("a", 7), SessionState::Available).await.unwrap();
    node.announce(JULIET, session("a", 20), SessionState::Bound).await.unwrap();
    node.announce(ROMEO, session("a", 7), SessionState::Closed).await.unwrap();
    node.announce(ROMEO, session("a", 20), SessionState::Bound).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_session_too_many_of_an_app_is_refused_like_one_of_a_user() {
    let node = Node::with(Options { sessions_per_app_max: 2, ..Options::default() });
    node.announce(ROMEO, session("a", 1), SessionState::Bound).await.unwrap();
    node.announce(JULIET, session("b", 2), SessionState::Bound).await.unwrap();
    check_refusal(node.announce(99, session("a", 3), SessionState::Bound).await, Code::TooMany);
    assert!(node.reachable(&[99]).await.is_empty());
    let other_app = AnnounceRequest { app: 2, user: 99, session: Some(session("a", 3)), ..Default::default() };
    node.client.clone().announce(AnnounceRequest { state: SessionState::Bound.into(), ..other_app }).await.unwrap();
    node.announce(ROMEO, session("a", 1), SessionState::Vanished).await.unwrap();
    node.announce(99, session("a", 3), SessionState::Bound).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_that_names_nobody_is_invalid() {
    let node = Node::start(Kv::memory());
    check_refusal(node.announce(0, session("a", 1), SessionState::Bound).await, Code::Invalid);
    check_refusal(node.announce(ROMEO, session("", 1), SessionState::Bound).await, Code::Invalid);
    check_refusal(node.announce(ROMEO, session("a", 1), SessionState::Unspecified).await, Code::Invalid);
    check_refusal(node.client.clone().record(SessionRecord::default()).await, Code::Invalid);
    check_refusal(node.client.clone().take_debt(TakeDebtRequest { app: 1, user: 1, ..Default::default() }).await, Code::Invalid);
}
