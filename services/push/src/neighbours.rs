//! What other services know of a message and of whom it is for.

use std::collections::BTreeMap;

use natter_proto::account::v1::accounts_client::AccountsClient;
use natter_proto::account::v1::{GetAppRequest, GetUsersRequest};
use natter_proto::dialog::v1::dialogs_client::DialogsClient;
use natter_proto::dialog::v1::{AudienceReply, AudienceRequest, GetRequest, UnreadCountsRequest};
use natter_proto::event::v1::Message;
use natter_proto::event::v1::frame::Told;
use natter_proto::history::v1::history_client::HistoryClient;
use natter_proto::history::v1::{FindRequest, KeptRequest, MembersRequest, Range};
use natter_proto::presence::v1::presence_client::PresenceClient;
use natter_proto::presence::v1::{Attending, AttentionRequest, ContactsRequest, JudgeRequest, Passage, Verdict};
use natter_proto::push::v1::DialogType;
use natter_proto::{Code, DialogId, Failure, MessageId};

use crate::alerts::{Due, Source};
use crate::decision::Attention;
use crate::occasion::type_of;
use crate::service::Links;

/// Members of a dialog that are looked at together: as many as a group has. Each page costs the dialog service a look at all.
const PAGE: u32 = 10_000;

/// The services below.
pub struct Neighbours {
    links: Links,
}

/// How far the user's sessions are from him, and from what the dialog told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sessions {
    pub attention: Attention,
    /// Seq up to which one of them has proved to have everything.
    pub proved: u64,
}

/// What history knows of a message for one user.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Known {
    /// None: removed, hidden from him, or (outside the log) with a client of his already.
    pub message: Option<Message>,
    pub read: bool,
    pub received: bool,
}

/// What a dialog is called, for people.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place {
    pub name: String,
    pub kind: DialogType,
}

impl Sessions {
    /// Of who has none.
    pub const AWAY: Sessions = Sessions { attention: Attention::Away, proved: 0 };

    fn of(attending: &Attending) -> Sessions {
        let attention = match (attending.active, attending.unproving) {
            (false, _) => Attention::Inactive,
            (true, true) => Attention::Unproving,
            (true, false) => Attention::Proving,
        };
        Sessions { attention, proved: attending.proved }
    }
}

impl Neighbours {
    pub fn new(links: Links) -> Neighbours {
        Neighbours { links }
    }

    /// NotFound if there is no such app, or none any more.
    pub async fn has_app(&self, app: u64) -> Result<(), Failure> {
        AccountsClient::new(self.links.account.clone()).get_app(GetAppRequest { id: app }).await.map_err(Failure::from)?;
        Ok(())
    }

    /// A page of the members of a dialog above `after`; nobody of one that is gone.
    pub async fn audience(&self, app: u64, dialog: DialogId, after: u64) -> Result<AudienceReply, Failure> {
        let request = AudienceRequest { app, dialog: dialog.to_vec(), after, limit: PAGE };
        match DialogsClient::new(self.links.dialog.clone()).audience(request).await.map_err(Failure::from) {
            Ok(reply) => Ok(reply.into_inner()),
            Err(failure) if failure.code == Code::NotFound => Ok(AudienceReply::default()),
            Err(failure) => Err(failure),
        }
    }

    /// The sessions of these users; who has none is left out.
    pub async fn sessions(&self, app: u64, users: Vec<u64>, dialog: DialogId) -> Result<BTreeMap<u64, Sessions>, Failure> {
        if users.is_empty() {
            return Ok(BTreeMap::new());
        }
        let request = AttentionRequest { app, users, dialog: dialog.to_vec() };
        let reply = PresenceClient::new(self.links.presence.clone()).attention(request).await?.into_inner();
        Ok(reply.users.iter().map(|one| (one.user, Sessions::of(one))).collect())
    }

    /// Whether a privacy list keeps what the sender says from the user.
    pub async fn is_blocked(&self, due: &Due, in_group: bool) -> Result<bool, Failure> {
        let passages = vec![Passage { from: due.sender, to: due.user, in_group }];
        let request = JudgeRequest { app: due.app, passages };
        let verdicts = PresenceClient::new(self.links.presence.clone()).judge(request).await?.into_inner().verdicts;
        Ok(verdicts.first() != Some(&Verdict::Passes.into()))
    }

