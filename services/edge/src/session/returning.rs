//! What a returning session gets, as one list (design.md 9): rows it missed, then live frames without what the list held.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use natter_proto::DialogId;
use natter_proto::history::v1::{GapChange, GapRow, KeptRow};

use super::backlog::{Item, numbered};
use super::{Action, Call, Queue, Returned, Session, Stage};

/// Where the live frames that wait begin: they bring what follows, with everything that is known only of a live message.
struct Live {
    /// First number by dialog.
    rows: BTreeMap<DialogId, u64>,
    /// First place of a kept message; none if it is 0.
    kept: u64,
    /// Rows made from here on (unix milliseconds) are told to this session, if they are not yet.
    from: i64,
}

impl Session {
    /// Lines the list up and goes live behind it.
    pub(super) fn returned(&mut self, now: i64, returned: Returned) {
        if self.stage != Stage::Returning {
            return;
        }
        self.stage = Stage::Live;
        self.watch_again();
        self.attend_again();
        self.greeted(now, &returned.requests, returned.present);
        if let Some(debt) = &returned.debt {
            self.places.inherit(now, &debt.proofs);
        }
        let live = self.live();
        let Queue { rows: kept, more, upto } = returned.kept;
        let mut items: Vec<(i64, Item)> = Vec::with_capacity(returned.rows.len() + kept.len());
        items.extend(returned.rows.into_iter().filter_map(|gap| live.row(gap)));
        items.extend(kept.into_iter().filter_map(|kept| live.kept(kept)));
        items.extend(returned.changes.into_iter().filter_map(change_item));
        let upto = if live.kept > 0 { upto.min(live.kept - 1) } else { upto };
        if items.is_empty() && !more {
            // Nothing to prove: what was owed is settled.
            self.kept_upto = self.kept_upto.max(upto);
            self.out.extend(returned.debt.map(|_| Action::Call(Call::Settle)));
            return;
        }
        self.tidings.owes = returned.debt.is_some();
        // Stable, and the dates of a dialog do not go back: its rows stay in order.
        items.sort_by_key(|(at, _)| *at);
        self.backlog.list.extend(items.into_iter().map(|(_, item)| item));
        self.backlog.list.push_back(if more { Item::MoreKept { upto } } else { Item::KeptUpto(upto) });
        self.backlog.list.push_back(Item::End);
    }

    /// What comes live, and so is not listed. A row that is told again is listed if it is owed.
    fn live(&self) -> Live {
        let mut live = Live { rows: BTreeMap::new(), kept: 0, from: self.told_from };
        for frame in self.backlog.frames().filter(|frame| !self.is_own(frame) && !frame.again) {
            match numbered(frame) {
                Some((dialog, message)) => {
                    live.rows.entry(dialog).or_insert(message.seq);
                }
                None if live.kept == 0 && self.is_kept_for_me(frame) => live.kept = frame.kept,
                None => {}
            }
        }
        live
    }
}

impl Live {
    fn row(&self, gap: GapRow) -> Option<(i64, Item)> {
        let row = gap.row?;
        let dialog = DialogId::try_from(gap.dialog.as_slice()).ok()?;
        let is_live = row.created_at >= self.from || self.rows.get(&dialog).is_some_and(|first| row.seq >= *first);
        if is_live {
            return None;
        }
        let (delayed, told_at) = (Some(row.created_at), row.created_at);
        Some((row.date_sent, Item::Row { dialog, delayed, row: Box::new(row), told_at }))
    }

    fn kept(&self, kept: KeptRow) -> Option<(i64, Item)> {
        let KeptRow { place, kept_at, frame } = kept;
        let is_live = self.kept > 0 && place >= self.kept;
        let frame = frame.filter(|_| !is_live)?;
        Some((kept_at.div_euclid(1_000), Item::Kept { place, frame: Box::new(frame), kept_at }))
    }
}

fn change_item(gap: GapChange) -> Option<(i64, Item)> {
    let change = gap.change?;
    let dialog = DialogId::try_from(gap.dialog.as_slice()).ok()?;
    let (at, stamp) = (change.at.div_euclid(1_000), change.stamp);
    Some((at, Item::Change { dialog, change: Some(Box::new(change)), stamp }))
}
