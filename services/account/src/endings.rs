//! Users and apps whose sessions are to end, until the walk has told the edges. A hint: the walk tells again while sessions stay. What
//! an operator expels is told once; who finds it there still ends it again.

use natter_proto::event::v1::Expelled;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Most endings that wait. What is over it is told by its erasure, or with the suspended apps.
const WAITING_MAX: usize = 10_000;

/// What waits to be told.
#[derive(Default)]
pub struct Endings {
    waiting: Mutex<Vec<Ending>>,
    told: Notify,
}

/// Whose sessions end.
pub enum Ending {
    /// A user's, or with user 0 an app's: they may be connected no more.
    Over(u64, u64),
    /// Some of a user, who may come back.
    Expelled(Expelled),
}

impl Endings {
    /// A user has ended, or with user 0 an app is open no more.
    pub fn tell(&self, app: u64, user: u64) {
        self.add(Ending::Over(app, user));
    }

    /// Some sessions of a user have ended.
    pub fn expel(&self, expelled: Expelled) {
        self.add(Ending::Expelled(expelled));
    }

    fn add(&self, ending: Ending) {
        let mut waiting = self.waiting.lock();
        if waiting.len() < WAITING_MAX {
            waiting.push(ending);
        }
        self.told.notify_one();
    }

    /// All that wait.
    pub fn take(&self) -> Vec<Ending> {
        std::mem::take(&mut *self.waiting.lock())
    }

    /// Resolves when something was told since it resolved the last time.
    pub async fn some(&self) {
        self.told.notified().await;
    }
}
