//! Fakes of the services behind the door: a world of two users with one private dialog of three messages. They answer what
//! the real ones promise and keep what they were asked.
#![allow(clippy::unwrap_used)]

use std::pin::Pin;
use std::sync::Arc;

use natter_proto::account::v1::accounts_server::{Accounts, AccountsServer};
use natter_proto::account::v1::{self as account, Session, User};
use natter_proto::dialog::v1::dialogs_server::{Dialogs, DialogsServer};
use natter_proto::dialog::v1::{self as dialog, Dialog, DialogKind};
use natter_proto::event::v1::Message;
use natter_proto::history::v1::history_server::{History, HistoryServer};
use natter_proto::history::v1::{self as history, DialogHead, MemberState, UnreadRow};
use natter_proto::presence::v1 as presence;
use natter_proto::presence::v1::presence_server::{Presence, PresenceServer};
use natter_proto::{Code, DialogId, Failure, UserId};
use natter_rpc::{Reply, Request, Response, async_trait};
use parking_lot::Mutex;

pub const APP_ID: u64 = 77;
pub const ANN_ID: u64 = 34;
pub const BOB_ID: u64 = 78;
/// A user of the app that shares no dialog with the others.
pub const EVE_ID: u64 = 99;
/// 2026-02-03T10:11:12.345Z
pub const AT: i64 = 1_770_113_472_345;

/// What the fakes were asked, and what they are told to refuse.
#[derive(Default)]
pub struct World {
    pub opened: Mutex<Vec<account::OpenSessionRequest>>,
    pub logins: Mutex<Vec<account::LoginRequest>>,
    pub sign_ups: Mutex<Vec<account::SignUpRequest>>,
    pub updates: Mutex<Vec<account::UpdateUserRequest>>,
    pub lists: Mutex<Vec<account::ListUsersRequest>>,
    pub posts: Mutex<Vec<dialog::PostRequest>>,
    pub marks: Mutex<Vec<dialog::MarkRequest>>,
    pub edits: Mutex<Vec<dialog::UpdateMessageRequest>>,
    pub removals: Mutex<Vec<dialog::RemoveMessagesRequest>>,
    pub deletions: Mutex<Vec<dialog::DeleteRequest>>,
    pub pages: Mutex<Vec<history::PageRequest>>,
    /// The next sign-in or sign-up fails with this.
    pub account_fails: Mutex<Option<Failure>>,
    /// Every call of the dialog service fails with this.
    pub dialog_fails: Mutex<Option<Failure>>,
    /// Resolving a token panics: a broken promise of our own.
    pub panics: Mutex<bool>,
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

#[async_trait]
impl Accounts for Fake {
    async fn open_session(&self, request: Request<account::OpenSessionRequest>) -> Reply<Session> {
        let request = request.into_inner();
        self.0.opened.lock().push(request.clone());
        if let Some(failure) = self.0.account_fails.lock().take() {
            return Err(failure.into());
        }
        let user_id = if request.user.is_some() { ANN_ID } else { 0 };
        ok(Session { nonce: request.nonce, timestamp: request.timestamp, ..session("fresh", user_id) })
    }

    async fn login(&self, request: Request<account::LoginRequest>) -> Reply<Session> {
        let request = request.into_inner();
        self.0.logins.lock().push(request.clone());
        if let Some(failure) = self.0.account_fails.lock().take() {
            return Err(failure.into());
        }
        ok(session(&request.token, ANN_ID))
    }

    async fn logout(&self, _: Request<account::TokenRequest>) -> Reply<account::Empty> {
        ok(account::Empty {})
    }

    async fn close_session(&self, _: Request<account::TokenRequest>) -> Reply<account::Empty> {
        ok(account::Empty {})
    }

