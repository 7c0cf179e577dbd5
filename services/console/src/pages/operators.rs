//! Pages about operators: who they are, what each may do and where, passwords. A password is shown by the page that made it, and
//! by no other.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError, web};
use askama::Template;
use natter_proto::account::v1::{Operator, OperatorSecret};

use super::form::{Entered, Field, Form};
use super::frame::Frame;
use super::{see, show, show_as, when};
use crate::audit::Made;
use crate::caller::{Caller, Role, TOKEN_NAME};
use crate::error::Refusal;
use crate::operators::{self, Wanted, all, make, renewed};
use crate::service::Door;

const ROLES: &[&str] = &["viewer", "moderator", "operator", "owner"];
const EVERYWHERE: &str = "all";

/// An operator as pages show it.
struct Shown {
    name: String,
    role: &'static str,
    /// `all`, or ids.
    apps: String,
    created_at: String,
    password_at: String,
}

impl Shown {
    fn of(operator: &Operator) -> Shown {
        let ids: Vec<String> = operator.apps.iter().map(u64::to_string).collect();
        Shown {
            name: operator.name.clone(),
            role: Role::of(operator.role()).name(),
            apps: if operator.limited { ids.join(" ") } else { EVERYWHERE.to_owned() },
            created_at: when(operator.created_at),
            password_at: when(operator.password_at),
        }
    }
}

#[derive(Template)]
#[template(path = "operators.html")]
struct OperatorsPage {
    frame: Frame,
    operators: Vec<Shown>,
}

/// `GET /console/operators`.
pub async fn list(door: web::Data<Door>, frame: Frame) -> Result<HttpResponse, Refusal> {
    let operators = all(&door).await?.iter().map(Shown::of).collect();
    show(&OperatorsPage { frame: frame.titled("Operators"), operators })
}

#[derive(Template)]
#[template(path = "operator_new.html")]
struct NewPage {
    frame: Frame,
    form: Form,
}

fn grant_fields(role: &str, apps: &str) -> Vec<Field> {
    vec![
        Field::choice("role", "Role", role, ROLES)
            .hint("Viewers see, moderators deal with users, operators change apps and see secrets, owners do all."),
        Field::text("apps", "Apps", apps).hint("all, or the ids of the only apps that are seen, as in: 1 7").required(),
    ]
}

fn blank_form() -> Form {
    let mut fields = vec![Field::text("name", "Name", "").hint("Small letters and digits.").required()];
    fields.extend(grant_fields("viewer", ""));
    Form::of(fields)
}

/// `GET /console/new-operator`.
pub async fn blank(frame: Frame) -> Result<HttpResponse, Refusal> {
    let frame = Frame { section: "operators".to_owned(), ..frame.titled("New operator") };
    show(&NewPage { frame, form: blank_form() })
}

fn wanted(entered: &Entered) -> Result<Wanted, Refusal> {
    let role = Role::named(entered.text("role")).ok_or_else(|| Refusal::malformed("role", "has to be chosen"))?;
    let apps = match entered.text("apps") {
        EVERYWHERE => None,
        text => {
            let parts = text.split([' ', ',']).filter(|part| !part.is_empty());
            let ids: Option<Vec<u64>> = parts.map(|part| part.parse().ok()).collect();
            let ids = ids.filter(|ids| !ids.is_empty());
            Some(ids.ok_or_else(|| Refusal::malformed("apps", "must be all, or ids of apps"))?)
        }
    };
    Ok(Wanted { role: Some(role), apps: Some(apps) })
}

#[derive(Template)]
#[template(path = "operator_secret.html")]
struct SecretPage {
    frame: Frame,
    secret: OperatorSecret,
    /// The caller's own, whose sign-in has ended.
    is_own: bool,
}

/// `POST /console/operators`.
pub async fn create(door: web::Data<Door>, frame: Frame, entered: Entered) -> Result<HttpResponse, Refusal> {
    let made = async { make(&door, entered.text("name").to_owned(), wanted(&entered)?).await };
    match made.await {
        Ok(secret) => {
            let target = secret.name.clone();
            let frame = frame.titled(format!("Operator {target} was made"));
            let mut answer = show_as(StatusCode::CREATED, &SecretPage { frame, secret, is_own: false })?;
            answer.extensions_mut().insert(Made { app: 0, target });
            Ok(answer)
        }
        Err(refusal) => {
            let form = blank_form().filled(&entered).refused(&refusal);
            show_as(refusal.status_code(), &NewPage { frame: frame.again("New operator"), form })
        }
    }
}

