//! What happened in a life, with its time: for comparing two lives of one seed, and for the story of one that failed.

use std::fmt::Display;
use std::sync::Arc;

use tokio::time::Instant;

use crate::simulation::cluster::lock::Lock;

/// Clones are the same.
#[derive(Clone)]
pub struct Trace {
    lines: Arc<Lock<Vec<String>>>,
    began: Instant,
    /// Every call, frame and request; else only what befell whom.
    is_whole: bool,
}

impl Trace {
    pub fn new(is_whole: bool) -> Trace {
        Trace { lines: Arc::new(Lock::new(Vec::new())), began: Instant::now(), is_whole }
    }

    /// Something that befell somebody.
    pub fn note(&self, event: impl Display) {
        let time = self.began.elapsed().as_micros();
        self.lines.with(|lines| lines.push(format!("{:>6}.{:03} ms {event}", time / 1_000, time % 1_000)));
    }

    /// Something that happens all the time.
    pub fn say(&self, event: impl FnOnce() -> String) {
        if self.is_whole {
            self.note(event());
        }
    }

    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.with(|lines| lines.clone())
    }
}
