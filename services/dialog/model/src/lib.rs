//! A model of the protocol that keeps one writer per segment of a dialog's log (decision 0028), and a search that visits every
//! state of it within a [`Scope`].
//!
//! - `world`: all there is at one moment, as small values: three replicas, the truth about each segment, processes, one reader.
//! - What may happen next: `store` (a write lands, a conditional write runs), `owner` (load, post, look, acknowledge), `takeover`
//!   (fence, read, write again, seal, open), `edit` (of a row), `reader` (a reader that is no owner). Each is a list of ([`Step`], [`World`]).
//! - `property`: what must hold in every world. `alone`: from every world, one process alone gets a message accepted.
//! - [`search`]: breadth first, one state per set of states that differ in names only; the shortest way to what is broken.
//! - [`Clause`]: the clauses of the protocol. A scope can drop one, and the search shows what breaks then.
//!
//! There is no clock and no fairness in it: whoever may take a step may also never take it. So pauses, late writes, hints and
//! lost answers are not events of their own: they are steps that come late.

mod alone;
mod clause;
mod edit;
mod owner;
mod property;
mod reader;
mod scope;
mod search;
mod step;
mod store;
mod takeover;
mod world;

pub use clause::{CLAUSES, Clause, Refuted};
pub use property::Broken;
pub use scope::{LARGE_SCOPES, SMALL_SCOPES, Scope, named};
pub use search::{Outcome, search};
pub use step::Step;
pub use world::World;

/// Everything that may happen next in a world, each with the world after it.
fn next(scope: &Scope, world: &World, steps: &mut Vec<(Step, World)>) {
    store::steps(scope, world, steps);
    for actor in 0..scope.actors {
        owner::steps(scope, world, actor, steps);
        takeover::steps(scope, world, actor, steps);
    }
    if scope.edits {
        edit::steps(scope, world, steps);
    }
    if scope.reader {
        reader::steps(scope, world, steps);
    }
}
