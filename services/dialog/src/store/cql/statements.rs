//! The tables of dialogs on ScyllaDB, and every statement on them.
//!
//! `dialogs` is written by conditions alone. `dialog_members`, `dialogs_by_user`, `dialogs_settled`, `public_dialogs` and `dialog_joins`
//! follow from it: they are written under the version of the dialog as timestamp, so that of two writes that of the newer version
//! stands, whoever comes last. Partitions: one dialog with at most `members_max` members, one user with at most
//! `dialogs_of_user_max` dialogs, the public dialogs of one app; the rest is spread over [`BUCKETS`].

use natter_db::cql::{Migration, Statement};

/// Partitions of the dialogs of an app, and of joins.
pub const BUCKETS: i32 = 64;

/// `row`s are messages of `store/rows.rs`.
pub const TABLES: Migration = Migration {
    name: "dialog/001-dialogs",
    statements: &[
        "CREATE TABLE IF NOT EXISTS dialogs (app bigint, dialog blob, version bigint, row blob, pending blob, \
         PRIMARY KEY ((app, dialog)))",
        "CREATE TABLE IF NOT EXISTS dialogs_settled (app bigint, dialog blob, version bigint, PRIMARY KEY ((app, dialog)))",
        "CREATE TABLE IF NOT EXISTS dialog_members (app bigint, dialog blob, user bigint, place bigint, row blob, \
         PRIMARY KEY ((app, dialog), user))",
        "CREATE TABLE IF NOT EXISTS dialogs_by_user (app bigint, user bigint, dialog blob, row blob, \
         PRIMARY KEY ((app, user), dialog))",
        "CREATE TABLE IF NOT EXISTS public_dialogs (app bigint, dialog blob, PRIMARY KEY (app, dialog))",
        "CREATE TABLE IF NOT EXISTS dialogs_of_app (app bigint, bucket int, dialog blob, PRIMARY KEY ((app, bucket), dialog))",
        "CREATE TABLE IF NOT EXISTS dialog_joins (bucket int, app bigint, dialog blob, user bigint, row blob, \
         PRIMARY KEY (bucket, app, dialog, user))",
    ],
};

// === the dialog ===

pub const GET: Statement = Statement::read("SELECT version, row, pending FROM dialogs WHERE app = ? AND dialog = ?");
pub const VERSION: Statement = Statement::read("SELECT version FROM dialogs WHERE app = ? AND dialog = ?");
pub const MAKE: Statement =
    Statement::change("INSERT INTO dialogs (app, dialog, version, row, pending) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS");
pub const MOVE: Statement =
    Statement::change("UPDATE dialogs SET version = ?, row = ?, pending = ? WHERE app = ? AND dialog = ? IF version = ?");
pub const DROP: Statement = Statement::change("DELETE FROM dialogs WHERE app = ? AND dialog = ? IF EXISTS");

pub const SETTLED: Statement = Statement::read("SELECT version FROM dialogs_settled WHERE app = ? AND dialog = ?");
pub const SETTLE: Statement =
    Statement::write("INSERT INTO dialogs_settled (app, dialog, version) VALUES (?, ?, ?) USING TIMESTAMP ?");
pub const DROP_SETTLED: Statement = Statement::write("DELETE FROM dialogs_settled WHERE app = ? AND dialog = ?");

// === its members ===

pub const MEMBERS: Statement =
    Statement::read("SELECT user, place, row FROM dialog_members WHERE app = ? AND dialog = ? LIMIT ?");
pub const MEMBERS_BEHIND: Statement =
    Statement::read("SELECT user, place, row FROM dialog_members WHERE app = ? AND dialog = ? AND user > ? LIMIT ?");
pub const PUT_MEMBER: Statement =
    Statement::write("UPDATE dialog_members USING TIMESTAMP ? SET place = ?, row = ? WHERE app = ? AND dialog = ? AND user = ?");
