//! Fakes of the other services, in one process and in memory. They know one password, the private dialog of users 34 and 78 of
//! app 905 and a group of the two, and remember what they were asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use natter_bus::{Bus, Payload};
use natter_proto::account::v1::accounts_server::Accounts;
use natter_proto::account::v1::{self as account, AuthenticateReply, AuthenticateRequest, TokenRequest, UserRequest};
use natter_proto::dialog::v1::dialogs_server::Dialogs;
use natter_proto::dialog::v1::job::What as Asked;
use natter_proto::dialog::v1::{self as dialogs, ListReply, ListRequest, MarkReply, MarkRequest, PostReply, PostRequest};
use natter_proto::dialog::v1::{BatchReply, BatchRequest, Dialog, DialogKind, Entry, JobOutcome, SignalReply, SignalRequest};
use natter_proto::event::v1::change::What;
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Change, Frame, Marker, Message, Occupant, OccupantState, SessionRef};
use natter_proto::history::v1::history_server::History;
use natter_proto::history::v1::{self as history, DropReply, DropRequest, GapReply, GapRequest, GapRow, KeptReply, KeptRequest};
use natter_proto::presence::v1::presence_server::Presence;
use natter_proto::presence::v1::{
    self as presence, AnnounceReply, AnnounceRequest, Entrance, ReachableReply, ReachableRequest, RecordReply, SessionRecord,
    SessionState, SettleDebtReply, SettleDebtRequest, TakeDebtReply, TakeDebtRequest,
};
use natter_proto::subject::Subject;
use natter_proto::{Code, DialogId, EdgeFrame, Failure, UserId};
use natter_rpc::{Reply, Request, Response, Status, async_trait};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};

pub const PASSWORD: &str = "s3cret";
/// Opens too, as a token of this id.
pub const TOKEN: &str = "t0ken";
pub const TOKEN_ID: [u8; 16] = [7; 16];
const KEY: &[u8] = b"pair key";
/// Members of the group.
pub const MEMBERS: [u64; 2] = [34, 78];

pub fn dialog(a: u64, b: u64) -> DialogId {
    DialogId::of_pair(KEY, UserId(a), UserId(b))
}

/// The group.
pub fn group() -> DialogId {
    "a6f0a1b2c3d4e5f607182930".parse().unwrap()
}

#[derive(Clone)]
pub struct Fakes(pub Arc<State>);

pub struct State {
    pub bus: Bus,
    pub posts: watch::Sender<Vec<PostRequest>>,
    pub marks: watch::Sender<Vec<MarkRequest>>,
    pub gaps: watch::Sender<Vec<GapRequest>>,
    /// Users on whose behalf a dialog was looked at.
    pub looks: Mutex<BTreeSet<u64>>,
    pub announced: watch::Sender<Vec<(u64, SessionState)>>,
    /// Sessions that were announced again.
    pub again: watch::Sender<Vec<(u64, SessionState)>>,
    pub entrances: Mutex<Vec<(u64, SessionRef, Entrance)>>,
    /// What the session of a user that vanished last had proved.
    pub debts: Mutex<BTreeMap<u64, SessionRecord>>,
    pub token_over: AtomicBool,
    pub owed: Mutex<Vec<(u64, Message)>>,
    /// Rows whose frames were lost.
    pub stored: Mutex<Vec<Message>>,
    /// Users in the room of the group.
    pub inside: Mutex<BTreeSet<u64>>,
    /// Users who were removed from the group.
    pub removed: Mutex<BTreeSet<u64>>,
    pub history_fails: AtomicBool,
    /// Who is blocked by everybody else.
    pub blocked: Mutex<BTreeSet<u64>>,
    /// Users who are no more.
    pub ended: Mutex<BTreeSet<u64>>,
    pub settled: AtomicBool,
    pub seq: AtomicU64,
    pub stamp: AtomicU64,
    /// A post is answered when it gets a permit.
    pub permits: Semaphore,
    pub held: Mutex<bool>,
}

