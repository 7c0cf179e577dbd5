//! The port on ScyllaDB. What waits lies in partitions of an hour of numbers ([`SLOT`]), and which hours have something stands in a
//! partition of the webhook, so that an empty hour costs nothing. A step is not one write, so its parts have an order, and taken again it
//! has the same effect:
//!
//! | order | what a crash after it leaves | who repairs it |
//! |---|---|---|
//! | 1 marks of the hours | a mark of an empty hour | whoever counts removes it, once the hour is over |
//! | 2 what is put | what was told and waits twice: in the durable log, or on the other shelf | it is told twice, under one id |
//! | 3 what is gone | | |
//!
//! Rows end by themselves 90 days after they were put, should nobody ever look at them.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt, TryStreamExt};
use natter_db::Error;
use natter_db::cql::{Cql, Migration, Statement};
use natter_proto::push::v1::WebhookDelivery;
use natter_rpc::async_trait;
use prost::Message;

use super::{Filled, Queue, Shelf, Step};
use crate::hooks::Place;
use crate::writes::Writes;

/// `row`: `push.v1.WebhookDelivery`; `slot`: an hour of numbers.
pub const TABLES: Migration = Migration {
    name: "push/008-webhook-deliveries",
    statements: &[
        "CREATE TABLE IF NOT EXISTS webhook_deliveries (app bigint, id bigint, shelf int, slot bigint, number bigint, row blob, \
         PRIMARY KEY ((app, id, shelf, slot), number)) WITH gc_grace_seconds = 86400",
        "CREATE TABLE IF NOT EXISTS webhook_slots (app bigint, id bigint, shelf int, slot bigint, \
         PRIMARY KEY ((app, id), shelf, slot)) WITH gc_grace_seconds = 86400",
    ],
};

const PUT: Statement = Statement::write(
    "INSERT INTO webhook_deliveries (app, id, shelf, slot, number, row) VALUES (?, ?, ?, ?, ?, ?) USING TTL 7776000",
);
const REMOVE: Statement =
    Statement::write("DELETE FROM webhook_deliveries WHERE app = ? AND id = ? AND shelf = ? AND slot = ? AND number = ?");
const READ: Statement = Statement::read(
    "SELECT row FROM webhook_deliveries WHERE app = ? AND id = ? AND shelf = ? AND slot = ? AND number > ? LIMIT ?",
);
const COUNT: Statement = Statement::read(
    "SELECT count(*), min(number), max(number) FROM webhook_deliveries WHERE app = ? AND id = ? AND shelf = ? AND slot = ?",
);
const CLEAR: Statement = Statement::write("DELETE FROM webhook_deliveries WHERE app = ? AND id = ? AND shelf = ? AND slot = ?");
const MARK: Statement =
    Statement::write("INSERT INTO webhook_slots (app, id, shelf, slot) VALUES (?, ?, ?, ?) USING TTL 7776000");
const UNMARK: Statement = Statement::write("DELETE FROM webhook_slots WHERE app = ? AND id = ? AND shelf = ? AND slot = ?");
const MARKS: Statement = Statement::read("SELECT slot FROM webhook_slots WHERE app = ? AND id = ? AND shelf = ? AND slot >= ?");

/// An hour of numbers. Never changed: rows lie by it.
const SLOT: u64 = 60 * 60 * 1_000_000;
/// Hours that are counted at once.
const AT_ONCE: usize = 8;

/// The engine.
pub struct OnCql {
    cql: Cql,
}

impl OnCql {
    pub fn new(cql: Cql) -> OnCql {
        OnCql { cql }
    }

    /// Hours in which something may lie, ascending.
    async fn slots(&self, (app, id): Place, shelf: Shelf, from: u64) -> Result<Vec<i64>, Error> {
        let values = (app as i64, id as i64, shelf.byte() as i32, slot_of(from));
        Ok(self.cql.rows::<(i64,)>(MARKS, values).await?.into_iter().map(|(slot,)| slot).collect())
    }
}

