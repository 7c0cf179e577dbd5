//! The door for archives (decision 0039): dialogs as they are kept, page by page; what is brought goes to the owner of its dialog, as
//! any call that names one.

use natter_proto::archive::v1::Taken;
use natter_proto::dialog::v1 as wire;
use natter_proto::dialog::v1::archive_server::Archive;
use natter_proto::{AppId, Code, DialogId, Failure, MessageId, UserId};
use natter_rpc::{Reply, Request, Response, async_trait};

use super::{Rpc, decode};
use crate::actor::{DialogMessage, Take, Taking};
use crate::dialog::group::Profile;
use crate::dialog::members::Member;
use crate::dialog::{Facts, Kept, Key, Kind};
use crate::error::other_kind;
use crate::shared::of_read;

/// Dialogs of one page.
const DIALOGS_MAX: usize = 100;
/// Members of one page, so that it fits an answer: a dialog with more is alone on its page.
const MEMBERS_MAX: usize = 20_000;

#[async_trait]
impl Archive for Rpc {
    async fn dialogs(&self, request: Request<wire::ArchiveDialogsRequest>) -> Reply<wire::ArchiveDialogsReply> {
        Ok(Response::new(self.archived(request.into_inner()).await?))
    }

    async fn take_dialog(&self, request: Request<wire::TakeDialogRequest>) -> Reply<Taken> {
        let wire::TakeDialogRequest { app, dialog, row, dry } = request.into_inner();
        let row = row.ok_or_else(|| Failure::of_field(Code::Invalid, "row", "is missing"))?;
        let take = Take::Dialog(read(row)?);
        Ok(Response::new(self.take(decode::key(app, &dialog)?, Taking { take, dry }).await?))
    }

    async fn take_rows(&self, request: Request<wire::TakeRowsRequest>) -> Reply<Taken> {
        let wire::TakeRowsRequest { app, dialog, rows, dry } = request.into_inner();
        let take = Take::Rows(rows);
        Ok(Response::new(self.take(decode::key(app, &dialog)?, Taking { take, dry }).await?))
    }

    async fn take_states(&self, request: Request<wire::TakeStatesRequest>) -> Reply<Taken> {
        let wire::TakeStatesRequest { app, dialog, states, reactions, dry } = request.into_inner();
        let take = Take::States(states, reactions);
        Ok(Response::new(self.take(decode::key(app, &dialog)?, Taking { take, dry }).await?))
    }
}

impl Rpc {
    async fn take(&self, key: Key, taking: Taking) -> Result<Taken, Failure> {
        self.ask(key, |answer| DialogMessage::Take(Box::new(taking), answer)).await
    }

    async fn archived(&self, request: wire::ArchiveDialogsRequest) -> Result<wire::ArchiveDialogsReply, Failure> {
        let wire::ArchiveDialogsRequest { app, limit, after } = request;
        let app = decode::app(app)?;
        let after = if after.is_empty() { None } else { Some(decode::dialog(&after)?) };
        let max = (limit as usize).clamp(1, DIALOGS_MAX);
        let ids = self.shared.store.of_app(app, after, max).await.map_err(of_read)?;
        let (mut reply, mut members) = (wire::ArchiveDialogsReply::default(), 0);
        for (n, id) in ids.iter().enumerate() {
            // One that is gone meanwhile is passed over.
            if let Some(dialog) = self.archived_one(app, *id).await? {
                members += dialog.members.len();
                reply.dialogs.push(dialog);
            }
            if members >= MEMBERS_MAX || (n + 1 == ids.len() && ids.len() == max) {
                reply.next = id.to_vec();
                break;
            }
        }
        Ok(reply)
    }

    async fn archived_one(&self, app: AppId, dialog: DialogId) -> Result<Option<wire::ArchivedDialog>, Failure> {
        let found = self.shared.store.load(Key { app, dialog }).await.map_err(of_read)?;
        Ok(found.map(|(kept, _)| written(dialog, kept)))
    }
}

fn written(id: DialogId, kept: Kept) -> wire::ArchivedDialog {
    let Kept { facts, profile, members } = kept;
    let Profile { name, photo, description, extensions, allow_preview, admins, pinned, changed_at, frozen } = profile;
    let view = |user: &UserId| {
        let Member { cleared_upto, hidden, muted, entered, gone } = members.get(*user).copied().unwrap_or_default();
        wire::View { user: user.0, cleared_upto, hidden, muted, entered, gone }
    };
    wire::ArchivedDialog {
        id: id.to_vec(),
        kind: facts.kind.to_wire().into(),
        owner: facts.owner.0,
        created_at: facts.created_at,
        changed_at,
        members: members.oldest_first().iter().map(view).collect(),
        name,
        photo,
        description,
        extensions: extensions.into_iter().collect(),
        allow_preview,
        admins: admins.into_iter().map(|user| user.0).collect(),
        pinned: pinned.into_iter().map(MessageId::to_vec).collect(),
        frozen,
    }
}

fn read(row: wire::ArchivedDialog) -> Result<Kept, Failure> {
    let kind = Kind::from_wire(row.kind).ok_or_else(|| other_kind(row.kind))?;
    let facts = Facts { kind, owner: decode::user(row.owner)?, created_at: row.created_at };
    let pinned = row.pinned.iter().map(|id| MessageId::try_from(id.as_slice()));
    let pinned: Result<Vec<MessageId>, _> = pinned.collect();
    let profile = Profile {
        name: row.name,
        photo: row.photo,
        description: row.description,
        extensions: row.extensions.into_iter().collect(),
        allow_preview: row.allow_preview,
        admins: row.admins.into_iter().map(UserId).collect(),
        pinned: pinned.map_err(|_| Failure::of_field(Code::Invalid, "pinned", "is not a list of ids"))?,
        changed_at: row.changed_at,
        frozen: row.frozen,
    };
    let members = row.members.into_iter().map(|view| {
        let wire::View { user, cleared_upto, hidden, muted, entered, gone } = view;
        Ok((decode::user(user)?, Member { cleared_upto, hidden, muted, entered, gone }))
    });
    Ok(Kept { facts, profile, members: members.collect::<Result<_, Failure>>()? })
}
