//! The names of users: a reservation for each, and by user the list of those that were ever begun for him, for his erasure.
//!
//! Whose a name is his row says; the reservation only says who may write it there. It has the user, the version that his row gets in
//! the step it is for, a number by which that step knows its own, and when it was made. Let `v` be the version of that user's row (0 if
//! there is none) and the row without the name:
//! - A reservation for a version above `v` is of a step under way: it stands. For 60 seconds others are told that the name is taken.
//!   Then who wants it first moves the row on to the next version, content as it was, so that the step can only fail.
//! - Any other is of a step that is over, and free at once.
//!
//! So no clock keeps a name from having two users: a step that slept for an hour finds its row moved on.
//!
//! Invariant: a name in the row of a user has a reservation with that user. It is written before the row, and what takes one away asks
//! for one whose step is over, or is that step itself, refused.

use std::collections::BTreeSet;

use natter_db::cql::{Migration, Statement, Write};

use super::OnCql;
use super::conditions::{Answer, TRIES, decided, now_ms};
use crate::name::{Name, names};
use crate::store::{Error, Result, UserRow};

/// `reserved_at`: unix milliseconds.
pub const TABLES: Migration = Migration {
    name: "account/012-user-names",
    statements: &[
        "CREATE TABLE IF NOT EXISTS user_names (app bigint, kind int, name text, user bigint, version bigint, claim bigint, \
         reserved_at bigint, PRIMARY KEY ((app, kind, name)))",
        "CREATE TABLE IF NOT EXISTS names_of_user (app bigint, user bigint, kind int, name text, PRIMARY KEY ((app, user), kind, \
         name))",
    ],
};

const GET: Statement =
    Statement::read("SELECT user, version, claim, reserved_at FROM user_names WHERE app = ? AND kind = ? AND name = ?");
pub(super) const RESERVE: Statement = Statement::change(
    "INSERT INTO user_names (app, kind, name, user, version, claim, reserved_at) VALUES (?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS",
);
const TAKE_OVER: Statement = Statement::change(
    "UPDATE user_names SET user = ?, version = ?, claim = ?, reserved_at = ? WHERE app = ? AND kind = ? AND name = ? \
     IF user = ? AND version = ? AND claim = ?",
);
const GIVE_BACK: Statement =
    Statement::change("DELETE FROM user_names WHERE app = ? AND kind = ? AND name = ? IF user = ? AND claim = ?");
const FREE: Statement =
    Statement::change("DELETE FROM user_names WHERE app = ? AND kind = ? AND name = ? IF user = ? AND version <= ?");
const NOTE: Statement = Statement::write("INSERT INTO names_of_user (app, user, kind, name) VALUES (?, ?, ?, ?)");
const UNNOTE: Statement = Statement::write("DELETE FROM names_of_user WHERE app = ? AND user = ? AND kind = ? AND name = ?");
const NOTED: Statement = Statement::read("SELECT kind, name FROM names_of_user WHERE app = ? AND user = ? LIMIT ?");

/// How long a step is believed to be under way.
pub(super) const PATIENCE_MS: i64 = 60_000;
/// Names of a user that are looked at together.
const NOTED_PAGE: i32 = 100;

/// A step that reserves names: whose, and which version his row gets in it.
#[derive(Clone, Copy)]
pub struct Claim {
    pub app: u64,
    pub user: u64,
    pub version: i64,
    /// Chance: the step knows its own by it.
    pub number: i64,
}

struct Reservation {
    user: u64,
    version: i64,
    claim: i64,
    reserved_at: i64,
}

/// How a name stands in a key.
pub fn key_of(name: &Name) -> (i32, String) {
    match name {
        Name::Login(text) => (1, text.clone()),
        Name::Email(text) => (2, text.clone()),
        Name::Phone(text) => (3, text.clone()),
        Name::ExternalUserId(number) => (4, number.to_string()),
        Name::ExternalId(text) => (5, text.clone()),
        Name::FacebookId(text) => (6, text.clone()),
        Name::TwitterId(text) => (7, text.clone()),
    }
}

