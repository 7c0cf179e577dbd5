//! Resumption of a stream for standard clients (XEP-0198, 5), on this process: what was written is kept until the client
//! acknowledges it, and the session outlives its connection for a while.
//!
//! An id is good for one resumption: whoever has seen it used cannot use it again (attack A16).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::VecDeque;
use std::fmt::Write;

use natter_xmpp::ns;

use super::{Action, Moment, Session, Stage, seconds};

/// Stanzas kept for one stream at most; a client that acknowledges none loses the right to resume (attack A17).
const KEPT_MAX: usize = 1_024;

/// The stanzas a client has not acknowledged.
#[derive(Debug)]
pub(crate) struct Resume {
    id: String,
    /// Stanzas written since `<enabled/>`, modulo 2^32; those in `kept` are the last of them.
    written: u32,
    kept: VecDeque<String>,
    bytes: usize,
    bytes_max: usize,
}

impl Resume {
    /// Keeps a stanza; false if there are too many.
    pub(crate) fn keep(&mut self, text: &str) -> bool {
        self.written = self.written.wrapping_add(1);
        self.bytes += text.len();
        self.kept.push_back(text.to_owned());
        self.kept.len() <= KEPT_MAX && self.bytes <= self.bytes_max
    }

    /// Forgets what the client has. False if it claims more than was ever written, or less than it claimed before.
    fn acknowledge(&mut self, handled: u32) -> bool {
        let unhandled = self.written.wrapping_sub(handled) as usize;
        if unhandled > self.kept.len() {
            return false;
        }
        for text in self.kept.drain(..self.kept.len() - unhandled) {
            self.bytes -= text.len();
        }
        true
    }
}

impl Session {
    /// Answers `<enable resume='true'/>`.
    pub(super) fn offer_resumption(&mut self) {
        let mut id = String::with_capacity(32);
        for byte in &self.seed[8..] {
            let _ = write!(id, "{byte:02x}");
        }
        let max = self.options.resume_s;
        self.write_plain(&format!("<enabled xmlns=\"{}\" id=\"{id}\" resume=\"true\" max=\"{max}\"/>", ns::SM));
        self.out.push_back(Action::Resumable(id.clone()));
        // All of it is written at once when the stream is resumed.
        let bytes_max = self.options.write_buffer_bytes / 2;
        self.resume = Some(Resume { id, written: 0, kept: VecDeque::new(), bytes: 0, bytes_max });
    }

    /// The `h` of an `<a/>`: trims what is kept, and is ignored when it makes no sense.
    pub(super) fn acknowledged(&mut self, handled: u32) {
        if let Some(resume) = &mut self.resume {
            resume.acknowledge(handled);
        }
    }

    pub(super) fn forget_resumption(&mut self) {
        if let Some(resume) = self.resume.take() {
            self.out.push_back(Action::NotResumable(resume.id));
        }
    }

    /// The connection is gone; its client may come back.
    pub(super) fn detach(&mut self, now: i64) {
        self.attached = false;
        self.backlog.forget_calls();
        self.detached_until = Some(now + seconds(self.options.resume_s));
    }

    /// A new connection takes the session over; `handled` is the client's count. Actions that follow go to that connection.
    /// False: the stream cannot be resumed, and goes on as it was.
    pub(crate) fn resumed(&mut self, at: Moment, handled: u32) -> bool {
        if !self.begin(at) {
            return false;
        }
        let Some(mut resume) = self.resume.take() else { return false };
        if !resume.acknowledge(handled) {
            self.resume = Some(resume);
            return false;
        }
        self.attached = true;
        self.detached_until = None;
        self.paused = false;
        let (h, id) = (self.acks.handled(), &resume.id);
        self.out.push_back(Action::Write(format!("<resumed xmlns=\"{}\" previd=\"{id}\" h=\"{h}\"/>", ns::SM)));
        self.acks.rewind();
        // The new connection is an active one (XEP-0352, 4.2).
        self.attend(at.now, false);
        self.out.extend(resume.kept.into_iter().map(Action::Write));
        // An ordinal asked for on the old connection is not answered on this one.
        self.proof.switch(self.proof.means());
        debug_assert!(self.stage != Stage::Ended);
        self.finish(at);
        true
    }
}
