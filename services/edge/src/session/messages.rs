//! Messages of the client, to a user or to a group: what is posted, changed, marked, signalled or refused. What becomes of it is
//! in `outcomes.rs`.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::dialog::v1::{
    HeadlineRequest, MarkRequest, PostRequest, RemoveMessagesRequest, SignalCallRequest, SignalRequest, UpdateMessageRequest,
};
use natter_proto::event::v1::{Headline, MarkKind, Typing};
use natter_proto::{DialogId, MessageId, UserId};
use natter_xmpp::{Condition, Element, ns};

use super::Session;
use super::posts::{Job, Task};
use crate::acks::Place;
use crate::address::{self, Address};
use crate::stanza::{self, Kind, Purpose};

/// Whom a message is for.
#[derive(Clone, Copy)]
enum Peer {
    User(UserId),
    Group(DialogId),
}

/// A name this long is unique in the world.
const UNIQUE_FROM: usize = 16;

impl Session {
    /// A `<message/>` of the client.
    pub(super) fn message(&mut self, element: Element) {
        let purpose = stanza::purpose(&element);
        let message_type = element.attr("type").unwrap_or("normal");
        let counted = matches!(message_type, "chat" | "groupchat") && purpose == (Purpose::Content { counted: true });
        let place = self.acks.stanza(counted);
        let to = address::read(element.attr("to"), self.me.app);
        match (self.kind_of(&element), to) {
            (Kind::ErrorMessage, _) => self.acks.done(place),
            // Only users take system messages and calls.
            (Kind::GroupSystem, _) => {
                self.refuse(place, &element, Condition::ServiceUnavailable, "Service not available.");
            }
            (Kind::Call, Address::User(to)) => self.signal_call(place, &element, to),
            (Kind::System, Address::User(to)) => self.post_headline(place, &element, to),
            (Kind::Astray, _) | (_, Address::Server | Address::Foreign | Address::ForeignRoom | Address::Malformed) => {
                self.astray(place, &element, to, &purpose);
            }
            (_, Address::User(to)) => self.send(place, element, purpose, Peer::User(to)),
            (_, Address::Room(dialog)) => self.send(place, element, purpose, Peer::Group(dialog)),
        }
    }

    /// The server takes what is for itself. Of a status and a chat state no error is told: it would fire with the id of a marker
    /// (contract xmpp 7.3).
    fn astray(&mut self, place: Place, element: &Element, to: Address, purpose: &Purpose) {
        let is_for_server = to == Address::Server && element.attr("type") != Some("groupchat");
        match purpose {
            Purpose::Marker { .. } | Purpose::Typing { .. } | Purpose::Nothing => self.acks.done(place),
            _ if is_for_server => self.acks.done(place),
            _ => self.refuse(place, element, Condition::ItemNotFound, "Not found."),
        }
    }

    fn send(&mut self, place: Place, element: Element, purpose: Purpose, to: Peer) {
        match (purpose, to) {
            (Purpose::Content { .. } | Purpose::Edit { .. }, _) if self.is_too_large(&element) => {
                self.refuse(place, &element, Condition::PolicyViolation, "The message is too large.");
            }
            (Purpose::Content { .. }, to) => self.post(place, element, to),
            (Purpose::Edit { id, last }, to) => self.edit(place, &element, to, &id, last),
            (Purpose::Removal { id }, to) => self.remove(place, &element, to, &id),
            (Purpose::Typing { composing }, to) => self.signal(place, &element, to, composing),
            (Purpose::Marker { kind, id, dialog }, Peer::User(to)) => self.mark(place, &element, to, kind, id, dialog),
            // Statuses go to the author, never to the group (contract xmpp 3.4).
            (Purpose::Marker { .. }, Peer::Group(_)) | (Purpose::Nothing, _) => self.acks.done(place),
        }
    }

    fn is_too_large(&self, element: &Element) -> bool {
        element.child("body", ns::CLIENT).is_some_and(|body| body.text().len() > self.options.body_bytes)
    }

