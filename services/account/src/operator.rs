//! The rules of an operator: what its passwords look like, and how a name is spelt. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// The operator that a first start makes.
pub const FIRST: &str = "admin";

/// Bytes of chance in a password.
pub const CHANCE_BYTES: usize = 20;

/// Bytes of what somebody gives as a password. What is longer costs time and proves nothing.
const PASSWORD_BYTES_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 64;
/// 32 signs that nobody mistakes for each other: no 0 and o, no 1 and l.
const SIGNS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Signs between two dashes.
const GROUP: usize = 5;

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

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
}
