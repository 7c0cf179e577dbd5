//! The life of a session around its stanzas: signs of life, timers, and the ways it ends.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::presence::v1::{SessionRecord, SessionState};
use natter_proto::{Code, Failure};
use natter_xmpp::StreamFault;

use super::draining::Draining;
use super::{Action, Answer, Call, Ending, Farewell, Moment, Session, Stage, seconds};
use crate::proof::Means;

/// SDK 1.x takes a message for lost 2 s after it was sent (contract xmpp 5).
const PATIENCE_MS: i64 = 1_800;

impl Session {
    /// A pong of the client.
    pub(crate) fn pong(&mut self, at: Moment, ordinal: u64) {
        if self.begin(at) {
            let proved = self.proof.pong(ordinal);
            self.proved(&proved);
            self.finish(at);
        }
    }

    /// The client was silent for a while.
    pub(crate) fn idle(&mut self, at: Moment) {
        if !self.begin(at) {
            return;
        }
        if let Some(ordinal) = self.proof.ask_anyway(at.now) {
            self.ask(ordinal);
        }
        if self.proof.is_asking() {
            self.out.push_back(Action::ExpectLife);
        }
        self.finish(at);
    }

    /// The client has taken most of what was written.
    pub(crate) fn has_room(&mut self, at: Moment) {
        if self.begin(at) {
            self.finish(at);
        }
    }

    /// What calls have brought.
    pub(crate) fn answers(&mut self, at: Moment, answers: impl IntoIterator<Item = Answer>) {
        for answer in answers {
            if !self.begin(at) {
                return;
            }
            self.answer(at, answer);
        }
        self.finish(at);
    }

    fn answer(&mut self, at: Moment, answer: Answer) {
        match answer {
            Answer::Job { number, answer } => self.job_answered(at.now, number, answer),
            Answer::Batch(answers) => {
                for (number, answer) in answers {
                    self.job_answered(at.now, number, answer);
                }
            }
            Answer::Room { number, answer } => self.room_answered(at.now, number, answer),
            Answer::Presence { number, answer } => self.presence_answered(at.now, number, answer),
            Answer::Again(outcome) => self.announced_again(at.now, &outcome),
            Answer::Returned(Ok(returned)) => self.returned(at.now, *returned),
            Answer::Returned(Err(failure)) => self.unreachable(at.now, &failure),
            Answer::Filled { dialog, stretch } => self.filled(at.now, dialog, stretch),
            Answer::Changed { dialog, changes } => self.changed(at.now, dialog, changes),
            Answer::Kept(queue) => self.queue_read(at.now, queue),
            Answer::Delivered { dialog, ranges, kept: false } => {
                ranges.into_iter().for_each(|range| self.tidings.received(dialog, range));
            }
            Answer::Delivered { .. } => {}
            Answer::Barred(code) => self.barred(at.now, code),
        }
    }

    /// What the bus did not say, or lost: the user is no more, banned, or came by a token that is dead.
    fn barred(&mut self, now: i64, code: Code) {
        let (fault, ending) = match code {
            Code::NotFound => (StreamFault::NotAuthorized, Ending::Goodbye),
            Code::Unauthenticated => (StreamFault::Reset, Ending::Vanished),
            _ => (StreamFault::NotAuthorized, Ending::Vanished),
        };
        self.end(now, Some(fault), ending);
    }

