//! The sessions of this process: whom a frame is for, which resource is taken, which stream may be resumed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use natter_actor::Mailbox;
use natter_proto::{AppId, UserId};
use parking_lot::{Mutex, RwLock};

use crate::actor::SessionMessage;
use crate::tally::Ticket;

type Who = (AppId, UserId);

/// The sessions of one edge.
#[derive(Default)]
pub(crate) struct Table {
    /// Looked up by user, never iterated but to drain.
    users: RwLock<HashMap<Who, Vec<Entry>>>,
    resumable: Mutex<HashMap<String, Resumable>>,
    last: AtomicU64,
}

struct Entry {
    session: u64,
    resource: String,
    mailbox: Mailbox<SessionMessage>,
}

/// A stream that may be resumed, and by whom.
pub(crate) struct Resumable {
    pub who: Who,
    pub mailbox: Mailbox<SessionMessage>,
}

/// A session's place in the table, given up when dropped: with its actor, however that ends.
pub(crate) struct Seat {
    table: Arc<Table>,
    who: Who,
    session: u64,
    _ticket: Ticket,
}

impl Table {
    /// A number no session of this process had before.
    pub(crate) fn next_session(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The seat of a session about to start; frames reach it after [`add`](Table::add).
    pub(crate) fn seat(self: &Arc<Table>, who: Who, session: u64, ticket: Ticket) -> Seat {
        Seat { table: self.clone(), who, session, _ticket: ticket }
    }

    /// Frames reach the session from here on. Returns the session that had the resource before: the latest, for those before it may
    /// still say goodbye.
    pub(crate) fn add(
        &self,
        who: Who,
        session: u64,
        resource: String,
        mailbox: Mailbox<SessionMessage>,
    ) -> Option<Mailbox<SessionMessage>> {
        let mut users = self.users.write();
        let entries = users.entry(who).or_default();
        let taken = entries.iter().rev().find(|entry| entry.resource == resource).map(|entry| entry.mailbox.clone());
        entries.push(Entry { session, resource, mailbox });
        taken
    }

    /// Hands every session of a user to `with`, oldest first.
    pub(crate) fn sessions_of(&self, who: Who) -> Vec<Mailbox<SessionMessage>> {
        let users = self.users.read();
        users.get(&who).map(|entries| entries.iter().map(|entry| entry.mailbox.clone()).collect()).unwrap_or_default()
    }

    /// One session of a user.
    pub(crate) fn session_of(&self, who: Who, session: u64) -> Option<Mailbox<SessionMessage>> {
        let users = self.users.read();
        users.get(&who)?.iter().find(|entry| entry.session == session).map(|entry| entry.mailbox.clone())
    }

    /// Every session of an app, in the order they came.
    pub(crate) fn sessions_of_app(&self, app: AppId) -> Vec<Mailbox<SessionMessage>> {
        self.sessions_of_apps(|of| of == app)
    }

    /// Every session of some apps, in the order they came.
    pub(crate) fn sessions_of_apps(&self, is_meant: impl Fn(AppId) -> bool) -> Vec<Mailbox<SessionMessage>> {
        self.sorted(|who| is_meant(who.0))
    }

    /// Whether a user has a session here.
    pub(crate) fn is_here(&self, who: Who) -> bool {
        self.users.read().contains_key(&who)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.users.read().values().map(Vec::len).sum()
    }

    /// All sessions, in the order they came.
    pub(crate) fn all(&self) -> Vec<Mailbox<SessionMessage>> {
        self.sorted(|_| true)
    }

    fn sorted(&self, which: impl Fn(&Who) -> bool) -> Vec<Mailbox<SessionMessage>> {
        let users = self.users.read();
        let found = users.iter().filter(|(who, _)| which(who)).flat_map(|(_, entries)| entries);
        let mut found: Vec<_> = found.map(|entry| (entry.session, entry.mailbox.clone())).collect();
        found.sort_by_key(|(session, _)| *session);
        found.into_iter().map(|(_, mailbox)| mailbox).collect()
    }

    // === resumption ===

    pub(crate) fn offer(&self, id: String, resumable: Resumable) {
        self.resumable.lock().insert(id, resumable);
    }

    pub(crate) fn withdraw(&self, id: &str) {
        self.resumable.lock().remove(id);
    }

    /// Takes the stream of an id, once, and for its own user only (attack A16).
    pub(crate) fn claim(&self, id: &str, who: Who) -> Option<Resumable> {
        let mut resumable = self.resumable.lock();
        if resumable.get(id)?.who != who {
            return None;
        }
        resumable.remove(id)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut users = self.table.users.write();
        if let Some(entries) = users.get_mut(&self.who) {
            entries.retain(|entry| entry.session != self.session);
            if entries.is_empty() {
                users.remove(&self.who);
            }
        }
    }
}
