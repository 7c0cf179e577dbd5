//! Fakes of the doors about sessions, contacts, files and events: what they know is user 5 of app 77.

use std::sync::{Arc, Mutex, MutexGuard};

use natter_proto::account::v1::tokens_server::Tokens;
use natter_proto::account::v1::{EndTokensReply, EndTokensRequest, ListTokensReply, ListTokensRequest, UserToken};
use natter_proto::event::v1::{Contact, SessionRef};
use natter_proto::presence::v1::presence_server::Presence;
use natter_proto::presence::v1::sessions_server::Sessions;
use natter_proto::presence::v1::*;
use natter_proto::push::v1 as push;
use natter_proto::push::v1::events_server::Events;
use natter_proto::storage::v1 as storage;
use natter_proto::storage::v1::storage_server::Storage;
use natter_proto::{Code, Failure};
use natter_rpc::{Reply, Request, Response, Status, async_trait};

const AT: i64 = 1_700_000_000_000;
/// As the chat session and the REST session of user 5 are named.
pub const CHAT: &str = "chat-00000000000000070000000000000003";
pub const REST: &str = "rest-07070707070707070707070707070707";

/// What was asked.
#[derive(Default)]
pub struct Asked {
    /// In which order tokens and chat sessions were to end.
    pub ended: Vec<&'static str>,
    pub ended_tokens: Vec<EndTokensRequest>,
    pub ended_sessions: Vec<EndSessionsRequest>,
    pub token_pages: Vec<ListTokensRequest>,
    /// What chat sessions are not ended for.
    pub refuses: Option<Failure>,
    /// Names of privacy lists are given to hostile ones.
    pub list_name: Option<String>,
    /// Files are not told.
    pub files_fail: bool,
}

/// A handle: clones are the same.
#[derive(Clone, Default)]
pub struct People(Arc<Mutex<Asked>>);

impl People {
    pub fn asked(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap()
    }
}

#[async_trait]
impl Tokens for People {
    async fn list(&self, request: Request<ListTokensRequest>) -> Reply<ListTokensReply> {
        let request = request.into_inner();
        if request.user != 5 {
            return Err(Failure::new(Code::NotFound, "User not found").into());
        }
        let token = |n: u8| UserToken {
            id: vec![n; 16],
            created_at: AT,
            signed_in_at: AT,
            used_at: AT + 60_000 * i64::from(n),
            expires_at: AT + 7_200_000,
        };
        let (tokens, next) = match request.after.as_slice() {
            [] => (vec![token(7), token(8)], vec![8; 32]),
            _ => (vec![UserToken { used_at: 0, ..token(9) }], Vec::new()),
        };
        self.asked().token_pages.push(request);
        Ok(Response::new(ListTokensReply { tokens, next }))
    }

    async fn end(&self, request: Request<EndTokensRequest>) -> Reply<EndTokensReply> {
        let request = request.into_inner();
        if request.user != 5 || !request.id.is_empty() && request.id != [7; 16] {
            return Err(Failure::new(Code::NotFound, "Session not found").into());
        }
        let ended = if request.id.is_empty() { 2 } else { 1 };
        let mut asked = self.asked();
        asked.ended.push("rest");
        asked.ended_tokens.push(request);
        Ok(Response::new(EndTokensReply { ended }))
    }
}

#[async_trait]
impl Sessions for People {
    async fn list(&self, request: Request<ListSessionsRequest>) -> Reply<ListSessionsReply> {
        if request.into_inner().user != 5 {
            return Ok(Response::new(ListSessionsReply::default()));
        }
        let session = SessionRef { edge: "edge-1".into(), boot: 7, session: 3, resource: "r<b>".into() };
        let entrance = Entrance { address: "192.0.2.1".into(), door: "wss".into(), agent: "<img src=x>".into(), bound_at: AT };
        let known =
            ChatSession { session: Some(session.clone()), entrance: Some(entrance), inactive: false, unproving: Some(false) };
        let session = Some(SessionRef { session: 4, ..session });
        let unknown = ChatSession { session, entrance: None, inactive: true, unproving: None };
        Ok(Response::new(ListSessionsReply { sessions: vec![known, unknown] }))
    }

    async fn end(&self, request: Request<EndSessionsRequest>) -> Reply<EndSessionsReply> {
        let request = request.into_inner();
        let mut asked = self.asked();
        if let Some(failure) = asked.refuses.clone() {
            return Err(failure.into());
        }
        if request.session.as_ref().is_some_and(|session| (session.boot, session.session) != (7, 3)) {
            return Err(Failure::new(Code::NotFound, "no such session").into());
        }
        asked.ended.push("chat");
        asked.ended_sessions.push(request);
        Ok(Response::new(EndSessionsReply { ended: 1 }))
    }
}

macro_rules! fake {
    ($service:ident, { $($known:tt)* } $($name:ident: $request:path => $reply:path,)*) => {
        #[async_trait]
        impl $service for People {
            $($known)*
            $(async fn $name(&self, _: Request<$request>) -> Reply<$reply> {
                Err(Status::unimplemented("nobody asks this"))
            })*
        }
    };
}

