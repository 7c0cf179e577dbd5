//! What all dialogs of a process have in common: links, store, bus, clock, chance, limits. Reads go through here; what is
//! written is written in the beats of `actor/`.

use std::sync::Arc;

use natter_actor::{Chance, Clock, Rates};
use natter_bus::{Bus, Log, Payload};
use natter_proto::event::v1::Frame;
use natter_proto::history::v1::history_client::HistoryClient;
use natter_proto::history::v1::{FindRequest, Found};
use natter_proto::presence::v1::presence_client::PresenceClient;
use natter_proto::subject::Subject;
use natter_proto::{AppId, Code, DialogId, Failure, MessageId, UserId};
use natter_rpc::Link;
use natter_trace::Recorder;
use parking_lot::Mutex;

use crate::dialog::duplicates::Known;
use crate::dialog::{Dialog, Key, Limits};
use crate::error::over_rate;
use crate::heads::Heads;
use crate::metrics::{Meters, Outcome};
use crate::options::Options;
use crate::pairs::Pairs;
use crate::quotas::Quotas;
use crate::service::Parts;
use crate::store::{self, DialogStore};

/// Ids asked of history at once: as many of the largest rows fit one answer of a link (4 MiB).
const FIND_CHUNK: usize = 50;
/// Most apps that send within one second; a further one is refused like one over its rate.
const APPS_MAX: usize = 10_000;

pub(crate) struct Shared {
    pub options: Options,
    pub limits: Limits,
    pub store: Arc<dyn DialogStore>,
    pub pairs: Pairs,
    quotas: Quotas,
    pub clock: Clock,
    pub heads: Heads,
    pub meters: Meters,
    pub trace: Recorder,
    rates: Mutex<Rates<AppId>>,
    history: HistoryClient<Link>,
    presence: PresenceClient<Link>,
    chance: Chance,
    bus: Bus,
    /// The durable log.
    pub posted: Log,
    told: String,
}

impl Shared {
    pub fn new(options: Options, parts: Parts) -> Shared {
        Shared {
            limits: options.limits(),
            store: store::open(&parts.db),
            quotas: Quotas::new(parts.account.clone()),
            pairs: Pairs::new(parts.account),
            clock: parts.clock,
            heads: Heads::new(options.heads_active_s as i64 * 1000, options.heads_max),
            meters: Meters::new(&parts.metrics),
            trace: parts.trace,
            rates: Mutex::new(Rates::new(options.app_rate, APPS_MAX)),
            history: HistoryClient::new(parts.history),
            presence: PresenceClient::new(parts.presence),
            chance: parts.chance,
            bus: parts.bus,
            posted: parts.posted,
            told: Subject::Told.to_string(),
            options,
        }
    }

    /// Counts one message of an app, before anything is done for it. Marks and typing are not counted.
    ///
    /// # Errors
    /// `TooMany`: the app is over its rate.
    pub async fn admit(&self, app: AppId) -> Result<(), Failure> {
        let now_ms = self.clock.now_ms();
        let rate = self.quotas.rate_of(app, now_ms).await.unwrap_or(self.options.app_rate);
        if self.rates.lock().admit_at(rate, app, now_ms) {
            return Ok(());
        }
        self.meters.posted(Outcome::Refused);
        Err(over_rate(app, rate))
    }

    /// A client of its own for one call.
    pub fn history(&self) -> HistoryClient<Link> {
        self.history.clone()
    }

    /// A client of its own for one call.
    pub fn presence(&self) -> PresenceClient<Link> {
        self.presence.clone()
    }

    /// An id that no dialog has.
    pub fn fresh_dialog(&self) -> DialogId {
        DialogId::from_random(self.chance.bytes())
    }

    /// Tells live sessions. May be lost; nobody waits for it.
    pub fn tell(&self, frame: Frame) {
        self.bus.publish(&self.told, Payload::of(frame));
    }

    /// The same with several frames, in their order.
    pub fn tell_all(&self, frames: Vec<Arc<Frame>>) {
        let frames: Vec<Payload> = frames.into_iter().map(Payload::shared).collect();
        self.bus.publish_all(&self.told, &frames);
    }

    /// An id that no message has.
    pub fn fresh_id(&self) -> MessageId {
        MessageId::from_random(self.clock.now_s(), self.chance.bytes())
    }

    /// Rows with these ids, or aliases, in one dialog. Asks nobody if there are no ids.
    pub async fn known_rows(&self, key: Key, ids: Vec<MessageId>) -> Result<Vec<Known>, Failure> {
        let found = self.find(key.app, None, ids, &[key.dialog]).await?;
        let rows = found.iter().filter_map(|found| found.row.as_ref());
        rows.map(|row| Known::of_row(row).map_err(|_| broken("a row of history"))).collect()
    }

    /// Rows with these ids, or aliases, in these dialogs, without those hidden from the reader, if there is one. Asks nobody if there
    /// are no ids or dialogs.
    ///
    /// # Errors
    /// `Busy` where history's answer did not come: nothing was done.
    pub async fn find(
        &self,
        app: AppId,
        reader: Option<UserId>,
        ids: Vec<MessageId>,
        dialogs: &[DialogId],
    ) -> Result<Vec<Found>, Failure> {
        let mut found = Vec::new();
        if dialogs.is_empty() {
            return Ok(found);
        }
        for ids in ids.chunks(FIND_CHUNK) {
            let request = FindRequest {
                app: app.0,
                ids: ids.iter().map(|id| id.to_vec()).collect(),
                dialogs: dialogs.iter().map(|dialog| dialog.to_vec()).collect(),
                reader: reader.map_or(0, |reader| reader.0),
            };
            found.extend(self.history().find(request).await.map_err(of_read)?.into_inner().found);
        }
        Ok(found)
    }

    /// Refuses unless each of these users has room for one more dialog.
    ///
    /// # Errors
    /// `TooMany`, naming the first who has none.
    pub async fn check_room(&self, app: AppId, users: &[UserId]) -> Result<(), Failure> {
        let max = self.options.dialogs_of_user_max;
        for user in users {
            if self.store.count_of_user(app, *user, max).await.map_err(of_read)? >= max {
                return Err(Failure::new(Code::TooMany, format!("user {user} has {max} dialogs, no more are taken")));
            }
        }
        Ok(())
    }

    /// A row or a change of the dialog was stored just now.
    pub fn moved(&self, dialog: &Dialog) {
        self.heads.moved(dialog, self.clock.now_ms(), self.clock.now_ms());
    }

    /// The dialog came into memory; what stands at its end may not have been told.
    pub fn loaded(&self, dialog: &Dialog) {
        self.heads.moved(dialog, dialog.moved_at(), self.clock.now_ms());
    }

    /// Publishes on the subject of heads what moved lately.
    pub fn publish_heads(&self, subject: &str) {
        for heads in self.heads.recent(self.clock.now_ms()) {
            self.bus.publish(subject, Payload::of(heads));
        }
    }
}

/// The failure of a call that only reads: without an answer nothing was done, so it may be sent again.
pub(crate) fn of_read(failure: impl Into<Failure>) -> Failure {
    let failure = failure.into();
    match failure.code {
        Code::Unknown => Failure { code: Code::Busy, ..failure },
        _ => failure,
    }
}

/// Another service broke its promise.
pub(crate) fn broken(what: &str) -> Failure {
    Failure::new(Code::Internal, format!("{what} is malformed"))
}
