//! What webhooks of an app are told of a dialog: that it was made, is different, or is gone. Written to the durable log where an app wants
//! it, after the dialog was stored and before whoever asked for it is answered: a process that dies in between has told nothing of it.

use std::time::Duration;

use natter_proto::event::v1::{Posted, PostedNews};
use natter_proto::push::v1::WebhookEvent;
use prost::Message as _;

use crate::dialog::{Key, Kind};
use crate::shared::Shared;

/// How long the log may take: less than whoever asks waits for his answer.
const LOG_WAIT: Duration = Duration::from_secs(1);

/// Users that are named of those who came or went. There may be as many as a group has.
const NAMED_MAX: usize = 1_000;

/// What is different. References only: no name of anybody.
pub(super) struct News<'a> {
    pub event: WebhookEvent,
    /// The store's number of the dialog as it is now.
    pub version: u64,
    pub kind: Kind,
    pub added: &'a [u64],
    pub removed: &'a [u64],
}

/// Tells the log. What it does not take is not told: the dialog is as it is all the same.
pub(super) async fn tell(shared: &Shared, key: Key, news: News<'_>) {
    let event = news.event as u32;
    if !shared.posted.wants(key.app.0, event) {
        return;
    }
    let (at, detail) = (shared.clock.now_ms(), detail(&news));
    let posted =
        Posted { dialog: key.dialog.to_vec(), news: vec![PostedNews { event, user: 0, at, detail }], ..Posted::default() };
    let id = format!("dialog-{}-{event}-{}", key.dialog, news.version);
    shared.posted.tell_within(LOG_WAIT, key.app.0, &id, posted.encode_to_vec()).await;
}

// JSON of numbers alone, written by hand.
fn detail(news: &News<'_>) -> String {
    let list = |users: &[u64]| users.iter().take(NAMED_MAX).map(u64::to_string).collect::<Vec<_>>().join(",");
    let kind = match news.kind {
        Kind::Public => 1,
        Kind::Group => 2,
        Kind::Private => 3,
        Kind::Broadcast => 4,
    };
    format!(
        "{{\"dialog_type\":{kind},\"occupants_added\":[{}],\"occupants_removed\":[{}]}}",
        list(news.added),
        list(news.removed)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_different_is_told_in_numbers() {
        let (added, removed) = ([3, 4], []);
        let news = News { event: WebhookEvent::DialogUpdated, version: 1, kind: Kind::Group, added: &added, removed: &removed };
        assert_eq!(detail(&news), r#"{"dialog_type":2,"occupants_added":[3,4],"occupants_removed":[]}"#);
    }
}
