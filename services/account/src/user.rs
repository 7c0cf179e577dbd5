//! The rules of a user's fields: what is accepted, how it is written down, what an update makes of it. Pure. Passwords have
//! their own rules in `password.rs`.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;

use natter_proto::account::v1::User;

use crate::name::names;

/// What is wrong with one field: its name as the REST door spells it, and a text that follows the name in a sentence.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{field} {text}")]
pub struct Fault {
    pub field: &'static str,
    pub text: &'static str,
}

impl Fault {
    /// A fault of `field`.
    pub fn new(field: &'static str, text: &'static str) -> Fault {
        Fault { field, text }
    }
}

const BLANK: &str = "can't be blank";
const INVALID: &str = "is invalid";
const TOO_SHORT: &str = "is too short";
const TOO_LONG: &str = "is too long";

/// Characters of a login (contract rest 3.1).
const LOGIN_LENGTH: std::ops::RangeInclusive<usize> = 3..=70;
/// Bytes of an address (RFC 5321, 4.5.3.1.3).
const EMAIL_BYTES_MAX: usize = 254;
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 3..=20;
const TEXT_BYTES_MAX: usize = 1024;
const CUSTOM_DATA_BYTES_MAX: usize = 16 * 1024;
const TAGS_MAX: usize = 64;
const TAG_CHARS_MAX: usize = 64;
/// Minutes from UTC that exist on earth.
const TIMEZONE: std::ops::RangeInclusive<i32> = -12 * 60..=14 * 60;
/// Numbers from here on do not survive JavaScript.
const NUMBER_END: u64 = 1 << 53;

/// An update of a user (`PUT /users/{id}`): fields to set, names of fields to empty.
pub struct Change<'a> {
    pub set: User,
    pub clear: &'a [String],
    /// The list of tags in `set` counts, also when it is empty.
    pub tags_given: bool,
}

/// Checks the fields of a user that signs up and writes them down the way they are kept. Ids and dates are not looked at.
pub fn accept(user: User) -> Result<User, Fault> {
    let user = tidied(user);
    match (&user.login, &user.email) {
        (None, None) => Err(Fault::new("login", BLANK)),
        _ => checked(user),
    }
}

/// The same for a user that a provider vouches for: he signs in by that, so a name of any kind is enough.
pub fn accept_vouched(user: User) -> Result<User, Fault> {
    let user = tidied(user);
    if names(&user).is_empty() { Err(Fault::new("login", BLANK)) } else { checked(user) }
}

/// The same for one who was made elsewhere, by rules of that place: he may have no name at all.
pub fn accept_brought(user: User) -> Result<User, Fault> {
    checked(tidied(user))
}

fn tidied(mut user: User) -> User {
    empty_is_absent(&mut user);
    user.website = user.website.map(website);
    let mut seen = BTreeSet::new();
    user.tags.retain(|tag| seen.insert(tag.clone()));
    user
}

fn checked(user: User) -> Result<User, Fault> {
    check(&user)?;
    Ok(user)
}

/// The user after `change`. Ids and dates are not touched.
pub fn changed(before: &User, change: Change<'_>) -> Result<User, Fault> {
    let mut user = before.clone();
    for field in change.clear {
        clear(&mut user, field)?;
    }
    let set = change.set;
    put(&mut user.login, set.login);
    put(&mut user.email, set.email);
    put(&mut user.phone, set.phone);
    put(&mut user.full_name, set.full_name);
    put(&mut user.website, set.website);
    put(&mut user.custom_data, set.custom_data);
    put(&mut user.avatar, set.avatar);
    put(&mut user.blob_id, set.blob_id);
    put(&mut user.external_user_id, set.external_user_id);
    put(&mut user.external_id, set.external_id);
    put(&mut user.facebook_id, set.facebook_id);
    put(&mut user.twitter_id, set.twitter_id);
    put(&mut user.timezone, set.timezone);
    if change.tags_given {
        user.tags = set.tags;
    }
    // Who has a name to give with a password keeps one; who came through a provider never had.
    match (&before.login, &before.email) {
        (None, None) => accept_vouched(user),
        _ => accept(user),
    }
}

fn put<T>(field: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *field = value;
    }
}

