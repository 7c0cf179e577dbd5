//! A take-over: fence, read the last batch, write it again, seal, open the next segment. Anybody may do it, at any time, also
//! several at once.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use crate::clause::Clause;
use crate::scope::Scope;
use crate::step::Step;
use crate::store::open_bit;
use crate::world::{Cells, PAIRS, POSITIONS, Phase, State, World};

type Steps = Vec<(Step, World)>;

pub fn steps(scope: &Scope, world: &World, actor: usize, out: &mut Steps) {
    match world.actors[actor] {
        Phase::Fencing { segment } => fence_answered(scope, world, actor, segment as usize, out),
        Phase::Reading { segment, below, first, seen } => {
            let page = Page { segment: segment as usize, below: below as usize, first: first as usize, seen };
            PAIRS.iter().for_each(|pair| read_page(scope, world, actor, page, *pair, out));
        }
        Phase::WritingAgain { segment, rows, length } => {
            write_again(scope, world, actor, (segment as usize, rows, length as usize), out);
        }
        Phase::Sealing { segment } => seal_answered(scope, world, actor, segment as usize, out),
        Phase::Opening { segment } => open_answered(scope, world, actor, segment as usize, out),
        Phase::Idle | Phase::Ready { .. } | Phase::Appending { .. } => {}
    }
}

/// Issues the fence. It is issued again until it is answered, which changes nothing: it is the same conditional write.
pub fn fence(world: &mut World, actor: usize, segment: usize) {
    world.segments[segment].fence = true;
    world.actors[actor] = Phase::Fencing { segment: segment as u8 };
}

/// Begins to read the last batch.
pub fn read(world: &mut World, actor: usize, segment: usize) {
    world.actors[actor] = Phase::Reading { segment: segment as u8, below: POSITIONS as u8, first: 0, seen: Cells::default() };
}

/// The process knows that the segment is sealed. What is its own and below the length stands; the rest is void, and its senders
/// will send it again.
pub fn sealed(scope: &Scope, world: &mut World, actor: usize, segment: usize) {
    let length = world.segments[segment].length as usize;
    if world.segments[segment].writer as usize == actor {
        let flying = std::mem::take(&mut world.segments[segment].flying);
        let all = scope.dropped == Some(Clause::BelowLength);
        let standing = flying.filled().filter(|(position, _)| *position < length || all);
        standing.for_each(|(position, message)| world.ack(message, segment, position));
    }
    world.actors[actor] = Phase::Idle;
}

/// A conditional write is answered with what is decided, and that is at a quorum then.
fn fence_answered(scope: &Scope, world: &World, actor: usize, segment: usize, out: &mut Steps) {
    let state = world.segments[segment].state;
    let answered = world.at_quorum(segment, State::Fenced) || scope.dropped == Some(Clause::FenceAtQuorum);
    let mut next = *world;
    match state {
        State::Fenced if answered => read(&mut next, actor, segment),
        State::Sealed if seen_sealed(world, segment) => sealed(scope, &mut next, actor, segment),
        _ => return,
    }
    out.push((Step::FenceAnswered { actor, segment, state }, next));
}

#[derive(Clone, Copy)]
struct Page {
    segment: usize,
    below: usize,
    first: usize,
    seen: Cells,
}

/// Reads downwards from the highest row there is to the first one of its batch. Each page may come from another quorum.
fn read_page(scope: &Scope, world: &World, actor: usize, mut page: Page, pair: (usize, usize), out: &mut Steps) {
    let rows = world.seen_rows(pair, page.segment);
    if page.below == POSITIONS {
        let Some((top, message)) = rows.filled().last() else { return finish(scope, world, actor, page, pair, out) };
        let start = world.segments[page.segment].start_of(top);
        page.first = if scope.dropped == Some(Clause::WholeBatch) { top } else { start };
        page.seen = Cells::default().with(top, message);
        page.below = top;
    } else {
        page.below -= 1;
        page.seen = page.seen.with(page.below, rows.get(page.below));
    }
    if !scope.paged {
        page.seen = (page.first..page.below).fold(page.seen, |seen, position| seen.with(position, rows.get(position)));
        page.below = page.first;
    }
    if page.below <= page.first {
        return finish(scope, world, actor, page, pair, out);
    }
    let mut next = *world;
    let Page { segment, below, first, seen } = page;
    next.actors[actor] = Phase::Reading { segment: segment as u8, below: below as u8, first: first as u8, seen };
    out.push((Step::ReadBatch { actor, pair, segment, seen }, next));
}

