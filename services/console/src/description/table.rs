//! What the document says of each route: one line for each, in the order of the table of rights. Tests compare the two, and what
//! stands here with what the routes take.

use super::Answer::{Begun, Bytes, Done, DoneOrMade, Lines, Made, Sheet};
use super::Kind::{Apps, List, Number, Object, OneOf, Text, Truth};
use super::Must::{Be, MayBe};
use super::{Answer, Body, Described, Query};

const NO_QUERY: Query = &[];
const NO_BODY: Body = &[];
const CREDENTIALS: Body = &[("name", Text, Be), ("password", Text, Be)];
const NEW_APP: Body = &[("id", Number, MayBe), ("title", Text, MayBe), ("auth_key", Text, MayBe), ("auth_secret", Text, MayBe)];
const APPLIED: Body = &[
    ("id", Number, MayBe),
    ("title", Text, MayBe),
    ("auth_key", Text, MayBe),
    ("auth_secret", Text, MayBe),
    ("signed_only", Truth, MayBe),
    ("quotas", Object, MayBe),
    ("chat_host", Text, MayBe),
    ("api_host", Text, MayBe),
    ("origins", List, MayBe),
    ("groups", Object, MayBe),
];
const IDENTITY: Body = &[
    ("guests", Truth, MayBe),
    ("create_unknown", Truth, MayBe),
    ("custom", Object, MayBe),
    ("jwt", Object, MayBe),
    ("facebook", Object, MayBe),
    ("twitter", Object, MayBe),
    ("firebase", Object, MayBe),
    ("reset_mail", Object, MayBe),
];
const ALERTS: Body = &[
    ("enabled", Truth, MayBe),
    ("privacy", OneOf(&["text", "sender", "nothing"]), MayBe),
    ("dialogs", List, MayBe),
    ("calls", Truth, MayBe),
    ("template", Object, MayBe),
    ("variants", List, MayBe),
];
const DRAFT: Body = &[("alerts", Object, MayBe), ("sample", Object, MayBe)];
const TEST: Body = &[("user", Number, Be), ("subscription", Number, Be), ("sample", Object, MayBe)];
// Of the kind that the path names: key, key_id, team_id; certificate; service_account; private_key, subject.
const SECRET: Body = &[
    ("topic", Text, MayBe),
    ("environment", OneOf(&["development", "production"]), MayBe),
    ("key", Text, MayBe),
    ("key_id", Text, MayBe),
    ("team_id", Text, MayBe),
    ("certificate", Text, MayBe),
    ("service_account", Text, MayBe),
    ("private_key", Text, MayBe),
    ("subject", Text, MayBe),
];
const NEW_WEBHOOK: Body = &[("url", Text, Be), ("events", List, MayBe), ("name", Text, MayBe)];
const WEBHOOK: Body = &[("url", Text, MayBe), ("events", List, MayBe), ("name", Text, MayBe)];
const OVERLAP_HOURS: Body = &[("overlap_hours", Number, MayBe)];
const PARKED: Body = &[("numbers", Apps, Be)];
const DELIVERIES: Query = &[("parked", Truth), ("above", Number), ("limit", Number)];
const NEW_USER: Body =
    &[("id", Number, MayBe), ("login", Text, MayBe), ("email", Text, MayBe), ("full_name", Text, MayBe), ("password", Text, Be)];
const NEW_OPERATOR: Body = &[("name", Text, Be), ("role", ROLE, Be), ("apps", Apps, Be)];
const GRANT: Body = &[("role", ROLE, MayBe), ("apps", Apps, MayBe)];
const ROLE: super::Kind = OneOf(&["viewer", "moderator", "operator", "owner"]);

const LOG: Body = &[("filter", Text, Be), ("minutes", Number, MayBe)];

const OFFENDERS: Query = &[("app", Number), ("minutes", Number), ("limit", Number)];
const DIALOGS: Query = &[
    ("name", Text),
    ("type", OneOf(&["public", "group", "private", "broadcast"])),
    ("member", Number),
    ("after", Text),
    ("limit", Number),
];
const MEMBERS: Query = &[("after", Number), ("limit", Number)];
const SAID: Query = &[("glass", Text), ("upto", Number), ("limit", Number)];
const REPORTS: Query =
    &[("kind", OneOf(&["users", "messages"])), ("state", OneOf(&["open", "closed"])), ("after", Text), ("limit", Number)];
