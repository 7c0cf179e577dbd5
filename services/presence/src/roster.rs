//! Contacts (contract xmpp 6; RFC 6121, 2 and 3): what becomes of the two views that two users have of each other, and who is told.
//! Rules: no clock, no store, no bus.
//!
//! Invariants, between the two views: one `to` is the other's `from`, one `ask` is the other's `asked`.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::{Contact, Subscription};
use natter_proto::presence::v1::ContactRow;

/// What a user does about another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Adds it to the list, or gives it another name.
    Set {
        name: String,
    },
    Remove,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
    /// The user is no more: neither of the two has a view of the other.
    Vanish,
}

/// What follows besides the new views, in this order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tell {
    /// The other is told this of the user.
    Other(Subscription),
    /// The user is told this of the other.
    Self_(Subscription),
    /// The other sees the user's sessions from now on.
    OtherSees,
    /// The other sees them no more.
    OtherLoses,
    /// The user sees the other's no more.
    SelfLoses,
}

impl Step {
    /// `None`: no such request.
    pub fn of(kind: Subscription) -> Option<Step> {
        match kind {
            Subscription::Unspecified => None,
            Subscription::Subscribe => Some(Step::Subscribe),
            Subscription::Subscribed => Some(Step::Subscribed),
            Subscription::Unsubscribe => Some(Step::Unsubscribe),
            Subscription::Unsubscribed => Some(Step::Unsubscribed),
        }
    }

    /// Whether the user's list gets one entry more.
    pub fn lists(&self, mine: &ContactRow) -> bool {
        match self {
            Step::Set { .. } | Step::Subscribe => !mine.listed,
            Step::Subscribed => !mine.listed && mine.asked,
            Step::Remove | Step::Unsubscribe | Step::Unsubscribed | Step::Vanish => false,
        }
    }

    /// Changes the two views.
    pub fn apply(self, mine: &mut ContactRow, other: &mut ContactRow) -> Vec<Tell> {
        let mut tell = Vec::new();
        match self {
            Step::Set { name } => (mine.listed, mine.name) = (true, name),
            // He has it already: the client that asks has forgotten, and is answered as if it had been granted now.
            Step::Subscribe if mine.to => tell.push(Tell::Self_(Subscription::Subscribed)),
            Step::Subscribe => {
                (mine.listed, mine.ask, other.asked) = (true, true, true);
                tell.push(Tell::Other(Subscription::Subscribe));
            }
            Step::Subscribed if mine.asked => {
                (mine.listed, mine.asked, mine.from) = (true, false, true);
                (other.listed, other.ask, other.to) = (true, false, true);
                // Presence before the grant would be dropped by the SDK.
                tell.extend([Tell::Other(Subscription::Subscribed), Tell::OtherSees]);
            }
            // Nobody asked.
            Step::Subscribed => {}
            Step::Unsubscribe => unsubscribe(mine, other, &mut tell),
            Step::Unsubscribed => unsubscribed(mine, other, &mut tell),
            Step::Remove => {
                unsubscribe(mine, other, &mut tell);
                unsubscribed(mine, other, &mut tell);
                *mine = ContactRow::default();
            }
            Step::Vanish => {
                tell = Step::Remove.apply(mine, other);
                *other = ContactRow::default();
            }
        }
        tell
    }
}

fn unsubscribe(mine: &mut ContactRow, other: &mut ContactRow, tell: &mut Vec<Tell>) {
    let (had, asked) = (mine.to, mine.ask);
    (mine.to, mine.ask, other.from, other.asked) = (false, false, false, false);
    if had || asked {
        tell.push(Tell::Other(Subscription::Unsubscribe));
    }
    if had {
        tell.push(Tell::SelfLoses);
    }
}

fn unsubscribed(mine: &mut ContactRow, other: &mut ContactRow, tell: &mut Vec<Tell>) {
    let (had, asked) = (mine.from, mine.asked);
    (mine.from, mine.asked, other.to, other.ask) = (false, false, false, false);
    if had || asked {
        tell.push(Tell::Other(Subscription::Unsubscribed));
    }
    if had {
        tell.push(Tell::OtherLoses);
    }
}

/// Nothing that would have to be kept.
pub(crate) fn is_empty(row: &ContactRow) -> bool {
    *row == ContactRow::default()
}

