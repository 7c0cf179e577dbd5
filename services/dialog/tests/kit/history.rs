//! A message log in memory, as plain as can be, that fails as the test wants it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use natter_proto::Code;
use natter_proto::event::v1::{Frame, Message};
use natter_proto::history::v1 as wire;
use natter_proto::history::v1::{archive_server, history_server};
use natter_rpc::{Reply, Request, Response, Status, async_trait};

use super::refusal;

/// What happens to the next write.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Fate {
    Refused(Code),
    /// No answer within any deadline, and nothing written.
    Lost,
    /// Written, and then no answer.
    Unanswered,
    /// Written only after so long, and no answer before.
    Late(Duration),
    /// Written and answered after so long.
    Slow(Duration),
}

/// The log of all dialogs. Clones are the same log.
#[derive(Clone, Default)]
pub struct History(Arc<Mutex<State>>);

#[derive(Default)]
pub struct State {
    pub rows: BTreeMap<Vec<u8>, Vec<Message>>,
    pub marks: Vec<wire::MarkRequest>,
    /// Whom each was kept for.
    pub kept: Vec<(u64, Frame)>,
    pub appends: usize,
    /// Whom members were said to have become.
    pub joined: Vec<u64>,
    /// Dialog, number, user, reaction.
    pub reactions: BTreeSet<(Vec<u8>, u64, u64, String)>,
    pub loads: usize,
    pub finds: usize,
    /// Dialog, user, number: read or hidden.
    settled: BTreeSet<(Vec<u8>, u64, u64)>,
    /// Dialog, user, number.
    hidden: BTreeSet<(Vec<u8>, u64, u64)>,
    /// Of dialog and user: the newest row when he joined.
    joined_at: BTreeMap<(Vec<u8>, u64), u64>,
    stamp: u64,
    fates: VecDeque<Fate>,
}

const FOR_EVER: Duration = Duration::from_secs(3600);

impl History {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The next write goes like this, the one after it as usual.
    pub fn next(&self, fate: Fate) {
        self.state().fates.push_back(fate);
    }

    pub fn bodies(&self, dialog: &[u8]) -> Vec<String> {
        let rows = self.state().rows.get(dialog).cloned().unwrap_or_default();
        rows.into_iter().map(|row| row.body.unwrap_or_default()).collect()
    }

    async fn write<T>(&self, write: impl FnOnce(&mut State) -> Result<T, Status>) -> Reply<T> {
        let fate = self.state().fates.pop_front();
        match fate {
            Some(Fate::Refused(code)) => return Err(refusal(code)),
            Some(Fate::Lost) => tokio::time::sleep(FOR_EVER).await,
            Some(Fate::Unanswered) => {
                let _ = write(&mut self.state());
                tokio::time::sleep(FOR_EVER).await;
                unreachable!("the link has given up")
            }
            Some(Fate::Slow(after)) => tokio::time::sleep(after).await,
            Some(Fate::Late(_)) | None => {}
        }
        write(&mut self.state()).map(Response::new)
    }

    /// An append that is carried out long after its caller has given up.
    fn append_late(&self, request: wire::AppendRequest, after: Duration) {
        let history = self.clone();
        tokio::task::spawn_local(async move {
            tokio::time::sleep(after).await;
            let _ = history.state().append(request);
        });
    }
}

impl State {
    fn append(&mut self, request: wire::AppendRequest) -> Result<wire::AppendReply, Status> {
        self.appends += 1;
        let rows = self.rows.entry(request.dialog).or_default();
        if request.first_seq != rows.len() as u64 + 1 {
            return Err(refusal(Code::Conflict));
        }
        rows.extend(request.rows);
        Ok(wire::AppendReply { head: rows.len() as u64 })
    }

    fn head(&self, dialog: &[u8]) -> wire::DialogHead {
        let newest = self.rows.get(dialog).and_then(|rows| rows.last()).cloned().unwrap_or_default();
        wire::DialogHead {
            dialog: dialog.to_vec(),
            seq: newest.seq,
            stamp: self.stamp,
            date_sent: newest.date_sent,
            updated_at: newest.updated_at,
            ..wire::DialogHead::default()
        }
    }

    fn settle(&mut self, dialog: &[u8], user: u64, ranges: &[wire::Range], all: bool) {
        let head = self.head(dialog).seq;
        let within = |seq: &u64| all || ranges.iter().any(|range| range.from <= *seq && *seq <= range.upto);
        self.settled.extend((1..=head).filter(within).map(|seq| (dialog.to_vec(), user, seq)));
    }

    fn joined_at(&self, dialog: &[u8], user: u64) -> u64 {
        self.joined_at.get(&(dialog.to_vec(), user)).copied().unwrap_or_default()
    }

    fn unread(&self, dialog: &[u8], user: u64, from_joining: bool) -> wire::UnreadRow {
        let rows = self.rows.get(dialog).map(Vec::as_slice).unwrap_or_default();
        let open =
            |row: &&Message| row.sender != user && !row.removed && !self.settled.contains(&(dialog.to_vec(), user, row.seq));
        wire::UnreadRow {
            dialog: dialog.to_vec(),
            unread: rows.iter().filter(open).count() as u64,
            head: Some(self.head(dialog)),
            last: rows.last().filter(|row| !from_joining || row.seq > self.joined_at(dialog, user)).cloned(),
            ..wire::UnreadRow::default()
        }
    }

