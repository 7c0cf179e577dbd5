//! What is kept beside a user: the verifier of his password, the key for a forgotten one, his last request. Plain writes in rows of
//! their own: which of two comes last does not matter, as each says which password it is for, or when it was.
//!
//! Verifiers and keys go by themselves a day after their end.

use std::collections::BTreeMap;

use natter_db::cql::{Migration, Statement};

use super::OnCql;
use super::conditions::life_upto;
use crate::reset::ResetRow;
use crate::store::{Result, rows};
use crate::verifier::Verifier;

/// `seen_at`: unix milliseconds.
pub const TABLES: Migration = Migration {
    name: "account/014-beside-users",
    statements: &[
        "CREATE TABLE IF NOT EXISTS verifiers (app bigint, user bigint, row blob, PRIMARY KEY ((app, user)))",
        "CREATE TABLE IF NOT EXISTS resets (app bigint, user bigint, row blob, PRIMARY KEY ((app, user)))",
        "CREATE TABLE IF NOT EXISTS last_requests (app bigint, user bigint, seen_at bigint, PRIMARY KEY ((app, user)))",
    ],
};

const VERIFIER: Statement = Statement::read("SELECT row FROM verifiers WHERE app = ? AND user = ?");
const PUT_VERIFIER: Statement = Statement::write("INSERT INTO verifiers (app, user, row) VALUES (?, ?, ?) USING TTL ?");
const FORGET_VERIFIER: Statement = Statement::write("DELETE FROM verifiers WHERE app = ? AND user = ?");
const RESET: Statement = Statement::read("SELECT row FROM resets WHERE app = ? AND user = ?");
const PUT_RESET: Statement = Statement::write("INSERT INTO resets (app, user, row) VALUES (?, ?, ?) USING TTL ?");
const FORGET_RESET: Statement = Statement::write("DELETE FROM resets WHERE app = ? AND user = ?");
const SEEN: Statement = Statement::read("SELECT seen_at FROM last_requests WHERE app = ? AND user = ?");
const SEEN_SOME: Statement = Statement::read("SELECT user, seen_at FROM last_requests WHERE app = ? AND user IN ?");
const PUT_SEEN: Statement = Statement::write("INSERT INTO last_requests (app, user, seen_at) VALUES (?, ?, ?)");
const FORGET_SEEN: Statement = Statement::write("DELETE FROM last_requests WHERE app = ? AND user = ?");

impl OnCql {
    pub(super) async fn verifier_of(&self, app: u64, user: u64) -> Result<Option<Verifier>> {
        let row = self.cql.row::<(Vec<u8>,)>(VERIFIER, (app as i64, user as i64)).await?;
        Ok(row.map(|(row,)| rows::to_verifier(&row)).transpose()?)
    }

    /// Keeps the verifier that was made in a step, behind it. If it gets lost, a password is hashed once more.
    pub(super) async fn keep_beside(&self, app: u64, user: u64, verifier: Option<Verifier>) {
        let Some(verifier) = verifier else { return };
        let life = life_upto(verifier.expires_at);
        let kept = self.cql.write(PUT_VERIFIER, (app as i64, user as i64, rows::of_verifier(&verifier), life)).await;
        if let Err(error) = kept {
            tracing::debug!(app, user, %error, "a verifier is not kept");
        }
    }

    /// The same in a task of its own, which ends with the deadline of its write.
    pub(super) fn keep_without_waiting(&self, app: u64, user: u64, verifier: &Verifier) {
        let (engine, verifier) = (self.clone(), verifier.clone());
        tokio::spawn(async move { engine.keep_beside(app, user, Some(verifier)).await });
    }

    pub(super) async fn reset_of(&self, app: u64, user: u64) -> Result<Option<ResetRow>> {
        let row = self.cql.row::<(Vec<u8>,)>(RESET, (app as i64, user as i64)).await?;
        Ok(row.map(|(row,)| rows::to_reset(&row)).transpose()?)
    }

    pub(super) async fn keep_reset(&self, app: u64, user: u64, row: ResetRow) -> Result<()> {
        let life = life_upto(row.expires_at);
        Ok(self.cql.write(PUT_RESET, (app as i64, user as i64, rows::of_reset(row), life)).await?)
    }

    /// Keeps when a user made a request.
    pub(super) async fn keep_seen(&self, app: u64, user: u64, seen_at: i64) -> Result<()> {
        Ok(self.cql.write(PUT_SEEN, (app as i64, user as i64, seen_at)).await?)
    }

    /// When those of `users` that made one made their last request.
    pub(super) async fn last_requests(&self, app: u64, users: &[i64]) -> Result<BTreeMap<i64, i64>> {
        let seen = self.cql.rows::<(i64, i64)>(SEEN_SOME, (app as i64, users)).await?;
        Ok(seen.into_iter().collect())
    }

    /// Forgets what is kept beside a deleted user, behind his end. What stays goes with his erasure.
    pub(super) async fn forget_beside(&self, app: u64, user: u64) {
        if let Err(error) = self.erase_beside(app, user).await {
            tracing::debug!(app, user, %error, "what is kept beside a deleted user stays");
        }
    }

    /// Removes what is kept beside a user. What was there, by kind.
    pub(super) async fn erase_beside(&self, app: u64, user: u64) -> Result<Vec<&'static str>> {
        let key = (app as i64, user as i64);
        let (verifier, reset) = futures::try_join!(self.verifier_of(app, user), self.reset_of(app, user))?;
        let seen = self.cql.row::<(i64,)>(SEEN, key).await?;
        let mut erased = Vec::new();
        for (is_there, forget, kind) in [
            (seen.is_some(), FORGET_SEEN, "last_requests"),
            (verifier.is_some(), FORGET_VERIFIER, "verifiers"),
            (reset.is_some(), FORGET_RESET, "resets"),
        ] {
            if is_there {
                self.cql.write(forget, key).await?;
                erased.push(kind);
            }
        }
        Ok(erased)
    }
}
