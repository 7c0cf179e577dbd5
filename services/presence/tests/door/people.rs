//! Last activity and contacts: who is told of whom.

use natter_rpc::Request;

use super::kit::*;

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
async fn a_request_is_told_to_whoever_alerts_once_while_it_waits_and_over_a_kill() {
    let node = Node::start(Kv::memory());
    node.set_contact(ROMEO, JULIET, "Jule").await.unwrap();
    assert_eq!(node.requests().await, [], "she is not asked yet");
    for _ in 0..2 {
        node.subscribe(ROMEO, JULIET, Subscription::Subscribe).await.unwrap();
    }
    let node = node.killed().await;
    assert_eq!(node.requests().await, [(ROMEO, JULIET)]);
    node.subscribe(JULIET, ROMEO, Subscription::Unsubscribed).await.unwrap();
    assert_eq!(node.requests().await.len(), 1, "of a refusal nobody is alerted");
    node.subscribe(ROMEO, JULIET, Subscription::Subscribe).await.unwrap();
    assert_eq!(node.requests().await, [(ROMEO, JULIET); 2], "asked anew");
    node.subscribe(JULIET, ROMEO, Subscription::Subscribed).await.unwrap();
    node.subscribe(ROMEO, JULIET, Subscription::Subscribe).await.unwrap();
    assert_eq!(node.requests().await.len(), 2, "what he has he is granted at once");
    node.blocks(JULIET, denies(99, true)).await;
    node.subscribe(99, JULIET, Subscription::Subscribe).await.unwrap_err();
    assert_eq!(node.requests().await.len(), 2, "whom she blocks cannot ask");
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
    // Announced again is no news, and under the name of the one that closed she is there still.
    assert_eq!(told(&mut at_a).await, [seen(JULIET, true, false)]);
    advance(Duration::from_secs(21)).await;
    assert_eq!(told(&mut at_a).await, [seen(JULIET, false, true)]);
    node.announce(ROMEO, session("a", 1), SessionState::Closed).await.unwrap();
    assert_eq!(told(&mut at_b).await, []);

    node.announce(JULIET, session("b", 4), SessionState::Available).await.unwrap();
    assert_eq!(told(&mut at_a).await, [], "he is not there");
    let reply = node.announced(ROMEO, session("a", 5)).await;
    assert_eq!(reply.present, [Present { user: JULIET, resource: "r".into(), shown: None }]);

    node.remove_contact(ROMEO, JULIET).await.unwrap();
    let removed = ContactChange { removed: true, ..change_of(contact(JULIET, "Jule", true, false, false), 4) };
    assert_eq!(told(&mut at_a).await, [Told::ContactChange(removed), seen(JULIET, false, true)]);
    let last = told(&mut at_b).await;
    assert_eq!(last, [change(contact(ROMEO, "", false, false, false), 3), asked(ROMEO, Subscription::Unsubscribe)]);
    check_refusal(node.remove_contact(ROMEO, JULIET).await, Code::NotFound);
    // A link that does not know what became of its first attempt.
    let mut again = Request::new(RemoveContactRequest { app: 1, user: ROMEO, contact: JULIET });
    again.metadata_mut().insert("natter-repeated", "1".parse().unwrap());
    node.client.clone().remove_contact(again).await.unwrap();
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn contacts_are_told_what_a_session_shows_and_when_that_changes() {
    let node = Node::start(Kv::memory());
    let mut at_a = node.edge("a");
    node.announce(ROMEO, session("a", 1), SessionState::Available).await.unwrap();
    node.subscribe(ROMEO, JULIET, Subscription::Subscribe).await.unwrap();
    node.subscribe(JULIET, ROMEO, Subscription::Subscribed).await.unwrap();
    told(&mut at_a).await;
    let away = Shown { show: "away".into(), status: "at the ball".into(), priority: 1 };
    let seen = |shown: Option<&Shown>, again| {
        let (resource, shown) = ("r".to_owned(), shown.cloned());
        Told::Availability(Availability { user: JULIET, resource, available: true, last: false, shown, again })
    };
    node.show(JULIET, session("b", 2), None).await;
    node.show(JULIET, session("b", 2), Some(away.clone())).await;
    node.show(JULIET, session("b", 2), Some(away.clone())).await;
    assert_eq!(told(&mut at_a).await, [seen(None, false), seen(Some(&away), true)], "said again it is no news");
    let reply = node.announced(ROMEO, session("a", 3)).await;
    assert_eq!(reply.present, [Present { user: JULIET, resource: "r".into(), shown: Some(away) }]);
    node.show(JULIET, session("b", 2), None).await;
    assert_eq!(told(&mut at_a).await, [seen(None, true)]);
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
