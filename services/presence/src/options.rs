//! Settings of the presence service.

use serde::{Deserialize, Serialize};

use crate::directory::Limits;
use crate::{ownership, rooms};

/// Edges announce sessions again at a pace: so long without one, and there is none left.
const QUIET_MS: i64 = 2_000;

/// Sessions and debts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Most sessions of one user at a time. One more is refused.
    pub sessions_per_user_max: usize,
    /// Most sessions of all users of one app at a time. One more is refused.
    pub sessions_per_app_max: usize,
    /// Seconds that a dead session's client has to come back for what it missed.
    pub debt_ttl_s: u64,
    /// Most debts of one user at a time. One more drops the oldest: that client finds its messages in the history only.
    pub debts_per_user_max: usize,
    /// Most rooms that one session is in at a time. One more is refused.
    pub rooms_per_session_max: usize,
    /// Most users of a room that are told who enters and leaves. In a larger room nobody is told.
    pub room_told_max: usize,
    /// Most users whose coming and going one session is told of. One more is refused.
    pub watched_per_session_max: usize,
    /// Most contacts of one user, and most requests of others that wait for his answer (contract xmpp 6). One more is refused.
    pub contacts_per_user_max: usize,
    /// Most privacy lists of one user (contract xmpp 7). One more is refused.
    pub privacy_lists_per_user_max: usize,
    /// Most items of one privacy list; the SDK makes two for each user it blocks. A longer list is refused.
    pub privacy_items_per_list_max: usize,
    /// Most bytes of the name of a privacy list.
    pub privacy_name_bytes_max: usize,
    /// Users beside those who are there whose default privacy list, or that they have none, is kept in memory. Of the others it
    /// is read from the store when somebody writes to them.
    pub privacy_users_max: usize,
    /// Seconds that a session which died counts as available and stays in its rooms: a client that is back by then was never
    /// away for the others.
    pub grace_s: u64,
    /// Seconds at least that a process which takes an app over learns from the edges who is there. Until then nobody is told that somebody
    /// is gone, alerts wait, and what is told goes to every edge.
    pub learn_s: u64,
    /// Seconds that it learns at most, while sessions are still announced again.
    pub learn_s_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            sessions_per_user_max: 20,
            sessions_per_app_max: 100_000,
            debt_ttl_s: 120,
            debts_per_user_max: 20,
            rooms_per_session_max: 500,
            room_told_max: 500,
            watched_per_session_max: 300,
            contacts_per_user_max: 300,
            privacy_lists_per_user_max: 20,
            privacy_items_per_list_max: 1_000,
            privacy_name_bytes_max: 256,
            privacy_users_max: 100_000,
            grace_s: 20,
            learn_s: 5,
            learn_s_max: 60,
        }
    }
}

impl Options {
    /// The bounds that the directory holds.
    pub(crate) fn sessions(&self) -> Limits {
        Limits { of_user: self.sessions_per_user_max, of_app: self.sessions_per_app_max }
    }

    /// How long a session that died counts, milliseconds.
    pub(crate) fn grace_ms(&self) -> i64 {
        i64::try_from(self.grace_s.saturating_mul(1_000)).unwrap_or(i64::MAX / 4)
    }

    /// How long an app that was taken over is learned.
    pub(crate) fn learning(&self) -> ownership::Limits {
        let ms = |seconds: u64| i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX / 4);
        ownership::Limits { least: ms(self.learn_s), quiet: QUIET_MS, most: ms(self.learn_s_max) }
    }

    /// The bounds that the rooms hold.
    pub(crate) fn rooms(&self) -> rooms::Limits {
        rooms::Limits { of_session: self.rooms_per_session_max, told: self.room_told_max }
    }
}
