//! The page where an operator signs in, and the way out.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;

use super::form::{Entered, Field, Form};
use super::frame::Frame;
use super::{see, show, show_as};
use crate::caller::Caller;
use crate::error::Refusal;
use crate::service::Door;
use crate::session;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    form: Form,
    /// Where it leads afterwards.
    next: String,
}

const FRONT: &str = "/console/";
const NEXT_BYTES_MAX: usize = 512;

/// Where somebody who is not signed in does so, to come back to what was asked for.
pub fn address(request: &HttpRequest) -> String {
    let path = request.path();
    match request.method().is_safe() && path != "/console" && path != FRONT && is_ours(path) {
        true => format!("/console/sign-in?next={path}"),
        false => "/console/sign-in".to_owned(),
    }
}

// A path of a page, with nothing in it that would end a query or lead elsewhere.
fn is_ours(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.');
    path.starts_with(FRONT) && path.len() <= NEXT_BYTES_MAX && path.bytes().all(plain) && path != "/console/sign-in"
}

fn blank() -> Form {
    Form::of(vec![
        Field::text("name", "Name", "").required().filled_by("username"),
        Field::secret("password", "Password").required().filled_by("current-password"),
    ])
}

/// What is asked for in the address of the form.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct Query {
    next: String,
}

/// `GET /console/sign-in[?next=PATH]`.
pub async fn form(frame: Frame, query: web::Query<Query>) -> Result<HttpResponse, Refusal> {
    show(&SignInPage { frame: frame.titled("Sign in"), form: blank(), next: query.into_inner().next })
}

/// `POST /console/sign-in`.
pub async fn enter(door: web::Data<Door>, frame: Frame, visit: Visit, entered: Entered) -> Result<HttpResponse, Refusal> {
    let (name, password) = (entered.text("name").to_owned(), entered.raw("password").to_owned());
    let next = entered.text("next").to_owned();
    match session::sign_in(&door, name, password, &visit).await {
        Ok(begun) => {
            let mut answer = see(if is_ours(&next) { &next } else { FRONT });
            answer.add_cookie(&begun.cookie).map_err(|error| Refusal::internal(error.to_string()))?;
            Ok(answer)
        }
        Err(refusal) => {
            let status = refusal.status_code();
            let mut form = blank().filled(&entered).refused(&refusal);
            if status == StatusCode::FORBIDDEN {
                // Which of the two is wrong is not told.
                form = blank().filled(&entered);
                form.trouble = Some(("Name or password is wrong.".to_owned(), "name".to_owned()));
            }
            show_as(status, &SignInPage { frame: frame.again("Sign in"), form, next })
        }
    }
}

/// `POST /console/sign-out`.
pub async fn leave(door: web::Data<Door>, caller: Caller, visit: Visit) -> Result<HttpResponse, Refusal> {
    session::sign_out(&door, &caller).await?;
    signed_out(&visit)
}

/// Leads who has no sign-in any more to where one is made.
pub fn signed_out(visit: &Visit) -> Result<HttpResponse, Refusal> {
    let mut answer = see("/console/sign-in?done=signed-out");
    answer.add_cookie(&session::no_cookie(visit)).map_err(|error| Refusal::internal(error.to_string()))?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_comes_back_to_a_page_of_this_door_and_to_nothing_else() {
        for path in ["/console/apps", "/console/apps/7/users/5", "/console/operators/ann.b-c_d"] {
            assert!(is_ours(path), "{path}");
        }
        for path in [
            "",
            "/",
            "/console",
            "//evil.test",
            "/console/../x?y",
            "https://evil.test/console/",
            "/console/\\x",
            "/console/%0a",
            "/console/sign-in",
        ] {
            assert!(!is_ours(path), "{path}");
        }
    }
}
