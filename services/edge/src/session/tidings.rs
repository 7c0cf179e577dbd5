//! What a session tells others of its progress, at most once a second: received numbers, kept messages that arrived, its record.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use natter_proto::DialogId;
use natter_proto::history::v1::Range;
use natter_proto::presence::v1::{Fingerprint, SessionRecord};

use super::{Action, Call, Session};
use crate::acks::Counting;
use crate::proof::{Means, Told};

/// Shortest time between two reports, milliseconds.
const PAUSE_MS: i64 = 1_000;

/// What is to be reported.
#[derive(Debug, Default)]
pub(crate) struct Tidings {
    delivered: BTreeMap<DialogId, Vec<Range>>,
    drop_upto: Option<u64>,
    moved: bool,
    next_at: i64,
    /// A debt was taken; the end of the list settles it.
    pub owes: bool,
}

impl Tidings {
    /// The session's record changed.
    pub(crate) fn moved(&mut self) {
        self.moved = true;
    }

    /// When to report; none if there is nothing to report.
    pub(crate) fn due_at(&self) -> Option<i64> {
        let anything = self.moved || self.drop_upto.is_some() || !self.delivered.is_empty();
        anything.then_some(self.next_at)
    }

    /// Adds numbers the user has received.
    pub(crate) fn received(&mut self, dialog: DialogId, range: Range) {
        let ranges = self.delivered.entry(dialog).or_default();
        match ranges.last_mut() {
            Some(last) if last.upto + 1 == range.from => last.upto = range.upto,
            _ => ranges.push(range),
        }
    }
}

/// Who can prove nothing has received what its socket took: rows at once, since its debt stays behind. A kept message has no
/// debt, so it is dropped only when its proof lapses.
fn is_late(told: Told) -> bool {
    matches!(told, Told::Kept { .. })
}

impl Session {
    /// Notes something written to the client.
    pub(super) fn told(&mut self, now: i64, told: Told) {
        self.proof.told(now, told);
        self.tidings.moved();
        if self.proof.means() == Means::Nothing && !is_late(told) {
            self.received(told);
        }
    }

    /// Notes what the client has proved to have.
    pub(super) fn proved(&mut self, proved: &[Told]) {
        for told in proved {
            match *told {
                Told::Row { dialog, seq, .. } => {
                    self.places.proved(dialog, seq);
                    self.note_proved(dialog, seq);
                }
                Told::Change { dialog, stamp } => self.places.proved_stamp(dialog, stamp),
                Told::Kept { .. } | Told::ListEnd | Told::Unstored => {}
            }
            if self.proof.means() != Means::Nothing || is_late(*told) {
                self.received(*told);
            }
            self.tidings.moved();
        }
    }

    fn received(&mut self, told: Told) {
        match told {
            Told::Row { dialog, seq, delivers: true } => self.tidings.received(dialog, Range { from: seq, upto: seq }),
            Told::Kept { place } => self.tidings.drop_upto = self.tidings.drop_upto.max(Some(place)),
            Told::ListEnd if std::mem::take(&mut self.tidings.owes) => self.out.push_back(Action::Call(Call::Settle)),
            Told::Row { delivers: false, .. } | Told::Change { .. } | Told::ListEnd | Told::Unstored => {}
        }
    }

    /// Reports, if there is something to report and it is time.
    pub(super) fn send_tidings(&mut self, now: i64) {
        if self.tidings.due_at().is_none_or(|at| at > now) {
            return;
        }
        self.tidings.next_at = now + PAUSE_MS;
        self.send_received();
        if std::mem::take(&mut self.tidings.moved) {
            let record = self.record(now);
            self.out.push_back(Action::Call(Call::Record(record)));
        }
    }

    /// Reports what the user has received, in whatever second.
    pub(super) fn send_received(&mut self) {
        for (dialog, ranges) in std::mem::take(&mut self.tidings.delivered) {
            self.out.push_back(Action::Call(Call::Delivered { dialog, ranges }));
        }
        if let Some(upto) = self.tidings.drop_upto.take() {
            self.out.push_back(Action::Call(Call::Drop { upto }));
        }
    }

    /// What another session could go on from (design.md 9).
    pub(super) fn record(&mut self, now: i64) -> SessionRecord {
        let (proofs, since) = self.places.record(now);
        let me = &self.me;
        let (agent, address) = (me.entrance.agent.clone(), me.entrance.address.clone());
        let client = Fingerprint { agent, origin: me.origin.clone(), address, dialect: self.dialect() };
        SessionRecord {
            app: me.app.0,
            user: me.user.0,
            session: Some(me.session.clone()),
            client: Some(client),
            proofs,
            since,
            seen_at: now,
            unproving: self.proof.means() == Means::Nothing,
        }
    }

    /// The row of the client in contract xmpp 5: 1 standard, 2 SDK 1.x, 3 SDK 2.x to 6.x.
    fn dialect(&self) -> u32 {
        match self.counting() {
            _ if self.me.has_authzid => 2,
            Counting::Content => 3,
            Counting::Standard => 1,
        }
    }
}
