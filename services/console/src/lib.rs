//! The operator's door: an admin API as JSON and pages for people, on a port of its own, 8090 by default. Thin: every call is one
//! call of another service over a link, and the failure that comes back becomes a status in one table (`error.rs`).
//!
//! | route | what |
//! |---|---|
//! | `GET /` | one line about this port, for anybody; a browser is led to the pages |
//! | `GET /console/...` | the pages (`pages.rs`), and under `/console/assets/` the files that they load |
//! | `POST /admin/v1/sessions` `{name, password}` | signs in: the cookie of the answer stands for the operator |
//! | `GET /admin/v1/me`, `POST /admin/v1/me/password` | who asks, and what his pages prove themselves by; gives him a new password |
//! | `GET`, `DELETE /admin/v1/sessions[?operator=NAME]`, `DELETE /admin/v1/sessions/{id}` | sign-ins that live; ends all, or one |
//! | `POST /admin/v1/apps` `{id?, auth_key?, auth_secret?, title?}` | makes an app |
//! | `GET /admin/v1/apps`, `GET /admin/v1/apps/{id}` | apps without their secrets; one with it, for who may change it |
//! | `PUT /admin/v1/apps/{id}` `{title?, auth_key?, auth_secret?, signed_only?, quotas?, chat_host?, api_host?, origins?, groups?}` | makes or changes it |
//! | `POST /admin/v1/apps/{id}/keys` `{overlap_s?}`, `DELETE .../keys/previous` | gives it other keys; ends those it had before |
//! | `POST /admin/v1/apps/{id}/suspend`, `.../resume` | closes an app, opens it again; what is kept stays |
//! | `DELETE /admin/v1/apps/{id}`, `GET /admin/v1/apps/{id}/erasure` | ends a suspended app for good; what went so far |
//! | `GET`, `PUT /admin/v1/apps/{id}/identity` | how its users prove who they are besides a password; secrets masked |
//! | `GET /admin/v1/apps/{id}/reports[?kind=&state=&after=&limit=]`, `GET .../reports/{report}` | what its users reported; one, and what it is about |
//! | `POST /admin/v1/apps/{id}/reports/{report}/remove-message`, `/ban`, `/dismiss` | does that and closes the report |
//! | `GET /admin/v1/apps/{id}/moderation-log[?before=]` | what was done about reports, newest first |
//! | `GET /admin/v1/apps/{id}/dialogs[?name=&type=&member=&after=&limit=]`, `GET .../dialogs/{dialog}`, `GET .../members` | its dialogs; one; who is in it |
//! | `POST /admin/v1/apps/{id}/dialogs/{dialog}/freeze`, `.../unfreeze` | nobody writes in it; they may again |
//! | `POST /admin/v1/apps/{id}/dialogs/{dialog}/open` `{reason}`, `GET .../messages?glass=` | says why one reads what was said; reads it for a while (`glass.rs`) |
//! | `GET /admin/v1/apps/{id}/users[?search=&page=&per_page=]` | its users, by a part of their names or an id |
//! | `POST /admin/v1/apps/{id}/users` `{id?, login?, email?, password, full_name?}` | makes a user |
//! | `GET /admin/v1/apps/{id}/users/{id}`, `POST .../ban`, `POST .../unban` | a user; keeps him out, lets him in again |
//! | `DELETE /admin/v1/apps/{id}/users/{id}`, `GET /admin/v1/apps/{id}/erasures/{id}` | ends a user; what went of him so far |
//! | `GET /admin/v1/apps/{id}/messages/{message}/trace` | the way of a message, hop by hop, and what became of its alerts |
//! | `POST`, `DELETE /admin/v1/apps/{id}/try` | two users to try the app with, each with a token; erases them |
//! | `GET`, `PUT` `{hours}`, `DELETE /admin/v1/apps/{id}/trace` | whether every message of the app leaves a trace, and until when |
//! | `GET`, `PUT /admin/v1/apps/{id}/alerts` | whether there are alerts, and how they look |
//! | `POST /admin/v1/apps/{id}/alerts/preview` `{alerts?, sample?}` | what devices would be sent |
//! | `POST /admin/v1/apps/{id}/alerts/test` `{user, subscription, sample?}` | sends one alert to one device |
//! | `GET /admin/v1/apps/{id}/alerts/journal?user=` or `?dialog=&message=` | what was decided about alerts, and what providers said |
//! | `GET /admin/v1/apps/{id}/users/{id}/unread[?dialog=]` | why his badge is what it is |
//! | `GET /admin/v1/apps/{id}/users/{id}/subscriptions`, `DELETE .../{id}` | his devices for alerts; ends one |
//! | `GET`, `DELETE /admin/v1/apps/{id}/users/{id}/sessions`, `DELETE .../{session}` | his sessions; ends all, or one |
//! | `GET /admin/v1/apps/{id}/users/{id}/contacts`, `GET .../lists` | whom he knows, and his privacy lists |
//! | `GET /admin/v1/apps/{id}/users/{id}/export` | all that is kept of him, as lines of JSON (`export.rs`) |
//! | `GET /admin/v1/backup` | all rows of the store of a single process, at one moment (`backup.rs`) |
//! | `GET /admin/v1/apps/{id}/sdk-config[?plain=1]` | what an app hands to `ConnectyCube.init` |
//! | `/admin/v1/apps/{id}/webhooks...` | what servers of the app are told (`webhooks.rs`) |
//! | `GET`, `PUT`, `DELETE /admin/v1/apps/{id}/push/credentials...`, `GET /admin/v1/push` | who it is to the push providers (`credentials.rs`) |
//! | `GET /admin/v1/system`, `GET /admin/v1/system/bundle` | version, checks, settings in force; the same as a text for who helps |
//! | `GET`, `POST /admin/v1/operators` `{name, role, apps}` | who opens this door; makes one, and shows his password once |
//! | `PUT /admin/v1/operators/{name}` `{role?, apps?}`, `DELETE` | changes what he may do; removes him |
//! | `POST /admin/v1/operators/{name}/password` | gives an operator a new password, and shows it once |
//! | `GET /admin/v1/openapi.json` | this API in words for programs (`description.rs`) |
//! | `GET /admin/v1/audit[?operator=&app=&before=&limit=]` | what was changed, newest first |
//! | `GET /admin/v1/edges`, `POST .../edges/{edge}/drain` and `/resume` | the edges; one is emptied while it runs |
//! | `GET`, `PUT`, `DELETE /admin/v1/log-level`, `GET /admin/v1/limits`, `PUT`, `DELETE .../limits/{limit}` | what is set over the settings of all processes |
//! | `GET /admin/v1/offenders[?app=&minutes=&limit=]` | who causes most load and most refusals |
//!
//! Who may use which is one table, `rights.rs`. An operator has a role, in the whole installation or in some apps.
//!
//! Invariants:
//! - Nothing but what the table leaves open is answered without the bearer token, an operator's name and password (`Authorization:
//!   Basic`) or the cookie of his sign-in; they are looked at before a route is called or its body read, so no spelling of a path
//!   gets around it.
//! - A route that is not in the table is refused for all.
//! - An app that a caller does not see is answered like one that is not there.
//! - Nothing is changed before the audit log has its entry, and no entry has a secret or a body.
//! - No answer about an app's dialogs has a word of a message but for who said why, and the log has the reason before.
//! - A change that comes with the cookie proves that a page of that sign-in sent it.
//! - A name in `Host` that this door was not told of is refused, so a page whose name was pointed at 127.0.0.1 gets nothing.
//! - Under `/admin` every answer is JSON (the bundle aside), every refusal `{"error": {"code", "field", "text"}}`.
//! - No CORS, and a request that a page of another origin makes is refused: a browser that remembers an operator's password sends
//!   it along with whatever page asks.
//! - A page does what it does by the functions of the JSON routes, never by another road.
//!
//! Not here: health and `/metrics` (the node's port).

mod alerts;
mod apps;
mod archive;
mod audit;
mod auth;
mod backup;
mod body;
mod caller;
mod contacts;
mod credentials;
mod description;
mod devices;
mod dialogs;
mod erasures;
mod error;
mod export;
mod glass;
mod hex;
mod identity;
mod log;
mod metrics;
mod moderation;
mod offenders;
mod operators;
mod options;
mod pages;
mod reports;
mod rights;
mod routes;
mod running;
mod sdk;
mod service;
mod session;
mod sessions;
pub mod snippet;
mod system;
mod traces;
mod trials;
mod unread;
mod user_sessions;
mod users;
mod visit;
mod webhooks;

pub use archive::Archives;
pub use backup::{Pieces, Rows};
pub use options::Options;
pub use running::{Process, Processes};
pub use sdk::SdkFacts;
pub use service::{Error, Parts, Service};
pub use system::{Check, Examined, Setting, SystemFacts};
