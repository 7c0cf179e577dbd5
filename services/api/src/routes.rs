//! The table of routes: every call of contract rest section 9, offered or not.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::account::v1::ReportKind;

use crate::path::Path;

/// A call of the REST door.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Call {
    About,
    /// The description of this door (OpenAPI).
    Description,
    CaPem,
    SessionOpen,
    SessionGet,
    SessionClose,
    Login,
    Logout,
    UserSignUp,
    UserUpdate,
    UserDelete,
    UserGet,
    PasswordAsk,
    PasswordPage,
    PasswordSet,
    /// One user by a name.
    UserFind(By),
    UserList,
    UserListV2,
    UsersByName,
    UsersByTags,
    UsersOnline,
    DialogCreate,
    DialogList,
    DialogDelete,
    DialogUpdate,
    DialogAdmins,
    DialogSubscribe,
    DialogUnsubscribe,
    DialogNotifications,
    DialogNotify,
    DialogOccupants,
    HistoryClear,
    MessageList,
    MessageCreate,
    MessageUpdate,
    MessageDelete,
    MessageReact,
    MessageReactions,
    MessageSystem,
    Search,
    Unread,
    BlobCreate,
    BlobList,
    BlobUpload,
    BlobComplete,
    BlobObject,
    /// What `GET /blobs/{}` leads to for a uid: the content. For the others, see [`Call::of_segment`].
    BlobContent,
    BlobInfo,
    BlobRename,
    BlobDelete,
    SubscriptionCreate,
    SubscriptionList,
    SubscriptionDelete,
    EventCreate,
    EventList,
    /// One, or its status.
    EventGet,
    EventDelete,
    ReportFile(ReportKind),
    ReportFileMany(ReportKind),
    ReportList(ReportKind),
    ReportGet(ReportKind),
    ReportAmend(ReportKind),
    ReportWithdraw(ReportKind),
    /// Known to the SDK, not offered; the text says what is.
    Absent(&'static str),
}

/// What one user is found by (contract rest 3.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum By {
    Login,
    Email,
    Phone,
    FacebookId,
    TwitterId,
    /// The segment of the path: a number of the app's own, or a text.
    External,
}

/// Whose token a call needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Needs {
    Nothing,
    /// Any live session of the app.
    Session,
    /// A session with a user.
    User,
}

impl Call {
    /// What must be known of the caller before anything of the request is read. Sign-up looks for itself: a key opens it too.
    pub(crate) fn needs(self) -> Needs {
        match self {
            Call::About | Call::Description | Call::CaPem | Call::SessionOpen | Call::UserSignUp | Call::Absent(_) => {
                Needs::Nothing
            }
            Call::SessionGet | Call::SessionClose | Call::Login | Call::Logout => Needs::Session,
            // Opened by the key in the path.
            Call::PasswordPage | Call::PasswordSet => Needs::Nothing,
            Call::UserGet | Call::UserFind(_) | Call::UserList | Call::UserListV2 | Call::PasswordAsk => Needs::Session,
            Call::UsersByName | Call::UsersByTags | Call::UsersOnline => Needs::Session,
            Call::UserUpdate | Call::UserDelete | Call::DialogCreate | Call::DialogList | Call::DialogDelete => Needs::User,
            Call::DialogUpdate | Call::DialogAdmins | Call::DialogSubscribe | Call::DialogUnsubscribe => Needs::User,
            Call::DialogNotifications | Call::DialogNotify | Call::DialogOccupants | Call::HistoryClear => Needs::User,
            Call::MessageReact | Call::MessageReactions | Call::MessageSystem | Call::Search => Needs::User,
            Call::MessageList | Call::MessageCreate | Call::MessageUpdate | Call::MessageDelete | Call::Unread => Needs::User,
            // Opened by a key of its own; by nothing, if the file is public.
            Call::BlobUpload | Call::BlobContent => Needs::Nothing,
            Call::BlobCreate | Call::BlobList | Call::BlobComplete | Call::BlobObject => Needs::User,
            Call::BlobInfo | Call::BlobRename | Call::BlobDelete => Needs::User,
            Call::SubscriptionCreate | Call::SubscriptionList | Call::SubscriptionDelete => Needs::User,
            Call::EventCreate | Call::EventList | Call::EventGet | Call::EventDelete => Needs::User,
            Call::ReportFile(_) | Call::ReportFileMany(_) | Call::ReportList(_) => Needs::User,
            Call::ReportGet(_) | Call::ReportAmend(_) | Call::ReportWithdraw(_) => Needs::User,
        }
    }

