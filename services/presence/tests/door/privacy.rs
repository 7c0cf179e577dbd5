//! Privacy lists: what becomes of them, and what they keep from whom. Romeo is kept out by Juliet.

use natter_proto::event::v1::{Change, Headline, Marker, Reaction, Typing};

use super::kit::*;

#[tokio::test(start_paused = true)]
async fn lists_are_made_read_replaced_named_default_and_deleted_and_outlive_the_process() {
    let node = Node::start(Kv::memory());
    assert_eq!(node.privacy_lists(JULIET).await, (vec![], None));
    check_refusal(node.privacy_list(JULIET, "b").await, Code::NotFound);
    check_refusal(node.set_privacy_list(JULIET, "b", vec![]).await, Code::NotFound);
    check_refusal(node.set_default_list(JULIET, Some("b")).await, Code::NotFound);
    node.set_default_list(JULIET, None).await.unwrap();

    node.set_privacy_list(JULIET, "b", denies(ROMEO, false)).await.unwrap();
    let reversed = denies(99, true).into_iter().rev().collect();
    node.set_privacy_list(JULIET, "a", reversed).await.unwrap();
    assert_eq!(node.privacy_list(JULIET, "a").await.unwrap(), denies(99, true), "ascending");
    node.set_default_list(JULIET, Some("b")).await.unwrap();
    check_refusal(node.set_default_list(JULIET, Some("c")).await, Code::NotFound);
    assert_eq!(node.privacy_lists(JULIET).await, (vec!["a".into(), "b".into()], Some("b".into())));
    node.set_privacy_list(JULIET, "b", denies(ROMEO, true)).await.unwrap();

    let node = node.killed().await;
    assert_eq!(node.privacy_list(JULIET, "b").await.unwrap(), denies(ROMEO, true));
    assert_eq!(node.judge(ROMEO, JULIET).await, [Verdict::Blocked; 2]);
    node.set_privacy_list(JULIET, "b", vec![]).await.unwrap();
    assert_eq!(node.privacy_lists(JULIET).await, (vec!["a".into()], None), "it was the default");
    assert_eq!(node.judge(ROMEO, JULIET).await, [Verdict::Passes; 2]);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn only_the_default_list_decides_and_each_change_of_it_at_once() {
    let node = Node::start(Kv::memory());
    node.announce(JULIET, session("b", 1), SessionState::Available).await.unwrap();
    let check = async |expected| assert_eq!(node.judge(ROMEO, JULIET).await, [expected; 2]);
    check(Verdict::Passes).await;
    node.set_privacy_list(JULIET, "b", denies(ROMEO, false)).await.unwrap();
    check(Verdict::Passes).await;
    node.set_default_list(JULIET, Some("b")).await.unwrap();
    check(Verdict::Blocked).await;
    assert_eq!(node.judge(JULIET, ROMEO).await, [Verdict::Passes; 2], "one way");
    node.announce(JULIET, session("b", 1), SessionState::Closed).await.unwrap();
    check(Verdict::Blocked).await;
    let allowed = denies(ROMEO, false).into_iter().map(|item| PrivacyItem { allow: true, ..item });
    node.set_privacy_list(JULIET, "b", allowed.collect()).await.unwrap();
    check(Verdict::Passes).await;
    node.set_privacy_list(JULIET, "b", denies(ROMEO, true)).await.unwrap();
    check(Verdict::Blocked).await;
    assert_eq!(node.judge(JULIET, ROMEO).await, [Verdict::Blocking, Verdict::Passes], "mutual");
    node.set_privacy_list(JULIET, "c", denies(99, false)).await.unwrap();
    node.set_default_list(JULIET, Some("c")).await.unwrap();
    check(Verdict::Passes).await;
    node.set_default_list(JULIET, Some("b")).await.unwrap();
    check(Verdict::Blocked).await;
    node.set_default_list(JULIET, None).await.unwrap();
    check(Verdict::Passes).await;
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_not_stored_does_not_hold() {
    let node = Node::start(Kv::memory());
    node.announce(JULIET, session("b", 1), SessionState::Available).await.unwrap();
    node.blocks(JULIET, denies(ROMEO, false)).await;
    node.kv.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    check_refusal(node.set_default_list(JULIET, None).await, Code::NotStored);
    check_refusal(node.set_privacy_list(JULIET, "blocks", denies(99, false)).await, Code::NotStored);
    assert_eq!(node.judge(ROMEO, JULIET).await, [Verdict::Blocked; 2]);
    node.stop().await;
}

/// Of a change that nobody knows of, what holds is what is stored.
#[tokio::test(start_paused = true)]
async fn a_change_of_unknown_outcome_holds_if_it_is_stored() {
    let node = Node::start(Kv::memory());
    node.announce(JULIET, session("b", 1), SessionState::Available).await.unwrap();
    node.set_privacy_list(JULIET, "blocks", denies(ROMEO, false)).await.unwrap();
    node.kv.set_faults(Faults { unknown: 1.0, ..Faults::default() });
    let mut outcomes = Vec::new();
    for n in 0..20 {
        check_refusal(node.set_default_list(JULIET, Some("blocks").filter(|_| n % 2 == 0)).await, Code::Unknown);
        let is_default = node.privacy_lists(JULIET).await.1.is_some();
        assert_eq!(node.judge(ROMEO, JULIET).await, [if is_default { Verdict::Blocked } else { Verdict::Passes }; 2]);
        outcomes.push(is_default == (n % 2 == 0));
    }
    assert!(outcomes.contains(&true) && outcomes.contains(&false), "both came");
    node.stop().await;
}

/// A caller that gives up while it is written.
#[tokio::test(start_paused = true)]
async fn a_change_whose_caller_has_gone_is_carried_out_to_its_end() {
    let slow = Faults { delay_min: Duration::from_millis(500), delay_max: Duration::from_millis(500), ..Faults::default() };
    let node = Node::start(Kv::memory_with(slow));
    node.announce(JULIET, session("b", 1), SessionState::Available).await.unwrap();
    node.set_privacy_list(JULIET, "blocks", denies(ROMEO, false)).await.unwrap();
    assert_eq!(node.judge(ROMEO, JULIET).await, [Verdict::Passes; 2]);
    timeout(Duration::from_millis(700), node.set_default_list(JULIET, Some("blocks"))).await.unwrap_err();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(node.privacy_lists(JULIET).await.1.as_deref(), Some("blocks"));
    assert_eq!(node.judge(ROMEO, JULIET).await, [Verdict::Blocked; 2]);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn lists_their_items_and_names_are_bounded() {
    let options =
        Options { privacy_lists_per_user_max: 1, privacy_items_per_list_max: 2, privacy_name_bytes_max: 3, ..Options::default() };
    let mut node = Node::with(options);
    node.run();
    node.set_privacy_list(JULIET, "abc", denies(ROMEO, false)).await.unwrap();
    check_refusal(node.set_privacy_list(JULIET, "b", denies(ROMEO, false)).await, Code::TooMany);
    node.set_privacy_list(JULIET, "abc", denies(99, false)).await.unwrap();
    let third = PrivacyItem { order: 3, ..PrivacyItem::default() };
    let three = denies(ROMEO, false).into_iter().chain([third]).collect();
    check_refusal(node.set_privacy_list(JULIET, "abc", three).await, Code::TooMany);
    check_refusal(node.set_privacy_list(JULIET, "abcd", denies(ROMEO, false)).await, Code::Invalid);
    check_refusal(node.set_privacy_list(JULIET, "", denies(ROMEO, false)).await, Code::Invalid);
    check_refusal(node.set_privacy_list(JULIET, "abc", vec![third; 2]).await, Code::Invalid);
    assert_eq!(node.privacy_list(JULIET, "abc").await.unwrap(), denies(99, false));
    node.stop().await;
}

/// All that dialogs tell; what has a number reaches the edge for her too, which is to take note of it.
#[tokio::test(start_paused = true)]
async fn whatever_a_blocked_user_says_is_kept_from_the_one_who_blocks_him() {
    let node = Node::start(Kv::memory());
    for (user, session) in [(ROMEO, session("a", 1)), (JULIET, session("b", 2)), (99, session("b", 3))] {
        node.announce(user, session, SessionState::Available).await.unwrap();
    }
    node.blocks(JULIET, denies(ROMEO, true)).await;
    let mut at_b = node.edge("b");
    for told in said_by(ROMEO) {
        for group in [false, true] {
            let frame = Frame { app: 1, to: vec![JULIET, 99], group, told: Some(told.clone()), ..Frame::default() };
            node.tell(&frame);
            assert_eq!(heard(&mut at_b).await, [(frame, vec![99])]);
        }
    }
    let mut at_a = node.edge("a");
    for told in said_by(JULIET) {
        let frame = |group| Frame { app: 1, to: vec![ROMEO, JULIET], group, told: Some(told.clone()), ..Frame::default() };
        node.tell(&frame(false));
        assert_eq!(heard(&mut at_a).await, [(frame(false), vec![])], "mutual");
        node.tell(&frame(true));
        assert_eq!(heard(&mut at_a).await, [(frame(true), vec![ROMEO])], "her own list does not silence her in groups");
        assert!(heard(&mut at_b).await.iter().all(|(_, users)| *users == [JULIET]), "herself she hears");
    }
    node.set_default_list(JULIET, None).await.unwrap();
    node.tell(&frame(&[JULIET], &[]));
    assert_eq!(heard(&mut at_b).await, [(frame(&[JULIET], &[]), vec![JULIET])]);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_block_of_before_the_restart_holds_for_the_first_frame() {
    let node = Node::start(Kv::memory());
    node.blocks(JULIET, denies(ROMEO, false)).await;
    let node = node.killed().await;
    node.announce(JULIET, session("b", 2), SessionState::Bound).await.unwrap();
    let mut at_b = node.edge("b");
    let group = Frame { group: true, told: said_by(ROMEO).into_iter().next(), ..frame(&[JULIET], &[]) };
    node.tell(&group);
    assert_eq!(heard(&mut at_b).await, [(group, vec![])]);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn of_whom_one_blocks_one_neither_asks_nor_hears_when_he_was_there() {
    let node = Node::start(Kv::memory());
    node.announce(ROMEO, session("a", 1), SessionState::Available).await.unwrap();
    node.announce(JULIET, session("b", 10), SessionState::Available).await.unwrap();
    node.watch(session("b", 10), true).await.unwrap();
    let mut at_b = node.edge("b");
    node.blocks(ROMEO, denies(JULIET, false)).await;
    check_refusal(node.last_activity_for(JULIET, ROMEO).await, Code::Blocked);
    check_refusal(node.watch(session("b", 10), true).await, Code::Blocked);
    assert_eq!(node.last_activity_for(ROMEO, JULIET).await.unwrap(), None, "one way");
    node.announce(ROMEO, session("a", 1), SessionState::Closed).await.unwrap();
    node.announce(ROMEO, session("a", 2), SessionState::Available).await.unwrap();
    assert_eq!(told(&mut at_b).await, []);
    node.blocks(ROMEO, denies(JULIET, true)).await;
    check_refusal(node.last_activity_for(ROMEO, JULIET).await, Code::Blocking);
    node.set_default_list(ROMEO, None).await.unwrap();
    node.announce(ROMEO, session("a", 2), SessionState::Vanished).await.unwrap();
    advance(Duration::from_secs(21)).await;
    assert!(matches!(told(&mut at_b).await[..], [Told::Activity(_)]), "she watched him all the time");
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn contacts_lose_sight_of_each_other_when_one_blocks_the_other_and_find_it_again() {
    let node = Node::start(Kv::memory());
    let (mut at_a, mut at_b) = (node.edge("a"), node.edge("b"));
    node.announce(ROMEO, session("a", 1), SessionState::Available).await.unwrap();
    node.announce(JULIET, session("b", 2), SessionState::Available).await.unwrap();
    for (user, other) in [(ROMEO, JULIET), (JULIET, ROMEO)] {
        node.subscribe(user, other, Subscription::Subscribe).await.unwrap();
        node.subscribe(other, user, Subscription::Subscribed).await.unwrap();
    }
    told(&mut at_a).await;
    told(&mut at_b).await;

    node.blocks(JULIET, denies(ROMEO, false)).await;
    assert_eq!(told(&mut at_a).await, [seen(JULIET, false, true)]);
    assert_eq!(told(&mut at_b).await, [seen(ROMEO, false, true)]);
    node.announce(ROMEO, session("a", 1), SessionState::Closed).await.unwrap();
    assert_eq!(node.announced(ROMEO, session("a", 3)).await.present, []);
    node.announce(JULIET, session("b", 2), SessionState::Closed).await.unwrap();
    assert_eq!(node.announced(JULIET, session("b", 4)).await.present, []);
    assert_eq!((told(&mut at_a).await, told(&mut at_b).await), (vec![], vec![]));

    node.set_default_list(JULIET, None).await.unwrap();
    assert_eq!(told(&mut at_a).await, [seen(JULIET, true, false)]);
    assert_eq!(told(&mut at_b).await, [seen(ROMEO, true, false)]);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_blocked_user_asks_for_no_presence_and_what_he_gives_up_is_not_told() {
    let node = Node::start(Kv::memory());
    let mut at_b = node.edge("b");
    node.announce(JULIET, session("b", 2), SessionState::Available).await.unwrap();
    node.blocks(JULIET, denies(ROMEO, false)).await;
    check_refusal(node.subscribe(ROMEO, JULIET, Subscription::Subscribe).await, Code::Blocked);
    check_refusal(node.subscribe(JULIET, ROMEO, Subscription::Subscribe).await, Code::Blocking);
    assert_eq!((node.contacts(ROMEO).await, node.contacts(JULIET).await), ((vec![], 0), (vec![], 0)));

    // Asked before, and not answered.
    node.set_default_list(JULIET, None).await.unwrap();
    node.subscribe(ROMEO, JULIET, Subscription::Subscribe).await.unwrap();
    node.subscribe(JULIET, ROMEO, Subscription::Subscribe).await.unwrap();
    node.set_default_list(JULIET, Some("blocks")).await.unwrap();
    told(&mut at_b).await;
    assert_eq!(node.announced(JULIET, session("b", 3)).await.requests, [0_u64; 0]);
    check_refusal(node.subscribe(ROMEO, JULIET, Subscription::Subscribed).await, Code::Blocked);
    node.subscribe(ROMEO, JULIET, Subscription::Unsubscribe).await.unwrap();
    node.subscribe(ROMEO, JULIET, Subscription::Unsubscribed).await.unwrap();
    let hers = node.contacts(JULIET).await;
    assert_eq!(told(&mut at_b).await, [change(contact(ROMEO, "", false, false, false), hers.1)], "her own list she knows");
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn lists_in_memory_are_bounded_and_those_of_users_who_are_there_are_never_forgotten() {
    let mut node = Node::with(Options { privacy_users_max: 2, ..Options::default() });
    node.run();
    node.blocks(JULIET, denies(ROMEO, false)).await;
    node.blocks(ROMEO, denies(99, false)).await;
    node.announce(JULIET, session("b", 2), SessionState::Available).await.unwrap();
    let mut at_b = node.edge("b");
    for stranger in 100..200 {
        assert_eq!(node.judge(stranger, stranger + 1).await, [Verdict::Passes; 2]);
    }
    let group = Frame { group: true, told: said_by(ROMEO).into_iter().next(), ..frame(&[JULIET], &[]) };
    node.tell(&group);
    assert_eq!(heard(&mut at_b).await, [(group, vec![])]);
    assert_eq!(node.judge(99, ROMEO).await, [Verdict::Blocked; 2], "read again");
    node.stop().await;
}

/// Of everything that dialogs tell.
fn said_by(user: u64) -> Vec<Told> {
    vec![
        Told::Message(Message { sender: user, seq: 42, ..Message::default() }),
        Told::Change(Change { user, stamp: 3, ..Change::default() }),
        Told::Reaction(Reaction { user, ..Reaction::default() }),
        Told::Typing(Typing { user, ..Typing::default() }),
        Told::Marker(Marker { user, ..Marker::default() }),
        Told::Headline(Headline { user, ..Headline::default() }),
    ]
}
