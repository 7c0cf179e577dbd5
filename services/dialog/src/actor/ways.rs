//! What a dialog notes of the ways of messages that leave a trace: their number, that they are stored, whom they are told, and
//! what their readers say.

use natter_proto::event::v1::{MarkKind, Message};
use natter_proto::history::v1::Range;
use natter_trace::{Hop, Kind, Place};

use crate::dialog::Dialog;
use crate::dialog::marks::Mark;
use crate::shared::Shared;

/// Rows of one mark that are looked at, the newest. Nobody reads more at once than he can see.
const MARKED_MAX: u64 = 256;

/// A row is durable. `deliver`: live sessions are told.
pub fn stored(shared: &Shared, dialog: &Dialog, row: &Message, deliver: bool) {
    let place = place_of(dialog, row.seq);
    if !shared.trace.wants(place) {
        return;
    }
    let hop = Hop { user: row.sender, ..Hop::default() };
    shared.trace.note(Kind::Ordered, Some(row.created_at), place, Hop { message: row.id.clone(), ..hop.clone() });
    shared.trace.note(Kind::Stored, None, place, hop.clone());
    if deliver {
        let count = dialog.members.len() as u64;
        shared.trace.note(Kind::Told, None, place, Hop { count, ..hop });
    }
}

/// A member has received, or read, these rows.
pub fn marked(shared: &Shared, dialog: &Dialog, mark: &Mark, ranges: &[Range]) {
    let kind = match mark.kind {
        MarkKind::Delivered => Kind::Delivered,
        MarkKind::Read => Kind::Read,
        MarkKind::Unspecified => return,
    };
    for range in ranges {
        for seq in range.from.max(range.upto.saturating_sub(MARKED_MAX - 1))..=range.upto {
            let place = place_of(dialog, seq);
            if shared.trace.wants(place) {
                shared.trace.note(kind, None, place, Hop { user: mark.user.0, ..Hop::default() });
            }
        }
    }
}

fn place_of(dialog: &Dialog, seq: u64) -> Place {
    Place { app: dialog.key.app, dialog: dialog.key.dialog, seq }
}
