//! Who may use this door, and for what: whoever holds the token, operators by name and password or by the cookie of their sign-in,
//! under a name of this host, each as far as the table of rights goes. Runs before a route is matched or a body read.

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Uri;
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, HOST, HeaderName, HeaderValue, ORIGIN};
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage, ResponseError, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use natter_proto::account::v1::CheckOperatorRequest;
use natter_proto::{Code, Failure};
use subtle::ConstantTimeEq;

use crate::audit::{Entry, Made};
use crate::caller::Caller;
use crate::error::Refusal;
use crate::pages;
use crate::rights::{self, Need, Right};
use crate::service::Door;
use crate::session;
use crate::visit::Visit;

/// What a page of a sign-in sends along with a change: this header, or this field of a form.
const CSRF_HEADER: HeaderName = HeaderName::from_static("x-natter-csrf");
const CSRF_FIELD: &str = "csrf";
const FORM: &str = "application/x-www-form-urlencoded";

/// Lets a request through to its route, or answers for it.
pub async fn guard(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let door = request.app_data::<web::Data<Door>>().expect("the door is set where the app is made").clone();
    let mut response = match admit(&door, &mut request).await {
        Ok(entry) => {
            let response = pages::in_words(next.call(request).await?);
            let made = response.response().extensions().get::<Made>().cloned();
            if let Some(entry) = entry {
                entry.settle(&door, response.status().as_u16(), made).await;
            }
            response
        }
        Err(refusal) => {
            let answer = match pages::is_page(request.path()) {
                true => pages::refused(request.request(), &refusal),
                false => refusal.error_response(),
            };
            request.into_response(answer)
        }
    };
    let headers = response.headers_mut();
    for (name, value) in pages::HEADERS {
        if !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    }
    // Only files that never change under their name may be kept.
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    door.metrics.answered(response.status().as_u16());
    Ok(response)
}

// Leaves the caller with the request. What changes something has its entry in the audit log.
async fn admit(door: &Door, request: &mut ServiceRequest) -> Result<Option<Entry>, Refusal> {
    check_address(door, request)?;
    let right = find(request);
    if let Ok(Right { need: Need::Anybody, .. }) = right {
        return Ok(None);
    }
    let caller = caller(door, request).await?;
    // A page that says no says it to somebody.
    request.extensions_mut().insert(caller.clone());
    let right = right?;
    if caller.csrf.is_some() && !request.method().is_safe() && !is_own_page(request, &caller).await {
        return Err(Refusal::no_csrf());
    }
    let path = request.path();
    right.check(&caller, path)?;
    let mut entry = None;
    if right.is_entered() {
        let route = format!("{} {}", right.method, right.pattern);
        let app = right.app(path).map_or(0, |app| app.0);
        let address = Visit::of(request.request()).address;
        entry = Some(Entry::begin(door, &caller, &address, right.action, &route, app, right.target(path).to_owned()).await?);
    }
    Ok(entry)
}

fn check_address(door: &Door, request: &ServiceRequest) -> Result<(), Refusal> {
    let text = |name: HeaderName| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text(HOST);
    if !is_ours(host_of(request.uri(), host), &door.hosts) {
        return Err(Refusal::misdirected());
    }
    if text(ORIGIN).is_some_and(|origin| !is_same_origin(origin, authority_of(request.uri(), host))) {
        return Err(Refusal::foreign_page());
    }
    Ok(())
}

// The router decodes what a path spells otherwise, this does not: so that both see the same route, such a path has none. No name in
// a path of this door needs it.
fn find(request: &ServiceRequest) -> Result<&'static Right, Refusal> {
    let pattern = request.match_pattern().filter(|_| !request.path().contains('%'));
    rights::find(request.method(), &pattern.ok_or_else(|| Refusal::not_found("route"))?)
}

