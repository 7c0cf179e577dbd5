//! What is asked and said per app, counted: requests at the doors, those that failed, messages. Of so many apps by name; the rest are one.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Apps that are told apart, in the order in which they came. A label must not grow with use.
const APPS_MAX: usize = 1_000;

/// The counters of a process. Clone; all clones count together.
#[derive(Clone, Default, Debug)]
pub struct Apps(Arc<Inner>);

#[derive(Default, Debug)]
struct Inner {
    requests: Family<App, Counter>,
    errors: Family<App, Counter>,
    messages: Family<App, Counter>,
    /// So that counting costs no label.
    known: RwLock<BTreeMap<u64, Counters>>,
}

#[derive(Clone, Default, Debug)]
struct Counters {
    requests: Counter,
    errors: Counter,
    messages: Counter,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct App {
    app: String,
}

impl Apps {
    /// One request of an app: over REST, or a stanza.
    pub fn request(&self, app: u64) {
        self.of(app).requests.inc();
    }

    /// One of them failed, by whosever fault.
    pub fn error(&self, app: u64) {
        self.of(app).errors.inc();
    }

    /// One message of an app was taken.
    pub fn message(&self, app: u64) {
        self.of(app).messages.inc();
    }

    pub(crate) fn register(&self, all: &mut Registry) {
        let ours = all.sub_registry_with_prefix("natter_app");
        ours.register("requests", "Requests of an app at this process: REST, and stanzas", self.0.requests.clone());
        ours.register("errors", "Requests of an app over REST that failed, by whosever fault", self.0.errors.clone());
        ours.register("messages", "Messages of an app that this process has ordered", self.0.messages.clone());
    }

    fn of(&self, app: u64) -> Counters {
        if let Some(counters) = self.0.known.read().get(&app) {
            return counters.clone();
        }
        let mut known = self.0.known.write();
        let is_told_apart = known.len() < APPS_MAX;
        let label = App { app: if is_told_apart { app.to_string() } else { "other".to_owned() } };
        let counters = Counters {
            requests: self.0.requests.get_or_create(&label).clone(),
            errors: self.0.errors.get_or_create(&label).clone(),
            messages: self.0.messages.get_or_create(&label).clone(),
        };
        if is_told_apart {
            known.insert(app, counters.clone());
        }
        counters
    }
}

#[cfg(test)]
mod tests {
    use crate::Metrics;

    #[test]
    fn each_of_a_thousand_apps_is_counted_by_name_and_the_rest_as_one() {
        let metrics = Metrics::new();
        for app in 1..=1_003 {
            metrics.apps().request(app);
            metrics.clone().apps().message(app);
        }
        metrics.apps().request(7);
        metrics.apps().error(7);
        let text = metrics.encode();
        for line in [
            "natter_app_requests_total{app=\"7\"} 2\n",
            "natter_app_errors_total{app=\"7\"} 1\n",
            "natter_app_messages_total{app=\"1000\"} 1\n",
            "natter_app_messages_total{app=\"other\"} 3\n",
        ] {
            assert!(text.contains(line), "{line}");
        }
        assert!(!text.contains("app=\"1001\""), "the label does not grow");
    }
}
