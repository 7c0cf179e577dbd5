//! The gRPC door: decodes, changes directory and debts in one step, encodes. Every change of directory, rooms and debts takes
//! effect before the first await that follows it, so a call that is dropped half way has happened wholly or not at all.

use std::sync::Arc;

use natter_proto::archive::v1::Taken;
use natter_proto::erasure::v1::{EraseReply, EraseRequest};
use natter_proto::event::v1::SessionRef;
use natter_proto::presence::v1::archive_server::Archive;
use natter_proto::presence::v1::eraser_server::Eraser;
use natter_proto::presence::v1::presence_server::Presence;
use natter_proto::presence::v1::sessions_server::Sessions;
use natter_proto::presence::v1::{
    AnnounceReply, AnnounceRequest, ArchiveViewsReply, ArchiveViewsRequest, AttentionReply, AttentionRequest, ContactsReply,
    ContactsRequest, EndSessionsReply, EndSessionsRequest, EnterRoomReply, EnterRoomRequest, EvictReply, EvictRequest,
    ExitRoomReply, ExitRoomRequest, JudgeReply, JudgeRequest, LastActivityReply, LastActivityRequest, ListSessionsReply,
    ListSessionsRequest, OnlineReply, OnlineRequest, PrivacyListReply, PrivacyListRequest, PrivacyListsReply,
    PrivacyListsRequest, ReachableReply, ReachableRequest, RecordReply, RemoveContactReply, RemoveContactRequest, RoomReply,
    RoomRequest, SessionRecord, SessionState, SetContactReply, SetContactRequest, SetDefaultPrivacyListReply,
    SetDefaultPrivacyListRequest, SetInactiveReply, SetInactiveRequest, SetPrivacyListReply, SetPrivacyListRequest,
    SettleDebtReply, SettleDebtRequest, SubscribeReply, SubscribeRequest, TakeDebtReply, TakeDebtRequest, TakeViewsRequest,
    WatchReply, WatchRequest,
};
use natter_proto::{AppId, Code, DialogId, Failure, UserId};
use natter_rpc::{Reply, Request, Response, Status, async_trait};

use crate::activity::Visible;
use crate::contacts::Greeting;
use crate::directory::Facts;
use crate::error::Error;
use crate::lists::Names;
use crate::rooms::RoomKey;
use crate::roster::Step;
use crate::service::Shared;
use crate::session::{Scope, SessionKey, UserKey};

/// Users in one page of those online.
const PAGE_MAX: u32 = 1_000;

/// The service behind its generated trait.
#[derive(Clone)]
pub struct Rpc(Arc<Shared>);

impl Rpc {
    pub(crate) fn new(shared: Arc<Shared>) -> Rpc {
        Rpc(shared)
    }

    /// An app whose presence is here.
    fn app_of(&self, app: u64) -> Result<AppId, Error> {
        if app == 0 {
            return Err(Error::Missing("app"));
        }
        self.0.check_here(AppId(app))?;
        Ok(AppId(app))
    }

    fn user_of(&self, app: u64, user: u64) -> Result<UserKey, Error> {
        let app = self.app_of(app)?;
        if user == 0 { Err(Error::Missing("user")) } else { Ok(UserKey { app, user: UserId(user) }) }
    }

    fn room_of(&self, app: u64, dialog: &[u8]) -> Result<RoomKey, Error> {
        let dialog = DialogId::try_from(dialog).map_err(|_| Error::Missing("dialog"))?;
        Ok(RoomKey { app: self.app_of(app)?, dialog })
    }
}