// A token, a name and a password, or the cookie of a sign-in. Whoever shows one of the first two is asked for nothing else.
async fn caller(door: &Door, request: &ServiceRequest) -> Result<Caller, Refusal> {
    let Some(given) = request.headers().get(AUTHORIZATION) else {
        let token = session::token_of(request.request()).ok_or_else(Refusal::unauthorized)?;
        return session::check(door, token).await;
    };
    let given = Some(given.to_str().unwrap_or_default());
    if is_bearer(given, &door.token) {
        return Ok(Caller::token());
    }
    let (name, password) = basic(given).ok_or_else(Refusal::unauthorized)?;
    let address = Visit::of(request.request()).address;
    let checked = door.operators().check_operator(CheckOperatorRequest { name, password, address }).await;
    let operator = checked.map_err(|status| match Failure::from(status) {
        Failure { code: Code::Unauthenticated, .. } => Refusal::unauthorized(),
        failure => failure.into(),
    })?;
    Ok(Caller::operator(operator.into_inner()))
}

// A browser sends the cookie along with whatever page asks; only a page of the sign-in knows this.
async fn is_own_page(request: &mut ServiceRequest, caller: &Caller) -> bool {
    if let Some(given) = request.headers().get(CSRF_HEADER) {
        return session::is_own_page(caller, given.to_str().unwrap_or_default());
    }
    if !request.content_type().eq_ignore_ascii_case(FORM) {
        return false;
    }
    let Ok(body) = request.extract::<Bytes>().await else { return false };
    let fields = std::str::from_utf8(&body).ok().and_then(|text| web::Query::<Vec<(String, String)>>::from_query(text).ok());
    let given = fields.and_then(|fields| fields.into_inner().into_iter().find(|(name, _)| name == CSRF_FIELD));
    // The route reads it once more.
    request.set_payload(Payload::Stream { payload: Box::pin(futures::stream::iter([Ok(body)])) });
    given.is_some_and(|(_, given)| session::is_own_page(caller, &given))
}

// HTTP/2 carries the name in the URI, HTTP/1.1 in the header.
fn authority_of<'a>(uri: &'a Uri, header: Option<&'a str>) -> Option<&'a str> {
    uri.authority().map(|authority| authority.as_str()).or(header)
}

/// The name that a request asks for, without a port.
pub fn host_of<'a>(uri: &'a Uri, header: Option<&'a str>) -> Option<&'a str> {
    let authority = authority_of(uri, header)?;
    let without_port = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    Some(without_port)
}

/// A browser names the page that asks in all but simple reads (Fetch, 3.1), whose answers that page cannot see. The scheme is
/// not compared: a proxy before this door may speak TLS. `null` (a sandbox, a file) is another page.
fn is_same_origin(origin: &str, authority: Option<&str>) -> bool {
    let asking = origin.split_once("://").map(|(_, asking)| asking);
    asking.zip(authority).is_some_and(|(asking, authority)| asking.eq_ignore_ascii_case(authority))
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

/// Name and password of `Basic` (RFC 7617, 2). What cannot be read is none.
fn basic(header: Option<&str>) -> Option<(String, String)> {
    let (scheme, given) = header?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(given.trim()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
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

    #[test]
    fn a_name_and_a_password_are_read_or_not_there() {
        for (header, pair) in [
            ("Basic YWRtaW46d29yZA==", Some(("admin", "word"))),
            ("basic  YWRtaW46d29yZA== ", Some(("admin", "word"))),
            ("Basic YWRtaW46d286cmQ=", Some(("admin", "wo:rd"))),
            ("Basic Og==", Some(("", ""))),
            ("Basic YWRtaW4=", None),
            ("Basic %%%", None),
            ("Basic /zr/", None),
            ("Bearer YWRtaW46d29yZA==", None),
            ("YWRtaW46d29yZA==", None),
        ] {
            let pair = pair.map(|(name, password)| (name.to_owned(), password.to_owned()));
            assert_eq!(basic(Some(header)), pair, "{header}");
        }
        assert_eq!(basic(None), None);
    }

    #[test]
    fn only_its_own_pages_may_ask() {
        for (origin, authority, same) in [
            ("http://localhost:8090", Some("localhost:8090"), true),
            ("https://LOCALHOST:8090", Some("localhost:8090"), true),
            ("http://localhost:8080", Some("localhost:8090"), false),
            ("http://localhost", Some("localhost:8090"), false),
            ("https://evil.example.test", Some("localhost:8090"), false),
            ("null", Some("localhost:8090"), false),
            ("", Some("localhost:8090"), false),
            ("http://localhost:8090", None, false),
        ] {
            assert_eq!(is_same_origin(origin, authority), same, "{origin} {authority:?}");
        }
    }
}
