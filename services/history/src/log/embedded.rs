//! The log on a key-value store that one process has to itself. Writes are decided on what is kept in memory of a dialog, one after
//! the other, while earlier ones are still in flight. Heads and members' states are read there too, if what is there is stored; all
//! else is read from the store.

mod erase;
mod keys;
mod live;
mod read;
mod slot;
mod wipe;

use std::collections::BTreeSet;
use std::sync::Arc;

use natter_bus::Log;
use natter_db::{Batch, Kv};
use natter_proto::event::v1::{Change, Message};
use natter_proto::history::v1::{DialogHead, IdRow};
use natter_proto::{AppId, DialogId, MessageId};
use natter_rpc::async_trait;
use natter_telemetry::kept_traceparent;
use prost::Message as _;

use self::keys::{CHANGES, HEADS, MESSAGE_IDS, MESSAGES};
use self::live::{Dialog, Live, Lives, Missing, Step, Touch, Verdict};
use self::read::Reader;
use super::{Append, Changed, DialogKey, MessageLog, Moved, id_row, moves_of};
use crate::edit::Edit;
use crate::error::Error;
use crate::head::Head;
use crate::member::{Member, Move};
use crate::posted;
use crate::ranges::Ranges;

/// How often an edit is decided again because another change of its dialog came between.
const TRIES: usize = 64;
/// Users whose join is written together.
const JOIN_CHUNK: usize = 1_000;

/// The embedded engine.
pub struct EmbeddedLog(Arc<Engine>);

struct Engine {
    reader: Reader,
    lives: Lives,
    changes_kept: u64,
    posted: Log,
}

impl EmbeddedLog {
    /// A log in `kv`, whose only writer it must be. It keeps up to `dialogs_max` dialogs in memory, and of each dialog the
    /// last `changes_kept` changes in the store. Of what is appended `posted`, which lies in the same store, is told.
    pub fn new(kv: Kv, dialogs_max: usize, changes_kept: u64, posted: Log) -> EmbeddedLog {
        EmbeddedLog(Arc::new(Engine { reader: Reader { kv }, lives: Lives::new(dialogs_max), changes_kept, posted }))
    }

    /// Goes on with what is cleared and not yet wiped, after the answer.
    fn wipe(&self, key: DialogKey, head: &Head) {
        if head.wiped < head.cleared {
            let engine = self.0.clone();
            tokio::spawn(async move { engine.wipe(key).await });
        }
    }
}

impl Engine {
    /// Decides on a dialog in memory and waits until what was decided is durable.
    async fn write<T>(
        &self,
        key: DialogKey,
        touch: Touch,
        mut decide: impl FnMut(&mut Dialog) -> Result<Verdict<T>, Error>,
    ) -> Result<T, Error> {
        let live = self.lives.get(key);
        loop {
            match live.step(&self.reader.kv, &touch, &mut decide)? {
                Step::Wait(landed) => landed.await,
                Step::Load(missing) => self.load_missing(key, &live, missing).await?,
                Step::Done(answer) => return Ok(answer),
                Step::InFlight(flight, answer) => {
                    // In a task of its own: who asked may be dropped, and the outcome must be noted all the same.
                    let live = live.clone();
                    let landing = tokio::spawn(async move { live.land(flight).await });
                    landing.await.unwrap_or_else(|_| Err(unknown()))?;
                    return Ok(answer);
                }
            }
        }
    }

    async fn heads(&self, app: AppId, dialogs: &[DialogId]) -> Result<Vec<Head>, Error> {
        let key = |dialog: &DialogId| DialogKey { app, dialog: *dialog };
        let mut heads = self.lives.look(dialogs.iter().map(|dialog| (key(dialog), ())), |live, ()| live.stored_head());
        let missing: Vec<usize> = (0..heads.len()).filter(|n| heads[*n].is_none()).collect();
        let reads: Vec<_> =
            missing.iter().map(|n| self.lives.get(key(&dialogs[*n]))).map(|live| (live.begin_read(), live)).collect();
        let wanted: Vec<DialogId> = missing.iter().map(|n| dialogs[*n]).collect();
        let found = if wanted.is_empty() { Vec::new() } else { self.reader.heads(app, &wanted).await? };
        for ((n, (begun, live)), head) in missing.into_iter().zip(reads).zip(found) {
            live.keep(&begun, Some(head.clone()), None);
            heads[n] = Some(head);
        }
        Ok(heads.into_iter().flatten().collect())
    }

