//! The journal on ScyllaDB: each note lies by its user and by its message, and both end by themselves after some days.
//!
//! Those of an app are found by the day and one of [`PARTS`] parts, a user's all in the same part. A note of nobody is found by its
//! message, and lies in a part by that, so that whoever erases an app finds it. A note is known by what it says: noted again it is the
//! same one.

use futures::stream::{self, StreamExt, TryStreamExt};
use natter_actor::Clock;
use natter_db::Error;
use natter_db::cql::{Cql, Statement};
use natter_proto::push::v1::Note;
use prost::Message;

use super::super::About;
use crate::writes::{Writes, number_of, seconds_of};

const PUT: Statement = Statement::write("INSERT INTO alert_notes (app, day, part, key, row) VALUES (?, ?, ?, ?, ?) USING TTL ?");
const OF_USER: Statement = Statement::read(
    "SELECT key, row FROM alert_notes WHERE app = ? AND day = ? AND part = ? AND key >= ? AND key < ? ORDER BY key DESC LIMIT ?",
);
const OF_PART: Statement =
    Statement::read("SELECT key, row FROM alert_notes WHERE app = ? AND day = ? AND part = ? AND key >= ? LIMIT ?");
const REMOVE: Statement =
    Statement::write("DELETE FROM alert_notes WHERE app = ? AND day = ? AND part = ? AND key >= ? AND key <= ?");

const PUT_OF_MESSAGE: Statement =
    Statement::write("INSERT INTO alert_notes_by_message (app, dialog, message, key, row) VALUES (?, ?, ?, ?, ?) USING TTL ?");
const OF_MESSAGE: Statement = Statement::read(
    "SELECT key, row FROM alert_notes_by_message WHERE app = ? AND dialog = ? AND message = ? AND key < ? ORDER BY key DESC LIMIT ?",
);
const REMOVE_OF_MESSAGE: Statement =
    Statement::write("DELETE FROM alert_notes_by_message WHERE app = ? AND dialog = ? AND message = ? AND key = ?");

/// Parts of a day of an app. Never changed: rows lie by it.
const PARTS: u64 = 64;
/// Partitions that are read at once.
const AT_ONCE: usize = 16;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Bytes of a key behind its user: the instant, and a number.
const PLACE: usize = 16;

/// A row as it is found: its key, and the note.
type Row = (Vec<u8>, Vec<u8>);

/// The notes of all apps.
pub struct Journal {
    pub cql: Cql,
    pub clock: Clock,
    /// Days for which a note is kept.
    pub days: i64,
}

impl Journal {
    /// Notes it, with what else is written.
    pub fn add(&self, writes: &mut Writes, app: u64, note: &Note) {
        let (row, life) = (note.encode_to_vec(), seconds_of(self.days * DAY_MS));
        let place = [note.at.to_be_bytes(), number_of(&row).to_be_bytes()].concat();
        let key = [&note.user.to_be_bytes()[..], &place].concat();
        let (app, day, part, bytes) = (app as i64, day_of(note.at), part_of(note), row.len());
        let name = [&b"notes"[..], &app.to_be_bytes(), &day.to_be_bytes(), &part.to_be_bytes()].concat();
        writes.push(name, bytes, (PUT, Box::new((app, day, part, key, row.clone(), life))));
        let (dialog, message) = (note.dialog.clone(), note.message.clone());
        let name = [&b"message"[..], &app.to_be_bytes(), &dialog, &message].concat();
        writes.push(name, bytes, (PUT_OF_MESSAGE, Box::new((app, dialog, message, place, row, life))));
    }

    /// A page, newest first, above nothing or behind `before`; and where to go on, empty at the end.
    pub async fn page(&self, app: u64, about: About, before: &[u8], limit: usize) -> Result<(Vec<Note>, Vec<u8>), Error> {
        let before = if before.is_empty() { &[u8::MAX; PLACE] } else { before };
        let wanted = limit.saturating_add(1);
        let rows = match about {
            About::User(user) => self.of_user(app, user, before, wanted).await?,
            About::Message(dialog, message) => {
                let most = i32::try_from(wanted).unwrap_or(i32::MAX);
                let values = (app as i64, dialog.to_vec(), message.to_vec(), before, most);
                self.cql.rows::<Row>(OF_MESSAGE, values).await?
            }
        };
        let page = &rows[..rows.len().min(limit)];
        let next = match page.last() {
            Some((key, _)) if rows.len() > limit => key[key.len().saturating_sub(PLACE)..].to_vec(),
            _ => Vec::new(),
        };
        Ok((page.iter().map(|(_, row)| note(row)).collect::<Result<_, _>>()?, next))
    }

