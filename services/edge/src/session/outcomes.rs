//! What becomes of a client's messages: acks, errors, and the end of a stream whose client would be told a lie.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::{Code, DialogId, Failure};
use natter_xmpp::{Condition, Element, Stanza, StanzaError, StreamFault, ns};

use super::posts::{Job, Outcome, Task};
use super::{Ending, Session};
use crate::acks::{Counting, Place};
use crate::stanza_error;

impl Session {
    pub(super) fn job_answered(&mut self, now: i64, number: u64, answer: Result<u64, Failure>) {
        for outcome in self.posts.answered(now, number, answer) {
            match outcome {
                Outcome::Done(task, seq) => self.job_done(now, &task, seq),
                Outcome::Refused(task, failure) => self.job_refused(&task, &failure),
                Outcome::Lost(task, failure) => self.job_lost(now, &task, &failure),
            }
        }
    }

    fn job_done(&mut self, now: i64, task: &Task, seq: u64) {
        if let Job::Post(request) = &task.job
            && seq > 0
            && let Ok(dialog) = DialogId::try_from(request.dialog.as_slice())
        {
            self.note_posted(task.began_at, now, dialog, seq);
            // What is said in a group comes back to the one who said it.
            if request.recipient != 0 {
                self.places.posted(dialog, seq);
            }
        }
        self.acks.done(task.place);
    }

    /// A refused message counts as handled: its error tells the app (contract xmpp 5). A refused status is dropped in silence.
    fn job_refused(&mut self, task: &Task, failure: &Failure) {
        if task.job.is_answered() {
            self.write_error(task.stanza_id.as_deref(), task.to.as_deref(), &stanza_error::of(failure));
        }
        self.acks.done(task.place);
    }

    /// An ack would be a lie. Who counts acks learns it from the end of the stream, unless an error is certain to be true.
    fn job_lost(&mut self, now: i64, task: &Task, failure: &Failure) {
        let counts_content = self.acks.enabled() && self.counting() == Counting::Content;
        let certain = failure.code == Code::NotStored && !counts_content;
        if certain || !(self.acks.enabled() || task.job.is_answered()) {
            self.job_refused(task, failure);
        } else {
            self.end(now, Some(StreamFault::InternalError), Ending::Vanished);
        }
    }

    /// Refuses a task that was never submitted.
    pub(super) fn refuse_busy(&mut self, task: &Task) {
        self.job_refused(task, &Failure::new(Code::Busy, "too slow"));
    }

    /// Refuses a stanza with an error; it counts as handled.
    pub(super) fn refuse(&mut self, place: Place, element: &Element, condition: Condition, text: &str) {
        self.write_error(element.attr("id"), element.attr("to"), &StanzaError::new(condition, text));
        self.acks.done(place);
    }

    fn write_error(&mut self, id: Option<&str>, to: Option<&str>, error: &StanzaError) {
        let refused = Element::new("message", ns::CLIENT).with_attr_opt("id", id).with_attr_opt("to", to);
        if let Some(stanza) = Stanza::of(&refused) {
            let answer = error.answer(&stanza, Some(&self.me.address));
            self.write_element(&answer);
        }
    }
}
