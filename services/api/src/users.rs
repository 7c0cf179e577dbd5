//! Users: sign-up, update, deletion, look-up of one (contract rest 3). Lists are in `users/`.

mod field;
mod grammar;
mod lists;
mod search;

use natter_proto::account::v1::find_user_request::By;
use natter_proto::account::v1::{
    App, FindAppRequest, FindUserRequest, GetUsersRequest, SignUpRequest, UpdateUserRequest, User, UserRequest,
};
use natter_proto::{Code, Failure, UserId};
use serde_json::json;

use crate::answer::Answer;
use crate::decode::{Params, Wrong};
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;
use crate::headers::Known;
use crate::object;
use crate::routes;

pub(crate) use lists::{by_full_name, by_tags, list, list_v2, online};

/// `POST /users`: any valid token of the app opens it; without one, the app's auth key (contract rest 3.2).
pub(crate) async fn sign_up(door: &Door, asked: &Asked, known: &mut Known) -> Result<Answer, Refusal> {
    let app = match (door.resolve(asked).await, &asked.auth_key) {
        (Ok(caller), _) => {
            *known = Known::of(&caller.0);
            caller.0.app
        }
        // Beside a token that is gone the key is good enough.
        (Err(refusal), Some(key)) if refusal.status == 401 => {
            let app = app_of(door, key, asked).await?;
            known.lists_origins = !app.origins.is_empty();
            app.id
        }
        (Err(refusal), _) => return Err(refusal),
    };
    let params = user_params(&asked.params)?;
    let password = params.text("password").ok_or_else(|| Wrong::new("password", "is required"))?;
    let request = SignUpRequest { app, user: Some(row(&params)?), password, id: 0, auth_key: String::new() };
    let user = door.accounts().sign_up(request).await.map_err(Refusal::of_account)?.into_inner();
    Ok(Answer::created(json!({ "user": object::user(&user) })))
}

// The request names its app by nothing but the key. A key is no secret of a user: it ships with every copy of the app.
async fn app_of(door: &Door, key: &str, asked: &Asked) -> Result<App, Refusal> {
    let request = FindAppRequest { auth_key: key.to_owned(), host: asked.host.clone(), origin: asked.origin.clone() };
    let found = door.accounts().find_app(request).await;
    let app = found.map_err(|status| match Failure::from(status) {
        Failure { code: Code::NotFound, .. } => Refusal::unauthorized(),
        failure => failure.into(),
    })?;
    let app = app.into_inner();
    match door.limits.app_is_over(app.id, door.clock.now_ms()) {
        true => Err(door.over_rate(asked)),
        false => Ok(app),
    }
}

/// `PUT /users/{id}`, or without id for the user of the token. JSON null empties a field. A new password ends the user's other
/// tokens (contract rest 3.2).
pub(crate) async fn update(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let id = own_id(asked, caller)?;
    let params = user_params(&asked.params)?;
    let cleared = TEXTS.iter().chain(&["blob_id", "external_user_id", "timezone"]);
    let request = UpdateUserRequest {
        app: caller.0.app,
        id,
        set: Some(row(&params)?),
        clear: cleared.filter(|field| params.is_null(field)).map(|field| (*field).to_owned()).collect(),
        password: params.text("password"),
        old_password: params.text("old_password"),
        token: caller.0.token.clone(),
        tags_given: TAGS.iter().any(|key| params.get(key).is_some() || params.is_null(key)),
    };
    let user = door.accounts().update_user(request).await.map_err(Refusal::of_account)?.into_inner();
    Ok(Answer::json(json!({ "user": object::user(&user) })))
}

/// `DELETE /users/{id}`, or without id for the user of the token.
pub(crate) async fn delete(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let request = UserRequest { app: caller.0.app, id: own_id(asked, caller)? };
    door.accounts().delete_user(request).await.map_err(Refusal::of_account)?;
    Ok(Answer::empty())
}

/// `GET /users/{id}`.
pub(crate) async fn get(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let id: UserId = asked.ids.parse().map_err(|_| Refusal::user_not_found())?;
    let request = GetUsersRequest { app: caller.0.app, ids: vec![id.0] };
    let users = door.accounts().get_users(request).await.map_err(Refusal::of_account)?.into_inner().users;
    let user = users.first().ok_or_else(Refusal::user_not_found)?;
    Ok(Answer::json(json!({ "user": object::user(user) })))
}

/// `GET /users/by_login` and the other lookups of one user.
pub(crate) async fn find(door: &Door, asked: &Asked, caller: &Caller, by: routes::By) -> Result<Answer, Refusal> {
    let by = match by {
        routes::By::Login => By::Login(asked.params.word_needed("login")?),
        routes::By::Email => By::Email(asked.params.word_needed("email")?),
        routes::By::Phone => By::Phone(asked.params.word_needed("phone")?),
        routes::By::FacebookId => By::FacebookId(asked.params.word_needed("facebook_id")?),
        routes::By::TwitterId => By::TwitterId(asked.params.word_needed("twitter_id")?),
        routes::By::External => match asked.ids.parse() {
            Ok(number) => By::ExternalUserId(number),
            Err(_) => By::ExternalId(asked.ids.clone()),
        },
    };
    let request = FindUserRequest { app: caller.0.app, by: Some(by) };
    let user = door.accounts().find_user(request).await.map_err(Refusal::of_account)?.into_inner();
    Ok(Answer::json(json!({ "user": object::user(&user) })))
}

const TEXTS: [&str; 10] =
    ["login", "email", "phone", "full_name", "website", "custom_data", "avatar", "external_id", "facebook_id", "twitter_id"];

/// The request name of the tags, and the name they are answered under.
const TAGS: [&str; 2] = ["tag_list", "user_tags"];

fn user_params(params: &Params) -> Result<Params, Wrong> {
    params.get("user").filter(|user| user.is_object()).map(Params::from).ok_or_else(|| Wrong::new("user", "is required"))
}

// Only oneself may be changed (contract rest 3.2).
fn own_id(asked: &Asked, caller: &Caller) -> Result<u64, Refusal> {
    if asked.ids.is_empty() {
        return Ok(caller.0.user);
    }
    let id: UserId = asked.ids.parse().map_err(|_| Refusal::user_not_found())?;
    if id.0 == caller.0.user { Ok(id.0) } else { Err(Refusal::no_permission()) }
}

/// The fields of a user that a request gives.
pub(crate) fn row(params: &Params) -> Result<User, Wrong> {
    Ok(User {
        login: params.text("login"),
        email: params.text("email"),
        phone: params.text("phone"),
        full_name: params.text("full_name"),
        website: params.text("website"),
        custom_data: params.text("custom_data"),
        avatar: params.text("avatar"),
        external_id: params.text("external_id"),
        facebook_id: params.text("facebook_id"),
        twitter_id: params.text("twitter_id"),
        blob_id: params.number("blob_id")?,
        external_user_id: params.number("external_user_id")?,
        timezone: timezone(params)?,
        tags: TAGS.iter().flat_map(|key| params.list(key)).collect(),
        ..User::default()
    })
}

fn timezone(params: &Params) -> Result<Option<i32>, Wrong> {
    let Some(minutes) = params.integer("timezone")? else { return Ok(None) };
    i32::try_from(minutes).map(Some).map_err(|_| Wrong::new("timezone", "is not a number"))
}
