//! How the rows of blobs and of usage are written: those of blobs the same in every engine. Fields are added, never renumbered.

use natter_db::Error as DbError;
use natter_proto::BlobUid;
use prost::Message;

use crate::blob::{BlobRow, Object, State, Usage};

#[derive(Clone, PartialEq, Message)]
struct StoredBlob {
    #[prost(uint64, tag = "1")]
    app: u64,
    #[prost(uint64, tag = "2")]
    id: u64,
    #[prost(bytes = "vec", tag = "3")]
    uid: Vec<u8>,
    #[prost(uint64, tag = "4")]
    owner: u64,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(string, tag = "6")]
    content_type: String,
    #[prost(bool, tag = "7")]
    public: bool,
    #[prost(bytes = "vec", tag = "8")]
    key_hash: Vec<u8>,
    #[prost(int64, tag = "9")]
    created_at: i64,
    #[prost(int64, tag = "10")]
    updated_at: i64,
    /// Empty: no upload has begun.
    #[prost(bytes = "vec", tag = "11")]
    object: Vec<u8>,
    /// Absent: without content.
    #[prost(uint64, optional, tag = "12")]
    size: Option<u64>,
    /// Absent: not complete.
    #[prost(int64, optional, tag = "13")]
    completed_at: Option<i64>,
    #[prost(uint64, tag = "14")]
    app_bytes_max: u64,
}

#[derive(Clone, PartialEq, Message)]
struct StoredUsage {
    #[prost(uint64, tag = "1")]
    bytes: u64,
    #[prost(uint64, tag = "2")]
    files: u64,
}

pub fn of_blob(row: &BlobRow) -> Vec<u8> {
    let (size, completed_at) = match row.state {
        State::Empty { .. } => (None, None),
        State::Stored { size, .. } => (Some(size), None),
        State::Complete { size, at, .. } => (Some(size), Some(at)),
    };
    let stored = StoredBlob {
        app: row.app,
        id: row.id,
        uid: row.uid.0.to_vec(),
        owner: row.owner,
        name: row.name.clone(),
        content_type: row.content_type.clone(),
        public: row.public,
        key_hash: row.key_hash.to_vec(),
        created_at: row.created_at,
        updated_at: row.updated_at,
        object: row.object().map(|object| object.0.to_vec()).unwrap_or_default(),
        size,
        completed_at,
        app_bytes_max: row.app_bytes_max,
    };
    stored.encode_to_vec()
}

pub fn to_blob(bytes: &[u8]) -> Result<BlobRow, DbError> {
    let stored = StoredBlob::decode(bytes).map_err(|_| corrupt("blobs"))?;
    let object = match stored.object.len() {
        0 => None,
        _ => Some(Object(array(&stored.object)?)),
    };
    let state = match (object, stored.size, stored.completed_at) {
        (pending, None, None) => State::Empty { pending },
        (Some(object), Some(size), None) => State::Stored { object, size },
        (Some(object), Some(size), Some(at)) => State::Complete { object, size, at },
        _ => return Err(corrupt("blobs")),
    };
    Ok(BlobRow {
        app: stored.app,
        id: stored.id,
        uid: BlobUid(array(&stored.uid)?),
        owner: stored.owner,
        name: stored.name,
        content_type: stored.content_type,
        public: stored.public,
        key_hash: array(&stored.key_hash)?,
        created_at: stored.created_at,
        updated_at: stored.updated_at,
        state,
        app_bytes_max: stored.app_bytes_max,
    })
}

pub fn of_usage(usage: Usage) -> Vec<u8> {
    StoredUsage { bytes: usage.bytes, files: usage.files }.encode_to_vec()
}

pub fn to_usage(bytes: &[u8]) -> Result<Usage, DbError> {
    let StoredUsage { bytes, files } = StoredUsage::decode(bytes).map_err(|_| corrupt("blob_usage"))?;
    Ok(Usage { bytes, files })
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], DbError> {
    bytes.try_into().map_err(|_| corrupt("blobs"))
}

/// What cannot be read of a table.
pub fn corrupt(table: &str) -> DbError {
    DbError::Corrupt(format!("cannot read a row of {table}"))
}
