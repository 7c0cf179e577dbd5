//! Whether a user is to be alerted of a message, a contact request or a call, and when (design.md section 9). Decided when the message is
//! posted, on what is known then, and again when its alert is due: the later word counts, and the same facts give the same word.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// What is known of a user and a message, a contact request or a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    /// He wrote it.
    pub own: bool,
    /// The app wants no alerts of messages.
    pub off: bool,
    /// The app wants none of such dialogs.
    pub unwanted: bool,
    /// Its sender wants no alert, or it was not to be delivered (REST without `send_to_chat`).
    pub silent: bool,
    /// It is gone, or hidden from him.
    pub removed: bool,
    /// He wants no alerts of the dialog.
    pub muted: bool,
    /// A privacy list keeps its sender from him.
    pub blocked: bool,
    /// He has read it.
    pub read: bool,
    /// A client of his has it: it has proved so, or said so.
    pub received: bool,
    /// A client that proves anything would prove that it has it: of a call, by its answer. None proves a contact request.
    pub provable: bool,
    pub attention: Attention,
    /// When the message was made, unix milliseconds.
    pub at: i64,
}

/// How far the user's sessions are from him.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attention {
    /// There is none.
    Away,
    /// At none of them somebody looks.
    Inactive,
    /// Somebody looks at one whose client can prove nothing. It counts as having received what its socket took.
    Unproving,
    /// Somebody looks at one that can prove what it has.
    Proving,
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    Alert(Why),
    /// Decide again at this instant.
    Wait(i64),
    No(Reason),
}

/// Why a user is alerted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    Offline,
    Inactive,
    /// His session had time to prove, and did not.
    Unproved,
    /// An event, of which there is nothing to decide.
    Asked,
}

/// Why a user is not alerted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    Own,
    Off,
    Unwanted,
    Silent,
    Removed,
    Muted,
    Blocked,
    Read,
    Received,
    /// The client that he looks at can prove nothing.
    Unproving,
    NoSubscription,
    /// The app wants no alerts of calls.
    CallsOff,
    /// The call rings no more: it was answered somewhere, refused or given up.
    CallOver,
    /// All his devices are unknown to their providers.
    Rejected,
    /// Too many alerts of the app waited.
    Dropped,
    /// No provider took it in time.
    GivenUp,
}

/// The decision. `proof_ms`: so long has a session to prove.
pub fn decide(facts: &Facts, proof_ms: i64, now: i64) -> Decision {
    let never = [
        (facts.own, Reason::Own),
        (facts.off, Reason::Off),
        (facts.unwanted, Reason::Unwanted),
        (facts.silent, Reason::Silent),
        (facts.removed, Reason::Removed),
        (facts.muted, Reason::Muted),
        (facts.blocked, Reason::Blocked),
        (facts.read, Reason::Read),
    ];
    if let Some((_, reason)) = never.into_iter().find(|(holds, _)| *holds) {
        return Decision::No(reason);
    }
    match facts.attention {
        // It receives everything, and nobody sees it (contract xmpp 8.3).
        Attention::Inactive => Decision::Alert(Why::Inactive),
        _ if facts.received => Decision::No(Reason::Received),
        Attention::Away => Decision::Alert(Why::Offline),
        Attention::Unproving => Decision::No(Reason::Unproving),
        Attention::Proving if now < facts.at + proof_ms => Decision::Wait(facts.at + proof_ms),
        // It is open yet, so it was told.
        Attention::Proving if !facts.provable => Decision::No(Reason::Unproving),
        Attention::Proving => Decision::Alert(Why::Unproved),
    }
}

impl Why {
    /// As the journal says it.
    pub fn word(self) -> &'static str {
        match self {
            Why::Offline => "offline",
            Why::Inactive => "inactive",
            Why::Unproved => "not proved in time",
            Why::Asked => "event",
        }
    }
}

