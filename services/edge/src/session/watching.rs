//! What is asked of presence, and last activity (contract xmpp 8): the client asks when a user was last there, and hears of
//! those whom it watches. Contacts are in `contacts.rs`, privacy lists in `privacy.rs`.
//!
//! Requests run beside the session, a few at a time and one after another of one user; each is answered when its outcome is
//! known; what is to be stored is counted (`acks.rs`) no sooner.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use natter_proto::event::v1::{Activity, Contact, Subscription};
use natter_proto::presence::v1::PrivacyItem;
use natter_proto::{Code, Failure, UserId};
use natter_xmpp::{Condition, Element, Kind, Stanza, StanzaError, StreamFault, ns};

use super::rooms::bare;
use super::{Action, Call, Ending, Session, Stage};
use crate::acks::Place;
use crate::address::{self, Address};
use crate::proof::Told;
use crate::stanza_error;

/// Requests of one session on their way at the same time: an app asks for all its contacts at once.
const FLYING_MAX: usize = 8;
/// Requests that wait before the client is not read any more.
const WAITING_MAX: usize = 64;

/// What is asked of presence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Query {
    /// Answered by [`Answered::LastActivity`].
    LastActivity(UserId),
    Watch {
        user: UserId,
        enable: bool,
    },
    /// Answered by [`Answered::Contacts`].
    Contacts,
    SetContact {
        user: UserId,
        name: String,
    },
    RemoveContact(UserId),
    Subscribe {
        user: UserId,
        kind: Subscription,
    },
    /// Answered by [`Answered::PrivacyLists`].
    PrivacyLists,
    /// Answered by [`Answered::PrivacyList`].
    PrivacyList(String),
    /// Without items: it is deleted.
    SetPrivacyList {
        name: String,
        items: Vec<PrivacyItem>,
    },
    /// Whether nobody looks at the client.
    SetInactive(bool),
    /// Without a name: there is none.
    SetDefaultList(Option<String>),
}

/// What presence answers.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Answered {
    Done,
    /// When he was last there, unix milliseconds; nothing if he is there.
    LastActivity(Option<i64>),
    Contacts {
        contacts: Vec<Contact>,
        revision: u64,
    },
    PrivacyLists {
        names: Vec<String>,
        default: Option<String>,
    },
    PrivacyList {
        name: String,
        items: Vec<PrivacyItem>,
    },
}

impl Query {
    /// Whom it is about; nobody: the session's own user.
    pub(super) fn user(&self) -> Option<UserId> {
        match self {
            Query::LastActivity(user) | Query::Watch { user, .. } | Query::SetContact { user, .. } => Some(*user),
            Query::RemoveContact(user) | Query::Subscribe { user, .. } => Some(*user),
            Query::Contacts | Query::PrivacyLists | Query::PrivacyList(_) => None,
            Query::SetPrivacyList { .. } | Query::SetDefaultList(_) | Query::SetInactive(_) => None,
        }
    }

    /// What comes of it outlives the session: an ack promises that it is stored.
    fn is_kept(&self) -> bool {
        match self {
            Query::SetContact { .. } | Query::RemoveContact(_) | Query::Subscribe { .. } => true,
            Query::SetPrivacyList { .. } | Query::SetDefaultList(_) => true,
            Query::LastActivity(_) | Query::Watch { .. } | Query::SetInactive(_) => false,
            Query::Contacts | Query::PrivacyLists | Query::PrivacyList(_) => false,
        }
    }
}

/// What one session wants to know of others.
#[derive(Debug, Default)]
pub(super) struct Watching {
    /// Whom it watches. Presence knows too, as long as frames reach the session.
    users: BTreeSet<UserId>,
    waiting: VecDeque<Request>,
    flying: BTreeMap<u64, Request>,
    next: u64,
    /// How often it was told of somebody.
    told: u64,
}

