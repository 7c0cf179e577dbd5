//! What must hold in every world, whatever happened before.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;

use crate::world::{MESSAGES, POSITIONS, SEGMENTS, State, World};

/// What was broken, as a user would notice it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Broken {
    /// Two messages have the same number.
    SharedNumber,
    /// A message that was acknowledged is not in the log of every reader.
    LostAck,
    /// A reader was shown a row that does not count, or no longer sees one that it saw.
    VoidShown,
    /// One message stands in the log twice, or was acknowledged with two numbers.
    Doubled,
    /// Numbers have a gap, or a number below the sealed length has no row that every reader finds.
    NotDense,
    /// An edit that was answered is not in the log of every reader.
    EditUndone,
    /// A process alone, with a healed network, gets no message accepted.
    Stuck,
}

/// The first thing that is broken in a world.
pub fn check(world: &World) -> Option<Broken> {
    let in_store = || lost(world).or_else(|| not_dense(world)).or_else(|| edit_undone(world));
    world.broken.or_else(in_store).or_else(|| void_shown(world)).or_else(|| shared_or_doubled(world))
}

fn lost(world: &World) -> Option<Broken> {
    let acked = world.acked.iter().enumerate().filter_map(|(index, place)| place.map(|place| (index as u8 + 1, place)));
    for (message, place) in acked {
        let (segment, position) = (place.segment as usize, place.position as usize);
        let reached = (0..position).all(|before| world.stands(segment, before).is_some());
        let there = world.copies(segment, position, message) >= 2;
        if world.segments[segment].is_void(position) || !reached || !there {
            return Some(Broken::LostAck);
        }
    }
    None
}

fn not_dense(world: &World) -> Option<Broken> {
    for (index, segment) in world.segments.iter().enumerate().filter(|(_, segment)| segment.state == State::Sealed) {
        let next = world.segments.get(index + 1).filter(|next| next.state != State::Absent);
        let joined = next.is_none_or(|next| next.first == segment.first + segment.length);
        if !joined || !(0..segment.length as usize).all(|position| world.stands(index, position).is_some()) {
            return Some(Broken::NotDense);
        }
    }
    None
}

fn edit_undone(world: &World) -> Option<Broken> {
    let answered = |at: usize, position: usize| world.segments[at].edits_answered >> position & 1 == 1;
    let places = (0..SEGMENTS).flat_map(|at| (0..POSITIONS).map(move |position| (at, position)));
    let mut undone = places.filter(|(at, position)| answered(*at, *position) && !world.edit_at_quorum(*at, *position));
    undone.next().map(|_| Broken::EditUndone)
}

fn void_shown(world: &World) -> Option<Broken> {
    let wrong = |segment: &crate::world::Segment| (0..POSITIONS).any(|at| segment.shown >> at & 1 == 1 && segment.is_void(at));
    world.segments.iter().any(wrong).then_some(Broken::VoidShown)
}

