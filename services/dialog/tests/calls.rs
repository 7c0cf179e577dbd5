//! Signals of calls at the door (contract xmpp 11): told in the order of their sender, kept nowhere.

#![allow(clippy::unwrap_used)]

mod kit;

use futures::future::join_all;
use kit::{ANN, APP, BOB, CAT, Door, NOBODY, World, code, pair, play, post, session};
use natter_dialog::Options;
use natter_proto::dialog::v1::{ListRequest, SignalCallRequest};
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Frame, Headline};
use natter_proto::presence::v1::Verdict;
use natter_proto::{Code, Failure};

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

fn signal(from: u64, to: u64, name: &str) -> SignalCallRequest {
    let signal = Headline { user: from, stanza_id: name.to_owned(), ..Headline::default() };
    SignalCallRequest { app: APP, dialog: pair(from, to), recipient: to, signal: Some(signal), origin: Some(session(from)) }
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
