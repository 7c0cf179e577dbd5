//! An app's presence lives in one process; when that dies another learns who is there, and nobody is told what is not so.

use natter_bus::Subscription as Listener;
use natter_cluster::{Cluster, Member, Shard};
use natter_proto::AppId;
use natter_proto::cluster::v1::Learn;
use natter_proto::presence::v1::{Again, SessionRecord, TakeDebtRequest};

use super::kit::*;

const APP: AppId = AppId(1);
/// Longer than an app is learned while nothing is announced again.
const LEARNED: Duration = Duration::from_secs(8);

#[tokio::test(start_paused = true)]
async fn an_app_is_with_one_process_and_the_others_refuse_it() {
    let pair = Pair::start().await;
    let mut at_a = pair.owner().node.edge("a");
    pair.owner().node.announce(ROMEO, session("a", 1), SessionState::Available).await.unwrap();
    let other = &pair.other().node;
    check_refusal(other.announce(ROMEO, session("a", 1), SessionState::Available).await, Code::Busy);
    check_refusal(other.set_contact(ROMEO, JULIET, "J").await, Code::Busy);
    check_refusal(other.set_privacy_list(ROMEO, "blocks", denies(JULIET, true)).await, Code::Busy);
    check_refusal(other.last_activity(ROMEO).await, Code::Busy);
    check_refusal(other.record(1, 5).await, Code::Busy);
    check_refusal(reachable(other, &[ROMEO]).await, Code::Busy);
    pair.owner().node.tell(&frame(&[ROMEO], &[]));
    assert_eq!(heard(&mut at_a).await.len(), 1, "both hear it and one passes it on");
}

#[tokio::test(start_paused = true)]
async fn who_takes_an_app_over_asks_for_its_sessions_until_it_knows_them() {
    let mut pair = Pair::start().await;
    let mut asked = pair.bus.subscribe(&Subject::Learn.to_string());
    pair.kill_owner().await;
    let questions = questions(&mut asked).await;
    assert!(questions.len() > 1 && questions.iter().all(|question| *question == questions[0]), "the same one, several times");
    assert!(questions[0].shards.contains(&u32::from(Shard::of_app(APP).0)));
    tokio::time::sleep(LEARNED).await;
    let _ = self::questions(&mut asked).await;
    tokio::time::sleep(LEARNED).await;
    assert_eq!(self::questions(&mut asked).await, []);
}

