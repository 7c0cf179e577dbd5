//! The rules of the pages that may use an app: origins as browsers name them (RFC 6454), and which of them an app takes. Pure.
//!
//! An app without a list takes any page. One with a list refuses a request or a sign-in that names another origin, at the REST door
//! and at the chat door alike. That keeps pages of others from using the app's keys, which every copy of its own page carries, in
//! their visitors' browsers: a browser names the origin, and no page can change that. It keeps nobody off who is no browser: native
//! apps and programs name no origin, or any they like, and are let in. Who somebody is, only a password or a token proves.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::account::v1::App;

use crate::error::Error;
use crate::user::Fault;

/// The field of an app that holds them, as operators know it.
pub const FIELD: &str = "origins";

const ORIGINS_MAX: usize = 32;
/// Fewer than the doors keep of the header (`edge/src/ws.rs`), so that what was cut off is never taken for one of these.
const ORIGIN_BYTES_MAX: usize = 120;
/// Browsers leave these out.
const USUAL_PORTS: [(&str, &str); 4] = [("http", "80"), ("https", "443"), ("ws", "80"), ("wss", "443")];

/// Origins that an operator gives to an app, as they are kept: in lower case, each once, in order. None: any page may.
pub fn accept(texts: &[String]) -> Result<Vec<String>, Fault> {
    if texts.len() > ORIGINS_MAX {
        return Err(Fault::new(FIELD, "must be at most 32"));
    }
    let mut origins = texts.iter().map(|text| one(text)).collect::<Result<Vec<_>, _>>()?;
    origins.sort_unstable();
    origins.dedup();
    Ok(origins)
}

/// Refuses the page of another origin than those of `app`. Who names none is no page.
pub fn check(app: &App, origin: &str) -> Result<(), Error> {
    let is_listed = || app.origins.iter().any(|listed| listed.eq_ignore_ascii_case(origin));
    if origin.is_empty() || app.origins.is_empty() || is_listed() { Ok(()) } else { Err(Error::OriginForeign) }
}

fn one(text: &str) -> Result<String, Fault> {
    let fault = || Fault::new(FIELD, "must be like https://app.example.org or http://localhost:3000, without a path");
    let origin = text.to_ascii_lowercase();
    let (scheme, authority) = origin.split_once("://").filter(|_| origin.len() <= ORIGIN_BYTES_MAX).ok_or_else(fault)?;
    // A colon in brackets is of an IPv6 address.
    let from = authority.rfind(']').unwrap_or_default();
    let (host, port) = match authority[from..].find(':').map(|at| authority.split_at(from + at)) {
        Some((host, port)) => (host, Some(&port[1..])),
        None => (authority, None),
    };
    if !is_scheme(scheme) || !is_host(host) || !port.is_none_or(is_port) {
        return Err(fault());
    }
    Ok(match port.filter(|port| !USUAL_PORTS.contains(&(scheme, port))) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

// RFC 3986, 3.1. Pages in native shells have schemes of their own, as capacitor://localhost.
fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte))
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let is_sign = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
            host.split('.').all(|label| !label.is_empty() && label.bytes().all(is_sign))
        }
    }
}

// As it is written by a browser: without a zero before it.
fn is_port(port: &str) -> bool {
    !port.starts_with(['0', '+']) && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_origin_is_kept_as_a_browser_writes_it() {
        for (given, kept) in [
            ("https://App.Example.org", "https://app.example.org"),
            ("https://app.example.org:443", "https://app.example.org"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://a.test:443", "http://a.test:443"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://127.0.0.1", "http://127.0.0.1"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(accept(&[given.to_owned()]).unwrap(), [kept], "{given}");
        }
        let both = ["https://b.test", "https://a.test", "https://A.test:443"].map(str::to_owned);
        assert_eq!(accept(&both).unwrap(), ["https://a.test", "https://b.test"]);
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        let long = format!("https://{}.test", "a".repeat(120));
        for bad in [
            "",
            "null",
            "*",
            "app.example.org",
            "https://",
            "https://*.example.org",
            "https://a.test/",
            "https://a.test/path",
            "https://a.test?x",
            "https://u@a.test",
            "https://a.test:",
            "https://a.test:0",
            "https://a.test:+1",
            "https://a.test:65536",
            "https://a..test",
            "https://b\u{fc}cher.example",
            "https://a.test b",
            "://a.test",
            "1s://a.test",
            "http://[::1",
            "http://[a.test]",
            &long,
        ] {
            assert_eq!(accept(&[bad.to_owned()]).unwrap_err().field, FIELD, "{bad}");
        }
        assert!(accept(&vec!["https://a.test".to_owned(); 33]).is_err());
    }

    #[test]
    fn only_a_page_that_is_listed_gets_in_and_who_is_no_page() {
        let listed = App { origins: vec!["https://a.test".into(), "http://localhost:3000".into()], ..App::default() };
        for (origin, is_let_in) in [
            ("https://a.test", true),
            ("HTTPS://A.TEST", true),
            ("http://localhost:3000", true),
            ("", true),
            ("null", false),
            ("http://a.test", false),
            ("https://a.test:8443", false),
            ("https://a.test.evil.test", false),
            ("https://a.tes", false),
        ] {
            assert_eq!(check(&listed, origin).is_ok(), is_let_in, "{origin}");
            assert!(check(&App::default(), origin).is_ok(), "{origin}: without a list any page may");
        }
    }
}
