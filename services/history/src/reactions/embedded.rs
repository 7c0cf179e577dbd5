//! Reactions on a key-value store: a row of its own for each message that has any. A write says what it was decided on, so
//! that of two at once the later one is decided again.

use bytes::Bytes;
use natter_db::{Batch, KeyRange, Kv, Table};
use natter_proto::AppId;
use natter_proto::history::v1::Reactions;
use natter_rpc::async_trait;
use prost::Message as _;

use super::ReactionStore;
use super::row::{self, Bounds, Reacted};
use crate::error::Error;
use crate::log::DialogKey;
use crate::options::Options;
use crate::ranges::Ranges;

/// app, dialog, seq -> `history.v1.Reactions`.
const REACTIONS: Table = Table("reactions");

/// How often a reaction is decided again because another one to the same row came between.
const TRIES: usize = 64;
/// Rows read at once.
const CHUNK: u64 = 64;

/// The embedded engine.
pub struct EmbeddedReactions {
    kv: Kv,
    bounds: Bounds,
    reply_bytes: usize,
}

impl EmbeddedReactions {
    /// Reactions in `kv`, with the bounds of the options.
    pub fn new(kv: Kv, options: &Options) -> EmbeddedReactions {
        let bounds = Bounds { per_user: options.reactions_per_user, per_row: options.reactions_per_row };
        EmbeddedReactions { kv, bounds, reply_bytes: options.reply_bytes }
    }
}

#[async_trait]
impl ReactionStore for EmbeddedReactions {
    async fn react(&self, key: DialogKey, seq: u64, reacted: Reacted) -> Result<bool, Error> {
        let place = place(key, seq);
        for _ in 0..TRIES {
            let stored = self.kv.get(REACTIONS, &place).await?;
            let mut reactions = match &stored {
                Some(row) => decode(row)?,
                None => Reactions { seq, all: Vec::new() },
            };
            if !row::react(&mut reactions, &reacted, self.bounds)? {
                return Ok(false);
            }
            let mut batch = Batch::new();
            match stored {
                Some(row) => batch.require_equal(REACTIONS, place.clone(), row),
                None => batch.require_absent(REACTIONS, place.clone()),
            }
            match reactions.all.is_empty() {
                true => batch.delete(REACTIONS, place.clone()),
                false => batch.put(REACTIONS, place.clone(), reactions.encode_to_vec()),
            }
            match self.kv.commit(batch).await {
                Err(natter_db::Error::Condition) => {}
                outcome => return Ok(outcome.map(|()| true)?),
            }
        }
        Err(Error::Busy)
    }

    async fn of(&self, key: DialogKey, mut places: Ranges) -> Result<(Vec<Reactions>, bool), Error> {
        let (mut found, mut bytes) = (Vec::new(), 0);
        while !places.is_empty() {
            let keys = places.take_first(CHUNK).numbers().map(|seq| place(key, seq)).collect();
            for row in self.kv.multi_get(REACTIONS, keys).await?.into_iter().flatten() {
                bytes += row.len();
                if bytes > self.reply_bytes && !found.is_empty() {
                    return Ok((found, true));
                }
                found.push(decode(&row)?);
            }
        }
        Ok((found, false))
    }

    async fn erase_app(&self, app: AppId, max: usize) -> Result<usize, Error> {
        Ok(self.kv.clear(REACTIONS, KeyRange::prefix(app.0.to_be_bytes()), max).await?)
    }

    async fn erase_user(&self, app: AppId, user: u64, after: &[u8], max: usize) -> Result<(usize, Vec<u8>), Error> {
        let from = if after.is_empty() { app.0.to_be_bytes().to_vec() } else { [after, &[0]].concat() };
        let range = KeyRange::between(from, app.0.saturating_add(1).to_be_bytes());
        let rows = self.kv.scan(REACTIONS, range, max).await?;
        let mut changed = 0;
        for (key, row) in &rows {
            changed += usize::from(self.take_away(key, row, user).await?);
        }
        Ok((changed, rows.last().filter(|_| rows.len() == max).map(|(key, _)| key.to_vec()).unwrap_or_default()))
    }
}

impl EmbeddedReactions {
    /// Takes a user out of a row, decided again if somebody else reacted meanwhile.
    async fn take_away(&self, key: &Bytes, row: &Bytes, user: u64) -> Result<bool, Error> {
        let mut stored = row.clone();
        for _ in 0..TRIES {
            let mut reactions = decode(&stored)?;
            if !row::take_away(&mut reactions, user) {
                return Ok(false);
            }
            let mut batch = Batch::new();
            batch.require_equal(REACTIONS, key.to_vec(), stored);
            match reactions.all.is_empty() {
                true => batch.delete(REACTIONS, key.to_vec()),
                false => batch.put(REACTIONS, key.to_vec(), reactions.encode_to_vec()),
            }
            match self.kv.commit(batch).await {
                Err(natter_db::Error::Condition) => {}
                outcome => return Ok(outcome.map(|()| true)?),
            }
            let Some(now) = self.kv.get(REACTIONS, key).await? else { return Ok(false) };
            stored = now;
        }
        Err(Error::Busy)
    }
}

fn place(key: DialogKey, seq: u64) -> Vec<u8> {
    [&key.app.0.to_be_bytes()[..], &key.dialog.0, &seq.to_be_bytes()].concat()
}

fn decode(row: &[u8]) -> Result<Reactions, Error> {
    Reactions::decode(row).map_err(|_| Error::Corrupt("the reactions to a message"))
}
