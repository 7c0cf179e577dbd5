//! One member: what it says of itself, and what it believes of all.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use natter_actor::{Watched, Watcher};
use natter_bus::{Bus, Payload, Subscription};
use natter_proto::cluster::v1::{Alive, State, Unreached};
use natter_proto::subject::Subject;
use natter_telemetry::Metrics;
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::ailing::Health;
use crate::shard::Shard;
use crate::view::{Heard, Member, SILENCE, View};

/// How often a member looks how it is; what has changed it says at once.
const LOOKS: Duration = Duration::from_millis(250);
/// How often a member says that it lives.
const EVERY: Duration = Duration::from_millis(500);
/// How long a member only listens when it begins: it must not take for its own what others have that it has not heard of yet.
const LISTENS: Duration = Duration::from_millis(1_200);
/// How long the last word of a process is known: far longer than it takes to believe it dead.
const REMEMBERED: Duration = Duration::from_secs(30);
/// How long an answer of the bus is waited for.
const ANSWER: Duration = Duration::from_secs(1);
/// How much later than it is so a member may know that it does not reach the bus, or does again.
const SLACK: Duration = Duration::from_secs(2);
/// Members of which an edge says that it does not reach them. If it reaches none of so many, it makes no difference which.
const UNREACHED_MAX: usize = 100;

/// The view of one member. Clone; clones share it.
#[derive(Clone)]
pub struct Cluster {
    me: Arc<Mutex<Member>>,
    view: Watched<Arc<View>>,
    /// When each start of a process said last that it lives.
    words: Arc<Mutex<BTreeMap<u64, Instant>>>,
    noticed: Arc<Noticed>,
    bus: Bus,
    alive: Gauge,
    ailing: Gauge,
}

/// What this process notices while it works.
#[derive(Default)]
struct Noticed {
    /// The store answered since this was looked at last.
    is_answered: AtomicBool,
    /// Who does not answer this process.
    unreached: Mutex<BTreeSet<(String, u64)>>,
}

impl Cluster {
    /// A member that knows nobody yet, itself neither, before it [`run`](Cluster::run)s.
    pub fn new(me: Member, bus: Bus) -> Cluster {
        let (me, view) = (Arc::new(Mutex::new(me)), Watched::new(Arc::default()));
        let (words, noticed, alive, ailing) = Default::default();
        Cluster { me, view, words, noticed, bus, alive, ailing }
    }

    /// Registers the metrics of this member.
    pub fn observe(&self, metrics: &Metrics) {
        let (alive, ailing) = (self.alive.clone(), self.ailing.clone());
        metrics.register(|all| {
            let ours = all.sub_registry_with_prefix("natter_cluster");
            ours.register("members", "Members of the cluster that are believed alive", alive);
            ours.register("ailing", "Members that say of themselves that others should do their work", ailing);
        });
    }

    /// What is believed now.
    pub fn view(&self) -> Arc<View> {
        self.view.get()
    }

    /// When this start of a process was heard last; none if that is long ago, or never.
    pub fn heard(&self, boot: u64) -> Option<Instant> {
        self.words.lock().get(&boot).copied()
    }

    /// Tells when something else is believed.
    pub fn changes(&self) -> Watcher<Arc<View>> {
        self.view.watch()
    }

    /// Itself, as it says.
    pub fn me(&self) -> Member {
        self.me.lock().clone()
    }

    /// Whether a shard of a role should be this member's.
    pub fn is_mine(&self, role: &str, shard: Shard) -> bool {
        let me = self.me.lock();
        self.view.get().owner(role, shard).is_some_and(|owner| owner.name == me.name && owner.boot == me.boot)
    }

    /// From now on this member gets nothing new.
    pub fn drain(&self) {
        self.me.lock().is_draining = true;
        self.say(State::Draining);
    }

    /// The store of this process has answered something. Who never says so has none.
    pub fn answered(&self) {
        self.noticed.is_answered.store(true, Ordering::Relaxed);
    }

    /// Exactly these starts of processes do not answer this one, by their names.
    pub fn miss(&self, unreached: BTreeSet<(String, u64)>) {
        *self.noticed.unreached.lock() = unreached;
    }

    /// Resolves when it has listened long enough to believe in itself.
    pub async fn joined(&self) {
        let me = self.me();
        self.changes().until(|view| view.has(&me.name, me.boot)).await;
    }

