//! Messages of the client: what is posted, marked, signalled or refused, and what becomes of it.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::dialog::v1::{MarkRequest, PostRequest, SignalRequest};
use natter_proto::event::v1::{MarkKind, Typing};
use natter_proto::{Code, DialogId, Failure, MessageId, UserId};
use natter_xmpp::{Condition, Element, Stanza, StanzaError, StreamFault, ns};

use super::posts::{Job, Outcome, Task};
use super::{Ending, Session};
use crate::acks::{Counting, Place};
use crate::address::{self, Address};
use crate::stanza::{self, Purpose};
use crate::stanza_error;

impl Session {
    /// A `<message/>` of the client.
    pub(super) fn message(&mut self, element: Element) {
        let purpose = stanza::purpose(&element);
        let message_type = element.attr("type").unwrap_or("normal");
        let counted = matches!(message_type, "chat" | "groupchat") && purpose == (Purpose::Content { counted: true });
        let place = self.acks.stanza(counted);
        let to = address::read(element.attr("to"), self.me.app);
        match (message_type, to) {
            ("error", _) => self.acks.done(place),
            ("headline", _) => self.refuse(place, &element, Condition::ServiceUnavailable, "Service not available."),
            ("groupchat", _) => self.room_message(place, &element, &purpose),
            (_, Address::User(to)) => self.private_message(place, element, purpose, to),
            (_, Address::Server) => self.acks.done(place),
            // An error would fire with the id of a marker (contract xmpp 7.3).
            _ if !matches!(purpose, Purpose::Content { .. } | Purpose::Change) => self.acks.done(place),
            _ => self.refuse(place, &element, Condition::ItemNotFound, "Not found."),
        }
    }

    fn private_message(&mut self, place: Place, element: Element, purpose: Purpose, to: UserId) {
        match purpose {
            Purpose::Content { .. } => self.post(place, element, to),
            Purpose::Marker { kind, id, dialog } => self.mark(place, &element, to, kind, id, dialog),
            Purpose::Typing { composing } => self.signal(place, &element, to, composing),
            Purpose::Change => self.refuse(place, &element, Condition::FeatureNotImplemented, "Not implemented."),
            Purpose::Nothing => self.acks.done(place),
        }
    }

    fn post(&mut self, place: Place, element: Element, to: UserId) {
        let too_large = element.child("body", ns::CLIENT).is_some_and(|body| body.text().len() > self.options.body_bytes);
        if too_large {
            self.refuse(place, &element, Condition::PolicyViolation, "The message is too large.");
            return;
        }
        let stanza_id = element.attr("id").map(str::to_owned);
        let written_to = element.attr("to").map(str::to_owned);
        let content = stanza::content(element);
        let mut message = content.message;
        if content.id.is_none() {
            message.stanza_id = stanza_id.clone().unwrap_or_default();
        }
        message.id = content.id.unwrap_or_else(|| self.made_id(place, stanza_id.as_deref())).to_vec();
        message.sender = self.me.user.0;
        message.recipient = to.0;
        let request = PostRequest {
            app: self.me.app.0,
            dialog: self.pair(to).to_vec(),
            recipient: to.0,
            message: Some(message),
            store: content.save,
            deliver: true,
            origin: Some(self.me.session.clone()),
            traceparent: String::new(),
            only_repeat: false,
        };
        self.posts.push(Task::new(place, stanza_id, written_to, Job::Post(Box::new(request))));
    }

    /// A status goes to the author of the message. Its dialog may be a group; without one it is that of the two users. A message
    /// whose client named it in a form of its own is known by that name to the sessions that got it.
    fn mark(&mut self, place: Place, element: &Element, to: UserId, kind: MarkKind, named: String, dialog: Option<DialogId>) {
        let (dialog, id, named) = match (named.parse(), self.names.find(&named)) {
            (Ok(id), _) => (dialog.unwrap_or_else(|| self.pair(to)), id, String::new()),
            (Err(_), Some((dialog, id))) => (dialog, id, named),
            (Err(_), None) => return self.acks.done(place),
        };
        let request = MarkRequest {
            app: self.me.app.0,
            dialog: dialog.to_vec(),
            user: self.me.user.0,
            author: to.0,
            kind: kind.into(),
            ids: vec![id.to_vec()],
            relay: true,
            origin: Some(self.me.session.clone()),
            stanza_id: element.attr("id").unwrap_or_default().to_owned(),
            named,
            ..MarkRequest::default()
        };
        self.posts.push(Task::new(place, None, None, Job::Mark(Box::new(request))));
    }

