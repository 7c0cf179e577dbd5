//! Presence of the client: the first one makes the session available. To contacts it is in `contacts.rs`, to rooms in `rooms.rs`.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::Shown;
use natter_xmpp::{Element, Kind, Stanza, ns};

use super::{Action, Call, Session, Stage};
use crate::address::{self, Address};

/// Bytes of the words that a user shows his contacts; the rest is cut off.
const STATUS_BYTES_MAX: usize = 1_023;

impl Session {
    /// A `<presence/>` of the client.
    pub(super) fn presence(&mut self, now: i64, element: &Element) {
        let stanza = Stanza { kind: Kind::Presence, element };
        match (stanza.to(), address::read(stanza.to(), self.me.app)) {
            (_, Address::Room(dialog)) => self.room_presence(&stanza, dialog),
            (_, Address::ForeignRoom) => self.foreign_room_presence(&stanza),
            (None, _) => self.own_presence(now, &stanza),
            (_, Address::User(user)) => self.contact_presence(&stanza, user),
            // To the server, to nobody: nothing is answered (RFC 6121, 4).
            _ => {}
        }
    }

    fn own_presence(&mut self, now: i64, stanza: &Stanza<'_>) {
        let is_other = stanza.stanza_type() == "available" && {
            let shown = shown(stanza.element);
            std::mem::replace(&mut self.shown, shown.clone()) != shown
        };
        match (stanza.stanza_type(), self.stage) {
            ("available", Stage::Bound) => {
                self.stage = Stage::Returning;
                // Of a session that frames did not reach nobody knows yet when they begin to.
                self.told_from = if self.reachable { now } else { i64::MAX };
                self.reachable = true;
                let record = Box::new(self.record(now));
                let shown = self.shown.clone();
                self.out.push_back(Action::Call(Call::Return { record, shown, owed: None }));
            }
            ("unavailable", Stage::Live | Stage::Returning | Stage::Filling(_)) => self.leaves = true,
            // A further presence is an update (contract xmpp 1.6).
            ("available", _) => {
                self.leaves = false;
                if is_other {
                    self.out.push_back(Action::Call(Call::Show(self.shown.clone())));
                }
            }
            _ => {}
        }
    }

    /// Becomes a session that frames do not reach, as soon as nothing is being gathered. What was told and not proved is owed.
    pub(super) fn leave_if_wanted(&mut self, now: i64) {
        if self.leaves && self.stage == Stage::Live {
            self.leaves = false;
            self.stage = Stage::Bound;
            let owed = (!self.proof.is_settled() || self.tidings.owes).then(|| self.record(now));
            self.withdraw(owed);
        }
    }
}

/// What a presence shows (RFC 6121, 4.7.2); nothing if it is bare. Of what else it carries nothing is told.
fn shown(presence: &Element) -> Option<Shown> {
    let text = |name: &str| presence.child_text(name, ns::CLIENT).unwrap_or_default();
    let show = Some(text("show")).filter(|show| matches!(show.as_str(), "away" | "chat" | "dnd" | "xa")).unwrap_or_default();
    let mut status = text("status");
    status.truncate(status.floor_char_boundary(STATUS_BYTES_MAX));
    let priority = text("priority").trim().parse::<i8>().unwrap_or_default().into();
    Some(Shown { show, status, priority }).filter(|shown| *shown != Shown::default())
}