    /// The call for this segment: three share one path, of which a number, and whatever ends in `.json`, is not the content
    /// (contract rest 6.2).
    pub(crate) fn of_segment(self, segment: &str, json: bool) -> Call {
        match self {
            Call::BlobContent if json || segment.bytes().all(|byte| byte.is_ascii_digit()) => Call::BlobInfo,
            call => call,
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub method: &'static str,
    /// The path; `{}` stands for any one segment. Also the label of the route in metrics and spans.
    pub pattern: &'static str,
    pub call: Call,
}

const fn route(method: &'static str, pattern: &'static str, call: Call) -> Route {
    Route { method, pattern, call }
}

const USERS: Call = Call::Absent("not offered; a user is deleted by DELETE /users/{id}");
const OTHERS: Call = Call::Absent("not offered");

/// Fixed segments stand before `{}` of the same length: the first match counts.
const ROUTES: &[Route] = &[
    route("GET", "", Call::About),
    route("GET", "openapi", Call::Description),
    route("GET", "ca.pem", Call::CaPem),
    route("POST", "session", Call::SessionOpen),
    route("GET", "session", Call::SessionGet),
    route("DELETE", "session", Call::SessionClose),
    route("POST", "session/web", OTHERS),
    route("PATCH", "session/web", OTHERS),
    route("POST", "login", Call::Login),
    route("DELETE", "login", Call::Logout),
    route("POST", "users", Call::UserSignUp),
    route("GET", "users", Call::UserList),
    route("PUT", "users", Call::UserUpdate),
    route("DELETE", "users", Call::UserDelete),
    route("GET", "users/by_login", Call::UserFind(By::Login)),
    route("GET", "users/by_email", Call::UserFind(By::Email)),
    route("GET", "users/by_full_name", Call::UsersByName),
    route("GET", "users/by_facebook_id", Call::UserFind(By::FacebookId)),
    route("GET", "users/by_twitter_id", Call::UserFind(By::TwitterId)),
    route("GET", "users/by_phone", Call::UserFind(By::Phone)),
    route("GET", "users/phone", Call::UserFind(By::Phone)),
    route("GET", "users/by_tags", Call::UsersByTags),
    route("GET", "users/v2", Call::UserListV2),
    route("GET", "users/online", Call::UsersOnline),
    route("GET", "users/external/{}", Call::UserFind(By::External)),
    route("DELETE", "users/external/{}", USERS),
    route("GET", "users/password/reset", Call::PasswordAsk),
    route("POST", "users/password/reset", Call::PasswordAsk),
    route("GET", "password/reset/{}", Call::PasswordPage),
    route("POST", "password/reset/{}", Call::PasswordSet),
    route("GET", "users/{}", Call::UserGet),
    route("PUT", "users/{}", Call::UserUpdate),
    route("DELETE", "users/{}", Call::UserDelete),
    route("POST", "chat/Dialog", Call::DialogCreate),
    route("GET", "chat/Dialog", Call::DialogList),
    route("DELETE", "chat/Dialog/clearHistory/{}", Call::HistoryClear),
    route("PUT", "chat/Dialog/{}", Call::DialogUpdate),
    route("DELETE", "chat/Dialog/{}", Call::DialogDelete),
    route("PUT", "chat/Dialog/{}/admins", Call::DialogAdmins),
    route("POST", "chat/Dialog/{}/subscribe", Call::DialogSubscribe),
    route("DELETE", "chat/Dialog/{}/subscribe", Call::DialogUnsubscribe),
    route("PUT", "chat/Dialog/{}/notifications", Call::DialogNotify),
    route("GET", "chat/Dialog/{}/notifications", Call::DialogNotifications),
    route("GET", "chat/Dialog/{}/occupants", Call::DialogOccupants),
    route("GET", "chat/Message/unread", Call::Unread),
    route("POST", "chat/Message/system", Call::MessageSystem),
    route("GET", "chat/Message", Call::MessageList),
    route("POST", "chat/Message", Call::MessageCreate),
    route("PUT", "chat/Message", Call::MessageUpdate),
    route("PUT", "chat/Message/{}", Call::MessageUpdate),
    route("DELETE", "chat/Message/{}", Call::MessageDelete),
    route("GET", "chat/Message/{}/reactions", Call::MessageReactions),
    route("PUT", "chat/Message/{}/reactions", Call::MessageReact),
    route("GET", "chat/search", Call::Search),
    route("POST", "blobs", Call::BlobCreate),
    route("GET", "blobs", Call::BlobList),
    route("POST", "blobs/{}/upload", Call::BlobUpload),
    route("PUT", "blobs/{}/complete", Call::BlobComplete),
    route("GET", "blobs/{}/object", Call::BlobObject),
    route("GET", "blobs/{}/download", Call::BlobContent),
    route("GET", "blobs/{}", Call::BlobContent),
    route("PUT", "blobs/{}", Call::BlobRename),
    route("DELETE", "blobs/{}", Call::BlobDelete),
    route("POST", "subscriptions", Call::SubscriptionCreate),
    route("GET", "subscriptions", Call::SubscriptionList),
    route("DELETE", "subscriptions/{}", Call::SubscriptionDelete),
    route("POST", "events", Call::EventCreate),
    route("GET", "events", Call::EventList),
    route("GET", "events/{}", Call::EventGet),
    route("GET", "events/{}/status", Call::EventGet),
    route("DELETE", "events/{}", Call::EventDelete),
    route("POST", "address_book", OTHERS),
    route("GET", "address_book", OTHERS),
    route("GET", "address_book/registered_users", OTHERS),
    route("POST", "data/UserReports", Call::ReportFile(ReportKind::User)),
    route("GET", "data/UserReports", Call::ReportList(ReportKind::User)),
    route("POST", "data/UserReports/multi", Call::ReportFileMany(ReportKind::User)),
    route("GET", "data/UserReports/{}", Call::ReportGet(ReportKind::User)),
    route("PUT", "data/UserReports/{}", Call::ReportAmend(ReportKind::User)),
    route("DELETE", "data/UserReports/{}", Call::ReportWithdraw(ReportKind::User)),
    route("POST", "data/MessageReports", Call::ReportFile(ReportKind::Message)),
    route("GET", "data/MessageReports", Call::ReportList(ReportKind::Message)),
    route("POST", "data/MessageReports/multi", Call::ReportFileMany(ReportKind::Message)),
    route("GET", "data/MessageReports/{}", Call::ReportGet(ReportKind::Message)),
    route("PUT", "data/MessageReports/{}", Call::ReportAmend(ReportKind::Message)),
    route("DELETE", "data/MessageReports/{}", Call::ReportWithdraw(ReportKind::Message)),
    route("POST", "data/{}", OTHERS),
    route("POST", "data/{}/multi", OTHERS),
    route("GET", "data/{}", OTHERS),
    route("GET", "data/{}/{}", OTHERS),
    route("PUT", "data/{}/{}", OTHERS),
    route("DELETE", "data/{}/{}", OTHERS),
    route("POST", "data/{}/{}/file", OTHERS),
    route("GET", "data/{}/{}/file", OTHERS),
    route("DELETE", "data/{}/{}/file", OTHERS),
    route("GET", "meetings/recordings/{}", OTHERS),
    route("GET", "meetings", OTHERS),
    route("POST", "meetings", OTHERS),
    route("PUT", "meetings/{}", OTHERS),
    route("DELETE", "meetings/{}", OTHERS),
    route("GET", "whiteboards", OTHERS),
    route("POST", "whiteboards", OTHERS),
    route("PUT", "whiteboards/{}", OTHERS),
    route("DELETE", "whiteboards/{}", OTHERS),
    route("POST", "calls/reject", OTHERS),
    route("POST", "unfurl", OTHERS),
];

/// Every method and pattern that this door knows, offered or not; `{}` stands for any one segment.
pub fn routes() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROUTES.iter().map(|route| (route.method, route.pattern))
}

/// Of [`routes`] those that are offered, in the order of the table.
#[cfg(test)]
pub(crate) fn offered() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROUTES.iter().filter(|route| !matches!(route.call, Call::Absent(_))).map(|route| (route.method, route.pattern))
}

