//! The newest numbers of dialogs that moved lately, published once a second: so that an edge notices a lost last frame
//! (design.md section 6).

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use natter_proto::event::v1 as wire;
use parking_lot::Mutex;

use crate::dialog::{Dialog, Key, Kind};

/// Heads that go into one published message, and members that they name together, unless one alone names more.
const CHUNK: usize = 1000;
const NAMED_MAX: usize = 20_000;
/// The head of a group names its members so often after the group moved: each time the message may be lost, too.
const NAMINGS: u32 = 3;
/// Shortest time between two of these, milliseconds, however often the group moves.
const NAMED_EVERY_MS: i64 = 3_000;
/// Members of groups that are named at once, more only by a single group's; the others wait for the next time.
const NAMED_AT_ONCE_MAX: usize = 100_000;

/// Dialogs of this process that moved within the last seconds.
pub struct Heads {
    active_ms: i64,
    max: usize,
    moved: Mutex<BTreeMap<Key, Head>>,
}

#[derive(Default)]
struct Head {
    seq: u64,
    stamp: u64,
    /// When the newest row or change was made.
    at: i64,
    /// When the newest row was told; 0: nobody knows.
    told_at: i64,
    /// Of a group: none once they were named often enough.
    members: Vec<u64>,
    is_private: bool,
    /// Of a group: how often its members are still to be named, and when they were.
    namings: u32,
    named_at: i64,
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
        let (members, is_private) = (dialog.members.ids(), dialog.facts.kind == Kind::Private);
        let mut moved = self.moved.lock();
        let full = moved.len() >= self.max;
        let head = match moved.entry(dialog.key) {
            Entry::Vacant(_) if full => return,
            Entry::Vacant(vacant) => vacant.insert(Head::default()),
            Entry::Occupied(occupied) => occupied.into_mut(),
        };
        let (seq, stamp, told_at, named_at) = (dialog.head(), dialog.stamp(), dialog.told_at(), head.named_at);
        *head = Head { seq, stamp, at, told_at, members, is_private, namings: NAMINGS, named_at, moved_at: now_ms };
    }

    /// The heads to publish, in messages of bounded size. Forgets those that did not move lately.
    pub fn recent(&self, now_ms: i64) -> Vec<wire::Heads> {
        let mut moved = self.moved.lock();
        moved.retain(|_, head| now_ms - head.moved_at <= self.active_ms);
        let to_name = to_name(&moved, now_ms);
        let mut messages: Vec<wire::Heads> = Vec::new();
        let mut named = 0;
        for (key, head) in moved.iter_mut() {
            let members = if to_name.contains(key) { head.name(now_ms) } else { Vec::new() };
            named += members.len();
            let head = head.to_wire(*key, members);
            match messages.last_mut() {
                Some(message) if message.heads.len() < CHUNK && named <= NAMED_MAX => message.heads.push(head),
                _ => {
                    named = head.members.len();
                    messages.push(wire::Heads { heads: vec![head] });
                }
            }
        }
        messages
    }
}

/// The dialogs whose members are to be named: private ones always, and of the groups whose turn it is those that wait longest.
fn to_name(moved: &BTreeMap<Key, Head>, now_ms: i64) -> BTreeSet<Key> {
    let is_due = |head: &Head| head.namings > 0 && now_ms - head.named_at >= NAMED_EVERY_MS;
    let groups = moved.iter().filter(|(_, head)| !head.is_private && is_due(head));
    let mut groups: Vec<_> = groups.map(|(key, head)| (head.named_at, *key, head.members.len())).collect();
    groups.sort_unstable();
    let mut room = NAMED_AT_ONCE_MAX;
    let mut has_room = |members: usize| {
        let had_room = room > 0;
        room = room.saturating_sub(members);
        had_room
    };
    let groups = groups.into_iter().take_while(|(_, _, members)| has_room(*members)).map(|(_, key, _)| key);
    moved.iter().filter(|(_, head)| head.is_private).map(|(key, _)| *key).chain(groups).collect()
}

impl Head {
    fn to_wire(&self, key: Key, members: Vec<u64>) -> wire::Head {
        let Head { seq, stamp, at, told_at, .. } = *self;
        wire::Head { app: key.app.0, dialog: key.dialog.to_vec(), seq, stamp, revision: 0, at, members, told_at }
    }

    fn name(&mut self, now_ms: i64) -> Vec<u64> {
        if self.is_private {
            return self.members.clone();
        }
        (self.namings, self.named_at) = (self.namings - 1, now_ms);
        if self.namings == 0 { std::mem::take(&mut self.members) } else { self.members.clone() }
    }
}

#[cfg(test)]
mod tests {
    use natter_proto::{AppId, DialogId, UserId};

    use super::*;
    use crate::dialog::group::Profile;
    use crate::dialog::members::{Member, Members};
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
    fn a_head_names_whom_it_concerns_of_a_group_now_and_then() {
        let heads = Heads::new(30_000, 10);
        heads.moved(&dialog(1, 5), 4_000, 4_000);
        heads.moved(&group(2, 3), 4_000, 4_000);
        let named = |now| -> Vec<usize> { heads.recent(now)[0].heads.iter().map(|head| head.members.len()).collect() };
        assert_eq!((named(5_000), named(6_000), named(7_999)), (vec![2, 3], vec![2, 0], vec![2, 0]));
        heads.moved(&group(2, 4), 7_999, 7_999);
        assert_eq!((named(8_000), named(9_000)), (vec![2, 4], vec![2, 0]), "those of today");
        assert_eq!((named(11_000), named(14_000), named(17_000)), (vec![2, 4], vec![2, 4], vec![2, 0]), "often enough");
    }

    #[test]
    fn many_members_go_out_in_several_messages() {
        let heads = Heads::new(30_000, 10);
        (1..=5).for_each(|n| heads.moved(&group(n, if n == 3 { 25_000 } else { 9_000 }), 0, 9_000));
        let messages: Vec<usize> = heads.recent(9_000).iter().map(|message| message.heads.len()).collect();
        assert_eq!(messages, [2, 1, 2]);
    }

    #[test]
    fn too_many_members_are_named_one_group_after_the_other() {
        let heads = Heads::new(30_000, 10);
        (1..=5).for_each(|n| heads.moved(&group(n, 40_000), 0, 9_000));
        let named = |now| -> Vec<u8> {
            let heads = heads.recent(now).into_iter().flat_map(|message| message.heads);
            heads.filter(|head| !head.members.is_empty()).map(|head| head.dialog[0]).collect()
        };
        assert_eq!([9_000, 10_000, 11_000, 12_000].map(named), [vec![1, 2, 3], vec![4, 5], vec![], vec![1, 2, 3]]);
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

    fn group(n: u8, members: u64) -> Dialog {
        let mut dialog = dialog(n, 1);
        dialog.facts.kind = Kind::Group;
        dialog.members = (1..=members).map(|user| (UserId(user), Member::default())).collect();
        dialog
    }

    fn dialog(n: u8, head: u64) -> Dialog {
        let key = Key { app: AppId(1), dialog: DialogId([n; 12]) };
        let facts = Facts { kind: Kind::Private, owner: UserId(34), created_at: 0 };
        let kept = Kept { facts, profile: Profile::default(), members: Members::pair(UserId(34), UserId(78)) };
        let dialog = Dialog::new(key, kept, &Options::default().limits());
        dialog.with_log(Order { head, ..Order::default() }, 0, [])
    }
}
