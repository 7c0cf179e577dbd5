//! Rooms as a session sees them (contract xmpp 4): it joins and leaves, asks who is there, and hears of others in the rooms that
//! it is in. Messages do not need it: membership of the dialog is the right to send and the reason to receive.
//!
//! Requests run beside the session, a few at a time and of one room one after another; answers are written whole.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use natter_proto::event::v1::{Occupant, OccupantState};
use natter_proto::{Code, DialogId, Failure};
use natter_xmpp::{Condition, Element, Kind, Node, Stanza, StanzaError, ns, result};

use super::{Action, Call, Session, Stage};
use crate::proof::Told;
use crate::shared::SharedFrame;
use crate::stanza::{self, Seen};
use crate::stanza_error;

/// Requests of one session on their way at the same time. An answer may be long, and nothing of it can be held back.
const FLYING_MAX: usize = 2;
/// Requests that wait before the client is not read any more.
const WAITING_MAX: usize = 16;
/// Frames held while a join is on its way.
const NEWS_MAX: usize = 64;

/// What is asked of a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ask {
    /// Answered by the other users there.
    Enter,
    Exit,
    /// Answered by the users there.
    Occupants,
    /// Answered by nobody: what it offers is the same of every room, and only whether there is one for the user is asked.
    About,
}

/// The rooms of one session.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    inside: BTreeSet<DialogId>,
    waiting: VecDeque<Request>,
    flying: BTreeMap<u64, Request>,
    next: u64,
}

/// A request of the client.
#[derive(Debug)]
struct Request {
    dialog: DialogId,
    ask: Ask,
    /// The stanza without its children.
    stanza: Element,
    /// Of the edge, for a client that is in the room as far as it knows: it is told nothing if it is so.
    again: bool,
    /// What happened in the room meanwhile.
    news: Vec<Arc<SharedFrame>>,
}

impl Rooms {
    fn push(&mut self, dialog: DialogId, ask: Ask, stanza: &Element) {
        let stanza = bare(stanza);
        self.waiting.push_back(Request { dialog, ask, stanza, again: false, news: Vec::new() });
    }

    /// The next request that may start.
    fn start(&mut self) -> Option<(u64, DialogId, Ask)> {
        if self.flying.len() >= FLYING_MAX {
            return None;
        }
        let is_free = |request: &Request| self.flying.values().all(|flying| flying.dialog != request.dialog);
        let at = self.waiting.iter().position(is_free)?;
        let request = self.waiting.remove(at)?;
        let number = self.next;
        self.next += 1;
        let (dialog, ask) = (request.dialog, request.ask);
        self.flying.insert(number, request);
        Some((number, dialog, ask))
    }

    /// The session is in as many rooms as it may be in, or is about to be.
    fn is_full_for(&self, dialog: DialogId, max: usize) -> bool {
        let joins = self.flying.values().chain(&self.waiting).filter(|request| request.ask == Ask::Enter);
        !self.inside.contains(&dialog) && self.inside.len() + joins.count() >= max
    }

    /// Too much waits: the client is not read.
    pub(super) fn is_busy(&self) -> bool {
        self.waiting.len() > WAITING_MAX
    }

    /// Those that it is in, ascending.
    pub(super) fn inside(&self) -> impl Iterator<Item = DialogId> {
        self.inside.iter().copied()
    }

    /// Frames do not reach the session any more: it is in no room.
    pub(super) fn leave_all(&mut self) {
        self.inside.clear();
    }
}

/// What an answer needs of the stanza.
pub(super) fn bare(stanza: &Element) -> Element {
    let mut bare = Element::new(stanza.name.as_str(), stanza.ns.as_str());
    for name in ["id", "to", "type"] {
        if let Some(value) = stanza.attr(name) {
            bare.set(name, value);
        }
    }
    bare
}

impl Session {
    // === requests ===

    /// A join (contract xmpp 4.1) or a leave (4.4).
    pub(super) fn room_presence(&mut self, stanza: &Stanza<'_>, dialog: DialogId) {
        match stanza.stanza_type() {
            "available" if self.rooms.is_full_for(dialog, self.options.rooms_max) => {
                self.refuse_join(stanza.element, &StanzaError::new(Condition::PolicyViolation, "Too many rooms."));
            }
            "available" => self.rooms.push(dialog, Ask::Enter, stanza.element),
            "unavailable" => self.rooms.push(dialog, Ask::Exit, stanza.element),
            _ => {}
        }
    }

    /// A resumed session enters a room that it was in at another edge.
    pub(super) fn enter_again(&mut self, dialog: DialogId) {
        let to = format!("{}/{}", stanza::room(Self::spelling(&self.me), dialog), self.me.user);
        let stanza = Element::new("presence", ns::CLIENT).with_attr("to", to.as_str());
        self.rooms.waiting.push_back(Request { dialog, ask: Ask::Enter, stanza, again: true, news: Vec::new() });
    }

    /// The rooms of other apps are answered like those that do not exist: silence would tell them apart, and a build whose join
    /// is not answered waits for ever (contract xmpp 4.1).
    pub(super) fn foreign_room_presence(&mut self, stanza: &Stanza<'_>) {
        match stanza.stanza_type() {
            "available" => self.refuse_join(stanza.element, &refusal(&Failure::new(Code::NotFound, ""))),
            "unavailable" => self.left(stanza.element),
            _ => {}
        }
    }

    /// Who is in a room (contract xmpp 4.6).
    pub(super) fn room_items(&mut self, request: &Element, dialog: DialogId) {
        self.rooms.push(dialog, Ask::Occupants, request);
    }

