//! The services under test, asked through their gRPC doors what the model is asked.

use std::collections::{BTreeMap, BTreeSet};

use natter_actor::Chance;
use natter_proto::dialog::v1::*;
use natter_proto::event::v1::{MarkKind, Message, SessionRef};
use natter_proto::history::v1::{PageRequest, Range};
use natter_proto::presence::v1::{AnnounceRequest, SessionState};
use natter_proto::{Code, DialogId, Failure, MessageId};
use natter_tests::model::{Answer, Call, How, Id, Kind, Marking, Outcome, Place, Refusal, User};

use crate::world::{APP, Doors, Setting, World};

/// Dialogs at the model's places, messages by the model's ids.
pub struct Server {
    world: World,
    groups: BTreeMap<Place, DialogId>,
    made: BTreeMap<Id, MessageId>,
    /// Number of each user's session.
    sessions: [u64; 4],
    boot: u64,
}

impl Server {
    pub async fn new(chance: Chance) -> Server {
        let world = World::new(chance, &User::NAMES, Setting::default()).await;
        let server = Server { world, groups: BTreeMap::new(), made: BTreeMap::new(), sessions: [1; 4], boot: 1 };
        server.connect_all().await;
        server
    }

    pub fn doors(&self) -> Doors {
        self.world.doors().unwrap()
    }

    pub fn user(&self, user: User) -> u64 {
        self.world.users[user.0]
    }

    pub fn users(&self, users: impl IntoIterator<Item = User>) -> Vec<u64> {
        users.into_iter().map(|user| self.user(user)).collect()
    }

    /// The id of the newest dialog of a place, or one that no dialog has.
    pub fn dialog(&self, place: Place) -> Vec<u8> {
        match place.pair() {
            Some((a, b)) => self.world.pair(self.user(a), self.user(b)).to_vec(),
            None => self.groups.get(&place).copied().unwrap_or(DialogId::from_random([place.0 as u8; 12])).to_vec(),
        }
    }

    pub fn message(&self, id: Id) -> Vec<u8> {
        let given = || MessageId::from_random(i64::from(id.0), [0; 8]);
        self.made.get(&id).copied().unwrap_or_else(given).to_vec()
    }

    /// Carries a call out. `expected` says which id of the model's a new one of the server's is.
    pub async fn carry_out(&mut self, call: &Call, expected: &Outcome) -> Result<Outcome, String> {
        let answer = match call {
            Call::Create { place, owner, others, admins, named } => self.create(*place, *owner, others, admins, *named).await,
            Call::Post { .. } => self.post(call, expected).await,
            Call::Remove { user, ids, force } => self.remove(*user, ids, *force).await,
            Call::Crash => {
                self.world.crash().await;
                self.boot += 1;
                self.connect_all().await;
                Ok(Answer::Done)
            }
            Call::Reconnect { user } => {
                self.announce(*user, SessionState::Closed).await;
                self.sessions[user.0] += 1;
                self.announce(*user, SessionState::Available).await;
                Ok(Answer::Done)
            }
            other => self.plain(other).await.map(|()| Answer::Done),
        };
        answer.map(Ok).or_else(|failure| match failure.code {
            Code::Forbidden => Ok(Err(Refusal::Forbidden)),
            Code::NotFound => Ok(Err(Refusal::NotFound)),
            Code::Invalid => Ok(Err(Refusal::Invalid)),
            _ => Err(format!("services answer {failure:?}")),
        })
    }

