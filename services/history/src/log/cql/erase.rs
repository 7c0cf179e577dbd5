//! All that is kept of an app goes, a page at a time. Its dialogs are found by an index of them, in a bounded number of parts; a
//! dialog leaves it last. Nobody gets into the app any more, so nothing comes meanwhile.

use natter_db::cql::{Cql, Statement};
use natter_proto::{AppId, DialogId};

use super::tables::{BUCKETS, bucket_of, columns};
use super::{Engine, rows};
use crate::error::Error;
use crate::log::DialogKey;

const ENTER: Statement = Statement::write("INSERT INTO app_dialogs (app, bucket, dialog) VALUES (?, ?, ?)");
const SOME: Statement = Statement::read("SELECT dialog FROM app_dialogs WHERE app = ? AND bucket = ? LIMIT ?");
const LEAVE: Statement = Statement::write("DELETE FROM app_dialogs WHERE app = ? AND bucket = ? AND dialog = ?");

/// Rows read at once.
const CHUNK: u32 = 256;

/// The dialogs of each app.
pub struct AppDialogs {
    pub cql: Cql,
}

impl AppDialogs {
    /// Before there is a segment of the dialog.
    pub async fn enter(&self, key: DialogKey) -> Result<(), Error> {
        let (app, dialog) = columns(key);
        Ok(self.cql.write(ENTER, (app, bucket_of(&dialog), dialog)).await?)
    }

    async fn some(&self, app: AppId, bucket: i32, max: usize) -> Result<Vec<DialogId>, Error> {
        let limit = i32::try_from(max).unwrap_or(i32::MAX).max(1);
        let read = self.cql.rows::<(Vec<u8>,)>(SOME, (app.0 as i64, bucket, limit)).await?;
        let dialogs = read.into_iter().map(|(dialog,)| DialogId::try_from(&dialog[..]));
        dialogs.collect::<Result<_, _>>().map_err(|_| Error::Corrupt("the id of a dialog"))
    }

    async fn leave(&self, key: DialogKey) -> Result<(), Error> {
        let (app, dialog) = columns(key);
        Ok(self.cql.write(LEAVE, (app, bucket_of(&dialog), dialog)).await?)
    }
}

impl Engine {
    /// How many messages went, and that or `max` if something is left.
    pub(super) async fn erase(&self, app: AppId, max: usize) -> Result<(usize, usize), Error> {
        let (mut messages, mut dialogs) = (0, 0);
        for bucket in 0..BUCKETS {
            loop {
                let some = self.apps.some(app, bucket, 100).await?;
                if some.is_empty() {
                    break;
                }
                for dialog in some {
                    if messages >= max || dialogs >= max {
                        return Ok((messages, messages.max(max)));
                    }
                    let key = DialogKey { app, dialog };
                    if self.erase_dialog(key, max, &mut messages).await? {
                        self.apps.leave(key).await?;
                        dialogs += 1;
                    }
                }
            }
        }
        Ok((messages, messages.max(dialogs)))
    }

    /// Segment by segment from the first one on. `false`: there are more.
    async fn erase_dialog(&self, key: DialogKey, max: usize, messages: &mut usize) -> Result<bool, Error> {
        for segment in self.segments.chain(key).await?.iter() {
            if *messages >= max {
                return Ok(false);
            }
            let mut from = 0;
            loop {
                let stored = self.rows.read(key, segment.number, from, from + CHUNK).await?;
                let Some(last) = stored.last() else { break };
                from = last.position + 1;
                *messages += stored.iter().filter(|row| !segment.is_void(row.position)).count();
                self.ids.erase(key, stored.iter().map(rows::message).collect::<Result<_, _>>()?).await?;
            }
            self.rows.erase(key, segment.number).await?;
            self.segments.erase(key, segment.number).await?;
        }
        self.members.erase(key).await?;
        self.facts.erase(key).await?;
        Ok(true)
    }
}
