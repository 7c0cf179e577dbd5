//! Fakes of the services behind the door: a world of two users with one private dialog of three messages, and the rooms that a
//! test puts into it. They answer what the real ones promise and keep what they were asked.
#![allow(clippy::unwrap_used)]

use std::pin::Pin;
use std::sync::Arc;

use natter_proto::account::v1::accounts_server::{Accounts, AccountsServer};
use natter_proto::account::v1::reports_server::ReportsServer;
use natter_proto::account::v1::{self as account, Session, User};
use natter_proto::dialog::v1::dialogs_server::DialogsServer;
use natter_proto::dialog::v1::{self as dialog, Dialog, DialogKind};
use natter_proto::event::v1::Message;
use natter_proto::history::v1::history_server::HistoryServer;
use natter_proto::history::v1::{self as log, DialogHead, UnreadRow};
use natter_proto::presence::v1 as presence;
use natter_proto::presence::v1::presence_server::{Presence, PresenceServer};
use natter_proto::push::v1 as alerts;
use natter_proto::push::v1::events_server::EventsServer;
use natter_proto::push::v1::push_server::PushServer;
use natter_proto::storage::v1 as shelf;
use natter_proto::storage::v1::storage_server::StorageServer;
use natter_proto::{Code, DialogId, Failure, UserId};
use natter_rpc::{Reply, Request, Response, async_trait};
use parking_lot::Mutex;

pub const APP_ID: u64 = 77;
pub const ANN_ID: u64 = 34;
pub const BOB_ID: u64 = 78;
/// A user of the app that shares no dialog with the others.
pub const EVE_ID: u64 = 99;
/// A name of the app at this door, if it has names, and one of another app.
pub const OWN_NAME: &str = "api.own.example";
pub const OTHERS_NAME: &str = "api.other.example";
/// 2026-02-03T10:11:12.345Z
pub const AT: i64 = 1_770_113_472_345;

/// What the fakes were asked, and what they are told to refuse.
#[derive(Default)]
pub struct World {
    pub opened: Mutex<Vec<account::OpenSessionRequest>>,
    pub logins: Mutex<Vec<account::LoginRequest>>,
    pub sign_ups: Mutex<Vec<account::SignUpRequest>>,
    pub updates: Mutex<Vec<account::UpdateUserRequest>>,
    pub forgotten: Mutex<Vec<account::AskPasswordResetRequest>>,
    pub resets: Mutex<Vec<account::ResetPasswordRequest>>,
    pub lists: Mutex<Vec<account::ListUsersRequest>>,
    pub posts: Mutex<Vec<dialog::PostRequest>>,
    pub marks: Mutex<Vec<dialog::MarkRequest>>,
    pub edits: Mutex<Vec<dialog::UpdateMessageRequest>>,
    pub removals: Mutex<Vec<dialog::RemoveMessagesRequest>>,
    pub deletions: Mutex<Vec<dialog::DeleteRequest>>,
    pub pages: Mutex<Vec<log::PageRequest>>,
    /// Dialogs besides that of the pair.
    pub rooms: Mutex<Vec<Dialog>>,
    pub creations: Mutex<Vec<dialog::CreateRequest>>,
    pub changes: Mutex<Vec<dialog::ChangeDialogRequest>>,
    pub subscriptions: Mutex<Vec<dialog::SubscribeRequest>>,
    pub clearings: Mutex<Vec<dialog::ClearDialogRequest>>,
    pub notified: Mutex<Vec<dialog::NotifyRequest>>,
    pub headlines: Mutex<Vec<dialog::HeadlineRequest>>,
    pub reacted: Mutex<Vec<dialog::ReactRequest>>,
    /// The next sign-in or sign-up fails with this.
    pub account_fails: Mutex<Option<Failure>>,
    /// Every call of the dialog service fails with this.
    pub dialog_fails: Mutex<Option<Failure>>,
    /// Files and their content.
    pub files: Mutex<Vec<(shelf::Blob, Vec<u8>)>>,
    pub uploads: Mutex<Vec<Upload>>,
    /// Uploads fail with this when so many chunks have come.
    pub upload_fails: Mutex<Option<(usize, Failure)>>,
    pub blob_creations: Mutex<Vec<shelf::CreateRequest>>,
    pub completions: Mutex<Vec<shelf::CompleteRequest>>,
    pub renames: Mutex<Vec<shelf::RenameRequest>>,
    pub blob_deletions: Mutex<Vec<u64>>,
    pub blob_lists: Mutex<Vec<shelf::ListRequest>>,
    pub reports: Mutex<Vec<account::Report>>,
    /// Devices that are alerted.
    pub devices: Mutex<Vec<alerts::Subscription>>,
    pub events: Mutex<Vec<alerts::Event>>,
    /// Resolving a token panics: a broken promise of our own.
    pub panics: Mutex<bool>,
    /// The app has names of its own.
    pub has_names: Mutex<bool>,
    /// The operator closed the app.
    pub suspended: Mutex<bool>,
    /// The app takes pages of this origin only.
    pub page: Mutex<Option<String>>,
}

