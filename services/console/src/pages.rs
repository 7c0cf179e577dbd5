//! The operator's pages, under `/console`. A page is a function of the admin API with words around it: what it shows and does
//! goes through the same functions as the JSON routes, so it can do nothing that they cannot.
//!
//! - Every page works by plain links and forms, chatting aside; the script (`assets/console.mjs`) only makes some of them nicer.
//! - A form that was done leads to a page by `303`, so that nothing is sent twice; one that was refused is shown again with
//!   what was typed, secrets aside.
//! - Nothing is loaded from elsewhere, no style or script stands in a page ([`HEADERS`]), and every value is escaped (askama). One page
//!   connects elsewhere, to the chat door (`trials.rs`).

mod alerts;
mod apps;
mod assets;
mod audit;
mod contacts;
mod data;
mod devices;
mod dialogs;
mod erasures;
mod form;
mod frame;
mod glass;
mod identity;
mod moderation;
mod notice;
mod operators;
mod push;
mod running;
mod sdk;
mod sessions;
mod settings;
mod sign_in;
mod system;
mod traces;
mod trials;
mod unread;
mod user_sessions;
mod users;
mod way;
mod webhooks;

use actix_web::dev::ServiceResponse;
use actix_web::http::header::{self, ACCEPT, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, LOCATION};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;

use crate::error::Refusal;
use crate::routes::Routes;
use crate::service::iso;
use frame::Frame;

/// What every answer of this door says to browsers, pages or not, unless its route says more. With `no-referrer` forms would come
/// with `Origin: null` (Fetch, 3.1), and be refused.
pub const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
];

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The policy of a page that also connects to this address, which is an origin.
fn policy_with(address: &str) -> String {
    POLICY.replace("connect-src 'self'", &format!("connect-src 'self' {address}"))
}

/// The routes of the pages and of what they load.
pub fn routes(routes: &mut Routes<'_>) {
    use Method as M;
    routes
        .at("/console", [(M::GET, web::to(front))])
        .at("/console/", [(M::GET, web::to(front))])
        .at("/console/assets/{name}", [(M::GET, web::to(assets::get))])
        .at("/console/sign-in", [(M::GET, web::to(sign_in::form)), (M::POST, web::to(sign_in::enter))])
        .at("/console/sign-out", [(M::POST, web::to(sign_in::leave))]);
    of_apps(routes);
    of_users(routes);
    of_dialogs(routes);
    of_alerts(routes);
    of_webhooks(routes);
    of_operators(routes);
    routes
        .at("/console/system", [(M::GET, web::to(system::show_system))])
        .at("/console/system/bundle", [(M::GET, web::to(crate::system::bundle))])
        .at("/console/system/log", [(M::POST, web::to(running::set_log))])
        .at("/console/system/limits", [(M::POST, web::to(running::set_limit))])
        .at("/console/system/edges/{edge}/drain", [(M::GET, web::to(running::doubt_drain)), (M::POST, web::to(running::drain))])
        .at("/console/system/edges/{edge}/resume", [(M::POST, web::to(running::resume))]);
}

fn of_apps(routes: &mut Routes<'_>) {
    use Method as M;
    routes
        .at("/console/apps", [(M::GET, web::to(apps::list)), (M::POST, web::to(apps::create))])
        .at("/console/apps/new", [(M::GET, web::to(apps::blank))])
        .at("/console/apps/{app}", [(M::GET, web::to(apps::one))])
        .at("/console/apps/{app}/settings", [(M::GET, web::to(settings::form)), (M::POST, web::to(settings::change))])
        .at("/console/apps/{app}/identity", [(M::POST, web::to(settings::change_identity))])
        .at("/console/apps/{app}/suspend", [(M::POST, web::to(apps::suspend))])
        .at("/console/apps/{app}/resume", [(M::POST, web::to(apps::resume))])
        .at("/console/apps/{app}/keys", [(M::POST, web::to(apps::rotate))])
        .at("/console/apps/{app}/keys/end-previous", [(M::POST, web::to(apps::end_previous))])
        .at("/console/apps/{app}/delete", [(M::GET, web::to(apps::doubt)), (M::POST, web::to(apps::delete))])
        .at("/console/apps/{app}/erasure", [(M::GET, web::to(erasures::of_app))])
        .at("/console/apps/{app}/sdk", [(M::GET, web::to(sdk::show_all))])
        .at("/console/apps/{app}/try", [(M::GET, web::to(trials::show_panes))])
        .at("/console/apps/{app}/try/remove", [(M::GET, web::to(trials::doubt)), (M::POST, web::to(trials::remove))])
        .at("/console/apps/{app}/users", [(M::GET, web::to(users::find)), (M::POST, web::to(users::create))])
        .at("/console/apps/{app}/users/new", [(M::GET, web::to(users::blank))])
        .at("/console/apps/{app}/users/{user}", [(M::GET, web::to(users::one))])
        .at("/console/apps/{app}/users/{user}/contacts", [(M::GET, web::to(contacts::list))])
        .at("/console/apps/{app}/users/{user}/data", [(M::GET, web::to(data::one))])
        .at("/console/apps/{app}/users/{user}/export", [(M::GET, web::to(crate::export::get))])
        .at("/console/apps/{app}/users/{user}/sessions", [(M::GET, web::to(user_sessions::list))])
        .at(
            "/console/apps/{app}/users/{user}/sessions/end",
            [(M::GET, web::to(user_sessions::doubt_all)), (M::POST, web::to(user_sessions::end_all))],
        )
        .at(
            "/console/apps/{app}/users/{user}/sessions/{session}/end",
            [(M::GET, web::to(user_sessions::doubt)), (M::POST, web::to(user_sessions::end))],
        )
        .at("/console/apps/{app}/users/{user}/erase", [(M::GET, web::to(users::doubt)), (M::POST, web::to(users::erase))])
        .at("/console/apps/{app}/erasures/{user}", [(M::GET, web::to(erasures::of_user))])
        .at("/console/apps/{app}/trace", [(M::GET, web::to(traces::ask)), (M::POST, web::to(traces::switch))])
        .at("/console/apps/{app}/trace/off", [(M::POST, web::to(traces::switch_off))])
        .at("/console/apps/{app}/messages/{message}", [(M::GET, web::to(traces::one))]);
}

