//! Erasures: a row under app and user, and a mark beside it while it goes on. And what they remove of accounts.

use natter_db::{Batch, KeyRange, Table};
use natter_proto::erasure::v1::Erased;
use natter_rpc::async_trait;

use super::tokens;
use super::{
    ERASING, ERASURES, Embedded, GUESTS, LAST_REQUESTS, REPORTS, REPORTS_OF_USER, RESETS, TOKENS, TOKENS_OF, USER_BY_EMAIL,
    USER_BY_EXTERNAL, USER_BY_LOGIN, USER_BY_PHONE, USERS, VERIFIERS, corrupt, number_of, pair,
};
use crate::erasure::ErasureRow;
use crate::store::rows;
use crate::store::{Erasures, Reports, Result};
use crate::token::TokenKey;

/// Rows that one page looks at or removes.
const PAGE: usize = 500;

/// What accounts keep by app, and by user where there is one, with the kind that is reported.
const OF_APP: [(Table, &str); 12] = [
    (USERS, "users"),
    (USER_BY_LOGIN, "names"),
    (USER_BY_EMAIL, "names"),
    (USER_BY_PHONE, "names"),
    (USER_BY_EXTERNAL, "names"),
    (LAST_REQUESTS, "last_requests"),
    (VERIFIERS, "verifiers"),
    (RESETS, "resets"),
    (TOKENS_OF, "marks"),
    (REPORTS, "filed_reports"),
    (REPORTS_OF_USER, "filed_reports"),
    (ERASURES, "reports"),
];
/// The first byte of a place in the walk: which table. Behind the tables of an app come the tokens.
const TOKENS_PLACE: u8 = OF_APP.len() as u8;

/// Writes an erasure into `batch`.
pub fn put(batch: &mut Batch, row: &ErasureRow) {
    let key = pair(row.app, row.user);
    batch.put(ERASURES, key.clone(), rows::of_erasure(row));
    match row.ended_at {
        0 => batch.put(ERASING, key, Vec::new()),
        _ => batch.delete(ERASING, key),
    }
}

fn of(key: &[u8], row: &[u8]) -> Result<ErasureRow> {
    let (app, user) = ids(key)?;
    Ok(rows::to_erasure(app, user, row)?)
}

fn ids(key: &[u8]) -> Result<(u64, u64)> {
    let (app, user) = key.split_at_checked(8).unwrap_or_default();
    Ok((number_of(ERASURES, app)?, number_of(ERASURES, user)?))
}

#[async_trait]
impl Erasures for Embedded {
    async fn erasure(&self, app: u64, user: u64) -> Result<Option<ErasureRow>> {
        let key = pair(app, user);
        self.kv.get(ERASURES, &key).await?.map(|row| of(&key, &row)).transpose()
    }

    async fn pending_erasures(&self, limit: usize) -> Result<Vec<ErasureRow>> {
        let marks = self.kv.scan(ERASING, KeyRange::between([], [u8::MAX; 17]), limit).await?;
        let keys: Vec<_> = marks.into_iter().map(|(key, _)| key.to_vec()).collect();
        let rows = self.kv.multi_get(ERASURES, keys.clone()).await?;
        keys.iter().zip(rows).filter_map(|(key, row)| row.map(|row| of(key, &row))).collect()
    }

    async fn put_erasure(&self, row: &ErasureRow) -> Result<()> {
        let mut batch = Batch::new();
        put(&mut batch, row);
        Ok(self.kv.commit(batch).await?)
    }

    async fn forget_erasures(&self, after: Option<(u64, u64)>, before: i64, limit: usize) -> Result<Option<(u64, u64)>> {
        let from = after.map_or_else(Vec::new, |(app, user)| [pair(app, user).as_slice(), &[0]].concat());
        let rows = self.kv.scan(ERASURES, KeyRange::between(from, [u8::MAX; 17]), limit).await?;
        let mut batch = Batch::new();
        for (key, row) in &rows {
            if (1..before).contains(&of(key, row)?.ended_at) {
                batch.delete(ERASURES, key.to_vec());
            }
        }
        if !batch.is_empty() {
            self.kv.commit(batch).await?;
        }
        rows.last().filter(|_| rows.len() == limit).map(|(key, _)| ids(key)).transpose()
    }

