//! The rules of a blob: what it may be called, who may do what with it, what becomes of it. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;

use natter_proto::BlobUid;
use natter_proto::storage::v1::{Blob, CreateRequest, Status};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Characters of a name (contract rest 6.1).
const NAME_CHARS_MAX: usize = 100;
/// RFC 6838, 4.2: 127 for type and subtype each.
pub const CONTENT_TYPE_BYTES_MAX: usize = 255;

/// A content, by the name that it has where bytes are kept. Nothing of it comes from outside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Object(pub [u8; 16]);

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A blob as kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlobRow {
    pub app: u64,
    pub id: u64,
    pub uid: BlobUid,
    pub owner: u64,
    pub name: String,
    pub content_type: String,
    pub public: bool,
    /// SHA-256 of the key that opens the upload.
    pub key_hash: [u8; 32],
    /// Unix milliseconds, like every instant here.
    pub created_at: i64,
    pub updated_at: i64,
    pub state: State,
    /// Most bytes of its app, as they were when it was made; 0: those of the installation.
    pub app_bytes_max: u64,
}

/// How far a blob is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// Without content. `pending`: the upload that began last.
    Empty {
        pending: Option<Object>,
    },
    /// With content; not yet said to be whole.
    Stored {
        object: Object,
        size: u64,
    },
    Complete {
        object: Object,
        size: u64,
        at: i64,
    },
}

/// What blobs weigh in the quota of their app.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Usage {
    pub bytes: u64,
    pub files: u64,
}

/// Why a blob is not what was asked for, or may not become it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// The name is empty, too long, or holds what is no part of a name.
    #[error("is invalid")]
    Name,
    #[error("is invalid")]
    ContentType,
    /// Unknown blob, wrong key, or too late: they are not told apart.
    #[error("this upload address cannot be used")]
    Key,
    #[error("the file was uploaded already")]
    Uploaded,
    /// Another upload of the same blob began later.
    #[error("another upload of the file has begun")]
    Superseded,
    #[error("the file was not uploaded")]
    NotUploaded,
    #[error("is not that of the uploaded file")]
    Size,
}

/// Chance for everything a blob needs.
pub struct Dice {
    pub uid: [u8; 16],
    pub key: [u8; 16],
}

/// The blob that `request` asks for, and the key of its upload.
pub fn draft(request: CreateRequest, id: u64, dice: Dice, now: i64) -> Result<(BlobRow, String), Refused> {
    check_name(&request.name)?;
    let content_type = request.content_type.trim();
    if content_type.len() > CONTENT_TYPE_BYTES_MAX || content_type.chars().any(char::is_control) {
        return Err(Refused::ContentType);
    }
    let key: String = dice.key.iter().map(|byte| format!("{byte:02x}")).collect();
    let row = BlobRow {
        app: request.app,
        id,
        uid: BlobUid::from_random(dice.uid),
        owner: request.user,
        name: request.name,
        content_type: content_type.to_owned(),
        public: request.public,
        key_hash: hash(&key),
        created_at: now,
        updated_at: now,
        state: State::Empty { pending: None },
        app_bytes_max: request.app_bytes_max,
    };
    Ok((row, key))
}

