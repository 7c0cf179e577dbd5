//! Rooms (contract xmpp 4): the dialog says who may, presence knows who is there. And system messages, which belong to no dialog.

use natter_proto::dialog::v1 as wire;
use natter_proto::event::v1::{Frame, SessionRef};
use natter_proto::history::v1::KeepRequest;
use natter_proto::presence::v1::{EnterRoomRequest, EvictRequest, ExitRoomRequest, RoomRequest};
use natter_proto::{Code, Failure, UserId};

use super::{Rpc, decode};
use crate::actor::{DialogMessage, Subscribe, Subscribing};
use crate::dialog::Key;

impl Rpc {
    pub(crate) async fn subscribe(&self, key: Key, user: UserId, how: Subscribing) -> Result<wire::Dialog, Failure> {
        self.ask_whole(key, |answer| DialogMessage::Subscribe(Subscribe { user, how }, answer)).await
    }

    /// A session enters; who else is there. Who loses his right while he enters is taken out again: the dialog is asked before
    /// and after, so that it never waits for presence itself.
    pub(super) async fn enter(&self, key: Key, user: UserId, session: Option<SessionRef>) -> Result<Vec<u64>, Failure> {
        self.subscribe(key, user, Subscribing::Enter).await?;
        let (app, dialog) = (key.app.0, key.dialog.to_vec());
        let request = EnterRoomRequest { app, dialog: dialog.clone(), user: user.0, session };
        let others = self.shared.presence().enter(request).await.map_err(Failure::from)?.into_inner().others;
        if let Err(failure) = self.subscribe(key, user, Subscribing::Enter).await {
            let request = EvictRequest { app, dialog, users: vec![user.0] };
            self.shared.presence().evict(request).await.map_err(Failure::from)?;
            return Err(failure);
        }
        Ok(others)
    }

    /// A session leaves. Whoever only entered a public dialog and has no other session there is no member any more. Leaving where
    /// nobody was is no mistake.
    pub(super) async fn exit(&self, key: Key, user: UserId, session: Option<SessionRef>) -> Result<(), Failure> {
        let request = ExitRoomRequest { app: key.app.0, dialog: key.dialog.to_vec(), user: user.0, session };
        self.shared.presence().exit(request).await.map_err(Failure::from)?;
        let request = RoomRequest { app: key.app.0, dialog: key.dialog.to_vec() };
        if self.shared.presence().occupants(request).await.map_err(Failure::from)?.into_inner().users.contains(&user.0) {
            return Ok(());
        }
        match self.subscribe(key, user, Subscribing::Exit).await {
            Err(failure) if !matches!(failure.code, Code::NotFound | Code::Forbidden) => Err(failure),
            _ => Ok(()),
        }
    }

    /// Refused if a privacy list keeps it off; else kept until a session of the recipient has proved to have it, and told.
    pub(super) async fn headline(&self, request: wire::HeadlineRequest) -> Result<(), Failure> {
        let from = decode::user(request.headline.as_ref().map_or(0, |headline| headline.user))?;
        let (app, to, frame) = decode::headline(request)?;
        if self.shared.pairs.known(app, vec![to]).await?.is_empty() {
            return Err(Failure::new(Code::NotFound, format!("user {to} does not exist")));
        }
        self.shared.check_bars(app, from, to).await?;
        let request = KeepRequest { app: app.0, user: to.0, frames: vec![frame.clone()] };
        let kept = self.shared.history().keep(request).await.map_err(Failure::from)?.into_inner().first;
        self.shared.tell(Frame { kept, ..frame });
        Ok(())
    }
}
