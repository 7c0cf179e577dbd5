//! What a call answers, and how it is written as an HTTP response.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::Value;

use crate::error::Refusal;
use crate::headers;

/// What a call answers.
pub(crate) struct Answer {
    /// 200, 201 or 202; never 204, which SDK 1.x takes for an error (contract rest 1.5).
    pub status: u16,
    pub body: Body,
}

/// The body of an answer.
pub(crate) enum Body {
    /// What a text call of the SDK gets (class T).
    Empty,
    Json(Value),
    Pem(String),
}

impl Answer {
    /// 200 with JSON.
    pub(crate) fn json(value: Value) -> Answer {
        Answer { status: 200, body: Body::Json(value) }
    }

    /// 201 with JSON.
    pub(crate) fn created(value: Value) -> Answer {
        Answer { status: 201, body: Body::Json(value) }
    }

    /// 200 with an empty body.
    pub(crate) fn empty() -> Answer {
        Answer { status: 200, body: Body::Empty }
    }
}

/// Writes an answer or a refusal, with the headers of every response. `expires_at` is that of the caller's token, unix
/// milliseconds.
pub(crate) fn response(result: &Result<Answer, Refusal>, origin: &HeaderValue, expires_at: Option<i64>) -> HttpResponse {
    let status = match result {
        Ok(answer) => answer.status,
        Err(refusal) => refusal.status,
    };
    let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    if status == 429 {
        response.insert_header((header::RETRY_AFTER, "1"));
    }
    let mut response = match result {
        Ok(Answer { body: Body::Empty, .. }) => response.finish(),
        Ok(Answer { body: Body::Pem(pem), .. }) => response.content_type("application/x-pem-file").body(pem.clone()),
        Ok(Answer { body: Body::Json(value), .. }) => json_body(response, value),
        Err(refusal) => json_body(response, &refusal.body()),
    };
    headers::write(response.headers_mut(), origin, expires_at);
    response
}

fn json_body(mut response: HttpResponseBuilder, value: &Value) -> HttpResponse {
    response.content_type("application/json; charset=utf-8").body(value.to_string())
}
