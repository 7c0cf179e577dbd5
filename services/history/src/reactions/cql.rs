//! Reactions on ScyllaDB: a row of its own for each message that has any, changed on the condition that it is what was read. An app's
//! reactions are found by an index of their partitions, in a bounded number of buckets, which a partition enters before it is written.

use natter_db::cql::{Cql, Migration, Statement};
use natter_proto::AppId;
use natter_proto::history::v1::Reactions;
use natter_rpc::async_trait;
use prost::Message as _;

use super::ReactionStore;
use super::row::{self, Bounds, Reacted};
use crate::error::Error;
use crate::log::DialogKey;
use crate::log::cql::{BUCKETS, bucket_of};
use crate::options::Options;
use crate::ranges::Ranges;

/// `part`: so many rows of a dialog that lie together. `row`: `history.v1.Reactions`.
pub const TABLES: Migration = Migration {
    name: "history/003-reactions",
    statements: &[
        "CREATE TABLE IF NOT EXISTS reactions (app bigint, dialog blob, part bigint, seq bigint, row blob, \
         PRIMARY KEY ((app, dialog, part), seq))",
        "CREATE TABLE IF NOT EXISTS reaction_parts (app bigint, bucket int, dialog blob, part bigint, \
         PRIMARY KEY ((app, bucket), dialog, part))",
    ],
};

const GET: Statement = Statement::read("SELECT row FROM reactions WHERE app = ? AND dialog = ? AND part = ? AND seq = ?");
const SPAN: Statement =
    Statement::read("SELECT seq, row FROM reactions WHERE app = ? AND dialog = ? AND part = ? AND seq >= ? AND seq <= ?");
/// Nothing in place of a row takes it away.
const SWAP: Statement =
    Statement::change("UPDATE reactions SET row = ? WHERE app = ? AND dialog = ? AND part = ? AND seq = ? IF row = ?");
const ERASE: Statement = Statement::write("DELETE FROM reactions WHERE app = ? AND dialog = ? AND part = ?");
const ENTER: Statement = Statement::write("INSERT INTO reaction_parts (app, bucket, dialog, part) VALUES (?, ?, ?, ?)");
const LEAVE: Statement = Statement::write("DELETE FROM reaction_parts WHERE app = ? AND bucket = ? AND dialog = ? AND part = ?");
const PARTS: Statement =
    Statement::read("SELECT dialog, part FROM reaction_parts WHERE app = ? AND bucket = ? AND (dialog, part) > (?, ?) LIMIT ?");

/// Messages of one partition.
const PART: u64 = 256;
/// Rows read at once.
const CHUNK: u64 = 64;
/// How often a reaction is decided again because another one to the same row came between.
const TRIES: usize = 64;

/// The engine.
pub struct OnCql {
    cql: Cql,
    bounds: Bounds,
    reply_bytes: usize,
}

type Part = (Vec<u8>, i64);

impl OnCql {
    /// Reactions in a keyspace with [`TABLES`], with the bounds of the options.
    pub fn new(cql: Cql, options: &Options) -> OnCql {
        let bounds = Bounds { per_user: options.reactions_per_user, per_row: options.reactions_per_row };
        OnCql { cql, bounds, reply_bytes: options.reply_bytes }
    }

