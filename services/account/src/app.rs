//! The rules of an app and its keys: what an operator may choose, and what is made where nothing was chosen. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::account::v1::{App, CreateAppRequest};
use subtle::ConstantTimeEq;

use crate::user::Fault;

/// Chance for everything an app needs.
pub struct Dice {
    pub auth_key: [u8; 20],
    pub auth_secret: [u8; 32],
    pub pair_key: [u8; 32],
}

/// Longest auth key or secret.
pub const KEY_CHARS_MAX: usize = 255;
const TITLE_CHARS_MAX: usize = 255;
/// Numbers from here on do not survive JavaScript.
const ID_END: u64 = 1 << 53;
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The app that `request` asks for. Id 0 stays: the store finds the next free one.
pub fn draft(request: CreateAppRequest, dice: Dice, now: i64) -> Result<App, Fault> {
    if request.id >= ID_END {
        return Err(Fault::new("id", "is invalid"));
    }
    if request.title.chars().count() > TITLE_CHARS_MAX || request.title.chars().any(char::is_control) {
        return Err(Fault::new("title", "is invalid"));
    }
    Ok(App {
        id: request.id,
        title: request.title,
        auth_key: given("auth_key", request.auth_key)?.unwrap_or_else(|| letters(&dice.auth_key)),
        auth_secret: given("auth_secret", request.auth_secret)?.unwrap_or_else(|| letters(&dice.auth_secret)),
        pair_key: dice.pair_key.to_vec(),
        created_at: now,
        signed_only: false,
        identity: None,
    })
}

/// Whether `auth_key` opens `app`. Without an app nothing does, and that takes as long.
pub fn is_opened_by(app: Option<&App>, auth_key: &str) -> bool {
    let expected = app.map_or("-", |app| &app.auth_key);
    let same: bool = expected.as_bytes().ct_eq(auth_key.as_bytes()).into();
    same && app.is_some()
}

// A key that moves from another installation keeps its spelling, whatever it is: apps in the field carry it.
fn given(field: &'static str, key: String) -> Result<Option<String>, Fault> {
    match key.as_str() {
        "" => Ok(None),
        text if text.len() > KEY_CHARS_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(Fault::new(field, "is invalid"))
        }
        _ => Ok(Some(key)),
    }
}

fn letters(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte & 63)])).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_was_not_chosen_is_made() {
        let app = draft(CreateAppRequest::default(), dice(), 5).unwrap();
        assert_eq!((app.id, app.created_at, app.pair_key.len()), (0, 5, 32));
        assert!(app.auth_key.len() >= 15 && app.auth_secret.len() >= 15);
        assert!(app.auth_key.bytes().all(|byte| LETTERS.contains(&byte)), "{}", app.auth_key);
        assert_ne!(app.auth_key, app.auth_secret);
    }

    #[test]
    fn what_was_chosen_is_kept() {
        let request =
            CreateAppRequest { id: 77, auth_key: "demoKey".into(), auth_secret: "demoSecret".into(), title: "Demo".into() };
        let app = draft(request, dice(), 0).unwrap();
        assert_eq!((app.id, app.auth_key.as_str(), app.auth_secret.as_str()), (77, "demoKey", "demoSecret"));
        let spaced = CreateAppRequest { auth_key: "a b".into(), ..CreateAppRequest::default() };
        assert_eq!(draft(spaced, dice(), 0).unwrap_err().field, "auth_key");
        let huge = CreateAppRequest { id: 1 << 53, ..CreateAppRequest::default() };
        assert_eq!(draft(huge, dice(), 0).unwrap_err().field, "id");
    }

    #[test]
    fn only_its_own_key_opens_an_app() {
        let app = App { auth_key: "demoKey".into(), ..App::default() };
        assert!(is_opened_by(Some(&app), "demoKey"));
        assert!(!is_opened_by(Some(&app), "demoKez"));
        assert!(!is_opened_by(Some(&app), ""));
        assert!(!is_opened_by(None, "-"));
    }

    fn dice() -> Dice {
        Dice { auth_key: [200; 20], auth_secret: [3; 32], pair_key: [4; 32] }
    }
}
