//! The end of a session whose edge ends, or is emptied: in steps, so that its client is told nothing twice and loses nothing that it sent
//! (decision 0045).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_xmpp::{Framing, see_other_host};

use super::{Action, Ending, Moment, Session};
use crate::proof::Means;

/// How long the proof of what was told is waited for. A client that lives answers in a round trip.
const PROOF_MS: i64 = 1_000;
/// How long a client that was told to go elsewhere may take to close its stream. The builds wait 2 s for the end of theirs.
const GOODBYE_MS: i64 = 1_500;

/// How far a session is that is to end, and to be owed nothing that its client has. Times are unix milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Draining {
    /// The proof of what was written is waited for so long. None: no longer, or there is none to be had.
    Proving { until: Option<i64> },
    /// The client was told where to go. What it sends until it closes its stream is taken and acknowledged as before: of what an SDK
    /// sent on a stream that nobody read it says later that it was sent (contract xmpp 5).
    Told { until: i64 },
    /// It has closed its stream, or the connection is gone: only its posts are waited for.
    Gone { until: i64 },
}

impl Draining {
    /// When it goes on in any case.
    pub(super) fn until(self) -> Option<i64> {
        match self {
            Draining::Proving { until } => until,
            Draining::Told { until } | Draining::Gone { until } => Some(until),
        }
    }
}

impl Session {
    /// The edge ends, or is emptied: the session ends when its posts are answered, and its client has proved what it was told, so that
    /// nothing of that is told again. Nothing more is written meanwhile.
    pub(crate) fn drain(&mut self, at: Moment) {
        if self.begin(at) {
            let can_prove = self.attached && self.proof.means() != Means::Nothing;
            let proving = Draining::Proving { until: can_prove.then_some(at.now + PROOF_MS) };
            self.draining.get_or_insert(proving);
            self.finish(at);
        }
    }

    /// Takes the next step of its end, if nothing is in the way of it.
    pub(super) fn go_on_draining(&mut self, now: i64) {
        let is_answered = self.posts.flying() + self.posts.waiting() == 0 && !self.watching.is_held();
        match self.draining {
            Some(Draining::Proving { until }) if is_answered && (until.is_none() || self.proof.is_settled()) => {
                let Some(address) = self.elsewhere() else { return self.end(now, None, Ending::Vanished) };
                self.out.push_back(Action::Write(see_other_host(&address).to_xml("")));
                self.draining = Some(Draining::Told { until: now + GOODBYE_MS });
            }
            Some(Draining::Gone { .. }) if is_answered => self.end(now, None, Ending::Vanished),
            _ => {}
        }
    }

    /// Waits no longer for what did not come in time.
    pub(super) fn lose_patience_draining(&mut self, now: i64) {
        match self.draining {
            Some(Draining::Proving { until: Some(until) }) if until <= now => {
                self.draining = Some(Draining::Proving { until: None });
            }
            Some(Draining::Told { until } | Draining::Gone { until }) if until <= now => self.end(now, None, Ending::Vanished),
            _ => {}
        }
    }

    /// Notes that the client closed its stream, or that its connection is gone. Whether that is what it was told to do: it is back in a moment, at
    /// another edge.
    pub(super) fn note_gone(&mut self) -> bool {
        match self.draining {
            Some(Draining::Told { until } | Draining::Gone { until }) => {
                self.draining = Some(Draining::Gone { until });
                true
            }
            _ => false,
        }
    }

    /// The ordinal to ask the client with, if it is to be asked. Who is to end is asked without a pause.
    pub(super) fn question(&mut self, now: i64) -> Option<u64> {
        match self.draining {
            Some(Draining::Proving { .. }) if !self.proof.is_settled() => self.proof.ask_anyway(now),
            Some(Draining::Told { .. } | Draining::Gone { .. }) => None,
            _ => self.proof.ask(now),
        }
    }

    /// Where its client connects again at once if it is told to, which SDK 2.x and later do on WebSocket (contract xmpp 9).
    fn elsewhere(&self) -> Option<String> {
        let heeds = self.is_sdk && self.me.framing == Framing::WebSocket;
        heeds.then(|| self.options.elsewhere_of(&self.me.host)).flatten()
    }
}
