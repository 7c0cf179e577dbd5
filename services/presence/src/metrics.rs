//! The metrics of presence: `natter_presence_...`.

use natter_telemetry::Metrics;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

/// Counters and gauges; clones count together.
#[derive(Clone, Default)]
pub(crate) struct Meters {
    pub sessions: Gauge,
    pub rooms: Gauge,
    pub told: Counter,
    pub untold: Counter,
    pub edge_frames: Counter,
    pub debts_left: Counter,
    pub debts_taken: Counter,
    pub debts_expired: Counter,
}

impl Meters {
    pub fn new(metrics: &Metrics) -> Meters {
        let meters = Meters::default();
        metrics.register(|all| {
            let ours = all.sub_registry_with_prefix("natter_presence");
            ours.register("sessions", "Sessions announced and not ended", meters.sessions.clone());
            ours.register("rooms", "Rooms of dialogs with somebody in them", meters.rooms.clone());
            ours.register("told", "Frames taken from the owners of dialogs", meters.told.clone());
            ours.register("untold", "Frames of which no user had a session", meters.untold.clone());
            ours.register("edge_frames", "Frames passed to an edge", meters.edge_frames.clone());
            ours.register("debts_left", "Sessions that died and left a debt", meters.debts_left.clone());
            ours.register("debts_taken", "Debts given to a returning session", meters.debts_taken.clone());
            ours.register("debts_expired", "Debts nobody came for in time", meters.debts_expired.clone());
        });
        meters
    }
}
