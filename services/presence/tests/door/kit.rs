//! Presence on a store in memory and paused time, and what an edge hears of it. Not a place for assertions.

pub use std::sync::Arc;
pub use std::time::Duration;

pub use bytes::Bytes;
pub use natter_actor::Clock;
pub use natter_bus::{Bus, Log};
pub use natter_cluster::Own;
pub use natter_db::{Faults, Kv, Table};
pub use natter_presence::{Options, Parts, Service};
pub use natter_proto::event::v1::{
    Activity, Availability, Contact, ContactChange, ContactRequest, Frame, Message, Occupant, OccupantState, Posted,
    PostedRequest, SessionRef, Shown, Subscription, frame::Told,
};
pub use natter_proto::history::v1::From as Proof;
pub use natter_proto::presence::v1::presence_client::PresenceClient;
pub use natter_proto::presence::v1::sessions_client::SessionsClient;
pub use natter_proto::presence::v1::{
    AnnounceReply, AnnounceRequest, AttentionRequest, ContactsRequest, EnterRoomRequest, EvictRequest, ExitRoomRequest,
    Fingerprint, JudgeRequest, LastActivityRequest, OnlineRequest, Passage, Present, PrivacyItem, PrivacyListRequest,
    PrivacyListsRequest, ReachableRequest, RemoveContactRequest, RoomRequest, SessionRecord, SessionState, SetContactRequest,
    SetDefaultPrivacyListRequest, SetInactiveRequest, SetPrivacyListRequest, SettleDebtRequest, SubscribeRequest,
    TakeDebtRequest, Verdict, WatchRequest,
};
pub use natter_proto::subject::Subject;
pub use natter_proto::{Code, EdgeFrame, Failure};
pub use natter_rpc::{Link, LinkOptions, Status};
pub use natter_telemetry::Metrics;
pub use prost::Message as _;
pub use tokio::sync::oneshot;
pub use tokio::task::JoinHandle;
pub use tokio::time::{advance, timeout};

pub const ROMEO: u64 = 34;
pub const JULIET: u64 = 35;
pub const TTL: Duration = Duration::from_secs(120);

