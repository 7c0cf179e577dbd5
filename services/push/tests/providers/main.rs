//! Alerts to providers that check what they are sent: what arrives, and what each of their answers leads to.
#![allow(clippy::unwrap_used)]

mod apple;
mod browser;
mod google;
mod hanging;
mod kit;