// A name is shown and saved by browsers: what would be a way through folders, or end a header line, is none.
pub fn check_name(name: &str) -> Result<(), Refused> {
    let length = name.chars().count();
    let is_path = name.contains(['/', '\\']) || matches!(name.trim(), "" | "." | "..");
    if length > NAME_CHARS_MAX || is_path || name.chars().any(char::is_control) {
        return Err(Refused::Name);
    }
    Ok(())
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

impl BlobRow {
    /// Whether a user of the app may know of it by its id, which can be counted up: the uid of a private file is what opens it.
    pub fn is_seen_by(&self, user: u64) -> bool {
        self.public || self.owner == user
    }

    /// What it weighs.
    pub fn weight(&self) -> Usage {
        let bytes = match self.state {
            State::Empty { .. } => 0,
            State::Stored { size, .. } | State::Complete { size, .. } => size,
        };
        Usage { bytes, files: 1 }
    }

    pub fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete { .. })
    }

    /// Its content, or what may be left of an upload.
    pub fn object(&self) -> Option<Object> {
        match self.state {
            State::Empty { pending } => pending,
            State::Stored { object, .. } | State::Complete { object, .. } => Some(object),
        }
    }

    /// Whether `key` opens an upload at `now`. Takes the same time wherever the keys differ.
    pub fn opens(&self, key: &str, now: i64, life_ms: i64) -> Result<(), Refused> {
        let same: bool = hash(key).ct_eq(&self.key_hash).into();
        match (&self.state, same && now < self.created_at.saturating_add(life_ms)) {
            (_, false) => Err(Refused::Key),
            (State::Empty { .. }, true) => Ok(()),
            (_, true) => Err(Refused::Uploaded),
        }
    }

    /// The blob while `object` is being uploaded.
    pub fn begun(&self, object: Object) -> BlobRow {
        BlobRow { state: State::Empty { pending: Some(object) }, ..self.clone() }
    }

    /// The blob when `object` is uploaded. Only the upload that began last counts.
    pub fn stored(&self, object: Object, size: u64, now: i64) -> Result<BlobRow, Refused> {
        match self.state {
            State::Empty { pending } if pending == Some(object) => {
                Ok(BlobRow { state: State::Stored { object, size }, updated_at: now, ..self.clone() })
            }
            _ => Err(Refused::Superseded),
        }
    }

    /// The blob when its content was said to have `size` bytes, or to be whole without a number. Saying so again is no mistake.
    pub fn completed(&self, size: Option<u64>, now: i64) -> Result<BlobRow, Refused> {
        match self.state {
            State::Empty { .. } => Err(Refused::NotUploaded),
            State::Stored { size: found, .. } | State::Complete { size: found, .. } if size.is_some_and(|said| said != found) => {
                Err(Refused::Size)
            }
            State::Stored { object, size } => {
                Ok(BlobRow { state: State::Complete { object, size, at: now }, updated_at: now, ..self.clone() })
            }
            State::Complete { .. } => Ok(self.clone()),
        }
    }

    /// The blob with another name.
    pub fn renamed(&self, name: String, now: i64) -> Result<BlobRow, Refused> {
        check_name(&name)?;
        Ok(BlobRow { name, updated_at: now, ..self.clone() })
    }

    /// As callers see it.
    pub fn shown(&self) -> Blob {
        let (status, completed_at) = match self.state {
            State::Empty { .. } => (Status::Unspecified, 0),
            State::Stored { .. } => (Status::Stored, 0),
            State::Complete { at, .. } => (Status::Complete, at),
        };
        Blob {
            app: self.app,
            id: self.id,
            uid: self.uid.to_string(),
            owner: self.owner,
            name: self.name.clone(),
            content_type: self.content_type.clone(),
            public: self.public,
            status: status.into(),
            size: self.weight().bytes,
            created_at: self.created_at,
            updated_at: self.updated_at,
            completed_at,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ONE: Object = Object([1; 16]);
    const TWO: Object = Object([2; 16]);

    #[test]
    fn what_a_blob_may_be_called() {
        for name in ["image.jpg", "Grüße \"x\".png", "...", "a".repeat(100).as_str(), "%2e%2e%2fpasswd"] {
            assert!(made(name, "image/png").is_ok(), "{name:?}");
        }
        for name in ["", " ", ".", "..", "../a", "a/b", "a\\b", "a\r\nb", "a\0b", "a".repeat(101).as_str()] {
            assert_eq!(made(name, "").unwrap_err(), Refused::Name, "{name:?}");
        }
        assert_eq!(made("a", "text/html\r\nX: y").unwrap_err(), Refused::ContentType);
    }

    #[test]
    fn one_key_opens_the_one_upload_for_a_while() {
        let (row, key) = made("a", "").unwrap();
        assert_eq!(row.opens(&key, 999, 1000), Ok(()));
        assert_eq!(row.opens(&key, 1000, 1000), Err(Refused::Key));
        assert_eq!(row.opens("", 0, 1000), Err(Refused::Key));
        assert_eq!(row.opens(&key.replace('0', "1"), 0, 1000), Err(Refused::Key));
        let stored = row.begun(ONE).stored(ONE, 8, 5).unwrap();
        assert_eq!(stored.opens(&key, 0, 1000), Err(Refused::Uploaded));
        assert_eq!(stored.opens("", 0, 1000), Err(Refused::Key), "only who has the key is told");
    }

    #[test]
    fn of_two_uploads_the_last_to_begin_counts() {
        let (row, _) = made("a", "").unwrap();
        let both = row.begun(ONE).begun(TWO);
        assert_eq!(both.stored(ONE, 8, 5), Err(Refused::Superseded));
        let stored = both.stored(TWO, 9, 5).unwrap();
        assert_eq!((stored.object(), stored.weight().bytes), (Some(TWO), 9));
        assert_eq!(stored.stored(TWO, 9, 6), Err(Refused::Superseded));
    }

    #[test]
    fn only_the_right_size_completes() {
        let (row, _) = made("a", "").unwrap();
        assert_eq!(row.completed(None, 5), Err(Refused::NotUploaded));
        let stored = row.begun(ONE).stored(ONE, 8, 5).unwrap();
        for lie in [0, 7, 9] {
            assert_eq!(stored.completed(Some(lie), 6), Err(Refused::Size));
        }
        let complete = stored.completed(Some(8), 6).unwrap();
        assert_eq!(complete, stored.completed(None, 6).unwrap());
        assert_eq!(complete.completed(Some(8), 7).unwrap(), complete, "once more changes nothing");
        assert_eq!(complete.completed(Some(9), 7), Err(Refused::Size));
        assert_eq!((complete.shown().status(), complete.shown().completed_at), (Status::Complete, 6));
    }

    fn made(name: &str, content_type: &str) -> Result<(BlobRow, String), Refused> {
        let (name, content_type) = (name.to_owned(), content_type.to_owned());
        draft(
            CreateRequest { app: 1, user: 2, name, content_type, ..CreateRequest::default() },
            3,
            Dice { uid: [4; 16], key: [5; 16] },
            0,
        )
    }
}
