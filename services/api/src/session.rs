//! Sessions: `/session`, `/login` (contract rest 2).

use std::time::Duration;

use natter_proto::account::v1::{Credentials, LoginRequest, OpenSessionRequest, TokenRequest};

use crate::answer::{Answer, Body};
use crate::decode::Params;
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;
use crate::headers::Known;
use crate::{object, provider, sign, users};

/// A sign-in may ask an identity provider outside, twice at worst; each of these requests has its own deadline.
const SIGN_IN_PATIENCE: Duration = Duration::from_secs(60);

/// `POST /session`: an app session, or a user session with `user`. A token in the request is of no account: the SDK sends
/// whatever it still has (contract rest 1.2).
pub(crate) async fn open(door: &Door, asked: &Asked, known: &mut Known) -> Result<Answer, Refusal> {
    let params = &asked.params;
    let app = params.number("application_id")?.ok_or_else(|| Refusal::field("application_id", "is required"))?;
    if door.limits.app_is_over(app, door.clock.now_ms()) {
        return Err(door.over_rate(asked));
    }
    let user = params.get("user").map(Params::from).unwrap_or_default();
    let guest = if user.flag("guest") { Some(users::row(&user)?) } else { None };
    let signature = params.word("signature").unwrap_or_default();
    let request = OpenSessionRequest {
        app,
        auth_key: params.word_needed("auth_key")?,
        nonce: params.number("nonce")?.unwrap_or_default(),
        timestamp: params.number("timestamp")?.unwrap_or_default().try_into().unwrap_or(i64::MAX),
        to_sign: if signature.is_empty() { String::new() } else { sign::to_sign(params) },
        signature,
        user: if guest.is_some() { None } else { credentials(&user)? },
        address: asked.address.clone(),
        provided: provider::read(params)?,
        guest,
        host: asked.host.clone(),
        origin: asked.origin.clone(),
    };
    let session = door.accounts_within(SIGN_IN_PATIENCE).open_session(request).await.map_err(Refusal::of_account)?.into_inner();
    let app_rate = session.quotas.map_or(0, |quotas| quotas.requests_per_second);
    door.limits.admit(session.app, session.user, app_rate, door.clock.now_ms());
    *known = Known::of(&session);
    Ok(Answer::created(object::session(&session)))
}

/// `GET /session`.
pub(crate) fn get(caller: &Caller) -> Answer {
    Answer::json(object::session(&caller.0))
}

/// `DELETE /session`: the token stops working.
pub(crate) async fn close(door: &Door, caller: &Caller) -> Result<Answer, Refusal> {
    door.accounts().close_session(token_of(caller)).await?;
    Ok(Answer::empty())
}

/// `POST /login`: the token becomes a user's (contract rest 2.6).
pub(crate) async fn login(door: &Door, asked: &Asked, caller: &Caller, known: &mut Known) -> Result<Answer, Refusal> {
    let provided = provider::read(&asked.params)?;
    let user = if provided.is_some() { None } else { credentials(&asked.params)? };
    if user.is_none() && provided.is_none() {
        return Err(Refusal::field("login", "is required"));
    }
    let request = LoginRequest { token: caller.0.token.clone(), user, address: asked.address.clone(), provided };
    let session = door.accounts_within(SIGN_IN_PATIENCE).login(request).await.map_err(Refusal::of_account)?.into_inner();
    *known = Known::of(&session);
    let user = object::user(&session.user_row.unwrap_or_default());
    Ok(Answer::of(202, Body::Json(serde_json::json!({ "user": user }))))
}

/// `DELETE /login`: the token goes on as an app session.
pub(crate) async fn logout(door: &Door, caller: &Caller) -> Result<Answer, Refusal> {
    door.accounts().logout(token_of(caller)).await?;
    Ok(Answer::empty())
}

fn token_of(caller: &Caller) -> TokenRequest {
    TokenRequest { token: caller.0.token.clone() }
}

// None without login and email: an app session. A password is never trimmed.
fn credentials(params: &Params) -> Result<Option<Credentials>, Refusal> {
    let (login, email) = (params.word("login"), params.word("email"));
    if login.is_none() && email.is_none() {
        return Ok(None);
    }
    let password = params.text("password").ok_or_else(|| Refusal::field("password", "is required"))?;
    Ok(Some(Credentials { login, email, password }))
}
