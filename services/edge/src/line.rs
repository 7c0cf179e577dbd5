//! The line between a session and its connection: what is to be written, bounded in bytes, and a few signals.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// One thing to write.
#[derive(PartialEq, Debug)]
pub(crate) enum Piece {
    /// XML: over WebSocket a frame of its own.
    Text(String),
    /// A WebSocket ping with this payload.
    Ping(u64),
}

/// What the connection does next.
#[derive(PartialEq, Debug)]
pub(crate) enum Next {
    Write(Piece),
    /// Nothing to write at the moment.
    Wait,
    /// Everything is written: close the stream properly.
    Close,
}

/// The line of one connection. The session writes, the connection's task reads.
pub(crate) struct Line {
    bytes_max: usize,
    state: Mutex<State>,
    wake: Notify,
    /// The client was asked for a sign of life.
    expects_life: AtomicBool,
}

#[derive(Default)]
struct State {
    pieces: VecDeque<Piece>,
    /// So many of them, the last ones, wait until they are released.
    held: usize,
    bytes: usize,
    end: Option<End>,
    paused: bool,
    wants_room: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Close,
    Cut,
}

/// Bytes one piece costs besides its text.
const OVERHEAD: usize = 32;
/// A queue that grew beyond this gives its memory back when it is empty.
const CAPACITY_KEPT: usize = 16;

impl Line {
    /// A line that holds at most `bytes_max`.
    pub(crate) fn new(bytes_max: usize) -> Line {
        Line { bytes_max, state: Mutex::default(), wake: Notify::new(), expects_life: AtomicBool::new(false) }
    }

    // === the session's side ===

    /// Adds a piece. False: the line is over its bound and the connection is cut off.
    pub(crate) fn push(&self, piece: Piece) -> bool {
        self.add(piece, false)
    }

    /// Adds a piece that is not written before it is [released](Line::release). Nothing is [pushed](Line::push) after it.
    pub(crate) fn push_held(&self, piece: Piece) -> bool {
        self.add(piece, true)
    }

    /// The oldest of those that wait may be written.
    pub(crate) fn release(&self, count: usize) {
        let mut state = self.state.lock();
        state.held = state.held.saturating_sub(count);
        drop(state);
        self.wake.notify_one();
    }

    fn add(&self, piece: Piece, held: bool) -> bool {
        let mut state = self.state.lock();
        if state.end.is_some() {
            return true;
        }
        state.bytes += cost(&piece);
        let fits = state.bytes <= self.bytes_max;
        if fits {
            state.held += usize::from(held);
            state.pieces.push_back(piece);
        } else {
            state.end = Some(End::Cut);
        }
        drop(state);
        self.wake.notify_one();
        fits
    }

    /// Bytes that may be added without coming near the bound.
    pub(crate) fn room(&self) -> usize {
        (self.bytes_max / 2).saturating_sub(self.state.lock().bytes)
    }

    /// Closes the stream properly once all is written.
    pub(crate) fn close(&self) {
        self.end(End::Close);
    }

    /// Drops the connection at once.
    pub(crate) fn cut(&self) {
        self.end(End::Cut);
    }

    /// Stops or goes on reading the client.
    pub(crate) fn pause(&self, paused: bool) {
        self.state.lock().paused = paused;
        self.wake.notify_one();
    }

    /// The connection shall say when most is written.
    pub(crate) fn want_room(&self) {
        self.state.lock().wants_room = true;
        self.wake.notify_one();
    }

    pub(crate) fn expect_life(&self) {
        self.expects_life.store(true, Ordering::Relaxed);
    }

    fn end(&self, end: End) {
        let mut state = self.state.lock();
        // A cut is final; a close may still become one.
        if state.end != Some(End::Cut) {
            state.end = Some(end);
        }
        drop(state);
        self.wake.notify_one();
    }

    // === the connection's side ===

    /// Resolves when anything changed since the last time. Cancel safe.
    pub(crate) async fn changed(&self) {
        self.wake.notified().await;
    }

    /// Whether the connection is to be dropped at once.
    pub(crate) fn is_cut(&self) -> bool {
        self.state.lock().end == Some(End::Cut)
    }

    pub(crate) fn next(&self) -> Next {
        let mut state = self.state.lock();
        if state.held > 0 && state.pieces.len() <= state.held {
            return Next::Wait;
        }
        match state.pieces.pop_front() {
            Some(piece) => {
                state.bytes -= cost(&piece);
                Next::Write(piece)
            }
            None => {
                if state.pieces.capacity() > CAPACITY_KEPT {
                    state.pieces = VecDeque::new();
                }
                if state.end == Some(End::Close) { Next::Close } else { Next::Wait }
            }
        }
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.state.lock().paused
    }

    /// Whether room was asked for and is there; asked for again only by [`want_room`](Line::want_room).
    pub(crate) fn take_room(&self) -> bool {
        let mut state = self.state.lock();
        let is_there = state.wants_room && state.bytes < self.bytes_max / 4;
        state.wants_room &= !is_there;
        is_there
    }

    pub(crate) fn expects_life(&self) -> bool {
        self.expects_life.load(Ordering::Relaxed)
    }

    /// The client was heard of.
    pub(crate) fn heard(&self) {
        self.expects_life.store(false, Ordering::Relaxed);
    }
}

fn cost(piece: &Piece) -> usize {
    match piece {
        Piece::Text(text) => OVERHEAD + text.len(),
        Piece::Ping(_) => OVERHEAD,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_its_bound_a_line_is_cut() {
        let line = Line::new(100);
        assert!(line.push(text(60)));
        assert!(!line.push(text(60)));
        assert!(line.is_cut(), "not a byte more to a client that does not read");
    }

    #[test]
    fn what_is_held_is_written_when_it_is_released_and_the_close_waits_for_it() {
        let line = Line::new(1_000);
        line.push(text(1));
        line.push_held(text(2));
        line.push_held(text(3));
        line.close();
        assert_eq!(line.next(), Next::Write(text(1)));
        assert_eq!(line.next(), Next::Wait);
        line.release(1);
        assert_eq!((line.next(), line.next()), (Next::Write(text(2)), Next::Wait));
        line.release(1);
        assert_eq!((line.next(), line.next()), (Next::Write(text(3)), Next::Close));
    }

    #[test]
    fn a_close_comes_after_what_was_written() {
        let line = Line::new(1_000);
        line.push(text(1));
        line.close();
        line.push(text(2));
        assert_eq!(line.next(), Next::Write(text(1)));
        assert_eq!(line.next(), Next::Close);
    }

    #[test]
    fn room_is_reported_once_when_most_is_written() {
        let line = Line::new(400);
        line.push(text(100));
        line.push(text(10));
        line.want_room();
        assert!(!line.take_room());
        line.next();
        assert!(line.take_room());
        assert!(!line.take_room());
    }

    fn text(bytes: usize) -> Piece {
        Piece::Text("x".repeat(bytes))
    }
}
