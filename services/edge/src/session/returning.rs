//! What a returning session gets, as one list (design.md 9): rows it missed, then live frames without what the list held.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;

use natter_proto::DialogId;
use natter_proto::event::v1::frame::Told as FrameTold;
use natter_proto::history::v1::{GapRow, KeptRow};

use super::backlog::Item;
use super::{Action, Call, Returned, Session, Stage};

impl Session {
    /// Lines the list up and goes live behind it.
    pub(super) fn returned(&mut self, now: i64, returned: Returned) {
        if self.stage != Stage::Returning {
            return;
        }
        self.stage = Stage::Live;
        if let Some(debt) = &returned.debt {
            self.places.inherit(now, &debt.proofs);
        }
        let live: BTreeSet<_> = self.backlog.messages().map(|(dialog, message)| (dialog.to_vec(), message.id.clone())).collect();
        let mut items: Vec<(i64, Item)> = Vec::with_capacity(returned.rows.len() + returned.kept.len());
        items.extend(returned.rows.into_iter().filter_map(|gap| row_item(gap, &live)));
        items.extend(returned.kept.into_iter().filter_map(|kept| kept_item(kept, &live)));
        if items.is_empty() {
            // Nothing to prove: what was owed is settled.
            self.out.extend(returned.debt.map(|_| Action::Call(Call::Settle)));
            return;
        }
        self.tidings.owes = returned.debt.is_some();
        // Stable, and the dates of a dialog do not go back: its rows stay in order.
        items.sort_by_key(|(at, _)| *at);
        self.backlog.list.extend(items.into_iter().map(|(_, item)| item));
        self.backlog.list.push_back(Item::End);
    }
}

/// A row that a live frame brings too is no late one.
fn row_item(gap: GapRow, live: &BTreeSet<(Vec<u8>, Vec<u8>)>) -> Option<(i64, Item)> {
    let row = gap.row?;
    let dialog = DialogId::try_from(gap.dialog.as_slice()).ok()?;
    // Messages of rooms have no sessions on the wire yet.
    if row.recipient == 0 {
        return None;
    }
    let is_live = live.contains(&(gap.dialog, row.id.clone()));
    let delayed = (!is_live).then_some(row.created_at);
    Some((row.date_sent, Item::Row { dialog, row: Box::new(row), delayed }))
}

fn kept_item(kept: KeptRow, live: &BTreeSet<(Vec<u8>, Vec<u8>)>) -> Option<(i64, Item)> {
    let frame = kept.frame?;
    let is_live = match &frame.told {
        Some(FrameTold::Message(message)) => live.contains(&(frame.dialog.clone(), message.id.clone())),
        _ => false,
    };
    let frame = (!is_live).then(|| Box::new(frame));
    Some((kept.kept_at.div_euclid(1_000), Item::Kept { place: kept.place, frame, kept_at: kept.kept_at }))
}
