//! Routes about the dialogs of an app: found, shown with who is in them, frozen. What was said in them is behind the glass (`glass.rs`).

use actix_web::{HttpRequest, HttpResponse, web};
use natter_proto::DialogId;
use natter_proto::dialog::v1::{
    AudienceReply, AudienceRequest, Dialog, DialogKind, FreezeRequest, GetRequest, SearchReply, SearchRequest,
};
use natter_proto::history::v1::{DialogHead, HeadsRequest};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::Refusal;
use crate::service::{Door, iso};
use crate::{apps, hex};

/// Dialogs of a page, if the request says nothing, and at most.
const LIMIT: u32 = 50;
const LIMIT_MAX: u32 = 200;
/// The same of members.
pub const MEMBERS: u32 = 100;
const MEMBERS_MAX: u32 = 1_000;
const NAME_BYTES_MAX: usize = 256;

/// The kinds as they are called here.
pub const KINDS: [(&str, DialogKind); 4] = [
    ("public", DialogKind::Public),
    ("group", DialogKind::Group),
    ("private", DialogKind::Private),
    ("broadcast", DialogKind::Broadcast),
];

/// Which dialogs are asked for: all of it must hold.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// A part of the name.
    pub name: Option<String>,
    pub r#type: Option<String>,
    pub member: Option<u64>,
    pub after: Option<String>,
    pub limit: Option<u32>,
}

/// `GET /admin/v1/apps/{app}/dialogs?name=&type=&member=&after=NEXT&limit=N`: a page may be short and not the last.
pub async fn list(door: web::Data<Door>, path: web::Path<String>, request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let page = web::Query::<Page>::from_query(request.query_string());
    let page = page.map_err(|error| Refusal::malformed("query", error.to_string()))?.into_inner();
    let app = apps::find(&door, &path).await?.id;
    let SearchReply { dialogs, next } = search(&door, app, page).await?;
    let dialogs: Vec<Value> = dialogs.iter().map(shown).collect();
    let next = (!next.is_empty()).then(|| hex::shown(&next));
    Ok(HttpResponse::Ok().json(json!({ "dialogs": dialogs, "next": next })))
}

/// A page of the dialogs that are meant.
pub async fn search(door: &Door, app: u64, page: Page) -> Result<SearchReply, Refusal> {
    let Page { name, r#type, member, after, limit } = page;
    let name = name.unwrap_or_default().trim().to_owned();
    if name.len() > NAME_BYTES_MAX {
        return Err(Refusal::malformed("name", "is too long"));
    }
    let kind = match r#type.as_deref() {
        None | Some("") => DialogKind::Unspecified,
        Some(named) => {
            let known = KINDS.iter().find(|(name, _)| *name == named);
            known.ok_or_else(|| Refusal::malformed("type", "is none that there is"))?.1
        }
    };
    let after = match after {
        None => Vec::new(),
        Some(place) => place.parse::<DialogId>().map_err(|_| Refusal::malformed("after", "is not the id of a dialog"))?.to_vec(),
    };
    let (member, limit) = (member.unwrap_or_default(), limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX));
    let request = SearchRequest { app, after, limit, name, kind: kind.into(), member };
    Ok(door.dialogs().search(request).await?.into_inner())
}

/// `GET /admin/v1/apps/{app}/dialogs/{dialog}`.
pub async fn get(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, dialog) = of_path(&door, &path).await?;
    let (dialog, head) = find(&door, app, dialog).await?;
    let mut shown = shown(&dialog);
    let admins: Vec<u64> = dialog.admins.clone();
    shown["admins"] = json!(admins);
    shown["description"] = json!(dialog.description);
    shown["messages"] = json!(head.seq);
    shown["newest_at"] = json!((head.seq > 0).then(|| iso(head.updated_at)));
    Ok(HttpResponse::Ok().json(json!({ "dialog": shown })))
}

