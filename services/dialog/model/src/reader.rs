//! A reader that owns nothing: it reads a segment's rows, then its state, and shows what counts. It keeps in mind what was
//! acknowledged or shown before it began: that has to be in what it shows.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use crate::clause::Clause;
use crate::property::Broken;
use crate::scope::Scope;
use crate::step::Step;
use crate::world::{Cells, PAIRS, Reader, State, World};

type Steps = Vec<(Step, World)>;

pub fn steps(scope: &Scope, world: &World, out: &mut Steps) {
    let looks_first = scope.dropped == Some(Clause::ReaderLooksLast);
    for pair in PAIRS {
        match world.reader {
            Reader::Away if looks_first => look_first(scope, world, pair, out),
            Reader::Away => {
                for segment in 0..scope.segments {
                    begin(scope, world, segment, pair, out);
                }
            }
            Reader::Rows { segment, rows, must, all: false } => {
                let position = (rows.trailing_ones()) as usize;
                let page = world.seen_rows(pair, segment as usize).get(position);
                let cells = Cells::default().with(position, page);
                read(scope, world, Reading { segment: segment as usize, before: rows, must, cells }, pair, out);
            }
            Reader::Rows { segment, rows, must, all: true } => {
                let (segment, state) = (segment as usize, world.seen_state(pair, segment as usize));
                show(scope, world, Shown { segment, state, length: world.segments[segment].length, rows, must, pair }, out);
            }
            Reader::Looked { segment, state, length, must } => {
                let segment = segment as usize;
                let rows = world.seen_rows(pair, segment).run_from(0);
                let mut repaired = *world;
                repair(&mut repaired, segment, pair, rows);
                show(scope, &repaired, Shown { segment, state, length, rows: rows.bits(), must, pair }, out);
            }
        }
    }
}

/// What has to be in a page of this segment from here on.
fn must(world: &World, segment: usize) -> u8 {
    world.acked_in(segment) | world.segments[segment].shown
}

fn begin(scope: &Scope, world: &World, segment: usize, pair: (usize, usize), out: &mut Steps) {
    let rows = world.seen_rows(pair, segment);
    let must = must(world, segment);
    if scope.dropped == Some(Clause::ReaderFromFirst) {
        for (position, message) in rows.filled() {
            let cells = Cells::default().with(position, message);
            let mut next = *world;
            repair(&mut next, segment, pair, cells);
            next.reader = Reader::Rows { segment: segment as u8, rows: cells.bits(), must: 0, all: true };
            out.push((Step::ReaderReads { pair, segment, rows: cells }, next));
        }
        return;
    }
    if rows.is_empty() && must == 0 {
        return;
    }
    let cells = if scope.paged { Cells::default().with(0, rows.get(0)) } else { rows };
    read(scope, world, Reading { segment, before: 0, must, cells }, pair, out);
}

struct Reading {
    segment: usize,
    before: u8,
    must: u8,
    cells: Cells,
}

/// A page of rows, upwards. The read repairs them: they are on both replicas before it is answered.
fn read(scope: &Scope, world: &World, reading: Reading, pair: (usize, usize), out: &mut Steps) {
    let Reading { segment, before, must, cells } = reading;
    let mut next = *world;
    if scope.dropped != Some(Clause::ReaderRepairs) {
        repair(&mut next, segment, pair, cells);
    }
    let rows = before | cells.run_from(before.trailing_ones() as usize).bits();
    let all = !scope.paged || rows == before || rows.trailing_ones() as usize == scope.positions;
    next.reader = Reader::Rows { segment: segment as u8, rows, must, all };
    out.push((Step::ReaderReads { pair, segment, rows: cells }, next));
}

fn repair(world: &mut World, segment: usize, (left, right): (usize, usize), cells: Cells) {
    for replica in [left, right] {
        let rows = &mut world.replicas[replica].rows[segment];
        *rows = rows.overwritten(cells);
    }
}

fn look_first(scope: &Scope, world: &World, pair: (usize, usize), out: &mut Steps) {
    for segment in 0..scope.segments {
        let (must, state) = (must(world, segment), world.seen_state(pair, segment));
        if state != State::Absent {
            let mut next = *world;
            let length = if state == State::Sealed { world.segments[segment].length } else { 0 };
            next.reader = Reader::Looked { segment: segment as u8, state, length, must };
            out.push((Step::ReaderLooks { pair, segment, state }, next));
        }
    }
}

struct Shown {
    segment: usize,
    state: State,
    length: u8,
    rows: u8,
    must: u8,
    pair: (usize, usize),
}

/// Shows rows of an open segment, or below the length of a sealed one. A fenced one is not answered: the reader waits for its
/// seal, or finishes the take-over itself.
fn show(scope: &Scope, world: &World, shown: Shown, out: &mut Steps) {
    let Shown { segment, state, length, rows, must, pair } = shown;
    let mut next = *world;
    next.reader = Reader::Away;
    let view = match state {
        State::Open => Some(rows),
        State::Sealed => Some(rows & ((1 << length) - 1)),
        State::Fenced if scope.dropped == Some(Clause::ReaderLeavesFenced) => Some(rows),
        State::Fenced => None,
        State::Absent => Some(0),
    };
    if let Some(view) = view {
        next.segments[segment].shown |= view;
        let missing = must & !view;
        if missing & world.acked_in(segment) != 0 {
            next.broken = Some(Broken::LostAck);
        } else if missing != 0 {
            next.broken = Some(Broken::VoidShown);
        }
    }
    out.push((Step::ReaderLooks { pair, segment, state }, next));
}
