//! All there is at one moment. Small plain values, so that millions of worlds can be told apart quickly.

use crate::property::Broken;

mod renamed;

/// Segments that fit into a world: one more than a scope may name, for the message that must always be possible.
pub const SEGMENTS: usize = 4;
pub const POSITIONS: usize = 3;
pub const ACTORS: usize = 3;
/// Messages are numbered from 1, in the order in which they are first written.
pub const MESSAGES: usize = 4;
/// The writer of a segment whose process has ended, or left it.
pub const GONE: u8 = 3;
/// The replicas that a quorum can consist of.
pub const PAIRS: [(usize, usize); 3] = [(0, 1), (0, 2), (1, 2)];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct World {
    pub segments: [Segment; SEGMENTS],
    pub replicas: [Replica; 3],
    pub actors: [Phase; ACTORS],
    pub reader: Reader,
    /// Where each message stood when its sender heard so.
    pub acked: [Option<Place>; MESSAGES],
    pub crashes: u8,
    pub broken: Option<Broken>,
}

/// What is so of a segment, whoever knows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Segment {
    /// As the conditional writes decided it.
    pub state: State,
    pub writer: u8,
    pub first: u8,
    pub length: u8,
    /// Which messages were ever written to each position, as bits. More than one is a mistake.
    pub rows: [u8; POSITIONS],
    /// Positions at which a batch starts.
    pub starts: u8,
    /// Id rows that were ever written.
    pub ids: Ids,
    /// The writer's memory: where it writes next, and what it wrote without knowing the outcome.
    pub next: u8,
    pub flying: Cells,
    /// Conditional writes on their way. They may run at any time, or never, whether their sender lives or not.
    pub fence: bool,
    /// By length, as bits.
    pub seals: u8,
    /// By writer and first number, as bits.
    pub opens: u64,
    /// Positions that the reader has shown, as bits.
    pub shown: u8,
    /// Edits of rows, by position as bits: on their way, decided, and answered.
    pub edits: u8,
    pub edited: u8,
    pub edits_answered: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum State {
    #[default]
    Absent,
    Open,
    Fenced,
    Sealed,
}

/// What one replica holds. The length of a segment comes with its state `Sealed`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Replica {
    pub rows: [Cells; SEGMENTS],
    pub ids: [Ids; SEGMENTS],
    pub states: [State; SEGMENTS],
    /// Rows that it holds in their edited form, as bits.
    pub edited: [u8; SEGMENTS],
}

/// What a process is doing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Phase {
    #[default]
    Idle,
    /// A fence is issued, and issued again, until it is answered.
    Fencing {
        segment: u8,
    },
    /// Reads the last batch, downwards: rows from `below` on are read, the batch starts at `first`.
    Reading {
        segment: u8,
        below: u8,
        first: u8,
        seen: Cells,
    },
    WritingAgain {
        segment: u8,
        rows: Cells,
        length: u8,
    },
    Sealing {
        segment: u8,
    },
    Opening {
        segment: u8,
    },
    Ready {
        segment: u8,
    },
    /// A batch is written. `looked`: without the clause that the rows come first, the state was already read as open.
    Appending {
        segment: u8,
        looked: bool,
    },
}

/// A reader that owns nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Reader {
    #[default]
    Away,
    /// Read rows. `must`: positions that were acknowledged or shown before it began.
    Rows { segment: u8, rows: u8, must: u8, all: bool },
    /// Without the clause that the rows are read first.
    Looked { segment: u8, state: State, length: u8, must: u8 },
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    pub segment: u8,
    pub position: u8,
}

/// Rows by position: the number of a message, or 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Cells(u16);

/// Id rows: which message, at which position.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Ids(u16);

impl World {
    /// Segment 0 is open, and process 0 its writer.
    pub fn start() -> World {
        let mut world = World::default();
        world.segments[0].state = State::Open;
        world.replicas.iter_mut().for_each(|replica| replica.states[0] = State::Open);
        world.actors[0] = Phase::Ready { segment: 0 };
        world
    }

    /// How many replicas hold this message there.
    pub fn copies(&self, segment: usize, position: usize, message: u8) -> usize {
        self.replicas.iter().filter(|replica| replica.rows[segment].get(position) == message).count()
    }

    pub fn id_copies(&self, segment: usize, position: usize, message: u8) -> usize {
        self.replicas.iter().filter(|replica| replica.ids[segment].has(position, message)).count()
    }

    /// Whether every read at a quorum shows at least this state of the segment.
    pub fn at_quorum(&self, segment: usize, state: State) -> bool {
        self.segments[segment].state >= state
            && self.replicas.iter().filter(|replica| replica.states[segment] >= state).count() >= 2
    }