fn of_users(routes: &mut Routes<'_>) {
    use Method as M;
    routes
        .at("/console/apps/{app}/users/{user}/ban", [(M::GET, web::to(users::doubt_ban)), (M::POST, web::to(users::ban))])
        .at("/console/apps/{app}/users/{user}/unban", [(M::POST, web::to(users::unban))])
        .at("/console/apps/{app}/users/{user}/devices", [(M::GET, web::to(devices::list))])
        .at(
            "/console/apps/{app}/users/{user}/devices/{device}/end",
            [(M::GET, web::to(devices::doubt)), (M::POST, web::to(devices::end))],
        )
        .at("/console/apps/{app}/users/{user}/unread", [(M::GET, web::to(unread::show_unread))]);
}

fn of_dialogs(routes: &mut Routes<'_>) {
    use Method as M;
    routes
        .at("/console/apps/{app}/dialogs", [(M::GET, web::to(dialogs::find))])
        .at("/console/apps/{app}/dialogs/{dialog}", [(M::GET, web::to(dialogs::one))])
        .at("/console/apps/{app}/dialogs/{dialog}/freeze", [(M::POST, web::to(dialogs::freeze))])
        .at("/console/apps/{app}/dialogs/{dialog}/unfreeze", [(M::POST, web::to(dialogs::unfreeze))])
        .at("/console/apps/{app}/dialogs/{dialog}/open", [(M::GET, web::to(glass::ask)), (M::POST, web::to(glass::shatter))])
        .at("/console/apps/{app}/dialogs/{dialog}/messages", [(M::GET, web::to(glass::show_messages))])
        .at("/console/apps/{app}/moderation", [(M::GET, web::to(moderation::list))])
        .at("/console/apps/{app}/moderation-log", [(M::GET, web::to(moderation::show_log))])
        .at("/console/apps/{app}/moderation/{report}", [(M::GET, web::to(moderation::one))])
        .at("/console/apps/{app}/moderation/{report}/remove-message", [(M::POST, web::to(moderation::remove))])
        .at("/console/apps/{app}/moderation/{report}/ban", [(M::POST, web::to(moderation::ban))])
        .at("/console/apps/{app}/moderation/{report}/dismiss", [(M::POST, web::to(moderation::dismiss))]);
}

fn of_alerts(routes: &mut Routes<'_>) {
    use Method as M;
    routes
        .at("/console/apps/{app}/alerts", [(M::GET, web::to(alerts::form)), (M::POST, web::to(alerts::save))])
        .at("/console/apps/{app}/alerts/journal", [(M::GET, web::to(alerts::journal::list))])
        .at("/console/apps/{app}/alerts/preview", [(M::POST, web::to(alerts::preview))])
        .at("/console/apps/{app}/alerts/test", [(M::GET, web::to(alerts::trial::form)), (M::POST, web::to(alerts::trial::post))])
        .at("/console/apps/{app}/push", [(M::GET, web::to(push::list))])
        .at("/console/apps/{app}/push/{kind}", [(M::GET, web::to(push::blank)), (M::POST, web::to(push::set))])
        .at("/console/apps/{app}/push/{kind}/remove", [(M::GET, web::to(push::doubt)), (M::POST, web::to(push::remove))]);
}

