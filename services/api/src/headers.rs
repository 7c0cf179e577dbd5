//! The headers of every answer (contract rest 1.8), errors and preflights included.
//!
//! Written here and not by actix-cors: that crate writes its lists in the order of a hash set, refuses in plain text, and
//! adds nothing to an answer whose request named no origin.

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use natter_proto::account::v1::Session;

use crate::object;

/// When the caller's token expires unless it is used again.
const EXPIRATION: HeaderName = HeaderName::from_static("cb-token-expirationdate");

const FIXED: [(HeaderName, &str); 5] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type, CB-Token, CB-SDK, CB-AuthKey"),
    (header::ACCESS_CONTROL_EXPOSE_HEADERS, "CB-Token-ExpirationDate, Date"),
    (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    (HeaderName::from_static("connectycube-rest-api-version"), "0.1.1"),
];

/// What a request has shown so far of its session and its app, for the headers of its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Known {
    /// Of its token, unix milliseconds.
    pub expires_at: Option<i64>,
    /// Its app takes pages of listed origins only (`account/src/origin.rs`).
    pub lists_origins: bool,
    /// 0: nobody's.
    pub app: u64,
    /// 0: the app's own.
    pub user: u64,
}

impl Known {
    /// What a session shows.
    pub(crate) fn of(session: &Session) -> Known {
        Known { expires_at: Some(session.expires_at), lists_origins: session.lists_origins, app: session.app, user: session.user }
    }
}

/// Which page may read an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reader {
    /// As the setting says.
    Usual(HeaderValue),
    /// That of the listed origin which asked. None: no page did, or one that is not listed.
    ///
    /// A preflight carries neither a token nor a key and is answered as usual: the request behind it is refused.
    Listed(Option<HeaderValue>),
}

impl Reader {
    /// Of the answer to a request. `usual` is the setting; `is_foreign`: it was refused for its page.
    pub(crate) fn of(request: &HttpRequest, usual: &HeaderValue, lists_origins: bool, is_foreign: bool) -> Reader {
        match lists_origins || is_foreign {
            false => Reader::Usual(usual.clone()),
            true => Reader::Listed(request.headers().get(header::ORIGIN).filter(|_| !is_foreign).cloned()),
        }
    }
}

/// Writes the headers that every answer has. `expires_at` (unix milliseconds) is known once a
/// token was resolved. An answer that does not say otherwise (files do) is never
/// cached: it belongs to one token, which no cache can see in the address.
pub(crate) fn write(headers: &mut HeaderMap, reader: Reader, expires_at: Option<i64>) {
    let origin = match reader {
        Reader::Usual(origin) => Some(origin),
        Reader::Listed(origin) => {
            headers.insert(header::VARY, HeaderValue::from_static("Origin"));
            origin
        }
    };
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(Ok(value)) = expires_at.map(|ms| HeaderValue::try_from(object::expiration(ms))) {
        headers.insert(EXPIRATION, value);
    }
}
