//! Dialogs fall into shards, and each shard to one member, by rendezvous: of all members the one whose hash with the shard is the
//! largest. Who comes or goes moves the shards that it gets or had, and no other.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::{AppId, DialogId};

use crate::view::Member;

/// How many there are. Never changed: what shards name stands in rows.
pub const SHARDS: u16 = 4_096;

/// One of [`SHARDS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Shard(pub u16);

impl Shard {
    /// That of a dialog.
    pub fn of_dialog(app: AppId, dialog: DialogId) -> Shard {
        Shard::of([&app.0.to_be_bytes()[..], &dialog.0].into_iter())
    }

    /// That of an app as a whole.
    pub fn of_app(app: AppId) -> Shard {
        Shard::of([&app.0.to_be_bytes()[..]].into_iter())
    }

    /// That of a user.
    pub fn of_user(app: AppId, user: u64) -> Shard {
        Shard::of([&app.0.to_be_bytes()[..], &user.to_be_bytes()].into_iter())
    }

    fn of<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Shard {
        Shard((parts.fold(FIRST, hash) % u64::from(SHARDS)) as u16)
    }

    /// Whom it falls to.
    pub fn owner<'a>(self, members: impl Iterator<Item = &'a Member>) -> Option<&'a Member> {
        // Of two with the same hash the first by name, so that everybody chooses the same.
        members.max_by(|one, other| {
            let weights = (self.weight(&one.name), self.weight(&other.name));
            weights.0.cmp(&weights.1).then_with(|| other.name.cmp(&one.name))
        })
    }

    fn weight(self, name: &str) -> u64 {
        mixed(hash(hash(FIRST, name.as_bytes()), &self.0.to_be_bytes()))
    }
}

/// FNV-1a: the same in every version of every process, unlike the standard library's.
const FIRST: u64 = 0xcbf2_9ce4_8422_2325;
fn hash(before: u64, bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(before, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    mixed(hash)
}

/// Spreads what differs in few bits over all of them (the finisher of splitmix64).
fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::*;

    fn members(names: &[&str]) -> Vec<Member> {
        names.iter().map(|name| Member { name: (*name).into(), ..Member::default() }).collect()
    }

    fn owners(members: &[Member]) -> Vec<String> {
        (0..SHARDS).map(|shard| Shard(shard).owner(members.iter()).unwrap().name.clone()).collect()
    }

    #[test]
    fn every_member_gets_about_its_part_and_the_order_does_not_matter() {
        let names = ["dialog-0", "dialog-1", "dialog-2", "dialog-3"];
        let owners_of_four = owners(&members(&names));
        let mut counts = BTreeMap::<&str, u32>::new();
        owners_of_four.iter().for_each(|name| *counts.entry(name).or_default() += 1);
        assert!(counts.len() == 4 && counts.values().all(|count| (850..1_200).contains(count)), "{counts:?}");
        let mut turned = names;
        turned.reverse();
        assert_eq!(owners(&members(&turned)), owners_of_four);
    }

    #[test]
    fn who_goes_leaves_his_shards_to_the_others_and_moves_no_other() {
        let (before, after) = (owners(&members(&["a", "b", "c"])), owners(&members(&["a", "c"])));
        assert!(before.iter().zip(&after).all(|(before, after)| before == after || before == "b"));
        assert!(Shard(1).owner([].iter()).is_none());
    }

    #[test]
    fn dialogs_are_spread_and_a_shard_is_the_same_in_every_version() {
        let mut counts = vec![0_u32; usize::from(SHARDS)];
        for n in 0..100_000_u32 {
            let mut id = [0; 12];
            id[..4].copy_from_slice(&n.to_be_bytes());
            counts[usize::from(Shard::of_dialog(AppId(1), DialogId(id)).0)] += 1;
        }
        assert!(counts.iter().all(|count| *count < 100), "{:?}", counts.iter().max());
        // Another number here breaks running clusters.
        assert_eq!(Shard::of_dialog(AppId(7), DialogId([4; 12])), Shard(812));
        assert_eq!(Shard::of_user(AppId(7), 34), Shard(115));
        assert_eq!(Shard::of_app(AppId(7)), Shard(3287));
    }
}
