//! What the console is told of this process: its version, the settings in force, and what `natter doctor` sees.

use std::sync::Arc;

use natter_console::{Check, Examined, Setting, SystemFacts};
use tokio::runtime::Handle;

use crate::config::{Config, Loaded, Origin};
use crate::doctor::{self, Report};

/// The facts, with a look at the machine for each time that somebody asks. Call it within the runtime.
pub fn facts(loaded: &Loaded) -> SystemFacts {
    let of_loaded = loaded.settings().unwrap_or_default();
    let settings = of_loaded.into_iter().map(|(path, value, origin)| Setting {
        path,
        value,
        is_default: origin == Origin::Default,
        origin: origin.to_string(),
    });
    let (config, runtime) = (Arc::new(loaded.config.clone()), Handle::current());
    SystemFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        settings: settings.collect(),
        examine: Arc::new(move || Box::pin(examine(config.clone(), runtime.clone()))),
    }
}

// Files are read and ports called on a thread of its own.
async fn examine(config: Arc<Config>, runtime: Handle) -> Examined {
    let looking = runtime.clone().spawn_blocking(move || runtime.block_on(doctor::examine(Ok(&config))));
    let at = doctor::now();
    Examined { at, checks: looking.await.as_ref().map(checks).unwrap_or_default() }
}

fn checks(report: &Report) -> Vec<Check> {
    let lines = report.lines().iter();
    lines.map(|line| Check { name: line.check, verdict: line.verdict.word(), text: line.text.clone() }).collect()
}
