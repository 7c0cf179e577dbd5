//! The clauses of decision 0028 that are decided here, each by name: the answer that a process gets, and what it must ask next.
#![allow(clippy::unwrap_used)]

use super::*;

const OWN: Boot = Boot(1);
const OTHER: Boot = Boot(2);

#[test]
fn fence_first_whoever_takes_over_fences_before_it_reads() {
    let open = segment(OTHER, State::Open);
    assert_eq!(load(Wants::Own, open, false), Command::Fence(open));
}

#[test]
fn fence_is_answered_a_fence_that_was_only_read_is_issued_again() {
    let fenced = segment(OTHER, State::Fenced);
    assert_eq!(load(Wants::Own, fenced, false), Command::Fence(fenced));
    for no_answer in [Answer::Unknown, Answer::Is(State::Open), Answer::Written] {
        assert_eq!(after(Wants::Own, Phase::Fencing(fenced), no_answer), Command::Fence(fenced));
    }
    assert_eq!(after(Wants::Own, Phase::Fencing(fenced), Answer::Is(State::Fenced)), Command::ReadTop(fenced));
}

#[test]
fn rows_before_look_and_look_before_ack() {
    let own = segment(OWN, State::Open);
    let writing = Phase::Appending { segment: own, upto: 3, is_written: false };
    assert_eq!(after(Wants::Sealed, writing.clone(), Answer::Unknown), Command::Write, "same place, same bytes");
    assert_eq!(after(Wants::Sealed, writing, Answer::Written), Command::Look(own));
    let looking = Phase::Appending { segment: own, upto: 3, is_written: true };
    assert_eq!(after(Wants::Sealed, looking.clone(), Answer::Unknown), Command::Look(own));
    assert_eq!(after(Wants::Sealed, looking, Answer::Is(State::Open)), Command::End(End::Stands(own)));
}

#[test]
fn anyone_finishes_also_the_writer_whose_segment_was_fenced() {
    let own = segment(OWN, State::Open);
    let looking = Phase::Appending { segment: own, upto: 3, is_written: true };
    assert_eq!(after(Wants::Sealed, looking.clone(), Answer::Is(State::Fenced)), Command::Fence(own));
    let sealed = State::Sealed { length: 2 };
    assert_eq!(after(Wants::Sealed, looking, Answer::Is(sealed)), Command::End(End::Sealed(segment(OWN, sealed))));
}

#[test]
fn boot_is_writer_what_is_not_in_memory_is_taken_over_from_oneself() {
    let own = segment(OWN, State::Open);
    assert_eq!(load(Wants::Own, own, true), Command::End(End::Ready(own)));
    for wants in [Wants::Own, Wants::GoOn] {
        assert_eq!(load(wants, own, false), Command::Fence(own));
    }
    assert_eq!(load(Wants::Own, segment(OTHER, State::Open), true), Command::Fence(segment(OTHER, State::Open)));
}

#[test]
fn who_goes_on_leaves_another_boot_what_it_has() {
    for state in [State::Open, State::Fenced] {
        let taken = segment(OTHER, state);
        assert_eq!(load(Wants::GoOn, taken, false), Command::End(End::Taken(taken)));
    }
}

#[test]
fn whole_batch_and_first_gap_the_length_ends_where_a_row_of_the_last_batch_is_missing() {
    let fenced = segment(OTHER, State::Fenced);
    let reading = Phase::Reading { segment: fenced, top: None };
    let (phase, command) = decide(OWN, Wants::Own, reading, Answer::Top(Some(row(6, 3))));
    assert_eq!(command, Command::ReadBatch { segment: fenced, first: 3, below: 6 });
    let (_, command) = decide(OWN, Wants::Own, phase.clone(), Answer::Batch(vec![row(3, 3), row(4, 3), row(5, 3)]));
    assert!(matches!(&command, Command::WriteAgain { rows, .. } if rows.len() == 4), "{command:?}");
    let (phase, command) = decide(OWN, Wants::Own, phase, Answer::Batch(vec![row(3, 3), row(5, 3)]));
    assert_eq!(command, Command::WriteAgain { segment: fenced, rows: vec![row(3, 3)] });
    let sealing = Command::Seal { segment: fenced, length: 4, own: false };
    assert_eq!(after(Wants::Own, phase, Answer::Written), sealing);
}

#[test]
fn a_batch_without_its_first_row_does_not_count_at_all() {
    let reading = Phase::Reading { segment: segment(OTHER, State::Fenced), top: Some(row(6, 3)) };
    let (phase, command) = decide(OWN, Wants::Own, reading, Answer::Batch(vec![row(4, 3)]));
    assert!(matches!(command, Command::WriteAgain { rows, .. } if rows.is_empty()));
    assert!(matches!(phase, Phase::WritingAgain { length: 3, .. }));
}

