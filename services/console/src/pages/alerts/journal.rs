//! The page of what became of alerts, newest first: of one user, or of one message.

use actix_web::{HttpResponse, ResponseError, web};
use askama::Template;

use super::words::Line;
use crate::alerts::{Page, read_journal};
use crate::error::Refusal;
use crate::hex;
use crate::pages::apps::{Shown, shown};
use crate::pages::form::{Field, Form};
use crate::pages::frame::Frame;
use crate::pages::{show, show_as};
use crate::service::Door;

/// Lines of one page.
const LINES: u32 = 50;

#[derive(Template)]
#[template(path = "alert_journal.html")]
struct JournalPage {
    frame: Frame,
    tab: &'static str,
    part: &'static str,
    shown: Shown,
    form: Form,
    query: Query,
    /// None: nothing was asked for.
    lines: Option<Vec<Line>>,
    /// The place where older ones go on; empty: there are none.
    next: String,
}

/// What the page is asked for.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct Query {
    user: String,
    dialog: String,
    message: String,
    before: String,
}

/// `GET /console/apps/{app}/alerts/journal?user=ID` or `?dialog=ID&message=ID`, `&before=NEXT`.
pub async fn list(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let (frame, mut query) = (frame.titled(format!("What became of alerts of {}", shown.name)), query.into_inner());
    for text in [&mut query.user, &mut query.dialog, &mut query.message] {
        *text = text.trim().to_owned();
    }
    let form = form_of(&query);
    let read = async {
        match asked(&query)? {
            Some(page) => read_journal(&door, shown.id, page).await.map(Some),
            None => Ok(None),
        }
    };
    match read.await {
        Ok(reply) => {
            let next = reply.as_ref().map_or_else(String::new, |reply| hex::shown(&reply.next));
            let lines = reply.map(|reply| reply.notes.iter().map(Line::of).collect());
            show(&JournalPage { frame, tab: "alerts", part: "journal", shown, form, query, lines, next })
        }
        Err(refusal) => {
            let (frame, form) = (Frame { is_refused: true, ..frame }, form.refused(&refusal));
            let page =
                JournalPage { frame, tab: "alerts", part: "journal", shown, form, query, lines: None, next: String::new() };
            show_as(refusal.status_code(), &page)
        }
    }
}

fn form_of(query: &Query) -> Form {
    let user = Field::text("user", "User id", &query.user);
    let of_message = vec![
        Field::text("dialog", "Dialog id", &query.dialog)
            .hint("24 letters and digits. Of a test, an event or a contact request: 24 zeros."),
        Field::text("message", "Message id", &query.message).hint("24 letters and digits."),
    ];
    Form::of(vec![user]).with("Or one message", "", of_message)
}

// A user before a message. Nothing: nothing is asked.
fn asked(query: &Query) -> Result<Option<Page>, Refusal> {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let page = Page { before: given(&query.before), limit: Some(LINES), ..Page::default() };
    match (given(&query.user), given(&query.dialog), given(&query.message)) {
        (None, None, None) => Ok(None),
        (Some(user), None, None) => {
            let user = user.parse().ok().filter(|user| *user > 0);
            let user = user.ok_or_else(|| Refusal::malformed("user", "is not the id of a user"))?;
            Ok(Some(Page { user: Some(user), ..page }))
        }
        (Some(_), ..) => Err(Refusal::malformed("user", "or a message is looked for, not both")),
        (None, Some(_), None) => Err(Refusal::malformed("message", "is needed too")),
        (None, None, Some(_)) => Err(Refusal::malformed("dialog", "is needed too")),
        (None, dialog, message) => Ok(Some(Page { dialog, message, ..page })),
    }
}
