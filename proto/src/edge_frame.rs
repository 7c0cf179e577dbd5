//! `natter.event.v1.EdgeFrame` around a frame that others hold too: presence passes one frame on to many edges, and within a
//! process the edge gets the very frame that the dialog made.

use std::sync::Arc;

use bytes::{Buf, BufMut};
use prost::encoding::{DecodeContext, WireType, message, skip_field, string, uint64};
use prost::{DecodeError, Message};

use crate::event::v1::Frame;

/// What presence tells one edge. The fields are those of `natter.event.v1.EdgeFrame`, and so are its bytes.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct EdgeFrame {
    pub frame: Arc<Frame>,
    pub users: Vec<u64>,
    pub except: Vec<u64>,
    pub traceparent: String,
}

impl Message for EdgeFrame {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        message::encode(1, &*self.frame, buf);
        uint64::encode_packed(2, &self.users, buf);
        uint64::encode_packed(3, &self.except, buf);
        if !self.traceparent.is_empty() {
            string::encode(4, &self.traceparent, buf);
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            1 => message::merge(wire_type, Arc::make_mut(&mut self.frame), buf, context),
            2 => uint64::merge_repeated(wire_type, &mut self.users, buf, context),
            3 => uint64::merge_repeated(wire_type, &mut self.except, buf, context),
            4 => string::merge(wire_type, &mut self.traceparent, buf, context),
            _ => skip_field(wire_type, tag, buf, context),
        }
    }

    fn encoded_len(&self) -> usize {
        let traceparent = if self.traceparent.is_empty() { 0 } else { string::encoded_len(4, &self.traceparent) };
        message::encoded_len(1, &*self.frame)
            + uint64::encoded_len_packed(2, &self.users)
            + uint64::encoded_len_packed(3, &self.except)
            + traceparent
    }

    fn clear(&mut self) {
        *self = EdgeFrame::default();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::event::v1::{self, Typing, frame::Told};

    #[test]
    fn its_bytes_are_those_of_the_message_in_the_proto() {
        let told = Told::Typing(Typing { user: 34, stanza: "x".repeat(300), ..Typing::default() });
        let frame = Frame { app: u64::MAX, to: vec![34, 9_007_199_254_740_991], told: Some(told), ..Frame::default() };
        for (users, except, traceparent) in [
            (vec![34, 9_007_199_254_740_991], vec![34], "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            (vec![], vec![], ""),
        ] {
            let (frame, traceparent) = (frame.clone(), traceparent.to_owned());
            let plain = v1::EdgeFrame {
                frame: Some(frame.clone()),
                users: users.clone(),
                except: except.clone(),
                traceparent: traceparent.clone(),
            };
            let shared = EdgeFrame { frame: Arc::new(frame), users, except, traceparent };
            assert_eq!(shared.encode_to_vec(), plain.encode_to_vec());
            assert_eq!(shared.encoded_len(), plain.encoded_len());
            assert_eq!(EdgeFrame::decode(plain.encode_to_vec().as_slice()).unwrap(), shared);
        }
    }
}
