//! Random programs: some dialogs are made, then anybody does anything. What builds and reads comes more often than what destroys.

use natter_tests::model::{Place, Program, Step, Verb};
use proptest::collection::vec;
use proptest::prelude::*;

const WEIGHTS: [(u32, Verb); 38] = [
    (6, Verb::Create),
    (24, Verb::Post),
    (3, Verb::PostWithoutId),
    (4, Verb::PostUnsaved),
    (5, Verb::PostSilent),
    (1, Verb::PostNothing),
    (6, Verb::Resend),
    (2, Verb::ResendUnsaved),
    (6, Verb::Reuse),
    (4, Verb::Edit),
    (5, Verb::EditOwn),
    (6, Verb::Hide),
    (5, Verb::RemoveForAll),
    (4, Verb::RemoveOwn),
    (8, Verb::MarkRead),
    (6, Verb::MarkDelivered),
    (4, Verb::MarkOfAuthor),
    (3, Verb::MarkAllRead),
    (3, Verb::MarkAllDelivered),
    (7, Verb::List),
    (8, Verb::Add),
    (5, Verb::RemoveMembers),
    (4, Verb::Leave),
    (4, Verb::AddAdmins),
    (2, Verb::RemoveAdmins),
    (6, Verb::Delete),
    (1, Verb::DeleteForAll),
    (4, Verb::Clear),
    (2, Verb::ClearForAll),
    (5, Verb::Subscribe),
    (4, Verb::Unsubscribe),
    (4, Verb::Enter),
    (3, Verb::Exit),
    (5, Verb::Block),
    (4, Verb::Unblock),
    (1, Verb::Decline),
    (2, Verb::Reconnect),
    (4, Verb::Crash),
];

/// Up to sixty steps in up to three places, which most programs begin by making.
pub fn programs() -> impl Strategy<Value = Program> {
    let places = vec(0..Place::COUNT as u8, 1..4);
    let verbs = WEIGHTS.map(|(weight, verb)| (weight, Just(verb).boxed())).to_vec();
    let any = step(proptest::strategy::Union::new_weighted(verbs));
    (places, vec(step(Just(Verb::Create)), 0..6), vec(any, 1..60)).prop_map(|(places, makes, steps)| {
        let steps = makes.into_iter().chain(steps).collect();
        Program { places, steps }
    })
}

fn step(verb: impl Strategy<Value = Verb>) -> impl Strategy<Value = Step> {
    (verb, 0_u8..4, 0_u8..3, 0_u8..12, 0_u8..16).prop_map(|(verb, user, place, pick, set)| Step { verb, user, place, pick, set })
}
