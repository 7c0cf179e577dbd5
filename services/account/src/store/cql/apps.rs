//! Apps: a row under the id, in 16 partitions by it, and a reservation of each auth key and of each name of a door. Every write is
//! conditional.
//!
//! What holds is the app's row: an auth key or a name is an app's if its row has it. A reservation says who may write it into his row,
//! and in which step: *the step of app A from version v of its row to v + 1*. Each step moves the version by one, so
//!
//! - a reservation whose row has the name is **held**;
//! - one whose row lacks it, and is at v, is **pending**: the step may still be taken;
//! - one whose row lacks it, and is beyond v, is **dead**: that step cannot be taken any more. Whoever wants the name takes it over.
//!
//! A pending one of another app is respected for a minute. Then whoever wants the name moves the row of its app on by a version, without
//! changing it: if its writer still lives, his step fails (`Changed`), and the reservation is dead. So no clock decides whose a name is;
//! it decides how long one waits. The row of an id that has no app may have a version all the same: it is then no app.
//!
//! The steps of a change from version v, and what a crash behind each leaves:
//!
//! | step | then a crash leaves | who repairs it |
//! |---|---|---|
//! | 1. reserve the names that come, for v | pending reservations; lookups find nobody, as the row lacks them | whoever wants one, after a minute; the same app at once |
//! | 2. the row, if at v; with the mark `erasing` if an erasure begins | reservations of names that went, which are dead; an erasure that has not begun | whoever wants one; the next list of apps begins it |
//! | 3. free the names that went, if they were reserved before this step | | |
//! | 4. the erasure, if there is none | the mark | the next list of apps finds the erasure there |
//! | 5. take the mark away | | |
//!
//! A step that is refused in 1 frees what it reserved. An app is added by the same steps, from version 0.

use std::collections::BTreeSet;
use std::sync::Arc;

use natter_actor::Clock;
use natter_db::Cql;
use natter_db::cql::{Migration, Statement};
use natter_proto::account::v1::App;
use natter_rpc::async_trait;
use prost::Message;

use super::app_names::{HOST, KEY, Name, Reserved, names};
use super::{OnCql, TRIES};
use crate::erasure::ErasureRow;
use crate::store::written::corrupt;
use crate::store::{Apps, Erasures, Error, Kept, Result, Stamp};

/// `part`: the id modulo 16. `row`: `account.v1.App`. `erasing`: when the erasure began that has yet to be kept. `kind`: 0 auth keys,
/// 1 names of doors. `at`: when it was reserved. Instants in unix milliseconds.
pub const TABLES: Migration = Migration {
    name: "account/001-apps",
    statements: &[
        "CREATE TABLE IF NOT EXISTS apps (part int, id bigint, version bigint, row blob, erasing bigint, PRIMARY KEY (part, id))",
        "CREATE TABLE IF NOT EXISTS app_names (kind int, name text, app bigint, version bigint, at bigint, \
         PRIMARY KEY ((kind, name)))",
    ],
};

const ONE: Statement = Statement::read("SELECT version, row FROM apps WHERE part = ? AND id = ?");
const PAGE: Statement = Statement::read("SELECT id, row, erasing FROM apps WHERE part = ? AND id > ? LIMIT ?");
const ADD: Statement = Statement::change("INSERT INTO apps (part, id, version, row) VALUES (?, ?, 1, ?) IF NOT EXISTS");
const CHANGE: Statement = Statement::change("UPDATE apps SET version = ?, row = ? WHERE part = ? AND id = ? IF version = ?");
const END: Statement =
    Statement::change("UPDATE apps SET version = ?, row = ?, erasing = ? WHERE part = ? AND id = ? IF version = ?");
const FENCE: Statement = Statement::change("UPDATE apps SET version = ? WHERE part = ? AND id = ? IF version = ?");
const FENCE_ABSENT: Statement = Statement::change("INSERT INTO apps (part, id, version) VALUES (?, ?, 1) IF NOT EXISTS");
const BEGUN: Statement = Statement::change("DELETE erasing FROM apps WHERE part = ? AND id = ? IF erasing = ?");

/// Counts the ids of apps that nobody chose.
const COUNTER: &str = "apps";
const PARTS: i32 = 16;
/// The engine.
pub struct AppsOnCql {
    on: OnCql,
    /// Where the erasure of an app is kept that ends.
    erasures: Arc<dyn Erasures>,
    pub(super) clock: Clock,
}

/// The row of an id. Version 0: none.
pub(super) struct Row {
    pub version: i64,
    pub app: Option<App>,
}

#[async_trait]
impl Apps for AppsOnCql {
    async fn app(&self, id: u64) -> Result<Option<Kept<App>>> {
        let Row { version, app } = self.row(id).await?;
        Ok(app.map(|row| Kept { row, stamp: stamp(version) }))
    }

    async fn apps(&self, after: u64, limit: usize) -> Result<Vec<App>> {
        let mut apps = Vec::new();
        for part in 0..PARTS {
            apps.extend(self.page(part, after, limit).await?);
            apps.sort_unstable_by_key(|app: &App| app.id);
            apps.truncate(limit);
        }
        Ok(apps)
    }

    async fn app_with_key(&self, auth_key: &str) -> Result<Option<u64>> {
        self.holder(Name { kind: KEY, text: auth_key }).await
    }

    async fn app_with_host(&self, host: &str) -> Result<Option<u64>> {
        self.holder(Name { kind: HOST, text: host }).await
    }

    async fn add_app(&self, app: App) -> Result<App> {
        if app.id != 0 {
            return self.put_app(app).await;
        }
        for _ in 0..TRIES {
            let id = self.on.take_ids(COUNTER, 1).await?.start;
            match self.put_app(App { id, ..app.clone() }).await {
                // Somebody chose this number before.
                Err(Error::Taken("id")) => {}
                outcome => return outcome,
            }
        }
        Err(Error::Changed)
    }

