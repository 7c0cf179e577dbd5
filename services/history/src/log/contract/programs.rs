//! Random programs on the log and on the oracle: the log alone must be able to say what is unread.

use std::sync::Arc;

use natter_db::Kv;
use natter_proto::event::v1::Message;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{embedded, key};
use crate::edit::Edit;
use crate::log::MessageLog;
use crate::member::Move;
use crate::oracle::Oracle;
use crate::ranges::Ranges;

/// One step of a program, in one of two dialogs.
#[derive(Clone, Debug)]
enum Step {
    Append { senders: Vec<u64>, quiet: Option<u64> },
    Read { user: u64, from: u64, more: u64 },
    ReadAll { user: u64 },
    Receive { user: u64, from: u64, more: u64 },
    Hide { user: u64, seq: u64 },
    Clear { user: u64 },
    Remove { seq: u64 },
    Edit { seq: u64 },
    Reopen,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_the_log_says_what_is_unread(steps in vec((0_u8..2, steps()), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(steps));
    }
}

async fn run(steps: Vec<(u8, Step)>) {
    let kv = Kv::memory();
    let mut log = embedded(kv.clone());
    let mut oracles = [Oracle::default(), Oracle::default()];
    for (dialog, step) in steps {
        if matches!(step, Step::Reopen) {
            log = embedded(kv.clone());
        }
        take(&log, dialog, &step, &mut oracles[usize::from(dialog)]).await;
        oracles[usize::from(dialog)].agrees_with(&*log, key(dialog)).await;
    }
    for (dialog, oracle) in (0..).zip(&oracles) {
        oracle.agrees_with(&*log, key(dialog)).await;
    }
}

async fn take(log: &Arc<dyn MessageLog>, dialog: u8, step: &Step, oracle: &mut Oracle) {
    let key = key(dialog);
    let moved = async |user: u64, to: Move| _ = log.move_member(key, user, to).await.unwrap();
    match step {
        Step::Append { senders, quiet } => {
            let append = oracle.next(senders, *quiet);
            oracle.append(&append);
            assert_eq!(log.append(key, append).await, Ok(oracle.head()));
        }
        Step::Read { user, from, more } => {
            oracle.read(*user, *from..=from + more);
            moved(*user, Move::Read(Ranges::of(*from, from + more))).await;
        }
        Step::ReadAll { user } => {
            oracle.read(*user, 1..=oracle.head());
            moved(*user, Move::Read(Ranges::of(1, u64::MAX))).await;
        }
        Step::Receive { user, from, more } => {
            oracle.receive(*user, *from..=from + more);
            moved(*user, Move::Received(Ranges::of(*from, from + more))).await;
        }
        Step::Hide { user, seq } => {
            oracle.hide(*user, [*seq]);
            moved(*user, Move::Hid(Ranges::of(*seq, *seq))).await;
        }
        Step::Clear { user } => {
            oracle.hide(*user, 1..=oracle.head());
            moved(*user, Move::Cleared(u64::MAX)).await;
        }
        Step::Remove { seq } => {
            oracle.remove(*seq);
            let done = log.change(key, *seq, Edit::Remove, 1, 1_900_000_000_000).await;
            assert_eq!(done.is_ok(), (1..=oracle.head()).contains(seq));
        }
        Step::Edit { seq } => {
            oracle.edit(*seq, "edited");
            let words = Edit::of(Message { body: Some("edited".into()), ..Message::default() }, false);
            let done = log.change(key, *seq, words, 1, 1_900_000_000_000).await;
            let there = oracle.rows.iter().any(|row| row.seq == *seq && !row.removed);
            assert_eq!(done.is_ok(), there);
        }
        Step::Reopen => {}
    }
}

fn steps() -> impl Strategy<Value = Step> {
    let user = || 1_u64..4;
    prop_oneof![
        4 => (vec(user(), 1..5), proptest::option::of(user())).prop_map(|(senders, quiet)| Step::Append { senders, quiet }),
        2 => (user(), 1_u64..30, 0_u64..4).prop_map(|(user, from, more)| Step::Read { user, from, more }),
        1 => user().prop_map(|user| Step::ReadAll { user }),
        2 => (user(), 1_u64..30, 0_u64..4).prop_map(|(user, from, more)| Step::Receive { user, from, more }),
        2 => (user(), 1_u64..30).prop_map(|(user, seq)| Step::Hide { user, seq }),
        1 => user().prop_map(|user| Step::Clear { user }),
        2 => (1_u64..30).prop_map(|seq| Step::Remove { seq }),
        1 => (1_u64..30).prop_map(|seq| Step::Edit { seq }),
        1 => Just(Step::Reopen),
    ]
}
