//! What a session notes of the ways of messages that leave a trace: when it handed one on, was answered, wrote one and was proved
//! that it arrived.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::DialogId;
use natter_trace::{Hop, Kind, Place};

use super::Session;

impl Session {
    /// The message of this session got its number, and its client is told.
    pub(super) fn note_posted(&self, began_at: i64, now: i64, dialog: DialogId, seq: u64) {
        self.note(Kind::Received, Some(began_at), dialog, seq);
        self.note(Kind::Acked, Some(now), dialog, seq);
    }

    pub(super) fn note_written(&self, now: i64, dialog: DialogId, seq: u64) {
        self.note(Kind::Written, Some(now), dialog, seq);
    }

    pub(super) fn note_proved(&self, dialog: DialogId, seq: u64) {
        self.note(Kind::Proved, None, dialog, seq);
    }

    fn note(&self, kind: Kind, at: Option<i64>, dialog: DialogId, seq: u64) {
        let place = Place { app: self.me.app, dialog, seq };
        if self.trace.wants(place) {
            let (user, resource) = (self.me.user.0, self.me.session.resource.clone());
            self.trace.note(kind, at, place, Hop { user, resource, ..Hop::default() });
        }
    }
}
