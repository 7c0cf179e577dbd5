//! The routes of this door and who answers them. Who may use them is in `rights.rs`; a test compares the two.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, Route, web};

use crate::error::Refusal;
use crate::{
    alerts, apps, archive, backup, contacts, credentials, description, devices, dialogs, erasures, export, glass, identity, log,
    moderation, operators, pages, reports, running, sdk, sessions, system, traces, trials, unread, user_sessions, users,
    webhooks,
};

const ABOUT: &str = "Natter: this port is the operator's admin API, under /admin/v1, and the console's pages, under \
                     /console. The API takes an operator's name and password, or the token from the data directory.\n";

/// Where routes are put, and which were.
pub struct Routes<'a> {
    config: &'a mut web::ServiceConfig,
    pub registered: Vec<(Method, &'static str)>,
}

impl Routes<'_> {
    /// No route yet.
    pub fn new(config: &mut web::ServiceConfig) -> Routes<'_> {
        Routes { config, registered: Vec::new() }
    }

    /// Who answers at a pattern, by method; whoever comes by another method is told so.
    pub fn at<const N: usize>(&mut self, pattern: &'static str, routes: [(Method, Route); N]) -> &mut Self {
        let mut resource = web::resource(pattern).default_service(web::to(other_method));
        for (method, route) in routes {
            resource = resource.route(route.method(method.clone()));
            self.registered.push((method, pattern));
        }
        self.config.service(resource);
        self
    }
}