    async fn members(&self, app: AppId, of: &[(DialogId, u64)]) -> Result<Vec<Member>, Error> {
        let key = |dialog: DialogId| DialogKey { app, dialog };
        let asked = of.iter().map(|(dialog, user)| (key(*dialog), *user));
        let mut members = self.lives.look(asked, Live::stored_member);
        let missing: Vec<usize> = (0..members.len()).filter(|n| members[*n].is_none()).collect();
        let places: Vec<(DialogKey, u64)> = missing.iter().map(|n| (key(of[*n].0), of[*n].1)).collect();
        let reads: Vec<_> = places.iter().map(|(key, _)| self.lives.get(*key)).map(|live| (live.begin_read(), live)).collect();
        let found = if places.is_empty() { Vec::new() } else { self.reader.slots(&places).await? };
        for ((n, (begun, live)), slot) in missing.into_iter().zip(reads).zip(found) {
            members[n] = Some(slot.whole.clone());
            live.keep(&begun, None, Some(slot));
        }
        Ok(members.into_iter().flatten().collect())
    }

    /// A scan meets every version of a state that was not compacted yet, and a state has as many as its member wrote messages.
    async fn everyone(&self, key: DialogKey) -> Result<Vec<Member>, Error> {
        let live = self.lives.get(key);
        if let Some(members) = live.stored_everyone() {
            return Ok(members);
        }
        let begun = live.begin_read();
        let Some(slots) = self.reader.few(key).await? else { return self.reader.everyone(key).await };
        let members = slots.iter().map(|slot| slot.whole.clone()).collect();
        live.keep_everyone(&begun, slots);
        Ok(members)
    }

    async fn load_missing(&self, key: DialogKey, live: &Live, missing: Missing) -> Result<(), Error> {
        let head = if missing.head { Some(self.reader.head(key).await?) } else { None };
        let places: Vec<(DialogKey, u64)> = missing.users.iter().map(|user| (key, *user)).collect();
        let slots = self.reader.slots(&places).await?;
        live.fill(&missing, head, slots);
        Ok(())
    }
}

#[async_trait]
impl MessageLog for EmbeddedLog {
    async fn append(&self, key: DialogKey, append: Append) -> Result<u64, Error> {
        append.check()?;
        let moves = moves_of(&append);
        let touch = Touch { users: moves.keys().copied().collect(), head: true, durable: true };
        // Encoded before the lock, and used once: an append is refused or written.
        let mut rows = encode_rows(key, &append.rows);
        let entry =
            posted::of_rows(key.dialog, &append.rows, self.0.posted.wants(key.app.0, posted::CREATED), kept_traceparent());
        if let Some(entry) = entry.filter(|_| !append.old) {
            self.0.posted.ready().await?;
            self.0.posted.append(&mut rows, key.app.0, entry);
        }
        self.0
            .write(key, touch, |dialog| {
                dialog.head.check(append.first_seq, &append.rows)?;
                let mut batch = std::mem::take(&mut rows);
                dialog.head.append(&append.rows);
                put_head(key, &dialog.head, &mut batch);
                for (user, moves) in &moves {
                    let slot = dialog.slots.get_mut(user).ok_or(Error::Corrupt("a slot is not loaded"))?;
                    moves.iter().for_each(|to| _ = slot.apply(to));
                    slot.put(key, &mut batch);
                }
                Ok(Verdict::Write(batch, dialog.head.seq))
            })
            .await
    }

    async fn load(&self, key: DialogKey) -> Result<Head, Error> {
        if let Some(live) = self.0.lives.peek(key) {
            live.settled().await;
        }
        let head = self.0.reader.head(key).await?;
        self.wipe(key, &head);
        Ok(head)
    }

    async fn heads(&self, app: AppId, dialogs: &[DialogId]) -> Result<Vec<Head>, Error> {
        self.0.heads(app, dialogs).await
    }

    async fn rows(&self, key: DialogKey, places: &Ranges) -> Result<Vec<Message>, Error> {
        self.0.reader.rows(key, places).await
    }

    async fn pick(&self, app: AppId, places: &[(DialogId, u64)]) -> Result<Vec<Option<Message>>, Error> {
        self.0.reader.pick(app, places).await
    }

    async fn find(&self, app: AppId, ids: &[MessageId], dialogs: &[DialogId]) -> Result<Vec<Vec<(DialogId, IdRow)>>, Error> {
        self.0.reader.find(app, ids, dialogs).await
    }

    async fn change(&self, key: DialogKey, seq: u64, edit: Edit, user: u64, now: i64) -> Result<Changed, Error> {
        for _ in 0..TRIES {
            // The head first: a change that comes between makes its stamp stale.
            let head = self.0.reader.head(key).await?;
            let stamp = head.stamp;
            if matches!(edit, Edit::Replace { .. }) && head.removed.contains(seq) {
                return Err(Error::NoRow);
            }
            let row = self.0.reader.pick(key.app, &[(key.dialog, seq)]).await?.pop().flatten().ok_or(Error::NoRow)?;
            let Some(row) = edit.apply(&row, now)? else {
                let stamp = self.0.reader.stamp_of(key, seq).await?.unwrap_or(0);
                return Ok(Changed { stamp, row });
            };
            self.0.posted.ready().await?;
            let touch = Touch { users: Vec::new(), head: true, durable: true };
            let written = self.0.write(key, touch, |dialog| {
                if dialog.head.stamp != stamp {
                    return Ok(Verdict::Same(None));
                }
                let stamp = dialog.head.change(&row);
                let mut batch = Batch::new();
                batch.put(MESSAGES, keys::numbered(key, seq), row.encode_to_vec());
                let change = edit.told(&row, user, stamp);
                batch.put(CHANGES, keys::numbered(key, stamp), change.encode_to_vec());
                if self.0.posted.wants(key.app.0, posted::event_of(&change)) {
                    self.0.posted.append(&mut batch, key.app.0, posted::of_change(key.dialog, &change));
                }
                if let Some(old) = stamp.checked_sub(self.0.changes_kept).filter(|old| *old > 0) {
                    batch.delete(CHANGES, keys::numbered(key, old));
                }
                put_head(key, &dialog.head, &mut batch);
                Ok(Verdict::Write(batch, Some(stamp)))
            });
            if let Some(stamp) = written.await? {
                return Ok(Changed { stamp, row });
            }
        }
        Err(Error::Busy)
    }

