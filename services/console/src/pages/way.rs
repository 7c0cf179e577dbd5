//! The way of a message in words: its hops and what became of its alerts in one line of time. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::push::v1::Note;
use natter_proto::trace::v1::{Hop, Kind};

use crate::devices::channel_name;

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Unix milliseconds.
    pub at: i64,
    /// What, in a word or three.
    pub what: String,
    /// And as a sentence.
    pub text: String,
    /// How it came out, and how that is shown: a provider's answer, or that there was no alert.
    pub outcome: Option<(String, &'static str)>,
    /// What else was said of it, as it was said.
    pub remark: String,
    /// Whom it concerns; 0: nobody, or many.
    pub user: u64,
    pub node: String,
    /// Of the session.
    pub resource: String,
    /// What came first where clocks say the same.
    rank: u8,
}

/// Everything that happened, the first of it first.
pub fn steps(hops: &[Hop], pushes: &[Note]) -> Vec<Step> {
    let mut steps: Vec<Step> = hops.iter().map(of_hop).collect();
    let mut decided = Vec::new();
    for note in pushes {
        let round = (note.user, note.attempt);
        // Each round of attempts was decided on what was so then.
        if note.subscription > 0 && !decided.contains(&round) {
            decided.push(round);
            steps.push(to_alert(note));
        }
        steps.push(of_note(note));
    }
    // The order of equals is kept: an attempt stands behind its decision.
    steps.sort_by_key(|step| (step.at, step.rank));
    steps
}

fn of_hop(hop: &Hop) -> Step {
    let (rank, what, text) = match hop.kind() {
        Kind::Unspecified => (9, "Seen", "Something happened that this version has no name for.".to_owned()),
        Kind::Received => (0, "Received", "The edge read it from its sender and handed it to its dialog.".to_owned()),
        Kind::Ordered => (1, "Ordered", format!("It is number {} of its dialog.", hop.seq)),
        Kind::Stored => (2, "Stored", "It is durable: whatever ends now, it is not lost.".to_owned()),
        Kind::Told => (3, "Fanned out", format!("The live sessions of {} were told.", members(hop.count))),
        Kind::Acked => (4, "Acknowledged", "Its sender was answered.".to_owned()),
        Kind::Written => (6, "Written", "It was written to a session.".to_owned()),
        Kind::Proved => (7, "Proved", "That session proved to have it.".to_owned()),
        Kind::Delivered => (8, "Delivered", "The user has received it.".to_owned()),
        Kind::Read => (9, "Read", "The user has read it.".to_owned()),
    };
    Step {
        at: hop.at,
        what: what.to_owned(),
        text,
        outcome: None,
        remark: String::new(),
        user: hop.user,
        node: hop.node.clone(),
        resource: hop.resource.clone(),
        rank,
    }
}

fn members(count: u64) -> String {
    if count == 1 { "one member".to_owned() } else { format!("{count} members") }
}

fn to_alert(note: &Note) -> Step {
    let why = why(&note.reason);
    Step { what: "Alert decided".to_owned(), text: format!("To be alerted: {why}."), ..of_push(note) }
}

fn of_note(note: &Note) -> Step {
    if note.subscription > 0 {
        let (word, said) = note.answer.split_once(' ').unwrap_or((&note.answer, ""));
        let class = match word {
            "accepted" => "ok",
            "later" => "warn",
            _ => "fail",
        };
        let device = format!("device {} ({})", note.subscription, channel_name(note.channel()));
        if let ("refused", Some(missing)) = (word, missing(said)) {
            let outcome = Some((said.to_owned(), "fail"));
            let text = format!("To {device}: {missing}.");
            let (what, remark) = ("Alert not sent".to_owned(), note.remark.clone());
            return Step { what, text, outcome, remark, ..of_push(note) };
        }
        let remark = [said, &note.remark].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ");
        return Step {
            what: "Alert sent".to_owned(),
            text: format!("To {device}, attempt {}. {}", note.attempt, answered(word)),
            outcome: Some((word.to_owned(), class)),
            remark,
            ..of_push(note)
        };
    }
    let text = match note.user {
        0 if note.count == 1 => format!("For one member: {}.", why_not(&note.reason)),
        0 => format!("For {}: {}.", members(note.count), why_not(&note.reason)),
        _ => format!("Not alerted: {}.", why_not(&note.reason)),
    };
    let outcome = Some(("no alert".to_owned(), ""));
    Step { what: "Alert decided".to_owned(), text, outcome, remark: note.remark.clone(), ..of_push(note) }
}

