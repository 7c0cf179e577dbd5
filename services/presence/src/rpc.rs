//! The gRPC door: decodes, changes directory and debts in one step, encodes. Every change takes effect before the first
//! await that follows it, so a call that is dropped half way has happened wholly or not at all.

use std::sync::Arc;

use natter_proto::event::v1::SessionRef;
use natter_proto::presence::v1::presence_server::Presence;
use natter_proto::presence::v1::{
    AnnounceReply, AnnounceRequest, EnterRoomReply, EnterRoomRequest, EvictReply, EvictRequest, ExitRoomReply, ExitRoomRequest,
    OnlineReply, OnlineRequest, ReachableReply, ReachableRequest, RecordReply, RoomReply, RoomRequest, SessionRecord,
    SessionState, SettleDebtReply, SettleDebtRequest, TakeDebtReply, TakeDebtRequest,
};
use natter_proto::{AppId, DialogId};
use natter_rpc::{Reply, Request, Response, async_trait};

use crate::debts::{Debts, Stored};
use crate::directory::TooManySessions;
use crate::error::Error;
use crate::rooms::RoomKey;
use crate::service::Shared;
use crate::session::{SessionKey, UserKey};

/// Users in one page of those online.
const PAGE_MAX: u32 = 1_000;

/// The service behind its generated trait.
#[derive(Clone)]
pub struct Rpc(Arc<Shared>);

impl Rpc {
    pub(crate) fn new(shared: Arc<Shared>) -> Rpc {
        Rpc(shared)
    }
}

#[async_trait]
impl Presence for Rpc {
    async fn announce(&self, request: Request<AnnounceRequest>) -> Reply<AnnounceReply> {
        let request = request.into_inner();
        let state = request.state();
        let user = user_of(request.app, request.user)?;
        let (session, named) = session_of(request.session)?;
        let record = request.record.map(|record| named_as(record, user, named));
        let sessions = match state {
            SessionState::Unspecified => return Err(Error::Missing("state").into()),
            SessionState::Bound | SessionState::Available => self.0.arrive(user, session, record).await?,
            SessionState::Closed => self.0.close(user, session).await,
            SessionState::Vanished => self.0.vanish(user, session, record).await,
        };
        Ok(Response::new(AnnounceReply { sessions: sessions as u32 }))
    }

    async fn reachable(&self, request: Request<ReachableRequest>) -> Reply<ReachableReply> {
        let ReachableRequest { app, mut users } = request.into_inner();
        let directory = self.0.directory.lock();
        users.retain(|user| directory.is_reachable(UserKey::new(app, *user)));
        Ok(Response::new(ReachableReply { users }))
    }

    async fn online(&self, request: Request<OnlineRequest>) -> Reply<OnlineReply> {
        let OnlineRequest { app, skip, limit } = request.into_inner();
        let (skip, limit) = (usize::try_from(skip).unwrap_or(usize::MAX), limit.min(PAGE_MAX) as usize);
        let (total, users) = self.0.directory.lock().online(AppId(app), skip, limit);
        Ok(Response::new(OnlineReply { users, total: total as u64 }))
    }

    async fn record(&self, request: Request<SessionRecord>) -> Reply<RecordReply> {
        let record = request.into_inner();
        let user = user_of(record.app, record.user)?;
        let (session, _) = session_of(record.session.clone())?;
        self.0.record(user, session, record).await?;
        Ok(Response::new(RecordReply {}))
    }

    async fn take_debt(&self, request: Request<TakeDebtRequest>) -> Reply<TakeDebtReply> {
        let request = request.into_inner();
        let user = user_of(request.app, request.user)?;
        let (session, _) = session_of(request.session)?;
        let client = request.client.ok_or(Error::Missing("client"))?;
        self.0.debts.ready().await.map_err(Error::from)?;
        let taken = {
            // One that died meanwhile would never give it back.
            let directory = self.0.directory.lock();
            directory.has(user, &session).then(|| self.0.debts.take(user, &session, &client))
        };
        let debt = taken.ok_or(Error::NotAnnounced)?.await.map_err(Error::from)?;
        Ok(Response::new(TakeDebtReply { debt }))
    }

    async fn settle_debt(&self, request: Request<SettleDebtRequest>) -> Reply<SettleDebtReply> {
        let request = request.into_inner();
        let user = user_of(request.app, request.user)?;
        let (session, _) = session_of(request.session)?;
        self.0.debts.ready().await.map_err(Error::from)?;
        self.0.debts.settle(user, &session, request.settled).await.map_err(Error::from)?;
        Ok(Response::new(SettleDebtReply {}))
    }

    async fn enter(&self, request: Request<EnterRoomRequest>) -> Reply<EnterRoomReply> {
        let EnterRoomRequest { app, dialog, user, session } = request.into_inner();
        let user = user_of(app, user)?;
        let (session, _) = session_of(session)?;
        let others = self.0.enter(room_of(app, &dialog)?, user, session)?;
        Ok(Response::new(EnterRoomReply { others }))
    }

