//! A batch of posts is decided here: allowed, said before, or the next row. Nothing moves until the rows are stored.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::{Message, SessionRef};
use natter_proto::{MessageId, UserId};
use prost::Message as _;

use super::bars::{Bar, Bars};
use super::content::{self, Hash};
use super::duplicates::Known;
use super::order::Order;
use super::rights::Action;
use super::{Dialog, Frozen, Kind};

/// The sizes that hold a dialog's memory and the log's rows (design.md section 10).
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a body.
    pub body_bytes_max: usize,
    /// Bytes of an encoded message that is stored.
    pub stored_bytes_max: usize,
    /// Bytes of an encoded message that is only told.
    pub unsaved_bytes_max: usize,
    /// Rows whose ids a dialog keeps in memory.
    pub tail_ids: usize,
    /// Messages outside the log whose ids a dialog keeps in memory.
    pub unsaved_ids: usize,
}

/// One message on its way into a dialog.
#[derive(Clone, PartialEq, Debug)]
pub struct Post {
    pub sender: UserId,
    /// Private dialogs: the other one. The first post makes the dialog with him.
    pub recipient: Option<UserId>,
    /// The id its client gave.
    pub id: Option<MessageId>,
    /// What the sender wrote; the fields of the row are filled in by [`Draft::decide`].
    pub message: Message,
    pub hash: Hash,
    /// It becomes a row of the log.
    pub store: bool,
    /// It is told to live sessions.
    pub deliver: bool,
    /// It is refused unless it is there already: a later message of its sender was taken meanwhile.
    pub only_repeat: bool,
    pub source: Source,
}

/// Where a message comes from, as it is told.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Source {
    /// The session that sent it.
    pub origin: Option<SessionRef>,
    /// W3C trace context of the sender's stanza.
    pub traceparent: String,
}

impl Post {
    /// A post of what the sender wrote, to be stored and told.
    pub fn new(sender: UserId, id: Option<MessageId>, message: Message) -> Post {
        let hash = content::hash(&message);
        Post {
            sender,
            recipient: None,
            id,
            message,
            hash,
            store: true,
            deliver: true,
            only_repeat: false,
            source: Source::default(),
        }
    }

    /// Refuses what no dialog would take.
    pub fn check(&self, limits: &Limits) -> Result<(), PostError> {
        if !self.store && !self.deliver {
            return Err(PostError::Nothing);
        }
        let (bytes, max) = (self.message.body.as_ref().map_or(0, String::len), limits.body_bytes_max);
        match bytes > max {
            true => Err(PostError::BodyTooLarge { bytes, max }),
            false => Ok(()),
        }
    }

    /// Bytes that the post adds to a batch, about.
    pub fn bytes(&self) -> usize {
        self.message.encoded_len() + 128
    }
}

/// Why a post is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PostError {
    NotMember,
    /// The dialog is.
    Frozen,
    /// The other of the two is no more.
    Gone(UserId),
    /// A privacy list keeps it from the other of the two.
    Barred(Bar),
    /// The recipient is not the other member of this private dialog.
    OtherRecipient,
    BodyTooLarge {
        bytes: usize,
        max: usize,
    },
    MessageTooLarge {
        bytes: usize,
        max: usize,
    },
    /// Neither stored nor delivered.
    Nothing,
    /// It was to be a repeat and is none.
    NoRepeat,
}

/// What becomes of a post.
#[derive(Clone, PartialEq, Debug)]
pub enum Decision {
    /// It is the next row.
    Row(Message),
    /// It is told and not stored.
    Unsaved(Message, Known),
    /// It is the message that `Known` is about; the message is filled in as that one was.
    Repeat(Message, Known),
    /// It is the message that the n-th decision of this batch is about.
    Same(usize),
}

/// The rows of a batch, ready to be stored, and what the dialog will remember of them.
#[derive(Clone, PartialEq, Debug)]
pub struct Batch {
    pub(super) order: Order,
    pub(super) known: Vec<Known>,
}

impl Batch {
    /// Whether there is no row to store.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

/// The posts of a batch as far as they are decided: the dialog's state, and what this batch would change.
pub struct Draft<'a> {
    dialog: &'a Dialog,
    limits: &'a Limits,
    /// Rows that the tail has forgotten and that carry an id of this batch.
    older: &'a [Known],
    bars: Option<&'a Bars>,
    now_ms: i64,
    order: Order,
    rows: Vec<Known>,
    unsaved: Vec<Known>,
    /// Of each decision so far: the message in `rows` or `unsaved` that it made.
    made: Vec<Option<Made>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Made {
    Row(usize),
    Unsaved(usize),
}

impl Dialog {
    /// Begins a batch.
    pub fn draft<'a>(&'a self, limits: &'a Limits, older: &'a [Known], now_ms: i64) -> Draft<'a> {
        let (order, rows, unsaved, made) = (self.order, Vec::new(), Vec::new(), Vec::new());
        Draft { dialog: self, limits, older, bars: None, now_ms, order, rows, unsaved, made }
    }

    /// Ids of these posts that may stand in rows the tail has forgotten, so that history must be asked. An id in the tail is
    /// no answer unless it is this very message's: an older one may have had the id first.
    pub fn forgotten<'p>(&self, posts: impl Iterator<Item = &'p Post>) -> Vec<MessageId> {
        if self.remembers_all() {
            return Vec::new();
        }
        let stored = posts.filter(|post| post.store).filter_map(|post| Some((post.id?, post)));
        let unknown = stored.filter(|(id, post)| !self.known(*id).any(|known| known.is_same(post.sender, &post.hash)));
        unknown.map(|(id, _)| id).collect()
    }
}