/// A dialog, and where its log ends.
pub async fn find(door: &Door, app: u64, dialog: DialogId) -> Result<(Dialog, DialogHead), Refusal> {
    let request = GetRequest { app, dialog: dialog.to_vec(), user: 0, preview: false };
    let found = door.dialogs().get(request).await?.into_inner();
    let heads = door.history().heads(HeadsRequest { app, dialogs: vec![dialog.to_vec()] }).await?.into_inner().heads;
    Ok((found, heads.into_iter().next().unwrap_or_default()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MembersPage {
    after: Option<u64>,
    limit: Option<u32>,
}

/// `GET /admin/v1/apps/{app}/dialogs/{dialog}/members?after=NEXT&limit=N`: by id, each with what he is there.
pub async fn members(
    door: web::Data<Door>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    let page = web::Query::<MembersPage>::from_query(request.query_string());
    let page = page.map_err(|error| Refusal::malformed("query", error.to_string()))?.into_inner();
    let (app, dialog) = of_path(&door, &path).await?;
    let (found, _) = find(&door, app, dialog).await?;
    let limit = page.limit.unwrap_or(MEMBERS).clamp(1, MEMBERS_MAX);
    let (members, next) = page_of(&door, &found, page.after.unwrap_or_default(), limit).await?;
    let members: Vec<Value> = members.iter().map(|(user, role)| json!({ "user": user, "role": role })).collect();
    Ok(HttpResponse::Ok().json(json!({ "members": members, "next": next })))
}

/// Members above `after`, each with his role, and where the next page begins.
pub async fn page_of(
    door: &Door,
    dialog: &Dialog,
    after: u64,
    limit: u32,
) -> Result<(Vec<(u64, &'static str)>, Option<u64>), Refusal> {
    let request = AudienceRequest { app: dialog.app, dialog: dialog.id.clone(), after, limit };
    let AudienceReply { members, more, .. } = door.dialogs().audience(request).await?.into_inner();
    let members: Vec<(u64, &str)> = members.iter().map(|member| (member.user, role(dialog, member.user))).collect();
    let next = members.last().map(|(user, _)| *user).filter(|_| more);
    Ok((members, next))
}

fn role(dialog: &Dialog, user: u64) -> &'static str {
    match () {
        () if user == dialog.owner => "owner",
        () if dialog.admins.contains(&user) => "admin",
        () => "member",
    }
}

/// `POST /admin/v1/apps/{app}/dialogs/{dialog}/freeze`: nobody writes in it until it is unfrozen.
pub async fn freeze(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    frozen(&door, &path, true).await
}

/// `POST /admin/v1/apps/{app}/dialogs/{dialog}/unfreeze`.
pub async fn unfreeze(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    frozen(&door, &path, false).await
}

async fn frozen(door: &Door, path: &(String, String), frozen: bool) -> Result<HttpResponse, Refusal> {
    let (app, dialog) = of_path(door, path).await?;
    let dialog = set_frozen(door, app, dialog, frozen).await?;
    Ok(HttpResponse::Ok().json(json!({ "dialog": shown(&dialog) })))
}

/// Freezes a dialog, or lets its members write again.
pub async fn set_frozen(door: &Door, app: u64, dialog: DialogId, frozen: bool) -> Result<Dialog, Refusal> {
    Ok(door.dialogs().freeze(FreezeRequest { app, dialog: dialog.to_vec(), frozen }).await?.into_inner())
}

/// App and dialog that a path names. What cannot be an id is no dialog.
pub async fn of_path(door: &Door, (app, dialog): &(String, String)) -> Result<(u64, DialogId), Refusal> {
    let app = apps::find(door, app).await?.id;
    Ok((app, dialog.parse().map_err(|_| Refusal::not_found("dialog"))?))
}

/// A dialog as the API shows it: nothing of what is said in it.
pub fn shown(dialog: &Dialog) -> Value {
    json!({
        "id": hex::shown(&dialog.id),
        "type": kind_name(dialog.kind()),
        "name": dialog.name,
        "owner": dialog.owner,
        "users": (dialog.kind() == DialogKind::Private).then_some(&dialog.members),
        "members": dialog.count,
        "frozen": dialog.frozen,
        "created_at": iso(dialog.created_at),
        "updated_at": iso(dialog.updated_at),
    })
}

/// As a kind is called here.
pub fn kind_name(kind: DialogKind) -> &'static str {
    KINDS.iter().find(|(_, known)| *known == kind).map_or("", |(name, _)| name)
}
