//! The door for the walk of an erasure. Of a user the messages stay, and with them what he read: his id names nobody.

use natter_proto::erasure::v1::{EraseReply, EraseRequest, Erased};
use natter_proto::history::v1::eraser_server::Eraser;
use natter_proto::{AppId, Failure, UserId};
use natter_rpc::{Reply, Request, Response, async_trait};

use super::Rpc;
use crate::error::Error;

/// Rows of one page.
const PAGE: usize = 1_000;
/// The first byte of where a page goes on.
const QUEUE: u8 = 1;
const REACTIONS: u8 = 2;

#[async_trait]
impl Eraser for Rpc {
    async fn erase(&self, request: Request<EraseRequest>) -> Reply<EraseReply> {
        let EraseRequest { app, user, after } = request.into_inner();
        let reply = match user {
            0 => self.erase_app(AppId(app)).await,
            user => self.erase_user(AppId(app), user, after).await,
        };
        Ok(Response::new(reply.map_err(Failure::from)?))
    }
}

impl Rpc {
    async fn erase_user(&self, app: AppId, user: u64, after: Vec<u8>) -> Result<EraseReply, Error> {
        let Some((&REACTIONS, after)) = after.split_first() else {
            let frames = self.0.queue.erase(app, Some(UserId(user)), PAGE).await?;
            let next = if frames < PAGE { REACTIONS } else { QUEUE };
            return Ok(reply(&[("kept_messages", frames)], vec![next]));
        };
        let (rows, next) = self.0.reactions.erase_user(app, user, after, PAGE).await?;
        let next = if next.is_empty() { next } else { [&[REACTIONS], next.as_slice()].concat() };
        Ok(reply(&[("reactions", rows)], next))
    }

    async fn erase_app(&self, app: AppId) -> Result<EraseReply, Error> {
        let (messages, most) = self.0.log.erase(app, PAGE).await?;
        let frames = self.0.queue.erase(app, None, PAGE).await?;
        let reactions = self.0.reactions.erase_app(app, PAGE).await?;
        let posted = self.0.posted.erase(app.0, PAGE).await?;
        let is_full = [most, frames, reactions, posted].into_iter().any(|count| count >= PAGE);
        let erased = [("messages", messages), ("kept_messages", frames), ("reactions", reactions)];
        Ok(reply(&erased, if is_full { vec![QUEUE] } else { Vec::new() }))
    }
}

fn reply(erased: &[(&str, usize)], next: Vec<u8>) -> EraseReply {
    let erased = erased.iter().map(|(kind, count)| Erased { kind: (*kind).to_owned(), count: *count as u64 });
    EraseReply { erased: erased.collect(), next }
}
