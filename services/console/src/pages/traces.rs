//! Pages about the ways of messages: where one is asked for, and the way of one. And whether every message of an app leaves a
//! trace.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;
use natter_proto::account::v1::GetUsersRequest;
use natter_proto::{DialogId, MessageId, UserId};

use super::apps::{Shown, shown};
use super::form::{Entered, Field, Form};
use super::frame::Frame;
use super::users::name_of;
use super::way::{after, steps};
use super::{see, show_as, when};
use crate::error::Refusal;
use crate::service::{Door, iso_ms};
use crate::traces::{self, HOURS, Place, Way};
use crate::{apps, users};

/// Users of a way whose names are looked up.
const NAMES_MAX: usize = 200;

#[derive(Template)]
#[template(path = "trace.html")]
struct TracePage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    /// A message.
    follow: Form,
    /// A user.
    badge: Form,
    /// Hours.
    hours: Form,
    kept: Kept,
}

impl TracePage {
    fn follow(&self) -> &Form {
        &self.follow
    }

    fn badge(&self) -> &Form {
        &self.badge
    }

    fn hours(&self) -> &Form {
        &self.hours
    }
}

/// Which messages of an app leave a trace.
struct Kept {
    /// One of so many; empty: not known here. `0`: none.
    one_in: String,
    /// Until when every one does.
    until: Option<String>,
}

impl Kept {
    async fn of(door: &Door, app: u64) -> Result<Kept, Refusal> {
        let until = traces::switched_until(door, app).await?;
        let setting = door.system.settings.iter().find(|setting| setting.path == "trace.one_in");
        let one_in = setting.map(|setting| setting.value.clone()).unwrap_or_default();
        Ok(Kept { one_in, until: (until > 0).then(|| when(until)) })
    }

    /// As a sentence.
    fn some(&self) -> String {
        match self.one_in.as_str() {
            "0" => "No message leaves a trace unless its app is switched on (trace.one_in).".to_owned(),
            "1" => "Every message of every app leaves a trace (trace.one_in).".to_owned(),
            "" => "Of some messages a trace is kept (trace.one_in).".to_owned(),
            one_in => format!("One message of {one_in} leaves a trace (trace.one_in)."),
        }
    }
}

fn follow_form() -> Form {
    Form::of(vec![Field::text("message", "Message id", "").hint("As clients know it, 24 hex digits.")]).with(
        "Its place",
        "It finds messages without an id, and alerts of those that left no trace.",
        vec![Field::text("dialog", "Dialog id", ""), Field::number("seq", "Number in the dialog", 0)],
    )
}

fn badge_form() -> Form {
    Form::of(vec![Field::number("user", "User id", 0)])
}

fn hours_form() -> Form {
    Form::of(vec![Field::number("hours", "Hours", HOURS).hint("A week (168) at most. It ends by itself.")])
}

fn title(shown: &Shown) -> String {
    format!("Message trace of {}", shown.name)
}

async fn page(door: &Door, frame: Frame, shown: Shown, forms: [Form; 3], status: StatusCode) -> Result<HttpResponse, Refusal> {
    let kept = Kept::of(door, shown.id).await?;
    let [follow, badge, hours] = forms;
    show_as(status, &TracePage { frame, tab: "trace", shown, follow, badge, hours, kept })
}

