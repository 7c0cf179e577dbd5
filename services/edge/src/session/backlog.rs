//! What waits to be written to a session: the list of a returning client, then frames. Bounded; what does not fit is remembered
//! by dialog, so that it can be fetched.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use natter_proto::DialogId;
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Frame, Message};

/// One entry of a returning session's list.
#[derive(Debug)]
pub(crate) enum Item {
    /// A row of a dialog.
    Row { dialog: DialogId, row: Box<Message>, delayed: Option<i64> },
    /// Something kept outside the log; `frame` is absent if a live one brings it too.
    Kept { place: u64, frame: Option<Box<Frame>>, kept_at: i64 },
    /// The end of the list.
    End,
}

/// List and frames of one session.
#[derive(Debug)]
pub(crate) struct Backlog {
    pub list: VecDeque<Item>,
    frames: VecDeque<Arc<Frame>>,
    frames_max: usize,
    /// First number that did not fit, or up to which there is a hole, by dialog.
    behind: BTreeMap<DialogId, u64>,
}

impl Backlog {
    pub(crate) fn new(frames_max: usize) -> Backlog {
        Backlog { list: VecDeque::new(), frames: VecDeque::new(), frames_max, behind: BTreeMap::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty() && self.frames.is_empty()
    }

    /// Whether something has to be fetched.
    pub(crate) fn is_behind(&self) -> bool {
        !self.behind.is_empty()
    }

    /// Holds a frame; false if there is no room for it.
    pub(crate) fn hold(&mut self, frame: Arc<Frame>) -> bool {
        let fits = self.frames.len() < self.frames_max;
        if fits {
            self.frames.push_back(frame);
        }
        fits
    }

    /// Remembers what a frame brought that did not fit. Without a number there is nothing to fetch it by: false.
    pub(crate) fn miss(&mut self, frame: &Frame) -> bool {
        match numbered(frame) {
            Some((dialog, message)) => {
                self.behind.entry(dialog).or_insert(message.seq);
                true
            }
            None => false,
        }
    }

    /// Remembers that something up to `seq` is missing, or follows it.
    pub(crate) fn miss_upto(&mut self, dialog: DialogId, seq: u64) {
        self.behind.entry(dialog).or_insert(seq + 1);
    }

    /// Puts a frame back that was taken too early.
    pub(crate) fn hold_first(&mut self, frame: Arc<Frame>) {
        self.frames.push_front(frame);
    }

    pub(crate) fn next_frame(&mut self) -> Option<Arc<Frame>> {
        self.frames.pop_front()
    }

    /// A dialog with something missed, and its number.
    pub(crate) fn next_behind(&mut self) -> Option<(DialogId, u64)> {
        self.behind.pop_first()
    }

    /// Messages among the frames.
    pub(crate) fn messages(&self) -> impl Iterator<Item = (&[u8], &Message)> {
        self.frames.iter().filter_map(|frame| match &frame.told {
            Some(Told::Message(message)) => Some((frame.dialog.as_slice(), message)),
            _ => None,
        })
    }
}

fn numbered(frame: &Frame) -> Option<(DialogId, &Message)> {
    let Some(Told::Message(message)) = &frame.told else { return None };
    let dialog = DialogId::try_from(frame.dialog.as_slice()).ok()?;
    (message.seq > 0).then_some((dialog, message))
}
