//! Presence at its gRPC door, on a store in memory and paused time: who is told what, and what a returning client gets.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bytes::Bytes;
use natter_actor::Clock;
use natter_bus::Bus;
use natter_db::{Faults, Kv};
use natter_presence::{Options, Parts, Service};
use natter_proto::event::v1::{
    Activity, Availability, Contact, ContactChange, ContactRequest, EdgeFrame, Frame, Message, Occupant, OccupantState,
    SessionRef, Subscription, frame::Told,
};
use natter_proto::history::v1::From as Proof;
use natter_proto::presence::v1::presence_client::PresenceClient;
use natter_proto::presence::v1::{
    AnnounceReply, AnnounceRequest, ContactsRequest, EnterRoomRequest, EvictRequest, ExitRoomRequest, Fingerprint,
    LastActivityRequest, OnlineRequest, Present, ReachableRequest, RemoveContactRequest, RoomRequest, SessionRecord,
    SessionState, SetContactRequest, SettleDebtRequest, SubscribeRequest, TakeDebtRequest, WatchRequest,
};
use natter_proto::subject::Subject;
use natter_proto::{Code, Failure};
use natter_rpc::{Link, LinkOptions, Status};
use natter_telemetry::Metrics;
use prost::Message as _;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{advance, timeout};

const ROMEO: u64 = 34;
const JULIET: u64 = 35;
const TTL: Duration = Duration::from_secs(120);

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
    assert_eq!(heard(&mut at_b).await, [(not_for_juliet, vec![ROMEO])]);

    node.tell(&frame(&[99], &[]));
    node.tell(&Frame { app: 2, ..frame(&[ROMEO], &[]) });
    assert_eq!(heard(&mut at_a).await, []);
    assert_eq!(heard(&mut at_b).await, []);
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

