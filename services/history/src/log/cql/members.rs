//! Members' states in their table: rows that commute, see `marks`.

use natter_db::cql::{Cql, Part, Statement, Write};

use super::marks::{self, Diff, JOINED, Mark, SETTLED};
use super::tables::{COLUMNS_BYTES, columns};
use crate::error::Error;
use crate::log::DialogKey;
use crate::member::{Member, Move};

const GET: Statement = Statement::read("SELECT kind, first, last FROM member_ranges WHERE app = ? AND dialog = ? AND user = ?");
const ALL: Statement = Statement::read(
    "SELECT user, kind, first, last FROM member_ranges WHERE app = ? AND dialog = ? AND (user, kind, first) > (?, ?, ?) LIMIT ?",
);
const PUT: Statement = Statement::write(
    "INSERT INTO member_ranges (app, dialog, user, kind, first, last) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?",
);
const DROP: Statement = Statement::write(
    "DELETE FROM member_ranges USING TIMESTAMP ? WHERE app = ? AND dialog = ? AND user = ? AND kind = ? AND first = ?",
);
const ERASE: Statement = Statement::write("DELETE FROM member_ranges WHERE app = ? AND dialog = ?");

/// Ranges read at once.
const PAGE: i32 = 5_000;
/// Ranges written at once.
const CHUNK: usize = 500;

/// The states of all members.
pub struct MemberRanges {
    pub cql: Cql,
}

impl MemberRanges {
    pub async fn get(&self, key: DialogKey, user: u64) -> Result<Member, Error> {
        Ok(marks::member(user, &self.kept(key, user).await?))
    }

    /// Everybody of whom something is kept, ascending by user.
    pub async fn everyone(&self, key: DialogKey) -> Result<Vec<Member>, Error> {
        let mut all: Vec<(u64, Vec<Mark>)> = Vec::new();
        let mut after = (i64::MIN, 0_i32, 0_i64);
        loop {
            let (app, dialog) = columns(key);
            let values = (app, dialog, after.0, after.1, after.2, PAGE);
            let read = self.cql.rows::<(i64, i32, i64, i64)>(ALL, values).await?;
            let is_last = read.len() < PAGE as usize;
            for (user, kind, first, last) in read {
                after = (user, kind, first);
                let mark = Mark { kind, first: first as u64, last: last as u64 };
                match all.last_mut().filter(|(of, _)| *of == user as u64) {
                    Some((_, marks)) => marks.push(mark),
                    None => all.push((user as u64, vec![mark])),
                }
            }
            if is_last {
                break;
            }
        }
        all.sort_unstable_by_key(|(user, _)| *user);
        Ok(all.into_iter().map(|(user, kept)| marks::member(user, &kept)).collect())
    }

    /// Writes what happened to a member. Answers whether that changed anything.
    pub async fn moved(&self, key: DialogKey, user: u64, moves: &[Move]) -> Result<bool, Error> {
        let kept = self.kept(key, user).await?;
        let Some(diff) = marks::moved(user, &kept, moves) else { return Ok(false) };
        self.write(key, user, &diff).await?;
        Ok(true)
    }

    /// The same, where it is known that this at least is kept of him. Answers what is after it.
    pub async fn moved_from(
        &self,
        key: DialogKey,
        user: u64,
        kept: Option<Vec<Mark>>,
        moves: &[Move],
    ) -> Result<Vec<Mark>, Error> {
        let mut kept = match kept {
            Some(kept) => kept,
            None => self.kept(key, user).await?,
        };
        if let Some(diff) = marks::moved(user, &kept, moves) {
            self.write(key, user, &diff).await?;
            diff.apply(&mut kept);
        }
        Ok(kept)
    }

    async fn write(&self, key: DialogKey, user: u64, Diff { put, drop }: &Diff) -> Result<(), Error> {
        // What covers is there before what is covered goes.
        self.put(key, put.iter().map(|mark| (user, *mark)).collect()).await?;
        for drop in drop.chunks(CHUNK) {
            let (app, dialog) = columns(key);
            let write = |mark: &Mark| -> Write {
                let values = (mark.last as i64, app, dialog.clone(), user as i64, mark.kind, mark.first as i64);
                (DROP, Box::new(values))
            };
            self.cql.write_all(drop.iter().map(write).collect()).await?;
        }
        Ok(())
    }

    /// Users join at a place: everything up to it is settled to them.
    pub async fn join(&self, key: DialogKey, users: &[u64], at: u64) -> Result<(), Error> {
        let marks = |user: &u64| {
            let (settled, joined) = (Mark { kind: SETTLED, first: 1, last: at }, Mark { kind: JOINED, first: 0, last: at });
            [(*user, settled), (*user, joined)]
        };
        self.put(key, users.iter().flat_map(marks).collect()).await
    }

    /// Of a dialog that nobody gets into any more.
    pub async fn erase(&self, key: DialogKey) -> Result<(), Error> {
        Ok(self.cql.write(ERASE, columns(key)).await?)
    }

    async fn kept(&self, key: DialogKey, user: u64) -> Result<Vec<Mark>, Error> {
        let (app, dialog) = columns(key);
        let read = self.cql.rows::<(i32, i64, i64)>(GET, (app, dialog, user as i64)).await?;
        Ok(read.into_iter().map(|(kind, first, last)| Mark { kind, first: first as u64, last: last as u64 }).collect())
    }

    async fn put(&self, key: DialogKey, put: Vec<(u64, Mark)>) -> Result<(), Error> {
        let (app, dialog) = columns(key);
        for put in put.chunks(CHUNK) {
            let write = |(user, mark): &(u64, Mark)| -> Write {
                let (first, last) = (mark.first as i64, mark.last as i64);
                (PUT, Box::new((app, dialog.clone(), *user as i64, mark.kind, first, last, last)))
            };
            let bytes = put.len() * COLUMNS_BYTES;
            self.cql.write_parts(vec![Part { writes: put.iter().map(write).collect(), bytes }]).await?;
        }
        Ok(())
    }
}
