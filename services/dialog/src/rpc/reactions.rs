//! Reactions (contract rest 5.7): found by the message's id among the user's dialogs.

use natter_proto::dialog::v1 as wire;
use natter_proto::event::v1::Message;
use natter_proto::history::v1::{self as history, Found};
use natter_proto::{AppId, Code, Failure, UserId};

use super::{Rpc, decode};
use crate::actor::{DialogMessage, React};
use crate::dialog::Key;
use crate::list;
use crate::shared::of_read;

/// Bytes of a reaction.
const REACTION_BYTES_MAX: usize = 64;

impl Rpc {
    pub(super) async fn react(&self, request: wire::ReactRequest) -> Result<(), Failure> {
        let wire::ReactRequest { app, dialog, user, id, add, remove } = request.clone();
        let (app, user) = (decode::app(app)?, decode::user(user)?);
        for (field, text) in [("add", &add), ("remove", &remove)] {
            if text.len() > REACTION_BYTES_MAX {
                let text = format!("has {} bytes, at most {REACTION_BYTES_MAX} are taken", text.len());
                return Err(Failure::of_field(Code::Invalid, field, text));
            }
        }
        if add.is_empty() && remove.is_empty() {
            return Err(Failure::of_field(Code::Invalid, "add", "or remove is required"));
        }
        let (key, row) = self.message(app, user, &id).await?;
        if !dialog.is_empty() && dialog != key.dialog.0 {
            return Err(decode::no_message(decode::message_id(&id)?));
        }
        if let Some(mut peer) = self.shared.peer(key) {
            let request = wire::ReactRequest { dialog: key.dialog.to_vec(), ..request };
            return Ok(peer.react(request).await.map(drop)?);
        }
        self.ask(key, |answer| DialogMessage::React(React { user, row, add, remove }, answer)).await
    }

    pub(super) async fn reactions(&self, request: wire::ReactionsRequest) -> Result<Vec<wire::ReactionOf>, Failure> {
        let wire::ReactionsRequest { app, user, id } = request;
        let (key, row) = self.message(decode::app(app)?, decode::user(user)?, &id).await?;
        let request = history::ReactionsRequest { app: key.app.0, dialog: key.dialog.to_vec(), seqs: vec![row.seq] };
        let reply = self.shared.history().reactions(request).await.map_err(of_read)?.into_inner();
        let all = reply.reactions.into_iter().flat_map(|of_row| of_row.all);
        Ok(all.map(|history::Reaction { reaction, users }| wire::ReactionOf { reaction, users }).collect())
    }

    /// The message with this id among the user's dialogs: one that has it as its own before one whose client gave it.
    async fn message(&self, app: AppId, user: UserId, id: &[u8]) -> Result<(Key, Message), Failure> {
        let id = decode::message_id(id)?;
        let mut found = list::find(&self.shared, app, user, vec![id]).await?;
        found.sort_by_key(|found| found.row.as_ref().is_none_or(|row| row.id != id.0));
        match found.into_iter().next() {
            Some(Found { dialog, row: Some(row), .. }) => Ok((Key { app, dialog: decode::dialog(&dialog)? }, row)),
            _ => Err(decode::no_message(id)),
        }
    }
}
