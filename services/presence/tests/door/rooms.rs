//! Who is in a room, and who is told of it.

use super::kit::*;

#[tokio::test(start_paused = true)]
async fn who_enters_and_leaves_a_room_is_told_to_the_others_in_it() {
    let node = Node::start(Kv::memory());
    let (mut at_a, mut at_b) = (node.edge("a"), node.edge("b"));
    for (user, session) in [(ROMEO, session("a", 1)), (ROMEO, session("a", 2)), (JULIET, session("b", 3))] {
        node.announce(user, session, SessionState::Available).await.unwrap();
    }
    assert_eq!(node.enter(ROMEO, session("a", 1)).await.unwrap(), [0_u64; 0]);
    assert_eq!(node.enter(JULIET, session("b", 3)).await.unwrap(), [ROMEO]);
    assert_eq!(heard(&mut at_a).await, [(occupant(JULIET, OccupantState::Entered, &[ROMEO]), vec![ROMEO])]);
    node.enter(ROMEO, session("a", 2)).await.unwrap();
    assert_eq!(node.occupants().await, [ROMEO, JULIET]);

    node.exit(ROMEO, session("a", 1)).await;
    assert_eq!(heard(&mut at_b).await, [], "he was there before, and still is");
    node.exit(ROMEO, session("a", 2)).await;
    assert_eq!(heard(&mut at_b).await, [(occupant(ROMEO, OccupantState::Left, &[JULIET]), vec![JULIET])]);
    assert_eq!(node.occupants().await, [JULIET]);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_leaves_its_rooms_at_once_or_after_its_grace() {
    let node = Node::start(Kv::memory());
    let mut at_b = node.edge("b");
    node.announce(JULIET, session("b", 9), SessionState::Available).await.unwrap();
    node.enter(JULIET, session("b", 9)).await.unwrap();
    let left = || [(occupant(ROMEO, OccupantState::Left, &[JULIET]), vec![JULIET])];
    let enters = async |n| {
        node.announce(ROMEO, session("a", n), SessionState::Bound).await.unwrap();
        node.enter(ROMEO, session("a", n)).await.unwrap();
    };
    enters(1).await;
    heard(&mut at_b).await;
    node.announce(ROMEO, session("a", 1), SessionState::Closed).await.unwrap();
    assert_eq!(heard(&mut at_b).await, left());

    enters(2).await;
    heard(&mut at_b).await;
    node.announce(ROMEO, session("a", 2), SessionState::Vanished).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    enters(3).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(heard(&mut at_b).await, [], "back before the grace was over");
    node.announce(ROMEO, session("a", 3), SessionState::Vanished).await.unwrap();
    tokio::time::sleep(Duration::from_secs(19)).await;
    assert_eq!(node.occupants().await, [ROMEO, JULIET]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(heard(&mut at_b).await, left());
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn who_is_evicted_is_out_and_nobody_is_told_by_presence() {
    let node = Node::start(Kv::memory());
    let (mut at_a, mut at_b) = (node.edge("a"), node.edge("b"));
    for (user, session) in [(ROMEO, session("a", 1)), (JULIET, session("b", 2))] {
        node.announce(user, session.clone(), SessionState::Available).await.unwrap();
        node.enter(user, session).await.unwrap();
    }
    heard(&mut at_a).await;
    let request = EvictRequest { app: 1, dialog: vec![0xdd; 12], users: vec![ROMEO, 99] };
    assert_eq!(node.client.clone().evict(request).await.unwrap().into_inner().left, [JULIET]);
    assert_eq!(node.occupants().await, [JULIET]);
    assert_eq!((heard(&mut at_a).await, heard(&mut at_b).await), (vec![], vec![]));
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn only_an_announced_session_enters_and_not_too_many_rooms() {
    let node = Node::with(Options { rooms_per_session_max: 1, ..Options::default() });
    check_refusal(node.enter(ROMEO, session("a", 1)).await, Code::Conflict);
    node.announce(ROMEO, session("a", 1), SessionState::Bound).await.unwrap();
    node.enter(ROMEO, session("a", 1)).await.unwrap();
    let enter = |dialog: Vec<u8>| {
        let request = EnterRoomRequest { app: 1, dialog, user: ROMEO, session: Some(session("a", 1)) };
        let mut client = node.client.clone();
        async move { client.enter(request).await }
    };
    check_refusal(enter(vec![0xee; 12]).await, Code::TooMany);
    check_refusal(enter(vec![0xee; 11]).await, Code::Invalid);
    assert_eq!(node.occupants().await, [ROMEO]);
}

// === helpers ===
