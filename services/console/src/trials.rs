//! Trying an app: two users who are an operator's own in it, and what they said to each other so far. They are ordinary users, so
//! alerts, history and traces are for them as for all; but nobody has a password of theirs.
//!
//! The page "Try it" signs in to the chat door with the tokens that a start answers. A token ends with the next start of the same
//! operator, when it was not used for as long as the settings say, and when its user is erased.

use actix_web::{HttpResponse, web};
use natter_proto::account::v1::{App, Session, TrialRequest, User};
use natter_proto::event::v1::Message;
use natter_proto::history::v1::{MemberState, MembersRequest, PageRequest};
use natter_proto::{AppId, Code, DialogId, Failure, UserId};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::caller::Caller;
use crate::error::Refusal;
use crate::service::{Door, iso};
use crate::unread::is_unread;
use crate::{apps, hex, users};

/// What they are called.
pub const NAMES: [&str; 2] = ["Ann", "Bob"];
/// Of their dialog, the newest messages that a start shows.
const SHOWN_MAX: u32 = 50;
/// Bytes of an operator's name in a login, which may have 70 with what stands before.
const OPERATOR_BYTES_MAX: usize = 56;

/// `POST /admin/v1/apps/{app}/try`: the two users of whoever asks, made if they are not there, with a token for each, and what they
/// said. The tokens of the start before end.
pub async fn begin(door: web::Data<Door>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = apps::find(&door, &path).await?;
    let mut sessions = Vec::new();
    for number in 0..NAMES.len() {
        let session = door.administration().open_trial(request(&app, &caller, number)).await?.into_inner();
        sessions.push(session);
    }
    let both = [sessions[0].user, sessions[1].user];
    let dialog = DialogId::of_pair(&app.pair_key, UserId(both[0]), UserId(both[1]));
    let messages = said(&door, &app, dialog, both).await?;
    let shown: Vec<_> = sessions.iter().zip(NAMES).map(|(session, name)| with_token(session, name)).collect();
    let trial = json!({ "app": app.id, "dialog": dialog.to_string(), "users": shown, "messages": messages });
    Ok(HttpResponse::Ok().json(json!({ "trial": trial })))
}

/// `DELETE /admin/v1/apps/{app}/try`: erases them, as `DELETE .../users/{user}` does.
pub async fn end(door: web::Data<Door>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = apps::find(&door, &path).await?;
    let erased = erase(&door, &caller, &app).await?;
    Ok(HttpResponse::Accepted().json(json!({ "users": erased })))
}

/// Erases the users of a caller, and answers which there were. The erasure goes on after the answer.
pub async fn erase(door: &Door, caller: &Caller, app: &App) -> Result<Vec<u64>, Refusal> {
    let mut erased = Vec::new();
    for user in found(door, caller, app).await? {
        users::end(door, AppId(app.id), UserId(user.id)).await?;
        erased.push(user.id);
    }
    Ok(erased)
}

/// Those of a caller that are there.
pub async fn found(door: &Door, caller: &Caller, app: &App) -> Result<Vec<User>, Refusal> {
    let mut users = Vec::new();
    for number in 0..NAMES.len() {
        match door.administration().find_trial(request(app, caller, number)).await.map_err(Failure::from) {
            Ok(user) => users.push(user.into_inner()),
            Err(failure) if failure.code == Code::NotFound => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok(users)
}

fn request(app: &App, caller: &Caller, number: usize) -> TrialRequest {
    let full_name = format!("{} (trial user of {})", NAMES[number], caller.name);
    TrialRequest { app: app.id, login: login(&caller.name, number), full_name }
}

/// `natter-try-1-ann`. A long name is cut, and told from others that begin so.
fn login(operator: &str, number: usize) -> String {
    let cut = match operator.len() {
        ..=OPERATOR_BYTES_MAX => operator.to_owned(),
        _ => format!("{}-{}", &operator[..OPERATOR_BYTES_MAX - 17], hex::shown(&Sha256::digest(operator)[..8])),
    };
    format!("natter-try-{}-{cut}", number + 1)
}

fn with_token(session: &Session, name: &str) -> Value {
    let login = session.user_row.as_ref().and_then(|user| user.login.as_deref());
    json!({ "id": session.user, "name": name, "login": login, "token": session.token })
}

// The newest messages of the two, oldest first, and what became of each.
async fn said(door: &Door, app: &App, dialog: DialogId, both: [u64; 2]) -> Result<Vec<Value>, Refusal> {
    let (app, dialog) = (app.id, dialog.to_vec());
    let request = PageRequest { app, dialog: dialog.clone(), descending: true, limit: SHOWN_MAX, ..PageRequest::default() };
    let rows = door.history().page(request).await?.into_inner().rows;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let request = MembersRequest { app, dialog, users: both.to_vec(), within: None };
    let members = door.history().members(request).await?.into_inner().members;
    Ok(rows.iter().rev().filter(|row| !row.removed).map(|row| shown(row, &members)).collect())
}

fn shown(row: &Message, members: &[MemberState]) -> Value {
    let reader = members.iter().find(|member| member.user == row.recipient);
    let has_read = reader.is_some_and(|reader| !is_unread(reader, row));
    let has_received = |reader: &MemberState| reader.delivered.iter().any(|range| (range.from..=range.upto).contains(&row.seq));
    let state = match (has_read, reader.is_some_and(has_received)) {
        (true, _) => "read",
        (false, true) => "delivered",
        (false, false) => "sent",
    };
    json!({
        "id": hex::shown(&row.id),
        "sender": row.sender,
        "body": row.body.as_deref().unwrap_or_default(),
        "at": iso(row.created_at),
        "state": state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_has_users_of_his_own_whose_logins_are_none_too_long() {
        assert_eq!((login("ann", 0), login("ann", 1)), ("natter-try-1-ann".into(), "natter-try-2-ann".into()));
        let long = ["x".repeat(64), format!("{}y", "x".repeat(63)), "x".repeat(56)].map(|name| login(&name, 0));
        assert!(long.iter().all(|login| login.len() <= 70), "{long:?}");
        assert!(long[0] != long[1] && long[0] != long[2], "{long:?}");
    }
}
