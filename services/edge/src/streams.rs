//! The port of kept streams: what a resumable stream (XEP-0198, 5) leaves where every edge finds it, so that its client goes on at
//! any of them, also after the one that had it died (decision 0034). What is kept is bytes here; `session/kept.rs` knows them.

mod in_redis;
mod memory;

#[cfg(test)]
mod contract;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use natter_db::{Error, Lossy};
use natter_proto::{AppId, UserId};

/// Where streams are kept. Clones share it.
#[derive(Clone, Default)]
pub struct Streams(Option<Arc<dyn Kept>>);

impl Streams {
    /// In this process, for edges that share it.
    pub fn memory() -> Streams {
        Streams(Some(Arc::new(memory::Memory::default())))
    }

    /// None: a stream is resumed where it was, and nowhere else.
    pub(crate) fn kept(&self) -> Option<&Arc<dyn Kept>> {
        self.0.as_ref()
    }
}

impl From<&Lossy> for Streams {
    /// Who has everything to himself keeps nothing: no other edge could ask for it.
    fn from(lossy: &Lossy) -> Streams {
        match lossy {
            Lossy::Kv(_) => Streams::default(),
            Lossy::Redis(redis) => Streams(Some(Arc::new(in_redis::InRedis::new(redis.clone())))),
        }
    }
}

/// Names a stream: by whom it may be resumed, and by what its client was told (attack A16).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct StreamKey {
    pub app: AppId,
    pub user: UserId,
    pub id: String,
}

/// What changes of a stream, in one step.
#[derive(Clone, Default, PartialEq, Debug)]
pub(crate) struct Update {
    /// Nothing was kept of it before.
    pub is_new: bool,
    /// Replaces what stands before its stanzas.
    pub head: Vec<u8>,
    /// Stanzas about to be written, by their ordinals.
    pub added: Vec<(u32, Vec<u8>)>,
    /// Ordinals of those that the client has.
    pub removed: Vec<u32>,
}

/// All that is kept of a stream.
#[derive(Clone, Default, PartialEq, Debug)]
pub(crate) struct Stored {
    pub head: Vec<u8>,
    /// In no order.
    pub stanzas: Vec<(u32, Vec<u8>)>,
}

/// Whose a stream is after a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Held {
    /// Of who asked, still.
    Here,
    /// Another edge has claimed it: it goes on there, and nowhere else.
    Claimed,
    /// Of nobody: it was lost.
    Lost,
}

/// Streams that are kept. Each verb is one step, without another's step between.
pub(crate) trait Kept: Send + Sync {
    /// Changes what is kept of a stream, which goes by itself after `life` without a change. Done only if the answer is
    /// [`Held::Here`].
    fn keep<'a>(&'a self, key: &'a StreamKey, update: &'a Update, life: Duration) -> BoxFuture<'a, Result<Held, Error>>;

    /// Takes a stream, once: whoever keeps or claims it after that is told so. `None`: nobody has one by this name, or
    /// it was claimed before.
    fn claim<'a>(&'a self, key: &'a StreamKey, life: Duration) -> BoxFuture<'a, Result<Option<Stored>, Error>>;

    /// Nobody is to resume it.
    fn forget<'a>(&'a self, key: &'a StreamKey) -> BoxFuture<'a, Result<Held, Error>>;
}
