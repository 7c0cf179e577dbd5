//! Who is alive, and who should write what: the hints by which processes divide work.
//!
//! The idea: every member says twice a second that it lives, and believes of others what it heard last. From the same view everybody
//! computes the same owner of a shard, without asking. **Views may differ, so an owner is a hint**: two may hold themselves for the
//! owner of the same shard at once, and whatever must not be done by two is guarded where it is kept (decision 0028).
//!
//! The parts: [`Cluster`], the view of one member and its own word; [`Own`], what of a role is its; [`Member`]; `view`, what follows from what was heard (pure);
//! `shard`, the owner of a shard (pure); `ailing`, when a member says that others should have what is its (pure, decision 0042).
//!
//! Invariants:
//! - A member that was silent for [`SILENCE`] is dead to the others. Who does not reach the bus himself believes nobody dead: he keeps his
//!   last view, and begins to count anew when he reaches it.
//! - Who could not be heard for that long, as he stood still or did not reach the bus, has nothing for a moment when he can: another had it.
//! - A member that is heard with a larger boot was started again: the process before is dead at once.
//! - Who ails is passed over as an owner, unless all of a role ail that are ready. It alone says so of itself, so views agree.
//! - No wall clock is read, and no order of a hash map is seen.

mod ailing;
mod cluster;
mod own;
mod shard;
mod view;

pub use cluster::Cluster;
pub use own::Own;
pub use shard::{SHARDS, Shard};
pub use view::{Member, SILENCE, View};
