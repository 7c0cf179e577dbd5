//! Carries out what `takeover` asks, until it ends. A command whose outcome is not known is given again, for a time.

use std::time::Duration;

use natter_proto::event::v1::Message;
use tokio::time::{Instant, sleep};

use super::Engine;
use super::ids::Ids;
use super::rows::{self, Rows};
use super::senders::Senders;
use crate::error::Error;
use crate::log::segment::{Segment, Stored};
use crate::log::takeover::{self, Answer, Command, End, Phase, Wants};
use crate::log::{Append, DialogKey};

/// How long a command without a known outcome is given again.
const PATIENCE: Duration = Duration::from_secs(8);
/// A last batch that is not older is told again by who takes over, as it may not have been. It is told as one that may come twice.
const TELL_AGAIN_MS: i64 = 5 * 60 * 1_000;
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(400);

/// A batch on its way to its places.
pub struct Batch {
    pub segment: Segment,
    pub stored: Vec<Stored>,
}

impl Engine {
    /// `known`: the segment whose next position is in memory. `batch`: what [`Phase::Appending`] writes.
    pub(super) async fn drive(
        &self,
        key: DialogKey,
        wants: Wants,
        mut phase: Phase,
        known: Option<u64>,
        batch: Option<&Batch>,
    ) -> Result<End, Error> {
        let mut command = takeover::command(&phase);
        let (mut since, mut pause) = (Instant::now(), PAUSE_MIN);
        loop {
            if let Command::End(end) = command {
                return Ok(end);
            }
            let answer = match Box::pin(self.carry_out(key, &command, known, batch)).await {
                Err(Error::Store(natter_db::Error::Unknown(_))) if since.elapsed() < PATIENCE => Answer::Unknown,
                answer => answer?,
            };
            let (next, follows) = takeover::decide(self.boot, wants, phase, answer);
            phase = next;
            if follows == command {
                if since.elapsed() >= PATIENCE {
                    return Err(Error::Busy);
                }
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            } else {
                (since, pause) = (Instant::now(), PAUSE_MIN);
            }
            command = follows;
        }
    }

    async fn carry_out(
        &self,
        key: DialogKey,
        command: &Command,
        known: Option<u64>,
        batch: Option<&Batch>,
    ) -> Result<Answer, Error> {
        match command {
            Command::Load => {
                let last = self.segments.last(key).await?;
                Ok(Answer::Loaded { last, is_known: last.is_some_and(|last| Some(last.number) == known) })
            }
            Command::Look(segment) => Ok(Answer::Is(self.segments.look(key, *segment).await?)),
            Command::Write => {
                let batch = batch.ok_or(Error::Corrupt("a batch is missing"))?;
                self.write(key, batch.segment, &batch.stored).await
            }
            Command::Fence(segment) => self.segments.fence(key, *segment).await,
            Command::ReadTop(segment) => Ok(Answer::Top(self.rows.top(key, segment.number).await?)),
            Command::ReadBatch { segment, first, below } => {
                Ok(Answer::Batch(self.rows.read(key, segment.number, *first, *below).await?))
            }
            Command::WriteAgain { segment, rows } => self.write(key, *segment, rows).await,
            Command::Seal { segment, length, own } => self.segments.seal(key, *segment, *length, *own).await,
            Command::FollowUp(segment) => {
                self.follow_up(key, *segment).await?;
                Ok(Answer::FollowedUp)
            }
            Command::Open(segment) => {
                if segment.number == 0 {
                    self.apps.enter(key).await?;
                }
                self.segments.open(key, *segment).await
            }
            Command::End(_) => Err(Error::Corrupt("an end is not carried out")),
        }
    }

    /// Rows and their id rows, both at a quorum when answered.
    pub(super) async fn write(&self, key: DialogKey, segment: Segment, stored: &[Stored]) -> Result<Answer, Error> {
        let ids = stored.iter().map(|stored| Ok((rows::place(segment.number, stored), rows::message(stored)?)));
        let ids = ids.collect::<Result<Vec<_>, Error>>()?;
        let rows = (!stored.is_empty()).then(|| Rows::part(key, segment.number, stored));
        self.rows.cql.write_parts(rows.into_iter().chain(Ids::parts(key, &ids)).collect()).await?;
        Ok(Answer::Written)
    }

    /// What follows from the last batch of a sealed segment: whoever wrote it may have ended between its look and that.
    async fn follow_up(&self, key: DialogKey, segment: Segment) -> Result<(), Error> {
        let Some(last) = segment.length().and_then(|length| length.checked_sub(1)) else { return Ok(()) };
        let newest = self.rows.read(key, segment.number, last, last + 1).await?.pop().ok_or(Error::Corrupt("a message"))?;
        let mut batch = match newest.first < last {
            true => self.rows.read(key, segment.number, newest.first, last).await?,
            false => Vec::new(),
        };
        batch.push(newest);
        let rows = batch.iter().map(rows::message).collect::<Result<Vec<Message>, Error>>()?;
        let quiet = batch.iter().zip(&rows).flat_map(|(stored, row)| rows::quiet(stored).map(|user| (user, row.seq))).collect();
        let first_seq = segment.seq_of(last + 1) - rows.len() as u64;
        let is_recent = rows.last().is_some_and(|row| self.clock.now_ms() - row.created_at < TELL_AGAIN_MS);
        let append = Append { first_seq, rows, quiet, old: false };
        self.follow(key, &append, is_recent, &mut Senders::default()).await
    }
}
