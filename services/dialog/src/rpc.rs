//! The gRPC door: decode, ask whether the app may still send, find the dialog's actor, ask, encode. No decisions. A handler can
//! be dropped half way, so what changes something is done by an actor.

mod archive;
mod decode;
mod erasure;
mod jobs;
mod reactions;
mod rooms;

use std::collections::BTreeMap;
use std::sync::Arc;

use natter_actor::{AskError, Registry};
use natter_proto::dialog::v1 as wire;
use natter_proto::dialog::v1::dialogs_client::DialogsClient;
use natter_proto::dialog::v1::dialogs_server::Dialogs;
use natter_proto::history::v1::Found;
use natter_proto::{AppId, DialogId, Failure, MessageId, UserId};
use natter_rpc::{Link, Reply, Request, Response, async_trait};
use tracing::Instrument;

use crate::actor::{Answer, By, Changing, Create, DialogActor, DialogMessage, Notify, Remove, Removed, Subscribing};
use crate::dialog::Key;
use crate::shared::Shared;
use crate::{list, search};

/// The door of the dialog service.
pub struct Rpc {
    pub(crate) shared: Arc<Shared>,
    dialogs: Registry<Key, DialogActor>,
}

impl Rpc {
    pub(crate) fn new(shared: Arc<Shared>, dialogs: Registry<Key, DialogActor>) -> Rpc {
        Rpc { shared, dialogs }
    }

    async fn ask<T>(&self, key: Key, make: impl FnOnce(Answer<T>) -> DialogMessage) -> Result<T, Failure> {
        let answer = self.dialogs.ask(&key, self.shared.options.answer(), make).await;
        answer.map_err(|error: AskError| Failure { text: format!("dialog {}: {error}", key.dialog), ..error.into() })?
    }

    /// The same where the answer is the dialog: with what its app says of it. That is asked first, so that nothing was done if nobody
    /// knows.
    async fn ask_whole(
        &self,
        key: Key,
        make: impl FnOnce(Answer<wire::Dialog>) -> DialogMessage,
    ) -> Result<wire::Dialog, Failure> {
        let settings = self.shared.settings(key.app).await?;
        let mut dialog = self.ask(key, make).await?;
        dialog.from_joining = settings.from_joining && dialog.kind() == wire::DialogKind::Group;
        Ok(dialog)
    }

    /// The dialog that is named by its id, or by the pair it is of.
    async fn key(&self, app: AppId, id: &[u8], pair: (UserId, Option<UserId>)) -> Result<Key, Failure> {
        let dialog = match (id, pair) {
            ([], (user, Some(other))) => self.shared.pairs.id_of(app, user, other).await?,
            _ => decode::dialog(id)?,
        };
        Ok(Key { app, dialog })
    }

    /// Names the dialog of a pair in a request that names none. Gives whoever has it, if that is another process.
    async fn name_pair(&self, app: u64, dialog: &mut Vec<u8>, pair: (u64, u64)) -> Result<Option<DialogsClient<Link>>, Failure> {
        let (user, other) = pair;
        if !dialog.is_empty() || app == 0 || user == 0 || other == 0 {
            return Ok(None);
        }
        let app = AppId(app);
        let id = self.shared.pairs.id_of(app, UserId(user), UserId(other)).await?;
        *dialog = id.to_vec();
        Ok(self.shared.peer(Key { app, dialog: id }))
    }

    async fn signal_call(&self, mut request: wire::SignalCallRequest) -> Result<(), Failure> {
        let pair = (request.signal.as_ref().map_or(0, |signal| signal.user), request.recipient);
        if let Some(mut peer) = self.name_pair(request.app, &mut request.dialog, pair).await? {
            return Ok(peer.signal_call(request).await.map(drop)?);
        }
        let (app, dialog, signal) = decode::call_signal(request)?;
        let key = self.key(app, &dialog, (signal.from, Some(signal.to))).await?;
        self.ask(key, |answer| DialogMessage::CallSignal(Box::new(signal), answer)).await
    }

