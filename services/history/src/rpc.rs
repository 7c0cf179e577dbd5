//! The gRPC door: decode, call, encode. No decisions here. A call may be dropped half way; what it wrote goes on without it.

mod archive;
mod erasure;

use std::collections::BTreeMap;

use natter_proto::event::v1::MarkKind;
use natter_proto::history::v1::history_server::History;
use natter_proto::history::v1::*;
use natter_proto::{AppId, Code, DialogId, Failure, MessageId, UserId};
use natter_rpc::{Reply, Request, Response, async_trait};
use natter_telemetry::within;
use tokio::time::Instant;
use tracing::{Instrument, debug_span};

use crate::edit::Edit;
use crate::error::Error;
use crate::gap::{Limits, Owed};
use crate::log::{Append, DialogKey};
use crate::member::{Member, Move};
use crate::offline::Kept;
use crate::page::Wanted;
use crate::queries::{find, gap, page, reactions, unread};
use crate::ranges::Ranges;
use crate::reactions::Reacted;
use crate::service::Service;

/// The service behind the generated server.
pub struct Rpc(pub(crate) Service);

impl Rpc {
    async fn append(&self, asked: AppendRequest, old: bool) -> Result<AppendReply, Failure> {
        let key = key(asked.app, &asked.dialog)?;
        let quiet = asked.quiet.iter().map(|quiet| (quiet.user, quiet.seq)).collect();
        let (since, count) = (Instant::now(), asked.rows.len() as u64);
        let append = Append { first_seq: asked.first_seq, rows: asked.rows, quiet, old };
        let storing = self.0.log.append(key, append).instrument(within(|| debug_span!("store.append")));
        let head = storing.await?;
        self.0.metrics.rows_appended.inc_by(count);
        self.0.metrics.append_seconds.observe(since.elapsed().as_secs_f64());
        Ok(AppendReply { head })
    }
}

#[async_trait]
impl History for Rpc {
    async fn append(&self, request: Request<AppendRequest>) -> Reply<AppendReply> {
        let asked = request.into_inner();
        let span = within(|| debug_span!("history.append", app = asked.app, rows = asked.rows.len()));
        Ok(Response::new(self.append(asked, false).instrument(span).await?))
    }

    async fn load(&self, request: Request<LoadRequest>) -> Reply<LoadReply> {
        let asked = request.into_inner();
        let key = key(asked.app, &asked.dialog)?;
        let (head, tail) = find::load(&*self.0.log, key, asked.ids_max.into()).await.map_err(Failure::from)?;
        let newest = match head.stamp {
            0 => Vec::new(),
            _ => self.0.log.newest_changes(key, 1).await.map_err(Failure::from)?,
        };
        let changed_at = newest.first().map_or(0, |change| change.at);
        Ok(Response::new(LoadReply { head: Some(head), tail, changed_at }))
    }

    async fn heads(&self, request: Request<HeadsRequest>) -> Reply<HeadsReply> {
        let asked = request.into_inner();
        let dialogs = dialogs(&asked.dialogs)?;
        let heads = self.0.log.heads(AppId(asked.app), &dialogs).await.map_err(Failure::from)?;
        let heads = heads.into_iter().zip(dialogs).map(|(head, dialog)| head.into_proto(dialog)).collect();
        Ok(Response::new(HeadsReply { heads }))
    }

    async fn page(&self, request: Request<PageRequest>) -> Reply<PageReply> {
        let asked = request.into_inner();
        let query = page::Query {
            key: key(asked.app, &asked.dialog)?,
            reader: asked.reader,
            from_joining: asked.from_joining,
            wanted: Wanted::parse(&asked.filters).map_err(Failure::from)?,
            descending: asked.descending,
            skip: asked.skip.into(),
            limit: asked.limit.into(),
        };
        let Service { log, options, metrics, .. } = &self.0;
        let (reply, scanned) = if asked.count_only {
            let (count, scanned) = page::count(&**log, &query, options).await.map_err(Failure::from)?;
            (PageReply { count, ..PageReply::default() }, scanned)
        } else {
            let page = page::page(&**log, &query, options).await.map_err(Failure::from)?;
            (PageReply { rows: page.rows, count: 0, more: page.more }, page.scanned)
        };
        metrics.page_rows_scanned.inc_by(scanned);
        Ok(Response::new(reply))
    }

    async fn find(&self, request: Request<FindRequest>) -> Reply<FindReply> {
        let asked = request.into_inner();
        // What is not an id is not found.
        let ids: Vec<MessageId> = asked.ids.iter().filter_map(|id| id.as_slice().try_into().ok().map(MessageId)).collect();
        let (dialogs, reader) = (dialogs(&asked.dialogs)?, (asked.reader, asked.from_joining));
        let found = find::find(&*self.0.log, AppId(asked.app), reader, &ids, &dialogs).await.map_err(Failure::from)?;
        Ok(Response::new(FindReply { found }))
    }