impl Fakes {
    pub fn new(bus: Bus) -> Fakes {
        Fakes(Arc::new(State {
            bus,
            posts: watch::Sender::default(),
            marks: watch::Sender::default(),
            gaps: watch::Sender::default(),
            looks: Mutex::default(),
            announced: watch::Sender::default(),
            again: watch::Sender::default(),
            entrances: Mutex::default(),
            debts: Mutex::default(),
            token_over: AtomicBool::new(false),
            owed: Mutex::default(),
            stored: Mutex::default(),
            inside: Mutex::default(),
            removed: Mutex::default(),
            history_fails: AtomicBool::new(false),
            blocked: Mutex::default(),
            ended: Mutex::default(),
            settled: AtomicBool::new(false),
            seq: AtomicU64::new(0),
            stamp: AtomicU64::new(0),
            permits: Semaphore::new(0),
            held: Mutex::new(false),
        }))
    }

    pub fn tell(&self, users: Vec<u64>, frame: Frame) {
        let frame = Frame { app: 905, to: users.clone(), ..frame };
        let told = EdgeFrame { frame: frame.into(), users, ..EdgeFrame::default() };
        for edge in ["e1", "e2"] {
            self.0.bus.publish(&Subject::Edge(edge.to_owned()).to_string(), Payload::of(told.clone()));
        }
    }

    pub fn tell_occupant(&self, to: Vec<u64>, user: u64, state: OccupantState) {
        let told = Some(Told::Occupant(Occupant { user, state: state.into(), actor: 34 }));
        self.tell(to, Frame { dialog: group().to_vec(), group: true, told, ..Frame::default() });
    }

    fn tell_change(&self, dialog: Vec<u8>, origin: Option<SessionRef>, change: Change) {
        let stamp = self.0.stamp.fetch_add(1, Ordering::Relaxed) + 1;
        let resource = origin.as_ref().map(|origin| origin.resource.clone()).unwrap_or_default();
        let told = Some(Told::Change(Change { stamp, resource, ..change }));
        self.tell(MEMBERS.to_vec(), Frame { dialog, origin, stamp, group: true, told, ..Frame::default() });
    }
}

/// A fake of a service: what it answers, and what it does not know.
macro_rules! fake {
    ($service:ident, $v:ident, { $($known:tt)* } $($name:ident: $request:ident => $reply:ident,)*) => {
        #[async_trait]
        impl $service for Fakes {
            $($known)*
            $(async fn $name(&self, _: Request<$v::$request>) -> Reply<$v::$reply> {
                Err(Status::unimplemented("not in this fake"))
            })*
        }
    };
}

fake! { Accounts, account, {
        async fn authenticate(&self, request: Request<AuthenticateRequest>) -> Reply<AuthenticateReply> {
            let request = request.into_inner();
            let is_token = request.secret == TOKEN.as_bytes();
            if request.app != 905 || request.secret != PASSWORD.as_bytes() && !is_token {
                return Err(Failure::new(Code::Unauthenticated, "wrong").into());
            }
            let (token, token_id) = if is_token { (TOKEN.to_owned(), TOKEN_ID.to_vec()) } else { Default::default() };
            // Names of the app, and of another one.
            let host = match request.host.as_str() {
                "chat.own.example" | "api.own.example" => "chat.own.example".to_owned(),
                "chat.other.example" => return Err(Failure::new(Code::Unauthenticated, "wrong").into()),
                _ => String::new(),
            };
            Ok(Response::new(AuthenticateReply { pair_key: KEY.to_vec(), host, token, token_id, ..Default::default() }))
        }

        async fn admit(&self, request: Request<UserRequest>) -> Reply<account::Empty> {
            match self.0.ended.lock().contains(&request.into_inner().id) {
                true => Err(Failure::new(Code::NotFound, "User not found").into()),
                false => Ok(Response::new(account::Empty {})),
            }
        }

        async fn touch(&self, _: Request<TokenRequest>) -> Reply<account::Empty> {
            match self.0.token_over.load(Ordering::Relaxed) {
                true => Err(Failure::new(Code::Unauthenticated, "Required session does not exist").into()),
                false => Ok(Response::new(account::Empty {})),
            }
        }
    }
    create_app: CreateAppRequest => App,
    get_app: GetAppRequest => App,
    list_apps: ListAppsRequest => ListAppsReply,
    open_session: OpenSessionRequest => Session,
    login: LoginRequest => Session,
    logout: TokenRequest => Empty,
    close_session: TokenRequest => Empty,
    resolve: ResolveRequest => Session,
    sign_up: SignUpRequest => User,
    update_user: UpdateUserRequest => User,
    delete_user: UserRequest => Empty,
    get_users: GetUsersRequest => GetUsersReply,
    find_user: FindUserRequest => User,
    find_app: FindAppRequest => App,
    visit_app: VisitAppRequest => App,
    list_users: ListUsersRequest => ListUsersReply,
    set_identity: SetIdentityRequest => App,
    ask_password_reset: AskPasswordResetRequest => Empty,
    reset_password: ResetPasswordRequest => Empty,
}

