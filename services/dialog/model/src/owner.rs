//! A process as owner of a dialog: load, post, look, acknowledge; full segments, hand-over, an end and a new boot.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use crate::clause::Clause;
use crate::scope::Scope;
use crate::step::Step;
use crate::store::{open_bit, opens};
use crate::takeover;
use crate::world::{Cells, GONE, PAIRS, Phase, Place, State, World};

type Steps = Vec<(Step, World)>;

pub fn steps(scope: &Scope, world: &World, actor: usize, out: &mut Steps) {
    match world.actors[actor] {
        Phase::Idle => PAIRS.iter().for_each(|pair| load(scope, world, actor, *pair, out)),
        Phase::Ready { segment } => ready(scope, world, actor, segment as usize, out),
        Phase::Appending { segment, looked } => appending(scope, world, actor, segment as usize, looked, out),
        _ => {}
    }
    if scope.ids {
        PAIRS.iter().for_each(|pair| ack_by_id(scope, world, actor, *pair, out));
    }
    if world.crashes < scope.crashes {
        crash(scope, world, actor, out);
    }
}

/// Reads the states at a quorum, and does with the last segment what it asks for.
fn load(scope: &Scope, world: &World, actor: usize, pair: (usize, usize), out: &mut Steps) {
    let Some(segment) = (0..scope.segments).rev().find(|at| world.seen_state(pair, *at) != State::Absent) else { return };
    let state = world.seen_state(pair, segment);
    let mut next = *world;
    let own = world.segments[segment].writer as usize == actor;
    match state {
        State::Open if own => {
            if scope.dropped == Some(Clause::BootIsWriter) {
                next.segments[segment].next = world.seen_rows(pair, segment).run_from(0).len() as u8;
            }
            next.actors[actor] = Phase::Ready { segment: segment as u8 };
        }
        State::Open if scope.dropped == Some(Clause::FenceFirst) => takeover::read(&mut next, actor, segment),
        State::Fenced if scope.dropped == Some(Clause::FenceIsAnswered) => takeover::read(&mut next, actor, segment),
        State::Fenced if scope.dropped == Some(Clause::AnyoneFinishes) => return,
        State::Open | State::Fenced => takeover::fence(&mut next, actor, segment),
        State::Sealed if segment + 1 < scope.segments => open(&mut next, actor, segment),
        State::Sealed | State::Absent => return,
    }
    out.push((Step::Load { actor, pair, segment, state }, next));
}

/// Issues the opening of the segment after a sealed one.
fn open(world: &mut World, actor: usize, sealed: usize) {
    let first = world.segments[sealed].first + world.segments[sealed].length;
    world.segments[sealed + 1].opens |= open_bit(actor, first as usize);
    world.actors[actor] = Phase::Opening { segment: sealed as u8 + 1 };
}

fn ready(scope: &Scope, world: &World, actor: usize, segment: usize, out: &mut Steps) {
    let full = world.segments[segment].next as usize >= scope.positions;
    if !full {
        post(scope, world, actor, segment, out);
    }
    if full || (scope.handover && world.segments[segment].next > 0) {
        seal_own(scope, world, actor, segment, out);
    }
    let mut next = *world;
    next.actors[actor] = Phase::Idle;
    out.push((Step::Unload { actor, segment }, next));
}

/// A batch of messages that are not in the log, as far as the owner can know, at the next positions; their id rows with it.
fn post(scope: &Scope, world: &World, actor: usize, segment: usize, out: &mut Steps) {
    let mut known_before = Vec::new();
    for pair in PAIRS {
        let known = known(scope, world, pair, segment);
        if known_before.contains(&known) {
            continue;
        }
        known_before.push(known);
        let new =
            candidates(scope, world).filter(|message| known >> message & 1 == 0 && !world.segments[segment].holds(*message));
        let new: Vec<u8> = new.collect();
        for (index, message) in new.iter().enumerate() {
            put(scope, world, actor, segment, &[*message], out);
            let room = world.segments[segment].next as usize + 2 <= scope.positions;
            for second in new.iter().skip(index + 1).filter(|_| scope.batch >= 2 && room) {
                put(scope, world, actor, segment, &[*message, *second], out);
            }
        }
    }
}

