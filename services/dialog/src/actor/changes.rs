//! The beats of everything that changes a dialog and not its log: create again, delete, clear, change, subscribe, mute.

use natter_proto::dialog::v1 as wire;
use natter_proto::history::v1::{ClearRequest, JoinRequest};
use natter_proto::presence::v1::EvictRequest;
use natter_proto::push::v1::WebhookEvent;
use natter_proto::{Failure, UserId};

use super::news::{self, News};
use super::{Changing, Create, Delete, Notify, Subscribe, Subscribing};
use crate::dialog::group::{Change, Changed, GroupLimits, Profile};
use crate::dialog::members::{Member, Members};
use crate::dialog::rights::Action;
use crate::dialog::{Dialog, Frozen, Kept, Kind};
use crate::error::{Trouble, forbidden, frozen, of_group};
use crate::frames;
use crate::shared::Shared;
use crate::store::Write;

/// Whose view is nobody's.
const NOBODY: UserId = UserId(0);

/// The dialog as it is; for a caller who had deleted it, it is in his list again (contract rest 4.3).
pub(super) async fn create(shared: &Shared, dialog: &mut Dialog, create: &Create) -> Result<wire::Dialog, Trouble> {
    let owner = match create {
        Create::Private { owner, .. } | Create::New { owner, .. } => *owner,
    };
    let Some(member) = dialog.members.get(owner).copied() else {
        return Err(forbidden(dialog.key, owner).into());
    };
    if member.hidden {
        set_view(shared, dialog, owner, member.created_again()).await?;
    }
    Ok(dialog.to_wire(owner))
}

/// Rids the caller of the dialog, or with `force` all its members (contract rest 4.6, 4.7). True: the dialog is gone.
pub(super) async fn delete(shared: &Shared, dialog: &mut Dialog, delete: &Delete) -> Result<bool, Trouble> {
    let action = if delete.force { Action::DeleteForAll } else { Action::Leave };
    dialog.may(delete.user, action).map_err(|_| forbidden(dialog.key, delete.user))?;
    check_writable(dialog, delete)?;
    match (dialog.facts.kind, delete.force) {
        (Kind::Private, force) => hide(shared, dialog, delete.user, force).await,
        (_, true) => delete_for_all(shared, dialog, delete.user).await,
        (_, false) => match dialog.leave(delete.user, shared.clock.now_ms()) {
            Some(changed) => {
                let gone = settle(shared, dialog, changed).await?;
                evict(shared, dialog, delete.user, &[delete.user]).await;
                Ok(gone)
            }
            None => Ok(false),
        },
    }
}

/// A user is no more: he leaves a group or a public dialog, and a private one stays for the other. That one goes with the second.
/// True: the dialog is gone.
pub(super) async fn erase(shared: &Shared, dialog: &mut Dialog, user: UserId) -> Result<bool, Trouble> {
    if dialog.facts.kind != Kind::Private {
        let Some(changed) = dialog.leave(user, shared.clock.now_ms()) else { return Ok(false) };
        let gone = settle(shared, dialog, changed).await?;
        evict(shared, dialog, user, &[user]).await;
        return Ok(gone);
    }
    if dialog.members.get(user).is_none() {
        return Ok(false);
    }
    if dialog.members.iter().all(|(member, view)| member == user || view.gone) {
        clear_history(shared, dialog, user, true).await?;
        return delete_for_all(shared, dialog, user).await;
    }
    set_view(shared, dialog, user, Member { gone: true, ..Member::default() }).await?;
    Ok(false)
}

/// Hides a private dialog and all that is in it. The past is cleared before the dialog is hidden: cut off in between, it is
/// listed without messages and can be deleted again.
async fn hide(shared: &Shared, dialog: &mut Dialog, user: UserId, force: bool) -> Result<bool, Trouble> {
    let users = if force { everybody(dialog) } else { vec![user] };
    let mut members = dialog.members.clone();
    let head = clear_history(shared, dialog, user, force).await?;
    for user in &users {
        let view = members.get(*user).copied().unwrap_or_default();
        members.set(*user, view.deleted_at(head));
    }
    set_views(shared, dialog, members, &users).await?;
    Ok(false)
}

/// A group is gone for all.
async fn delete_for_all(shared: &Shared, dialog: &mut Dialog, user: UserId) -> Result<bool, Trouble> {
    let users = everybody(dialog);
    let kept = Kept { members: Members::default(), ..dialog.kept() };
    let write = Write { kept: &kept, added: &[], views: &[], removed: &users, gone: true };
    let version = shared.store.write(dialog.key, dialog.version, write).await?;
    dialog.apply_kept(kept, version);
    tell(shared, dialog, WebhookEvent::DialogDeleted, &[], &users).await;
    evict(shared, dialog, user, &users).await;
    Ok(true)
}

