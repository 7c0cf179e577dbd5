//! Events: what a user sends to devices of others himself (contract rest 7.2): create, list, one, its status, end. Any user of the
//! app may be sent one; a maker sees his own alone.

use natter_proto::account::v1::{ListUsersRequest, User, UserFilter, UserOp};
use natter_proto::push::v1::{Channel, CreateEventRequest, Environment, Event, EventRequest, ListEventsReply, ListEventsRequest};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::decode::{Params, Wrong};
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;
use crate::object;
use crate::subscriptions::{CHANNELS, inner};

const PER_PAGE: u64 = 10;
const PER_PAGE_MAX: u64 = 100;
/// Recipients of one event.
const USERS_MAX: usize = 1_000;
/// Users of one page of the account service.
const USERS_PAGE: u32 = 100;
/// Names by which recipients may be looked for in one event.
const NAMES_MAX: usize = 100;

/// `POST /events`: queued when it is answered.
pub(crate) async fn create(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let params = inner(&asked.params, "event");
    one_of(&params, "notification_type", "push")?;
    let event = Event {
        app: caller.0.app,
        user: caller.0.user,
        environment: environment(&params)?.into(),
        channel: push_type(&params)?.into(),
        message: params.text("message").unwrap_or_default(),
        name: params.word("name").unwrap_or_default(),
        ..at(&params)?
    };
    let event = Event { users: recipients(door, &params, caller.0.app).await?, ..event };
    let event = door.events().create(CreateEventRequest { event: Some(event) }).await?.into_inner();
    let channels = CHANNELS.iter().filter(|(channel, _)| is_meant(&event, *channel));
    let made: Vec<Value> = channels.map(|(_, name)| json!({ "event": shown(&event, Some(name), event.created_at) })).collect();
    Ok(Answer::created(made.into()))
}

/// `GET /events`: a page of the caller's own, newest first.
pub(crate) async fn list(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let page = asked.params.number("page")?.unwrap_or(1).max(1);
    let per_page = asked.params.number("per_page")?.unwrap_or(PER_PAGE).clamp(1, PER_PAGE_MAX);
    let skip = u32::try_from((page - 1).saturating_mul(per_page)).unwrap_or(u32::MAX);
    let request = ListEventsRequest { app: caller.0.app, user: caller.0.user, skip, limit: per_page as u32 };
    let ListEventsReply { events, total } = door.events().list(request).await?.into_inner();
    let now = door.clock.now_ms();
    let items: Vec<Value> = events.iter().map(|event| json!({ "event": shown(event, channel_of(event), now) })).collect();
    Ok(Answer::json(json!({"current_page": page, "per_page": per_page, "total_entries": total, "items": items})))
}

/// `GET /events/{id}`, and `GET /events/{id}/status`: one of the caller's own.
pub(crate) async fn get(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let event = door.events().get(named(asked, caller)?).await?.into_inner();
    Ok(Answer::json(json!({ "event": shown(&event, channel_of(&event), door.clock.now_ms()) })))
}

/// `DELETE /events/{id}`: whoever was not sent it yet is sent nothing.
pub(crate) async fn delete(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    door.events().delete(named(asked, caller)?).await?;
    Ok(Answer::empty())
}

fn named(asked: &Asked, caller: &Caller) -> Result<EventRequest, Refusal> {
    // A malformed id is that of an unknown one.
    let is_number = asked.ids.bytes().all(|byte| byte.is_ascii_digit());
    let id = if is_number { asked.ids.parse().ok() } else { None }.ok_or_else(Refusal::not_found)?;
    Ok(EventRequest { app: caller.0.app, user: caller.0.user, id })
}

/// A key that may be absent, and else has one value.
fn one_of(params: &Params, key: &str, word: &str) -> Result<(), Wrong> {
    match params.word(key) {
        Some(given) if given != word => Err(Wrong::new(key, "has a value that is not offered")),
        _ => Ok(()),
    }
}

fn environment(params: &Params) -> Result<Environment, Wrong> {
    match params.word("environment").as_deref() {
        Some("development") => Ok(Environment::Development),
        Some("production") => Ok(Environment::Production),
        _ => Err(Wrong::new("environment", "is not one of development, production")),
    }
}

/// The one channel that is meant; absent: all.
fn push_type(params: &Params) -> Result<Channel, Wrong> {
    let Some(word) = params.word("push_type") else { return Ok(Channel::Unspecified) };
    let found = CHANNELS.iter().find(|(_, name)| *name == word);
    found.map(|(channel, _)| *channel).ok_or_else(|| Wrong::new("push_type", "is not one of apns, apns_voip, gcm, web"))
}

/// When: at once, or at a date.
fn at(params: &Params) -> Result<Event, Wrong> {
    match params.word("event_type").as_deref() {
        None | Some("one_shot") => Ok(Event::default()),
        Some("fixed_date") => {
            let at = params.date("date")?.ok_or_else(|| Wrong::new("date", "is required"))?;
            Ok(Event { at, fixed_date: true, ..Event::default() })
        }
        Some("period_date") => Err(Wrong::new("event_type", "period_date is not offered: make an event each time")),
        Some(_) => Err(Wrong::new("event_type", "is not one of one_shot, fixed_date")),
    }
}