    async fn exit(&self, request: Request<ExitRoomRequest>) -> Reply<ExitRoomReply> {
        let ExitRoomRequest { app, dialog, user, session } = request.into_inner();
        let user = user_of(app, user)?;
        let (session, _) = session_of(session)?;
        self.0.exit(room_of(app, &dialog)?, user, &session);
        Ok(Response::new(ExitRoomReply {}))
    }

    async fn occupants(&self, request: Request<RoomRequest>) -> Reply<RoomReply> {
        let RoomRequest { app, dialog } = request.into_inner();
        let users = self.0.rooms.lock().users(room_of(app, &dialog)?);
        Ok(Response::new(RoomReply { users }))
    }

    async fn evict(&self, request: Request<EvictRequest>) -> Reply<EvictReply> {
        let EvictRequest { app, dialog, users } = request.into_inner();
        let left = self.0.evict(room_of(app, &dialog)?, &users);
        Ok(Response::new(EvictReply { left }))
    }
}

impl Shared {
    /// A session that is new, or known and announced again.
    async fn arrive(&self, user: UserKey, session: SessionKey, record: Option<SessionRecord>) -> Result<usize, Error> {
        let debts = self.debts_if_ready().await;
        let (sessions, stored) = {
            let mut directory = self.directory.lock();
            let sessions = directory.add(user, session.clone()).map_err(|over| self.refusal(over))?;
            self.meters.sessions.set(directory.len() as i64);
            (sessions, record.zip(debts).map(|(record, debts)| debts.keep(user, session, record)))
        };
        done(stored).await;
        Ok(sessions)
    }

    fn refusal(&self, over: TooManySessions) -> Error {
        match over {
            TooManySessions::OfUser => Error::TooManySessions { of: "user", max: self.options.sessions_per_user_max },
            TooManySessions::OfApp => Error::TooManySessions { of: "app", max: self.options.sessions_per_app_max },
        }
    }

    /// A session that ended with a goodbye.
    async fn close(&self, user: UserKey, session: SessionKey) -> usize {
        let debts = self.debts_if_ready().await;
        let (sessions, stored) = {
            let mut directory = self.directory.lock();
            let sessions = directory.remove(user, &session);
            self.meters.sessions.set(directory.len() as i64);
            self.leave_rooms(user.user, &session);
            (sessions, debts.map(|debts| debts.close(user, &session)))
        };
        done(stored).await;
        sessions
    }

    /// A session that died. What it had proved at last may come with it.
    async fn vanish(&self, user: UserKey, session: SessionKey, record: Option<SessionRecord>) -> usize {
        let debts = self.debts_if_ready().await;
        let (sessions, stored) = {
            let mut directory = self.directory.lock();
            let sessions = directory.remove(user, &session);
            self.meters.sessions.set(directory.len() as i64);
            self.leave_rooms_later(user, session.clone());
            if let Some((record, debts)) = record.zip(debts) {
                // Enqueued before the debt, which replaces it.
                drop(debts.keep(user, session.clone(), record));
            }
            (sessions, debts.map(|debts| debts.vanish(user, &session)))
        };
        done(stored).await;
        sessions
    }

    /// What a session has proved. Of a session that has ended it is too late, and nothing happens.
    async fn record(&self, user: UserKey, session: SessionKey, record: SessionRecord) -> Result<(), Error> {
        self.debts.ready().await?;
        let stored = {
            let directory = self.directory.lock();
            directory.has(user, &session).then(|| self.debts.keep(user, session, record))
        };
        match stored {
            Some(stored) => Ok(stored.await?),
            None => Ok(()),
        }
    }

    /// The debts, unless the store cannot be read: then sessions come and go without.
    async fn debts_if_ready(&self) -> Option<&dyn Debts> {
        self.debts.ready().await.ok().map(|()| &*self.debts)
    }
}

/// Waits for the store, and does not mind its failure: the ledger in memory has the change, so it only matters if the
/// process dies as well. Then an older record stands for the session, and its client gets once more what it had, under
/// the same ids.
async fn done(stored: Option<Stored>) {
    if let Some(stored) = stored {
        let _ = stored.await;
    }
}

fn user_of(app: u64, user: u64) -> Result<UserKey, Error> {
    match (app, user) {
        (0, _) => Err(Error::Missing("app")),
        (_, 0) => Err(Error::Missing("user")),
        (app, user) => Ok(UserKey::new(app, user)),
    }
}

fn session_of(session: Option<SessionRef>) -> Result<(SessionKey, SessionRef), Error> {
    let session = session.filter(|session| !session.edge.is_empty()).ok_or(Error::Missing("session"))?;
    Ok((SessionKey::of(&session), session))
}

fn room_of(app: u64, dialog: &[u8]) -> Result<RoomKey, Error> {
    let dialog = DialogId::try_from(dialog).map_err(|_| Error::Missing("dialog"))?;
    match app {
        0 => Err(Error::Missing("app")),
        app => Ok(RoomKey { app: AppId(app), dialog }),
    }
}

/// A record is about the session that it comes with.
fn named_as(record: SessionRecord, user: UserKey, session: SessionRef) -> SessionRecord {
    SessionRecord { app: user.app.0, user: user.user.0, session: Some(session), ..record }
}
