//! Every metric of the edge. Labels come from short fixed lists.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::stanza::Kind;

/// Counts of the chat door, names `natter_edge_...`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    /// Stanzas by app, beside what it asks for elsewhere.
    pub apps: natter_telemetry::Apps,
    pub connections: Gauge,
    pub accepted: Family<Door, Counter>,
    pub turned_away: Family<Why, Counter>,
    pub sessions: Gauge,
    pub sign_ins: Family<Outcome, Counter>,
    pub stanzas: Family<Stanza, Counter>,
    pub frames: Counter,
    pub frames_lost: Counter,
    pub cut_off: Counter,
    pub holes: Counter,
    pub streams_fetched: Counter,
    pub streams_unkept: Counter,
    pub calls_failed: Family<Call, Counter>,
}

macro_rules! label {
    ($name:ident, $field:ident) => {
        /// The one label of a family.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
        pub(crate) struct $name {
            pub $field: &'static str,
        }
    };
}
label!(Door, door);
label!(Why, why);
label!(Outcome, outcome);
label!(Stanza, kind);
label!(Call, call);

impl Metrics {
    pub(crate) fn new(telemetry: &natter_telemetry::Metrics) -> Metrics {
        let metrics = Metrics { apps: telemetry.apps(), ..Metrics::default() };
        let m = metrics.clone();
        telemetry.register(|registry| {
            let edge = registry.sub_registry_with_prefix("natter_edge");
            edge.register("connections", "Open connections", m.connections);
            edge.register("accepted", "Connections accepted, by door", m.accepted);
            edge.register("turned_away", "Connections closed before a session, by reason", m.turned_away);
            edge.register("sessions", "Bound sessions", m.sessions);
            edge.register("sign_ins", "Sign-ins, by outcome", m.sign_ins);
            edge.register("stanzas", "Stanzas received of sessions, by kind", m.stanzas);
            edge.register("frames", "Frames received for sessions here", m.frames);
            edge.register("frames_lost", "Frames a session could not take; history has what was stored", m.frames_lost);
            edge.register("cut_off", "Connections cut off because the client did not read", m.cut_off);
            edge.register("holes", "Holes in what a session was told, filled from history", m.holes);
            edge.register("streams_fetched", "Streams resumed here that another edge had", m.streams_fetched);
            edge.register("streams_unkept", "Streams that could not be kept for other edges", m.streams_unkept);
            edge.register("calls_failed", "Calls to other services that failed, by call", m.calls_failed);
        });
        metrics
    }

    pub(crate) fn turn_away(&self, why: &'static str) {
        self.turned_away.get_or_create(&Why { why }).inc();
    }

    pub(crate) fn sign_in(&self, outcome: &'static str) {
        self.sign_ins.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn call_failed(&self, call: &'static str) {
        self.calls_failed.get_or_create(&Call { call }).inc();
    }

    /// Counts a first-level element of a session.
    pub(crate) fn stanza(&self, kind: Kind) {
        self.stanzas.get_or_create(&Stanza { kind: kind.name() }).inc();
    }
}
