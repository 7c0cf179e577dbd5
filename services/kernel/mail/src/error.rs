//! Why a mail was not handed over.

/// Nothing of the mail is repeated.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    #[error("this installation sends no mails")]
    Off,
    /// The recipient's address, or the subject, is none that a mail can have.
    #[error("the mail cannot be written")]
    Malformed,
    /// The server said no, with this code.
    #[error("the mail server refused ({0})")]
    Refused(String),
    #[error("the mail server was not reached, or did not answer in time")]
    Unreached,
}