/// A presence service, its door and its bus.
pub struct Node {
    pub kv: Kv,
    pub clock: Clock,
    pub bus: Bus,
    pub posted: Log,
    pub service: Option<Service>,
    pub client: PresenceClient<Link>,
    pub sessions: SessionsClient<Link>,
    pub archive: Link,
    pub running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Node {
    pub fn start(kv: Kv) -> Node {
        let mut node = Node::not_running(kv);
        node.run();
        node
    }

    pub fn not_running(kv: Kv) -> Node {
        Node::at(kv, Clock::paused(1_800_000_000_000))
    }

    pub fn with(options: Options) -> Node {
        Node::made(Kv::memory(), Clock::paused(1_800_000_000_000), options)
    }

    pub fn at(kv: Kv, clock: Clock) -> Node {
        Node::made(kv, clock, Options::default())
    }

    pub fn made(kv: Kv, clock: Clock, options: Options) -> Node {
        let bus = Bus::local();
        Node::placed(kv, clock, options, bus, Own::All)
    }

    /// One process of several on a bus and a store.
    pub fn placed(kv: Kv, clock: Clock, options: Options, bus: Bus, own: Own) -> Node {
        let posted = Log::embedded(kv.clone(), Table("posted"), 1_000);
        let (db, lossy, metrics) = (kv.clone().into(), kv.clone().into(), Metrics::new());
        let parts = Parts { db, lossy, bus: bus.clone(), posted: posted.clone(), own, clock: clock.clone(), metrics };
        let service = Service::new(options, parts);
        // As long as between processes.
        let patient = LinkOptions { deadline: Duration::from_secs(6) };
        let client = PresenceClient::new(Link::local(service.server(), patient));
        let sessions = SessionsClient::new(Link::local(service.sessions_server(), LinkOptions::default()));
        let archive = Link::local(service.archive_server(), LinkOptions::default());
        Node { kv, clock, bus, posted, service: Some(service), client, sessions, archive, running: None }
    }

    pub fn run(&mut self) {
        let service = self.service.take().unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(async move { service.run(async { stopped.await.unwrap_or_default() }).await });
        self.running = Some((stop, running));
    }

    pub async fn stop(self) {
        let (stop, running) = self.running.unwrap();
        stop.send(()).unwrap();
        running.await.unwrap();
    }

    /// Kills the process and starts the next one on what was stored.
    pub async fn killed(self) -> Node {
        let (_, running) = self.running.unwrap();
        running.abort();
        let _ = running.await;
        let mut node = Node::at(self.kv.crash(), self.clock);
        node.run();
        // The next process finds the records when it starts, not when it is first asked.
        tokio::task::yield_now().await;
        node
    }

    pub fn edge(&self, edge: &str) -> natter_bus::Subscription {
        self.bus.subscribe(&Subject::Edge(edge.into()).to_string())
    }

    pub fn tell(&self, frame: &Frame) {
        self.bus.publish(&Subject::Told.to_string(), Bytes::from(frame.encode_to_vec()));
    }

    pub async fn announce(&self, user: u64, session: SessionRef, state: SessionState) -> Result<u32, Status> {
        self.announce_with(user, session, state, None).await
    }

    pub async fn announce_with(
        &self,
        user: u64,
        session: SessionRef,
        state: SessionState,
        record: Option<SessionRecord>,
    ) -> Result<u32, Status> {
        let request = AnnounceRequest { app: 1, user, session: Some(session), state: state.into(), record, ..Default::default() };
        Ok(self.client.clone().announce(request).await?.into_inner().sessions)
    }

    /// The session is available and shows this.
    pub async fn show(&self, user: u64, session: SessionRef, shown: Option<Shown>) {
        let state = SessionState::Available.into();
        let request = AnnounceRequest { app: 1, user, session: Some(session), state, record: None, shown, ..Default::default() };
        self.client.clone().announce(request).await.unwrap();
    }

    /// Total and page.
    pub async fn online(&self, app: u64, skip: u64, limit: u32) -> (u64, Vec<u64>) {
        let page = self.client.clone().online(OnlineRequest { app, skip, limit }).await.unwrap().into_inner();
        (page.total, page.users)
    }

    pub async fn reachable(&self, users: &[u64]) -> Vec<u64> {
        let request = ReachableRequest { app: 1, users: users.to_vec() };
        self.client.clone().reachable(request).await.unwrap().into_inner().users
    }

    /// Those of them at whose sessions nobody looks.
    pub async fn inactive(&self, users: &[u64]) -> Vec<u64> {
        let request = ReachableRequest { app: 1, users: users.to_vec() };
        self.client.clone().reachable(request).await.unwrap().into_inner().inactive
    }

    /// Of those who have a session: whether one is active, whether one of them can prove nothing, and what is proved of the dialog
    /// that records name.
    pub async fn attention(&self, users: &[u64]) -> Vec<(u64, bool, bool, u64)> {
        let request = AttentionRequest { app: 1, users: users.to_vec(), dialog: vec![0xaa; 12] };
        let reply = self.client.clone().attention(request).await.unwrap().into_inner();
        reply.users.into_iter().map(|one| (one.user, one.active, one.unproving, one.proved)).collect()
    }

    pub async fn set_inactive(&self, user: u64, session: SessionRef, inactive: bool) -> Result<(), Status> {
        let request = SetInactiveRequest { app: 1, user, session: Some(session), inactive };
        self.client.clone().set_inactive(request).await.map(|_| ())
    }

    pub async fn enter(&self, user: u64, session: SessionRef) -> Result<Vec<u64>, Status> {
        let request = EnterRoomRequest { app: 1, dialog: vec![0xdd; 12], user, session: Some(session) };
        Ok(self.client.clone().enter(request).await?.into_inner().others)
    }

    pub async fn exit(&self, user: u64, session: SessionRef) {
        let request = ExitRoomRequest { app: 1, dialog: vec![0xdd; 12], user, session: Some(session) };
        self.client.clone().exit(request).await.unwrap();
    }

    pub async fn occupants(&self) -> Vec<u64> {
        let request = RoomRequest { app: 1, dialog: vec![0xdd; 12] };
        self.client.clone().occupants(request).await.unwrap().into_inner().users
    }

    /// What a session is answered that becomes available.
    pub async fn announced(&self, user: u64, session: SessionRef) -> AnnounceReply {
        let state = SessionState::Available.into();
        let request = AnnounceRequest { app: 1, user, session: Some(session), state, record: None, ..Default::default() };
        self.client.clone().announce(request).await.unwrap().into_inner()
    }

    pub async fn contacts(&self, user: u64) -> (Vec<Contact>, u64) {
        let list = self.client.clone().contacts(ContactsRequest { app: 1, user }).await.unwrap().into_inner();
        (list.contacts, list.revision)
    }

    pub async fn set_contact(&self, user: u64, contact: u64, name: &str) -> Result<(), Status> {
        let request = SetContactRequest { app: 1, user, contact, name: name.into() };
        self.client.clone().set_contact(request).await.map(|_| ())
    }

    pub async fn remove_contact(&self, user: u64, contact: u64) -> Result<(), Status> {
        self.client.clone().remove_contact(RemoveContactRequest { app: 1, user, contact }).await.map(|_| ())
    }

    pub async fn subscribe(&self, user: u64, contact: u64, kind: Subscription) -> Result<(), Status> {
        let request = SubscribeRequest { app: 1, user, contact, kind: kind.into() };
        self.client.clone().subscribe(request).await.map(|_| ())
    }

    /// What the durable log tells of contact requests: who asked whom.
    pub async fn requests(&self) -> Vec<(u64, u64)> {
        self.posted.ready().await.unwrap();
        let entries = self.posted.read(1, 100).await.unwrap();
        let request = |entry: natter_bus::Entry| Posted::decode(entry.value).unwrap().contact_request.unwrap();
        entries.into_iter().map(request).map(|PostedRequest { from, to, .. }| (from, to)).collect()
    }

    pub async fn last_activity(&self, user: u64) -> Result<Option<i64>, Status> {
        self.last_activity_for(0, user).await
    }

    pub async fn last_activity_for(&self, asker: u64, user: u64) -> Result<Option<i64>, Status> {
        Ok(self.client.clone().last_activity(LastActivityRequest { app: 1, user, asker }).await?.into_inner().seen_at)
    }

    /// Names and default.
    pub async fn privacy_lists(&self, user: u64) -> (Vec<String>, Option<String>) {
        let reply = self.client.clone().privacy_lists(PrivacyListsRequest { app: 1, user }).await.unwrap().into_inner();
        (reply.names, reply.default)
    }

    pub async fn privacy_list(&self, user: u64, name: &str) -> Result<Vec<PrivacyItem>, Status> {
        let request = PrivacyListRequest { app: 1, user, name: name.into() };
        Ok(self.client.clone().privacy_list(request).await?.into_inner().items)
    }

    pub async fn set_privacy_list(&self, user: u64, name: &str, items: Vec<PrivacyItem>) -> Result<(), Status> {
        let request = SetPrivacyListRequest { app: 1, user, name: name.into(), items };
        self.client.clone().set_privacy_list(request).await.map(|_| ())
    }

    pub async fn set_default_list(&self, user: u64, name: Option<&str>) -> Result<(), Status> {
        let request = SetDefaultPrivacyListRequest { app: 1, user, name: name.map(str::to_owned) };
        self.client.clone().set_default_privacy_list(request).await.map(|_| ())
    }

    /// The user has a default list of these items, and no other of its name.
    pub async fn blocks(&self, user: u64, items: Vec<PrivacyItem>) {
        self.set_privacy_list(user, "blocks", items).await.unwrap();
        self.set_default_list(user, Some("blocks")).await.unwrap();
    }

    /// In a private dialog, and in a group.
    pub async fn judge(&self, from: u64, to: u64) -> [Verdict; 2] {
        let passages = [false, true].map(|in_group| Passage { from, to, in_group }).to_vec();
        let reply = self.client.clone().judge(JudgeRequest { app: 1, passages }).await.unwrap().into_inner();
        [0, 1].map(|n| Verdict::try_from(reply.verdicts[n]).unwrap())
    }

    /// Juliet's session watches Romeo.
    pub async fn watch(&self, session: SessionRef, enable: bool) -> Result<(), Status> {
        let request = WatchRequest { app: 1, user: JULIET, session: Some(session), watched: ROMEO, enable };
        self.client.clone().watch(request).await.map(|_| ())
    }

    pub async fn record(&self, n: u64, proved: u64) -> Result<(), Status> {
        self.client.clone().record(record(n, proved)).await.map(|_| ())
    }

    /// Romeo's session `n` on his phone comes, proves and dies.
    pub async fn vanish_with(&self, n: u64, proved: u64) {
        self.announce(ROMEO, session("a", n), SessionState::Bound).await.unwrap();
        self.record(n, proved - 1).await.unwrap();
        self.record(n, proved).await.unwrap();
        self.announce(ROMEO, session("a", n), SessionState::Vanished).await.unwrap();
    }

    /// By a session that was announced.
    pub async fn take(&self, n: u64, agent: &str) -> Option<SessionRecord> {
        self.announce(ROMEO, session("a", n), SessionState::Available).await.unwrap();
        self.client.clone().take_debt(taking(n, agent)).await.unwrap().into_inner().debt
    }

    pub async fn settle(&self, n: u64, settled: bool) {
        let request = SettleDebtRequest { app: 1, user: ROMEO, session: Some(session("a", n)), settled };
        self.client.clone().settle_debt(request).await.unwrap();
    }
}

pub fn taking(n: u64, agent: &str) -> TakeDebtRequest {
    TakeDebtRequest { app: 1, user: ROMEO, session: Some(session("a", n)), client: Some(client(agent)) }
}

pub fn session(edge: &str, session: u64) -> SessionRef {
    SessionRef { edge: edge.into(), boot: 1, session, resource: "r".into() }
}

pub fn record(n: u64, proved: u64) -> SessionRecord {
    SessionRecord {
        app: 1,
        user: ROMEO,
        session: Some(session("a", n)),
        client: Some(client("phone")),
        proofs: vec![Proof { dialog: vec![0xaa; 12], seq: proved, stamp: None }],
        since: 1_000 * n as i64,
        seen_at: 1_000 * n as i64 + proved as i64,
        unproving: false,
    }
}

pub fn client(agent: &str) -> Fingerprint {
    Fingerprint { agent: agent.into(), origin: "https://app".into(), address: "192.0.2.1".into(), dialect: 6 }
}

pub fn frame(to: &[u64], except: &[u64]) -> Frame {
    let message = Message { seq: 42, body: Some("o".into()), ..Message::default() };
    Frame { app: 1, to: to.to_vec(), except: except.to_vec(), told: Some(Told::Message(message)), ..Frame::default() }
}

/// What Juliet is told of Romeo.
pub fn activity(seen_at: i64) -> Frame {
    let told = Some(Told::Activity(Activity { user: ROMEO, seen_at }));
    Frame { app: 1, to: vec![JULIET], told, ..Frame::default() }
}

pub fn contact(user: u64, name: &str, to: bool, from: bool, ask: bool) -> Contact {
    Contact { user, name: name.into(), to, from, ask }
}

pub fn change_of(contact: Contact, revision: u64) -> ContactChange {
    ContactChange { contact: Some(contact), removed: false, revision }
}

pub fn change(contact: Contact, revision: u64) -> Told {
    Told::ContactChange(change_of(contact, revision))
}

pub fn asked(user: u64, kind: Subscription) -> Told {
    Told::ContactRequest(ContactRequest { user, kind: kind.into() })
}

pub fn seen(user: u64, available: bool, last: bool) -> Told {
    Told::Availability(Availability { user, resource: "r".into(), available, last, ..Availability::default() })
}

/// What an edge has been told when all is quiet.
pub async fn told(edge: &mut natter_bus::Subscription) -> Vec<Told> {
    heard(edge).await.into_iter().filter_map(|(frame, _)| frame.told).collect()
}

pub fn occupant(user: u64, state: OccupantState, to: &[u64]) -> Frame {
    let told = Some(Told::Occupant(Occupant { user, state: state.into(), actor: 0 }));
    Frame { app: 1, dialog: vec![0xdd; 12], to: to.to_vec(), group: true, told, ..Frame::default() }
}

/// What an edge has heard when all is quiet.
pub async fn heard(edge: &mut natter_bus::Subscription) -> Vec<(Frame, Vec<u64>)> {
    let mut heard = Vec::new();
    while let Ok(Some(payload)) = timeout(Duration::from_millis(1), edge.next()).await {
        let EdgeFrame { frame, users, except, .. } = payload.read::<EdgeFrame>().unwrap().as_ref().clone();
        heard.push((Arc::unwrap_or_clone(frame), users.into_iter().filter(|user| !except.contains(user)).collect()));
    }
    heard
}

/// The pair of items that the SDK makes to keep a user out: one way, or both.
pub fn denies(user: u64, mutual: bool) -> Vec<PrivacyItem> {
    let item = PrivacyItem { user, order: 1, ..PrivacyItem::default() };
    let one_way = PrivacyItem { message: true, presence_in: true, presence_out: true, iq: true, ..item };
    let item = if mutual { item } else { one_way };
    vec![item, PrivacyItem { in_groups: true, order: 2, ..item }]
}

pub fn check_refusal<T: std::fmt::Debug>(outcome: Result<T, Status>, code: Code) {
    assert_eq!(Failure::from(outcome.unwrap_err()).code, code);
}
