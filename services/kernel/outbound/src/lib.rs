//! Requests to addresses outside of the installation: the identity provider of an app, the push providers, and whatever else an
//! operator names in an app's settings. The only crate that knows the HTTP client for it.
//!
//! Who may choose an address must not reach by it what only this machine can (SSRF), and an address that hangs must hold up nobody
//! but those who asked for it. Hence:
//!
//! - Private, loopback, link-local and the other addresses that are not of the public internet are not connected to, unless
//!   `outbound.private_networks` names them. What is looked at is the address that is connected to, not the name: a name that
//!   changes its mind between two look-ups gains nothing ([`mod@address`]).
//! - No redirect is followed, no proxy of the environment is used, no cookie kept. The answer of a redirect is the answer.
//! - One deadline for all of it, a bound on the answer's bytes, on requests at once, and on those of one app.
//!
//! Not here: what is asked and what an answer means.

mod address;
mod error;
mod metrics;
mod network;
mod options;
mod places;
mod request;

use std::sync::Arc;

use natter_telemetry::Metrics as Registry;

pub use error::Error;
pub use options::{Line, Options, Wrong};
pub use request::{Answer, Method, Request};

use metrics::Metrics;
use network::Network;
use places::Places;

/// The door to the outside. A handle: clones share its bounds.
#[derive(Clone)]
pub struct Outbound {
    engine: Engine,
    places: Arc<Places>,
    metrics: Metrics,
}

/// Whether a text can be an address to ask: `http` or `https`, a host, no name and password in it. Says nothing of where it leads.
pub fn is_url(text: &str) -> bool {
    network::parse(text).is_some()
}

/// What stands in place of a network in a test.
#[cfg(feature = "testing")]
type Written = dyn Fn(&Request) -> Result<Answer, Error> + Send + Sync;

#[derive(Clone)]
enum Engine {
    Network(Arc<Network>),
    #[cfg(feature = "testing")]
    Written(Arc<Written>),
}

impl Outbound {
    /// A door with these bounds. The process has named its cryptography before (rustls).
    ///
    /// # Errors
    /// If a network cannot be read, or the file of further certificate authorities.
    pub fn new(options: &Options, registry: &Registry) -> Result<Outbound, Wrong> {
        let engine = Engine::Network(Arc::new(Network::new(options, None)?));
        Ok(Outbound { engine, places: Arc::new(Places::of(options)), metrics: Metrics::new(registry) })
    }

    /// A door that keeps its connections (see [`Line`]). Its requests are counted by whoever asks, not here.
    ///
    /// # Errors
    /// As [`Outbound::new`], and if the identity is no certificate with its key.
    pub fn line(options: &Options, line: &Line) -> Result<Outbound, Wrong> {
        let engine = Engine::Network(Arc::new(Network::new(options, Some(line))?));
        Ok(Outbound { engine, places: Arc::new(Places::of(options)), metrics: Metrics::default() })
    }

    /// A door behind which `answer` stands, within the bounds of the default options. For tests.
    #[cfg(feature = "testing")]
    pub fn written(answer: impl Fn(&Request) -> Result<Answer, Error> + Send + Sync + 'static) -> Outbound {
        let places = Arc::new(Places::of(&Options::default()));
        Outbound { engine: Engine::Written(Arc::new(answer)), places, metrics: Metrics::default() }
    }

    /// Asks on behalf of `app`. Whoever stops waiting gives the place back at once.
    pub async fn ask(&self, app: u64, request: &Request) -> Result<Answer, Error> {
        let outcome = match self.places.take(app) {
            Some(_place) => self.carried_out(request).await,
            None => Err(Error::Busy),
        };
        self.metrics.ended(&outcome);
        outcome
    }

    async fn carried_out(&self, request: &Request) -> Result<Answer, Error> {
        match &self.engine {
            Engine::Network(network) => network.ask(request).await,
            #[cfg(feature = "testing")]
            Engine::Written(answer) => answer(request),
        }
    }
}
