//! The door for the walk of an erasure: the user's dialogs are asked one after another, each to do without him.

use natter_proto::dialog::v1::ForgetRequest;
use natter_proto::dialog::v1::eraser_server::Eraser;
use natter_proto::erasure::v1::{EraseReply, EraseRequest, Erased};
use natter_proto::{AppId, Failure, UserId};
use natter_rpc::{Reply, Request, Response, async_trait};

use super::{Rpc, decode};
use crate::actor::DialogMessage;
use crate::dialog::{Key, Kind};
use crate::shared::of_read;

/// Dialogs of one page of a user.
const DIALOGS: usize = 50;
/// Rows of one page of an app.
const ROWS: usize = 1_000;

#[async_trait]
impl Eraser for Rpc {
    async fn erase(&self, request: Request<EraseRequest>) -> Reply<EraseReply> {
        let EraseRequest { app, user, .. } = request.into_inner();
        let app = decode::app(app)?;
        let reply = match user {
            0 => self.erase_app(app).await?,
            user => self.erase_user(app, UserId(user)).await?,
        };
        Ok(Response::new(reply))
    }
}

impl Rpc {
    async fn erase_user(&self, app: AppId, user: UserId) -> Result<EraseReply, Failure> {
        let max = self.shared.options.dialogs_of_user_max;
        let dialogs = self.shared.store.memberships(app, user, max).await.map_err(of_read)?;
        let (mut private, mut left) = (0, 0);
        for (dialog, kind) in dialogs.iter().take(DIALOGS).copied() {
            self.forget(Key { app, dialog }, user).await?;
            *if kind == Kind::Private { &mut private } else { &mut left } += 1;
        }
        Ok(reply(&[("private_dialogs", private), ("dialogs_left", left)], dialogs.len() > DIALOGS))
    }

    /// A dialog does without a user who is no more, or is gone.
    pub(super) async fn forget(&self, key: Key, user: UserId) -> Result<(), Failure> {
        if let Some(mut peer) = self.shared.peer(key) {
            let request = ForgetRequest { app: key.app.0, dialog: key.dialog.to_vec(), user: user.0 };
            return Ok(peer.forget(request).await.map(drop)?);
        }
        self.ask(key, |answer| DialogMessage::Erase(user, answer)).await
    }

    async fn erase_app(&self, app: AppId) -> Result<EraseReply, Failure> {
        let rows = self.shared.store.erase(app, ROWS).await?;
        Ok(reply(&[("dialog_rows", rows)], rows == ROWS))
    }
}

fn reply(erased: &[(&str, usize)], more: bool) -> EraseReply {
    let erased = erased.iter().map(|(kind, count)| Erased { kind: (*kind).to_owned(), count: *count as u64 });
    EraseReply { erased: erased.collect(), next: if more { vec![1] } else { Vec::new() } }
}
