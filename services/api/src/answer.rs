//! What a call answers, and how it is written as an HTTP response.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;
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
    /// JSON as text.
    Written(String),
    Pem(String),
}

impl Answer {
    /// 200 with JSON.
    pub(crate) fn json(value: Value) -> Answer {
        Answer { status: 200, body: Body::Json(value) }
    }

    /// 200 with JSON, written straight away: for long answers, which a [`Value`] would hold once more.
    pub(crate) fn written(shown: &impl Serialize) -> Result<Answer, Refusal> {
        let text = serde_json::to_string(shown).map_err(|_| Refusal::internal())?;
        Ok(Answer { status: 200, body: Body::Written(text) })
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
pub(crate) fn response(result: Result<Answer, Refusal>, origin: &HeaderValue, expires_at: Option<i64>) -> HttpResponse {
    let status = match &result {
        Ok(answer) => answer.status,
        Err(refusal) => refusal.status,
    };
    let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    if status == 429 {
        response.insert_header((header::RETRY_AFTER, "1"));
    }
    let mut response = match result {
        Ok(Answer { body: Body::Empty, .. }) => response.finish(),
        Ok(Answer { body: Body::Pem(pem), .. }) => response.content_type("application/x-pem-file").body(pem),
        Ok(Answer { body: Body::Json(value), .. }) => json_body(response, value.to_string()),
        Ok(Answer { body: Body::Written(text), .. }) => json_body(response, text),
        Err(refusal) => json_body(response, refusal.body().to_string()),
    };
    headers::write(response.headers_mut(), origin, expires_at);
    response
}

fn json_body(mut response: HttpResponseBuilder, text: String) -> HttpResponse {
    response.content_type("application/json; charset=utf-8").body(text)
}
