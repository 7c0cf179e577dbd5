//! Frames from the owners of dialogs to the edges: one frame per edge, whatever its number of sessions. What is lost here
//! heals itself: edges see the gap in `seq`.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use natter_bus::Subscription;
use natter_proto::presence::v1::Verdict;
use natter_proto::subject::Subject;
use natter_proto::{AppId, UserId};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len, uint64};
use tracing::{Span, debug_span};

use crate::service::Shared;
use crate::speech::Speech;

/// Subjects of edges remembered as text. Edge ids may change with every start, so they are forgotten now and then.
const SUBJECTS_MAX: usize = 1_024;

/// Passes frames on.
pub(crate) struct Fanout {
    shared: Arc<Shared>,
    subjects: BTreeMap<String, String>,
}

/// The part of `natter.event.v1.Frame` that presence reads, with its field numbers.
#[derive(Clone, PartialEq, Message)]
struct Address {
    #[prost(uint64, tag = "1")]
    app: u64,
    #[prost(uint64, repeated, tag = "3")]
    to: Vec<u64>,
    #[prost(uint64, repeated, tag = "4")]
    except: Vec<u64>,
    #[prost(string, tag = "7")]
    traceparent: String,
}

impl Fanout {
    pub fn new(shared: Arc<Shared>) -> Fanout {
        Fanout { shared, subjects: BTreeMap::new() }
    }

    /// Passes on what comes, until the bus ends. May be dropped while it waits.
    pub async fn run(mut self, mut told: Subscription) {
        while let Some(frame) = told.next().await {
            self.pass_on(&frame);
        }
    }

    fn pass_on(&mut self, frame: &Bytes) {
        let address = match Address::decode(frame.clone()) {
            Ok(address) => address,
            Err(error) => return tracing::error!(%error, "cannot read a frame told to presence"),
        };
        let span = span_of(&address);
        let _in_span = span.enter();
        let edges = self.shared.directory.lock().told(AppId(address.app), &address.to, &address.except);
        let meters = &self.shared.meters;
        meters.told.inc();
        meters.untold.inc_by(u64::from(edges.is_empty()));
        meters.edge_frames.inc_by(edges.len() as u64);
        for (edge, users) in edges {
            let payload = edge_frame(frame, &users, &self.kept_out(address.app, frame, &users));
            self.shared.bus.publish(subject(&mut self.subjects, edge), payload);
        }
    }

    /// Of these users, all of whom are there, those whose privacy lists keep the one out who says this; or whom his own keeps
    /// it from.
    fn kept_out(&self, app: u64, frame: &Bytes, users: &[u64]) -> Vec<u64> {
        let (app, defaults) = (AppId(app), self.shared.defaults.lock());
        if !defaults.has_any(app) {
            return Vec::new();
        }
        let Some((user, passing)) = Speech::decode(frame.clone()).unwrap_or_default().speaker() else { return Vec::new() };
        let passes = |to: &u64| defaults.judge(app, UserId(user), UserId(*to), passing) == Verdict::Passes;
        users.iter().copied().filter(|to| !passes(to)).collect()
    }
}

fn span_of(address: &Address) -> Span {
    let span = debug_span!("fan_out", users = address.to.len());
    natter_telemetry::follow(&span, &address.traceparent);
    span
}

fn subject(subjects: &mut BTreeMap<String, String>, edge: String) -> &str {
    if subjects.len() >= SUBJECTS_MAX && !subjects.contains_key(&edge) {
        subjects.clear();
    }
    subjects.entry(edge).or_insert_with_key(|edge| Subject::Edge(edge.clone()).to_string())
}

/// A `natter.event.v1.EdgeFrame` around a frame that is encoded already.
fn edge_frame(frame: &[u8], users: &[u64], except: &[u64]) -> Bytes {
    let frame_bytes = key_len(1) + encoded_len_varint(frame.len() as u64) + frame.len();
    let lists = uint64::encoded_len_packed(2, users) + uint64::encoded_len_packed(3, except);
    let mut bytes = BytesMut::with_capacity(frame_bytes + lists);
    encode_key(1, WireType::LengthDelimited, &mut bytes);
    encode_varint(frame.len() as u64, &mut bytes);
    bytes.put_slice(frame);
    uint64::encode_packed(2, users, &mut bytes);
    uint64::encode_packed(3, except, &mut bytes);
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use natter_proto::event::v1::{EdgeFrame, Frame, Typing, frame::Told};

    #[test]
    fn what_presence_writes_by_hand_is_the_message_of_the_contract() {
        let told = Told::Typing(Typing { user: 34, stanza: "x".repeat(300), ..Typing::default() });
        let frame = Frame {
            app: u64::MAX,
            to: vec![34, 35, 9_007_199_254_740_991],
            except: vec![35],
            traceparent: "00-1-2-01".into(),
            told: Some(told),
            ..Frame::default()
        };
        let encoded = frame.encode_to_vec();
        let users = vec![34, 9_007_199_254_740_991];
        let except = vec![34];
        let passed = EdgeFrame::decode(edge_frame(&encoded, &users, &except)).unwrap();
        assert_eq!(passed, EdgeFrame { frame: Some(frame.clone()), users, except });
        let address = Address::decode(encoded.as_slice()).unwrap();
        assert_eq!((address.app, address.to, address.except), (frame.app, frame.to, frame.except));
        assert_eq!(address.traceparent, frame.traceparent);
    }
}