#[async_trait]
impl Queue for OnCql {
    async fn take(&self, (app, id): Place, step: Step) -> Result<(), Error> {
        let of = |shelf: Shelf, number: u64| (app as i64, id as i64, shelf.byte() as i32, slot_of(number));
        let marks: BTreeSet<(Shelf, i64)> = step.put.iter().map(|(shelf, row)| (*shelf, slot_of(row.number))).collect();
        for (shelf, slot) in marks {
            self.cql.write(MARK, (app as i64, id as i64, shelf.byte() as i32, slot)).await?;
        }
        let mut writes = Writes::default();
        for (shelf, row) in &step.put {
            let (app, id, on, slot) = of(*shelf, row.number);
            let (part, bytes) = (part_of((app, id, on, slot)), row.encode_to_vec());
            writes.push(part, bytes.len(), (PUT, Box::new((app, id, on, slot, row.number as i64, bytes))));
        }
        writes.done(&self.cql).await?;
        let mut writes = Writes::default();
        for (shelf, number) in &step.gone {
            let (app, id, on, slot) = of(*shelf, *number);
            writes.push(part_of((app, id, on, slot)), 0, (REMOVE, Box::new((app, id, on, slot, *number as i64))));
        }
        writes.done(&self.cql).await
    }

    async fn read(&self, place: Place, shelf: Shelf, above: u64, upto: u64, limit: usize) -> Result<Vec<WebhookDelivery>, Error> {
        let (mut found, (app, id)) = (Vec::new(), place);
        for slot in self.slots(place, shelf, above).await? {
            let left = limit - found.len();
            if left == 0 || slot > slot_of(upto) {
                break;
            }
            let most = i32::try_from(left).unwrap_or(i32::MAX);
            let values = (app as i64, id as i64, shelf.byte() as i32, slot, above as i64, most);
            let rows = self.cql.rows::<(Vec<u8>,)>(READ, values).await?;
            for (row,) in rows {
                found.push(WebhookDelivery::decode(row.as_slice()).map_err(|_| corrupt())?);
            }
        }
        Ok(found)
    }

    async fn filled(&self, place: Place, shelf: Shelf, upto: u64) -> Result<Filled, Error> {
        let (app, id) = place;
        let count = async |slot: i64| -> Result<Filled, Error> {
            let values = (app as i64, id as i64, shelf.byte() as i32, slot);
            let counted = self.cql.row::<(i64, Option<i64>, Option<i64>)>(COUNT, values).await?;
            let filled = counted.map_or(Filled::default(), |(count, first, last)| Filled {
                count: count as u64,
                first: first.unwrap_or(0) as u64,
                last: last.unwrap_or(0) as u64,
            });
            // Nothing is put into an hour that is over.
            if filled.count == 0 && slot + 1 < slot_of(upto) {
                self.cql.write(UNMARK, values).await?;
            }
            Ok(filled)
        };
        let slots = stream::iter(self.slots(place, shelf, 0).await?);
        let all: Vec<Filled> = slots.map(count).buffered(AT_ONCE).try_collect().await?;
        Ok(all.into_iter().filter(|filled| filled.count > 0).fold(Filled::default(), |all, one| Filled {
            count: all.count + one.count,
            first: if all.count == 0 { one.first } else { all.first },
            last: one.last,
        }))
    }

    async fn clear(&self, place: Place, upto: u64, max: usize) -> Result<usize, Error> {
        let ((app, id), mut went) = (place, 0);
        for shelf in [Shelf::Waiting, Shelf::Parked] {
            for slot in self.slots(place, shelf, 0).await? {
                if went >= max {
                    return Ok(went);
                }
                let values = (app as i64, id as i64, shelf.byte() as i32, slot);
                let counted = self.cql.row::<(i64, Option<i64>, Option<i64>)>(COUNT, values).await?;
                went += counted.map_or(0, |(count, ..)| count as usize).min(max);
                self.cql.write(CLEAR, values).await?;
                // What is put at this moment keeps its mark.
                if slot < slot_of(upto) {
                    self.cql.write(UNMARK, values).await?;
                }
            }
        }
        Ok(went)
    }
}

fn slot_of(number: u64) -> i64 {
    (number / SLOT) as i64
}

fn part_of((app, id, shelf, slot): (i64, i64, i32, i64)) -> Vec<u8> {
    [&app.to_be_bytes()[..], &id.to_be_bytes(), &shelf.to_be_bytes(), &slot.to_be_bytes()].concat()
}

fn corrupt() -> Error {
    Error::Corrupt("cannot read a row of webhook_deliveries".into())
}
