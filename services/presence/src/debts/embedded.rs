//! The engine for one process: the ledger in memory decides, the store keeps its rows for the next process.

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use natter_actor::Clock;
use natter_db::{Batch, Error, KeyRange, Kv, Table};
use natter_proto::AppId;
use natter_proto::presence::v1::{Fingerprint, SessionRecord};
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::OnceCell;

use super::{Debts, Stored};
use crate::debt::{Change, Ledger, Limits, Standing, is_of};
use crate::metrics::Meters;
use crate::session::{Scope, SessionKey, UserKey};

/// `app, user, boot, session` (8 bytes each, big endian), `edge` -> `SessionRecord`.
const RECORDS: Table = Table("session_records");
const PAGE: usize = 1_000;

pub(crate) struct Embedded {
    db: Kv,
    clock: Clock,
    ledger: Mutex<Ledger>,
    loaded: OnceCell<()>,
    meters: Meters,
}

impl Embedded {
    pub fn new(db: Kv, clock: Clock, limits: Limits, meters: Meters) -> Embedded {
        Embedded { db, clock, ledger: Mutex::new(Ledger::new(limits)), loaded: OnceCell::new(), meters }
    }

    async fn load(&self) -> Result<(), Error> {
        let mut rows = Vec::new();
        let mut from = Vec::new();
        loop {
            let page = self.db.scan(RECORDS, KeyRange::between(&from, [u8::MAX; 33]), PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            from = [last.as_ref(), &[0]].concat();
            for (key, value) in page {
                rows.push(decode(&key, &value)?);
            }
        }
        let now_ms = self.clock.now_ms();
        let mut ledger = self.ledger.lock();
        for (user, session, record) in rows {
            ledger.found(user, session, record, now_ms);
            self.meters.debts_left.inc();
        }
        Ok(())
    }

    /// Lets the ledger decide and enqueues its changes before another verb can.
    fn change(&self, decide: impl FnOnce(&mut Ledger, i64) -> Vec<Change>) -> Stored {
        debug_assert!(self.loaded.initialized(), "a verb before the records were found");
        let mut ledger = self.ledger.lock();
        let changes = decide(&mut ledger, self.clock.now_ms());
        if changes.is_empty() {
            return ready(Ok(())).boxed();
        }
        let mut batch = Batch::new();
        batch.relaxed();
        for change in changes {
            match change {
                Change::Put(user, session, record) => batch.put(RECORDS, key(user, &session), record.encode_to_vec()),
                Change::Remove(user, session) => batch.delete(RECORDS, key(user, &session)),
            }
        }
        self.db.commit(batch).boxed()
    }
}

impl Debts for Embedded {
    fn ready(&self, _user: Option<UserKey>) -> BoxFuture<'_, Result<(), Error>> {
        self.loaded.get_or_try_init(|| self.load()).map(|loaded| loaded.map(|_| ())).boxed()
    }

    fn keep(&self, user: UserKey, session: SessionKey, record: SessionRecord) -> Stored {
        self.change(|ledger, _| ledger.keep(user, session, record))
    }

    fn revive(&self, user: UserKey, session: SessionKey, record: SessionRecord) -> Stored {
        self.change(|ledger, _| ledger.revive(user, session, record))
    }

    fn close(&self, user: UserKey, session: &SessionKey) -> Stored {
        self.change(|ledger, _| ledger.close(user, session))
    }

    fn vanish(&self, user: UserKey, session: &SessionKey) -> Stored {
        self.change(|ledger, now_ms| {
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
        let debt = self.ledger.lock().take(user, by, client, self.clock.now_ms());
        self.meters.debts_taken.inc_by(u64::from(debt.is_some()));
        // Nothing is written: until it is settled the row is a debt for the next process, as it should be.
        ready(Ok(debt)).boxed()
    }

    fn settle(&self, user: UserKey, by: &SessionKey, settled: bool) -> Stored {
        self.change(|ledger, now_ms| ledger.settle(user, by, settled, now_ms))
    }

    fn standing(&self, user: UserKey, session: &SessionKey, dialog: &[u8]) -> Standing {
        self.ledger.lock().record(user, session).map_or_else(Standing::default, |record| Standing::of(record, dialog))
    }

    fn is_of(&self, user: UserKey, session: &SessionKey, client: &Fingerprint) -> bool {
        self.ledger.lock().record(user, session).is_some_and(|record| is_of(record, client))
    }

    fn is_unproving(&self, user: UserKey, session: &SessionKey) -> Option<bool> {
        self.ledger.lock().record(user, session).map(|record| record.unproving)
    }

    fn expire(&self) -> Stored {
        self.change(|ledger, now_ms| {
            let changes = ledger.expire(now_ms);
            self.meters.debts_expired.inc_by(changes.len() as u64);
            changes
        })
    }

    fn forget(&self, _is_lost: &dyn Fn(AppId) -> bool) {
        // Nobody else can have them: the rows are this process's alone.
    }

    fn erase(&self, scope: Scope) -> BoxFuture<'static, Result<usize, Error>> {
        let gone = self.ledger.lock().erase(scope);
        let (mut batch, count) = (Batch::new(), gone.len());
        gone.iter().for_each(|(user, session)| batch.delete(RECORDS, key(*user, session)));
        // Those of the ledger are all there are.
        let stored = (count > 0).then(|| self.db.commit(batch));
        async move {
            if let Some(stored) = stored {
                stored.await?;
            }
            Ok(count)
        }
        .boxed()
    }
}

fn key(user: UserKey, session: &SessionKey) -> Vec<u8> {
    let numbers = [user.app.0, user.user.0, session.boot, session.session].map(u64::to_be_bytes).concat();
    [numbers.as_slice(), session.edge.as_bytes()].concat()
}

fn decode(key: &[u8], value: &[u8]) -> Result<(UserKey, SessionKey, SessionRecord), Error> {
    let corrupt = || Error::Corrupt("a row of session_records cannot be decoded".into());
    let (numbers, edge) = key.split_at_checked(32).ok_or_else(corrupt)?;
    let number = |n: usize| numbers[8 * n..8 * (n + 1)].try_into().map(u64::from_be_bytes).map_err(|_| corrupt());
    let edge = String::from_utf8(edge.to_vec()).map_err(|_| corrupt())?;
    let record = SessionRecord::decode(value).map_err(|_| corrupt())?;
    Ok((UserKey::new(number(0)?, number(1)?), SessionKey { edge, boot: number(2)?, session: number(3)? }, record))
}
