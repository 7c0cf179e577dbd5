//! Unread counts of a user, with what a dialog list shows beside them.

use std::collections::BTreeMap;

use natter_proto::event::v1::Message;
use natter_proto::history::v1::UnreadRow;
use natter_proto::{AppId, DialogId, UserId};

use crate::error::Error;
use crate::head::Head;
use crate::log::{DialogKey, MessageLog};
use crate::member::Member;
use crate::unread::unread;

/// Dialogs looked at together.
const CHUNK: usize = 1_000;

/// What is asked beside the count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Beside {
    /// Nothing.
    Nothing,
    /// All of it. `from_joining`: the last row is none from before the user joined.
    State { from_joining: bool },
}

/// Counts in the order asked. What was said before a user joined does not count either way.
pub async fn counts(
    log: &dyn MessageLog,
    app: AppId,
    user: UserId,
    dialogs: &[DialogId],
    beside: Beside,
) -> Result<Vec<UnreadRow>, Error> {
    let mut rows = Vec::with_capacity(dialogs.len());
    for dialogs in dialogs.chunks(CHUNK) {
        let heads = log.heads(app, dialogs).await?;
        let of: Vec<(DialogId, u64)> = dialogs.iter().map(|dialog| (*dialog, user.0)).collect();
        let members = log.members(app, &of).await?;
        let mut newest = match beside {
            Beside::Nothing => BTreeMap::new(),
            Beside::State { from_joining } => newest_visible(log, app, dialogs, &heads, &members, from_joining).await?,
        };
        for ((dialog, head), member) in dialogs.iter().zip(heads).zip(members) {
            let last = newest.remove(dialog);
            rows.push(row(log, DialogKey { app, dialog: *dialog }, head, member, last, beside).await?);
        }
    }
    Ok(rows)
}

async fn newest_visible(
    log: &dyn MessageLog,
    app: AppId,
    dialogs: &[DialogId],
    heads: &[Head],
    members: &[Member],
    from_joining: bool,
) -> Result<BTreeMap<DialogId, Message>, Error> {
    let each = dialogs.iter().zip(heads).zip(members);
    let shown = |head: &Head, member: &Member| head.visible(member).within(member.first_shown(from_joining), head.seq);
    let places: Vec<(DialogId, u64)> =
        each.filter_map(|((dialog, head), member)| Some((*dialog, shown(head, member).last()?.upto))).collect();
    let rows = log.pick(app, &places).await?;
    let present = places.into_iter().zip(rows).filter_map(|((dialog, _), row)| Some((dialog, lean(row?))));
    Ok(present.collect())
}

/// The row without what a list does not show.
fn lean(row: Message) -> Message {
    let Message { id, alias, sender, recipient, seq, date_sent, created_at, updated_at, body, .. } = row;
    Message { id, alias, sender, recipient, seq, date_sent, created_at, updated_at, body, ..Message::default() }
}

async fn row(
    log: &dyn MessageLog,
    key: DialogKey,
    head: Head,
    member: Member,
    last: Option<Message>,
    beside: Beside,
) -> Result<UnreadRow, Error> {
    let found = unread(&head, &member);
    tracing::trace!(dialog = %key.dialog, user = member.user, "{found}");
    if beside == Beside::Nothing {
        return Ok(UnreadRow { dialog: key.dialog.to_vec(), unread: found.count, ..UnreadRow::default() });
    }
    let own = last.as_ref().filter(|last| last.sender == member.user).map(|last| last.seq);
    let others = match own {
        Some(_) => log.everyone(key).await?,
        None => Vec::new(),
    };
    let by_others = |has: fn(&Member, u64) -> bool| {
        own.is_some_and(|seq| others.iter().any(|other| other.user != member.user && has(other, seq)))
    };
    let (last_delivered, last_read) = (by_others(Member::has_received), by_others(Member::has_read));
    let head = head.into_proto(key.dialog);
    let dialog = key.dialog.to_vec();
    Ok(UnreadRow { dialog, unread: found.count, head: Some(head), member: Some(member.into()), last, last_delivered, last_read })
}