fake! { Dialogs, dialogs, {
        async fn post(&self, request: Request<PostRequest>) -> Reply<PostReply> {
            let request = request.into_inner();
            self.0.posts.send_modify(|posts| posts.push(request.clone()));
            let held = *self.0.held.lock();
            if held {
                self.0.permits.acquire().await.unwrap().forget();
            }
            let mut message = request.message.unwrap();
            message.seq = self.0.seq.fetch_add(1, Ordering::Relaxed) + 1;
            let reply = PostReply { seq: message.seq, ..PostReply::default() };
            let is_group = request.recipient == 0;
            if is_group {
                member(&request.dialog, message.sender)?;
            }
            let users = if is_group { MEMBERS.to_vec() } else { vec![message.sender, request.recipient] };
            let told = Some(Told::Message(message));
            let frame = Frame { dialog: request.dialog, origin: request.origin, told, group: is_group, ..Frame::default() };
            self.tell(users, frame);
            Ok(Response::new(reply))
        }

        async fn mark(&self, request: Request<MarkRequest>) -> Reply<MarkReply> {
            let request = request.into_inner();
            self.0.marks.send_modify(|marks| marks.push(request.clone()));
            if request.relay {
                let marker = Marker {
                    kind: request.kind,
                    message_id: request.ids[0].clone(),
                    user: request.user,
                    resource: request.origin.clone().unwrap().resource,
                    stanza_id: request.stanza_id,
                    author: request.author,
                    ..Marker::default()
                };
                let told = Some(Told::Marker(marker));
                let frame = Frame { dialog: request.dialog, origin: request.origin, told, ..Frame::default() };
                self.tell(vec![request.author, request.user], frame);
            }
            Ok(Response::new(MarkReply { found: 1 }))
        }

        async fn batch(&self, request: Request<BatchRequest>) -> Reply<BatchReply> {
            let mut outcomes = Vec::new();
            for job in request.into_inner().jobs {
                let seq = match job.what.unwrap() {
                    Asked::Post(request) => Dialogs::post(self, Request::new(request)).await.map(|reply| reply.into_inner().seq),
                    Asked::Mark(request) => Dialogs::mark(self, Request::new(request)).await.map(|_| 0),
                    Asked::Signal(request) => Dialogs::signal(self, Request::new(request)).await.map(|_| 0),
                };
                outcomes.push(match seq {
                    Ok(seq) => JobOutcome { seq, refusal: None },
                    Err(status) => JobOutcome { seq: 0, refusal: Some(Failure::from(status).into()) },
                });
            }
            Ok(Response::new(BatchReply { outcomes }))
        }

        async fn signal(&self, request: Request<SignalRequest>) -> Reply<SignalReply> {
            let SignalRequest { dialog, user, origin, typing, recipient, .. } = request.into_inner();
            if recipient == 0 {
                let others = MEMBERS.into_iter().filter(|member| *member != user).collect();
                let told = typing.map(Told::Typing);
                self.tell(others, Frame { dialog, origin, told, group: true, ..Frame::default() });
            }
            Ok(Response::new(SignalReply {}))
        }

        async fn update(&self, request: Request<dialogs::UpdateMessageRequest>) -> Reply<dialogs::UpdateMessageReply> {
            let request = request.into_inner();
            let row = Message { body: Some(request.body), ..Message::default() };
            let change = Change {
                message_id: request.id,
                user: request.user,
                what: Some(What::Edited(row)),
                stanza_id: request.stanza_id,
                relay: request.relay,
                last: request.last,
                ..Change::default()
            };
            self.tell_change(request.dialog, request.origin, change);
            Ok(Response::new(dialogs::UpdateMessageReply {}))
        }

        async fn remove(&self, request: Request<dialogs::RemoveMessagesRequest>) -> Reply<dialogs::RemoveMessagesReply> {
            let mut request = request.into_inner();
            let id = request.ids.remove(0);
            if id[..2] != [0x66, 0xf1] {
                return Ok(Response::new(dialogs::RemoveMessagesReply { not_found: vec![id], ..Default::default() }));
            }
            let change = Change {
                message_id: id.clone(),
                user: request.user,
                what: Some(What::Removed(true)),
                stanza_id: request.stanza_id,
                ..Change::default()
            };
            self.tell_change(group().to_vec(), request.origin, change);
            Ok(Response::new(dialogs::RemoveMessagesReply { removed: vec![id], ..Default::default() }))
        }

        async fn signal_call(&self, request: Request<dialogs::SignalCallRequest>) -> Reply<dialogs::SignalCallReply> {
            let dialogs::SignalCallRequest { recipient, signal, origin, .. } = request.into_inner();
            self.tell(vec![recipient], Frame { origin, told: signal.map(Told::CallSignal), ..Frame::default() });
            Ok(Response::new(dialogs::SignalCallReply {}))
        }

        async fn headline(&self, request: Request<dialogs::HeadlineRequest>) -> Reply<dialogs::HeadlineReply> {
            let dialogs::HeadlineRequest { recipient, headline, origin, .. } = request.into_inner();
            self.tell(vec![recipient], Frame { origin, kept: 1, told: headline.map(Told::Headline), ..Frame::default() });
            Ok(Response::new(dialogs::HeadlineReply {}))
        }

        async fn enter(&self, request: Request<dialogs::EnterRequest>) -> Reply<dialogs::EnterReply> {
            let dialogs::EnterRequest { dialog, user, .. } = request.into_inner();
            member(&dialog, user)?;
            let others: Vec<u64> = self.0.inside.lock().iter().copied().filter(|other| *other != user).collect();
            self.0.inside.lock().insert(user);
            self.tell_occupant(others.clone(), user, OccupantState::Entered);
            Ok(Response::new(dialogs::EnterReply { others }))
        }

        async fn exit(&self, request: Request<dialogs::ExitRequest>) -> Reply<dialogs::ExitReply> {
            let user = request.into_inner().user;
            self.0.inside.lock().remove(&user);
            let others = self.0.inside.lock().iter().copied().collect();
            self.tell_occupant(others, user, OccupantState::Left);
            Ok(Response::new(dialogs::ExitReply {}))
        }

        async fn occupants(&self, request: Request<dialogs::OccupantsRequest>) -> Reply<dialogs::OccupantsReply> {
            let request = request.into_inner();
            member(&request.dialog, request.user)?;
            Ok(Response::new(dialogs::OccupantsReply { users: self.0.inside.lock().iter().copied().collect() }))
        }

        async fn get(&self, request: Request<dialogs::GetRequest>) -> Reply<Dialog> {
            let dialogs::GetRequest { dialog, user, .. } = request.into_inner();
            self.0.looks.lock().insert(user);
            if dialog == group().to_vec() && self.0.removed.lock().contains(&user) {
                return Err(Failure::new(Code::Forbidden, "no member").into());
            }
            Ok(Response::new(Dialog { id: dialog, ..Dialog::default() }))
        }

        async fn list(&self, request: Request<ListRequest>) -> Reply<ListReply> {
            let app = request.into_inner().app;
            let entry = |id: DialogId, kind: DialogKind| {
                let dialog = Dialog { id: id.to_vec(), app, kind: kind.into(), ..Dialog::default() };
                Entry { dialog: Some(dialog), state: None }
            };
            let entries = vec![entry(dialog(34, 78), DialogKind::Private), entry(group(), DialogKind::Group)];
            Ok(Response::new(ListReply { total: entries.len() as u64, entries }))
        }
    }
    audience: AudienceRequest => AudienceReply,
    create: CreateRequest => Dialog,
    delete: DeleteRequest => DeleteReply,
    change: ChangeDialogRequest => Dialog,
    subscribe: SubscribeRequest => Dialog,
    clear: ClearDialogRequest => ClearDialogReply,
    notify: NotifyRequest => NotifyReply,
    react: ReactRequest => ReactReply,
    reactions: ReactionsRequest => ReactionsReply,
    forget: ForgetRequest => ForgetReply,
    freeze: FreezeRequest => Dialog,
    search: SearchRequest => SearchReply,
    unread: UnreadCountsRequest => UnreadCountsReply,
}

