//! Who may use which route: one table. A route that is not in it is refused for all. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use actix_web::http::Method;
use natter_proto::AppId;

use crate::caller::{Caller, Role};
use crate::error::Refusal;

/// Whom a route takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// Whoever comes. Nothing is known of him.
    Anybody,
    /// Whoever has signed in, is at least this, and has it there.
    Caller(Role, Scope),
}

/// Where the role must hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Wherever: the route shows only what its caller sees.
    Anywhere,
    /// In the whole installation.
    House,
    /// In the app of the path.
    App,
    /// In the app of the path, for who is not limited to apps: what the house decides about an app.
    AppByHouse,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Right {
    pub method: &'static str,
    pub pattern: &'static str,
    pub need: Need,
    /// As what the audit log knows it. Empty: it is not entered there.
    pub action: &'static str,
    pub effect: Effect,
}

/// What a route does, where its method does not say it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// As its method says: GET and HEAD change nothing and are not entered, all else is.
    OfMethod,
    /// It only looks, though it is a POST: what is asked fits in no address.
    Looks,
    /// It hands out so much that it is entered, though it changes nothing.
    HandsOut,
}

use Need::{Anybody, Caller as Of};
use Role::{Moderator, Operator, Owner, Viewer};
use Scope::{Anywhere, App, AppByHouse, House};

