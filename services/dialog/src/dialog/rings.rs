//! Which calls of two users are to be told to the durable log (decision 0032): each once when it begins to ring, and once when it
//! rings no more, however often its clients repeat their signals. Not who is told of a signal: everybody who is there.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::UserId;
use natter_proto::event::v1::{CallKind, PostedCall};

/// How long a call is remembered from its first step on, milliseconds: longer than clients ring.
const MEMORY_MS: i64 = 5 * 60 * 1_000;
/// So many are remembered. While they are, a further one is relayed and not told to the log: nobody calls so often.
const CALLS_MAX: usize = 20;

/// What a signal does to its call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// As the clients name the call.
    pub session: String,
    pub kind: CallKind,
    pub what: Move,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Move {
    Offer,
    Accept,
    Reject,
    HangUp,
}

/// The calls of two users, as far as they are remembered.
#[derive(Default)]
pub struct Rings(Vec<Ring>);

struct Ring {
    /// Its offer.
    call: PostedCall,
    told: Told,
}

/// What the log was told of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    Nothing,
    Offer,
    Over,
}

impl Rings {
    /// What the log is to be told of a step, if it is news. It is until it is [`told`](Rings::told).
    pub fn news(&mut self, from: UserId, to: UserId, step: &Step, now: i64) -> Option<PostedCall> {
        self.0.retain(|ring| now - ring.call.at < MEMORY_MS);
        let place = match self.0.iter().position(|ring| ring.call.session == step.session) {
            Some(place) => place,
            None if self.0.len() >= CALLS_MAX => return None,
            None => {
                self.0.push(Ring { call: called(from, to, step, now)?, told: Told::Nothing });
                self.0.len() - 1
            }
        };
        let Ring { call, told } = &self.0[place];
        match (step.what, told) {
            (_, Told::Over) | (Move::Offer, Told::Offer) => None,
            (Move::Offer, Told::Nothing) => Some(call.clone()),
            _ => Some(PostedCall { at: now, over: true, ..call.clone() }),
        }
    }

    /// The log has it.
    pub fn told(&mut self, news: &PostedCall) {
        if let Some(ring) = self.0.iter_mut().find(|ring| ring.call.session == news.session) {
            ring.told = if news.over { Told::Over } else { Told::Offer };
        }
    }
}

/// The call that a step is the first known one of. Who hangs up may be either of them: of a call that is not known that says
/// nothing, and most of these rang long ago.
fn called(from: UserId, to: UserId, step: &Step, at: i64) -> Option<PostedCall> {
    let (caller, callee) = match step.what {
        Move::Offer => (from.0, to.0),
        Move::Accept | Move::Reject => (to.0, from.0),
        Move::HangUp => return None,
    };
    Some(PostedCall { caller, callee, session: step.session.clone(), kind: step.kind.into(), at, over: false })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ANN: UserId = UserId(34);
    const BOB: UserId = UserId(78);

    #[test]
    fn a_call_is_news_when_it_begins_and_when_it_rings_no_more() {
        for (from, to, end) in [(ANN, BOB, Move::HangUp), (BOB, ANN, Move::Accept), (BOB, ANN, Move::Reject)] {
            let mut rings = Rings::default();
            let steps =
                [(ANN, BOB, Move::Offer, 1), (ANN, BOB, Move::Offer, 6), (from, to, end, 9), (BOB, ANN, Move::HangUp, 60)];
            let news = steps.map(|(from, to, what, at)| tell(&mut rings, from, to, &step("a", what), at));
            let (begun, over) = (call("a", 1, false), call("a", 9, true));
            assert_eq!(news, [Some(begun), None, Some(over), None], "{end:?}");
            assert_eq!(tell(&mut rings, ANN, BOB, &step("a", Move::Offer), 99), None, "what was over does not ring again");
        }
    }

    #[test]
    fn what_the_log_did_not_take_stays_news_of_the_first_offer() {
        let mut rings = Rings::default();
        let offer = step("a", Move::Offer);
        assert_eq!(rings.news(ANN, BOB, &offer, 1), Some(call("a", 1, false)));
        assert_eq!(tell(&mut rings, ANN, BOB, &offer, 6), Some(call("a", 1, false)));
        assert_eq!(tell(&mut rings, ANN, BOB, &offer, 11), None);
    }

    #[test]
    fn of_a_call_that_is_not_known_its_answer_is_news_and_its_end_is_not() {
        for (what, expected) in
            [(Move::Accept, Some(call("a", 9, true))), (Move::Reject, Some(call("a", 9, true))), (Move::HangUp, None)]
        {
            assert_eq!(tell(&mut Rings::default(), BOB, ANN, &step("a", what), 9), expected, "{what:?}");
        }
    }

    #[test]
    fn only_so_many_calls_are_remembered_and_only_for_a_while() {
        let mut rings = Rings::default();
        let names: Vec<String> = (0..30).map(|n| n.to_string()).collect();
        let told = |rings: &mut Rings, at: i64| {
            names.iter().filter(|name| tell(rings, ANN, BOB, &step(name, Move::Offer), at).is_some()).count()
        };
        assert_eq!((told(&mut rings, 1), told(&mut rings, MEMORY_MS)), (CALLS_MAX, 0));
        assert_eq!((told(&mut rings, MEMORY_MS + 1), rings.0.len()), (CALLS_MAX, CALLS_MAX));
    }

    fn tell(rings: &mut Rings, from: UserId, to: UserId, step: &Step, at: i64) -> Option<PostedCall> {
        let news = rings.news(from, to, step, at)?;
        rings.told(&news);
        Some(news)
    }

    fn step(session: &str, what: Move) -> Step {
        Step { session: session.to_owned(), kind: CallKind::Video, what }
    }

    fn call(session: &str, at: i64, over: bool) -> PostedCall {
        let kind = CallKind::Video.into();
        PostedCall { caller: ANN.0, callee: BOB.0, session: session.to_owned(), kind, at, over }
    }
}