#[async_trait]
impl Presence for Rpc {
    async fn announce(&self, request: Request<AnnounceRequest>) -> Reply<AnnounceReply> {
        let request = request.into_inner();
        let state = request.state();
        let of_app = usize::try_from(request.app_sessions_max).ok().filter(|max| *max > 0);
        let user = self.user_of(request.app, request.user)?;
        let (session, named) = session_of(request.session)?;
        let visible = Visible { resource: named.resource.clone(), shown: request.shown };
        let facts = Facts { resource: named.resource.clone(), entrance: request.entrance };
        let record = request.record.map(|record| named_as(record, user, named));
        let key = session.clone();
        let (sessions, greeting) = match state {
            SessionState::Unspecified => return Err(Error::Missing("state").into()),
            SessionState::Bound | SessionState::Available if let Some(again) = request.again => {
                let visible = Some(visible).filter(|_| state == SessionState::Available);
                (self.0.arrive_again(user, session, visible, record, again).await?, Greeting::default())
            }
            SessionState::Bound => (self.0.bind(user, session, record, of_app).await?, Greeting::default()),
            SessionState::Available => self.0.arrive(user, session, visible, record, of_app).await?,
            SessionState::Closed => (self.0.close(user, session).await, Greeting::default()),
            SessionState::Vanished => (self.0.vanish(user, session, record).await, Greeting::default()),
        };
        self.0.directory.lock().describe(user, &key, facts);
        let Greeting { requests, present } = greeting;
        Ok(Response::new(AnnounceReply { sessions: sessions as u32, requests, present }))
    }

    async fn set_inactive(&self, request: Request<SetInactiveRequest>) -> Reply<SetInactiveReply> {
        let SetInactiveRequest { app, user, session, inactive } = request.into_inner();
        let (session, _) = session_of(session)?;
        match self.0.directory.lock().set_inactive(self.user_of(app, user)?, &session, inactive) {
            true => Ok(Response::new(SetInactiveReply {})),
            false => Err(self.0.not_announced(AppId(app)).into()),
        }
    }

    async fn reachable(&self, request: Request<ReachableRequest>) -> Reply<ReachableReply> {
        let ReachableRequest { app, mut users } = request.into_inner();
        let is_learning = self.0.is_learning(self.app_of(app)?);
        let directory = self.0.directory.lock();
        let asked = users.len();
        users.retain(|user| directory.is_reachable(UserKey::new(app, *user)));
        if is_learning && users.len() < asked {
            return Err(Error::Learning.into());
        }
        let inactive = users.iter().copied().filter(|user| directory.is_inactive(UserKey::new(app, *user))).collect();
        Ok(Response::new(ReachableReply { users, inactive }))
    }

    async fn attention(&self, request: Request<AttentionRequest>) -> Reply<AttentionReply> {
        let AttentionRequest { app, users, dialog } = request.into_inner();
        // Of one who is there another session may be the one that looks, or has proved.
        self.0.check_known(self.app_of(app)?)?;
        let users = users.into_iter().filter_map(|user| self.0.attention(UserKey::new(app, user), &dialog)).collect();
        Ok(Response::new(AttentionReply { users }))
    }

    async fn online(&self, request: Request<OnlineRequest>) -> Reply<OnlineReply> {
        let OnlineRequest { app, skip, limit } = request.into_inner();
        let app = self.app_of(app)?;
        self.0.check_known(app)?;
        let (skip, limit) = (usize::try_from(skip).unwrap_or(usize::MAX), limit.min(PAGE_MAX) as usize);
        let (total, users) = self.0.directory.lock().online(app, skip, limit);
        Ok(Response::new(OnlineReply { users, total: total as u64 }))
    }

