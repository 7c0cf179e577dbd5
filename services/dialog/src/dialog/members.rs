//! Who is in a dialog, and where each member's view of it begins.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use natter_proto::UserId;

/// One member's view of a dialog.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Member {
    /// Rows up to this number were there when the member last deleted the dialog for himself; they stay hidden.
    pub cleared_upto: u64,
    /// The member deleted the dialog and has not created it again since.
    pub hidden: bool,
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
    pub fn deleted_at(head: u64) -> Member {
        Member { cleared_upto: head, hidden: true }
    }

    /// The view after the member created the dialog again: listed, its past still hidden.
    pub fn created_again(self) -> Member {
        Member { hidden: false, ..self }
    }
}

/// The members of a dialog, in ascending order.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Members(BTreeMap<UserId, Member>);

impl Members {
    /// The two of a pair, nothing hidden.
    pub fn pair(a: UserId, b: UserId) -> Members {
        [(a, Member::default()), (b, Member::default())].into_iter().collect()
    }

    pub fn get(&self, user: UserId) -> Option<&Member> {
        self.0.get(&user)
    }

    /// Replaces the view of a member; a user who is none is left out.
    pub fn set(&mut self, user: UserId, member: Member) {
        if let Some(place) = self.0.get_mut(&user) {
            *place = member;
        }
    }

    /// The members as proto carries them, ascending.
    pub fn ids(&self) -> Vec<u64> {
        self.0.keys().map(|user| user.0).collect()
    }

    /// The first member who is not `user`: in a pair, the other one.
    pub fn other_than(&self, user: UserId) -> Option<UserId> {
        self.0.keys().copied().find(|member| *member != user)
    }

    pub fn iter(&self) -> impl Iterator<Item = (UserId, Member)> {
        self.0.iter().map(|(user, member)| (*user, *member))
    }
}

impl FromIterator<(UserId, Member)> for Members {
    fn from_iter<I: IntoIterator<Item = (UserId, Member)>>(members: I) -> Members {
        Members(members.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_dialog_comes_back_with_the_next_row_and_its_past_stays_hidden() {
        let member = Member::deleted_at(7);
        assert!(!member.lists(7));
        assert!(member.lists(8));
        assert!(!member.sees(7) && member.sees(8));
    }

    #[test]
    fn creating_a_deleted_dialog_again_lists_it_at_once_and_keeps_its_past_hidden() {
        let member = Member::deleted_at(7).created_again();
        assert!(member.lists(7));
        assert!(!member.sees(7));
    }
}