fn clear(user: &mut User, field: &str) -> Result<(), Fault> {
    match field {
        "login" => user.login = None,
        "email" => user.email = None,
        "phone" => user.phone = None,
        "full_name" => user.full_name = None,
        "website" => user.website = None,
        "custom_data" => user.custom_data = None,
        "avatar" => user.avatar = None,
        "blob_id" => user.blob_id = None,
        "external_user_id" => user.external_user_id = None,
        "external_id" => user.external_id = None,
        "facebook_id" => user.facebook_id = None,
        "twitter_id" => user.twitter_id = None,
        "timezone" => user.timezone = None,
        "tag_list" | "user_tags" | "tags" => user.tags.clear(),
        _ => return Err(Fault::new("user", "has no such field")),
    }
    Ok(())
}

// Apps empty a field by sending "": kept as a value it would reserve the empty address for one user of the app.
fn empty_is_absent(user: &mut User) {
    let fields = [
        &mut user.login,
        &mut user.email,
        &mut user.phone,
        &mut user.website,
        &mut user.external_id,
        &mut user.facebook_id,
        &mut user.twitter_id,
    ];
    for field in fields {
        if field.as_deref().is_some_and(|text| text.trim().is_empty()) {
            *field = None;
        }
    }
    user.tags.retain(|tag| !tag.is_empty());
}

// Contract rest 3.1: `website` is normalised to start with `http://`.
fn website(text: String) -> String {
    let has_scheme = text.starts_with("http://") || text.starts_with("https://");
    if has_scheme { text } else { format!("http://{text}") }
}

fn check(user: &User) -> Result<(), Fault> {
    user.login.as_deref().map_or(Ok(()), check_login)?;
    user.email.as_deref().map_or(Ok(()), check_email)?;
    user.phone.as_deref().map_or(Ok(()), check_phone)?;
    check_texts(user)?;
    check_numbers(user)?;
    check_tags(&user.tags)
}

fn check_login(login: &str) -> Result<(), Fault> {
    let length = login.chars().count();
    if length < *LOGIN_LENGTH.start() {
        return Err(Fault::new("login", TOO_SHORT));
    }
    if length > *LOGIN_LENGTH.end() {
        return Err(Fault::new("login", TOO_LONG));
    }
    if login.trim() != login || login.chars().any(char::is_control) {
        return Err(Fault::new("login", INVALID));
    }
    Ok(())
}

/// Whether this can be an address.
pub fn accept_email(email: &str) -> Result<(), Fault> {
    check_email(email)
}

// Whether an address works only a mail can tell: this keeps out what cannot be one.
fn check_email(email: &str) -> Result<(), Fault> {
    let fault = Err(Fault::new("email", "should look like an email address"));
    let Some((local, domain)) = email.split_once('@') else { return fault };
    let blank = local.is_empty() || domain.is_empty() || domain.contains('@');
    if blank || email.len() > EMAIL_BYTES_MAX || email.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return fault;
    }
    Ok(())
}

fn check_phone(phone: &str) -> Result<(), Fault> {
    let digits = phone.bytes().filter(u8::is_ascii_digit).count();
    let legible = phone.bytes().all(|b| b.is_ascii_digit() || b"+-. ()/".contains(&b));
    if legible && PHONE_DIGITS.contains(&digits) && phone.len() <= 2 * PHONE_DIGITS.end() {
        return Ok(());
    }
    Err(Fault::new("phone", INVALID))
}

fn check_texts(user: &User) -> Result<(), Fault> {
    let texts = [
        ("full_name", &user.full_name, TEXT_BYTES_MAX),
        ("website", &user.website, TEXT_BYTES_MAX),
        ("custom_data", &user.custom_data, CUSTOM_DATA_BYTES_MAX),
        ("avatar", &user.avatar, TEXT_BYTES_MAX),
        ("external_id", &user.external_id, TEXT_BYTES_MAX),
        ("facebook_id", &user.facebook_id, TEXT_BYTES_MAX),
        ("twitter_id", &user.twitter_id, TEXT_BYTES_MAX),
    ];
    match texts.into_iter().find(|(_, text, max)| text.as_ref().is_some_and(|text| text.len() > *max)) {
        Some((field, ..)) => Err(Fault::new(field, TOO_LONG)),
        None => Ok(()),
    }
}

fn check_numbers(user: &User) -> Result<(), Fault> {
    if user.timezone.is_some_and(|minutes| !TIMEZONE.contains(&minutes)) {
        return Err(Fault::new("timezone", INVALID));
    }
    for (field, number) in [("blob_id", user.blob_id), ("external_user_id", user.external_user_id)] {
        if number.is_some_and(|number| number >= NUMBER_END) {
            return Err(Fault::new(field, INVALID));
        }
    }
    Ok(())
}

