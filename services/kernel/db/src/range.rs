//! Which rows a scan reads, and from which end. Values only.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ops::Bound;

/// Keys from an inclusive lower end up to an exclusive upper one, read upwards unless [`reversed`](KeyRange::reversed).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyRange {
    pub(crate) from: Vec<u8>,
    /// `None`: up to the end of the table.
    pub(crate) upto: Option<Vec<u8>>,
    pub(crate) reversed: bool,
}

impl KeyRange {
    /// All keys that begin with `prefix`; of an empty prefix: the whole table.
    pub fn prefix(prefix: impl AsRef<[u8]>) -> KeyRange {
        let prefix = prefix.as_ref();
        KeyRange { from: prefix.to_vec(), upto: after_prefix(prefix), reversed: false }
    }

    /// The keys in `[from, upto)`; none if `from` is not below `upto`.
    pub fn between(from: impl AsRef<[u8]>, upto: impl AsRef<[u8]>) -> KeyRange {
        KeyRange { from: from.as_ref().to_vec(), upto: Some(upto.as_ref().to_vec()), reversed: false }
    }

    /// The same keys, the highest first.
    pub fn reversed(mut self) -> KeyRange {
        self.reversed = !self.reversed;
        self
    }

    /// No key can lie in it. The engines' maps refuse such a range, so it is asked first.
    pub(crate) fn is_empty(&self) -> bool {
        self.upto.as_ref().is_some_and(|upto| *upto <= self.from)
    }

    pub(crate) fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        let upto = self.upto.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        (Bound::Included(self.from.as_slice()), upto)
    }
}

/// The lowest key above all that begin with `prefix`; none if it is empty or all 0xff.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut after = prefix[..=last].to_vec();
    after[last] += 1;
    Some(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_its_last_byte_grows() {
        let cases: [(&[u8], Option<&[u8]>); 5] =
            [(b"ab", Some(b"ac")), (b"a\xff", Some(b"b")), (b"a\xff\xff", Some(b"b")), (b"\xff\xff", None), (b"", None)];
        for (prefix, upto) in cases {
            assert_eq!(KeyRange::prefix(prefix).upto.as_deref(), upto, "{prefix:?}");
        }
    }

    #[test]
    fn a_range_that_ends_before_it_begins_is_empty() {
        assert!(KeyRange::between(b"b", b"a").is_empty());
        assert!(KeyRange::between(b"b", b"b").is_empty());
        assert!(!KeyRange::between(b"a", b"b").is_empty());
        assert!(!KeyRange::prefix(b"\xff").is_empty());
    }
}
