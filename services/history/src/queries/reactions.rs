//! Reactions of rows that are there.

use natter_proto::history::v1::Reactions;

use crate::error::Error;
use crate::log::{DialogKey, MessageLog};
use crate::ranges::Ranges;
use crate::reactions::{Reacted, ReactionStore};

/// Adds and removes what a user reacted with. Answers whether that changed anything.
///
/// Fails with [`Error::NoRow`] if there is no such row, or if it was removed for all. One that is removed meanwhile may
/// keep the reaction; nobody is shown it.
pub async fn react(
    log: &dyn MessageLog,
    store: &dyn ReactionStore,
    key: DialogKey,
    seq: u64,
    reacted: Reacted,
) -> Result<bool, Error> {
    let row = log.pick(key.app, &[(key.dialog, seq)]).await?.pop().flatten();
    match row {
        Some(row) if !row.removed => store.react(key, seq, reacted).await,
        _ => Err(Error::NoRow),
    }
}

/// Reactions to the rows at these places that were not removed for all, as [`ReactionStore::of`] gives them.
pub async fn of(
    log: &dyn MessageLog,
    store: &dyn ReactionStore,
    key: DialogKey,
    seqs: &[u64],
) -> Result<(Vec<Reactions>, bool), Error> {
    let Some(head) = log.heads(key.app, &[key.dialog]).await?.pop() else { return Ok((Vec::new(), false)) };
    let mut places = Ranges::default();
    let there = seqs.iter().filter(|seq| **seq <= head.seq && !head.removed.contains(**seq));
    there.for_each(|seq| _ = places.insert(*seq, *seq));
    store.of(key, places).await
}
