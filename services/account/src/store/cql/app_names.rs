//! Reservations of auth keys and of names of doors: how they are made, judged, taken over and freed. What they mean stands at the head
//! of [`super::apps`].

use std::collections::BTreeSet;

use natter_db::cql::Statement;
use natter_proto::account::v1::App;

use super::{AppsOnCql, TRIES};
use crate::app::auth_keys;
use crate::host::{self, hosts};
use crate::store::{Error, Result};

const HOLDER: Statement = Statement::read("SELECT app, version, at FROM app_names WHERE kind = ? AND name = ?");
const RESERVE: Statement =
    Statement::change("INSERT INTO app_names (kind, name, app, version, at) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS");
const TAKE_OVER: Statement =
    Statement::change("UPDATE app_names SET app = ?, version = ?, at = ? WHERE kind = ? AND name = ? IF app = ? AND version = ?");
const FREE: Statement = Statement::change("DELETE FROM app_names WHERE kind = ? AND name = ? IF app = ? AND version <= ?");

/// How long a reservation of another app is respected whose step may still be taken.
const PENDING_MS: i64 = 60 * 1_000;

/// An auth key or the name of a door.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name<'a> {
    pub kind: i32,
    pub text: &'a str,
}

pub(super) const KEY: i32 = 0;
pub(super) const HOST: i32 = 1;

/// What came of a reservation.
pub(super) enum Reserved {
    Mine,
    /// It is of another step of the same app from the same version.
    Rival,
}

impl AppsOnCql {
    /// The app that has a name.
    pub(super) async fn holder(&self, name: Name<'_>) -> Result<Option<u64>> {
        let Some((app, ..)) = self.reservation(name).await? else { return Ok(None) };
        let row = self.row(app).await?;
        Ok(row.app.is_some_and(|app| names(&app).contains(&name)).then_some(app))
    }

    async fn reservation(&self, name: Name<'_>) -> Result<Option<(u64, i64, i64)>> {
        let found = self.cql().row::<(i64, i64, i64)>(HOLDER, (name.kind, name.text)).await?;
        Ok(found.map(|(app, version, at)| (app as u64, version, at)))
    }

    /// Reserves all of these names, or none, for the step of `app` from `version`.
    pub(super) async fn reserve_all(&self, coming: &[Name<'_>], app: &App, version: i64) -> Result<Reserved> {
        for (at, name) in coming.iter().enumerate() {
            match self.reserve(*name, app, version).await {
                Ok(Reserved::Mine) => {}
                Ok(Reserved::Rival) => return Ok(Reserved::Rival),
                Err(error) => {
                    for name in &coming[..at] {
                        // What is not freed is pending for a minute.
                        let _ = self.free(*name, app.id, version).await;
                    }
                    return Err(error);
                }
            }
        }
        Ok(Reserved::Mine)
    }

    async fn reserve(&self, name: Name<'_>, app: &App, version: i64) -> Result<Reserved> {
        let (mine, now) = (app.id as i64, self.clock.now_ms());
        for _ in 0..TRIES {
            if self.cql().change(RESERVE, (name.kind, name.text, mine, version, now)).await? {
                return Ok(Reserved::Mine);
            }
            let Some((holder, of_version, at)) = self.reservation(name).await? else { continue };
            let row = self.row(holder).await?;
            if row.app.is_some_and(|app| names(&app).contains(&name)) {
                return Err(if holder == app.id { Error::Changed } else { Error::Taken(field(name, app)) });
            }
            let is_pending = row.version <= of_version;
            if is_pending && holder == app.id {
                return if of_version == version { Ok(Reserved::Rival) } else { Err(Error::Changed) };
            }
            if is_pending && now.saturating_sub(at) < PENDING_MS {
                return Err(Error::Taken(field(name, app)));
            }
            if is_pending && !self.fence(holder, row.version).await? {
                continue;
            }
            let over = (mine, version, now, name.kind, name.text, holder as i64, of_version);
            if self.cql().change(TAKE_OVER, over).await? {
                return Ok(Reserved::Mine);
            }
        }
        Err(Error::Changed)
    }

    /// Frees a name that an app has reserved in its step from `version` or before.
    pub(super) async fn free(&self, name: Name<'_>, app: u64, version: i64) -> Result<()> {
        self.cql().change(FREE, (name.kind, name.text, app as i64, version)).await?;
        Ok(())
    }
}

/// All names of an app.
pub(super) fn names(app: &App) -> BTreeSet<Name<'_>> {
    let keys = auth_keys(app).into_iter().map(|text| Name { kind: KEY, text });
    keys.chain(hosts(app).into_iter().map(|text| Name { kind: HOST, text })).collect()
}

/// Which field of an app has a name (contract rest 3.1).
fn field(name: Name<'_>, app: &App) -> &'static str {
    match name.kind {
        KEY => "auth_key",
        _ if app.chat_host == name.text => host::CHAT,
        _ => host::API,
    }
}
