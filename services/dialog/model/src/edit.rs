//! An edit of a row, or its removal: a conditional write on the row, issued by whoever owns the dialog then. No step of the
//! protocol reads it, but a take-over that writes the row again may meet it.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use crate::scope::Scope;
use crate::step::Step;
use crate::world::{Phase, World};

type Steps = Vec<(Step, World)>;

/// Only what was acknowledged is edited, and each row once.
pub fn steps(scope: &Scope, world: &World, out: &mut Steps) {
    for place in world.acked.into_iter().flatten() {
        let (segment, position) = (place.segment as usize, place.position as usize);
        let of = &world.segments[segment];
        let bit = 1 << position;
        let owner =
            (0..scope.actors).find(|actor| matches!(world.actors[*actor], Phase::Ready { segment: own } if own >= place.segment));
        if let Some(actor) = owner.filter(|_| (of.edits | of.edited) & bit == 0) {
            let mut next = *world;
            next.segments[segment].edits |= bit;
            out.push((Step::Edit { actor, segment, position }, next));
        }
        if of.edits & bit != 0 && of.edited & bit == 0 {
            let mut next = *world;
            next.segments[segment].edited |= bit;
            out.push((Step::EditRuns { segment, position }, next));
        }
        for replica in (0..3).filter(|replica| of.edited & bit & !world.replicas[*replica].edited[segment] != 0) {
            let mut next = *world;
            next.replicas[replica].edited[segment] |= bit;
            out.push((Step::EditLands { segment, position, replica }, next));
        }
        if world.edit_at_quorum(segment, position) && of.edits_answered & bit == 0 {
            let mut next = *world;
            next.segments[segment].edits_answered |= bit;
            out.push((Step::EditAnswered { segment, position }, next));
        }
    }
}
