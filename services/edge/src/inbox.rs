//! What the bus brings to this edge, handed to the sessions it is for: frames from presence, the heads of dialogs that show
//! which frames were lost (design.md 6, step 12), the question who is here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use natter_actor::{Clock, Mailbox, Refused};
use natter_bus::Subscription;
use natter_cluster::Shard;
use natter_proto::cluster::v1::Learn;
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Ended, Expelled, Frame, Head as PublishedHead, Heads as Published, OccupantState};
use natter_proto::{AppId, DialogId, EdgeFrame, UserId};
use parking_lot::Mutex;
use tokio::time::{sleep, timeout};

use crate::actor::SessionMessage;
use crate::heads::Heads;
use crate::metrics::Metrics;
use crate::session::Head;
use crate::shared::SharedFrame;
use crate::table::Table;

/// How long a session's full mailbox may hold all others up. Its actor never waits for anything, so it is a matter of turns.
const PATIENCE: Duration = Duration::from_millis(200);
/// Frames taken from the bus at once.
const TOGETHER_MAX: usize = 64;
/// Dialogs whose heads are compared with what was told here.
const WATCHED_MAX: usize = 100_000;
/// Sessions are announced again in so many parts a second.
const PARTS_OF_S: u32 = 100;
/// How long one of them may take to hear of it.
const AGAIN_PATIENCE: Duration = Duration::from_secs(2);
/// Processes whose questions are remembered. Over it a question may be answered once more.
const ASKING_MAX: usize = 1_000;

/// The way from the bus to the sessions.
pub(crate) struct Inbox {
    table: Arc<Table>,
    clock: Clock,
    metrics: Metrics,
    heads: Mutex<Heads>,
}

impl Inbox {
    pub(crate) fn new(table: Arc<Table>, clock: Clock, metrics: Metrics) -> Inbox {
        Inbox { table, clock, metrics, heads: Mutex::new(Heads::new(WATCHED_MAX)) }
    }

    /// Hands frames out, in the order they came, until the bus ends.
    pub(crate) async fn frames(self: Arc<Inbox>, mut frames: Subscription) {
        while let Some(payloads) = frames.next_up_to(TOGETHER_MAX).await {
            for payload in payloads {
                match payload.read::<EdgeFrame>() {
                    Ok(told) => self.hand_out(&told).await,
                    Err(_) => tracing::warn!("a frame on the bus cannot be read"),
                }
            }
        }
    }

    async fn hand_out(&self, told: &EdgeFrame) {
        self.metrics.frames.inc();
        let EdgeFrame { frame, users, except, traceparent } = told;
        let shared = SharedFrame::new(frame.clone(), except.clone()).traced(traceparent.clone());
        let (app, frame) = (AppId(frame.app), Arc::new(shared));
        if let Some((dialog, user)) = removal(&frame) {
            self.heads.lock().removed((app, dialog), user);
        }
        let mut all_told = true;
        for user in users {
            // From a presence that does not know where users are, it names those too who are not here.
            for session in self.table.sessions_of((app, UserId(*user))) {
                all_told &= self.hand(&session, SessionMessage::Frame(frame.clone())).await;
            }
        }
        if let Some((dialog, seq, stamp)) = numbers(&frame).filter(|_| all_told) {
            let here: Vec<u64> = users.iter().copied().filter(|user| self.table.is_here((app, UserId(*user)))).collect();
            if !here.is_empty() {
                self.heads.lock().told(self.clock.now_ms(), (app, dialog), seq, stamp, &here);
            }
        }
    }

    /// Compares the heads of dialogs with what was told, until the bus ends.
    pub(crate) async fn heads(self: Arc<Inbox>, mut published: Subscription) {
        while let Some(payload) = published.next().await {
            let Ok(published) = payload.read::<Published>() else {
                tracing::warn!("heads on the bus cannot be read");
                continue;
            };
            self.heads.lock().forget(self.clock.now_ms());
            for head in &published.heads {
                self.head(head).await;
            }
        }
    }

    async fn head(&self, published: &PublishedHead) {
        let &PublishedHead { app, ref dialog, seq, stamp, at, told_at, ref members, .. } = published;
        let (app, Ok(dialog)) = (AppId(app), DialogId::try_from(dialog.as_slice())) else { return };
        let here: Vec<u64> = members.iter().copied().filter(|user| self.table.is_here((app, UserId(*user)))).collect();
        let lost = self.heads.lock().published(self.clock.now_ms(), (app, dialog), Head { seq, stamp, at, told_at }, &here);
        let Some((head, users)) = lost else { return };
        for session in users.into_iter().flat_map(|user| self.table.sessions_of((app, UserId(user)))) {
            self.hand(&session, SessionMessage::Head(dialog, head)).await;
        }
    }

