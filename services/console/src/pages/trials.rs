//! The page "Try it": two users of the app chat with each other in the browser, by a small client of our own (`assets/try`).
//!
//! The page connects to the chat door itself, as an app would, and not through this port: what an operator wants to see is that a
//! browser reaches that door, and a way of its own through the console would hide a closed port, a certificate that nobody trusts, a
//! list of origins. So its policy names that one origin, and where the door is not reached the page says what was tried.
//! - By default it takes the plain port of this machine where the browser came by a name of this machine and without TLS, else the
//!   address that the SDK is given; the other one can be asked for.
//! - The tokens of the two users come with the answer to its start and stay in the page's memory.
//! - Chatting needs the script. Removing the users does not.

use actix_web::http::header::{CONTENT_SECURITY_POLICY, HOST, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use natter_proto::account::v1::App;
use serde::Deserialize;

use super::apps::{Shown, shown};
use super::frame::Frame;
use super::{assets, policy_with, see, show};
use crate::auth::host_of;
use crate::caller::Caller;
use crate::error::Refusal;
use crate::sdk::{self, SdkFacts};
use crate::service::Door;
use crate::trials;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "app_try.html")]
struct TryPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    /// Where the page connects.
    way: Way,
    /// The other way there, if there is one.
    other: Option<Way>,
    style: &'static str,
    script: &'static str,
}

/// An address of the chat door.
struct Way {
    /// As the query asks for it.
    name: &'static str,
    /// `ws://...` or `wss://...`, without a path.
    address: String,
    about: &'static str,
}

/// Query of the page.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Query {
    /// `plain` or `tls`. What cannot be had is not looked at.
    way: String,
}

/// `GET /console/apps/{app}/try[?way=tls]`.
pub async fn show_panes(
    door: web::Data<Door>,
    frame: Frame,
    request: HttpRequest,
    path: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = host_of(request.uri(), host).unwrap_or_default();
    let mut ways = ways(&shown.app, &door.sdk, host, !Visit::of(&request).is_secure);
    let wanted = ways.iter().position(|way| way.name == query.way).unwrap_or_default();
    let way = ways.remove(wanted);
    let policy = HeaderValue::from_str(&policy_with(&way.address)).map_err(|error| Refusal::internal(error.to_string()))?;
    let title = format!("Try {}", shown.name);
    let (style, script) = (assets::TRY_STYLE.path.as_str(), assets::TRY_SCRIPT.path.as_str());
    let page = TryPage { frame: frame.titled(title), tab: "try", shown, way, other: ways.pop(), style, script };
    let mut answer = show(&page)?;
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    Ok(answer)
}

// The addresses of the chat door, the one to take first. `is_here`: the browser is on this machine and did not come by TLS.
fn ways(app: &App, facts: &SdkFacts, host: &str, is_here: bool) -> Vec<Way> {
    let address = |plain| {
        let config = sdk::shown(app, facts, plain);
        config["config"]["chatProtocol"]["websocket"].as_str().unwrap_or_default().to_owned()
    };
    let plain = || Way { name: "plain", address: address(true), about: "without TLS, from this machine only" };
    let mut tls = Way { name: "tls", address: address(false), about: "with TLS, as the SDK connects" };
    // An installation that was given no name calls itself `localhost`, which is another machine for who comes from elsewhere. An
    // address in brackets cannot stand in a policy (CSP 3, 2.3.1).
    let can_stand = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)) && !host.is_empty();
    if !is_here && can_stand {
        tls.address = tls.address.replacen("://localhost:", &format!("://{host}:"), 1);
    }
    is_here.then(plain).into_iter().chain([tls]).collect()
}

#[derive(Template)]
#[template(path = "app_try_remove.html")]
struct RemovePage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    /// Ids and logins.
    users: Vec<(u64, String)>,
}

/// `GET /console/apps/{app}/try/remove`: says who would be erased.
pub async fn doubt(
    door: web::Data<Door>,
    caller: Caller,
    frame: Frame,
    path: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let users = trials::found(&door, &caller, &shown.app).await?;
    let users = users.into_iter().map(|user| (user.id, user.login.unwrap_or_default())).collect();
    show(&RemovePage { frame: frame.titled("Remove the trial users"), tab: "try", shown, users })
}

/// `POST /console/apps/{app}/try/remove`.
pub async fn remove(door: web::Data<Door>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = crate::apps::find(&door, &path).await?;
    let erased = trials::erase(&door, &caller, &app).await?;
    let done = if erased.is_empty() { "nothing" } else { "trials-removed" };
    Ok(see(&format!("/console/apps/{}/try?done={done}", app.id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_connects_where_its_browser_can() {
        let facts = |host: &str| SdkFacts {
            api_host: format!("{host}:8443"),
            chat_host: host.into(),
            websocket: format!("wss://{host}:5291"),
            api_url_plain: "http://localhost:8080".into(),
            chat_url_plain: "ws://localhost:5290".into(),
            ca_path: String::new(),
        };
        let plain = "ws://localhost:5290";
        for (ours, own, host, is_here, expected) in [
            ("localhost", "", "localhost", true, vec![plain, "wss://localhost:5291"]),
            ("localhost", "", "127.0.0.1", true, vec![plain, "wss://localhost:5291"]),
            ("localhost", "", "192.0.2.7", false, vec!["wss://192.0.2.7:5291"]),
            ("localhost", "", "[2001:db8::7]", false, vec!["wss://localhost:5291"]),
            ("localhost", "", "a;b", false, vec!["wss://localhost:5291"]),
            ("natter.test", "", "console.test", false, vec!["wss://natter.test:5291"]),
            ("natter.test", "chat.own.test", "console.test", false, vec!["wss://chat.own.test:5291"]),
            ("localhost", "chat.own.test", "localhost", true, vec![plain, "wss://chat.own.test:5291"]),
        ] {
            let app = App { chat_host: own.into(), ..App::default() };
            let found: Vec<String> = ways(&app, &facts(ours), host, is_here).into_iter().map(|way| way.address).collect();
            assert_eq!(found, expected, "{ours} {own} {host}");
        }
    }
}
