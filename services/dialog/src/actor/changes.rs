//! The beats of everything rarer than posts and marks: create again, delete, edit, remove.

use natter_proto::history::v1::{ClearRequest, EditRequest, Found, HideRequest, Range, RemoveRequest};
use natter_proto::{Code, Failure, UserId, dialog::v1 as wire};

use super::{Create, Delete, Edit, Remove, Removed};
use crate::dialog::Dialog;
use crate::dialog::changes::{ChangeError, Removal};
use crate::dialog::marks::merge;
use crate::dialog::members::{Member, Members};
use crate::dialog::rights::Action;
use crate::error::{Trouble, forbidden};
use crate::frames;
use crate::shared::{Shared, broken};
use crate::store::Kept;

/// The dialog as it is; for a caller who had deleted it, it is in his list again (contract rest 4.3).
pub(super) async fn create(shared: &Shared, dialog: &mut Dialog, create: &Create) -> Result<wire::Dialog, Trouble> {
    let Some(member) = dialog.members.get(create.owner).copied() else {
        return Err(forbidden(dialog.key, create.owner).into());
    };
    if member.hidden {
        let mut members = dialog.members.clone();
        members.set(create.owner, member.created_again());
        set_views(shared, dialog, members, &[create.owner]).await?;
    }
    Ok(dialog.to_wire())
}

/// Hides the dialog and all that is in it from the caller; with `force` from all its members (contract rest 4.6, 4.7). The
/// past is cleared before the dialog is hidden: cut off in between, it is listed without messages and can be deleted again.
pub(super) async fn delete(shared: &Shared, dialog: &mut Dialog, delete: &Delete) -> Result<(), Trouble> {
    let action = if delete.force { Action::DeleteForAll } else { Action::Leave };
    dialog.may(delete.user, action).map_err(|_| forbidden(dialog.key, delete.user))?;
    let users: Vec<UserId> = match delete.force {
        true => dialog.members.iter().map(|(user, _)| user).collect(),
        false => vec![delete.user],
    };
    let mut members = dialog.members.clone();
    for user in &users {
        let request = ClearRequest { app: dialog.key.app.0, dialog: dialog.key.dialog.to_vec(), user: user.0 };
        let cleared = shared.history().clear(request).await.map_err(Trouble::of_repeatable)?;
        members.set(*user, Member::deleted_at(cleared.into_inner().head));
    }
    set_views(shared, dialog, members, &users).await
}

/// A message gets another body. Nobody is told: the SDK's REST edits are not pushed (contract rest 5.4).
pub(super) async fn edit(shared: &Shared, dialog: &mut Dialog, edit: Edit) -> Result<(), Trouble> {
    let Edit { user, id, body } = edit;
    let found = shared.find(dialog.key.app, vec![id], &[dialog.key.dialog]).await?;
    let rows = found.into_iter().filter_map(|found| found.row);
    // The message that has the id before one whose client gave it.
    let Some(row) = rows.min_by_key(|row| row.id != id.0) else { return Err(no_message(dialog).into()) };
    let (app, seq) = (dialog.key.app.0, row.seq);
    let row = dialog.edited(user, row, body, &shared.limits, shared.clock.now_ms());
    let row = row.map_err(|error| of_change(dialog, user, error))?;
    let request = EditRequest { app, dialog: dialog.key.dialog.to_vec(), seq, row: Some(row), user: user.0, silent: true };
    let edited = shared.history().edit(request).await.map_err(Trouble::of_repeatable)?;
    dialog.apply_change(edited.into_inner().stamp);
    Ok(())
}

/// Rows go: for the caller, or with `force` his own for all, which is told.
pub(super) async fn remove(shared: &Shared, dialog: &mut Dialog, remove: Remove) -> Result<Removed, Trouble> {
    let mut outcome = Removed::default();
    let mut hidden = Vec::new();
    for Found { row, asked, .. } in remove.rows {
        let row = row.ok_or_else(|| broken("a found row"))?;
        match dialog.removal(remove.user, &row, remove.force) {
            Ok(Removal::Hide) => hidden.push(Range { from: row.seq, upto: row.seq }),
            Ok(Removal::ForAll) => remove_for_all(shared, dialog, remove.user, &row).await?,
            Err(ChangeError::NotFound) => {
                outcome.not_found.push(asked);
                continue;
            }
            Err(ChangeError::Forbidden | ChangeError::BodyTooLarge { .. }) => {
                outcome.forbidden.push(asked);
                continue;
            }
        }
        outcome.removed.push(asked);
    }
    hide(shared, dialog, remove.user, hidden).await?;
    Ok(outcome)
}

async fn remove_for_all(
    shared: &Shared,
    dialog: &mut Dialog,
    user: UserId,
    row: &natter_proto::event::v1::Message,
) -> Result<(), Trouble> {
    let (app, seq) = (dialog.key.app.0, row.seq);
    let request = RemoveRequest { app, dialog: dialog.key.dialog.to_vec(), seq, user: user.0 };
    let removed = shared.history().remove(request).await.map_err(Trouble::of_repeatable)?;
    let stamp = removed.into_inner().stamp;
    dialog.apply_change(stamp);
    shared.moved(dialog);
    shared.tell(&frames::removal(dialog, row, user, stamp, shared.clock.now_ms()));
    Ok(())
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

async fn set_views(shared: &Shared, dialog: &mut Dialog, members: Members, users: &[UserId]) -> Result<(), Trouble> {
    let kept = Kept { facts: dialog.facts, members };
    shared.store.set_views(dialog.key, &kept, users).await?;
    dialog.members = kept.members;
    Ok(())
}

fn no_message(dialog: &Dialog) -> Failure {
    Failure::new(Code::NotFound, format!("no such message in dialog {}", dialog.key.dialog))
}

fn of_change(dialog: &Dialog, user: UserId, error: ChangeError) -> Failure {
    match error {
        ChangeError::Forbidden => forbidden(dialog.key, user),
        ChangeError::NotFound => no_message(dialog),
        ChangeError::BodyTooLarge { bytes, max } => {
            Failure::of_field(Code::TooLarge, "message", format!("has {bytes} bytes, at most {max} are taken"))
        }
    }
}
