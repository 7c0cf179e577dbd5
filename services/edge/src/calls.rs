//! The calls of sessions on other services, each with its answer. Deadlines are the links'.

use std::sync::Arc;
use std::time::Duration;

use natter_proto::account::v1::accounts_client::AccountsClient;
use natter_proto::account::v1::{AuthenticateReply, AuthenticateRequest, TokenRequest};
use natter_proto::dialog::v1::dialogs_client::DialogsClient;
use natter_proto::dialog::v1::{DialogKind, ListRequest, MarkRequest};
use natter_proto::event::v1::{MarkKind, SessionRef};
use natter_proto::history::v1::history_client::HistoryClient;
use natter_proto::history::v1::{
    ChangesReply, ChangesRequest, DropRequest, From, GapReply, GapRequest, KeptReply, KeptRequest, Range,
};
use natter_proto::presence::v1::presence_client::PresenceClient;
use natter_proto::presence::v1::{AnnounceRequest, Fingerprint, SessionRecord, SessionState, SettleDebtRequest, TakeDebtRequest};
use natter_proto::{Code, DialogId, Failure};
use natter_rpc::{Link, Response, Status};
use tokio::time::sleep;

use crate::metrics::Metrics;
use crate::session::{Answer, Call, Changes, Identity, Job, Queue, Returned, Stretch};

/// Rows a returning session gets of one dialog, and of all (design.md 9).
const LIST_PER_DIALOG: u32 = 100;
const LIST_IN_ALL: u32 = 500;
/// Attempts of a call whose loss would be noticed, and the pause between them.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(100);

/// The services a session talks to.
pub(crate) struct Links {
    pub accounts: AccountsClient<Link>,
    pub dialogs: DialogsClient<Link>,
    pub presence: PresenceClient<Link>,
    pub history: HistoryClient<Link>,
    pub metrics: Metrics,
}

/// Whose call it is.
pub(crate) struct Caller {
    pub app: u64,
    pub user: u64,
    pub session: SessionRef,
    pub token: String,
}

impl Caller {
    pub(crate) fn of(me: &Identity) -> Caller {
        let token = me.token.clone().unwrap_or_default();
        Caller { app: me.app.0, user: me.user.0, session: me.session.clone(), token }
    }
}

