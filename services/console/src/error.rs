//! Refusals of the admin API: one JSON shape, one table from failure codes to statuses.

use actix_web::http::StatusCode;
use actix_web::http::header::WWW_AUTHENTICATE;
use actix_web::{HttpResponse, ResponseError};
use natter_proto::{Code, Failure};
use natter_rpc::Status;
use serde_json::json;

/// Why a request was not carried out, as the operator sees it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    /// Empty: the whole request.
    field: String,
    text: String,
}

impl Refusal {
    /// The request itself cannot be read.
    pub fn malformed(field: &str, text: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, "malformed", field, text)
    }

    /// No token or password, or not the right one.
    pub fn unauthorized() -> Refusal {
        let text = "send the console's token (`authorization: bearer ...`), or an operator's name and password (`basic`)";
        Refusal::new(StatusCode::UNAUTHORIZED, "unauthenticated", "", text)
    }

    /// A name and a password that are not right, where they are asked for.
    pub fn wrong_password() -> Refusal {
        Refusal::new(StatusCode::FORBIDDEN, "unauthenticated", "password", "is not that of this name")
    }

    /// The role does not go so far, or not there.
    pub fn forbidden() -> Refusal {
        Refusal::new(StatusCode::FORBIDDEN, "forbidden", "", "your role does not allow this")
    }

    /// Allowed to others, about what the field says.
    pub fn forbidden_field(field: &str) -> Refusal {
        Refusal::new(StatusCode::FORBIDDEN, "forbidden", field, "is for operators of the whole installation")
    }

    /// A browser sent a change with the cookie of a sign-in and without what its own page knows.
    pub fn no_csrf() -> Refusal {
        let text = "send the token that GET /admin/v1/me shows, as the header x-natter-csrf or the field csrf of a form";
        Refusal::new(StatusCode::FORBIDDEN, "forbidden", "csrf", text)
    }

    /// A browser sent the request for a page of another origin.
    pub fn foreign_page() -> Refusal {
        Refusal::new(StatusCode::FORBIDDEN, "forbidden", "origin", "is another page than this door's")
    }

    /// The request names a host that this door does not answer for.
    pub fn misdirected() -> Refusal {
        Refusal::new(StatusCode::MISDIRECTED_REQUEST, "forbidden", "host", "is not among `console.hosts`")
    }

    /// There is no such route, app or user.
    pub fn not_found(what: &str) -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, "not_found", "", format!("no such {what}"))
    }

    /// What it is about was there, and is no more.
    pub fn gone(text: &str) -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, "not_found", "", text)
    }

    /// It is in another state than the request needs.
    pub fn conflict(text: &str) -> Refusal {
        Refusal::new(StatusCode::CONFLICT, "conflict", "", text)
    }

    /// Nobody broke the glass before this history, or it is whole again.
    pub fn glass() -> Refusal {
        let text = "is not open for this dialog: say why you read it, then you may for some minutes";
        Refusal::new(StatusCode::FORBIDDEN, "forbidden", "glass", text)
    }

    /// The route exists, for another method.
    pub fn method() -> Refusal {
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "invalid", "", "this route does not take that method")
    }

    /// The body is over the limit.
    pub fn too_large(bytes_max: usize) -> Refusal {
        let text = format!("the body may have {bytes_max} bytes");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "", text)
    }

    /// A form that is over the limit.
    pub fn form_too_large() -> Refusal {
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "", "the form is too large")
    }

    /// Our own fault.
    pub fn internal(text: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "", text)
    }

    /// The same, told with where it happened.
    pub fn at(&self, place: &str) -> Refusal {
        let words = [place, &self.field, &self.text];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        Refusal { status: self.status, code: self.code, field: String::new(), text: words.join(" ") }
    }

    /// Whether what was asked about is not there.
    pub fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// What it is about; empty: the whole request.
    pub fn field(&self) -> &str {
        &self.field
    }

    fn new(status: StatusCode, code: &'static str, field: &str, text: impl Into<String>) -> Refusal {
        Refusal { status, code, field: field.to_owned(), text: text.into() }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        let (status, code) = match failure.code {
            Code::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            // The operator's own token was right, or this would not have been asked.
            Code::Unauthenticated => (StatusCode::FORBIDDEN, "unauthenticated"),
            Code::Forbidden | Code::Blocked | Code::Blocking => (StatusCode::FORBIDDEN, "forbidden"),
            Code::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Code::Exists => (StatusCode::CONFLICT, "exists"),
            Code::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Code::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too_many"),
            Code::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Code::NotStored => (StatusCode::SERVICE_UNAVAILABLE, "not_stored"),
            Code::Unknown => (StatusCode::GATEWAY_TIMEOUT, "unknown"),
            Code::Conflict => (StatusCode::CONFLICT, "conflict"),
            Code::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        Refusal::new(status, code, &failure.field, failure.text)
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Refusal {
        Failure::from(status).into()
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let error = json!({ "code": self.code, "field": self.field, "text": self.text });
        let mut answer = HttpResponse::build(self.status);
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 7617, 2; RFC 6750, 3.
            answer.append_header((WWW_AUTHENTICATE, r#"Basic realm="natter", charset="UTF-8""#));
            answer.append_header((WWW_AUTHENTICATE, r#"Bearer realm="natter""#));
        }
        answer.json(json!({ "error": error }))
    }
}