    fn row(&mut self, dialog: &[u8], seq: u64) -> &mut Message {
        &mut self.rows.get_mut(dialog).unwrap()[seq as usize - 1]
    }
}

#[async_trait]
impl history_server::History for History {
    async fn append(&self, request: Request<wire::AppendRequest>) -> Reply<wire::AppendReply> {
        let request = request.into_inner();
        let late = match self.state().fates.front() {
            Some(Fate::Late(after)) => Some(*after),
            _ => None,
        };
        if let Some(after) = late {
            self.state().fates.pop_front();
            self.append_late(request, after);
            tokio::time::sleep(FOR_EVER).await;
            unreachable!("the link has given up")
        }
        self.write(|state| state.append(request)).await
    }

    async fn load(&self, request: Request<wire::LoadRequest>) -> Reply<wire::LoadReply> {
        let wire::LoadRequest { dialog, ids_max, .. } = request.into_inner();
        let mut state = self.state();
        state.loads += 1;
        let rows = state.rows.get(&dialog).map(Vec::as_slice).unwrap_or_default();
        let tail = rows[rows.len().saturating_sub(ids_max as usize)..].iter().map(|row| wire::IdRow {
            id: row.id.clone(),
            sender: row.sender,
            seq: row.seq,
            content_hash: row.content_hash.clone(),
            alias: row.alias.clone(),
            date_sent: row.date_sent,
        });
        let tail = tail.collect();
        Ok(Response::new(wire::LoadReply { head: Some(state.head(&dialog)), tail, changed_at: 0 }))
    }

    async fn heads(&self, request: Request<wire::HeadsRequest>) -> Reply<wire::HeadsReply> {
        let state = self.state();
        let heads = request.into_inner().dialogs.iter().map(|dialog| state.head(dialog)).collect();
        Ok(Response::new(wire::HeadsReply { heads }))
    }

    async fn find(&self, request: Request<wire::FindRequest>) -> Reply<wire::FindReply> {
        let wire::FindRequest { ids, dialogs, reader, from_joining, .. } = request.into_inner();
        let mut state = self.state();
        state.finds += 1;
        let mut found = Vec::new();
        for dialog in dialogs {
            let joined_at = if from_joining { state.joined_at(&dialog, reader) } else { 0 };
            let is_hidden = |seq| state.hidden.contains(&(dialog.clone(), reader, seq));
            let seen = |row: &&Message| row.seq > joined_at && !is_hidden(row.seq);
            for row in state.rows.get(&dialog).into_iter().flatten().filter(seen) {
                let asked = ids.iter().filter(|id| row.id == **id || row.alias == **id);
                found.extend(asked.map(|asked| wire::Found {
                    dialog: dialog.clone(),
                    row: Some(row.clone()),
                    asked: asked.clone(),
                }));
            }
        }
        Ok(Response::new(wire::FindReply { found }))
    }

    async fn mark(&self, request: Request<wire::MarkRequest>) -> Reply<wire::MarkReply> {
        let request = request.into_inner();
        self.write(|state| {
            if request.kind == natter_proto::event::v1::MarkKind::Read as i32 {
                state.settle(&request.dialog, request.user, &request.ranges, request.all);
            }
            state.marks.push(request);
            Ok(wire::MarkReply { changed: true })
        })
        .await
    }

    async fn hide(&self, request: Request<wire::HideRequest>) -> Reply<wire::HideReply> {
        let request = request.into_inner();
        self.write(|state| {
            state.settle(&request.dialog, request.user, &request.ranges, false);
            let seqs = request.ranges.iter().flat_map(|range| range.from..=range.upto);
            state.hidden.extend(seqs.map(|seq| (request.dialog.clone(), request.user, seq)));
            Ok(wire::HideReply {})
        })
        .await
    }

    async fn clear(&self, request: Request<wire::ClearRequest>) -> Reply<wire::ClearReply> {
        let request = request.into_inner();
        self.write(|state| {
            match request.user {
                0 => state.rows.get_mut(&request.dialog).into_iter().flatten().for_each(|row| row.removed = true),
                user => state.settle(&request.dialog, user, &[], true),
            }
            Ok(wire::ClearReply { head: state.head(&request.dialog).seq })
        })
        .await
    }

    async fn edit(&self, request: Request<wire::EditRequest>) -> Reply<wire::EditReply> {
        let request = request.into_inner();
        self.write(|state| {
            state.stamp += 1;
            *state.row(&request.dialog, request.seq) = request.row.clone().unwrap();
            Ok(wire::EditReply { stamp: state.stamp, row: request.row })
        })
        .await
    }

    async fn remove(&self, request: Request<wire::RemoveRequest>) -> Reply<wire::RemoveReply> {
        let request = request.into_inner();
        self.write(|state| {
            state.stamp += 1;
            let row = state.row(&request.dialog, request.seq);
            (row.removed, row.body) = (true, None);
            Ok(wire::RemoveReply { stamp: state.stamp })
        })
        .await
    }