    async fn erase_rows(&self, app: u64, user: u64, after: &[u8]) -> Result<(Vec<Erased>, Vec<u8>)> {
        let place = after.first().copied().unwrap_or(if user == 0 { 0 } else { TOKENS_PLACE });
        if let Some((table, kind)) = OF_APP.get(usize::from(place)) {
            // Of the erasures the app's own stays.
            let from = if *table == ERASURES { pair(app, 1) } else { app.to_be_bytes().to_vec() };
            let range = KeyRange::between(from, app.saturating_add(1).to_be_bytes());
            let count = self.kv.clear(*table, range, PAGE).await?;
            let next = if count == PAGE { place } else { place + 1 };
            return Ok((vec![erased(kind, count)], vec![next]));
        }
        let (mut all, next) = self.erase_tokens(app, user, after.get(1..).unwrap_or_default()).await?;
        if next.is_empty() && user != 0 {
            // A login that was under way at the end may have written them once more.
            for (table, kind) in [(LAST_REQUESTS, "last_requests"), (VERIFIERS, "verifiers"), (RESETS, "resets")] {
                all.push(erased(kind, self.kv.clear(table, KeyRange::prefix(pair(app, user)), 1).await?));
            }
        }
        if next.is_empty() && user != 0 {
            // Those whose tokens are gone already.
            all.push(erased("marks", self.kv.clear(TOKENS_OF, KeyRange::prefix(pair(app, user)), PAGE).await?));
        }
        if next.is_empty() && user == 0 {
            all.push(erased("guests", self.erase_guests(app).await?));
        }
        if next.is_empty() && user != 0 {
            // There are never more than a user may have.
            let filed: Vec<_> = self.reports_of(app, user).await?.into_iter().map(|report| report.id).collect();
            all.push(erased("filed_reports", self.remove_reports(app, user, &filed).await?.len()));
        }
        let next = if next.is_empty() { next } else { [&[TOKENS_PLACE], next.as_slice()].concat() };
        Ok((all, next))
    }
}

impl Embedded {
    /// Guests stand under the ends of their time, so all of them are looked through; how many were the app's.
    async fn erase_guests(&self, app: u64) -> Result<usize> {
        let (mut from, mut count) = (Vec::new(), 0);
        loop {
            let rows = self.kv.scan(GUESTS, KeyRange::between(from, [u8::MAX; 25]), PAGE).await?;
            let mut batch = Batch::new();
            let of_app = rows.iter().filter(|(key, _)| app_of_guest(key) == Some(app));
            let of_app = of_app.map(|(key, _)| batch.delete(GUESTS, key.to_vec())).count();
            if of_app > 0 {
                self.kv.commit(batch).await?;
            }
            count += of_app;
            match rows.last() {
                Some((key, _)) if rows.len() == PAGE => from = [key, &[0][..]].concat(),
                _ => return Ok(count),
            }
        }
    }

    /// Tokens stand under their hashes, so all of them are looked through.
    async fn erase_tokens(&self, app: u64, user: u64, after: &[u8]) -> Result<(Vec<Erased>, Vec<u8>)> {
        let from = if after.is_empty() { Vec::new() } else { [after, &[0]].concat() };
        let rows = self.kv.scan(TOKENS, KeyRange::between(from, [u8::MAX; 33]), PAGE).await?;
        let mut batch = Batch::new();
        let mut count = 0;
        for (key, row) in &rows {
            let token = rows::to_token(row)?;
            if token.app == app && (user == 0 || token.user == user) {
                batch.delete(TOKENS, key.to_vec());
                tokens::unmark(&mut batch, &TokenKey(key.as_ref().try_into().map_err(|_| corrupt(TOKENS))?), &token);
                count += 1;
            }
        }
        if count > 0 {
            self.kv.commit(batch).await?;
        }
        let next = rows.last().filter(|_| rows.len() == PAGE).map(|(key, _)| key.to_vec()).unwrap_or_default();
        Ok((vec![erased("tokens", count)], next))
    }
}

/// Of a key of the table of guests, whose app it is of.
fn app_of_guest(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(8..16)?.try_into().ok()?))
}

fn erased(kind: &str, count: usize) -> Erased {
    Erased { kind: kind.to_owned(), count: count as u64 }
}