/// Messages that a client may send: those that were sent before, and new ones. New ones are alike, so the next numbers do.
fn candidates(scope: &Scope, world: &World) -> impl Iterator<Item = u8> {
    1..=scope.messages.min(sent(world) + scope.batch)
}

/// The newest message that was ever sent.
pub fn sent(world: &World) -> u8 {
    let rows = world.segments.iter().flat_map(|segment| segment.rows);
    rows.map(|messages| 8 - messages.leading_zeros() as u8).max().unwrap_or(0)
}

fn put(scope: &Scope, world: &World, actor: usize, segment: usize, messages: &[u8], out: &mut Steps) {
    let mut next = *world;
    let of = &mut next.segments[segment];
    let mut rows = Cells::default();
    of.starts |= 1 << of.next;
    for message in messages {
        let position = of.next as usize;
        of.rows[position] |= 1 << (message - 1);
        rows = rows.with(position, *message);
        if scope.ids {
            of.ids = of.ids.with(position, *message);
        }
        of.next += 1;
    }
    of.flying = of.flying.overwritten(rows);
    next.actors[actor] = Phase::Appending { segment: segment as u8, looked: false };
    out.push((Step::Post { actor, segment, rows }, next));
}

/// Messages that stand in earlier segments, as bits: by their id rows, or by the tail of the log if the scope has no id rows.
fn known(scope: &Scope, world: &World, pair: (usize, usize), segment: usize) -> u16 {
    let found = |message: &u8| {
        if scope.ids {
            return by_id(scope, world, pair, *message, segment).is_some();
        }
        (0..segment)
            .any(|at| (0..world.segments[at].length as usize).any(|position| world.stands(at, position) == Some(*message)))
    };
    (1..=scope.messages).filter(found).fold(0, |bits, message| bits | 1 << message)
}

/// Where a message stands, as far as the `last` segment, by an id row read at a quorum. The row there must count: below the length of a
/// sealed segment. A segment that has a next one is sealed, also if the read shows it fenced; its length is the difference of
/// the two first numbers.
fn by_id(scope: &Scope, world: &World, pair: (usize, usize), message: u8, last: usize) -> Option<Place> {
    let (left, right) = (&world.replicas[pair.0], &world.replicas[pair.1]);
    for segment in 0..=last {
        for position in 0..scope.positions {
            let read = left.ids[segment].has(position, message) || right.ids[segment].has(position, message);
            let joined = segment < last && scope.dropped != Some(Clause::NextMeansSealed);
            let sealed = joined || world.seen_state(pair, segment) == State::Sealed;
            let counts = match scope.dropped {
                Some(Clause::IdRowNotVoid) => sealed,
                Some(Clause::IdWhenSealed) => {
                    let fenced = world.seen_state(pair, segment) == State::Fenced;
                    (sealed || fenced)
                        && !world.segments[segment].is_void(position)
                        && world.seen_rows(pair, segment).get(position) == message
                }
                _ => sealed && position < world.segments[segment].length as usize,
            };
            if read && counts {
                return Some(Place { segment: segment as u8, position: position as u8 });
            }
        }
    }
    None
}

/// A message that came again is acknowledged by its id row, during a take-over as well.
fn ack_by_id(scope: &Scope, world: &World, actor: usize, pair: (usize, usize), out: &mut Steps) {
    let Some(last) = (0..scope.segments).rev().find(|at| world.seen_state(pair, *at) != State::Absent) else { return };
    for message in 1..=scope.messages {
        let Some(place) = by_id(scope, world, pair, message, last) else { continue };
        if world.acked[message as usize - 1] != Some(place) {
            let (segment, position) = (place.segment as usize, place.position as usize);
            let mut next = *world;
            next.ack(message, segment, position);
            out.push((Step::AckById { actor, message, segment, position }, next));
        }
    }
}

fn appending(scope: &Scope, world: &World, actor: usize, segment: usize, looked: bool, out: &mut Steps) {
    let flying = world.segments[segment].flying;
    let ids = !scope.ids || scope.dropped == Some(Clause::IdsBeforeAck) || world.ids_at_quorum(segment, flying);
    let durable = world.rows_at_quorum(segment, flying) && ids;
    match scope.dropped {
        Some(Clause::LookBeforeAck) if durable => ack_without_look(world, actor, segment, out),
        Some(Clause::RowsBeforeLook) if durable && looked => ack_without_look(world, actor, segment, out),
        Some(Clause::RowsBeforeLook) if !looked => look(scope, world, actor, segment, out),
        Some(Clause::LookBeforeAck | Clause::RowsBeforeLook) => {}
        _ if durable => look(scope, world, actor, segment, out),
        _ => {}
    }
    match scope.dropped {
        Some(Clause::OneInFlight) if (world.segments[segment].next as usize) < scope.positions => {
            post(scope, world, actor, segment, out)
        }
        Some(Clause::SameBytes) => give_up(world, actor, segment, out),
        Some(Clause::SealWhenSettled) => seal_own(scope, world, actor, segment, out),
        _ => {}
    }
}

