//! `Post` and `Look`, and what follows from rows that stand. Also how a process comes to own a dialog.

use futures::{StreamExt, TryStreamExt, stream, try_join};
use natter_telemetry::kept_traceparent;

use super::drive::Batch;
use super::owned::{Entered, Owned};
use super::senders::Senders;
use super::{Engine, rows};
use crate::error::Error;
use crate::head::Head;
use crate::log::segment::Segment;
use crate::log::takeover::{End, Phase, Wants};
use crate::log::{Append, DialogKey, moves_of};
use crate::posted;

/// Members written at once.
const AT_ONCE: usize = 16;
/// How often what follows from rows that stand is tried.
const TRIES: usize = 3;

impl Engine {
    pub(super) async fn append(&self, key: DialogKey, append: Append) -> Result<u64, Error> {
        append.check()?;
        let entry = self.owned.entry(key);
        let mut held = entry.lock().await;
        let owned = self.writable(key, &mut held, &append).await?;

        // From here on it is in doubt what lies in the segment, until the batch is known to stand.
        let mut senders = std::mem::take(&mut *held).senders;
        let batch = Batch { segment: owned.segment, stored: rows::batch(owned.next, &append.rows, &append.quiet) };
        let upto = owned.next + append.rows.len() as u32;
        let writing = Phase::Appending { segment: owned.segment, upto, is_written: false };
        let end = self.drive(key, Wants::Sealed, writing, None, Some(&batch)).await.map_err(in_doubt)?;
        let is_open = match end {
            End::Stands(_) => true,
            End::Sealed(segment) if segment.length().is_some_and(|length| upto <= length) => false,
            // What is not void of it is found by its id when it is posted again.
            End::Sealed(segment) => return Err(conflict(segment.next_seq().unwrap_or(segment.first_seq) - 1, &append)),
            _ => return Err(Error::Corrupt("the end of an append")),
        };
        self.follow_surely(key, &append, &mut senders).await.map_err(in_doubt)?;

        let last = append.rows.last().ok_or(Error::Corrupt("an append of nothing"))?;
        if is_open {
            let owned = Owned { next: upto, date_sent: last.date_sent, updated_at: last.created_at, ..owned };
            *held = Entered { owned: Some(owned), senders };
        }
        Ok(last.seq)
    }

    /// Makes this process the only one that writes the dialog, and answers the newest row. Of a dialog without any there is nothing to
    /// take over: the first append opens it.
    pub(super) async fn own(&self, key: DialogKey) -> Result<(u64, i64, i64), Error> {
        let entry = self.owned.entry(key);
        let mut held = entry.lock().await;
        if held.owned.is_none() && self.segments.last(key).await?.is_none() {
            return Ok((0, 0, 0));
        }
        let before = held.forget();
        let known = before.map(|owned| owned.segment.number);
        let owned = match self.drive(key, Wants::Own, Phase::Idle, known, None).await? {
            End::Ready(_) => before.ok_or(Error::Corrupt("a segment is not in memory"))?,
            End::Opened(segment) => self.opened(key, segment).await?,
            _ => return Err(Error::Busy),
        };
        held.owned = Some(owned);
        Ok(owned.newest())
    }

    /// A segment of this boot with room for the rows, which are the next ones.
    async fn writable(&self, key: DialogKey, held: &mut Entered, append: &Append) -> Result<Owned, Error> {
        let owned = match held.owned {
            Some(owned) => owned,
            None => {
                let end = self.drive(key, Wants::GoOn, Phase::Idle, None, None).await?;
                self.begun(key, end, append).await?
            }
        };
        held.owned = Some(owned);
        let (seq, date_sent, updated_at) = owned.newest();
        Head { seq, date_sent, updated_at, ..Head::default() }.check(append.first_seq, &append.rows)?;
        if Segment::has_room(owned.next, append.rows.len(), self.segment_rows) {
            return Ok(owned);
        }
        // A writer that has issued the seal of its own segment never writes to it again, whatever it reads: it forgets it first.
        held.forget();
        let sealing = Phase::Sealing { segment: owned.segment, length: owned.next, own: true };
        let end = self.drive(key, Wants::GoOn, sealing, None, None).await?;
        let owned = self.begun(key, end, append).await?;
        held.owned = Some(owned);
        match owned.newest().0 {
            newest if newest == seq => Ok(owned),
            newest => Err(conflict(newest, append)),
        }
    }

    async fn begun(&self, key: DialogKey, end: End, append: &Append) -> Result<Owned, Error> {
        match end {
            End::Opened(segment) => self.opened(key, segment).await,
            End::Taken(segment) => Err(conflict(segment.first_seq - 1, append)),
            _ => Err(Error::Busy),
        }
    }

    /// A segment of this boot in which nothing is.
    async fn opened(&self, key: DialogKey, segment: Segment) -> Result<Owned, Error> {
        let (_, date_sent, updated_at) = self.newest_settled(key, segment).await?;
        Ok(Owned { segment, next: 0, date_sent, updated_at })
    }

    async fn follow_surely(&self, key: DialogKey, append: &Append, senders: &mut Senders) -> Result<(), Error> {
        let mut tried = 0;
        loop {
            tried += 1;
            match self.follow(key, append, true, senders).await {
                Err(_) if tried < TRIES => {}
                // Whoever loads the dialog does it, before there is another segment.
                done => return done,
            }
        }
    }

    /// What follows from rows that stand: for their senders, for those who block them, and for the durable log.
    pub(super) async fn follow(&self, key: DialogKey, append: &Append, tells: bool, senders: &mut Senders) -> Result<(), Error> {
        let moves: Vec<_> = moves_of(append).into_iter().map(|(user, moves)| (user, moves, senders.take(user))).collect();
        let moved = async {
            let moved = stream::iter(moves);
            let moved = moved.map(|(user, moves, kept)| async move {
                Ok::<_, Error>((user, self.members.moved_from(key, user, kept, &moves).await?))
            });
            let mut moved = moved.buffer_unordered(AT_ONCE);
            while let Some((user, kept)) = moved.try_next().await? {
                senders.keep(user, kept);
            }
            Ok(())
        };
        let told = async {
            let all = self.told.wants(key.app.0, posted::CREATED);
            match posted::of_rows(key.dialog, &append.rows, all, kept_traceparent()).filter(|_| tells && !append.old) {
                Some(value) => self.told.tell(key.app.0, &format!("{}:{}", key.dialog, append.first_seq), value).await,
                None => Ok(()),
            }
        };
        try_join!(moved, told)?;
        Ok(())
    }
}

/// Whatever was refused in the end, a part of the append may be there, or come.
fn in_doubt(error: Error) -> Error {
    match error {
        Error::Store(natter_db::Error::Unknown(text)) => Error::Store(natter_db::Error::Unknown(text)),
        Error::Store(error) => Error::Store(natter_db::Error::Unknown(error.to_string())),
        Error::Busy => Error::Store(natter_db::Error::Unknown("a segment is in dispute".into())),
        error => error,
    }
}

fn conflict(head: u64, append: &Append) -> Error {
    Error::Conflict { head, first_seq: append.first_seq }
}
