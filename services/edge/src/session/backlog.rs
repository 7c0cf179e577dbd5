//! What waits to be written to a session: the list of a returning client, then frames. Bounded; what does not fit is remembered
//! by dialog, so that it can be fetched.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use natter_proto::DialogId;
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Change, Frame, Message};

use crate::shared::SharedFrame;

/// One entry of a returning session's list.
#[derive(Debug)]
pub(crate) enum Item {
    /// A row of a dialog. `told_at`: when the sessions that were there then were told of it, or when it was made.
    Row { dialog: DialogId, row: Box<Message>, delayed: Option<i64>, told_at: i64 },
    /// A change of a row; without one, only its stamp is taken note of.
    Change { dialog: DialogId, change: Option<Box<Change>>, stamp: u64 },
    /// Something kept outside the log.
    Kept { place: u64, frame: Box<Frame>, kept_at: i64 },
    /// More is kept than came at once, up to this place.
    MoreKept { upto: u64 },
    /// Nothing else is kept up to this place.
    KeptUpto(u64),
    /// The end of the list.
    End,
}

/// List and frames of one session.
#[derive(Debug)]
pub(crate) struct Backlog {
    pub list: VecDeque<Item>,
    frames: VecDeque<Arc<SharedFrame>>,
    frames_max: usize,
    /// What is missing of rows, by dialog.
    behind: BTreeMap<DialogId, Behind>,
    /// Stamps up to which changes are missing, by dialog.
    unchanged: BTreeMap<DialogId, u64>,
    /// Place up to which kept messages are missing; 0: none.
    unkept: u64,
}

/// Missing rows of a dialog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Behind {
    /// Nothing is missing below, as far as is known; `None`: whatever was stored since the session began may be.
    pub above: Option<u64>,
    /// Nothing is missing from here on.
    pub upto: u64,
    /// When the last of them was told, unix milliseconds; 0: nobody knows.
    pub told_at: i64,
    /// What was told before is not missing, unix milliseconds. Known when they are asked for.
    pub from: Option<i64>,
}

impl Behind {
    pub(crate) fn new(above: Option<u64>, upto: u64, told_at: i64) -> Behind {
        Behind { above, upto, told_at, from: None }
    }
}

impl Backlog {
    pub(crate) fn new(frames_max: usize) -> Backlog {
        let (list, frames) = (VecDeque::new(), VecDeque::new());
        Backlog { list, frames, frames_max, behind: BTreeMap::new(), unchanged: BTreeMap::new(), unkept: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty() && self.frames.is_empty()
    }

    /// Whether something has to be fetched.
    pub(crate) fn is_behind(&self) -> bool {
        !self.behind.is_empty() || !self.unchanged.is_empty() || self.unkept > 0
    }

    /// Holds a frame; false if there is no room for it.
    pub(crate) fn hold(&mut self, frame: Arc<SharedFrame>) -> bool {
        let fits = self.frames.len() < self.frames_max;
        if fits {
            self.frames.push_back(frame);
        }
        fits
    }

    /// Remembers what a frame brought that did not fit. Without a number there is nothing to fetch it by: false.
    pub(crate) fn miss(&mut self, frame: &Frame) -> bool {
        let dialog = DialogId::try_from(frame.dialog.as_slice());
        match (&frame.told, numbered(frame)) {
            (_, Some((dialog, message))) => {
                let behind = Behind::new(Some(message.seq - 1), message.seq, 0);
                self.behind.entry(dialog).or_insert(behind);
            }
            (Some(Told::Change(change)), _) => match dialog {
                Ok(dialog) => self.miss_changes(dialog, change.stamp),
                Err(_) => return false,
            },
            (Some(Told::Message(_) | Told::Headline(_)), None) if frame.kept > 0 => self.unkept = self.unkept.max(frame.kept),
            _ => return false,
        }
        true
    }

    /// Remembers that rows are missing.
    pub(crate) fn miss_rows(&mut self, dialog: DialogId, behind: Behind) {
        self.behind.entry(dialog).or_insert(behind);
    }

    /// Remembers that changes up to a stamp are missing.
    pub(crate) fn miss_changes(&mut self, dialog: DialogId, stamp: u64) {
        let upto = self.unchanged.entry(dialog).or_default();
        *upto = (*upto).max(stamp);
    }

    /// Puts a frame back that was taken too early.
    pub(crate) fn hold_first(&mut self, frame: Arc<SharedFrame>) {
        self.frames.push_front(frame);
    }

    pub(crate) fn next_frame(&mut self) -> Option<Arc<SharedFrame>> {
        self.frames.pop_front()
    }

    /// A dialog with missing rows.
    pub(crate) fn next_behind(&mut self) -> Option<(DialogId, Behind)> {
        self.behind.pop_first()
    }

    /// A dialog with missing changes, and up to which stamp.
    pub(crate) fn next_unchanged(&mut self) -> Option<(DialogId, u64)> {
        self.unchanged.pop_first()
    }

    /// The place up to which kept messages are missing.
    pub(crate) fn next_unkept(&mut self) -> Option<u64> {
        Some(std::mem::take(&mut self.unkept)).filter(|upto| *upto > 0)
    }

    /// Puts items before all others.
    pub(crate) fn list_first(&mut self, items: Vec<Item>) {
        items.into_iter().rev().for_each(|item| self.list.push_front(item));
    }

    /// Who comes back later has been called in vain.
    pub(crate) fn forget_calls(&mut self) {
        self.frames.retain(|frame| !matches!(frame.told, Some(Told::CallSignal(_))));
    }

    /// Frames that wait.
    pub(crate) fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter().map(|frame| &***frame)
    }
}

/// The row that a frame brings, and its dialog.
pub(crate) fn numbered(frame: &Frame) -> Option<(DialogId, &Message)> {
    let Some(Told::Message(message)) = &frame.told else { return None };
    let dialog = DialogId::try_from(frame.dialog.as_slice()).ok()?;
    (message.seq > 0).then_some((dialog, message))
}
