//! Links between services: one client type over two transports.
//!
//! The idea: a generated tonic server is a tower service, and a generated client takes any tower service for its transport.
//! So in one process the client calls the server itself, and in the cluster it calls a channel; [`Link`] is both, and a
//! service cannot tell which it was given. It names tonic in its `rpc.rs` only, and there through this crate.
//!
//! The parts: [`Link`], what a client calls through; [`serve`], what a channel arrives at; `transport`, what makes the two
//! transports fail alike; `routed`, which chooses a process for each request, by what `about` reads in it, and `guard`, which refuses at the other end what should not have come; `offered`, what a process
//! serves to others, with health and reflection; `together`, unary calls over a channel that share a stream; `tls`, certificates on both sides; `meters`, calls counted where they are served; with the feature `testing`, `faulty`: links that lose and delay calls by a seed.
//!
//! Invariants, on both transports (the contract suite in `contract.rs` runs on both):
//! - Every call ends at its link's deadline, as `deadline_exceeded`. The header `grpc-timeout` is not used: in process
//!   nobody reads it.
//! - `unavailable` means that the request was not carried out. Every other failure of a transport, and a handler that
//!   panicked, is `unknown`: it may have been.
//! - When the caller leaves, the handler is dropped half way. So a handler hands its request to an actor and waits.
//! - No message is over 4 MiB, either way; a larger one is `out_of_range`.
//! - In process a message is handed over as it is, over a channel it is spelled (decision 0023).
//! - The current span is the parent of what the handler does: in process by being current, over a channel as `traceparent`.

mod about;
mod guard;
mod link;
mod meters;
mod offered;
mod routed;
mod serve;
mod tls;
mod together;
mod transport;

#[cfg(test)]
mod contract;
#[cfg(feature = "testing")]
mod faulty;

pub use about::About;
#[cfg(feature = "testing")]
pub use faulty::{Answered, Call, Carrier, Faults};
pub use guard::{Guarded, Serves, guarded};
pub use link::{Link, LinkOptions};
pub use meters::Meters;
pub use offered::{Health, Offered};
pub use routed::{Place, Places, Routing, elsewhere, is_repeated};
pub use serve::{Serving, serve, serve_with};
pub use tls::{Pem, Tls};
pub use tonic::service::Routes;
pub use tonic::{Request, Response, Status, Streaming, async_trait};

/// What a handler answers.
pub type Reply<T> = Result<Response<T>, Status>;

/// Why a link or a server cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not the URI of a service.
    #[error("not the address of a service: {0}")]
    Address(String),
    /// The listener failed.
    #[error("cannot serve calls: {0}")]
    Serve(String),
    /// Certificates or keys that are none, or do not belong together.
    #[error("cannot use the certificates between processes: {0}")]
    Tls(String),
}