    /// Calls that are answered with nothing.
    async fn plain(&self, call: &Call) -> Result<(), Failure> {
        let Doors { mut dialog, .. } = self.doors();
        match call {
            Call::Edit { user, place, id, body } => {
                let (user, id, body) = (self.user(*user), self.message(*id), body.clone());
                let request =
                    UpdateMessageRequest { app: APP, user, dialog: self.dialog(*place), id, body, ..Default::default() };
                dialog.update(request).await?;
            }
            Call::Mark { user, place, author, read, marking } => {
                let ids = match marking {
                    Marking::All => Vec::new(),
                    Marking::Ids(ids) => ids.iter().map(|id| self.message(*id)).collect(),
                };
                let request = MarkRequest {
                    app: APP,
                    dialog: self.dialog(*place),
                    user: self.user(*user),
                    author: author.map_or(0, |author| self.user(author)),
                    kind: if *read { MarkKind::Read } else { MarkKind::Delivered }.into(),
                    ids,
                    all: *marking == Marking::All,
                    relay: true,
                    ..Default::default()
                };
                dialog.mark(request).await?;
            }
            Call::List { user, place, limit, newest_first } => self.list(*user, *place, *limit, *newest_first).await?,
            Call::Change { user, place, add, remove, add_admins, remove_admins } => {
                let users = |users: &BTreeSet<User>| self.users(users.iter().copied());
                let request = ChangeDialogRequest {
                    app: APP,
                    dialog: self.dialog(*place),
                    user: self.user(*user),
                    add_members: users(add),
                    remove_members: users(remove),
                    add_admins: users(add_admins),
                    remove_admins: users(remove_admins),
                    ..Default::default()
                };
                dialog.change(request).await?;
            }
            Call::Delete { user, place, force } => {
                let request = DeleteRequest { app: APP, user: self.user(*user), dialog: self.dialog(*place), force: *force };
                dialog.delete(request).await?;
            }
            Call::Clear { user, place, force } => {
                let request = ClearDialogRequest { app: APP, user: self.user(*user), dialog: self.dialog(*place), force: *force };
                dialog.clear(request).await?;
            }
            Call::Subscribe { user, place } => {
                let request = SubscribeRequest { app: APP, dialog: self.dialog(*place), user: self.user(*user), leave: false };
                dialog.subscribe(request).await?;
            }
            Call::Unsubscribe { user, place } => {
                let request = SubscribeRequest { app: APP, dialog: self.dialog(*place), user: self.user(*user), leave: true };
                dialog.subscribe(request).await?;
            }
            Call::Enter { user, place } => {
                let (user, session) = (self.user(*user), Some(self.session(*user)));
                dialog.enter(EnterRequest { app: APP, dialog: self.dialog(*place), user, session }).await?;
            }
            Call::Exit { user, place } => {
                let (user, session) = (self.user(*user), Some(self.session(*user)));
                dialog.exit(ExitRequest { app: APP, dialog: self.dialog(*place), user, session }).await?;
            }
            Call::Create { .. } | Call::Post { .. } | Call::Remove { .. } | Call::Reconnect { .. } | Call::Crash => {
                unreachable!("carried out elsewhere")
            }
        }
        Ok(())
    }

    async fn create(
        &mut self,
        place: Place,
        owner: User,
        others: &BTreeSet<User>,
        admins: &BTreeSet<User>,
        named: bool,
    ) -> Result<Answer, Failure> {
        let (kind, members) = match (place.kind(), place.pair()) {
            (_, Some((a, b))) => (DialogKind::Private, vec![self.user(if a == owner { b } else { a })]),
            (kind, None) => (kind_of(kind), self.users(others.iter().copied())),
        };
        let request = CreateRequest {
            app: APP,
            kind: kind.into(),
            owner: self.user(owner),
            members,
            name: named.then(|| place.to_string()),
            admins: self.users(admins.iter().copied()),
            ..Default::default()
        };
        let made = self.doors().dialog.create(request).await?.into_inner();
        if place.pair().is_none() {
            self.groups.insert(place, DialogId::try_from(made.id.as_slice()).unwrap());
        }
        Ok(Answer::Done)
    }