pub const PUT_VIEW: Statement =
    Statement::write("UPDATE dialog_members USING TIMESTAMP ? SET row = ? WHERE app = ? AND dialog = ? AND user = ?");
pub const REMOVE_MEMBER: Statement =
    Statement::write("DELETE FROM dialog_members USING TIMESTAMP ? WHERE app = ? AND dialog = ? AND user = ?");
pub const REMOVE_MEMBERS: Statement =
    Statement::write("DELETE FROM dialog_members USING TIMESTAMP ? WHERE app = ? AND dialog = ?");
pub const DROP_MEMBER: Statement = Statement::write("DELETE FROM dialog_members WHERE app = ? AND dialog = ? AND user = ?");

// === lists ===

pub const LIST: Statement = Statement::read("SELECT dialog, row FROM dialogs_by_user WHERE app = ? AND user = ? LIMIT ?");
pub const COUNT: Statement = Statement::read("SELECT dialog FROM dialogs_by_user WHERE app = ? AND user = ? LIMIT ?");
pub const PUT_LISTED: Statement =
    Statement::write("UPDATE dialogs_by_user USING TIMESTAMP ? SET row = ? WHERE app = ? AND user = ? AND dialog = ?");
pub const REMOVE_LISTED: Statement =
    Statement::write("DELETE FROM dialogs_by_user USING TIMESTAMP ? WHERE app = ? AND user = ? AND dialog = ?");
pub const DROP_LISTED: Statement = Statement::write("DELETE FROM dialogs_by_user WHERE app = ? AND user = ? AND dialog = ?");

pub const PUBLIC: Statement = Statement::read("SELECT dialog FROM public_dialogs WHERE app = ? LIMIT ?");
pub const PUT_PUBLIC: Statement = Statement::write("INSERT INTO public_dialogs (app, dialog) VALUES (?, ?) USING TIMESTAMP ?");
pub const REMOVE_PUBLIC: Statement =
    Statement::write("DELETE FROM public_dialogs USING TIMESTAMP ? WHERE app = ? AND dialog = ?");
pub const DROP_PUBLIC: Statement = Statement::write("DELETE FROM public_dialogs WHERE app = ? AND dialog = ?");

// === walks ===

pub const OF_APP: Statement = Statement::read("SELECT dialog FROM dialogs_of_app WHERE app = ? AND bucket = ? LIMIT ?");
pub const OF_APP_BEHIND: Statement =
    Statement::read("SELECT dialog FROM dialogs_of_app WHERE app = ? AND bucket = ? AND dialog > ? LIMIT ?");
pub const PUT_OF_APP: Statement = Statement::write("INSERT INTO dialogs_of_app (app, bucket, dialog) VALUES (?, ?, ?)");
pub const DROP_OF_APP: Statement = Statement::write("DELETE FROM dialogs_of_app WHERE app = ? AND bucket = ? AND dialog = ?");

pub const JOINS: Statement = Statement::read("SELECT app, dialog, user, row FROM dialog_joins WHERE bucket = ? LIMIT ?");
pub const JOINS_BEHIND: Statement = Statement::read(
    "SELECT app, dialog, user, row FROM dialog_joins WHERE bucket = ? AND (app, dialog, user) > (?, ?, ?) LIMIT ?",
);
pub const PUT_JOIN: Statement = Statement::write(
    "UPDATE dialog_joins USING TIMESTAMP ? SET row = ? WHERE bucket = ? AND app = ? AND dialog = ? AND user = ?",
);
pub const REMOVE_JOIN: Statement =
    Statement::write("DELETE FROM dialog_joins USING TIMESTAMP ? WHERE bucket = ? AND app = ? AND dialog = ? AND user = ?");
pub const DROP_JOIN: Statement =
    Statement::write("DELETE FROM dialog_joins WHERE bucket = ? AND app = ? AND dialog = ? AND user = ?");