    async fn last_activity(&self, request: Request<LastActivityRequest>) -> Reply<LastActivityReply> {
        let LastActivityRequest { app, user, asker } = request.into_inner();
        let asker = (asker > 0).then(|| UserKey::new(app, asker));
        let seen_at = self.0.last_activity(self.user_of(app, user)?, asker).await?;
        Ok(Response::new(LastActivityReply { seen_at }))
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Reply<WatchReply> {
        let WatchRequest { app, user, session, watched, enable } = request.into_inner();
        let (session, _) = session_of(session)?;
        self.0.watch(self.user_of(app, user)?, session, self.user_of(app, watched)?, enable).await?;
        Ok(Response::new(WatchReply {}))
    }

    async fn contacts(&self, request: Request<ContactsRequest>) -> Reply<ContactsReply> {
        let ContactsRequest { app, user } = request.into_inner();
        let (contacts, revision) = self.0.contacts(self.user_of(app, user)?).await?;
        Ok(Response::new(ContactsReply { contacts, revision }))
    }

    async fn set_contact(&self, request: Request<SetContactRequest>) -> Reply<SetContactReply> {
        let SetContactRequest { app, user, contact, name } = request.into_inner();
        self.0.step(self.user_of(app, user)?, self.user_of(app, contact)?.user, Step::Set { name }).await?;
        Ok(Response::new(SetContactReply {}))
    }

    async fn remove_contact(&self, request: Request<RemoveContactRequest>) -> Reply<RemoveContactReply> {
        let repeated = natter_rpc::is_repeated(&request);
        let RemoveContactRequest { app, user, contact } = request.into_inner();
        match self.0.step(self.user_of(app, user)?, self.user_of(app, contact)?.user, Step::Remove).await {
            // The first attempt removed it.
            Err(Error::NoContact) if repeated => {}
            done => done?,
        }
        Ok(Response::new(RemoveContactReply {}))
    }

    async fn subscribe(&self, request: Request<SubscribeRequest>) -> Reply<SubscribeReply> {
        let request = request.into_inner();
        let step = Step::of(request.kind()).ok_or(Error::Missing("kind"))?;
        self.0.step(self.user_of(request.app, request.user)?, self.user_of(request.app, request.contact)?.user, step).await?;
        Ok(Response::new(SubscribeReply {}))
    }

    async fn privacy_lists(&self, request: Request<PrivacyListsRequest>) -> Reply<PrivacyListsReply> {
        let PrivacyListsRequest { app, user } = request.into_inner();
        let Names { all, default } = self.0.privacy_lists(self.user_of(app, user)?).await?;
        Ok(Response::new(PrivacyListsReply { names: all, default }))
    }

    async fn privacy_list(&self, request: Request<PrivacyListRequest>) -> Reply<PrivacyListReply> {
        let PrivacyListRequest { app, user, name } = request.into_inner();
        let list = self.0.privacy_list(self.user_of(app, user)?, name).await?;
        Ok(Response::new(PrivacyListReply { items: list.items().to_vec() }))
    }

    async fn set_privacy_list(&self, request: Request<SetPrivacyListRequest>) -> Reply<SetPrivacyListReply> {
        let SetPrivacyListRequest { app, user, name, items } = request.into_inner();
        let (owner, shared) = (self.user_of(app, user)?, Arc::clone(&self.0));
        to_its_end(async move { shared.set_privacy_list(owner, name, items).await }).await?;
        Ok(Response::new(SetPrivacyListReply {}))
    }

    async fn set_default_privacy_list(
        &self,
        request: Request<SetDefaultPrivacyListRequest>,
    ) -> Reply<SetDefaultPrivacyListReply> {
        let SetDefaultPrivacyListRequest { app, user, name } = request.into_inner();
        let (owner, shared) = (self.user_of(app, user)?, Arc::clone(&self.0));
        to_its_end(async move { shared.set_default_list(owner, name).await }).await?;
        Ok(Response::new(SetDefaultPrivacyListReply {}))
    }

    async fn judge(&self, request: Request<JudgeRequest>) -> Reply<JudgeReply> {
        let JudgeRequest { app, passages } = request.into_inner();
        let verdicts = self.0.judge_all(self.app_of(app)?, passages).await?;
        Ok(Response::new(JudgeReply { verdicts: verdicts.into_iter().map(i32::from).collect() }))
    }

    async fn record(&self, request: Request<SessionRecord>) -> Reply<RecordReply> {
        let record = request.into_inner();
        let user = self.user_of(record.app, record.user)?;
        let (session, _) = session_of(record.session.clone())?;
        self.0.record(user, session, record).await?;
        Ok(Response::new(RecordReply {}))
    }

    async fn take_debt(&self, request: Request<TakeDebtRequest>) -> Reply<TakeDebtReply> {
        let request = request.into_inner();
        let user = self.user_of(request.app, request.user)?;
        let (session, _) = session_of(request.session)?;
        let client = request.client.ok_or(Error::Missing("client"))?;
        self.0.debts.ready(Some(user)).await.map_err(Error::from)?;
        self.0.wait_for_edges(user, &session, &client).await;
        let taken = {
            // One that died meanwhile would never give it back.
            let directory = self.0.directory.lock();
            directory.has(user, &session).then(|| self.0.debts.take(user, &session, &client))
        };
        let debt = taken.ok_or_else(|| self.0.not_announced(user.app))?.await.map_err(Error::from)?;
        Ok(Response::new(TakeDebtReply { debt }))
    }

    async fn settle_debt(&self, request: Request<SettleDebtRequest>) -> Reply<SettleDebtReply> {
        let request = request.into_inner();
        let user = self.user_of(request.app, request.user)?;
        let (session, _) = session_of(request.session)?;
        self.0.debts.ready(Some(user)).await.map_err(Error::from)?;
        self.0.debts.settle(user, &session, request.settled).await.map_err(Error::from)?;
        Ok(Response::new(SettleDebtReply {}))
    }

    async fn enter(&self, request: Request<EnterRoomRequest>) -> Reply<EnterRoomReply> {
        let EnterRoomRequest { app, dialog, user, session } = request.into_inner();
        let user = self.user_of(app, user)?;
        let (session, _) = session_of(session)?;
        let others = self.0.enter(self.room_of(app, &dialog)?, user, session)?;
        Ok(Response::new(EnterRoomReply { others }))
    }

    async fn exit(&self, request: Request<ExitRoomRequest>) -> Reply<ExitRoomReply> {
        let ExitRoomRequest { app, dialog, user, session } = request.into_inner();
        let user = self.user_of(app, user)?;
        let (session, _) = session_of(session)?;
        self.0.exit(self.room_of(app, &dialog)?, user, &session);
        Ok(Response::new(ExitRoomReply {}))
    }

    async fn occupants(&self, request: Request<RoomRequest>) -> Reply<RoomReply> {
        let RoomRequest { app, dialog } = request.into_inner();
        let users = self.0.rooms.lock().users(self.room_of(app, &dialog)?);
        Ok(Response::new(RoomReply { users }))
    }

    async fn evict(&self, request: Request<EvictRequest>) -> Reply<EvictReply> {
        let EvictRequest { app, dialog, users } = request.into_inner();
        let left = self.0.evict(self.room_of(app, &dialog)?, &users);
        Ok(Response::new(EvictReply { left }))
    }
}

#[async_trait]
impl Sessions for Rpc {
    async fn list(&self, request: Request<ListSessionsRequest>) -> Reply<ListSessionsReply> {
        let ListSessionsRequest { app, user } = request.into_inner();
        Ok(Response::new(ListSessionsReply { sessions: self.0.list_sessions(self.user_of(app, user)?).await? }))
    }