    fn signal(&mut self, place: Place, element: &Element, to: UserId, composing: bool) {
        let typing = Typing {
            user: self.me.user.0,
            resource: self.me.session.resource.clone(),
            composing,
            recipient: to.0,
            stanza: element.child("extraParams", ns::CLIENT).map_or_else(String::new, |extra| extra.to_xml("")),
        };
        let request = SignalRequest {
            app: self.me.app.0,
            dialog: self.pair(to).to_vec(),
            user: self.me.user.0,
            recipient: to.0,
            origin: Some(self.me.session.clone()),
            typing: Some(typing),
        };
        self.posts.push(Task::new(place, None, None, Job::Signal(Box::new(request))));
    }

    // === what becomes of it ===

    pub(super) fn job_answered(&mut self, now: i64, number: u64, answer: Result<u64, Failure>) {
        for outcome in self.posts.answered(now, number, answer) {
            match outcome {
                Outcome::Done(task, seq) => self.job_done(&task, seq),
                Outcome::Refused(task, failure) => self.job_refused(&task, &failure),
                Outcome::Lost(task, failure) => self.job_lost(now, &task, &failure),
            }
        }
    }

    fn job_done(&mut self, task: &Task, seq: u64) {
        if let Job::Post(request) = &task.job
            && seq > 0
            && let Ok(dialog) = DialogId::try_from(request.dialog.as_slice())
        {
            self.places.posted(dialog, seq);
        }
        self.acks.done(task.place);
    }

    /// A refused message counts as handled: its error tells the app (contract xmpp 5). A refused status is dropped in silence.
    fn job_refused(&mut self, task: &Task, failure: &Failure) {
        if matches!(task.job, Job::Post(_)) {
            self.write_error(task.stanza_id.as_deref(), task.to.as_deref(), &stanza_error::of(failure));
        }
        self.acks.done(task.place);
    }

    /// An ack would be a lie. Who counts acks learns it from the end of the stream, unless an error is certain to be true.
    fn job_lost(&mut self, now: i64, task: &Task, failure: &Failure) {
        let counts_content = self.acks.enabled() && self.counting() == Counting::Content;
        let certain = failure.code == Code::NotStored && !counts_content;
        if certain || !(self.acks.enabled() || matches!(task.job, Job::Post(_))) {
            self.job_refused(task, failure);
        } else {
            self.end(now, Some(StreamFault::InternalError), Ending::Vanished);
        }
    }

    /// Refuses a task that was never submitted.
    pub(super) fn refuse_busy(&mut self, task: &Task) {
        self.job_refused(task, &Failure::new(Code::Busy, "too slow"));
    }

    /// Refuses a stanza with an error; it counts as handled.
    pub(super) fn refuse(&mut self, place: Place, element: &Element, condition: Condition, text: &str) {
        self.write_error(element.attr("id"), element.attr("to"), &StanzaError::new(condition, text));
        self.acks.done(place);
    }

    fn write_error(&mut self, id: Option<&str>, to: Option<&str>, error: &StanzaError) {
        let refused = Element::new("message", ns::CLIENT).with_attr_opt("id", id).with_attr_opt("to", to);
        if let Some(stanza) = Stanza::of(&refused) {
            let answer = error.answer(&stanza, Some(&self.me.address));
            self.write_element(&answer);
        }
    }

    /// The private dialog with a user. Conversations come in runs, so the last one is remembered.
    fn pair(&mut self, with: UserId) -> DialogId {
        match self.last_pair {
            Some((user, dialog)) if user == with => dialog,
            _ => {
                let dialog = DialogId::of_pair(&self.me.pair_key, self.me.user, with);
                self.last_pair = Some((with, dialog));
                dialog
            }
        }
    }

    /// An id for a message that came without a usable one. A name long enough to be unique in the world gives the same id on
    /// every stream; otherwise sent again at the same place of a resumed stream it is the same.
    fn made_id(&self, place: Place, name: Option<&str>) -> MessageId {
        const UNIQUE_FROM: usize = 16;
        if let Some(name) = name.filter(|name| name.len() >= UNIQUE_FROM) {
            return MessageId::of_name(self.me.user, name);
        }
        let mut id = [0; 12];
        id[..8].copy_from_slice(&self.seed[..8]);
        id[8..].copy_from_slice(&(place as u32).to_be_bytes());
        MessageId(id)
    }
}
