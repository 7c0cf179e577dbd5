//! What can happen, as one line each.

use std::fmt;

use crate::world::{Cells, State};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    // The store.
    RowsLand { segment: usize, start: usize, message: u8, replica: usize },
    IdLands { segment: usize, position: usize, message: u8, replica: usize },
    StateLands { segment: usize, state: State, replica: usize },
    Spreads { segment: usize, position: usize, replica: usize },
    FenceRuns { segment: usize },
    SealRuns { segment: usize, length: usize },
    OpenRuns { segment: usize, writer: usize, first: usize },
    // An owner.
    Load { actor: usize, pair: (usize, usize), segment: usize, state: State },
    Post { actor: usize, segment: usize, rows: Cells },
    GiveUp { actor: usize, segment: usize },
    Look { actor: usize, pair: (usize, usize), segment: usize, state: State },
    AckWithoutLook { actor: usize, segment: usize },
    AckById { actor: usize, message: u8, segment: usize, position: usize },
    SealOwn { actor: usize, segment: usize, length: usize },
    Unload { actor: usize, segment: usize },
    Crash { actor: usize },
    // A take-over.
    FenceAnswered { actor: usize, segment: usize, state: State },
    ReadBatch { actor: usize, pair: (usize, usize), segment: usize, seen: Cells },
    RowsLandAgain { actor: usize, segment: usize, replica: usize },
    Seal { actor: usize, segment: usize, length: usize },
    SealAnswered { actor: usize, segment: usize, length: usize },
    OpenAnswered { actor: usize, segment: usize, writer: usize },
    // An edit.
    Edit { actor: usize, segment: usize, position: usize },
    EditRuns { segment: usize, position: usize },
    EditLands { segment: usize, position: usize, replica: usize },
    EditAnswered { segment: usize, position: usize },
    // A reader.
    ReaderReads { pair: (usize, usize), segment: usize, rows: Cells },
    ReaderLooks { pair: (usize, usize), segment: usize, state: State },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Step::*;
        match *self {
            RowsLand { segment, start, message, replica } => {
                write!(f, "the batch at {segment}.{start} (from m{message} on) lands on replica {replica}")
            }
            IdLands { segment, position, message, replica } => {
                write!(f, "the id row of m{message} at {segment}.{position} lands on replica {replica}")
            }
            StateLands { segment, state, replica } => {
                write!(f, "state {state:?} of segment {segment} lands on replica {replica}")
            }
            Spreads { segment, position, replica } => {
                write!(f, "row {segment}.{position} alone is repaired on replica {replica}")
            }
            FenceRuns { segment } => write!(f, "the fence of segment {segment} runs"),
            SealRuns { segment, length } => write!(f, "a seal of segment {segment} runs: length {length}"),
            OpenRuns { segment, writer, first } => {
                write!(f, "an opening of segment {segment} runs: writer {}, first number {first}", name(writer))
            }
            Load { actor, pair, segment, state } => {
                write!(f, "{} loads from {pair:?}: the last segment is {segment}, {state:?}", name(actor))
            }
            Post { actor, segment, rows } => write!(f, "{} posts {rows} to segment {segment}", name(actor)),
            GiveUp { actor, segment } => write!(f, "{} gives up an append to segment {segment}", name(actor)),
            Look { actor, pair, segment, state } => {
                write!(f, "{} looks at segment {segment} on {pair:?}: {state:?}", name(actor))
            }
            AckWithoutLook { actor, segment } => write!(f, "{} acknowledges its rows in segment {segment}", name(actor)),
            AckById { actor, message, segment, position } => {
                write!(f, "{} acknowledges m{message} by its id row at {segment}.{position}", name(actor))
            }
            SealOwn { actor, segment, length } => write!(f, "{} seals its own segment {segment}: length {length}", name(actor)),
            Unload { actor, segment } => write!(f, "{} unloads; segment {segment} stays its own", name(actor)),
            Crash { actor } => write!(f, "{} ends and starts again as another boot", name(actor)),
            FenceAnswered { actor, segment, state } => {
                write!(f, "{} is answered: segment {segment} is {state:?}", name(actor))
            }
            ReadBatch { actor, pair, segment, seen } => {
                write!(f, "{} has read of segment {segment}, the last from {pair:?}: {seen}", name(actor))
            }
            RowsLandAgain { actor, segment, replica } => {
                write!(f, "what {} writes again of segment {segment} lands on replica {replica}", name(actor))
            }
            Seal { actor, segment, length } => write!(f, "{} issues the seal of segment {segment}: length {length}", name(actor)),
            SealAnswered { actor, segment, length } => {
                write!(f, "{} is answered: segment {segment} is sealed, length {length}", name(actor))
            }
            OpenAnswered { actor, segment, writer } => {
                write!(f, "{} is answered: the writer of segment {segment} is {}", name(actor), name(writer))
            }
            Edit { actor, segment, position } => write!(f, "{} edits row {segment}.{position}", name(actor)),
            EditRuns { segment, position } => write!(f, "the edit of row {segment}.{position} runs"),
            EditLands { segment, position, replica } => {
                write!(f, "the edit of row {segment}.{position} lands on replica {replica}")
            }
            EditAnswered { segment, position } => write!(f, "the edit of row {segment}.{position} is answered"),
            ReaderReads { pair, segment, rows } => write!(f, "the reader reads segment {segment} at {pair:?}: {rows}"),
            ReaderLooks { pair, segment, state } => write!(f, "the reader looks at segment {segment} on {pair:?}: {state:?}"),
        }
    }
}

impl fmt::Display for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        let rows: Vec<String> = self.filled().map(|(position, message)| format!("m{message} at {position}")).collect();
        f.write_str(&rows.join(", "))
    }
}

fn name(actor: usize) -> &'static str {
    ["A", "B", "C", "nobody"][actor]
}
