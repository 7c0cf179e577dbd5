//! Contents in memory, for tests and simulations.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes as Chunk, BytesMut};
use natter_rpc::async_trait;
use parking_lot::Mutex;

use super::{Bytes, CHUNK, Error, Reader, Result, Writer};
use crate::blob::Object;

/// The engine.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<BTreeMap<Object, Chunk>>>);

struct Growing {
    memory: Memory,
    object: Object,
    bytes: BytesMut,
}

#[async_trait]
impl Bytes for Memory {
    async fn write(&self, object: Object, _: u64) -> Result<Box<dyn Writer>> {
        Ok(Box::new(Growing { memory: self.clone(), object, bytes: BytesMut::new() }))
    }

    async fn read(&self, object: Object, range: Range<u64>) -> Result<Box<dyn Reader>> {
        let whole = self.0.lock().get(&object).cloned().ok_or(Error::Absent)?;
        if range.end > whole.len() as u64 || range.start > range.end {
            return Err(Error::Absent);
        }
        Ok(Box::new(whole.slice(range.start as usize..range.end as usize)))
    }

    async fn remove(&self, object: Object) -> Result<()> {
        self.0.lock().remove(&object);
        Ok(())
    }
}

#[async_trait]
impl Writer for Growing {
    async fn append(&mut self, chunk: Chunk) -> Result<()> {
        self.bytes.extend_from_slice(&chunk);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<()> {
        self.memory.0.lock().insert(self.object, self.bytes.freeze());
        Ok(())
    }
}

#[async_trait]
impl Reader for Chunk {
    async fn next(&mut self) -> Result<Option<Chunk>> {
        let chunk = self.split_to(self.len().min(CHUNK));
        Ok((!chunk.is_empty()).then_some(chunk))
    }
}
