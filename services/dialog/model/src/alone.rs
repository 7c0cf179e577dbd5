//! Liveness in small: in every world, with a healed network, one process alone gets a message accepted that nobody sent before.
//! So no state waits for a process that is gone, and no lock waits for a person.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use crate::scope::Scope;
use crate::step::Step;
use crate::store::heal;
use crate::world::{Phase, SEGMENTS, World};
use crate::{owner, takeover};

/// More than the longest way: fence, read, write again, seal, open, post, look, once for a segment that is full besides.
const STEPS_MAX: usize = 32;

/// Whether this process alone can get one more message acknowledged, both if what others have on its way runs and if it is lost.
pub fn accepts(scope: &Scope, world: &World, actor: usize) -> bool {
    let mut lost = *world;
    lose(&mut lost, actor);
    accepts_from(scope, world, actor) && (lost == *world || accepts_from(scope, &lost, actor))
}

/// The conditional writes of others never run. What this process waits for it issues again.
fn lose(world: &mut World, actor: usize) {
    let waits = match world.actors[actor] {
        Phase::Fencing { segment } | Phase::Sealing { segment } => Some(segment as usize),
        _ => None,
    };
    for at in (0..SEGMENTS).filter(|at| Some(*at) != waits) {
        world.segments[at].fence = false;
        world.segments[at].seals = 0;
    }
}

fn accepts_from(scope: &Scope, world: &World, actor: usize) -> bool {
    let fresh = owner::sent(world) + 1;
    let scope = Scope { segments: scope.segments + 1, messages: fresh, batch: 1, crashes: 0, handover: false, ..*scope };
    let mut world = *world;
    let mut steps = Vec::new();
    for _ in 0..STEPS_MAX {
        heal(&mut world, actor);
        if world.acked[fresh as usize - 1].is_some() {
            return true;
        }
        steps.clear();
        owner::steps(&scope, &world, actor, &mut steps);
        takeover::steps(&scope, &world, actor, &mut steps);
        let Some((_, next)) = steps.iter().find(|(step, _)| leads_on(*step, fresh)) else { return false };
        world = *next;
    }
    false
}

/// Of what a process may do, what brings the message nearer.
fn leads_on(step: Step, fresh: u8) -> bool {
    match step {
        Step::Post { rows, .. } => rows.filled().any(|(_, message)| message == fresh),
        Step::Unload { .. } | Step::AckById { .. } | Step::Crash { .. } | Step::GiveUp { .. } => false,
        _ => true,
    }
}
