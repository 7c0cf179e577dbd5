//! Sends one alert to one device: a place in the provider's lane, a proof of who we are, one request, and what the answer means.

mod apple;
mod browser;
mod google;

use std::sync::Arc;
use std::time::Duration;

use jiff::fmt::rfc2822;
use natter_actor::Clock;
use natter_outbound::{Answer, Error as Outside, Method, Outbound, Request};
use natter_proto::AppId;
use natter_telemetry::Metrics as Registry;
use tokio::time::{Instant, timeout};

use super::access::AccessTokens;
use super::alert::{Alert, Channel, Target};
use super::backoff::REST_MAX;
use super::credentials::Credentials;
use super::doors::Doors;
use super::lanes::{Closed, Lanes, Place, Provider};
use super::metrics::Metrics;
use super::options::{Options, Wrong};
use super::outcome::{Outcome, Verdict};
use super::payload::{Payload, payload};
use super::proofs::Proofs;

/// Sends alerts. A handle: clones share its connections, tokens and bounds.
#[derive(Clone)]
pub struct Senders(Arc<Inner>);

struct Inner {
    options: Options,
    clock: Clock,
    metrics: Metrics,
    lanes: Arc<Lanes>,
    doors: Doors,
    proofs: Proofs,
    access: AccessTokens,
}

/// What is sent to whom.
struct Mail<'a> {
    app: AppId,
    target: &'a Target,
    alert: &'a Alert,
    payload: Payload,
    /// Unix milliseconds.
    now: i64,
}

/// A request that is ready but for its proof.
struct Draft {
    url: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// The header that says who we are.
type Proof = (&'static str, String);

impl Senders {
    /// Senders with these settings. The process has named its cryptography before (rustls).
    ///
    /// # Errors
    /// If a setting cannot be used.
    pub fn new(options: &Options, clock: Clock, registry: &Registry) -> Result<Senders, Wrong> {
        options.check()?;
        Ok(Senders(Arc::new(Inner {
            options: options.clone(),
            clock,
            metrics: Metrics::new(registry),
            lanes: Arc::new(Lanes::new(options.in_flight_max, options.waiting_max)),
            doors: Doors::new(options)?,
            proofs: Proofs::default(),
            access: AccessTokens::default(),
        })))
    }

    /// Sends `alert` to `target` in the name of `app`. Ends within three times the deadline (a place, a request, one more with
    /// a fresh proof), whatever the provider does. The caller may stop waiting; the provider may then have the alert all the same.
    pub async fn send(&self, app: AppId, credentials: &Credentials, target: &Target, alert: &Alert) -> Outcome {
        // The futures of the HTTP client are large, and those of callers hold this one.
        let outcome = Box::pin(self.0.send(app, credentials, target, alert)).await;
        self.0.metrics.ended(target.channel(), &outcome);
        outcome
    }
}

impl Inner {
    async fn send(&self, app: AppId, credentials: &Credentials, target: &Target, alert: &Alert) -> Outcome {
        let now = self.clock.now_ms();
        if alert.expires_at.is_some_and(|at| at <= now) {
            return Outcome::Refused { status: None, reason: "expired".into() };
        }
        let payload = match payload(target, alert) {
            Ok(payload) => payload,
            Err(error) => return Outcome::Refused { status: None, reason: error.to_string() },
        };
        if payload.shortened {
            self.metrics.shortened(target.channel());
        }
        let mail = Mail { app, target, alert, payload, now };
        match credentials {
            Credentials::ApnsToken(of) => self.apns_by_token(&mail, of).await,
            Credentials::ApnsCertificate(of) => self.apns_by_certificate(&mail, of).await,
            Credentials::Fcm(of) => self.fcm(&mail, of).await,
            Credentials::Vapid(of) => self.web(&mail, of).await,
        }
    }

    fn of_another_channel() -> Outcome {
        Outcome::Refused { status: None, reason: "credentials of another channel".into() }
    }

    // The machine gives no chance: neither the subscription nor the provider is to blame.
    fn without_chance() -> Outcome {
        Outcome::Later { after: None, reason: "no chance for a key or a signature".into() }
    }

    async fn enter(&self, app: AppId, provider: Provider) -> Result<Place, Outcome> {
        let later = |after, reason: &str| Outcome::Later { after, reason: reason.to_owned() };
        match timeout(self.deadline(), self.lanes.enter(app, provider)).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(Closed::Full)) => Err(later(None, "too many alerts wait for this provider")),
            Ok(Err(Closed::TooMany)) => Err(later(None, "too many push services at once")),
            Ok(Err(Closed::Resting(left))) => Err(later(Some(left), "the provider is left alone for a while")),
            Err(_) => Err(later(None, "no place with this provider in time")),
        }
    }

    async fn timed(&self, channel: Channel, asked: impl Future<Output = Verdict>) -> Verdict {
        let started = Instant::now();
        let verdict = timeout(self.deadline(), asked).await;
        self.metrics.asked(channel, started.elapsed());
        verdict.unwrap_or_else(|_| Verdict::unwell("no answer in time"))
    }

    fn deadline(&self) -> Duration {
        Duration::from_millis(self.options.deadline_ms)
    }
}

async fn ask(door: &Outbound, app: AppId, draft: &Draft, proof: Option<Proof>) -> Result<Answer, Verdict> {
    let headers = draft.headers.iter().cloned().chain(proof).map(|(name, value)| (name.to_owned(), value)).collect();
    let request = Request { method: Method::Post, url: draft.url.clone(), headers, body: draft.body.clone() };
    door.ask(app.0, &request).await.map_err(outside)
}

/// What it means that nothing came back.
pub(super) fn outside(error: Outside) -> Verdict {
    match error {
        Outside::Malformed | Outside::Barred => Verdict::unasked(Outcome::Refused { status: None, reason: error.to_string() }),
        Outside::Busy => Verdict::unasked(Outcome::Later { after: None, reason: error.to_string() }),
        Outside::Late | Outside::TooLong | Outside::Broken => Verdict::unwell(error.to_string()),
    }
}

/// How long the provider wants to be left alone: seconds or a date (RFC 9110, 10.2.3), at most an hour.
pub(super) fn retry_after(answer: &Answer, now: i64) -> Option<Duration> {
    let text = answer.header("retry-after")?.trim();
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let date = rfc2822::parse(text).ok()?.timestamp().as_millisecond();
            u64::try_from(date - now).unwrap_or(0).div_ceil(1_000)
        }
    };
    Some(Duration::from_secs(seconds).min(REST_MAX))
}

#[cfg(test)]
#[path = "senders/tests.rs"]
mod tests;
