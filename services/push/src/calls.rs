//! Calls about what users have of alerts: their devices, and the end of it all.

mod erasure;
mod subscriptions;
