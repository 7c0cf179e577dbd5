//! The push service at its gRPC door, on the memory engine, with paused time and providers that record.

mod alerting;
mod calls;
mod credentials;
mod decisions;
mod delivery;
mod devices;
mod ends;
mod events;
mod fakes;
mod jetstream;
mod kit;
mod requests;
mod ways;
mod webhooks;
