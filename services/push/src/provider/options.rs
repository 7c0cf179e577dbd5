//! What senders are given of the settings; operators set it under `push.` (`natter_push::Options`).

use std::path::PathBuf;

/// Push providers: where they are, what may be reached, how long and how many at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Whether push services of browsers on private addresses are asked, whose endpoints users name. The addresses below may
    /// always be private: they are the operator's.
    pub allow_private: bool,
    /// File with certificates of further authorities, PEM, trusted beside those of the system. Empty: none.
    pub extra_ca: PathBuf,
    /// Milliseconds for one request, and for the wait for a place before it.
    pub deadline_ms: u64,
    /// Requests at once of one app to one provider.
    pub in_flight_max: usize,
    /// Alerts of one app that wait for a place with one provider; further ones are put off.
    pub waiting_max: usize,
    /// Apple's push service, and the one for builds of developers.
    pub apns_url: String,
    pub apns_sandbox_url: String,
    /// Firebase Cloud Messaging, and where access tokens for it are given out.
    pub fcm_url: String,
    pub fcm_token_url: String,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            allow_private: false,
            extra_ca: PathBuf::new(),
            deadline_ms: 10_000,
            in_flight_max: 64,
            waiting_max: 1_000,
            apns_url: "https://api.push.apple.com".into(),
            apns_sandbox_url: "https://api.sandbox.push.apple.com".into(),
            fcm_url: "https://fcm.googleapis.com".into(),
            fcm_token_url: "https://oauth2.googleapis.com/token".into(),
        }
    }
}

/// Which setting cannot be used, and why.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    #[error("push.{0}: {1:?} is no address on https")]
    Url(&'static str, String),
    #[error("push.contact: {0:?} begins with neither mailto: nor https://")]
    Contact(String),
    #[error("push.extra_ca: cannot use {path}: {text}", path = .0.display(), text = .1)]
    ExtraCa(PathBuf, String),
    #[error(transparent)]
    Door(natter_outbound::Wrong),
}

/// Bytes of an answer that anybody reads.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// Requests at once of all apps through one door, and of one app to all services of Web Push, in parts of `in_flight_max`.
const REQUESTS_MAX: usize = 4_096;
const PROVIDERS_AT_ONCE: usize = 4;

impl Options {
    /// Everything that can be seen before the first alert.
    pub(super) fn check(&self) -> Result<(), Wrong> {
        let urls = [
            ("apns_url", &self.apns_url),
            ("apns_sandbox_url", &self.apns_sandbox_url),
            ("fcm_url", &self.fcm_url),
            ("fcm_token_url", &self.fcm_token_url),
        ];
        match urls.into_iter().find(|(_, url)| !url.starts_with("https://") || !natter_outbound::is_url(url)) {
            Some((name, url)) => Err(Wrong::Url(name, url.clone())),
            None => Ok(()),
        }
    }

    /// The bounds of one door. `anywhere`: it may lead to private addresses.
    pub(super) fn outbound(&self, anywhere: bool) -> natter_outbound::Options {
        let all = ["0.0.0.0/0".to_owned(), "::/0".to_owned()];
        natter_outbound::Options {
            deadline_ms: self.deadline_ms,
            answer_bytes_max: ANSWER_BYTES_MAX,
            requests_max: REQUESTS_MAX,
            requests_per_app_max: self.in_flight_max.saturating_mul(PROVIDERS_AT_ONCE),
            private_networks: if anywhere { all.to_vec() } else { Vec::new() },
            ca_file: self.extra_ca.clone(),
        }
    }
}