fake! { History, history, {
        async fn gap(&self, request: Request<GapRequest>) -> Reply<GapReply> {
            let request = request.into_inner();
            self.0.gaps.send_modify(|gaps| gaps.push(request.clone()));
            let owed = self.0.owed.lock();
            let mine = owed.iter().filter(|(user, _)| *user == request.user && !request.undelivered.is_empty());
            let row = |(_, row): &(u64, Message)| {
                let dialog = if row.recipient == 0 { group() } else { dialog(row.sender, row.recipient) };
                GapRow { dialog: dialog.to_vec(), row: Some(row.clone()) }
            };
            if self.0.history_fails.load(Ordering::Relaxed) {
                return Err(Failure::new(Code::Internal, "the log is corrupt").into());
            }
            let missing = self.0.stored.lock();
            let others = |row: &Message| row.recipient == 0 && request.others.contains(&group().to_vec());
            let above = |row: &&Message| others(row) || request.from.iter().any(|from| row.seq > from.seq);
            let filled = missing.iter().filter(above).map(|row| (request.user, row.clone())).collect::<Vec<_>>();
            let rows = mine.map(row).chain(filled.iter().map(row)).collect();
            Ok(Response::new(GapReply { rows, ..GapReply::default() }))
        }

        async fn kept(&self, _: Request<KeptRequest>) -> Reply<KeptReply> {
            Ok(Response::new(KeptReply::default()))
        }

        async fn drop(&self, _: Request<DropRequest>) -> Reply<DropReply> {
            Ok(Response::new(DropReply {}))
        }
    }
    append: AppendRequest => AppendReply,
    load: LoadRequest => LoadReply,
    heads: HeadsRequest => HeadsReply,
    page: PageRequest => PageReply,
    find: FindRequest => FindReply,
    mark: MarkRequest => MarkReply,
    hide: HideRequest => HideReply,
    clear: ClearRequest => ClearReply,
    join: JoinRequest => JoinReply,
    react: ReactRequest => ReactReply,
    reactions: ReactionsRequest => ReactionsReply,
    edit: EditRequest => EditReply,
    remove: RemoveRequest => RemoveReply,
    unread: UnreadRequest => UnreadReply,
    members: MembersRequest => MembersReply,
    keep: KeepRequest => KeepReply,
    changes: ChangesRequest => ChangesReply,
}

