//! One member: what it says of itself, and what it believes of all.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use natter_actor::{Watched, Watcher};
use natter_bus::{Bus, Payload, Subscription};
use natter_proto::cluster::v1::{Alive, State};
use natter_proto::subject::Subject;
use natter_telemetry::Metrics;
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::shard::Shard;
use crate::view::{Heard, Member, View};

/// How often a member says that it lives.
const EVERY: Duration = Duration::from_millis(500);
/// How long a member only listens when it begins: it must not take for its own what others have that it has not heard of yet.
const LISTENS: Duration = Duration::from_millis(1_200);
/// How long the last word of a process is known: far longer than it takes to believe it dead.
const REMEMBERED: Duration = Duration::from_secs(30);
/// How long an answer of the bus is waited for.
const ANSWER: Duration = Duration::from_secs(1);

/// The view of one member. Clone; clones share it.
#[derive(Clone)]
pub struct Cluster {
    me: Arc<Mutex<Member>>,
    view: Watched<Arc<View>>,
    /// When each start of a process said last that it lives.
    words: Arc<Mutex<BTreeMap<u64, Instant>>>,
    bus: Bus,
    alive: Gauge,
}

impl Cluster {
    /// A member that knows nobody yet, itself neither, before it [`run`](Cluster::run)s.
    pub fn new(me: Member, bus: Bus) -> Cluster {
        let (me, view) = (Arc::new(Mutex::new(me)), Watched::new(Arc::default()));
        Cluster { me, view, words: Arc::default(), bus, alive: Gauge::default() }
    }

    /// Registers the metrics of this member.
    pub fn observe(&self, metrics: &Metrics) {
        let alive = self.alive.clone();
        metrics.register(|all| {
            let ours = all.sub_registry_with_prefix("natter_cluster");
            ours.register("members", "Members of the cluster that are believed alive", alive);
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

    /// Resolves when it has listened long enough to believe in itself.
    pub async fn joined(&self) {
        let me = self.me();
        self.changes().until(|view| view.has(&me.name, me.boot)).await;
    }

    /// Listens for a while; then says that it lives, and believes what others say, until `stop`; then it says that it is gone.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = Box::pin(stop);
        let mut words = self.bus.subscribe(&Subject::Alive.to_string());
        let (began, mut heard, mut ticks) = (Instant::now(), Heard::default(), interval(EVERY));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                _ = ticks.tick() => {
                    self.words.lock().retain(|_, at| at.elapsed() < REMEMBERED);
                    if began.elapsed() < LISTENS {
                        continue;
                    }
                    self.say(if self.me.lock().is_draining { State::Draining } else { State::Ready });
                    let is_reached = timeout(ANSWER, self.bus.is_reached()).await.unwrap_or(false);
                    heard.reach(is_reached, began.elapsed());
                }
                word = next(&mut words) => match word {
                    Some(word) => {
                        self.words.lock().insert(word.boot, Instant::now());
                        heard.hear(word, began.elapsed());
                    }
                    None => break,
                },
            }
            if began.elapsed() < LISTENS {
                continue;
            }
            // Itself it believes, whatever it heard or did not hear.
            let me = self.me.lock().clone();
            heard.hear(me.alive(if me.is_draining { State::Draining } else { State::Ready }), began.elapsed());
            self.believe(heard.view(began.elapsed()));
        }
        self.say(State::Gone);
    }

    fn say(&self, state: State) {
        let word = self.me.lock().alive(state);
        self.bus.publish(&Subject::Alive.to_string(), Payload::of(word));
    }

    fn believe(&self, view: View) {
        self.alive.set(view.members().len() as i64);
        if *self.view.get() == view {
            return;
        }
        let names: Vec<&str> = view.members().iter().map(|member| member.name.as_str()).collect();
        tracing::info!(members = ?names, "the members of the cluster changed");
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
