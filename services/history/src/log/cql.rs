//! The log on ScyllaDB, written by many processes: decision 0028, with its names. Each of them may believe that a dialog is its own;
//! segments keep them apart. This file is the port; how it is kept lies in the files beside it.
//!
//! - `drive` carries out what `takeover` decides; `append` is `Post` and `Look`; `owned` the memory of what this boot writes.
//! - `read` is what anybody sees; `change` edits; `wipe` and `erase` forget; `told` tells the durable log.
//! - `segments`, `rows`, `ids`, `members`, `facts`: one group of statements each, on the tables of `tables`.

mod append;
mod change;
mod drive;
mod erase;
mod facts;
mod ids;
mod marks;
mod members;
mod owned;
mod read;
mod rows;
mod segments;
mod senders;
mod tables;
#[cfg(test)]
mod tests;
mod told;
mod wipe;

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use natter_actor::Clock;
use natter_db::Cql;
use natter_proto::event::v1::{Change, Message};
use natter_proto::history::v1::IdRow;
use natter_proto::{AppId, DialogId, MessageId};
use natter_rpc::async_trait;
use parking_lot::Mutex;
use tracing::Instrument;

use self::erase::AppDialogs;
use self::facts::DialogFacts;
use self::ids::Ids;
use self::members::MemberRanges;
use self::owned::Dialogs;
use self::rows::Rows;
use self::segments::Segments;
pub use self::tables::TABLES;
pub(crate) use self::tables::{BUCKETS, bucket_of};
pub use self::told::Told;
use super::segment::Boot;
use super::{Append, Changed, DialogKey, MessageLog, Moved};
use crate::edit::Edit;
use crate::error::Error;
use crate::head::Head;
use crate::member::{Member, Move};
use crate::ranges::Ranges;

/// Members read at once.
const AT_ONCE: usize = 32;

/// How the engine is set up.
pub struct Setup {
    /// Made at random for this run of the process.
    pub boot: Boot,
    /// Rows of a segment.
    pub segment_rows: u32,
    /// Dialogs kept in memory for writing.
    pub dialogs_max: usize,
    /// Changes of a dialog that are shown.
    pub changes_kept: u64,
}

/// The engine.
pub struct OnCql(Arc<Engine>);

struct Engine {
    boot: Boot,
    segment_rows: u32,
    changes_kept: u64,
    clock: Clock,
    owned: Dialogs,
    segments: Segments,
    rows: Rows,
    ids: Ids,
    members: MemberRanges,
    facts: DialogFacts,
    apps: AppDialogs,
    told: Arc<Told>,
    wiping: Mutex<BTreeSet<DialogKey>>,
}

impl OnCql {
    /// The log in a keyspace with [`TABLES`].
    pub fn new(cql: Cql, setup: Setup, told: Arc<Told>, clock: Clock) -> OnCql {
        OnCql(Arc::new(Engine {
            boot: setup.boot,
            segment_rows: setup.segment_rows.max(1),
            changes_kept: setup.changes_kept,
            clock,
            owned: Dialogs::new(setup.dialogs_max),
            segments: Segments::new(cql.clone()),
            rows: Rows { cql: cql.clone() },
            ids: Ids { cql: cql.clone() },
            members: MemberRanges { cql: cql.clone() },
            facts: DialogFacts { cql: cql.clone() },
            apps: AppDialogs { cql },
            told,
            wiping: Mutex::default(),
        }))
    }

    /// In a task of its own: who asked may be dropped, and it goes on all the same.
    async fn surely<T, F>(&self, write: impl FnOnce(Arc<Engine>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let ending = || Error::Store(natter_db::Error::Unknown("the process is ending".into()));
        tokio::spawn(write(self.0.clone()).in_current_span()).await.unwrap_or_else(|_| Err(ending()))
    }
}

#[async_trait]
impl MessageLog for OnCql {
    async fn append(&self, key: DialogKey, append: Append) -> Result<u64, Error> {
        self.surely(async move |engine| engine.append(key, append).await).await
    }

    async fn load(&self, key: DialogKey) -> Result<Head, Error> {
        self.surely(async move |engine| {
            let newest = engine.own(key).await?;
            let facts = engine.facts.get(key).await?;
            engine.settle_newest(key, facts.stamp).await?;
            if facts.wiped < facts.cleared {
                engine.wipe_later(key);
            }
            Ok(facts.head(newest))
        })
        .await
    }

    async fn heads(&self, app: AppId, dialogs: &[DialogId]) -> Result<Vec<Head>, Error> {
        self.0.heads(app, dialogs).await
    }

    async fn rows(&self, key: DialogKey, places: &Ranges) -> Result<Vec<Message>, Error> {
        self.0.rows(key, places).await
    }

    async fn pick(&self, app: AppId, places: &[(DialogId, u64)]) -> Result<Vec<Option<Message>>, Error> {
        self.0.pick(app, places).await
    }

    async fn find(&self, app: AppId, ids: &[MessageId], dialogs: &[DialogId]) -> Result<Vec<Vec<(DialogId, IdRow)>>, Error> {
        self.0.find(app, ids, dialogs).await
    }

    async fn change(&self, key: DialogKey, seq: u64, edit: Edit, user: u64, now: i64) -> Result<Changed, Error> {
        self.surely(async move |engine| engine.change(key, seq, edit, user, now).await).await
    }

    async fn clear(&self, key: DialogKey) -> Result<u64, Error> {
        self.surely(async move |engine| {
            let head = engine.head(key).await?;
            if head.cleared < head.seq {
                engine.facts.clear(key, head.seq).await?;
            }
            if head.wiped < head.seq {
                engine.wipe_later(key);
            }
            Ok(head.seq)
        })
        .await
    }

    async fn changes(&self, key: DialogKey, above: u64, max: usize) -> Result<Vec<Change>, Error> {
        self.0.changes(key, above, max).await
    }

    async fn newest_changes(&self, key: DialogKey, max: usize) -> Result<Vec<Change>, Error> {
        self.0.newest_changes(key, max).await
    }

    async fn move_member(&self, key: DialogKey, user: u64, to: Move) -> Result<Moved, Error> {
        self.surely(async move |engine| {
            let (head, ..) = engine.newest(key).await?;
            let changed = engine.members.moved(key, user, &[to.cut(head)]).await?;
            Ok(Moved { changed, head })
        })
        .await
    }

    async fn join(&self, key: DialogKey, users: &[u64]) -> Result<(), Error> {
        let users = users.to_vec();
        self.surely(async move |engine| match engine.newest(key).await? {
            (0, ..) => Ok(()),
            (head, ..) => engine.members.join(key, &users, head).await,
        })
        .await
    }

    async fn members(&self, app: AppId, of: &[(DialogId, u64)]) -> Result<Vec<Member>, Error> {
        let read = stream::iter(of.to_vec());
        let read = read.map(|(dialog, user)| self.0.members.get(DialogKey { app, dialog }, user));
        read.buffered(AT_ONCE).try_collect().await
    }

    async fn everyone(&self, key: DialogKey) -> Result<Vec<Member>, Error> {
        self.0.members.everyone(key).await
    }

    async fn erase(&self, app: AppId, max: usize) -> Result<(usize, usize), Error> {
        self.0.erase(app, max).await
    }
}