    async fn create(&self, request: wire::CreateRequest) -> Result<wire::Dialog, Failure> {
        let (app, dialog, create) = decode::create(request.clone())?;
        let key = match create {
            Create::Private { owner, other } => self.key(app, &dialog, (owner, Some(other))).await?,
            Create::New { .. } if dialog.is_empty() => Key { app, dialog: self.shared.fresh_dialog(app) },
            Create::New { .. } => Key { app, dialog: decode::dialog(&dialog)? },
        };
        if let Some(mut peer) = self.shared.peer(key) {
            let request = wire::CreateRequest { id: key.dialog.to_vec(), ..request };
            return Ok(peer.create(request).await?.into_inner());
        }
        self.ask_whole(key, |answer| DialogMessage::Create(Box::new(create), answer)).await
    }

    async fn update(&self, request: wire::UpdateMessageRequest) -> Result<(), Failure> {
        let (app, dialog, edit) = decode::edit(request.clone())?;
        let dialog = match dialog.as_slice() {
            [] => self.dialog_of_message(app, edit.user, edit.id).await?,
            id => decode::dialog(id)?,
        };
        let key = Key { app, dialog };
        if let Some(mut peer) = self.shared.peer(key) {
            let request = wire::UpdateMessageRequest { dialog: dialog.to_vec(), ..request };
            return Ok(peer.update(request).await.map(drop)?);
        }
        self.ask(key, |answer| DialogMessage::Edit(Box::new(edit), answer)).await
    }

    async fn dialog_of_message(&self, app: AppId, user: UserId, id: MessageId) -> Result<DialogId, Failure> {
        let found = list::find(&self.shared, app, user, vec![id]).await?;
        let found = found.first().ok_or_else(|| decode::no_message(id))?;
        decode::dialog(&found.dialog)
    }

    /// Each dialog removes its own; a caller who leaves half way finds the rest undone and may ask again.
    async fn remove(&self, request: wire::RemoveMessagesRequest) -> Result<Removed, Failure> {
        let app = decode::app(request.app)?;
        let (user, force) = (decode::remover(&request)?, request.force);
        // Malformed ids are no error, they are not found (contract rest 4.7).
        let ids = request.ids.iter().filter_map(|id| MessageId::try_from(id.as_slice()).ok()).collect();
        let found = match (request.dialog.as_slice(), user) {
            (id, None) => self.shared.find(app, None, ids, &[decode::dialog(id)?]).await?,
            ([], Some(user)) => list::find(&self.shared, app, user, ids).await?,
            (id, Some(user)) => list::find_in(&self.shared, Key { app, dialog: decode::dialog(id)? }, user, ids).await?,
        };
        let mut all = Removed::default();
        let missing = request.ids.iter().filter(|id| !found.iter().any(|found| found.asked == **id));
        all.not_found.extend(missing.cloned());
        for (dialog, rows) in by_dialog(found)? {
            let key = Key { app, dialog };
            if let Some(mut peer) = self.shared.peer(key) {
                let ids = rows.into_iter().map(|found| found.asked).collect();
                let request = wire::RemoveMessagesRequest { dialog: dialog.to_vec(), ids, ..request.clone() };
                let removed = peer.remove(request).await?.into_inner();
                all.removed.extend(removed.removed);
                all.not_found.extend(removed.not_found);
                all.forbidden.extend(removed.forbidden);
                continue;
            }
            let by = By { origin: request.origin.clone(), stanza_id: request.stanza_id.clone() };
            let remove = Remove { user, rows, force, by };
            let removed = self.ask(key, |answer| DialogMessage::Remove(remove, answer)).await?;
            all.removed.extend(removed.removed);
            all.not_found.extend(removed.not_found);
            all.forbidden.extend(removed.forbidden);
        }
        Ok(all)
    }
}

#[async_trait]
impl Dialogs for Rpc {
    async fn post(&self, request: Request<wire::PostRequest>) -> Reply<wire::PostReply> {
        let mut request = request.into_inner();
        let span = jobs::span_of(&mut request);
        Ok(Response::new(self.post(request).instrument(span).await?))
    }

    async fn batch(&self, request: Request<wire::BatchRequest>) -> Reply<wire::BatchReply> {
        Ok(Response::new(self.batch(request.into_inner()).await?))
    }

    async fn mark(&self, request: Request<wire::MarkRequest>) -> Reply<wire::MarkReply> {
        let found = self.mark(request.into_inner()).await?;
        Ok(Response::new(wire::MarkReply { found }))
    }