#[derive(Debug)]
struct Request {
    query: Query,
    /// What is answered.
    stanza: Option<Element>,
    /// Place of the stanza that is counted when the outcome is known.
    place: Option<Place>,
}

impl Watching {
    /// `watches`: what is watched may be said too.
    fn start(&mut self, watches: bool) -> Option<(u64, Query)> {
        if self.flying.len() >= FLYING_MAX {
            return None;
        }
        // A list is not read while it changes, nor the other way round.
        let clash = |a: Option<UserId>, b: Option<UserId>| a == b || a.is_none() || b.is_none();
        let is_free = |request: &Request| {
            (watches || !matches!(request.query, Query::Watch { .. }))
                && !self.flying.values().any(|flying| clash(flying.query.user(), request.query.user()))
        };
        let at = self.waiting.iter().position(is_free)?;
        // What was asked before about the same user, or about all, goes first.
        let is_first = self.waiting.iter().take(at).all(|earlier| !clash(earlier.query.user(), self.waiting[at].query.user()));
        if !is_first {
            return None;
        }
        let request = self.waiting.remove(at)?;
        let (number, query) = (self.next, request.query.clone());
        self.next += 1;
        self.flying.insert(number, request);
        Some((number, query))
    }

    /// Whom the session watches, ascending.
    pub(super) fn users(&self) -> impl Iterator<Item = UserId> {
        self.users.iter().copied()
    }

    /// It asked to watch these before, elsewhere.
    pub(super) fn watched_before(&mut self, users: impl Iterator<Item = UserId>) {
        self.users.extend(users);
    }

    /// Too much waits: the client is not read.
    pub(super) fn is_busy(&self) -> bool {
        self.waiting.len() > WAITING_MAX
    }

    /// Stanzas of the client wait for an outcome.
    pub(super) fn is_held(&self) -> bool {
        self.waiting.iter().chain(self.flying.values()).any(|request| request.place.is_some())
    }
}

impl Session {
    // === requests ===

    /// Asks presence on behalf of the stanza that is being handled. `stanza`: what is answered then.
    pub(super) fn query(&mut self, query: Query, stanza: Option<&Element>) {
        let place = if query.is_kept() { self.handled.take() } else { None };
        self.watching.waiting.push_back(Request { query, stanza: stanza.map(without_content), place });
    }

    /// Tell of this user from now on, or no more (contract xmpp 8.2).
    pub(super) fn subscribe(&mut self, stanza: &Stanza<'_>, payload: &Element) {
        let user = match address::read(payload.attr("user_jid"), self.me.app) {
            Address::User(user) => user,
            _ => return self.refuse_iq(stanza, Condition::BadRequest, "user_jid has to be the address of a user."),
        };
        let enable = match payload.attr("enable") {
            Some("true" | "1") => true,
            Some("false" | "0") => false,
            _ => return self.refuse_iq(stanza, Condition::BadRequest, "enable has to be true or false."),
        };
        self.query(Query::Watch { user, enable }, Some(stanza.element));
    }

    /// Frames reach the session again: presence had forgotten whom it watches.
    pub(super) fn watch_again(&mut self) {
        let watch = |user: &UserId| Request { query: Query::Watch { user: *user, enable: true }, stanza: None, place: None };
        self.watching.waiting.extend(self.watching.users.iter().map(watch));
    }

    /// Starts what may start. While an announcement of this session is on its way, what it watches is not said: that must not
    /// overtake it.
    pub(super) fn ask_presence(&mut self) {
        while let Some((number, query)) = self.watching.start(self.stage != Stage::Returning) {
            self.out.push_back(Action::Call(Call::Presence { number, query }));
        }
    }

    // === answers ===

