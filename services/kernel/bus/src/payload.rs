//! What is published: bytes, or a message as it is, which is spelled only where it leaves the process.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use prost::{DecodeError, Message};

/// One payload. Clone; all clones share what is in it.
#[derive(Clone)]
pub struct Payload(Inner);

#[derive(Clone)]
enum Inner {
    Bytes(Bytes),
    Message(Arc<dyn Carried>),
}

/// A message whose kind only its readers know.
trait Carried: Send + Sync {
    fn bytes(&self) -> usize;
    fn spell(&self) -> Bytes;
    fn any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<M: Message + 'static> Carried for M {
    fn bytes(&self) -> usize {
        self.encoded_len()
    }

    fn spell(&self) -> Bytes {
        self.encode_to_vec().into()
    }

    fn any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl Payload {
    /// A message.
    pub fn of<M: Message + 'static>(message: M) -> Payload {
        Payload::shared(Arc::new(message))
    }

    /// A message that its publisher keeps; all who hear it in this process share it.
    pub fn shared<M: Message + 'static>(message: Arc<M>) -> Payload {
        Payload(Inner::Message(message))
    }

    /// The message that was published, or what its bytes say.
    ///
    /// # Errors
    /// The bytes are no such message.
    pub fn read<M: Message + Default + 'static>(&self) -> Result<Arc<M>, DecodeError> {
        match &self.0 {
            Inner::Bytes(bytes) => M::decode(bytes.clone()).map(Arc::new),
            Inner::Message(message) => match message.clone().any().downcast() {
                Ok(message) => Ok(message),
                // Another type for the same bytes.
                Err(_) => M::decode(message.spell()).map(Arc::new),
            },
        }
    }

    /// As it travels.
    pub fn to_bytes(&self) -> Bytes {
        match &self.0 {
            Inner::Bytes(bytes) => bytes.clone(),
            Inner::Message(message) => message.spell(),
        }
    }

    /// Bytes of [`to_bytes`](Payload::to_bytes).
    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Inner::Bytes(bytes) => bytes.len(),
            Inner::Message(message) => message.bytes(),
        }
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Payload {
        Payload(Inner::Bytes(bytes))
    }
}

/// The same when they travel.
impl PartialEq for Payload {
    fn eq(&self, other: &Payload) -> bool {
        self.to_bytes() == other.to_bytes()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Payload").field(&self.len()).finish()
    }
}
