//! What a session has proved to have. After messages the edge asks (a WebSocket ping whose payload is the session's ordinal,
//! or an `<r/>`), and the answer proves all that was written before it (design.md 6). A proof says that the transport of the
//! client took it, not that a person saw it.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::VecDeque;

use natter_proto::DialogId;

/// How a session can prove.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Means {
    /// WebSocket: the pong repeats the ordinal of the ping.
    Ping,
    /// Stream management: any `<a/>` that comes after our `<r/>`; its `h` is not trusted (contract xmpp 5).
    Request,
    /// TCP without stream management: what was written counts as received, and its proof stays behind for a while.
    Nothing,
}

/// Something written to the session that matters later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    /// A row of a dialog; `delivers`: its proof says that the user has received it.
    Row { dialog: DialogId, seq: u64, delivers: bool },
    /// A change of rows of a dialog.
    Change { dialog: DialogId, stamp: u64 },
    /// A kept message outside the log.
    Kept { place: u64 },
    /// The end of the list a returning session gets.
    ListEnd,
    /// A message without a place.
    Unstored,
}

/// How long the proof of a session that can prove nothing stays behind its writes, milliseconds (design.md 9).
const BEHIND_MS: i64 = 30_000;
/// Entries kept of such a session. The proof of a later number of a dialog covers the earlier ones.
const BEHIND_MAX: usize = 1_024;

/// The ledger of one session.
///
/// Invariant: at most one question is outstanding. Node's `ws` closes a connection with more than 60 unanswered pings.
#[derive(Debug)]
pub(crate) struct Proof {
    means: Means,
    pause_ms: i64,
    window: usize,
    /// Ordinal of the last thing written, and of the last one proved.
    written: u64,
    proved: u64,
    outstanding: Option<u64>,
    asked_at: i64,
    last_asked: u64,
    ledger: VecDeque<(u64, i64, Told)>,
}

impl Proof {
    /// `window`: things unproved at most; `pause_ms`: shortest time between two questions.
    pub(crate) fn new(means: Means, window: usize, pause_ms: i64) -> Proof {
        let ledger = VecDeque::new();
        Proof { means, pause_ms, window, written: 0, proved: 0, outstanding: None, asked_at: 0, last_asked: 0, ledger }
    }

    pub(crate) fn means(&self) -> Means {
        self.means
    }

    /// Another way to prove from here on: stream management was enabled.
    pub(crate) fn switch(&mut self, means: Means) {
        self.means = means;
        self.outstanding = None;
    }

    /// Notes something written.
    pub(crate) fn told(&mut self, now: i64, told: Told) {
        self.written += 1;
        if self.means == Means::Nothing && self.ledger.len() == BEHIND_MAX {
            self.ledger.pop_front();
        }
        self.ledger.push_back((self.written, now, told));
    }

    /// Whether more may be written before something is proved.
    pub(crate) fn has_room(&self) -> bool {
        self.means == Means::Nothing || self.ledger.len() < self.window
    }

    /// Whether all that was written is proved.
    pub(crate) fn is_settled(&self) -> bool {
        self.ledger.is_empty()
    }

    /// Whether a question is outstanding.
    pub(crate) fn is_asking(&self) -> bool {
        self.outstanding.is_some()
    }

    /// The ordinal to ask with, if it is time to ask. The question is outstanding from then on.
    pub(crate) fn ask(&mut self, now: i64) -> Option<u64> {
        if self.ask_at()? > now {
            return None;
        }
        self.ask_anyway(now)
    }

    /// A question for a sign of life, with or without anything to prove; none while one is outstanding.
    pub(crate) fn ask_anyway(&mut self, now: i64) -> Option<u64> {
        if self.means == Means::Nothing || self.outstanding.is_some() {
            return None;
        }
        self.outstanding = Some(self.written);
        self.last_asked = self.written;
        self.asked_at = now;
        Some(self.written)
    }

    /// When to look again: to ask, or to let old writes count as proved.
    pub(crate) fn ask_at(&self) -> Option<i64> {
        let (_, written_at, _) = self.ledger.front()?;
        match self.means {
            Means::Nothing => Some(written_at + BEHIND_MS),
            _ if self.outstanding.is_some() => None,
            // Who is told much is asked before the window closes, or each pause would carry one window and no more.
            _ if self.ledger.len() >= self.window / 2 => Some(*written_at),
            _ => Some(self.asked_at + self.pause_ms),
        }
    }

