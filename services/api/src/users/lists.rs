//! Lists of users: both versions, by full name, by tags, online (contract rest 3.2 to 3.4).

use natter_proto::account::v1::{GetUsersRequest, ListUsersReply, ListUsersRequest, User, UserFilter, UserOp};
use natter_proto::presence::v1::OnlineRequest;
use serde_json::{Value, json};

use super::field;
use super::grammar::Order;
use super::search::{self, Paging};
use crate::answer::Answer;
use crate::decode::Wrong;
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;
use crate::object;

const ONLINE_MAX: u64 = 100;

/// `GET /users`: a page of the users that meet `filter` and plain fields. Without a search it lists everybody, which the
/// operator may forbid.
pub(crate) async fn list(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let (filters, order) = search::v1(&asked.params)?;
    if !field::is_search(&filters) {
        allow_lists(door)?;
    }
    let paging = Paging::read(&asked.params)?;
    page(door, paging, paging.request(caller.0.app, filters, order)).await
}

/// `GET /users/by_full_name`: users whose name contains the text, in whatever case.
pub(crate) async fn by_full_name(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let name = asked.params.word_needed("full_name")?;
    let named = UserFilter { field: "full_name".to_owned(), op: UserOp::Contain.into(), texts: vec![name], numbers: Vec::new() };
    let paging = Paging::read(&asked.params)?;
    page(door, paging, paging.request(caller.0.app, vec![named], Order::default())).await
}

/// `GET /users/by_tags`: users with any of the tags.
pub(crate) async fn by_tags(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let tags = asked.params.list("tags");
    if tags.is_empty() {
        return Err(Wrong::new("tags", "is required").into());
    }
    let tagged = UserFilter { field: "user_tags".to_owned(), op: UserOp::In.into(), texts: tags, numbers: Vec::new() };
    let paging = Paging::read(&asked.params)?;
    page(door, paging, paging.request(caller.0.app, vec![tagged], Order::default())).await
}

/// `GET /users/v2`. It must say whom it looks for.
pub(crate) async fn list_v2(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let request = search::v2(caller.0.app, &asked.params)?;
    if !field::is_search(&request.filters) {
        let text = "name a user by id, login, email, full_name, phone, external_id, facebook_id, twitter_id or user_tags";
        return Err(Refusal::base(422, text));
    }
    let (limit, skip) = (request.limit, request.skip);
    let ListUsersReply { users, total } = ask(door, request).await?;
    let items: Vec<Value> = users.iter().map(object::user_v2).collect();
    Ok(Answer::json(json!({"limit": limit, "skip": skip, "total_entries": total, "items": items})))
}

/// `GET /users/online`: users with a chat session, by id, or with `count` their number alone.
pub(crate) async fn online(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let (app, params) = (caller.0.app, &asked.params);
    if params.flag("count") {
        let request = OnlineRequest { app, skip: 0, limit: 0 };
        let count = door.presence().online(request).await?.into_inner().total;
        return Ok(Answer::json(json!({ "count": count })));
    }
    allow_lists(door)?;
    let limit = params.number("limit")?.unwrap_or(ONLINE_MAX).min(ONLINE_MAX);
    let request = OnlineRequest { app, skip: params.number("offset")?.unwrap_or_default(), limit: limit as u32 };
    let ids = door.presence().online(request).await?.into_inner().users;
    let users = door.accounts().get_users(GetUsersRequest { app, ids }).await?.into_inner().users;
    let users: Vec<Value> = users.iter().map(object::user).collect();
    Ok(Answer::json(json!({ "users": users })))
}

fn allow_lists(door: &Door) -> Result<(), Refusal> {
    match door.options.user_lists {
        true => Ok(()),
        false => Err(Refusal::base(403, "Users retrieving forbidden")),
    }
}

// Items of the first version are wrapped, those of the second are bare (contract rest 3.3).
async fn page(door: &Door, paging: Paging, request: ListUsersRequest) -> Result<Answer, Refusal> {
    let ListUsersReply { users, total } = ask(door, request).await?;
    let items: Vec<Value> = users.iter().map(|user: &User| json!({ "user": object::user(user) })).collect();
    let Paging { page, per_page } = paging;
    Ok(Answer::json(json!({"current_page": page, "per_page": per_page, "total_entries": total, "items": items})))
}

async fn ask(door: &Door, request: ListUsersRequest) -> Result<ListUsersReply, Refusal> {
    Ok(door.accounts().list_users(request).await.map_err(Refusal::of_account)?.into_inner())
}
