//! Messages by id, and the ids of a dialog's newest rows.

use natter_proto::history::v1::{DialogHead, Found, IdRow};
use natter_proto::{AppId, DialogId, MessageId};

use crate::error::Error;
use crate::log::{DialogKey, MessageLog, id_row};

/// Most newest rows whose ids a new owner gets.
const TAIL_MAX: u64 = 10_000;
/// Rows read at once to get at their ids.
const CHUNK: u64 = 256;

/// Messages that have one of these ids, or had it as the alias their client gave: by id asked, ids before aliases, then by
/// dialog and place. Removed ones are among them, those that are hidden from `reader` are not, and with `from_joining` none from
/// before he joined; 0 is nobody.
pub async fn find(
    log: &dyn MessageLog,
    app: AppId,
    (reader, from_joining): (u64, bool),
    ids: &[MessageId],
    dialogs: &[DialogId],
) -> Result<Vec<Found>, Error> {
    let mut asked = Vec::new();
    for (id, mut uses) in ids.iter().zip(log.find(app, ids, dialogs).await?) {
        if reader > 0 && !uses.is_empty() {
            uses = visible(log, app, (reader, from_joining), uses).await?;
        }
        uses.sort_by_key(|(dialog, row)| (row.id != id.0, *dialog, row.seq));
        asked.extend(uses.into_iter().map(|(dialog, row)| (*id, (dialog, row.seq))));
    }
    // What is posted for the first time is asked for too, and is most of what is.
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<(DialogId, u64)> = asked.iter().map(|(_, place)| *place).collect();
    let rows = asked.into_iter().zip(log.pick(app, &places).await?).filter(|(_, row)| row.is_some());
    Ok(rows.map(|((id, (dialog, _)), row)| Found { dialog: dialog.to_vec(), row, asked: id.to_vec() }).collect())
}

async fn visible(
    log: &dyn MessageLog,
    app: AppId,
    (reader, from_joining): (u64, bool),
    uses: Vec<(DialogId, IdRow)>,
) -> Result<Vec<(DialogId, IdRow)>, Error> {
    let of: Vec<(DialogId, u64)> = uses.iter().map(|(dialog, _)| (*dialog, reader)).collect();
    let members = log.members(app, &of).await?;
    let seen = uses.into_iter().zip(members).filter(|((_, row), member)| !member.is_kept_from(row.seq, from_joining));
    Ok(seen.map(|(row, _)| row).collect())
}

/// What the owner of a dialog builds upon: the head, and the ids of up to `ids_max` newest rows, ascending.
pub async fn load(log: &dyn MessageLog, key: DialogKey, ids_max: u64) -> Result<(DialogHead, Vec<IdRow>), Error> {
    let head = log.load(key).await?;
    let first = head.seq.saturating_sub(ids_max.min(TAIL_MAX)).max(head.floor) + 1;
    let mut places = crate::ranges::Ranges::of(first, head.seq);
    let mut tail = Vec::with_capacity(places.length() as usize);
    while !places.is_empty() {
        tail.extend(log.rows(key, &places.take_first(CHUNK)).await?.iter().map(id_row));
    }
    Ok((head.into_proto(key.dialog), tail))
}
