//! Why there is no answer from outside.

/// Nothing of the address or of what was sent is repeated: both may hold secrets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The address or a header cannot be sent. Nothing was.
    #[error("the address or a header cannot be used")]
    Malformed,
    /// The address, or what its name leads to, is not of the public internet. Nothing was sent.
    #[error("the address is not one of the public internet, and no setting allows it")]
    Barred,
    /// Too many requests at once, of all or of this app. Nothing was sent.
    #[error("too many requests to the outside are under way")]
    Busy,
    /// The answer did not come in time.
    #[error("no answer in time")]
    Late,
    /// The answer is longer than the bound.
    #[error("the answer is too long")]
    TooLong,
    /// No connection, no trust in the other side, or an end half way.
    #[error("no connection, or one that ended half way")]
    Broken,
}
