//! What can go wrong when the door is opened or stays open. What goes wrong on one connection ends that connection only and is
//! counted (`metrics.rs`).

/// Why the edge cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A listener for TLS was given without certificates.
    #[error("a TLS listener needs a TLS configuration")]
    NoTls,
    /// The host name would make users look like rooms.
    #[error("host `{0}` contains the letters `muc`, by which the SDK tells rooms")]
    Host(String),
}
