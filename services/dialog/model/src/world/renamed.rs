//! One world for all that differ in names only. Replicas are alike, and so are processes; no step depends on which is which.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use crate::clause::Clause;
use crate::scope::Scope;
use crate::store::{open_bit, open_by, opens};

use super::{ACTORS, POSITIONS, Phase, SEGMENTS, State, World};

impl World {
    /// The same world with its replicas and processes in a fixed order, and without what can make no difference any more.
    pub fn renamed(&self, scope: &Scope) -> World {
        let mut world = *self;
        world.forget_spent(scope);
        let written_twice = matches!(scope.dropped, Some(Clause::SameBytes | Clause::BootIsWriter | Clause::FirstOpen));
        if !scope.exact && !written_twice {
            world.complete_quorums(scope);
            world.forget_void(scope);
        }
        world.replicas.sort_unstable();
        let keys: [_; ACTORS] = std::array::from_fn(|actor| {
            let owns = |at: usize| world.segments[at].state != State::Absent && world.segments[at].writer as usize == actor;
            let owned = (0..SEGMENTS).fold(0u8, |bits, at| bits | u8::from(owns(at)) << at);
            let opening = (0..SEGMENTS).fold(0u64, |bits, at| bits << 16 | open_by(world.segments[at].opens, actor));
            (actor >= scope.actors, world.actors[actor], owned, opening)
        });
        if keys.is_sorted() {
            return world;
        }
        let mut order: [usize; ACTORS] = std::array::from_fn(|actor| actor);
        order.sort_by_key(|actor| keys[*actor]);
        let mut new_name = [0usize; ACTORS + 1];
        new_name[ACTORS] = ACTORS;
        for (new, old) in order.iter().enumerate() {
            new_name[*old] = new;
        }
        let phases: [Phase; ACTORS] = std::array::from_fn(|new| world.actors[order[new]]);
        world.actors = phases;
        for segment in &mut world.segments {
            if segment.state != State::Absent {
                segment.writer = new_name[segment.writer as usize] as u8;
            }
            segment.opens = opens(segment.opens).fold(0, |bits, (writer, first)| bits | open_bit(new_name[writer], first));
        }
        world
    }

    /// Conditional writes that can change nothing are gone.
    fn forget_spent(&mut self, scope: &Scope) {
        for segment in &mut self.segments {
            segment.fence &= segment.state < State::Fenced;
            segment.edits &= !segment.edited;
            if segment.state == State::Sealed && scope.dropped != Some(Clause::FirstSeal) {
                segment.seals = 0;
            }
            if segment.state != State::Absent && scope.dropped != Some(Clause::FirstOpen) {
                segment.opens = 0;
            }
        }
    }

    /// What two replicas have, every read at a quorum sees, so it makes no difference whether the third one has it: it has.
    /// That holds as long as what is written is never written otherwise.
    fn complete_quorums(&mut self, scope: &Scope) {
        for at in 0..SEGMENTS {
            let segment = self.segments[at];
            for position in (0..segment.written()).filter(|position| segment.rows[*position].count_ones() == 1) {
                let message = segment.rows[position].trailing_zeros() as u8 + 1;
                if self.copies(at, position, message) == 2 {
                    self.replicas.iter_mut().for_each(|replica| replica.rows[at] = replica.rows[at].with(position, message));
                }
            }
            for (position, message) in segment.ids.all() {
                if self.id_copies(at, position, message) == 2 {
                    self.replicas.iter_mut().for_each(|replica| replica.ids[at] = replica.ids[at].with(position, message));
                }
            }
            for position in (0..POSITIONS).filter(|_| scope.dropped != Some(Clause::AgainIsNotNewer)) {
                if self.edit_at_quorum(at, position) {
                    self.replicas.iter_mut().for_each(|replica| replica.edited[at] |= 1 << position);
                }
            }
            let [a, b, c] = self.replicas.map(|replica| replica.states[at]);
            let second = a.max(b).min(a.max(c)).min(b.max(c));
            self.replicas.iter_mut().for_each(|replica| replica.states[at] = replica.states[at].max(second));
        }
    }

    /// Without a reader nobody reads the rows of a sealed segment that are void once their writer knows, and whoever still takes
    /// it over only waits to hear that it is sealed: what it writes again was written before.
    fn forget_void(&mut self, scope: &Scope) {
        if scope.reader || matches!(scope.dropped, Some(Clause::FirstSeal | Clause::OpenAfterSeal)) {
            return;
        }
        for at in (0..SEGMENTS).filter(|at| self.segments[*at].state == State::Sealed) {
            let segment = self.segments[at];
            let void = (segment.length as usize..POSITIONS).filter(|position| segment.flying.get(*position) == 0);
            for position in void {
                self.replicas.iter_mut().for_each(|replica| replica.rows[at] = replica.rows[at].with(position, 0));
            }
        }
        for phase in &mut self.actors {
            if let Phase::Fencing { segment } | Phase::Reading { segment, .. } | Phase::WritingAgain { segment, .. } = *phase
                && self.segments[segment as usize].state == State::Sealed
            {
                *phase = Phase::Sealing { segment };
            }
        }
    }
}
