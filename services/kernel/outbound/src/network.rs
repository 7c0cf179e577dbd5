//! The engine on a network: one client for all, with a look at each address before it is connected to.

use std::error::Error as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, Identity, Url, redirect};

use crate::address::Networks;
use crate::error::Error;
use crate::options::{Line, Options, Wrong};
use crate::request::{Answer, Method, Request};

/// The client, and the rule of what it may reach.
pub struct Network {
    client: Client,
    networks: Networks,
    answer_bytes_max: usize,
}

/// Idle connections are dropped before most servers close theirs.
const POOL_IDLE: Duration = Duration::from_secs(20);
/// Those of a line are kept through a quiet hour's pauses, and looked after: a connection that does not answer is given up.
const LINE_IDLE: Duration = Duration::from_secs(15 * 60);
const LINE_PING: Duration = Duration::from_secs(30);
const LINE_PONG: Duration = Duration::from_secs(10);
/// Connections of HTTP/1.1 that a line keeps with one server for later.
const LINE_SPARE_MAX: usize = 4;

impl Network {
    /// A client that drops its connections soon, or that of a `line`.
    pub fn new(options: &Options, line: Option<&Line>) -> Result<Network, Wrong> {
        let networks = options.networks()?;
        let roots = further_roots(options)?;
        let identity = match line.and_then(|line| line.identity.as_deref()) {
            Some(pem) => Some(Identity::from_pem(pem).map_err(|error| Wrong::Identity(chain(&error)))?),
            None => None,
        };
        let builder = || {
            let builder = Client::builder()
                .no_proxy()
                .redirect(redirect::Policy::none())
                .referer(false)
                .timeout(Duration::from_millis(options.deadline_ms))
                .dns_resolver(Arc::new(Guarded(networks.clone())))
                .user_agent(concat!("natter/", env!("CARGO_PKG_VERSION")));
            let builder = match line {
                None => builder.http1_only().retry(reqwest::retry::never()).pool_idle_timeout(POOL_IDLE),
                Some(line) => kept(builder, line),
            };
            match identity.clone() {
                Some(identity) => builder.identity(identity),
                None => builder,
            }
        };
        let client = builder().tls_certs_merge(roots.clone()).build().or_else(|error| {
            // A container without certificates of its own: plain HTTP and the operator's authorities go on.
            tracing::warn!(%error, "the system's certificate authorities cannot be used");
            builder().tls_certs_only(roots).build()
        });
        let client = client.map_err(|error| Wrong::Client(chain(&error)))?;
        Ok(Network { client, networks, answer_bytes_max: options.answer_bytes_max })
    }

    pub async fn ask(&self, request: &Request) -> Result<Answer, Error> {
        let url = self.url(&request.url)?;
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let sent = self.client.request(method, url).headers(headers(request)?).body(request.body.clone()).send();
        let mut answer = sent.await.map_err(|error| failed(&error))?;
        let headers = texts(answer.headers());
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| failed(&error))? {
            if body.len() + chunk.len() > self.answer_bytes_max {
                return Err(Error::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status: answer.status().as_u16(), headers, body })
    }

    // An address in figures is looked up by nobody, so it is looked at here. The parser has written every spelling of it
    // (decimal, hexadecimal, octal, short) in the one form before (WHATWG URL, host parsing).
    fn url(&self, text: &str) -> Result<Url, Error> {
        let url = Url::parse(text).map_err(|_| Error::Malformed)?;
        let host = url.host_str().unwrap_or_default();
        if !matches!(url.scheme(), "http" | "https") || host.is_empty() || !url.username().is_empty() || url.password().is_some()
        {
            return Err(Error::Malformed);
        }
        let figures: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        match figures.is_none_or(|ip| self.networks.allow(ip)) {
            true => Ok(url),
            false => Err(Error::Barred),
        }
    }
}