    pub(super) fn presence_answered(&mut self, now: i64, number: u64, answer: Result<Answered, Failure>) {
        let Some(Request { query, stanza, place }) = self.watching.flying.remove(&number) else { return };
        // Of a session that frames do not reach presence hears when they do.
        let is_early = matches!(&answer, Err(failure) if failure.code == Code::Conflict);
        match query {
            Query::Watch { user, enable: false } => {
                self.watching.users.remove(&user);
            }
            Query::Watch { user, enable: true } if is_early || answer.is_ok() => {
                self.watching.users.insert(user);
            }
            _ => {}
        }
        match (stanza, answer) {
            (Some(stanza), answer) if stanza.name == "iq" => self.answer_iq(now, &stanza, answer, is_early),
            // A step in a contact list has no answer. One that may be lost must not be taken for done.
            (_, Err(failure)) if place.is_some() && !is_refusal(failure.code) => {
                return self.end(now, Some(StreamFault::InternalError), Ending::Vanished);
            }
            (Some(stanza), Err(failure)) if matches!(failure.code, Code::Blocked | Code::Blocking) => {
                self.refuse_contact(&stanza, &failure);
            }
            _ => {}
        }
        if let Some(place) = place {
            self.acks.done(place);
        }
    }

    fn answer_iq(&mut self, now: i64, stanza: &Element, answer: Result<Answered, Failure>, is_early: bool) {
        let iq = Stanza { kind: Kind::Iq, element: stanza };
        match answer {
            Ok(Answered::Done) => self.grant(&iq, None),
            Ok(Answered::LastActivity(seen_at)) => self.grant(&iq, Some(last(now, seen_at))),
            Ok(Answered::Contacts { contacts, revision }) => self.list_contacts(&iq, &contacts, revision),
            Ok(Answered::PrivacyLists { names, default }) => self.list_privacy(&iq, &names, default.as_deref()),
            Ok(Answered::PrivacyList { name, items }) => self.show_privacy(&iq, &name, &items),
            Err(_) if is_early => self.grant(&iq, None),
            Err(failure) => {
                let error = match failure.code {
                    // Contract xmpp 6.
                    Code::TooMany => StanzaError::new(Condition::NotAllowed, "Too many."),
                    _ => stanza_error::of(&failure),
                };
                let answer = error.answer(&iq, Some(&self.me.address));
                self.write_element(&answer);
            }
        }
    }

    /// A user came or went. Others' sessions of the same user may watch him, and this one not.
    pub(super) fn activity(&mut self, now: i64, activity: &Activity) {
        if !self.watching.users.contains(&UserId(activity.user)) {
            return;
        }
        self.watching.told += 1;
        // No id that the client could wait for (contract xmpp 8.2).
        let id = format!("activity-{}", self.watching.told);
        let from = self.bare(activity.user);
        let query = last(now, Some(activity.seen_at).filter(|seen_at| *seen_at > 0));
        let iq = Element::new("iq", ns::CLIENT).with_attr("type", "result").with_attr("id", id).with_attr("from", from);
        self.write_element(&iq.with_attr("to", self.me.address.as_str()).with_child(query));
        self.told(now, Told::Unstored);
    }
}

/// Asked again, it would be refused again.
fn is_refusal(code: Code) -> bool {
    !matches!(code, Code::Busy | Code::NotStored | Code::Unknown | Code::Conflict | Code::Internal)
}

/// The request as an error repeats it: to the child that names what it is about, which old builds read (contract xmpp 0.2.4).
fn without_content(request: &Element) -> Element {
    let payload = request.elements().next();
    let hollow =
        |element: &Element| Element { attrs: element.attrs.clone(), ..Element::new(element.name.as_str(), element.ns.as_str()) };
    let named = payload.and_then(|payload| payload.elements().next()).map(hollow);
    bare(request).with_children(payload.map(|payload| hollow(payload).with_children(named)))
}

/// 0 seconds: he is there. Who is not was there a second ago at least (contract xmpp 8.2).
fn last(now: i64, seen_at: Option<i64>) -> Element {
    let seconds = seen_at.map_or(0, |seen_at| ((now - seen_at) / 1_000).max(1));
    Element::new("query", ns::LAST).with_attr("seconds", seconds.to_string())
}
