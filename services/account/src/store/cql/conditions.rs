//! What the nouns share: a conditional write whose answer was lost, versions of rows, several reads at once, and how long a row
//! lives.

use std::future::Future;

use futures::stream::{self, StreamExt, TryStreamExt};
use natter_actor::Clock;
use natter_db::Error as DbError;

use crate::store::{Result, Stamp};

/// How often a conditional write whose outcome is unknown is issued.
const ISSUES: usize = 3;
/// How often a step that met another writer is tried before it is given up.
pub const TRIES: usize = 16;
/// Reads, or writes, of one call that are under way together.
const AT_ONCE: usize = 8;
/// Keys of one read. ScyllaDB takes no more.
pub const KEYS: usize = 100;
/// How much longer than it counts a row is there, in seconds: clocks differ.
const MARGIN_S: i64 = 24 * 60 * 60;
/// The longest life that servers take.
const LIFE_S_MAX: i64 = 20 * 365 * 24 * 60 * 60;

/// What came of a conditional write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    Held,
    Refused,
    /// Refused, but an earlier issue of the same write, whose answer was lost, may have held.
    Doubtful,
}

/// Issues a conditional write until it is answered.
pub async fn decided<F>(issue: impl Fn() -> F) -> std::result::Result<Answer, DbError>
where
    F: Future<Output = std::result::Result<bool, DbError>>,
{
    let mut lost = None;
    for _ in 0..ISSUES {
        match issue().await {
            Ok(true) => return Ok(Answer::Held),
            Ok(false) if lost.is_none() => return Ok(Answer::Refused),
            Ok(false) => return Ok(Answer::Doubtful),
            Err(unknown @ DbError::Unknown(_)) => lost = Some(unknown),
            Err(error) => return Err(lost.unwrap_or(error)),
        }
    }
    Err(lost.unwrap_or_else(|| DbError::Unknown("a condition was never answered".into())))
}

/// Whether the write of `bytes` over version `base` held, when the answer is doubtful and this is what lies there.
pub fn held(base: i64, bytes: &[u8], version: i64, lying: Option<&[u8]>) -> Result<bool> {
    // Only one writer gives a row its next version, so who finds other bytes there has not.
    if version == base + 1 { Ok(lying == Some(bytes)) } else { Err(DbError::Unknown("a row moved on meanwhile".into()).into()) }
}

/// The engine's mark is the version of the row.
pub fn stamp(version: i64) -> Stamp {
    Stamp(bytes::Bytes::copy_from_slice(&version.to_be_bytes()))
}

/// The version in a mark. One that this engine did not make is that of no row.
pub fn version_of(stamp: &Stamp) -> i64 {
    stamp.0.as_ref().try_into().map_or(i64::MIN, i64::from_be_bytes)
}

/// All of these, a few at a time, in their order.
pub async fn few_at_once<T, F: Future<Output = Result<T>>>(all: Vec<F>) -> Result<Vec<T>> {
    stream::iter(all).buffered(AT_ONCE).try_collect().await
}

/// The life, in seconds, of a row that counts until `expires_at`, unix milliseconds.
pub fn life_upto(expires_at: i64) -> i32 {
    let left = expires_at.saturating_sub(now_ms()) / 1_000;
    left.max(0).saturating_add(MARGIN_S).min(LIFE_S_MAX) as i32
}

/// Unix milliseconds. Nothing is safe by it alone: it says how long rows live, and when a step is believed to be over.
pub fn now_ms() -> i64 {
    Clock::system().now_ms()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::store::Error;

    #[tokio::test]
    async fn a_condition_is_issued_until_it_is_answered_and_a_lost_answer_is_not_forgotten() {
        let lost = || Err(DbError::Unknown("lost".into()));
        let refused = || Err(DbError::NotStored("refused".into()));
        for (answers, expected) in [
            (vec![Ok(true)], Ok(Answer::Held)),
            (vec![Ok(false)], Ok(Answer::Refused)),
            (vec![lost(), Ok(true)], Ok(Answer::Held)),
            (vec![lost(), lost(), Ok(false)], Ok(Answer::Doubtful)),
            (vec![lost(), lost(), lost()], Err(DbError::Unknown("lost".into()))),
            (vec![refused()], Err(DbError::NotStored("refused".into()))),
            (vec![lost(), refused()], Err(DbError::Unknown("lost".into()))),
        ] {
            let answers = RefCell::new(answers.into_iter());
            let next = || {
                let answer = answers.borrow_mut().next().unwrap_or(Ok(true));
                async move { answer }
            };
            assert_eq!(decided(next).await, expected);
        }
    }

    #[test]
    fn of_a_doubtful_write_what_lies_there_tells() {
        assert_eq!(held(3, b"mine", 4, Some(b"mine")), Ok(true));
        assert_eq!(held(3, b"mine", 4, Some(b"other")), Ok(false));
        assert_eq!(held(0, b"mine", 1, None), Ok(false));
        assert!(matches!(held(3, b"mine", 5, Some(b"mine")), Err(Error::Db(DbError::Unknown(_)))));
    }

    #[test]
    fn a_row_lives_a_day_longer_than_it_counts() {
        assert_eq!(i64::from(life_upto(0)), MARGIN_S);
        assert!((MARGIN_S + 99..=MARGIN_S + 100).contains(&i64::from(life_upto(now_ms() + 100_000))));
        assert_eq!(i64::from(life_upto(i64::MAX)), LIFE_S_MAX);
        assert_eq!(version_of(&stamp(7)), 7);
    }
}
