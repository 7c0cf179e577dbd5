//! Calls about what users and apps have of alerts: devices, credentials, and the end of it all.

pub mod credentials;
mod erasure;
mod subscriptions;
