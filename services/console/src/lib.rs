//! The operator's door: an admin API as JSON and pages for people, on a port of its own, 8090 by default. Thin: every call is one
//! call of another service over a link, and the failure that comes back becomes a status in one table (`error.rs`).
//!
//! | route | what |
//! |---|---|
//! | `GET /` | one line about this port, for anybody; a browser is led to the pages |
//! | `GET /console/...` | the pages (`pages.rs`), and under `/console/assets/` the files that they load |
//! | `POST /admin/v1/apps` `{id?, auth_key?, auth_secret?, title?}` | makes an app |
//! | `GET /admin/v1/apps`, `GET /admin/v1/apps/{id}` | all apps without their secrets; one with it |
//! | `PUT /admin/v1/apps/{id}` `{title?, auth_key?, auth_secret?, signed_only?, quotas?, chat_host?, api_host?}` | makes or changes it |
//! | `POST /admin/v1/apps/{id}/suspend`, `.../resume` | closes an app, opens it again; what is kept stays |
//! | `DELETE /admin/v1/apps/{id}`, `GET /admin/v1/apps/{id}/erasure` | ends a suspended app for good; what went so far |
//! | `GET`, `PUT /admin/v1/apps/{id}/identity` | how its users prove who they are besides a password; secrets masked |
//! | `POST /admin/v1/apps/{id}/users` `{id?, login?, email?, password, full_name?}` | makes a user |
//! | `GET /admin/v1/apps/{id}/users/{id}` | a user |
//! | `DELETE /admin/v1/apps/{id}/users/{id}`, `GET /admin/v1/apps/{id}/erasures/{id}` | ends a user; what went of him so far |
//! | `GET /admin/v1/apps/{id}/messages/{message}/trace` | the way of a message, hop by hop |
//! | `GET`, `PUT` `{hours}`, `DELETE /admin/v1/apps/{id}/trace` | whether every message of the app leaves a trace, and until when |
//! | `GET`, `PUT /admin/v1/apps/{id}/alerts` | whether there are alerts, and how they look |
//! | `POST /admin/v1/apps/{id}/alerts/preview` `{alerts?, sample?}` | what devices would be sent |
//! | `POST /admin/v1/apps/{id}/alerts/test` `{user, subscription, sample?}` | sends one alert to one device |
//! | `GET /admin/v1/apps/{id}/alerts/journal?user=` or `?dialog=&message=` | what was decided about alerts, and what providers said |
//! | `GET /admin/v1/apps/{id}/users/{id}/unread[?dialog=]` | why his badge is what it is |
//! | `GET /admin/v1/apps/{id}/users/{id}/subscriptions`, `DELETE .../{id}` | his devices for alerts; ends one |
//! | `GET /admin/v1/apps/{id}/sdk-config[?plain=1]` | what an app hands to `ConnectyCube.init` |
//! | `GET`, `PUT`, `DELETE /admin/v1/apps/{id}/push/credentials...`, `GET /admin/v1/push` | who it is to the push providers (`credentials.rs`) |
//! | `GET /admin/v1/system`, `GET /admin/v1/system/bundle` | version, checks, settings in force; the same as a text for who helps |
//! | `POST /admin/v1/operators/{name}/password` | gives an operator a new password, and shows it once |
//!
//! Invariants:
//! - Nothing but `GET /`, the page for signing in, what it sends and the files of the pages is answered without the bearer token, an
//!   operator's name and password (`Authorization: Basic`) or the cookie of a sign-in (`session.rs`); they are looked at before a
//!   route is called or its body read, and the table of rights (`rights.rs`) says who may use which.
//! - A name in `Host` that this door was not told of is refused, so a page whose name was pointed at 127.0.0.1 gets nothing.
//! - Under `/admin` every answer is JSON (the bundle aside), every refusal `{"error": {"code", "field", "text"}}`.
//! - No CORS, and a request that a page of another origin makes is refused: a browser that remembers an operator's password sends
//!   it along with whatever page asks. A change by cookie has to carry what only a page of the sign-in knows.
//! - A page does what it does by the functions of the JSON routes, never by another road.
//!
//! Not here: health and `/metrics` (the node's port).

mod alerts;
mod apps;
mod audit;
mod auth;
mod body;
mod caller;
mod credentials;
mod devices;
mod erasures;
mod error;
mod hex;
mod identity;
mod log;
mod metrics;
mod operators;
mod options;
mod pages;
mod reports;
mod rights;
mod routes;
mod sdk;
mod service;
mod session;
mod sessions;
pub mod snippet;
mod system;
mod traces;
mod unread;
mod users;
mod visit;

pub use options::Options;
pub use sdk::SdkFacts;
pub use service::{Error, Parts, Service};
pub use system::{Check, Examined, Setting, SystemFacts};
