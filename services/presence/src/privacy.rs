//! Privacy lists (contract xmpp 7; XEP-0016): what a list lets through, and what passes between two users who may have one.
//! Rules: no clock, no store, no bus.
//!
//! Invariant: the items of a list ascend by order, and no two have the same.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::UserId;
use natter_proto::presence::v1::{PrivacyItem, Verdict};

/// What a list is bounded by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub items: usize,
    pub name_bytes: usize,
}

/// A list as its owner made it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct List(Vec<PrivacyItem>);

/// Why something is no list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ListError {
    /// Without a name, or with too long a one.
    Name,
    TooManyItems,
    /// Two items of the same order.
    SameOrder,
}

/// What goes between the owner of a list and another user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Traffic {
    MessageIn,
    /// What the other says in a group.
    InGroup,
    PresenceIn,
    IqIn,
    PresenceOut,
    MessageOut,
    IqOut,
}

/// What one user wants another to get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Passing {
    /// Whatever is said in a private dialog, and system messages.
    Message,
    /// Whatever is said in a group. Only the list of the one who hears it decides: nobody's own list keeps him from speaking
    /// there.
    InGroup,
    Presence,
    /// A request, as for the last activity.
    Iq,
}

/// A user and his default list, if he has one.
pub(crate) type Party<'a> = (UserId, Option<&'a List>);

impl List {
    /// The list of this name, of these items in any order. Without items it is empty, which no list is kept as.
    pub fn of(name: &str, mut items: Vec<PrivacyItem>, limits: Limits) -> Result<List, ListError> {
        if name.is_empty() || name.len() > limits.name_bytes {
            return Err(ListError::Name);
        }
        if items.len() > limits.items {
            return Err(ListError::TooManyItems);
        }
        items.sort_by_key(|item| item.order);
        match items.windows(2).any(|pair| pair[0].order == pair[1].order) {
            true => Err(ListError::SameOrder),
            false => Ok(List(items)),
        }
    }

