//! What a reader sees, whoever writes: rows of an open segment, or below the length of a sealed one. Rows are read from the first one of
//! their batch on, and the state after them. A fenced segment is waited for; if that takes long the reader finishes the take-over, as
//! fewer rows than were shown before would be a lie.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream, try_join};
use natter_proto::event::v1::Message;
use natter_proto::history::v1::IdRow;
use natter_proto::{AppId, DialogId, MessageId};
use tokio::time::sleep;

use super::{Engine, rows};
use crate::error::Error;
use crate::head::Head;
use crate::log::DialogKey;
use crate::log::segment::{Chain, Segment, State, Stored, run_from};
use crate::log::takeover::{End, Phase, Wants};
use crate::ranges::Ranges;

/// Rows read at once.
const CHUNK: u32 = 256;
/// Places that lie no further apart are read together.
const NEAR: u64 = 32;
/// Dialogs, or ids, read at once.
const AT_ONCE: usize = 16;
/// How often a fenced segment is looked at before its take-over is finished.
const LOOKS: u32 = 4;
const LOOK_PAUSE: Duration = Duration::from_millis(30);
/// How often the newest row is looked for that others are taking over.
const TRIES: usize = 16;

impl Engine {
    pub(super) async fn head(&self, key: DialogKey) -> Result<Head, Error> {
        let (facts, newest) = try_join!(self.facts.get(key), self.newest(key))?;
        Ok(facts.head(newest))
    }

    pub(super) async fn heads(&self, app: AppId, dialogs: &[DialogId]) -> Result<Vec<Head>, Error> {
        let heads = stream::iter(dialogs.to_vec()).map(|dialog| self.head(DialogKey { app, dialog }));
        heads.buffered(AT_ONCE).try_collect().await
    }

    /// Number and dates of the newest row that counts.
    pub(super) async fn newest(&self, key: DialogKey) -> Result<(u64, i64, i64), Error> {
        // Nothing is in flight: if it is still the writer, what it remembers is all there is.
        if let Some(owned) = self.owned.peek(key)
            && self.segments.last(key).await? == Some(owned.segment)
        {
            return Ok(owned.newest());
        }
        for _ in 0..TRIES {
            let chain = self.segments.chain(key).await?;
            let Some(last) = chain.last() else { return Ok((0, 0, 0)) };
            if last.is_sealed() {
                return self.newest_below(key, &chain, u64::MAX).await;
            }
            let top = self.rows.top(key, last.number).await?;
            // An empty one is looked at too: if it is fenced, there may be rows that this read did not meet.
            let (from, upto) = top.map_or((0, 0), |top| (top.first, top.position + 1));
            let (found, state) = self.counting(key, last, from, upto).await?;
            if let Some(newest) = found.last() {
                return dates(last, newest);
            }
            if state == State::Open && from == 0 {
                return self.newest_below(key, &chain, last.number).await;
            }
        }
        Err(Error::Busy)
    }

    /// The newest row before a segment that this process opened.
    pub(super) async fn newest_settled(&self, key: DialogKey, opened: Segment) -> Result<(u64, i64, i64), Error> {
        if opened.first_seq == 1 {
            return Ok((0, 0, 0));
        }
        let chain = self.segments.chain(key).await?;
        self.newest_below(key, &chain, opened.number).await
    }

    async fn newest_below(&self, key: DialogKey, chain: &Chain, number: u64) -> Result<(u64, i64, i64), Error> {
        for segment in chain.iter().rev().filter(|segment| segment.number < number) {
            if let Some(last) = segment.length().and_then(|length| length.checked_sub(1)) {
                let row = self.rows.read(key, segment.number, last, last + 1).await?.pop();
                return dates(segment, &row.ok_or(Error::Corrupt("a message is missing"))?);
            }
        }
        Ok((0, 0, 0))
    }

    /// The rows at these positions that count, ascending, and the state that says so.
    pub(super) async fn counting(
        &self,
        key: DialogKey,
        segment: Segment,
        from: u32,
        upto: u32,
    ) -> Result<(Vec<Stored>, State), Error> {
        if let Some(length) = segment.length() {
            return Ok((self.rows.read(key, segment.number, from, upto.min(length)).await?, segment.state));
        }
        for look in 0..LOOKS {
            let mut found = self.whole(key, segment, from, upto).await?;
            match self.segments.look(key, segment).await? {
                State::Open => return Ok((found, State::Open)),
                State::Fenced => sleep(LOOK_PAUSE * 2_u32.pow(look)).await,
                state => {
                    found.retain(|row| !Segment { state, ..segment }.is_void(row.position));
                    return Ok((found, state));
                }
            }
        }
        match self.drive(key, Wants::Sealed, Phase::Fencing(segment), None, None).await? {
            End::Sealed(sealed) => {
                let upto = upto.min(sealed.length().unwrap_or(0));
                Ok((self.rows.read(key, sealed.number, from, upto).await?, sealed.state))
            }
            _ => Err(Error::Busy),
        }
    }

    /// The rows at these positions, with all that are before them in the batch of the last one: where one of those is missing, none
    /// behind it is answered.
    async fn whole(&self, key: DialogKey, segment: Segment, from: u32, upto: u32) -> Result<Vec<Stored>, Error> {
        let mut found = self.rows.read(key, segment.number, from, upto).await?;
        let Some(first) = found.last().map(|last| last.first) else { return Ok(found) };
        let batch = found.split_off(found.partition_point(|row| row.position < first));
        let before = self.rows.read(key, segment.number, first, from).await?;
        let run = run_from(first, [before, batch].concat());
        found.extend(run.into_iter().filter(|row| row.position >= from));
        Ok(found)
    }

