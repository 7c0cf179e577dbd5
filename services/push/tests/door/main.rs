//! The push service at its gRPC door, on the memory engine, with paused time and providers that record.

mod credentials;
mod decisions;
mod delivery;
mod devices;
mod ends;
mod fakes;
mod kit;
mod ways;
