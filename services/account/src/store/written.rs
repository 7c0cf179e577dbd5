//! How operators, sign-ins and entries of the audit log are written: the same bytes in every engine. Fields are added, never
//! renumbered.

use natter_db::Error as DbError;
use natter_proto::account::v1::OperatorRole;
use prost::Message;

use super::{OperatorRow, SignInRow};
use crate::audit::EntryRow;
use crate::operator::Grant;

#[derive(Clone, PartialEq, Message)]
struct StoredOperator {
    #[prost(string, tag = "1")]
    password: String,
    #[prost(int64, tag = "2")]
    created_at: i64,
    #[prost(int64, tag = "3")]
    updated_at: i64,
    /// 0: written before there were roles, so an owner.
    #[prost(enumeration = "OperatorRole", tag = "4")]
    role: i32,
    #[prost(bool, tag = "5")]
    limited: bool,
    #[prost(uint64, repeated, tag = "6")]
    apps: Vec<u64>,
    #[prost(uint64, tag = "7")]
    epoch: u64,
}

#[derive(Clone, PartialEq, Message)]
struct StoredSignIn {
    #[prost(string, tag = "1")]
    operator: String,
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(int64, tag = "3")]
    begun_at: i64,
    #[prost(int64, tag = "4")]
    used_at: i64,
    #[prost(string, tag = "5")]
    address: String,
    #[prost(string, tag = "6")]
    agent: String,
}

#[derive(Clone, PartialEq, Message)]
struct StoredEntry {
    #[prost(int64, tag = "1")]
    at: i64,
    #[prost(string, tag = "2")]
    operator: String,
    #[prost(string, tag = "3")]
    role: String,
    #[prost(string, tag = "4")]
    address: String,
    #[prost(string, tag = "5")]
    action: String,
    #[prost(string, tag = "6")]
    route: String,
    #[prost(uint64, tag = "7")]
    app: u64,
    #[prost(string, tag = "8")]
    target: String,
    #[prost(uint32, tag = "9")]
    status: u32,
    #[prost(string, tag = "10")]
    note: String,
}

pub fn of_operator(row: &OperatorRow) -> Vec<u8> {
    let OperatorRow { password, epoch, grant, created_at, updated_at, .. } = row.clone();
    let (limited, apps) = (grant.apps.is_some(), grant.apps.into_iter().flatten().collect());
    StoredOperator { password, created_at, updated_at, role: grant.role.into(), limited, apps, epoch }.encode_to_vec()
}

pub fn to_operator(name: String, bytes: &[u8]) -> Result<OperatorRow, DbError> {
    let stored = StoredOperator::decode(bytes).map_err(|_| corrupt("operators"))?;
    let role = match stored.role() {
        OperatorRole::Unspecified if stored.role == 0 => OperatorRole::Owner,
        // Written by a later version: what that role may, nobody here knows.
        OperatorRole::Unspecified => OperatorRole::Viewer,
        role => role,
    };
    let StoredOperator { password, created_at, updated_at, limited, apps, epoch, .. } = stored;
    let grant = Grant { role, apps: limited.then(|| apps.into_iter().collect()) };
    Ok(OperatorRow { name, password, epoch, grant, created_at, updated_at })
}

pub fn of_sign_in(row: &SignInRow) -> Vec<u8> {
    let SignInRow { operator, epoch, begun_at, used_at, address, agent } = row.clone();
    StoredSignIn { operator, epoch, begun_at, used_at, address, agent }.encode_to_vec()
}

pub fn to_sign_in(bytes: &[u8]) -> Result<SignInRow, DbError> {
    let stored = StoredSignIn::decode(bytes).map_err(|_| corrupt("sign_ins"))?;
    let StoredSignIn { operator, epoch, begun_at, used_at, address, agent } = stored;
    Ok(SignInRow { operator, epoch, begun_at, used_at, address, agent })
}

pub fn of_entry(row: EntryRow) -> Vec<u8> {
    let EntryRow { at, operator, role, address, action, route, app, target, status, note } = row;
    StoredEntry { at, operator, role, address, action, route, app, target, status, note }.encode_to_vec()
}

pub fn to_entry(bytes: &[u8]) -> Result<EntryRow, DbError> {
    let stored = StoredEntry::decode(bytes).map_err(|_| corrupt("audit"))?;
    let StoredEntry { at, operator, role, address, action, route, app, target, status, note } = stored;
    Ok(EntryRow { at, operator, role, address, action, route, app, target, status, note })
}

/// What cannot be read of a table.
pub fn corrupt(table: &str) -> DbError {
    DbError::Corrupt(format!("cannot read a row of {table}"))
}