#[test]
fn rows_again_and_ids_again_before_the_seal() {
    let fenced = segment(OTHER, State::Fenced);
    let reading = Phase::Reading { segment: fenced, top: None };
    let (phase, command) = decide(OWN, Wants::Own, reading.clone(), Answer::Top(Some(row(4, 4))));
    let again = Command::WriteAgain { segment: fenced, rows: vec![row(4, 4)] };
    assert_eq!(command, again);
    assert_eq!(after(Wants::Own, phase.clone(), Answer::Unknown), again);
    assert_eq!(after(Wants::Own, phase, Answer::Written), Command::Seal { segment: fenced, length: 5, own: false });
    let (phase, _) = decide(OWN, Wants::Own, reading, Answer::Top(None));
    assert_eq!(after(Wants::Own, phase, Answer::Written), Command::Seal { segment: fenced, length: 0, own: false });
}

#[test]
fn first_seal_stands_whatever_its_length() {
    let sealing = Phase::Sealing { segment: segment(OTHER, State::Fenced), length: 5, own: false };
    let standing = segment(OTHER, State::Sealed { length: 2 });
    let (phase, command) = decide(OWN, Wants::Own, sealing.clone(), Answer::Is(standing.state));
    assert_eq!(command, Command::FollowUp(standing));
    let opening = after(Wants::Own, phase, Answer::FollowedUp);
    assert_eq!(opening, Command::Open(Segment { number: 8, writer: OWN, state: State::Open, first_seq: 12 }));
    assert_eq!(after(Wants::Sealed, sealing, Answer::Is(standing.state)), Command::End(End::Sealed(standing)));
}

#[test]
fn open_after_seal_and_only_when_that_is_answered() {
    let fenced = segment(OTHER, State::Fenced);
    let sealing = Phase::Sealing { segment: fenced, length: 5, own: false };
    assert_eq!(after(Wants::Own, sealing.clone(), Answer::Unknown), Command::Seal { segment: fenced, length: 5, own: false });
    assert_eq!(after(Wants::Own, sealing, Answer::Is(State::Open)), Command::Fence(fenced));
}

#[test]
fn first_open_stands_and_an_opening_is_issued_until_it_is_answered() {
    let next = Segment { number: 8, writer: OWN, state: State::Open, first_seq: 12 };
    assert_eq!(after(Wants::Own, Phase::Opening(next), Answer::Unknown), Command::Open(next));
    assert_eq!(after(Wants::Own, Phase::Opening(next), Answer::Opened(next)), Command::End(End::Opened(next)));
    let theirs = Segment { writer: OTHER, ..next };
    assert_eq!(after(Wants::Own, Phase::Opening(next), Answer::Opened(theirs)), Command::End(End::Taken(theirs)));
}

#[test]
fn a_sealed_segment_needs_no_fence() {
    let sealed = segment(OTHER, State::Sealed { length: 3 });
    for wants in [Wants::Own, Wants::GoOn] {
        assert_eq!(load(wants, sealed, false), Command::FollowUp(sealed));
    }
}

#[test]
fn seal_own_needs_no_fence_and_is_conditional_on_open_or_fenced() {
    let own = segment(OWN, State::Open);
    let sealing = Phase::Sealing { segment: own, length: 9, own: true };
    assert_eq!(after(Wants::GoOn, sealing.clone(), Answer::Unknown), Command::Seal { segment: own, length: 9, own: true });
    let opening = after(Wants::GoOn, sealing, Answer::Is(State::Sealed { length: 9 }));
    assert_eq!(opening, Command::Open(Segment { number: 8, writer: OWN, state: State::Open, first_seq: 19 }));
}

#[test]
fn the_first_segment_starts_at_one() {
    let (_, command) = decide(OWN, Wants::Own, Phase::Idle, Answer::Loaded { last: None, is_known: false });
    assert_eq!(command, Command::Open(Segment { number: 0, writer: OWN, state: State::Open, first_seq: 1 }));
}

fn load(wants: Wants, last: Segment, is_known: bool) -> Command {
    after(wants, Phase::Idle, Answer::Loaded { last: Some(last), is_known })
}

fn after(wants: Wants, phase: Phase, answer: Answer) -> Command {
    decide(OWN, wants, phase, answer).1
}

fn segment(writer: Boot, state: State) -> Segment {
    Segment { number: 7, writer, state, first_seq: 10 }
}

fn row(position: u32, first: u32) -> Stored {
    Stored { position, first, ..Stored::default() }
}
