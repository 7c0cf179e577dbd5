//! Segments in their table: reads of the chain, and the three conditional writes `Fence`, `Seal` and `Open`. What they are issued for,
//! `takeover` decides.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use natter_db::Gather;
use natter_db::cql::{Cql, Outcome, Standing, Statement};
use natter_proto::AppId;
use parking_lot::Mutex;

use super::tables::columns;
use crate::error::Error;
use crate::log::DialogKey;
use crate::log::segment::{Boot, Chain, Segment, State};
use crate::log::takeover::Answer;

const FROM: Statement = Statement::read(
    "SELECT number, writer, state, first_seq, length FROM segments WHERE app = ? AND dialog = ? AND number >= ? LIMIT ?",
);
const LAST: Statement = Statement::read(
    "SELECT number, writer, state, first_seq, length FROM segments WHERE app = ? AND dialog = ? ORDER BY number DESC LIMIT 1",
);
/// Of several dialogs, some numbers.
const THESE: Statement = Statement::read(
    "SELECT dialog, number, writer, state, first_seq, length FROM segments WHERE app = ? AND dialog IN ? AND number IN ?",
);
const FENCE: Statement =
    Statement::change("UPDATE segments SET state = 1 WHERE app = ? AND dialog = ? AND number = ? IF state = 0 AND length = null");
const SEAL: Statement = Statement::change(
    "UPDATE segments SET state = 2, length = ? WHERE app = ? AND dialog = ? AND number = ? IF state = 1 AND length = null",
);
const SEAL_OWN: Statement = Statement::change(
    "UPDATE segments SET state = 2, length = ? WHERE app = ? AND dialog = ? AND number = ? IF state IN (0, 1) AND length = null",
);
const OPEN: Statement = Statement::change(
    "INSERT INTO segments (app, dialog, number, writer, state, first_seq) VALUES (?, ?, ?, ?, 0, ?) IF NOT EXISTS",
);
const ERASE: Statement = Statement::change("DELETE FROM segments WHERE app = ? AND dialog = ? AND number = ? IF EXISTS");

/// Segments read at once.
const PAGE: i32 = 1_000;
/// Settled segments kept in memory, of all dialogs together.
const KEPT_MAX: usize = 200_000;

type Read = (i64, i64, i32, i64, Option<i32>);
type Looked = (Vec<u8>, i64, i64, i32, i64, Option<i32>);
/// A segment, and the dialog that it is of.
type Named = (Vec<u8>, Segment);
/// About how long it is to name a segment.
const NAME_BYTES: usize = 28;

/// The segments of all dialogs. What nothing changes of any more is kept in memory.
pub struct Segments {
    cql: Cql,
    settled: Mutex<Settled>,
    looks: Gather<(DialogKey, u64), Result<State, Error>>,
}

#[derive(Default)]
struct Settled {
    chains: BTreeMap<DialogKey, Vec<Segment>>,
    count: usize,
}

impl Segments {
    pub fn new(cql: Cql) -> Segments {
        Segments { cql, settled: Mutex::default(), looks: Gather::default() }
    }

    pub async fn last(&self, key: DialogKey) -> Result<Option<Segment>, Error> {
        self.cql.row::<Read>(LAST, columns(key)).await?.map(segment).transpose()
    }

    /// All segments that are there.
    pub async fn chain(&self, key: DialogKey) -> Result<Chain, Error> {
        let mut chain = self.settled.lock().chains.get(&key).cloned().unwrap_or_default();
        let known = chain.len();
        loop {
            let from = chain.last().map_or(0, |last| last.number as i64 + 1);
            let (app, dialog) = columns(key);
            let read = self.cql.rows::<Read>(FROM, (app, dialog, from, PAGE)).await?;
            let is_all = read.len() < PAGE as usize;
            for row in read {
                chain.push(segment(row)?);
            }
            if is_all {
                break;
            }
        }
        let chain = Chain::of(chain)?;
        if chain.settled().len() > known {
            self.keep(key, chain.settled());
        }
        Ok(chain)
    }

    /// The state of a segment, read from now on. One that has a next one is sealed, whatever its own row shows. Looks at dialogs of an app
    /// that come at the same time are one request.
    pub async fn look(&self, key: DialogKey, of: Segment) -> Result<State, Error> {
        let cql = self.cql.clone();
        let send = move |looks| {
            let cql = cql.clone();
            async move { look_together(&cql, looks).await }
        };
        let looked = self.looks.ask((key, of.number), NAME_BYTES, send).await;
        looked.unwrap_or_else(|_| Err(natter_db::Error::Unknown("too much waits, or the process ends".into()).into()))
    }

    pub async fn fence(&self, key: DialogKey, of: Segment) -> Result<Answer, Error> {
        let (app, dialog) = columns(key);
        let outcome = self.cql.change_or_see(FENCE, (app, dialog, of.number as i64)).await?;
        answer(outcome, State::Fenced)
    }

    /// `own`: nothing is in flight in it, so it may be open yet.
    pub async fn seal(&self, key: DialogKey, of: Segment, length: u32, own: bool) -> Result<Answer, Error> {
        let (app, dialog) = columns(key);
        let seal = if own { SEAL_OWN } else { SEAL };
        let outcome = self.cql.change_or_see(seal, (length as i32, app, dialog, of.number as i64)).await?;
        answer(outcome, State::Sealed { length })
    }

