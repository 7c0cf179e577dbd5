//! What lies between the processes: calls, and the bus. Both delay and lose by the seed, and both can be cut, each by itself.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use natter_actor::{Chance, Watched, Watcher};
use natter_bus::{Bus, Ways};
use natter_rpc::{About, Answered, Call, Carrier, Link, LinkOptions, Place, Places, Routes, Status, Tls};
use tokio::time::sleep;

use crate::simulation::cluster::lock::Lock;
use crate::simulation::cluster::trace::Trace;

/// A connection that is not made is given up after this time, one that fell silent after that.
const CONNECT: Duration = Duration::from_secs(1);
const SILENCE: Duration = Duration::from_secs(4);

/// How a process is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Life {
    Runs,
    StandsStill,
    Dead,
}

/// Runs something of a process as that runs: it waits while the process stands still, and is dropped when it dies.
pub async fn within<F: Future>(mut life: Watcher<Life>, future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut now = life.get();
    loop {
        now = match now {
            Life::Dead => return None,
            Life::StandsStill => life.changed().await,
            Life::Runs => tokio::select! {
                biased;
                changed = life.changed() => changed,
                output = &mut future => return Some(output),
            },
        }
    }
}

/// Of a thousand ways, and how long one takes at most.
#[derive(Clone, Copy, Default)]
pub struct Faults {
    pub lost_per_mille: u64,
    pub delay_max: Duration,
    pub unheard_per_mille: u64,
}

/// How much got lost.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Counts {
    pub calls_lost: usize,
    /// Of what was said on the bus, by hearers who lost it.
    pub frames_lost: usize,
}

#[derive(Clone)]
pub struct Net(Arc<Lock<State>>);

struct State {
    chance: Chance,
    faults: Faults,
    counts: Counts,
    trace: Trace,
    ends: Vec<End>,
    /// Pairs of processes that do not reach each other, the smaller one first.
    cuts: BTreeSet<(usize, usize)>,
}

struct End {
    life: Watched<Life>,
    bus: Bus,
    is_on_bus: bool,
    routes: Option<Routes>,
}

/// One way of a call.
enum Leg {
    Done,
    Lost,
    Cut,
}

impl Net {
    pub fn new(chance: Chance, trace: Trace) -> Net {
        let (faults, counts) = (Faults::default(), Counts::default());
        Net(Arc::new(Lock::new(State { chance, faults, counts, trace, ends: Vec::new(), cuts: BTreeSet::new() })))
    }

    pub fn set_faults(&self, faults: Faults) {
        self.0.with(|state| state.faults = faults);
    }

    /// A process begins at this place, or begins anew there.
    pub fn begin(&self, place: usize) -> (Watcher<Life>, Bus) {
        let life = Watched::new(Life::Runs);
        let lives = life.watch();
        let bus = Bus::apart(Arc::new(Mouth { net: self.clone(), place }));
        let end = End { life, bus: bus.clone(), is_on_bus: true, routes: None };
        self.0.with(|state| {
            if place < state.ends.len() {
                state.ends[place] = end;
            } else {
                assert_eq!(place, state.ends.len(), "places are taken in their order");
                state.ends.push(end);
            }
        });
        (lives, bus)
    }

    /// What the process there takes calls with.
    pub fn serve(&self, place: usize, routes: Routes) {
        self.0.with(|state| state.ends[place].routes = Some(routes));
    }

    pub fn set_life(&self, place: usize, life: Life) {
        self.0.with(|state| state.ends[place].life.set(life));
    }

    /// No call comes from one to the other, either way.
    pub fn cut(&self, one: usize, other: usize) {
        self.0.with(|state| state.cuts.insert((one.min(other), one.max(other))));
    }

    /// They do again.
    pub fn join(&self, one: usize, other: usize) {
        self.0.with(|state| state.cuts.remove(&(one.min(other), one.max(other))));
    }

    /// Whether the process hears others on the bus, and is heard.
    pub fn set_on_bus(&self, place: usize, is_on_bus: bool) {
        self.0.with(|state| state.ends[place].is_on_bus = is_on_bus);
    }

    /// Everybody reaches everybody.
    pub fn heal(&self) {
        self.0.with(|state| {
            state.cuts.clear();
            state.ends.iter_mut().for_each(|end| end.is_on_bus = true);
        });
    }

    /// Nobody is there any more. What they share refers to the net, and the net to them.
    pub fn end(&self) {
        self.0.with(|state| state.ends.drain(..).for_each(|end| end.life.set(Life::Dead)));
    }

    pub fn counts(&self) -> Counts {
        self.0.with(|state| state.counts)
    }