/// All of them.
pub fn all(routes: &mut Routes<'_>) {
    use Method as M;
    routes
        .at("/", [(M::GET, web::to(about)), (M::HEAD, web::to(about))])
        .at("/admin/v1/apps", [(M::GET, web::to(apps::list)), (M::POST, web::to(apps::create))])
        .at(
            "/admin/v1/apps/{app}",
            [(M::GET, web::to(apps::get)), (M::PUT, web::to(apps::apply)), (M::DELETE, web::to(apps::delete))],
        )
        .at("/admin/v1/apps/{app}/suspend", [(M::POST, web::to(apps::suspend))])
        .at("/admin/v1/apps/{app}/resume", [(M::POST, web::to(apps::resume))])
        .at("/admin/v1/apps/{app}/erasure", [(M::GET, web::to(erasures::of_app))])
        .at("/admin/v1/apps/{app}/erasures/{user}", [(M::GET, web::to(erasures::of_user))])
        .at("/admin/v1/apps/{app}/identity", [(M::GET, web::to(identity::get)), (M::PUT, web::to(identity::put))])
        .at("/admin/v1/apps/{app}/keys", [(M::POST, web::to(apps::rotate))])
        .at("/admin/v1/apps/{app}/keys/previous", [(M::DELETE, web::to(apps::end_previous))])
        .at("/admin/v1/apps/{app}/alerts", [(M::GET, web::to(alerts::get)), (M::PUT, web::to(alerts::put))])
        .at("/admin/v1/apps/{app}/alerts/journal", [(M::GET, web::to(alerts::journal))])
        .at("/admin/v1/apps/{app}/alerts/preview", [(M::POST, web::to(alerts::preview))])
        .at("/admin/v1/apps/{app}/alerts/test", [(M::POST, web::to(alerts::test))])
        .at("/admin/v1/apps/{app}/messages/{message}/trace", [(M::GET, web::to(traces::of))])
        .at("/admin/v1/apps/{app}/push/credentials", [(M::GET, web::to(credentials::list))])
        .at(
            "/admin/v1/apps/{app}/push/credentials/{kind}",
            [(M::PUT, web::to(credentials::put)), (M::DELETE, web::to(credentials::delete))],
        )
        .at(
            "/admin/v1/apps/{app}/trace",
            [(M::GET, web::to(traces::switched)), (M::PUT, web::to(traces::switch)), (M::DELETE, web::to(traces::switch_off))],
        )
        .at("/admin/v1/apps/{app}/try", [(M::POST, web::to(trials::begin)), (M::DELETE, web::to(trials::end))])
        .at("/admin/v1/apps/{app}/users/{user}/subscriptions", [(M::GET, web::to(devices::list))])
        .at("/admin/v1/apps/{app}/users/{user}/subscriptions/{subscription}", [(M::DELETE, web::to(devices::delete))])
        .at("/admin/v1/apps/{app}/users/{user}/unread", [(M::GET, web::to(unread::get))])
        .at("/admin/v1/apps/{app}/users/{user}/contacts", [(M::GET, web::to(contacts::contacts))])
        .at("/admin/v1/apps/{app}/users/{user}/lists", [(M::GET, web::to(contacts::lists))])
        .at("/admin/v1/apps/{app}/users/{user}/export", [(M::GET, web::to(export::get))])
        .at(
            "/admin/v1/apps/{app}/users/{user}/sessions",
            [(M::GET, web::to(user_sessions::list)), (M::DELETE, web::to(user_sessions::end_all))],
        )
        .at("/admin/v1/apps/{app}/users/{user}/sessions/{session}", [(M::DELETE, web::to(user_sessions::end))])
        .at("/admin/v1/push", [(M::GET, web::to(credentials::look))])
        .at("/admin/v1/apps/{app}/reports", [(M::GET, web::to(reports::list))])
        .at("/admin/v1/apps/{app}/sdk-config", [(M::GET, web::to(sdk::config))])
        .at("/admin/v1/apps/{app}/users", [(M::GET, web::to(users::list)), (M::POST, web::to(users::create))])
        .at("/admin/v1/apps/{app}/users/{user}", [(M::GET, web::to(users::get)), (M::DELETE, web::to(users::delete))])
        .at("/admin/v1/apps/{app}/users/{user}/ban", [(M::POST, web::to(users::ban))])
        .at("/admin/v1/apps/{app}/users/{user}/unban", [(M::POST, web::to(users::unban))])
        .at("/admin/v1/apps/{app}/webhooks", [(M::GET, web::to(webhooks::list)), (M::POST, web::to(webhooks::create))])
        .at(
            "/admin/v1/apps/{app}/webhooks/{webhook}",
            [(M::GET, web::to(webhooks::get)), (M::PUT, web::to(webhooks::put)), (M::DELETE, web::to(webhooks::delete))],
        )
        .at("/admin/v1/apps/{app}/webhooks/{webhook}/deliveries", [(M::GET, web::to(webhooks::deliveries))])
        .at("/admin/v1/apps/{app}/webhooks/{webhook}/parked/drop", [(M::POST, web::to(webhooks::drop_parked))])
        .at("/admin/v1/apps/{app}/webhooks/{webhook}/parked/resend", [(M::POST, web::to(webhooks::resend))])
        .at("/admin/v1/apps/{app}/webhooks/{webhook}/pause", [(M::POST, web::to(webhooks::pause))])
        .at("/admin/v1/apps/{app}/webhooks/{webhook}/ping", [(M::POST, web::to(webhooks::ping))])
        .at("/admin/v1/apps/{app}/webhooks/{webhook}/resume", [(M::POST, web::to(webhooks::resume))])
        .at("/admin/v1/apps/{app}/webhooks/{webhook}/secret", [(M::POST, web::to(webhooks::secret))])
        .at("/admin/v1/apps/{app}/archive", [(M::GET, web::to(archive::get))])
        .at("/admin/v1/archive", [(M::POST, web::to(archive::post))])
        .at("/admin/v1/backup", [(M::GET, web::to(backup::get))])
        .at("/admin/v1/audit", [(M::GET, web::to(log::list))])
        .at("/admin/v1/edges", [(M::GET, web::to(running::edges))])
        .at("/admin/v1/edges/{edge}/drain", [(M::POST, web::to(running::drain_edge))])
        .at("/admin/v1/edges/{edge}/resume", [(M::POST, web::to(running::resume_edge))])
        .at("/admin/v1/limits", [(M::GET, web::to(running::limits))])
        .at("/admin/v1/limits/{limit}", [(M::PUT, web::to(running::put_limit)), (M::DELETE, web::to(running::reset_limit))])
        .at(
            "/admin/v1/log-level",
            [(M::GET, web::to(running::log)), (M::PUT, web::to(running::put_log)), (M::DELETE, web::to(running::reset_log))],
        )
        .at("/admin/v1/offenders", [(M::GET, web::to(running::offenders))])
        .at("/admin/v1/me", [(M::GET, web::to(sessions::me))])
        .at("/admin/v1/me/password", [(M::POST, web::to(operators::renew_own))])
        .at("/admin/v1/openapi.json", [(M::GET, web::to(description::openapi))])
        .at("/admin/v1/operators", [(M::GET, web::to(operators::list)), (M::POST, web::to(operators::create))])
        .at("/admin/v1/operators/{name}", [(M::PUT, web::to(operators::put)), (M::DELETE, web::to(operators::delete))])
        .at("/admin/v1/operators/{name}/password", [(M::POST, web::to(operators::renew))])
        .at(
            "/admin/v1/sessions",
            [(M::GET, web::to(sessions::list)), (M::POST, web::to(sessions::begin)), (M::DELETE, web::to(sessions::end_all))],
        )
        .at("/admin/v1/sessions/{session}", [(M::DELETE, web::to(sessions::end))])
        .at("/admin/v1/system", [(M::GET, web::to(system::get))])
        .at("/admin/v1/system/bundle", [(M::GET, web::to(system::bundle))]);
    of_dialogs(routes);
    pages::routes(routes);
}