    /// Listens for a while; then says that it lives, and believes what others say, until `stop`; then it says that it is gone.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = Box::pin(stop);
        let mut words = self.bus.subscribe(&Subject::Alive.to_string());
        let (began, mut heard, mut ticks) = (Instant::now(), Heard::default(), interval(LOOKS));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut health, mut looked, mut said) = (Health::default(), began, None::<(Alive, Instant)>);
        // Since when the bus is not reached; for how long it was not, until it is known what the others did meanwhile; until when this member
        // has nothing, as they took it for dead.
        let (mut cut_off, mut doubted, mut lapses) = (None::<Instant>, None::<Duration>, None::<Instant>);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                _ = ticks.tick() => {
                    self.words.lock().retain(|_, at| at.elapsed() < REMEMBERED);
                    if began.elapsed() < LISTENS {
                        continue;
                    }
                    // Who stood still himself has waited for nobody meanwhile.
                    let (passed, stood_still) = (looked.elapsed().min(LOOKS * 3 / 2), looked.elapsed() >= SILENCE);
                    looked = Instant::now();
                    if stood_still {
                        // What the others said meanwhile is on its way to it: as after a time without the bus, nobody is dead yet.
                        heard.reach(false, began.elapsed());
                        lapses = Some(looked + LOOKS);
                    }
                    self.look(&mut health, passed, &heard);
                    let word = self.word(&health);
                    if said.as_ref().is_none_or(|(last, at)| *last != word || at.elapsed() + LOOKS / 2 >= EVERY) {
                        self.bus.publish(&Subject::Alive.to_string(), Payload::of(Alive { reached_ms: heard.reached_ms(began.elapsed()), ..word.clone() }));
                        said = Some((word, Instant::now()));
                        let is_reached = timeout(ANSWER, self.bus.is_reached()).await.unwrap_or(false);
                        heard.reach(is_reached, began.elapsed());
                        cut_off = if is_reached { cut_off } else { cut_off.or(Some(looked)) };
                        if let Some(since) = cut_off.filter(|_| is_reached) {
                            (cut_off, doubted) = (None, Some(since.elapsed()).filter(|absence| *absence >= SILENCE));
                        }
                    }
                }
                word = next(&mut words) => match word {
                    Some(word) => {
                        self.words.lock().insert(word.boot, Instant::now());
                        // Whoever was on the bus all the time has missed this member; if nobody was, nobody did.
                        let was_there = |absence: &Duration| word.reached_ms >= (*absence + SLACK).as_millis() as u64;
                        if word.boot != self.me.lock().boot && doubted.as_ref().is_some_and(was_there) {
                            (doubted, lapses) = (None, Some(Instant::now() + LOOKS));
                        }
                        heard.hear(word, began.elapsed());
                    }
                    None => break,
                },
            }
            if began.elapsed() < LISTENS {
                continue;
            }
            // Itself it believes, whatever it heard or did not hear; but what it had another may have had meanwhile, so for a moment it has
            // nothing, and whoever remembers anything forgets it.
            heard.hear(self.word(&health), began.elapsed());
            let view = heard.view(began.elapsed());
            let has_lapsed = lapses.is_some_and(|until| Instant::now() < until);
            self.believe(if has_lapsed { view.without(&self.me()) } else { view });
        }
        self.say(State::Gone);
    }

    fn say(&self, state: State) {
        let word = self.me.lock().alive(state);
        self.bus.publish(&Subject::Alive.to_string(), Payload::of(word));
    }

    /// What it says of itself.
    fn word(&self, health: &Health) -> Alive {
        let me = self.me.lock();
        let word = me.alive(if me.is_draining { State::Draining } else { State::Ready });
        let unreached = self.noticed.unreached.lock();
        let unreached = unreached.iter().take(UNREACHED_MAX).map(|(name, boot)| Unreached { name: name.clone(), boot: *boot });
        Alive { is_well: health.is_well(), unreached: unreached.collect(), ..word }
    }

    /// Decides whether it ails.
    fn look(&self, health: &mut Health, passed: Duration, heard: &Heard) {
        let answered = self.noticed.is_answered.swap(false, Ordering::Relaxed);
        health.step(passed, answered, &self.word(health), heard.words());
        let is_ailing = health.is_ailing();
        if is_ailing == std::mem::replace(&mut self.me.lock().is_ailing, is_ailing) {
            return;
        }
        match is_ailing {
            true => tracing::error!(
                "this process is passed over: its store or most edges do not reach it, and others could do its work"
            ),
            false => tracing::info!("this process does its work again"),
        }
    }

    fn believe(&self, view: View) {
        self.alive.set(view.members().len() as i64);
        self.ailing.set(view.members().iter().filter(|member| member.is_ailing).count() as i64);
        if *self.view.get() == view {
            return;
        }
        let names = |ailing: bool| -> Vec<&str> {
            let members = view.members().iter().filter(|member| member.is_ailing || !ailing);
            members.map(|member| member.name.as_str()).collect()
        };
        tracing::info!(members = ?names(false), ailing = ?names(true), "the members of the cluster changed");
        self.view.set(Arc::new(view));
    }
}

