//! Presence of the client: the first one makes the session available. Contacts and their presences are a later step.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_xmpp::{Element, Kind, Stanza};

use super::{Action, Call, Session, Stage};
use crate::address::{self, Address};

impl Session {
    /// A `<presence/>` of the client.
    pub(super) fn presence(&mut self, now: i64, element: &Element) {
        let stanza = Stanza { kind: Kind::Presence, element };
        match (stanza.to(), address::read(stanza.to(), self.me.app)) {
            (_, Address::Room(_)) => self.room_presence(&stanza),
            (None, _) => self.own_presence(now, &stanza),
            // To a contact, to the server, to nobody: nothing is answered (RFC 6121, 4).
            _ => {}
        }
    }

    fn own_presence(&mut self, now: i64, stanza: &Stanza<'_>) {
        match (stanza.stanza_type(), self.stage) {
            ("available", Stage::Bound) => {
                self.stage = Stage::Returning;
                let record = self.record(now);
                self.out.push_back(Action::Call(Call::Return(record)));
            }
            ("unavailable", Stage::Live) => {
                self.stage = Stage::Bound;
                self.out.push_back(Action::Call(Call::Withdraw));
            }
            // A further presence is an update (contract xmpp 1.6).
            _ => {}
        }
    }
}
