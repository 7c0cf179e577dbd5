//! Paths: `//` collapsed, one optional `.json` at the end, percent-decoded segments (contract rest 1.1, 1.4).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;

use crate::decode::{Fault, percent_decode};

/// The segments of a request path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Path {
    segments: Vec<String>,
    json: bool,
}

impl Path {
    /// Splits the raw path of a request.
    pub(crate) fn parse(raw: &str) -> Result<Path, Fault> {
        let stem = raw.strip_suffix(".json");
        let segments = stem.unwrap_or(raw).split('/').filter(|segment| !segment.is_empty());
        let segments = segments.map(|segment| percent_decode(segment.as_bytes())).collect::<Result<_, _>>()?;
        Ok(Path { segments, json: stem.is_some() })
    }

    /// Whether it ended in `.json`: of a file that is what is known of it, and not its content (contract rest 6.2).
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether the path has the form of a pattern; `{}` stands for any one segment. The value is that segment, empty if the
    /// pattern has none. Below `chat`, letters of either case are taken: the public documentation writes `chat/dialog`.
    pub(crate) fn matches(&self, pattern: &str) -> Option<&str> {
        let mut ids = "";
        let mut wanted = pattern.split('/').filter(|segment| !segment.is_empty());
        let chat = self.segments.first().is_some_and(|first| first == "chat");
        for segment in &self.segments {
            match wanted.next()? {
                "{}" => ids = segment,
                fixed if fixed == segment || (chat && fixed.eq_ignore_ascii_case(segment)) => {}
                _ => return None,
            }
        }
        wanted.next().is_none().then_some(ids)
    }
}

/// The ids of a segment `a,b,c`: trimmed, empty ones dropped, each once.
pub(crate) fn ids(segment: &str) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    segment.split(',').map(str::trim).filter(|id| !id.is_empty() && seen.insert(*id)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_spelling_of_a_path_is_the_same_path() {
        for raw in ["/chat/Dialog/a1.json", "//chat//Dialog/a1", "/chat/dialog/a1.json", "/chat/Dialog/%611/"] {
            assert_eq!(Path::parse(raw).unwrap().matches("chat/Dialog/{}"), Some("a1"), "{raw}");
        }
        assert_eq!(Path::parse("/").unwrap().matches(""), Some(""));
        assert_eq!(Path::parse("/users/56.json").unwrap().matches("users"), None);
        assert_eq!(Path::parse("/Users").unwrap().matches("users"), None);
    }

    #[test]
    fn broken_paths_are_refused() {
        assert_eq!(Path::parse("/users/%zz"), Err(Fault::Percent));
        assert_eq!(Path::parse("/users/%ff"), Err(Fault::Utf8));
    }

    #[test]
    fn ids_are_separated_by_commas() {
        assert_eq!(ids("a, b,,a,c"), ["a", "b", "c"]);
        assert_eq!(ids(""), [""; 0]);
    }
}