/// The view as its owner sees it; nothing if it is not in the list.
pub(crate) fn contact(user: u64, row: &ContactRow) -> Option<Contact> {
    let ContactRow { name, listed, to, from, ask, .. } = row;
    listed.then(|| Contact { user, name: name.clone(), to: *to, from: *from, ask: *ask })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_mutual_flow_of_the_contract() {
        let mut pair = Pair::default();
        assert_eq!(pair.ann(set("Bob")), []);
        assert_eq!(pair.ann(Step::Subscribe), [Tell::Other(Subscription::Subscribe)]);
        assert_eq!((pair.spell().0.as_str(), pair.spell().1.as_str()), ("none ask", "- asked"));
        assert_eq!(pair.bob(Step::Subscribed), [Tell::Other(Subscription::Subscribed), Tell::OtherSees]);
        assert_eq!((pair.spell().0.as_str(), pair.spell().1.as_str()), ("to", "from"));
        assert_eq!(pair.bob(set("")), []);
        assert_eq!(pair.bob(Step::Subscribe), [Tell::Other(Subscription::Subscribe)]);
        assert_eq!(pair.ann(Step::Subscribed), [Tell::Other(Subscription::Subscribed), Tell::OtherSees]);
        assert_eq!((pair.spell().0.as_str(), pair.spell().1.as_str()), ("both", "both"));
        assert_eq!(pair.ann(Step::Subscribe), [Tell::Self_(Subscription::Subscribed)], "once more");
        assert_eq!(
            pair.ann(Step::Remove),
            [Tell::Other(Subscription::Unsubscribe), Tell::SelfLoses, Tell::Other(Subscription::Unsubscribed), Tell::OtherLoses]
        );
        assert_eq!((pair.spell().0.as_str(), pair.spell().1.as_str()), ("-", "none"));
        assert_eq!(pair.0.name, "");
    }

    #[test]
    fn a_refused_request_leaves_the_contact_without_it() {
        let mut pair = Pair::default();
        pair.ann(set("Bob"));
        pair.ann(Step::Subscribe);
        assert_eq!(pair.bob(Step::Unsubscribed), [Tell::Other(Subscription::Unsubscribed)]);
        assert_eq!((pair.spell().0.as_str(), is_empty(&pair.1)), ("none", true));
        assert_eq!(pair.bob(Step::Unsubscribed), [], "once more");
        assert_eq!(pair.bob(Step::Subscribed), [], "nobody asks any more");
        assert_eq!(pair.0.name, "Bob");
    }

    #[test]
    fn who_removes_one_that_asks_refuses_it() {
        let mut pair = Pair::default();
        pair.ann(Step::Subscribe);
        assert_eq!(pair.bob(Step::Remove), [Tell::Other(Subscription::Unsubscribed)]);
        assert_eq!(pair.spell().0, "none");
        pair.ann(Step::Subscribe);
        assert_eq!(pair.ann(Step::Remove), [Tell::Other(Subscription::Unsubscribe)]);
        assert!(is_empty(&pair.0) && is_empty(&pair.1), "nothing stays behind");
    }

    #[test]
    fn a_subscription_is_given_up_by_either_side() {
        let both = || {
            let mut pair = Pair::default();
            pair.ann(Step::Subscribe);
            pair.bob(Step::Subscribed);
            pair
        };
        let mut pair = both();
        assert_eq!(pair.ann(Step::Unsubscribe), [Tell::Other(Subscription::Unsubscribe), Tell::SelfLoses]);
        assert_eq!(pair.spell(), ("none".to_owned(), "none".to_owned()));
        let mut pair = both();
        assert_eq!(pair.bob(Step::Unsubscribed), [Tell::Other(Subscription::Unsubscribed), Tell::OtherLoses]);
        assert_eq!(pair.spell(), ("none".to_owned(), "none".to_owned()));
    }

    #[test]
    fn only_what_lists_somebody_new_counts_against_the_limit() {
        let asked = ContactRow { asked: true, ..ContactRow::default() };
        let listed = ContactRow { listed: true, ..ContactRow::default() };
        for (step, fresh, was_asked, was_listed) in [
            (set("x"), true, true, false),
            (Step::Subscribe, true, true, false),
            (Step::Subscribed, false, true, false),
            (Step::Remove, false, false, false),
        ] {
            let lists = [&ContactRow::default(), &asked, &listed].map(|row| step.lists(row));
            assert_eq!(lists, [fresh, was_asked, was_listed], "{step:?}");
        }
    }

    proptest! {
        #[test]
        fn the_two_views_always_agree(steps in prop::collection::vec((any::<bool>(), 0..6_usize), 0..40)) {
            let mut pair = Pair::default();
            for (by_ann, step) in steps {
                let step = [
                    set("x"), Step::Remove, Step::Subscribe, Step::Subscribed, Step::Unsubscribe, Step::Unsubscribed,
                ][step].clone();
                if by_ann { pair.ann(step) } else { pair.bob(step) };
                let Pair(ann, bob) = &pair;
                prop_assert_eq!((ann.to, ann.from, ann.ask, ann.asked), (bob.from, bob.to, bob.asked, bob.ask));
                prop_assert!([ann, bob].iter().all(|row| !(row.to && row.ask)));
                prop_assert!(ann.listed || !(ann.to || ann.from || ann.ask));
            }
        }
    }

    /// Ann's view of Bob and Bob's of Ann.
    #[derive(Default)]
    struct Pair(ContactRow, ContactRow);

    impl Pair {
        fn ann(&mut self, step: Step) -> Vec<Tell> {
            step.apply(&mut self.0, &mut self.1)
        }

        fn bob(&mut self, step: Step) -> Vec<Tell> {
            step.apply(&mut self.1, &mut self.0)
        }

        fn spell(&self) -> (String, String) {
            let spell = |row: &ContactRow| {
                let state = match (row.listed, row.to, row.from) {
                    (false, ..) => "-",
                    (true, false, false) => "none",
                    (true, true, false) => "to",
                    (true, false, true) => "from",
                    (true, true, true) => "both",
                };
                let pending = [(row.ask, " ask"), (row.asked, " asked")].map(|(is, word)| if is { word } else { "" });
                format!("{state}{}", pending.concat())
            };
            (spell(&self.0), spell(&self.1))
        }
    }

    fn set(name: &str) -> Step {
        Step::Set { name: name.to_owned() }
    }
}