fn of_webhooks(routes: &mut Routes<'_>) {
    use Method as M;
    routes
        .at("/console/apps/{app}/webhooks", [(M::GET, web::to(webhooks::list)), (M::POST, web::to(webhooks::create))])
        .at("/console/apps/{app}/webhooks/new", [(M::GET, web::to(webhooks::blank))])
        .at("/console/apps/{app}/webhooks/{webhook}", [(M::GET, web::to(webhooks::show_one)), (M::POST, web::to(webhooks::save))])
        .at(
            "/console/apps/{app}/webhooks/{webhook}/delete",
            [(M::GET, web::to(webhooks::doubt)), (M::POST, web::to(webhooks::delete))],
        )
        .at("/console/apps/{app}/webhooks/{webhook}/drop", [(M::POST, web::to(webhooks::drop_parked))])
        .at("/console/apps/{app}/webhooks/{webhook}/pause", [(M::POST, web::to(webhooks::pause))])
        .at("/console/apps/{app}/webhooks/{webhook}/ping", [(M::POST, web::to(webhooks::ping))])
        .at("/console/apps/{app}/webhooks/{webhook}/resend", [(M::POST, web::to(webhooks::resend))])
        .at("/console/apps/{app}/webhooks/{webhook}/resume", [(M::POST, web::to(webhooks::resume))])
        .at("/console/apps/{app}/webhooks/{webhook}/secret", [(M::POST, web::to(webhooks::renew))]);
}

fn of_operators(routes: &mut Routes<'_>) {
    use Method as M;
    routes
        .at("/console/operators", [(M::GET, web::to(operators::list)), (M::POST, web::to(operators::create))])
        .at("/console/new-operator", [(M::GET, web::to(operators::blank))])
        .at("/console/operators/{name}", [(M::GET, web::to(operators::one)), (M::POST, web::to(operators::change))])
        .at("/console/operators/{name}/password", [(M::POST, web::to(operators::renew))])
        .at("/console/operators/{name}/sign-out", [(M::POST, web::to(sessions::end_of))])
        .at("/console/operators/{name}/remove", [(M::GET, web::to(operators::doubt)), (M::POST, web::to(operators::remove))])
        .at("/console/password", [(M::POST, web::to(operators::renew_own))])
        .at("/console/sessions", [(M::GET, web::to(sessions::list))])
        .at("/console/sessions/end", [(M::POST, web::to(sessions::end_all))])
        .at("/console/sessions/{session}/end", [(M::POST, web::to(sessions::end))])
        .at("/console/audit", [(M::GET, web::to(audit::list))]);
}

async fn front() -> HttpResponse {
    see("/console/apps")
}

/// Whether a path is a page's, or would be.
pub fn is_page(path: &str) -> bool {
    path == "/console" || path.starts_with("/console/")
}

/// Whether a page is asked for where programs get something else.
pub fn is_wanted(request: &HttpRequest) -> bool {
    let accepted = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|kinds| kinds.contains("text/html"))
}

/// Leads to another page of this door.
pub fn see(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, path)).finish()
}

/// Puts a page in the place of a refusal that one of the pages' routes has answered with.
pub fn in_words<B>(response: ServiceResponse<B>) -> ServiceResponse
where
    B: actix_web::body::MessageBody + 'static,
{
    let refusal = response.response().error().and_then(|error| error.as_error::<Refusal>()).cloned();
    match refusal {
        Some(refusal) if is_page(response.request().path()) => {
            let page = refused(response.request(), &refusal);
            response.into_response(page)
        }
        _ => response.map_into_boxed_body(),
    }
}

#[derive(Template)]
#[template(path = "refused.html")]
struct Refused<'a> {
    frame: Frame,
    status: u16,
    text: &'a str,
}

/// The page that says why there is none. Who is not signed in is led to where that is done.
pub fn refused(request: &HttpRequest, refusal: &Refusal) -> HttpResponse {
    let mut answer = refusal.error_response();
    if answer.status() == StatusCode::UNAUTHORIZED {
        return see(&sign_in::address(request));
    }
    let title = match answer.status() {
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::TOO_MANY_REQUESTS => "Too many attempts",
        status if status.is_server_error() => "Not available",
        _ => "Not possible",
    };
    let text = &form::sentence(refusal);
    let page = Refused { frame: Frame::of(request).titled(title), status: answer.status().as_u16(), text };
    let body = page.render().unwrap_or_else(|_| title.to_owned());
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(HTML));
    answer.set_body(body).map_into_boxed_body()
}

const HTML: &str = "text/html; charset=utf-8";

/// An instant as a page shows it, and as its `datetime` (HTML, 2.3.5.7): `2026-02-03 10:11:12Z`.
fn when(ms: i64) -> String {
    iso(ms).replace('T', " ")
}

/// A page as an answer.
fn show(page: &impl Template) -> Result<HttpResponse, Refusal> {
    show_as(StatusCode::OK, page)
}

fn show_as(status: StatusCode, page: &impl Template) -> Result<HttpResponse, Refusal> {
    let body = page.render().map_err(|error| Refusal::internal(error.to_string()))?;
    Ok(HttpResponse::build(status).content_type(HTML).body(body))
}
