//! The storage service at its gRPC door, on the memory engine for rows (but for [`mod@cassandra`]), a directory for contents, and a paused clock.

mod archives;
mod cassandra;
mod channel;
mod ends;
mod kit;
mod life;
mod limits;