    /// What a room offers.
    pub(super) fn room_info(&mut self, request: &Element, dialog: DialogId) {
        self.rooms.push(dialog, Ask::About, request);
    }

    /// Starts what may start: nothing while an announcement of this session is on its way, which a join must not overtake.
    pub(super) fn ask_rooms(&mut self) {
        while self.stage != Stage::Returning && !self.rooms.waiting.is_empty() {
            if self.room == 0 {
                self.out.push_back(Action::WhenRoom);
                return;
            }
            let Some((number, dialog, ask)) = self.rooms.start() else { return };
            self.out.push_back(Action::Call(Call::Room { number, dialog, ask }));
        }
    }

    // === answers ===

    pub(super) fn room_answered(&mut self, now: i64, number: u64, answer: Result<Vec<u64>, Failure>) {
        let Some(request) = self.rooms.flying.remove(&number) else { return };
        match (request.ask, answer) {
            (Ask::Enter, Ok(others)) => self.entered(now, request, &others),
            // It joins again, and hears why not.
            (Ask::Enter, Err(_)) if request.again => self.left(&request.stanza),
            (Ask::Enter, Err(failure)) => self.refuse_join(&request.stanza, &refusal(&failure)),
            // Whatever became of it: who leaves is answered (contract xmpp 4.4).
            (Ask::Exit, _) => {
                self.rooms.inside.remove(&request.dialog);
                self.left(&request.stanza);
            }
            // An unknown room has nobody in it: builds never hear of an error (contract xmpp 4.6).
            (Ask::Occupants, users) => self.list(&request, &users.unwrap_or_default()),
            (Ask::About, answer) => self.describe_room(&request.stanza, answer.err()),
        }
    }

    /// Others first, then the session itself; what happened meanwhile comes behind.
    fn entered(&mut self, now: i64, request: Request, others: &[u64]) {
        let Request { dialog, stanza, news, again, .. } = request;
        if self.reachable {
            self.rooms.inside.insert(dialog);
        }
        if again {
            return news.into_iter().for_each(|frame| self.deliver(now, frame));
        }
        let spelling = Self::spelling(&self.me);
        let others = others.iter().filter(|user| **user != self.me.user.0).take(self.options.occupants_max);
        let there = |user: &u64| stanza::occupant(spelling, dialog, *user, Seen::There).addressed_to(&self.me.address);
        let presences: Vec<String> = others.map(there).collect();
        presences.into_iter().for_each(|text| self.write(text));
        // The nick is the user's number, whatever the client chose.
        let to = stanza.attr("to").unwrap_or_default();
        let from = format!("{}/{}", to.split_once('/').map_or(to, |(room, _)| room), self.me.user);
        let answer = stanza::own_presence(from, &self.me.address, stanza.attr("id"), Seen::There);
        self.write_element(&answer);
        news.into_iter().for_each(|frame| self.deliver(now, frame));
    }

    fn left(&mut self, stanza: &Element) {
        let from = stanza.attr("to").unwrap_or_default().to_owned();
        let answer = stanza::own_presence(from, &self.me.address, stanza.attr("id"), Seen::Gone);
        self.write_element(&answer);
    }

    fn list(&mut self, request: &Request, users: &[u64]) {
        let users = &users[..users.len().min(self.options.occupants_max)];
        let items = stanza::items(Self::spelling(&self.me), request.dialog, users);
        let answer = result(&request.stanza, Some(&self.me.address), Some(items));
        self.write_element(&answer);
    }

    fn refuse_join(&mut self, element: &Element, error: &StanzaError) {
        let mut answer = error.answer(&Stanza { kind: Kind::Presence, element }, Some(&self.me.address));
        // Without it the refusal is not noticed, whether the client sent one or not.
        if answer.child("x", ns::MUC).is_none() {
            answer.children.insert(0, Node::Element(Element::new("x", ns::MUC)));
        }
        self.write_element(&answer);
    }

    // === what happens in a room ===

    /// Somebody entered or left a room, or was removed from its dialog. About the user himself only a removal is told.
    pub(super) fn occupant(&mut self, now: i64, dialog: DialogId, occupant: &Occupant, frame: &Arc<SharedFrame>) {
        if !self.rooms.inside.contains(&dialog) {
            let mut flying = self.rooms.flying.values_mut();
            let joins = flying.find(|request| request.dialog == dialog && request.ask == Ask::Enter);
            if let Some(request) = joins.filter(|request| request.news.len() < NEWS_MAX) {
                request.news.push(frame.clone());
            }
            return;
        }
        let is_me = occupant.user == self.me.user.0;
        let text = match (is_me, occupant.state()) {
            (true, OccupantState::Removed) => {
                self.rooms.inside.remove(&dialog);
                let spelling = Self::spelling(&self.me);
                stanza::removed(spelling, dialog, occupant.user, occupant.actor, &self.me.address)
            }
            (true, _) | (_, OccupantState::Unspecified) => return,
            (false, state) => {
                let seen = if state == OccupantState::Entered { Seen::There } else { Seen::Gone };
                self.spell_once(frame, |spelling| stanza::occupant(spelling, dialog, occupant.user, seen))
            }
        };
        self.tell(now, text, Told::Unstored);
    }
}

/// Why a join is refused.
fn refusal(failure: &Failure) -> StanzaError {
    match failure.code {
        Code::Forbidden => StanzaError::new(Condition::RegistrationRequired, "Membership is required to enter this room"),
        Code::NotFound => StanzaError::new(Condition::ItemNotFound, "Room not found"),
        _ => stanza_error::of(failure),
    }
}
