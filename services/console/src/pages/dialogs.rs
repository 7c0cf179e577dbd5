//! Pages about the dialogs of an app: finding one, and one of them with who is in it. What was said there is behind the glass.

use actix_web::{HttpResponse, ResponseError, web};
use askama::Template;
use natter_proto::DialogId;
use natter_proto::dialog::v1::{Dialog, DialogKind, SearchReply};

use super::apps::{Shown, shown};
use super::form::Form;
use super::frame::Frame;
use super::{see, show, show_as, when};
use crate::dialogs::{self, KINDS, MEMBERS, Page, kind_name};
use crate::error::Refusal;
use crate::hex;
use crate::service::Door;

#[derive(Template)]
#[template(path = "dialogs.html")]
struct DialogsPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    search: String,
    kind: String,
    kinds: Vec<&'static str>,
    member: String,
    /// Without fields: what is wrong with what was searched for.
    form: Form,
    dialogs: Vec<Row>,
    is_first: bool,
    /// Where the next page begins; empty: there is none.
    next: String,
}

struct Row {
    id: String,
    called: String,
    kind: &'static str,
    members: u32,
    owner: u64,
    is_frozen: bool,
    updated_at: String,
}

impl Row {
    fn of(dialog: &Dialog) -> Row {
        Row {
            id: hex::shown(&dialog.id),
            called: name_of(dialog),
            kind: kind_name(dialog.kind()),
            members: dialog.count,
            owner: dialog.owner,
            is_frozen: dialog.frozen,
            updated_at: when(dialog.updated_at),
        }
    }
}

/// What stands in a heading: a private dialog is called after its two.
pub fn name_of(dialog: &Dialog) -> String {
    let name = dialog.name.as_ref().filter(|name| !name.trim().is_empty());
    match (name, dialog.kind(), dialog.members.as_slice()) {
        (Some(name), ..) => name.clone(),
        (None, DialogKind::Private, [one, other]) => format!("Users {one} and {other}"),
        (None, kind, _) => format!("A {} dialog", kind_name(kind)),
    }
}

/// What is searched for, and where the page begins.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct Query {
    q: String,
    r#type: String,
    member: String,
    after: String,
}

/// `GET /console/apps/{app}/dialogs?q=&type=&member=&after=`: those that are meant; an id leads to its dialog.
pub async fn find(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let Query { q, r#type: kind, member, after } = query.into_inner();
    let (search, member, is_first) = (q.trim().to_owned(), member.trim().to_owned(), after.is_empty());
    if search.parse::<DialogId>().is_ok() {
        return Ok(see(&format!("/console/apps/{}/dialogs/{}", shown.id, search.to_ascii_lowercase())));
    }
    let title = format!("Dialogs of {}", shown.name);
    let (tab, kinds) = ("dialogs", KINDS.iter().map(|(name, _)| *name).collect());
    match asked(&door, shown.id, (&search, &kind, &member), after).await {
        Ok(SearchReply { dialogs, next }) => {
            let (dialogs, next) = (dialogs.iter().map(Row::of).collect(), hex::shown(&next));
            let (frame, form) = (frame.titled(title), Form::default());
            show(&DialogsPage { frame, tab, shown, search, kind, kinds, member, form, dialogs, is_first, next })
        }
        Err(refusal) if ["name", "type", "member", "after"].contains(&refusal.field()) => {
            let (frame, form, next) = (frame.again(title), Form::default().refused(&refusal), String::new());
            let dialogs = Vec::new();
            let page = DialogsPage { frame, tab, shown, search, kind, kinds, member, form, dialogs, is_first, next };
            show_as(refusal.status_code(), &page)
        }
        Err(refusal) => Err(refusal),
    }
}

async fn asked(door: &Door, app: u64, words: (&str, &str, &str), after: String) -> Result<SearchReply, Refusal> {
    let (name, kind, member) = words;
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let member = given(member).map(|id| id.parse().map_err(|_| Refusal::malformed("member", "is not the id of a user")));
    let page = Page { name: given(name), r#type: given(kind), member: member.transpose()?, after: given(&after), limit: None };
    dialogs::search(door, app, page).await
}

#[derive(Template)]
#[template(path = "dialog.html")]
struct DialogPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    id: String,
    is_frozen: bool,
    facts: Vec<(&'static str, String)>,
    members: Vec<(u64, &'static str)>,
    is_first: bool,
    next: Option<u64>,
}

/// Which members are shown.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct Members {
    after: String,
}

/// `GET /console/apps/{app}/dialogs/{dialog}[?after=USER]`.
pub async fn one(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<(String, String)>,
    query: web::Query<Members>,
) -> Result<HttpResponse, Refusal> {
    let (app, id) = dialogs::of_path(&door, &path).await?;
    let (dialog, head) = dialogs::find(&door, app, id).await?;
    let after = query.after.parse().unwrap_or(0);
    let (members, next) = dialogs::page_of(&door, &dialog, after, MEMBERS).await?;
    let facts = [
        ("Type", kind_name(dialog.kind()).to_owned()),
        ("Owner", format!("user {}", dialog.owner)),
        ("Members", dialog.count.to_string()),
        ("Description", dialog.description.clone().unwrap_or_default()),
        ("Made", when(dialog.created_at)),
        ("Messages", head.seq.to_string()),
        ("Newest message", if head.seq > 0 { when(head.updated_at) } else { "none".to_owned() }),
    ];
    let facts = facts.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let (shown, frame, is_frozen) = (shown(&door, &path.0).await?, frame.titled(name_of(&dialog)), dialog.frozen);
    let (id, tab, is_first) = (id.to_string(), "dialogs", after == 0);
    show(&DialogPage { frame, tab, shown, id, is_frozen, facts, members, is_first, next })
}

/// `POST /console/apps/{app}/dialogs/{dialog}/freeze`.
pub async fn freeze(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    frozen(&door, &path, true).await
}

/// `POST /console/apps/{app}/dialogs/{dialog}/unfreeze`.
pub async fn unfreeze(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    frozen(&door, &path, false).await
}

async fn frozen(door: &Door, path: &(String, String), frozen: bool) -> Result<HttpResponse, Refusal> {
    let (app, dialog) = dialogs::of_path(door, path).await?;
    dialogs::set_frozen(door, app, dialog, frozen).await?;
    let done = if frozen { "frozen" } else { "unfrozen" };
    Ok(see(&format!("/console/apps/{app}/dialogs/{dialog}?done={done}")))
}
