//! The beats of changes to rows: edits, removals, reactions.

use std::iter;

use natter_proto::Failure;
use natter_proto::event::v1::{Change, Message, Reaction, change::What};
use natter_proto::history::v1::{EditRequest, Found, HideRequest, Range, ReactRequest, RemoveRequest};
use natter_proto::{Code, UserId};

use super::{By, Edit, React, Remove, Removed, TellEdit};
use crate::dialog::changes::{ChangeError, Removal};
use crate::dialog::marks::merge;
use crate::dialog::rights::Action;
use crate::dialog::{Dialog, Frozen};
use crate::error::{Trouble, barred, forbidden, frozen};
use crate::frames;
use crate::shared::{Shared, broken};

/// A message gets other words. Over REST nobody is told (contract rest 5.4), over XMPP everybody is (xmpp 3.6).
pub(super) async fn edit(shared: &Shared, dialog: &mut Dialog, edit: Edit) -> Result<(), Trouble> {
    let Edit { user, id, words, told } = edit;
    // A stranger does not hear which messages there are.
    dialog.may(user, Action::Read).map_err(|_| forbidden(dialog.key, user))?;
    check_bars(shared, dialog, user).await?;
    let found = shared.find(dialog.key.app, Some(user), vec![id], &[dialog.key.dialog]).await?;
    let rows = found.into_iter().filter_map(|found| found.row);
    // The message that has the id before one whose client gave it.
    let Some(row) = rows.min_by_key(|row| row.id != id.0) else { return Err(no_message(dialog).into()) };
    let (app, seq) = (dialog.key.app.0, row.seq);
    let row = dialog.edited(user, row, words, &shared.limits, shared.clock.now_ms());
    let row = row.map_err(|error| of_change(dialog, user, error))?;
    let except = if told.is_some() { shared.later_than(dialog, seq).await? } else { Vec::new() };
    let dialog_id = dialog.key.dialog.to_vec();
    let request = EditRequest { app, dialog: dialog_id, seq, row: Some(row), user: user.0, silent: told.is_none() };
    // Its stamp is part of the actor's state: one that got no answer is known after a reload only.
    let edited = shared.history().edit(request).await.map_err(Trouble::from)?.into_inner();
    dialog.apply_change(edited.stamp, shared.clock.now_ms());
    let (Some(TellEdit { from, relay, last }), Some(row)) = (told, edited.row) else { return Ok(()) };
    let change = Change { relay, last, ..change(&row, user, edited.stamp, &from, row.updated_at) };
    shared.moved(dialog);
    let what = Some(What::Edited(row));
    shared.tell(frames::change(dialog, Change { what, ..change }, except, from.origin));
    Ok(())
}

/// Rows go: for the caller, or with `force` for all, which is told. By an operator all of them go for all.
pub(super) async fn remove(shared: &Shared, dialog: &mut Dialog, remove: Remove) -> Result<Removed, Trouble> {
    let mut outcome = Removed::default();
    let mut hidden = Vec::new();
    let Some(user) = remove.user else { return remove_by_operator(shared, dialog, remove).await };
    for Found { row, asked, .. } in remove.rows {
        let row = row.ok_or_else(|| broken("a found row"))?;
        match dialog.removal(user, &row, remove.force) {
            Ok(Removal::Hide) => hidden.push(Range { from: row.seq, upto: row.seq }),
            Ok(Removal::ForAll) => match check_bars(shared, dialog, user).await {
                Ok(()) => remove_for_all(shared, dialog, user, &row, &remove.by).await?,
                // Over REST it stands among what the caller has no right to (contract rest 5.5).
                Err(Failure { code: Code::Blocked | Code::Blocking, .. }) if remove.by.stanza_id.is_empty() => {
                    outcome.forbidden.push(asked);
                    continue;
                }
                Err(failure) => return Err(failure.into()),
            },
            Err(ChangeError::NotFound) => {
                outcome.not_found.push(asked);
                continue;
            }
            Err(ChangeError::Frozen) if !remove.by.stanza_id.is_empty() => return Err(frozen(dialog.key).into()),
            Err(
                ChangeError::Forbidden
                | ChangeError::Frozen
                | ChangeError::BodyTooLarge { .. }
                | ChangeError::MessageTooLarge { .. },
            ) => {
                outcome.forbidden.push(asked);
                continue;
            }
        }
        outcome.removed.push(asked);
    }
    hide(shared, dialog, user, hidden).await?;
    Ok(outcome)
}

