//! Metrics of the certificates, names `natter_tls_...`.

use std::collections::BTreeMap;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

/// Longest name that becomes a label, bytes: that of a DNS name (RFC 1035, 2.3.4).
const NAME_BYTES_MAX: usize = 253;

#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    ends: Family<Name, Gauge>,
    refused: Gauge,
    pub reloaded: Counter,
    pub failed: Counter,
}

/// There are as many as certificates in the settings, and one more.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Name {
    name: String,
}

impl Metrics {
    pub(super) fn new(telemetry: &natter_telemetry::Metrics) -> Metrics {
        let metrics = Metrics::default();
        let m = metrics.clone();
        telemetry.register(|registry| {
            let tls = registry.sub_registry_with_prefix("natter_tls");
            tls.register("certificate_ends_seconds", "Unix time of a certificate's end, by its first DNS name", m.ends);
            tls.register("certificates_refused", "Certificates whose files cannot be used; the earlier ones stay", m.refused);
            tls.register("reloads", "Changed certificates that are shown", m.reloaded);
            tls.register("reloads_failed", "Changed certificates that cannot be used", m.failed);
        });
        metrics
    }

    pub(super) fn refused(&self, count: usize) {
        self.refused.set(count.try_into().unwrap_or(i64::MAX));
    }

    /// First DNS name and end of every certificate shown. Of two with the same name the earlier end is what matters.
    pub(super) fn ends<'a>(&self, certificates: impl Iterator<Item = (Option<&'a str>, i64)>) {
        let mut ends = BTreeMap::new();
        for (name, at) in certificates {
            let name = name.unwrap_or("none");
            let end = ends.entry(&name[..name.floor_char_boundary(NAME_BYTES_MAX)]).or_insert(at);
            *end = at.min(*end);
        }
        self.ends.clear();
        for (name, at) in ends {
            self.ends.get_or_create(&Name { name: name.to_owned() }).set(at);
        }
    }
}