    async fn signal(&self, request: Request<wire::SignalRequest>) -> Reply<wire::SignalReply> {
        self.signal(request.into_inner()).await?;
        Ok(Response::new(wire::SignalReply {}))
    }

    async fn create(&self, request: Request<wire::CreateRequest>) -> Reply<wire::Dialog> {
        Ok(Response::new(self.create(request.into_inner()).await?))
    }

    async fn get(&self, request: Request<wire::GetRequest>) -> Reply<wire::Dialog> {
        let wire::GetRequest { app, dialog, user, preview } = request.into_inner();
        let (key, user) = (decode::key(app, &dialog)?, decode::optional_user(user)?);
        Ok(Response::new(list::get(&self.shared, key, user, preview).await?))
    }

    async fn list(&self, request: Request<wire::ListRequest>) -> Reply<wire::ListReply> {
        let wire::ListRequest { app, user, with_hidden, brief, skip, limit } = request.into_inner();
        let (app, user) = (decode::app(app)?, decode::user(user)?);
        let places = match limit {
            0 => 0..usize::MAX,
            limit => skip as usize..skip.saturating_add(limit) as usize,
        };
        Ok(Response::new(match brief {
            true => list::brief(&self.shared, app, user).await?,
            false => list::list(&self.shared, app, user, with_hidden, places).await?,
        }))
    }

    async fn delete(&self, request: Request<wire::DeleteRequest>) -> Reply<wire::DeleteReply> {
        let (key, delete) = decode::delete(request.into_inner())?;
        self.ask(key, |answer| DialogMessage::Delete(delete, answer)).await?;
        Ok(Response::new(wire::DeleteReply {}))
    }

    async fn update(&self, request: Request<wire::UpdateMessageRequest>) -> Reply<wire::UpdateMessageReply> {
        self.update(request.into_inner()).await?;
        Ok(Response::new(wire::UpdateMessageReply {}))
    }

    async fn remove(&self, request: Request<wire::RemoveMessagesRequest>) -> Reply<wire::RemoveMessagesReply> {
        let Removed { removed, not_found, forbidden } = self.remove(request.into_inner()).await?;
        Ok(Response::new(wire::RemoveMessagesReply { removed, not_found, forbidden }))
    }

    async fn change(&self, request: Request<wire::ChangeDialogRequest>) -> Reply<wire::Dialog> {
        let (key, user, change) = decode::change(request.into_inner())?;
        let admins_remove = self.shared.settings(key.app).await?.admins_remove;
        let changing = Changing { user, change, admins_remove };
        Ok(Response::new(self.ask_whole(key, |answer| DialogMessage::Change(Box::new(changing), answer)).await?))
    }

    async fn subscribe(&self, request: Request<wire::SubscribeRequest>) -> Reply<wire::Dialog> {
        let wire::SubscribeRequest { app, dialog, user, leave } = request.into_inner();
        let how = if leave { Subscribing::Unsubscribe } else { Subscribing::Subscribe };
        Ok(Response::new(self.subscribe(decode::key(app, &dialog)?, decode::user(user)?, how).await?))
    }

    async fn clear(&self, request: Request<wire::ClearDialogRequest>) -> Reply<wire::ClearDialogReply> {
        let (key, clear) = decode::clear(request.into_inner())?;
        self.ask(key, |answer| DialogMessage::Clear(clear, answer)).await?;
        Ok(Response::new(wire::ClearDialogReply {}))
    }

    async fn notify(&self, request: Request<wire::NotifyRequest>) -> Reply<wire::NotifyReply> {
        let wire::NotifyRequest { app, dialog, user, enabled } = request.into_inner();
        let (key, notify) = (decode::key(app, &dialog)?, Notify { user: decode::user(user)?, enabled });
        let enabled = self.ask(key, |answer| DialogMessage::Notify(notify, answer)).await?;
        Ok(Response::new(wire::NotifyReply { enabled }))
    }

    async fn audience(&self, request: Request<wire::AudienceRequest>) -> Reply<wire::AudienceReply> {
        let wire::AudienceRequest { app, dialog, after, limit } = request.into_inner();
        let page = list::audience(&self.shared, decode::key(app, &dialog)?, after, limit as usize).await?;
        Ok(Response::new(page))
    }

