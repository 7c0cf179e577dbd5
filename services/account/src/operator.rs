//! The rules of an operator: what its passwords look like, how a name is spelt, and what it may be granted. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;

use natter_proto::account::v1::OperatorRole;

use crate::user::Fault;

/// The operator that a first start makes.
pub const FIRST: &str = "admin";
/// As whom the audit log knows whoever holds the token of the data directory. No operator is called so.
const TOKEN: &str = "token";

/// Bytes of chance in a password.
pub const CHANCE_BYTES: usize = 20;

/// Bytes of what somebody gives as a password. What is longer costs time and proves nothing.
const PASSWORD_BYTES_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 64;
/// 32 signs that nobody mistakes for each other: no 0 and o, no 1 and l.
const SIGNS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Signs between two dashes.
const GROUP: usize = 5;
/// Most apps that an operator is limited to.
const APPS_MAX: usize = 1_000;

/// A password of 100 bits in groups that can be read out: `abcde-fghij-kmnpq-rstuv`. Operators choose none themselves, so
/// none can be guessed.
pub fn password(chance: [u8; CHANCE_BYTES]) -> String {
    let signs: Vec<u8> = chance.iter().map(|byte| SIGNS[usize::from(byte & 31)]).collect();
    let groups: Vec<String> = signs.chunks(GROUP).map(|group| group.iter().map(|sign| char::from(*sign)).collect()).collect();
    groups.join("-")
}

/// Whether an operator can have this name and this password at all. What cannot be is not looked up.
pub fn is_possible(name: &str, password: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && password.len() <= PASSWORD_BYTES_MAX
}

/// Checks the name of an operator that is to be made. It stands in paths and in the log, so it is plain.
pub fn accept_name(name: &str) -> Result<(), Fault> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    match name {
        "" => Err(Fault::new("name", "can't be blank")),
        TOKEN => Err(Fault::new("name", "is kept for whoever holds the token")),
        "." | ".." => Err(Fault::new("name", "is invalid")),
        name if name.len() > NAME_BYTES_MAX || !is_plain => Err(Fault::new("name", "may have 64 letters, digits, -, _ and .")),
        _ => Ok(()),
    }
}

/// What an operator may do, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    pub role: OperatorRole,
    /// None: the whole installation. Some of no app: nowhere, which is what the end of its last app leaves.
    pub apps: Option<BTreeSet<u64>>,
}

impl Grant {
    /// An owner of the whole installation.
    pub fn owner() -> Grant {
        Grant { role: OperatorRole::Owner, apps: None }
    }

    /// Reads what an operator is to be granted.
    pub fn read(role: OperatorRole, limited: bool, apps: Vec<u64>) -> Result<Grant, Fault> {
        if role == OperatorRole::Unspecified {
            return Err(Fault::new("role", "is invalid"));
        }
        match (limited, apps.len()) {
            (false, 0) => Ok(Grant { role, apps: None }),
            (false, _) => Err(Fault::new("apps", "are named of an operator of the whole installation")),
            (true, 0) => Err(Fault::new("apps", "can't be blank")),
            (true, named) if named > APPS_MAX => Err(Fault::new("apps", "are too many")),
            (true, _) => Ok(Grant { role, apps: Some(apps.into_iter().collect()) }),
        }
    }

    /// Whether it is an owner of the whole installation, of whom there is always one.
    pub fn owns_all(&self) -> bool {
        self.role == OperatorRole::Owner && self.apps.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_a_hundred_bits_in_groups_of_five() {
        assert_eq!(SIGNS.iter().collect::<BTreeSet<_>>().len(), 32);
        assert_eq!(password([0; CHANCE_BYTES]), "aaaaa-aaaaa-aaaaa-aaaaa");
        let mut counting = [0; CHANCE_BYTES];
        (0..).zip(&mut counting).for_each(|(n, byte)| *byte = n);
        assert_eq!(password(counting), "abcde-fghij-kmnpq-rstuv");
        assert!(is_possible(FIRST, &password(counting)));
    }

    #[test]
    fn what_cannot_be_a_name_or_a_password_is_not_looked_up() {
        assert!(!is_possible("", "word"));
        assert!(!is_possible(&"x".repeat(65), "word"));
        assert!(!is_possible(FIRST, &"x".repeat(65)));
        assert!(is_possible(FIRST, ""));
    }

    #[test]
    fn a_name_is_plain_and_nobody_is_called_like_the_token() {
        for (name, taken) in [
            ("ann", true),
            ("Ann-1_b.c", true),
            (&*"x".repeat(64), true),
            (&*"x".repeat(65), false),
            ("", false),
            (".", false),
            ("..", false),
            ("token", false),
            ("a b", false),
            ("a/b", false),
            ("a%2f", false),
            ("ännchen", false),
            ("a\0", false),
        ] {
            assert_eq!(accept_name(name).is_ok(), taken, "{name:?}");
        }
    }

    #[test]
    fn a_grant_is_of_the_whole_installation_or_names_its_apps() {
        let read = |role, limited, apps: &[u64]| Grant::read(role, limited, apps.to_vec()).map_err(|fault| fault.field);
        let some = |apps: &[u64]| Some(apps.iter().copied().collect());
        assert_eq!(read(OperatorRole::Owner, false, &[]), Ok(Grant::owner()));
        assert_eq!(read(OperatorRole::Viewer, true, &[7, 5, 7]), Ok(Grant { role: OperatorRole::Viewer, apps: some(&[5, 7]) }));
        assert_eq!(read(OperatorRole::Unspecified, false, &[]), Err("role"));
        assert_eq!(read(OperatorRole::Viewer, false, &[5]), Err("apps"));
        assert_eq!(read(OperatorRole::Viewer, true, &[]), Err("apps"));
        assert_eq!(read(OperatorRole::Viewer, true, &vec![1; 1_001]), Err("apps"));
        assert!(Grant::owner().owns_all());
        assert!(!Grant { role: OperatorRole::Operator, apps: None }.owns_all());
        assert!(!Grant { role: OperatorRole::Owner, apps: some(&[5]) }.owns_all());
    }
}
