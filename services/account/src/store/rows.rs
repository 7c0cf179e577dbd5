//! How every engine writes the rows of users, tokens, verifiers, reports and erasures. Fields are added, never renumbered.

use std::collections::BTreeMap;

use natter_db::Error as DbError;
use natter_proto::account::v1::User;
use prost::Message;

use super::{ReportId, ReportRow, TokenRow, UserRow};
use crate::erasure::ErasureRow;
use crate::name::Proofs;
use crate::reset::ResetRow;
use crate::verifier::Verifier;

#[derive(Clone, PartialEq, Message)]
struct StoredUser {
    #[prost(message, optional, tag = "1")]
    user: Option<User>,
    #[prost(string, optional, tag = "2")]
    password: Option<String>,
    #[prost(uint64, tag = "3")]
    password_version: u64,
    #[prost(bool, tag = "4")]
    deleted: bool,
    #[prost(uint64, tag = "5")]
    revision: u64,
    #[prost(int64, tag = "6")]
    guest_until: i64,
    #[prost(uint32, tag = "7")]
    proofs: u32,
}

#[derive(Clone, PartialEq, Message)]
struct StoredToken {
    #[prost(uint64, tag = "1")]
    app: u64,
    #[prost(uint64, tag = "2")]
    user: u64,
    #[prost(int64, tag = "3")]
    created_at: i64,
    #[prost(int64, tag = "4")]
    updated_at: i64,
    #[prost(int64, tag = "5")]
    expires_at: i64,
    #[prost(uint64, tag = "6")]
    nonce: u64,
    #[prost(int64, tag = "7")]
    timestamp: i64,
    #[prost(uint64, tag = "8")]
    password_version: u64,
}

#[derive(Clone, PartialEq, Message)]
struct StoredReset {
    #[prost(bytes = "vec", tag = "1")]
    hash: Vec<u8>,
    #[prost(uint64, tag = "2")]
    password_version: u64,
    #[prost(int64, tag = "3")]
    expires_at: i64,
}

#[derive(Clone, PartialEq, Message)]
struct StoredVerifier {
    #[prost(bytes = "vec", tag = "1")]
    mac: Vec<u8>,
    #[prost(int64, tag = "2")]
    expires_at: i64,
}

#[derive(Clone, PartialEq, Message)]
struct StoredReport {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(uint64, tag = "2")]
    reporter: u64,
    #[prost(int64, tag = "3")]
    created_at: i64,
    #[prost(int64, tag = "4")]
    updated_at: i64,
    #[prost(string, tag = "5")]
    fields: String,
    #[prost(int32, tag = "6")]
    verdict: i32,
    #[prost(string, tag = "7")]
    closed_by: String,
    #[prost(int64, tag = "8")]
    closed_at: i64,
}

#[derive(Clone, PartialEq, Message)]
struct StoredErasure {
    #[prost(int64, tag = "1")]
    begun_at: i64,
    #[prost(int64, tag = "2")]
    ended_at: i64,
    #[prost(btree_map = "string, uint64", tag = "3")]
    erased: BTreeMap<String, u64>,
    #[prost(uint32, tag = "4")]
    round: u32,
    #[prost(uint32, tag = "5")]
    step: u32,
    #[prost(bytes = "vec", tag = "6")]
    after: Vec<u8>,
    #[prost(bool, tag = "7")]
    found: bool,
}

pub fn of_user(row: &UserRow) -> Vec<u8> {
    let user = User { last_request_at: 0, ..row.user.clone() };
    let stored = StoredUser {
        user: Some(user),
        password: row.password.clone(),
        password_version: row.password_version,
        deleted: row.deleted,
        revision: row.revision,
        guest_until: row.guest_until,
        proofs: row.proofs.0,
    };
    stored.encode_to_vec()
}

pub fn to_user(bytes: &[u8], last_request_at: i64) -> Result<UserRow, DbError> {
    let StoredUser { user, password, password_version, deleted, revision, guest_until, proofs } = decode("users", bytes)?;
    let user = User { last_request_at, ..user.ok_or_else(|| corrupt("users"))? };
    Ok(UserRow { user, password, password_version, deleted, revision, guest_until, proofs: Proofs(proofs) })
}

pub fn of_token(row: &TokenRow) -> Vec<u8> {
    let TokenRow { app, user, created_at, updated_at, expires_at, nonce, timestamp, password_version } = *row;
    StoredToken { app, user, created_at, updated_at, expires_at, nonce, timestamp, password_version }.encode_to_vec()
}

pub fn to_token(bytes: &[u8]) -> Result<TokenRow, DbError> {
    let StoredToken { app, user, created_at, updated_at, expires_at, nonce, timestamp, password_version } =
        decode("tokens", bytes)?;
    Ok(TokenRow { app, user, created_at, updated_at, expires_at, nonce, timestamp, password_version })
}

pub fn of_reset(row: ResetRow) -> Vec<u8> {
    let ResetRow { hash, password_version, expires_at } = row;
    StoredReset { hash, password_version, expires_at }.encode_to_vec()
}

pub fn to_reset(bytes: &[u8]) -> Result<ResetRow, DbError> {
    let StoredReset { hash, password_version, expires_at } = decode("resets", bytes)?;
    Ok(ResetRow { hash, password_version, expires_at })
}

pub fn of_verifier(verifier: &Verifier) -> Vec<u8> {
    StoredVerifier { mac: verifier.mac.to_vec(), expires_at: verifier.expires_at }.encode_to_vec()
}

pub fn to_verifier(bytes: &[u8]) -> Result<Verifier, DbError> {
    let stored: StoredVerifier = decode("verifiers", bytes)?;
    let mac = stored.mac.try_into().map_err(|_| corrupt("verifiers"))?;
    Ok(Verifier { mac, expires_at: stored.expires_at })
}

pub fn of_report(row: &ReportRow) -> Vec<u8> {
    let ReportRow { kind, reporter, created_at, updated_at, fields, verdict, closed_by, closed_at, .. } = row.clone();
    StoredReport { kind, reporter, created_at, updated_at, fields, verdict, closed_by, closed_at }.encode_to_vec()
}

pub fn to_report(app: u64, id: ReportId, bytes: &[u8]) -> Result<ReportRow, DbError> {
    let stored = decode("reports", bytes)?;
    let StoredReport { kind, reporter, created_at, updated_at, fields, verdict, closed_by, closed_at } = stored;
    Ok(ReportRow { app, id, kind, reporter, created_at, updated_at, fields, verdict, closed_by, closed_at })
}

pub fn of_erasure(row: &ErasureRow) -> Vec<u8> {
    let ErasureRow { begun_at, ended_at, erased, round, step, after, found, .. } = row.clone();
    StoredErasure { begun_at, ended_at, erased, round, step, after, found }.encode_to_vec()
}

pub fn to_erasure(app: u64, user: u64, bytes: &[u8]) -> Result<ErasureRow, DbError> {
    let StoredErasure { begun_at, ended_at, erased, round, step, after, found } = decode("erasures", bytes)?;
    Ok(ErasureRow { app, user, begun_at, ended_at, erased, round, step, after, found })
}

fn decode<M: Message + Default>(table: &str, row: &[u8]) -> Result<M, DbError> {
    M::decode(row).map_err(|_| corrupt(table))
}

fn corrupt(table: &str) -> DbError {
    DbError::Corrupt(format!("cannot read a row of {table}"))
}
