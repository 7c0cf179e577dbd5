//! The handle of whoever has messages in hand.

use std::collections::BTreeSet;
use std::future::Future;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use natter_actor::Clock;
use natter_bus::{Bus, Payload};
use natter_proto::subject::Subject;
use natter_proto::trace::v1::{Hop, Hops, Kind, Switches};
use natter_proto::{AppId, DialogId};
use natter_telemetry::Metrics;
use parking_lot::{Mutex, RwLock};
use prometheus_client::metrics::counter::Counter;
use tokio::time::sleep;

use crate::choice::is_chosen;
use crate::options::Options;

/// Where a message is: its dialog and its number there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    pub app: AppId,
    pub dialog: DialogId,
    pub seq: u64,
}

/// Notes hops. Clone; clones share what waits. By default it notes nothing.
#[derive(Clone, Default)]
pub struct Recorder(Option<Named>);

#[derive(Clone)]
struct Named {
    node: Arc<str>,
    shared: Arc<Shared>,
}

struct Shared {
    one_in: u32,
    waiting_max: usize,
    bus: Bus,
    clock: Clock,
    waiting: Mutex<Vec<Hop>>,
    switched: RwLock<BTreeSet<u64>>,
    /// Whether `switched` holds any: asked of every message.
    is_any_switched: AtomicBool,
    dropped: Counter,
}

/// How often hops are published.
const EVERY: Duration = Duration::from_millis(200);
const TIMES_A_SECOND: usize = 5;
/// Apps heard of at once that are not traced by lot. More are as good as none.
const SWITCHED_MAX: usize = 10_000;

impl Recorder {
    /// One that notes for `node`, until somebody names it otherwise.
    pub fn new(options: &Options, node: &str, bus: Bus, clock: Clock, metrics: &Metrics) -> Recorder {
        let dropped = Counter::default();
        metrics.register(|all| {
            let help = "Hops of messages that were dropped because too many waited";
            all.sub_registry_with_prefix("natter_trace").register("dropped", help, dropped.clone());
        });
        let shared = Shared {
            one_in: options.one_in,
            waiting_max: (options.hops_per_s_max / TIMES_A_SECOND).max(1),
            bus,
            clock,
            waiting: Mutex::default(),
            switched: RwLock::default(),
            is_any_switched: AtomicBool::new(false),
            dropped,
        };
        Recorder(Some(Named { node: node.into(), shared: Arc::new(shared) }))
    }

    /// The same under another name.
    pub fn named(&self, node: &str) -> Recorder {
        Recorder(self.0.as_ref().map(|named| Named { node: node.into(), shared: named.shared.clone() }))
    }

    /// Whether the message leaves a trace. One without a number leaves none.
    pub fn wants(&self, place: Place) -> bool {
        let Some(Named { shared, .. }) = &self.0 else { return false };
        place.seq > 0 && (is_chosen(place.dialog, place.seq, shared.one_in) || shared.is_switched(place.app))
    }

    /// Notes a hop, at `at` (unix milliseconds) or now. The rest of it is in `hop`. For messages that it [`wants`](Recorder::wants).
    pub fn note(&self, kind: Kind, at: Option<i64>, place: Place, hop: Hop) {
        let Some(Named { node, shared }) = &self.0 else { return };
        let mut waiting = shared.waiting.lock();
        if waiting.len() >= shared.waiting_max {
            shared.dropped.inc();
            return;
        }
        waiting.push(Hop {
            app: place.app.0,
            dialog: place.dialog.to_vec(),
            seq: place.seq,
            at: at.unwrap_or_else(|| shared.clock.now_ms()),
            kind: kind.into(),
            node: node.to_string(),
            ..hop
        });
    }

    /// Publishes what is noted, and hears which apps are switched on, until `stop`; then once more.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let Some(Named { shared, .. }) = &self.0 else { return stop.await };
        tokio::select! {
            biased;
            () = stop => {}
            () = shared.hear() => {}
            () = shared.publish_ever() => {}
        }
        shared.publish();
    }
}

impl Shared {
    fn is_switched(&self, app: AppId) -> bool {
        self.is_any_switched.load(Ordering::Relaxed) && self.switched.read().contains(&app.0)
    }

    async fn publish_ever(&self) {
        loop {
            sleep(EVERY).await;
            self.publish();
        }
    }

    fn publish(&self) {
        let hops = mem::take(&mut *self.waiting.lock());
        if !hops.is_empty() {
            self.bus.publish(&Subject::Hops.to_string(), Payload::of(Hops { hops }));
        }
    }

    async fn hear(&self) {
        let mut told = self.bus.subscribe(&Subject::Traced.to_string());
        while let Some(payload) = told.next().await {
            match payload.read::<Switches>() {
                Ok(switches) => {
                    let apps: BTreeSet<u64> = switches.apps.iter().copied().take(SWITCHED_MAX).collect();
                    self.is_any_switched.store(!apps.is_empty(), Ordering::Relaxed);
                    *self.switched.write() = apps;
                }
                Err(error) => tracing::warn!(%error, "cannot read which apps are traced"),
            }
        }
        // The bus is gone: what was heard last holds, and hops are told to nobody.
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::time::timeout;

    const PLACE: Place = Place { app: AppId(9), dialog: DialogId([3; 12]), seq: 1 };

    fn recorder(one_in: u32, bus: &Bus) -> Recorder {
        let options = Options { one_in, hops_per_s_max: 10 };
        Recorder::new(&options, "node-1", bus.clone(), Clock::paused(1_800_000_000_000), &Metrics::new())
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_noted_is_published_and_bounded() {
        let bus = Bus::local();
        let (recorder, mut told) = (recorder(1, &bus), bus.subscribe(&Subject::Hops.to_string()));
        for user in 1..=5 {
            recorder.named("edge-1").note(Kind::Written, Some(7), PLACE, Hop { user, ..Hop::default() });
        }
        recorder.run(sleep(EVERY * 2)).await;
        let hops = told.next().await.unwrap().read::<Hops>().unwrap();
        let hop = |user| Hop {
            app: 9,
            dialog: vec![3; 12],
            seq: 1,
            at: 7,
            kind: Kind::Written.into(),
            node: "edge-1".into(),
            user,
            ..Hop::default()
        };
        assert_eq!(hops.hops, [hop(1), hop(2)], "two in a fifth of a second");
        assert_eq!(recorder.0.as_ref().unwrap().shared.dropped.get(), 3);
        recorder.note(Kind::Read, None, PLACE, Hop::default());
        recorder.run(async {}).await;
        let last = told.next().await.unwrap().read::<Hops>().unwrap();
        assert_eq!((last.hops.len(), last.hops[0].at), (1, 1_800_000_000_400), "the end publishes what is left");
    }

    #[tokio::test(start_paused = true)]
    async fn an_app_is_switched_on_and_off() {
        let bus = Bus::local();
        let recorder = recorder(0, &bus);
        assert!(!recorder.wants(PLACE));
        let told = async {
            for (apps, wanted) in [(vec![8, 9], true), (vec![8], false), (vec![9], true), (vec![], false)] {
                sleep(Duration::from_millis(10)).await;
                bus.publish(&Subject::Traced.to_string(), Payload::of(Switches { apps }));
                sleep(Duration::from_millis(10)).await;
                assert_eq!(recorder.wants(PLACE), wanted);
                assert!(!recorder.wants(Place { seq: 0, ..PLACE }), "a message outside the log has no place");
            }
        };
        timeout(Duration::from_secs(1), recorder.run(told)).await.unwrap();
        assert!(!Recorder::default().wants(PLACE));
    }
}