    /// The list that was kept with these items.
    pub fn kept(items: Vec<PrivacyItem>) -> List {
        List(items)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ascending by order.
    pub fn items(&self) -> &[PrivacyItem] {
        &self.0
    }

    /// The first item that matches decides; what none matches is let through.
    fn lets(&self, other: UserId, traffic: Traffic) -> bool {
        self.0.iter().find(|item| is_about(item, other, traffic) && covers(item, traffic)).is_none_or(|item| item.allow)
    }
}

fn is_about(item: &PrivacyItem, other: UserId, traffic: Traffic) -> bool {
    let is_there = item.in_groups == (traffic == Traffic::InGroup);
    if item.user == 0 { is_there || !item.in_groups } else { is_there && item.user == other.0 }
}

/// An item without kinds covers everything, and it alone covers what its owner says and asks (contract xmpp 7.3).
fn covers(item: &PrivacyItem, traffic: Traffic) -> bool {
    let PrivacyItem { message, presence_in, presence_out, iq, .. } = *item;
    let all = !(message || presence_in || presence_out || iq);
    all || match traffic {
        Traffic::MessageIn | Traffic::InGroup => message,
        Traffic::PresenceIn => presence_in,
        Traffic::PresenceOut => presence_out,
        Traffic::IqIn => iq,
        Traffic::MessageOut | Traffic::IqOut => false,
    }
}

/// Whether something gets from one user to another: first the list of the one it is for is asked.
pub(crate) fn judge(from: Party<'_>, to: Party<'_>, passing: Passing) -> Verdict {
    let (inward, outward) = match passing {
        // Whoever keeps everybody out still hears himself.
        _ if from.0 == to.0 => return Verdict::Passes,
        Passing::Message => (Traffic::MessageIn, Some(Traffic::MessageOut)),
        Passing::InGroup => (Traffic::InGroup, None),
        Passing::Presence => (Traffic::PresenceIn, Some(Traffic::PresenceOut)),
        Passing::Iq => (Traffic::IqIn, Some(Traffic::IqOut)),
    };
    if to.1.is_some_and(|list| !list.lets(from.0, inward)) {
        return Verdict::Blocked;
    }
    match (from.1, outward) {
        (Some(list), Some(outward)) if !list.lets(to.0, outward) => Verdict::Blocking,
        _ => Verdict::Passes,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const ANN: UserId = UserId(34);
    const BOB: UserId = UserId(78);
    const LIMITS: Limits = Limits { items: 10, name_bytes: 10 };
    const ALL: [Passing; 4] = [Passing::Message, Passing::InGroup, Passing::Presence, Passing::Iq];

    /// The table of contract xmpp 7.3, for the pairs of items that the SDK sends.
    #[test]
    fn one_way_and_mutual_as_in_the_contract() {
        use Verdict::{Blocked, Blocking, Passes};
        let one_way = list(&[one_way(78, false, 1), one_way(78, true, 2)]);
        check(&one_way, BOB, ANN, [Blocked; 4]);
        check(&one_way, ANN, BOB, [Passes, Passes, Blocking, Passes]);
        check(&one_way, UserId(7), ANN, [Passes; 4]);
        let mutual = list(&[item(78, false, 1), item(78, true, 2)]);
        check(&mutual, BOB, ANN, [Blocked; 4]);
        check(&mutual, ANN, BOB, [Blocking, Passes, Blocking, Blocking]);
        check(&list(&[item(78, false, 1)]), BOB, ANN, [Blocked, Passes, Blocked, Blocked]);
        check(&list(&[item(78, true, 1)]), BOB, ANN, [Passes, Blocked, Passes, Passes]);
    }

    #[test]
    fn an_item_about_everybody_spares_only_oneself_and_those_before_it() {
        use Verdict::{Blocked, Passes};
        let all = list(&[PrivacyItem { allow: true, ..item(78, false, 1) }, item(0, false, 2)]);
        check(&all, BOB, ANN, [Passes, Blocked, Passes, Passes]);
        check(&all, UserId(7), ANN, [Blocked; 4]);
        check(&all, ANN, ANN, [Passes; 4]);
        check(&list(&[item(0, true, 1)]), BOB, ANN, [Passes, Blocked, Passes, Passes]);
    }

    #[test]
    fn of_two_lists_the_recipients_is_asked_first() {
        let list = |user| list(&[item(user, false, 1)]);
        assert_eq!(judge((ANN, Some(&list(78))), (BOB, Some(&list(34))), Passing::Message), Verdict::Blocked);
        assert_eq!(judge((ANN, Some(&list(78))), (BOB, None), Passing::Message), Verdict::Blocking);
    }

    #[test]
    fn items_are_sorted_and_what_is_no_list_is_refused() {
        let made = |name: &str, items| List::of(name, items, LIMITS);
        assert_eq!(made("n", vec![item(1, false, 9), item(2, false, 3)]).unwrap().items()[0].user, 2);
        assert_eq!(made("n", vec![item(1, false, 3), item(2, false, 3)]), Err(ListError::SameOrder));
        assert_eq!(made("n", (0..11).map(|n| item(n, false, n as u32)).collect()), Err(ListError::TooManyItems));
        assert_eq!((made("", vec![]), made("12345678901", vec![])), (Err(ListError::Name), Err(ListError::Name)));
        assert!(made("1234567890", vec![]).unwrap().is_empty());
    }

    proptest! {
        /// Against the definition: of all items that match, the one of the lowest order.
        #[test]
        fn the_first_match_decides(items in prop::collection::vec(any_item(), 0..12), other in 1..4_u64, group in any::<bool>()) {
            let mut items = items;
            items.sort_by_key(|item| item.order);
            items.dedup_by_key(|item| item.order);
            let shuffled: Vec<PrivacyItem> = items.iter().rev().copied().collect();
            let list = List::of("n", shuffled, Limits { items: 100, ..LIMITS }).unwrap();
            let passing = if group { Passing::InGroup } else { Passing::Message };
            let matches = |item: &&PrivacyItem| {
                let is_of_kind = item.message || !(item.presence_in || item.presence_out || item.iq);
                let is_of_place = item.in_groups == group || (item.user == 0 && !item.in_groups);
                is_of_kind && is_of_place && (item.user == 0 || item.user == other)
            };
            let first = items.iter().filter(matches).min_by_key(|item| item.order);
            let expected = if first.is_some_and(|item| !item.allow) { Verdict::Blocked } else { Verdict::Passes };
            prop_assert_eq!(judge((UserId(other), None), (ANN, Some(&list)), passing), expected);
        }
    }

    fn any_item() -> impl Strategy<Value = PrivacyItem> {
        (0..4_u64, any::<[bool; 6]>(), 0..30_u32).prop_map(
            |(user, [in_groups, allow, message, presence_in, presence_out, iq], order)| PrivacyItem {
                user,
                in_groups,
                allow,
                order,
                message,
                presence_in,
                presence_out,
                iq,
            },
        )
    }

    /// What becomes of each kind, between two users of whom Ann has the list.
    fn check(list: &List, from: UserId, to: UserId, expected: [Verdict; 4]) {
        let party = |user| (user, Some(list).filter(|_| user == ANN));
        assert_eq!(ALL.map(|passing| judge(party(from), party(to), passing)), expected);
    }

    fn list(items: &[PrivacyItem]) -> List {
        List::of("n", items.to_vec(), LIMITS).unwrap()
    }

    fn item(user: u64, in_groups: bool, order: u32) -> PrivacyItem {
        PrivacyItem { user, in_groups, order, ..PrivacyItem::default() }
    }

    fn one_way(user: u64, in_groups: bool, order: u32) -> PrivacyItem {
        PrivacyItem { message: true, presence_in: true, presence_out: true, iq: true, ..item(user, in_groups, order) }
    }
}