// The next word that can be read; none when the bus is gone.
async fn next(words: &mut Subscription) -> Option<Alive> {
    loop {
        match words.next().await?.read::<Alive>() {
            Ok(word) => return Some(Alive::clone(&word)),
            Err(error) => tracing::warn!(%error, "a word of a member cannot be read"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;
    use tokio::time::sleep;

    use super::*;

    fn member(name: &str, boot: u64) -> Member {
        Member { name: name.into(), boot, roles: vec!["dialog".into()], ..Member::default() }
    }

    fn begin(bus: &Bus, name: &str, boot: u64) -> (Cluster, oneshot::Sender<()>, JoinHandle<()>) {
        let cluster = Cluster::new(member(name, boot), bus.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(cluster.clone().run(async move { drop(stopped.await) }));
        (cluster, stop, running)
    }

    fn names(cluster: &Cluster) -> Vec<String> {
        cluster.view().members().iter().map(|member| member.name.clone()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn members_find_each_other_and_who_leaves_or_dies_is_missed() {
        let bus = Bus::local();
        let (a, _stop_a, _running_a) = begin(&bus, "a", 1);
        assert!(names(&a).is_empty() && !a.is_mine("dialog", Shard(1)), "it listens first");
        a.joined().await;
        assert_eq!(names(&a), ["a"]);
        let (b, stop_b, running_b) = begin(&bus, "b", 1);
        let (c, _stop_c, running_c) = begin(&bus, "c", 1);
        sleep(Duration::from_secs(2)).await;
        assert_eq!((names(&a), names(&b), names(&c)), (names(&c), names(&c), vec!["a".into(), "b".into(), "c".into()]));
        // A word of its own, and nobody waits.
        drop(stop_b);
        running_b.await.ok();
        sleep(Duration::from_millis(10)).await;
        assert_eq!(names(&a), ["a", "c"]);
        // Without a word.
        running_c.abort();
        sleep(Duration::from_secs(2)).await;
        assert_eq!(names(&a), ["a", "c"]);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(names(&a), ["a"]);
    }

    #[tokio::test(start_paused = true)]
    async fn every_shard_is_of_one_and_of_who_drains_none() {
        let bus = Bus::local();
        let (a, _stop_a, _running_a) = begin(&bus, "a", 1);
        let (b, _stop_b, _running_b) = begin(&bus, "b", 1);
        sleep(Duration::from_secs(2)).await;
        let of = |cluster: &Cluster| (0..1_000).filter(|shard| cluster.is_mine("dialog", Shard(*shard))).count();
        assert!(of(&a) > 400 && of(&b) > 400 && of(&a) + of(&b) == 1_000);
        let mut changes = a.changes();
        b.drain();
        changes.changed().await;
        assert_eq!(of(&a), 1_000);
    }

    /// The stores of these answer, until it is dropped.
    async fn are_answered(members: &[&Cluster]) {
        loop {
            members.iter().for_each(|member| member.answered());
            sleep(Duration::from_millis(100)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whose_store_is_silent_is_passed_over_by_all_until_it_answers_again() {
        let bus = Bus::local();
        let (a, _stop_a, _running_a) = begin(&bus, "a", 1);
        let (b, _stop_b, _running_b) = begin(&bus, "b", 1);
        let shards = |cluster: &Cluster| (0..1_000).filter(|shard| cluster.is_mine("dialog", Shard(*shard))).count();
        drop(timeout(Duration::from_secs(5), are_answered(&[&a, &b])).await);
        let before = (shards(&a), shards(&b));
        assert!(before.0 > 400 && before.0 + before.1 == 1_000);
        drop(timeout(Duration::from_millis(1_700), are_answered(&[&b])).await);
        assert_eq!((shards(&a), shards(&b)), before);
        drop(timeout(Duration::from_millis(700), are_answered(&[&b])).await);
        assert_eq!((shards(&a), shards(&b)), (0, 1_000));
        assert!(b.view().members()[0].is_ailing && b.heard(1).is_some());
        drop(timeout(Duration::from_secs(7), are_answered(&[&a, &b])).await);
        assert_eq!((shards(&a), shards(&b)), before);
        // All at once: nothing moves.
        let mut changes = a.changes();
        assert!(timeout(Duration::from_secs(10), changes.changed()).await.is_err());
        drop(timeout(Duration::from_secs(10), are_answered(&[&a, &b])).await);
        assert_eq!((shards(&a), shards(&b)), before);
        assert!(timeout(Duration::ZERO, changes.changed()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn who_stood_still_for_so_long_that_others_took_over_has_nothing_for_a_moment() {
        let bus = Bus::local();
        let a = Cluster::new(member("a", 1), bus.clone());
        let (b, _stop_b, _running_b) = begin(&bus, "b", 1);
        let mut running = Box::pin(a.clone().run(std::future::pending()));
        let shards = |cluster: &Cluster| (0..1_000).filter(|shard| cluster.is_mine("dialog", Shard(*shard))).count();
        assert!(timeout(Duration::from_secs(2), &mut running).await.is_err());
        let before = shards(&a);
        assert!(before > 400);
        for (still, has_lapsed) in [(1, false), (4, true)] {
            sleep(Duration::from_secs(still)).await;
            assert_eq!(shards(&b) == 1_000, has_lapsed);
            assert!(timeout(Duration::from_millis(1), &mut running).await.is_err());
            assert_eq!(shards(&a), if has_lapsed { 0 } else { before });
            assert_eq!(names(&a).len(), if has_lapsed { 1 } else { 2 }, "the other one is not taken for dead");
            assert!(timeout(Duration::from_millis(600), &mut running).await.is_err());
            assert_eq!((shards(&a), shards(&b)), (before, 1_000 - before));
        }
    }

    /// A bus that is reached or not.
    struct Way(AtomicBool, Mutex<Vec<Bus>>);

    impl natter_bus::Ways for Way {
        fn heard_by(&self) -> Vec<(Bus, Duration)> {
            self.1.lock().iter().map(|bus| (bus.clone(), Duration::ZERO)).collect()
        }

        fn is_reached(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_off_the_bus_alone_and_for_long_has_nothing_for_a_moment_when_he_is_back() {
        let way = Arc::new(Way(AtomicBool::new(true), Mutex::default()));
        let bus = Bus::apart(way.clone());
        way.1.lock().push(bus.clone());
        let (a, _stop, _running) = begin(&bus, "a", 1);
        a.joined().await;
        for (off_s, there_ms, has_lapsed) in [(1, 60_000, false), (6, 4_000, false), (6, 60_000, true)] {
            way.0.store(false, Ordering::Relaxed);
            sleep(Duration::from_secs(off_s)).await;
            assert!(names(&a).contains(&"a".to_owned()), "it keeps what it believes");
            way.0.store(true, Ordering::Relaxed);
            sleep(Duration::from_millis(600)).await;
            // Heard by this process only.
            let word = Alive { reached_ms: there_ms, ..member("b", 7).alive(State::Ready) };
            bus.publish(&Subject::Alive.to_string(), Payload::of(word));
            sleep(Duration::from_millis(50)).await;
            assert_eq!(!names(&a).contains(&"a".to_owned()), has_lapsed, "{off_s} s, {there_ms} ms");
            sleep(Duration::from_secs(1)).await;
            assert!(names(&a).contains(&"a".to_owned()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whom_most_edges_miss_is_passed_over() {
        let bus = Bus::local();
        let (a, _stop_a, _running_a) = begin(&bus, "a", 1);
        let (b, _stop_b, _running_b) = begin(&bus, "b", 1);
        let edge = |name: &str| {
            let edge = Cluster::new(Member { roles: vec!["edge".into()], ..member(name, 1) }, bus.clone());
            tokio::spawn(edge.clone().run(std::future::pending()));
            edge
        };
        let edges = ["e1", "e2", "e3"].map(edge);
        drop(timeout(Duration::from_secs(5), are_answered(&[&a, &b])).await);
        for (missing, is_passed_over) in [(1, false), (2, true), (3, true)] {
            edges[..missing].iter().for_each(|edge| edge.miss(BTreeSet::from([("a".to_owned(), 1), ("gone".to_owned(), 7)])));
            drop(timeout(Duration::from_millis(1_100), are_answered(&[&a, &b])).await);
            assert_eq!((0..100).all(|shard| b.is_mine("dialog", Shard(shard))), is_passed_over, "{missing}");
        }
        edges.iter().for_each(|edge| edge.miss(BTreeSet::new()));
        drop(timeout(Duration::from_secs(7), are_answered(&[&a, &b])).await);
        assert!((0..100).any(|shard| a.is_mine("dialog", Shard(shard))));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_started_again_takes_the_place_of_the_one_before() {
        let bus = Bus::local();
        let (a, _stop_a, _running_a) = begin(&bus, "a", 1);
        let (_, _stop_b, running_b) = begin(&bus, "b", 1);
        sleep(Duration::from_secs(2)).await;
        running_b.abort();
        let (_, _stop_b, _running_b) = begin(&bus, "b", 2);
        sleep(Duration::from_millis(1_600)).await;
        assert!(a.view().has("b", 2) && !a.view().has("b", 1));
    }
}
