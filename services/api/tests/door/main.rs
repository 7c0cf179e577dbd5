//! The REST door over a loopback socket, with fakes of the services behind it.

mod chat;
mod client;
mod content;
mod events;
mod fakes;
mod files;
mod groups;
mod http;
mod lists;
mod names;
mod origins;
mod people;
mod reports;
mod subscriptions;
mod talk;
mod tls;
mod uploads;
