//! Who listens to what, within one process.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use prometheus_client::metrics::counter::Counter;
use tokio::time::Instant;

use crate::inbox::Inbox;
use crate::payload::Payload;

/// The topics of a local bus. Reached through [`crate::Bus`] only.
#[derive(Default)]
pub struct Topics {
    /// Lists are replaced, never changed, so that a publisher holds no lock while it delivers. The map is never iterated
    /// where its order could be seen.
    listeners: RwLock<HashMap<String, Arc<Vec<Arc<Inbox>>>>>,
    pub(crate) dropped: Counter,
}

impl Topics {
    pub(crate) fn publish(&self, subject: &str, payloads: &[Payload]) {
        for inbox in self.listeners(subject).iter() {
            self.deliver(inbox, payloads, None);
        }
    }

    /// Adds to one inbox and counts what found no room.
    pub(crate) fn deliver(&self, inbox: &Inbox, payloads: &[Payload], due: Option<Instant>) {
        self.dropped.inc_by(inbox.push(payloads, due));
    }

    /// The inboxes of a subject, in the order of their subscriptions.
    pub(crate) fn listeners(&self, subject: &str) -> Arc<Vec<Arc<Inbox>>> {
        self.listeners.read().get(subject).cloned().unwrap_or_default()
    }

    pub(crate) fn add(&self, subject: &str, inbox: Arc<Inbox>) {
        let mut listeners = self.listeners.write();
        Arc::make_mut(listeners.entry(subject.to_owned()).or_default()).push(inbox);
    }

    pub(crate) fn remove(&self, subject: &str, inbox: &Arc<Inbox>) {
        let mut listeners = self.listeners.write();
        let Some(inboxes) = listeners.get_mut(subject) else { return };
        Arc::make_mut(inboxes).retain(|other| !Arc::ptr_eq(other, inbox));
        if inboxes.is_empty() {
            listeners.remove(subject);
        }
    }
}

impl Drop for Topics {
    fn drop(&mut self) {
        for inbox in self.listeners.get_mut().values().flat_map(|inboxes| inboxes.iter()) {
            inbox.close();
        }
    }
}
