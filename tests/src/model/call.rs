//! What users can ask, with all its operands, and what they are answered. A call reads as a line of a scenario.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;
use std::fmt;

/// One of the four users, by number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct User(pub usize);

impl User {
    pub const NAMES: [&str; 4] = ["ann", "bob", "cat", "dan"];

    pub fn all() -> impl Iterator<Item = User> {
        (0..User::NAMES.len()).map(User)
    }
}

/// Where a dialog is or may be: six pairs, three groups, a public dialog, a broadcast.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place(pub usize);

/// The kinds of dialogs (contract rest 4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Private,
    Group,
    Public,
    Broadcast,
}

const PAIRS: [(usize, usize); 6] = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)];
const OTHERS: [(&str, Kind); 5] =
    [("club", Kind::Group), ("team", Kind::Group), ("trip", Kind::Group), ("square", Kind::Public), ("radio", Kind::Broadcast)];

impl Place {
    pub const COUNT: usize = PAIRS.len() + OTHERS.len();

    pub fn all() -> impl Iterator<Item = Place> {
        (0..Place::COUNT).map(Place)
    }

    /// The two users of a private dialog.
    pub fn pair(self) -> Option<(User, User)> {
        PAIRS.get(self.0).map(|(a, b)| (User(*a), User(*b)))
    }

    pub fn kind(self) -> Kind {
        self.0.checked_sub(PAIRS.len()).map_or(Kind::Private, |place| OTHERS[place].1)
    }
}

impl Kind {
    pub fn is_public(self) -> bool {
        matches!(self, Kind::Public | Kind::Broadcast)
    }
}

/// The id of a message, whoever made it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Id(pub u32);

/// How a message is posted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// In history and told.
    Saved,
    /// Told only.
    Unsaved,
    /// In history only: REST without `send_to_chat`.
    Silent,
    /// Which is a mistake.
    Neither,
}

/// Which messages a mark is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Marking {
    All,
    Ids(BTreeSet<Id>),
}

/// What can happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Call {
    Create {
        place: Place,
        owner: User,
        others: BTreeSet<User>,
        admins: BTreeSet<User>,
        named: bool,
    },
    /// `id`: none if the server is to make it.
    Post {
        user: User,
        place: Place,
        id: Option<Id>,
        body: String,
        how: How,
    },
    Edit {
        user: User,
        place: Place,
        id: Id,
        body: String,
    },
    /// Without `force` for the user only. In whichever of his dialogs.
    Remove {
        user: User,
        ids: BTreeSet<Id>,
        force: bool,
    },
    Mark {
        user: User,
        place: Place,
        author: Option<User>,
        read: bool,
        marking: Marking,
    },
    /// Reads so many messages, which marks them as read.
    List {
        user: User,
        place: Place,
        limit: usize,
        newest_first: bool,
    },
    Change {
        user: User,
        place: Place,
        add: BTreeSet<User>,
        remove: BTreeSet<User>,
        add_admins: BTreeSet<User>,
        remove_admins: BTreeSet<User>,
    },
    Delete {
        user: User,
        place: Place,
        force: bool,
    },
    Clear {
        user: User,
        place: Place,
        force: bool,
    },
    Subscribe {
        user: User,
        place: Place,
    },
    Unsubscribe {
        user: User,
        place: Place,
    },
    Enter {
        user: User,
        place: Place,
    },
    Exit {
        user: User,
        place: Place,
    },
    /// The user's default privacy list keeps another out; `mutual`: and himself from him.
    Block {
        user: User,
        other: User,
        mutual: bool,
    },
    Unblock {
        user: User,
        other: User,
    },
    /// The user's list is kept, and is his default no more.
    Decline {
        user: User,
    },
    /// The user's session ends and another begins.
    Reconnect {
        user: User,
    },
    /// The process dies, and another starts on the same store.
    Crash,
}

impl Call {
    /// The place it is about; `None`: it may be about any.
    pub fn place(&self) -> Option<Place> {
        match self {
            Call::Create { place, .. }
            | Call::Post { place, .. }
            | Call::Edit { place, .. }
            | Call::Mark { place, .. }
            | Call::List { place, .. }
            | Call::Change { place, .. }
            | Call::Delete { place, .. }
            | Call::Clear { place, .. }
            | Call::Subscribe { place, .. }
            | Call::Unsubscribe { place, .. }
            | Call::Enter { place, .. }
            | Call::Exit { place, .. } => Some(*place),
            Call::Block { .. } | Call::Unblock { .. } | Call::Decline { .. } => None,
            Call::Remove { .. } | Call::Reconnect { .. } | Call::Crash => None,
        }
    }
}

