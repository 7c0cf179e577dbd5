//! What a process does with the last segment of a dialog, step by step: what is asked next after each answer. The protocol of decision
//! 0028, with its names; whoever carries the commands out is in `cql`. Values only.
//!
//! A command whose outcome is not known is given again: all of them are idempotent.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use super::segment::{Boot, Segment, State, Stored, run_from};

/// What the segment is wanted for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wants {
    /// To own the dialog: whoever wrote is superseded.
    Own,
    /// To append as the owner that this process was: another boot is left what it has.
    GoOn,
    /// To know what counts in it.
    Sealed,
}

/// Where a process is with a dialog.
#[derive(Clone, PartialEq, Debug)]
pub enum Phase {
    /// It knows nothing.
    Idle,
    /// The segment is its own, and it knows the next position.
    Ready(Segment),
    /// A batch that ends before `upto` is being written; then its segment is looked at.
    Appending {
        segment: Segment,
        upto: u32,
        is_written: bool,
    },
    /// It wants to fence the segment.
    Fencing(Segment),
    /// It reads the last batch: first the highest row, then those before it.
    Reading {
        segment: Segment,
        top: Option<Stored>,
    },
    /// It writes the rows of the last batch again.
    WritingAgain {
        segment: Segment,
        rows: Vec<Stored>,
        length: u32,
    },
    /// It seals. `own`: its own segment, in which nothing is in flight.
    Sealing {
        segment: Segment,
        length: u32,
        own: bool,
    },
    /// It does again what follows from the last batch of a sealed segment: whoever wrote that may have ended before.
    FollowingUp(Segment),
    /// It opens the segment behind a sealed one, or the first.
    Opening(Segment),
    Done(End),
}

/// How it ends.
#[derive(Clone, PartialEq, Debug)]
pub enum End {
    /// The segment is open and its own; it goes on where it was.
    Ready(Segment),
    /// It has a segment of its own, with nothing in it.
    Opened(Segment),
    /// Another boot has the segment.
    Taken(Segment),
    /// The segment is sealed.
    Sealed(Segment),
    /// The segment is open, and the batch stands.
    Stands(Segment),
}

/// What is asked next.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// Read the last segment, or the given one, at a quorum.
    Load,
    Look(Segment),
    /// Write the batch: rows and id rows, until both are at a quorum.
    Write,
    /// Conditional: open to fenced.
    Fence(Segment),
    /// The highest row there is.
    ReadTop(Segment),
    /// The rows from `first` on, below `below`.
    ReadBatch {
        segment: Segment,
        first: u32,
        below: u32,
    },
    /// Rows and id rows, with the fixed timestamp, until both are at a quorum.
    WriteAgain {
        segment: Segment,
        rows: Vec<Stored>,
    },
    /// Conditional: fenced (one's own: open or fenced) to sealed.
    Seal {
        segment: Segment,
        length: u32,
        own: bool,
    },
    FollowUp(Segment),
    /// Conditional: there is none of that number.
    Open(Segment),
    End(End),
}

/// What came of a command.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// The last segment, and whether its next position is in this process's memory.
    Loaded {
        last: Option<Segment>,
        is_known: bool,
    },
    /// The state that a look, a fence or a seal was answered with.
    Is(State),
    Top(Option<Stored>),
    Batch(Vec<Stored>),
    Written,
    FollowedUp,
    /// The segment that stands at the number asked.
    Opened(Segment),
    /// Nothing is known of the outcome.
    Unknown,
}

/// What follows from an answer.
pub fn decide(boot: Boot, wants: Wants, phase: Phase, answer: Answer) -> (Phase, Command) {
    let phase = next(boot, wants, phase, answer);
    let command = command(&phase);
    (phase, command)
}

/// What a phase asks.
pub fn command(phase: &Phase) -> Command {
    match phase {
        Phase::Idle => Command::Load,
        Phase::Ready(segment) => Command::End(End::Ready(*segment)),
        Phase::Appending { is_written: false, .. } => Command::Write,
        Phase::Appending { segment, .. } => Command::Look(*segment),
        Phase::Fencing(segment) => Command::Fence(*segment),
        Phase::Reading { segment, top: None } => Command::ReadTop(*segment),
        Phase::Reading { segment, top: Some(top) } => {
            Command::ReadBatch { segment: *segment, first: top.first, below: top.position }
        }
        Phase::WritingAgain { segment, rows, .. } => Command::WriteAgain { segment: *segment, rows: rows.clone() },
        Phase::Sealing { segment, length, own } => Command::Seal { segment: *segment, length: *length, own: *own },
        Phase::FollowingUp(segment) => Command::FollowUp(*segment),
        Phase::Opening(segment) => Command::Open(*segment),
        Phase::Done(end) => Command::End(end.clone()),
    }
}