    async fn post(&mut self, call: &Call, expected: &Outcome) -> Result<Answer, Failure> {
        let Call::Post { user, place, id, body, how } = call else { unreachable!("a post") };
        let recipient = match place.pair() {
            Some((a, b)) if a == *user => self.user(b),
            Some((a, b)) if b == *user => self.user(a),
            _ => 0,
        };
        let message = Message {
            id: id.map(|id| self.message(id)).unwrap_or_default(),
            sender: self.user(*user),
            body: Some(body.clone()),
            ..Default::default()
        };
        let request = PostRequest {
            app: APP,
            dialog: self.dialog(*place),
            recipient,
            message: Some(message),
            store: matches!(how, How::Saved | How::Silent),
            deliver: matches!(how, How::Saved | How::Unsaved),
            ..Default::default()
        };
        let reply = self.doors().dialog.post(request).await?.into_inner();
        let real = MessageId::try_from(reply.id.as_slice()).unwrap();
        let given = id.is_some_and(|id| self.message(id) == reply.id);
        let known = self.made.iter().find(|(_, made)| **made == real).map(|(id, _)| *id);
        let (id, made) = match (expected, known, id) {
            (_, Some(id), _) => (id, false),
            (_, None, Some(id)) if given => (*id, false),
            (Ok(Answer::Posted { id, made: true, .. }), None, _) => {
                self.made.insert(*id, real);
                (*id, true)
            }
            // An id that the model did not expect.
            _ => (Id(u32::MAX), true),
        };
        Ok(Answer::Posted { id, made, seq: reply.seq, repeated: reply.duplicate })
    }

    async fn remove(&self, user: User, ids: &BTreeSet<Id>, force: bool) -> Result<Answer, Failure> {
        let named: BTreeMap<Vec<u8>, Id> = ids.iter().map(|id| (self.message(*id), *id)).collect();
        let request = RemoveMessagesRequest {
            app: APP,
            user: self.user(user),
            ids: named.keys().cloned().collect(),
            force,
            ..Default::default()
        };
        let RemoveMessagesReply { removed, not_found, forbidden } = self.doors().dialog.remove(request).await?.into_inner();
        let sorted = |ids: Vec<Vec<u8>>| {
            let mut ids: Vec<Id> = ids.iter().map(|id| named[id]).collect();
            ids.sort_unstable();
            ids
        };
        Ok(Answer::Removed { removed: sorted(removed), not_found: sorted(not_found), forbidden: sorted(forbidden) })
    }

    /// As the api lists messages: may the user read, which are there, those of others are read.
    async fn list(&self, user: User, place: Place, limit: usize, newest_first: bool) -> Result<(), Failure> {
        let Doors { mut dialog, mut history, .. } = self.doors();
        let (reader, id) = (self.user(user), self.dialog(place));
        dialog.get(GetRequest { app: APP, dialog: id.clone(), user: reader, preview: false }).await?;
        let request = PageRequest {
            app: APP,
            dialog: id.clone(),
            reader,
            descending: newest_first,
            limit: limit as u32,
            ..Default::default()
        };
        let rows = history.page(request).await?.into_inner().rows;
        let others = rows.iter().filter(|row| row.sender != reader);
        let ranges: Vec<Range> = others.map(|row| Range { from: row.seq, upto: row.seq }).collect();
        if !ranges.is_empty() {
            let kind = MarkKind::Read.into();
            dialog.mark(MarkRequest { app: APP, dialog: id, user: reader, kind, ranges, ..Default::default() }).await?;
        }
        Ok(())
    }

    // === sessions ===

    async fn connect_all(&self) {
        for user in User::all() {
            self.announce(user, SessionState::Available).await;
        }
    }

    async fn announce(&self, user: User, state: SessionState) {
        let session = Some(self.session(user));
        let request =
            AnnounceRequest { app: APP, user: self.user(user), session, state: state.into(), record: None, shown: None };
        self.doors().presence.announce(request).await.unwrap();
    }

    fn session(&self, user: User) -> SessionRef {
        let session = self.sessions[user.0] * 10 + user.0 as u64;
        SessionRef { edge: "edge".into(), boot: self.boot, session, resource: "desk".into() }
    }
}

fn kind_of(kind: Kind) -> DialogKind {
    match kind {
        Kind::Private => DialogKind::Private,
        Kind::Group => DialogKind::Group,
        Kind::Public => DialogKind::Public,
        Kind::Broadcast => DialogKind::Broadcast,
    }
}
