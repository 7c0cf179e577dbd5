//! What is found, before anybody decides what it means.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;
use std::path::PathBuf;

/// The data directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directory {
    pub path: PathBuf,
    pub state: DirectoryState,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirectoryState {
    /// The nearest folder above it takes files, or does not.
    Absent { can_be_made: bool },
    /// Something else lies there.
    NoDirectory,
    /// A restore into it was cut off, or goes on.
    HalfRestored,
    /// `mode`: the permission bits.
    Present { writable: bool, mode: u32 },
}

/// A file that only its owner may read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Secret {
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
}

/// The certificates that clients are shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificates {
    /// Those of the settings, then the one under the data directory.
    pub shown: Vec<Certificate>,
    /// Names of this host that none of them carries.
    pub missing: Vec<String>,
    /// The next start makes one that does.
    pub is_remade: bool,
}

/// One of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    pub path: PathBuf,
    pub origin: Origin,
    pub state: CertificateState,
}

/// Where a certificate comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A start made it.
    Made,
    /// An operator put it in that place.
    Brought,
    /// An operator named it in the settings.
    Named,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CertificateState {
    /// Nothing there: a first start makes it.
    Absent,
    /// Why a start could not use it.
    Unusable(String),
    /// Unix seconds.
    Usable { starts_at: i64, ends_at: i64 },
}

/// A name of an app, and the end of the certificate that a client is shown who asks for it, in Unix seconds; none carries it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppName {
    pub app: u64,
    pub name: String,
    pub ends_at: Option<i64>,
}

/// What apps keep here to be known to push providers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PushCredentials {
    pub sealed: u64,
    /// Why nothing can be sealed or opened.
    pub problem: Option<String>,
    /// Apps of which some are sealed with a key that is not here.
    pub unusable: BTreeSet<u64>,
    /// Apps with a certificate that ends soon, or ended, and when, as the admin API writes it.
    pub ending: Vec<(u64, String)>,
}

/// Limits of open files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenFiles {
    pub soft: u64,
    /// What a start raises the soft one to.
    pub hard: u64,
}

/// Servers of one kind that a cluster keeps something in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Servers {
    /// What they are called.
    pub check: &'static str,
    /// The group of settings about them.
    pub settings: &'static str,
    /// Where the settings say that they are.
    pub at: String,
    pub state: State,
}

/// How they stand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    Well(String),
    /// They answer, and something is to be done first.
    Waits(String),
    /// Why they cannot be used.
    Failed(String),
}

/// What answers on the health port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Server {
    Stopped,
    Running { is_ready: bool },
}

/// A listener.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Port {
    /// Of a running server: somebody takes connections.
    Served,
    /// Of a running server: nobody does.
    Silent,
    /// Of a stopped one: it can be listened on.
    Free,
    /// Of a stopped one: somebody else listens.
    Taken,
    /// Of a stopped one: the system does not allow it, and why.
    Refused(String),
    /// Port 0: chosen at the start.
    Chosen,
}

/// The admin API.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AdminApi {
    /// No server runs.
    NotAsked,
    /// The console of this cluster runs in another process.
    Elsewhere,
    /// With the names of its apps, and what it says of push credentials.
    Opened {
        names: Vec<AppName>,
        push: PushCredentials,
    },
    Failed(String),
}
