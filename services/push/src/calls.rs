//! Calls about alerts: how they look, what users send to devices themselves, their devices, and the end of it all.

mod alerting;
mod erasure;
mod events;
mod subscriptions;
