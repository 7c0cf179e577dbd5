//! How alerts are written, in every engine, and how notes are found in one of them. Fields are added, never renumbered.

use natter_db::{Error, Table};
use natter_proto::event::v1::CallKind;
use natter_proto::push::v1::Note;
use natter_proto::{DialogId, MessageId};
use prost::Message;

use super::{Due, Source};

const ALERTS: Table = Table("alerts");

#[derive(Clone, PartialEq, Message)]
struct StoredDue {
    #[prost(bytes = "vec", tag = "1")]
    message: Vec<u8>,
    #[prost(uint64, tag = "2")]
    sender: u64,
    #[prost(int64, tag = "3")]
    said_at: i64,
    #[prost(uint32, tag = "4")]
    attempts: u32,
    #[prost(uint64, repeated, tag = "5")]
    done: Vec<u64>,
    #[prost(string, tag = "6")]
    traceparent: String,
}

pub fn due_key(due: &Due) -> Vec<u8> {
    let Due { app, at, user, dialog, place, source, .. } = due;
    let numbers = [app.to_be_bytes(), at.to_be_bytes(), user.to_be_bytes()].concat();
    [numbers, dialog.to_vec(), place.to_be_bytes().to_vec(), vec![number_of(*source)]].concat()
}

pub fn of_due(due: &Due) -> Vec<u8> {
    let Due { sender, said_at, attempts, .. } = *due;
    let (message, done, traceparent) = (due.message.to_vec(), due.done.clone(), due.traceparent.clone());
    StoredDue { message, sender, said_at, attempts, done, traceparent }.encode_to_vec()
}

pub fn to_due(key: &[u8], value: &[u8]) -> Result<Due, Error> {
    let StoredDue { message, sender, said_at, attempts, done, traceparent } =
        StoredDue::decode(value).map_err(|_| corrupt(ALERTS))?;
    let dialog = DialogId::try_from(key.get(24..36).unwrap_or_default()).map_err(|_| corrupt(ALERTS))?;
    let message = MessageId::try_from(message.as_slice()).map_err(|_| corrupt(ALERTS))?;
    Ok(Due {
        app: number(ALERTS, key, 0)?,
        at: number(ALERTS, key, 8)? as i64,
        user: number(ALERTS, key, 16)?,
        dialog,
        place: number(ALERTS, key, 36)?,
        source: source_of(key.get(44).copied()).ok_or_else(|| corrupt(ALERTS))?,
        message,
        sender,
        said_at,
        attempts,
        done,
        traceparent,
    })
}

fn number_of(source: Source) -> u8 {
    match source {
        Source::Log => 0,
        Source::Queue => 1,
        Source::Event => 2,
        Source::Request => 3,
        Source::Call(CallKind::Unspecified) => 4,
        Source::Call(CallKind::Audio) => 5,
        Source::Call(CallKind::Video) => 6,
    }
}

fn source_of(number: Option<u8>) -> Option<Source> {
    match number? {
        0 => Some(Source::Log),
        1 => Some(Source::Queue),
        2 => Some(Source::Event),
        3 => Some(Source::Request),
        4 => Some(Source::Call(CallKind::Unspecified)),
        5 => Some(Source::Call(CallKind::Audio)),
        6 => Some(Source::Call(CallKind::Video)),
        _ => None,
    }
}

pub fn note_key(app: u64, note: &Note, number: u64) -> Vec<u8> {
    [app.to_be_bytes(), note.user.to_be_bytes(), note.at.to_be_bytes(), number.to_be_bytes()].concat()
}

pub fn note_of_message(app: u64, note: &Note, number: u64) -> Vec<u8> {
    let place = [note.at.to_be_bytes(), number.to_be_bytes()].concat();
    [&app.to_be_bytes()[..], &note.dialog, &note.message, &place].concat()
}

/// The number that stands at this place of a key.
pub fn number(table: Table, key: &[u8], at: usize) -> Result<u64, Error> {
    let bytes = key.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u64::from_be_bytes).ok_or_else(|| corrupt(table))
}

pub fn corrupt(table: Table) -> Error {
    Error::Corrupt(format!("cannot read a row of {}", table.0))
}
