//! The engine for a cluster: the ledger in memory decides, Redis keeps its rows for whichever process has the app next. A user's rows
//! are one hash, read when he is first asked about here, and gone a day after the last writing.
//!
//! What Redis loses is owed to nobody: a client that returns then gets what it has not confirmed to have received, and no more. While it
//! does not answer, verbs fail within [`PATIENCE`], and memory has what they did. The rows of an app that ends go with their day, those
//! of users that are known here at once.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use natter_actor::Clock;
use natter_db::Error;
use natter_db::redis::Redis;
use natter_proto::AppId;
use natter_proto::presence::v1::{Fingerprint, SessionRecord};
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::{Debts, Stored};
use crate::debt::{Change, Ledger, Limits, Standing, is_of};
use crate::metrics::Meters;
use crate::session::{Scope, SessionKey, UserKey};

/// How long a hash stays that is not written.
const LIFE: Duration = Duration::from_secs(86_400);
/// How long a verb waits for its rows to be kept.
const PATIENCE: Duration = Duration::from_secs(1);
/// Ways to the server; the changes of a user go one way, in their order.
const LANES: usize = 16;
/// Changes that wait on one way.
const WAITING_MAX: usize = 1_000;

pub(crate) struct InRedis {
    redis: Redis,
    clock: Clock,
    state: Mutex<State>,
    ttl_ms: i64,
    lanes: OnceLock<Vec<mpsc::Sender<Write>>>,
    meters: Meters,
}

struct State {
    ledger: Ledger,
    /// Users whose rows were read.
    known: BTreeSet<UserKey>,
}

/// Rows of one user that change.
struct Write {
    key: String,
    /// Field, and what stands there from then on; empty: nothing.
    rows: Vec<(String, Vec<u8>)>,
    kept: oneshot::Sender<Result<(), Error>>,
}

impl InRedis {
    pub fn new(redis: Redis, clock: Clock, limits: Limits, meters: Meters) -> InRedis {
        let state = State { ledger: Ledger::new(limits), known: BTreeSet::new() };
        InRedis { redis, clock, state: Mutex::new(state), ttl_ms: limits.ttl_ms, lanes: OnceLock::new(), meters }
    }

    async fn read(&self, user: UserKey) -> Result<(), Error> {
        if self.state.lock().known.contains(&user) {
            return Ok(());
        }
        let fields = self.redis.fields(&key(user)).await?;
        let rows = fields.iter().map(|(field, value)| decode(field, value)).collect::<Result<Vec<_>, _>>()?;
        let now_ms = self.clock.now_ms();
        let mut state = self.state.lock();
        // Who came later may have read them before, and changed them.
        if state.known.insert(user) {
            for (session, upto_ms, record) in rows {
                self.meters.debts_left.inc_by(u64::from(upto_ms.is_none()));
                state.ledger.found_until(user, session, record, upto_ms.unwrap_or(now_ms.saturating_add(self.ttl_ms)));
            }
        }
        Ok(())
    }

    /// Lets the ledger decide, and sends its changes on their way before another verb can. `is_owed`: whether what is put is a debt.
    fn change(&self, is_owed: bool, decide: impl FnOnce(&mut Ledger, i64) -> Vec<Change>) -> Stored {
        let now_ms = self.clock.now_ms();
        let mut state = self.state.lock();
        let changes = decide(&mut state.ledger, now_ms);
        let upto_ms = if is_owed { now_ms.saturating_add(self.ttl_ms) } else { 0 };
        let mut waits: Vec<Stored> = Vec::new();
        for of_user in changes.chunk_by(|one, other| user_of(one) == user_of(other)) {
            let rows = of_user.iter().map(|change| match change {
                Change::Put(_, session, record) => (field(session), encode(upto_ms, record)),
                Change::Remove(_, session) => (field(session), Vec::new()),
            });
            waits.push(self.send(user_of(&of_user[0]), rows.collect()));
        }
        drop(state);
        futures::future::try_join_all(waits).map(|all| all.map(drop)).boxed()
    }

    fn send(&self, user: UserKey, rows: Vec<(String, Vec<u8>)>) -> Stored {
        let lanes = self.lanes.get_or_init(|| (0..LANES).map(|_| lane(self.redis.clone())).collect());
        let (kept, answer) = oneshot::channel();
        let write = Write { key: key(user), rows, kept };
        if lanes[(user.app.0 ^ user.user.0) as usize % LANES].try_send(write).is_err() {
            return ready(Err(Error::Full)).boxed();
        }
        async move {
            match timeout(PATIENCE, answer).await {
                Ok(Ok(outcome)) => outcome,
                _ => Err(Error::Unknown("Redis: the rows of a session wait".into())),
            }
        }
        .boxed()
    }
}

/// Writes what is sent, one after another. Ends with the engine.
fn lane(redis: Redis) -> mpsc::Sender<Write> {
    let (sender, mut writes) = mpsc::channel::<Write>(WAITING_MAX);
    tokio::spawn(async move {
        while let Some(Write { key, rows, kept }) = writes.recv().await {
            // Nobody may wait for it any more.
            let _ = kept.send(redis.put_fields(&key, &rows, LIFE).await);
        }
    });
    sender
}

