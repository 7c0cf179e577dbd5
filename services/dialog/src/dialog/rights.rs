//! Who may do what (contract rest 4.6), as one table. Membership is asked before; this is about roles only.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use super::Kind;

/// What a member is in a dialog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Owner,
    Member,
}

/// What a member may want to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Read, mark, type.
    Read,
    Post,
    /// Edit or remove for all what somebody else wrote. Own messages are everybody's own.
    ChangeOthers,
    /// Delete the dialog for oneself.
    Leave,
    /// Delete the dialog for all.
    DeleteForAll,
}

/// Whether a member with this role may do it.
pub fn may(kind: Kind, role: Role, action: Action) -> bool {
    match (kind, action) {
        (Kind::Private, Action::Read | Action::Post | Action::Leave) => true,
        (Kind::Private, Action::ChangeOthers) => false,
        (Kind::Private, Action::DeleteForAll) => role == Role::Owner,
    }
}