    pub(super) async fn rows(&self, key: DialogKey, places: &Ranges) -> Result<Vec<Message>, Error> {
        let mut found = Vec::new();
        if places.is_empty() {
            return Ok(found);
        }
        let chain = self.segments.chain(key).await?;
        for segment in chain.iter() {
            let upto = segment.next_seq().map_or(u64::MAX, |next| next - 1);
            for (from, upto) in joined(&places.within(segment.first_seq, upto)) {
                self.read_span(key, segment, (from, upto), places, &mut found).await?;
            }
        }
        Ok(found)
    }

    /// Those rows of a span of numbers, which lies in a segment, that are wanted.
    async fn read_span(
        &self,
        key: DialogKey,
        segment: Segment,
        (from, upto): (u64, u64),
        wanted: &Ranges,
        found: &mut Vec<Message>,
    ) -> Result<(), Error> {
        let position = |seq: u64| u32::try_from(seq - segment.first_seq).unwrap_or(u32::MAX / 2);
        let (mut next, end) = (position(from), position(upto).saturating_add(1));
        while next < end {
            let upto = end.min(next + CHUNK);
            let (stored, _) = self.counting(key, segment, next, upto).await?;
            for stored in stored.iter().filter(|stored| wanted.contains(segment.seq_of(stored.position))) {
                found.push(rows::message(stored)?);
            }
            if stored.len() < (upto - next) as usize {
                return Ok(());
            }
            next = upto;
        }
        Ok(())
    }

    /// One row, with where it lies.
    pub(super) async fn at(&self, key: DialogKey, seq: u64) -> Result<Option<(u64, Stored)>, Error> {
        let Some(segment) = self.segments.chain(key).await?.holding(seq) else { return Ok(None) };
        let Ok(position) = u32::try_from(seq - segment.first_seq) else { return Ok(None) };
        let (mut found, _) = self.counting(key, segment, position, position.saturating_add(1)).await?;
        Ok(found.pop().map(|stored| (segment.number, stored)))
    }

    pub(super) async fn pick(&self, app: AppId, places: &[(DialogId, u64)]) -> Result<Vec<Option<Message>>, Error> {
        let mut wanted: BTreeMap<DialogId, Ranges> = BTreeMap::new();
        places.iter().for_each(|(dialog, seq)| _ = wanted.entry(*dialog).or_default().insert(*seq, *seq));
        let read = stream::iter(wanted).map(|(dialog, places)| async move {
            let rows = self.rows(DialogKey { app, dialog }, &places).await?;
            Ok::<_, Error>(rows.into_iter().map(move |row| ((dialog, row.seq), row)))
        });
        let read: Vec<_> = read.buffer_unordered(AT_ONCE).try_collect().await?;
        let found: BTreeMap<(DialogId, u64), Message> = read.into_iter().flatten().collect();
        Ok(places.iter().map(|place| found.get(place).cloned()).collect())
    }

    pub(super) async fn find(
        &self,
        app: AppId,
        ids: &[MessageId],
        dialogs: &[DialogId],
    ) -> Result<Vec<Vec<(DialogId, IdRow)>>, Error> {
        let asked = ids.iter().flat_map(|id| dialogs.iter().map(|dialog| (*id, *dialog)));
        let found = stream::iter(asked.collect::<Vec<_>>()).map(|(id, dialog)| async move {
            let uses = self.find_in(DialogKey { app, dialog }, id).await?;
            Ok::<_, Error>(uses.into_iter().map(move |row| (dialog, row)).collect::<Vec<_>>())
        });
        let found: Vec<Vec<(DialogId, IdRow)>> = found.buffered(AT_ONCE).try_collect().await?;
        Ok(match dialogs.len() {
            0 => vec![Vec::new(); ids.len()],
            each => found.chunks(each).map(|of_one| of_one.concat()).collect(),
        })
    }

    /// An id row counts only if the row there is that message, and not void.
    async fn find_in(&self, key: DialogKey, id: MessageId) -> Result<Vec<IdRow>, Error> {
        let uses = self.ids.find(key, id).await?;
        if uses.is_empty() {
            return Ok(Vec::new());
        }
        let chain = self.segments.chain(key).await?;
        let mut found = Vec::new();
        for (place, row) in uses.into_iter().filter(|(place, _)| chain.counts(*place)) {
            let segment = chain.segment(place.segment).ok_or(Error::Corrupt("a segment is missing"))?;
            let (stored, _) = self.counting(key, segment, place.position, place.position + 1).await?;
            if let Some(stored) = stored.first() {
                let standing = rows::message(stored)?;
                if standing.id == id.0 || standing.alias == id.0 {
                    found.push(row);
                }
            }
        }
        Ok(found)
    }
}

/// The ranges of a set, those that lie near to each other as one.
fn joined(places: &Ranges) -> Vec<(u64, u64)> {
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for range in places.iter() {
        match joined.last_mut() {
            Some((_, upto)) if range.from - *upto <= NEAR => *upto = range.upto,
            _ => joined.push((range.from, range.upto)),
        }
    }
    joined
}

fn dates(segment: Segment, stored: &Stored) -> Result<(u64, i64, i64), Error> {
    let row = rows::message(stored)?;
    Ok((segment.seq_of(stored.position), row.date_sent, row.created_at))
}