fn of_push(note: &Note) -> Step {
    Step {
        at: note.at,
        what: String::new(),
        text: String::new(),
        outcome: None,
        remark: String::new(),
        user: note.user,
        node: "push".to_owned(),
        resource: String::new(),
        rank: 5,
    }
}

/// Why no provider was asked, for the words of the journal.
fn missing(said: &str) -> Option<&'static str> {
    match said {
        "no credentials for the channel" => Some("the app has no credentials for this channel"),
        "environment differs" => Some("the app’s credentials for its bundle are of the other environment"),
        _ => None,
    }
}

/// What a provider's answer means.
fn answered(word: &str) -> &'static str {
    match word {
        "accepted" => "The provider took it.",
        "rejected" => "The provider does not know the device any more: it is left alone.",
        "refused" => "The provider does not take this alert.",
        "credentials" => "The app’s credentials are not good for it. It is tried again.",
        "later" => "The provider could not be reached or asks for patience. It is tried again.",
        _ => "",
    }
}

/// Why a user is alerted, for the words of the journal.
fn why(reason: &str) -> &str {
    match reason {
        "offline" => "no session of the user is open",
        "inactive" => "the user looks at no open session",
        "not proved in time" => "the open session did not prove in time that it has the message",
        "event" => "an event or a test asked for it",
        other => other,
    }
}

/// Why nobody is alerted, for the words of the journal.
pub fn why_not(reason: &str) -> &str {
    match reason {
        "own message" => "the user wrote it",
        "alerts are off" => "the app has alerts of messages switched off",
        "alerts of such dialogs are off" => "the app wants no alerts of dialogs of this type",
        "silent" => "its sender wants no alert, or it was not to be delivered",
        "removed" => "it was removed, or hidden from the user",
        "muted" => "the user muted the dialog",
        "blocked" => "a privacy list of the user keeps its sender out",
        "read" => "the user has read it",
        "received" => "a client of the user has it",
        "session open that cannot prove" => "the user looks at a session that can prove nothing, and counts as having it",
        "no subscription" => "there is no device to alert",
        "devices unknown to their providers" => "the providers know none of the devices any more",
        "dropped, too many waited" => "too many alerts of the app waited, and this one was the oldest",
        "given up, no provider took it in time" => "no provider took it in time",
        other => other,
    }
}