// A comma would cut a tag in two on the way out, where tags are one text (contract rest 3.1).
fn check_tags(tags: &[String]) -> Result<(), Fault> {
    let bad = tags.iter().any(|tag| tag.contains(',') || tag.chars().any(char::is_control));
    if bad {
        return Err(Fault::new("tag_list", INVALID));
    }
    if tags.len() > TAGS_MAX || tags.iter().any(|tag| tag.chars().count() > TAG_CHARS_MAX) {
        return Err(Fault::new("tag_list", TOO_LONG));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_a_user_may_look_like() {
        check_field(user("ann"), None);
        check_field(user("an"), Some("login"));
        check_field(user(&"a".repeat(70)), None);
        check_field(user(&"ä".repeat(71)), Some("login"));
        check_field(user(" ann"), Some("login"));
        check_field(user("an\u{0}n"), Some("login"));
        check_field(User { login: None, email: Some("a@b".into()), ..User::default() }, None);
        check_field(User { email: Some("a b@c".into()), ..user("ann") }, Some("email"));
        check_field(User { email: Some("ann".into()), ..user("ann") }, Some("email"));
        check_field(User { email: Some("a@b@c".into()), ..user("ann") }, Some("email"));
        check_field(User { phone: Some("+1 (555) 010-0200".into()), ..user("ann") }, None);
        check_field(User { phone: Some("call me".into()), ..user("ann") }, Some("phone"));
        check_field(User { timezone: Some(15 * 60), ..user("ann") }, Some("timezone"));
        check_field(User { external_user_id: Some(1 << 53), ..user("ann") }, Some("external_user_id"));
        check_field(User { tags: vec!["a,b".into()], ..user("ann") }, Some("tag_list"));
        check_field(User { full_name: Some("x".repeat(1025)), ..user("ann") }, Some("full_name"));
        check_field(User::default(), Some("login"));
    }

    #[test]
    fn a_website_begins_with_a_scheme() {
        for (given, kept) in [("ann.test", "http://ann.test"), ("http://a", "http://a"), ("https://a", "https://a")] {
            let accepted = accept(User { website: Some(given.into()), ..user("ann") }).unwrap();
            assert_eq!(accepted.website.as_deref(), Some(kept));
        }
    }

    #[test]
    fn an_update_sets_clears_and_leaves_the_rest() {
        let before =
            User { full_name: Some("Ann".into()), phone: Some("15550100".into()), tags: vec!["vip".into()], ..user("ann") };
        let set = User { email: Some("ann@b.test".into()), phone: Some(String::new()), ..User::default() };
        let after = changed(&before, Change { set, clear: &["full_name".to_owned()], tags_given: false }).unwrap();
        let expected = User { email: Some("ann@b.test".into()), tags: vec!["vip".into()], ..user("ann") };
        assert_eq!(after, expected);

        let untagged = changed(&after, Change { set: User::default(), clear: &[], tags_given: true }).unwrap();
        assert_eq!(untagged.tags, Vec::<String>::new());
    }

    #[test]
    fn the_last_name_to_sign_in_with_cannot_be_cleared() {
        let refused = changed(&user("ann"), Change { set: User::default(), clear: &["login".to_owned()], tags_given: false });
        assert_eq!(refused.unwrap_err().field, "login");
    }

    #[test]
    fn who_came_through_a_provider_needs_no_login_and_never_loses_the_last_name() {
        let external = accept_vouched(User { external_id: Some("7".into()), ..User::default() }).unwrap();
        let set = User { full_name: Some("Ann".into()), ..User::default() };
        let renamed = changed(&external, Change { set, clear: &[], tags_given: false }).unwrap();
        assert_eq!(renamed.full_name.as_deref(), Some("Ann"));
        let cleared = Change { set: User::default(), clear: &["external_id".to_owned()], tags_given: false };
        assert_eq!(changed(&external, cleared).unwrap_err().field, "login");
        assert_eq!(accept_vouched(User { full_name: Some("Ann".into()), ..User::default() }).unwrap_err().field, "login");
    }

    fn user(login: &str) -> User {
        User { login: Some(login.into()), ..User::default() }
    }

    fn check_field(user: User, fault: Option<&str>) {
        let found = accept(user.clone()).err().map(|fault| fault.field);
        assert_eq!(found, fault, "{user:?}");
    }
}
