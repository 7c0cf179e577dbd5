//! What a call answers, and how it is written as an HTTP response.

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use futures::stream::BoxStream;
use serde::Serialize;
use serde_json::Value;

use crate::error::Refusal;
use crate::headers::{self, Reader};

/// What a call answers.
pub(crate) struct Answer {
    /// 200, 201 or 202; never 204, which SDK 1.x takes for an error (contract rest 1.5).
    pub status: u16,
    /// Of its own, beside those of every answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
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
    /// HTML, for people.
    Page(String),
    /// Bytes as they come, so many; of a `HEAD` none of them come.
    File {
        length: u64,
        bytes: BoxStream<'static, std::io::Result<Bytes>>,
    },
}

impl Answer {
    /// 200 with JSON.
    pub(crate) fn json(value: Value) -> Answer {
        Answer::of(200, Body::Json(value))
    }

    /// 200 with JSON, written straight away: for long answers, which a [`Value`] would hold once more.
    pub(crate) fn written(shown: &impl Serialize) -> Result<Answer, Refusal> {
        let text = serde_json::to_string(shown).map_err(|_| Refusal::internal())?;
        Ok(Answer::of(200, Body::Written(text)))
    }

    /// 201 with JSON.
    pub(crate) fn created(value: Value) -> Answer {
        Answer::of(201, Body::Json(value))
    }

    /// 200 with an empty body.
    pub(crate) fn empty() -> Answer {
        Answer::of(200, Body::Empty)
    }

    /// Without headers of its own.
    pub(crate) fn of(status: u16, body: Body) -> Answer {
        Answer { status, headers: Vec::new(), body }
    }
}

/// Writes an answer or a refusal, with the headers of every response. `expires_at` is that of the caller's token, unix
/// milliseconds.
pub(crate) fn response(result: Result<Answer, Refusal>, reader: Reader, expires_at: Option<i64>) -> HttpResponse {
    let status = match &result {
        Ok(answer) => answer.status,
        Err(refusal) => refusal.status,
    };
    let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    if status == 429 {
        response.insert_header((header::RETRY_AFTER, "1"));
    }
    let (own, mut response) = match result {
        Ok(Answer { headers, body, .. }) => (headers, written(response, body)),
        Err(refusal) => (Vec::new(), json_body(response, refusal.body().to_string())),
    };
    for (name, value) in own {
        response.headers_mut().insert(name, value);
    }
    headers::write(response.headers_mut(), reader, expires_at);
    response
}

fn written(mut response: HttpResponseBuilder, body: Body) -> HttpResponse {
    match body {
        Body::Empty => response.finish(),
        Body::Pem(pem) => response.content_type("application/x-pem-file").body(pem),
        Body::Page(html) => response.content_type("text/html; charset=utf-8").body(html),
        Body::Json(value) => json_body(response, value.to_string()),
        Body::Written(text) => json_body(response, text),
        Body::File { length, bytes } => response.body(SizedStream::new(length, bytes)),
    }
}

fn json_body(mut response: HttpResponseBuilder, text: String) -> HttpResponse {
    response.content_type("application/json; charset=utf-8").body(text)
}
