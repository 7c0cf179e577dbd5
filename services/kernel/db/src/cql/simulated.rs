//! Servers of rows in memory, for simulations on one thread with paused time: the same statements, three copies, quorums, and by a seed
//! delays, writes that come late, requests and answers that are lost. Not here: paging, time to live, and what a server does that ends.

mod bound;
mod replica;
mod servers;
mod table;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use natter_actor::{Clock, Watcher};
use parking_lot::Mutex;
use scylla::deserialize::FrameSlice;
use scylla::deserialize::row::{ColumnIterator, DeserializeRow};
use scylla::serialize::row::SerializeRow;
use tokio::time::{Instant, sleep, sleep_until};

pub use self::servers::{Applied, Counts, Faults, Listener, Servers};

use self::bound::Bound;
use self::replica::Partition;
use self::servers::Fate;
use super::{Outcome, Statement, Write};
use crate::error::Error;

/// How long an answer is waited for.
const DEADLINE: Duration = Duration::from_secs(2);

/// How a process stands to the servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Standing {
    #[default]
    Reaches,
    /// No request arrives, no answer comes.
    CutOff,
    /// The process stands still: it asks nothing and hears nothing until it goes on.
    Stopped,
    /// The process is gone: what it asked for last may happen, and it never hears of it.
    Dead,
}

/// The connection of one process.
pub struct Client {
    servers: Servers,
    clock: Clock,
    standing: Watcher<Standing>,
    /// Of the newest write without a timestamp of its own.
    newest: Mutex<i64>,
}

/// What a read found, as it travelled.
pub struct Found {
    read: Bound,
    rows: Vec<Bytes>,
}

impl Found {
    pub fn read<R>(&self) -> Result<Vec<R>, Error>
    where
        R: for<'r> DeserializeRow<'r, 'r>,
    {
        let columns = &self.read.known.columns[..];
        R::type_check(columns).map_err(|error| Error::Corrupt(error.to_string()))?;
        let row = |row: &Bytes| R::deserialize(ColumnIterator::new(columns, FrameSlice::new(row)));
        self.rows.iter().map(|bytes| row(bytes).map_err(|error| Error::Corrupt(error.to_string()))).collect()
    }
}

impl Client {
    pub fn new(servers: Servers, clock: Clock, standing: Watcher<Standing>) -> Client {
        Client { servers, clock, standing, newest: Mutex::new(0) }
    }

    pub fn bound(&self, statement: Statement, values: &(impl SerializeRow + ?Sized)) -> Result<Bound, Error> {
        let known = self.servers.known(statement).map_err(Error::NotStored)?;
        Bound::new(known, values).map_err(Error::NotStored)
    }

    pub fn bound_all(&self, writes: &[Write]) -> Result<Vec<Bound>, Error> {
        writes.iter().map(|(statement, values)| self.bound(*statement, &**values)).collect()
    }

    /// Whether a server is there.
    pub async fn ask(&self) -> Result<(), Error> {
        let deadline = Instant::now() + DEADLINE;
        if !self.passes().await {
            return self.silence(deadline).await;
        }
        sleep(self.servers.delay()).await;
        match self.passes().await {
            true => Ok(()),
            false => self.silence(deadline).await,
        }
    }

    pub async fn read(&self, read: Bound) -> Result<Found, Error> {
        let deadline = Instant::now() + DEADLINE;
        let places = read.places().map_err(Error::NotStored)?;
        if !self.passes().await || self.servers.fate(&read) != Fate::Answered {
            return self.silence(deadline).await;
        }
        let mut rows = Vec::new();
        for place in places {
            let (quorum, mut found) = (self.servers.quorum(), Partition::default());
            for server in quorum {
                sleep(self.servers.delay()).await;
                found.merge(&self.servers.look(server, &place, &read));
            }
            self.servers.repair(quorum, &place, &found);
            rows.extend(read.answer(&place, &found));
        }
        if !self.passes().await {
            return self.silence(deadline).await;
        }
        Ok(Found { read, rows })
    }

    pub async fn write(&self, writes: Vec<Bound>) -> Result<(), Error> {
        place_of(&writes)?;
        self.write_parts(writes).await
    }

    /// In several partitions, each of which comes to the servers by itself.
    pub async fn write_parts(&self, writes: Vec<Bound>) -> Result<(), Error> {
        let deadline = Instant::now() + DEADLINE;
        let at = self.next_timestamp();
        let mut pieces: BTreeMap<replica::Place, Partition> = BTreeMap::new();
        for write in &writes {
            let place = write.place().map_err(Error::NotStored)?;
            pieces.entry(place).or_default().merge(&write.mutation(at).map_err(Error::NotStored)?);
        }
        let fate = self.servers.fate(&writes[0]);
        if !self.passes().await || fate == Fate::Lost {
            return self.silence(deadline).await;
        }
        let written = pieces.into_iter().map(|(place, piece)| self.servers.write(&place, piece)).max();
        let at_quorum = written.unwrap_or_else(Instant::now) + self.servers.delay();
        if fate == Fate::Unanswered || at_quorum > deadline {
            return self.silence(deadline).await;
        }
        sleep_until(at_quorum).await;
        if !self.passes().await {
            return self.silence(deadline).await;
        }
        Ok(())
    }

    pub async fn change(&self, changes: Vec<Bound>) -> Result<Outcome, Error> {
        let deadline = Instant::now() + DEADLINE;
        let place = place_of(&changes)?;
        if !changes.iter().any(Bound::is_condition) {
            return Err(Error::NotStored("a conditional write without a condition".into()));
        }
        let fate = self.servers.fate(&changes[0]);
        if !self.passes().await || fate == Fate::Lost {
            // It may be carried out when nobody waits for it any more.
            if let Some(late) = self.servers.lateness() {
                self.servers.decide_at(Instant::now() + late, place, changes);
            }
            return self.silence(deadline).await;
        }
        let at = Instant::now() + self.servers.delay();
        let number = self.servers.decide_at(at, place, changes);
        sleep_until(at).await;
        let Some((outcome, at_quorum)) = self.servers.outcome(number) else { return self.silence(deadline).await };
        if fate == Fate::Unanswered || at_quorum > deadline {
            return self.silence(deadline).await;
        }
        sleep_until(at_quorum).await;
        if !self.passes().await {
            return self.silence(deadline).await;
        }
        Ok(outcome)
    }

    /// Waits while the process stands still; whether it reaches the servers then.
    async fn passes(&self) -> bool {
        let mut standing = self.standing.clone();
        let mut now = standing.get();
        loop {
            match now {
                Standing::Reaches => return true,
                Standing::CutOff => return false,
                Standing::Dead => std::future::pending().await,
                Standing::Stopped => {}
            }
            now = standing.changed().await;
        }
    }

    async fn silence<T>(&self, deadline: Instant) -> Result<T, Error> {
        sleep_until(deadline).await;
        self.passes().await;
        Err(Error::Unknown("no answer in time".into()))
    }

    /// As the driver makes them: by the clock of this process, each later than the one before.
    fn next_timestamp(&self) -> i64 {
        let mut newest = self.newest.lock();
        *newest = (self.clock.now_ms() * 1_000).max(*newest + 1);
        *newest
    }
}

/// The one partition of a batch.
fn place_of(batch: &[Bound]) -> Result<replica::Place, Error> {
    let mut places = batch.iter().map(Bound::place).collect::<Result<Vec<_>, _>>().map_err(Error::NotStored)?;
    places.dedup();
    match places.len() {
        1 => Ok(places.remove(0)),
        count => Err(Error::NotStored(format!("a batch of {count} partitions"))),
    }
}
