//! What a page says of the form that led to it: a word in its address stands for one of these sentences, so that no link can
//! put words of its own into a page.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// The word of a form that was done, and what the next page says of it.
const NOTICES: [(&str, &str); 39] = [
    ("made", "The app was made."),
    ("saved", "The settings were saved."),
    ("suspended", "The app was suspended: nobody gets in until it is resumed."),
    ("resumed", "The app was resumed."),
    ("user-made", "The user was made."),
    ("rotated", "The app has new keys. The earlier ones hold beside them for a while, so that clients can be changed over."),
    ("keys-ended", "The earlier keys open nothing any more."),
    ("granted", "Role and apps were set."),
    ("removed", "The operator was removed."),
    ("ended", "Ended: whoever used it has to sign in again."),
    ("session-ended", "The session was ended. Its client may sign in again."),
    ("sessions-ended", "All sessions of the user were ended. Who has the password may sign in again."),
    ("signed-out", "You are signed out."),
    ("banned", "The user was banned: every session has ended, and nobody gets in as this user."),
    ("unbanned", "The ban was lifted: the user may sign in again."),
    ("device-ended", "The device gets no more alerts, unless it subscribes again."),
    ("trace-on", "From now on every message of this app leaves a trace."),
    ("trace-off", "From now on as many messages leave a trace as of any app."),
    ("alerts-saved", "Saved: the next alert looks so."),
    ("test-sent", "The test is on its way."),
    ("credentials-saved", "The credentials were checked and are in force. Alerts that waited for them are due."),
    ("credentials-removed", "The credentials were removed."),
    ("trials-removed", "The trial users are being erased."),
    ("log-set", "Every process that was told logs so; the others within a minute."),
    ("limit-set", "The limit holds at every process that was told; at the others within a minute."),
    ("edge-drained", "The edge takes no connection any more, and hands its sessions over."),
    ("edge-resumed", "The edge takes connections again."),
    ("webhook-saved", "Saved: what happens from now on is told so."),
    ("webhook-paused", "The webhook is paused: what happens waits."),
    ("webhook-resumed", "What waits is being sent."),
    ("webhook-resent", "What was parked waits to be sent again."),
    ("webhook-dropped", "What was parked was forgotten."),
    ("webhook-deleted", "The webhook was deleted, and all that waited for it."),
    ("frozen", "The dialog is frozen: nobody writes in it until it is unfrozen."),
    ("unfrozen", "Whoever may write in the dialog writes again."),
    ("report-removed", "The message was removed for all, and the report is closed."),
    ("report-banned", "The user was banned, and the report is closed."),
    ("report-dismissed", "The report was dismissed."),
    ("nothing", "Nothing was changed."),
];

/// The sentence that `done=` in a query stands for.
pub fn of_query(query: &str) -> Option<&'static str> {
    let word = query.split('&').find_map(|pair| pair.strip_prefix("done="))?;
    NOTICES.iter().find(|(known, _)| *known == word).map(|(_, sentence)| *sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_words_say_something() {
        assert_eq!(of_query("done=made"), Some("The app was made."));
        assert_eq!(of_query("q=x&done=saved&y=1"), Some("The settings were saved."));
        for query in ["", "done=", "done=<b>", "done=madeup", "undone=made", "done"] {
            assert_eq!(of_query(query), None, "{query}");
        }
    }
}