/// Users by their ids, by tags, or by the ids that the app has for them.
async fn recipients(door: &Door, params: &Params, app: u64) -> Result<Vec<u64>, Refusal> {
    let (user, external) = (inner(params, "user"), inner(params, "external_user"));
    let mut users = Vec::new();
    for id in user.list("ids") {
        users.push(id.parse().map_err(|_| Wrong::new("user", "has an id that is not a number"))?);
    }
    let tags = tagged(&inner(&user, "tags"))?;
    if !tags.is_empty() {
        users.extend(found(door, app, tags).await?);
    }
    let names = external.list("ids");
    if !names.is_empty() {
        bounded(&names)?;
        // An app has numbers or texts for its users.
        let numbers: Vec<i64> = names.iter().filter_map(|name| name.parse().ok()).collect();
        let by = |field: &str, texts, numbers| UserFilter { field: field.into(), op: UserOp::In.into(), texts, numbers };
        users.extend(found(door, app, vec![by("external_id", names, Vec::new())]).await?);
        if !numbers.is_empty() {
            users.extend(found(door, app, vec![by("external_user_id", Vec::new(), numbers)]).await?);
        }
    }
    let is_named =
        !(user.list("ids").is_empty() && inner(&user, "tags").iter().next().is_none() && external.list("ids").is_empty());
    match is_named {
        true => Ok(users),
        false => Err(Wrong::new("user", "is required").into()),
    }
}

/// Of `any` one is there, `all` are, and none of `exclude`.
fn tagged(tags: &Params) -> Result<Vec<UserFilter>, Wrong> {
    let by = |op: UserOp, texts| UserFilter { field: "user_tags".into(), op: op.into(), texts, numbers: Vec::new() };
    let [any, all, exclude] = ["any", "all", "exclude"].map(|key| tags.list(key));
    [&any, &all, &exclude].into_iter().try_for_each(|names| bounded(names))?;
    let mut filters: Vec<UserFilter> = all.into_iter().map(|tag| by(UserOp::In, vec![tag])).collect();
    filters.extend(
        [(UserOp::In, any), (UserOp::Nin, exclude)]
            .into_iter()
            .filter(|(_, tags)| !tags.is_empty())
            .map(|(op, tags)| by(op, tags)),
    );
    Ok(filters)
}

fn bounded(names: &[String]) -> Result<(), Wrong> {
    if names.len() > NAMES_MAX { Err(Wrong::new("user", "names too many (maximum is 100)")) } else { Ok(()) }
}

/// All that meet these conditions, if they are not too many.
async fn found(door: &Door, app: u64, filters: Vec<UserFilter>) -> Result<Vec<u64>, Refusal> {
    let mut users: Vec<u64> = Vec::new();
    loop {
        let (filters, skip) = (filters.clone(), users.len() as u64);
        let request = ListUsersRequest { app, filters, skip, limit: USERS_PAGE, ..ListUsersRequest::default() };
        let reply = door.accounts().list_users(request).await?.into_inner();
        if reply.total > USERS_MAX as u64 {
            return Err(Wrong::new("user", "has too many recipients (maximum is 1000)").into());
        }
        users.extend(reply.users.iter().map(|user: &User| user.id));
        if reply.users.is_empty() || users.len() as u64 >= reply.total {
            return Ok(users);
        }
    }
}

/// Whether an event goes by a channel. A device that is woken for calls is an Apple one.
fn is_meant(event: &Event, channel: Channel) -> bool {
    match event.channel() {
        Channel::Unspecified => channel != Channel::ApnsVoip,
        meant => meant == channel,
    }
}

/// The name of its only channel.
fn channel_of(event: &Event) -> Option<&'static str> {
    CHANNELS.iter().find(|(channel, _)| *channel == event.channel()).map(|(_, name)| *name)
}

fn shown(event: &Event, channel: Option<&str>, now: i64) -> Value {
    let occurred = event.at < now;
    json!({
        "id": event.id,
        "event_type": if event.fixed_date { "fixed_date" } else { "one_shot" },
        "message": event.message,
        "date": event.fixed_date.then(|| object::date(event.at)),
        "period": null,
        "name": (!event.name.is_empty()).then_some(&event.name),
        // So it is spelled (contract rest 7.2).
        "occured_count": u8::from(occurred),
        "created_at": object::date(event.created_at),
        "updated_at": object::date(event.created_at),
        "end_date": null,
        "active": !occurred,
        "application_id": event.app,
        "user_id": event.user,
        "kind": "API",
        "environment": if event.environment() == Environment::Production { "production" } else { "development" },
        "tag_query": null,
        "notification_channel": channel.map(|name| json!({ "name": name })),
    })
}