    async fn change_app(&self, before: &Kept<App>, after: App, erasure: Option<ErasureRow>) -> Result<Kept<App>> {
        let from = version_of(&before.stamp)?;
        let version = self.step(from, &names(&before.row), &after, erasure.as_ref()).await?;
        let freed = names(&before.row);
        for name in freed.difference(&names(&after)) {
            // What is not freed is dead.
            let _ = self.free(*name, after.id, from).await;
        }
        if let Some(erasure) = erasure
            && let Err(error) = self.begin(&erasure).await
        {
            tracing::warn!(app = after.id, %error, "the erasure of an app begins with the next list of apps");
        }
        Ok(Kept { row: after, stamp: stamp(version) })
    }
}

impl AppsOnCql {
    pub fn new(on: OnCql, erasures: Arc<dyn Erasures>, clock: Clock) -> AppsOnCql {
        AppsOnCql { on, erasures, clock }
    }

    pub(super) fn cql(&self) -> &Cql {
        &self.on.cql
    }

    pub(super) async fn row(&self, id: u64) -> Result<Row> {
        let found = self.cql().row::<(i64, Option<Vec<u8>>)>(ONE, (part(id), id as i64)).await?;
        let Some((version, row)) = found else { return Ok(Row { version: 0, app: None }) };
        Ok(Row { version, app: row.as_deref().map(decode).transpose()? })
    }

    /// At most `limit` apps of a partition above `after`. Of those that end, the erasure begins here at the latest.
    async fn page(&self, part: i32, after: u64, limit: usize) -> Result<Vec<App>> {
        let (mut after, mut apps) = (i64::try_from(after).unwrap_or(i64::MAX), Vec::new());
        while apps.len() < limit {
            let wanted = i32::try_from(limit - apps.len()).unwrap_or(i32::MAX);
            let found = self.cql().rows::<(i64, Option<Vec<u8>>, Option<i64>)>(PAGE, (part, after, wanted)).await?;
            let is_last = found.len() < wanted as usize;
            for (id, row, erasing) in found {
                after = id;
                if let Some(begun_at) = erasing {
                    self.begin(&ErasureRow::begun(id as u64, 0, begun_at)).await?;
                }
                apps.extend(row.as_deref().map(decode).transpose()?);
            }
            if is_last {
                break;
            }
        }
        Ok(apps)
    }

    async fn put_app(&self, app: App) -> Result<App> {
        let Row { version, app: found } = self.row(app.id).await?;
        if found.is_some() {
            return Err(Error::Taken("id"));
        }
        match self.step(version, &BTreeSet::new(), &app, None).await {
            Err(Error::Changed) if self.row(app.id).await?.app.is_some() => Err(Error::Taken("id")),
            outcome => outcome.map(|_| app),
        }
    }

    /// Steps 1 and 2. Answers the version that the row has then.
    async fn step(&self, from: i64, had: &BTreeSet<Name<'_>>, after: &App, erasure: Option<&ErasureRow>) -> Result<i64> {
        let has = names(after);
        let coming: Vec<_> = has.difference(had).copied().collect();
        let mut version = from;
        for _ in 0..TRIES {
            match self.reserve_all(&coming, after, version).await? {
                Reserved::Mine => {
                    let is_written = self.write(version, after, erasure).await?;
                    return if is_written { Ok(version + 1) } else { Err(Error::Changed) };
                }
                // Of two that write the same app from the same version one wins. Whoever comes second is it.
                Reserved::Rival if self.fence(after.id, version).await? => version += 1,
                Reserved::Rival => return Err(Error::Changed),
            }
        }
        Err(Error::Changed)
    }

    async fn write(&self, version: i64, app: &App, erasure: Option<&ErasureRow>) -> Result<bool> {
        let (row, part, id) = (app.encode_to_vec(), part(app.id), app.id as i64);
        let written = match (version, erasure) {
            (0, _) => self.cql().change(ADD, (part, id, row)).await,
            (_, None) => self.cql().change(CHANGE, (version + 1, row, part, id, version)).await,
            (_, Some(erasure)) => self.cql().change(END, (version + 1, row, erasure.begun_at, part, id, version)).await,
        };
        Ok(written?)
    }

    /// Moves a row on by a version and leaves it as it is: what was to be written from that version is not.
    pub(super) async fn fence(&self, id: u64, version: i64) -> Result<bool> {
        let (part, id) = (part(id), id as i64);
        let fenced = match version {
            0 => self.cql().change(FENCE_ABSENT, (part, id)).await,
            _ => self.cql().change(FENCE, (version + 1, part, id, version)).await,
        };
        Ok(fenced?)
    }

    /// Steps 4 and 5. An erasure that is there goes on.
    async fn begin(&self, erasure: &ErasureRow) -> Result<()> {
        if self.erasures.erasure(erasure.app, erasure.user).await?.is_none() {
            self.erasures.put_erasure(erasure).await?;
        }
        self.cql().change(BEGUN, (part(erasure.app), erasure.app as i64, erasure.begun_at)).await?;
        Ok(())
    }
}

fn part(id: u64) -> i32 {
    (id % PARTS as u64) as i32
}

fn stamp(version: i64) -> Stamp {
    Stamp(version.to_be_bytes().to_vec().into())
}

fn version_of(stamp: &Stamp) -> Result<i64> {
    Ok(stamp.0.as_ref().try_into().map(i64::from_be_bytes).map_err(|_| corrupt("apps"))?)
}

fn decode(row: &[u8]) -> Result<App> {
    Ok(App::decode(row).map_err(|_| corrupt("apps"))?)
}