#[derive(Template)]
#[template(path = "operator.html")]
struct OperatorPage {
    frame: Frame,
    shown: Shown,
    form: Form,
    is_own: bool,
}

async fn find(door: &Door, name: &str) -> Result<Shown, Refusal> {
    let operators = all(door).await?;
    let operator = operators.iter().find(|operator| operator.name == name);
    operator.map(Shown::of).ok_or_else(|| Refusal::not_found("operator"))
}

/// `GET /console/operators/{name}`.
pub async fn one(door: web::Data<Door>, caller: Caller, frame: Frame, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let shown = find(&door, &path).await?;
    let form = Form::of(grant_fields(shown.role, &shown.apps));
    let is_own = caller.name == shown.name;
    show(&OperatorPage { frame: frame.titled(format!("Operator {}", shown.name)), shown, form, is_own })
}

/// `POST /console/operators/{name}`: role and apps.
pub async fn change(
    door: web::Data<Door>,
    caller: Caller,
    frame: Frame,
    path: web::Path<String>,
    entered: Entered,
) -> Result<HttpResponse, Refusal> {
    let changed = async { operators::change(&door, path.to_string(), wanted(&entered)?).await };
    match changed.await {
        Ok(operator) => Ok(see(&format!("/console/operators/{}?done=granted", operator.name))),
        Err(refusal) => {
            let shown = find(&door, &path).await?;
            let form = Form::of(grant_fields(shown.role, &shown.apps)).filled(&entered).refused(&refusal);
            let is_own = caller.name == shown.name;
            let frame = frame.again(format!("Operator {}", shown.name));
            show_as(refusal.status_code(), &OperatorPage { frame, shown, form, is_own })
        }
    }
}

/// `POST /console/operators/{name}/password`.
pub async fn renew(
    door: web::Data<Door>,
    caller: Caller,
    frame: Frame,
    path: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let secret = renewed(&door, path.into_inner()).await?;
    let frame = frame.titled(format!("New password of {}", secret.name));
    let is_own = caller.name == secret.name;
    show(&SecretPage { frame, secret, is_own })
}

/// `POST /console/password`: the caller's own.
pub async fn renew_own(door: web::Data<Door>, caller: Caller, frame: Frame) -> Result<HttpResponse, Refusal> {
    if caller.name == TOKEN_NAME {
        return Err(Refusal::not_found("operator"));
    }
    let secret = renewed(&door, caller.name).await?;
    show(&SecretPage { frame: frame.titled("Your new password"), secret, is_own: true })
}

#[derive(Template)]
#[template(path = "operator_remove.html")]
struct RemovePage {
    frame: Frame,
    shown: Shown,
    form: Form,
}

fn doubt_form() -> Form {
    Form::of(vec![Field::text("name", "Name of the operator", "").required()])
}

/// `GET /console/operators/{name}/remove`: asks for the name.
pub async fn doubt(door: web::Data<Door>, frame: Frame, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let shown = find(&door, &path).await?;
    show(&RemovePage { frame: frame.titled(format!("Remove {}", shown.name)), shown, form: doubt_form() })
}

/// `POST /console/operators/{name}/remove`.
pub async fn remove(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<String>,
    entered: Entered,
) -> Result<HttpResponse, Refusal> {
    let shown = find(&door, &path).await?;
    let removed = match entered.text("name") == shown.name {
        true => operators::remove(&door, shown.name.clone()).await,
        false => Err(Refusal::malformed("name", "is not the name of this operator")),
    };
    match removed {
        Ok(()) => Ok(see("/console/operators?done=removed")),
        Err(refusal) => {
            let form = doubt_form().filled(&entered).refused(&refusal);
            let frame = frame.again(format!("Remove {}", shown.name));
            show_as(refusal.status_code(), &RemovePage { frame, shown, form })
        }
    }
}
