//! The index of one app's users: it answers filters, orders, pages and totals from memory. Pure; `indexes.rs` reads the rows.
//!
//! What costs what, of n users: a list in any order without conditions takes time as its page does. A condition of equality,
//! `in` or `start_with` looks only at the users that meet it, and sorts those. Every other condition (ranges, `ne`, `nin`,
//! `contain`, tags) looks at all n. The first list in an order, or by a field, sorts n users once.
//!
//! Invariants:
//! - What is put in commutes: of two states of a user the one with the higher revision stays, whichever comes last. So pages
//!   of a scan and changes made meanwhile may come in any order.
//! - An order holds each user that is there once, sorted by key and id.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod condition;
mod field;
mod query;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use natter_proto::account::v1::User;

use crate::store::UserRow;
pub use field::Field;
pub use query::{Page, Query};

/// The users of an app.
#[derive(Default)]
pub struct Index {
    entries: BTreeMap<u64, Entry>,
    /// Entries with a user.
    users: usize,
    /// Made when a list first needs them.
    orders: BTreeMap<Field, Vec<Arc<User>>>,
    /// Requests of users whose rows were not read yet.
    early: BTreeMap<u64, i64>,
    progress: Progress,
}

struct Entry {
    revision: u64,
    /// None: deleted, so that an older state which comes late is known for one.
    user: Option<Arc<User>>,
}

/// How much of the app's rows was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// All up to this id.
    Upto(u64),
    Done,
}

impl Default for Progress {
    fn default() -> Progress {
        Progress::Upto(0)
    }
}

impl Index {
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Users that are there.
    pub fn users(&self) -> usize {
        self.users
    }

    /// Entries in memory, those of deleted users included.
    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    /// Takes a page of rows, the ids of which follow those of the page before. An empty one is the last.
    pub fn absorb(&mut self, rows: &[UserRow]) {
        for row in rows {
            // Who was deleted before it was read is nobody here, and needs no memory.
            if !row.deleted || self.entries.contains_key(&row.user.id) {
                self.put(row);
            }
        }
        self.progress = match rows.last() {
            Some(last) => Progress::Upto(last.user.id),
            None => Progress::Done,
        };
        if self.progress == Progress::Done {
            self.early.clear();
        }
    }

    /// Takes the state of a user, unless a later one is known. Custom data is not kept: nothing is filtered by it.
    pub fn put(&mut self, row: &UserRow) {
        let id = row.user.id;
        let before = self.entries.get(&id);
        if before.is_some_and(|entry| entry.revision >= row.revision) {
            return;
        }
        let before = before.and_then(|entry| entry.user.clone());
        let after = (!row.deleted).then(|| {
            let known = before.as_ref().map_or(0, |user| user.last_request_at);
            let early = self.early.remove(&id).unwrap_or(0);
            let last_request_at = row.user.last_request_at.max(known).max(early);
            Arc::new(User { custom_data: None, last_request_at, ..row.user.clone() })
        });
        self.replace(before.as_ref(), after.as_ref());
        self.entries.insert(id, Entry { revision: row.revision, user: after });
    }

    /// A user made a request at `at`, unix milliseconds.
    pub fn seen(&mut self, id: u64, at: i64) {
        match self.entries.get(&id).map(|entry| entry.user.clone()) {
            Some(Some(before)) if before.last_request_at < at => {
                let after = Arc::new(User { last_request_at: at, ..before.as_ref().clone() });
                self.replace(Some(&before), Some(&after));
                self.entries.entry(id).and_modify(|entry| entry.user = Some(after));
            }
            Some(_) => {}
            None if self.progress != Progress::Done => {
                let early = self.early.entry(id).or_insert(at);
                *early = at.max(*early);
            }
            None => {}
        }
    }

    fn replace(&mut self, before: Option<&Arc<User>>, after: Option<&Arc<User>>) {
        self.users = self.users + usize::from(after.is_some()) - usize::from(before.is_some());
        for (field, order) in &mut self.orders {
            if let Some(Ok(at)) = before.map(|user| place(*field, order, user)) {
                order.remove(at);
            }
            if let Some(after) = after {
                let at = place(*field, order, after).unwrap_or_else(|at| at);
                order.insert(at, after.clone());
            }
        }
    }

    /// The ids of a page of the users that meet the query's conditions, and how many they are.
    pub fn list(&mut self, query: &Query) -> Page {
        let Some(narrow) = query.conditions.iter().find(|condition| condition.is_narrow()) else {
            let order = self.order(query.sort);
            return match query.takes_all() {
                true => query.cut(order.len(), order.iter()),
                false => {
                    let met: Vec<_> = order.iter().filter(|user| query.holds(user)).collect();
                    query.cut(met.len(), met.into_iter())
                }
            };
        };
        let order = self.order(narrow.field);
        let stretches = narrow.stretches(order).into_iter().flat_map(|stretch| &order[stretch]);
        let mut met: Vec<_> = stretches.filter(|user| query.holds(user)).collect();
        met.sort_unstable_by(|a, b| query.sort.compare(a, b));
        query.cut(met.len(), met.into_iter())
    }

    fn order(&mut self, field: Field) -> &[Arc<User>] {
        self.orders.entry(field).or_insert_with(|| {
            let mut order: Vec<_> = self.entries.values().filter_map(|entry| entry.user.clone()).collect();
            order.sort_unstable_by(|a, b| field.compare(a, b));
            order
        })
    }
}

// Where a user stands in an order, or would.
fn place(field: Field, order: &[Arc<User>], user: &User) -> Result<usize, usize> {
    order.binary_search_by(|other| field.compare(other, user))
}
