//! Resumption of a stream for standard clients (XEP-0198, 5): what was written is kept until the client acknowledges it, and the
//! session outlives its connection for a while. How another edge resumes it is in `kept.rs`.
//!
//! An id is good for one resumption: whoever has seen it used cannot use it again (attack A16).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::VecDeque;
use std::fmt::Write;

use natter_proto::{DialogId, MessageId};
use natter_xmpp::ns;

use super::{Action, Moment, Session, Stage, seconds};
use crate::proof::Told;

/// Stanzas kept for one stream at most; a client that acknowledges none loses the right to resume (attack A17).
const KEPT_MAX: usize = 1_024;

/// The stanzas a client has not acknowledged.
#[derive(Debug)]
pub(crate) struct Resume {
    id: String,
    /// Stanzas written since `<enabled/>`, modulo 2^32; those in `kept` are the last of them.
    written: u32,
    kept: VecDeque<Sent>,
    bytes: usize,
    bytes_max: usize,
    changes: Option<Changes>,
}

/// A stanza that was written.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Sent {
    pub text: String,
    pub told: Told,
    /// The message it tells, if its client named that in a form of its own.
    pub named: Option<(String, DialogId, MessageId)>,
}

/// What has changed since it was asked last.
#[derive(Debug, Default)]
struct Changes {
    /// So many are new, the last ones.
    added: usize,
    /// Ordinals of those that are gone and were there when it was asked.
    removed: Vec<u32>,
}

impl Resume {
    /// One that another edge had.
    pub(super) fn of(id: String, acknowledged: u32, kept: Vec<Sent>) -> Resume {
        let written = acknowledged.wrapping_add(kept.len() as u32);
        let bytes = kept.iter().map(|sent| sent.text.len()).sum();
        Resume { id, written, kept: kept.into(), bytes, bytes_max: bytes, changes: None }
    }

    /// Keeps a stanza; false if there are too many.
    pub(crate) fn keep(&mut self, text: &str) -> bool {
        self.written = self.written.wrapping_add(1);
        self.bytes += text.len();
        self.kept.push_back(Sent { text: text.to_owned(), told: Told::Unstored, named: None });
        if let Some(changes) = &mut self.changes {
            changes.added += 1;
        }
        self.kept.len() <= KEPT_MAX && self.bytes <= self.bytes_max
    }

    /// What the last stanza tells.
    pub(super) fn note(&mut self, told: Told, named: Option<(String, DialogId, MessageId)>) {
        if let Some(sent) = self.kept.back_mut() {
            (sent.told, sent.named) = (told, named);
        }
    }

    /// Ordinal of the last one that the client has.
    pub(super) fn acknowledged(&self) -> u32 {
        self.written.wrapping_sub(self.kept.len() as u32)
    }

    /// Takes what the client has. Nothing if it claims more than was ever written, or less than it claimed before.
    fn acknowledge(&mut self, handled: u32) -> Option<Vec<Sent>> {
        let (before, unhandled) = (self.acknowledged(), self.written.wrapping_sub(handled) as usize);
        let has = self.kept.len().checked_sub(unhandled)?;
        if let Some(changes) = &mut self.changes {
            let known = has.min(self.kept.len() - changes.added);
            changes.removed.extend((1..=known as u32).map(|n| before.wrapping_add(n)));
            changes.added = changes.added.min(unhandled);
        }
        let has: Vec<Sent> = self.kept.drain(..has).collect();
        self.bytes -= has.iter().map(|sent| sent.text.len()).sum::<usize>();
        Some(has)
    }

    // === for who keeps it elsewhere ===

    /// From here on it is asked what has changed.
    pub(super) fn note_changes(&mut self) {
        self.changes = Some(Changes { added: self.kept.len(), removed: Vec::new() });
    }

    /// New stanzas with their ordinals, and ordinals of those that the client has.
    pub(super) fn take_changes(&mut self) -> (Vec<(u32, &Sent)>, Vec<u32>) {
        let Changes { added, removed } = self.changes.replace(Changes::default()).unwrap_or_default();
        let first = self.written.wrapping_sub(added as u32);
        let added = self.kept.range(self.kept.len() - added..);
        (added.zip(1..).map(|(sent, n)| (first.wrapping_add(n), sent)).collect(), removed)
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
        self.resume = Some(Resume { id, written: 0, kept: VecDeque::new(), bytes: 0, bytes_max, changes: None });
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
        let Some(has) = resume.acknowledge(handled) else {
            self.resume = Some(resume);
            return false;
        };
        self.attached = true;
        self.detached_until = None;
        self.paused = false;
        let (h, id) = (self.acks.handled(), resume.id);
        self.out.push_back(Action::Write(format!("<resumed xmlns=\"{}\" previd=\"{id}\" h=\"{h}\"/>", ns::SM)));
        self.out.push_back(Action::NotResumable(id));
        self.acks.rewind();
        // The new connection is an active one (XEP-0352, 4.2).
        self.attend(at.now, false);
        self.out.extend(resume.kept.iter().map(|sent| Action::Write(sent.text.clone())));
        // An ordinal asked for on the old connection is not answered on this one.
        self.proof.switch(self.proof.means());
        debug_assert!(self.stage != Stage::Ended);
        if let Some(back) = self.back.take() {
            self.come_back(at, back, &has, resume.kept.make_contiguous());
        }
        self.finish(at);
        true
    }
}