/// Over all rows that a reader may be shown: those below a sealed length, and those of an open segment that a quorum holds.
fn shared_or_doubled(world: &World) -> Option<Broken> {
    let mut number_of = [None; MESSAGES];
    let mut message_at = [None; SEGMENTS * POSITIONS * 2];
    let acked = world.acked.iter().enumerate().filter_map(|(index, place)| place.map(|place| (index, place)));
    for (index, place) in acked {
        let number = world.segments[place.segment as usize].first + place.position;
        number_of[index] = Some(number);
        if message_at[number as usize].replace(index).is_some() {
            return Some(Broken::SharedNumber);
        }
    }
    for (at, segment) in world.segments.iter().enumerate() {
        let open = segment.state == State::Open;
        for position in 0..POSITIONS {
            let counts = segment.state == State::Sealed && position < segment.length as usize;
            let Some(message) = world.stands(at, position).filter(|_| open || counts) else { break };
            let (index, number) = (message as usize - 1, segment.first + position as u8);
            if number_of[index].replace(number).is_some_and(|other| other != number) {
                return Some(Broken::Doubled);
            }
            if message_at[number as usize].replace(index).is_some_and(|other| other != index) {
                return Some(Broken::SharedNumber);
            }
        }
    }
    None
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Broken::SharedNumber => "two messages share a number",
            Broken::LostAck => "an acknowledged message is not in every reader's log",
            Broken::VoidShown => "a reader was shown a row that does not count",
            Broken::Doubled => "one message stands twice",
            Broken::NotDense => "the numbers have a gap",
            Broken::EditUndone => "an answered edit is not in every reader's log",
            Broken::Stuck => "a process alone gets no message accepted",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Cells, Segment};

    #[test]
    fn a_world_in_which_all_is_well() {
        check_world(log(&[(0, 1, State::Sealed, &[1]), (1, 0, State::Open, &[2])], &[(1, 0, 0), (2, 1, 0)]), None);
    }

    #[test]
    fn two_messages_acknowledged_with_one_number() {
        check_world(
            log(&[(0, 1, State::Open, &[1]), (0, 0, State::Open, &[2])], &[(1, 0, 0), (2, 1, 0)]),
            Some(Broken::SharedNumber),
        );
    }

    #[test]
    fn an_acknowledged_message_beyond_the_length() {
        check_world(log(&[(0, 0, State::Sealed, &[1])], &[(1, 0, 0)]), Some(Broken::LostAck));
    }

    #[test]
    fn an_acknowledged_message_that_one_replica_lacks_and_another() {
        let mut world = log(&[(0, 0, State::Open, &[1])], &[(1, 0, 0)]);
        world.replicas[0].rows[0] = Cells::default();
        check_world(world, None);
        world.replicas[1].rows[0] = Cells::default();
        check_world(world, Some(Broken::LostAck));
    }

    #[test]
    fn a_shown_row_that_is_void() {
        let mut world = log(&[(0, 0, State::Sealed, &[1])], &[]);
        world.segments[0].shown = 1;
        check_world(world, Some(Broken::VoidShown));
    }

    #[test]
    fn an_answered_edit_that_two_replicas_lack() {
        let mut world = log(&[(0, 0, State::Open, &[1])], &[(1, 0, 0)]);
        world.segments[0].edits_answered = 1;
        world.replicas[0].edited[0] = 1;
        check_world(world, Some(Broken::EditUndone));
        world.replicas[2].edited[0] = 1;
        check_world(world, None);
    }

    #[test]
    fn one_message_in_two_segments() {
        check_world(log(&[(0, 1, State::Sealed, &[1]), (1, 0, State::Open, &[1])], &[]), Some(Broken::Doubled));
    }

    #[test]
    fn a_gap_between_segments_and_within_one() {
        check_world(log(&[(0, 1, State::Sealed, &[1]), (2, 0, State::Open, &[])], &[]), Some(Broken::NotDense));
        check_world(log(&[(0, 2, State::Sealed, &[1])], &[]), Some(Broken::NotDense));
    }

    #[track_caller]
    fn check_world(world: World, expected: Option<Broken>) {
        assert_eq!(check(&world), expected);
    }

    /// Segments as first number, length, state and the messages that every replica holds; acknowledgements as message and place.
    fn log(segments: &[(u8, u8, State, &[u8])], acks: &[(u8, usize, usize)]) -> World {
        let mut world = World::default();
        for (at, (first, length, state, messages)) in segments.iter().enumerate() {
            world.segments[at] = Segment { first: *first, length: *length, state: *state, ..Segment::default() };
            for replica in &mut world.replicas {
                let rows = messages.iter().enumerate();
                replica.rows[at] = rows.fold(Cells::default(), |cells, (position, message)| cells.with(position, *message));
            }
        }
        acks.iter().for_each(|(message, segment, position)| world.ack(*message, *segment, *position));
        world
    }
}
