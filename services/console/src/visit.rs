//! From where a request comes, as far as it says so.

use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::header::{HOST, HeaderName, USER_AGENT};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};

use crate::auth::host_of;
use crate::service::Door;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A request's origin in the world.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Visit {
    /// Of the client, as a proxy that is trusted names it; any other proxy stands for all behind it.
    pub address: String,
    /// What the browser says of itself.
    pub agent: String,
    /// Whether a cookie must come back over TLS only: the request came so, or under a name that is not this machine's own.
    pub is_secure: bool,
}

impl Visit {
    /// That of a request.
    pub fn of(request: &HttpRequest) -> Visit {
        let text = |value: Option<&actix_web::http::header::HeaderValue>| {
            value.map(|value| value.to_str().unwrap_or_default().to_owned()).unwrap_or_default()
        };
        let host = text(request.headers().get(HOST));
        let is_local = is_local(host_of(request.uri(), Some(&host)).unwrap_or_default());
        Visit {
            address: client(request).map(|address| address.to_string()).unwrap_or_default(),
            agent: text(request.headers().get(USER_AGENT)),
            // Of a proxy. Who lies here makes his own cookie safer.
            is_secure: request.connection_info().scheme() == "https" || !is_local,
        }
    }
}

impl FromRequest for Visit {
    type Error = actix_web::Error;
    type Future = Ready<Result<Visit, actix_web::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Visit::of(request)))
    }
}

fn client(request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    let Some(door) = request.app_data::<Data<Door>>() else { return Some(peer) };
    let forwarded = request.headers().get_all(FORWARDED_FOR).map(|value| value.to_str().unwrap_or_default());
    Some(door.proxies.client(peer, forwarded))
}

fn is_local(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_loopback = bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    is_loopback || host.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn a_cookie_is_for_tls_only_but_on_this_machine() {
        for (host, proto, secure) in [
            ("localhost:8090", "", false),
            ("127.0.0.1:8090", "", false),
            ("[::1]:8090", "", false),
            ("127.0.0.1:8090", "https", true),
            ("192.0.2.1:8090", "", true),
            ("natter.example.test", "", true),
            ("localhost.example.test", "", true),
        ] {
            let request = TestRequest::default().insert_header((HOST, host));
            let request = if proto.is_empty() { request } else { request.insert_header(("x-forwarded-proto", proto)) };
            assert_eq!(Visit::of(&request.to_http_request()).is_secure, secure, "{host} {proto}");
        }
    }
}