fake! { Presence, {
        async fn contacts(&self, _: Request<ContactsRequest>) -> Reply<ContactsReply> {
            let contact = |user: u64, to: bool, from: bool, ask: bool| Contact { user, name: "Jul<b>".into(), to, from, ask };
            let contacts = vec![contact(6, true, true, false), contact(8, false, false, true)];
            Ok(Response::new(ContactsReply { contacts, revision: 3 }))
        }

        async fn privacy_lists(&self, _: Request<PrivacyListsRequest>) -> Reply<PrivacyListsReply> {
            let name = self.asked().list_name.clone().unwrap_or("blocked".into());
            Ok(Response::new(PrivacyListsReply { names: vec!["away".into(), name.clone(), "gone".into()], default: Some(name) }))
        }

        async fn privacy_list(&self, request: Request<PrivacyListRequest>) -> Reply<PrivacyListReply> {
            let item = |order: u32| PrivacyItem { user: u64::from(order), order, message: true, iq: true, ..PrivacyItem::default() };
            let items = match request.into_inner().name.as_str() {
                // It was deleted between the two questions.
                "gone" => return Err(Failure::new(Code::NotFound, "no such privacy list").into()),
                "away" => vec![PrivacyItem { order: 1, allow: true, in_groups: true, ..PrivacyItem::default() }],
                _ => (1..=105).map(item).collect(),
            };
            Ok(Response::new(PrivacyListReply { items }))
        }

        async fn last_activity(&self, _: Request<LastActivityRequest>) -> Reply<LastActivityReply> {
            Ok(Response::new(LastActivityReply { seen_at: Some(AT) }))
        }
    }
    announce: AnnounceRequest => AnnounceReply,
    set_inactive: SetInactiveRequest => SetInactiveReply,
    reachable: ReachableRequest => ReachableReply,
    attention: AttentionRequest => AttentionReply,
    online: OnlineRequest => OnlineReply,
    watch: WatchRequest => WatchReply,
    set_contact: SetContactRequest => SetContactReply,
    remove_contact: RemoveContactRequest => RemoveContactReply,
    subscribe: SubscribeRequest => SubscribeReply,
    set_privacy_list: SetPrivacyListRequest => SetPrivacyListReply,
    set_default_privacy_list: SetDefaultPrivacyListRequest => SetDefaultPrivacyListReply,
    judge: JudgeRequest => JudgeReply,
    record: SessionRecord => RecordReply,
    take_debt: TakeDebtRequest => TakeDebtReply,
    settle_debt: SettleDebtRequest => SettleDebtReply,
    enter: EnterRoomRequest => EnterRoomReply,
    exit: ExitRoomRequest => ExitRoomReply,
    occupants: RoomRequest => RoomReply,
    evict: EvictRequest => EvictReply,
}

fake! { Events, {
        async fn list(&self, request: Request<push::ListEventsRequest>) -> Reply<push::ListEventsReply> {
            let event = push::Event { id: 3, message: "m".into(), users: vec![6], at: AT, created_at: AT, ..Default::default() };
            let events = if request.into_inner().skip == 0 { vec![event] } else { Vec::new() };
            Ok(Response::new(push::ListEventsReply { events, total: 1 }))
        }
    }
    create: push::CreateEventRequest => push::Event,
    get: push::EventRequest => push::Event,
    delete: push::EventRequest => push::Empty,
}

#[async_trait]
impl Storage for People {
    type ReadStream = futures::stream::Empty<Result<storage::Chunk, Status>>;

    async fn list(&self, request: Request<storage::ListRequest>) -> Reply<storage::ListReply> {
        if self.asked().files_fail {
            return Err(Failure::new(Code::Busy, "the disk is slow").into());
        }
        let blob = |id: u64| storage::Blob { id, uid: "A".repeat(32), name: "a.png".into(), size: 3, ..Default::default() };
        // Pages of two.
        let after = request.into_inner().after;
        let blobs = (1..=5).filter(|id| *id > after).take(2).map(blob).collect();
        Ok(Response::new(storage::ListReply { blobs, total: 5 }))
    }

    async fn create(&self, _: Request<storage::CreateRequest>) -> Reply<storage::CreateReply> {
        Err(Status::unimplemented("nobody asks this"))
    }

    async fn upload(&self, _: Request<natter_rpc::Streaming<storage::UploadPart>>) -> Reply<storage::Blob> {
        Err(Status::unimplemented("nobody asks this"))
    }

    async fn complete(&self, _: Request<storage::CompleteRequest>) -> Reply<storage::Blob> {
        Err(Status::unimplemented("nobody asks this"))
    }

    async fn get(&self, _: Request<storage::GetRequest>) -> Reply<storage::Blob> {
        Err(Status::unimplemented("nobody asks this"))
    }

    async fn find(&self, _: Request<storage::FindRequest>) -> Reply<storage::Blob> {
        Err(Status::unimplemented("nobody asks this"))
    }

    async fn read(&self, _: Request<storage::ReadRequest>) -> Reply<Self::ReadStream> {
        Err(Status::unimplemented("nobody asks this"))
    }

    async fn rename(&self, _: Request<storage::RenameRequest>) -> Reply<storage::Blob> {
        Err(Status::unimplemented("nobody asks this"))
    }

    async fn delete(&self, _: Request<storage::GetRequest>) -> Reply<storage::Empty> {
        Err(Status::unimplemented("nobody asks this"))
    }
}
