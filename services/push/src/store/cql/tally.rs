//! How many subscriptions an app has, as it is kept beside them: what was ever reserved for them, less what was given back. Pure.
//!
//! Invariant: there are never more than the tally says. Room is reserved before rows are written and given back after they are gone;
//! what dies between leaves the tally too large, until it is counted anew.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// The tally of an app.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tally {
    /// Room that steps took, ever.
    pub reserved: u64,
    /// Room that they gave back, or never needed.
    pub released: u64,
    /// Another one since it was counted anew: what a step that began before would give back was not counted then.
    pub epoch: i64,
}

impl Tally {
    /// Of an app that has none.
    pub fn nothing(epoch: i64) -> Tally {
        Tally { reserved: 0, released: 0, epoch }
    }

    /// At least so many there are.
    pub fn count(self) -> u64 {
        self.reserved.saturating_sub(self.released)
    }

    /// With room for `more`, if that stays within `limit`.
    pub fn reserve(self, more: u64, limit: u64) -> Option<Tally> {
        (self.count().saturating_add(more) <= limit).then_some(Tally { reserved: self.reserved + more, ..self })
    }

    /// Without the room of `fewer`, unless it was counted anew since the step began in `epoch`.
    pub fn release(self, fewer: u64, epoch: i64) -> Option<Tally> {
        (self.epoch == epoch).then(|| Tally { released: (self.released + fewer).min(self.reserved), ..self })
    }

    /// As a walk over the rows found them: `walked`. What was `reserved` before, when every step that has ended by the beginning of the walk
    /// had its room, is among them if it is anything. What was reserved since may be among them or not, so it is counted in any case.
    pub fn counted_anew(self, walked: u64, reserved: u64, epoch: i64) -> Tally {
        let most = walked.saturating_add(self.reserved.saturating_sub(reserved));
        Tally { released: self.reserved.saturating_sub(self.count().min(most)), epoch, ..self }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn room_is_taken_within_the_limit_and_given_back() {
        let tally = Tally::nothing(1);
        let two = tally.reserve(2, 2).map(|tally| (tally, tally.count()));
        let (two, count) = two.unwrap_or((tally, 0));
        assert_eq!((count, two.reserve(1, 2), two.reserve(1, u64::MAX).map(Tally::count)), (2, None, Some(3)));
        assert_eq!(two.release(1, 1).map(Tally::count), Some(1));
        assert_eq!(two.release(1, 2), None, "it was counted anew since");
        assert_eq!(two.release(9, 1).map(Tally::count), Some(0));
    }

    #[test]
    fn what_died_between_is_found_by_a_walk() {
        let tally = Tally { reserved: 10, released: 2, epoch: 1 };
        assert_eq!(tally.counted_anew(5, 10, 2), Tally { reserved: 10, released: 5, epoch: 2 });
        assert_eq!(tally.counted_anew(5, 9, 2).count(), 6, "one was reserved since");
        assert_eq!(tally.counted_anew(99, 10, 2).count(), 8, "it never grows by that");
    }

    // A user has a subscription or none; steps add and remove one, in the parts that may be cut off from each other.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// Reads the epoch, or reserves.
        Begin {
            user: usize,
            adds: bool,
        },
        /// The row of the step that began longest ago.
        Row,
        /// Gives back, if it has to.
        End,
        /// It dies where it is.
        Die,
        /// The first half of counting anew: all that runs has to end before the second one.
        Look,
        /// The walk, from the first user to the last; steps may come between.
        Walk {
            upto: usize,
        },
        Count,
    }

    const USERS: usize = 4;

    #[derive(Default)]
    struct World {
        has: [bool; USERS],
        running: Vec<Running>,
        /// What was reserved at the look; how many steps have to end before the walk.
        looked: Option<(u64, usize)>,
        walked: Option<(usize, u64)>,
    }

    struct Running {
        user: usize,
        adds: bool,
        epoch: i64,
        /// Whether its row took effect.
        row: Option<bool>,
        is_before_look: bool,
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn there_are_never_more_than_it_says(steps in prop::collection::vec(step(), 1..60)) {
            let (mut world, mut tally, mut epoch) = (World::default(), Tally::nothing(0), 0);
            for step in steps {
                world.take(step, &mut tally, &mut epoch);
                let there = world.has.iter().filter(|has| **has).count() as u64;
                prop_assert!(there <= tally.count(), "{there} of {tally:?} after {step:?}");
            }
            // With nothing under way it is exact after it was counted anew.
            world.running.clear();
            let there = world.has.iter().filter(|has| **has).count() as u64;
            prop_assert_eq!(tally.counted_anew(there, tally.reserved, epoch + 1).count(), there);
        }
    }

    impl World {
        fn take(&mut self, step: Step, tally: &mut Tally, epoch: &mut i64) {
            match step {
                Step::Begin { user, adds } => {
                    if adds {
                        *tally = tally.reserve(1, u64::MAX).unwrap_or(*tally);
                    }
                    self.running.push(Running { user, adds, epoch: tally.epoch, row: None, is_before_look: false });
                }
                Step::Row => {
                    if let Some(one) = self.running.iter_mut().find(|one| one.row.is_none()) {
                        let took = self.has[one.user] != one.adds;
                        self.has[one.user] = one.adds;
                        one.row = Some(took);
                    }
                }
                Step::End => {
                    let Some(place) = self.running.iter().position(|one| one.row.is_some()) else { return };
                    let one = self.running.remove(place);
                    // Who removed gives back what it removed; who was not needed, what it reserved.
                    if one.row == Some(!one.adds) {
                        *tally = tally.release(1, one.epoch).unwrap_or(*tally);
                    }
                    self.ended(one.is_before_look);
                }
                Step::Die => {
                    if !self.running.is_empty() {
                        let one = self.running.remove(0);
                        self.ended(one.is_before_look);
                    }
                }
                Step::Look => {
                    self.running.iter_mut().for_each(|one| one.is_before_look = true);
                    (self.looked, self.walked) = (Some((tally.reserved, self.running.len())), None);
                }
                Step::Walk { upto } => {
                    if let Some((_, 0)) = self.looked {
                        let (from, found) = self.walked.unwrap_or((0, 0));
                        let upto = upto.max(from);
                        let more = self.has[from..upto].iter().filter(|has| **has).count() as u64;
                        self.walked = Some((upto, found + more));
                    }
                }
                Step::Count => {
                    if let (Some((reserved, 0)), Some((USERS, walked))) = (self.looked, self.walked) {
                        *epoch += 1;
                        *tally = tally.counted_anew(walked, reserved, *epoch);
                        (self.looked, self.walked) = (None, None);
                    }
                }
            }
        }

        fn ended(&mut self, was_before_look: bool) {
            if let Some((_, left)) = self.looked.as_mut().filter(|_| was_before_look) {
                *left -= 1;
            }
        }
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..USERS, any::<bool>()).prop_map(|(user, adds)| Step::Begin { user, adds }),
            5 => Just(Step::Row),
            5 => Just(Step::End),
            1 => Just(Step::Die),
            2 => Just(Step::Look),
            3 => (0..=USERS).prop_map(|upto| Step::Walk { upto }),
            2 => Just(Step::Count),
        ]
    }
}
