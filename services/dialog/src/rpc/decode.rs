//! From proto to the typed, bounded values that the actors take. What is malformed is `Invalid` here and never seen inside.

use natter_proto::dialog::v1 as wire;
use natter_proto::event::v1::{Frame, MarkKind};
use natter_proto::{AppId, Code, DialogId, Failure, MessageId, UserId};

use crate::actor::{By, CallSignal, Create, Delete, Edit, Signal, TellEdit};
use crate::dialog::changes::Words;
use crate::dialog::group::Change;
use crate::dialog::marks::{Mark, Marked};
use crate::dialog::post::Source;
use crate::dialog::rings::{Move, Step};
use crate::dialog::{Key, Kind, Post};
use crate::error::other_kind;
use crate::frames;
use crate::search::Search;

/// Bytes of the name that clients give a call.
const CALL_SESSION_BYTES_MAX: usize = 128;

pub fn app(id: u64) -> Result<AppId, Failure> {
    number(id, "app").map(AppId)
}

pub fn user(id: u64) -> Result<UserId, Failure> {
    number(id, "user").map(UserId)
}

/// 0 of proto is nobody.
pub fn optional_user(id: u64) -> Result<Option<UserId>, Failure> {
    match id {
        0 => Ok(None),
        id => user(id).map(Some),
    }
}

pub fn dialog(id: &[u8]) -> Result<DialogId, Failure> {
    id.try_into().map_err(|_| Failure::of_field(Code::Invalid, "chat_dialog_id", "is not an id of 12 bytes"))
}

/// App, id of the dialog (empty: of the pair), post.
pub fn post(request: wire::PostRequest) -> Result<(AppId, Vec<u8>, Post), Failure> {
    let app = app(request.app)?;
    let message = request.message.ok_or_else(|| Failure::of_field(Code::Invalid, "message", "is missing"))?;
    let id = match message.id.as_slice() {
        [] => None,
        id => Some(message_id(id)?),
    };
    let post = Post {
        recipient: optional_user(request.recipient)?,
        store: request.store,
        deliver: request.deliver,
        only_repeat: request.only_repeat,
        source: Source { origin: request.origin, traceparent: request.traceparent },
        ..Post::new(user(message.sender)?, id, message)
    };
    Ok((app, request.dialog, post))
}

/// App, id of the dialog (empty: of the pair of user and author, or any), mark.
pub fn mark(request: wire::MarkRequest) -> Result<(AppId, Vec<u8>, Mark), Failure> {
    let kind = match MarkKind::try_from(request.kind) {
        Ok(kind @ (MarkKind::Delivered | MarkKind::Read)) => kind,
        _ => return Err(Failure::new(Code::Invalid, "a mark is either delivered or read")),
    };
    let rows = match (request.all, request.ranges.is_empty()) {
        (true, _) => Marked::All,
        (false, false) => Marked::Ranges(request.ranges),
        (false, true) => Marked::Ids(request.ids.iter().map(|id| message_id(id)).collect::<Result<_, _>>()?),
    };
    let mark = Mark {
        user: user(request.user)?,
        author: optional_user(request.author)?,
        kind,
        rows,
        relay: request.relay,
        origin: request.origin,
        stanza_id: request.stanza_id,
        named: request.named,
    };
    Ok((app(request.app)?, request.dialog, mark))
}

/// App, id of the dialog (empty: of the pair), signal.
pub fn signal(request: wire::SignalRequest) -> Result<(AppId, Vec<u8>, Signal), Failure> {
    let signal = Signal {
        user: user(request.user)?,
        recipient: optional_user(request.recipient)?,
        origin: request.origin,
        typing: request.typing.unwrap_or_default(),
    };
    Ok((app(request.app)?, request.dialog, signal))
}

/// App, id of the dialog (empty: of the pair, or a new one), what to make. The owner may stand among the members (contract
/// rest 4.3).
pub fn create(request: wire::CreateRequest) -> Result<(AppId, Vec<u8>, Create), Failure> {
    let kind = Kind::from_wire(request.kind).ok_or_else(|| other_kind(request.kind))?;
    let (app, owner) = (app(request.app)?, user(request.owner)?);
    let mut others: Vec<u64> = request.members.into_iter().filter(|member| *member != owner.0).collect();
    others.sort_unstable();
    others.dedup();
    if kind == Kind::Private {
        let [other] = others[..] else {
            return Err(Failure::of_field(Code::Invalid, "occupants_ids", "of a private dialog is one opponent"));
        };
        return Ok((app, request.id, Create::Private { owner, other: user(other)? }));
    }
    let change = Change {
        name: request.name,
        photo: request.photo,
        description: request.description,
        extensions: Some(request.extensions.into_iter().collect()),
        allow_preview: request.allow_preview,
        add: users(&others)?,
        add_admins: users(&request.admins)?,
        ..Change::default()
    };
    Ok((app, request.id, Create::New { kind, owner, change: Box::new(change) }))
}

pub fn delete(request: wire::DeleteRequest) -> Result<(Key, Delete), Failure> {
    let key = key(request.app, &request.dialog)?;
    Ok((key, Delete { user: user(request.user)?, force: request.force }))
}

