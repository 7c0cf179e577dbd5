//! The one thread that writes: takes what waits, checks conditions, writes one batch, answers all. After a failure it opens
//! the database again, finds out what was written, and rests before it tries again, so that a full disk refuses and nothing
//! more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::store::{Fault, Store};
use super::{Shared, space};
use crate::batch::Batch;
use crate::commit::Waiting;
use crate::error::Error;
use crate::group::{Group, fold};
use crate::metrics::Op;

const REST_MIN: Duration = Duration::from_millis(50);
const REST_MAX: Duration = Duration::from_secs(2);
/// How long the committer waits for reads to let go of a failed database.
const READERS_WAIT: Duration = Duration::from_secs(1);

/// Takes groups from the queue until it is closed and empty.
pub(crate) struct Committer {
    shared: Arc<Shared>,
    rest: Option<Rest>,
    refusing: bool,
}

/// After a failure: until then every commit is refused. Doubles with each failure in a row.
struct Rest {
    until: Instant,
    pause: Duration,
}

impl Committer {
    pub fn new(shared: Arc<Shared>) -> Committer {
        Committer { shared, rest: None, refusing: false }
    }

    pub fn run(mut self) {
        let _closing = Closing(Arc::clone(&self.shared));
        while let Some(waiting) = self.shared.queue.take_blocking(self.reopen_at()) {
            if waiting.is_empty() {
                // Nobody hears of it here: it is logged, and the next commit is told.
                let _ = self.ready();
            } else {
                self.serve(waiting);
            }
        }
    }

    fn serve(&mut self, waiting: Vec<Waiting>) {
        self.shared.meters.group.observe(waiting.len() as f64);
        let (batches, askers): (Vec<_>, Vec<_>) = waiting.into_iter().map(Waiting::split).unzip();
        let outcomes = self.commit(batches);
        for (asker, outcome) in askers.into_iter().zip(outcomes) {
            self.shared.meters.observe(Op::Commit, asker.since, &outcome);
            asker.answer(outcome);
        }
    }

    /// The outcome of each batch, in their order.
    fn commit(&mut self, batches: Vec<Batch>) -> Vec<Result<(), Error>> {
        let store = match self.ready() {
            Ok(store) => store,
            Err(error) => return vec![Err(error); batches.len()],
        };
        let group = fold(batches, |table, key| store.get(table, key));
        match self.write(store, &group) {
            Ok(()) => group.verdicts,
            Err(error) => group.verdicts.into_iter().map(|verdict| verdict.and(Err(error.clone()))).collect(),
        }
    }

    /// The open store, if writing makes sense now.
    fn ready(&mut self) -> Result<Arc<Store>, Error> {
        if self.rest.as_ref().is_some_and(|rest| Instant::now() < rest.until) {
            return Err(Error::NotStored("the store rests after a failure".into()));
        }
        let room = space::check(&self.shared.path, self.shared.options.reserve_bytes);
        self.say_once(&room);
        room?;
        let open = self.shared.store.borrow().clone();
        match open {
            Some(store) => Ok(store),
            None => self.reopen(),
        }
    }

    /// Writes the group, on a fresh database if the old one has failed before. It gives the store away, because a database
    /// can only be opened again when nobody holds it.
    fn write(&mut self, store: Arc<Store>, group: &Group) -> Result<(), Error> {
        let cause = match store.write(group) {
            Ok(()) => return self.done(),
            Err(Fault::Behind) => return Err(Error::NotStored("the store is behind with merging".into())),
            Err(Fault::Failed(cause)) => return Err(self.settle(store, group, cause)),
            Err(Fault::Refused(cause)) => cause,
        };
        tracing::error!(cause, "the store refuses to write and is opened again");
        drop(store);
        let store = self.reopen()?;
        match store.write(group) {
            Ok(()) => self.done(),
            Err(Fault::Failed(cause)) => Err(self.settle(store, group, cause)),
            Err(Fault::Refused(cause)) => {
                self.begin_rest();
                Err(Error::NotStored(cause))
            }
            Err(Fault::Behind) => Err(Error::NotStored("the store is behind with merging".into())),
        }
    }

    fn done(&mut self) -> Result<(), Error> {
        self.rest = None;
        Ok(())
    }

    /// Finds out whether a group that failed was written: the database is opened again, which drops a torn batch from the
    /// journal or replays a whole one, and is asked.
    fn settle(&mut self, store: Arc<Store>, group: &Group, cause: String) -> Error {
        tracing::error!(cause, "the store failed and is opened again");
        drop(store);
        self.begin_rest();
        match self.reopen().and_then(|store| store.holds(&group.writes)) {
            Ok(false) => Error::NotStored(cause),
            Ok(true) | Err(_) => Error::Unknown(cause),
        }
    }

    /// Closes the database, if it is open, and opens it. Readers wait meanwhile.
    fn reopen(&mut self) -> Result<Arc<Store>, Error> {
        if let Some(failed) = self.shared.store.send_replace(None) {
            let held = Arc::downgrade(&failed);
            drop(failed);
            let until = Instant::now() + READERS_WAIT;
            while held.strong_count() > 0 && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        match Store::open(&self.shared.path, &self.shared.options) {
            Ok(store) => {
                let store = Arc::new(store);
                self.shared.store.send_replace(Some(Arc::clone(&store)));
                self.shared.meters.reopened.inc();
                tracing::info!("the store is open again");
                Ok(store)
            }
            Err(cause) => {
                tracing::error!(cause, "the store cannot be opened again yet");
                self.begin_rest();
                Err(Error::NotStored(cause))
            }
        }
    }

    fn begin_rest(&mut self) {
        let pause = self.rest.as_ref().map_or(REST_MIN, |rest| (rest.pause * 2).min(REST_MAX));
        self.rest = Some(Rest { until: Instant::now() + pause, pause });
    }

    /// When to try on our own: only a closed store, so that reads come back without a commit.
    fn reopen_at(&self) -> Option<Instant> {
        let closed = self.shared.store.borrow().is_none();
        closed.then(|| self.rest.as_ref().map_or_else(Instant::now, |rest| rest.until))
    }

    /// Logs the change between having room and not, and not every refusal.
    fn say_once(&mut self, room: &Result<(), Error>) {
        match room {
            Err(error) if !self.refusing => tracing::error!(%error, "writes are refused"),
            Ok(()) if self.refusing => tracing::info!("writes are taken again"),
            _ => {}
        }
        self.refusing = room.is_err();
    }
}

/// However the thread ends, nobody waits for it in vain.
struct Closing(Arc<Shared>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.queue.close();
        while !self.0.queue.take().is_empty() {}
    }
}
