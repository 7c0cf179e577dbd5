//! Messages at the door: made durable, told once, acked last, whatever fails in between.

#![allow(clippy::unwrap_used)]

mod kit;

use std::time::Duration;

use futures::future::join_all;
use kit::{ANN, APP, BOB, CAT, Door, Fate, NOBODY, NOW, World, code, id, pair, play, post, session, unsaved};
use natter_actor::Chance;
use natter_db::{Faults, Kv};
use natter_dialog::Options;
use natter_proto::dialog::v1::job::What;
use natter_proto::dialog::v1::{
    BatchRequest, GetRequest, Job, JobOutcome, ListRequest, MarkRequest, PostRequest, RemoveMessagesRequest, SignalRequest,
};
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Frame, MarkKind, Typing};
use natter_proto::{Code, Failure};
use tokio::task::LocalSet;

// === the main road ===

#[tokio::test(start_paused = true)]
async fn the_first_message_makes_the_dialog_and_is_told_to_both() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        let reply = door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        assert_eq!((reply.dialog, reply.id, reply.seq), (pair(ANN, BOB), id(1), 1));
        assert_eq!((reply.date_sent, reply.duplicate), (NOW / 1000, false));

        let told = door.told().await;
        assert_eq!(told.len(), 1);
        assert_eq!((&told[0].to, &told[0].origin), (&vec![ANN, BOB], &Some(session(ANN))));
        let get = GetRequest { app: kit::APP, dialog: pair(ANN, BOB), user: BOB, preview: false };
        let dialog = door.dialogs.clone().get(get).await.unwrap().into_inner();
        assert_eq!((dialog.owner, dialog.members, dialog.updated_at), (ANN, vec![ANN, BOB], NOW));

        door.post(post(BOB, ANN, 2, "hello")).await.unwrap();
        assert_eq!(world.history.bodies(&pair(ANN, BOB)), ["hi", "hello"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn posts_that_come_together_are_taken_in_their_order_and_each_has_an_outcome() {
    play(async {
        let world = World::new();
        let door = world.start();
        let many = async |posts: Vec<PostRequest>| {
            let jobs = posts.into_iter().map(|post| Job { what: Some(What::Post(post)) }).collect();
            let request = BatchRequest { app: APP, dialog: pair(ANN, BOB), jobs };
            door.dialogs.clone().batch(request).await.map(|reply| reply.into_inner().outcomes).map_err(Failure::from)
        };
        let words: Vec<String> = (1..=60).map(|n| format!("word {n}")).collect();
        let mut posts: Vec<PostRequest> = (1..).zip(&words).map(|(n, word)| post(ANN, BOB, n, word)).collect();
        // One of somebody who is not in it, one of another dialog, and one that is there already.
        posts.insert(2, post(CAT, BOB, 70, "let me in"));
        posts[2].dialog = pair(ANN, BOB);
        posts.insert(3, post(ANN, CAT, 71, "elsewhere"));
        posts.push(posts[0].clone());
        let outcomes = many(posts).await.unwrap();
        let refusals = outcomes.iter().enumerate().filter_map(|(at, outcome)| Some((at, outcome.refusal.clone()?)));
        let refusals: Vec<(usize, Code)> = refusals.map(|(at, refusal)| (at, Failure::from(refusal).code)).collect();
        assert_eq!(refusals, [(2, Code::Forbidden), (3, Code::Invalid)]);
        let numbers: Vec<u64> = outcomes.iter().map(|outcome| outcome.seq).filter(|seq| *seq > 0).collect();
        assert_eq!(numbers, (1..=60).chain([1]).collect::<Vec<_>>());
        assert_eq!(world.history.bodies(&pair(ANN, BOB)), words);
        assert!(world.history.bodies(&pair(ANN, CAT)).is_empty());

        let too_many = (0..65).map(|n| post(ANN, BOB, 100 + n, "x")).collect();
        assert_eq!(many(too_many).await.unwrap_err().code, Code::TooLarge);
        assert_eq!(world.history.bodies(&pair(ANN, BOB)), words);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn statuses_and_signals_come_with_posts_and_each_has_an_outcome() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        door.post(post(BOB, ANN, 1, "how are you?")).await.unwrap();
        door.told().await;
        let (app, dialog, origin) = (APP, pair(ANN, BOB), Some(session(ANN)));
        let mark = MarkRequest {
            app,
            dialog: dialog.clone(),
            user: ANN,
            author: BOB,
            kind: MarkKind::Read.into(),
            ids: vec![id(1)],
            relay: true,
            origin: origin.clone(),
            ..MarkRequest::default()
        };
        let typing = Some(Typing { user: ANN, recipient: BOB, composing: true, ..Typing::default() });
        let signal = SignalRequest { app, dialog: dialog.clone(), user: ANN, recipient: BOB, origin, typing };
        let elsewhere = MarkRequest { dialog: pair(ANN, CAT), ..mark.clone() };
        let jobs = [
            Some(What::Post(post(ANN, BOB, 2, "well"))),
            Some(What::Mark(mark)),
            Some(What::Mark(elsewhere)),
            Some(What::Signal(signal)),
            Some(What::Post(post(ANN, BOB, 3, "and you?"))),
            None,
        ];
        let jobs = jobs.into_iter().map(|what| Job { what }).collect();
        let reply = door.dialogs.clone().batch(BatchRequest { app, dialog, jobs }).await.unwrap().into_inner();
        let outcome = |outcome: JobOutcome| outcome.refusal.map_or(Ok(outcome.seq), |refusal| Err(Failure::from(refusal).code));
        let outcomes: Vec<_> = reply.outcomes.into_iter().map(outcome).collect();
        assert_eq!(outcomes, [Ok(2), Ok(0), Err(Code::Invalid), Ok(0), Ok(3), Err(Code::Invalid)]);
        let told = door.told().await.into_iter().map(|frame| match frame.told {
            Some(Told::Message(message)) => message.seq.to_string(),
            Some(Told::Marker(_)) => "read".to_owned(),
            Some(Told::Typing(_)) => "typing".to_owned(),
            other => format!("{other:?}"),
        });
        // As always when they wait in the dialog's mailbox: no signal before a post that came ahead of it.
        assert_eq!(told.collect::<Vec<_>>(), ["read", "2", "3", "typing"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_post_that_may_not_be_is_refused_and_makes_nothing() {
    play(async {
        let mut door = World::new().start();
        let check = async |door: &Door, request: PostRequest, expected| {
            assert_eq!(code(door.post(request).await), expected);
        };
        check(&door, post(ANN, NOBODY, 1, "hi"), Code::NotFound).await;
        check(&door, post(ANN, ANN, 1, "hi"), Code::Invalid).await;
        check(&door, PostRequest { dialog: pair(ANN, CAT), ..post(ANN, BOB, 1, "hi") }, Code::Invalid).await;
        check(&door, PostRequest { recipient: 0, ..post(ANN, BOB, 1, "hi") }, Code::NotFound).await;
        check(&door, PostRequest { app: 8, ..post(ANN, BOB, 1, "hi") }, Code::NotFound).await;
        check(&door, PostRequest { message: None, ..post(ANN, BOB, 1, "hi") }, Code::Invalid).await;
        check(&door, PostRequest { store: false, deliver: false, ..post(ANN, BOB, 1, "hi") }, Code::Invalid).await;
        check(&door, PostRequest { only_repeat: true, ..post(ANN, BOB, 1, "hi") }, Code::NotStored).await;
        check(&door, post(ANN, BOB, 1, &"a".repeat(60 * 1024 + 1)), Code::TooLarge).await;
        let list = ListRequest { app: APP, user: ANN, with_hidden: true, brief: true, ..ListRequest::default() };
        assert_eq!(door.dialogs.clone().list(list).await.unwrap().into_inner().entries, []);

        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        let stranger = PostRequest { dialog: pair(ANN, BOB), recipient: 0, ..post(CAT, BOB, 2, "hi") };
        check(&door, stranger, Code::Forbidden).await;
        check(&door, PostRequest { dialog: pair(ANN, BOB), ..post(ANN, CAT, 2, "hi") }, Code::Invalid).await;
        check(&door, post(ANN, BOB, 2, &"a".repeat(60 * 1024 + 1)), Code::TooLarge).await;
        assert_eq!(door.told().await.len(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_not_to_be_delivered_is_stored_and_told_to_nobody() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        let reply = door.post(PostRequest { deliver: false, ..post(ANN, BOB, 1, "hi") }).await.unwrap();
        assert_eq!(reply.seq, 1);
        assert_eq!(world.history.bodies(&pair(ANN, BOB)), ["hi"]);
        assert!(door.told().await.is_empty());
        door.post(post(ANN, BOB, 2, "hello")).await.unwrap();
        let stored_only: Vec<bool> = world.history.state().rows[&pair(ANN, BOB)].iter().map(|row| row.stored_only).collect();
        assert_eq!(stored_only, [true, false], "an edge that fetches rows knows which are not for sessions");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn many_posters_at_once_share_appends_and_stay_in_order() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        door.post(post(ANN, BOB, 1000, "first")).await.unwrap();
        let posts = (0..300).map(|n| match n % 2 {
            0 => post(ANN, BOB, n, &n.to_string()),
            _ => post(BOB, ANN, n, &n.to_string()),
        });
        let replies = join_all(posts.map(|request| door.post(request))).await;
        let seqs: Vec<u64> = replies.into_iter().map(|reply| reply.unwrap().seq).collect();
        assert_eq!(seqs, (2..302).collect::<Vec<_>>());
        let told: Vec<u64> = door.told_messages().await.iter().map(|message| message.seq).collect();
        assert_eq!(told, (1..302).collect::<Vec<_>>());
        assert!(world.history.state().appends <= 4, "{}", world.history.state().appends);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn large_messages_are_appended_in_parts_that_fit() {
    play(async {
        let world = World::new();
        let door = world.start();
        let body = "a".repeat(60 * 1024);
        let replies = join_all((0..100).map(|n| door.post(post(ANN, BOB, n, &body)))).await;
        assert!((1..).zip(replies).all(|(seq, reply)| reply.unwrap().seq == seq));
        assert_eq!(world.history.state().appends, 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_dialog_leaves_memory_and_comes_back_with_its_state() {
    play(async {
        let world = World::new();
        let door = world.start();
        door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(120)).await;
        let again = door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        assert_eq!((again.seq, again.duplicate), (1, true));
        let next = door.post(post(BOB, ANN, 2, "hello")).await.unwrap();
        assert_eq!((next.seq, next.date_sent), (2, NOW / 1000 + 120));
        assert_eq!(world.history.state().loads, 2);
    })
    .await;
}

// === duplicates ===

#[tokio::test(start_paused = true)]
async fn a_message_sent_again_is_acked_again_and_told_once() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        let all = join_all((0..3).map(|_| door.post(post(ANN, BOB, 1, "hi")))).await;
        let all: Vec<(u64, bool)> = all.into_iter().map(Result::unwrap).map(|reply| (reply.seq, reply.duplicate)).collect();
        assert_eq!(all, [(1, false), (1, true), (1, true)]);
        assert_eq!(door.post(post(ANN, BOB, 1, "hi")).await.unwrap().seq, 1);
        assert_eq!(door.told().await.len(), 1);

        let other = door.post(post(BOB, ANN, 1, "hi")).await.unwrap();
        assert_ne!(other.id, id(1));
        assert_eq!((other.message.unwrap().alias, other.seq), (id(1), 2));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_message_sent_again_after_a_thousand_others_is_found_in_history() {
    play(async {
        let world = World { options: Options { tail_ids: 10, ..Options::default() }, ..World::new() };
        let door = world.start();
        for n in 0..10 {
            door.post(post(ANN, BOB, n, "hi")).await.unwrap();
        }
        assert_eq!(world.history.state().finds, 0, "the tail holds the whole log");
        for n in 10..30 {
            door.post(post(ANN, BOB, n, "hi")).await.unwrap();
        }
        let again = door.post(post(ANN, BOB, 3, "hi")).await.unwrap();
        assert_eq!((again.seq, again.id, again.duplicate), (4, id(3), true));
        assert_eq!(world.history.bodies(&pair(ANN, BOB)).len(), 30);
    })
    .await;
}

// === what fails ===

#[tokio::test(start_paused = true)]
async fn a_refused_append_refuses_its_posts_and_takes_no_number() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        world.history.next(Fate::Refused(Code::NotStored));
        let refused = join_all((0..3).map(|n| door.post(post(ANN, BOB, n, "hi")))).await;
        assert!(refused.into_iter().all(|reply| code(reply) == Code::NotStored));
        assert!(door.told().await.is_empty());
        assert_eq!(door.post(post(ANN, BOB, 1, "hi")).await.unwrap().seq, 1);
        assert_eq!(world.history.state().loads, 1, "the actor knows that nothing was written");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_append_without_an_answer_is_unknown_and_a_written_one_is_found_and_told_once() {
    for (fate, duplicate) in [(Fate::Lost, false), (Fate::Unanswered, true)] {
        play(async move {
            let world = World::new();
            let mut door = world.start();
            world.history.next(fate);
            assert_eq!(code(door.post(post(ANN, BOB, 1, "hi")).await), Code::Unknown, "{fate:?}");
            assert!(door.told().await.is_empty());
            let again = door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
            assert_eq!((again.seq, again.duplicate), (1, duplicate), "{fate:?}");
            let once_more = door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
            assert_eq!((once_more.seq, once_more.duplicate), (1, true));
            assert_eq!(door.told_messages().await.len(), 1, "{fate:?}");
            assert_eq!(world.history.bodies(&pair(ANN, BOB)), ["hi"], "{fate:?}");
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_append_that_lands_late_is_met_as_a_conflict_and_nothing_is_doubled() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        world.history.next(Fate::Late(Duration::from_secs(3)));
        assert_eq!(code(door.post(post(ANN, BOB, 1, "hi")).await), Code::Unknown);
        // The actor loads an empty log; the row of before lands while it lives.
        let stale = door.post(PostRequest { deliver: true, ..unsaved(BOB, ANN, 9, "psst") }).await;
        assert!(stale.is_ok());
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(code(door.post(post(ANN, BOB, 1, "hi")).await), Code::Busy);
        let again = door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        assert_eq!((again.seq, again.duplicate), (1, true));
        assert_eq!(world.history.bodies(&pair(ANN, BOB)), ["hi"]);
        let told = door.told_messages().await;
        assert_eq!(told.iter().filter(|message| message.seq == 1).count(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_between_store_and_tell_leaves_a_message_that_is_told_by_the_next() {
    let world = World::new();
    let node = LocalSet::new();
    node.run_until(async {
        let door = world.start();
        world.history.next(Fate::Unanswered);
        let post = door.post(post(ANN, BOB, 1, "hi"));
        assert!(tokio::time::timeout(Duration::from_secs(1), post).await.is_err(), "still storing");
    })
    .await;
    drop(node);
    play(async {
        let mut door = world.start();
        let again = door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
        assert_eq!((again.seq, again.duplicate), (1, true));
        assert_eq!(door.told_messages().await.iter().map(|message| message.seq).collect::<Vec<_>>(), [1]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_message_removed_before_it_is_told_again_stays_removed() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        world.history.next(Fate::Unanswered);
        assert_eq!(code(door.post(post(ANN, BOB, 1, "hi")).await), Code::Unknown);
        world.history.state().rows.get_mut(&pair(ANN, BOB)).unwrap()[0].removed = true;
        assert!(door.post(post(ANN, BOB, 1, "hi")).await.unwrap().duplicate);
        assert!(door.told().await.is_empty());
    })
    .await;
}

/// Two senders who send each message again until it is acked, over a log that fails by the seed in every way it can.
#[tokio::test(start_paused = true)]
async fn whatever_fails_each_message_is_there_once_in_its_senders_order_and_told() {
    for seed in 0..60 {
        play(async move {
            let world = World::new();
            let mut door = world.start();
            let chance = Chance::seeded(seed);
            let ann = send_all(&world, &door, &chance, |n| post(ANN, BOB, n, &format!("a{n}")));
            let bob = send_all(&world, &door, &chance, |n| post(BOB, ANN, 100 + n, &format!("b{n}")));
            let (ann, bob) = tokio::join!(ann, bob);
            let rows = world.history.state().rows[&pair(ANN, BOB)].clone();
            assert_eq!(rows.len(), 20, "seed {seed}");
            for (sender, acked) in [(ANN, ann), (BOB, bob)] {
                let stored: Vec<u64> = rows.iter().filter(|row| row.sender == sender).map(|row| row.seq).collect();
                assert_eq!(stored, acked, "seed {seed}");
            }
            let told = door.told_messages().await;
            assert!((1..=20).all(|seq| told.iter().any(|message| message.seq == seq)), "seed {seed}");
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dialog_whose_making_is_in_doubt_is_loaded_again() {
    for seed in 0..8 {
        play(async move {
            let world = World { db: Kv::memory_with(Faults { seed, ..Faults::default() }), ..World::new() };
            let door = world.start();
            world.db.set_faults(Faults { unknown: 1.0, ..Faults::default() });
            assert_eq!(code(door.post(post(ANN, BOB, 1, "hi")).await), Code::Unknown);
            world.db.set_faults(Faults::default());
            let again = door.post(post(ANN, BOB, 1, "hi")).await.unwrap();
            assert_eq!((again.seq, again.duplicate), (1, false));
        })
        .await;
    }
}

// === messages outside history ===

#[tokio::test(start_paused = true)]
async fn a_message_outside_history_is_kept_for_its_recipient_and_told_with_its_place() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        let reply = door.post(unsaved(ANN, BOB, 1, "psst")).await.unwrap();
        assert_eq!((reply.seq, reply.id), (0, id(1)));
        let (two, three) = tokio::join!(door.post(unsaved(ANN, BOB, 2, "psst")), door.post(unsaved(ANN, BOB, 3, "psst")));
        assert!(!two.unwrap().duplicate && !three.unwrap().duplicate);
        assert!(door.post(unsaved(ANN, BOB, 2, "psst")).await.unwrap().duplicate);
        let told = door.told().await;
        assert_eq!(told.iter().map(|frame| frame.kept).collect::<Vec<_>>(), [1, 2, 3]);
        let state = world.history.state();
        assert_eq!(state.appends, 0);
        let kept = told.into_iter().map(|frame| (BOB, Frame { kept: 0, ..frame }));
        assert_eq!(state.kept, kept.collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_frame_and_its_row_say_when_the_row_before_was_told_and_what_was_changed_last() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        for n in 1..=2 {
            world.history.next(Fate::Slow(Duration::from_millis(300)));
            door.post(post(ANN, BOB, n, "hi")).await.unwrap();
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let removal =
            RemoveMessagesRequest { app: APP, user: ANN, ids: vec![id(1)], force: true, ..RemoveMessagesRequest::default() };
        door.dialogs.remove(removal).await.unwrap();
        world.history.next(Fate::Slow(Duration::from_millis(300)));
        let (three, four) = tokio::join!(door.post(post(ANN, BOB, 3, "hi")), door.post(post(BOB, ANN, 4, "hi")));
        three.and(four).unwrap();
        let told = door.told().await;
        let rows = world.history.state().rows[&pair(ANN, BOB)].clone();
        let first = rows[0].created_at;
        let said = |frame: &Frame| (frame.previous_at, frame.stamp);
        assert_eq!(said(&told[0]), (0, 0));
        assert_eq!(said(&told[1]), (first + 300, 0));
        assert_eq!(told[2].stamp, 1);
        assert_eq!(said(&told[3]), (first + 1_600, 1));
        assert_eq!(said(&told[4]), (first + 2_900, 1), "told together, when both were stored");
        let rows_say: Vec<i64> = rows.iter().map(|row| row.previous_told_at).collect();
        assert_eq!(rows_say, [0, first + 300, first + 1_600, 0]);
        let changed: Vec<i64> = told.iter().map(|frame| frame.changed_at).collect();
        let removed_at = first + 2_600;
        assert_eq!(changed, [0, 0, 0, removed_at, removed_at]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_kept_is_refused_and_the_others_go_on() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        door.post(post(BOB, ANN, 0, "first")).await.unwrap();
        world.history.next(Fate::Refused(Code::NotStored));
        assert_eq!(code(door.post(unsaved(ANN, BOB, 1, "psst")).await), Code::NotStored);
        assert_eq!(door.told().await.len(), 1);
        let (stored, kept) = tokio::join!(door.post(post(ANN, BOB, 2, "hi")), door.post(unsaved(ANN, BOB, 1, "psst")));
        assert_eq!((stored.unwrap().seq, kept.unwrap().seq), (2, 0));
        assert_eq!(door.told().await.len(), 2);
    })
    .await;
}

// === helpers ===

/// Sends ten messages, each until it is acked; their numbers.
async fn send_all(world: &World, door: &Door, chance: &Chance, message: impl Fn(u16) -> PostRequest) -> Vec<u64> {
    let mut acked = Vec::new();
    for n in 0..10 {
        let mut tries = 0;
        acked.push(loop {
            if chance.below(3) == 0 {
                world.history.next(any_fate(chance));
            }
            match door.post(message(n)).await {
                Ok(reply) => break reply.seq,
                Err(failure) => {
                    assert!([Code::Busy, Code::Unknown, Code::NotStored].contains(&failure.code), "{failure:?}");
                    tokio::time::sleep(Duration::from_millis(chance.below(3000))).await;
                }
            }
            tries += 1;
            assert!(tries < 50, "message {n} is never taken");
        });
    }
    acked
}

fn any_fate(chance: &Chance) -> Fate {
    match chance.below(5) {
        0 => Fate::Refused(Code::NotStored),
        1 => Fate::Refused(Code::Busy),
        2 => Fate::Lost,
        3 => Fate::Unanswered,
        _ => Fate::Late(Duration::from_millis(2000 + chance.below(3000))),
    }
}
