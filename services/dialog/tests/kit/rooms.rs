//! A presence that knows rooms, and when users were last there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use natter_proto::Code;
use natter_proto::presence::v1 as wire;
use natter_proto::presence::v1::presence_server;
use natter_rpc::{Reply, Request, Response, async_trait};

use super::refusal;

/// Who is in which room, and who is not there. All others are.
#[derive(Clone, Default)]
pub struct Presence(Arc<Mutex<BTreeMap<Vec<u8>, BTreeSet<u64>>>>, Arc<Mutex<BTreeMap<u64, i64>>>);

impl Presence {
    /// The user was last there then.
    pub fn left(&self, user: u64, seen_at: i64) {
        self.1.lock().unwrap().insert(user, seen_at);
    }

    pub fn room(&self, dialog: &[u8]) -> Vec<u64> {
        self.0.lock().unwrap().get(dialog).into_iter().flatten().copied().collect()
    }
}

#[async_trait]
impl presence_server::Presence for Presence {
    async fn enter(&self, request: Request<wire::EnterRoomRequest>) -> Reply<wire::EnterRoomReply> {
        let request = request.into_inner();
        self.0.lock().unwrap().entry(request.dialog.clone()).or_default().insert(request.user);
        let others = self.room(&request.dialog).into_iter().filter(|user| *user != request.user).collect();
        Ok(Response::new(wire::EnterRoomReply { others }))
    }

    async fn exit(&self, request: Request<wire::ExitRoomRequest>) -> Reply<wire::ExitRoomReply> {
        let request = request.into_inner();
        self.0.lock().unwrap().entry(request.dialog).or_default().remove(&request.user);
        Ok(Response::new(wire::ExitRoomReply {}))
    }

    async fn occupants(&self, request: Request<wire::RoomRequest>) -> Reply<wire::RoomReply> {
        Ok(Response::new(wire::RoomReply { users: self.room(&request.into_inner().dialog) }))
    }

    async fn evict(&self, request: Request<wire::EvictRequest>) -> Reply<wire::EvictReply> {
        let request = request.into_inner();
        self.0.lock().unwrap().entry(request.dialog.clone()).or_default().retain(|user| !request.users.contains(user));
        Ok(Response::new(wire::EvictReply { left: self.room(&request.dialog) }))
    }

    async fn online(&self, _: Request<wire::OnlineRequest>) -> Reply<wire::OnlineReply> {
        Err(refusal(Code::Internal))
    }
    async fn contacts(&self, _: Request<wire::ContactsRequest>) -> Reply<wire::ContactsReply> {
        Err(refusal(Code::Internal))
    }
    async fn set_contact(&self, _: Request<wire::SetContactRequest>) -> Reply<wire::SetContactReply> {
        Err(refusal(Code::Internal))
    }
    async fn remove_contact(&self, _: Request<wire::RemoveContactRequest>) -> Reply<wire::RemoveContactReply> {
        Err(refusal(Code::Internal))
    }
    async fn subscribe(&self, _: Request<wire::SubscribeRequest>) -> Reply<wire::SubscribeReply> {
        Err(refusal(Code::Internal))
    }
    async fn last_activity(&self, request: Request<wire::LastActivityRequest>) -> Reply<wire::LastActivityReply> {
        let seen_at = self.1.lock().unwrap().get(&request.into_inner().user).copied();
        Ok(Response::new(wire::LastActivityReply { seen_at }))
    }
    async fn watch(&self, _: Request<wire::WatchRequest>) -> Reply<wire::WatchReply> {
        Err(refusal(Code::Internal))
    }
    async fn reachable(&self, _: Request<wire::ReachableRequest>) -> Reply<wire::ReachableReply> {
        Err(refusal(Code::Internal))
    }
    async fn announce(&self, _: Request<wire::AnnounceRequest>) -> Reply<wire::AnnounceReply> {
        Err(refusal(Code::Internal))
    }
    async fn record(&self, _: Request<wire::SessionRecord>) -> Reply<wire::RecordReply> {
        Err(refusal(Code::Internal))
    }
    async fn take_debt(&self, _: Request<wire::TakeDebtRequest>) -> Reply<wire::TakeDebtReply> {
        Err(refusal(Code::Internal))
    }
    async fn settle_debt(&self, _: Request<wire::SettleDebtRequest>) -> Reply<wire::SettleDebtReply> {
        Err(refusal(Code::Internal))
    }
}