/// What a method and a path lead to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'a> {
    /// A route, and the segment that stands for `{}`.
    Route(&'static Route, &'a str),
    /// The path exists with other methods only.
    WrongMethod,
    Unknown,
}

/// Looks a request up. `HEAD` is `GET` without a body.
pub(crate) fn find<'a>(method: &str, path: &'a Path) -> Found<'a> {
    let method = if method == "HEAD" { "GET" } else { method };
    let mut found = Found::Unknown;
    for route in ROUTES {
        let Some(ids) = path.matches(route.pattern) else { continue };
        if route.method == method {
            return Found::Route(route, ids);
        }
        found = Found::WrongMethod;
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn calls_are_found_in_every_spelling() {
        for (method, path, call, ids) in [
            ("POST", "/session.json", Call::SessionOpen, ""),
            ("GET", "/", Call::About, ""),
            ("GET", "//users/56", Call::UserGet, "56"),
            ("GET", "/users/by_login.json", Call::UserFind(By::Login), ""),
            ("GET", "/users/external/675.json", Call::UserFind(By::External), "675"),
            ("GET", "/users.json", Call::UserList, ""),
            ("PUT", "/users.json", Call::UserUpdate, ""),
            ("DELETE", "/chat/dialog/a,b.json", Call::DialogDelete, "a,b"),
            ("DELETE", "/chat/Dialog/clearHistory/a1.json", Call::HistoryClear, "a1"),
            ("POST", "/chat/dialog/a1/subscribe.json", Call::DialogSubscribe, "a1"),
            ("POST", "/chat/Message/system.json", Call::MessageSystem, ""),
            ("PUT", "/chat/Message/a1/reactions", Call::MessageReact, "a1"),
            ("GET", "/chat/Message/unread.json", Call::Unread, ""),
            ("PUT", "/chat/message", Call::MessageUpdate, ""),
            ("HEAD", "/chat/Message", Call::MessageList, ""),
        ] {
            let parsed = Path::parse(path).unwrap();
            let Found::Route(route, found) = find(method, &parsed) else { panic!("{method} {path} is not found") };
            assert_eq!((route.call, found), (call, ids), "{method} {path}");
        }
    }

    #[test]
    fn a_number_or_json_is_not_the_content_of_a_file() {
        let uid = "B7D24C19E05A4F3C8D6E1A2B3C4D5E6F";
        for (path, call) in [
            ("/blobs/9001".to_owned(), Call::BlobInfo),
            ("/blobs/9001.json".to_owned(), Call::BlobInfo),
            (format!("/blobs/{uid}.json"), Call::BlobInfo),
            (format!("/blobs/{uid}"), Call::BlobContent),
            (format!("/blobs/{uid}/download"), Call::BlobContent),
        ] {
            let parsed = Path::parse(&path).unwrap();
            let Found::Route(route, segment) = find("GET", &parsed) else { panic!("{path} is not found") };
            assert_eq!(route.call.of_segment(segment, parsed.is_json()), call, "{path}");
        }
    }

    #[test]
    fn wrong_methods_and_unknown_paths_are_told_apart() {
        assert!(matches!(find("PATCH", &Path::parse("/session").unwrap()), Found::WrongMethod));
        assert!(matches!(find("GET", &Path::parse("/nothing").unwrap()), Found::Unknown));
        assert!(matches!(find("GET", &Path::parse("/session/a/b").unwrap()), Found::Unknown));
    }

    #[test]
    fn no_row_hides_another() {
        for (n, row) in ROUTES.iter().enumerate() {
            let path = Path::parse(&format!("/{}", row.pattern.replace("{}", "x"))).unwrap();
            let Found::Route(first, _) = find(row.method, &path) else { panic!("{row:?}") };
            assert_eq!((first.method, first.pattern), (ROUTES[n].method, ROUTES[n].pattern));
        }
    }
}
