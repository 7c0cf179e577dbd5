//! A presence that knows rooms, when users were last there, and whom privacy lists keep from whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use natter_proto::Code;
use natter_proto::presence::v1 as wire;
use natter_proto::presence::v1::presence_server;
use natter_rpc::{Reply, Request, Response, async_trait};

use super::refusal;

/// Who is in which room, and who is not there. All others are.
#[derive(Clone, Default)]
pub struct Presence {
    rooms: Arc<Mutex<BTreeMap<Vec<u8>, BTreeSet<u64>>>>,
    seen_at: Arc<Mutex<BTreeMap<u64, i64>>>,
    judging: Arc<Mutex<Judging>>,
}

#[derive(Default)]
struct Judging {
    /// Who says something to whom, and the verdict.
    verdicts: BTreeMap<(u64, u64), wire::Verdict>,
    asked: usize,
    fails: Option<Code>,
}

impl Presence {
    /// The user was last there then.
    pub fn left(&self, user: u64, seen_at: i64) {
        self.seen_at.lock().unwrap().insert(user, seen_at);
    }

    pub fn room(&self, dialog: &[u8]) -> Vec<u64> {
        self.rooms.lock().unwrap().get(dialog).into_iter().flatten().copied().collect()
    }

    pub fn judge(&self, from: u64, to: u64, verdict: wire::Verdict) {
        self.judging.lock().unwrap().verdicts.insert((from, to), verdict);
    }

    /// How often it was asked to judge.
    pub fn judged(&self) -> usize {
        self.judging.lock().unwrap().asked
    }

    /// It does not judge any more.
    pub fn fail(&self, code: Code) {
        self.judging.lock().unwrap().fails = Some(code);
    }
}

#[async_trait]
impl presence_server::Presence for Presence {
    async fn enter(&self, request: Request<wire::EnterRoomRequest>) -> Reply<wire::EnterRoomReply> {
        let request = request.into_inner();
        self.rooms.lock().unwrap().entry(request.dialog.clone()).or_default().insert(request.user);
        let others = self.room(&request.dialog).into_iter().filter(|user| *user != request.user).collect();
        Ok(Response::new(wire::EnterRoomReply { others }))
    }

    async fn exit(&self, request: Request<wire::ExitRoomRequest>) -> Reply<wire::ExitRoomReply> {
        let request = request.into_inner();
        self.rooms.lock().unwrap().entry(request.dialog).or_default().remove(&request.user);
        Ok(Response::new(wire::ExitRoomReply {}))
    }

    async fn occupants(&self, request: Request<wire::RoomRequest>) -> Reply<wire::RoomReply> {
        Ok(Response::new(wire::RoomReply { users: self.room(&request.into_inner().dialog) }))
    }

    async fn evict(&self, request: Request<wire::EvictRequest>) -> Reply<wire::EvictReply> {
        let request = request.into_inner();
        self.rooms.lock().unwrap().entry(request.dialog.clone()).or_default().retain(|user| !request.users.contains(user));
        Ok(Response::new(wire::EvictReply { left: self.room(&request.dialog) }))
    }

    async fn judge(&self, request: Request<wire::JudgeRequest>) -> Reply<wire::JudgeReply> {
        let mut judging = self.judging.lock().unwrap();
        judging.asked += 1;
        if let Some(code) = judging.fails {
            return Err(refusal(code));
        }
        let passages = request.into_inner().passages;
        let verdict = |passage: &wire::Passage| match passage.in_group {
            false => judging.verdicts.get(&(passage.from, passage.to)).copied().unwrap_or(wire::Verdict::Passes),
            true => wire::Verdict::Unspecified,
        };
        Ok(Response::new(wire::JudgeReply { verdicts: passages.iter().map(|passage| verdict(passage).into()).collect() }))
    }

    async fn privacy_lists(&self, _: Request<wire::PrivacyListsRequest>) -> Reply<wire::PrivacyListsReply> {
        Err(refusal(Code::Internal))
    }
    async fn privacy_list(&self, _: Request<wire::PrivacyListRequest>) -> Reply<wire::PrivacyListReply> {
        Err(refusal(Code::Internal))
    }
    async fn set_privacy_list(&self, _: Request<wire::SetPrivacyListRequest>) -> Reply<wire::SetPrivacyListReply> {
        Err(refusal(Code::Internal))
    }
    async fn set_default_privacy_list(
        &self,
        _: Request<wire::SetDefaultPrivacyListRequest>,
    ) -> Reply<wire::SetDefaultPrivacyListReply> {
        Err(refusal(Code::Internal))
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
        let seen_at = self.seen_at.lock().unwrap().get(&request.into_inner().user).copied();
        Ok(Response::new(wire::LastActivityReply { seen_at }))
    }
    async fn watch(&self, _: Request<wire::WatchRequest>) -> Reply<wire::WatchReply> {
        Err(refusal(Code::Internal))
    }
    async fn set_inactive(&self, _: Request<wire::SetInactiveRequest>) -> Reply<wire::SetInactiveReply> {
        Err(refusal(Code::Internal))
    }
    async fn attention(&self, _: Request<wire::AttentionRequest>) -> Reply<wire::AttentionReply> {
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
