//! The rules of an app and its keys: what an operator may choose, and what is made where nothing was chosen. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;

use natter_proto::account::v1::{App, AppState, ApplyAppRequest, CreateAppRequest, Groups, PreviousKeys, Quotas};
use subtle::ConstantTimeEq;

use crate::user::Fault;
use crate::{host, origin};

/// Chance for everything an app needs.
pub struct Dice {
    pub auth_key: [u8; 20],
    pub auth_secret: [u8; 32],
    pub pair_key: [u8; 32],
}

/// Longest auth key or secret.
pub const KEY_CHARS_MAX: usize = 255;
const TITLE_CHARS_MAX: usize = 255;
/// 30 days: keys that are rotated because somebody knows them shall end.
const OVERLAP_S_MAX: u64 = 30 * 24 * 60 * 60;
/// Numbers from here on do not survive JavaScript.
const ID_END: u64 = 1 << 53;
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The app that `request` asks for. Id 0 stays: the store finds the next free one.
pub fn draft(request: CreateAppRequest, dice: Dice, now: i64) -> Result<App, Fault> {
    check(request.id, &request.title)?;
    Ok(App {
        id: request.id,
        title: request.title,
        auth_key: given("auth_key", request.auth_key)?.unwrap_or_else(|| letters(&dice.auth_key)),
        auth_secret: given("auth_secret", request.auth_secret)?.unwrap_or_else(|| letters(&dice.auth_secret)),
        pair_key: dice.pair_key.to_vec(),
        created_at: now,
        ..App::default()
    })
}

/// An app as an operator describes it. What is absent stays as it is.
pub struct Wanted {
    pub id: u64,
    title: Option<String>,
    auth_key: Option<String>,
    auth_secret: Option<String>,
    signed_only: Option<bool>,
    quotas: Option<Quotas>,
    chat_host: Option<String>,
    api_host: Option<String>,
    origins: Option<Vec<String>>,
    groups: Option<Groups>,
}

impl Wanted {
    /// Refuses what no app can be.
    pub fn read(request: ApplyAppRequest) -> Result<Wanted, Fault> {
        let ApplyAppRequest { id, title, auth_key, auth_secret, signed_only, quotas, chat_host, api_host, origins, groups } =
            request;
        if id == 0 {
            return Err(Fault::new("id", "can't be blank"));
        }
        let key = |field, key: Option<String>| match key {
            None => Ok(None),
            Some(key) if key.is_empty() => Err(Fault::new(field, "can't be blank")),
            Some(key) => given(field, key),
        };
        let (auth_key, auth_secret) = (key("auth_key", auth_key)?, key("auth_secret", auth_secret)?);
        let name = |field, name: Option<String>| name.map(|name| host::accept(field, &name)).transpose();
        let (chat_host, api_host) = (name(host::CHAT, chat_host)?, name(host::API, api_host)?);
        let origins = origins.map(|given| origin::accept(&given.origins)).transpose()?;
        let wanted = Wanted { id, title, auth_key, auth_secret, signed_only, quotas, chat_host, api_host, origins, groups };
        check(id, wanted.title.as_deref().unwrap_or_default())?;
        Ok(wanted)
    }

