//! What webhooks of an app are told of users who come and go: written to the durable log, where an app wants it. In the order in which it
//! happened, and not waited for: what is not written when the process dies is not told, as nothing of who is there outlives it.

use std::collections::VecDeque;
use std::time::Duration;

use natter_bus::Log;
use natter_proto::event::v1::{Posted, PostedNews};
use natter_proto::push::v1::WebhookEvent;
use parking_lot::Mutex;
use prost::Message as _;
use tokio::sync::Notify;

use crate::session::UserKey;

/// What waits to be written. Over it the oldest goes, and it is logged.
const WAITING_MAX: usize = 100_000;
/// What is written together, of one app.
const TOGETHER_MAX: usize = 256;
/// After a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// What waits to be written.
pub(crate) struct News {
    posted: Log,
    waiting: Mutex<VecDeque<(u64, PostedNews)>>,
    moved: Notify,
}

impl News {
    pub fn new(posted: Log) -> News {
        News { posted, waiting: Mutex::default(), moved: Notify::new() }
    }

    /// A user came, or (`online` false) is gone, at this moment.
    pub fn say(&self, user: UserKey, online: bool, at: i64) {
        let event = if online { WebhookEvent::UserOnline } else { WebhookEvent::UserOffline } as u32;
        if !self.posted.wants(user.app.0, event) {
            return;
        }
        let mut waiting = self.waiting.lock();
        if waiting.len() >= WAITING_MAX {
            waiting.pop_front();
            tracing::warn!("the durable log is slow: webhooks are not told of a user who came or went");
        }
        waiting.push_back((user.app.0, PostedNews { event, user: user.user.0, at, detail: String::new() }));
        self.moved.notify_one();
    }

    /// Writes what waits, for ever.
    pub async fn write(&self) {
        loop {
            let Some((app, news)) = self.next() else {
                self.moved.notified().await;
                continue;
            };
            let id =
                news.first().map_or_else(String::new, |first| format!("presence-{}-{}-{}", first.user, first.event, first.at));
            let value = Posted { news, ..Posted::default() }.encode_to_vec();
            while let Err(error) = self.tell(app, &id, value.clone()).await {
                tracing::warn!(app, %error, "the durable log was not told who came and went");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    async fn tell(&self, app: u64, id: &str, value: Vec<u8>) -> Result<(), natter_db::Error> {
        self.posted.ready().await?;
        self.posted.tell(app, id, value).await
    }

    /// The first of what waits, and what follows it of the same app.
    fn next(&self) -> Option<(u64, Vec<PostedNews>)> {
        let mut waiting = self.waiting.lock();
        let app = waiting.front()?.0;
        let mut news = Vec::new();
        while news.len() < TOGETHER_MAX
            && let Some((_, one)) = waiting.pop_front_if(|(of, _)| *of == app)
        {
            news.push(one);
        }
        Some((app, news))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use natter_db::{Kv, Table};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_comes_and_goes_is_written_in_order_where_an_app_wants_it() {
        let log = Log::embedded(Kv::memory(), Table("posted"), 9);
        let news = News::new(log.clone());
        news.say(UserKey::new(1, 34), true, 5);
        log.heed([(1, 1 << 7 | 1 << 8), (2, 1 << 8)]);
        for (app, user, online, at) in
            [(1, 34, true, 6), (1, 35, true, 7), (2, 36, true, 8), (2, 36, false, 9), (1, 34, false, 10)]
        {
            news.say(UserKey::new(app, user), online, at);
        }
        let written = tokio::time::timeout(Duration::from_secs(9), news.write());
        assert!(written.await.is_err(), "it never ends");
        let told = async |app| {
            let entries = log.read(app, 9).await.unwrap();
            let news = entries.into_iter().flat_map(|entry| Posted::decode(entry.value).unwrap().news);
            news.map(|one| (one.user, one.event, one.at)).collect::<Vec<_>>()
        };
        assert_eq!(told(1).await, [(34, 7, 6), (35, 7, 7), (34, 8, 10)]);
        assert_eq!(told(2).await, [(36, 8, 9)], "only what is wanted");
    }
}