    pub fn rows_at_quorum(&self, segment: usize, rows: Cells) -> bool {
        rows.filled().all(|(position, message)| self.copies(segment, position, message) >= 2)
    }

    pub fn ids_at_quorum(&self, segment: usize, rows: Cells) -> bool {
        rows.filled().all(|(position, message)| self.id_copies(segment, position, message) >= 2)
    }

    /// Whether every read at a quorum finds a row edited.
    pub fn edit_at_quorum(&self, segment: usize, position: usize) -> bool {
        self.replicas.iter().filter(|replica| replica.edited[segment] >> position & 1 == 1).count() >= 2
    }

    /// The message that every read at a quorum finds at a position.
    pub fn stands(&self, segment: usize, position: usize) -> Option<u8> {
        let holds = |message: &u8| self.copies(segment, position, *message) >= 2;
        (1..=MESSAGES as u8).find(holds)
    }

    pub fn seen_state(&self, (left, right): (usize, usize), segment: usize) -> State {
        self.replicas[left].states[segment].max(self.replicas[right].states[segment])
    }

    pub fn seen_rows(&self, (left, right): (usize, usize), segment: usize) -> Cells {
        self.replicas[left].rows[segment].merged(self.replicas[right].rows[segment])
    }

    /// A sender hears where its message stands.
    pub fn ack(&mut self, message: u8, segment: usize, position: usize) {
        let place = Place { segment: segment as u8, position: position as u8 };
        match self.acked[message as usize - 1] {
            None => self.acked[message as usize - 1] = Some(place),
            Some(before) if before != place => self.broken = Some(Broken::Doubled),
            Some(_) => {}
        }
    }

    /// Positions of a segment at which messages were acknowledged, as bits.
    pub fn acked_in(&self, segment: usize) -> u8 {
        let places = self.acked.iter().flatten().filter(|place| place.segment as usize == segment);
        places.fold(0, |bits, place| bits | 1 << place.position)
    }
}

impl Segment {
    /// Positions that were written, from 0 on.
    pub fn written(&self) -> usize {
        self.rows.iter().take_while(|messages| **messages != 0).count()
    }

    /// The first position of the batch that this position belongs to, as its row says.
    pub fn start_of(&self, position: usize) -> usize {
        (0..=position).rev().find(|start| self.starts >> start & 1 == 1).unwrap_or(0)
    }

    pub fn end_of(&self, start: usize) -> usize {
        let end = self.written();
        (start + 1..end).find(|next| self.starts >> next & 1 == 1).unwrap_or(end)
    }

    pub fn holds(&self, message: u8) -> bool {
        self.rows.iter().any(|messages| messages >> (message - 1) & 1 == 1)
    }

    pub fn is_void(&self, position: usize) -> bool {
        self.state == State::Sealed && position >= self.length as usize
    }
}

impl Cells {
    pub fn get(self, position: usize) -> u8 {
        (self.0 >> (4 * position) & 15) as u8
    }

    pub fn with(self, position: usize, message: u8) -> Cells {
        Cells(self.0 & !(15 << (4 * position)) | (u16::from(message) << (4 * position)))
    }

    pub fn filled(self) -> impl Iterator<Item = (usize, u8)> {
        (0..POSITIONS).map(move |position| (position, self.get(position))).filter(|(_, message)| *message != 0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Of two different rows the later one wins, as the store's timestamps would have it.
    pub fn merged(self, other: Cells) -> Cells {
        (0..POSITIONS).fold(Cells(0), |cells, at| cells.with(at, self.get(at).max(other.get(at))))
    }

    /// These rows, and the others where there are some.
    pub fn overwritten(self, by: Cells) -> Cells {
        by.filled().fold(self, |cells, (position, message)| cells.with(position, message))
    }

    /// Without gap from a position on.
    pub fn run_from(self, first: usize) -> Cells {
        let run = (first..POSITIONS).take_while(|position| self.get(*position) != 0);
        run.fold(Cells(0), |cells, position| cells.with(position, self.get(position)))
    }

    pub fn len(self) -> usize {
        self.filled().count()
    }

    pub fn bits(self) -> u8 {
        self.filled().fold(0, |bits, (position, _)| bits | 1 << position)
    }
}

impl Ids {
    pub fn has(self, position: usize, message: u8) -> bool {
        self.0 >> (position * MESSAGES + message as usize - 1) & 1 == 1
    }

    pub fn with(self, position: usize, message: u8) -> Ids {
        Ids(self.0 | 1 << (position * MESSAGES + message as usize - 1))
    }

    pub fn all(self) -> impl Iterator<Item = (usize, u8)> {
        let bits = (0..POSITIONS * MESSAGES).filter(move |bit| self.0 >> bit & 1 == 1);
        bits.map(|bit| (bit / MESSAGES, (bit % MESSAGES) as u8 + 1))
    }
}
