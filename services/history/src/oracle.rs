//! What the log must say, the slow and obvious way: a list of messages, and per user the sets of what he read, received and
//! does not see. Tests only: random programs run on the log and on this, and both are asked the same.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use natter_proto::event::v1::Message;
use natter_proto::{MessageId, UserId};

use crate::gap::{Limits, Owed};
use crate::log::{Append, DialogKey, MessageLog};
use crate::options::Options;
use crate::page::Wanted;
use crate::queries::{gap, page, unread};

/// The users of every dialog of a test.
pub const USERS: [u64; 3] = [1, 2, 3];

/// One dialog.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    pub rows: Vec<Message>,
    read: BTreeSet<(u64, u64)>,
    received: BTreeSet<(u64, u64)>,
    hidden: BTreeSet<(u64, u64)>,
}

impl Oracle {
    pub fn head(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The next rows, by one sender each.
    pub fn next(&self, senders: &[u64], quiet: Option<u64>) -> Append {
        let first_seq = self.head() + 1;
        let rows: Vec<Message> = senders.iter().zip(first_seq..).map(|(sender, seq)| message(*sender, seq)).collect();
        let quiet = quiet.map(|user| (user, first_seq)).filter(|_| !rows.is_empty()).into_iter().collect();
        Append { first_seq, rows, quiet, old: false }
    }

    pub fn append(&mut self, append: &Append) {
        self.rows.extend(append.rows.iter().cloned());
        self.hidden.extend(&append.quiet);
    }

    pub fn read(&mut self, user: u64, seqs: impl IntoIterator<Item = u64>) {
        let head = self.head();
        self.read.extend(seqs.into_iter().filter(|seq| (1..=head).contains(seq)).map(|seq| (user, seq)));
    }

    pub fn receive(&mut self, user: u64, seqs: impl IntoIterator<Item = u64>) {
        let head = self.head();
        self.received.extend(seqs.into_iter().filter(|seq| (1..=head).contains(seq)).map(|seq| (user, seq)));
    }

    pub fn hide(&mut self, user: u64, seqs: impl IntoIterator<Item = u64>) {
        let head = self.head();
        self.hidden.extend(seqs.into_iter().filter(|seq| (1..=head).contains(seq)).map(|seq| (user, seq)));
    }

    pub fn remove(&mut self, seq: u64) {
        if let Some(row) = self.row(seq) {
            row.removed = true;
            row.body = None;
        }
    }

    pub fn edit(&mut self, seq: u64, body: &str) {
        if let Some(row) = self.row(seq).filter(|row| !row.removed) {
            row.body = Some(body.into());
        }
    }

    fn row(&mut self, seq: u64) -> Option<&mut Message> {
        self.rows.get_mut(seq.checked_sub(1)? as usize)
    }

    fn visible(&self, user: u64) -> Vec<&Message> {
        self.rows.iter().filter(|row| !row.removed && !self.hidden.contains(&(user, row.seq))).collect()
    }

    fn has_read(&self, user: u64, row: &Message) -> bool {
        let seen = !self.hidden.contains(&(user, row.seq));
        seen && (self.read.contains(&(user, row.seq)) || row.sender == user)
    }

    fn has_received(&self, user: u64, row: &Message) -> bool {
        let seen = !self.hidden.contains(&(user, row.seq));
        self.has_read(user, row) || seen && self.received.contains(&(user, row.seq))
    }

    /// Asks the log all that can be derived, and panics where it says something else.
    pub async fn agrees_with(&self, log: &dyn MessageLog, key: DialogKey) {
        let head = log.load(key).await.unwrap();
        assert_eq!(head.seq, self.head());
        let everyone: BTreeMap<u64, _> =
            log.everyone(key).await.unwrap().into_iter().map(|member| (member.user, member)).collect();
        for user in USERS {
            let visible = self.visible(user);
            let expected: Vec<_> = visible.iter().map(|row| (row.seq, row.body.clone())).collect();
            let paged = self.page(log, key, user).await;
            assert_eq!(paged.iter().map(|row| (row.seq, row.body.clone())).collect::<Vec<_>>(), expected, "page of {user}");

            let counted =
                unread::counts(log, key.app, UserId(user), &[key.dialog], unread::Beside::State { from_joining: false })
                    .await
                    .unwrap()
                    .remove(0);
            let unread = visible.iter().filter(|row| !self.has_read(user, row)).count();
            assert_eq!(counted.unread, unread as u64, "unread of {user}: {counted:?}");
            assert_eq!(counted.last.as_ref().map(|row| row.seq), visible.last().map(|row| row.seq));
            let own = visible.last().filter(|row| row.sender == user);
            let others = |has: fn(&Self, u64, &Message) -> bool| {
                own.is_some_and(|row| USERS.iter().any(|other| *other != user && has(self, *other, row)))
            };
            assert_eq!(counted.last_read, others(Self::has_read), "last read of {user}");
            assert_eq!(counted.last_delivered, others(Self::has_received), "last delivered of {user}");

            let owed = Owed { undelivered: true, ..Owed::default() };
            let limits = Limits { per_dialog: 1_000, in_all: 1_000, bytes: usize::MAX, oldest: false, from_joining: false };
            let gap = gap::gap(log, key.app, UserId(user), BTreeMap::from([(key.dialog, owed)]), limits).await.unwrap();
            let missing: Vec<u64> = visible.iter().filter(|row| !self.has_received(user, row)).map(|row| row.seq).collect();
            assert_eq!(gap.rows.iter().map(|(_, row)| row.seq).collect::<Vec<_>>(), missing, "owed to {user}");

            let member = everyone.get(&user).cloned().unwrap_or_default();
            for row in &self.rows {
                assert_eq!(member.has_read(row.seq), self.has_read(user, row), "{user} has read {}", row.seq);
                assert_eq!(member.has_received(row.seq), self.has_received(user, row), "{user} has received {}", row.seq);
            }
        }
    }

    async fn page(&self, log: &dyn MessageLog, key: DialogKey, user: u64) -> Vec<Message> {
        let (reader, wanted) = (user, Wanted::default());
        let query = page::Query { key, reader, from_joining: false, wanted, descending: false, skip: 0, limit: 1_000 };
        page::page(log, &query, &Options::default()).await.unwrap().rows
    }
}

/// A message whose id says where it is.
pub fn message(sender: u64, seq: u64) -> Message {
    Message {
        id: id(seq).to_vec(),
        sender,
        seq,
        date_sent: 1_800_000_000 + seq as i64 / 3,
        created_at: 1_800_000_000_000 + seq as i64 * 400,
        updated_at: 1_800_000_000_000 + seq as i64 * 400,
        body: Some(format!("message {seq}")),
        ..Message::default()
    }
}

/// The id of the message at a place.
pub fn id(seq: u64) -> MessageId {
    let mut id = [0xee; 12];
    id[4..].copy_from_slice(&seq.to_be_bytes());
    MessageId(id)
}
