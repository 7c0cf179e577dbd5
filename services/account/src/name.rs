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
    fn a_user_holds_the_names_it_has() {
        let user =
            User { login: Some("ann".into()), email: Some("A@b.test".into()), external_user_id: Some(7), ..User::default() };
        let held: Vec<_> = names(&user).into_iter().map(|name| name.field()).collect();
        assert_eq!(held, ["login", "email", "external_user_id"]);
    }
}