    pub async fn open(&self, key: DialogKey, new: Segment) -> Result<Answer, Error> {
        let (app, dialog) = columns(key);
        let values = (app, dialog, new.number as i64, new.writer.0 as i64, new.first_seq as i64);
        let stands = match self.cql.change_or_see(OPEN, values).await? {
            Outcome::Applied => new,
            Outcome::Not(standing) => {
                let column = |name| standing.number(name).ok_or(Error::Corrupt("a segment"));
                let (writer, first_seq) = (Boot(column("writer")? as u64), column("first_seq")? as u64);
                Segment { writer, first_seq, state: state(&standing)?, ..new }
            }
        };
        Ok(Answer::Opened(stands))
    }

    /// Of a dialog that nobody gets into any more.
    pub async fn erase(&self, key: DialogKey, number: u64) -> Result<(), Error> {
        self.settled.lock().forget(key);
        let (app, dialog) = columns(key);
        self.cql.change(ERASE, (app, dialog, number as i64)).await?;
        Ok(())
    }

    fn keep(&self, key: DialogKey, settled: &[Segment]) {
        let mut kept = self.settled.lock();
        kept.forget(key);
        if kept.count + settled.len() > KEPT_MAX {
            *kept = Settled::default();
        }
        if settled.len() <= KEPT_MAX {
            kept.count += settled.len();
            kept.chains.insert(key, settled.to_vec());
        }
    }
}

impl Settled {
    fn forget(&mut self, key: DialogKey) {
        self.count -= self.chains.remove(&key).map_or(0, |chain| chain.len());
    }
}

async fn look_together(cql: &Cql, looks: Vec<(DialogKey, u64)>) -> Vec<Result<State, Error>> {
    let mut by_app: BTreeMap<AppId, Vec<(DialogKey, u64)>> = BTreeMap::new();
    looks.iter().for_each(|look| by_app.entry(look.0.app).or_default().push(*look));
    let read = by_app.into_values().map(|looks| async move { (looks[0].0.app, read_these(cql, &looks).await) });
    let read: BTreeMap<AppId, Result<Vec<Named>, Error>> = join_all(read).await.into_iter().collect();
    let state = |(key, number): &(DialogKey, u64)| {
        let read = match read.get(&key.app) {
            Some(Ok(read)) => read,
            Some(Err(error)) => return Err(error.clone()),
            None => return Err(Error::Corrupt("a look is missing")),
        };
        // The numbers of others are looked for in each.
        let of_it = |(dialog, segment): &&Named| {
            *dialog == key.dialog.to_vec() && (segment.number == *number || segment.number == number + 1)
        };
        let these = read.iter().filter(of_it).map(|(_, segment)| *segment).collect();
        Ok(Chain::of(these)?.segment(*number).ok_or(Error::Corrupt("a segment is missing"))?.state)
    };
    looks.iter().map(state).collect()
}

/// The segments of these numbers, and the next ones, of dialogs of one app.
async fn read_these(cql: &Cql, looks: &[(DialogKey, u64)]) -> Result<Vec<Named>, Error> {
    if let [(key, number)] = looks {
        let (app, dialog) = columns(*key);
        let read = cql.rows::<Read>(FROM, (app, dialog.clone(), *number as i64, 2_i32)).await?;
        return read.into_iter().map(|read| Ok((dialog.clone(), segment(read)?))).collect();
    }
    let app = looks.first().map_or(0, |(key, _)| key.app.0 as i64);
    let dialogs: BTreeSet<Vec<u8>> = looks.iter().map(|(key, _)| key.dialog.to_vec()).collect();
    let numbers: BTreeSet<i64> = looks.iter().flat_map(|(_, number)| [*number as i64, *number as i64 + 1]).collect();
    let read = cql.rows::<Looked>(THESE, (app, Vec::from_iter(dialogs), Vec::from_iter(numbers))).await?;
    let named = |(dialog, number, writer, state, first_seq, length): Looked| {
        Ok((dialog, segment((number, writer, state, first_seq, length))?))
    };
    read.into_iter().map(named).collect()
}

fn answer(outcome: Outcome, applied: State) -> Result<Answer, Error> {
    Ok(Answer::Is(match outcome {
        Outcome::Applied => applied,
        Outcome::Not(standing) => state(&standing)?,
    }))
}

fn state(standing: &Standing) -> Result<State, Error> {
    state_of(standing.number("state"), standing.number("length"))
}

fn segment((number, writer, state, first_seq, length): Read) -> Result<Segment, Error> {
    let state = state_of(Some(state.into()), length.map(i64::from))?;
    Ok(Segment { number: number as u64, writer: Boot(writer as u64), state, first_seq: first_seq as u64 })
}

fn state_of(state: Option<i64>, length: Option<i64>) -> Result<State, Error> {
    match (state, length) {
        (Some(0), None) => Ok(State::Open),
        (Some(1), None) => Ok(State::Fenced),
        (Some(2), Some(length)) => Ok(State::Sealed { length: length as u32 }),
        _ => Err(Error::Corrupt("the state of a segment")),
    }
}