    async fn enter(&self, request: Request<wire::EnterRequest>) -> Reply<wire::EnterReply> {
        let wire::EnterRequest { app, dialog, user, session } = request.into_inner();
        let others = self.enter(decode::key(app, &dialog)?, decode::user(user)?, session).await?;
        Ok(Response::new(wire::EnterReply { others }))
    }

    async fn exit(&self, request: Request<wire::ExitRequest>) -> Reply<wire::ExitReply> {
        let wire::ExitRequest { app, dialog, user, session } = request.into_inner();
        self.exit(decode::key(app, &dialog)?, decode::user(user)?, session).await?;
        Ok(Response::new(wire::ExitReply {}))
    }

    async fn occupants(&self, request: Request<wire::OccupantsRequest>) -> Reply<wire::OccupantsReply> {
        let wire::OccupantsRequest { app, dialog, user, members } = request.into_inner();
        let (key, user) = (decode::key(app, &dialog)?, decode::user(user)?);
        let users = match members {
            true => list::members(&self.shared, key, user).await?,
            false => list::occupants(&self.shared, key, user).await?,
        };
        Ok(Response::new(wire::OccupantsReply { users }))
    }

    async fn headline(&self, request: Request<wire::HeadlineRequest>) -> Reply<wire::HeadlineReply> {
        self.headline(request.into_inner()).await?;
        Ok(Response::new(wire::HeadlineReply {}))
    }

    async fn signal_call(&self, request: Request<wire::SignalCallRequest>) -> Reply<wire::SignalCallReply> {
        self.signal_call(request.into_inner()).await?;
        Ok(Response::new(wire::SignalCallReply {}))
    }

    async fn react(&self, request: Request<wire::ReactRequest>) -> Reply<wire::ReactReply> {
        self.react(request.into_inner()).await?;
        Ok(Response::new(wire::ReactReply {}))
    }

    async fn reactions(&self, request: Request<wire::ReactionsRequest>) -> Reply<wire::ReactionsReply> {
        let reactions = self.reactions(request.into_inner()).await?;
        Ok(Response::new(wire::ReactionsReply { reactions }))
    }

    async fn unread(&self, request: Request<wire::UnreadCountsRequest>) -> Reply<wire::UnreadCountsReply> {
        let wire::UnreadCountsRequest { app, user, dialogs } = request.into_inner();
        let (app, user) = (decode::app(app)?, decode::user(user)?);
        Ok(Response::new(list::unread_counts(&self.shared, app, user, dialogs).await?))
    }

    async fn forget(&self, request: Request<wire::ForgetRequest>) -> Reply<wire::ForgetReply> {
        let wire::ForgetRequest { app, dialog, user } = request.into_inner();
        self.forget(decode::key(app, &dialog)?, decode::user(user)?).await?;
        Ok(Response::new(wire::ForgetReply {}))
    }

    async fn freeze(&self, request: Request<wire::FreezeRequest>) -> Reply<wire::Dialog> {
        let wire::FreezeRequest { app, dialog, frozen } = request.into_inner();
        let key = decode::key(app, &dialog)?;
        Ok(Response::new(self.ask_whole(key, |answer| DialogMessage::Freeze(frozen, answer)).await?))
    }

    async fn search(&self, request: Request<wire::SearchRequest>) -> Reply<wire::SearchReply> {
        let (app, search) = decode::search(request.into_inner())?;
        Ok(Response::new(search::page(&self.shared, app, search).await?))
    }
}

/// Found rows by dialog. Of two rows for one id in a dialog the one that has it as its own comes first and is taken.
fn by_dialog(found: Vec<Found>) -> Result<BTreeMap<DialogId, Vec<Found>>, Failure> {
    let own = |found: &Found| found.row.as_ref().is_some_and(|row| row.id == found.asked);
    let mut dialogs = BTreeMap::<DialogId, Vec<Found>>::new();
    for one in found {
        let rows = dialogs.entry(decode::dialog(&one.dialog)?).or_default();
        match rows.iter_mut().find(|other| other.asked == one.asked) {
            Some(other) if own(&one) && !own(other) => *other = one,
            Some(_) => {}
            None => rows.push(one),
        }
    }
    Ok(dialogs)
}