/// What is in the dialog goes, for the caller, or with `force` for all (contract rest 4.8).
pub(super) async fn clear(shared: &Shared, dialog: &mut Dialog, delete: &Delete) -> Result<(), Trouble> {
    let action = if delete.force { Action::DeleteForAll } else { Action::Leave };
    dialog.may(delete.user, action).map_err(|_| forbidden(dialog.key, delete.user))?;
    check_writable(dialog, delete)?;
    let users = if delete.force { everybody(dialog) } else { vec![delete.user] };
    let mut members = dialog.members.clone();
    let head = clear_history(shared, dialog, delete.user, delete.force).await?;
    for user in &users {
        let view = members.get(*user).copied().unwrap_or_default();
        // What came back after it was deleted stays.
        let view = if view.lists(dialog.head()) { view.created_again() } else { view };
        members.set(*user, view.cleared_at(head));
    }
    set_views(shared, dialog, members, &users).await
}

/// Name, members, admins, pins become different (contract rest 4.5). True beside the answer: its last member has left, and it is
/// gone.
pub(super) async fn change(shared: &Shared, dialog: &mut Dialog, changing: Changing) -> Result<(wire::Dialog, bool), Trouble> {
    let Changing { user, change, admins_remove } = changing;
    let limits = GroupLimits { admins_remove, ..shared.options.group() };
    dialog.check_rights(user, &change, &limits).map_err(|error| of_group(dialog, user, error))?;
    let new = |user: &UserId| dialog.members.get(*user).is_none();
    let add = change.add.iter().copied().filter(new).collect();
    let change = Change { add: shared.pairs.known(dialog.key.app, add).await?, ..change };
    let changed = dialog.change(user, &change, &limits, shared.clock.now_ms());
    let changed = changed.map_err(|error| of_group(dialog, user, error))?;
    shared.check_room(dialog.key.app, &changed.added).await?;
    let removed = changed.removed.clone();
    let gone = settle(shared, dialog, changed).await?;
    evict(shared, dialog, user, &removed).await;
    Ok((dialog.to_wire(user), gone))
}

/// A user comes to a public dialog, or goes; also from a group (contract rest 4.8). Entering a group only asks whether he may. True
/// beside the answer: its last member has left, and it is gone.
pub(super) async fn subscribe(shared: &Shared, dialog: &mut Dialog, asked: Subscribe) -> Result<(wire::Dialog, bool), Trouble> {
    let Subscribe { user, how } = asked;
    let now_ms = shared.clock.now_ms();
    // Whoever subscribed stays a member when he leaves the room, whichever came first.
    if let (Subscribing::Subscribe, Some(member @ Member { entered: true, .. })) = (how, dialog.members.get(user).copied()) {
        set_view(shared, dialog, user, Member { entered: false, ..member }).await?;
    }
    let changed = match how {
        Subscribing::Enter | Subscribing::Subscribe if dialog.facts.kind.is_public() => {
            let changed = dialog.subscribe(user, how == Subscribing::Enter, &shared.options.group(), now_ms);
            changed.map_err(|error| of_group(dialog, user, error))?
        }
        // Also said to work for groups, by those who are in them (contract rest 4.8).
        Subscribing::Enter | Subscribing::Subscribe => {
            dialog.may(user, Action::Read).map_err(|_| forbidden(dialog.key, user))?;
            None
        }
        Subscribing::Exit => dialog.exit(user, now_ms),
        // From a pair nobody goes (contract rest 4.6).
        Subscribing::Unsubscribe if dialog.facts.kind == Kind::Private => return Err(forbidden(dialog.key, user).into()),
        Subscribing::Unsubscribe => {
            dialog.may(user, Action::Read).map_err(|_| forbidden(dialog.key, user))?;
            dialog.leave(user, now_ms)
        }
    };
    let mut gone = false;
    if let Some(changed) = changed {
        shared.check_room(dialog.key.app, &changed.added).await?;
        // Who leaves the room itself has been taken out of it.
        let removed = if how == Subscribing::Exit { Vec::new() } else { changed.removed.clone() };
        gone = settle(shared, dialog, changed).await?;
        evict(shared, dialog, user, &removed).await;
    }
    Ok((dialog.to_wire(user), gone))
}

/// Whether the member wants alerts, after he has said so if he did.
pub(super) async fn notify(shared: &Shared, dialog: &mut Dialog, notify: &Notify) -> Result<bool, Trouble> {
    let view = dialog.may(notify.user, Action::Read).map_err(|_| forbidden(dialog.key, notify.user))?;
    let Some(enabled) = notify.enabled else { return Ok(!view.muted) };
    if dialog.members.get(notify.user).is_none() {
        return Err(forbidden(dialog.key, notify.user).into());
    }
    if view.muted == enabled {
        set_view(shared, dialog, notify.user, Member { muted: !enabled, ..view }).await?;
    }
    Ok(enabled)
}