/// Clients have no word for an operator: each hears that its author removed it. What is removed already is no mistake.
async fn remove_by_operator(shared: &Shared, dialog: &mut Dialog, remove: Remove) -> Result<Removed, Trouble> {
    let mut outcome = Removed::default();
    for Found { row, asked, .. } in remove.rows {
        let row = row.ok_or_else(|| broken("a found row"))?;
        if !row.removed {
            remove_for_all(shared, dialog, UserId(row.sender), &row, &remove.by).await?;
        }
        outcome.removed.push(asked);
    }
    Ok(outcome)
}

async fn remove_for_all(shared: &Shared, dialog: &mut Dialog, user: UserId, row: &Message, by: &By) -> Result<(), Trouble> {
    let except = shared.later_than(dialog, row.seq).await?;
    let request = RemoveRequest { app: dialog.key.app.0, dialog: dialog.key.dialog.to_vec(), seq: row.seq, user: user.0 };
    // As for an edit.
    let removed = shared.history().remove(request).await.map_err(Trouble::from)?;
    let stamp = removed.into_inner().stamp;
    dialog.apply_change(stamp, shared.clock.now_ms());
    shared.moved(dialog);
    let change = change(row, user, stamp, by, shared.clock.now_ms());
    shared.tell(frames::change(dialog, Change { what: Some(What::Removed(true)), ..change }, except, by.origin.clone()));
    Ok(())
}

/// A reaction comes or goes, and everybody is told.
pub(super) async fn react(shared: &Shared, dialog: &Dialog, react: React) -> Result<(), Trouble> {
    let React { user, row, add, remove } = react;
    dialog.sees(user, &row).map_err(|error| of_change(dialog, user, error))?;
    dialog.check_writable().map_err(|Frozen| frozen(dialog.key))?;
    check_bars(shared, dialog, user).await?;
    let (app, dialog_id, seq) = (dialog.key.app.0, dialog.key.dialog.to_vec(), row.seq);
    let except = shared.later_than(dialog, seq).await?;
    let request = ReactRequest { app, dialog: dialog_id, seq, user: user.0, add: add.clone(), remove: remove.clone() };
    let changed = shared.history().react(request).await.map_err(Trouble::of_repeatable)?.into_inner().changed;
    if changed {
        let recipient = dialog.members.other_than(user).filter(|_| row.recipient > 0).map_or(0, |other| other.0);
        let stanza_id = shared.fresh_id().to_string();
        let told = Reaction { user: user.0, message_id: row.id, add, remove, stanza_id, recipient };
        shared.tell(frames::reaction(dialog, told, except));
    }
    Ok(())
}

/// Refuses who may not speak: what was said before he leaves as it is.
async fn check_bars(shared: &Shared, dialog: &Dialog, user: UserId) -> Result<(), Failure> {
    shared.bars(dialog, iter::once(user)).await?.check(user).map_err(|bar| barred(user, bar))
}

fn change(row: &Message, user: UserId, stamp: u64, by: &By, at: i64) -> Change {
    let resource = by.origin.as_ref().map(|origin| origin.resource.clone()).unwrap_or_default();
    Change {
        stamp,
        seq: row.seq,
        message_id: row.id.clone(),
        user: user.0,
        at,
        recipient: row.recipient,
        stanza_id: by.stanza_id.clone(),
        resource,
        ..Change::default()
    }
}

async fn hide(shared: &Shared, dialog: &Dialog, user: UserId, ranges: Vec<Range>) -> Result<(), Trouble> {
    if ranges.is_empty() {
        return Ok(());
    }
    let ranges = merge(ranges.into_iter());
    let request = HideRequest { app: dialog.key.app.0, dialog: dialog.key.dialog.to_vec(), user: user.0, ranges };
    shared.history().hide(request).await.map_err(Trouble::of_repeatable)?;
    Ok(())
}

fn no_message(dialog: &Dialog) -> Failure {
    Failure::new(Code::NotFound, format!("no such message in dialog {}", dialog.key.dialog))
}

fn of_change(dialog: &Dialog, user: UserId, error: ChangeError) -> Failure {
    match error {
        ChangeError::Forbidden => forbidden(dialog.key, user),
        ChangeError::Frozen => frozen(dialog.key),
        ChangeError::NotFound => no_message(dialog),
        ChangeError::BodyTooLarge { bytes, max } => {
            Failure::of_field(Code::TooLarge, "message", format!("has {bytes} bytes, at most {max} are taken"))
        }
        ChangeError::MessageTooLarge { bytes, max } => {
            Failure::new(Code::TooLarge, format!("the message with all its keys has {bytes} bytes, at most {max} are taken"))
        }
    }
}
