//! The REST door over a loopback socket, with fakes of the services behind it.

mod chat;
mod client;
mod fakes;
mod http;
mod people;
mod tls;
