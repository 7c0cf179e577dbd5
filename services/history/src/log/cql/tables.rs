//! The tables of the log, and the indexes to find an app's dialogs by when it is erased. Each group of tables is written by the file
//! of its name.

use natter_db::cql::Migration;

use crate::log::DialogKey;

/// - `segments`: only conditional writes touch them. `state`: 0 open, 1 fenced, 2 sealed; `length` is there when it is sealed.
/// - `message_rows`: written with timestamp 1, so that the same row again is the same write; `edit` and `stamp` by conditional writes
///   alone. `row` is deleted with timestamp 2 when nothing may be left of it.
/// - `message_ids`: of ids and of aliases, at the place of their row, with timestamp 1. `row`: `history.v1.IdRow`.
/// - `member_ranges`: what a member has read, received and hidden. A range is written with its last number as timestamp: of two that
///   start alike the longer one stays, and they commute.
/// - `dialog_facts`: ranges of what is removed, as above; `newest`, the stamp of the newest change, and changes, by conditional
///   writes. `change`: `event.v1.Change`, kept for seven days; `last` there: the row is changed too.
/// - `app_dialogs`: the dialogs of an app, before there is a segment of them.
/// - `untold`: what the durable log did not take.
pub const TABLES: Migration = Migration {
    name: "history/001-log",
    statements: &[
        "CREATE TABLE IF NOT EXISTS segments (app bigint, dialog blob, number bigint, writer bigint, state int, first_seq bigint, \
         length int, PRIMARY KEY ((app, dialog), number))",
        "CREATE TABLE IF NOT EXISTS message_rows (app bigint, dialog blob, segment bigint, position int, first int, row blob, \
         quiet blob, edit blob, stamp bigint, PRIMARY KEY ((app, dialog, segment), position))",
        "CREATE TABLE IF NOT EXISTS message_ids (app bigint, dialog blob, id blob, is_alias int, segment bigint, position int, \
         row blob, PRIMARY KEY ((app, dialog, id), is_alias, segment, position))",
        "CREATE TABLE IF NOT EXISTS member_ranges (app bigint, dialog blob, user bigint, kind int, first bigint, last bigint, \
         PRIMARY KEY ((app, dialog), user, kind, first))",
        "CREATE TABLE IF NOT EXISTS dialog_facts (app bigint, dialog blob, kind int, first bigint, last bigint, newest bigint, \
         change blob, PRIMARY KEY ((app, dialog), kind, first))",
        "CREATE TABLE IF NOT EXISTS app_dialogs (app bigint, bucket int, dialog blob, PRIMARY KEY ((app, bucket), dialog))",
        "CREATE TABLE IF NOT EXISTS untold (bucket int, app bigint, id text, value blob, PRIMARY KEY (bucket, app, id))",
    ],
};

/// About how long the columns of a row are besides what the row says.
pub const COLUMNS_BYTES: usize = 64;

/// Parts into which the dialogs of an app, and what is untold, are divided.
pub const BUCKETS: i32 = 16;

/// The part in which a dialog's place in the index is.
pub fn bucket_of(id: &[u8]) -> i32 {
    id.iter().fold(0_i32, |sum, byte| (sum * 31 + i32::from(*byte)) % 65_521) % BUCKETS
}

/// The columns that a partition of a dialog begins with.
pub fn columns(key: DialogKey) -> (i64, Vec<u8>) {
    (key.app.0 as i64, key.dialog.to_vec())
}