    /// Decides on what is there until nobody comes between. Answers whether it changed anything.
    async fn decide(
        &self,
        app: AppId,
        (dialog, part): &Part,
        seq: u64,
        decide: impl Fn(&mut Reactions) -> Result<bool, Error> + Send + Sync,
    ) -> Result<bool, Error> {
        let mut is_doubtful = false;
        for _ in 0..TRIES {
            let place = (app.0 as i64, dialog.clone(), *part, seq as i64);
            let stored = self.cql.row::<(Option<Vec<u8>>,)>(GET, place).await?.and_then(|(row,)| row);
            let mut reactions = match &stored {
                Some(row) => decode(row)?,
                None => Reactions { seq, all: Vec::new() },
            };
            if !decide(&mut reactions)? {
                // Either it was like that, or a write whose outcome was not known did it.
                return Ok(is_doubtful);
            }
            if stored.is_none() {
                self.cql.write(ENTER, (app.0 as i64, bucket_of(dialog), dialog.clone(), *part)).await?;
            }
            let row = (!reactions.all.is_empty()).then(|| reactions.encode_to_vec());
            let values = (row, app.0 as i64, dialog.clone(), *part, seq as i64, stored);
            match self.cql.change(SWAP, values).await {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(natter_db::Error::Unknown(_)) => is_doubtful = true,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }

    async fn span(&self, app: AppId, (dialog, part): &Part, from: u64, upto: u64) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        let values = (app.0 as i64, dialog.clone(), *part, from as i64, upto as i64);
        let read = self.cql.rows::<(i64, Option<Vec<u8>>)>(SPAN, values).await?;
        Ok(read.into_iter().filter_map(|(seq, row)| Some((seq as u64, row?))).collect())
    }

    /// The next partitions of a bucket.
    async fn parts(&self, app: AppId, bucket: i32, (dialog, part): Part, max: i32) -> Result<Vec<Part>, Error> {
        Ok(self.cql.rows::<Part>(PARTS, (app.0 as i64, bucket, dialog, part, max)).await?)
    }
}

#[async_trait]
impl ReactionStore for OnCql {
    async fn react(&self, key: DialogKey, seq: u64, reacted: Reacted) -> Result<bool, Error> {
        let part = (key.dialog.to_vec(), (seq / PART) as i64);
        self.decide(key.app, &part, seq, |reactions| row::react(reactions, &reacted, self.bounds)).await
    }

    async fn of(&self, key: DialogKey, mut places: Ranges) -> Result<(Vec<Reactions>, bool), Error> {
        let (mut found, mut bytes) = (Vec::new(), 0);
        while let Some(first) = places.first() {
            let part = first.from / PART;
            let (from, upto) = (first.from, (first.from + CHUNK - 1).min(part * PART + PART - 1));
            let wanted = places.within(from, upto);
            places.drop_upto(upto);
            for (seq, row) in self.span(key.app, &(key.dialog.to_vec(), part as i64), from, upto).await? {
                if !wanted.contains(seq) {
                    continue;
                }
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
        let mut count = 0;
        for bucket in 0..BUCKETS {
            loop {
                let parts = self.parts(app, bucket, (Vec::new(), -1), 32).await?;
                if parts.is_empty() {
                    break;
                }
                for part in parts {
                    if count >= max {
                        return Ok(count);
                    }
                    // One at least, so that who counts goes on.
                    count += self.span(app, &part, 0, i64::MAX as u64).await?.len().max(1);
                    let (dialog, number) = part;
                    self.cql.write(ERASE, (app.0 as i64, dialog.clone(), number)).await?;
                    self.cql.write(LEAVE, (app.0 as i64, bucket, dialog, number)).await?;
                }
            }
        }
        Ok(count)
    }

    async fn erase_user(&self, app: AppId, user: u64, after: &[u8], max: usize) -> Result<(usize, Vec<u8>), Error> {
        // Where it goes on: a bucket, the number of a part, a dialog.
        let (mut bucket, mut from): (i32, Part) = match after {
            [] => (0, (Vec::new(), -1)),
            [bucket, rest @ ..] => {
                let (part, dialog) = rest.split_first_chunk::<8>().ok_or(Error::Invalid("after", "is not a place"))?;
                (i32::from(*bucket), (dialog.to_vec(), i64::from_be_bytes(*part)))
            }
        };
        let (mut changed, mut seen) = (0, 0);
        while bucket < BUCKETS {
            let parts = self.parts(app, bucket, from.clone(), 1).await?;
            let Some(part) = parts.into_iter().next() else {
                (bucket, from) = (bucket + 1, (Vec::new(), -1));
                continue;
            };
            for (seq, row) in self.span(app, &part, 0, i64::MAX as u64).await? {
                seen += 1;
                if row::take_away(&mut decode(&row)?, user) {
                    let took = self.decide(app, &part, seq, |reactions| Ok(row::take_away(reactions, user)));
                    changed += usize::from(took.await?);
                }
            }
            if seen >= max {
                let (dialog, number) = part;
                return Ok((changed, [&[bucket as u8], &number.to_be_bytes()[..], &dialog].concat()));
            }
            from = part;
        }
        Ok((changed, Vec::new()))
    }
}

fn decode(row: &[u8]) -> Result<Reactions, Error> {
    Reactions::decode(row).map_err(|_| Error::Corrupt("the reactions to a message"))
}