/// What came of an upload.
#[derive(Default)]
pub struct Upload {
    pub head: shelf::UploadHead,
    pub chunks: Vec<Vec<u8>>,
    pub ended: bool,
}

#[derive(Clone)]
pub struct Fake(Arc<World>);

impl World {
    pub fn accounts(self: &Arc<World>) -> AccountsServer<Fake> {
        AccountsServer::new(Fake(self.clone()))
    }

    pub fn dialogs(self: &Arc<World>) -> DialogsServer<Fake> {
        DialogsServer::new(Fake(self.clone()))
    }

    pub fn presence(self: &Arc<World>) -> PresenceServer<Fake> {
        PresenceServer::new(Fake(self.clone()))
    }

    pub fn history(self: &Arc<World>) -> HistoryServer<Fake> {
        HistoryServer::new(Fake(self.clone()))
    }

    pub fn storage(self: &Arc<World>) -> StorageServer<Fake> {
        StorageServer::new(Fake(self.clone()))
    }

    pub fn push(self: &Arc<World>) -> PushServer<Fake> {
        PushServer::new(Fake(self.clone()))
    }

    pub fn events(self: &Arc<World>) -> EventsServer<Fake> {
        EventsServer::new(Fake(self.clone()))
    }

    pub fn reports(self: &Arc<World>) -> ReportsServer<Fake> {
        ReportsServer::new(Fake(self.clone()))
    }

    /// The dialog as the service would give it to this user.
    fn seen(&self, id: &[u8], user: u64, preview: bool) -> Result<Dialog, Failure> {
        let mut all = [vec![pair_dialog()], self.rooms.lock().clone()].concat().into_iter();
        let dialog = all.find(|dialog| dialog.id == id).ok_or_else(|| Failure::new(Code::NotFound, "no such dialog"))?;
        let previews = preview && dialog.allow_preview == Some(true);
        match is_public(&dialog) || dialog.members.contains(&user) || previews {
            true => Ok(dialog),
            false => Err(Failure::new(Code::Forbidden, "no member")),
        }
    }

    // Whether the app lists origins, unless this one is not listed.
    fn takes(&self, origin: &str) -> Result<bool, Failure> {
        match self.page.lock().as_deref() {
            None => Ok(false),
            Some(listed) if origin.is_empty() || origin == listed => Ok(true),
            Some(_) => Err(Failure::new(Code::Forbidden, "Pages of this origin may not use this application")),
        }
    }

    fn dialog_ready(&self) -> Result<(), Failure> {
        self.dialog_fails.lock().clone().map_or(Ok(()), Err)
    }
}

pub fn pair() -> DialogId {
    DialogId::of_pair(b"pair key", UserId(ANN_ID), UserId(BOB_ID))
}

/// Id of the n-th message of the pair's dialog.
pub fn message_id(n: u8) -> [u8; 12] {
    [0x65, 0xf0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n]
}

pub fn hex(id: &[u8]) -> String {
    id.iter().map(|b| format!("{b:02x}")).collect()
}

fn user(id: u64) -> Option<User> {
    let (login, full_name) = match id {
        ANN_ID => ("ann", Some("Ann Lee".to_owned())),
        BOB_ID => ("bob", None),
        EVE_ID => ("eve", None),
        _ => return None,
    };
    let avatar = Some(format!("{login}.png"));
    Some(User {
        id,
        app: APP_ID,
        login: Some(login.to_owned()),
        full_name,
        avatar,
        created_at: AT,
        updated_at: AT,
        ..User::default()
    })
}

