//! The rules of a forgotten password: the key in a mail, what is kept of it, and what the mail says. Pure.
//!
//! A key is bound to the password that was forgotten: with any new one it is over, so it works once.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::account::v1::{ResetMail, User};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::identity::template::filled_text;
use crate::token;

/// A key lives this long, in milliseconds.
pub const LIFE_MS: i64 = 60 * 60 * 1000;

const SUBJECT: &str = "A new password";
const TEXT: &str = "Hello #{name},\n\nsomebody asked for a new password for your account. If that was you, choose one within an hour \
here:\n\n#{link}\n\nIf it was not, nothing has to be done: the old password stays.\n";

/// The key of a link: whose it is, and a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    pub app: u64,
    pub user: u64,
    secret: String,
}

/// What is kept of a user's latest key. A stolen store gives none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ResetRow {
    pub hash: Vec<u8>,
    /// Of the password that it takes the place of.
    pub password_version: u64,
    /// Unix milliseconds.
    pub expires_at: i64,
}

impl Key {
    /// A key made of chance.
    pub fn of(app: u64, user: u64, chance: [u8; 18]) -> Key {
        Key { app, user, secret: token::from_random(chance) }
    }

    /// Reads what [`Key::text`] has written.
    pub fn parse(text: &str) -> Option<Key> {
        let (app, rest) = text.split_once('-')?;
        let (user, secret) = rest.split_once('-')?;
        let key = Key { app: app.parse().ok()?, user: user.parse().ok()?, secret: secret.to_owned() };
        token::has_shape(secret.as_bytes()).then_some(key)
    }

    /// As it stands in a link.
    pub fn text(&self) -> String {
        format!("{}-{}-{}", self.app, self.user, self.secret)
    }

    /// What is kept of it.
    pub fn kept(&self, password_version: u64, now: i64) -> ResetRow {
        ResetRow { hash: self.hash(), password_version, expires_at: now + LIFE_MS }
    }

    /// Whether it opens what is kept, at `now`, of a user with this password version. Takes the same time wherever they differ.
    pub fn opens(&self, kept: &ResetRow, password_version: u64, now: i64) -> bool {
        let same: bool = self.hash().ct_eq(&kept.hash).into();
        same && kept.password_version == password_version && now < kept.expires_at
    }

    fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.secret.as_bytes()).to_vec()
    }
}

/// Subject and text of the mail.
pub fn mail(template: Option<&ResetMail>, user: &User, link: &str) -> (String, String) {
    let (subject, text) = template.map_or((SUBJECT, TEXT), |mail| (mail.subject.as_str(), mail.text.as_str()));
    let name = user.full_name.as_ref().or(user.login.as_ref()).or(user.email.as_ref());
    let words = [("link", link), ("name", name.map_or("", String::as_str))];
    (subject.to_owned(), filled_text(text, &words))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_opens_what_was_kept_of_it_for_an_hour_and_one_password() {
        let key = Key::of(1, 7, [5; 18]);
        let read = Key::parse(&key.text()).unwrap();
        assert_eq!((read.app, read.user), (1, 7));
        let kept = key.kept(3, 1_000);
        assert!(read.opens(&kept, 3, 1_000 + LIFE_MS - 1));
        assert!(!read.opens(&kept, 3, 1_000 + LIFE_MS), "over");
        assert!(!read.opens(&kept, 4, 1_000), "the password is another");
        assert!(!Key::of(1, 7, [6; 18]).opens(&kept, 3, 1_000));
        assert!(!read.opens(&ResetRow::default(), 0, -1));
    }

    #[test]
    fn what_is_no_key_is_not_read() {
        for text in [
            "",
            "-",
            "1-7",
            "1-7-",
            "1-7-ab",
            "x-7-0505050505050505050505050505050505",
            "1-7-05050505050505050505050505050505050Z",
        ] {
            assert!(Key::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_mail_says_what_the_operator_wrote_or_what_is_usual() {
        let user = User { login: Some("ann".into()), ..User::default() };
        let (subject, text) = mail(None, &user, "https://api.test/x");
        assert_eq!(subject, "A new password");
        assert!(text.starts_with("Hello ann,") && text.contains("\nhttps://api.test/x\n"), "{text}");
        let own = ResetMail { subject: "Neu".into(), text: "#{name}: #{link}".into() };
        let named = User { full_name: Some("Ann #{link}".into()), ..user };
        assert_eq!(mail(Some(&own), &named, "L"), ("Neu".into(), "Ann #{link}: L".into()));
    }
}
