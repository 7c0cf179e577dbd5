//! The JSON objects of the SDK: user, session, dialog, message, blob (contract rest 2.4, 3.1, 4.2, 5.1, 6.1), keys in the order of
//! the contract.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod blob;
mod dialog;
mod message;
#[cfg(test)]
mod tests;
mod text;

use jiff::Timestamp;
use natter_proto::account::v1::{Session, User};
use serde_json::{Value, json};

pub(crate) use blob::blob;
pub(crate) use dialog::{View, is_public, opponent_of};
pub(crate) use message::{Shown, is_reserved};
pub(crate) use text::{date, hex};

/// A user object. Tags are comma text here (contract rest 3.1).
pub(crate) fn user(user: &User) -> Value {
    json!({
        "id": user.id,
        "full_name": user.full_name,
        "email": user.email,
        "login": user.login,
        "phone": user.phone,
        "website": user.website,
        "created_at": date(user.created_at),
        "updated_at": date(user.updated_at),
        "last_request_at": (user.last_request_at != 0).then(|| date(user.last_request_at)),
        "external_user_id": user.external_user_id,
        "external_id": user.external_id,
        "facebook_id": user.facebook_id,
        "twitter_id": user.twitter_id,
        "blob_id": user.blob_id,
        "custom_data": user.custom_data,
        "avatar": user.avatar,
        "user_tags": (!user.tags.is_empty()).then(|| user.tags.join(",")),
        "timezone": user.timezone,
        "is_guest": user.guest.then_some(true),
    })
}

/// A user object of `GET /users/v2`, where tags are a list (contract rest 3.1).
pub(crate) fn user_v2(given: &User) -> Value {
    let mut shown = user(given);
    if !given.tags.is_empty() {
        shown["user_tags"] = json!(given.tags);
    }
    shown
}

/// A session object in its wrapper. `user_id` is 0, never null, for a session without a user: the QR flow of the SDK takes
/// null for a signed-in user (contract rest 2.4).
pub(crate) fn session(session: &Session) -> Value {
    let mut inner = json!({
        "id": session.id,
        "user_id": session.user,
        "application_id": session.app,
        "token": session.token,
        "nonce": session.nonce,
        "ts": session.timestamp,
        "created_at": date_with_ms(session.created_at),
        "updated_at": date_with_ms(session.updated_at),
    });
    if let Some(row) = &session.user_row {
        inner["user"] = user(row);
    }
    json!({ "session": inner })
}

fn date_with_ms(ms: i64) -> String {
    formatted(ms, "%Y-%m-%dT%H:%M:%S%.3fZ")
}

/// `2026-03-01 14:05:09 UTC` of unix milliseconds: the value of `CB-Token-ExpirationDate` (contract rest 1.8).
pub(crate) fn expiration(ms: i64) -> String {
    formatted(ms, "%Y-%m-%d %H:%M:%S UTC")
}

// A date outside the calendar (year 9999) is shown as the epoch: it can only come from a broken row.
fn formatted(ms: i64, format: &str) -> String {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH).strftime(format).to_string()
}