/// Nobody may write any more, or everybody who could before. Nobody is told.
pub(super) async fn freeze(shared: &Shared, dialog: &mut Dialog, frozen: bool) -> Result<wire::Dialog, Trouble> {
    if dialog.profile.frozen != frozen {
        let kept = Kept { profile: Profile { frozen, ..dialog.profile.clone() }, ..dialog.kept() };
        let write = Write { kept: &kept, added: &[], views: &[], removed: &[], gone: false };
        let version = shared.store.write(dialog.key, dialog.version, write).await?;
        dialog.apply_kept(kept, version);
    }
    Ok(dialog.to_wire(NOBODY))
}

/// What goes for all is gone for who froze the dialog, too.
fn check_writable(dialog: &Dialog, delete: &Delete) -> Result<(), Failure> {
    match delete.force {
        true => dialog.check_writable().map_err(|Frozen| frozen(dialog.key)),
        false => Ok(()),
    }
}

/// Stores a change. True: nobody is left, and the dialog is gone.
async fn settle(shared: &Shared, dialog: &mut Dialog, changed: Changed) -> Result<bool, Trouble> {
    let Changed { facts, profile, members, added, removed, moved } = changed;
    if !moved {
        return Ok(false);
    }
    // Before they are members: what was there before is not unread to them.
    if !added.is_empty() && dialog.head() > 0 && !facts.kind.is_public() {
        let (app, users) = (dialog.key.app.0, added.iter().map(|user| user.0).collect());
        let request = JoinRequest { app, dialog: dialog.key.dialog.to_vec(), users };
        shared.history().join(request).await.map_err(Trouble::of_repeatable)?;
    }
    let gone = members.is_empty() && facts.kind == Kind::Group;
    let kept = Kept { facts, profile, members };
    let write = Write { kept: &kept, added: &added, views: &[], removed: &removed, gone };
    let version = shared.store.write(dialog.key, dialog.version, write).await?;
    dialog.apply_kept(kept, version);
    let event = if gone { WebhookEvent::DialogDeleted } else { WebhookEvent::DialogUpdated };
    tell(shared, dialog, event, &added, &removed).await;
    Ok(gone)
}

/// For webhooks.
async fn tell(shared: &Shared, dialog: &Dialog, event: WebhookEvent, added: &[UserId], removed: &[UserId]) {
    let ids = |users: &[UserId]| users.iter().map(|user| user.0).collect::<Vec<_>>();
    let (added, removed) = (ids(added), ids(removed));
    let news = News { event, version: dialog.version, kind: dialog.facts.kind, added: &added, removed: &removed };
    news::tell(shared, dialog.key, news).await;
}

/// Takes users out of the dialog's room; those who stay are told, and who did not go by himself. They are members no more either
/// way, so nobody minds a presence that does not answer.
async fn evict(shared: &Shared, dialog: &Dialog, actor: UserId, users: &[UserId]) {
    if users.is_empty() {
        return;
    }
    let (app, ids) = (dialog.key.app.0, users.iter().map(|user| user.0).collect());
    let request = EvictRequest { app, dialog: dialog.key.dialog.to_vec(), users: ids };
    let room = match shared.presence().evict(request).await {
        Ok(reply) => reply.into_inner().left,
        Err(status) => {
            tracing::warn!(app = %dialog.key.app, failure = %Failure::from(status), "cannot take users out of a room");
            Vec::new()
        }
    };
    for user in users {
        shared.tell(frames::gone(dialog, *user, actor, &room));
    }
}

/// Up to which place it was cleared; with `force` also for whoever joins or looks in later.
async fn clear_history(shared: &Shared, dialog: &Dialog, user: UserId, force: bool) -> Result<u64, Trouble> {
    let user = if force { 0 } else { user.0 };
    let request = ClearRequest { app: dialog.key.app.0, dialog: dialog.key.dialog.to_vec(), user };
    Ok(shared.history().clear(request).await.map_err(Trouble::of_repeatable)?.into_inner().head)
}

async fn set_view(shared: &Shared, dialog: &mut Dialog, user: UserId, view: Member) -> Result<(), Trouble> {
    let mut members = dialog.members.clone();
    members.set(user, view);
    set_views(shared, dialog, members, &[user]).await
}

async fn set_views(shared: &Shared, dialog: &mut Dialog, members: Members, users: &[UserId]) -> Result<(), Trouble> {
    let kept = Kept { members, ..dialog.kept() };
    let write = Write { kept: &kept, added: &[], views: users, removed: &[], gone: false };
    let version = shared.store.write(dialog.key, dialog.version, write).await?;
    dialog.apply_kept(kept, version);
    Ok(())
}

fn everybody(dialog: &Dialog) -> Vec<UserId> {
    dialog.members.iter().map(|(user, _)| user).collect()
}
