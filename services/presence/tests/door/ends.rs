//! The end of a user or an app: contacts on both sides, lists, sight and debts go, and others hear of it as of a removal.

use natter_presence::Service;
use natter_proto::erasure::v1::{EraseRequest, Erased};
use natter_proto::presence::v1::eraser_client::EraserClient;

use super::kit::*;

const CARL: u64 = 36;

#[tokio::test(start_paused = true)]
async fn what_two_keep_of_each_other_goes_on_both_sides_and_the_other_is_told() {
    let mut node = Node::not_running(Kv::memory());
    let mut eraser = eraser(node.service.as_ref().unwrap());
    node.run();
    node.announce(JULIET, session("a", 10), SessionState::Available).await.unwrap();
    node.subscribe(JULIET, ROMEO, Subscription::Subscribe).await.unwrap();
    node.subscribe(ROMEO, JULIET, Subscription::Subscribed).await.unwrap();
    // Of whom he keeps nothing.
    node.set_contact(CARL, ROMEO, "R").await.unwrap();
    node.set_contact(CARL, JULIET, "J").await.unwrap();
    node.set_privacy_list(ROMEO, "blocks", denies(CARL, true)).await.unwrap();
    node.set_default_list(ROMEO, Some("blocks")).await.unwrap();
    node.set_privacy_list(CARL, "blocks", denies(ROMEO, true)).await.unwrap();
    node.vanish_with(1, 5).await;
    node.announce(ROMEO, session("b", 2), SessionState::Available).await.unwrap();
    let mut at_a = node.edge("a");

    let busy = erase(&mut eraser, ROMEO).await;
    assert_eq!(busy.unwrap_err().code, Code::Busy, "he is there");
    node.announce(ROMEO, session("b", 2), SessionState::Vanished).await.unwrap();
    let _ = told(&mut at_a).await;
    let erased = erase(&mut eraser, ROMEO).await.unwrap();
    let count = |kind: &str| erased.iter().filter(|one| one.kind == kind).map(|one| one.count).sum::<u64>();
    assert_eq!(["contacts", "privacy_lists", "last_activity"].map(count), [3, 1, 1], "{erased:?}");
    assert!(count("debts") > 0, "{erased:?}");
    let told = told(&mut at_a).await;
    assert!(told.contains(&asked(ROMEO, Subscription::Unsubscribed)), "{told:?}");
    assert!(told.contains(&seen(ROMEO, false, true)), "{told:?}");
    assert!(told.iter().any(|told| matches!(told, Told::ContactChange(change) if change.removed)), "{told:?}");
    assert_eq!(node.contacts(JULIET).await.0, []);
    assert_eq!(node.contacts(CARL).await.0, [contact(JULIET, "J", false, false, false)]);
    assert_eq!(node.privacy_lists(ROMEO).await, (vec![], None));
    assert_eq!(node.judge(CARL, ROMEO).await[0], Verdict::Passes, "his list decides no more");
    assert_eq!(node.privacy_lists(CARL).await.0, ["blocks"], "his id stays in the lists of others");

    // Neither the grace of who died nor a restart brings anything back.
    advance(Duration::from_secs(30)).await;
    tokio::task::yield_now().await;
    check_refusal(node.last_activity(ROMEO).await, Code::NotFound);
    let again = erase(&mut eraser, ROMEO).await.unwrap();
    assert_eq!(again.iter().map(|one| one.count).sum::<u64>(), 0, "{again:?}");
    let node = node.killed().await;
    check_refusal(node.last_activity(ROMEO).await, Code::NotFound);
    assert_eq!(node.take(3, "phone").await, None, "nothing is owed");
    assert_eq!(node.contacts(CARL).await.0.len(), 1);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_erasure_that_was_cut_off_is_completed_by_the_next() {
    let mut node = Node::not_running(Kv::memory());
    let mut eraser = eraser(node.service.as_ref().unwrap());
    node.run();
    for contact in 100..140 {
        node.set_contact(ROMEO, contact, "x").await.unwrap();
    }
    node.set_privacy_list(ROMEO, "blocks", denies(CARL, true)).await.unwrap();
    let mut left = 40;
    for seed in 0..20 {
        node.kv.set_faults(Faults { seed, not_stored: 0.1, ..Faults::default() });
        assert!(erase(&mut eraser, ROMEO).await.is_err(), "a fault between two writes");
        left = node.contacts(ROMEO).await.0.len();
        if left < 40 {
            break;
        }
    }
    assert!((1..40).contains(&left), "{left} of 40 are left");
    node.kv.set_faults(Faults::default());
    erase(&mut eraser, ROMEO).await.unwrap();
    assert_eq!((node.contacts(ROMEO).await.0, node.privacy_lists(ROMEO).await), (vec![], (vec![], None)));
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn of_an_app_all_goes_when_nobody_is_there_and_nothing_of_another() {
    let mut node = Node::not_running(Kv::memory());
    let mut eraser = eraser(node.service.as_ref().unwrap());
    node.run();
    node.set_contact(ROMEO, JULIET, "J").await.unwrap();
    node.set_privacy_list(ROMEO, "blocks", denies(CARL, true)).await.unwrap();
    let elsewhere = SetContactRequest { app: 2, user: ROMEO, contact: JULIET, name: "J".into() };
    node.client.clone().set_contact(elsewhere).await.unwrap();
    node.announce(ROMEO, session("a", 1), SessionState::Available).await.unwrap();
    assert_eq!(erase(&mut eraser, 0).await.unwrap_err().code, Code::Busy);
    node.announce(ROMEO, session("a", 1), SessionState::Vanished).await.unwrap();
    erase(&mut eraser, 0).await.unwrap();
    assert_eq!((node.contacts(ROMEO).await, node.privacy_lists(ROMEO).await), ((vec![], 0), (vec![], None)));
    advance(Duration::from_secs(30)).await;
    tokio::task::yield_now().await;
    check_refusal(node.last_activity(ROMEO).await, Code::NotFound);
    let elsewhere = node.client.clone().contacts(ContactsRequest { app: 2, user: ROMEO }).await.unwrap().into_inner();
    assert_eq!(elsewhere.contacts.len(), 1);
    node.stop().await;
}

fn eraser(service: &Service) -> EraserClient<Link> {
    EraserClient::new(Link::local(service.eraser_server(), LinkOptions::default()))
}

/// Every page of an erasure in app 1.
async fn erase(eraser: &mut EraserClient<Link>, user: u64) -> Result<Vec<Erased>, Failure> {
    let (mut erased, mut after) = (Vec::new(), Vec::new());
    loop {
        let reply = eraser.erase(EraseRequest { app: 1, user, after }).await.map_err(Failure::from)?.into_inner();
        erased.extend(reply.erased);
        if reply.next.is_empty() {
            return Ok(erased);
        }
        after = reply.next;
    }
}
