//! What follows from a change of a dialog that stands: rows of members, lists of users, walks. Every write is the same write when done
//! again, and loses to those of later versions.

use futures::stream::FuturesUnordered;
use futures::{StreamExt, TryStreamExt};
use natter_db::Error;
use natter_db::cql::{Cql, Write};
use natter_proto::UserId;
use prost::Message;

use super::statements::*;
use super::{Found, bucket_of, dialog_of, stamp_of};
use crate::dialog::{Key, Kind};
use crate::store::rows::{DialogRow, ListedRow, MemberRow, Pending, kind};

/// Writes on their way at once.
pub const AT_ONCE: usize = 32;
/// Rows of one partition that are written together, and how many batches are on their way.
const TOGETHER: usize = 100;
const BATCHES_AT_ONCE: usize = 4;
/// Members read at once.
pub const PAGE: usize = 2_000;

/// A row of `dialog_members`.
pub struct MemberFound {
    pub user: UserId,
    /// Absent: a view that was written of somebody who is no member.
    pub place: Option<i64>,
    pub row: MemberRow,
}

/// Brings everything up to this state of the dialog, and notes that it is.
pub async fn settle(cql: &Cql, key: Key, found: &Found) -> Result<(), Error> {
    match &found.row {
        Some(row) => follow(cql, key, found, row).await?,
        None => clear(cql, key, found).await?,
    }
    let (app, dialog, stamp) = (key.app.0 as i64, dialog_of(key), stamp_of(found.version));
    cql.write(SETTLE, (app, dialog, stamp, stamp)).await
}

async fn follow(cql: &Cql, key: Key, found: &Found, row: &DialogRow) -> Result<(), Error> {
    let (app, dialog, stamp) = (key.app.0 as i64, dialog_of(key), stamp_of(found.version));
    let Pending { put, removed, .. } = &found.pending;
    let kind = kind(row.kind)?;
    let (mut members, mut apart): (Vec<Write>, Vec<Write>) = (Vec::new(), Vec::new());
    for one in put {
        let (user, view) = (one.user as i64, one.member.clone().unwrap_or_default());
        let bytes = view.encode_to_vec();
        members.push(match one.place {
            Some(place) => (PUT_MEMBER, Box::new((stamp, place, bytes.clone(), app, dialog.clone(), user))),
            None => (PUT_VIEW, Box::new((stamp, bytes.clone(), app, dialog.clone(), user))),
        });
        apart.push(match view.gone {
            true => (REMOVE_LISTED, Box::new((stamp, app, user, dialog.clone()))),
            false => {
                let listed = ListedRow::of_rows(row, one.user, view.clone()).encode_to_vec();
                (PUT_LISTED, Box::new((stamp, listed, app, user, dialog.clone())))
            }
        });
        if kind.is_public() {
            let bucket = bucket_of(key);
            apart.push(match view.entered {
                true => (PUT_JOIN, Box::new((stamp, bytes, bucket, app, dialog.clone(), user))),
                false => (REMOVE_JOIN, Box::new((stamp, bucket, app, dialog.clone(), user))),
            });
        }
    }
    for user in removed {
        members.push((REMOVE_MEMBER, Box::new((stamp, app, dialog.clone(), *user as i64))));
        apart.extend(unlist(key, kind, stamp, *user));
    }
    if kind == Kind::Public {
        apart.push((PUT_PUBLIC, Box::new((app, dialog, stamp))));
    }
    write_together(cql, members).await?;
    write_apart(cql, apart).await
}

/// The dialog is gone. Its members' rows go last: they say whose lists it is in.
async fn clear(cql: &Cql, key: Key, found: &Found) -> Result<(), Error> {
    let (app, dialog, stamp) = (key.app.0 as i64, dialog_of(key), stamp_of(found.version));
    let (kind, mut after) = (kind(found.pending.kind)?, None);
    loop {
        let page = members(cql, key, after, PAGE).await?;
        let lists = page.iter().flat_map(|one| unlist(key, kind, stamp, one.user.0)).collect();
        write_apart(cql, lists).await?;
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.user),
            _ => break,
        }
    }
    if kind == Kind::Public {
        cql.write(REMOVE_PUBLIC, (stamp, app, dialog.clone())).await?;
    }
    cql.write(REMOVE_MEMBERS, (stamp, app, dialog)).await
}

/// The copies of somebody who is no member.
fn unlist(key: Key, kind: Kind, stamp: i64, user: u64) -> Vec<Write> {
    let (app, dialog, user) = (key.app.0 as i64, dialog_of(key), user as i64);
    let mut writes: Vec<Write> = vec![(REMOVE_LISTED, Box::new((stamp, app, user, dialog.clone())))];
    if kind.is_public() {
        writes.push((REMOVE_JOIN, Box::new((stamp, bucket_of(key), app, dialog, user))));
    }
    writes
}

/// Rows of the members of a dialog behind one of them, at most `limit`.
pub async fn members(cql: &Cql, key: Key, after: Option<UserId>, limit: usize) -> Result<Vec<MemberFound>, Error> {
    type Row = (i64, Option<i64>, Option<Vec<u8>>);
    let (app, dialog, limit) = (key.app.0 as i64, dialog_of(key), i32::try_from(limit).unwrap_or(i32::MAX));
    let rows: Vec<Row> = match after {
        None => cql.rows(MEMBERS, (app, dialog, limit)).await?,
        Some(after) => cql.rows(MEMBERS_BEHIND, (app, dialog, after.0 as i64, limit)).await?,
    };
    let member = |(user, place, row): Row| {
        let row = super::rows::decode::<MemberRow>(&row.unwrap_or_default())?;
        Ok(MemberFound { user: UserId(user as u64), place, row })
    };
    rows.into_iter().map(member).collect()
}

/// Writes in one partition.
async fn write_together(cql: &Cql, mut writes: Vec<Write>) -> Result<(), Error> {
    let mut batches = Vec::new();
    while !writes.is_empty() {
        let rest = writes.split_off(writes.len().min(TOGETHER));
        batches.push(std::mem::replace(&mut writes, rest));
    }
    let mut under_way = FuturesUnordered::new();
    for batch in batches {
        while under_way.len() >= BATCHES_AT_ONCE {
            under_way.next().await.transpose()?;
        }
        under_way.push(cql.write_all(batch));
    }
    under_way.try_collect().await
}

/// Writes in many partitions.
pub async fn write_apart(cql: &Cql, writes: Vec<Write>) -> Result<(), Error> {
    let mut under_way = FuturesUnordered::new();
    for (statement, values) in writes {
        while under_way.len() >= AT_ONCE {
            under_way.next().await.transpose()?;
        }
        under_way.push(cql.write(statement, values));
    }
    under_way.try_collect().await
}