/// The length is the first gap; the rows below it are written again, with their id rows.
fn finish(scope: &Scope, world: &World, actor: usize, page: Page, pair: (usize, usize), out: &mut Steps) {
    let Page { segment, first, seen, .. } = page;
    let run = seen.run_from(first);
    let (mut rows, mut length) = (run, if seen.is_empty() { 0 } else { first + run.len() });
    if scope.dropped == Some(Clause::FirstGap) {
        (rows, length) = (seen, seen.filled().last().map_or(0, |(top, _)| top + 1));
    }
    if scope.dropped == Some(Clause::RowsAgain) {
        rows = Cells::default();
    }
    let mut next = *world;
    if scope.ids && scope.dropped != Some(Clause::IdsAgain) {
        let ids = next.segments[segment].ids;
        next.segments[segment].ids = rows.filled().fold(ids, |ids, (position, message)| ids.with(position, message));
    }
    next.actors[actor] = Phase::WritingAgain { segment: segment as u8, rows, length: length as u8 };
    out.push((Step::ReadBatch { actor, pair, segment, seen }, next));
}

/// The rows land again, and when they and their id rows are at a quorum the seal is issued.
fn write_again(scope: &Scope, world: &World, actor: usize, (segment, rows, length): (usize, Cells, usize), out: &mut Steps) {
    for replica in 0..3 {
        let mut next = *world;
        let held = &mut next.replicas[replica];
        held.rows[segment] = held.rows[segment].overwritten(rows);
        if scope.dropped == Some(Clause::AgainIsNotNewer) {
            held.edited[segment] &= !rows.bits();
        }
        if next != *world {
            out.push((Step::RowsLandAgain { actor, segment, replica }, next));
        }
    }
    let ids = !scope.ids || scope.dropped == Some(Clause::IdsAgain) || world.ids_at_quorum(segment, rows);
    if !world.rows_at_quorum(segment, rows) || !ids {
        return;
    }
    let mut next = *world;
    next.segments[segment].seals |= 1 << length;
    next.actors[actor] = Phase::Sealing { segment: segment as u8 };
    if scope.dropped == Some(Clause::OpenAfterSeal) && segment + 1 < scope.segments {
        let first = world.segments[segment].first as usize + length;
        next.segments[segment + 1].opens |= open_bit(actor, first);
        next.actors[actor] = Phase::Opening { segment: segment as u8 + 1 };
    }
    out.push((Step::Seal { actor, segment, length }, next));
}

fn seal_answered(scope: &Scope, world: &World, actor: usize, segment: usize, out: &mut Steps) {
    if !seen_sealed(world, segment) {
        return;
    }
    let mut next = *world;
    sealed(scope, &mut next, actor, segment);
    out.push((Step::SealAnswered { actor, segment, length: world.segments[segment].length as usize }, next));
}

/// A seal is final, so whoever sees one anywhere knows it: it need not be at a quorum.
fn seen_sealed(world: &World, segment: usize) -> bool {
    world.replicas.iter().any(|replica| replica.states[segment] == State::Sealed)
}

/// The writer of the next segment is known. If it is another one, this process has nothing to do until the next mail.
fn open_answered(scope: &Scope, world: &World, actor: usize, segment: usize, out: &mut Steps) {
    let seen = world.replicas.iter().any(|replica| replica.states[segment] >= State::Open);
    let read = seen && scope.dropped == Some(Clause::OpenAtQuorum);
    if !world.at_quorum(segment, State::Open) && !read {
        return;
    }
    let mut next = *world;
    let writer = world.segments[segment].writer as usize;
    next.actors[actor] = if writer == actor { Phase::Ready { segment: segment as u8 } } else { Phase::Idle };
    out.push((Step::OpenAnswered { actor, segment, writer }, next));
}
