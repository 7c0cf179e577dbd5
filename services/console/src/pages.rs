//! The operator's pages, under `/console`. A page is a function of the admin API with words around it: what it shows and does
//! goes through the same functions as the JSON routes, so it can do nothing that they cannot.
//!
//! - Every page works by plain links and forms; the script (`assets/console.mjs`) only makes some of them nicer.
//! - A form that was done leads to a page by `303`, so that nothing is sent twice; one that was refused is shown again with
//!   what was typed, secrets aside.
//! - Nothing is loaded from elsewhere, no style or script stands in a page ([`HEADERS`]), and every value is escaped (askama).

pub mod apps;
pub mod assets;
mod erasures;
mod form;
mod frame;
mod notice;
mod sdk;
mod settings;
mod system;
mod users;

use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, ACCEPT, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;

use crate::error::Refusal;
use crate::service::other_method;
pub use frame::Frame;

/// What every answer of this door says to browsers, pages or not. With `no-referrer` forms would come with `Origin: null` (Fetch,
/// 3.1), and be refused.
pub const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
];

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The routes of the pages and of what they load.
pub fn routes(config: &mut web::ServiceConfig) {
    let route = |path: &str| web::resource(path.to_owned()).default_service(web::to(other_method));
    config
        .service(route("/console").route(web::get().to(front)))
        .service(route("/console/").route(web::get().to(front)))
        .service(route("/console/assets/{name}").route(web::get().to(assets::get)))
        .service(route("/console/apps").route(web::get().to(apps::list)).route(web::post().to(apps::create)))
        .service(route("/console/apps/new").route(web::get().to(apps::blank)))
        .service(route("/console/apps/{app}").route(web::get().to(apps::one)))
        .service(
            route("/console/apps/{app}/settings").route(web::get().to(settings::form)).route(web::post().to(settings::change)),
        )
        .service(route("/console/apps/{app}/suspend").route(web::post().to(apps::suspend)))
        .service(route("/console/apps/{app}/resume").route(web::post().to(apps::resume)))
        .service(route("/console/apps/{app}/delete").route(web::get().to(apps::doubt)).route(web::post().to(apps::delete)))
        .service(route("/console/apps/{app}/erasure").route(web::get().to(erasures::of_app)))
        .service(route("/console/apps/{app}/sdk").route(web::get().to(sdk::show_all)))
        .service(route("/console/apps/{app}/users").route(web::get().to(users::find)).route(web::post().to(users::create)))
        .service(route("/console/apps/{app}/users/new").route(web::get().to(users::blank)))
        .service(route("/console/apps/{app}/users/{user}").route(web::get().to(users::one)))
        .service(
            route("/console/apps/{app}/users/{user}/erase")
                .route(web::get().to(users::doubt))
                .route(web::post().to(users::erase)),
        )
        .service(route("/console/apps/{app}/erasures/{user}").route(web::get().to(erasures::of_user)))
        .service(route("/console/system").route(web::get().to(system::show_system)))
        .service(route("/console/system/bundle").route(web::get().to(crate::system::bundle)));
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

/// The page that says why there is none. It keeps what the refusal tells clients in its head.
pub fn refused(request: &HttpRequest, refusal: &Refusal) -> HttpResponse {
    let mut answer = refusal.error_response();
    let title = match answer.status() {
        StatusCode::UNAUTHORIZED => "Not signed in",
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

/// A page as an answer.
fn show(page: &impl Template) -> Result<HttpResponse, Refusal> {
    show_as(StatusCode::OK, page)
}

fn show_as(status: StatusCode, page: &impl Template) -> Result<HttpResponse, Refusal> {
    let body = page.render().map_err(|error| Refusal::internal(error.to_string()))?;
    Ok(HttpResponse::build(status).content_type(HTML).body(body))
}
