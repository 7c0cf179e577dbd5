//! What became of one alert, as the queue needs to know it, and what it says of the provider's health. Values only.

use std::fmt;
use std::time::Duration;

/// What became of one alert.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The provider has it, under this id if it told one.
    Accepted { id: Option<String> },
    /// The subscription leads nowhere: mark it and leave it alone.
    Rejected(Reason),
    /// This alert to this subscription will never be taken: log it, do not repeat it. Says nothing of other alerts. Without a
    /// status nothing was sent.
    Refused { status: Option<u16>, reason: String },
    /// The app's credentials are not taken: nothing of this channel will be, until they are changed. Pause it.
    Credentials { status: Option<u16>, reason: String },
    /// Not now. Try the same again, not before `after` if it is given.
    Later { after: Option<Duration>, reason: String },
}

/// Why a subscription leads nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The app was removed, or the token was replaced. `since` (Unix milliseconds) is when the provider noticed: a subscription
    /// that was made again after it is a fresh one.
    Unregistered { since: Option<i64> },
    /// It never was a token of this provider, or of this environment (sandbox, production).
    BadToken,
    /// It is a token of another app or of another sender.
    OtherSender,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Unregistered { .. } => "not registered any more",
            Reason::BadToken => "no token of this provider or environment",
            Reason::OtherSender => "a token of another app or sender",
        })
    }
}

/// An answer, and what else it means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Verdict {
    pub outcome: Outcome,
    /// `None`: nothing was asked, so nothing is known.
    pub health: Option<Health>,
    /// The proof that was sent may be too old: worth one try with a fresh one.
    pub renew: bool,
}

/// What an answer says of the provider, rather than of one alert.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Health {
    Well,
    /// It fails or does not answer.
    Unwell,
    /// It wants to be left alone for so long.
    Rests(Duration),
}

impl Verdict {
    pub fn well(outcome: Outcome) -> Verdict {
        Verdict { outcome, health: Some(Health::Well), renew: false }
    }

    /// Nothing was asked.
    pub fn unasked(outcome: Outcome) -> Verdict {
        Verdict { outcome, health: None, renew: false }
    }

    pub fn unwell(reason: impl Into<String>) -> Verdict {
        Verdict { outcome: Outcome::Later { after: None, reason: reason.into() }, health: Some(Health::Unwell), renew: false }
    }

    pub fn refused(status: u16, reason: impl Into<String>) -> Verdict {
        Verdict::well(Outcome::Refused { status: Some(status), reason: reason.into() })
    }

    pub fn credentials(status: u16, reason: impl Into<String>) -> Verdict {
        Verdict::well(Outcome::Credentials { status: Some(status), reason: reason.into() })
    }

    pub fn later(after: Option<Duration>, reason: impl Into<String>) -> Verdict {
        Verdict::well(Outcome::Later { after, reason: reason.into() })
    }

    /// The provider does not want to be asked for a while. Without a time it only counts as a failure.
    pub fn rests(after: Option<Duration>, reason: impl Into<String>) -> Verdict {
        let health = after.map_or(Health::Unwell, Health::Rests);
        Verdict { outcome: Outcome::Later { after, reason: reason.into() }, health: Some(health), renew: false }
    }

    pub fn renewable(self) -> Verdict {
        Verdict { renew: true, ..self }
    }
}

/// What a provider calls the fault, as far as it may be logged: its beginning, and only what can be read.
pub(crate) fn readable(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    text.chars().filter(|c| !c.is_control()).take(CHARS_MAX).collect()
}