    fn life(&self, place: usize) -> Option<Watcher<Life>> {
        self.0.with(|state| state.ends.get(place).map(|end| end.life.watch()))
    }

    async fn leg(&self, from: usize, to: usize) -> Leg {
        let drawn = self.0.with(|state| {
            if state.cuts.contains(&(from.min(to), from.max(to))) {
                return None;
            }
            let is_lost = state.chance.below(1_000) < state.faults.lost_per_mille;
            state.counts.calls_lost += usize::from(is_lost);
            Some((is_lost, state.delay()))
        });
        match drawn {
            None => Leg::Cut,
            Some((true, _)) => Leg::Lost,
            Some((false, delay)) => {
                sleep(delay).await;
                Leg::Done
            }
        }
    }

    async fn carry(self, from: usize, to: usize, call: Call) -> Answered {
        let (path, trace) = (call.path().to_owned(), self.0.with(|state| state.trace.clone()));
        trace.say(|| format!("{from} calls {to}: {path}"));
        let answer = self.carried(from, to, call).await;
        trace.say(|| format!("{from} hears {to}: {path}: {:?}", answer.as_ref().map(|_| ()).map_err(Status::message)));
        answer
    }

    async fn carried(self, from: usize, to: usize, call: Call) -> Answered {
        match self.leg(from, to).await {
            Leg::Done => {}
            Leg::Cut => {
                sleep(CONNECT).await;
                return Err(Status::unavailable("cannot connect"));
            }
            Leg::Lost => return silence().await,
        }
        let there = self.0.with(|state| {
            let end = state.ends.get(to).filter(|end| end.life.get() != Life::Dead)?;
            Some((end.life.watch(), end.routes.clone()?))
        });
        let Some((life, routes)) = there else { return Err(Status::unavailable("nobody takes calls there")) };
        let Some(answer) = within(life, call.at(routes)).await else { return Err(Status::unknown("the connection was lost")) };
        match self.leg(to, from).await {
            Leg::Done => {}
            Leg::Cut | Leg::Lost => return silence().await,
        }
        // Who stands still hears it when he goes on.
        if let Some(life) = self.life(from) {
            within(life, async {}).await;
        }
        answer
    }
}

async fn silence() -> Answered {
    sleep(SILENCE).await;
    Err(Status::unknown("the connection fell silent"))
}

impl State {
    fn delay(&self) -> Duration {
        Duration::from_micros(self.chance.below(self.faults.delay_max.as_micros() as u64 + 1))
    }
}

/// From one process to another.
struct Way {
    net: Net,
    from: usize,
    to: usize,
}

impl Carrier for Way {
    fn carry(&self, call: Call) -> BoxFuture<'static, Answered> {
        Box::pin(self.net.clone().carry(self.from, self.to, call))
    }
}

/// What a process says on the bus.
struct Mouth {
    net: Net,
    place: usize,
}

impl Ways for Mouth {
    fn heard_by(&self) -> Vec<(Bus, Duration)> {
        self.net.0.with(|state| {
            if !state.ends.get(self.place).is_some_and(|end| end.is_on_bus) {
                return Vec::new();
            }
            let (mut heard, mut lost) = (Vec::new(), 0);
            for end in state.ends.iter().filter(|end| end.is_on_bus && end.life.get() != Life::Dead) {
                let is_lost = state.chance.below(1_000) < state.faults.unheard_per_mille;
                lost += usize::from(is_lost);
                let delay = state.delay();
                if !is_lost {
                    heard.push((end.bus.clone(), delay));
                }
            }
            state.counts.frames_lost += lost;
            state.trace.say(|| format!("{} says something to {}, {lost} lose it", self.place, heard.len()));
            heard
        })
    }

    fn is_reached(&self) -> bool {
        self.net.0.with(|state| state.ends.get(self.place).is_some_and(|end| end.is_on_bus))
    }
}

/// Places as the cluster sees them, on ways of this net.
pub struct OnNet {
    pub places: Arc<dyn Places>,
    pub net: Net,
    pub from: usize,
}

impl Places for OnNet {
    fn place(&self, about: &About) -> Place {
        self.places.place(about)
    }

    fn moved(&self) -> BoxFuture<'static, ()> {
        self.places.moved()
    }

    fn reach(&self, address: &str, _: Option<&Tls>, options: LinkOptions) -> Result<Link, natter_rpc::Error> {
        let place = address.strip_prefix("place:").and_then(|place| place.parse().ok());
        let to = place.ok_or_else(|| natter_rpc::Error::Address(address.to_owned()))?;
        Ok(Link::carried(Arc::new(Way { net: self.net.clone(), from: self.from, to }), options))
    }
}
