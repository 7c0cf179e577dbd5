//! The calls of sessions on other services, each with its answer. Deadlines are the links'. What is asked of dialogs is in
//! `calls/dialogs.rs`, of presence in `calls/presence.rs`, what a session missed in `calls/missed.rs`, and what
//! privacy lists keep from it of that in `calls/screen.rs`.

mod dialogs;
mod missed;
mod presence;
mod screen;

use std::sync::Arc;
use std::time::Duration;

use natter_proto::account::v1::accounts_client::AccountsClient;
use natter_proto::account::v1::{AuthenticateReply, AuthenticateRequest, TokenRequest, UserRequest};
use natter_proto::dialog::v1::MarkRequest;
use natter_proto::dialog::v1::dialogs_client::DialogsClient;
use natter_proto::event::v1::{MarkKind, SessionRef, Shown};
use natter_proto::history::v1::history_client::HistoryClient;
use natter_proto::history::v1::{DropRequest, Range};
use natter_proto::presence::v1::presence_client::PresenceClient;
use natter_proto::presence::v1::{
    Again, AnnounceReply, AnnounceRequest, Entrance, SessionRecord, SessionState, SettleDebtRequest,
};
use natter_proto::{Code, DialogId, Failure};
use natter_rpc::{Link, Response, Status};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::metrics::Metrics;
use crate::session::{Answer, Call, Identity, Whereabouts};

/// Attempts of a call whose loss would be noticed, and the pause between them.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(100);
/// Times that all of this is done for a session that is announced again.
const ROUNDS: u32 = 3;

/// The services a session talks to.
pub(crate) struct Links {
    pub accounts: AccountsClient<Link>,
    pub dialogs: DialogsClient<Link>,
    pub presence: PresenceClient<Link>,
    pub history: HistoryClient<Link>,
    /// Calls of dialogs begin there in the order in which they are made here.
    pub keep_order: bool,
    pub metrics: Metrics,
}

/// Dropped when an announcement is over.
pub(crate) type Announced = oneshot::Sender<()>;

/// Whose call it is.
pub(crate) struct Caller {
    pub app: u64,
    pub user: u64,
    pub session: SessionRef,
    pub token: String,
    pub app_sessions_max: u64,
    pub entrance: Arc<Entrance>,
}

impl Caller {
    pub(crate) fn of(me: &Identity) -> Caller {
        let token = me.token.clone().unwrap_or_default();
        let (app_sessions_max, entrance) = (me.app_sessions_max, me.entrance.clone());
        Caller { app: me.app.0, user: me.user.0, session: me.session.clone(), token, app_sessions_max, entrance }
    }
}

impl Links {
    /// Carries out a call; the answer, if the session waits for one. `announced` is dropped as soon as presence has heard what
    /// the call announces, or will not.
    pub(crate) async fn call(self: Arc<Links>, caller: Arc<Caller>, call: Call, announced: Option<Announced>) -> Option<Answer> {
        match call {
            Call::Job { number, job } => Some(Answer::Job { number, answer: self.job(job).await }),
            Call::Batch(jobs) => Some(Answer::Batch(Box::pin(self.batch(jobs)).await)),
            Call::Room { number, dialog, ask } => {
                let answer = Box::pin(self.room(&caller, dialog, ask)).await;
                Some(Answer::Room { number, answer })
            }
            Call::Presence { number, query } => {
                Some(Answer::Presence { number, answer: Box::pin(self.query(&caller, query)).await })
            }
            // Boxed, so that a post does not carry what only a return needs.
            Call::Return { record, shown, owed } => {
                let gathered = Box::pin(self.gather(&caller, *record, shown, owed, announced)).await;
                Some(Answer::Returned(gathered))
            }
            // Boxed likewise.
            Call::Again(whereabouts) => Some(Answer::Again(Box::pin(self.announce_again(&caller, *whereabouts)).await)),
            Call::Show(shown) => {
                Box::pin(self.announce(&caller, SessionState::Available, None, shown)).await.ok();
                None
            }
            Call::Withdraw { owed } => {
                let state = if owed.is_some() { SessionState::Vanished } else { SessionState::Closed };
                Box::pin(self.announce(&caller, state, owed, None)).await.ok();
                None
            }
            Call::Fill { dialog, above, since } => {
                let stretch = Box::pin(self.fill(&caller, dialog, above, since)).await.ok();
                Some(Answer::Filled { dialog, stretch })
            }
            Call::Changes { dialog, above, since } => {
                let changes = Box::pin(self.changes(&caller, dialog, above, since)).await.ok();
                Some(Answer::Changed { dialog, changes })
            }
            Call::Kept { above } => Some(Answer::Kept(Box::pin(self.kept(&caller, above)).await.ok())),
            Call::Delivered { dialog, ranges } => {
                let kept = self.delivered(&caller, dialog, ranges.clone()).await;
                Some(Answer::Delivered { dialog, ranges, kept })
            }
            Call::Record(record) => {
                let mut presence = self.presence.clone();
                self.note("record", presence.record(record).await);
                None
            }
            Call::Drop { upto } => {
                let request = DropRequest { app: caller.app, user: caller.user, upto };
                self.note("drop", self.history.clone().drop(request).await);
                None
            }
            Call::Settle => {
                let (app, user, session) = (caller.app, caller.user, Some(caller.session.clone()));
                let request = SettleDebtRequest { app, user, session, settled: true };
                self.note("settle", self.presence.clone().settle_debt(request).await);
                None
            }
            Call::Touch => {
                let code = self.admit(&caller).await.err()?.code;
                if matches!(code, Code::NotFound | Code::Forbidden | Code::Unauthenticated) {
                    return Some(Answer::Barred(code));
                }
                self.metrics.call_failed("touch");
                None
            }
        }
    }

