//! The REST door over a loopback socket, with fakes of the services behind it.

mod chat;
mod client;
mod fakes;
mod groups;
mod http;
mod lists;
mod people;
mod talk;
mod tls;
