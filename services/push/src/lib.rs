//! Alerts for those whom nothing reached: who is to be alerted, by which of his devices, and the providers that carry it there.

pub mod provider;