/// A presence service, its door and its bus.
#[tokio::test(start_paused = true)]
async fn who_watches_is_told_of_the_first_session_and_after_the_grace_of_the_last() {
    let node = Node::start(Kv::memory());
    let mut at_a = node.edge("a");
    node.announce(JULIET, session("a", 10), SessionState::Available).await.unwrap();
    node.watch(session("a", 10), true).await.unwrap();
    check_refusal(node.last_activity(ROMEO).await, Code::NotFound);
    node.announce(ROMEO, session("b", 1), SessionState::Bound).await.unwrap();
    check_refusal(node.last_activity(ROMEO).await, Code::NotFound);
    assert_eq!(heard(&mut at_a).await, []);

    node.announce(ROMEO, session("b", 1), SessionState::Available).await.unwrap();
    node.announce(ROMEO, session("b", 2), SessionState::Available).await.unwrap();
    assert_eq!(heard(&mut at_a).await, [(activity(0), vec![JULIET])]);
    assert_eq!(node.last_activity(ROMEO).await.unwrap(), None);
    node.announce(ROMEO, session("b", 1), SessionState::Closed).await.unwrap();
    let died_at = node.clock.now_ms();
    node.announce(ROMEO, session("b", 2), SessionState::Vanished).await.unwrap();
    advance(Duration::from_secs(19)).await;
    assert_eq!(heard(&mut at_a).await, []);
    assert_eq!(node.last_activity(ROMEO).await.unwrap(), None, "its client may be back soon");
    advance(Duration::from_secs(2)).await;
    assert_eq!(heard(&mut at_a).await, [(activity(died_at), vec![JULIET])]);
    assert_eq!(node.last_activity(ROMEO).await.unwrap(), Some(died_at));

    node.announce(ROMEO, session("b", 3), SessionState::Available).await.unwrap();
    node.announce(ROMEO, session("b", 3), SessionState::Closed).await.unwrap();
    let closed_at = node.clock.now_ms();
    assert_eq!(heard(&mut at_a).await, [(activity(0), vec![JULIET]), (activity(closed_at), vec![JULIET])]);

    node.watch(session("a", 10), false).await.unwrap();
    node.announce(ROMEO, session("b", 4), SessionState::Available).await.unwrap();
    assert_eq!(heard(&mut at_a).await, []);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn last_activity_outlives_the_process_and_subscriptions_do_not() {
    let node = Node::start(Kv::memory());
    node.announce(ROMEO, session("a", 1), SessionState::Available).await.unwrap();
    let left_at = node.clock.now_ms();
    node.announce(ROMEO, session("a", 1), SessionState::Closed).await.unwrap();
    node.announce(JULIET, session("a", 2), SessionState::Available).await.unwrap();
    advance(Duration::from_secs(95)).await;
    tokio::task::yield_now().await;
    let node = node.killed().await;
    assert_eq!(node.last_activity(ROMEO).await.unwrap(), Some(left_at));
    assert_eq!(node.last_activity(JULIET).await.unwrap(), Some(left_at + 95_000), "there when the process died, within 30 s");
    check_refusal(node.watch(session("a", 10), true).await, Code::Conflict);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_session_watches_so_many_and_no_more() {
    let mut node = Node::with(Options { watched_per_session_max: 1, ..Options::default() });
    node.run();
    node.announce(JULIET, session("a", 10), SessionState::Available).await.unwrap();
    node.watch(session("a", 10), true).await.unwrap();
    node.watch(session("a", 10), true).await.unwrap();
    let request = WatchRequest { app: 1, user: JULIET, session: Some(session("a", 10)), watched: 99, enable: true };
    check_refusal(node.client.clone().watch(request).await, Code::TooMany);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn two_become_contacts_and_see_each_other_come_and_go() {
    let node = Node::start(Kv::memory());
    let mut at_a = node.edge("a");
    let mut at_b = node.edge("b");
    node.announce(ROMEO, session("a", 1), SessionState::Available).await.unwrap();
    node.announce(JULIET, session("b", 2), SessionState::Available).await.unwrap();

    node.set_contact(ROMEO, JULIET, "Jule").await.unwrap();
    assert_eq!(told(&mut at_a).await, [change(contact(JULIET, "Jule", false, false, false), 1)]);
    node.subscribe(ROMEO, JULIET, Subscription::Subscribe).await.unwrap();
    assert_eq!(told(&mut at_a).await, [change(contact(JULIET, "Jule", false, false, true), 2)]);
    assert_eq!(told(&mut at_b).await, [asked(ROMEO, Subscription::Subscribe)]);
    assert_eq!(node.contacts(JULIET).await, (vec![], 1), "who only asks is in no list");

    node.subscribe(JULIET, ROMEO, Subscription::Subscribed).await.unwrap();
    // The grant comes before the presence, which the SDK would drop otherwise.
    assert_eq!(
        told(&mut at_a).await,
        [
            change(contact(JULIET, "Jule", true, false, false), 3),
            asked(JULIET, Subscription::Subscribed),
            seen(JULIET, true, false)
        ]
    );
    assert_eq!(told(&mut at_b).await, [change(contact(ROMEO, "", false, true, false), 2)]);
    assert_eq!(node.contacts(JULIET).await.0, [contact(ROMEO, "", false, true, false)]);

    // Her further device, and the end of both; his presence is not hers to see.
    let reply = node.announced(JULIET, session("b", 3)).await;
    assert_eq!((reply.requests.as_slice(), reply.present.as_slice()), (&[][..], &[][..]));
    node.announce(JULIET, session("b", 3), SessionState::Available).await.unwrap();
    node.announce(JULIET, session("b", 2), SessionState::Closed).await.unwrap();
    node.announce(JULIET, session("b", 3), SessionState::Vanished).await.unwrap();
    assert_eq!(told(&mut at_a).await, [seen(JULIET, true, false), seen(JULIET, false, false)], "announced again is no news");
    advance(Duration::from_secs(21)).await;
    assert_eq!(told(&mut at_a).await, [seen(JULIET, false, true)]);
    node.announce(ROMEO, session("a", 1), SessionState::Closed).await.unwrap();
    assert_eq!(told(&mut at_b).await, []);

    node.announce(JULIET, session("b", 4), SessionState::Available).await.unwrap();
    assert_eq!(told(&mut at_a).await, [], "he is not there");
    let reply = node.announced(ROMEO, session("a", 5)).await;
    assert_eq!(reply.present, [Present { user: JULIET, resource: "r".into() }]);

    node.remove_contact(ROMEO, JULIET).await.unwrap();
    let removed = ContactChange { removed: true, ..change_of(contact(JULIET, "Jule", true, false, false), 4) };
    assert_eq!(told(&mut at_a).await, [Told::ContactChange(removed), seen(JULIET, false, true)]);
    let last = told(&mut at_b).await;
    assert_eq!(last, [change(contact(ROMEO, "", false, false, false), 3), asked(ROMEO, Subscription::Unsubscribe)]);
    check_refusal(node.remove_contact(ROMEO, JULIET).await, Code::NotFound);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_is_repeated_at_each_login_until_it_is_answered_and_outlives_the_process() {
    let node = Node::start(Kv::memory());
    node.subscribe(ROMEO, JULIET, Subscription::Subscribe).await.unwrap();
    assert_eq!(node.announced(JULIET, session("b", 1)).await.requests, [ROMEO]);
    let node = node.killed().await;
    assert_eq!(node.announced(JULIET, session("b", 2)).await.requests, [ROMEO]);
    node.subscribe(JULIET, ROMEO, Subscription::Unsubscribed).await.unwrap();
    assert_eq!(node.announced(JULIET, session("b", 3)).await.requests, [0_u64; 0]);
    assert_eq!(node.contacts(ROMEO).await.0, [contact(JULIET, "", false, false, false)], "kept, and asked no more");
    assert_eq!(node.contacts(JULIET).await.0, []);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn contacts_and_requests_are_bounded_and_a_refused_step_changes_nothing() {
    let mut node = Node::with(Options { contacts_per_user_max: 2, ..Options::default() });
    node.run();
    for contact in [1, 2] {
        node.set_contact(ROMEO, contact, "").await.unwrap();
        node.subscribe(contact, JULIET, Subscription::Subscribe).await.unwrap();
    }
    check_refusal(node.set_contact(ROMEO, 3, "").await, Code::TooMany);
    check_refusal(node.subscribe(ROMEO, 3, Subscription::Subscribe).await, Code::TooMany);
    node.set_contact(ROMEO, 2, "two").await.unwrap();
    check_refusal(node.subscribe(3, JULIET, Subscription::Subscribe).await, Code::TooMany);
    assert_eq!(node.contacts(3).await, (vec![], 0));
    node.subscribe(JULIET, 1, Subscription::Subscribed).await.unwrap();
    node.subscribe(3, JULIET, Subscription::Subscribe).await.unwrap();
    check_refusal(node.set_contact(ROMEO, ROMEO, "").await, Code::Invalid);
    check_refusal(node.subscribe(ROMEO, 1, Subscription::Unspecified).await, Code::Invalid);
    node.stop().await;
}

struct Node {
    kv: Kv,
    clock: Clock,
    bus: Bus,
    service: Option<Service>,
    client: PresenceClient<Link>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Node {
    fn start(kv: Kv) -> Node {
        let mut node = Node::not_running(kv);
        node.run();
        node
    }

    fn not_running(kv: Kv) -> Node {
        Node::at(kv, Clock::paused(1_800_000_000_000))
    }

    fn with(options: Options) -> Node {
        Node::made(Kv::memory(), Clock::paused(1_800_000_000_000), options)
    }

    fn at(kv: Kv, clock: Clock) -> Node {
        Node::made(kv, clock, Options::default())
    }

    fn made(kv: Kv, clock: Clock, options: Options) -> Node {
        let bus = Bus::local();
        let parts = Parts { db: kv.clone(), bus: bus.clone(), clock: clock.clone(), metrics: Metrics::new() };
        let service = Service::new(options, parts);
        let client = PresenceClient::new(Link::local(service.server(), LinkOptions::default()));
        Node { kv, clock, bus, service: Some(service), client, running: None }
    }

    fn run(&mut self) {
        let service = self.service.take().unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(async move { service.run(async { stopped.await.unwrap_or_default() }).await });
        self.running = Some((stop, running));
    }

    async fn stop(self) {
        let (stop, running) = self.running.unwrap();
        stop.send(()).unwrap();
        running.await.unwrap();
    }

    /// Kills the process and starts the next one on what was stored.
    async fn killed(self) -> Node {
        let (_, running) = self.running.unwrap();
        running.abort();
        let _ = running.await;
        let mut node = Node::at(self.kv.crash(), self.clock);
        node.run();
        // The next process finds the records when it starts, not when it is first asked.
        tokio::task::yield_now().await;
        node
    }

    fn edge(&self, edge: &str) -> natter_bus::Subscription {
        self.bus.subscribe(&Subject::Edge(edge.into()).to_string())
    }

    fn tell(&self, frame: &Frame) {
        self.bus.publish(&Subject::Told.to_string(), frame.encode_to_vec().into());
    }

    async fn announce(&self, user: u64, session: SessionRef, state: SessionState) -> Result<u32, Status> {
        self.announce_with(user, session, state, None).await
    }

    async fn announce_with(
        &self,
        user: u64,
        session: SessionRef,
        state: SessionState,
        record: Option<SessionRecord>,
    ) -> Result<u32, Status> {
        let request = AnnounceRequest { app: 1, user, session: Some(session), state: state.into(), record };
        Ok(self.client.clone().announce(request).await?.into_inner().sessions)
    }

    /// Total and page.
    async fn online(&self, app: u64, skip: u64, limit: u32) -> (u64, Vec<u64>) {
        let page = self.client.clone().online(OnlineRequest { app, skip, limit }).await.unwrap().into_inner();
        (page.total, page.users)
    }

    async fn reachable(&self, users: &[u64]) -> Vec<u64> {
        let request = ReachableRequest { app: 1, users: users.to_vec() };
        self.client.clone().reachable(request).await.unwrap().into_inner().users
    }

    async fn enter(&self, user: u64, session: SessionRef) -> Result<Vec<u64>, Status> {
        let request = EnterRoomRequest { app: 1, dialog: vec![0xdd; 12], user, session: Some(session) };
        Ok(self.client.clone().enter(request).await?.into_inner().others)
    }

    async fn exit(&self, user: u64, session: SessionRef) {
        let request = ExitRoomRequest { app: 1, dialog: vec![0xdd; 12], user, session: Some(session) };
        self.client.clone().exit(request).await.unwrap();
    }

    async fn occupants(&self) -> Vec<u64> {
        let request = RoomRequest { app: 1, dialog: vec![0xdd; 12] };
        self.client.clone().occupants(request).await.unwrap().into_inner().users
    }

    /// What a session is answered that becomes available.
    async fn announced(&self, user: u64, session: SessionRef) -> AnnounceReply {
        let state = SessionState::Available.into();
        let request = AnnounceRequest { app: 1, user, session: Some(session), state, record: None };
        self.client.clone().announce(request).await.unwrap().into_inner()
    }

    async fn contacts(&self, user: u64) -> (Vec<Contact>, u64) {
        let list = self.client.clone().contacts(ContactsRequest { app: 1, user }).await.unwrap().into_inner();
        (list.contacts, list.revision)
    }

    async fn set_contact(&self, user: u64, contact: u64, name: &str) -> Result<(), Status> {
        let request = SetContactRequest { app: 1, user, contact, name: name.into() };
        self.client.clone().set_contact(request).await.map(|_| ())
    }

    async fn remove_contact(&self, user: u64, contact: u64) -> Result<(), Status> {
        self.client.clone().remove_contact(RemoveContactRequest { app: 1, user, contact }).await.map(|_| ())
    }

    async fn subscribe(&self, user: u64, contact: u64, kind: Subscription) -> Result<(), Status> {
        let request = SubscribeRequest { app: 1, user, contact, kind: kind.into() };
        self.client.clone().subscribe(request).await.map(|_| ())
    }

    async fn last_activity(&self, user: u64) -> Result<Option<i64>, Status> {
        Ok(self.client.clone().last_activity(LastActivityRequest { app: 1, user }).await?.into_inner().seen_at)
    }

    /// Juliet's session watches Romeo.
    async fn watch(&self, session: SessionRef, enable: bool) -> Result<(), Status> {
        let request = WatchRequest { app: 1, user: JULIET, session: Some(session), watched: ROMEO, enable };
        self.client.clone().watch(request).await.map(|_| ())
    }

    async fn record(&self, n: u64, proved: u64) -> Result<(), Status> {
        self.client.clone().record(record(n, proved)).await.map(|_| ())
    }

    /// Romeo's session `n` on his phone comes, proves and dies.
    async fn vanish_with(&self, n: u64, proved: u64) {
        self.announce(ROMEO, session("a", n), SessionState::Bound).await.unwrap();
        self.record(n, proved - 1).await.unwrap();
        self.record(n, proved).await.unwrap();
        self.announce(ROMEO, session("a", n), SessionState::Vanished).await.unwrap();
    }

    /// By a session that was announced.
    async fn take(&self, n: u64, agent: &str) -> Option<SessionRecord> {
        self.announce(ROMEO, session("a", n), SessionState::Available).await.unwrap();
        self.client.clone().take_debt(taking(n, agent)).await.unwrap().into_inner().debt
    }

    async fn settle(&self, n: u64, settled: bool) {
        let request = SettleDebtRequest { app: 1, user: ROMEO, session: Some(session("a", n)), settled };
        self.client.clone().settle_debt(request).await.unwrap();
    }
}

fn taking(n: u64, agent: &str) -> TakeDebtRequest {
    TakeDebtRequest { app: 1, user: ROMEO, session: Some(session("a", n)), client: Some(client(agent)) }
}

fn session(edge: &str, session: u64) -> SessionRef {
    SessionRef { edge: edge.into(), boot: 1, session, resource: "r".into() }
}

fn record(n: u64, proved: u64) -> SessionRecord {
    SessionRecord {
        app: 1,
        user: ROMEO,
        session: Some(session("a", n)),
        client: Some(client("phone")),
        proofs: vec![Proof { dialog: vec![0xaa; 12], seq: proved, stamp: None }],
        since: 1_000 * n as i64,
        seen_at: 1_000 * n as i64 + proved as i64,
    }
}

fn client(agent: &str) -> Fingerprint {
    Fingerprint { agent: agent.into(), origin: "https://app".into(), address: "192.0.2.1".into(), dialect: 6 }
}

fn frame(to: &[u64], except: &[u64]) -> Frame {
    let message = Message { seq: 42, body: Some("o".into()), ..Message::default() };
    Frame { app: 1, to: to.to_vec(), except: except.to_vec(), told: Some(Told::Message(message)), ..Frame::default() }
}

/// What Juliet is told of Romeo.
fn activity(seen_at: i64) -> Frame {
    let told = Some(Told::Activity(Activity { user: ROMEO, seen_at }));
    Frame { app: 1, to: vec![JULIET], told, ..Frame::default() }
}

fn contact(user: u64, name: &str, to: bool, from: bool, ask: bool) -> Contact {
    Contact { user, name: name.into(), to, from, ask }
}

fn change_of(contact: Contact, revision: u64) -> ContactChange {
    ContactChange { contact: Some(contact), removed: false, revision }
}

fn change(contact: Contact, revision: u64) -> Told {
    Told::ContactChange(change_of(contact, revision))
}

fn asked(user: u64, kind: Subscription) -> Told {
    Told::ContactRequest(ContactRequest { user, kind: kind.into() })
}

fn seen(user: u64, available: bool, last: bool) -> Told {
    Told::Availability(Availability { user, resource: "r".into(), available, last })
}

/// What an edge has been told when all is quiet.
async fn told(edge: &mut natter_bus::Subscription) -> Vec<Told> {
    heard(edge).await.into_iter().filter_map(|(frame, _)| frame.told).collect()
}

fn occupant(user: u64, state: OccupantState, to: &[u64]) -> Frame {
    let told = Some(Told::Occupant(Occupant { user, state: state.into(), actor: 0 }));
    Frame { app: 1, dialog: vec![0xdd; 12], to: to.to_vec(), group: true, told, ..Frame::default() }
}

/// What an edge has heard when all is quiet.
async fn heard(edge: &mut natter_bus::Subscription) -> Vec<(Frame, Vec<u64>)> {
    let mut heard = Vec::new();
    while let Ok(Some(payload)) = timeout(Duration::from_millis(1), edge.next()).await {
        let EdgeFrame { frame, users } = EdgeFrame::decode(payload).unwrap();
        heard.push((frame.unwrap(), users));
    }
    heard
}

fn check_refusal<T: std::fmt::Debug>(outcome: Result<T, Status>, code: Code) {
    assert_eq!(Failure::from(outcome.unwrap_err()).code, code);
}
