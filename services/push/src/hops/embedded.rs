//! The port on a key-value store that one process has to itself. Numbers in keys are big-endian.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use natter_db::{Batch, Error, KeyRange, Kv, Table};
use natter_proto::trace::v1::{Hop, Kind};
use natter_rpc::async_trait;
use prost::Message;

use super::{About, Hops};

/// app, dialog, seq, at, a number -> `trace.v1.Hop`.
const HOPS: Table = Table("trace_hops");
/// app, message -> dialog, seq.
const PLACES: Table = Table("trace_places");
/// app -> until, unix milliseconds.
const SWITCHES: Table = Table("trace_switches");

/// Rows looked at together.
const PAGE: usize = 1_000;
/// Bytes of an app, and of a dialog and a number.
const APP: usize = 8;
const PLACE: usize = 20;

/// The engine.
pub struct Embedded {
    kv: Kv,
    /// Tells hops of one moment apart.
    numbers: AtomicU64,
}

impl Embedded {
    /// `first_number`: above those of earlier processes of the same millisecond.
    pub fn new(kv: Kv, first_number: u64) -> Embedded {
        Embedded { kv, numbers: AtomicU64::new(first_number) }
    }

    /// Removes from the rows of a page what `is_over`. How many that were.
    async fn clear(&self, rows: &[(Bytes, Bytes)], is_over: impl Fn(&Hop) -> bool) -> Result<usize, Error> {
        let (mut batch, mut count) = (Batch::new(), 0);
        batch.relaxed();
        for (key, value) in rows {
            let hop = read(value)?;
            if is_over(&hop) {
                if hop.kind() == Kind::Ordered {
                    batch.delete(PLACES, place_key(hop.app, &hop.message));
                }
                batch.delete(HOPS, key.to_vec());
                count += 1;
            }
        }
        if count > 0 {
            self.kv.commit(batch).await?;
        }
        Ok(count)
    }

    /// A page of hops, and where the next one begins.
    async fn page(&self, from: &[u8], upto: &[u8]) -> Result<(Vec<(Bytes, Bytes)>, Option<Vec<u8>>), Error> {
        let rows = self.kv.scan(HOPS, KeyRange::between(from, upto), PAGE).await?;
        let next = rows.last().filter(|_| rows.len() == PAGE).map(|(last, _)| [last.as_ref(), &[0]].concat());
        Ok((rows, next))
    }
}

#[async_trait]
impl Hops for Embedded {
    async fn keep(&self, hops: &[Hop]) -> Result<(), Error> {
        let mut batch = Batch::new();
        batch.relaxed();
        for hop in hops {
            let (app, place) = (hop.app.to_be_bytes(), [&hop.dialog[..], &hop.seq.to_be_bytes()].concat());
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            if hop.kind() == Kind::Ordered {
                batch.put(PLACES, place_key(hop.app, &hop.message), place.clone());
            }
            let key = [&app[..], &place, &hop.at.to_be_bytes(), &number.to_be_bytes()].concat();
            batch.put(HOPS, key, hop.encode_to_vec());
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.kv.commit(batch).await
    }

    async fn of(&self, app: u64, about: About, limit: usize) -> Result<Vec<Hop>, Error> {
        let place = match about {
            About::Place(dialog, seq) => [&dialog.to_vec()[..], &seq.to_be_bytes()].concat(),
            About::Message(message) => match self.kv.get(PLACES, &place_key(app, &message.to_vec())).await? {
                Some(place) => place.to_vec(),
                None => return Ok(Vec::new()),
            },
        };
        let rows = self.kv.scan(HOPS, KeyRange::prefix([&app.to_be_bytes()[..], &place].concat()), limit).await?;
        rows.iter().map(|(_, value)| read(value)).collect()
    }

    async fn switch(&self, app: u64, until: i64) -> Result<(), Error> {
        let mut batch = Batch::new();
        match until {
            0 => batch.delete(SWITCHES, app.to_be_bytes()),
            until => batch.put(SWITCHES, app.to_be_bytes(), until.to_be_bytes().to_vec()),
        }
        self.kv.commit(batch).await
    }

    async fn switches(&self) -> Result<Vec<(u64, i64)>, Error> {
        let rows = self.kv.scan(SWITCHES, KeyRange::prefix([]), usize::MAX).await?;
        let read = |bytes: &[u8]| bytes.try_into().map_err(|_| corrupt(SWITCHES));
        let rows = rows.iter().map(|(app, until)| Ok((u64::from_be_bytes(read(app)?), i64::from_be_bytes(read(until)?))));
        rows.collect()
    }

    async fn sweep(&self, after: Option<Vec<u8>>, before: i64) -> Result<Option<Vec<u8>>, Error> {
        let (rows, next) = self.page(&after.unwrap_or_default(), &[u8::MAX; 48]).await?;
        self.clear(&rows, |hop| hop.at < before).await?;
        Ok(next)
    }

    async fn erase(&self, app: u64, user: Option<u64>, after: Option<Vec<u8>>) -> Result<(usize, Option<Vec<u8>>), Error> {
        let from = after.unwrap_or_else(|| app.to_be_bytes().to_vec());
        let upto = [&app.to_be_bytes()[..], &[u8::MAX; PLACE + 20]].concat();
        let (rows, next) = self.page(&from, &upto).await?;
        let count = self.clear(&rows, |hop| user.is_none_or(|user| hop.user == user)).await?;
        if user.is_none() && next.is_none() {
            self.switch(app, 0).await?;
        }
        Ok((count, next))
    }
}

fn place_key(app: u64, message: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(APP + message.len());
    key.extend_from_slice(&app.to_be_bytes());
    key.extend_from_slice(message);
    key
}

fn read(value: &[u8]) -> Result<Hop, Error> {
    Hop::decode(value).map_err(|_| corrupt(HOPS))
}

fn corrupt(table: Table) -> Error {
    Error::Corrupt(format!("cannot read a row of {}", table.0))
}
