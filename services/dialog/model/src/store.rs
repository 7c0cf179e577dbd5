//! The store: three replicas that receive each write at some time or never, and conditional writes that are decided one after
//! another. What Cassandra and ScyllaDB promise of both is all that is assumed.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use crate::clause::Clause;
use crate::scope::Scope;
use crate::step::Step;
use crate::world::{ACTORS, Cells, SEGMENTS, State, World};

/// Numbers that an opening can name, for each writer.
const FIRSTS: usize = 16;

type Steps = Vec<(Step, World)>;

/// Everything that may reach a replica or run. A write stays on its way for ever: it may land after its sender ended, after
/// others took over, and after it was believed lost (a hint).
pub fn steps(scope: &Scope, world: &World, out: &mut Steps) {
    for segment in 0..scope.segments {
        if world.segments[segment].state == State::Absent && world.segments[segment].opens == 0 {
            continue;
        }
        for replica in 0..3 {
            rows_land(world, segment, replica, out);
            ids_land(world, segment, replica, out);
            state_lands(world, segment, replica, out);
            if scope.strays {
                row_spreads(world, segment, replica, out);
            }
        }
        conditional_writes(scope, world, segment, out);
    }
}

/// A batch is one mutation of one partition: a replica has all of it or nothing.
fn rows_land(world: &World, segment: usize, replica: usize, out: &mut Steps) {
    let of = &world.segments[segment];
    for start in (0..of.written()).filter(|start| of.starts >> start & 1 == 1) {
        let end = of.end_of(start);
        let one = end == start + 1;
        for message in (1..=8).filter(|message| of.rows[start] >> (message - 1) & 1 == 1) {
            let rest = (start + 1..end).fold(Cells::default(), |cells, at| cells.with(at, only(of.rows[at])));
            let batch = if one { Cells::default().with(start, message) } else { rest.with(start, message) };
            let after = world.replicas[replica].rows[segment].overwritten(batch);
            if after != world.replicas[replica].rows[segment] {
                let mut next = *world;
                next.replicas[replica].rows[segment] = after;
                out.push((Step::RowsLand { segment, start, message, replica }, next));
            }
        }
    }
}

fn ids_land(world: &World, segment: usize, replica: usize, out: &mut Steps) {
    let held = world.replicas[replica].ids[segment];
    for (position, message) in world.segments[segment].ids.all().filter(|(at, message)| !held.has(*at, *message)) {
        let mut next = *world;
        next.replicas[replica].ids[segment] = held.with(position, message);
        out.push((Step::IdLands { segment, position, message, replica }, next));
    }
}

/// Commits of a segment's states reach a replica in any order; an older one than it has changes nothing there.
fn state_lands(world: &World, segment: usize, replica: usize, out: &mut Steps) {
    let after = match (world.replicas[replica].states[segment], world.segments[segment].state) {
        (held, decided) if held >= decided => return,
        (State::Absent, _) => State::Open,
        (State::Open, _) => State::Fenced,
        (State::Fenced | State::Sealed, _) => State::Sealed,
    };
    let mut next = *world;
    next.replicas[replica].states[segment] = after;
    out.push((Step::StateLands { segment, state: after, replica }, next));
}

/// Somebody reads one row of a batch (by its place, or over the edge of a page), and the read repairs that row alone.
fn row_spreads(world: &World, segment: usize, replica: usize, out: &mut Steps) {
    let held = world.replicas[replica].rows[segment];
    for other in (0..3).filter(|other| *other != replica) {
        for (position, message) in world.replicas[other].rows[segment].filled().filter(|(at, _)| held.get(*at) == 0) {
            let mut next = *world;
            next.replicas[replica].rows[segment] = held.with(position, message);
            out.push((Step::Spreads { segment, position, replica }, next));
        }
    }
}

fn conditional_writes(scope: &Scope, world: &World, segment: usize, out: &mut Steps) {
    let of = &world.segments[segment];
    if of.fence && of.state == State::Open {
        let mut next = *world;
        next.segments[segment].state = State::Fenced;
        out.push((Step::FenceRuns { segment }, next));
    }
    let sealable = of.state == State::Open || of.state == State::Fenced;
    let again = of.state == State::Sealed && scope.dropped == Some(Clause::FirstSeal);
    for length in (0..8).filter(|length| of.seals >> length & 1 == 1) {
        if sealable || (again && length != of.length as usize) {
            let mut next = *world;
            next.segments[segment].state = State::Sealed;
            next.segments[segment].length = length as u8;
            out.push((Step::SealRuns { segment, length }, next));
        }
    }
    let again = of.state == State::Open && scope.dropped == Some(Clause::FirstOpen);
    for (writer, first) in opens(of.opens) {
        if of.state == State::Absent || (again && writer != of.writer as usize) {
            let mut next = *world;
            let opened = &mut next.segments[segment];
            (opened.state, opened.writer, opened.first) = (State::Open, writer as u8, first as u8);
            (opened.next, opened.flying) = (0, Cells::default());
            out.push((Step::OpenRuns { segment, writer, first }, next));
        }
    }
}

/// The bit of an opening on its way.
pub fn open_bit(writer: usize, first: usize) -> u64 {
    1 << (writer * FIRSTS + first)
}

/// The openings on their way by one writer, as bits.
pub fn open_by(bits: u64, writer: usize) -> u64 {
    bits >> (writer * FIRSTS) & ((1 << FIRSTS) - 1)
}

/// Openings on their way: who would write, from which number on.
pub fn opens(bits: u64) -> impl Iterator<Item = (usize, usize)> {
    let set = (0..(ACTORS + 1) * FIRSTS).filter(move |bit| bits >> bit & 1 == 1);
    set.map(|bit| (bit / FIRSTS, bit % FIRSTS))
}

/// Everything that was ever written arrives everywhere, and what this process waits for is decided: a healed network.
pub fn heal(world: &mut World, actor: usize) {
    for segment in 0..SEGMENTS {
        let of = &mut world.segments[segment];
        if of.fence && of.state == State::Open {
            of.state = State::Fenced;
        }
        if of.seals != 0 && of.state < State::Sealed && of.state != State::Absent {
            (of.state, of.length) = (State::Sealed, of.seals.trailing_zeros() as u8);
        }
        if let Some((writer, first)) = opens(of.opens).find(|(writer, _)| of.state == State::Absent && *writer == actor) {
            (of.state, of.writer, of.first) = (State::Open, writer as u8, first as u8);
        }
        let (rows, ids, state) = (of.rows, of.ids, of.state);
        for replica in &mut world.replicas {
            let written = rows.iter().enumerate().filter(|(_, messages)| **messages != 0);
            let cells = written.fold(Cells::default(), |cells, (at, messages)| cells.with(at, only(*messages)));
            replica.rows[segment] = cells;
            replica.ids[segment] = ids;
            replica.states[segment] = state;
        }
    }
}

/// The newest message among bits: the only one, as long as no place is written twice.
fn only(messages: u8) -> u8 {
    8 - messages.leading_zeros() as u8
}