    async fn mark(&self, request: Request<MarkRequest>) -> Reply<MarkReply> {
        let asked = request.into_inner();
        let key = key(asked.app, &asked.dialog)?;
        let kind = asked.kind();
        let rows = if asked.all { Ranges::of(1, u64::MAX) } else { Ranges::collect(asked.ranges) };
        let to = match kind {
            MarkKind::Read => Move::Read(rows),
            MarkKind::Delivered => Move::Received(rows),
            MarkKind::Unspecified => return Err(Failure::of_field(Code::Invalid, "kind", "is missing").into()),
        };
        let moved = self.0.log.move_member(key, asked.user, to).await.map_err(Failure::from)?;
        Ok(Response::new(MarkReply { changed: moved.changed }))
    }

    async fn hide(&self, request: Request<HideRequest>) -> Reply<HideReply> {
        let asked = request.into_inner();
        let key = key(asked.app, &asked.dialog)?;
        let to = Move::Hid(Ranges::collect(asked.ranges));
        self.0.log.move_member(key, asked.user, to).await.map_err(Failure::from)?;
        Ok(Response::new(HideReply {}))
    }

    async fn clear(&self, request: Request<ClearRequest>) -> Reply<ClearReply> {
        let asked = request.into_inner();
        let key = key(asked.app, &asked.dialog)?;
        let head = match asked.user {
            0 => self.0.log.clear(key).await,
            user => self.0.log.move_member(key, user, Move::Cleared(u64::MAX)).await.map(|moved| moved.head),
        };
        Ok(Response::new(ClearReply { head: head.map_err(Failure::from)? }))
    }

    async fn join(&self, request: Request<JoinRequest>) -> Reply<JoinReply> {
        let asked = request.into_inner();
        let key = key(asked.app, &asked.dialog)?;
        self.0.log.join(key, &asked.users).await.map_err(Failure::from)?;
        Ok(Response::new(JoinReply {}))
    }

    async fn react(&self, request: Request<ReactRequest>) -> Reply<ReactReply> {
        let asked = request.into_inner();
        let key = key(asked.app, &asked.dialog)?;
        let reacted = Reacted { user: asked.user, add: asked.add, remove: asked.remove };
        let Service { log, reactions: store, .. } = &self.0;
        let changed = reactions::react(&**log, &**store, key, asked.seq, reacted).await.map_err(Failure::from)?;
        Ok(Response::new(ReactReply { changed }))
    }

    async fn reactions(&self, request: Request<ReactionsRequest>) -> Reply<ReactionsReply> {
        let asked = request.into_inner();
        let key = key(asked.app, &asked.dialog)?;
        let Service { log, reactions: store, .. } = &self.0;
        let (reactions, more) = reactions::of(&**log, &**store, key, &asked.seqs).await.map_err(Failure::from)?;
        Ok(Response::new(ReactionsReply { reactions, more }))
    }

    async fn edit(&self, request: Request<EditRequest>) -> Reply<EditReply> {
        let asked = request.into_inner();
        let key = key(asked.app, &asked.dialog)?;
        let row = asked.row.ok_or_else(|| Failure::of_field(Code::Invalid, "row", "is missing"))?;
        let edit = Edit::of(row, asked.silent);
        let now = self.0.clock.now_ms();
        let changed = self.0.log.change(key, asked.seq, edit, asked.user, now).await.map_err(Failure::from)?;
        Ok(Response::new(EditReply { stamp: changed.stamp, row: Some(changed.row) }))
    }

    async fn remove(&self, request: Request<RemoveRequest>) -> Reply<RemoveReply> {
        let asked = request.into_inner();
        let key = key(asked.app, &asked.dialog)?;
        let now = self.0.clock.now_ms();
        let changed = self.0.log.change(key, asked.seq, Edit::Remove, asked.user, now).await.map_err(Failure::from)?;
        Ok(Response::new(RemoveReply { stamp: changed.stamp }))
    }

    async fn unread(&self, request: Request<UnreadRequest>) -> Reply<UnreadReply> {
        let asked = request.into_inner();
        let (app, user, dialogs) = (AppId(asked.app), UserId(asked.user), dialogs(&asked.dialogs)?);
        let beside = match asked.counts_only {
            true => unread::Beside::Nothing,
            false => unread::Beside::State { from_joining: asked.from_joining },
        };
        let rows = unread::counts(&*self.0.log, app, user, &dialogs, beside).await.map_err(Failure::from)?;
        Ok(Response::new(UnreadReply { rows }))
    }

    async fn members(&self, request: Request<MembersRequest>) -> Reply<MembersReply> {
        let asked = request.into_inner();
        let key = key(asked.app, &asked.dialog)?;
        let of: Vec<(DialogId, u64)> = asked.users.iter().map(|user| (key.dialog, *user)).collect();
        let members = match of.is_empty() {
            true => self.0.log.everyone(key).await,
            false => self.0.log.members(key.app, &of).await,
        };
        let within = asked.within.unwrap_or(Range { from: 1, upto: u64::MAX });
        let members = members.map_err(Failure::from)?.into_iter().map(|member| cut(member, within).into()).collect();
        Ok(Response::new(MembersReply { members }))
    }