/// The table.
pub const RIGHTS: &[Right] = &[
    right("GET", "/", Anybody, ""),
    right("HEAD", "/", Anybody, ""),
    right("GET", "/admin/v1/apps", Of(Viewer, Anywhere), ""),
    right("POST", "/admin/v1/apps", Of(Operator, House), "app.create"),
    right("GET", "/admin/v1/apps/{app}", Of(Viewer, App), ""),
    right("PUT", "/admin/v1/apps/{app}", Of(Operator, App), "app.apply"),
    right("DELETE", "/admin/v1/apps/{app}", Of(Owner, AppByHouse), "app.delete"),
    right("POST", "/admin/v1/apps/{app}/suspend", Of(Operator, AppByHouse), "app.suspend"),
    right("POST", "/admin/v1/apps/{app}/resume", Of(Operator, AppByHouse), "app.resume"),
    hands_out("/admin/v1/apps/{app}/archive", Of(Owner, AppByHouse), "app.export"),
    right("GET", "/admin/v1/apps/{app}/erasure", Of(Viewer, App), ""),
    right("GET", "/admin/v1/apps/{app}/erasures/{user}", Of(Viewer, App), ""),
    right("GET", "/admin/v1/apps/{app}/identity", Of(Viewer, App), ""),
    right("PUT", "/admin/v1/apps/{app}/identity", Of(Operator, App), "app.identity"),
    right("POST", "/admin/v1/apps/{app}/keys", Of(Operator, App), "app.keys.rotate"),
    right("DELETE", "/admin/v1/apps/{app}/keys/previous", Of(Operator, App), "app.keys.end"),
    right("GET", "/admin/v1/apps/{app}/alerts", Of(Viewer, App), ""),
    right("PUT", "/admin/v1/apps/{app}/alerts", Of(Operator, App), "app.alerts"),
    right("GET", "/admin/v1/apps/{app}/alerts/journal", Of(Viewer, App), ""),
    looks("/admin/v1/apps/{app}/alerts/preview", Of(Viewer, App)),
    right("POST", "/admin/v1/apps/{app}/alerts/test", Of(Operator, App), "alerts.test"),
    right("GET", "/admin/v1/apps/{app}/messages/{message}/trace", Of(Viewer, App), ""),
    right("GET", "/admin/v1/apps/{app}/push/credentials", Of(Viewer, App), ""),
    right("PUT", "/admin/v1/apps/{app}/push/credentials/{kind}", Of(Operator, App), "credentials.put"),
    right("DELETE", "/admin/v1/apps/{app}/push/credentials/{kind}", Of(Operator, App), "credentials.forget"),
    right("GET", "/admin/v1/apps/{app}/dialogs", Of(Viewer, App), ""),
    right("GET", "/admin/v1/apps/{app}/dialogs/{dialog}", Of(Viewer, App), ""),
    right("GET", "/admin/v1/apps/{app}/dialogs/{dialog}/members", Of(Viewer, App), ""),
    right("POST", "/admin/v1/apps/{app}/dialogs/{dialog}/freeze", Of(Moderator, App), "dialog.freeze"),
    right("POST", "/admin/v1/apps/{app}/dialogs/{dialog}/unfreeze", Of(Moderator, App), "dialog.unfreeze"),
    // What is opened is entered once more, with the reason.
    right("POST", "/admin/v1/apps/{app}/dialogs/{dialog}/open", Of(Moderator, App), "dialog.open"),
    hands_out("/admin/v1/apps/{app}/dialogs/{dialog}/messages", Of(Moderator, App), "dialog.read"),
    right("GET", "/admin/v1/apps/{app}/moderation-log", Of(Moderator, App), ""),
    right("GET", "/admin/v1/apps/{app}/reports", Of(Moderator, App), ""),
    right("GET", "/admin/v1/apps/{app}/reports/{report}", Of(Moderator, App), ""),
    right("POST", "/admin/v1/apps/{app}/reports/{report}/remove-message", Of(Moderator, App), "report.remove"),
    right("POST", "/admin/v1/apps/{app}/reports/{report}/ban", Of(Moderator, App), "report.ban"),
    right("POST", "/admin/v1/apps/{app}/reports/{report}/dismiss", Of(Moderator, App), "report.dismiss"),
    right("GET", "/admin/v1/apps/{app}/sdk-config", Of(Operator, App), ""),
    right("GET", "/admin/v1/apps/{app}/trace", Of(Viewer, App), ""),
    right("PUT", "/admin/v1/apps/{app}/trace", Of(Operator, App), "trace.switch"),
    right("DELETE", "/admin/v1/apps/{app}/trace", Of(Operator, App), "trace.switch"),
    right("POST", "/admin/v1/apps/{app}/try", Of(Operator, App), "trial.begin"),
    right("DELETE", "/admin/v1/apps/{app}/try", Of(Operator, App), "trial.end"),
    right("GET", "/admin/v1/apps/{app}/users", Of(Viewer, App), ""),
    right("POST", "/admin/v1/apps/{app}/users", Of(Operator, App), "user.create"),
    right("GET", "/admin/v1/apps/{app}/users/{user}", Of(Viewer, App), ""),
    right("DELETE", "/admin/v1/apps/{app}/users/{user}", Of(Operator, App), "user.delete"),
    right("POST", "/admin/v1/apps/{app}/users/{user}/ban", Of(Moderator, App), "user.ban"),
    right("POST", "/admin/v1/apps/{app}/users/{user}/unban", Of(Moderator, App), "user.unban"),
    right("GET", "/admin/v1/apps/{app}/users/{user}/subscriptions", Of(Viewer, App), ""),
    right("DELETE", "/admin/v1/apps/{app}/users/{user}/subscriptions/{subscription}", Of(Moderator, App), "subscription.end"),
    right("GET", "/admin/v1/apps/{app}/users/{user}/unread", Of(Viewer, App), ""),
    right("GET", "/admin/v1/apps/{app}/users/{user}/contacts", Of(Viewer, App), ""),
    right("GET", "/admin/v1/apps/{app}/users/{user}/lists", Of(Viewer, App), ""),
    hands_out("/admin/v1/apps/{app}/users/{user}/export", Of(Operator, App), "user.export"),
    right("GET", "/admin/v1/apps/{app}/users/{user}/sessions", Of(Viewer, App), ""),
    right("DELETE", "/admin/v1/apps/{app}/users/{user}/sessions", Of(Moderator, App), "user.sessions.end"),
    right("DELETE", "/admin/v1/apps/{app}/users/{user}/sessions/{session}", Of(Moderator, App), "user.sessions.end"),
    right("GET", "/admin/v1/apps/{app}/webhooks", Of(Viewer, App), ""),
    right("POST", "/admin/v1/apps/{app}/webhooks", Of(Operator, App), "webhook.create"),
    right("GET", "/admin/v1/apps/{app}/webhooks/{webhook}", Of(Viewer, App), ""),
    right("PUT", "/admin/v1/apps/{app}/webhooks/{webhook}", Of(Operator, App), "webhook.change"),
    right("DELETE", "/admin/v1/apps/{app}/webhooks/{webhook}", Of(Operator, App), "webhook.delete"),
    right("GET", "/admin/v1/apps/{app}/webhooks/{webhook}/deliveries", Of(Viewer, App), ""),
    right("POST", "/admin/v1/apps/{app}/webhooks/{webhook}/parked/drop", Of(Operator, App), "webhook.drop"),
    right("POST", "/admin/v1/apps/{app}/webhooks/{webhook}/parked/resend", Of(Operator, App), "webhook.resend"),
    right("POST", "/admin/v1/apps/{app}/webhooks/{webhook}/pause", Of(Operator, App), "webhook.pause"),
    right("POST", "/admin/v1/apps/{app}/webhooks/{webhook}/ping", Of(Operator, App), "webhook.ping"),
    right("POST", "/admin/v1/apps/{app}/webhooks/{webhook}/resume", Of(Operator, App), "webhook.resume"),
    right("POST", "/admin/v1/apps/{app}/webhooks/{webhook}/secret", Of(Operator, App), "webhook.secret"),
    right("POST", "/admin/v1/archive", Of(Owner, House), "archive.import"),
    hands_out("/admin/v1/backup", Of(Owner, House), "house.backup"),
    right("GET", "/admin/v1/audit", Of(Owner, Anywhere), ""),
    right("GET", "/admin/v1/edges", Of(Viewer, House), ""),
    right("POST", "/admin/v1/edges/{edge}/drain", Of(Operator, House), "edge.drain"),
    right("POST", "/admin/v1/edges/{edge}/resume", Of(Operator, House), "edge.resume"),
    right("GET", "/admin/v1/limits", Of(Viewer, House), ""),
    right("PUT", "/admin/v1/limits/{limit}", Of(Operator, House), "limit.set"),
    right("DELETE", "/admin/v1/limits/{limit}", Of(Operator, House), "limit.set"),
    right("GET", "/admin/v1/log-level", Of(Viewer, House), ""),
    right("PUT", "/admin/v1/log-level", Of(Operator, House), "log.set"),
    right("DELETE", "/admin/v1/log-level", Of(Operator, House), "log.set"),
    right("GET", "/admin/v1/offenders", Of(Owner, House), ""),
    right("GET", "/admin/v1/me", Of(Viewer, Anywhere), ""),
    right("POST", "/admin/v1/me/password", Of(Viewer, Anywhere), "operator.password"),
    right("GET", "/admin/v1/openapi.json", Of(Viewer, Anywhere), ""),
    right("GET", "/admin/v1/operators", Of(Owner, House), ""),
    right("POST", "/admin/v1/operators", Of(Owner, House), "operator.create"),
    right("PUT", "/admin/v1/operators/{name}", Of(Owner, House), "operator.change"),
    right("DELETE", "/admin/v1/operators/{name}", Of(Owner, House), "operator.remove"),
    right("POST", "/admin/v1/operators/{name}/password", Of(Owner, House), "operator.password"),
    right("GET", "/admin/v1/push", Of(Operator, House), ""),
    right("GET", "/admin/v1/sessions", Of(Viewer, Anywhere), ""),
    // Enters itself in the log, once it is known who comes.
    right("POST", "/admin/v1/sessions", Anybody, ""),
    right("DELETE", "/admin/v1/sessions", Of(Viewer, Anywhere), "session.end"),
    right("DELETE", "/admin/v1/sessions/{session}", Of(Viewer, Anywhere), "session.end"),
    right("GET", "/admin/v1/system", Of(Viewer, House), ""),
    right("GET", "/admin/v1/system/bundle", Of(Operator, House), ""),
    // The pages: each as the route whose functions it calls.
    right("GET", "/console", Of(Viewer, Anywhere), ""),
    right("GET", "/console/", Of(Viewer, Anywhere), ""),
    right("GET", "/console/assets/{name}", Anybody, ""),
    right("GET", "/console/sign-in", Anybody, ""),
    // Enters itself in the log, as the route does.
    right("POST", "/console/sign-in", Anybody, ""),
    right("POST", "/console/sign-out", Of(Viewer, Anywhere), "session.end"),
    right("GET", "/console/apps", Of(Viewer, Anywhere), ""),
    right("POST", "/console/apps", Of(Operator, House), "app.create"),
    right("GET", "/console/apps/new", Of(Operator, House), ""),
    right("GET", "/console/apps/{app}", Of(Viewer, App), ""),
    right("GET", "/console/apps/{app}/settings", Of(Operator, App), ""),
    right("POST", "/console/apps/{app}/settings", Of(Operator, App), "app.apply"),
    right("POST", "/console/apps/{app}/identity", Of(Operator, App), "app.identity"),
    right("POST", "/console/apps/{app}/suspend", Of(Operator, AppByHouse), "app.suspend"),
    right("POST", "/console/apps/{app}/resume", Of(Operator, AppByHouse), "app.resume"),
    right("POST", "/console/apps/{app}/keys", Of(Operator, App), "app.keys.rotate"),
    right("POST", "/console/apps/{app}/keys/end-previous", Of(Operator, App), "app.keys.end"),
    right("GET", "/console/apps/{app}/delete", Of(Owner, AppByHouse), ""),
    right("POST", "/console/apps/{app}/delete", Of(Owner, AppByHouse), "app.delete"),
    right("GET", "/console/apps/{app}/erasure", Of(Viewer, App), ""),
    right("GET", "/console/apps/{app}/sdk", Of(Operator, App), ""),
    right("GET", "/console/apps/{app}/alerts", Of(Viewer, App), ""),
    right("POST", "/console/apps/{app}/alerts", Of(Operator, App), "app.alerts"),
    right("GET", "/console/apps/{app}/alerts/journal", Of(Viewer, App), ""),
    looks("/console/apps/{app}/alerts/preview", Of(Viewer, App)),
    right("GET", "/console/apps/{app}/alerts/test", Of(Operator, App), ""),
    right("POST", "/console/apps/{app}/alerts/test", Of(Operator, App), "alerts.test"),
    right("GET", "/console/apps/{app}/push", Of(Viewer, App), ""),
    right("GET", "/console/apps/{app}/push/{kind}", Of(Operator, App), ""),
    right("POST", "/console/apps/{app}/push/{kind}", Of(Operator, App), "credentials.put"),
    right("GET", "/console/apps/{app}/push/{kind}/remove", Of(Operator, App), ""),
    right("POST", "/console/apps/{app}/push/{kind}/remove", Of(Operator, App), "credentials.forget"),
    right("GET", "/console/apps/{app}/try", Of(Operator, App), ""),
    right("GET", "/console/apps/{app}/try/remove", Of(Operator, App), ""),
    right("POST", "/console/apps/{app}/try/remove", Of(Operator, App), "trial.end"),
    right("GET", "/console/apps/{app}/users", Of(Viewer, App), ""),
    right("POST", "/console/apps/{app}/users", Of(Operator, App), "user.create"),
    right("GET", "/console/apps/{app}/users/new", Of(Operator, App), ""),
    right("GET", "/console/apps/{app}/users/{user}", Of(Viewer, App), ""),
    right("GET", "/console/apps/{app}/users/{user}/contacts", Of(Viewer, App), ""),
    right("GET", "/console/apps/{app}/users/{user}/data", Of(Viewer, App), ""),
    hands_out("/console/apps/{app}/users/{user}/export", Of(Operator, App), "user.export"),
    right("GET", "/console/apps/{app}/users/{user}/sessions", Of(Viewer, App), ""),
    right("GET", "/console/apps/{app}/users/{user}/sessions/end", Of(Moderator, App), ""),
    right("POST", "/console/apps/{app}/users/{user}/sessions/end", Of(Moderator, App), "user.sessions.end"),
    right("GET", "/console/apps/{app}/users/{user}/sessions/{session}/end", Of(Moderator, App), ""),
    right("POST", "/console/apps/{app}/users/{user}/sessions/{session}/end", Of(Moderator, App), "user.sessions.end"),
    right("GET", "/console/apps/{app}/users/{user}/erase", Of(Operator, App), ""),
    right("POST", "/console/apps/{app}/users/{user}/erase", Of(Operator, App), "user.delete"),
    right("GET", "/console/apps/{app}/erasures/{user}", Of(Viewer, App), ""),
    right("GET", "/console/apps/{app}/users/{user}/ban", Of(Moderator, App), ""),
    right("POST", "/console/apps/{app}/users/{user}/ban", Of(Moderator, App), "user.ban"),
    right("POST", "/console/apps/{app}/users/{user}/unban", Of(Moderator, App), "user.unban"),
    right("GET", "/console/apps/{app}/users/{user}/devices", Of(Viewer, App), ""),
    right("GET", "/console/apps/{app}/users/{user}/devices/{device}/end", Of(Moderator, App), ""),
    right("POST", "/console/apps/{app}/users/{user}/devices/{device}/end", Of(Moderator, App), "subscription.end"),
    right("GET", "/console/apps/{app}/users/{user}/unread", Of(Viewer, App), ""),
    right("GET", "/console/apps/{app}/dialogs", Of(Viewer, App), ""),
    right("GET", "/console/apps/{app}/dialogs/{dialog}", Of(Viewer, App), ""),
    right("POST", "/console/apps/{app}/dialogs/{dialog}/freeze", Of(Moderator, App), "dialog.freeze"),
    right("POST", "/console/apps/{app}/dialogs/{dialog}/unfreeze", Of(Moderator, App), "dialog.unfreeze"),
    right("GET", "/console/apps/{app}/dialogs/{dialog}/open", Of(Moderator, App), ""),
    right("POST", "/console/apps/{app}/dialogs/{dialog}/open", Of(Moderator, App), "dialog.open"),
    hands_out("/console/apps/{app}/dialogs/{dialog}/messages", Of(Moderator, App), "dialog.read"),
    right("GET", "/console/apps/{app}/moderation", Of(Moderator, App), ""),
    right("GET", "/console/apps/{app}/moderation-log", Of(Moderator, App), ""),
    right("GET", "/console/apps/{app}/moderation/{report}", Of(Moderator, App), ""),
    right("POST", "/console/apps/{app}/moderation/{report}/remove-message", Of(Moderator, App), "report.remove"),
    right("POST", "/console/apps/{app}/moderation/{report}/ban", Of(Moderator, App), "report.ban"),
    right("POST", "/console/apps/{app}/moderation/{report}/dismiss", Of(Moderator, App), "report.dismiss"),
    right("GET", "/console/apps/{app}/trace", Of(Viewer, App), ""),
    right("POST", "/console/apps/{app}/trace", Of(Operator, App), "trace.switch"),
    right("POST", "/console/apps/{app}/trace/off", Of(Operator, App), "trace.switch"),
    right("GET", "/console/apps/{app}/messages/{message}", Of(Viewer, App), ""),
    right("GET", "/console/apps/{app}/webhooks", Of(Viewer, App), ""),
    right("POST", "/console/apps/{app}/webhooks", Of(Operator, App), "webhook.create"),
    right("GET", "/console/apps/{app}/webhooks/new", Of(Operator, App), ""),
    right("GET", "/console/apps/{app}/webhooks/{webhook}", Of(Viewer, App), ""),
    right("POST", "/console/apps/{app}/webhooks/{webhook}", Of(Operator, App), "webhook.change"),
    right("GET", "/console/apps/{app}/webhooks/{webhook}/delete", Of(Operator, App), ""),
    right("POST", "/console/apps/{app}/webhooks/{webhook}/delete", Of(Operator, App), "webhook.delete"),
    right("POST", "/console/apps/{app}/webhooks/{webhook}/drop", Of(Operator, App), "webhook.drop"),
    right("POST", "/console/apps/{app}/webhooks/{webhook}/pause", Of(Operator, App), "webhook.pause"),
    right("POST", "/console/apps/{app}/webhooks/{webhook}/ping", Of(Operator, App), "webhook.ping"),
    right("POST", "/console/apps/{app}/webhooks/{webhook}/resend", Of(Operator, App), "webhook.resend"),
    right("POST", "/console/apps/{app}/webhooks/{webhook}/resume", Of(Operator, App), "webhook.resume"),
    right("POST", "/console/apps/{app}/webhooks/{webhook}/secret", Of(Operator, App), "webhook.secret"),
    right("GET", "/console/audit", Of(Owner, Anywhere), ""),
    right("GET", "/console/operators", Of(Owner, House), ""),
    right("POST", "/console/operators", Of(Owner, House), "operator.create"),
    right("GET", "/console/new-operator", Of(Owner, House), ""),
    right("GET", "/console/operators/{name}", Of(Owner, House), ""),
    right("POST", "/console/operators/{name}", Of(Owner, House), "operator.change"),
    right("POST", "/console/operators/{name}/password", Of(Owner, House), "operator.password"),
    right("POST", "/console/operators/{name}/sign-out", Of(Owner, House), "session.end"),
    right("GET", "/console/operators/{name}/remove", Of(Owner, House), ""),
    right("POST", "/console/operators/{name}/remove", Of(Owner, House), "operator.remove"),
    right("POST", "/console/password", Of(Viewer, Anywhere), "operator.password"),
    right("GET", "/console/sessions", Of(Viewer, Anywhere), ""),
    right("POST", "/console/sessions/end", Of(Viewer, Anywhere), "session.end"),
    right("POST", "/console/sessions/{session}/end", Of(Viewer, Anywhere), "session.end"),
    right("GET", "/console/system", Of(Viewer, House), ""),
    right("GET", "/console/system/bundle", Of(Operator, House), ""),
    right("POST", "/console/system/log", Of(Operator, House), "log.set"),
    right("POST", "/console/system/limits", Of(Operator, House), "limit.set"),
    right("GET", "/console/system/edges/{edge}/drain", Of(Operator, House), ""),
    right("POST", "/console/system/edges/{edge}/drain", Of(Operator, House), "edge.drain"),
    right("POST", "/console/system/edges/{edge}/resume", Of(Operator, House), "edge.resume"),
];

