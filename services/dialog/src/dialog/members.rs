//! Who is in a dialog, and where each member's view of it begins.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use natter_proto::UserId;

/// One member's view of a dialog.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Member {
    /// Rows up to this number were there when the member last deleted the dialog for himself, or cleared it; they stay hidden.
    pub cleared_upto: u64,
    /// The member deleted the dialog and has not created it again since.
    pub hidden: bool,
    /// The member wants no alerts of it.
    pub muted: bool,
    /// Of a public dialog: the member entered its room and has not left it since (contract xmpp 4.2).
    pub entered: bool,
    /// Of a private dialog: the user is no more. The dialog stays for the other one.
    pub gone: bool,
}

impl Member {
    /// Whether the dialog stands in the member's list: a deleted one comes back with the next row (contract rest 4.7).
    pub fn lists(&self, head: u64) -> bool {
        !self.hidden || head > self.cleared_upto
    }

    /// Whether the member can see the row.
    pub fn sees(&self, seq: u64) -> bool {
        seq > self.cleared_upto
    }

    /// The view after the member deleted the dialog while `head` was its newest row.
    pub fn deleted_at(self, head: u64) -> Member {
        Member { hidden: true, ..self.cleared_at(head) }
    }

    /// The view after everything up to `head` was hidden from the member.
    pub fn cleared_at(self, head: u64) -> Member {
        Member { cleared_upto: self.cleared_upto.max(head), ..self }
    }

    /// The view after the member created the dialog again: listed, its past still hidden.
    pub fn created_again(self) -> Member {
        Member { hidden: false, ..self }
    }
}

/// The members of a dialog, and in which order they came.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Members {
    views: BTreeMap<UserId, Member>,
    /// The same users, the oldest member first.
    order: Vec<UserId>,
}

impl Members {
    /// The two of a pair, nothing hidden.
    pub fn pair(a: UserId, b: UserId) -> Members {
        [(a, Member::default()), (b, Member::default())].into_iter().collect()
    }

    pub fn get(&self, user: UserId) -> Option<&Member> {
        self.views.get(&user)
    }

    pub fn len(&self) -> usize {
        self.views.len()
    }

    pub fn is_empty(&self) -> bool {
        self.views.is_empty()
    }

    /// Replaces the view of a member; a user who is none is left out.
    pub fn set(&mut self, user: UserId, member: Member) {
        if let Some(place) = self.views.get_mut(&user) {
            *place = member;
        }
    }

    /// Adds a member behind all others; false if he is one already.
    pub fn add(&mut self, user: UserId, member: Member) -> bool {
        if self.views.contains_key(&user) {
            return false;
        }
        self.views.insert(user, member);
        self.order.push(user);
        true
    }

    /// Removes members; gives those that were there, ascending.
    pub fn remove(&mut self, users: &[UserId]) -> Vec<UserId> {
        let mut gone: Vec<UserId> = users.iter().copied().filter(|user| self.views.remove(user).is_some()).collect();
        if !gone.is_empty() {
            self.order.retain(|user| self.views.contains_key(user));
        }
        gone.sort_unstable();
        gone.dedup();
        gone
    }

    /// The members as proto carries them, ascending.
    pub fn ids(&self) -> Vec<u64> {
        self.views.keys().map(|user| user.0).collect()
    }

    /// The members, the oldest first.
    pub fn oldest_first(&self) -> &[UserId] {
        &self.order
    }

    /// The first member who is not `user`: in a pair, the other one.
    pub fn other_than(&self, user: UserId) -> Option<UserId> {
        self.views.keys().copied().find(|member| *member != user)
    }

    /// Ascending.
    pub fn iter(&self) -> impl Iterator<Item = (UserId, Member)> {
        self.views.iter().map(|(user, member)| (*user, *member))
    }
}

/// In the order in which they came.
impl FromIterator<(UserId, Member)> for Members {
    fn from_iter<I: IntoIterator<Item = (UserId, Member)>>(members: I) -> Members {
        let mut all = Members::default();
        for (user, member) in members {
            all.add(user, member);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_dialog_comes_back_with_the_next_row_and_its_past_stays_hidden() {
        let member = Member::default().deleted_at(7);
        assert!(!member.lists(7));
        assert!(member.lists(8));
        assert!(!member.sees(7) && member.sees(8));
    }

    #[test]
    fn creating_a_deleted_dialog_again_lists_it_at_once_and_keeps_its_past_hidden() {
        let member = Member::default().deleted_at(7).created_again();
        assert!(member.lists(7));
        assert!(!member.sees(7));
        assert!(!member.cleared_at(3).sees(7), "a view does not grow back");
    }

    #[test]
    fn members_keep_the_order_in_which_they_came() {
        let [ann, bob, cat] = [UserId(34), UserId(78), UserId(5)];
        let mut members: Members = [ann, bob].into_iter().map(|user| (user, Member::default())).collect();
        assert!(members.add(cat, Member::default()) && !members.add(ann, Member::default()));
        assert_eq!((members.ids(), members.oldest_first()), (vec![5, 34, 78], [ann, bob, cat].as_slice()));
        assert_eq!(members.remove(&[bob, UserId(9), ann]), [ann, bob]);
        assert!(members.add(ann, Member::default()));
        assert_eq!((members.len(), members.oldest_first()), (2, [cat, ann].as_slice()));
    }
}
