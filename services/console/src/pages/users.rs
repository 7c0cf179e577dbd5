//! Pages about the users of an app: finding one, making one, one of them, keeping him out, and his end.

use actix_web::{HttpResponse, ResponseError, web};
use askama::Template;
use natter_proto::account::v1::{ListUsersReply, SignUpRequest, User};

use super::apps::{Shown, shown};
use super::form::{Entered, Field, Form};
use super::frame::Frame;
use super::{see, show, show_as, when};
use crate::apps::parse;
use crate::audit::Made;
use crate::error::Refusal;
use crate::service::Door;
use crate::users::{self, PER_PAGE, Page};

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    search: String,
    /// Without fields: what is wrong with what was searched for.
    form: Form,
    users: Vec<Row>,
    total: u64,
    /// From 1 on.
    page: u32,
    pages: u32,
}

struct Row {
    id: u64,
    /// The first name that there is.
    called: String,
    full_name: String,
    email: String,
    phone: String,
    is_banned: bool,
    is_guest: bool,
    seen_at: Option<String>,
}

impl Row {
    fn of(user: &User) -> Row {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Row {
            id: user.id,
            called: name_of(user),
            full_name: text(&user.full_name),
            email: text(&user.email),
            phone: text(&user.phone),
            is_banned: user.banned,
            is_guest: user.guest,
            seen_at: (user.last_request_at != 0).then(|| when(user.last_request_at)),
        }
    }
}

/// What is searched for, and which page of it.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct Query {
    q: String,
    page: String,
}

/// `GET /console/apps/{app}/users?q=&page=`: those who are meant; an id that is one's alone leads to him.
pub async fn find(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let query = query.into_inner();
    let (search, page) = (query.q.trim().to_owned(), query.page.parse().unwrap_or(1).max(1));
    let title = format!("Users of {}", shown.name);
    let asked = Page { search: search.clone(), page: Some(page), per_page: None };
    let found = match users::search(&door, parse(&path)?, &asked).await {
        Ok(found) => found,
        Err(refusal) if refusal.field() == "search" => {
            let (frame, form) = (frame.again(title), Form::default().refused(&refusal));
            let (users, tab) = (Vec::new(), "users");
            let page = UsersPage { frame, tab, shown, search: String::new(), form, users, total: 0, page, pages: 0 };
            return show_as(refusal.status_code(), &page);
        }
        Err(refusal) => return Err(refusal),
    };
    let ListUsersReply { users, total } = found;
    if let ([user], Ok(id)) = (users.as_slice(), search.parse::<u64>())
        && (user.id, total) == (id, 1)
    {
        return Ok(see(&format!("/console/apps/{}/users/{id}", shown.id)));
    }
    let pages = u32::try_from(total.div_ceil(PER_PAGE.into())).unwrap_or(u32::MAX);
    let users = users.iter().map(Row::of).collect();
    let (frame, form) = (frame.titled(title), Form::default());
    show(&UsersPage { frame, tab: "users", shown, search, form, users, total, page, pages })
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
    user_tab: &'static str,
    id: u64,
    is_banned: bool,
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
        ("External user id", user.external_user_id.map(|id| id.to_string()).unwrap_or_default()),
        ("Kind", if user.guest { "guest, for a day" } else { "" }.to_owned()),
        ("Made", when(user.created_at)),
        ("Changed", when(user.updated_at)),
        ("Last request", seen_at),
    ];
    let facts = facts.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let (frame, id, is_banned) = (frame.titled(name_of(&user)), user.id, user.banned);
    show(&UserPage { frame, tab: "users", shown, user_tab: "overview", id, is_banned, facts })
}

/// A user that a path names, and his app, for a page about him.
pub async fn whom(door: &Door, app: &str, id: &str) -> Result<(Shown, User), Refusal> {
    let user = users::find(door, parse(app)?, users::parse(id)?).await?;
    Ok((shown(door, app).await?, user))
}

// What stands in the heading, and is typed before the user is erased.
pub fn name_of(user: &User) -> String {
    let names = [&user.login, &user.email, &user.full_name];
    let name = names.into_iter().flatten().find(|name| !name.trim().is_empty());
    name.cloned().unwrap_or_else(|| format!("User {}", user.id))
}

#[derive(Template)]
#[template(path = "user_ban.html")]
struct BanPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    id: u64,
}

/// `GET /console/apps/{app}/users/{user}/ban`: asks first.
pub async fn doubt_ban(door: web::Data<Door>, frame: Frame, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (shown, user) = whom(&door, &path.0, &path.1).await?;
    let frame = frame.titled(format!("Ban {}", name_of(&user)));
    show(&BanPage { frame, tab: "users", shown, id: user.id })
}

/// `POST /console/apps/{app}/users/{user}/ban`.
pub async fn ban(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let user = users::set_banned(&door, parse(&path.0)?, users::parse(&path.1)?, true).await?;
    Ok(see(&format!("/console/apps/{}/users/{}?done=banned", user.app, user.id)))
}

/// `POST /console/apps/{app}/users/{user}/unban`.
pub async fn unban(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let user = users::set_banned(&door, parse(&path.0)?, users::parse(&path.1)?, false).await?;
    Ok(see(&format!("/console/apps/{}/users/{}?done=unbanned", user.app, user.id)))
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
