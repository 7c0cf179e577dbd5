//! Signals of calls at the door (contract xmpp 11): told in the order of their sender, kept nowhere.

#![allow(clippy::unwrap_used)]

mod kit;

use futures::future::join_all;
use kit::{ANN, APP, BOB, CAT, Door, NOBODY, NOW, World, code, pair, play, post, session};
use natter_db::Faults;
use natter_dialog::Options;
use natter_proto::dialog::v1::{CallMove, CallStep, ListRequest, SignalCallRequest};
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{CallKind, Frame, Headline, Posted, PostedCall};
use natter_proto::presence::v1::Verdict;
use natter_proto::{Code, Failure};
use prost::Message as _;

#[tokio::test(start_paused = true)]
async fn signals_are_told_to_the_other_one_and_nothing_of_them_stays() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        ring(&door, signal(BOB, ANN, "1")).await.unwrap();
        ring(&door, signal(BOB, ANN, "1")).await.unwrap();
        ring(&door, SignalCallRequest { dialog: Vec::new(), ..signal(ANN, BOB, "2") }).await.unwrap();
        let told = door.told().await;
        let of = |frame: &Frame| (frame.to.clone(), frame.origin.clone(), frame.kept, frame.dialog.clone());
        assert_eq!(said(&told), [(BOB, "1"), (BOB, "1"), (ANN, "2")], "sent again is told again");
        assert_eq!(of(&told[0]), (vec![ANN], Some(session(BOB)), 0, Vec::new()));
        assert_eq!(of(&told[2]), (vec![BOB], Some(session(ANN)), 0, Vec::new()));
        check_empty(&world, &door).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn signals_keep_their_order_among_each_other_and_the_messages_of_their_sender() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        door.post(post(ANN, BOB, 0, "hi")).await.unwrap();
        door.told().await;
        let names: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        let sent = names.iter().map(|name| ring(&door, signal(BOB, ANN, name)));
        assert!(join_all(sent).await.iter().all(Result::is_ok));
        let heard: Vec<String> = said(&door.told().await).into_iter().map(|(_, name)| name.to_owned()).collect();
        assert_eq!(heard, names);

        let first = ring(&door, signal(BOB, ANN, "before"));
        let message = door.post(post(BOB, ANN, 1, "meanwhile"));
        let last = ring(&door, signal(BOB, ANN, "behind"));
        let (first, message, last) = futures::join!(first, message, last);
        assert!(first.is_ok() && message.is_ok() && last.is_ok());
        let told = door.told().await;
        let is_message = |frame: &Frame| matches!(frame.told, Some(Told::Message(_)));
        assert_eq!(told.iter().map(is_message).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(said(&told), [(BOB, "before"), (BOB, "behind")]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_signal_that_may_not_be_is_refused_and_nobody_hears_of_it() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        for (request, expected) in [
            (signal(ANN, NOBODY, "1"), Code::NotFound),
            (signal(ANN, ANN, "1"), Code::Invalid),
            (SignalCallRequest { dialog: pair(ANN, CAT), ..signal(ANN, BOB, "1") }, Code::Invalid),
            (SignalCallRequest { signal: None, ..signal(ANN, BOB, "1") }, Code::Invalid),
        ] {
            assert_eq!(code(ring(&door, request.clone()).await), expected, "{request:?}");
        }
        world.presence.judge(BOB, ANN, Verdict::Blocked);
        world.presence.judge(ANN, BOB, Verdict::Blocking);
        assert_eq!(code(ring(&door, signal(BOB, ANN, "1")).await), Code::Blocked);
        assert_eq!(code(ring(&door, signal(ANN, BOB, "1")).await), Code::Blocking);
        world.presence.fail(Code::Unknown);
        assert_eq!(code(ring(&door, signal(BOB, CAT, "1")).await), Code::Busy, "without a verdict");
        assert_eq!(door.told().await, []);
        check_empty(&world, &door).await;
    })
    .await;
}