const USERS: Query = &[("search", Text), ("page", Number), ("per_page", Number)];
const ARCHIVE: Query = &[("dry_run", Truth)];
const UNREAD: Query = &[("dialog", Text), ("skip", Number), ("limit", Number)];
const AUDIT: Query = &[("operator", Text), ("app", Number), ("before", Text), ("limit", Number)];
const JOURNAL: Query = &[("user", Number), ("dialog", Text), ("message", Text), ("before", Text), ("limit", Number)];
const PLACE: Query = &[("dialog", Text), ("seq", Number)];
const MEANT: Query = &[("topic", Text), ("environment", OneOf(&["development", "production"]))];
const WHOSE: Query = &[("operator", Text), ("all", Truth)];

/// The table.
pub const DESCRIBED: &[Described] = &[
    of("GET", "apps", "Apps that the caller sees, without their secrets", NO_QUERY, NO_BODY, Done),
    of("POST", "apps", "Makes an app; what is left open is chosen", NO_QUERY, NEW_APP, Made),
    of("GET", "apps/{app}", "An app, with its secret for who may change it", NO_QUERY, NO_BODY, Done),
    of("PUT", "apps/{app}", "Makes or changes an app; what is left open stays", NO_QUERY, APPLIED, DoneOrMade),
    of("DELETE", "apps/{app}", "Ends a suspended app for good", NO_QUERY, NO_BODY, Begun),
    of("POST", "apps/{app}/suspend", "Closes an app; what is kept stays", NO_QUERY, NO_BODY, Done),
    of("POST", "apps/{app}/resume", "Opens a suspended app again", NO_QUERY, NO_BODY, Done),
    of("GET", "apps/{app}/erasure", "What went with an app so far", NO_QUERY, NO_BODY, Done),
    of("GET", "apps/{app}/erasures/{user}", "What went with a user so far", NO_QUERY, NO_BODY, Done),
    of("GET", "apps/{app}/identity", "How users prove who they are, secrets masked", NO_QUERY, NO_BODY, Done),
    of("PUT", "apps/{app}/identity", "Sets how users prove who they are", NO_QUERY, IDENTITY, Done),
    of("POST", "apps/{app}/keys", "Rotates the keys", NO_QUERY, &[("overlap_s", Number, MayBe)], Done),
    of("DELETE", "apps/{app}/keys/previous", "Ends the keys that were rotated", NO_QUERY, NO_BODY, Done),
    of("GET", "apps/{app}/alerts", "Whether there are alerts, and how they look", NO_QUERY, NO_BODY, Done),
    of("PUT", "apps/{app}/alerts", "Sets whether there are alerts, and how they look", NO_QUERY, ALERTS, Done),
    of("GET", "apps/{app}/alerts/journal", "What was decided about alerts, newest first", JOURNAL, NO_BODY, Done),
    of("POST", "apps/{app}/alerts/preview", "What devices would be sent", NO_QUERY, DRAFT, Done),
    of("POST", "apps/{app}/alerts/test", "Sends one alert to one device", NO_QUERY, TEST, Begun),
    of("GET", "apps/{app}/messages/{message}/trace", "The way of a message, hop by hop", PLACE, NO_BODY, Done),
    of("GET", "apps/{app}/push/credentials", "Who the app is to push providers, without secrets", NO_QUERY, NO_BODY, Done),
    of("PUT", "apps/{app}/push/credentials/{kind}", "Gives the app a set of credentials", NO_QUERY, SECRET, Done),
    of("DELETE", "apps/{app}/push/credentials/{kind}", "Forgets a set of credentials", MEANT, NO_BODY, Done),
    of("GET", "apps/{app}/dialogs", "Dialogs by name, type and member", DIALOGS, NO_BODY, Done),
    of("GET", "apps/{app}/dialogs/{dialog}", "A dialog, without what is said in it", NO_QUERY, NO_BODY, Done),
    of("GET", "apps/{app}/dialogs/{dialog}/members", "Who is in a dialog, and as what", MEMBERS, NO_BODY, Done),
    of("POST", "apps/{app}/dialogs/{dialog}/freeze", "Nobody may write in a dialog", NO_QUERY, NO_BODY, Done),
    of("POST", "apps/{app}/dialogs/{dialog}/unfreeze", "Lets members write in a frozen dialog again", NO_QUERY, NO_BODY, Done),
    of("POST", "apps/{app}/dialogs/{dialog}/open", "Says why one reads what was said", NO_QUERY, &[("reason", Text, Be)], Made),
    of("GET", "apps/{app}/dialogs/{dialog}/messages", "What was said, for who has said why", SAID, NO_BODY, Done),
    of("GET", "apps/{app}/moderation-log", "What was done about reports, newest first", &[("before", Text)], NO_BODY, Done),
    of("GET", "apps/{app}/reports", "What users reported, oldest first", REPORTS, NO_BODY, Done),
    of("GET", "apps/{app}/reports/{report}", "A report, and what it is about", NO_QUERY, NO_BODY, Done),
    of("POST", "apps/{app}/reports/{report}/remove-message", "Removes a reported message for all", NO_QUERY, NO_BODY, Done),
    of("POST", "apps/{app}/reports/{report}/ban", "Bans a reported user", NO_QUERY, NO_BODY, Done),
    of("POST", "apps/{app}/reports/{report}/dismiss", "Closes a report, and nothing else", NO_QUERY, NO_BODY, Done),
    of("GET", "apps/{app}/sdk-config", "What an app hands to ConnectyCube.init", &[("plain", Text)], NO_BODY, Done),
    of("GET", "apps/{app}/trace", "Whether every message leaves a trace", NO_QUERY, NO_BODY, Done),
    of("PUT", "apps/{app}/trace", "Every message leaves a trace for so long", NO_QUERY, &[("hours", Number, MayBe)], Done),
    of("DELETE", "apps/{app}/trace", "Not every message leaves a trace any more", NO_QUERY, NO_BODY, Done),
    of("POST", "apps/{app}/try", "Two users to try the app with, each with a token", NO_QUERY, NO_BODY, Done),
    of("DELETE", "apps/{app}/try", "Erases the users that the caller tried the app with", NO_QUERY, NO_BODY, Begun),
    of("GET", "apps/{app}/users", "Users by an id or a part of their names", USERS, NO_BODY, Done),
    of("POST", "apps/{app}/users", "Makes a user", NO_QUERY, NEW_USER, Made),
    of("GET", "apps/{app}/users/{user}", "A user", NO_QUERY, NO_BODY, Done),
    of("DELETE", "apps/{app}/users/{user}", "Ends a user for good", NO_QUERY, NO_BODY, Begun),
    of("POST", "apps/{app}/users/{user}/ban", "Keeps a user out and ends his sessions", NO_QUERY, NO_BODY, Done),
    of("POST", "apps/{app}/users/{user}/unban", "Lets a banned user in again", NO_QUERY, NO_BODY, Done),
    of("GET", "apps/{app}/users/{user}/subscriptions", "A user's devices for alerts", NO_QUERY, NO_BODY, Done),
    of("DELETE", "apps/{app}/users/{user}/subscriptions/{subscription}", "Ends a device", NO_QUERY, NO_BODY, Done),
    of("GET", "apps/{app}/users/{user}/unread", "Why a user's badge is what it is", UNREAD, NO_BODY, Done),
    of("GET", "apps/{app}/users/{user}/contacts", "A user's contacts", NO_QUERY, NO_BODY, Done),
    of("GET", "apps/{app}/users/{user}/lists", "A user's privacy lists", NO_QUERY, NO_BODY, Done),
    of("GET", "apps/{app}/users/{user}/export", "All that is kept of a user, a JSON value a line", NO_QUERY, NO_BODY, Lines),
    of("GET", "apps/{app}/archive", "All of an app as an archive, a JSON value a line", NO_QUERY, NO_BODY, Lines),
    of("GET", "apps/{app}/webhooks", "What servers of the app are told, and how it goes", NO_QUERY, NO_BODY, Done),
    of("POST", "apps/{app}/webhooks", "Has a server of the app told; answers its secret once", NO_QUERY, NEW_WEBHOOK, Made),
    of("GET", "apps/{app}/webhooks/{webhook}", "A webhook", NO_QUERY, NO_BODY, Done),
    of("PUT", "apps/{app}/webhooks/{webhook}", "Says where a webhook is, and what it is told", NO_QUERY, WEBHOOK, Done),
    of("DELETE", "apps/{app}/webhooks/{webhook}", "Forgets a webhook, and what waits for it", NO_QUERY, NO_BODY, Done),
    of("GET", "apps/{app}/webhooks/{webhook}/deliveries", "What waits, or was parked", DELIVERIES, NO_BODY, Done),
    of("POST", "apps/{app}/webhooks/{webhook}/parked/drop", "Forgets what was parked", NO_QUERY, PARKED, Done),
    of("POST", "apps/{app}/webhooks/{webhook}/parked/resend", "Sends what was parked again", NO_QUERY, PARKED, Done),
    of("POST", "apps/{app}/webhooks/{webhook}/pause", "Lets what happens wait", NO_QUERY, NO_BODY, Done),
    of("POST", "apps/{app}/webhooks/{webhook}/ping", "Sends a test", NO_QUERY, NO_BODY, Done),
    of("POST", "apps/{app}/webhooks/{webhook}/resume", "Sends what waits, whatever failed", NO_QUERY, NO_BODY, Done),
    of("POST", "apps/{app}/webhooks/{webhook}/secret", "Gives a webhook another secret", NO_QUERY, OVERLAP_HOURS, Done),
    of("POST", "archive", "Takes over what an archive holds; its lines are the body", ARCHIVE, NO_BODY, Done),
    of("GET", "apps/{app}/users/{user}/sessions", "A user's sessions at both doors", &[("after", Text)], NO_BODY, Done),
    of("DELETE", "apps/{app}/users/{user}/sessions", "Ends all sessions of a user", NO_QUERY, NO_BODY, Done),
    of("DELETE", "apps/{app}/users/{user}/sessions/{session}", "Ends a session of a user", NO_QUERY, NO_BODY, Done),
    of("GET", "backup", "All rows of the store of a single process, at one moment", NO_QUERY, NO_BODY, Bytes),
    of("GET", "audit", "What was changed, newest first", AUDIT, NO_BODY, Done),
    of("GET", "edges", "The edges, how they stand and their sessions", NO_QUERY, NO_BODY, Done),
    of("POST", "edges/{edge}/drain", "Empties an edge, which goes on running", NO_QUERY, &[("per_second", Number, MayBe)], Done),
    of("POST", "edges/{edge}/resume", "Lets an edge take connections again", NO_QUERY, NO_BODY, Done),
    of("GET", "limits", "Limits that may be changed while the processes run", NO_QUERY, NO_BODY, Done),
    of("PUT", "limits/{limit}", "Sets a limit at every process", NO_QUERY, &[("value", Number, Be)], Done),
    of("DELETE", "limits/{limit}", "Brings a limit back to that of the settings", NO_QUERY, NO_BODY, Done),
    of("GET", "log-level", "What every process logs", NO_QUERY, NO_BODY, Done),
    of("PUT", "log-level", "Sets what every process logs", NO_QUERY, LOG, Done),
    of("DELETE", "log-level", "Every process logs as its settings say", NO_QUERY, NO_BODY, Done),
    of("GET", "offenders", "Who causes most load and most refusals", OFFENDERS, NO_BODY, Done),
    of("GET", "me", "Who asks", NO_QUERY, NO_BODY, Done),
    of("POST", "me/password", "Gives the caller a new password, shown once", NO_QUERY, NO_BODY, Done),
    of("GET", "openapi.json", "This document", NO_QUERY, NO_BODY, Done),
    of("GET", "operators", "All operators by name", NO_QUERY, NO_BODY, Done),
    of("POST", "operators", "Makes an operator; the password is shown once", NO_QUERY, NEW_OPERATOR, Made),
    of("PUT", "operators/{name}", "Changes what an operator may do", NO_QUERY, GRANT, Done),
    of("DELETE", "operators/{name}", "Removes an operator", NO_QUERY, NO_BODY, Done),
    of("POST", "operators/{name}/password", "Gives an operator a new password, shown once", NO_QUERY, NO_BODY, Done),
    of("GET", "push", "The key that seals credentials, and what should be looked at", NO_QUERY, NO_BODY, Done),
    of("GET", "sessions", "Sign-ins that live", WHOSE, NO_BODY, Done),
    of("POST", "sessions", "Signs in: the answer has a cookie", NO_QUERY, CREDENTIALS, Made),
    of("DELETE", "sessions", "Ends all sign-ins of an operator", &[("operator", Text)], NO_BODY, Done),
    of("DELETE", "sessions/{session}", "Ends a sign-in", NO_QUERY, NO_BODY, Done),
    of("GET", "system", "Version, checks and the settings in force", NO_QUERY, NO_BODY, Done),
    of("GET", "system/bundle", "The same as a text for who helps", NO_QUERY, NO_BODY, Sheet),
];

// `pattern` is what follows `/admin/v1/`.
const fn of(
    method: &'static str,
    pattern: &'static str,
    summary: &'static str,
    query: Query,
    body: Body,
    answer: Answer,
) -> Described {
    Described { method, pattern, summary, query, body, answer }
}