    /// A pong came: cumulative, and ignored if it proves nothing or was never asked for.
    pub(crate) fn pong(&mut self, ordinal: u64) -> Vec<Told> {
        if ordinal > self.last_asked {
            return Vec::new();
        }
        if self.outstanding == Some(ordinal) {
            self.outstanding = None;
        }
        self.prove(ordinal)
    }

    /// An `<a/>` came. One that answers no question of ours proves nothing.
    pub(crate) fn answered(&mut self) -> Vec<Told> {
        match self.outstanding.take() {
            Some(ordinal) => self.prove(ordinal),
            None => Vec::new(),
        }
    }

    /// Without means: what was written long enough ago counts as proved.
    pub(crate) fn lapse(&mut self, now: i64) -> Vec<Told> {
        if self.means != Means::Nothing {
            return Vec::new();
        }
        let old = self.ledger.iter().take_while(|(_, written_at, _)| written_at + BEHIND_MS <= now).last();
        old.map(|(ordinal, ..)| *ordinal).map_or_else(Vec::new, |ordinal| self.prove(ordinal))
    }

    /// Everything written counts as proved: a client that can prove nothing has said goodbye.
    pub(crate) fn all(&mut self) -> Vec<Told> {
        self.prove(self.written)
    }

    fn prove(&mut self, ordinal: u64) -> Vec<Told> {
        if ordinal <= self.proved {
            return Vec::new();
        }
        self.proved = ordinal;
        let upto = self.ledger.iter().take_while(|(written, ..)| *written <= ordinal).count();
        self.ledger.drain(..upto).map(|(.., told)| told).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pong_proves_all_that_was_written_before_its_ping() {
        let mut proof = Proof::new(Means::Ping, 256, 200);
        proof.told(1_000, kept(1));
        proof.told(1_000, kept(2));
        assert_eq!(proof.ask(1_000), Some(2));
        proof.told(1_001, kept(3));
        assert_eq!(proof.ask(1_001), None, "one at a time");
        assert_eq!(proof.pong(2), [kept(1), kept(2)]);
        assert_eq!(proof.ask(1_100), None, "not so soon");
        assert_eq!(proof.ask(1_200), Some(3));
        assert_eq!(proof.pong(3), [kept(3)]);
        assert_eq!(proof.ask(9_999), None, "all is proved");
    }

    #[test]
    fn pongs_that_nobody_asked_for_prove_nothing() {
        let mut proof = Proof::new(Means::Ping, 256, 200);
        proof.told(1_000, kept(1));
        proof.told(1_000, kept(2));
        assert_eq!(proof.pong(1), [], "before any ping");
        assert_eq!(proof.ask(1_000), Some(2));
        assert_eq!(proof.pong(7), [], "never written");
        assert_eq!(proof.pong(1), [kept(1)], "a pong for an older ping is harmless");
        assert_eq!(proof.pong(2), [kept(2)]);
        assert_eq!(proof.pong(2), []);
    }

    #[test]
    fn an_unasked_ack_proves_nothing() {
        let mut proof = Proof::new(Means::Request, 256, 200);
        proof.told(1_000, kept(1));
        assert_eq!(proof.answered(), []);
        assert_eq!(proof.ask(1_000), Some(1));
        assert_eq!(proof.answered(), [kept(1)]);
    }

    #[test]
    fn the_window_closes_until_something_is_proved() {
        let mut proof = Proof::new(Means::Ping, 2, 0);
        proof.told(1, kept(1));
        assert!(proof.has_room());
        proof.told(1, kept(2));
        assert!(!proof.has_room());
        proof.ask(1);
        proof.pong(2);
        assert!(proof.has_room());
    }

    #[test]
    fn a_window_that_is_half_full_is_asked_for_without_a_pause() {
        let mut proof = Proof::new(Means::Ping, 4, 200);
        proof.told(1_000, kept(1));
        proof.ask(1_000);
        proof.pong(1);
        proof.told(1_001, kept(2));
        assert_eq!(proof.ask(1_001), None, "not so soon");
        proof.told(1_001, kept(3));
        assert_eq!(proof.ask(1_001), Some(3));
        proof.told(1_002, kept(4));
        assert_eq!(proof.ask(1_002), None, "one at a time");
    }

    #[test]
    fn without_means_the_proof_stays_thirty_seconds_behind() {
        let mut proof = Proof::new(Means::Nothing, 1, 200);
        proof.told(1_000, kept(1));
        proof.told(2_000, kept(2));
        assert_eq!(proof.ask(90_000), None);
        assert_eq!(proof.lapse(30_999), []);
        assert_eq!(proof.lapse(31_000), [kept(1)]);
    }

    fn kept(place: u64) -> Told {
        Told::Kept { place }
    }
}
