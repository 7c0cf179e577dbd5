//! What a request is about, read from its first fields: where it names an app, that is field 1, and where it names one dialog, that is
//! field 2 (`tests/it/requests.rs` holds the protos to it). Values only.

/// What the request of a call is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct About {
    /// 0: no app is named.
    pub app: u64,
    /// A dialog's id; none: no dialog is named.
    pub dialog: Option<[u8; 12]>,
}

/// A flag and a length stand before each message.
const HEAD: usize = 5;

impl About {
    /// Of the first message of a body, as gRPC frames it. What cannot be read names nothing: whoever is called will say so.
    pub(crate) fn of_frame(frame: &[u8]) -> About {
        let Some((head, rest)) = frame.split_first_chunk::<HEAD>() else { return About::default() };
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        About::of(rest.get(..length).unwrap_or(rest))
    }

    fn of(mut message: &[u8]) -> About {
        let mut about = About::default();
        while let Some((field, value)) = next(&mut message) {
            match (field, value) {
                (1, Value::Number(app)) => about.app = app,
                (2, Value::Bytes(dialog)) => about.dialog = about.dialog.or(dialog.try_into().ok()),
                (0..=2, _) => {}
                // Fields are written in their order.
                _ => break,
            }
        }
        about
    }
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Skipped,
}

/// The next field of a message in the encoding of protobuf.
fn next<'a>(message: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let tag = number(message)?;
    let value = match tag & 7 {
        0 => Value::Number(number(message)?),
        1 => skipped(message, 8)?,
        2 => {
            let length = usize::try_from(number(message)?).ok()?;
            let (bytes, rest) = message.split_at_checked(length)?;
            *message = rest;
            Value::Bytes(bytes)
        }
        5 => skipped(message, 4)?,
        _ => return None,
    };
    Some((tag >> 3, value))
}

fn skipped<'a>(message: &mut &'a [u8], length: usize) -> Option<Value<'a>> {
    *message = message.get(length..)?;
    Some(Value::Skipped)
}

fn number(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use natter_proto::dialog::v1::{HeadlineRequest, ListRequest, PostRequest};
    use natter_proto::storage::v1::{FindRequest, UploadHead, UploadPart, upload_part};
    use prost::Message;

    use super::*;

    fn about(message: &impl Message) -> About {
        let bytes = message.encode_to_vec();
        let mut frame = vec![0];
        frame.extend((bytes.len() as u32).to_be_bytes());
        frame.extend(bytes);
        About::of_frame(&frame)
    }

    #[test]
    fn a_request_says_its_app_and_its_dialog_in_its_first_fields() {
        let post = PostRequest { app: 300, dialog: vec![7; 12], recipient: 5, ..PostRequest::default() };
        assert_eq!(about(&post), About { app: 300, dialog: Some([7; 12]) });
        assert_eq!(about(&ListRequest { app: 9, ..ListRequest::default() }), About { app: 9, dialog: None });
        assert_eq!(about(&HeadlineRequest { app: 9, ..HeadlineRequest::default() }), About { app: 9, dialog: None });
        assert_eq!(about(&PostRequest::default()), About::default());
    }

    #[test]
    fn a_request_whose_first_field_is_something_else_names_nothing() {
        assert_eq!(about(&FindRequest { uid: "8".repeat(40) }), About::default());
        let head = UploadHead { uid: "8".repeat(40), ..UploadHead::default() };
        assert_eq!(about(&UploadPart { part: Some(upload_part::Part::Head(head)) }), About::default());
    }

    #[test]
    fn what_is_cut_off_or_no_message_names_nothing_and_nothing_panics() {
        let whole = PostRequest { app: 300, dialog: vec![7; 12], ..PostRequest::default() }.encode_to_vec();
        for length in 0..whole.len() {
            let mut frame = vec![0, 0, 0, 0, whole.len() as u8];
            frame.extend(&whole[..length]);
            assert!(About::of_frame(&frame).dialog.is_none());
        }
        for byte in 0..=255 {
            About::of_frame(&[byte; 40]);
        }
        assert_eq!(About::of_frame(&[]), About::default());
    }
}
