//! How the messages of a call become bytes: as protobuf says, unless both ends are polled by one function of one process. Then
//! the message itself goes from the encoder to the decoder, and its place in the body is taken by a ticket.
//!
//! A body is polled by whoever decodes it, and decoded before that poll returns. So a transport within a process that polls
//! its bodies within [`handing_over`] has the encoder run just before the decoder, on the same thread: what the one leaves here
//! the other takes. A body that travels is polled without it, and is spelled.
//!
//! Invariants:
//! - A ticket never leaves the thread, and stands for one message. What nobody took is dropped by the next poll.
//! - Only what would pass spelled is handed over: a message over [`BYTES_MAX`] is spelled, and refused by whoever reads it.

use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;

use bytes::{Buf, BufMut};
use prost::Message;
use tonic::Status;
use tonic::codec::{BufferSettings, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// The largest message that tonic takes unless told otherwise.
const BYTES_MAX: usize = 4 << 20;
/// What a body's buffer holds at first: a ticket, or a small message. tonic would take 8 KiB for each of the four of a call.
const BUFFER: usize = 64;
/// Of a stream of messages so many bytes are gathered before they are passed on (tonic's own).
const GATHERED: usize = 32 * 1024;
/// The first half of every ticket. Bytes that are no message: field 0 does not exist.
const MARK: [u8; 8] = *b"\0ticket\0";
const TICKET: usize = 16;

thread_local! {
    static HANDS: RefCell<Hands> = const { RefCell::new(Hands { left: Vec::new(), next: 0, depth: 0, may_leave: false }) };
}

/// What was left on this thread and not taken yet.
struct Hands {
    left: Vec<(u64, Box<dyn Any>)>,
    next: u64,
    /// Polls within polls: a handler may call another service.
    depth: usize,
    /// The innermost poll hands over and has left nothing yet: of several messages at once only the first is decoded at once.
    may_leave: bool,
}

/// Polls a body whose reader decodes it before it does anything else: the first message that `poll` encodes is handed over.
pub fn handing_over<T>(poll: impl FnOnce() -> T) -> T {
    /// Also after a panic.
    struct Outer(bool);
    impl Drop for Outer {
        fn drop(&mut self) {
            HANDS.with_borrow_mut(|hands| {
                hands.depth -= 1;
                hands.may_leave = self.0;
            });
        }
    }
    let (outer, dropped) = HANDS.with_borrow_mut(|hands| {
        let dropped = if hands.depth == 0 { std::mem::take(&mut hands.left) } else { Vec::new() };
        hands.depth += 1;
        (Outer(std::mem::replace(&mut hands.may_leave, true)), dropped)
    });
    drop(dropped);
    let polled = poll();
    drop(outer);
    polled
}

/// The codec of all generated clients and servers.
#[derive(Clone, Debug)]
pub struct Codec<T, U>(PhantomData<(T, U)>);

/// The side that is given messages.
#[derive(Debug)]
pub struct Spelling<T>(PhantomData<T>);

/// The side that gives messages.
#[derive(Debug)]
pub struct Reading<U>(PhantomData<U>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Codec(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = Spelling<T>;
    type Decoder = Reading<U>;

    fn encoder(&mut self) -> Spelling<T> {
        Spelling(PhantomData)
    }

    fn decoder(&mut self) -> Reading<U> {
        Reading(PhantomData)
    }
}

impl<T: Message + 'static> Encoder for Spelling<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
        let bytes = item.encoded_len();
        match if bytes <= BYTES_MAX { leave(item) } else { Err(item) } {
            Ok(ticket) => {
                buf.put_slice(&MARK);
                buf.put_u64(ticket);
            }
            Err(item) => {
                buf.reserve(bytes);
                item.encode_raw(buf);
            }
        }
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFER, GATHERED)
    }
}

impl<U: Message + Default + 'static> Decoder for Reading<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        if let Some(message) = taken(buf) {
            let message = message.downcast().map_err(|_| Status::internal("what was handed over is another message"))?;
            return Ok(Some(*message));
        }
        // tonic's own word for it.
        U::decode(buf).map(Some).map_err(|error| Status::internal(error.to_string()))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFER, GATHERED)
    }
}

/// Leaves a message for the decoder, if it is being waited for; else gives it back.
fn leave<T: 'static>(item: T) -> Result<u64, T> {
    HANDS.with_borrow_mut(|hands| {
        if !hands.may_leave {
            return Err(item);
        }
        hands.may_leave = false;
        hands.next += 1;
        hands.left.push((hands.next, Box::new(item)));
        Ok(hands.next)
    })
}

/// The message that the ticket in `buf` stands for; nothing, and nothing is read, if there is none.
fn taken(buf: &mut DecodeBuf<'_>) -> Option<Box<dyn Any>> {
    if buf.remaining() != TICKET || buf.chunk().len() < TICKET {
        return None;
    }
    let ticket = buf.chunk().strip_prefix(&MARK)?.first_chunk().map(|ticket| u64::from_be_bytes(*ticket))?;
    let message = HANDS.with_borrow_mut(|hands| {
        let place = hands.left.iter().position(|(left, _)| *left == ticket)?;
        Some(hands.left.swap_remove(place).1)
    })?;
    buf.advance(TICKET);
    Some(message)
}