    /// The names it is to have, by their fields; empty: none, absent: as it is.
    pub fn hosts(&self) -> [(&'static str, Option<&str>); 2] {
        [(host::CHAT, self.chat_host.as_deref()), (host::API, self.api_host.as_deref())]
    }

    /// What makes the app where there is none.
    pub fn create(&self) -> CreateAppRequest {
        CreateAppRequest {
            id: self.id,
            title: self.title.clone().unwrap_or_default(),
            auth_key: self.auth_key.clone().unwrap_or_default(),
            auth_secret: self.auth_secret.clone().unwrap_or_default(),
        }
    }

    /// `before` as it is wanted, and which fields are different.
    pub fn applied(&self, before: &App, now: i64) -> (App, Vec<&'static str>) {
        let mut after = before.clone();
        let mut changed = Vec::new();
        set("title", &mut after.title, &self.title, &mut changed);
        set("auth_key", &mut after.auth_key, &self.auth_key, &mut changed);
        set("auth_secret", &mut after.auth_secret, &self.auth_secret, &mut changed);
        set("signed_only", &mut after.signed_only, &self.signed_only, &mut changed);
        let mut quotas = before.quotas.unwrap_or_default();
        set("quotas", &mut quotas, &self.quotas, &mut changed);
        set(host::CHAT, &mut after.chat_host, &self.chat_host, &mut changed);
        set(host::API, &mut after.api_host, &self.api_host, &mut changed);
        set(origin::FIELD, &mut after.origins, &self.origins, &mut changed);
        let mut groups = before.groups.unwrap_or_default();
        set("groups", &mut groups, &self.groups, &mut changed);
        after.quotas = Some(quotas).filter(|quotas| *quotas != Quotas::default());
        after.groups = Some(groups).filter(|groups| *groups != Groups::default());
        if !changed.is_empty() {
            after.updated_at = now;
        }
        (after, changed)
    }
}

fn set<T: Clone + PartialEq>(name: &'static str, is: &mut T, wanted: &Option<T>, changed: &mut Vec<&'static str>) {
    if let Some(wanted) = wanted.as_ref().filter(|wanted| *wanted != is) {
        *is = wanted.clone();
        changed.push(name);
    }
}

/// What is left of an app: its id stays given.
pub fn erased(before: &App, now: i64) -> App {
    let App { id, created_at, .. } = *before;
    App { id, created_at, updated_at: now, state: AppState::Erased.into(), ..App::default() }
}

/// The secret that goes with `auth_key`, if it opens `app` at `now`. Without an app nothing does, and that takes as long.
pub fn secret_of<'a>(app: Option<&'a App>, auth_key: &str, now: i64) -> Option<&'a str> {
    let is = |expected: &str| bool::from(expected.as_bytes().ct_eq(auth_key.as_bytes())) && !expected.is_empty();
    let previous = app.and_then(|app| app.previous.as_ref());
    let own = is(app.map_or("-", |app| &app.auth_key));
    let rotated = is(previous.map_or("-", |previous| &previous.auth_key));
    let app = app?;
    let previous = previous.filter(|previous| rotated && now < previous.until);
    if own { Some(&app.auth_secret) } else { Some(&previous?.auth_secret) }
}

/// The auth keys that no other app may have.
pub fn auth_keys(app: &App) -> BTreeSet<&str> {
    let previous = app.previous.as_ref().map(|previous| previous.auth_key.as_str());
    [app.auth_key.as_str()].into_iter().chain(previous).filter(|key| !key.is_empty()).collect()
}

/// `before` with other keys; those it had hold for `overlap` milliseconds more.
pub fn rotated(before: &App, dice: &Dice, overlap: i64, now: i64) -> App {
    let App { auth_key, auth_secret, .. } = before.clone();
    App {
        auth_key: letters(&dice.auth_key),
        auth_secret: letters(&dice.auth_secret),
        previous: Some(PreviousKeys { auth_key, auth_secret, until: now.saturating_add(overlap) }),
        updated_at: now,
        ..before.clone()
    }
}

/// How long keys that are rotated hold beside the new ones, in milliseconds. 0 seconds: as the settings say.
pub fn overlap(asked_s: u64, usual_s: u32) -> Result<i64, Fault> {
    match asked_s {
        0 => Ok(1_000 * i64::from(usual_s)),
        asked if asked > OVERLAP_S_MAX => Err(Fault::new("overlap_s", "must be at most 30 days")),
        asked => Ok(1_000 * asked as i64),
    }
}

