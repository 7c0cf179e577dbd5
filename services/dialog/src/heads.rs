//! The newest numbers of dialogs that moved lately, published once a second: so that an edge notices a lost last frame
//! (design.md section 6).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use natter_proto::event::v1 as wire;
use parking_lot::Mutex;

use crate::dialog::{Dialog, Key, Kind};

/// Heads that go into one published message.
const CHUNK: usize = 1000;

/// Dialogs of this process that moved within the last seconds.
pub struct Heads {
    active_ms: i64,
    max: usize,
    moved: Mutex<BTreeMap<Key, Head>>,
}

struct Head {
    seq: u64,
    stamp: u64,
    /// When the newest row or change was made.
    at: i64,
    /// Of private dialogs.
    members: Vec<u64>,
    moved_at: i64,
}

impl Heads {
    /// No dialog moved yet. Keeps at most `max` dialogs, each for `active_ms`; over it, those that come are left out, and
    /// their edges learn of a lost frame from the next one.
    pub fn new(active_ms: i64, max: usize) -> Heads {
        Heads { active_ms, max, moved: Mutex::default() }
    }

    /// A dialog moved; `at`: when its newest row or change was made, unix milliseconds.
    pub fn moved(&self, dialog: &Dialog, at: i64, now_ms: i64) {
        let mut moved = self.moved.lock();
        let full = moved.len() >= self.max;
        let head = match moved.entry(dialog.key) {
            Entry::Vacant(_) if full => return,
            Entry::Vacant(vacant) => vacant.insert(Head { seq: 0, stamp: 0, at, members: members(dialog), moved_at: now_ms }),
            Entry::Occupied(occupied) => occupied.into_mut(),
        };
        (head.seq, head.stamp, head.at, head.moved_at) = (dialog.head(), dialog.stamp(), at, now_ms);
    }

    /// The heads to publish, in messages of bounded size. Forgets those that did not move lately.
    pub fn recent(&self, now_ms: i64) -> Vec<wire::Heads> {
        let mut moved = self.moved.lock();
        moved.retain(|_, head| now_ms - head.moved_at <= self.active_ms);
        let heads: Vec<wire::Head> = moved.iter().map(|(key, head)| to_wire(*key, head)).collect();
        heads.chunks(CHUNK).map(|heads| wire::Heads { heads: heads.to_vec() }).collect()
    }
}

/// An edge that was told nothing of a private dialog finds by them whom it concerns; larger ones would make heads too long.
fn members(dialog: &Dialog) -> Vec<u64> {
    match dialog.facts.kind {
        Kind::Private => dialog.members.ids(),
        Kind::Public | Kind::Group | Kind::Broadcast => Vec::new(),
    }
}

fn to_wire(key: Key, head: &Head) -> wire::Head {
    let Head { seq, stamp, at, ref members, .. } = *head;
    wire::Head { app: key.app.0, dialog: key.dialog.to_vec(), seq, stamp, revision: 0, at, members: members.clone() }
}

#[cfg(test)]
mod tests {
    use natter_proto::{AppId, DialogId, UserId};

    use super::*;
    use crate::dialog::group::Profile;
    use crate::dialog::members::Members;
    use crate::dialog::order::Order;
    use crate::dialog::{Facts, Kept};
    use crate::options::Options;

    #[test]
    fn a_head_is_published_while_its_dialog_is_active() {
        let heads = Heads::new(30_000, 2);
        heads.moved(&dialog(1, 5), 0, 0);
        heads.moved(&dialog(2, 1), 20_000, 20_000);
        heads.moved(&dialog(1, 6), 900, 1_000);
        heads.moved(&dialog(3, 1), 20_000, 20_000);
        let seqs = |now| -> Vec<u64> { heads.recent(now).iter().flat_map(|chunk| &chunk.heads).map(|head| head.seq).collect() };
        let first = &heads.recent(20_000)[0].heads[0];
        assert_eq!((first.at, first.members.as_slice()), (900, [34, 78].as_slice()));
        assert_eq!(seqs(31_000), [6, 1]);
        assert_eq!(seqs(31_001), [1]);
        assert!(seqs(50_001).is_empty());
        assert!(heads.recent(50_001).is_empty(), "nothing is published when nothing moved");
    }

    #[test]
    fn many_heads_go_out_in_several_messages() {
        let heads = Heads::new(30_000, 5000);
        for app in 0..2500_u64 {
            let mut dialog = dialog(1, 1);
            dialog.key.app = AppId(app);
            heads.moved(&dialog, 0, 0);
        }
        assert_eq!(heads.recent(0).iter().map(|chunk| chunk.heads.len()).collect::<Vec<_>>(), [1000, 1000, 500]);
    }

    fn dialog(n: u8, head: u64) -> Dialog {
        let key = Key { app: AppId(1), dialog: DialogId([n; 12]) };
        let facts = Facts { kind: Kind::Private, owner: UserId(34), created_at: 0 };
        let kept = Kept { facts, profile: Profile::default(), members: Members::pair(UserId(34), UserId(78)) };
        let dialog = Dialog::new(key, kept, &Options::default().limits());
        dialog.with_log(Order { head, ..Order::default() }, 0, [])
    }
}
