//! The REST door of the ConnectyCube SDK, on actix-web.
//!
//! A request takes one road (`door.rs`): find its call in the table (`routes.rs`), resolve the token, count it against the
//! limits, read the body within its bound, decode it with the one decoder (`decode.rs`), run the call, write the answer
//! with its headers. Uploads and downloads are streamed past that (`blobs/`). Calls read typed parameters, ask the services behind and build JSON; nothing is kept here.
//!
//! Invariants:
//! - Every error is JSON, every success is 200, 201 or 202 (a part of a file 206, a file that the client has 304), and none of them lacks the CORS headers (contract rest 0.3,
//!   1.5, 1.8). An app that lists origins is answered with `Access-Control-Allow-Origin` for their pages only.
//! - Query strings, bodies and tokens never reach a log, a span or an error text.
//! - A write is answered only after the service behind has made it durable.
//!
//! What it is not: it holds no state but the rate limits, and it decides nothing about dialogs, users or messages.

mod answer;
mod blobs;
mod body;
mod decode;
mod description;
mod dialogs;
mod door;
mod error;
mod events;
mod filter;
#[cfg(feature = "testing")]
pub mod fuzz;
mod headers;
mod limits;
mod messages;
mod metrics;
mod multipart;
mod object;
mod options;
mod origin;
mod path;
mod provider;
mod readers;
mod reports;
mod reset;
mod routes;
mod search;
mod service;
mod session;
mod sign;
mod subscriptions;
mod unread;
mod users;

pub use options::Options;
pub use routes::routes;
pub use service::{Doors, Parts, Service};
