//! What all dialogs of a process have in common: links, store, bus, clock, chance, limits. Reads go through here; what is
//! written is written in the beats of `actor/`.

use std::sync::Arc;

use natter_actor::{Chance, Clock, Dial, Rates};
use natter_bus::{Bus, Log, Payload};
use natter_cluster::Own;
use natter_proto::dialog::v1::dialogs_client::DialogsClient;
use natter_proto::event::v1::Frame;
use natter_proto::history::v1::archive_client::ArchiveClient as OldRows;
use natter_proto::history::v1::history_client::HistoryClient;
use natter_proto::history::v1::{FindRequest, Found, MembersRequest, Range};
use natter_proto::presence::v1::presence_client::PresenceClient;
use natter_proto::subject::Subject;
use natter_proto::{AppId, Code, DialogId, Failure, MessageId, UserId};
use natter_rpc::Link;
use natter_telemetry::{Offence, Offenders};
use natter_trace::Recorder;
use parking_lot::Mutex;

use crate::apps::{Apps, Settings};
use crate::dialog::duplicates::Known;
use crate::dialog::{Dialog, Key, Kind, Limits};
use crate::error::over_rate;
use crate::heads::Heads;
use crate::metrics::{Meters, Outcome};
use crate::options::Options;
use crate::pairs::Pairs;
use crate::service::Parts;
use crate::store::{self, DialogStore};

/// Ids asked of history at once: as many of the largest rows fit one answer of a link (4 MiB).
const FIND_CHUNK: usize = 50;
/// How many ids of a new dialog are tried for one that is ours: of a hundred processes one finds none in 23,000 tries of this.
const FRESH_TRIES: usize = 1_000;
/// Most apps that send within one second; a further one is refused like one over its rate.
const APPS_MAX: usize = 10_000;

pub(crate) struct Shared {
    pub options: Options,
    pub limits: Limits,
    pub store: Arc<dyn DialogStore>,
    pub pairs: Pairs,
    apps: Apps,
    pub clock: Clock,
    pub heads: Heads,
    pub meters: Meters,
    pub trace: Recorder,
    rates: Mutex<Rates<AppId>>,
    app_rate: Dial,
    offenders: Offenders,
    history: HistoryClient<Link>,
    presence: PresenceClient<Link>,
    old_rows: OldRows<Link>,
    pub own: Own,
    peers: DialogsClient<Link>,
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
            apps: Apps::new(parts.account.clone()),
            pairs: Pairs::new(parts.account),
            clock: parts.clock,
            heads: Heads::new(options.heads_active_s as i64 * 1000, options.heads_max),
            meters: Meters::new(&parts.metrics),
            trace: parts.trace,
            rates: Mutex::new(Rates::new(options.app_rate, APPS_MAX)),
            app_rate: Dial::new("dialog.app_rate", options.app_rate),
            offenders: parts.metrics.offenders(),
            history: HistoryClient::new(parts.history),
            presence: PresenceClient::new(parts.presence),
            old_rows: OldRows::new(parts.old_rows),
            own: parts.own,
            peers: DialogsClient::new(parts.peers),
            chance: parts.chance,
            bus: parts.bus,
            posted: parts.posted,
            told: Subject::Told.to_string(),
            options,
        }
    }

    /// The limits that may be changed while the service runs.
    pub fn dials(&self) -> Vec<Dial> {
        vec![self.app_rate.clone()]
    }

    /// Counts one message of an app, before anything is done for it. Marks and typing are not counted.
    ///
    /// # Errors
    /// `TooMany`: the app is over its rate.
    pub async fn admit(&self, app: AppId, user: UserId) -> Result<(), Failure> {
        let now_ms = self.clock.now_ms();
        let own = self.apps.settings(app, now_ms).await.ok().and_then(|settings| settings.rate);
        let rate = own.unwrap_or_else(|| self.app_rate.get());
        if self.rates.lock().admit_at(rate, app, now_ms) {
            return Ok(());
        }
        self.meters.posted(Outcome::Refused);
        self.offenders.user(Offence::Rate, app.0, user.0, now_ms);
        Err(over_rate(app, rate))
    }

    /// What the app says of its dialogs.
    ///
    /// # Errors
    /// Nobody knows. Nothing was done.
    pub async fn settings(&self, app: AppId) -> Result<Settings, Failure> {
        self.apps.settings(app, self.clock.now_ms()).await
    }

    /// Members of a group who are told nothing of its row `seq`, which was there before they joined: nobody, unless the app says so.
    ///
    /// # Errors
    /// Nobody knows. Nothing was done.
    pub async fn later_than(&self, dialog: &Dialog, seq: u64) -> Result<Vec<u64>, Failure> {
        let Key { app, dialog: id } = dialog.key;
        if dialog.facts.kind != Kind::Group || !self.settings(app).await?.from_joining {
            return Ok(Vec::new());
        }
        let request = MembersRequest {
            app: app.0,
            dialog: id.to_vec(),
            users: dialog.members.ids(),
            within: Some(Range { from: seq, upto: seq }),
        };
        let members = self.history().members(request).await.map_err(of_read)?.into_inner().members;
        Ok(members.into_iter().filter(|member| member.joined >= seq).map(|member| member.user).collect())
    }

    /// A client of its own for one call.
    pub fn history(&self) -> HistoryClient<Link> {
        self.history.clone()
    }

    /// The same of history's door about archives.
    pub fn old_rows(&self) -> OldRows<Link> {
        self.old_rows.clone()
    }

    /// A client of its own for one call.
    pub fn presence(&self) -> PresenceClient<Link> {
        self.presence.clone()
    }

    /// Whoever has a dialog that is not this process's; nobody if it is.
    pub fn peer(&self, key: Key) -> Option<DialogsClient<Link>> {
        (!self.own.has_dialog(key.app, key.dialog)).then(|| self.peers.clone())
    }

    /// An id that no dialog has, of one that is this process's if there are any.
    pub fn fresh_dialog(&self, app: AppId) -> DialogId {
        let fresh = || DialogId::from_random(self.chance.bytes());
        let ours = (0..FRESH_TRIES).map(|_| fresh()).find(|dialog| self.own.has_dialog(app, *dialog));
        ours.unwrap_or_else(fresh)
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

    /// Rows with these ids, or aliases, in these dialogs, without those that the reader does not see, if there is one. Asks nobody if
    /// there are no ids or dialogs.
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
        if dialogs.is_empty() || ids.is_empty() {
            return Ok(found);
        }
        let from_joining = match reader {
            Some(_) => self.settings(app).await?.from_joining,
            None => false,
        };
        for ids in ids.chunks(FIND_CHUNK) {
            let request = FindRequest {
                app: app.0,
                ids: ids.iter().map(|id| id.to_vec()).collect(),
                dialogs: dialogs.iter().map(|dialog| dialog.to_vec()).collect(),
                reader: reader.map_or(0, |reader| reader.0),
                from_joining,
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