/// `GET /console/apps/{app}/trace[?message=ID&dialog=ID&seq=N | ?user=ID]`: leads to the way of a message, or to what a user has
/// not read.
pub async fn ask(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<String>,
    query: web::Query<Vec<(String, String)>>,
) -> Result<HttpResponse, Refusal> {
    let (shown, entered) = (shown(&door, &path).await?, Entered::of(query.into_inner()));
    let is_asked = |fields: &[&str]| fields.iter().any(|field| !entered.text(field).is_empty());
    let led = match (is_asked(&["message", "dialog", "seq"]), is_asked(&["user"])) {
        (true, _) => to_message(&door, shown.id, &entered).await,
        (_, true) => to_user(&door, shown.id, entered.text("user")).await,
        _ => {
            let frame = frame.titled(title(&shown));
            return page(&door, frame, shown, [follow_form(), badge_form(), hours_form()], StatusCode::OK).await;
        }
    };
    match led {
        Ok(path) => Ok(see(&path)),
        Err(refusal) => {
            let frame = frame.again(title(&shown));
            let (follow, badge) = match refusal.field() {
                "user" => (follow_form(), badge_form().filled(&entered).refused(&refusal)),
                _ => (follow_form().filled(&entered).refused(&refusal), badge_form()),
            };
            page(&door, frame, shown, [follow, badge, hours_form()], refusal.status_code()).await
        }
    }
}

// Where the way of what was entered is shown.
async fn to_message(door: &Door, app: u64, entered: &Entered) -> Result<String, Refusal> {
    let dialog = match entered.text("dialog") {
        "" => None,
        dialog => Some(dialog.parse::<DialogId>().map_err(|_| Refusal::malformed("dialog", "is not the id of a dialog"))?),
    };
    let place = match (dialog, entered.number("seq")?) {
        (None, 0) => None,
        (None, _) => return Err(Refusal::malformed("dialog", "is needed beside a number")),
        (Some(dialog), seq) => Some((dialog, seq)),
    };
    let message = match (entered.text("message"), place) {
        ("", Some((_, 0))) => return Err(Refusal::malformed("seq", "is needed where there is no id of a message")),
        ("", Some(place)) => {
            let found = traces::at(door, app, place).await?;
            found.ok_or_else(|| Refusal::malformed("seq", "names no message that left a trace"))?
        }
        (message, _) => traces::parse(message)?,
    };
    Ok(address(app, message, place))
}

/// Where the way of a message is shown.
pub fn address(app: u64, message: impl std::fmt::Display, place: Option<(DialogId, u64)>) -> String {
    let place = place.map(|(dialog, seq)| format!("?dialog={dialog}&seq={seq}")).unwrap_or_default();
    format!("/console/apps/{app}/messages/{message}{place}")
}

async fn to_user(door: &Door, app: u64, user: &str) -> Result<String, Refusal> {
    let id: UserId = user.parse().map_err(|_| Refusal::malformed("user", "must be the id of a user"))?;
    match users::find(door, natter_proto::AppId(app), id).await {
        Ok(user) => Ok(format!("/console/apps/{app}/users/{}/unread", user.id)),
        Err(refusal) if refusal.status_code() == StatusCode::NOT_FOUND => {
            Err(Refusal::malformed("user", "is nobody's of this app"))
        }
        Err(refusal) => Err(refusal),
    }
}

/// `POST /console/apps/{app}/trace`: every message leaves a trace for so many hours.
pub async fn switch(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<String>,
    entered: Entered,
) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let switched = async {
        match entered.number("hours")? {
            0 => Err(Refusal::malformed("hours", "must be at least 1")),
            hours => traces::switch_for(&door, shown.id, hours).await,
        }
    };
    match switched.await {
        Ok(_) => Ok(see(&format!("/console/apps/{}/trace?done=trace-on", shown.id))),
        Err(refusal) => {
            let frame = frame.again(title(&shown));
            let hours = hours_form().filled(&entered).refused(&refusal);
            page(&door, frame, shown, [follow_form(), badge_form(), hours], refusal.status_code()).await
        }
    }
}

/// `POST /console/apps/{app}/trace/off`.
pub async fn switch_off(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = apps::find(&door, &path).await?.id;
    traces::switch_for(&door, app, 0).await?;
    Ok(see(&format!("/console/apps/{app}/trace?done=trace-off")))
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    message: String,
    /// Empty: not known.
    dialog: String,
    seq: u64,
    sender: Option<Who>,
    begun_at: String,
    steps: Vec<Told>,
    has_hops: bool,
    has_pushes: bool,
    is_cut: bool,
    kept: Kept,
}