impl Links {
    /// Carries out a call; the answer, if the session waits for one.
    pub(crate) async fn call(self: Arc<Links>, caller: Arc<Caller>, call: Call) -> Option<Answer> {
        match call {
            Call::Job { number, job } => Some(Answer::Job { number, answer: self.job(job).await }),
            // Boxed, so that a post does not carry what only a return needs.
            Call::Return(record) => Some(Answer::Returned(Box::pin(self.gather(&caller, record)).await)),
            Call::Withdraw { owed } => {
                let state = if owed.is_some() { SessionState::Vanished } else { SessionState::Closed };
                Box::pin(self.announce(&caller, state, owed)).await.ok();
                None
            }
            Call::Fill { dialog, above, since } => {
                let stretch = Box::pin(self.fill(&caller, dialog, above, since)).await.ok();
                Some(Answer::Filled { dialog, stretch })
            }
            Call::Changes { dialog, above } => {
                let changes = Box::pin(self.changes(&caller, dialog, above)).await.ok();
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
                let request = TokenRequest { token: caller.token.clone() };
                self.note("touch", self.accounts.clone().touch(request).await);
                None
            }
        }
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
    ) -> Result<(), Failure> {
        let (app, user, session) = (caller.app, caller.user, Some(caller.session.clone()));
        let request = AnnounceRequest { app, user, session, state: state.into(), record };
        let ask = || {
            let (mut presence, request) = (self.presence.clone(), request.clone());
            async move { presence.announce(request).await }
        };
        self.insist("announce", ask).await.map(|_| ())
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
            if attempt == ATTEMPTS || !matches!(failure.code, Code::Busy | Code::Unknown | Code::NotStored) {
                self.metrics.call_failed(call);
                return Err(failure);
            }
            sleep(PAUSE).await;
        }
        unreachable!("the last attempt returns")
    }

    async fn job(&self, job: Job) -> Result<u64, Failure> {
        let mut dialogs = self.dialogs.clone();
        match job {
            Job::Post(request) => dialogs.post(*request).await.map(|reply| reply.into_inner().seq),
            Job::Mark(request) => dialogs.mark(*request).await.map(|_| 0),
            Job::Signal(request) => dialogs.signal(*request).await.map(|_| 0),
        }
        .map_err(Failure::from)
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
                !matches!(failure.code, Code::Busy | Code::Unknown | Code::NotStored)
            }
        }
    }

    // === what a returning session missed (design.md 9) ===

    /// Fails as a whole: with a part of it the session would go on without the rest, and the debt would be forgotten.
    async fn gather(&self, caller: &Caller, record: SessionRecord) -> Result<Box<Returned>, Failure> {
        let client = record.client.clone();
        self.announce(caller, SessionState::Available, Some(record)).await?;
        let debt = self.debt(caller, client).await?;
        let dialogs = self.private_dialogs(caller).await?;
        let GapReply { rows, changes, .. } = self.gap(caller, debt.as_ref(), dialogs).await?;
        let kept = self.kept(caller, 0).await?;
        Ok(Box::new(Returned { debt, rows, changes, kept }))
    }

    /// Asked again it is the same debt.
    async fn debt(&self, caller: &Caller, client: Option<Fingerprint>) -> Result<Option<SessionRecord>, Failure> {
        let request = TakeDebtRequest { app: caller.app, user: caller.user, session: Some(caller.session.clone()), client };
        let ask = || {
            let (mut presence, request) = (self.presence.clone(), request.clone());
            async move { presence.take_debt(request).await }
        };
        Ok(self.insist("take_debt", ask).await?.debt)
    }

    async fn private_dialogs(&self, caller: &Caller) -> Result<Vec<Vec<u8>>, Failure> {
        let request = ListRequest { app: caller.app, user: caller.user, with_hidden: true, brief: true };
        let ask = || {
            let mut dialogs = self.dialogs.clone();
            async move { dialogs.list(request).await }
        };
        let dialogs = self.insist("list", ask).await?.entries.into_iter().filter_map(|entry| entry.dialog);
        Ok(dialogs.filter(|dialog| dialog.kind() == DialogKind::Private).map(|dialog| dialog.id).collect())
    }

    /// Above the debt's proofs; of other dialogs what was stored since; of private ones also what nobody has received.
    async fn gap(&self, caller: &Caller, debt: Option<&SessionRecord>, dialogs: Vec<Vec<u8>>) -> Result<GapReply, Failure> {
        let from = debt.map_or_else(Vec::new, |debt| debt.proofs.clone());
        let is_proved = |dialog: &Vec<u8>| from.iter().any(|proof| proof.dialog == *dialog);
        let since = debt.map_or(0, |debt| debt.since);
        let others = if debt.is_some() { dialogs.iter().filter(|id| !is_proved(id)).cloned().collect() } else { Vec::new() };
        let request = GapRequest {
            app: caller.app,
            user: caller.user,
            from,
            undelivered: dialogs,
            since,
            others,
            per_dialog: LIST_PER_DIALOG,
            in_all: LIST_IN_ALL,
            oldest: false,
        };
        self.rows(request).await
    }

    /// The beginning of what lies above a number, or of what was stored since.
    async fn fill(&self, caller: &Caller, dialog: DialogId, above: Option<u64>, since: i64) -> Result<Stretch, Failure> {
        self.metrics.holes.inc();
        let id = dialog.to_vec();
        let (from, others) = match above {
            Some(seq) => (vec![From { dialog: id, seq, stamp: None }], Vec::new()),
            None => (Vec::new(), vec![id]),
        };
        let request = GapRequest {
            app: caller.app,
            user: caller.user,
            from,
            others,
            since,
            per_dialog: LIST_PER_DIALOG,
            in_all: LIST_PER_DIALOG,
            oldest: true,
            ..GapRequest::default()
        };
        let GapReply { rows, more, changes } = self.rows(request).await?;
        Ok(Stretch {
            rows: rows.into_iter().filter_map(|gap| gap.row).collect(),
            more,
            changes: changes.into_iter().filter_map(|gap| gap.change).collect(),
        })
    }

    /// The beginning of the changes above a stamp.
    async fn changes(&self, caller: &Caller, dialog: DialogId, above: u64) -> Result<Changes, Failure> {
        self.metrics.holes.inc();
        let (app, user, dialog) = (caller.app, caller.user, dialog.to_vec());
        let request = ChangesRequest { app, dialog, above, limit: LIST_PER_DIALOG, user };
        let ask = || {
            let (mut history, request) = (self.history.clone(), request.clone());
            async move { history.changes(request).await }
        };
        let ChangesReply { changes, more } = self.insist("changes", ask).await?;
        Ok(Changes { changes, more })
    }

    /// The beginning of what is kept above a place.
    async fn kept(&self, caller: &Caller, above: u64) -> Result<Queue, Failure> {
        let request = KeptRequest { app: caller.app, user: caller.user, above };
        let ask = || {
            let mut history = self.history.clone();
            async move { history.kept(request).await }
        };
        let KeptReply { rows, more, upto } = self.insist("kept", ask).await?;
        Ok(Queue { rows, more, upto })
    }

    async fn rows(&self, request: GapRequest) -> Result<GapReply, Failure> {
        if request.from.is_empty() && request.undelivered.is_empty() && request.others.is_empty() {
            return Ok(GapReply::default());
        }
        let ask = || {
            let (mut history, request) = (self.history.clone(), request.clone());
            async move { history.gap(request).await }
        };
        self.insist("gap", ask).await
    }

    /// Counts a failure that nobody else will hear of.
    fn note<T>(&self, call: &'static str, answer: Result<T, Status>) -> Option<T> {
        if answer.is_err() {
            self.metrics.call_failed(call);
        }
        answer.ok()
    }
}
