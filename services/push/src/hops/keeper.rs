//! Writes what the bus tells of the ways of messages, tells which apps are traced without exception, and answers who asks.

use std::time::Duration;

use natter_bus::Payload;
use natter_proto::subject::Subject;
use natter_proto::trace::v1::{Hop, Hops as Told, OfRequest, SwitchRequest, Switches};
use natter_proto::{DialogId, MessageId};
use tokio::time::sleep;

use super::About;
use crate::error::Error;
use crate::service::Shared;

/// Payloads written together.
const TOGETHER_MAX: usize = 64;
/// Between two tellings of the apps that are switched on: a process that just started hears of them by then.
const TELL_EVERY: Duration = Duration::from_secs(2);
/// Hops of one message that are shown. One of a large group has more.
const SHOWN_MAX: usize = 2_000;
/// How long hops are kept, and how long at most an app is traced without exception, milliseconds.
const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;
const SWITCHED_MS_MAX: i64 = 7 * KEPT_MS;
/// Apps that are switched on at once.
const SWITCHED_MAX: usize = 1_000;

impl Shared {
    /// Keeps what is told, until the bus is gone.
    pub async fn keep_hops(&self) {
        let mut told = self.bus.subscribe(&Subject::Hops.to_string());
        while let Some(payloads) = told.next_up_to(TOGETHER_MAX).await {
            let mut hops = Vec::new();
            for payload in payloads {
                match payload.read::<Told>() {
                    Ok(told) => hops.extend(told.hops.iter().cloned()),
                    Err(error) => tracing::warn!(%error, "cannot read hops of messages"),
                }
            }
            if let Err(error) = self.hops.keep(&hops).await {
                tracing::warn!(%error, count = hops.len(), "hops of messages could not be kept");
            }
        }
        std::future::pending().await
    }

    /// Tells again and again which apps are switched on, and ends what is over.
    pub async fn tell_switches(&self) {
        loop {
            if let Err(error) = self.tell_switched().await {
                tracing::warn!(%error, "which apps are traced could not be read");
            }
            sleep(TELL_EVERY).await;
        }
    }

    async fn tell_switched(&self) -> Result<(), Error> {
        let now = self.clock.now_ms();
        let (on, over): (Vec<_>, Vec<_>) = self.hops.switches().await?.into_iter().partition(|(_, until)| *until > now);
        let apps = on.into_iter().map(|(app, _)| app).collect();
        self.bus.publish(&Subject::Traced.to_string(), Payload::of(Switches { apps }));
        for (app, _) in over {
            self.hops.switch(app, 0).await?;
        }
        Ok(())
    }

    /// Removes hops that are older than a day, a page behind `after`.
    pub async fn sweep_hops(&self, after: Option<Vec<u8>>) -> Option<Vec<u8>> {
        self.hops.sweep(after, self.clock.now_ms() - KEPT_MS).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "old hops of messages could not be removed");
            None
        })
    }

    /// The hops of a message.
    pub async fn hops_of(&self, request: OfRequest) -> Result<Vec<Hop>, Error> {
        let about = match request.seq {
            0 => About::Message(MessageId::try_from(request.message.as_slice()).map_err(|_| Error::Malformed("message"))?),
            seq => About::Place(DialogId::try_from(request.dialog.as_slice()).map_err(|_| Error::Malformed("dialog"))?, seq),
        };
        let hops = self.hops.of(request.app, about, SHOWN_MAX).await?;
        if hops.is_empty() { Err(Error::NoTrace) } else { Ok(hops) }
    }

    /// Switches an app on until then, or off. Until when it is.
    pub async fn switch(&self, request: SwitchRequest) -> Result<i64, Error> {
        let now = self.clock.now_ms();
        let until = if request.until > now { request.until.min(now + SWITCHED_MS_MAX) } else { 0 };
        let others = self.hops.switches().await?.iter().filter(|(app, _)| *app != request.app).count();
        if until > 0 && others >= SWITCHED_MAX {
            return Err(Error::TracedTooMany(SWITCHED_MAX));
        }
        self.hops.switch(request.app, until).await?;
        self.tell_switched().await?;
        Ok(until)
    }

    /// Until when an app is switched on, unix milliseconds; 0: it is not.
    pub async fn switched(&self, app: u64) -> Result<i64, Error> {
        let now = self.clock.now_ms();
        let on = self.hops.switches().await?.into_iter().find(|(switched, until)| *switched == app && *until > now);
        Ok(on.map_or(0, |(_, until)| until))
    }
}
