//! The services below as fakes of their generated traits: a world of dialogs, sessions and messages that a test puts into it.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use natter_proto::account::v1::accounts_server::Accounts;
use natter_proto::account::v1::{self as account, GetUsersReply, GetUsersRequest, User};
use natter_proto::dialog::v1::dialogs_server::Dialogs;
use natter_proto::dialog::v1::{self as dialog, AudienceReply, AudienceRequest, Dialog, DialogKind, Listener};
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Contact, Frame, Message};
use natter_proto::history::v1::history_server::History;
use natter_proto::history::v1::{self as history, Found, KeptRow, MemberState, Range};
use natter_proto::presence::v1::presence_server::Presence;
use natter_proto::presence::v1::{self as presence, Attending, Verdict};
use natter_proto::{Code, Failure};
use natter_rpc::{Reply, Request, Response, Status, async_trait};
use parking_lot::Mutex;

/// What is so.
#[derive(Default)]
pub struct World {
    /// By id: kind, name, members and who of them is muted.
    pub dialogs: Mutex<BTreeMap<Vec<u8>, Room>>,
    pub sessions: Mutex<BTreeMap<u64, Attending>>,
    /// Rows of the log, and whether each is hidden from somebody.
    pub rows: Mutex<Vec<Message>>,
    pub hidden: Mutex<BTreeSet<(u64, u64)>>,
    /// Seq that a user has read, and received.
    pub read: Mutex<BTreeSet<(u64, u64)>>,
    pub received: Mutex<BTreeSet<(u64, u64)>>,
    /// Outside the log: by user and place.
    pub kept: Mutex<BTreeMap<(u64, u64), Message>>,
    /// Who is kept from whom, and how that would have to pass.
    pub blocked: Mutex<BTreeSet<(u64, u64, bool)>>,
    /// Who asks whom to be a contact.
    pub asking: Mutex<BTreeSet<(u64, u64)>>,
    pub unread: Mutex<u64>,
    /// Calls of the dialog service that fail from now on.
    pub failing: Mutex<u32>,
    /// Apps that are not there.
    pub gone: Mutex<BTreeSet<u64>>,
    /// Largest page of an audience.
    pub page: Mutex<usize>,
}

#[derive(Clone, Default)]
pub struct Room {
    pub kind: DialogKind,
    pub name: String,
    pub members: BTreeMap<u64, bool>,
}

#[derive(Clone)]
pub struct Fakes(pub Arc<World>);

macro_rules! fake {
    ($service:ident, $v:ident, { $($known:tt)* } $($name:ident: $request:ident => $reply:ident,)*) => {
        #[async_trait]
        impl $service for Fakes {
            $($known)*
            $(async fn $name(&self, _: Request<$v::$request>) -> Reply<$v::$reply> {
                Err(Status::unimplemented("nobody asks this"))
            })*
        }
    };
}

fake! { Dialogs, dialog, {
        async fn audience(&self, request: Request<AudienceRequest>) -> Reply<AudienceReply> {
            self.fail()?;
            let AudienceRequest { dialog, after, limit, .. } = request.into_inner();
            let room = self.0.dialogs.lock().get(&dialog).cloned();
            let Room { kind, name, members } = room.ok_or_else(|| Failure::new(Code::NotFound, "no such dialog"))?;
            let limit = match *self.0.page.lock() {
                0 => limit as usize,
                page => page,
            };
            let above: Vec<_> = members.into_iter().filter(|(user, _)| *user > after).collect();
            let more = above.len() > limit;
            let members = above.into_iter().take(limit).map(|(user, muted)| Listener { user, muted }).collect();
            Ok(Response::new(AudienceReply { members, more, kind: kind.into(), name }))
        }

        async fn get(&self, request: Request<dialog::GetRequest>) -> Reply<Dialog> {
            let id = request.into_inner().dialog;
            let room = self.0.dialogs.lock().get(&id).cloned();
            let Room { kind, name, .. } = room.ok_or_else(|| Failure::new(Code::NotFound, "no such dialog"))?;
            Ok(Response::new(Dialog { id, kind: kind.into(), name: Some(name), ..Dialog::default() }))
        }

        async fn unread(&self, _: Request<dialog::UnreadCountsRequest>) -> Reply<dialog::UnreadCountsReply> {
            Ok(Response::new(dialog::UnreadCountsReply { total: *self.0.unread.lock(), counts: Vec::new() }))
        }
    }
    post: PostRequest => PostReply,
    mark: MarkRequest => MarkReply,
    signal: SignalRequest => SignalReply,
    create: CreateRequest => Dialog,
    list: ListRequest => ListReply,
    delete: DeleteRequest => DeleteReply,
    change: ChangeDialogRequest => Dialog,
    subscribe: SubscribeRequest => Dialog,
    clear: ClearDialogRequest => ClearDialogReply,
    notify: NotifyRequest => NotifyReply,
    enter: EnterRequest => EnterReply,
    exit: ExitRequest => ExitReply,
    occupants: OccupantsRequest => OccupantsReply,
    batch: BatchRequest => BatchReply,
    headline: HeadlineRequest => HeadlineReply,
    signal_call: SignalCallRequest => SignalCallReply,
    react: ReactRequest => ReactReply,
    reactions: ReactionsRequest => ReactionsReply,
    forget: ForgetRequest => ForgetReply,
    freeze: FreezeRequest => Dialog,
    search: SearchRequest => SearchReply,
    update: UpdateMessageRequest => UpdateMessageReply,
    remove: RemoveMessagesRequest => RemoveMessagesReply,
}

