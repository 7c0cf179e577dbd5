//! What a user can be found by, and what only one user of an app may have. Spelled here once, so that the reservation and the
//! lookup cannot differ. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;

use natter_proto::account::v1::User;

/// One name of a user, unique within its app. The variants are ordered as a refusal names them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Name {
    /// As written: `Ann` and `ann` are two logins.
    Login(String),
    /// In lower case: `Ann@Example.test` and `ann@example.test` are one address.
    Email(String),
    /// Its digits only.
    Phone(String),
    ExternalUserId(u64),
    ExternalId(String),
    FacebookId(String),
    TwitterId(String),
}

impl Name {
    /// The login as it is reserved.
    pub fn login(text: &str) -> Name {
        Name::Login(text.to_owned())
    }

    /// The address as it is reserved.
    pub fn email(text: &str) -> Name {
        Name::Email(folded_email(text))
    }

    /// The phone number as it is reserved.
    pub fn phone(text: &str) -> Name {
        Name::Phone(phone_digits(text))
    }

    /// What the REST door calls the field (contract rest 3.1).
    pub fn field(&self) -> &'static str {
        match self {
            Name::Login(_) => "login",
            Name::Email(_) => "email",
            Name::Phone(_) => "phone",
            Name::ExternalUserId(_) => "external_user_id",
            Name::ExternalId(_) => "external_id",
            Name::FacebookId(_) => "facebook_id",
            Name::TwitterId(_) => "twitter_id",
        }
    }
}

/// Which names of a user a provider, or the owner of a mailbox, has vouched for. All others he only claims.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Proofs(pub u32);

impl Proofs {
    /// Whether this name is proved, if the user holds it.
    pub fn hold(self, name: &Name) -> bool {
        self.0 & bit(name) != 0
    }

    /// The same and this name.
    pub fn with(self, name: &Name) -> Proofs {
        Proofs(self.0 | bit(name))
    }

    /// What is left when a user becomes another: a name that has changed is claimed again.
    pub fn after(self, before: &User, after: &User) -> Proofs {
        let same = names(before).intersection(&names(after)).fold(0, |bits, name| bits | bit(name));
        Proofs(self.0 & same)
    }
}

// Kept in rows: never renumbered.
fn bit(name: &Name) -> u32 {
    match name {
        Name::Login(_) => 1,
        Name::Email(_) => 2,
        Name::Phone(_) => 4,
        Name::ExternalUserId(_) => 8,
        Name::ExternalId(_) => 16,
        Name::FacebookId(_) => 32,
        Name::TwitterId(_) => 64,
    }
}

/// An address as it compares: case does not matter.
pub fn folded_email(text: &str) -> String {
    text.trim().to_lowercase()
}

/// A phone number as it compares: its digits.
pub fn phone_digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Every name that `user` holds.
pub fn names(user: &User) -> BTreeSet<Name> {
    let texts = [
        user.login.as_deref().map(Name::login),
        user.email.as_deref().map(Name::email),
        user.phone.as_deref().map(Name::phone),
        user.external_user_id.map(Name::ExternalUserId),
        user.external_id.clone().map(Name::ExternalId),
        user.facebook_id.clone().map(Name::FacebookId),
        user.twitter_id.clone().map(Name::TwitterId),
    ];
    texts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling_and_a_login_keeps_its_own() {
        assert_eq!(Name::email("Ann@Example.TEST"), Name::email("ann@example.test"));
        assert_ne!(Name::login("Ann"), Name::login("ann"));
        assert_eq!(Name::phone("+1 (555) 010-0200"), Name::phone("15550100200"));
    }

    #[test]
    fn a_proof_is_of_one_name_and_ends_with_it() {
        let before = User { phone: Some("1555".into()), external_id: Some("7".into()), ..User::default() };
        let proofs = Proofs::default().with(&Name::phone("1555")).with(&Name::ExternalId("7".into()));
        assert!(proofs.hold(&Name::phone("+1 555")) && !proofs.hold(&Name::email("a@b")));
        let after = User { phone: Some("1556".into()), full_name: Some("Ann".into()), ..before.clone() };
        let left = proofs.after(&before, &after);
        assert!(!left.hold(&Name::phone("1556")) && left.hold(&Name::ExternalId("7".into())));
        assert_eq!(proofs.after(&before, &User { full_name: None, ..before.clone() }), proofs);
    }

    #[test]
    fn a_user_holds_the_names_it_has() {
        let user =
            User { login: Some("ann".into()), email: Some("A@b.test".into()), external_user_id: Some(7), ..User::default() };
        let held: Vec<_> = names(&user).into_iter().map(|name| name.field()).collect();
        assert_eq!(held, ["login", "email", "external_user_id"]);
    }
}
