//! Tells the durable log of this process what of which app webhooks want, as the push service says again and again on the bus. A hint:
//! what is wanted from this moment on may be written from some seconds later on.

use natter_bus::{Bus, Log};
use natter_proto::push::v1::Wanted;
use natter_proto::subject::Subject;

/// Until it is dropped. Until the first word is heard, all of every app is wanted: nothing is missed because a process has just started.
/// A process begins so by itself, before anything is written.
pub async fn follow(posted: &Log, bus: &Bus) {
    let mut told = bus.subscribe(&Subject::Wanted.to_string());
    posted.heed_all();
    while let Some(payload) = told.next().await {
        match payload.read::<Wanted>() {
            Ok(wanted) => posted.heed(wanted.apps.iter().map(|app| (app.app, app.events))),
            Err(error) => tracing::warn!(%error, "cannot read what webhooks want"),
        }
    }
    // A bus that is gone tells nothing any more: what was heard holds.
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use natter_bus::Payload;
    use natter_db::{Kv, Table};
    use natter_proto::push::v1::WantedByApp;

    use super::*;

    #[tokio::test]
    async fn all_is_wanted_until_the_first_word_and_then_what_it_says() {
        let (bus, log) = (Bus::local(), Log::embedded(Kv::memory(), Table("posted"), 9));
        assert!(!log.wants(1, 2), "nobody listens");
        let mut following = Box::pin(follow(&log, &bus));
        assert_eq!((&mut following).now_or_never(), None);
        assert!(log.wants(1, 2) && log.wants(9, 9));
        let apps = vec![WantedByApp { app: 1, events: 0b101 }];
        bus.publish(&Subject::Wanted.to_string(), Payload::of(Wanted { apps }));
        assert_eq!((&mut following).now_or_never(), None);
        assert_eq!([0, 1, 2].map(|event| log.wants(1, event)), [true, false, true]);
        assert!(!log.wants(2, 0));
    }
}