/// How long after the first of them: `+12 ms`, `+1.234 s`, `+3 min 5 s`, `+2 h 10 min`.
pub fn after(ms: i64) -> String {
    match ms {
        ..0 => format!("−{} ms", ms.unsigned_abs()),
        0..1_000 => format!("+{ms} ms"),
        1_000..60_000 => format!("+{}.{:03} s", ms / 1_000, ms % 1_000),
        60_000..3_600_000 => format!("+{} min {} s", ms / 60_000, ms / 1_000 % 60),
        _ => format!("+{} h {} min", ms / 3_600_000, ms / 60_000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use natter_proto::push::v1::Channel;

    use super::*;

    fn hop(kind: Kind, at: i64) -> Hop {
        Hop { kind: kind.into(), at, seq: 5, user: 34, count: 3, node: "edge-1".into(), ..Hop::default() }
    }

    fn attempt(subscription: u64, at: i64, attempt: u32, answer: &str) -> Note {
        let (reason, answer) = ("offline".into(), answer.into());
        Note { at, user: 78, subscription, channel: Channel::Gcm.into(), attempt, reason, answer, ..Note::default() }
    }

    fn told(hops: &[Hop], pushes: &[Note]) -> Vec<String> {
        steps(hops, pushes).iter().map(|step| format!("{} {} {}", step.at, step.what, step.text)).collect()
    }

    #[test]
    fn hops_and_alerts_are_one_line_of_time() {
        // As they are kept: by time, and where that is the same as they were told.
        let hops = [
            hop(Kind::Ordered, 10),
            hop(Kind::Stored, 12),
            hop(Kind::Told, 12),
            hop(Kind::Received, 10),
            hop(Kind::Acked, 13),
            hop(Kind::Read, 90),
        ];
        let none = Note { at: 10, count: 2, reason: "no subscription".into(), ..Note::default() };
        let pushes =
            [none, attempt(17, 40, 1, "accepted m-1"), attempt(18, 41, 1, "later 503 busy"), attempt(18, 95, 2, "accepted")];
        assert_eq!(
            told(&hops, &pushes),
            [
                "10 Received The edge read it from its sender and handed it to its dialog.",
                "10 Ordered It is number 5 of its dialog.",
                "10 Alert decided For 2 members: there is no device to alert.",
                "12 Stored It is durable: whatever ends now, it is not lost.",
                "12 Fanned out The live sessions of 3 members were told.",
                "13 Acknowledged Its sender was answered.",
                "40 Alert decided To be alerted: no session of the user is open.",
                "40 Alert sent To device 17 (gcm), attempt 1. The provider took it.",
                "41 Alert sent To device 18 (gcm), attempt 1. The provider could not be reached or asks for patience. It is tried again.",
                "90 Read The user has read it.",
                "95 Alert decided To be alerted: no session of the user is open.",
                "95 Alert sent To device 18 (gcm), attempt 2. The provider took it.",
            ]
        );
    }

    #[test]
    fn a_providers_answer_is_a_word_and_what_it_said() {
        for (answer, remark, outcome, said) in [
            ("accepted m-1", "", ("accepted", "ok"), "m-1"),
            ("accepted", "line 1", ("accepted", "ok"), "line 1"),
            ("later 503 busy", "line 1", ("later", "warn"), "503 busy · line 1"),
            ("rejected gone", "", ("rejected", "fail"), "gone"),
            ("refused no credentials for the channel", "", ("no credentials for the channel", "fail"), ""),
            ("refused environment differs", "", ("environment differs", "fail"), ""),
            ("refused 400 BadTopic", "", ("refused", "fail"), "400 BadTopic"),
            ("credentials 403 InvalidProviderToken", "", ("credentials", "fail"), "403 InvalidProviderToken"),
        ] {
            let step = of_note(&Note { remark: remark.into(), ..attempt(17, 0, 1, answer) });
            assert_eq!((step.outcome, step.remark.as_str()), (Some((outcome.0.to_owned(), outcome.1)), said), "{answer}");
        }
    }

    #[test]
    fn each_reason_of_the_journal_has_words_of_its_own() {
        let not = [
            "own message",
            "alerts are off",
            "alerts of such dialogs are off",
            "silent",
            "removed",
            "muted",
            "blocked",
            "read",
            "received",
            "session open that cannot prove",
            "no subscription",
            "devices unknown to their providers",
            "dropped, too many waited",
            "given up, no provider took it in time",
        ];
        for reason in not {
            assert_ne!(why_not(reason), reason);
        }
        for reason in ["offline", "inactive", "not proved in time", "event"] {
            assert_ne!(why(reason), reason);
        }
        assert_eq!((why("x"), why_not("x")), ("x", "x"), "one that is not known is told as it is");
    }

    #[test]
    fn times_are_told_by_how_long_after_the_first_they_were() {
        for (ms, words) in [
            (-3, "−3 ms"),
            (0, "+0 ms"),
            (999, "+999 ms"),
            (1_007, "+1.007 s"),
            (185_999, "+3 min 5 s"),
            (7_800_000, "+2 h 10 min"),
        ] {
            assert_eq!(after(ms), words);
        }
    }
}
