//! A forgotten password (contract rest 3.2): the SDK's call, and the page that the mail's link opens.
//!
//! The page is text and a form. It runs nothing, loads nothing, tells no other site its address, and stands in no frame; a look at it
//! (mail scanners take one) changes nothing.

use actix_web::http::header::{CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_FRAME_OPTIONS};
use natter_proto::account::v1::{AskPasswordResetRequest, ResetPasswordRequest};
use natter_proto::{Code, Failure};

use crate::answer::{Answer, Body};
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;
use crate::origin;

const HEADERS: [(HeaderName, &str); 3] = [
    (CONTENT_SECURITY_POLICY, "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"),
    (REFERRER_POLICY, "no-referrer"),
    (X_FRAME_OPTIONS, "DENY"),
];

const FORM: &str = r#"<form method="post"><p><label>New password <input type="password" name="password" required autocomplete="new-password"></label></p><p><button>Set the password</button></p></form>"#;

/// `users.resetPassword`: `GET` up to SDK 3, `POST` from 4 on. The answer is the same whoever's the address is.
pub(crate) async fn ask(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    // A name in the request would put the link on whatever host the asker likes, into a mail to somebody else.
    let root = if door.options.public_url.is_empty() { &door.root } else { &door.options.public_url };
    let request = AskPasswordResetRequest {
        app: caller.0.app,
        email: asked.params.word_needed("email")?,
        address: asked.address.clone(),
        page: format!("{}/password/reset/", origin::in_mails(root, &caller.0)),
    };
    if asked.head {
        return Ok(Answer::empty());
    }
    door.accounts().ask_password_reset(request).await?;
    Ok(Answer::empty())
}

/// `GET /password/reset/{key}`: the same for every key.
pub(crate) fn page() -> Answer {
    written(200, "Choose a new password.", FORM)
}

/// `POST /password/reset/{key}`.
pub(crate) async fn set(door: &Door, asked: &Asked) -> Answer {
    let password = asked.params.text("password").unwrap_or_default();
    let (key, address, host) = (asked.ids.clone(), asked.address.clone(), asked.host.clone());
    let request = ResetPasswordRequest { key, password, address, host };
    let outcome = door.accounts().reset_password(request).await.map_err(Failure::from);
    match outcome.map_err(|failure| (failure.code, failure.text)) {
        Ok(_) => written(200, "The new password is set. Sign in with it in the app.", ""),
        Err((Code::Invalid, text)) => written(422, &format!("The password {text}."), FORM),
        Err((Code::NotFound, _)) => written(404, "This link is over. Ask for another one in the app.", ""),
        Err((Code::TooMany, _)) => written(429, "Too many tries, please wait a minute.", FORM),
        Err(_) => written(503, "It could not be done, please try again.", FORM),
    }
}

// Nothing of a request stands in a page: the texts are ours.
fn written(status: u16, text: &str, form: &str) -> Answer {
    let head = r#"<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Password</title>"#;
    let mut answer = Answer::of(status, Body::Page(format!("{head}<p>{text}</p>{form}</html>\n")));
    answer.headers = HEADERS.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
    answer
}