#[async_trait]
impl Presence for Fakes {
    async fn announce(&self, request: Request<AnnounceRequest>) -> Reply<AnnounceReply> {
        let request = request.into_inner();
        if request.again.as_ref().is_some_and(|again| again.by == "p/1") {
            self.0.again.send_modify(|again| again.push((request.user, request.state())));
            return Ok(Response::new(AnnounceReply::default()));
        }
        let (session, entrance) = (request.session.clone().unwrap(), request.entrance.clone().unwrap());
        self.0.entrances.lock().push((request.user, session, entrance));
        if let (SessionState::Vanished, Some(record)) = (request.state(), &request.record) {
            self.0.debts.lock().insert(request.user, record.clone());
        }
        self.0.announced.send_modify(|announced| announced.push((request.user, request.state())));
        Ok(Response::new(AnnounceReply { sessions: 1, ..AnnounceReply::default() }))
    }

    async fn online(&self, _: Request<presence::OnlineRequest>) -> Reply<presence::OnlineReply> {
        Err(Status::unimplemented("not in this fake"))
    }

    async fn set_inactive(&self, _: Request<presence::SetInactiveRequest>) -> Reply<presence::SetInactiveReply> {
        Ok(Response::new(presence::SetInactiveReply {}))
    }

    async fn reachable(&self, request: Request<ReachableRequest>) -> Reply<ReachableReply> {
        Ok(Response::new(ReachableReply { users: request.into_inner().users, inactive: Vec::new() }))
    }

    async fn attention(&self, _: Request<presence::AttentionRequest>) -> Reply<presence::AttentionReply> {
        Err(Status::unimplemented("not in this fake"))
    }