fn session(token: &str, user_id: u64) -> Session {
    Session {
        id: user_id.max(1),
        token: token.to_owned(),
        app: APP_ID,
        user: user_id,
        created_at: AT,
        updated_at: AT,
        expires_at: AT + 7_200_000,
        user_row: user(user_id),
        pair_key: b"pair key".to_vec(),
        ..Session::default()
    }
}

fn named(session: Session) -> Session {
    Session { chat_host: "chat.own.example".to_owned(), api_host: OWN_NAME.to_owned(), ..session }
}

/// Ann's group with Bob.
pub fn group() -> Dialog {
    Dialog {
        id: vec![0xa1; 12],
        kind: DialogKind::Group.into(),
        name: Some("Trip planning".to_owned()),
        count: 2,
        extensions: [("location".to_owned(), "Bar".to_owned())].into(),
        ..pair_dialog()
    }
}

/// Bob's group, of which Ann and Eve are no members.
pub fn closed() -> Dialog {
    Dialog { id: vec![0xc3; 12], owner: BOB_ID, members: vec![BOB_ID], name: Some("Closed".to_owned()), count: 1, ..group() }
}

/// Bob's public dialog, where seven are.
pub fn lobby() -> Dialog {
    Dialog {
        id: vec![0xb2; 12],
        kind: DialogKind::Public.into(),
        owner: BOB_ID,
        members: Vec::new(),
        name: Some("Lobby".to_owned()),
        admins: vec![ANN_ID, BOB_ID],
        count: 7,
        ..pair_dialog()
    }
}

fn pair_dialog() -> Dialog {
    let members = vec![ANN_ID, BOB_ID];
    Dialog {
        id: pair().to_vec(),
        app: APP_ID,
        kind: DialogKind::Private.into(),
        owner: ANN_ID,
        members,
        created_at: AT,
        updated_at: AT,
        ..Dialog::default()
    }
}

/// Message 1 and 3 are Bob's, 2 is Ann's.
fn row(n: u8) -> Message {
    let (sender, recipient) = if n == 2 { (ANN_ID, BOB_ID) } else { (BOB_ID, ANN_ID) };
    let date_sent = AT / 1000 + i64::from(n);
    Message {
        id: message_id(n).to_vec(),
        sender,
        recipient,
        seq: n.into(),
        date_sent,
        created_at: AT,
        updated_at: AT,
        body: Some(format!("text {n}")),
        ..Message::default()
    }
}

fn unread_row() -> UnreadRow {
    let head = DialogHead { seq: 3, updated_at: AT + 3_000, ..DialogHead::default() };
    UnreadRow { dialog: pair().to_vec(), unread: 2, head: Some(head), last: Some(row(3)), ..UnreadRow::default() }
}

fn is_public(dialog: &Dialog) -> bool {
    matches!(dialog.kind(), DialogKind::Public | DialogKind::Broadcast)
}

fn ok<T>(value: T) -> Reply<T> {
    Ok(Response::new(value))
}

fn fails<T>(code: Code) -> Reply<T> {
    Err(Failure::new(code, "the fake says so").into())
}