    async fn end(&self, request: Request<EndSessionsRequest>) -> Reply<EndSessionsReply> {
        let EndSessionsRequest { app, user, session } = request.into_inner();
        let ended = self.0.end_sessions(self.user_of(app, user)?, session).await?;
        Ok(Response::new(EndSessionsReply { ended: ended as u32 }))
    }
}

#[async_trait]
impl Archive for Rpc {
    async fn views(&self, request: Request<ArchiveViewsRequest>) -> Reply<ArchiveViewsReply> {
        let ArchiveViewsRequest { app, user } = request.into_inner();
        let views = self.0.archived_views(self.user_of(app, user)?).await?;
        Ok(Response::new(ArchiveViewsReply { views }))
    }

    async fn take_views(&self, request: Request<TakeViewsRequest>) -> Reply<Taken> {
        let TakeViewsRequest { app, user, views, dry } = request.into_inner();
        Ok(Response::new(self.0.take_views(self.user_of(app, user)?, views, dry).await?))
    }
}

#[async_trait]
impl Eraser for Rpc {
    async fn erase(&self, request: Request<EraseRequest>) -> Reply<EraseReply> {
        let EraseRequest { app, user, after } = request.into_inner();
        self.app_of(app)?;
        Ok(Response::new(self.0.erase(Scope::of(app, user), after).await?))
    }
}

/// Carries out what must not be dropped half way: between the store and the memory that goes by it.
async fn to_its_end(change: impl Future<Output = Result<(), Error>> + Send + 'static) -> Result<(), Status> {
    match tokio::spawn(change).await {
        Ok(outcome) => Ok(outcome?),
        Err(error) => Err(Failure::new(Code::Internal, error.to_string()).into()),
    }
}

fn session_of(session: Option<SessionRef>) -> Result<(SessionKey, SessionRef), Error> {
    let session = session.filter(|session| !session.edge.is_empty()).ok_or(Error::Missing("session"))?;
    Ok((SessionKey::of(&session), session))
}

/// A record is about the session that it comes with.
fn named_as(record: SessionRecord, user: UserKey, session: SessionRef) -> SessionRecord {
    SessionRecord { app: user.app.0, user: user.user.0, session: Some(session), ..record }
}
