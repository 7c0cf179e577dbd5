//! What is owed to sessions that died.

use super::kit::*;

#[tokio::test(start_paused = true)]
async fn a_client_that_vanished_gets_what_its_session_had_proved_last() {
    let node = Node::start(Kv::memory());
    node.vanish_with(1, 7).await;
    assert_eq!(node.take(2, "tablet").await, None, "another client");
    let debt = node.take(2, "phone").await.unwrap();
    assert_eq!((debt.session.unwrap().session, debt.proofs[0].seq, debt.since), (1, 7, 1_000));
    assert_eq!(node.take(3, "phone").await, None, "it is taken");
    node.settle(2, true).await;
    assert_eq!(node.take(3, "phone").await, None, "and proved");
}

#[tokio::test(start_paused = true)]
async fn the_last_word_of_a_dying_session_replaces_its_record() {
    let node = Node::start(Kv::memory());
    let record = Some(record(1, 5));
    node.announce_with(ROMEO, session("a", 1), SessionState::Bound, record).await.unwrap();
    let nameless = SessionRecord { app: 0, user: 0, session: None, ..self::record(1, 9) };
    node.announce_with(ROMEO, session("a", 1), SessionState::Vanished, Some(nameless)).await.unwrap();
    let debt = node.take(2, "phone").await.unwrap();
    assert_eq!((debt.user, debt.session.unwrap().session, debt.proofs[0].seq), (ROMEO, 1, 9));
}

#[tokio::test(start_paused = true)]
async fn of_two_who_come_at_the_same_time_one_gets_the_debt() {
    let node = Node::start(Kv::memory());
    node.vanish_with(1, 7).await;
    let (one, other) = futures::join!(node.take(2, "phone"), node.take(3, "phone"));
    assert!(one.is_some() != other.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_died_before_it_took_a_debt_takes_none() {
    let node = Node::start(Kv::memory());
    node.vanish_with(1, 7).await;
    node.announce(ROMEO, session("a", 2), SessionState::Available).await.unwrap();
    node.announce(ROMEO, session("a", 2), SessionState::Vanished).await.unwrap();
    check_refusal(node.client.clone().take_debt(taking(2, "phone")).await, Code::Conflict);
    assert!(node.take(3, "phone").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_debt_returns_if_its_taker_dies_too_with_what_that_one_is_owed() {
    let node = Node::start(Kv::memory());
    node.vanish_with(1, 7).await;
    node.announce(ROMEO, session("a", 2), SessionState::Bound).await.unwrap();
    node.take(2, "phone").await.unwrap();
    node.record(2, 9).await.unwrap();
    node.announce(ROMEO, session("a", 2), SessionState::Vanished).await.unwrap();
    assert_eq!(node.take(3, "phone").await.unwrap().proofs[0].seq, 7, "the lower proof");
    assert_eq!(node.take(4, "phone").await, None, "one debt for both");
    node.settle(3, false).await;
    assert!(node.take(4, "phone").await.is_some(), "given back");
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_leaves_no_debt_and_a_late_record_none_either() {
    let node = Node::start(Kv::memory());
    node.announce(ROMEO, session("a", 1), SessionState::Bound).await.unwrap();
    node.record(1, 7).await.unwrap();
    node.announce(ROMEO, session("a", 1), SessionState::Closed).await.unwrap();
    node.record(1, 8).await.unwrap();
    assert_eq!(node.take(2, "phone").await, None);
    let node = node.killed().await;
    assert_eq!(node.take(2, "phone").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_debt_expires_while_nobody_comes() {
    let node = Node::start(Kv::memory());
    node.vanish_with(1, 7).await;
    advance(TTL - Duration::from_millis(1)).await;
    assert!(node.take(2, "phone").await.is_some());
    node.settle(2, false).await;
    advance(TTL).await;
    assert_eq!(node.take(3, "phone").await, None);
    // The sweep has removed its row: after a restart it does not come back.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let node = node.killed().await;
    assert_eq!(node.take(3, "phone").await, None);
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_every_session_of_the_time_before_is_owed() {
    let node = Node::start(Kv::memory());
    node.vanish_with(1, 5).await;
    node.announce(ROMEO, session("a", 2), SessionState::Bound).await.unwrap();
    node.record(2, 6).await.unwrap();
    node.take(3, "phone").await.unwrap();
    advance(Duration::from_secs(600)).await;
    let node = node.killed().await;
    assert!(node.reachable(&[ROMEO]).await.is_empty(), "edges announce their sessions again");
    advance(TTL - Duration::from_millis(1)).await;
    assert_eq!(node.take(7, "phone").await.unwrap().proofs[0].seq, 5);
    assert_eq!(node.take(8, "phone").await.unwrap().proofs[0].seq, 6);
    assert_eq!(node.take(9, "phone").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_keeps_nobody_out() {
    let kv = Kv::memory();
    let node = Node::start(kv.clone());
    node.announce_with(ROMEO, session("a", 1), SessionState::Bound, Some(record(1, 5))).await.unwrap();
    kv.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    check_refusal(node.record(1, 6).await, Code::NotStored);
    node.announce(ROMEO, session("a", 1), SessionState::Vanished).await.unwrap();
    node.announce_with(ROMEO, session("a", 2), SessionState::Bound, Some(record(2, 1))).await.unwrap();
    assert_eq!(node.take(2, "phone").await.unwrap().proofs[0].seq, 6);
}

// === rooms ===
