//! The tables of rights: who is answered what, route by route and stanza by stanza. Read from `doors/rights/*.table`, carried out
//! by `doors/rights.rs`; that no route and no kind of stanza is missing, `it/rights.rs` sees to.
//!
//! A row begins at the margin: what is asked, the kind of dialog it is asked of (`-`: of none), and a cell for each column. What
//! belongs to it is indented below: a body, a form, a header, a stanza, `with` what the scene has besides, `shows` what an answer
//! must hold where the cell ends in `+`, and must not where it ends in `-`. Words in braces stand for what the scene is made of.
//! `#` begins a remark.

use anyhow::{Context, Result, ensure};

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Column {
    /// Without a session.
    Nobody,
    /// With a session of the app that has no user.
    App,
    /// A user of another app.
    Other,
    /// A user of the app who is in no dialog of the scene, and never was.
    Guest,
    /// Was a member, and left. Of a private dialog, which nobody leaves: deleted it for himself.
    Former,
    Member,
    Admin,
    Owner,
}

impl Column {
    /// All of them, in the order of the table.
    pub const ALL: [Column; 8] =
        [Column::Nobody, Column::App, Column::Other, Column::Guest, Column::Former, Column::Member, Column::Admin, Column::Owner];

    pub fn name(self) -> &'static str {
        match self {
            Column::Nobody => "nobody",
            Column::App => "app session",
            Column::Other => "other app",
            Column::Guest => "non-member",
            Column::Former => "former",
            Column::Member => "member",
            Column::Admin => "admin",
            Column::Owner => "owner",
        }
    }
}

/// The dialog that a row is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Private,
    Group,
    Public,
    Broadcast,
    /// None.
    Nothing,
}

impl Kind {
    /// Its type (contract rest 4.1).
    pub fn number(self) -> Option<u8> {
        match self {
            Kind::Public => Some(1),
            Kind::Group => Some(2),
            Kind::Private => Some(3),
            Kind::Broadcast => Some(4),
            Kind::Nothing => None,
        }
    }

    pub fn is_public(self) -> bool {
        matches!(self, Kind::Public | Kind::Broadcast)
    }

    fn of(word: &str) -> Result<Kind> {
        Ok(match word {
            "private" => Kind::Private,
            "group" => Kind::Group,
            "public" => Kind::Public,
            "broadcast" => Kind::Broadcast,
            "-" => Kind::Nothing,
            other => anyhow::bail!("{other} is no kind of dialog"),
        })
    }
}

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where it begins in its file.
    pub line: usize,
    /// A method and a path, or a kind of stanza.
    pub asked: String,
    pub kind: Kind,
    /// The answers expected, in the order of [`Column::ALL`]. `None`: nobody is this there, an admin of a private dialog.
    pub cells: [Option<String>; 8],
    /// What is indented below.
    pub details: Vec<String>,
}

impl Row {
    pub fn cell(&self, column: Column) -> Option<&str> {
        self.cells[column as usize].as_deref()
    }

    /// What follows a word at the beginning of a detail.
    pub fn detail(&self, word: &str) -> Option<&str> {
        self.details.iter().find_map(|detail| detail.strip_prefix(word)).map(str::trim)
    }

    /// Whether the scene has this besides.
    pub fn has(&self, what: &str) -> bool {
        self.details.iter().any(|detail| detail.strip_prefix("with ") == Some(what))
    }

    /// Whether anything of the row names this word in braces.
    pub fn names(&self, word: &str) -> bool {
        let word = format!("{{{word}}}");
        self.asked.contains(&word) || self.details.iter().any(|detail| detail.contains(&word))
    }

    /// The route of a request, as the door writes it: a segment with braces in it is `{}`.
    pub fn route(&self) -> Option<(&str, String)> {
        route_of(&self.asked)
    }
}

/// The route of a method and a path with words in braces, as the door writes it.
pub fn route_of(asked: &str) -> Option<(&str, String)> {
    let (method, path) = asked.split_once(' ')?;
    let path = path.split('?').next().unwrap_or_default();
    let segment = |segment: &str| if segment.contains('{') { "{}".to_owned() } else { segment.to_owned() };
    let pattern: Vec<String> = path.split('/').filter(|segment| !segment.is_empty()).map(segment).collect();
    Some((method, pattern.join("/")))
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
            Some(detail) => {
                let row = rows.last_mut().with_context(|| format!("line {number} belongs to no row"))?;
                row.details.push(detail.trim().to_owned());
            }
            None => rows.push(row(number, line).with_context(|| format!("line {number}"))?),
        }
    }
    Ok(rows)
}

fn row(line: usize, text: &str) -> Result<Row> {
    let words: Vec<&str> = text.split_whitespace().collect();
    ensure!(words.len() > 9, "a row is what is asked, a kind and eight cells");
    let (asked, rest) = words.split_at(words.len() - 9);
    let kind = Kind::of(rest[0])?;
    let cell = |at: usize| Some(rest[at + 1]).filter(|cell| *cell != "-").map(str::to_owned);
    let cells: [Option<String>; 8] = std::array::from_fn(cell);
    for column in Column::ALL.into_iter().filter(|column| cells[*column as usize].is_none()) {
        ensure!(kind == Kind::Private && column == Column::Admin, "{} is somebody there", column.name());
    }
    Ok(Row { line, asked: asked.join(" "), kind, cells, details: Vec::new() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_row_is_read_with_what_is_indented_below() {
        let text = "# a remark\n\nPUT chat/Dialog/{dialog}/admins?x={me}  private  401 403 404 403 403 403 - 200\n    \
                    {\"a\":{owner}}\n    with preview\n";
        let rows = rows(text).unwrap();
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((row.line, row.kind, row.route().unwrap()), (3, Kind::Private, ("PUT", "chat/Dialog/{}/admins".to_owned())));
        assert_eq!((row.cell(Column::Admin), row.cell(Column::Owner)), (None, Some("200")));
        assert!(row.has("preview") && row.names("owner") && row.names("me") && !row.names("guest"));
        assert_eq!(row.detail("{\"a\""), Some(":{owner}}"));
    }

    #[test]
    fn what_is_no_table_is_refused() {
        let rows_that_are_none = [
            " alone",
            "GET x group 401",
            "GET x room 1 2 3 4 5 6 7 8",
            "GET x private 1 2 3 4 5 - 7 8",
            "GET x group 1 2 3 4 5 6 - 8",
        ];
        for text in rows_that_are_none {
            assert!(rows(text).is_err(), "{text}");
        }
    }
}