    async fn record(&self, _: Request<SessionRecord>) -> Reply<RecordReply> {
        Ok(Response::new(RecordReply {}))
    }

    async fn take_debt(&self, request: Request<TakeDebtRequest>) -> Reply<TakeDebtReply> {
        let debt = self.0.debts.lock().remove(&request.into_inner().user).unwrap_or_default();
        Ok(Response::new(TakeDebtReply { debt: Some(debt) }))
    }

    async fn settle_debt(&self, _: Request<SettleDebtRequest>) -> Reply<SettleDebtReply> {
        self.0.settled.store(true, Ordering::Relaxed);
        Ok(Response::new(SettleDebtReply {}))
    }

    async fn last_activity(&self, _: Request<presence::LastActivityRequest>) -> Reply<presence::LastActivityReply> {
        Err(Status::unimplemented("not in this fake"))
    }

    async fn watch(&self, _: Request<presence::WatchRequest>) -> Reply<presence::WatchReply> {
        Err(Status::unimplemented("not in this fake"))
    }

    async fn judge(&self, request: Request<presence::JudgeRequest>) -> Reply<presence::JudgeReply> {
        let blocked = self.0.blocked.lock();
        let verdict = |passage: &presence::Passage| match blocked.contains(&passage.from) {
            true => presence::Verdict::Blocked,
            false => presence::Verdict::Passes,
        };
        let verdicts = request.into_inner().passages.iter().map(|passage| verdict(passage).into()).collect();
        Ok(Response::new(presence::JudgeReply { verdicts }))
    }

    async fn privacy_lists(&self, _: Request<presence::PrivacyListsRequest>) -> Reply<presence::PrivacyListsReply> {
        Err(Status::unimplemented("not in this fake"))
    }

    async fn privacy_list(&self, _: Request<presence::PrivacyListRequest>) -> Reply<presence::PrivacyListReply> {
        Err(Status::unimplemented("not in this fake"))
    }

    async fn set_privacy_list(&self, _: Request<presence::SetPrivacyListRequest>) -> Reply<presence::SetPrivacyListReply> {
        Err(Status::unimplemented("not in this fake"))
    }

    async fn set_default_privacy_list(
        &self,
        _: Request<presence::SetDefaultPrivacyListRequest>,
    ) -> Reply<presence::SetDefaultPrivacyListReply> {
        Err(Status::unimplemented("not in this fake"))
    }

    async fn contacts(&self, _: Request<presence::ContactsRequest>) -> Reply<presence::ContactsReply> {
        Ok(Response::new(presence::ContactsReply::default()))
    }

    async fn set_contact(&self, _: Request<presence::SetContactRequest>) -> Reply<presence::SetContactReply> {
        Err(Status::unimplemented("not in this fake"))
    }

    async fn remove_contact(&self, _: Request<presence::RemoveContactRequest>) -> Reply<presence::RemoveContactReply> {
        Err(Status::unimplemented("not in this fake"))
    }

    async fn subscribe(&self, _: Request<presence::SubscribeRequest>) -> Reply<presence::SubscribeReply> {
        Err(Status::unimplemented("not in this fake"))
    }

    // The dialog service asks these, never the edge.

    async fn enter(&self, _: Request<presence::EnterRoomRequest>) -> Reply<presence::EnterRoomReply> {
        Err(Status::unimplemented("not in this fake"))
    }

    async fn exit(&self, _: Request<presence::ExitRoomRequest>) -> Reply<presence::ExitRoomReply> {
        Err(Status::unimplemented("not in this fake"))
    }

    async fn occupants(&self, _: Request<presence::RoomRequest>) -> Reply<presence::RoomReply> {
        Err(Status::unimplemented("not in this fake"))
    }

    async fn evict(&self, _: Request<presence::EvictRequest>) -> Reply<presence::EvictReply> {
        Err(Status::unimplemented("not in this fake"))
    }
}

/// Refuses who is no member of the group, and what is no group.
fn member(dialog: &[u8], user: u64) -> Result<(), Status> {
    match dialog == group().to_vec() {
        true if MEMBERS.contains(&user) => Ok(()),
        true => Err(Failure::new(Code::Forbidden, "no member").into()),
        false => Err(Failure::new(Code::NotFound, "no dialog").into()),
    }
}