const fn right(method: &'static str, pattern: &'static str, need: Need, action: &'static str) -> Right {
    Right { method, pattern, need, action, effect: Effect::OfMethod }
}

const fn looks(pattern: &'static str, need: Need) -> Right {
    Right { method: "POST", pattern, need, action: "", effect: Effect::Looks }
}

const fn hands_out(pattern: &'static str, need: Need, action: &'static str) -> Right {
    Right { method: "GET", pattern, need, action, effect: Effect::HandsOut }
}

/// What the table says of a route.
pub fn find(method: &Method, pattern: &str) -> Result<&'static Right, Refusal> {
    let mut at = RIGHTS.iter().filter(|right| right.pattern == pattern).peekable();
    if at.peek().is_none() {
        return Err(Refusal::not_found("route"));
    }
    at.find(|right| right.method == method.as_str()).ok_or_else(Refusal::method)
}

impl Right {
    /// Refuses who may not. An app that a caller does not see is refused before the role is looked at.
    pub fn check(&self, caller: &Caller, path: &str) -> Result<(), Refusal> {
        let Need::Caller(role, scope) = self.need else { return Ok(()) };
        match scope {
            Scope::Anywhere => caller.is_at_least(role),
            Scope::House => caller.may(role, None),
            Scope::App => caller.may(role, Some(self.app(path)?)),
            Scope::AppByHouse => {
                caller.may(role, Some(self.app(path)?))?;
                caller.may(role, None)
            }
        }
    }

