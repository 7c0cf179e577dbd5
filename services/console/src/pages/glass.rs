//! Pages before and behind the glass: why somebody reads what was said in a dialog, and that.

use actix_web::{HttpResponse, ResponseError, web};
use askama::Template;
use natter_proto::DialogId;
use natter_proto::event::v1::Message;

use super::apps::{Shown, shown};
use super::dialogs::name_of;
use super::form::{Entered, Field, Form};
use super::frame::Frame;
use super::{see, show, show_as, when};
use crate::caller::Caller;
use crate::error::Refusal;
use crate::glass::{self, Broken, LIMIT};
use crate::service::Door;
use crate::visit::Visit;
use crate::{dialogs, hex};

#[derive(Template)]
#[template(path = "dialog_open.html")]
struct AskPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    id: String,
    form: Form,
    /// The place to read at; empty: the newest.
    upto: String,
}

/// Where somebody wants to read.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct Query {
    glass: String,
    upto: String,
}

fn blank_form() -> Form {
    let hint = "It is written into the audit log before anything is shown.";
    Form::of(vec![Field::text("reason", "Why you read this dialog", "").hint(hint).required()])
}

/// `GET /console/apps/{app}/dialogs/{dialog}/open[?upto=SEQ]`: asks why.
pub async fn ask(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<(String, String)>,
    query: web::Query<Query>,
) -> Result<HttpResponse, Refusal> {
    let (app, dialog) = dialogs::of_path(&door, &path).await?;
    let (found, _) = dialogs::find(&door, app, dialog).await?;
    let (shown, frame) = (shown(&door, &path.0).await?, frame.titled(format!("Read {}", name_of(&found))));
    let (id, form, upto) = (dialog.to_string(), blank_form(), place(&query.upto));
    show(&AskPage { frame, tab: "dialogs", shown, id, form, upto })
}

/// `POST /console/apps/{app}/dialogs/{dialog}/open`.
pub async fn shatter(
    door: web::Data<Door>,
    caller: Caller,
    visit: Visit,
    frame: Frame,
    path: web::Path<(String, String)>,
    entered: Entered,
) -> Result<HttpResponse, Refusal> {
    let (app, dialog) = dialogs::of_path(&door, &path).await?;
    let upto = place(entered.text("upto"));
    match glass::shatter(&door, &caller, &visit, (app, dialog), entered.text("reason")).await {
        Ok(Broken { glass, .. }) => Ok(see(&format!("/console/apps/{app}/dialogs/{dialog}/messages?glass={glass}&upto={upto}"))),
        Err(refusal) if refusal.field() == "reason" => {
            let (found, _) = dialogs::find(&door, app, dialog).await?;
            let (shown, frame) = (shown(&door, &path.0).await?, frame.again(format!("Read {}", name_of(&found))));
            let (id, form) = (dialog.to_string(), blank_form().filled(&entered).refused(&refusal));
            show_as(refusal.status_code(), &AskPage { frame, tab: "dialogs", shown, id, form, upto })
        }
        Err(refusal) => Err(refusal),
    }
}

// What stands in an address is one of ours.
fn place(text: &str) -> String {
    text.parse::<u64>().map(|place| place.to_string()).unwrap_or_default()
}

#[derive(Template)]
#[template(path = "dialog_messages.html")]
struct MessagesPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    id: String,
    glass: String,
    until: String,
    messages: Vec<Said>,
    is_first: bool,
    next: Option<u64>,
}

struct Said {
    id: String,
    seq: u64,
    sender: u64,
    sent_at: String,
    is_edited: bool,
    is_removed: bool,
    body: String,
    attachments: usize,
}

impl Said {
    fn of(row: &Message) -> Said {
        Said {
            id: hex::shown(&row.id),
            seq: row.seq,
            sender: row.sender,
            sent_at: when(row.created_at),
            is_edited: !row.removed && row.updated_at > row.created_at,
            is_removed: row.removed,
            body: row.body.clone().unwrap_or_default(),
            attachments: row.attachments.len(),
        }
    }
}

/// `GET /console/apps/{app}/dialogs/{dialog}/messages?glass=GLASS[&upto=SEQ]`. A glass that is whole leads to where it is broken.
pub async fn show_messages(
    door: web::Data<Door>,
    caller: Caller,
    frame: Frame,
    path: web::Path<(String, String)>,
    query: web::Query<Query>,
) -> Result<HttpResponse, Refusal> {
    let of: (u64, DialogId) = dialogs::of_path(&door, &path).await?;
    let upto = place(&query.upto);
    let Broken { glass, until } = match glass::check(&door, &caller, of, &query.glass).await {
        Err(refusal) if refusal.field() == "glass" => {
            return Ok(see(&format!("/console/apps/{}/dialogs/{}/open?upto={upto}", of.0, of.1)));
        }
        outcome => outcome?,
    };
    let (rows, next) = glass::read(&door, of, upto.parse().ok(), LIMIT).await?;
    let (found, _) = dialogs::find(&door, of.0, of.1).await?;
    let (shown, frame) = (shown(&door, &path.0).await?, frame.titled(format!("Said in {}", name_of(&found))));
    let (messages, id, until) = (rows.iter().map(Said::of).collect(), of.1.to_string(), when(until));
    let (tab, is_first) = ("dialogs", upto.is_empty());
    show(&MessagesPage { frame, tab, shown, id, glass, until, messages, is_first, next })
}
