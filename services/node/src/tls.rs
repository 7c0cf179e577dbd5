//! The certificates that every door with TLS shows: read at the start, chosen by the name a client asks for, read again when a
//! file has changed or at SIGHUP. Open connections keep what they began with; later handshakes get what is there by then.
//!
//! `pair.rs` reads a chain and its key, `choice.rs` says which one a name gets. Decision 0018.

mod choice;
mod metrics;
mod pair;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::{Mutex, RwLock};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use tokio::signal::unix::Signal;
use tracing::{info, warn};

use crate::certificates::carries;
use choice::Choice;
use metrics::Metrics;
use pair::{Content, Seen};
pub use pair::{Held, read};

/// Certificates that an operator brings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Chains and their keys in PEM, as `[{ cert = "chat.pem", key = "chat.key" }]`. A client gets the one that carries the name
    /// it asks for: exactly, else by a wildcard, else the first. What the first start made in `tls/` comes last.
    pub certificates: Vec<Pair>,
    /// Seconds between two looks at the files. A pair that changed is shown from the next handshake on; one that cannot be used
    /// leaves the earlier one in place. SIGHUP looks at once; 0: only then.
    pub reload_s: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { certificates: Vec::new(), reload_s: 5 }
    }
}

/// The files of one certificate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The certificate that clients are shown, and behind it those between it and its CA.
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// All certificates of a process.
pub struct Tls {
    shown: Arc<Shown>,
    places: Mutex<Vec<Place>>,
    every: Option<Duration>,
    metrics: Metrics,
}

/// One pair of files and what came of it.
struct Place {
    pair: Pair,
    held: Held,
    /// What the files hold if that cannot be used, so that it is told once.
    refused: Option<Content>,
}

/// What the doors ask at each handshake.
#[derive(Debug)]
struct Shown(RwLock<Current>);

#[derive(Debug, Default)]
struct Current {
    choice: Choice,
    keys: Vec<Arc<CertifiedKey>>,
}

impl Tls {
    /// Reads every pair: those of the settings, then `made`.
    ///
    /// # Errors
    /// A pair cannot be used. There is no earlier one to go on with.
    pub fn open(options: &Options, made: Pair, metrics: &natter_telemetry::Metrics) -> Result<Tls> {
        let pairs = options.certificates.iter().cloned().chain([made]);
        let places = pairs.map(|pair| Ok(Place { held: read(&pair)?, pair, refused: None })).collect::<Result<Vec<_>>>()?;
        let every = Some(Duration::from_secs(options.reload_s)).filter(|every| !every.is_zero());
        let shown = Arc::new(Shown(RwLock::default()));
        let this = Tls { shown, places: Mutex::new(places), every, metrics: Metrics::new(metrics) };
        this.show(&this.places.lock());
        Ok(this)
    }

    /// The chain that a client is shown who asks for this name.
    pub fn chain_for(&self, name: &str) -> Vec<CertificateDer<'static>> {
        let places = self.places.lock();
        let place = Choice::new(places.iter().map(|place| place.held.names.as_slice())).of(Some(name));
        places.get(place).map(|place| place.held.chain().to_vec()).unwrap_or_default()
    }

    /// TLS 1.2 and 1.3 with session tickets. `protocols` are the ALPN names, most wanted first.
    pub fn server_config(&self, protocols: &[&str]) -> Result<Arc<rustls::ServerConfig>> {
        let mut config = rustls::ServerConfig::builder().with_no_client_auth().with_cert_resolver(self.shown.clone());
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
        Ok(Arc::new(config))
    }

    /// Looks at the files now and then, and whenever a hangup comes, until `stop`.
    pub async fn run(self: Arc<Self>, mut hangups: Signal, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        loop {
            let pause = async {
                match self.every {
                    Some(every) => tokio::time::sleep(every).await,
                    None => std::future::pending().await,
                }
            };
            // Every branch only waits.
            tokio::select! {
                biased;
                () = &mut stop => return,
                _ = hangups.recv() => info!("looking at the certificates, as asked for"),
                () = pause => {}
            }
            let looking = self.clone();
            if tokio::task::spawn_blocking(move || looking.look()).await.is_err() {
                warn!("a look at the certificates ended by a panic");
            }
        }
    }

    /// Takes what has changed and can be used.
    fn look(&self) {
        let mut places = self.places.lock();
        let mut is_changed = false;
        for place in places.iter_mut() {
            is_changed |= self.look_at(place);
        }
        if is_changed {
            self.show(&places);
        }
        self.metrics.refused(places.iter().filter(|place| place.refused.is_some()).count());
    }

    // Whether the place holds another certificate now.
    fn look_at(&self, place: &mut Place) -> bool {
        let seen = Seen::at(&place.pair);
        if seen.content == place.held.content {
            place.refused = None;
            return false;
        }
        if place.refused.as_ref() == Some(&seen.content) {
            return false;
        }
        let cert = place.pair.cert.display();
        match seen.held(&place.pair) {
            Ok(held) => {
                info!(%cert, names = ?held.names, "a changed certificate is shown from now on");
                self.metrics.reloaded.inc();
                (place.held, place.refused) = (held, None);
                true
            }
            Err(error) => {
                warn!(%cert, error = format!("{error:#}"), "a changed certificate cannot be used: the earlier one stays");
                self.metrics.failed.inc();
                place.refused = Some(seen.content);
                false
            }
        }
    }

    fn show(&self, places: &[Place]) {
        let choice = Choice::new(places.iter().map(|place| place.held.names.as_slice()));
        let keys = places.iter().map(|place| place.held.key.clone()).collect();
        *self.shown.0.write() = Current { choice, keys };
        self.metrics.ends(places.iter().map(|place| (place.held.names.first().map(String::as_str), place.held.ends_at)));
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.0.read();
        current.keys.get(current.choice.of(hello.server_name())).cloned()
    }
}

/// The one of `held` that a client is shown who asks for `name`; none if there is none, or it does not carry the name.
pub fn shown<'a>(held: &'a [Held], name: &str) -> Option<&'a Held> {
    let place = Choice::new(held.iter().map(|held| held.names.as_slice())).of(Some(name));
    held.get(place).filter(|held| held.leaf().is_some_and(|leaf| carries(leaf, name)))
}

/// Listens for SIGHUP, which ends the process no more.
pub fn hangups() -> Result<Signal> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).context("cannot listen for SIGHUP")
}

#[cfg(test)]
mod tests;
