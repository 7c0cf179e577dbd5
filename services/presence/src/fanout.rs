//! Frames from the owners of dialogs to the edges: one frame per edge, whatever its number of sessions. What is lost here
//! heals itself: edges see the gap in `seq`.

use std::collections::BTreeMap;
use std::sync::Arc;

use natter_bus::{Payload, Subscription};
use natter_proto::event::v1::Frame;
use natter_proto::presence::v1::Verdict;
use natter_proto::subject::Subject;
use natter_proto::{AppId, EdgeFrame, UserId};
use tracing::{Span, debug_span};

use crate::service::Shared;
use crate::speech::speaker;

/// Subjects of edges remembered as text. Edge ids may change with every start, so they are forgotten now and then.
const SUBJECTS_MAX: usize = 1_024;

/// Frames passed on together. All that wait are; the bound is for memory.
const TOGETHER_MAX: usize = 256;

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
            self.pass_on(&frames);
        }
    }

    fn pass_on(&mut self, told: &[Payload]) {
        let mut edges: BTreeMap<String, Vec<Payload>> = BTreeMap::new();
        for told in told {
            match told.read::<Frame>() {
                Ok(frame) => self.address(frame, &mut edges),
                Err(error) => tracing::error!(%error, "cannot read a frame told to presence"),
            }
        }
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
        for (edge, users) in there {
            let except = self.kept_out(&frame, &users);
            let told = EdgeFrame { frame: frame.clone(), users, except };
            edges.entry(edge).or_default().push(Payload::of(told));
        }
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

fn span_of(frame: &Frame) -> Span {
    let span = debug_span!("fan_out", users = frame.to.len());
    natter_telemetry::follow(&span, &frame.traceparent);
    span
}

fn subject(subjects: &mut BTreeMap<String, String>, edge: String) -> &str {
    if subjects.len() >= SUBJECTS_MAX && !subjects.contains_key(&edge) {
        subjects.clear();
    }
    subjects.entry(edge).or_insert_with_key(|edge| Subject::Edge(edge.clone()).to_string())
}
