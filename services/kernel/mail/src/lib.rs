//! Mails of this installation, handed over to the operator's SMTP server. The only crate that knows SMTP.
//!
//! One mail is one connection with one deadline, and a mail that was not taken over is not kept here: who wanted it asks again.
//! Without a host there are no mails, and whoever would send one is told so.
//!
//! Not here: what a mail says, and how many there may be.

mod error;
mod metrics;
mod options;
mod smtp;

use std::sync::Arc;

use natter_telemetry::Metrics as Registry;

pub use error::Error;
pub use options::{Options, Tls, Wrong};

use metrics::Metrics;
use smtp::Smtp;

/// A mail to one person.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    pub to: String,
    /// One line.
    pub subject: String,
    pub text: String,
}

/// The way out for mails. A handle.
#[derive(Clone)]
pub struct Mails {
    engine: Engine,
    metrics: Metrics,
}

#[derive(Clone)]
enum Engine {
    Off,
    Smtp(Arc<Smtp>),
    #[cfg(feature = "testing")]
    Kept(Arc<parking_lot::Mutex<Vec<Mail>>>),
}

impl Mails {
    /// The way that the settings name. Connects to nobody.
    pub fn new(options: &Options, registry: &Registry) -> Result<Mails, Wrong> {
        let engine = match options.host.is_empty() {
            true => Engine::Off,
            false => Engine::Smtp(Arc::new(Smtp::new(options)?)),
        };
        Ok(Mails { engine, metrics: Metrics::new(registry) })
    }

    /// No way at all.
    pub fn off() -> Mails {
        Mails { engine: Engine::Off, metrics: Metrics::default() }
    }

    /// Mails that stay in this list. For tests.
    #[cfg(feature = "testing")]
    pub fn kept(list: Arc<parking_lot::Mutex<Vec<Mail>>>) -> Mails {
        Mails { engine: Engine::Kept(list), metrics: Metrics::default() }
    }

    /// Whether mails are sent at all.
    pub fn is_on(&self) -> bool {
        !matches!(self.engine, Engine::Off)
    }

    /// Hands a mail over. It is sent when this has ended well, and may have been when it has not.
    pub async fn send(&self, mail: &Mail) -> Result<(), Error> {
        let outcome = match &self.engine {
            Engine::Off => Err(Error::Off),
            Engine::Smtp(smtp) => smtp.send(mail).await,
            #[cfg(feature = "testing")]
            Engine::Kept(list) => {
                list.lock().push(mail.clone());
                Ok(())
            }
        };
        self.metrics.ended(&outcome);
        outcome
    }
}
