//! The journal in plain words: why somebody was alerted or was not, and what a provider said. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::push::v1::Note;

use crate::devices::channel_name;
use crate::hex;
use crate::pages::when;

/// A line of the journal.
pub struct Line {
    pub at: String,
    /// Lower-case hex.
    pub dialog: String,
    pub message: String,
    /// It came of no message in a dialog, but of an event, a test, a contact request or a call.
    pub is_event: bool,
    /// 0: several together.
    pub user: u64,
    pub count: u64,
    /// What became of it, in a word or two, and how that is shown.
    pub outcome: (&'static str, &'static str),
    pub why: String,
    /// Of an attempt: to where, and which attempt it was.
    pub device: String,
    /// As the provider or the push service said it; empty: nothing beside.
    pub answer: String,
    pub remark: String,
    /// Credentials would mend it.
    pub needs_credentials: bool,
}

/// What was decided, as the push service says it and as people read it.
const DECISIONS: [(&str, &str); 16] = [
    ("own message", "The user wrote it."),
    ("alerts are off", "Alerts are switched off."),
    ("alerts of such dialogs are off", "Alerts of this type of dialog are switched off."),
    ("silent", "It was sent as silent."),
    ("removed", "It was removed before anybody had to be alerted."),
    ("muted", "The user has muted the dialog."),
    ("blocked", "The user has blocked the sender."),
    ("read", "The user had read it."),
    ("received", "A session of the user proved that it received it."),
    ("session open that cannot prove", "A session was open whose client does not say what it receives."),
    ("no subscription", "No device is subscribed."),
    ("alerts of calls are switched off", "Alerts of calls are switched off."),
    ("call over", "The call was answered, refused or ended before."),
    ("devices unknown to their providers", "The providers know none of the devices any more."),
    ("dropped, too many waited", "Too many alerts of the app waited, and the oldest are dropped."),
    ("given up, no provider took it in time", "No provider took it in time."),
];

/// Why an attempt was made.
const OCCASIONS: [(&str, &str); 4] = [
    ("offline", "The user was offline."),
    ("inactive", "All sessions of the user were inactive."),
    ("not proved in time", "No session proved in time that it received it."),
    ("event", "An event or a test asked for it."),
];

/// What came of an attempt: the first word of its answer, what that is in words, how it is shown.
const OUTCOMES: [(&str, &str, &str); 5] = [
    ("accepted", "taken by the provider", "ok"),
    ("rejected", "device not known", "fail"),
    ("refused", "not sent", "fail"),
    ("credentials", "credentials not taken", "fail"),
    ("later", "tried again later", "warn"),
];

/// Answers that have words of their own.
const ANSWERS: [(&str, &str); 3] = [
    ("no credentials for the channel", "The app has no credentials for this channel."),
    ("environment differs", "The app has credentials for this bundle, but of the other environment."),
    ("not registered any more", "The provider knows the device no more; it is left alone from now on."),
];

impl Line {
    pub fn of(note: &Note) -> Line {
        let is_attempt = note.subscription > 0;
        let (word, said) = note.answer.split_once(' ').unwrap_or((&note.answer, ""));
        let outcome = match OUTCOMES.iter().find(|(known, ..)| *known == word) {
            _ if !is_attempt => ("nobody was alerted", ""),
            Some((_, words, shown)) => (*words, *shown),
            None => ("tried", ""),
        };
        let known = |table: &[(&str, &str)], text: &str| {
            table.iter().find(|(word, _)| *word == text).map_or_else(|| format!("{text}."), |(_, words)| (*words).to_owned())
        };
        let mut why = known(if is_attempt { &OCCASIONS } else { &DECISIONS }, &note.reason);
        let told = ANSWERS.iter().find(|(known, _)| is_attempt && said == *known);
        if let Some((_, words)) = told {
            why = format!("{why} {words}");
        }
        let device = match is_attempt {
            true => format!("{}, device {}, attempt {}", channel_name(note.channel()), note.subscription, note.attempt),
            false => String::new(),
        };
        Line {
            at: when(note.at),
            dialog: hex::shown(&note.dialog),
            message: hex::shown(&note.message),
            is_event: note.dialog.iter().all(|byte| *byte == 0),
            user: note.user,
            count: note.count,
            outcome,
            why,
            device,
            answer: if told.is_none() { said.to_owned() } else { String::new() },
            remark: note.remark.clone(),
            needs_credentials: is_attempt && (word == "credentials" || said == ANSWERS[0].0 || said == ANSWERS[1].0),
        }
    }
}

#[cfg(test)]
mod tests {
    use natter_proto::push::v1::Channel;

    use super::*;

    fn attempt(answer: &str) -> Line {
        let (subscription, channel) = (17, Channel::Gcm.into());
        Line::of(&Note { reason: "offline".into(), subscription, channel, attempt: 2, answer: answer.into(), ..Note::default() })
    }

    #[test]
    fn an_attempt_says_what_the_provider_said() {
        for (answer, outcome, why, said, needs) in [
            ("accepted projects/p/messages/7", ("taken by the provider", "ok"), "", "projects/p/messages/7", false),
            ("accepted", ("taken by the provider", "ok"), "", "", false),
            ("later 503 unavailable", ("tried again later", "warn"), "", "503 unavailable", false),
            ("credentials 403 InvalidProviderToken", ("credentials not taken", "fail"), "", "403 InvalidProviderToken", true),
            (
                "refused no credentials for the channel",
                ("not sent", "fail"),
                " The app has no credentials for this channel.",
                "",
                true,
            ),
            ("something else", ("tried", ""), "", "else", false),
        ] {
            let line = attempt(answer);
            assert_eq!((line.outcome, line.answer.as_str(), line.needs_credentials), (outcome, said, needs), "{answer}");
            assert_eq!(line.why, format!("The user was offline.{why}"), "{answer}");
            assert_eq!(line.device, "gcm, device 17, attempt 2");
        }
    }

    #[test]
    fn a_decision_says_why_nobody_was_alerted() {
        let line = Line::of(&Note { reason: "muted".into(), user: 5, dialog: vec![1; 12], ..Note::default() });
        assert_eq!(
            (line.why.as_str(), line.outcome.0, line.device.as_str()),
            ("The user has muted the dialog.", "nobody was alerted", "")
        );
        assert!(!line.is_event && !line.needs_credentials);
        assert_eq!(Line::of(&Note { reason: "of a kind to come".into(), ..Note::default() }).why, "of a kind to come.");
    }
}