impl Debts for InRedis {
    fn ready(&self, user: Option<UserKey>) -> BoxFuture<'_, Result<(), Error>> {
        match user {
            Some(user) => self.read(user).boxed(),
            None => ready(Ok(())).boxed(),
        }
    }

    fn keep(&self, user: UserKey, session: SessionKey, record: SessionRecord) -> Stored {
        self.change(false, |ledger, _| ledger.keep(user, session, record))
    }

    fn revive(&self, user: UserKey, session: SessionKey, record: SessionRecord) -> Stored {
        self.change(false, |ledger, _| ledger.revive(user, session, record))
    }

    fn close(&self, user: UserKey, session: &SessionKey) -> Stored {
        self.change(false, |ledger, _| ledger.close(user, session))
    }

    fn vanish(&self, user: UserKey, session: &SessionKey) -> Stored {
        self.change(true, |ledger, now_ms| {
            let changes = ledger.vanish(user, session, now_ms);
            self.meters.debts_left.inc_by(u64::from(!changes.is_empty()));
            changes
        })
    }

    fn take(
        &self,
        user: UserKey,
        by: &SessionKey,
        client: &Fingerprint,
    ) -> BoxFuture<'static, Result<Option<SessionRecord>, Error>> {
        let debt = self.state.lock().ledger.take(user, by, client, self.clock.now_ms());
        self.meters.debts_taken.inc_by(u64::from(debt.is_some()));
        // Nothing is written: until it is settled the row is a debt for the next process, as it should be.
        ready(Ok(debt)).boxed()
    }

    fn settle(&self, user: UserKey, by: &SessionKey, settled: bool) -> Stored {
        self.change(true, |ledger, now_ms| ledger.settle(user, by, settled, now_ms))
    }

    fn standing(&self, user: UserKey, session: &SessionKey, dialog: &[u8]) -> Standing {
        let state = self.state.lock();
        state.ledger.record(user, session).map_or_else(Standing::default, |record| Standing::of(record, dialog))
    }

    fn is_of(&self, user: UserKey, session: &SessionKey, client: &Fingerprint) -> bool {
        self.state.lock().ledger.record(user, session).is_some_and(|record| is_of(record, client))
    }

    fn is_unproving(&self, user: UserKey, session: &SessionKey) -> Option<bool> {
        self.state.lock().ledger.record(user, session).map(|record| record.unproving)
    }

    fn expire(&self) -> Stored {
        let stored = self.change(false, |ledger, now_ms| {
            let changes = ledger.expire(now_ms);
            self.meters.debts_expired.inc_by(changes.len() as u64);
            changes
        });
        // Of whom nothing is left, what a later process keeps is read anew.
        let State { ledger, known } = &mut *self.state.lock();
        known.retain(|user| ledger.has(*user));
        stored
    }

    fn forget(&self, is_lost: &dyn Fn(AppId) -> bool) {
        let State { ledger, known } = &mut *self.state.lock();
        ledger.forget(is_lost);
        known.retain(|user| !is_lost(user.app));
    }

    fn erase(&self, scope: Scope) -> BoxFuture<'static, Result<usize, Error>> {
        let gone = self.state.lock().ledger.erase(scope);
        let count = gone.len();
        let waits: Vec<Stored> = gone
            .chunk_by(|one, other| one.0 == other.0)
            .map(|of_user| self.send(of_user[0].0, of_user.iter().map(|(_, session)| (field(session), Vec::new())).collect()))
            .collect();
        futures::future::try_join_all(waits).map(move |all| all.map(|_| count)).boxed()
    }
}

fn user_of(change: &Change) -> UserKey {
    let (Change::Put(user, ..) | Change::Remove(user, _)) = change;
    *user
}

/// One hash tag for all of a user.
fn key(user: UserKey) -> String {
    format!("{{p:{}:{}}}:records", user.app, user.user)
}

fn field(session: &SessionKey) -> String {
    format!("{}:{}:{}", session.boot, session.session, session.edge)
}

/// Until when it is owed, unix milliseconds, 8 bytes, 0 while its session lives; then `SessionRecord`.
fn encode(upto_ms: i64, record: &SessionRecord) -> Vec<u8> {
    [upto_ms.to_be_bytes().as_slice(), &record.encode_to_vec()].concat()
}

fn decode(field: &str, value: &Bytes) -> Result<(SessionKey, Option<i64>, SessionRecord), Error> {
    let corrupt = || Error::Corrupt("a record of a session in Redis cannot be decoded".into());
    let mut parts = field.splitn(3, ':');
    let mut number = || parts.next().and_then(|part| part.parse().ok()).ok_or_else(corrupt);
    let (boot, session) = (number()?, number()?);
    let edge = parts.next().ok_or_else(corrupt)?.to_owned();
    let (upto, record) = value.split_first_chunk::<8>().ok_or_else(corrupt)?;
    let record = SessionRecord::decode(record).map_err(|_| corrupt())?;
    let upto_ms = Some(i64::from_be_bytes(*upto)).filter(|upto_ms| *upto_ms != 0);
    Ok((SessionKey { edge, boot, session }, upto_ms, record))
}
