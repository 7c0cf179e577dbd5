//! Which certificate a client gets, by the name it asks for (RFC 6066, 3; RFC 6125, 6.4): the exact name, else a wildcard for its
//! last label, else the first certificate. Of several that carry a name the earliest is taken.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

/// The names of all certificates, by their place in the list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Choice {
    exact: BTreeMap<String, usize>,
    /// Without the `*`: `.example.net`.
    wild: BTreeMap<String, usize>,
}

impl Choice {
    /// `names` of each certificate, in lower case.
    pub fn new<'a>(certificates: impl IntoIterator<Item = &'a [String]>) -> Choice {
        let mut choice = Choice::default();
        for (place, names) in certificates.into_iter().enumerate() {
            for name in names {
                match name.strip_prefix('*') {
                    Some(rest) => choice.wild.entry(rest.to_owned()).or_insert(place),
                    None => choice.exact.entry(name.clone()).or_insert(place),
                };
            }
        }
        choice
    }

    /// The place of the certificate for a client that asked for this name, or for none.
    pub fn of(&self, asked: Option<&str>) -> usize {
        let Some(asked) = asked.map(str::to_ascii_lowercase) else { return 0 };
        let above = || asked.find('.').and_then(|dot| self.wild.get(&asked[dot..]));
        self.exact.get(&asked).or_else(above).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_name_wins_then_a_wildcard_then_the_first() {
        let certificates: [&[&str]; 4] =
            [&["first.test"], &["*.example.net"], &["chat.example.net", "other.test"], &["chat.example.net", "*.example.net"]];
        let certificates = certificates.map(|names| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let choice = Choice::new(certificates.iter().map(Vec::as_slice));
        for (asked, expected) in [
            (Some("chat.example.net"), 2),
            (Some("CHAT.example.NET"), 2),
            (Some("api.example.net"), 1),
            (Some("other.test"), 2),
            (Some("a.chat.example.net"), 0),
            (Some("example.net"), 0),
            (Some("nobody.test"), 0),
            (Some("localhost"), 0),
            (Some(""), 0),
            (None, 0),
        ] {
            assert_eq!(choice.of(asked), expected, "{asked:?}");
        }
    }
}
