//! The port on a key-value store: keys, rows and conditions. Knows no rule of the noun. Numbers in keys are big-endian.

use std::ops::Range;

use natter_db::{Batch, Error as DbError, KeyRange, Kv, Table};
use natter_proto::push::v1::{ListReply, Subscription};
use natter_rpc::async_trait;
use prost::Message;

use super::{Error, Kept, Result, Stamp, Subscriptions};

/// app, user -> `push.v1.ListReply`: all of the user.
const SUBSCRIPTIONS: Table = Table("subscriptions");
/// app -> how many there are.
const SUBSCRIPTION_COUNTS: Table = Table("subscription_counts");
const SUBSCRIPTION_ID_BLOCKS: Table = Table("subscription_id_blocks");

/// How often a step that met another writer of the same app's count is tried. Of those who try at once one goes through each
/// time, so this many may be at it.
const TRIES: usize = 1_024;

/// The engine.
pub struct Embedded {
    kv: Kv,
}

impl Embedded {
    pub fn new(kv: Kv) -> Embedded {
        Embedded { kv }
    }

    async fn weigh(&self, batch: &mut Batch, app: u64, (before, after): (u64, u64), limit: u64) -> Result<()> {
        let found = self.kv.get(SUBSCRIPTION_COUNTS, &app.to_be_bytes()).await?;
        let count = found.as_deref().map(|row| number(SUBSCRIPTION_COUNTS, row)).transpose()?.unwrap_or_default();
        let count_after = (count + after).saturating_sub(before);
        if after > before && count_after > limit {
            return Err(Error::Full);
        }
        match found {
            Some(found) => batch.require_equal(SUBSCRIPTION_COUNTS, app.to_be_bytes(), found),
            None => batch.require_absent(SUBSCRIPTION_COUNTS, app.to_be_bytes()),
        }
        batch.put(SUBSCRIPTION_COUNTS, app.to_be_bytes(), count_after.to_be_bytes().to_vec());
        Ok(())
    }
}

#[async_trait]
impl Subscriptions for Embedded {
    async fn take_block(&self, length: u64) -> Result<Range<u64>> {
        const COUNTER: &[u8] = b"subscriptions";
        for _ in 0..TRIES {
            let found = self.kv.get(SUBSCRIPTION_ID_BLOCKS, COUNTER).await?;
            let first = found.as_deref().map(|row| number(SUBSCRIPTION_ID_BLOCKS, row)).transpose()?.unwrap_or(1);
            let mut batch = Batch::new();
            match found {
                Some(found) => batch.require_equal(SUBSCRIPTION_ID_BLOCKS, COUNTER, found),
                None => batch.require_absent(SUBSCRIPTION_ID_BLOCKS, COUNTER),
            }
            batch.put(SUBSCRIPTION_ID_BLOCKS, COUNTER, (first + length).to_be_bytes().to_vec());
            match self.kv.commit(batch).await {
                Err(DbError::Condition) => {}
                outcome => return Ok(outcome.map(|()| first..first + length)?),
            }
        }
        Err(Error::Changed)
    }

    async fn of_user(&self, app: u64, user: u64) -> Result<Kept> {
        let found = self.kv.get(SUBSCRIPTIONS, &key(app, user)).await?;
        let rows = found.as_deref().map(rows_of).transpose()?.unwrap_or_default();
        Ok(Kept { app, user, rows, stamp: Stamp(found) })
    }

    async fn of_users(&self, app: u64, users: &[u64]) -> Result<Vec<Vec<Subscription>>> {
        let found = self.kv.multi_get(SUBSCRIPTIONS, users.iter().map(|user| key(app, *user)).collect()).await?;
        found.into_iter().map(|row| row.as_deref().map_or(Ok(Vec::new()), rows_of)).collect()
    }

    async fn change(&self, before: &Kept, after: Vec<Subscription>, limit: u64) -> Result<()> {
        let key = key(before.app, before.user);
        let counts = (before.rows.len() as u64, after.len() as u64);
        let row = ListReply { subscriptions: after }.encode_to_vec();
        for _ in 0..TRIES {
            let mut batch = Batch::new();
            match &before.stamp.0 {
                Some(found) => batch.require_equal(SUBSCRIPTIONS, key.clone(), found.clone()),
                None => batch.require_absent(SUBSCRIPTIONS, key.clone()),
            }
            match counts.1 {
                0 => batch.delete(SUBSCRIPTIONS, key.clone()),
                _ => batch.put(SUBSCRIPTIONS, key.clone(), row.clone()),
            }
            if counts.0 != counts.1 {
                self.weigh(&mut batch, before.app, counts, limit).await?;
            }
            match self.kv.commit(batch).await {
                Err(DbError::Condition) => {}
                outcome => return Ok(outcome?),
            }
            // Either they were written meanwhile, or only the count.
            if self.kv.get(SUBSCRIPTIONS, &key).await? != before.stamp.0 {
                return Err(Error::Changed);
            }
        }
        Err(Error::Changed)
    }

    async fn users_of(&self, app: u64, limit: usize) -> Result<Vec<u64>> {
        let rows = self.kv.scan(SUBSCRIPTIONS, KeyRange::prefix(app.to_be_bytes()), limit).await?;
        rows.iter().map(|(key, _)| Ok(number(SUBSCRIPTIONS, key.get(8..).unwrap_or_default())?)).collect()
    }

    async fn count(&self, app: u64) -> Result<u64> {
        let found = self.kv.get(SUBSCRIPTION_COUNTS, &app.to_be_bytes()).await?;
        Ok(found.as_deref().map(|row| number(SUBSCRIPTION_COUNTS, row)).transpose()?.unwrap_or_default())
    }

    async fn forget_count(&self, app: u64) -> Result<()> {
        self.kv.clear(SUBSCRIPTION_COUNTS, KeyRange::prefix(app.to_be_bytes()), 1).await?;
        Ok(())
    }
}

fn key(app: u64, user: u64) -> Vec<u8> {
    [app.to_be_bytes(), user.to_be_bytes()].concat()
}

fn rows_of(row: &[u8]) -> Result<Vec<Subscription>> {
    Ok(ListReply::decode(row).map_err(|_| corrupt(SUBSCRIPTIONS))?.subscriptions)
}

fn number(table: Table, row: &[u8]) -> std::result::Result<u64, DbError> {
    row.try_into().map(u64::from_be_bytes).map_err(|_| corrupt(table))
}

fn corrupt(table: Table) -> DbError {
    DbError::Corrupt(format!("cannot read a row of {}", table.0))
}