    /// Whether the caller may be connected, and the token that he came with is alive still.
    pub(crate) async fn admit(&self, caller: &Caller) -> Result<(), Failure> {
        let request = UserRequest { app: caller.app, id: caller.user };
        self.accounts.clone().admit(request).await?;
        if !caller.token.is_empty() {
            self.accounts.clone().touch(TokenRequest { token: caller.token.clone() }).await?;
        }
        Ok(())
    }

    /// Checks a sign-in.
    pub(crate) async fn authenticate(&self, request: AuthenticateRequest) -> Result<AuthenticateReply, Failure> {
        Ok(self.accounts.clone().authenticate(request).await.map_err(Failure::from)?.into_inner())
    }

    /// Tells presence where a session stands. Repeated until it is heard, within reason.
    pub(crate) async fn announce(
        &self,
        caller: &Caller,
        state: SessionState,
        record: Option<SessionRecord>,
        shown: Option<Shown>,
    ) -> Result<AnnounceReply, Failure> {
        let (app, user, session) = (caller.app, caller.user, Some(caller.session.clone()));
        let (state, app_sessions_max) = (state.into(), caller.app_sessions_max);
        let entrance = Some(caller.entrance.as_ref().clone());
        let again = None;
        let request = AnnounceRequest { app, user, session, state, record, shown, entrance, app_sessions_max, again };
        let ask = || {
            let (mut presence, request) = (self.presence.clone(), request.clone());
            async move { presence.announce(request).await }
        };
        self.insist("announce", ask).await
    }

    /// Tells a presence that knows nothing of the session all that it is to know. Who has the app may be believed differently here and
    /// there for a moment, so it is asked for longer than others.
    async fn announce_again(&self, caller: &Caller, whereabouts: Whereabouts) -> Result<(), Failure> {
        let Whereabouts { by, record, available, shown, rooms, watched, inactive } = whereabouts;
        let state = if available { SessionState::Available } else { SessionState::Bound };
        let rooms = rooms.into_iter().map(|dialog| dialog.to_vec()).collect();
        let watched = watched.into_iter().map(|user| user.0).collect();
        let request = AnnounceRequest {
            app: caller.app,
            user: caller.user,
            session: Some(caller.session.clone()),
            state: state.into(),
            record: Some(record),
            shown,
            entrance: Some(caller.entrance.as_ref().clone()),
            app_sessions_max: caller.app_sessions_max,
            again: Some(Again { rooms, watched, inactive, by: by.to_string() }),
        };
        let ask = || {
            let (mut presence, request) = (self.presence.clone(), request.clone());
            async move { presence.announce(request).await }
        };
        for _ in 1..ROUNDS {
            match self.insist("announce_again", ask).await {
                Err(failure) if is_passing(failure.code) => {}
                answer => return answer.map(drop),
            }
        }
        self.insist("announce_again", ask).await.map(drop)
    }

    /// Asks until there is an answer, within reason: for calls whose loss would be noticed.
    async fn insist<T, F>(&self, call: &'static str, ask: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        for attempt in 1.. {
            let failure = match ask().await {
                Ok(reply) => return Ok(reply.into_inner()),
                Err(status) => Failure::from(status),
            };
            if attempt == ATTEMPTS || !is_passing(failure.code) {
                self.metrics.call_failed(call);
                return Err(failure);
            }
            sleep(PAUSE).await;
        }
        unreachable!("the last attempt returns")
    }

    async fn delivered(&self, caller: &Caller, dialog: DialogId, ranges: Vec<Range>) -> bool {
        let request = MarkRequest {
            app: caller.app,
            dialog: dialog.to_vec(),
            user: caller.user,
            kind: MarkKind::Delivered.into(),
            origin: Some(caller.session.clone()),
            ranges,
            ..MarkRequest::default()
        };
        match self.dialogs.clone().mark(request).await.map_err(Failure::from) {
            Ok(_) => true,
            Err(failure) => {
                self.metrics.call_failed("delivered");
                // What is refused would be refused again.
                !is_passing(failure.code)
            }
        }
    }

    /// Counts a failure that nobody else will hear of.
    fn note<T>(&self, call: &'static str, answer: Result<T, Status>) -> Option<T> {
        if answer.is_err() {
            self.metrics.call_failed(call);
        }
        answer.ok()
    }
}

/// Asked again it may be answered.
fn is_passing(code: Code) -> bool {
    matches!(code, Code::Busy | Code::Unknown | Code::NotStored)
}