    /// When [`tick`](Session::tick) has something to do.
    pub(crate) fn deadline(&self) -> Option<i64> {
        if self.stage == Stage::Ended {
            return None;
        }
        let patience = self.acks.waits_since().filter(|_| self.is_impatient()).map(|at| at + PATIENCE_MS);
        let asks = self.proof.ask_at().filter(|_| self.attached);
        let drained_until = self.draining.and_then(Draining::until);
        let withdraws = self.withdraw_at.filter(|_| self.stage == Stage::Bound);
        [
            withdraws,
            drained_until,
            Some(self.touch_at),
            self.detached_until,
            self.again_at,
            self.tidings.due_at(),
            self.posts.resume_at(),
            self.keep_again_at(),
            patience,
            asks,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, at: Moment) {
        if !self.begin(at) {
            return;
        }
        self.lose_patience_draining(at.now);
        if self.detached_until.is_some_and(|until| until <= at.now) {
            self.end(at.now, None, Ending::Vanished);
        }
        if self.stage == Stage::Bound && self.withdraw_at.is_some_and(|due| due <= at.now) {
            self.withdraw_at = None;
            self.withdraw(None);
        }
        if self.stage != Stage::Ended && self.touch_at <= at.now {
            self.touch_at = at.now + seconds(self.options.touch_s);
            self.out.push_back(Action::Call(Call::Touch));
        }
        if self.again_at.is_some_and(|due| due <= at.now) {
            self.say_where(at.now);
        }
        let lapsed = self.proof.lapse(at.now);
        self.proved(&lapsed);
        let waits_since = self.acks.waits_since().filter(|_| self.is_impatient());
        if waits_since.is_some_and(|since| since + PATIENCE_MS <= at.now) {
            self.lose_patience(at.now);
        }
        self.finish(at);
    }

    pub(super) fn withdraw(&mut self, owed: Option<SessionRecord>) {
        self.reachable = false;
        self.backlog.forget_calls();
        self.rooms.leave_all();
        self.attention.forget();
        self.out.push_back(Action::Call(Call::Withdraw { owed }));
    }

    /// Presence did not take the session (too many of this user, or it does not answer), or nobody knows what it missed. The
    /// client connects again, and is owed the same.
    fn unreachable(&mut self, now: i64, failure: &Failure) {
        let fault = if failure.code == Code::TooMany { StreamFault::ResourceConstraint } else { StreamFault::InternalError };
        self.end(now, Some(fault), Ending::Vanished);
    }

    /// What was not submitted is refused; what was may exist, and only a new stream can tell (contract xmpp 5).
    fn lose_patience(&mut self, now: i64) {
        if self.posts.flying() > 0 || self.watching.is_held() {
            self.end(now, Some(StreamFault::InternalError), Ending::Vanished);
            return;
        }
        for task in self.posts.refuse_waiting() {
            self.refuse_busy(&task);
        }
    }

    // === ends ===

    /// The client closed its stream.
    pub(crate) fn goodbye(&mut self, at: Moment) {
        if self.begin(at) {
            if !self.note_gone() {
                self.end(at.now, None, Ending::Goodbye);
            }
            self.finish(at);
        }
    }

    /// The client broke the grammar; nothing more of its stream can be read (contract xmpp 9).
    pub(crate) fn fault(&mut self, at: Moment, fault: StreamFault) {
        if self.begin(at) {
            self.end(at.now, Some(fault), Ending::Vanished);
        }
    }

    /// The connection is gone without a goodbye.
    pub(crate) fn broken(&mut self, at: Moment) {
        if !self.begin(at) {
            return;
        }
        if self.note_gone() {
            self.finish(at);
        } else if self.resume.is_some() && self.draining.is_none() {
            self.detach(at.now);
        } else {
            self.end(at.now, None, Ending::Vanished);
        }
    }

    /// Another session took the resource.
    pub(crate) fn conflict(&mut self, at: Moment) {
        if self.begin(at) {
            self.end(at.now, Some(StreamFault::Conflict), Ending::Vanished);
        }
    }

    /// The user, or his whole app, may be connected no more. Of a user who is no more nothing is owed.
    pub(crate) fn dismissed(&mut self, at: Moment, for_good: bool) {
        if self.begin(at) {
            let ending = if for_good { Ending::Goodbye } else { Ending::Vanished };
            self.end(at.now, Some(StreamFault::NotAuthorized), ending);
        }
    }

    /// An operator has ended the session, or with `token` (its id) those that were opened with that. The client may come back, and is
    /// owed what it missed, but to a new session only: nothing can be resumed.
    ///
    /// Every SDK build connects again by itself after any stream error (contract xmpp 9), so this is no ban, and no loop: the new
    /// session is not ended, and with a credential that is dead it is not made. `<reset/>` says just that, a sign-in that was taken
    /// back (RFC 6120, 4.9.3.16). After `<not-authorized/>` a standard client forgets its password, after `<conflict/>` or
    /// `<policy-violation/>` it stays away.
    pub(crate) fn expelled(&mut self, at: Moment, token: &[u8]) {
        let is_meant = token.is_empty() || self.me.token_id == token;
        if is_meant && self.begin(at) {
            self.end(at.now, Some(StreamFault::Reset), Ending::Vanished);
        }
    }

    /// Ends the session. Nothing has an effect after this.
    pub(super) fn end(&mut self, now: i64, fault: Option<StreamFault>, ending: Ending) {
        if self.stage == Stage::Ended {
            return;
        }
        if ending == Ending::Goodbye && self.proof.means() == Means::Nothing {
            let written = self.proof.all();
            self.proved(&written);
        }
        self.send_received();
        self.forget_resumption();
        self.stage = Stage::Ended;
        let state = if ending == Ending::Goodbye { SessionState::Closed } else { SessionState::Vanished };
        let farewell = Farewell { fault, cut: ending == Ending::Cut, state, record: self.record(now) };
        self.out.push_back(Action::End(Box::new(farewell)));
    }
}
