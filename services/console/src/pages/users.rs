//! Pages about the users of an app: finding one, making one, one of them, and its end.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError, web};
use askama::Template;
use natter_proto::UserId;
use natter_proto::account::v1::{SignUpRequest, User};

use super::apps::{Search, Shown, shown};
use super::form::{Entered, Field, Form};
use super::frame::Frame;
use super::{see, show, show_as, when};
use crate::apps::parse;
use crate::audit::Made;
use crate::error::Refusal;
use crate::service::Door;
use crate::users;

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    search: String,
    /// Nobody has the id.
    is_missing: bool,
}

/// `GET /console/apps/{app}/users?q=`: leads to the user of that id.
pub async fn find(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<String>,
    query: web::Query<Search>,
) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let search = query.into_inner().q.trim().to_owned();
    if let Ok(id) = search.parse::<UserId>() {
        match users::find(&door, parse(&path)?, id).await {
            Ok(user) => return Ok(see(&format!("/console/apps/{}/users/{}", shown.id, user.id))),
            Err(refusal) if refusal.status_code() == StatusCode::NOT_FOUND => {}
            Err(refusal) => return Err(refusal),
        }
    }
    let is_missing = !search.is_empty();
    let title = format!("Users of {}", shown.name);
    show(&UsersPage { frame: frame.titled(title), tab: "users", shown, search, is_missing })
}

#[derive(Template)]
#[template(path = "user_new.html")]
struct NewPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    form: Form,
}

fn blank_form() -> Form {
    let names = vec![
        Field::text("login", "Login", "").hint("A login or an e-mail address is needed."),
        Field::text("email", "E-mail", ""),
        Field::text("full_name", "Full name", ""),
        Field::secret("password", "Password").required(),
    ];
    let moved = vec![Field::number("id", "User id", 0).hint("Leave it empty: one is chosen.")];
    Form::of(names).with("Moving a user here", "", moved)
}

/// `GET /console/apps/{app}/users/new`.
pub async fn blank(door: web::Data<Door>, frame: Frame, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let title = format!("New user of {}", shown.name);
    show(&NewPage { frame: frame.titled(title), tab: "users", shown, form: blank_form() })
}

/// `POST /console/apps/{app}/users`.
pub async fn create(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<String>,
    entered: Entered,
) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let made = async {
        let text = |field| Some(entered.text(field).to_owned()).filter(|text| !text.is_empty());
        let (login, email, full_name) = (text("login"), text("email"), text("full_name"));
        let request = SignUpRequest {
            app: shown.id,
            user: Some(User { login, email, full_name, ..User::default() }),
            password: entered.raw("password").to_owned(),
            id: entered.number("id")?,
            auth_key: String::new(),
        };
        users::make(&door, request).await
    };
    match made.await {
        Ok(user) => {
            let mut answer = see(&format!("/console/apps/{}/users/{}?done=user-made", shown.id, user.id));
            answer.extensions_mut().insert(Made { app: 0, target: user.id.to_string() });
            Ok(answer)
        }
        Err(refusal) => {
            let form = blank_form().filled(&entered).refused(&refusal);
            let frame = frame.again(format!("New user of {}", shown.name));
            show_as(refusal.status_code(), &NewPage { frame, tab: "users", shown, form })
        }
    }
}

#[derive(Template)]
#[template(path = "user.html")]
struct UserPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    id: u64,
    /// What is known of the user, in words.
    facts: Vec<(&'static str, String)>,
}

/// `GET /console/apps/{app}/users/{user}`.
pub async fn one(door: web::Data<Door>, frame: Frame, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, id) = path.into_inner();
    let user = users::find(&door, parse(&app)?, users::parse(&id)?).await?;
    let shown = shown(&door, &app).await?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let seen_at = if user.last_request_at == 0 { "never".to_owned() } else { when(user.last_request_at) };
    let facts = [
        ("Login", text(&user.login)),
        ("E-mail", text(&user.email)),
        ("Full name", text(&user.full_name)),
        ("Phone", text(&user.phone)),
        ("External id", text(&user.external_id)),
        ("Kind", if user.guest { "guest, for a day" } else { "" }.to_owned()),
        ("Made", when(user.created_at)),
        ("Changed", when(user.updated_at)),
        ("Last request", seen_at),
    ];
    let facts = facts.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    show(&UserPage { frame: frame.titled(name_of(&user)), tab: "users", shown, id: user.id, facts })
}

// What stands in the heading, and is typed before the user is erased.
pub fn name_of(user: &User) -> String {
    let names = [&user.login, &user.email, &user.full_name];
    let name = names.into_iter().flatten().find(|name| !name.trim().is_empty());
    name.cloned().unwrap_or_else(|| format!("User {}", user.id))
}

#[derive(Template)]
#[template(path = "user_erase.html")]
struct ErasePage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    id: u64,
    form: Form,
}

fn doubt_form() -> Form {
    Form::of(vec![Field::text("name", "Name of the user", "").hint("Type it as it stands in the heading.").required()])
}

/// `GET /console/apps/{app}/users/{user}/erase`: asks for the user's name.
pub async fn doubt(door: web::Data<Door>, frame: Frame, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, id) = path.into_inner();
    let user = users::find(&door, parse(&app)?, users::parse(&id)?).await?;
    let shown = shown(&door, &app).await?;
    let (id, name) = (user.id, name_of(&user));
    let frame = frame.titled(format!("Erase {name}"));
    show(&ErasePage { frame, tab: "users", shown, id, form: doubt_form() })
}

/// `POST /console/apps/{app}/users/{user}/erase`.
pub async fn erase(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<(String, String)>,
    entered: Entered,
) -> Result<HttpResponse, Refusal> {
    let (app, id) = path.into_inner();
    let (app_id, user_id) = (parse(&app)?, users::parse(&id)?);
    let user = users::find(&door, app_id, user_id).await?;
    let name = name_of(&user);
    let ended = match entered.text("name") == name.trim() {
        true => users::end(&door, app_id, user_id).await.map(drop),
        false => Err(Refusal::malformed("name", "is not the name of this user")),
    };
    match ended {
        Ok(()) => Ok(see(&format!("/console/apps/{}/erasures/{}", app_id.0, user_id.0))),
        Err(refusal) => {
            let shown = shown(&door, &app).await?;
            let form = doubt_form().filled(&entered).refused(&refusal);
            let frame = frame.again(format!("Erase {name}"));
            show_as(refusal.status_code(), &ErasePage { frame, tab: "users", shown, id: user.id, form })
        }
    }
}
