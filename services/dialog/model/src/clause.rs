//! The clauses of the protocol: each can be dropped, and then the search finds what breaks.

use crate::property::Broken;

/// A rule of the protocol that looks as if it could be left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clause {
    /// Who takes over fences before it reads and seals.
    FenceFirst,
    /// A fence that was only read is issued again until it is answered.
    FenceIsAnswered,
    /// An answered fence is at a quorum: its commit waits for one.
    FenceAtQuorum,
    /// An answered opening is at a quorum.
    OpenAtQuorum,
    /// Acknowledgements wait for a look at the segment.
    LookBeforeAck,
    /// The look begins when the rows are at a quorum.
    RowsBeforeLook,
    /// The id rows are at a quorum as well before there is an acknowledgement.
    IdsBeforeAck,
    /// One append in flight per segment.
    OneInFlight,
    /// What has no known outcome is written again: same place, same bytes.
    SameBytes,
    /// A process that starts again is another writer.
    BootIsWriter,
    /// The length ends at the first gap, not at the highest row.
    FirstGap,
    /// Who takes over reads the last batch from its first row on.
    WholeBatch,
    /// It writes the rows of the last batch again before it seals.
    RowsAgain,
    /// And their id rows.
    IdsAgain,
    /// What is written again is no newer than it was (same timestamp), so that an edit of the row stays.
    AgainIsNotNewer,
    /// The first seal stands.
    FirstSeal,
    /// The first opening of a segment stands.
    FirstOpen,
    /// A segment is opened when the one before it is sealed.
    OpenAfterSeal,
    /// A writer seals its own segment only when nothing of it is in flight.
    SealWhenSettled,
    /// A writer that has issued the seal of its own segment never writes to it again.
    SealedIsLeft,
    /// A writer that finds its segment sealed counts only what lies below the length.
    BelowLength,
    /// Whoever meets a fenced segment finishes the take-over.
    AnyoneFinishes,
    /// An id row counts only if its row is not void.
    IdRowNotVoid,
    /// Who takes over acknowledges by id only below the length of a sealed segment.
    IdWhenSealed,
    /// A segment that has a next one counts as sealed, whatever a read shows of its own state.
    NextMeansSealed,
    /// Readers repair what they read: it is at a quorum before it is shown.
    ReaderRepairs,
    /// Readers look at the state after the rows.
    ReaderLooksLast,
    /// Readers show nothing of a fenced segment.
    ReaderLeavesFenced,
    /// Readers show a row only with all that are before it.
    ReaderFromFirst,
}

/// What breaks without a clause, and in which scope that is found.
pub struct Refuted {
    pub clause: Clause,
    pub scope: &'static str,
    pub broken: Broken,
}

const fn refuted(clause: Clause, scope: &'static str, broken: Broken) -> Refuted {
    Refuted { clause, scope, broken }
}

/// Every clause. Tests keep each row true.
pub const CLAUSES: [Refuted; 29] = [
    refuted(Clause::FenceFirst, "one", Broken::LostAck),
    refuted(Clause::FenceIsAnswered, "one", Broken::LostAck),
    refuted(Clause::FenceAtQuorum, "one", Broken::LostAck),
    refuted(Clause::OpenAtQuorum, "reader", Broken::LostAck),
    refuted(Clause::LookBeforeAck, "one", Broken::LostAck),
    refuted(Clause::RowsBeforeLook, "one", Broken::LostAck),
    refuted(Clause::IdsBeforeAck, "ids", Broken::Doubled),
    refuted(Clause::OneInFlight, "two", Broken::NotDense),
    refuted(Clause::SameBytes, "one", Broken::LostAck),
    refuted(Clause::BootIsWriter, "crash", Broken::LostAck),
    refuted(Clause::FirstGap, "paged", Broken::NotDense),
    refuted(Clause::WholeBatch, "strays", Broken::NotDense),
    refuted(Clause::RowsAgain, "one", Broken::NotDense),
    refuted(Clause::IdsAgain, "ids", Broken::Doubled),
    refuted(Clause::AgainIsNotNewer, "edits", Broken::EditUndone),
    refuted(Clause::FirstSeal, "one", Broken::LostAck),
    refuted(Clause::FirstOpen, "one", Broken::LostAck),
    refuted(Clause::OpenAfterSeal, "one", Broken::NotDense),
    refuted(Clause::SealWhenSettled, "one", Broken::NotDense),
    refuted(Clause::SealedIsLeft, "handover", Broken::LostAck),
    refuted(Clause::BelowLength, "one", Broken::LostAck),
    refuted(Clause::AnyoneFinishes, "alone", Broken::Stuck),
    refuted(Clause::IdRowNotVoid, "ids", Broken::LostAck),
    refuted(Clause::IdWhenSealed, "ids", Broken::LostAck),
    refuted(Clause::NextMeansSealed, "ids", Broken::Doubled),
    refuted(Clause::ReaderRepairs, "reader", Broken::VoidShown),
    refuted(Clause::ReaderLooksLast, "reader", Broken::VoidShown),
    refuted(Clause::ReaderLeavesFenced, "reader", Broken::VoidShown),
    refuted(Clause::ReaderFromFirst, "strays", Broken::VoidShown),
];
