//! Calls about blobs: create, complete, look up, rename, delete, list, read.

use natter_proto::BlobUid;
use natter_proto::storage::v1::{
    Blob, CompleteRequest, CreateReply, CreateRequest, GetRequest, ListReply, ListRequest, ReadRequest, RenameRequest,
};

use super::uploads::UPLOAD_LASTS_MS_MAX;
use crate::blob::{BlobRow, Dice, State, draft};
use crate::bytes::Reader;
use crate::error::Error;
use crate::service::Files;
use crate::store::{self, Doomed, Kept, Page};

/// Most blobs of a list that are counted and can be reached. Whoever has more asks by id.
const LISTED_MAX: usize = 10_000;
/// How often a change of a row that met another writer is tried.
const TRIES: usize = 16;

impl Files {
    /// Makes a blob without content.
    pub async fn create(&self, request: CreateRequest) -> Result<CreateReply, Error> {
        let unfinished_max = self.options.unfinished_per_user_max;
        if self.blobs.unfinished_of(request.app, request.user, unfinished_max).await? >= unfinished_max {
            return Err(Error::UnfinishedTooMany(unfinished_max));
        }
        let dice = Dice { uid: self.chance.bytes(), key: self.chance.bytes() };
        let id = self.ids.next(self.blobs.as_ref()).await?;
        let now = self.clock.now_ms();
        let (row, key) = draft(request, id, dice, now)?;
        let blob = row.shown();
        let limit = self.limit(&row);
        self.blobs.add(row, limit).await?;
        Ok(CreateReply { blob: Some(blob), key, expires_at: now + self.upload_life_ms() })
    }

    /// Milliseconds from its making on that a blob takes its upload.
    pub fn upload_life_ms(&self) -> i64 {
        1_000 * i64::from(self.options.upload_s)
    }

    /// Says that a blob is whole. Only its owner may.
    pub async fn complete(&self, request: CompleteRequest) -> Result<Blob, Error> {
        let kept = self.own(request.app, request.user, request.id).await?;
        let now = self.clock.now_ms();
        let after = self.step(kept, |row| Ok((row.completed(request.size, now)?, None)));
        Ok(after.await?.row.shown())
    }

    /// Gives a blob another name. Only its owner may.
    pub async fn rename(&self, request: RenameRequest) -> Result<Blob, Error> {
        let kept = self.own(request.app, request.user, request.id).await?;
        let now = self.clock.now_ms();
        let after = self.step(kept, |row| Ok((row.renamed(request.name.clone(), now)?, None)));
        Ok(after.await?.row.shown())
    }

    /// Changes a row by a rule, which may doom an object with it; of the row as it is then, if another writer was there first.
    pub async fn step(
        &self,
        mut kept: Kept,
        rule: impl Fn(&BlobRow) -> Result<(BlobRow, Option<Doomed>), Error>,
    ) -> Result<Kept, Error> {
        for _ in 0..TRIES {
            let (after, doomed) = rule(&kept.row)?;
            if after == kept.row {
                return Ok(kept);
            }
            match self.blobs.change(&kept, after, doomed, self.limit(&kept.row)).await {
                Err(store::Error::Changed) => {}
                outcome => return Ok(outcome?),
            }
            kept = self.blobs.blob(kept.row.app, kept.row.id).await?.ok_or(Error::Unknown)?;
        }
        Err(store::Error::Changed.into())
    }

    /// Removes a blob: first its row, then its content. Only its owner may.
    pub async fn delete(&self, request: GetRequest) -> Result<(), Error> {
        for _ in 0..TRIES {
            let kept = self.own(request.app, request.user, request.id).await?;
            match self.remove(&kept).await {
                Err(Error::Store(store::Error::Changed)) => {}
                outcome => return outcome,
            }
        }
        Err(store::Error::Changed.into())
    }

    /// Removes a row and dooms its content, which is removed now if nobody can be writing it.
    pub async fn remove(&self, kept: &Kept) -> Result<(), Error> {
        let now = self.clock.now_ms();
        let doomed = kept.row.object().map(|object| match kept.row.state {
            State::Empty { .. } => Doomed { due_at: now + UPLOAD_LASTS_MS_MAX, object },
            State::Stored { .. } | State::Complete { .. } => Doomed { due_at: now, object },
        });
        self.blobs.remove(kept, doomed).await?;
        if let Some(doomed) = doomed.filter(|doomed| doomed.due_at == now)
            && let Err(error) = self.bury(&[doomed]).await
        {
            tracing::warn!(%error, "the content of a removed file stays until the next sweep");
        }
        Ok(())
    }

    /// A blob for a user of its app: by its uid, or by its id if it is his or public.
    pub async fn get(&self, request: GetRequest) -> Result<Blob, Error> {
        if request.uid.is_empty() {
            let kept = self.blobs.blob(request.app, request.id).await?.ok_or(Error::Unknown)?;
            return if kept.row.is_seen_by(request.user) { Ok(kept.row.shown()) } else { Err(Error::Unknown) };
        }
        let row = self.row_of(&request.uid).await?;
        if row.app == request.app { Ok(row.shown()) } else { Err(Error::Unknown) }
    }

    /// A complete blob by its uid.
    pub async fn find(&self, uid: &str) -> Result<Blob, Error> {
        let row = self.row_of(uid).await?;
        if row.is_complete() { Ok(row.shown()) } else { Err(Error::Unknown) }
    }

    /// A part of a complete blob's content.
    pub async fn read(&self, request: ReadRequest) -> Result<Box<dyn Reader>, Error> {
        match self.row_of(&request.uid).await?.state {
            State::Complete { object, .. } => Ok(self.bytes.read(object, request.from..request.upto).await?),
            _ => Err(Error::Unknown),
        }
    }

    /// A user's blobs by id.
    pub async fn list(&self, request: ListRequest) -> Result<ListReply, Error> {
        let skip = usize::try_from(request.skip).unwrap_or(usize::MAX);
        let page = Page { after: request.after, skip, limit: request.limit as usize, count_max: LISTED_MAX };
        let (rows, total) = self.blobs.of_owner(request.app, request.user, page).await?;
        Ok(ListReply { blobs: rows.iter().map(BlobRow::shown).collect(), total: total as u64 })
    }

    async fn row_of(&self, uid: &str) -> Result<BlobRow, Error> {
        let uid: BlobUid = uid.parse().map_err(|_| Error::Unknown)?;
        Ok(self.blobs.blob_of(uid).await?.ok_or(Error::Unknown)?.row)
    }

    // Whoever may not even know of a blob is not told that it is there.
    async fn own(&self, app: u64, user: u64, id: u64) -> Result<Kept, Error> {
        let kept = self.blobs.blob(app, id).await?.ok_or(Error::Unknown)?;
        match kept.row.owner == user {
            true => Ok(kept),
            false if kept.row.is_seen_by(user) => Err(Error::Foreign),
            false => Err(Error::Unknown),
        }
    }
}
