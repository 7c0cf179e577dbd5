//! The headers of every answer (contract rest 1.8), errors and preflights included.
//!
//! Written here and not by actix-cors: that crate writes its lists in the order of a hash set, refuses in plain text, and
//! adds nothing to an answer whose request named no origin.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

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

/// Writes the headers that every answer has. `origin` is the setting; `expires_at` (unix milliseconds) is known once a
/// token was resolved. An answer that does not say otherwise (files do) is never
/// cached: it belongs to one token, which no cache can see in the address.
pub(crate) fn write(headers: &mut HeaderMap, origin: &HeaderValue, expires_at: Option<i64>) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
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
