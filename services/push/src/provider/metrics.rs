//! Every metric of the ways to the providers: `natter_push_...`.

use std::time::Duration;

use natter_telemetry::Metrics as Registry;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use super::alert::Channel;
use super::outcome::Outcome;

/// The metrics; clones count into the same.
#[derive(Clone)]
pub(super) struct Metrics {
    sent: Family<Labels, Counter>,
    seconds: Family<ChannelLabels, Histogram, fn() -> Histogram>,
    shortened: Family<ChannelLabels, Counter>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Labels {
    channel: Name,
    outcome: End,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct ChannelLabels {
    channel: Name,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, EncodeLabelValue)]
enum Name {
    Apns,
    ApnsVoip,
    Fcm,
    Web,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, EncodeLabelValue)]
enum End {
    Accepted,
    Rejected,
    Refused,
    Credentials,
    Later,
}

/// From a provider next door to one that is given up.
const SECONDS: [f64; 9] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

impl Metrics {
    /// Metrics that show up in `registry`.
    pub fn new(registry: &Registry) -> Metrics {
        let seconds = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        let metrics = Metrics { sent: Family::default(), seconds, shortened: Family::default() };
        registry.register(|root| {
            let ours = root.sub_registry_with_prefix("natter_push");
            ours.register("sent", "Alerts handed to a provider, by what became of them", metrics.sent.clone());
            ours.register("request_seconds", "Time until a provider answered or was given up", metrics.seconds.clone());
            ours.register("shortened", "Alerts whose text did not fit", metrics.shortened.clone());
        });
        metrics
    }

    pub fn ended(&self, channel: Channel, outcome: &Outcome) {
        let outcome = match outcome {
            Outcome::Accepted { .. } => End::Accepted,
            Outcome::Rejected(_) => End::Rejected,
            Outcome::Refused { .. } => End::Refused,
            Outcome::Credentials { .. } => End::Credentials,
            Outcome::Later { .. } => End::Later,
        };
        self.sent.get_or_create(&Labels { channel: channel.into(), outcome }).inc();
    }

    pub fn asked(&self, channel: Channel, time: Duration) {
        self.seconds.get_or_create(&ChannelLabels { channel: channel.into() }).observe(time.as_secs_f64());
    }

    pub fn shortened(&self, channel: Channel) {
        self.shortened.get_or_create(&ChannelLabels { channel: channel.into() }).inc();
    }
}

impl From<Channel> for Name {
    fn from(channel: Channel) -> Name {
        match channel {
            Channel::Apns => Name::Apns,
            Channel::ApnsVoip => Name::ApnsVoip,
            Channel::Fcm => Name::Fcm,
            Channel::Web => Name::Web,
        }
    }
}