/// Why a call is not carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    Forbidden,
    NotFound,
    Invalid,
    /// The other one's privacy list forbids it.
    Blocked,
    /// The user's own does.
    Blocking,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    Done,
    /// `seq` 0: not in history. `made`: the id is the server's.
    Posted {
        id: Id,
        made: bool,
        seq: u64,
        repeated: bool,
    },
    /// What became of each id, once for every dialog that has it; ascending.
    Removed {
        removed: Vec<Id>,
        not_found: Vec<Id>,
        forbidden: Vec<Id>,
    },
}

pub type Outcome = Result<Answer, Refusal>;

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(User::NAMES[self.0])
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pair() {
            Some((a, b)) => write!(f, "{a}+{b}"),
            None => f.write_str(OTHERS[self.0 - PAIRS.len()].0),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Call::Create { place, owner, others, admins, named } => {
                let name = if *named { "" } else { " without a name" };
                write!(f, "{owner} creates {place}{name}; others: {}; admins: {}", names(others), names(admins))
            }
            Call::Post { user, place, id, body, how } => {
                let id = id.map_or_else(|| "without id".to_owned(), |id| format!("as {}", id.0));
                write!(f, "{user} posts '{body}' {id} to {place}, {how:?}")
            }
            Call::Edit { user, place, id, body } => write!(f, "{user} edits {} in {place}: '{body}'", id.0),
            Call::Remove { user, ids, force: false } => write!(f, "{user} removes {} for himself", numbers(ids)),
            Call::Remove { user, ids, force: true } => write!(f, "{user} removes {} for all", numbers(ids)),
            Call::Mark { user, place, author, read, marking } => {
                let kind = if *read { "read" } else { "delivered" };
                let which = match marking {
                    Marking::All => "everything".to_owned(),
                    Marking::Ids(ids) => numbers(ids),
                };
                let author = author.map(|author| format!(" of {author}")).unwrap_or_default();
                write!(f, "{user} marks {which}{author} in {place} as {kind}")
            }
            Call::List { user, place, limit, newest_first } => {
                let which = if *newest_first { "newest" } else { "oldest" };
                write!(f, "{user} lists the {limit} {which} of {place}")
            }
            Call::Change { user, place, add, remove, add_admins, remove_admins } => {
                let (add, remove) = (names(add), names(remove));
                let (more, fewer) = (names(add_admins), names(remove_admins));
                write!(f, "{user} changes {place}: adds {add}, removes {remove}, admins: adds {more}, removes {fewer}")
            }
            Call::Delete { user, place, force } => write!(f, "{user} deletes {place}{}", for_all(*force)),
            Call::Clear { user, place, force } => write!(f, "{user} clears {place}{}", for_all(*force)),
            Call::Subscribe { user, place } => write!(f, "{user} subscribes to {place}"),
            Call::Unsubscribe { user, place } => write!(f, "{user} unsubscribes from {place}"),
            Call::Enter { user, place } => write!(f, "{user} enters {place}"),
            Call::Exit { user, place } => write!(f, "{user} leaves the room of {place}"),
            Call::Block { user, other, mutual } => write!(f, "{user} blocks {other}{}", if *mutual { ", both ways" } else { "" }),
            Call::Unblock { user, other } => write!(f, "{user} unblocks {other}"),
            Call::Decline { user } => write!(f, "{user} takes no list for his default"),
            Call::Reconnect { user } => write!(f, "{user} connects again"),
            Call::Crash => f.write_str("crash"),
        }
    }
}

fn for_all(force: bool) -> &'static str {
    if force { " for all" } else { "" }
}

fn names(users: &BTreeSet<User>) -> String {
    match users.is_empty() {
        true => "nobody".to_owned(),
        false => users.iter().map(User::to_string).collect::<Vec<_>>().join(" "),
    }
}

fn numbers(ids: &BTreeSet<Id>) -> String {
    ids.iter().map(|id| id.0.to_string()).collect::<Vec<_>>().join(" ")
}