/// One step of the way.
struct Told {
    at: String,
    after: String,
    what: String,
    text: String,
    outcome: Option<(String, &'static str)>,
    remark: String,
    who: Option<Who>,
    node: String,
    resource: String,
}

/// A user, to be led to.
#[derive(Clone)]
struct Who {
    id: u64,
    name: String,
}

/// `GET /console/apps/{app}/messages/{message}[?dialog=ID&seq=N]`: its way. A page also where nothing is known: it says why.
pub async fn one(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    let (app, message) = path.into_inner();
    let place = web::Query::<Place>::from_query(request.query_string());
    let place = place.map_err(|error| Refusal::malformed("query", error.to_string()))?.into_inner();
    let (message, place) = (traces::parse(&message)?, place.read()?);
    let shown = shown(&door, &app).await?;
    let (way, status) = match traces::find(&door, shown.id, message, place).await {
        Ok(way) => (way, StatusCode::OK),
        Err(refusal) if refusal.status_code() == StatusCode::NOT_FOUND => (unknown(message, place), StatusCode::NOT_FOUND),
        Err(refusal) => return Err(refusal),
    };
    let kept = Kept::of(&door, shown.id).await?;
    let steps = steps(&way.hops, &way.pushes);
    let users = steps.iter().map(|step| step.user).chain(way.pushes.first().map(|note| note.sender));
    let names = names(&door, shown.id, users).await?;
    let who = |id: u64| {
        let name = || names.iter().find(|who| who.id == id).cloned().unwrap_or_else(|| Who { id, name: format!("User {id}") });
        (id > 0).then(name)
    };
    let begun = steps.first().map_or(0, |step| step.at);
    let told = steps.into_iter().map(|step| Told {
        at: when_ms(step.at),
        after: after(step.at - begun),
        what: step.what,
        text: step.text,
        outcome: step.outcome,
        remark: step.remark,
        who: who(step.user),
        node: step.node,
        resource: step.resource,
    });
    let steps: Vec<Told> = told.collect();
    let sender = way.pushes.iter().map(|note| note.sender).chain(way.hops.iter().map(sender_in)).find(|id| *id > 0);
    let page = MessagePage {
        frame: frame.titled("Message"),
        tab: "trace",
        shown,
        message: way.message.to_string(),
        dialog: way.dialog.map(|dialog| dialog.to_string()).unwrap_or_default(),
        seq: way.seq,
        sender: sender.and_then(who),
        begun_at: steps.first().map(|step| step.at.clone()).unwrap_or_default(),
        steps,
        has_hops: !way.hops.is_empty(),
        has_pushes: !way.pushes.is_empty(),
        is_cut: way.is_cut,
        kept,
    };
    show_as(status, &page)
}

// Whoever's message it is: hops on the way to the store are his.
fn sender_in(hop: &natter_proto::trace::v1::Hop) -> u64 {
    use natter_proto::trace::v1::Kind;
    if matches!(hop.kind(), Kind::Received | Kind::Ordered | Kind::Stored) { hop.user } else { 0 }
}

fn unknown(message: MessageId, place: Option<(DialogId, u64)>) -> Way {
    let (dialog, seq) = (place.map(|(dialog, _)| dialog), place.map_or(0, |(_, seq)| seq));
    Way { message, dialog, seq, hops: Vec::new(), pushes: Vec::new(), is_cut: false }
}

async fn names(door: &Door, app: u64, users: impl Iterator<Item = u64>) -> Result<Vec<Who>, Refusal> {
    let mut ids: Vec<u64> = users.filter(|id| *id > 0).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(NAMES_MAX);
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let users = door.accounts().get_users(GetUsersRequest { app, ids }).await?.into_inner().users;
    Ok(users.iter().map(|user| Who { id: user.id, name: name_of(user) }).collect())
}

/// An instant with milliseconds.
fn when_ms(ms: i64) -> String {
    iso_ms(ms).replace('T', " ")
}
