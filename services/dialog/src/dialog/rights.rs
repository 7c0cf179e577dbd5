//! Who may do what (contract rest 4.6), as one table.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use super::Kind;

/// What a user is in a dialog.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// No member.
    Guest,
    Member,
    Admin,
    Owner,
}

/// What a user may want to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Read, mark, type, enter the room.
    Read,
    Post,
    /// Remove for all what somebody else wrote. Own messages are everybody's own, and nobody edits another's.
    ChangeOthers,
    /// Name, photo, description, own keys.
    Describe,
    /// Let who is no member see the newest messages, or stop it (decision 0010).
    Open,
    AddMembers,
    RemoveOthers,
    SetAdmins,
    Pin,
    /// Delete the dialog for oneself; of a group and a public dialog: leave it.
    Leave,
    /// Delete the dialog, or its history, for all.
    DeleteForAll,
}

/// Whether a user with this role may do it.
pub fn may(kind: Kind, role: Role, action: Action) -> bool {
    let least = match (kind, action) {
        (Kind::Public | Kind::Broadcast, Action::Read | Action::Post) => Role::Guest,
        (_, Action::Read | Action::Post | Action::Leave) => Role::Member,
        (Kind::Private, Action::DeleteForAll) => Role::Owner,
        (Kind::Private, _) => return false,
        (Kind::Group, Action::Describe | Action::AddMembers) => Role::Member,
        // To a public dialog everybody adds himself.
        (Kind::Public | Kind::Broadcast, Action::AddMembers) => return false,
        (Kind::Public | Kind::Broadcast, Action::Describe) => Role::Admin,
        (_, Action::Open | Action::Pin | Action::ChangeOthers) => Role::Admin,
        (_, Action::RemoveOthers | Action::SetAdmins | Action::DeleteForAll) => Role::Owner,
    };
    role >= least
}

/// Whether a user with this role may take another one, with his, out of the dialog. The owner may; with `admins_remove`, which an app
/// says, admins of a group do as well (design.md 8). But neither their owner nor each other: who is an admin the owner decides alone,
/// and who is taken out is none any more.
pub fn may_remove(kind: Kind, role: Role, other: Role, admins_remove: bool) -> bool {
    let as_admin = admins_remove && kind == Kind::Group && role == Role::Admin && other < Role::Admin;
    as_admin || may(kind, role, Action::RemoveOthers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Action::*;

    const ACTIONS: [Action; 11] =
        [Read, Post, ChangeOthers, Describe, Open, AddMembers, RemoveOthers, SetAdmins, Pin, Leave, DeleteForAll];

    #[test]
    fn the_table_of_the_contract() {
        check(Kind::Private, Role::Guest, &[]);
        check(Kind::Private, Role::Member, &[Read, Post, Leave]);
        check(Kind::Private, Role::Owner, &[Read, Post, Leave, DeleteForAll]);
        check(Kind::Group, Role::Guest, &[]);
        check(Kind::Group, Role::Member, &[Read, Post, Describe, AddMembers, Leave]);
        check(Kind::Group, Role::Admin, &[Read, Post, ChangeOthers, Describe, Open, AddMembers, Pin, Leave]);
        check(Kind::Group, Role::Owner, &ACTIONS);
        for kind in [Kind::Public, Kind::Broadcast] {
            check(kind, Role::Guest, &[Read, Post]);
            check(kind, Role::Member, &[Read, Post, Leave]);
            check(kind, Role::Admin, &[Read, Post, ChangeOthers, Describe, Open, Pin, Leave]);
            let all_but_adding: Vec<Action> = ACTIONS.into_iter().filter(|action| *action != AddMembers).collect();
            check(kind, Role::Owner, &all_but_adding);
        }
    }

    #[test]
    fn where_the_app_says_so_admins_of_a_group_remove_who_runs_nothing() {
        let roles = [Role::Guest, Role::Member, Role::Admin, Role::Owner];
        for (kind, role, admins_remove, removed) in [
            (Kind::Group, Role::Owner, false, roles.as_slice()),
            (Kind::Group, Role::Owner, true, &roles),
            (Kind::Group, Role::Admin, false, &[]),
            (Kind::Group, Role::Admin, true, &[Role::Guest, Role::Member]),
            (Kind::Group, Role::Member, true, &[]),
            (Kind::Group, Role::Guest, true, &[]),
            (Kind::Public, Role::Admin, true, &[]),
            (Kind::Broadcast, Role::Admin, true, &[]),
            (Kind::Private, Role::Owner, true, &[]),
        ] {
            for other in roles {
                let expected = removed.contains(&other);
                assert_eq!(may_remove(kind, role, other, admins_remove), expected, "{kind:?} {role:?} {other:?} {admins_remove}");
            }
        }
    }

    fn check(kind: Kind, role: Role, allowed: &[Action]) {
        for action in ACTIONS {
            assert_eq!(may(kind, role, action), allowed.contains(&action), "{kind:?} {role:?} {action:?}");
        }
    }
}
