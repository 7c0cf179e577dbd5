//! Settings of mails.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Mails that this installation sends: to whoever has forgotten a password.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Host of the SMTP server that takes them over. Empty: no mails are sent.
    pub host: String,
    /// Port of that server.
    pub port: u16,
    /// `starttls` (needed, never only if offered), `tls` from the first byte, or `none` for a server on this machine.
    pub tls: Tls,
    /// Name to sign in with. Empty: without.
    pub user: String,
    /// Password to that name.
    pub password: String,
    /// Sender of the mails, as `Example <noreply@example.test>`.
    pub from: String,
    /// File with the certificate of a further authority, PEM, trusted beside those of the system. Empty: none.
    pub ca_file: PathBuf,
    /// Milliseconds for handing over one mail.
    pub deadline_ms: u64,
}

/// How the way to the server is kept private.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    Starttls,
    Tls,
    None,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            host: String::new(),
            port: 587,
            tls: Tls::Starttls,
            user: String::new(),
            password: String::new(),
            from: String::new(),
            ca_file: PathBuf::new(),
            deadline_ms: 10_000,
        }
    }
}

/// Which setting cannot be used, and why.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    #[error("mail.from: {0:?} is no sender such as noreply@example.test")]
    From(String),
    #[error("mail.ca_file: cannot use {path}: {text}", path = .0.display(), text = .1)]
    CaFile(PathBuf, String),
    #[error("mail.host: TLS cannot be set up: {0}")]
    Tls(String),
}