/// Clients ring by sending the same again every few seconds.
#[tokio::test(start_paused = true)]
async fn signals_do_not_count_for_the_rate_of_the_app() {
    play(async {
        let world = World { options: Options { app_rate: 1, ..Options::default() }, ..World::new() };
        let mut door = world.start();
        for n in 0..50 {
            ring(&door, signal(BOB, ANN, &n.to_string())).await.unwrap();
        }
        assert_eq!(door.told().await.len(), 50);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_log_hears_once_that_a_call_rings_and_once_that_it_rings_no_more() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        for name in ["1", "2", "3"] {
            ring(&door, offer(BOB, ANN, name)).await.unwrap();
        }
        let begun =
            PostedCall { caller: BOB, callee: ANN, session: "s".into(), kind: CallKind::Audio.into(), at: NOW, over: false };
        assert_eq!(logged(&world).await, std::slice::from_ref(&begun));
        ring(&door, signal(BOB, ANN, "candidates")).await.unwrap();
        ring(&door, with_step(signal(ANN, BOB, "4"), CallMove::Accept, "s")).await.unwrap();
        ring(&door, with_step(signal(BOB, ANN, "5"), CallMove::HangUp, "s")).await.unwrap();
        assert_eq!(said(&door.told().await).len(), 6, "all are relayed");
        assert_eq!(logged(&world).await, [begun.clone(), PostedCall { over: true, ..begun }]);
        check_empty(&world, &door).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_log_that_takes_nothing_holds_up_no_signal_and_hears_of_the_next_offer() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        world.posted.1.ready().await.unwrap();
        world.posted.0.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
        ring(&door, offer(BOB, ANN, "1")).await.unwrap();
        world.posted.0.set_faults(Faults::default());
        assert_eq!(logged(&world).await, []);
        ring(&door, offer(BOB, ANN, "2")).await.unwrap();
        ring(&door, offer(BOB, ANN, "3")).await.unwrap();
        assert_eq!((said(&door.told().await).len(), logged(&world).await.len()), (3, 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_not_be_or_has_no_good_name_is_not_logged() {
    play(async {
        let world = World::new();
        let door = world.start();
        for session in ["", "f0\r\nf1", "ü", &"x".repeat(129)] {
            let wrong = with_step(signal(BOB, ANN, "1"), CallMove::Offer, session);
            assert_eq!(code(ring(&door, wrong).await), Code::Invalid);
        }
        let unknown = with_step(signal(BOB, ANN, "1"), CallMove::Unspecified, "s");
        assert_eq!(code(ring(&door, unknown).await), Code::Invalid);
        world.presence.judge(BOB, ANN, Verdict::Blocked);
        assert_eq!(code(ring(&door, offer(BOB, ANN, "1")).await), Code::Blocked);
        assert_eq!(logged(&world).await, []);
    })
    .await;
}

fn offer(from: u64, to: u64, name: &str) -> SignalCallRequest {
    with_step(signal(from, to, name), CallMove::Offer, "s")
}

fn with_step(signal: SignalCallRequest, what: CallMove, session: &str) -> SignalCallRequest {
    let step = CallStep { what: what.into(), session: session.to_owned(), kind: CallKind::Audio.into() };
    SignalCallRequest { step: Some(step), ..signal }
}

/// What the durable log was told of calls.
async fn logged(world: &World) -> Vec<PostedCall> {
    let entries = world.posted.1.read(APP, 100).await.unwrap();
    entries.into_iter().map(|entry| Posted::decode(entry.value).unwrap().call.unwrap()).collect()
}

fn signal(from: u64, to: u64, name: &str) -> SignalCallRequest {
    let signal = Headline { user: from, stanza_id: name.to_owned(), ..Headline::default() };
    let (dialog, origin) = (pair(from, to), Some(session(from)));
    SignalCallRequest { app: APP, dialog, recipient: to, signal: Some(signal), origin, step: None }
}

async fn ring(door: &Door, request: SignalCallRequest) -> Result<(), Failure> {
    // Boxed, so that a test that rings in many places stays small.
    Box::pin(async { door.dialogs.clone().signal_call(request).await }).await.map(drop).map_err(Failure::from)
}

/// Who signalled what.
fn said(frames: &[Frame]) -> Vec<(u64, &str)> {
    let signals = frames.iter().filter_map(|frame| match &frame.told {
        Some(Told::CallSignal(signal)) => Some((signal.user, signal.stanza_id.as_str())),
        _ => None,
    });
    signals.collect()
}

async fn check_empty(world: &World, door: &Door) {
    for user in [ANN, BOB] {
        let list = ListRequest { app: APP, user, with_hidden: true, brief: true, ..ListRequest::default() };
        assert_eq!(door.dialogs.clone().list(list).await.unwrap().into_inner().entries, []);
    }
    assert!(world.history.state().rows.is_empty() && world.history.state().kept.is_empty());
}
