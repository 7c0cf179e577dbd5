//! The door for archives (decision 0039): rows as they are, and what members have read, as another installation kept it. Whoever
//! brings rows asks the owner of their dialog, and that one comes here.

use natter_proto::event::v1::Message;
use natter_proto::history::v1::archive_server::Archive;
use natter_proto::history::v1::*;
use natter_proto::{AppId, Code, Failure};
use natter_rpc::{Reply, Request, Response, async_trait};
use prost::Message as _;

use super::{Rpc, key};
use crate::member::{Member, Move};
use crate::ranges::Ranges;

#[async_trait]
impl Archive for Rpc {
    async fn rows(&self, request: Request<ArchiveRowsRequest>) -> Reply<ArchiveRowsReply> {
        Ok(Response::new(self.archived_rows(request.into_inner()).await?))
    }

    async fn append_old(&self, request: Request<AppendRequest>) -> Reply<AppendReply> {
        Ok(Response::new(self.append(request.into_inner(), true).await?))
    }

    async fn add_state(&self, request: Request<AddStateRequest>) -> Reply<AddStateReply> {
        let AddStateRequest { app, dialog, state } = request.into_inner();
        let key = key(app, &dialog)?;
        let state = state.ok_or_else(|| Failure::of_field(Code::Invalid, "state", "is missing"))?;
        let (user, mut changed) = (state.user, false);
        for to in moves(state.into()) {
            changed |= self.0.log.move_member(key, user, to).await.map_err(Failure::from)?.changed;
        }
        Ok(Response::new(AddStateReply { changed }))
    }
}

impl Rpc {
    async fn archived_rows(&self, asked: ArchiveRowsRequest) -> Result<ArchiveRowsReply, Failure> {
        let key = key(asked.app, &asked.dialog)?;
        let head = self.0.log.heads(AppId(asked.app), &[key.dialog]).await?.pop().unwrap_or_default();
        let first = asked.above.max(head.floor) + 1;
        let last = head.seq.min(asked.above.max(head.floor) + u64::from(asked.limit).min(self.0.options.page_rows));
        if first > last {
            return Ok(ArchiveRowsReply::default());
        }
        let (mut rows, mut bytes) = (Vec::new(), 0);
        for mut row in self.0.log.rows(key, &Ranges::of(first, last)).await? {
            // What it said may still lie on the disk.
            if head.removed.contains(row.seq) {
                row = Message { removed: true, body: None, extensions: vec![], attachments: vec![], relay: String::new(), ..row };
            }
            bytes += row.encoded_len();
            if bytes > self.0.options.reply_bytes && !rows.is_empty() {
                return Ok(ArchiveRowsReply { rows, more: true });
            }
            rows.push(row);
        }
        Ok(ArchiveRowsReply { rows, more: last < head.seq })
    }
}

/// What makes a state of one of which nothing is kept, and changes nothing of one that is like it. What is quiet is settled with it.
fn moves(state: Member) -> Vec<Move> {
    let Member { base, settled, quiet, delivered, joined, .. } = state;
    let mut read = settled;
    read.insert(1, base);
    let moves = [
        (joined > 0, Move::Joined(joined)),
        (!read.is_empty(), Move::Read(read)),
        (!quiet.is_empty(), Move::Hid(quiet)),
        (!delivered.is_empty(), Move::Received(delivered)),
    ];
    moves.into_iter().filter(|(is_some, _)| *is_some).map(|(_, to)| to).collect()
}
