//! The erasure of an app: a walk over `dialogs_of_app`, dialog by dialog, each with the lists of its members. Nobody gets into the app
//! any more, so these writes have no version: they stand against whatever was written before.

use natter_db::Error;
use natter_db::cql::{Cql, Write};
use natter_proto::{AppId, DialogId};

use super::settle::{members, write_apart};
use super::statements::*;
use super::{bucket_of, dialog_of};
use crate::dialog::Key;

/// Removes at most `max` members and dialogs of an app. How many; fewer than `max`: nothing is left.
pub async fn erase(cql: &Cql, app: AppId, max: usize) -> Result<usize, Error> {
    let mut count = 0;
    for bucket in 0..BUCKETS {
        while count < max {
            let limit = i32::try_from(max - count).unwrap_or(i32::MAX);
            let dialogs: Vec<(Vec<u8>,)> = cql.rows(OF_APP, (app.0 as i64, bucket, limit)).await?;
            if dialogs.is_empty() {
                break;
            }
            for (dialog,) in dialogs {
                let dialog = DialogId::try_from(dialog.as_slice()).map_err(|_| super::rows::corrupt("id of a dialog"))?;
                if count < max {
                    count += erase_dialog(cql, Key { app, dialog }, max - count).await?;
                }
            }
        }
    }
    Ok(count)
}

/// The dialog goes with the last of its members: as many as there is room for.
async fn erase_dialog(cql: &Cql, key: Key, room: usize) -> Result<usize, Error> {
    let (app, dialog, bucket) = (key.app.0 as i64, dialog_of(key), bucket_of(key));
    let members = members(cql, key, None, room).await?;
    let (mut copies, mut rows): (Vec<Write>, Vec<Write>) = (Vec::new(), Vec::new());
    for one in &members {
        let user = one.user.0 as i64;
        copies.push((DROP_LISTED, Box::new((app, user, dialog.clone()))));
        copies.push((DROP_JOIN, Box::new((bucket, app, dialog.clone(), user))));
        rows.push((DROP_MEMBER, Box::new((app, dialog.clone(), user))));
    }
    write_apart(cql, copies).await?;
    write_apart(cql, rows).await?;
    if members.len() == room {
        return Ok(room);
    }
    cql.write(DROP_PUBLIC, (app, dialog.clone())).await?;
    cql.change(DROP, (app, dialog.clone())).await?;
    cql.write(DROP_SETTLED, (app, dialog.clone())).await?;
    cql.write(DROP_OF_APP, (app, bucket, dialog)).await?;
    Ok(members.len() + 1)
}