fake! { History, history, {
        async fn find(&self, request: Request<history::FindRequest>) -> Reply<history::FindReply> {
            let history::FindRequest { ids, dialogs, reader, .. } = request.into_inner();
            let hidden = self.0.hidden.lock();
            let rows = self.0.rows.lock();
            let found = rows.iter().filter(|row| ids.contains(&row.id) && !hidden.contains(&(reader, row.seq)));
            let found = found.map(|row| Found { dialog: dialogs[0].clone(), row: Some(row.clone()), asked: row.id.clone() });
            Ok(Response::new(history::FindReply { found: found.collect() }))
        }

        async fn members(&self, request: Request<history::MembersRequest>) -> Reply<history::MembersReply> {
            let history::MembersRequest { users, within, .. } = request.into_inner();
            let (user, seq) = (users[0], within.unwrap().from);
            let range = |set: &Mutex<BTreeSet<(u64, u64)>>| {
                set.lock().contains(&(user, seq)).then_some(Range { from: seq, upto: seq }).into_iter().collect()
            };
            let (settled, delivered) = (range(&self.0.read), range(&self.0.received));
            let state = MemberState { user, settled, delivered, ..MemberState::default() };
            Ok(Response::new(history::MembersReply { members: vec![state] }))
        }

        async fn kept(&self, request: Request<history::KeptRequest>) -> Reply<history::KeptReply> {
            let history::KeptRequest { user, above, .. } = request.into_inner();
            let kept = self.0.kept.lock();
            let rows = kept.range((user, above + 1)..=(user, u64::MAX)).map(|((_, place), message)| {
                let frame = Some(Frame { told: Some(Told::Message(message.clone())), ..Frame::default() });
                KeptRow { place: *place, kept_at: 0, frame }
            });
            Ok(Response::new(history::KeptReply { rows: rows.collect(), ..Default::default() }))
        }
    }
    append: AppendRequest => AppendReply,
    load: LoadRequest => LoadReply,
    heads: HeadsRequest => HeadsReply,
    page: PageRequest => PageReply,
    mark: MarkRequest => MarkReply,
    hide: HideRequest => HideReply,
    clear: ClearRequest => ClearReply,
    join: JoinRequest => JoinReply,
    react: ReactRequest => ReactReply,
    reactions: ReactionsRequest => ReactionsReply,
    edit: EditRequest => EditReply,
    remove: RemoveRequest => RemoveReply,
    unread: UnreadRequest => UnreadReply,
    gap: GapRequest => GapReply,
    changes: ChangesRequest => ChangesReply,
    keep: KeepRequest => KeepReply,
    drop: DropRequest => DropReply,
}