impl Reason {
    /// As the journal says it.
    pub fn word(self) -> &'static str {
        match self {
            Reason::Own => "own message",
            Reason::Off => "alerts are off",
            Reason::Unwanted => "alerts of such dialogs are off",
            Reason::Silent => "silent",
            Reason::Removed => "removed",
            Reason::Muted => "muted",
            Reason::Blocked => "blocked",
            Reason::Read => "read",
            Reason::Received => "received",
            Reason::Unproving => "session open that cannot prove",
            Reason::NoSubscription => "no subscription",
            Reason::CallsOff => "alerts of calls are switched off",
            Reason::CallOver => "call over",
            Reason::Rejected => "devices unknown to their providers",
            Reason::Dropped => "dropped, too many waited",
            Reason::GivenUp => "given up, no provider took it in time",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Attention::{Away, Inactive, Proving, Unproving};
    use super::*;

    const AT: i64 = 1_000_000;
    const SOON: i64 = AT + 2_999;
    const LATE: i64 = AT + 3_000;

    #[test]
    fn who_is_away_is_alerted_at_once_unless_a_client_of_his_has_it() {
        check(&[(Away, SOON, Decision::Alert(Why::Offline)), (Away, LATE, Decision::Alert(Why::Offline))], FACTS);
        let received = Facts { received: true, ..FACTS };
        check(&[(Away, SOON, Decision::No(Reason::Received)), (Away, LATE, Decision::No(Reason::Received))], received);
    }

    #[test]
    fn who_looks_at_none_of_his_sessions_is_alerted_at_once_also_if_they_have_it() {
        for received in [false, true] {
            let alert = Decision::Alert(Why::Inactive);
            check(&[(Inactive, SOON, alert), (Inactive, LATE, alert)], Facts { received, ..FACTS });
        }
    }

    #[test]
    fn a_session_that_can_prove_has_three_seconds() {
        check(&[(Proving, AT, Decision::Wait(LATE)), (Proving, SOON, Decision::Wait(LATE))], FACTS);
        check(&[(Proving, LATE, Decision::Alert(Why::Unproved))], FACTS);
        let proved = Facts { received: true, ..FACTS };
        check(&[(Proving, SOON, Decision::No(Reason::Received)), (Proving, LATE, Decision::No(Reason::Received))], proved);
    }

    #[test]
    fn of_what_no_client_proves_he_is_alerted_whose_session_ends_within_three_seconds() {
        let request = Facts { provable: false, ..FACTS };
        let alert = Decision::Alert(Why::Offline);
        check(&[(Away, SOON, alert), (Away, LATE, alert), (Inactive, SOON, Decision::Alert(Why::Inactive))], request);
        check(&[(Proving, AT, Decision::Wait(LATE)), (Proving, SOON, Decision::Wait(LATE))], request);
        let no = Decision::No(Reason::Unproving);
        check(&[(Proving, LATE, no), (Unproving, SOON, no), (Unproving, LATE, no)], request);
    }

    #[test]
    fn nobody_is_alerted_whose_open_session_can_prove_nothing() {
        let no = Decision::No(Reason::Unproving);
        check(&[(Unproving, SOON, no), (Unproving, LATE, no), (Unproving, AT + 999_999, no)], FACTS);
    }

    #[test]
    fn some_messages_alert_nobody_wherever_he_is() {
        for (facts, reason) in [
            (Facts { own: true, ..FACTS }, Reason::Own),
            (Facts { off: true, ..FACTS }, Reason::Off),
            (Facts { unwanted: true, ..FACTS }, Reason::Unwanted),
            (Facts { silent: true, ..FACTS }, Reason::Silent),
            (Facts { removed: true, ..FACTS }, Reason::Removed),
            (Facts { muted: true, ..FACTS }, Reason::Muted),
            (Facts { blocked: true, ..FACTS }, Reason::Blocked),
            (Facts { read: true, ..FACTS }, Reason::Read),
        ] {
            let no = Decision::No(reason);
            check(
                &[(Away, SOON, no), (Inactive, SOON, no), (Unproving, SOON, no), (Proving, SOON, no), (Proving, LATE, no)],
                facts,
            );
        }
    }

    fn check(cells: &[(Attention, i64, Decision)], facts: Facts) {
        for (attention, now, expected) in cells {
            let facts = Facts { attention: *attention, ..facts };
            assert_eq!(decide(&facts, 3_000, *now), *expected, "{facts:?} at {now}");
        }
    }

    const FACTS: Facts = Facts {
        own: false,
        off: false,
        unwanted: false,
        silent: false,
        removed: false,
        muted: false,
        blocked: false,
        read: false,
        received: false,
        provable: true,
        attention: Away,
        at: AT,
    };
}
