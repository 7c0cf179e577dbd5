//! Reads a page of a dialog, or counts it.

use natter_proto::AppId;
use natter_proto::event::v1::Message;
use prost::Message as _;

use crate::error::Error;
use crate::head::Head;
use crate::log::{DialogKey, MessageLog};
use crate::member::Member;
use crate::options::Options;
use crate::page::{Dates, Walk, Wanted};
use crate::ranges::Ranges;

/// Rows looked at together.
const CHUNK: u64 = 256;

/// Which rows of a dialog, as whom, from where.
#[derive(Clone, PartialEq, Debug)]
pub struct Query {
    pub key: DialogKey,
    /// Whose hidden rows are left out; 0: nobody's.
    pub reader: u64,
    /// Rows from before the reader joined are left out.
    pub from_joining: bool,
    pub wanted: Wanted,
    pub descending: bool,
    /// Counted after filtering.
    pub skip: u64,
    pub limit: u64,
}

/// What was read.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Page {
    pub rows: Vec<Message>,
    /// Cut because of its size in bytes.
    pub more: bool,
    /// Rows that were looked at.
    pub scanned: u64,
}

/// Reads a page in the order of `seq`.
///
/// Fails with [`Error::TooWide`] if more than `options.scan_budget` rows have to be looked at for the filters.
pub async fn page(log: &dyn MessageLog, query: &Query, options: &Options) -> Result<Page, Error> {
    let mut walk = Walk { rest: places(log, query).await?, descending: query.descending };
    let mut skip = query.skip;
    if query.wanted.conditions.is_empty() {
        walk.take(skip);
        skip = 0;
    }
    let limit = query.limit.min(options.page_rows);
    let (mut page, mut bytes) = (Page::default(), 0);
    while (page.rows.len() as u64) < limit {
        let chunk = if query.wanted.conditions.is_empty() { limit - page.rows.len() as u64 } else { CHUNK };
        let Some(rows) = next_rows(log, query, &mut walk, chunk.min(CHUNK), &mut page.scanned, options).await? else { break };
        for row in rows {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            bytes += row.encoded_len();
            if bytes > options.reply_bytes && !page.rows.is_empty() {
                page.more = true;
                return Ok(page);
            }
            page.rows.push(row);
            if page.rows.len() as u64 == limit {
                break;
            }
        }
    }
    Ok(page)
}

/// Counts what a page without skip and limit would hold, and how many rows were looked at. Without filters that an index
/// does not answer, none are.
pub async fn count(log: &dyn MessageLog, query: &Query, options: &Options) -> Result<(u64, u64), Error> {
    let places = places(log, query).await?;
    if query.wanted.conditions.is_empty() {
        return Ok((places.length(), 0));
    }
    let mut walk = Walk { rest: places, descending: false };
    let (mut count, mut scanned) = (0, 0);
    while let Some(rows) = next_rows(log, query, &mut walk, CHUNK, &mut scanned, options).await? {
        count += rows.len() as u64;
    }
    Ok((count, scanned))
}

/// The next rows of the walk that match, in its order; `None` at its end.
async fn next_rows(
    log: &dyn MessageLog,
    query: &Query,
    walk: &mut Walk,
    chunk: u64,
    scanned: &mut u64,
    options: &Options,
) -> Result<Option<Vec<Message>>, Error> {
    let places = walk.take(chunk);
    if places.is_empty() {
        return Ok(None);
    }
    *scanned += places.length();
    if *scanned > options.scan_budget && !query.wanted.conditions.is_empty() {
        return Err(Error::TooWide(query.wanted.widest().to_owned(), options.scan_budget));
    }
    let mut rows = log.rows(query.key, &places).await?;
    rows.retain(|row| !row.removed && query.wanted.matches(row));
    if walk.descending {
        rows.reverse();
    }
    Ok(Some(rows))
}

/// The rows that may match, as far as heads, members and indexes tell.
async fn places(log: &dyn MessageLog, query: &Query) -> Result<Ranges, Error> {
    let DialogKey { app, dialog } = query.key;
    let head = log.heads(app, &[dialog]).await?.pop().unwrap_or_default();
    let member = match query.reader {
        0 => Member::default(),
        user => log.members(app, &[(dialog, user)]).await?.pop().unwrap_or_default(),
    };
    let (from, upto) = between(log, query.key, &head, query.wanted.dates).await?;
    let visible = head.visible(&member).within(from.max(member.first_shown(query.from_joining)), upto);
    let Some(ids) = &query.wanted.ids else { return Ok(visible) };
    let mut found = Ranges::new();
    for (_, row) in log.find(app, ids, &[dialog]).await?.into_iter().flatten() {
        found.insert(row.seq, row.seq);
    }
    Ok(visible.intersection(&found))
}

/// The first row sent at `dates.from` or later, and the last one sent at `dates.upto` or before.
async fn between(log: &dyn MessageLog, key: DialogKey, head: &Head, dates: Dates) -> Result<(u64, u64), Error> {
    let from = match dates.from {
        i64::MIN => head.floor + 1,
        from => first_sent(log, key, head, |date_sent| date_sent >= from).await?,
    };
    let upto = match dates.upto {
        i64::MAX => head.seq,
        upto => first_sent(log, key, head, |date_sent| date_sent > upto).await? - 1,
    };
    Ok((from, upto))
}

/// The place of the first row whose date is late enough, by binary search, as dates grow with places; if there is none, the
/// place after the newest row.
async fn first_sent(log: &dyn MessageLog, key: DialogKey, head: &Head, late: impl Fn(i64) -> bool) -> Result<u64, Error> {
    let app: AppId = key.app;
    let (mut low, mut high) = (head.floor + 1, head.seq + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let row = log.pick(app, &[(key.dialog, middle)]).await?.pop().flatten();
        match row.ok_or(Error::Corrupt("a message is missing"))? {
            row if late(row.date_sent) => high = middle,
            _ => low = middle + 1,
        }
    }
    Ok(low)
}
