//! Calls about alerts: how they look, what users send to devices themselves, their devices, who apps are to the providers, and the
//! end of it all.

mod alerting;
pub mod credentials;
mod erasure;
mod events;
mod subscriptions;