fn name_of(kind: i32, text: String) -> Option<Name> {
    match kind {
        1 => Some(Name::Login(text)),
        2 => Some(Name::Email(text)),
        3 => Some(Name::Phone(text)),
        4 => text.parse().ok().map(Name::ExternalUserId),
        5 => Some(Name::ExternalId(text)),
        6 => Some(Name::FacebookId(text)),
        7 => Some(Name::TwitterId(text)),
        _ => None,
    }
}

fn has(row: &UserRow, name: &Name) -> bool {
    !row.deleted && names(&row.user).contains(name)
}

impl OnCql {
    /// Who has the name in his row.
    pub(super) async fn holder_of(&self, app: u64, name: &Name) -> Result<Option<u64>> {
        let Some(Reservation { user, .. }) = self.reservation(app, name).await? else { return Ok(None) };
        let row = self.lying(app, user).await?.row()?;
        Ok(row.filter(|row| has(row, name)).map(|_| user))
    }

    /// Notes names as a user's, so that his erasure finds their reservations whatever becomes of the step.
    pub(super) async fn note_names<'a>(&self, app: u64, user: u64, all: impl Iterator<Item = &'a Name> + Send) -> Result<()> {
        let note = |name: &Name| -> Write {
            let (kind, text) = key_of(name);
            (NOTE, Box::new((app as i64, user as i64, kind, text)))
        };
        let notes: Vec<Write> = all.map(note).collect();
        if notes.is_empty() { Ok(()) } else { Ok(self.cql.write_all(notes).await?) }
    }

    /// Reserves names for a step: all, or none. `Taken` by another user; `Changed` if another step of the same user has one of them.
    pub(super) async fn claim_all(&self, claim: Claim, wanted: &BTreeSet<Name>) -> Result<()> {
        for (done, name) in wanted.iter().enumerate() {
            if let Err(refusal) = self.claim(claim, name).await {
                // The last one with them: its outcome may be unknown.
                self.give_back(claim, wanted.iter().take(done + 1)).await;
                return Err(refusal);
            }
        }
        Ok(())
    }

    async fn claim(&self, claim: Claim, name: &Name) -> Result<()> {
        let Claim { app, user, version, number } = claim;
        let (kind, text) = key_of(name);
        for _ in 0..TRIES {
            let of_mine = || (app as i64, kind, text.as_str(), user as i64, version, number, now_ms());
            if decided(|| self.cql.change(RESERVE, of_mine())).await? == Answer::Held {
                return Ok(());
            }
            let Some(found) = self.reservation(app, name).await? else { continue };
            if (found.user, found.version, found.claim) == (user, version, number) {
                return Ok(());
            }
            if !self.is_over(claim, name, &found).await? {
                continue;
            }
            let Reservation { user: of, version: at, claim: its, .. } = found;
            let taken = || (user as i64, version, number, now_ms(), app as i64, kind, text.as_str(), of as i64, at, its);
            if decided(|| self.cql.change(TAKE_OVER, taken())).await? == Answer::Held {
                return Ok(());
            }
        }
        Err(Error::Changed)
    }

    // Whether the step of a reservation is over, if need be by ending it. False: look again.
    async fn is_over(&self, claim: Claim, name: &Name, found: &Reservation) -> Result<bool> {
        let refusal = if found.user == claim.user { Error::Changed } else { Error::Taken(name.field()) };
        let lying = self.lying(claim.app, found.user).await?;
        if lying.row()?.is_some_and(|row| has(&row, name)) {
            return Err(refusal);
        }
        if found.version <= lying.version {
            return Ok(true);
        }
        if found.reserved_at.saturating_add(PATIENCE_MS) > now_ms() {
            return Err(refusal);
        }
        tracing::info!(app = claim.app, user = found.user, field = name.field(), "a reservation of a name was left behind");
        self.move_on(claim.app, found.user, lying.version).await
    }

    /// Gives reservations back whose step was refused. One that cannot be given back stands for a minute.
    pub(super) async fn give_back<'a>(&self, claim: Claim, all: impl Iterator<Item = &'a Name> + Send) {
        let Claim { app, user, number, .. } = claim;
        for name in all {
            let (kind, text) = key_of(name);
            let mine = || (app as i64, kind, text.as_str(), user as i64, number);
            let given = decided(|| self.cql.change(GIVE_BACK, mine())).await;
            self.drop_note(app, user, name, given.map_err(Error::from)).await;
        }
    }

    /// Frees names that fell away from a user's row, of which this is the version. What stays of one that cannot be freed is over.
    pub(super) async fn free(&self, app: u64, user: u64, version: i64, names: impl Iterator<Item = &Name> + Send) {
        for name in names {
            let freed = self.free_one(app, user, version, name).await;
            self.drop_note(app, user, name, freed).await;
        }
    }

    async fn free_one(&self, app: u64, user: u64, version: i64, name: &Name) -> Result<Answer> {
        let (kind, text) = key_of(name);
        let his = || (app as i64, kind, text.as_str(), user as i64, version);
        Ok(decided(|| self.cql.change(FREE, his())).await?)
    }

    // A note goes with its reservation. It stays beside one that another step of the user has made meanwhile.
    async fn drop_note(&self, app: u64, user: u64, name: &Name, outcome: Result<Answer>) {
        let (kind, text) = key_of(name);
        let gone = match outcome {
            Ok(Answer::Held) => self.cql.write(UNNOTE, (app as i64, user as i64, kind, text)).await.map_err(Error::from),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = gone {
            tracing::debug!(app, user, field = name.field(), %error, "a name is not free yet");
        }
    }

    /// Removes a page of the reservations that were noted of a user, those of the names in his row only with `whole`. How many, and
    /// whether to go on.
    pub(super) async fn erase_names(&self, app: u64, user: u64, whole: bool) -> Result<(usize, bool)> {
        let lying = self.lying(app, user).await?;
        let (row, upto) = if whole { (None, i64::MAX) } else { (lying.row()?, lying.version) };
        let noted = self.cql.rows::<(i32, String)>(NOTED, (app as i64, user as i64, NOTED_PAGE)).await?;
        let (mut count, mut kept) = (0, 0);
        let more = noted.len() == NOTED_PAGE as usize;
        for (kind, text) in noted {
            let name = name_of(kind, text.clone());
            if let (Some(name), Some(row)) = (&name, &row)
                && has(row, name)
            {
                kept += 1;
                continue;
            }
            if let Some(name) = &name {
                count += usize::from(self.free_one(app, user, upto, name).await? == Answer::Held);
            }
            self.cql.write(UNNOTE, (app as i64, user as i64, kind, text)).await?;
        }
        Ok((count, more && kept < NOTED_PAGE as usize))
    }

    async fn reservation(&self, app: u64, name: &Name) -> Result<Option<Reservation>> {
        let (kind, text) = key_of(name);
        let found = self.cql.row::<(i64, i64, i64, i64)>(GET, (app as i64, kind, text)).await?;
        let read = |(user, version, claim, reserved_at)| Reservation { user: user as u64, version, claim, reserved_at };
        Ok(found.map(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_as_it_was_written() {
        let text = || "a".to_owned();
        let all = [
            Name::Login(text()),
            Name::Email(text()),
            Name::Phone(text()),
            Name::ExternalUserId(7),
            Name::ExternalId(text()),
            Name::FacebookId(text()),
            Name::TwitterId(text()),
        ];
        for name in all {
            let (kind, text) = key_of(&name);
            assert_eq!(name_of(kind, text), Some(name));
        }
        assert_eq!((name_of(9, text()), name_of(4, text())), (None, None));
    }
}
