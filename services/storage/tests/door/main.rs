//! The storage service at its gRPC door, on the memory engine for rows, a directory for contents, and a paused clock.

mod channel;
mod ends;
mod kit;
mod life;
mod limits;