    fn post(&mut self, place: Place, element: Element, to: Peer) {
        let stanza_id = element.attr("id").map(str::to_owned);
        let written_to = element.attr("to").map(str::to_owned);
        let content = stanza::content(element);
        let mut message = content.message;
        if content.id.is_none() {
            message.stanza_id = stanza_id.clone().unwrap_or_default();
        }
        message.id = content.id.unwrap_or_else(|| self.made_id(place, stanza_id.as_deref())).to_vec();
        message.sender = self.me.user.0;
        message.recipient = to.recipient();
        let request = PostRequest {
            app: self.me.app.0,
            dialog: self.dialog_with(to).to_vec(),
            recipient: to.recipient(),
            message: Some(message),
            store: content.save,
            deliver: true,
            origin: Some(self.me.session.clone()),
            traceparent: String::new(),
            only_repeat: false,
            brief: true,
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

    /// A message is named by its id; one of a standard client by the name that this session was told or gave it.
    fn message_named(&self, name: &str) -> Option<MessageId> {
        if let Ok(id) = name.parse() {
            return Some(id);
        }
        let own = || (name.len() >= UNIQUE_FROM).then(|| MessageId::of_name(self.me.user, name));
        self.names.find(name).map(|(_, id)| id).or_else(own)
    }

    /// Told with its keys as the client wrote them (contract xmpp 3.6).
    fn edit(&mut self, place: Place, element: &Element, to: Peer, named: &str, last: bool) {
        let Some(id) = self.message_named(named) else {
            return self.refuse(place, element, Condition::ItemNotFound, "Not found.");
        };
        let dialog = self.dialog_with(to);
        let words = stanza::edited(element);
        let request = UpdateMessageRequest {
            app: self.me.app.0,
            user: self.me.user.0,
            dialog: dialog.to_vec(),
            id: id.to_vec(),
            body: words.body.unwrap_or_default(),
            extensions: words.extensions,
            attachments: words.attachments,
            told: true,
            origin: Some(self.me.session.clone()),
            stanza_id: self.stanza_id(place, element),
            relay: stanza::relayed(element, dialog),
            last,
        };
        self.ask_dialog(place, element, Job::Update(Box::new(request)));
    }

    /// In the dialog it is addressed to, and nowhere else.
    fn remove(&mut self, place: Place, element: &Element, to: Peer, named: &str) {
        let Some(id) = self.message_named(named) else {
            return self.refuse(place, element, Condition::ItemNotFound, "Not found.");
        };
        let request = RemoveMessagesRequest {
            app: self.me.app.0,
            user: self.me.user.0,
            dialog: self.dialog_with(to).to_vec(),
            ids: vec![id.to_vec()],
            force: true,
            origin: Some(self.me.session.clone()),
            stanza_id: self.stanza_id(place, element),
            by_operator: false,
        };
        self.ask_dialog(place, element, Job::Remove(Box::new(request)));
    }

    /// A system message to a user (contract xmpp 3.10).
    fn post_headline(&mut self, place: Place, element: &Element, to: UserId) {
        let children = stanza::headline_children(element);
        if children.len() > self.options.body_bytes {
            return self.refuse(place, element, Condition::PolicyViolation, "The message is too large.");
        }
        let headline = self.headline_of(place, element, children);
        let request = HeadlineRequest {
            app: self.me.app.0,
            recipient: to.0,
            headline: Some(headline),
            origin: Some(self.me.session.clone()),
        };
        self.ask_dialog(place, element, Job::Headline(Box::new(request)));
    }

    /// A signal of a call (contract xmpp 11). Its size is bounded as that of every stanza: a session description is long.
    fn signal_call(&mut self, place: Place, element: &Element, to: UserId) {
        let signal = self.headline_of(place, element, stanza::headline_children(element));
        let request = SignalCallRequest {
            app: self.me.app.0,
            dialog: self.pair(to).to_vec(),
            recipient: to.0,
            signal: Some(signal),
            origin: Some(self.me.session.clone()),
            step: stanza::call_step(element),
        };
        self.ask_dialog(place, element, Job::CallSignal(Box::new(request)));
    }

    fn headline_of(&self, place: Place, element: &Element, children: String) -> Headline {
        Headline {
            user: self.me.user.0,
            resource: self.me.session.resource.clone(),
            stanza_id: self.stanza_id(place, element),
            children,
        }
    }

    /// For a stanza whose client hears of a refusal.
    fn ask_dialog(&mut self, place: Place, element: &Element, job: Job) {
        let (id, to) = (element.attr("id").map(str::to_owned), element.attr("to").map(str::to_owned));
        self.posts.push(Task::new(place, id, to, job));
    }

    /// The id a stanza is relayed under.
    fn stanza_id(&self, place: Place, element: &Element) -> String {
        match element.attr("id").filter(|id| !id.is_empty()) {
            Some(id) => id.to_owned(),
            None => self.made_id(place, None).to_string(),
        }
    }

    fn signal(&mut self, place: Place, element: &Element, to: Peer, composing: bool) {
        let typing = Typing {
            user: self.me.user.0,
            resource: self.me.session.resource.clone(),
            composing,
            recipient: to.recipient(),
            stanza: element.child("extraParams", ns::CLIENT).map_or_else(String::new, |extra| extra.to_xml("")),
        };
        let request = SignalRequest {
            app: self.me.app.0,
            dialog: self.dialog_with(to).to_vec(),
            user: self.me.user.0,
            recipient: to.recipient(),
            origin: Some(self.me.session.clone()),
            typing: Some(typing),
        };
        self.posts.push(Task::new(place, None, None, Job::Signal(Box::new(request))));
    }

    fn dialog_with(&mut self, peer: Peer) -> DialogId {
        match peer {
            Peer::User(user) => self.pair(user),
            Peer::Group(dialog) => dialog,
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
        if let Some(name) = name.filter(|name| name.len() >= UNIQUE_FROM) {
            return MessageId::of_name(self.me.user, name);
        }
        let mut id = [0; 12];
        id[..8].copy_from_slice(&self.seed[..8]);
        id[8..].copy_from_slice(&(place as u32).to_be_bytes());
        MessageId(id)
    }
}

impl Peer {
    /// The user, 0 for a group.
    fn recipient(self) -> u64 {
        match self {
            Peer::User(user) => user.0,
            Peer::Group(_) => 0,
        }
    }
}