pub fn clear(request: wire::ClearDialogRequest) -> Result<(Key, Delete), Failure> {
    let key = key(request.app, &request.dialog)?;
    Ok((key, Delete { user: user(request.user)?, force: request.force }))
}

/// Dialog, user, what he wants of it.
pub fn change(request: wire::ChangeDialogRequest) -> Result<(Key, UserId, Change), Failure> {
    let key = key(request.app, &request.dialog)?;
    let ids = |ids: &[Vec<u8>]| ids.iter().map(|id| message_id(id)).collect::<Result<Vec<_>, _>>();
    let change = Change {
        name: request.name,
        photo: request.photo,
        description: request.description,
        extensions: request.extensions.map(|extensions| extensions.values.into_iter().collect()),
        allow_preview: request.allow_preview,
        add: users(&request.add_members)?,
        remove: users(&request.remove_members)?,
        add_admins: users(&request.add_admins)?,
        remove_admins: users(&request.remove_admins)?,
        pin: ids(&request.pin)?,
        unpin: ids(&request.unpin)?,
    };
    Ok((key, user(request.user)?, change))
}

/// App, id of the dialog (empty: any of the user's), edit.
pub fn edit(request: wire::UpdateMessageRequest) -> Result<(AppId, Vec<u8>, Edit), Failure> {
    let wire::UpdateMessageRequest { relay, last, origin, stanza_id, body, extensions, attachments, .. } = request;
    let told = request.told.then_some(TellEdit { from: By { origin, stanza_id }, relay, last });
    let words = Words { body, extensions, attachments };
    let edit = Edit { user: user(request.user)?, id: message_id(&request.id)?, words, told };
    Ok((app(request.app)?, request.dialog, edit))
}

/// App, who gets it, frame without its place.
pub fn headline(request: wire::HeadlineRequest) -> Result<(AppId, UserId, Frame), Failure> {
    let (app, to) = (app(request.app)?, user(request.recipient)?);
    let headline = request.headline.ok_or_else(|| Failure::of_field(Code::Invalid, "headline", "is missing"))?;
    user(headline.user)?;
    Ok((app, to, frames::headline(app, to, headline, request.origin)))
}

/// App, id of the dialog (empty: of the pair), signal.
pub fn call_signal(request: wire::SignalCallRequest) -> Result<(AppId, Vec<u8>, CallSignal), Failure> {
    let (app, to) = (app(request.app)?, user(request.recipient)?);
    let signal = request.signal.ok_or_else(|| Failure::of_field(Code::Invalid, "signal", "is missing"))?;
    let from = user(signal.user)?;
    let step = request.step.map(call_step).transpose()?;
    Ok((app, request.dialog, CallSignal { from, to, frame: frames::call_signal(app, to, signal, request.origin), step }))
}

/// Who wants to be rid of messages; `None`: an operator does.
pub fn remover(request: &wire::RemoveMessagesRequest) -> Result<Option<UserId>, Failure> {
    match request.by_operator {
        true => Ok(None),
        false => user(request.user).map(Some),
    }
}

/// App, what is searched for.
pub fn search(request: wire::SearchRequest) -> Result<(AppId, Search), Failure> {
    let wire::SearchRequest { app, after, limit, name, kind, member } = request;
    let search = Search {
        after: if after.is_empty() { None } else { Some(dialog(&after)?) },
        limit: limit as usize,
        name: name.to_lowercase(),
        kind: match kind {
            0 => None,
            kind => Some(Kind::from_wire(kind).ok_or_else(|| other_kind(kind))?),
        },
        member: optional_user(member)?,
    };
    Ok((self::app(app)?, search))
}

fn call_step(step: wire::CallStep) -> Result<Step, Failure> {
    let (what, kind) = (step.what(), step.kind());
    let what = match what {
        wire::CallMove::Offer => Move::Offer,
        wire::CallMove::Accept => Move::Accept,
        wire::CallMove::Reject => Move::Reject,
        wire::CallMove::HangUp => Move::HangUp,
        wire::CallMove::Unspecified => return Err(Failure::of_field(Code::Invalid, "step.what", "is missing")),
    };
    let is_length = (1..=CALL_SESSION_BYTES_MAX).contains(&step.session.len());
    if !is_length || !step.session.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::of_field(Code::Invalid, "step.session", "is not of 1 to 128 printable characters"));
    }
    Ok(Step { session: step.session, kind, what })
}

pub fn key(app_id: u64, id: &[u8]) -> Result<Key, Failure> {
    Ok(Key { app: app(app_id)?, dialog: dialog(id)? })
}

fn users(ids: &[u64]) -> Result<Vec<UserId>, Failure> {
    ids.iter().map(|id| user(*id)).collect()
}

/// None of the user's dialogs has the message.
pub fn no_message(id: MessageId) -> Failure {
    Failure::new(Code::NotFound, format!("message {id} does not exist"))
}

pub fn message_id(id: &[u8]) -> Result<MessageId, Failure> {
    id.try_into().map_err(|_| Failure::of_field(Code::Invalid, "_id", "is not an id of 12 bytes"))
}

fn number(id: u64, field: &str) -> Result<u64, Failure> {
    match (1..1 << 53).contains(&id) {
        true => Ok(id),
        false => Err(Failure::of_field(Code::Invalid, field, "is not an id")),
    }
}