// Dialogs, and reports of what is said in them.
fn of_dialogs(routes: &mut Routes<'_>) {
    use Method as M;
    routes
        .at("/admin/v1/apps/{app}/dialogs", [(M::GET, web::to(dialogs::list))])
        .at("/admin/v1/apps/{app}/dialogs/{dialog}", [(M::GET, web::to(dialogs::get))])
        .at("/admin/v1/apps/{app}/dialogs/{dialog}/members", [(M::GET, web::to(dialogs::members))])
        .at("/admin/v1/apps/{app}/dialogs/{dialog}/freeze", [(M::POST, web::to(dialogs::freeze))])
        .at("/admin/v1/apps/{app}/dialogs/{dialog}/unfreeze", [(M::POST, web::to(dialogs::unfreeze))])
        .at("/admin/v1/apps/{app}/dialogs/{dialog}/open", [(M::POST, web::to(glass::open))])
        .at("/admin/v1/apps/{app}/dialogs/{dialog}/messages", [(M::GET, web::to(glass::messages))])
        .at("/admin/v1/apps/{app}/moderation-log", [(M::GET, web::to(moderation::log))])
        .at("/admin/v1/apps/{app}/reports/{report}", [(M::GET, web::to(moderation::get))])
        .at("/admin/v1/apps/{app}/reports/{report}/remove-message", [(M::POST, web::to(moderation::remove))])
        .at("/admin/v1/apps/{app}/reports/{report}/ban", [(M::POST, web::to(moderation::ban))])
        .at("/admin/v1/apps/{app}/reports/{report}/dismiss", [(M::POST, web::to(moderation::dismiss))]);
}

// A browser is led to the pages.
async fn about(request: HttpRequest) -> HttpResponse {
    if pages::is_wanted(&request) {
        return pages::see("/console/");
    }
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(ABOUT)
}

async fn other_method() -> Result<HttpResponse, Refusal> {
    Err(Refusal::method())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rights::RIGHTS;

    #[test]
    fn each_route_is_in_the_table_of_rights_and_nothing_else_is() {
        let mut registered = BTreeSet::new();
        let _ = actix_web::App::new().configure(|config| {
            let mut routes = Routes::new(config);
            all(&mut routes);
            registered = routes.registered.iter().map(|(method, pattern)| (method.to_string(), *pattern)).collect();
        });
        let rights: BTreeSet<_> = RIGHTS.iter().map(|right| (right.method.to_owned(), right.pattern)).collect();
        assert_eq!(registered, rights);
    }
}
