//! The table of what a blocked user may do: one verdict for each kind of stanza and each route of the REST door. Read from
//! `doors/blocked/blocked.table`, carried out by `doors/blocked.rs`; that nothing is missing, `it/blocked.rs` sees to.
//!
//! A row begins at the margin: what is asked, and the verdict. What is sent is indented below. `#` begins a remark.

use anyhow::{Context, Result, ensure};

use crate::rights::route_of;

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where it begins in its file.
    pub line: usize,
    /// A method and a path, or a kind of stanza.
    pub asked: String,
    pub verdict: String,
    /// A stanza, a body or a form; none if it is not tried.
    pub sent: Option<String>,
}

impl Row {
    /// The kind of stanza, or the route as the door writes it.
    pub fn subject(&self) -> String {
        route_of(&self.asked).map_or_else(|| self.asked.clone(), |(method, pattern)| format!("{method} {pattern}"))
    }
}

/// The rows of a table.
pub fn rows(text: &str) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        match line.strip_prefix(' ') {
            Some(sent) => {
                let row = rows.last_mut().with_context(|| format!("line {number} belongs to no row"))?;
                ensure!(row.sent.is_none() && row.verdict != "own", "line {number}: nothing more is sent");
                row.sent = Some(sent.trim().to_owned());
            }
            None => {
                let (asked, verdict) = line.trim().rsplit_once(' ').with_context(|| format!("line {number}"))?;
                let (asked, verdict) = (asked.trim().to_owned(), verdict.to_owned());
                rows.push(Row { line: number, asked, verdict, sent: None });
            }
        }
    }
    for row in &rows {
        ensure!(row.sent.is_some() || row.verdict == "own", "line {}: what is sent?", row.line);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_row_is_read_with_what_is_sent() {
        let rows = rows("# a remark\n\nPUT chat/Dialog/{dialog}   403\n    {\"a\":1}\nping own\n").unwrap();
        let [put, ping] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((put.line, put.subject().as_str(), put.verdict.as_str()), (3, "PUT chat/Dialog/{}", "403"));
        assert_eq!((put.sent.as_deref(), ping.subject().as_str(), ping.sent.as_deref()), (Some("{\"a\":1}"), "ping", None));
        for odd in [" alone", "ping", "ping 403", "ping own\n    <iq/>"] {
            assert!(super::rows(odd).is_err(), "{odd}");
        }
    }
}
