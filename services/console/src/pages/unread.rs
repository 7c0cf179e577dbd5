//! The page that says why a user's badge is what it is: dialog by dialog, and of one dialog message by message.

use actix_web::{HttpResponse, web};
use askama::Template;
use natter_proto::DialogId;
use serde_json::Value;

use super::apps::Shown;
use super::frame::Frame;
use super::show;
use super::traces::address;
use super::users::{name_of, whom};
use crate::error::Refusal;
use crate::service::Door;
use crate::unread::{LIMIT, by_dialog, of_dialog};

#[derive(Template)]
#[template(path = "unread.html")]
struct UnreadPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    user_tab: &'static str,
    id: u64,
    unread: u64,
    dialogs: Vec<Dialog>,
    is_first: bool,
    next: Option<u64>,
}

struct Dialog {
    id: String,
    kind: String,
    name: String,
    /// Whether it counts at all.
    counts: bool,
    unread: u64,
    read_upto: u64,
    newest: u64,
}

impl Dialog {
    fn of(shown: &Value) -> Dialog {
        let text = |field: &str| shown[field].as_str().unwrap_or_default().to_owned();
        let number = |field: &str| shown[field].as_u64().unwrap_or_default();
        let name = Some(text("name")).filter(|name| !name.trim().is_empty());
        Dialog {
            id: text("id"),
            kind: text("type"),
            name: name.unwrap_or_else(|| format!("{} dialog", text("type"))),
            counts: shown["counts"] == true,
            unread: number("unread"),
            read_upto: number("read_upto"),
            newest: number("newest"),
        }
    }
}

#[derive(Template)]
#[template(path = "unread_dialog.html")]
struct DialogPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    user_tab: &'static str,
    id: u64,
    dialog: String,
    read_upto: u64,
    messages: Vec<Message>,
    is_first: bool,
    next: Option<u64>,
}

struct Message {
    id: String,
    seq: u64,
    sender: u64,
    sent_at: String,
    /// Where its way is shown.
    way: String,
}

/// What the page is asked for.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct Query {
    dialog: String,
    skip: String,
}

/// `GET /console/apps/{app}/users/{user}/unread[?dialog=ID][&skip=N]`.
pub async fn show_unread(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<(String, String)>,
    query: web::Query<Query>,
) -> Result<HttpResponse, Refusal> {
    let (shown, user) = whom(&door, &path.0, &path.1).await?;
    let Query { dialog, skip } = query.into_inner();
    let (whose, skip) = ((shown.id, user.id), skip.parse().unwrap_or(0));
    let (tab, user_tab, id, is_first) = ("users", "unread", user.id, skip == 0);
    if dialog.is_empty() {
        let answer = by_dialog(&door, whose, skip, LIMIT).await?;
        let (unread, next) = (answer["unread"].as_u64().unwrap_or_default(), answer["next"].as_u64());
        let dialogs = rows(&answer["dialogs"]).map(Dialog::of).collect();
        let frame = frame.titled(format!("Unread by {}", name_of(&user)));
        return show(&UnreadPage { frame, tab, shown, user_tab, id, unread, dialogs, is_first, next });
    }
    let place: DialogId = dialog.parse().map_err(|_| Refusal::malformed("dialog", "is not the id of a dialog"))?;
    let answer = of_dialog(&door, whose, place, (skip, LIMIT)).await?;
    let (read_upto, next) = (answer["read_upto"].as_u64().unwrap_or_default(), answer["next"].as_u64());
    let messages = rows(&answer["messages"]).map(|row| message(shown.id, place, row)).collect();
    let frame = frame.titled(format!("Unread by {} in a dialog", name_of(&user)));
    show(&DialogPage { frame, tab, shown, user_tab, id, dialog: place.to_string(), read_upto, messages, is_first, next })
}

fn rows(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn message(app: u64, dialog: DialogId, shown: &Value) -> Message {
    let text = |field: &str| shown[field].as_str().unwrap_or_default().to_owned();
    let (id, seq) = (text("id"), shown["seq"].as_u64().unwrap_or_default());
    let way = address(app, &id, Some((dialog, seq)));
    Message { id, seq, sender: shown["sender"].as_u64().unwrap_or_default(), sent_at: text("created_at").replace('T', " "), way }
}