    /// Whether a user asks another to be a contact and waits for an answer.
    pub async fn asks(&self, app: u64, user: u64, other: u64) -> Result<bool, Failure> {
        let request = ContactsRequest { app, user };
        let contacts = PresenceClient::new(self.links.presence.clone()).contacts(request).await?.into_inner().contacts;
        Ok(contacts.iter().any(|contact| contact.user == other && contact.ask))
    }

    /// The message as it is now, for this user.
    pub async fn told(&self, due: &Due) -> Result<Known, Failure> {
        match due.source {
            Source::Log => self.row(due).await,
            Source::Queue => self.kept(due).await,
            Source::Event | Source::Request | Source::Call(_) => Ok(Known::default()),
        }
    }

    async fn row(&self, due: &Due) -> Result<Known, Failure> {
        let mut history = HistoryClient::new(self.links.history.clone());
        let (ids, dialogs) = (vec![due.message.to_vec()], vec![due.dialog.to_vec()]);
        // What was said before he joined counts as read.
        let request = FindRequest { app: due.app, ids, dialogs, reader: due.user, ..FindRequest::default() };
        let found = history.find(request).await?.into_inner().found;
        let message = found.into_iter().filter_map(|found| found.row).find(|row| row.seq == due.place && !row.removed);
        let within = Some(Range { from: due.place, upto: due.place });
        let request = MembersRequest { app: due.app, dialog: due.dialog.to_vec(), users: vec![due.user], within };
        let state = history.members(request).await?.into_inner().members.into_iter().next().unwrap_or_default();
        let holds = |ranges: &[Range]| ranges.iter().any(|range| (range.from..=range.upto).contains(&due.place));
        let read = due.place <= state.base || holds(&state.settled);
        Ok(Known { message, read, received: holds(&state.delivered) })
    }

    /// A row of a dialog's log as it is now; none if it is there no more.
    pub async fn message(&self, app: u64, dialog: DialogId, message: MessageId, seq: u64) -> Result<Option<Message>, Failure> {
        let (ids, dialogs) = (vec![message.to_vec()], vec![dialog.to_vec()]);
        let request = FindRequest { app, ids, dialogs, ..FindRequest::default() };
        let found = HistoryClient::new(self.links.history.clone()).find(request).await?.into_inner().found;
        Ok(found.into_iter().filter_map(|found| found.row).find(|row| row.seq == seq))
    }

    /// A message leaves the queue when a client has proved to have it.
    async fn kept(&self, due: &Due) -> Result<Known, Failure> {
        let request = KeptRequest { app: due.app, user: due.user, above: due.place.saturating_sub(1) };
        let kept = HistoryClient::new(self.links.history.clone()).kept(request).await?.into_inner();
        let row = kept.rows.into_iter().find(|row| row.place == due.place);
        let message = row.and_then(|row| match row.frame?.told? {
            Told::Message(message) => Some(message),
            _ => None,
        });
        let received = message.is_none();
        Ok(Known { message, read: false, received })
    }

    /// What the dialog is called.
    pub async fn place(&self, app: u64, dialog: DialogId) -> Result<Place, Failure> {
        let request = GetRequest { app, dialog: dialog.to_vec(), user: 0, preview: false };
        let dialog = match DialogsClient::new(self.links.dialog.clone()).get(request).await.map_err(Failure::from) {
            Ok(reply) => reply.into_inner(),
            Err(failure) if failure.code == Code::NotFound => return Ok(Place { kind: DialogType::Private, ..Place::default() }),
            Err(failure) => return Err(failure),
        };
        let kind = type_of(dialog.kind());
        Ok(Place { name: dialog.name.unwrap_or_default(), kind })
    }

    /// The name of a user; empty if he has none, or is no more.
    pub async fn name(&self, app: u64, user: u64) -> Result<String, Failure> {
        let request = GetUsersRequest { app, ids: vec![user] };
        let users = AccountsClient::new(self.links.account.clone()).get_users(request).await?.into_inner().users;
        let user = users.into_iter().next().unwrap_or_default();
        Ok(user.full_name.or(user.login).unwrap_or_default())
    }

    /// How many messages the user has not read.
    pub async fn unread(&self, app: u64, user: u64) -> Result<u64, Failure> {
        let request = UnreadCountsRequest { app, user, dialogs: Vec::new() };
        Ok(DialogsClient::new(self.links.dialog.clone()).unread(request).await?.into_inner().total)
    }
}
