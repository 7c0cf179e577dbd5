//! The address of this door as its client knows it, for answers that hold addresses (contract rest 6.1), and the name in it, which may
//! be an app's own (decision 0020).

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::http::header::ORIGIN;
use natter_proto::account::v1::Session;

use crate::error::Refusal;

/// `https://api.example.test:8443`: the operator's setting, or where the request came in. Scheme and host are then the client's own
/// words, or those of a proxy in front; nobody but this client is told them. Who came by his app's own name is never sent to another:
/// of the setting only scheme and path count then.
pub(crate) fn of(request: &HttpRequest, setting: &str, by_own_name: bool) -> Result<String, Refusal> {
    if !setting.is_empty() && !by_own_name {
        return Ok(setting.trim_end_matches('/').to_owned());
    }
    let origin = request.connection_info();
    // The SDK's own parser breaks at an `@` (contract rest 6.1).
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]_".contains(&byte);
    if !matches!(origin.scheme(), "http" | "https") || !origin.host().bytes().all(is_host) {
        return Err(Refusal::list(400, "the request names no host"));
    }
    let root = if setting.is_empty() { format!("{}://", origin.scheme()) } else { setting.to_owned() };
    Ok(with_authority(&root, origin.host()))
}

/// The name that the client reached this door by, or says that it did to a proxy in front, without the port.
pub(crate) fn host(request: &HttpRequest) -> String {
    let origin = request.connection_info();
    split_port(origin.host()).0.to_owned()
}

/// The origin of the page that asks. What cannot be read is one all the same, and no app lists it.
pub(crate) fn page(request: &HttpRequest) -> String {
    request.headers().get(ORIGIN).map(|origin| String::from_utf8_lossy(origin.as_bytes()).into_owned()).unwrap_or_default()
}

/// The address of this door for links in mails to users of an app: by the app's own name if it has one.
pub(crate) fn in_mails(root: &str, session: &Session) -> String {
    match session.api_host.as_str() {
        "" => root.trim_end_matches('/').to_owned(),
        name => with_authority(root, &format!("{name}{}", split_port(parts(root).1).1)),
    }
}

/// Domain of the rooms as the client of this session knows it.
pub(crate) fn muc_domain<'a>(shared: &'a str, session: &Session) -> Cow<'a, str> {
    match session.chat_host.as_str() {
        name if session.by_own_name && !name.is_empty() => Cow::Owned(format!("muc.{name}")),
        _ => Cow::Borrowed(shared),
    }
}

fn with_authority(root: &str, authority: &str) -> String {
    let (scheme, _, path) = parts(root);
    format!("{scheme}://{authority}{}", path.trim_end_matches('/'))
}

// Scheme, authority and path.
fn parts(root: &str) -> (&str, &str, &str) {
    let (scheme, rest) = root.split_once("://").unwrap_or(("https", root));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    (scheme, authority, path)
}

// The port with its colon; empty without one. Colons in brackets are those of an IPv6 address.
fn split_port(authority: &str) -> (&str, &str) {
    let from = authority.rfind(']').unwrap_or_default();
    authority.split_at(authority[from..].find(':').map_or(authority.len(), |at| from + at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_names_the_door_by_the_apps_own_name() {
        let own = Session { api_host: "api.own.example".to_owned(), ..Session::default() };
        for (root, shared, named) in [
            ("https://localhost:8443", "https://localhost:8443", "https://api.own.example:8443"),
            ("https://a.example/v9/", "https://a.example/v9", "https://api.own.example/v9"),
            ("http://[::1]:80/", "http://[::1]:80", "http://api.own.example:80"),
            ("https://[::1]", "https://[::1]", "https://api.own.example"),
        ] {
            assert_eq!(in_mails(root, &Session::default()), shared);
            assert_eq!(in_mails(root, &own), named);
        }
    }

    #[test]
    fn rooms_have_the_domain_of_the_name_that_the_client_came_by() {
        let session =
            |chat_host: &str, by_own_name| Session { chat_host: chat_host.to_owned(), by_own_name, ..Session::default() };
        assert_eq!(muc_domain("muc.shared", &session("own.example", true)), "muc.own.example");
        for shared in [session("own.example", false), session("", true)] {
            assert_eq!(muc_domain("muc.shared", &shared), "muc.shared");
        }
    }
}