impl<'a> Draft<'a> {
    /// These may say nothing.
    pub fn with_bars(self, bars: &'a Bars) -> Draft<'a> {
        Draft { bars: Some(bars), ..self }
    }

    /// Decides the next post of the batch. `fresh` makes an id that no message has.
    pub fn decide(&mut self, post: Post, fresh: impl FnOnce() -> MessageId) -> Result<Decision, PostError> {
        let decided = self.choose(post, fresh);
        self.made.push(match &decided {
            Ok(Decision::Row(_)) => Some(Made::Row(self.rows.len() - 1)),
            Ok(Decision::Unsaved(..)) => Some(Made::Unsaved(self.unsaved.len() - 1)),
            _ => None,
        });
        decided
    }

    /// When the row before the next one was told, or made if this actor did not tell it, unix milliseconds; 0: there is none.
    /// `None`: it is told together with the next one.
    pub fn previous_at(&self) -> Option<i64> {
        let Dialog { told_at, order, .. } = self.dialog;
        self.rows.is_empty().then_some(if *told_at > 0 { *told_at } else { order.updated_at })
    }

    /// Ends the batch.
    pub fn finish(self) -> Batch {
        Batch { order: self.order, known: self.rows }
    }

    fn choose(&mut self, post: Post, fresh: impl FnOnce() -> MessageId) -> Result<Decision, PostError> {
        let said = self.said_before(&post);
        // What was stored is never refused: its sender may have been removed or blocked since, and an edge repeats a post whose
        // answer was lost.
        if said.is_none() {
            self.dialog.may(post.sender, Action::Post).map_err(|_| PostError::NotMember)?;
            self.dialog.check_writable().map_err(|Frozen| PostError::Frozen)?;
            self.dialog.check_listener(post.sender).map_err(PostError::Gone)?;
            self.bars.map_or(Ok(()), |bars| bars.check(post.sender)).map_err(PostError::Barred)?;
        }
        self.check(&post)?;
        if let Some(said) = said {
            return Ok(said);
        }
        if post.only_repeat {
            return Err(PostError::NoRepeat);
        }
        let known = self.next(&post, fresh);
        let stored_only = !post.deliver;
        let previous_told_at = if post.store && self.rows.is_empty() { self.dialog.told_at } else { 0 };
        let message = Message { stored_only, previous_told_at, ..self.fill(post.message, &known) };
        let max = if post.store { self.limits.stored_bytes_max } else { self.limits.unsaved_bytes_max };
        let bytes = message.encoded_len();
        if bytes > max {
            return Err(PostError::MessageTooLarge { bytes, max });
        }
        if post.store {
            self.order = self.order.next(message.client_date, self.now_ms);
            self.rows.push(known);
            Ok(Decision::Row(message))
        } else {
            self.unsaved.push(known.clone());
            Ok(Decision::Unsaved(message, known))
        }
    }

    fn check(&self, post: &Post) -> Result<(), PostError> {
        if post.recipient.is_some_and(|recipient| self.recipient(post.sender) != recipient.0) {
            return Err(PostError::OtherRecipient);
        }
        post.check(self.limits)
    }

    /// The message that this post repeats (design.md section 6, Duplicates). A post that is to be stored repeats rows only: what
    /// was told without being stored is not in the log yet.
    fn said_before(&self, post: &Post) -> Option<Decision> {
        let id = post.id?;
        let same = |known: &&Known| known.answers_to(id) && known.is_same(post.sender, &post.hash);
        let in_log = self.dialog.known(id).chain(self.older).find(same);
        let told = self.dialog.unsaved.find(id).filter(|_| !post.store).find(same);
        if let Some(known) = in_log.or(told) {
            let mut message = self.fill(post.message.clone(), known);
            message.created_at = known.date_sent * 1000;
            return Some(Decision::Repeat(message, known.clone()));
        }
        let made = self.rows.iter().position(|known| same(&known)).map(Made::Row);
        let made = made.or_else(|| {
            let position = self.unsaved.iter().position(|known| same(&known));
            position.filter(|_| !post.store).map(Made::Unsaved)
        })?;
        self.made.iter().position(|one| *one == Some(made)).map(Decision::Same)
    }

    fn next(&self, post: &Post, fresh: impl FnOnce() -> MessageId) -> Known {
        let (id, alias) = match post.id {
            Some(id) if self.is_taken(id, post.store) => (fresh(), Some(id)),
            Some(id) => (id, None),
            None => (fresh(), None),
        };
        let place = self.order.next(post.message.client_date, self.now_ms);
        let seq = if post.store { place.head } else { 0 };
        Known { id, alias, sender: post.sender, seq, hash: post.hash, date_sent: place.date_sent, told: true }
    }

    fn is_taken(&self, id: MessageId, store: bool) -> bool {
        let mut in_log = self.dialog.known(id).chain(self.older).chain(&self.rows);
        let mut told = self.dialog.unsaved.find(id).chain(&self.unsaved).filter(|_| !store);
        in_log.any(|known| known.answers_to(id)) || told.any(|known| known.answers_to(id))
    }

    fn fill(&self, mut message: Message, known: &Known) -> Message {
        message.id = known.id.to_vec();
        message.alias = known.alias.map(MessageId::to_vec).unwrap_or_default();
        message.sender = known.sender.0;
        message.recipient = self.recipient(known.sender);
        message.seq = known.seq;
        message.date_sent = known.date_sent;
        message.created_at = self.now_ms;
        message.updated_at = self.now_ms;
        message.content_hash = known.hash.to_vec();
        message.removed = false;
        message
    }

    fn recipient(&self, sender: UserId) -> u64 {
        match self.dialog.facts.kind {
            Kind::Private => self.dialog.members.other_than(sender).map_or(0, |other| other.0),
            Kind::Public | Kind::Group | Kind::Broadcast => 0,
        }
    }
}
