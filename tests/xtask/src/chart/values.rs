//! `values.yaml`, read with its comments: the one source of the chart's schema and of the table in its README. It reads what the file is
//! written in (two spaces, one key a line, block mappings), and refuses what it does not know.

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

/// A key of the file.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    pub key: String,
    /// The comment above it.
    pub text: String,
    /// What the lines `# @...` say: a word and what follows it.
    pub marks: Vec<(String, String)>,
    pub content: Content,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Content {
    Value(Value),
    Group(Vec<Entry>),
}

impl Entry {
    /// What a mark says.
    pub fn mark(&self, word: &str) -> Option<&str> {
        self.marks.iter().find(|(found, _)| found == word).map(|(_, text)| text.as_str())
    }

    /// Its default as JSON.
    pub fn default(&self) -> Value {
        match &self.content {
            Content::Value(value) => value.clone(),
            Content::Group(inner) => Value::Object(defaults(inner)),
        }
    }
}

/// The defaults of these keys.
pub fn defaults(entries: &[Entry]) -> Map<String, Value> {
    entries.iter().map(|entry| (entry.key.clone(), entry.default())).collect()
}

/// Reads the file.
pub fn read(text: &str) -> Result<Vec<Entry>> {
    let mut lines = Vec::new();
    let mut comments: Vec<&str> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let (indent, code) = (line.len() - line.trim_start().len(), line.trim());
        if code.is_empty() {
            comments.clear();
        } else if let Some(comment) = code.strip_prefix('#') {
            comments.push(comment.trim());
        } else {
            let (key, value) = code.split_once(':').with_context(|| format!("values.yaml, line {}: no key", number + 1))?;
            if indent % 2 != 0 || key.contains(' ') {
                bail!("values.yaml, line {}: written in a way that is not read", number + 1);
            }
            lines.push((indent / 2, key, value.trim(), std::mem::take(&mut comments)));
        }
    }
    let mut lines = lines.into_iter().peekable();
    let entries = group(&mut lines, 0)?;
    match lines.next() {
        Some((_, key, ..)) => bail!("values.yaml: {key} stands too deep"),
        None => Ok(entries),
    }
}

type Line<'a> = (usize, &'a str, &'a str, Vec<&'a str>);

fn group<'a>(lines: &mut std::iter::Peekable<impl Iterator<Item = Line<'a>>>, depth: usize) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    while let Some((_, key, value, comments)) = lines.next_if(|(indent, ..)| *indent == depth) {
        let content = match value {
            "" => Content::Group(group(lines, depth + 1)?),
            value => Content::Value(json_of(value)),
        };
        let (marks, words): (Vec<&str>, Vec<&str>) = comments.into_iter().partition(|comment| comment.starts_with('@'));
        let marks = marks.iter().flat_map(|line| line.split('@').skip(1)).map(|mark| {
            let (word, text) = mark.trim().split_once(' ').unwrap_or((mark.trim(), ""));
            (word.to_owned(), text.trim().to_owned())
        });
        entries.push(Entry { key: key.to_owned(), text: words.join(" "), marks: marks.collect(), content });
    }
    Ok(entries)
}

/// A value as it is written.
pub fn json_of(text: &str) -> Value {
    match text {
        "{}" => Value::Object(Map::new()),
        "[]" => Value::Array(Vec::new()),
        "true" | "false" => Value::Bool(text == "true"),
        text => match text.parse::<i64>() {
            Ok(number) => number.into(),
            Err(_) => text.trim_matches('"').into(),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_are_read_with_their_comments_marks_and_defaults() {
        let text = "# The head.\n\n# How many,\n# in all.\n# @min 1 @max 5\ncount: 3\n# Group.\ngroup:\n  # Name.\n  name: \"\"\n  list: []\n";
        let entries = read(text).unwrap();
        assert_eq!((entries[0].text.as_str(), entries[0].mark("max")), ("How many, in all.", Some("5")));
        assert_eq!(Value::Object(defaults(&entries)), serde_json::json!({"count": 3, "group": {"name": "", "list": []}}));
        assert!(read("a:\n    b: 1\n").is_err() && read("a b: 1\n").is_err() && read("a\n").is_err());
    }
}
