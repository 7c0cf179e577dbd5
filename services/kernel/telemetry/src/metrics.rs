//! The metrics of a process: registered by each service, read as text.

use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use crate::apps::Apps;
use crate::offenders::Offenders;

/// The registry of a process (in a test: of a node). Clone; all clones are the same registry.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Inner>);

#[derive(Default)]
struct Inner {
    registry: Mutex<Registry>,
    apps: OnceLock<Apps>,
    offenders: Offenders,
}

impl Metrics {
    /// The media type of [`Metrics::encode`].
    pub const CONTENT_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// An empty registry.
    pub fn new() -> Metrics {
        Metrics::default()
    }

    /// Lets a service register its metrics, under a prefix of its own:
    /// `metrics.register(|all| all.sub_registry_with_prefix("natter_edge").register("sessions", "..", sessions.clone()))`.
    pub fn register(&self, register: impl FnOnce(&mut Registry)) {
        register(&mut self.0.registry.lock());
    }

    /// What is counted by app, of all services together.
    pub fn apps(&self) -> Apps {
        let registered = || {
            let apps = Apps::default();
            apps.register(&mut self.0.registry.lock());
            apps
        };
        self.0.apps.get_or_init(registered).clone()
    }

    /// Who causes most, of all services together. It stands here because it goes where metrics go; it is none of them.
    pub fn offenders(&self) -> Offenders {
        self.0.offenders.clone()
    }

    /// All metrics as OpenMetrics text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.0.registry.lock()).expect("a string takes all that is written");
        text
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::metrics::counter::Counter;

    #[test]
    fn what_a_service_counts_is_read_under_its_prefix() {
        let (metrics, posts) = (Metrics::new(), Counter::<u64>::default());
        metrics.clone().register(|all| {
            all.sub_registry_with_prefix("natter_dialog").register("posts", "Messages stored", posts.clone());
        });
        posts.inc_by(3);
        let text = metrics.encode();
        assert!(text.contains("# HELP natter_dialog_posts Messages stored.\n"), "{text}");
        assert!(text.contains("natter_dialog_posts_total 3\n") && text.ends_with("# EOF\n"), "{text}");
    }
}