/// Calls the door never makes.
macro_rules! never {
    ($($name:ident: $request:ty => $reply:ty),* $(,)?) => {$(
        fn $name<'s, 'async_trait>(&'s self, _: Request<$request>) -> Pin<Box<dyn Future<Output = Reply<$reply>> + Send + 'async_trait>>
        where
            's: 'async_trait,
            Self: 'async_trait,
        {
            panic!("the door calls {}", stringify!($name))
        }
    )*};
}

mod dialogs;
mod history;
mod push;
mod reports;
mod storage;

pub use storage::{UID, file};

#[async_trait]
impl Accounts for Fake {
    async fn open_session(&self, request: Request<account::OpenSessionRequest>) -> Reply<Session> {
        let request = request.into_inner();
        self.0.opened.lock().push(request.clone());
        if let Some(failure) = self.0.account_fails.lock().take() {
            return Err(failure.into());
        }
        let user_id = if request.user.is_some() { ANN_ID } else { 0 };
        let lists_origins = self.0.takes(&request.origin)?;
        ok(Session { lists_origins, nonce: request.nonce, timestamp: request.timestamp, ..session("fresh", user_id) })
    }

    async fn login(&self, request: Request<account::LoginRequest>) -> Reply<Session> {
        let request = request.into_inner();
        self.0.logins.lock().push(request.clone());
        if let Some(failure) = self.0.account_fails.lock().take() {
            return Err(failure.into());
        }
        ok(session(&request.token, ANN_ID))
    }

    async fn get_app(&self, request: Request<account::GetAppRequest>) -> Reply<account::App> {
        ok(account::App { id: request.into_inner().id, ..account::App::default() })
    }

    async fn visit_app(&self, request: Request<account::VisitAppRequest>) -> Reply<account::App> {
        let account::VisitAppRequest { id, host, origin } = request.into_inner();
        if host == OTHERS_NAME {
            return fails(Code::NotFound);
        }
        if *self.0.suspended.lock() {
            return Err(Failure::new(Code::Forbidden, "This application is suspended").into());
        }
        let origins = if self.0.takes(&origin)? { vec![origin] } else { Vec::new() };
        ok(account::App { id, origins, ..account::App::default() })
    }

    async fn logout(&self, _: Request<account::TokenRequest>) -> Reply<account::Empty> {
        ok(account::Empty {})
    }

    async fn close_session(&self, _: Request<account::TokenRequest>) -> Reply<account::Empty> {
        ok(account::Empty {})
    }

    async fn resolve(&self, request: Request<account::ResolveRequest>) -> Reply<Session> {
        assert!(!*self.0.panics.lock(), "told to panic");
        let account::ResolveRequest { token, host, origin } = request.into_inner();
        let ann = || match host.as_str() {
            OWN_NAME => Session { by_own_name: true, ..named(session("ann", ANN_ID)) },
            _ => named(session("ann", ANN_ID)),
        };
        match token.as_str() {
            _ if host == OTHERS_NAME => fails(Code::Unauthenticated),
            "ann" if *self.0.has_names.lock() => ok(ann()),
            "ann" => ok(Session { lists_origins: self.0.takes(&origin)?, ..session("ann", ANN_ID) }),
            "bob" => ok(session("bob", BOB_ID)),
            "eve" => ok(session("eve", EVE_ID)),
            "app" => ok(session("app", 0)),
            "busy" => fails(Code::Busy),
            _ => fails(Code::Unauthenticated),
        }
    }

    async fn sign_up(&self, request: Request<account::SignUpRequest>) -> Reply<User> {
        let request = request.into_inner();
        self.0.sign_ups.lock().push(request.clone());
        if let Some(failure) = self.0.account_fails.lock().take() {
            return Err(failure.into());
        }
        ok(User { id: 100, app: APP_ID, created_at: AT, updated_at: AT, ..request.user.unwrap_or_default() })
    }

    async fn update_user(&self, request: Request<account::UpdateUserRequest>) -> Reply<User> {
        let request = request.into_inner();
        self.0.updates.lock().push(request.clone());
        ok(user(request.id).unwrap_or_default())
    }

    async fn ask_password_reset(&self, request: Request<account::AskPasswordResetRequest>) -> Reply<account::Empty> {
        self.0.forgotten.lock().push(request.into_inner());
        ok(account::Empty {})
    }

    async fn reset_password(&self, request: Request<account::ResetPasswordRequest>) -> Reply<account::Empty> {
        self.0.resets.lock().push(request.into_inner());
        match self.0.account_fails.lock().take() {
            Some(failure) => Err(failure.into()),
            None => ok(account::Empty {}),
        }
    }

    async fn delete_user(&self, _: Request<account::UserRequest>) -> Reply<account::Empty> {
        ok(account::Empty {})
    }

    async fn admit(&self, _: Request<account::UserRequest>) -> Reply<account::Empty> {
        ok(account::Empty {})
    }

    async fn get_users(&self, request: Request<account::GetUsersRequest>) -> Reply<account::GetUsersReply> {
        let users = request.into_inner().ids.into_iter().filter_map(user).collect();
        ok(account::GetUsersReply { users })
    }

    async fn find_app(&self, request: Request<account::FindAppRequest>) -> Reply<account::App> {
        let account::FindAppRequest { auth_key, host, origin } = request.into_inner();
        match auth_key.as_str() {
            _ if host == OTHERS_NAME => fails(Code::NotFound),
            "demoKey" => {
                let origins = if self.0.takes(&origin)? { vec![origin] } else { Vec::new() };
                ok(account::App { id: APP_ID, origins, ..account::App::default() })
            }
            "busyKey" => fails(Code::Busy),
            _ => fails(Code::NotFound),
        }
    }

    /// Ann and Bob are on every page, of seven.
    async fn list_users(&self, request: Request<account::ListUsersRequest>) -> Reply<account::ListUsersReply> {
        self.0.lists.lock().push(request.into_inner());
        if let Some(failure) = self.0.account_fails.lock().take() {
            return Err(failure.into());
        }
        let tagged = User { tags: vec!["vip".to_owned(), "staff".to_owned()], ..user(BOB_ID).unwrap() };
        ok(account::ListUsersReply { users: vec![user(ANN_ID).unwrap(), tagged], total: 7 })
    }

    async fn find_user(&self, request: Request<account::FindUserRequest>) -> Reply<User> {
        use account::find_user_request::By;
        match request.into_inner().by {
            Some(By::Login(login)) if login == "ann" => ok(user(ANN_ID).unwrap()),
            Some(By::Email(email)) if email == "bob@example.test" => ok(user(BOB_ID).unwrap()),
            Some(By::Phone(phone)) if phone == "+1555" => ok(user(BOB_ID).unwrap()),
            Some(By::FacebookId(id)) if id == "f1" => ok(user(BOB_ID).unwrap()),
            Some(By::TwitterId(id)) if id == "t1" => ok(user(BOB_ID).unwrap()),
            Some(By::ExternalUserId(675)) => ok(user(BOB_ID).unwrap()),
            Some(By::ExternalId(id)) if id == "x1" => ok(user(BOB_ID).unwrap()),
            _ => fails(Code::NotFound),
        }
    }

    never! {
        create_app: account::CreateAppRequest => account::App,
        set_identity: account::SetIdentityRequest => account::App,
        list_apps: account::ListAppsRequest => account::ListAppsReply,
        authenticate: account::AuthenticateRequest => account::AuthenticateReply,
        touch: account::TokenRequest => account::Empty,
    }
}

#[async_trait]
impl Presence for Fake {
    /// Ann and Bob are online, and somebody who was deleted meanwhile.
    async fn online(&self, request: Request<presence::OnlineRequest>) -> Reply<presence::OnlineReply> {
        let presence::OnlineRequest { app, skip, limit } = request.into_inner();
        assert_eq!(app, APP_ID);
        let users = [5, ANN_ID, BOB_ID].into_iter().skip(skip as usize).take(limit as usize).collect();
        ok(presence::OnlineReply { users, total: 3 })
    }

    never! {
        attention: presence::AttentionRequest => presence::AttentionReply,
        enter: presence::EnterRoomRequest => presence::EnterRoomReply,
        exit: presence::ExitRoomRequest => presence::ExitRoomReply,
        occupants: presence::RoomRequest => presence::RoomReply,
        evict: presence::EvictRequest => presence::EvictReply,
        announce: presence::AnnounceRequest => presence::AnnounceReply,
        contacts: presence::ContactsRequest => presence::ContactsReply,
        set_contact: presence::SetContactRequest => presence::SetContactReply,
        remove_contact: presence::RemoveContactRequest => presence::RemoveContactReply,
        subscribe: presence::SubscribeRequest => presence::SubscribeReply,
        last_activity: presence::LastActivityRequest => presence::LastActivityReply,
        watch: presence::WatchRequest => presence::WatchReply,
        privacy_lists: presence::PrivacyListsRequest => presence::PrivacyListsReply,
        privacy_list: presence::PrivacyListRequest => presence::PrivacyListReply,
        set_privacy_list: presence::SetPrivacyListRequest => presence::SetPrivacyListReply,
        set_default_privacy_list: presence::SetDefaultPrivacyListRequest => presence::SetDefaultPrivacyListReply,
        judge: presence::JudgeRequest => presence::JudgeReply,
        set_inactive: presence::SetInactiveRequest => presence::SetInactiveReply,
        reachable: presence::ReachableRequest => presence::ReachableReply,
        record: presence::SessionRecord => presence::RecordReply,
        take_debt: presence::TakeDebtRequest => presence::TakeDebtReply,
        settle_debt: presence::SettleDebtRequest => presence::SettleDebtReply,
    }
}