    async fn resolve(&self, request: Request<account::TokenRequest>) -> Reply<Session> {
        assert!(!*self.0.panics.lock(), "told to panic");
        match request.into_inner().token.as_str() {
            "ann" => ok(session("ann", ANN_ID)),
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

    async fn delete_user(&self, _: Request<account::UserRequest>) -> Reply<account::Empty> {
        ok(account::Empty {})
    }

    async fn get_users(&self, request: Request<account::GetUsersRequest>) -> Reply<account::GetUsersReply> {
        let users = request.into_inner().ids.into_iter().filter_map(user).collect();
        ok(account::GetUsersReply { users })
    }

    async fn find_app(&self, request: Request<account::FindAppRequest>) -> Reply<account::App> {
        match request.into_inner().auth_key.as_str() {
            "demoKey" => ok(account::App { id: APP_ID, ..account::App::default() }),
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
        list_apps: account::ListAppsRequest => account::ListAppsReply,
        get_app: account::GetAppRequest => account::App,
        authenticate: account::AuthenticateRequest => account::AuthenticateReply,
        touch: account::TokenRequest => account::Empty,
    }
}

#[async_trait]
impl Dialogs for Fake {
    async fn post(&self, request: Request<dialog::PostRequest>) -> Reply<dialog::PostReply> {
        self.0.dialog_ready()?;
        let request = request.into_inner();
        self.0.posts.lock().push(request.clone());
        if request.dialog != pair().to_vec() {
            return fails(Code::NotFound);
        }
        let message = request.message.unwrap_or_default();
        let row = Message { seq: 4, date_sent: AT / 1000, recipient: BOB_ID, created_at: AT, updated_at: AT, ..message };
        ok(dialog::PostReply {
            dialog: request.dialog,
            id: row.id.clone(),
            seq: 4,
            date_sent: row.date_sent,
            duplicate: false,
            message: Some(row),
        })
    }

    async fn mark(&self, request: Request<dialog::MarkRequest>) -> Reply<dialog::MarkReply> {
        self.0.dialog_ready()?;
        let request = request.into_inner();
        self.0.marks.lock().push(request.clone());
        let found = request.ids.iter().filter(|id| (1..=3).any(|n| message_id(n)[..] == id[..])).count();
        ok(dialog::MarkReply { found: found as u32 })
    }

    async fn create(&self, request: Request<dialog::CreateRequest>) -> Reply<Dialog> {
        self.0.dialog_ready()?;
        let request = request.into_inner();
        ok(Dialog { id: request.id, members: request.members, owner: request.owner, ..pair_dialog() })
    }

    async fn get(&self, request: Request<dialog::GetRequest>) -> Reply<Dialog> {
        self.0.dialog_ready()?;
        let request = request.into_inner();
        match request.dialog == pair().to_vec() {
            true if pair_dialog().members.contains(&request.user) => ok(pair_dialog()),
            true => fails(Code::Forbidden),
            false => fails(Code::NotFound),
        }
    }

    async fn list(&self, request: Request<dialog::ListRequest>) -> Reply<dialog::ListReply> {
        self.0.dialog_ready()?;
        let mine = pair_dialog().members.contains(&request.into_inner().user);
        let entry = dialog::Entry { dialog: Some(pair_dialog()), state: Some(unread_row()) };
        ok(dialog::ListReply { entries: mine.then_some(entry).into_iter().collect() })
    }

    async fn delete(&self, request: Request<dialog::DeleteRequest>) -> Reply<dialog::DeleteReply> {
        self.0.dialog_ready()?;
        let request = request.into_inner();
        self.0.deletions.lock().push(request.clone());
        match request.dialog == pair().to_vec() {
            true if pair_dialog().members.contains(&request.user) => ok(dialog::DeleteReply {}),
            true => fails(Code::Forbidden),
            false => fails(Code::NotFound),
        }
    }

    async fn update(&self, request: Request<dialog::UpdateMessageRequest>) -> Reply<dialog::UpdateMessageReply> {
        let request = request.into_inner();
        self.0.edits.lock().push(request.clone());
        match request.user {
            ANN_ID => ok(dialog::UpdateMessageReply {}),
            BOB_ID => fails(Code::Forbidden),
            _ => fails(Code::NotFound),
        }
    }

    async fn remove(&self, request: Request<dialog::RemoveMessagesRequest>) -> Reply<dialog::RemoveMessagesReply> {
        let request = request.into_inner();
        self.0.removals.lock().push(request.clone());
        let mut reply = dialog::RemoveMessagesReply::default();
        for id in request.ids {
            match id[11] {
                2 => reply.removed.push(id),
                1 | 3 => reply.forbidden.push(id),
                _ => reply.not_found.push(id),
            }
        }
        ok(reply)
    }

    async fn unread(&self, request: Request<dialog::UnreadCountsRequest>) -> Reply<dialog::UnreadCountsReply> {
        let known = request.into_inner().dialogs.contains(&pair().to_vec());
        let count = dialog::UnreadCount { dialog: pair().to_vec(), unread: 2 };
        ok(dialog::UnreadCountsReply { total: 5, counts: known.then_some(count).into_iter().collect() })
    }

    never! {
        signal: dialog::SignalRequest => dialog::SignalReply,
    }
}

#[async_trait]
impl History for Fake {
    async fn page(&self, request: Request<history::PageRequest>) -> Reply<history::PageReply> {
        let request = request.into_inner();
        self.0.pages.lock().push(request.clone());
        match request.count_only {
            true => ok(history::PageReply { count: 3, ..history::PageReply::default() }),
            // The first part ends early, as if its rows were large.
            false if request.skip == 0 => ok(history::PageReply { rows: (1..=2).map(row).collect(), more: true, count: 0 }),
            false => ok(history::PageReply { rows: (2..=3).map(row).collect(), ..history::PageReply::default() }),
        }
    }

    /// Ann has read what she was marked to have read; Bob has received what Ann wrote.
    async fn members(&self, request: Request<history::MembersRequest>) -> Reply<history::MembersReply> {
        let request = request.into_inner();
        assert_eq!(request.users, [ANN_ID, BOB_ID]);
        let settled = self.0.marks.lock().iter().flat_map(|mark| mark.ranges.clone()).collect();
        let ann = MemberState { user: ANN_ID, settled, ..MemberState::default() };
        let bob = MemberState { user: BOB_ID, delivered: vec![history::Range { from: 2, upto: 2 }], ..MemberState::default() };
        ok(history::MembersReply { members: vec![ann, bob] })
    }

    async fn unread(&self, request: Request<history::UnreadRequest>) -> Reply<history::UnreadReply> {
        let rows = request.into_inner().dialogs.into_iter().map(|dialog| UnreadRow { dialog, ..unread_row() }).collect();
        ok(history::UnreadReply { rows })
    }

    never! {
        append: history::AppendRequest => history::AppendReply,
        load: history::LoadRequest => history::LoadReply,
        find: history::FindRequest => history::FindReply,
        heads: history::HeadsRequest => history::HeadsReply,
        mark: history::MarkRequest => history::MarkReply,
        hide: history::HideRequest => history::HideReply,
        clear: history::ClearRequest => history::ClearReply,
        edit: history::EditRequest => history::EditReply,
        remove: history::RemoveRequest => history::RemoveReply,
        gap: history::GapRequest => history::GapReply,
        keep: history::KeepRequest => history::KeepReply,
        kept: history::KeptRequest => history::KeptReply,
        changes: history::ChangesRequest => history::ChangesReply,
        drop: history::DropRequest => history::DropReply,
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
        announce: presence::AnnounceRequest => presence::AnnounceReply,
        reachable: presence::ReachableRequest => presence::ReachableReply,
        record: presence::SessionRecord => presence::RecordReply,
        take_debt: presence::TakeDebtRequest => presence::TakeDebtReply,
        settle_debt: presence::SettleDebtRequest => presence::SettleDebtReply,
    }
}
