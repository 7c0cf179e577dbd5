//! To whom a stanza goes. Clients spell addresses loosely (contract xmpp 0.3): the local part decides, the host is not looked at.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::str::FromStr;

use natter_proto::{AppId, DialogId, UserId};

/// What a `to` means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Address {
    /// A user of the sender's app; it need not exist.
    User(UserId),
    /// A dialog, by its room address or by its bare id.
    Room(DialogId),
    /// The server itself: no `to`, or a host without a local part.
    Server,
    /// A user of another app. Nobody is reachable there.
    Foreign,
    /// A room of another app: like one that does not exist.
    ForeignRoom,
    /// None of these.
    Malformed,
}

/// Reads a `to` as a client of `app` sent it.
pub(crate) fn read(to: Option<&str>, app: AppId) -> Address {
    let to = to.unwrap_or_default();
    let bare = to.split_once('/').map_or(to, |(bare, _)| bare);
    match bare.split_once('@') {
        Some((local, _)) => of_local(local, app),
        None if bare.is_empty() => Address::Server,
        None => of_bare_id(bare),
    }
}

/// `78-905`, `905_66f0…` or, from SDK 1.8 to 3.9, `66f0…-905`.
fn of_local(local: &str, app: AppId) -> Address {
    if let Some((left, right)) = local.split_once('_') {
        return match (numeric(left), right.parse()) {
            (Some(of), Ok(dialog)) => room(app, of, dialog),
            _ => Address::Malformed,
        };
    }
    let Some((left, right)) = local.split_once('-') else { return Address::Malformed };
    let Some(of) = numeric::<AppId>(right) else { return Address::Malformed };
    if let Some(user) = numeric(left) {
        return if app == of { Address::User(user) } else { Address::Foreign };
    }
    match left.parse() {
        Ok(dialog) => room(app, of, dialog),
        Err(_) => Address::Malformed,
    }
}

/// SDK 1.7.3 sends what the app gave it: a user's number or a dialog's id.
fn of_bare_id(bare: &str) -> Address {
    if let Some(user) = numeric(bare) {
        return Address::User(user);
    }
    bare.parse().map_or(Address::Server, Address::Room)
}

/// An id that is a number has one spelling, so that a user has one address (attack A28): no sign, no zeros before it.
fn numeric<T: FromStr>(text: &str) -> Option<T> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    is_plain.then(|| text.parse().ok())?
}

fn room(app: AppId, of: AppId, dialog: DialogId) -> Address {
    if app == of { Address::Room(dialog) } else { Address::ForeignRoom }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_spelling_of_an_address_is_understood() {
        let room = Address::Room("66f0a1b2c3d4e5f607182930".parse().unwrap());
        let user = Address::User(UserId(78));
        check("78-905@chat.example.net", user);
        check("78-905@anywhere/r-bob", user);
        check("78", user);
        check("905_66f0a1b2c3d4e5f607182930@muc.chat.example.net", room);
        check("905_66f0a1b2c3d4e5f607182930@muc.chat.example.net/34", room);
        check("66f0a1b2c3d4e5f607182930", room);
        check("66f0a1b2c3d4e5f607182930/34", room);
        check("66f0a1b2c3d4e5f607182930-905@chat.example.net", room);
        check("", Address::Server);
        check("chat.example.net", Address::Server);
        check("muc.chat.example.net", Address::Server);
    }

    #[test]
    fn other_apps_and_nonsense_lead_nowhere() {
        check("78-906@chat.example.net", Address::Foreign);
        check("906_66f0a1b2c3d4e5f607182930@muc.chat.example.net", Address::ForeignRoom);
        check("66f0a1b2c3d4e5f607182930-906@chat.example.net", Address::ForeignRoom);
        for bad in
            ["@chat", "romeo@chat", "78-@chat", "-905@chat", "0-905@chat", "905_@muc.chat", "905_zz@muc.chat", "78-905-1@chat"]
        {
            check(bad, Address::Malformed);
        }
        for alias in ["+78-905@chat", "078-905@chat", "78-0905@chat", "78-+905@chat", "+905_66f0a1b2c3d4e5f607182930@muc.chat"] {
            check(alias, Address::Malformed);
        }
    }

    fn check(to: &str, expected: Address) {
        assert_eq!(read(Some(to), AppId(905)), expected, "{to}");
    }
}
