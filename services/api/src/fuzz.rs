//! What holds of any input, for fuzzing (feature `testing`): each function panics where it does not.

use crate::decode::{self, Bounds, Params};
use crate::filter::{Field, Kind, conditions};
use crate::multipart::{Event, Fault, Multipart};

const BOUNDS: Bounds = Bounds { depth: 8, keys: 100 };
const KINDS: [&str; 4] = ["application/x-www-form-urlencoded", "application/json", "", "text/plain; charset=\u{e4}"];
const FORM: &str = "multipart/form-data; boundary=XX";

/// A request is decoded or refused, and whatever its values are, every reader reads them. The first byte chooses the kind of the
/// body; the first line is the query.
pub fn decoder(input: &[u8]) {
    let Some((choice, rest)) = input.split_first() else { return };
    let (query, body) =
        rest.iter().position(|byte| *byte == b'\n').map_or((rest, &[][..]), |end| (&rest[..end], &rest[end + 1..]));
    let query = String::from_utf8_lossy(query);
    let Ok(params) = Params::decode(&query, KINDS[usize::from(*choice) % KINDS.len()], body, BOUNDS) else { return };
    // Of the query and of the body.
    assert!(params.iter().count() <= 2 * BOUNDS.keys, "more keys than are taken");
    for (name, value) in params.iter() {
        _ = (decode::text(value), decode::flag(value), decode::numbers(value), decode::dates(value));
        assert!(decode::list(value).iter().all(|entry| !entry.contains(',') || !value.is_string()));
        _ = (params.word(name), params.integer(name), params.number(name), params.date(name), params.list(name));
        params.objects(name).iter().for_each(|inner| inner.iter().for_each(|(_, value)| _ = decode::text(value)));
    }
}

/// Filters are read or refused, and what was read can be tested on every field.
pub fn filter(input: &[u8]) {
    let Ok(params) = Params::decode(&String::from_utf8_lossy(input), "", b"", BOUNDS) else { return };
    let kind = |field: &str| match field.len() % 5 {
        0 => None,
        1 => Some(Kind::Text),
        2 => Some(Kind::Number),
        3 => Some(Kind::Date),
        _ => Some(Kind::Id),
    };
    let Ok(conditions) = conditions(&params, &["limit"], kind) else { return };
    for condition in conditions {
        assert!(condition.numbers.is_empty() || condition.numbers.len() == condition.values.len(), "{condition:?}");
        for field in [
            Field::Absent,
            Field::Text("a".into()),
            Field::Number(i64::MIN),
            Field::Date(i64::MAX),
            Field::Numbers(vec![0, i64::MAX]),
        ] {
            _ = condition.holds(&field);
        }
    }
}

/// A form is read the same wherever the network cuts it, in bounded memory. The first byte is the size of the pieces.
pub fn upload(input: &[u8]) {
    let Some((size, form)) = input.split_first() else { return };
    let whole = read(form, form.len().max(1));
    assert_eq!(whole, read(form, 1 + usize::from(*size)), "the pieces decide");
}

// Fields, and the bytes of the file together; `None`: it has no end.
type Form = (Vec<(String, String)>, Vec<u8>, Option<Result<(), Fault>>);

fn read(form: &[u8], size: usize) -> Form {
    let (mut fields, mut file) = (Vec::new(), Vec::new());
    let mut multipart = Multipart::new(FORM).unwrap_or_else(|_| unreachable!("the form is one"));
    for piece in form.chunks(size) {
        multipart.push(piece);
        loop {
            match multipart.next() {
                Ok(None) => break,
                Ok(Some(Event::Field { name, value })) => fields.push((name, value)),
                Ok(Some(Event::File)) => {}
                Ok(Some(Event::Bytes(bytes))) => file.extend_from_slice(&bytes),
                Ok(Some(Event::End)) => return (fields, file, Some(Ok(()))),
                Err(fault) => return (fields, file, Some(Err(fault))),
            }
        }
        assert!(multipart.held() <= size + 16 * 1024, "{} bytes are held", multipart.held());
    }
    (fields, file, None)
}