    /// Whether the audit log has each use of it.
    pub fn is_entered(&self) -> bool {
        self.effect != Effect::Looks && !self.action.is_empty()
    }

    /// The app that a path of this pattern names.
    pub fn app(&self, path: &str) -> Result<AppId, Refusal> {
        let id = self.parameter(path, "{app}").and_then(|id| id.parse().ok());
        id.ok_or_else(|| Refusal::not_found("app"))
    }

    /// What of the app, or of the installation, a path names; empty: nothing.
    pub fn target<'a>(&self, path: &'a str) -> &'a str {
        let is_target = |part: &str| part.starts_with('{') && part != "{app}";
        let name = self.pattern.split('/').rfind(|part| is_target(part));
        name.and_then(|name| self.parameter(path, name)).unwrap_or_default()
    }

    fn parameter<'a>(&self, path: &'a str, name: &str) -> Option<&'a str> {
        path.split('/').nth(self.pattern.split('/').position(|part| part == name)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_route_has_one_line_and_what_changes_something_is_audited() {
        let routes: BTreeSet<_> = RIGHTS.iter().map(|right| (right.method, right.pattern)).collect();
        assert_eq!(routes.len(), RIGHTS.len());
        for right in RIGHTS {
            let is_entered = match (right.effect, right.method) {
                (Effect::OfMethod, "GET" | "HEAD") | (Effect::Looks, "POST") => false,
                (Effect::OfMethod, _) => right.need != Anybody,
                (Effect::HandsOut, "GET") => true,
                _ => panic!("{right:?} says what its method says"),
            };
            assert_eq!(is_entered, !right.action.is_empty(), "{right:?}");
            let names_app = right.pattern.contains("{app}");
            assert_eq!(matches!(right.need, Of(_, App | AppByHouse)), names_app, "{right:?}");
        }
    }

    #[test]
    fn what_is_not_in_the_table_is_refused() {
        assert!(find(&Method::GET, "/admin/v1/apps").is_ok());
        assert_eq!(find(&Method::PATCH, "/admin/v1/apps").unwrap_err(), Refusal::method());
        assert_eq!(find(&Method::GET, "/admin/v1/nothing").unwrap_err(), Refusal::not_found("route"));
    }

    #[test]
    fn a_path_names_an_app_and_a_target() {
        let user = find(&Method::GET, "/admin/v1/apps/{app}/users/{user}").unwrap();
        assert_eq!((user.app("/admin/v1/apps/77/users/5").unwrap(), user.target("/admin/v1/apps/77/users/5")), (AppId(77), "5"));
        assert_eq!(user.app("/admin/v1/apps/x/users/5").unwrap_err(), Refusal::not_found("app"));
        let password = find(&Method::POST, "/admin/v1/operators/{name}/password").unwrap();
        assert_eq!(password.target("/admin/v1/operators/ann/password"), "ann");
        assert_eq!(find(&Method::GET, "/admin/v1/apps").unwrap().target("/admin/v1/apps"), "");
    }
}
