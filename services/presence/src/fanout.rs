//! Frames from the owners of dialogs to the edges: one frame per edge, whatever its number of sessions. Of an app that is being learned
//! to all edges: nobody knows where its users are. What is lost here heals itself: edges see the gap in `seq`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use natter_bus::{Payload, Subscription};
use natter_proto::event::v1::Frame;
use natter_proto::presence::v1::Verdict;
use natter_proto::subject::Subject;
use natter_proto::{AppId, EdgeFrame, UserId};
use natter_telemetry::{continued, kept_traceparent};
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span, debug_span};

use crate::ownership::Standing;
use crate::privacy::{List, judge};
use crate::service::Shared;
use crate::session::UserKey;
use crate::speech::speaker;

/// Subjects of edges remembered as text. Edge ids may change with every start, so they are forgotten now and then.
const SUBJECTS_MAX: usize = 1_024;

/// Frames passed on together. All that wait are; the bound is for memory.
const TOGETHER_MAX: usize = 256;

/// How long privacy lists of users are read for frames that are passed on together, while their apps are learned, and how many at a time.
const LISTS_WITHIN: Duration = Duration::from_millis(200);
const LISTS_TOGETHER: usize = 32;

/// Passes frames on.
pub(crate) struct Fanout {
    shared: Arc<Shared>,
    subjects: BTreeMap<String, String>,
}

impl Fanout {
    pub fn new(shared: Arc<Shared>) -> Fanout {
        Fanout { shared, subjects: BTreeMap::new() }
    }

    /// Passes on what comes, until the bus ends. May be dropped while it waits.
    pub async fn run(mut self, mut told: Subscription) {
        while let Some(frames) = told.next_up_to(TOGETHER_MAX).await {
            self.pass_on(&frames).await;
        }
    }

    async fn pass_on(&mut self, told: &[Payload]) {
        let mut edges: BTreeMap<String, Vec<Payload>> = BTreeMap::new();
        let mut everywhere = Vec::new();
        // Of all together: a store that does not answer holds no other app up for longer.
        let until = Instant::now() + LISTS_WITHIN;
        for told in told {
            let frame = match told.read::<Frame>() {
                Ok(frame) => frame,
                Err(error) => {
                    tracing::error!(%error, "cannot read a frame told to presence");
                    continue;
                }
            };
            match self.shared.standing(AppId(frame.app)) {
                Standing::Elsewhere => {}
                Standing::Learning => {
                    let span = span_of(&frame);
                    let told = self.to_all_edges(frame, until).instrument(span.clone()).await;
                    let traceparent = span.in_scope(kept_traceparent);
                    everywhere.push(Payload::of(EdgeFrame { traceparent, ..told }));
                }
                Standing::Known => self.address(frame, &mut edges),
            }
        }
        self.shared.bus.publish_all(&Subject::Edges.to_string(), &everywhere);
        for (edge, frames) in edges {
            self.shared.bus.publish_all(subject(&mut self.subjects, edge), &frames);
        }
    }

    /// Adds a frame to those for each edge where somebody is to hear it.
    fn address(&self, frame: Arc<Frame>, edges: &mut BTreeMap<String, Vec<Payload>>) {
        let span = span_of(&frame);
        let _in_span = span.enter();
        let there = self.shared.directory.lock().told(AppId(frame.app), &frame.to);
        let meters = &self.shared.meters;
        meters.told.inc();
        meters.untold.inc_by(u64::from(there.is_empty()));
        meters.edge_frames.inc_by(there.len() as u64);
        let traceparent = kept_traceparent();
        for (edge, users) in there {
            let (except, traceparent) = (self.kept_out(&frame, &users), traceparent.clone());
            let told = EdgeFrame { frame: frame.clone(), users, except, traceparent };
            edges.entry(edge).or_default().push(Payload::of(told));
        }
    }

    /// For whoever of the users is at an edge. Their lists are read: they are in memory of those who are known. To whom it cannot be
    /// read it is not told; his edge sees the gap.
    async fn to_all_edges(&self, frame: Arc<Frame>, until: Instant) -> EdgeFrame {
        self.shared.meters.told.inc();
        let app = AppId(frame.app);
        let mut users: Vec<u64> = frame.to.iter().copied().collect::<BTreeSet<u64>>().into_iter().collect();
        let excepted: Vec<u64> = users.iter().copied().filter(|user| frame.except.contains(user)).collect();
        let Some((from, passing)) = speaker(&frame) else { return to_edges(frame, users, excepted) };
        let lists = self.lists(app, users.iter().copied().chain([from]).collect(), until).await;
        let Some(of_sender) = lists.get(&from) else { return to_edges(frame, Vec::new(), Vec::new()) };
        users.retain(|user| lists.contains_key(user));
        let is_kept_out = |to: &u64| {
            if excepted.contains(to) {
                return true;
            }
            let of_recipient = lists.get(to).and_then(Option::as_deref);
            judge((UserId(from), of_sender.as_deref()), (UserId(*to), of_recipient), passing) != Verdict::Passes
        };
        let except = users.iter().copied().filter(is_kept_out).collect();
        to_edges(frame, users, except)
    }

    /// The default lists of these users, as far as they can be read in time.
    async fn lists(&self, app: AppId, users: Vec<u64>, until: Instant) -> BTreeMap<u64, Option<Arc<List>>> {
        let read = |user: u64| async move {
            let list = timeout_at(until, self.shared.default_list(UserKey { app, user: UserId(user) })).await;
            list.ok()?.ok().map(|list| (user, list))
        };
        let lists = stream::iter(users).map(read).buffer_unordered(LISTS_TOGETHER);
        lists.filter_map(|list| async move { list }).collect().await
    }

    /// Of these users, all of whom are there, those whom the frame is not for; those whose privacy lists keep the one out who says
    /// this; and those whom his own keeps it from.
    fn kept_out(&self, frame: &Frame, users: &[u64]) -> Vec<u64> {
        let (app, defaults) = (AppId(frame.app), self.shared.defaults.lock());
        let is_excepted = |to: &u64| frame.except.contains(to);
        match speaker(frame) {
            Some((user, passing)) if defaults.has_any(app) => {
                let passes = |to: &u64| defaults.judge(app, UserId(user), UserId(*to), passing) == Verdict::Passes;
                users.iter().copied().filter(|to| is_excepted(to) || !passes(to)).collect()
            }
            _ if frame.except.is_empty() => Vec::new(),
            _ => users.iter().copied().filter(is_excepted).collect(),
        }
    }
}

fn to_edges(frame: Arc<Frame>, users: Vec<u64>, except: Vec<u64>) -> EdgeFrame {
    EdgeFrame { frame, users, except, traceparent: String::new() }
}

fn span_of(frame: &Frame) -> Span {
    continued(&frame.traceparent, || debug_span!("fan_out", app = frame.app, users = frame.to.len()))
}

fn subject(subjects: &mut BTreeMap<String, String>, edge: String) -> &str {
    if subjects.len() >= SUBJECTS_MAX && !subjects.contains_key(&edge) {
        subjects.clear();
    }
    subjects.entry(edge).or_insert_with_key(|edge| Subject::Edge(edge.clone()).to_string())
}