    async fn gap(&self, request: Request<GapRequest>) -> Reply<GapReply> {
        let asked = request.into_inner();
        let mut owed: BTreeMap<DialogId, Owed> = BTreeMap::new();
        for from in &asked.from {
            let owed = owed.entry(dialog(&from.dialog)?).or_default();
            (owed.above, owed.stamp) = (Some(from.seq), from.stamp);
            owed.changed_since = Some(asked.since).filter(|since| *since > 0 && from.stamp.is_none());
        }
        for id in dialogs(&asked.undelivered)? {
            owed.entry(id).or_default().undelivered = true;
        }
        if asked.since > 0 {
            for id in dialogs(&asked.others)? {
                let owed = owed.entry(id).or_default();
                (owed.since, owed.changed_since) = (Some(asked.since), Some(asked.since));
            }
        }
        let limits = Limits {
            per_dialog: u64::from(asked.per_dialog).min(self.0.options.page_rows),
            in_all: (u64::from(asked.in_all).min(self.0.options.page_rows)) as usize,
            bytes: self.0.options.reply_bytes,
            oldest: asked.oldest,
            from_joining: asked.from_joining,
        };
        let gap = gap::gap(&*self.0.log, AppId(asked.app), UserId(asked.user), owed, limits).await.map_err(Failure::from)?;
        let row = |(dialog, row): (DialogId, _)| GapRow { dialog: dialog.to_vec(), row: Some(row) };
        let change = |(dialog, change): (DialogId, _)| GapChange { dialog: dialog.to_vec(), change: Some(change) };
        let (rows, changes) = (gap.rows.into_iter().map(row).collect(), gap.changes.into_iter().map(change).collect());
        Ok(Response::new(GapReply { rows, more: gap.more && asked.oldest, changes }))
    }

    async fn changes(&self, request: Request<ChangesRequest>) -> Reply<ChangesReply> {
        let asked = request.into_inner();
        let key = key(asked.app, &asked.dialog)?;
        let limit = u64::from(asked.limit).min(self.0.options.page_rows) as usize;
        let after = match asked.above {
            Some(stamp) => gap::After::Stamp(stamp),
            None => gap::After::Time(asked.since),
        };
        let user = (UserId(asked.user), asked.from_joining);
        let (changes, more) =
            gap::changes_after(&*self.0.log, key, user, after, limit, self.0.options.reply_bytes).await.map_err(Failure::from)?;
        Ok(Response::new(ChangesReply { changes, more }))
    }

    async fn keep(&self, request: Request<KeepRequest>) -> Reply<KeepReply> {
        let asked = request.into_inner();
        if asked.frames.is_empty() {
            return Err(Failure::of_field(Code::Invalid, "frames", "are missing").into());
        }
        let now = self.0.clock.now_ms();
        let first = self.0.queue.keep(AppId(asked.app), UserId(asked.user), asked.frames, now).await.map_err(Failure::from)?;
        Ok(Response::new(KeepReply { first }))
    }

    async fn kept(&self, request: Request<KeptRequest>) -> Reply<KeptReply> {
        let asked = request.into_inner();
        let now = self.0.clock.now_ms();
        let kept = self.0.queue.kept(AppId(asked.app), UserId(asked.user), asked.above, now).await.map_err(Failure::from)?;
        let Kept { rows, more, upto } = kept;
        Ok(Response::new(KeptReply { rows, more, upto }))
    }

    async fn drop(&self, request: Request<DropRequest>) -> Reply<DropReply> {
        let asked = request.into_inner();
        self.0.queue.drop_upto(AppId(asked.app), UserId(asked.user), asked.upto).await.map_err(Failure::from)?;
        Ok(Response::new(DropReply {}))
    }
}

fn key(app: u64, dialog_bytes: &[u8]) -> Result<DialogKey, Failure> {
    Ok(DialogKey { app: AppId(app), dialog: dialog(dialog_bytes)? })
}

fn dialog(bytes: &[u8]) -> Result<DialogId, Failure> {
    DialogId::try_from(bytes).map_err(|_| Error::Invalid("dialog", "is not a valid id").into())
}

fn dialogs(ids: &[Vec<u8>]) -> Result<Vec<DialogId>, Failure> {
    ids.iter().map(|id| dialog(id)).collect()
}

/// The member without the ranges outside of `within`.
fn cut(member: Member, within: Range) -> Member {
    let cut = |ranges: &Ranges| ranges.within(within.from, within.upto);
    let (settled, quiet, delivered) = (cut(&member.settled), cut(&member.quiet), cut(&member.delivered));
    Member { settled, quiet, delivered, ..member }
}