// A request that a server says it has not looked at (RFC 9113, 8.7) is sent again on a fresh connection: the client's default.
fn kept(builder: ClientBuilder, line: &Line) -> ClientBuilder {
    let builder = builder
        .pool_idle_timeout(LINE_IDLE)
        .pool_max_idle_per_host(LINE_SPARE_MAX)
        .http2_keep_alive_interval(LINE_PING)
        .http2_keep_alive_timeout(LINE_PONG)
        .http2_keep_alive_while_idle(true);
    if line.http2_only { builder.http2_prior_knowledge() } else { builder }
}

/// An address that can be asked, wherever it leads.
pub fn parse(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let has_host = url.host_str().is_some_and(|host| !host.is_empty());
    let has_name = !url.username().is_empty() || url.password().is_some();
    (matches!(url.scheme(), "http" | "https") && has_host && !has_name).then_some(url)
}

fn further_roots(options: &Options) -> Result<Vec<Certificate>, Wrong> {
    let path = &options.ca_file;
    if path.as_os_str().is_empty() {
        return Ok(Vec::new());
    }
    let wrong = |text: String| Wrong::CaFile(path.clone(), text);
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let roots = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))?;
    if roots.is_empty() { Err(wrong("it holds no certificate".into())) } else { Ok(roots) }
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |(name, value): (&HeaderName, &HeaderValue)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()));
    headers.iter().filter_map(text).collect()
}

// What went wrong with all its causes: the client's own text names none.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

fn headers(request: &Request) -> Result<HeaderMap, Error> {
    let header = |(name, value): &(String, String)| {
        let name = HeaderName::try_from(name).map_err(|_| Error::Malformed)?;
        Ok((name, HeaderValue::try_from(value).map_err(|_| Error::Malformed)?))
    };
    request.headers.iter().map(header).collect()
}

/// Looks names up as the system does, and hands out only the addresses that may be connected to. The connection is made to one of
/// these, so nothing is looked up twice.
struct Guarded(Networks);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed = reachable(&networks, found)?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// A name that leads nowhere else.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to no address that may be asked")]
struct Barred;

fn reachable(networks: &Networks, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, Barred> {
    let allowed: Vec<_> = found.filter(|address| networks.allow(address.ip())).collect();
    if allowed.is_empty() { Err(Barred) } else { Ok(allowed) }
}

fn failed(error: &reqwest::Error) -> Error {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<Barred>() {
            return Error::Barred;
        }
        cause = inner.source();
    }
    if error.is_timeout() { Error::Late } else { Error::Broken }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn of_what_a_name_leads_to_only_the_allowed_is_connected_to() {
        let found = || ["127.0.0.1:0", "8.8.8.8:0", "[::1]:0"].map(|address| address.parse().unwrap()).into_iter();
        assert_eq!(reachable(&Networks::default(), found()).unwrap(), ["8.8.8.8:0".parse().unwrap()]);
        assert!(reachable(&Networks::default(), found().filter(|address: &SocketAddr| address.ip().is_loopback())).is_err());
    }

    #[test]
    fn figures_are_looked_at_in_every_spelling() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let network = Network::new(&Options::default(), None).unwrap();
        for barred in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.0.0.1./",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://%31%32%37.0.0.1/",
            "http://１２７.0.0.1/",
            "https://169.254.169.254/latest/meta-data",
            "http://0/",
        ] {
            assert_eq!(network.url(barred), Err(Error::Barred), "{barred}");
        }
        for malformed in
            ["", "ftp://8.8.8.8/", "file:///etc/passwd", "http://", "/path", "http://user:word@8.8.8.8/", "http://u@h/"]
        {
            assert_eq!(network.url(malformed), Err(Error::Malformed), "{malformed}");
        }
        for fine in ["http://8.8.8.8/", "https://id.example.test:8443/a?b=c"] {
            assert!(network.url(fine).is_ok(), "{fine}");
        }
    }
}