fn next(boot: Boot, wants: Wants, phase: Phase, answer: Answer) -> Phase {
    match (phase, answer) {
        (Phase::Idle, Answer::Loaded { last, is_known }) => loaded(boot, wants, last, is_known),

        (Phase::Appending { segment, upto, is_written: false }, Answer::Written) => {
            Phase::Appending { segment, upto, is_written: true }
        }
        (Phase::Appending { segment, is_written: true, .. }, Answer::Is(state)) => match state {
            State::Open => Phase::Done(End::Stands(segment)),
            State::Fenced => Phase::Fencing(segment),
            State::Sealed { .. } => sealed(wants, Segment { state, ..segment }),
        },

        // An answer that it is fenced is one also if somebody else fenced it; that it is open is none.
        (Phase::Fencing(segment), Answer::Is(state)) => match state {
            State::Open => Phase::Fencing(segment),
            State::Fenced => Phase::Reading { segment: Segment { state, ..segment }, top: None },
            State::Sealed { .. } => sealed(wants, Segment { state, ..segment }),
        },

        (Phase::Reading { segment, top: None }, Answer::Top(top)) => match top {
            Some(top) if top.first < top.position => Phase::Reading { segment, top: Some(top) },
            top => {
                let rows: Vec<Stored> = top.into_iter().collect();
                let length = rows.last().map_or(0, |row| row.position + 1);
                Phase::WritingAgain { segment, rows, length }
            }
        },
        (Phase::Reading { segment, top: Some(top) }, Answer::Batch(mut rows)) => {
            let first = top.first;
            rows.push(top);
            let rows = run_from(first, rows);
            let length = first + rows.len() as u32;
            Phase::WritingAgain { segment, rows, length }
        }

        (Phase::WritingAgain { segment, length, .. }, Answer::Written) => Phase::Sealing { segment, length, own: false },

        // The first seal stands, whatever its length.
        (Phase::Sealing { segment, length, own }, Answer::Is(state)) => match state {
            State::Sealed { .. } if own => Phase::Opening(behind(boot, Segment { state, ..segment })),
            State::Sealed { .. } => sealed(wants, Segment { state, ..segment }),
            State::Open if own => Phase::Sealing { segment, length, own },
            State::Open | State::Fenced => Phase::Fencing(segment),
        },

        (Phase::FollowingUp(segment), Answer::FollowedUp) => Phase::Opening(behind(boot, segment)),

        (Phase::Opening(segment), Answer::Opened(stands)) => {
            Phase::Done(if stands.writer == boot && stands.first_seq == segment.first_seq {
                End::Opened(stands)
            } else {
                End::Taken(stands)
            })
        }

        // Unknown, or no answer to what was asked: it is asked again.
        (phase, _) => phase,
    }
}

fn loaded(boot: Boot, wants: Wants, last: Option<Segment>, is_known: bool) -> Phase {
    let Some(segment) = last else {
        return Phase::Opening(Segment { number: 0, writer: boot, state: State::Open, first_seq: 1 });
    };
    match segment.state {
        State::Sealed { .. } => sealed(wants, segment),
        State::Open if segment.writer == boot && is_known => Phase::Ready(segment),
        _ if wants == Wants::GoOn && segment.writer != boot => Phase::Done(End::Taken(segment)),
        State::Open | State::Fenced => Phase::Fencing(segment),
    }
}

fn sealed(wants: Wants, segment: Segment) -> Phase {
    match wants {
        Wants::Sealed => Phase::Done(End::Sealed(segment)),
        Wants::Own | Wants::GoOn => Phase::FollowingUp(segment),
    }
}

fn behind(boot: Boot, sealed: Segment) -> Segment {
    let first_seq = sealed.next_seq().unwrap_or(sealed.first_seq);
    Segment { number: sealed.number + 1, writer: boot, state: State::Open, first_seq }
}

#[cfg(test)]
mod tests;
