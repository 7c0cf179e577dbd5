//! Routes about whom a user knows and whom he keeps out: his contacts and his privacy lists.

use actix_web::{HttpResponse, web};
use natter_proto::event::v1::Contact;
use natter_proto::presence::v1::{ContactsRequest, PrivacyItem, PrivacyListRequest, PrivacyListsRequest};
use natter_proto::{AppId, Code, Failure, UserId};
use serde_json::{Value, json};

use crate::error::Refusal;
use crate::service::Door;
use crate::user_sessions::of_path;
use crate::users;

/// A privacy list. One that is the default decides for all sessions of its owner; there is none that is active for one session.
pub struct List {
    pub name: String,
    pub is_default: bool,
    /// Ascending by order: the first that matches decides.
    pub items: Vec<PrivacyItem>,
}

/// `GET /admin/v1/apps/{app}/users/{user}/contacts`.
pub async fn contacts(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, user) = of_path(&door, &path).await?;
    users::find(&door, app, user).await?;
    let contacts: Vec<_> = of(&door, app, user).await?.iter().map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "contacts": contacts })))
}

/// `GET /admin/v1/apps/{app}/users/{user}/lists`.
pub async fn lists(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, user) = of_path(&door, &path).await?;
    users::find(&door, app, user).await?;
    let lists = lists_of(&door, app, user).await?;
    let default = lists.iter().find(|list| list.is_default).map(|list| list.name.clone());
    let lists: Vec<_> = lists.iter().map(list_shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "lists": lists, "default": default })))
}

/// The contacts of a user, ascending. There are never more than he may have.
pub async fn of(door: &Door, app: AppId, user: UserId) -> Result<Vec<Contact>, Refusal> {
    Ok(door.presence().contacts(ContactsRequest { app: app.0, user: user.0 }).await?.into_inner().contacts)
}

/// The privacy lists of a user, by name. There are never more than he may have.
pub async fn lists_of(door: &Door, app: AppId, user: UserId) -> Result<Vec<List>, Refusal> {
    let (app, user) = (app.0, user.0);
    let all = door.presence().privacy_lists(PrivacyListsRequest { app, user }).await?.into_inner();
    let mut lists = Vec::new();
    for name in all.names {
        let request = PrivacyListRequest { app, user, name: name.clone() };
        match door.presence().privacy_list(request).await.map_err(Failure::from) {
            Ok(reply) => {
                let is_default = all.default.as_ref() == Some(&name);
                lists.push(List { name, is_default, items: reply.into_inner().items });
            }
            // He has deleted it meanwhile.
            Err(failure) if failure.code == Code::NotFound => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok(lists)
}

/// A contact as the API shows it. `asks`: the user's request is not answered.
pub fn shown(contact: &Contact) -> Value {
    json!({ "user": contact.user, "name": contact.name, "subscription": subscription(contact), "asks": contact.ask })
}

/// As RFC 6121, 2.1.2.5 calls it.
pub fn subscription(contact: &Contact) -> &'static str {
    match (contact.to, contact.from) {
        (true, true) => "both",
        (true, false) => "to",
        (false, true) => "from",
        (false, false) => "none",
    }
}

/// A list as the API shows it.
pub fn list_shown(list: &List) -> Value {
    let items: Vec<_> = list.items.iter().map(item_shown).collect();
    json!({ "name": list.name, "is_default": list.is_default, "items": items })
}

fn item_shown(item: &PrivacyItem) -> Value {
    json!({
        "order": item.order,
        "action": action(item),
        // None: everybody.
        "user": (item.user > 0).then_some(item.user),
        "in_groups": item.in_groups,
        // None: all that goes between the two.
        "kinds": kinds(item),
    })
}

pub fn action(item: &PrivacyItem) -> &'static str {
    if item.allow { "allow" } else { "deny" }
}

/// What of the traffic between the two an item is about; nothing: all.
pub fn kinds(item: &PrivacyItem) -> Vec<&'static str> {
    let kinds =
        [(item.message, "message"), (item.presence_in, "presence-in"), (item.presence_out, "presence-out"), (item.iq, "iq")];
    kinds.iter().filter(|(is_meant, _)| *is_meant).map(|(_, kind)| *kind).collect()
}
