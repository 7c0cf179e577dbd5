//! The providers that carry alerts to devices: Apple (APNs), Google (FCM v1) and the push services of browsers (Web Push).
//!
//! [`Senders::send`] takes one [`Alert`] for one [`Target`] and says what became of it: an [`Outcome`] that a queue acts on. It
//! keeps nothing that a restart may not lose, repeats nothing but what a provider has certainly not looked at, and does not hold
//! up: each app has its own bounded lane to each provider ([`mod@lanes`]), and one that fails is left alone for a while
//! ([`mod@backoff`]). [`payload`] says what would be sent, and is what is sent.
//!
//! Pure: [`mod@payload`], [`mod@apns`], [`mod@fcm`], [`mod@web`] (what is sent, what an answer means), [`mod@encryption`],
//! [`mod@jwt`], [`mod@backoff`]. With memory: [`mod@proofs`] and [`mod@access`] (tokens that prove who we are), [`mod@lanes`],
//! [`mod@doors`] (connections).
//!
//! Invariants:
//! - Only the text of an alert is shortened. What does not fit without it is refused, not sent in part.
//! - What a user may choose (a token, a bundle, an endpoint) costs his own subscription at most: `Credentials` is answered only
//!   for what is the app's own.
//! - Every attempt at the same alert carries the same collapse id, tag or topic.
//!
//! Not here: who is alerted, the queue, the times of repeats ([`pause`] is their measure), where credentials are kept.

mod access;
mod alert;
mod apns;
mod backoff;
mod credentials;
mod doors;
mod encryption;
mod fcm;
mod jwt;
mod lanes;
mod metrics;
mod options;
mod outcome;
mod payload;
mod proofs;
mod senders;
#[cfg(feature = "testing")]
pub mod testing;
mod web;

pub use alert::{Alert, AndroidNotification, Channel, Ios, PushType, Target};
pub use backoff::pause;
pub use credentials::{ApnsCertificate, ApnsToken, Credentials, CredentialsError, Facts, ServiceAccount, Vapid, VapidPair};
pub use options::{Options, Wrong};
pub use outcome::{Outcome, Reason};
pub use payload::{Payload, PayloadError, payload};
pub use senders::Senders;

/// Four weeks: the longest that FCM and most push services keep an alert.
const LIFE_MAX_S: u32 = 28 * 24 * 60 * 60;
/// A call that rings later is no call.
const VOIP_LIFE_S: u32 = 30;

/// Seconds that a provider keeps `alert` for a device that it cannot reach. `now` in Unix milliseconds.
pub fn time_to_live_s(channel: Channel, alert: &Alert, now: i64) -> u32 {
    match alert.expires_at {
        Some(at) => u32::try_from((at - now).max(0) / 1_000).unwrap_or(LIFE_MAX_S).min(LIFE_MAX_S),
        None if channel == Channel::ApnsVoip => VOIP_LIFE_S,
        None => LIFE_MAX_S,
    }
}
