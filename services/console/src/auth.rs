//! Who may use this door: whoever holds the token, under a name of this host. Runs before a route is matched or a body read.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, HOST, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::http::{Method, Uri};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError, web};
use subtle::ConstantTimeEq;

use crate::error::Refusal;
use crate::service::Door;

/// Lets a request through to its route, or answers for it.
pub async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let door = request.app_data::<web::Data<Door>>().expect("the door is set where the app is made").clone();
    let mut response = match admit(&door, &request) {
        Ok(()) => next.call(request).await?.map_into_boxed_body(),
        Err(refusal) => request.into_response(refusal.error_response()).map_into_boxed_body(),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    door.metrics.answered(response.status().as_u16());
    Ok(response)
}

fn admit(door: &Door, request: &ServiceRequest) -> Result<(), Refusal> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    if !is_ours(host_of(request.uri(), host), &door.hosts) {
        return Err(Refusal::misdirected());
    }
    let is_open = request.path() == "/" && matches!(*request.method(), Method::GET | Method::HEAD);
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if is_open || is_bearer(given, &door.token) {
        return Ok(());
    }
    Err(Refusal::unauthorized())
}

// HTTP/2 carries the name in the URI, HTTP/1.1 in the header.
fn host_of<'a>(uri: &'a Uri, header: Option<&'a str>) -> Option<&'a str> {
    let authority = uri.authority().map(|authority| authority.as_str()).or(header)?;
    let without_port = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    Some(without_port)
}

/// An attacker can point a name of his own at this machine, but not make a browser call it by an address.
fn is_ours(host: Option<&str>, names: &[String]) -> bool {
    let Some(host) = host else { return false };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_address = bare.parse::<std::net::IpAddr>().is_ok();
    is_address || host.eq_ignore_ascii_case("localhost") || names.iter().any(|name| name.eq_ignore_ascii_case(host))
}

/// Takes the same time wherever the token differs. Without a token nothing is right.
fn is_bearer(header: Option<&str>, token: &str) -> bool {
    let Some((scheme, given)) = header.and_then(|header| header.split_once(' ')) else { return false };
    let same: bool = given.trim().as_bytes().ct_eq(token.as_bytes()).into();
    scheme.eq_ignore_ascii_case("bearer") && same && !token.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_opens() {
        for (header, opens) in [
            (Some("Bearer t0ken"), true),
            (Some("bearer  t0ken "), true),
            (Some("Bearer t0kem"), false),
            (Some("Bearer t0ken2"), false),
            (Some("Bearer "), false),
            (Some("Basic t0ken"), false),
            (Some("t0ken"), false),
            (None, false),
        ] {
            assert_eq!(is_bearer(header, "t0ken"), opens, "{header:?}");
        }
        assert!(!is_bearer(Some("Bearer "), ""), "no token opens nothing");
    }

    #[test]
    fn a_foreign_name_is_not_ours() {
        let names = ["natter.example.test".to_owned()];
        for (host, ours) in [
            (Some("localhost:8090"), true),
            (Some("LOCALHOST"), true),
            (Some("127.0.0.1:8090"), true),
            (Some("[::1]:8090"), true),
            (Some("[::1]"), true),
            (Some("Natter.example.test:1"), true),
            (Some("rebound.example.test:8090"), false),
            (Some("localhost.example.test"), false),
            (Some("127.0.0.1.example.test"), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(is_ours(host_of(&Uri::from_static("/admin"), host), &names), ours, "{host:?}");
        }
    }
}