fn check(id: u64, title: &str) -> Result<(), Fault> {
    if id >= ID_END {
        return Err(Fault::new("id", "is invalid"));
    }
    if title.chars().count() > TITLE_CHARS_MAX || title.chars().any(char::is_control) {
        return Err(Fault::new("title", "is invalid"));
    }
    Ok(())
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

pub fn letters(bytes: &[u8]) -> String {
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
    fn what_is_applied_again_changes_nothing_and_what_is_absent_stays() {
        let before = App { id: 7, title: "Old".into(), auth_key: "k".into(), auth_secret: "s".into(), ..App::default() };
        let quotas = Quotas { sessions: 5, ..Quotas::default() };
        let request = ApplyAppRequest { id: 7, title: Some("New".into()), quotas: Some(quotas), ..ApplyAppRequest::default() };
        let wanted = Wanted::read(request).unwrap();
        let (after, changed) = wanted.applied(&before, 9);
        assert_eq!(changed, ["title", "quotas"]);
        let expected = App { title: "New".into(), quotas: Some(quotas), updated_at: 9, ..before.clone() };
        assert_eq!(after, expected);
        assert_eq!(wanted.applied(&after, 10), (after.clone(), vec![]));
        let named = ApplyAppRequest { id: 7, chat_host: Some("Chat.a.example".into()), ..ApplyAppRequest::default() };
        let named = Wanted::read(named).unwrap().applied(&after, 10);
        assert_eq!((named.0.chat_host.as_str(), named.1), ("chat.a.example", vec!["chat_host"]));
        let nameless = ApplyAppRequest { id: 7, chat_host: Some(String::new()), ..ApplyAppRequest::default() };
        assert_eq!(Wanted::read(nameless).unwrap().applied(&named.0, 11).0.chat_host, "");
        let none = ApplyAppRequest { id: 7, quotas: Some(Quotas::default()), ..ApplyAppRequest::default() };
        assert_eq!(Wanted::read(none).unwrap().applied(&after, 11).0.quotas, None);
        let groups = |admins_remove| Some(Groups { admins_remove, history_from_joining: false });
        let say = |groups| Wanted::read(ApplyAppRequest { id: 7, groups, ..ApplyAppRequest::default() }).unwrap();
        let (said, changed) = say(groups(true)).applied(&after, 12);
        assert_eq!((said.groups, changed, said.updated_at), (groups(true), vec!["groups"], 12));
        assert_eq!(say(groups(true)).applied(&said, 13), (said.clone(), vec![]));
        assert_eq!(say(None).applied(&said, 13), (said.clone(), vec![]), "absent: as it is");
        assert_eq!(say(groups(false)).applied(&said, 13).0, App { updated_at: 13, ..after.clone() });
        assert_eq!(say(groups(false)).applied(&after, 13).1, [""; 0]);
        for request in [
            ApplyAppRequest::default(),
            ApplyAppRequest { id: 1 << 53, ..ApplyAppRequest::default() },
            ApplyAppRequest { id: 1, auth_key: Some(String::new()), ..ApplyAppRequest::default() },
            ApplyAppRequest { id: 1, title: Some("a\nb".into()), ..ApplyAppRequest::default() },
            ApplyAppRequest { id: 1, chat_host: Some("a.example:1".into()), ..ApplyAppRequest::default() },
        ] {
            assert!(Wanted::read(request.clone()).is_err(), "{request:?}");
        }
    }

    #[test]
    fn of_an_erased_app_only_the_id_and_the_instants_are_left() {
        let before = App { id: 7, title: "Old".into(), auth_key: "k".into(), pair_key: vec![1], created_at: 3, ..App::default() };
        let after = App { id: 7, created_at: 3, updated_at: 9, state: AppState::Erased.into(), ..App::default() };
        assert_eq!(erased(&before, 9), after);
    }

    #[test]
    fn only_its_own_key_opens_an_app() {
        let app = App { auth_key: "demoKey".into(), auth_secret: "s".into(), ..App::default() };
        assert_eq!(secret_of(Some(&app), "demoKey", 0), Some("s"));
        for key in ["demoKez", "", "-"] {
            assert_eq!(secret_of(Some(&app), key, 0), None, "{key}");
            assert_eq!(secret_of(None, key, 0), None, "{key}");
            assert_eq!(secret_of(Some(&App::default()), key, 0), None, "{key}");
        }
    }

    #[test]
    fn each_key_goes_with_its_own_secret_and_the_rotated_one_ends() {
        let before = App { id: 7, auth_key: "old".into(), auth_secret: "s1".into(), pair_key: vec![1], ..App::default() };
        let after = rotated(&before, &dice(), 100, 5);
        assert_eq!((after.id, &after.pair_key, after.updated_at), (7, &before.pair_key, 5));
        assert_eq!(auth_keys(&after), ["old", after.auth_key.as_str()].into());
        assert_eq!(secret_of(Some(&after), "old", 104), Some("s1"));
        assert_eq!(secret_of(Some(&after), "old", 105), None);
        assert_eq!(secret_of(Some(&after), &after.auth_key, 105), Some(after.auth_secret.as_str()));
        assert_ne!(after.auth_secret, "s1");
        let again = rotated(&after, &Dice { auth_key: [9; 20], ..dice() }, 100, 6);
        assert_eq!(secret_of(Some(&again), "old", 6), None, "what was rotated before ends");
        assert_eq!(secret_of(Some(&again), &after.auth_key, 6), Some(after.auth_secret.as_str()));
        assert_eq!((overlap(0, 60), overlap(5, 60)), (Ok(60_000), Ok(5_000)));
        assert_eq!(overlap(u64::MAX, 60).unwrap_err().field, "overlap_s");
    }

    fn dice() -> Dice {
        Dice { auth_key: [200; 20], auth_secret: [3; 32], pair_key: [4; 32] }
    }
}
