//! What a user's reaction does to the reactions of a row. Values only.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::history::v1::{Reaction, Reactions};

use crate::error::Error;

/// Most bytes of one reaction: an emoji with all its joiners, or a short word.
const REACTION_BYTES_MAX: usize = 64;

/// What a user adds to a row and takes from it; empty: nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reacted {
    pub user: u64,
    pub add: String,
    pub remove: String,
}

/// How many reactions a row may have.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub per_user: usize,
    pub per_row: usize,
}

/// Changes the reactions of a row: first what is removed goes, then what is added comes. Answers whether that changed
/// anything: to add what is there, or to remove what is not, does not.
///
/// Fails with [`Error::Invalid`] if there is nothing to do or a reaction is too long, with [`Error::Full`] if the user or
/// the row has as many as there may be; then the reactions are as they were.
pub fn react(reactions: &mut Reactions, reacted: &Reacted, bounds: Bounds) -> Result<bool, Error> {
    let Reacted { user, add, remove } = reacted;
    if add.is_empty() && remove.is_empty() {
        return Err(Error::Invalid("add", "is missing"));
    }
    if add.len() > REACTION_BYTES_MAX {
        return Err(Error::Invalid("add", "is too long"));
    }
    let mut after = reactions.clone();
    if remove != add {
        take(&mut after.all, remove, *user);
    }
    if !add.is_empty() {
        put(&mut after.all, add, *user);
        let own = after.all.iter().filter(|reaction| reaction.users.binary_search(user).is_ok()).count();
        let all: usize = after.all.iter().map(|reaction| reaction.users.len()).sum();
        let grown = after != *reactions;
        if grown && own > bounds.per_user {
            return Err(Error::Full("add", "is one reaction too many of this user"));
        }
        if grown && all > bounds.per_row {
            return Err(Error::Full("add", "is one reaction too many to this message"));
        }
    }
    let changed = after != *reactions;
    *reactions = after;
    Ok(changed)
}

/// Takes away all that a user reacted with. Answers whether that changed anything.
pub fn take_away(reactions: &mut Reactions, user: u64) -> bool {
    let before = reactions.clone();
    reactions.all.iter_mut().for_each(|reaction| reaction.users.retain(|other| *other != user));
    reactions.all.retain(|reaction| !reaction.users.is_empty());
    *reactions != before
}

fn take(all: &mut Vec<Reaction>, taken: &str, user: u64) {
    for reaction in all.iter_mut().filter(|reaction| reaction.reaction == taken) {
        reaction.users.retain(|other| *other != user);
    }
    all.retain(|reaction| !reaction.users.is_empty());
}

// Who is first with a reaction puts it last.
fn put(all: &mut Vec<Reaction>, added: &str, user: u64) {
    match all.iter_mut().find(|reaction| reaction.reaction == added) {
        Some(reaction) => {
            if let Err(place) = reaction.users.binary_search(&user) {
                reaction.users.insert(place, user);
            }
        }
        None => all.push(Reaction { reaction: added.to_owned(), users: vec![user] }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BOUNDS: Bounds = Bounds { per_user: 2, per_row: 3 };

    #[test]
    fn reactions_come_once_and_go() {
        let mut row = Reactions::default();
        check(&mut row, 7, "+", "", Ok(true), &[("+", &[7])]);
        check(&mut row, 7, "+", "", Ok(false), &[("+", &[7])]);
        check(&mut row, 3, "+", "-", Ok(true), &[("+", &[3, 7])]);
        check(&mut row, 7, "-", "", Ok(true), &[("+", &[3, 7]), ("-", &[7])]);
        check(&mut row, 3, "", "-", Ok(false), &[("+", &[3, 7]), ("-", &[7])]);
        check(&mut row, 7, "x", "+", Ok(true), &[("+", &[3]), ("-", &[7]), ("x", &[7])]);
        check(&mut row, 3, "", "+", Ok(true), &[("-", &[7]), ("x", &[7])]);
        check(&mut row, 7, "x", "x", Ok(false), &[("-", &[7]), ("x", &[7])]);
    }

    #[test]
    fn a_row_and_a_user_have_so_many_and_no_more() {
        let mut row = Reactions::default();
        check(&mut row, 7, "a", "", Ok(true), &[("a", &[7])]);
        check(&mut row, 7, "b", "", Ok(true), &[("a", &[7]), ("b", &[7])]);
        let full = Err(Error::Full("add", "is one reaction too many of this user"));
        check(&mut row, 7, "c", "", full, &[("a", &[7]), ("b", &[7])]);
        check(&mut row, 7, "c", "a", Ok(true), &[("b", &[7]), ("c", &[7])]);
        check(&mut row, 3, "c", "", Ok(true), &[("b", &[7]), ("c", &[3, 7])]);
        let full = Err(Error::Full("add", "is one reaction too many to this message"));
        check(&mut row, 4, "c", "", full, &[("b", &[7]), ("c", &[3, 7])]);
        check(&mut row, 3, "c", "", Ok(false), &[("b", &[7]), ("c", &[3, 7])]);
    }

    #[test]
    fn what_is_no_reaction_is_refused() {
        let mut row = Reactions::default();
        check(&mut row, 7, "", "", Err(Error::Invalid("add", "is missing")), &[]);
        check(&mut row, 7, &"x".repeat(65), "", Err(Error::Invalid("add", "is too long")), &[]);
        check(&mut row, 7, "", &"x".repeat(65), Ok(false), &[]);
    }

    fn check(row: &mut Reactions, user: u64, add: &str, remove: &str, done: Result<bool, Error>, after: &[(&str, &[u64])]) {
        let reacted = Reacted { user, add: add.to_owned(), remove: remove.to_owned() };
        assert_eq!(react(row, &reacted, BOUNDS), done, "{reacted:?}");
        let all: Vec<_> = row.all.iter().map(|reaction| (reaction.reaction.as_str(), &reaction.users[..])).collect();
        assert_eq!(all, after, "{reacted:?}");
    }
}
