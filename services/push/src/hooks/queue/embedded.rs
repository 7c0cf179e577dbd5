//! The port on a key-value store. Numbers in keys are big-endian, so that scans run in the order of numbers.

use natter_db::{Batch, Error, KeyRange, Kv, Table};
use natter_proto::push::v1::WebhookDelivery;
use natter_rpc::async_trait;
use prost::Message;

use super::{Filled, Queue, Shelf, Step};
use crate::hooks::Place;

/// app, webhook, shelf, number -> `push.v1.WebhookDelivery`.
const DELIVERIES: Table = Table("webhook_deliveries");

/// Rows read at once where all are looked at.
const PAGE: usize = 1_000;

/// The engine.
pub struct Embedded {
    kv: Kv,
}

impl Embedded {
    pub fn new(kv: Kv) -> Embedded {
        Embedded { kv }
    }
}

#[async_trait]
impl Queue for Embedded {
    async fn take(&self, place: Place, step: Step) -> Result<(), Error> {
        let mut batch = Batch::new();
        if step.put.is_empty() {
            // What a machine loses with its power is sent once more.
            batch.relaxed();
        }
        step.gone.iter().for_each(|(shelf, number)| batch.delete(DELIVERIES, key(place, *shelf, *number)));
        step.put.iter().for_each(|(shelf, row)| batch.put(DELIVERIES, key(place, *shelf, row.number), row.encode_to_vec()));
        if batch.is_empty() { Ok(()) } else { self.kv.commit(batch).await }
    }

    async fn read(&self, place: Place, shelf: Shelf, above: u64, _: u64, limit: usize) -> Result<Vec<WebhookDelivery>, Error> {
        let range = KeyRange::between(key(place, shelf, above.saturating_add(1)), key(place, shelf, u64::MAX));
        let rows = self.kv.scan(DELIVERIES, range, limit).await?;
        rows.iter().map(|(_, row)| WebhookDelivery::decode(row.as_ref()).map_err(|_| corrupt())).collect()
    }

    async fn filled(&self, place: Place, shelf: Shelf, _: u64) -> Result<Filled, Error> {
        let (mut filled, mut above) = (Filled::default(), 0);
        loop {
            let range = KeyRange::between(key(place, shelf, above), key(place, shelf, u64::MAX));
            let rows = self.kv.scan(DELIVERIES, range, PAGE).await?;
            let numbers = rows.iter().map(|(key, _)| number(key)).collect::<Result<Vec<u64>, Error>>()?;
            if let (0, Some(first)) = (filled.count, numbers.first()) {
                filled.first = *first;
            }
            filled.count += numbers.len() as u64;
            filled.last = numbers.last().copied().unwrap_or(filled.last);
            if numbers.len() < PAGE {
                return Ok(filled);
            }
            above = filled.last + 1;
        }
    }

    async fn clear(&self, (app, id): Place, _: u64, max: usize) -> Result<usize, Error> {
        self.kv.clear(DELIVERIES, KeyRange::prefix([app.to_be_bytes(), id.to_be_bytes()].concat()), max).await
    }
}

fn key((app, id): Place, shelf: Shelf, number: u64) -> Vec<u8> {
    [&app.to_be_bytes()[..], &id.to_be_bytes(), &[shelf.byte()], &number.to_be_bytes()].concat()
}

fn number(key: &[u8]) -> Result<u64, Error> {
    let bytes = key.get(17..25).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u64::from_be_bytes).ok_or_else(corrupt)
}

fn corrupt() -> Error {
    Error::Corrupt(format!("cannot read a row of {}", DELIVERIES.0))
}