fake! { Presence, presence, {
        async fn attention(&self, request: Request<presence::AttentionRequest>) -> Reply<presence::AttentionReply> {
            let sessions = self.0.sessions.lock();
            let users = request.into_inner().users.iter().filter_map(|user| sessions.get(user).copied()).collect();
            Ok(Response::new(presence::AttentionReply { users }))
        }

        async fn contacts(&self, request: Request<presence::ContactsRequest>) -> Reply<presence::ContactsReply> {
            let user = request.into_inner().user;
            let asking = self.0.asking.lock();
            let asked = asking.iter().filter(|(from, _)| *from == user);
            let contacts = asked.map(|(_, to)| Contact { user: *to, ask: true, ..Contact::default() }).collect();
            Ok(Response::new(presence::ContactsReply { contacts, ..Default::default() }))
        }

        async fn judge(&self, request: Request<presence::JudgeRequest>) -> Reply<presence::JudgeReply> {
            let blocked = self.0.blocked.lock();
            let passages = request.into_inner().passages;
            let is_blocked = |one: &presence::Passage| blocked.contains(&(one.from, one.to, one.in_group));
            let verdict = |one: &presence::Passage| if is_blocked(one) { Verdict::Blocked } else { Verdict::Passes };
            Ok(Response::new(presence::JudgeReply { verdicts: passages.iter().map(|one| verdict(one).into()).collect() }))
        }
    }
    announce: AnnounceRequest => AnnounceReply,
    set_inactive: SetInactiveRequest => SetInactiveReply,
    reachable: ReachableRequest => ReachableReply,
    online: OnlineRequest => OnlineReply,
    last_activity: LastActivityRequest => LastActivityReply,
    watch: WatchRequest => WatchReply,
    set_contact: SetContactRequest => SetContactReply,
    remove_contact: RemoveContactRequest => RemoveContactReply,
    subscribe: SubscribeRequest => SubscribeReply,
    privacy_lists: PrivacyListsRequest => PrivacyListsReply,
    privacy_list: PrivacyListRequest => PrivacyListReply,
    set_privacy_list: SetPrivacyListRequest => SetPrivacyListReply,
    set_default_privacy_list: SetDefaultPrivacyListRequest => SetDefaultPrivacyListReply,
    record: SessionRecord => RecordReply,
    take_debt: TakeDebtRequest => TakeDebtReply,
    settle_debt: SettleDebtRequest => SettleDebtReply,
    enter: EnterRoomRequest => EnterRoomReply,
    exit: ExitRoomRequest => ExitRoomReply,
    occupants: RoomRequest => RoomReply,
    evict: EvictRequest => EvictReply,
}

fake! { Accounts, account, {
        async fn get_app(&self, request: Request<account::GetAppRequest>) -> Reply<account::App> {
            let id = request.into_inner().id;
            match self.0.gone.lock().contains(&id) {
                true => Err(Failure::new(Code::NotFound, "App not found").into()),
                false => Ok(Response::new(account::App { id, ..Default::default() })),
            }
        }

        async fn get_users(&self, request: Request<GetUsersRequest>) -> Reply<GetUsersReply> {
            let user = |id: &u64| User { id: *id, full_name: Some(format!("User {id}")), ..User::default() };
            Ok(Response::new(GetUsersReply { users: request.into_inner().ids.iter().map(user).collect() }))
        }
    }
    create_app: CreateAppRequest => App,
    list_apps: ListAppsRequest => ListAppsReply,
    find_app: FindAppRequest => App,
    set_identity: SetIdentityRequest => App,
    open_session: OpenSessionRequest => Session,
    login: LoginRequest => Session,
    logout: TokenRequest => Empty,
    close_session: TokenRequest => Empty,
    resolve: ResolveRequest => Session,
    visit_app: VisitAppRequest => App,
    authenticate: AuthenticateRequest => AuthenticateReply,
    touch: TokenRequest => Empty,
    sign_up: SignUpRequest => User,
    update_user: UpdateUserRequest => User,
    delete_user: UserRequest => Empty,
    admit: UserRequest => Empty,
    find_user: FindUserRequest => User,
    list_users: ListUsersRequest => ListUsersReply,
    ask_password_reset: AskPasswordResetRequest => Empty,
    reset_password: ResetPasswordRequest => Empty,
}

impl Fakes {
    fn fail(&self) -> Result<(), Failure> {
        let mut failing = self.0.failing.lock();
        if *failing == 0 {
            return Ok(());
        }
        *failing -= 1;
        Err(Failure::new(Code::Busy, "not now"))
    }
}