    async fn unread(&self, request: Request<wire::UnreadRequest>) -> Reply<wire::UnreadReply> {
        let wire::UnreadRequest { dialogs, user, from_joining, .. } = request.into_inner();
        let state = self.state();
        let rows = dialogs.iter().map(|dialog| state.unread(dialog, user, from_joining)).collect();
        Ok(Response::new(wire::UnreadReply { rows }))
    }

    async fn keep(&self, request: Request<wire::KeepRequest>) -> Reply<wire::KeepReply> {
        let request = request.into_inner();
        self.write(|state| {
            let first = state.kept.len() as u64 + 1;
            state.kept.extend(request.frames.into_iter().map(|frame| (request.user, frame)));
            Ok(wire::KeepReply { first })
        })
        .await
    }

    async fn join(&self, request: Request<wire::JoinRequest>) -> Reply<wire::JoinReply> {
        let request = request.into_inner();
        self.write(|state| {
            request.users.iter().for_each(|user| state.settle(&request.dialog, *user, &[], true));
            let head = state.head(&request.dialog).seq;
            state.joined_at.extend(request.users.iter().map(|user| ((request.dialog.clone(), *user), head)));
            state.joined.extend(request.users);
            Ok(wire::JoinReply {})
        })
        .await
    }

    async fn react(&self, request: Request<wire::ReactRequest>) -> Reply<wire::ReactReply> {
        let request = request.into_inner();
        self.write(|state| {
            let key = |reaction: &str| (request.dialog.clone(), request.seq, request.user, reaction.to_owned());
            let added = !request.add.is_empty() && state.reactions.insert(key(&request.add));
            let removed = state.reactions.remove(&key(&request.remove));
            Ok(wire::ReactReply { changed: added || removed })
        })
        .await
    }

    async fn reactions(&self, request: Request<wire::ReactionsRequest>) -> Reply<wire::ReactionsReply> {
        let request = request.into_inner();
        let state = self.state();
        let of_row = |seq: &u64| {
            let ours = state.reactions.iter().filter(|(dialog, row, ..)| *dialog == request.dialog && row == seq);
            let all = ours.map(|(_, _, user, reaction)| wire::Reaction { reaction: reaction.clone(), users: vec![*user] });
            wire::Reactions { seq: *seq, all: all.collect() }
        };
        Ok(Response::new(wire::ReactionsReply { reactions: request.seqs.iter().map(of_row).collect(), more: false }))
    }

    async fn members(&self, request: Request<wire::MembersRequest>) -> Reply<wire::MembersReply> {
        let wire::MembersRequest { dialog, users, .. } = request.into_inner();
        let state = self.state();
        let member = |user: &u64| wire::MemberState {
            user: *user,
            joined: state.joined_at(&dialog, *user),
            ..wire::MemberState::default()
        };
        Ok(Response::new(wire::MembersReply { members: users.iter().map(member).collect() }))
    }

    async fn page(&self, _: Request<wire::PageRequest>) -> Reply<wire::PageReply> {
        Err(refusal(Code::Internal))
    }
    async fn gap(&self, _: Request<wire::GapRequest>) -> Reply<wire::GapReply> {
        Err(refusal(Code::Internal))
    }
    async fn changes(&self, _: Request<wire::ChangesRequest>) -> Reply<wire::ChangesReply> {
        Err(refusal(Code::Internal))
    }
    async fn kept(&self, _: Request<wire::KeptRequest>) -> Reply<wire::KeptReply> {
        Err(refusal(Code::Internal))
    }
    async fn drop(&self, _: Request<wire::DropRequest>) -> Reply<wire::DropReply> {
        Err(refusal(Code::Internal))
    }
}

#[async_trait]
impl archive_server::Archive for History {
    async fn rows(&self, request: Request<wire::ArchiveRowsRequest>) -> Reply<wire::ArchiveRowsReply> {
        let wire::ArchiveRowsRequest { dialog, above, limit, .. } = request.into_inner();
        let rows = self.state().rows.get(&dialog).cloned().unwrap_or_default();
        let rows = rows.into_iter().filter(|row| row.seq > above).take(limit as usize).collect();
        Ok(Response::new(wire::ArchiveRowsReply { rows, more: false }))
    }

    async fn append_old(&self, request: Request<wire::AppendRequest>) -> Reply<wire::AppendReply> {
        self.write(|state| state.append(request.into_inner())).await
    }

    async fn add_state(&self, request: Request<wire::AddStateRequest>) -> Reply<wire::AddStateReply> {
        let wire::AddStateRequest { dialog, state, .. } = request.into_inner();
        let wire::MemberState { user, base, .. } = state.unwrap();
        self.write(|kept| {
            let before = kept.settled.len();
            kept.settle(&dialog, user, &[wire::Range { from: 1, upto: base }], false);
            Ok(wire::AddStateReply { changed: kept.settled.len() > before })
        })
        .await
    }
}