    async fn clear(&self, key: DialogKey) -> Result<u64, Error> {
        let touch = Touch { users: Vec::new(), head: true, durable: true };
        let head = self.0.write(key, touch, |dialog| {
            let mut batch = Batch::new();
            if !dialog.head.clear() {
                return Ok(Verdict::Same(dialog.head.clone()));
            }
            put_head(key, &dialog.head, &mut batch);
            Ok(Verdict::Write(batch, dialog.head.clone()))
        });
        let head = head.await?;
        self.wipe(key, &head);
        Ok(head.seq)
    }

    async fn changes(&self, key: DialogKey, above: u64, max: usize) -> Result<Vec<Change>, Error> {
        self.0.reader.changes(key, above, max).await
    }

    async fn newest_changes(&self, key: DialogKey, max: usize) -> Result<Vec<Change>, Error> {
        self.0.reader.newest_changes(key, max).await
    }

    async fn move_member(&self, key: DialogKey, user: u64, to: Move) -> Result<Moved, Error> {
        let relaxed = matches!(to, Move::Received(_));
        let touch = Touch { users: vec![user], head: false, durable: !relaxed };
        self.0
            .write(key, touch, |dialog| {
                let head = dialog.stored_seq;
                let slot = dialog.slots.get_mut(&user).ok_or(Error::Corrupt("a slot is not loaded"))?;
                if !slot.apply(&to.cut(head)) {
                    return Ok(Verdict::Same(Moved { changed: false, head }));
                }
                let mut batch = Batch::new();
                slot.put(key, &mut batch);
                if relaxed {
                    batch.relaxed();
                }
                Ok(Verdict::Write(batch, Moved { changed: true, head }))
            })
            .await
    }

    async fn join(&self, key: DialogKey, users: &[u64]) -> Result<(), Error> {
        // Ascending, as a touch has to be.
        let users: Vec<u64> = users.iter().copied().collect::<BTreeSet<u64>>().into_iter().collect();
        for users in users.chunks(JOIN_CHUNK) {
            let touch = Touch { users: users.to_vec(), head: false, durable: true };
            self.0
                .write(key, touch, |dialog| {
                    let (at, mut batch) = (Move::Joined(dialog.stored_seq), Batch::new());
                    for user in users {
                        let slot = dialog.slots.get_mut(user).ok_or(Error::Corrupt("a slot is not loaded"))?;
                        if slot.apply(&at) {
                            slot.put(key, &mut batch);
                        }
                    }
                    Ok(if batch.is_empty() { Verdict::Same(()) } else { Verdict::Write(batch, ()) })
                })
                .await?;
        }
        Ok(())
    }

    async fn members(&self, app: AppId, of: &[(DialogId, u64)]) -> Result<Vec<Member>, Error> {
        self.0.members(app, of).await
    }

    async fn everyone(&self, key: DialogKey) -> Result<Vec<Member>, Error> {
        self.0.everyone(key).await
    }

    async fn erase(&self, app: AppId, max: usize) -> Result<(usize, usize), Error> {
        self.0.erase(app, max).await
    }
}

/// The rows and the index of their ids.
fn encode_rows(key: DialogKey, rows: &[Message]) -> Batch {
    let mut batch = Batch::new();
    for row in rows {
        batch.put(MESSAGES, keys::numbered(key, row.seq), row.encode_to_vec());
        let index = id_row(row).encode_to_vec();
        if !row.alias.is_empty() {
            batch.put(MESSAGE_IDS, keys::alias(key, &row.alias, row.seq), index.clone());
        }
        batch.put(MESSAGE_IDS, keys::id(key, &row.id, row.sender), index);
    }
    batch
}

fn put_head(key: DialogKey, head: &Head, batch: &mut Batch) {
    let row: DialogHead = head.clone().into_proto(key.dialog);
    batch.put(HEADS, keys::dialog(key), row.encode_to_vec());
}

fn unknown() -> Error {
    natter_db::Error::Unknown("the process is ending".into()).into()
}
