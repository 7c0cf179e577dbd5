//! A session announced once more: another process has taken over presence of its app and knows nothing of it (decision 0033). The client
//! hears nothing of that.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::sync::Arc;

use natter_proto::event::v1::Shown;
use natter_proto::presence::v1::SessionRecord;
use natter_proto::{DialogId, Failure, UserId};

use super::{Action, Call, Moment, Session, Stage};

/// How long after an announcement that failed it is made again, milliseconds.
const PAUSE_MS: i64 = 5_000;

/// All that presence is to know of a session.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Whereabouts {
    /// Who is to know it.
    pub by: Arc<str>,
    pub record: SessionRecord,
    /// It is available, and not only bound.
    pub available: bool,
    pub shown: Option<Shown>,
    pub rooms: Vec<DialogId>,
    pub watched: Vec<UserId>,
    pub inactive: bool,
}

impl Session {
    /// Whoever has its app asks who is here.
    pub(crate) fn announce_again(&mut self, at: Moment, by: Arc<str>) {
        if self.begin(at) {
            self.asked_by = Some(by);
            self.say_where(at.now);
            self.finish(at);
        }
    }

    /// A session that frames do not reach is announced when they are to.
    pub(super) fn say_where(&mut self, now: i64) {
        self.again_at = None;
        let Some(by) = self.asked_by.clone().filter(|_| self.reachable) else { return };
        let whereabouts = Whereabouts {
            by,
            record: self.record(now),
            available: self.stage != Stage::Bound,
            shown: self.shown.clone(),
            rooms: self.rooms.inside().collect(),
            watched: self.watching.users().collect(),
            inactive: self.attention.is_inactive(),
        };
        self.out.push_back(Action::Call(Call::Again(Box::new(whereabouts))));
    }

    /// Without it no frame reaches the session.
    pub(super) fn announced_again(&mut self, now: i64, outcome: &Result<(), Failure>) {
        if outcome.is_err() {
            self.again_at = Some(now + PAUSE_MS);
        }
    }
}
