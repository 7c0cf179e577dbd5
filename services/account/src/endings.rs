//! Users and apps whose sessions are to end, until the walk has told the edges. A hint: the walk tells again while sessions stay.

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Most endings that wait. What is over it is told by its erasure, or with the suspended apps.
const WAITING_MAX: usize = 10_000;

/// What waits to be told.
#[derive(Default)]
pub struct Endings {
    waiting: Mutex<Vec<(u64, u64)>>,
    told: Notify,
}

impl Endings {
    /// A user has ended, or with user 0 an app is open no more.
    pub fn tell(&self, app: u64, user: u64) {
        let mut waiting = self.waiting.lock();
        if waiting.len() < WAITING_MAX {
            waiting.push((app, user));
        }
        self.told.notify_one();
    }

    /// All that wait.
    pub fn take(&self) -> Vec<(u64, u64)> {
        std::mem::take(&mut *self.waiting.lock())
    }

    /// Resolves when something was told since it resolved the last time.
    pub async fn some(&self) {
        self.told.notified().await;
    }
}