    async fn of_user(&self, app: u64, user: u64, before: &[u8], wanted: usize) -> Result<Vec<Row>, Error> {
        let (first, last) = (user.to_be_bytes().to_vec(), [&user.to_be_bytes()[..], before].concat());
        let most = i32::try_from(wanted).unwrap_or(i32::MAX);
        let newest = before.get(..8).and_then(|at| at.try_into().ok()).map_or(i64::MAX, i64::from_be_bytes);
        let days = self.days().rev().filter(|day| newest < 0 || *day <= day_of(newest));
        let of_day =
            async |day: i64| self.cql.rows::<Row>(OF_USER, (app as i64, day, (user % PARTS) as i32, &first, &last, most)).await;
        let mut days = std::pin::pin!(stream::iter(days).map(of_day).buffered(AT_ONCE));
        let mut rows = Vec::new();
        while rows.len() < wanted
            && let Some(found) = days.try_next().await?
        {
            rows.extend(found);
        }
        rows.truncate(wanted);
        Ok(rows)
    }

    /// Forgets a page of those of a user, or of an app. How many went; fewer than `max`: nothing is left.
    pub async fn erase(&self, app: u64, user: Option<u64>, max: usize) -> Result<usize, Error> {
        let most = i32::try_from(max).unwrap_or(i32::MAX);
        let parts: Vec<i32> = match user {
            Some(user) => vec![(user % PARTS) as i32],
            None => (0..PARTS as i32).collect(),
        };
        let places: Vec<(i64, i32)> = self.days().flat_map(|day| parts.iter().map(move |part| (day, *part))).collect();
        let of_place = async |(day, part)| {
            let found = match user {
                Some(user) => {
                    let (first, last) = (user.to_be_bytes().to_vec(), [&user.to_be_bytes()[..], &[u8::MAX; PLACE + 1]].concat());
                    self.cql.rows::<Row>(OF_USER, (app as i64, day, part, first, last, most)).await?
                }
                None => self.cql.rows::<Row>(OF_PART, (app as i64, day, part, Vec::<u8>::new(), most)).await?,
            };
            Ok::<_, Error>((day, part, found))
        };
        let mut places = std::pin::pin!(stream::iter(places).map(of_place).buffered(AT_ONCE));
        let mut count = 0;
        while count < max
            && let Some((day, part, mut found)) = places.try_next().await?
        {
            found.truncate(max - count);
            self.remove(app, (day, part), &found).await?;
            count += found.len();
        }
        Ok(count)
    }

    /// First those by their messages, which are found by the others.
    async fn remove(&self, app: u64, (day, part): (i64, i32), rows: &[Row]) -> Result<(), Error> {
        let (Some(first), Some(last)) = (rows.iter().map(|row| &row.0).min(), rows.iter().map(|row| &row.0).max()) else {
            return Ok(());
        };
        let mut writes = Writes::default();
        for (key, row) in rows {
            let Note { dialog, message, .. } = note(row)?;
            let name = [&(app as i64).to_be_bytes()[..], &dialog, &message].concat();
            let place = key[key.len().saturating_sub(PLACE)..].to_vec();
            writes.push(name, place.len(), (REMOVE_OF_MESSAGE, Box::new((app as i64, dialog, message, place))));
        }
        writes.done(&self.cql).await?;
        self.cql.write(REMOVE, (app as i64, day, part, first, last)).await
    }

    /// Those of which something may be kept, ascending. What is noted may be some hours old, or a little ahead.
    fn days(&self) -> impl DoubleEndedIterator<Item = i64> + Clone {
        let today = day_of(self.clock.now_ms());
        today - self.days - 1..=today + 1
    }
}

fn day_of(at: i64) -> i64 {
    at.div_euclid(DAY_MS)
}

fn part_of(note: &Note) -> i32 {
    let number = if note.user == 0 { number_of(&note.message) as u64 } else { note.user };
    (number % PARTS) as i32
}

fn note(row: &[u8]) -> Result<Note, Error> {
    Note::decode(row).map_err(|_| Error::Corrupt("cannot read a row of alert_notes".into()))
}