/// Reads the segment's state at a quorum: only an open one lets the batch be acknowledged.
fn look(scope: &Scope, world: &World, actor: usize, segment: usize, out: &mut Steps) {
    for pair in PAIRS {
        let state = world.seen_state(pair, segment);
        let mut next = *world;
        match state {
            State::Open if scope.dropped == Some(Clause::RowsBeforeLook) => {
                next.actors[actor] = Phase::Appending { segment: segment as u8, looked: true };
            }
            State::Open => settle(&mut next, actor, segment),
            State::Fenced if scope.dropped == Some(Clause::AnyoneFinishes) => continue,
            State::Fenced if scope.dropped == Some(Clause::FenceIsAnswered) => takeover::read(&mut next, actor, segment),
            State::Fenced => takeover::fence(&mut next, actor, segment),
            State::Sealed => takeover::sealed(scope, &mut next, actor, segment),
            // The writer's own opening was answered: no read at a quorum misses it.
            State::Absent => continue,
        }
        out.push((Step::Look { actor, pair, segment, state }, next));
    }
}

fn ack_without_look(world: &World, actor: usize, segment: usize, out: &mut Steps) {
    let mut next = *world;
    settle(&mut next, actor, segment);
    out.push((Step::AckWithoutLook { actor, segment }, next));
}

fn settle(world: &mut World, actor: usize, segment: usize) {
    let flying = std::mem::take(&mut world.segments[segment].flying);
    flying.filled().for_each(|(position, message)| world.ack(message, segment, position));
    world.actors[actor] = Phase::Ready { segment: segment as u8 };
}

/// Without [`Clause::SameBytes`]: another message will be written to the place of one whose outcome is unknown.
fn give_up(world: &World, actor: usize, segment: usize, out: &mut Steps) {
    let mut next = *world;
    let flying = std::mem::take(&mut next.segments[segment].flying);
    let Some((first, _)) = flying.filled().next() else { return };
    next.segments[segment].next = first as u8;
    next.actors[actor] = Phase::Ready { segment: segment as u8 };
    out.push((Step::GiveUp { actor, segment }, next));
}

/// A full segment, or a clean hand-over. Everything in it is at a quorum, so whoever takes over meanwhile finds the same length, and
/// no fence is needed. From here on it is a segment like any other's: a read may still show it open.
fn seal_own(scope: &Scope, world: &World, actor: usize, segment: usize, out: &mut Steps) {
    let mut next = *world;
    let length = next.segments[segment].next as usize;
    next.segments[segment].seals |= 1 << length;
    if scope.dropped != Some(Clause::SealedIsLeft) {
        (next.segments[segment].writer, next.segments[segment].next) = (GONE, 0);
    }
    next.actors[actor] = Phase::Sealing { segment: segment as u8 };
    out.push((Step::SealOwn { actor, segment, length }, next));
}

/// The process ends and starts again. Nobody writes under its old boot any more, but what it issued stays on its way.
fn crash(scope: &Scope, world: &World, actor: usize, out: &mut Steps) {
    let same = scope.dropped == Some(Clause::BootIsWriter);
    let mut next = *world;
    next.actors[actor] = Phase::Idle;
    for segment in &mut next.segments {
        if segment.state != State::Absent && segment.writer as usize == actor {
            segment.flying = Cells::default();
            if !same {
                segment.writer = GONE;
                segment.next = 0;
            }
        }
        for (writer, first) in opens(segment.opens).filter(|(writer, _)| *writer == actor && !same) {
            segment.opens &= !open_bit(writer, first);
            segment.opens |= open_bit(GONE as usize, first);
        }
    }
    if next != *world {
        next.crashes += 1;
        out.push((Step::Crash { actor }, next));
    }
}