    /// Ends the sessions of users who may be connected no more, until the bus ends. Who is being bound is asked about then.
    pub(crate) async fn ended(self: Arc<Inbox>, mut ended: Subscription) {
        while let Some(payload) = ended.next().await {
            let Ok(told) = payload.read::<Ended>() else {
                tracing::warn!("an end on the bus cannot be read");
                continue;
            };
            let Ended { app, user } = *told;
            let (app, for_good) = (AppId(app), user != 0);
            let sessions = match for_good {
                true => self.table.sessions_of((app, UserId(user))),
                false => self.table.sessions_of_app(app),
            };
            for session in sessions {
                self.hand(&session, SessionMessage::Dismissed { for_good }).await;
            }
        }
    }

    /// Ends the sessions that an operator has ended, until the bus ends. `boot`: of this process.
    pub(crate) async fn expelled(self: Arc<Inbox>, mut expelled: Subscription, boot: u64) {
        while let Some(payload) = expelled.next().await {
            let Ok(told) = payload.read::<Expelled>() else {
                tracing::warn!("an end on the bus cannot be read");
                continue;
            };
            let (who, token) = ((AppId(told.app), UserId(told.user)), Arc::<[u8]>::from(told.token.as_slice()));
            let sessions: Vec<_> = match &told.session {
                // The boot is a random number: it names this process also among edges of one name.
                Some(only) if only.boot != boot => Vec::new(),
                Some(only) => self.table.session_of(who, only.session).into_iter().collect(),
                None => self.table.sessions_of(who),
            };
            for session in sessions {
                self.hand(&session, SessionMessage::Expelled(token.clone())).await;
            }
        }
    }

    /// Lets the sessions of apps that another process has taken over be announced to it, so many a second, until the bus ends.
    pub(crate) async fn learn(self: Arc<Inbox>, mut questions: Subscription, per_s: u32) {
        let (mut answered, together) = (Answered::default(), (per_s as usize / PARTS_OF_S as usize).max(1));
        while let Some(payload) = questions.next().await {
            let Ok(told) = payload.read::<Learn>() else {
                tracing::warn!("a question of presence on the bus cannot be read");
                continue;
            };
            if !answered.is_new(&told.by, told.number) {
                continue;
            }
            let shards: BTreeSet<u32> = told.shards.iter().copied().collect();
            let sessions = self.table.sessions_of_apps(|app| shards.contains(&u32::from(Shard::of_app(app).0)));
            let by = Arc::<str>::from(told.by.as_str());
            tracing::info!(sessions = sessions.len(), by = told.by, "sessions are announced again");
            for some in sessions.chunks(together) {
                for session in some {
                    // Its actor never waits for anything; one that takes nothing in this time takes nothing at all.
                    if timeout(AGAIN_PATIENCE, session.deliver(SessionMessage::AnnounceAgain(by.clone()))).await.is_err() {
                        tracing::warn!("a session cannot be announced again");
                    }
                }
                sleep(Duration::from_secs(1) / PARTS_OF_S).await;
            }
        }
    }

    /// Whether the session took it.
    async fn hand(&self, session: &Mailbox<SessionMessage>, message: SessionMessage) -> bool {
        let Err(Refused::Full(message)) = session.tell(message) else { return true };
        let taken = timeout(PATIENCE, session.deliver(message)).await.is_ok();
        if !taken {
            // The session sees the jump with the next frame, or by the next head, and fetches what is stored.
            self.metrics.frames_lost.inc();
        }
        taken
    }
}

/// Which questions were answered: the latest of each who asks.
#[derive(Default)]
struct Answered(BTreeMap<String, u64>);

impl Answered {
    /// A question that comes again is none.
    fn is_new(&mut self, by: &str, number: u64) -> bool {
        if self.0.get(by).is_some_and(|latest| *latest >= number) {
            return false;
        }
        if self.0.len() >= ASKING_MAX {
            self.0.clear();
        }
        self.0.insert(by.to_owned(), number);
        true
    }
}

/// Who was removed from which dialog.
fn removal(frame: &Frame) -> Option<(DialogId, u64)> {
    let Some(Told::Occupant(occupant)) = &frame.told else { return None };
    let dialog = DialogId::try_from(frame.dialog.as_slice()).ok()?;
    (occupant.state() == OccupantState::Removed).then_some((dialog, occupant.user))
}

/// The numbers that a frame moves: of its row, 0 without one, and the newest stamp.
fn numbers(frame: &Frame) -> Option<(DialogId, u64, u64)> {
    let dialog = DialogId::try_from(frame.dialog.as_slice()).ok()?;
    match &frame.told {
        Some(Told::Message(message)) if message.seq > 0 => Some((dialog, message.seq, frame.stamp)),
        Some(Told::Change(change)) => Some((dialog, 0, change.stamp)),
        _ => None,
    }
}