#[tokio::test(start_paused = true)]
async fn what_is_told_while_an_app_is_learned_reaches_every_edge() {
    let mut pair = Pair::start().await;
    pair.owner().node.blocks(JULIET, denies(ROMEO, true)).await;
    for (user, n) in [(ROMEO, 1), (JULIET, 2)] {
        pair.owner().node.announce(user, session("a", n), SessionState::Available).await.unwrap();
    }
    pair.kill_owner().await;
    let (mut everywhere, mut at_a) = (pair.bus.subscribe(&Subject::Edges.to_string()), pair.owner().node.edge("a"));
    let told = frame(&[ROMEO, JULIET, 99], &[99]);
    pair.owner().node.tell(&told);
    assert_eq!((heard(&mut everywhere).await, heard(&mut at_a).await), (vec![(told, vec![ROMEO, JULIET])], vec![]));
    // Of Juliet's list nobody has asked yet.
    let message = Message { seq: 43, sender: ROMEO, body: Some("o".into()), ..Message::default() };
    let from_romeo = Frame { told: Some(Told::Message(message)), ..frame(&[ROMEO, JULIET], &[]) };
    pair.owner().node.tell(&from_romeo);
    assert_eq!(heard(&mut everywhere).await, [(from_romeo, vec![ROMEO])]);
    again(&pair.owner().node, ROMEO, session("a", 1), Again::default()).await.unwrap();
    tokio::time::sleep(LEARNED).await;
    let told = frame(&[ROMEO, JULIET], &[]);
    pair.owner().node.tell(&told);
    assert_eq!((heard(&mut everywhere).await, heard(&mut at_a).await), (vec![], vec![(told, vec![ROMEO])]), "only where he is");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_away_before_it_is_known_who_is_there() {
    let mut pair = Pair::start().await;
    pair.owner().node.announce(ROMEO, session("a", 1), SessionState::Available).await.unwrap();
    pair.kill_owner().await;
    let node = &pair.owner().node;
    check_refusal(reachable(node, &[ROMEO]).await, Code::Busy);
    check_refusal(attention(node, &[ROMEO]).await, Code::Busy);
    check_refusal(node.last_activity(ROMEO).await, Code::Busy);
    check_refusal(node.client.clone().online(OnlineRequest { app: 1, skip: 0, limit: 9 }).await, Code::Busy);
    check_refusal(node.enter(ROMEO, session("a", 1)).await, Code::Busy);
    check_refusal(node.set_inactive(ROMEO, session("a", 1), true).await, Code::Busy);
    let inactive = Again { inactive: true, rooms: vec![vec![0xdd; 12]], ..Again::default() };
    let asked = |by: &str| Again { by: by.into(), ..inactive.clone() };
    check_refusal(again(node, ROMEO, session("a", 1), asked("three/1")).await, Code::Busy);
    again(node, ROMEO, session("a", 1), asked(&format!("{}/1", pair.owner().name()))).await.unwrap();
    again(node, ROMEO, session("a", 1), inactive).await.unwrap();
    assert_eq!((node.reachable(&[ROMEO]).await, node.inactive(&[ROMEO]).await), (vec![ROMEO], vec![ROMEO]));
    assert_eq!((node.last_activity(ROMEO).await.unwrap(), node.occupants().await), (None, vec![ROMEO]));
    check_refusal(reachable(node, &[ROMEO, JULIET]).await, Code::Busy);
    check_refusal(attention(node, &[ROMEO]).await, Code::Busy);
    tokio::time::sleep(LEARNED).await;
    assert_eq!(node.reachable(&[ROMEO, JULIET]).await, [ROMEO]);
    assert_eq!(node.online(1, 0, 9).await, (1, vec![ROMEO]));
    assert_eq!(node.attention(&[ROMEO, JULIET]).await, [(ROMEO, false, false, 0)]);
    check_refusal(node.set_inactive(JULIET, session("a", 3), true).await, Code::Conflict);
}

#[tokio::test(start_paused = true)]
async fn a_going_that_may_be_none_is_not_told_and_one_that_is_is_told_late() {
    let mut pair = Pair::start().await;
    let rooms = || Again { rooms: vec![vec![0xdd; 12]], ..Again::default() };
    let watches = || Again { watched: vec![ROMEO], ..rooms() };
    befriend(&pair.owner().node).await;
    for (user, edge, n) in [(ROMEO, "a", 1), (ROMEO, "b", 2), (JULIET, "j", 3)] {
        pair.owner().node.announce(user, session(edge, n), SessionState::Available).await.unwrap();
    }
    pair.kill_owner().await;
    let node = &pair.owner().node;
    let (mut at_j, mut everywhere) = (node.edge("j"), pair.bus.subscribe(&Subject::Edges.to_string()));
    again(node, JULIET, session("j", 3), watches()).await.unwrap();
    again(node, ROMEO, session("a", 1), rooms()).await.unwrap();
    // His other session is not known yet.
    node.announce(ROMEO, session("a", 1), SessionState::Closed).await.unwrap();
    assert_eq!((told(&mut at_j).await, told(&mut everywhere).await), (vec![], vec![]));
    again(node, ROMEO, session("b", 2), rooms()).await.unwrap();
    tokio::time::sleep(LEARNED).await;
    let one_of_two = Availability { user: ROMEO, resource: "r".into(), available: false, last: false, ..Availability::default() };
    assert_eq!((told(&mut at_j).await, told(&mut everywhere).await), (vec![Told::Availability(one_of_two)], vec![]));
    assert_eq!(node.occupants().await, [ROMEO, JULIET]);

    // The next one learns it all again, and this time he is gone.
    pair.restart_dead().await;
    pair.kill_owner().await;
    let node = &pair.owner().node;
    let mut at_j = node.edge("j");
    again(node, JULIET, session("j", 3), watches()).await.unwrap();
    again(node, ROMEO, session("b", 2), rooms()).await.unwrap();
    let left_at = node.clock.now_ms();
    node.announce(ROMEO, session("b", 2), SessionState::Closed).await.unwrap();
    assert_eq!(told(&mut at_j).await, []);
    tokio::time::sleep(LEARNED).await;
    let told = told(&mut at_j).await;
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.contains(&seen(ROMEO, false, true)), "{told:?}");
    assert!(told.contains(&Told::Activity(Activity { user: ROMEO, seen_at: left_at })), "{told:?}");
    assert!(told.contains(&occupant(ROMEO, OccupantState::Left, &[]).told.unwrap()), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_an_app_is_learned_hears_of_those_who_were_there() {
    let mut pair = Pair::start().await;
    befriend(&pair.owner().node).await;
    pair.owner().node.announce(ROMEO, session("a", 1), SessionState::Available).await.unwrap();
    pair.kill_owner().await;
    let node = &pair.owner().node;
    let mut everywhere = pair.bus.subscribe(&Subject::Edges.to_string());
    let greeted = node.announced(JULIET, session("j", 3)).await;
    assert_eq!(greeted.present, [], "not known yet");
    node.enter(JULIET, session("j", 3)).await.unwrap();
    let _ = told(&mut everywhere).await;
    again(node, ROMEO, session("a", 1), Again { rooms: vec![vec![0xdd; 12]], ..Again::default() }).await.unwrap();
    let told = told(&mut everywhere).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.contains(&seen(ROMEO, true, false)), "{told:?}");
    assert!(told.contains(&occupant(ROMEO, OccupantState::Entered, &[]).told.unwrap()), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn an_app_that_is_given_up_is_forgotten_without_a_word() {
    let pair = Pair::start().await;
    let node = &pair.owner().node;
    let mut at_j = node.edge("j");
    befriend(node).await;
    for (user, edge, n) in [(ROMEO, "a", 1), (JULIET, "j", 3)] {
        node.announce(user, session(edge, n), SessionState::Available).await.unwrap();
        node.enter(user, session(edge, n)).await.unwrap();
    }
    let _ = told(&mut at_j).await;
    pair.owner().cluster.drain();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(told(&mut at_j).await, []);
    check_refusal(reachable(node, &[ROMEO]).await, Code::Busy);
    check_refusal(node.enter(ROMEO, session("a", 1)).await, Code::Busy);
    let next = &pair.owner().node;
    assert_eq!(next.reachable(&[ROMEO]).await, [0; 0], "nobody announced him again");
    next.announce(JULIET, session("j", 3), SessionState::Available).await.unwrap();
    next.tell(&frame(&[ROMEO, JULIET], &[]));
    assert_eq!(heard(&mut at_j).await.len(), 1, "by the one that has it");
}

#[tokio::test(start_paused = true)]
async fn what_was_known_of_an_app_is_not_believed_when_it_comes_back() {
    let mut pair = Pair::start().await;
    pair.kill_owner().await;
    tokio::time::sleep(LEARNED).await;
    let survivor = pair.owner().name();
    let node = &pair.owner().node;
    node.announce(ROMEO, session("a", 1), SessionState::Available).await.unwrap();
    node.enter(ROMEO, session("a", 1)).await.unwrap();
    assert_eq!(node.reachable(&[ROMEO]).await, [ROMEO]);
    // The app goes to the one that is started again, and comes back when that dies too.
    pair.restart_dead().await;
    assert!(pair.owner().name() != survivor);
    pair.kill_owner().await;
    assert_eq!(pair.owner().name(), survivor);
    let node = &pair.owner().node;
    check_refusal(reachable(node, &[ROMEO]).await, Code::Busy);
    assert_eq!(node.occupants().await, [0; 0]);
    tokio::time::sleep(LEARNED).await;
    assert_eq!(node.reachable(&[ROMEO]).await, [0; 0]);
    let told = Frame { app: 1, ..frame(&[ROMEO], &[]) };
    let mut at_a = node.edge("a");
    node.tell(&told);
    assert_eq!(heard(&mut at_a).await, []);
}

#[tokio::test(start_paused = true)]
async fn sessions_that_were_there_before_are_over_no_limit() {
    let mut pair = Pair::start().await;
    pair.kill_owner().await;
    let node = &pair.owner().node;
    for n in 0..20 {
        node.announce(ROMEO, session("a", n), SessionState::Bound).await.unwrap();
    }
    again(node, ROMEO, session("b", 1), Again::default()).await.unwrap();
    check_refusal(node.announce(ROMEO, session("a", 21), SessionState::Bound).await, Code::TooMany);
}

// === two processes ===

/// Of a cluster on one bus and one store.
struct Pair {
    bus: Bus,
    kv: Kv,
    clock: Clock,
    processes: Vec<Process>,
    /// Of the next process that is started.
    boot: u64,
}

struct Process {
    cluster: Cluster,
    node: Node,
    alive: JoinHandle<()>,
}

impl Process {
    fn start(name: &str, boot: u64, bus: &Bus, kv: &Kv, clock: &Clock) -> Process {
        let member = Member { name: name.into(), boot, roles: vec!["presence".into()], ..Member::default() };
        let cluster = Cluster::new(member, bus.clone());
        let alive = tokio::spawn(cluster.clone().run(std::future::pending()));
        let own = Own::Of(cluster.clone(), "presence");
        let mut node = Node::placed(kv.clone(), clock.clone(), Options::default(), bus.clone(), own);
        node.run();
        Process { cluster, node, alive }
    }

    fn name(&self) -> String {
        self.cluster.me().name
    }

    /// Without a word.
    async fn kill(self) {
        let (_, running) = self.node.running.unwrap();
        for task in [running, self.alive] {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Pair {
    /// Two that know each other and their apps.
    async fn start() -> Pair {
        let (bus, kv, clock) = (Bus::local(), Kv::memory(), Clock::paused(1_800_000_000_000));
        let processes = ["one", "two"].map(|name| Process::start(name, 1, &bus, &kv, &clock)).into();
        tokio::time::sleep(2 * LEARNED).await;
        Pair { bus, kv, clock, processes, boot: 2 }
    }

    fn owner(&self) -> &Process {
        self.processes.iter().find(|process| process.cluster.is_mine("presence", Shard::of_app(APP))).unwrap()
    }

    fn other(&self) -> &Process {
        self.processes.iter().find(|process| !process.cluster.is_mine("presence", Shard::of_app(APP))).unwrap()
    }

    /// The owner of the app dies, and another has taken it over and does not know it yet.
    async fn kill_owner(&mut self) {
        let name = self.owner().name();
        let at = self.processes.iter().position(|process| process.name() == name).unwrap();
        self.processes.remove(at).kill().await;
        tokio::time::sleep(Duration::from_secs(4)).await;
    }

    /// The other one is started again, so that the app may be its.
    async fn restart_dead(&mut self) {
        let name = if self.processes[0].name() == "one" { "two" } else { "one" };
        self.processes.push(Process::start(name, self.boot, &self.bus, &self.kv, &self.clock));
        self.boot += 1;
        tokio::time::sleep(2 * LEARNED).await;
    }
}

/// Each is a contact of the other.
async fn befriend(node: &Node) {
    for (one, other) in [(ROMEO, JULIET), (JULIET, ROMEO)] {
        node.subscribe(one, other, Subscription::Subscribe).await.unwrap();
        node.subscribe(other, one, Subscription::Subscribed).await.unwrap();
    }
}

async fn again(node: &Node, user: u64, session: SessionRef, again: Again) -> Result<(), Status> {
    let state = SessionState::Available.into();
    let request =
        AnnounceRequest { app: 1, user, session: Some(session), state, again: Some(again), ..AnnounceRequest::default() };
    node.client.clone().announce(request).await.map(|_| ())
}

async fn reachable(node: &Node, users: &[u64]) -> Result<(), Status> {
    let request = ReachableRequest { app: 1, users: users.to_vec() };
    node.client.clone().reachable(request).await.map(|_| ())
}

async fn attention(node: &Node, users: &[u64]) -> Result<(), Status> {
    let request = AttentionRequest { app: 1, users: users.to_vec(), dialog: vec![0xaa; 12] };
    node.client.clone().attention(request).await.map(|_| ())
}

/// What was asked of the edges until all is quiet.
async fn questions(asked: &mut Listener) -> Vec<Learn> {
    let mut questions = Vec::new();
    while let Ok(Some(payload)) = timeout(Duration::from_millis(1), asked.next()).await {
        questions.push(payload.read::<Learn>().unwrap().as_ref().clone());
    }
    questions
}

/// What an edge is to the others: it says that it lives, or not.
struct Mortal {
    cluster: Cluster,
    alive: JoinHandle<()>,
}

impl Mortal {
    async fn start(name: &str, boot: u64, bus: &Bus) -> Mortal {
        let member = Member { name: name.into(), boot, roles: vec!["edge".into()], ..Member::default() };
        let cluster = Cluster::new(member, bus.clone());
        Mortal { alive: tokio::spawn(cluster.clone().run(std::future::pending())), cluster }
    }

    /// Without a word.
    fn fall_silent(&self) {
        self.alive.abort();
    }

    fn speak_again(&mut self) {
        self.alive = tokio::spawn(self.cluster.clone().run(std::future::pending()));
    }

    fn session(&self, session: u64) -> SessionRef {
        let Member { name, boot, .. } = self.cluster.me();
        SessionRef { edge: name, boot, session, resource: "r".into() }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_edge_had_not_told_is_owed_to_whoever_came_back_before_its_death_was_known() {
    let (bus, kv, clock) = (Bus::local(), Kv::memory(), Clock::paused(1_000_000));
    let presence = Process::start("p", 1, &bus, &kv, &clock);
    let (mut first, second) = (Mortal::start("e1", 11, &bus).await, Mortal::start("e2", 12, &bus).await);
    tokio::time::sleep(LEARNED).await;
    let node = &presence.node;
    let take = async |session: &SessionRef, agent: &str| {
        let began = tokio::time::Instant::now();
        let request = TakeDebtRequest { session: Some(session.clone()), ..taking(0, agent) };
        let debt = node.client.clone().take_debt(request).await.unwrap().into_inner().debt;
        (debt, began.elapsed())
    };
    let of = |session: &SessionRef| SessionRecord { session: Some(session.clone()), ..record(1, 5) };
    let before = first.session(1);
    node.announce_with(ROMEO, before.clone(), SessionState::Available, Some(of(&before))).await.unwrap();

    // While its edge lives: a word of it settles that, and another client has nothing to wait for.
    let (beside, other) = (second.session(1), second.session(2));
    for session in [&beside, &other] {
        node.announce_with(ROMEO, session.clone(), SessionState::Available, None).await.unwrap();
    }
    let (debt, waited) = take(&beside, "phone").await;
    assert!(debt.is_none() && waited > Duration::ZERO && waited < Duration::from_secs(1), "{waited:?}");
    assert_eq!(take(&other, "laptop").await, (None, Duration::ZERO));

    first.fall_silent();
    let back = second.session(3);
    node.announce_with(ROMEO, back.clone(), SessionState::Available, None).await.unwrap();
    let (debt, waited) = take(&back, "phone").await;
    assert_eq!(debt, Some(of(&before)));
    assert!(waited > Duration::from_secs(1) && waited < Duration::from_secs(4), "{waited:?}");
    assert_eq!(take(&other, "laptop").await, (None, Duration::ZERO));

    // What it announced before and arrives late is refused, a session of before and one of another user alike.
    let late = first.session(2);
    for (user, session, state) in [(ROMEO, &before, SessionState::Bound), (JULIET, &late, SessionState::Available)] {
        check_refusal(node.announce_with(user, session.clone(), state, None).await, Code::Busy);
    }
    check_refusal(again(node, JULIET, late.clone(), Again::default()).await, Code::Busy);
    assert_eq!(node.reachable(&[ROMEO, JULIET]).await, [ROMEO], "he by his other sessions");

    // It was not dead: its sessions are asked for, and taken.
    let mut asked = bus.subscribe(&Subject::Learn.to_string());
    first.speak_again();
    tokio::time::sleep(LEARNED).await;
    assert_eq!(questions(&mut asked).await.len(), 3);
    again(node, JULIET, late, Again::default()).await.unwrap();
    assert_eq!(node.reachable(&[JULIET]).await, [JULIET]);
    presence.kill().await;
}
