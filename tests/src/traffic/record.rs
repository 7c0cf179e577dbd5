//! What a sender did and was told, with the place of each event in the one order of all of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::client::Account;
use crate::membership::Tick;
use natter_proto::DialogId;

/// The order of all events.
#[derive(Clone, Default)]
pub struct Ticks(Arc<AtomicU64>);

impl Ticks {
    pub fn next(&self) -> Tick {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

/// Where something is said.
#[derive(Clone, Debug)]
pub enum Lane {
    Private(Account),
    Group(DialogId),
}

/// What a sender did, in the order of sending, and the ids of what it heard from others.
pub struct Record {
    pub name: &'static str,
    pub app: u64,
    pub user: u64,
    pub lanes: Vec<Lane>,
    pub sent: Vec<Sent>,
    pub heard: BTreeSet<String>,
    /// Messages that were acknowledged behind an error, which is how they are refused.
    pub errors: usize,
}

/// A message, and what its sender was told of it.
#[derive(Debug)]
pub struct Sent {
    pub id: String,
    /// Its place among the sender's lanes.
    pub lane: usize,
    pub began: Tick,
    pub answer: Answer,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Nothing, or nothing that says whether it is there.
    None,
    Acked(Tick),
    /// It was sent once, and its sender may not send it: it must not be there.
    Refused(Tick),
}

impl Record {
    pub fn new(name: &'static str, me: &Account, lanes: Vec<Lane>) -> Record {
        Record { name, app: me.app, user: me.user, lanes, sent: Vec::new(), heard: BTreeSet::new(), errors: 0 }
    }

    /// The next message, in the next lane. Its place in `sent`.
    pub fn begin(&mut self, id: String, began: Tick) -> usize {
        let lane = self.sent.len() % self.lanes.len();
        self.sent.push(Sent { id, lane, began, answer: Answer::None });
        self.sent.len() - 1
    }

    /// The lane of the message that comes next.
    pub fn next_lane(&self) -> &Lane {
        &self.lanes[self.sent.len() % self.lanes.len()]
    }

    /// What was sent to one user.
    pub fn private(&self) -> Vec<&Sent> {
        self.sent.iter().filter(|sent| matches!(self.lanes[sent.lane], Lane::Private(_))).collect()
    }

    /// What was sent to a group.
    pub fn in_group(&self, group: DialogId) -> Vec<&Sent> {
        self.sent.iter().filter(|sent| matches!(self.lanes[sent.lane], Lane::Group(of) if of == group)).collect()
    }
}
