//! What came of the cells, as a page and as the text of a failure.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use natter_tests::rights::{Column, Kind};

use super::{Cell, Walked};

/// Writes `reports/rights.md` in the build directory.
pub fn write(tables: &[(&str, &[Walked])]) -> Result<()> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().context("the build directory")?;
    let folder = target.join("reports");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("rights.md"), page(tables)).context("cannot write the report")
}

/// Every cell that is not as expected: row, column, expected, got.
pub fn wrong(walked: &[Walked], file: &str) -> String {
    let mut text = String::new();
    for (one, column, expected, cell) in cells(walked).filter(|(_, _, expected, cell)| is_wrong(expected, cell)) {
        let detail = one.row.details.first().map_or("", String::as_str);
        let _ = writeln!(text, "{file}:{} {} ({}) {detail}", one.row.line, one.row.asked, kind(one.row.kind));
        let _ = writeln!(text, "   {}: expected {expected}, got {}", column.name(), cell.got);
        for wrong in &cell.wrong {
            let _ = writeln!(text, "   {}: {wrong}", column.name());
        }
    }
    text
}

fn page(tables: &[(&str, &[Walked])]) -> String {
    let count: usize = tables.iter().map(|(_, walked)| cells(walked).count()).sum();
    let wrong = tables.iter().flat_map(|(_, walked)| cells(walked)).filter(|(_, _, expected, cell)| is_wrong(expected, cell));
    let mut text = format!("# Rights\n\n{count} cells, {} not as the table says.\n", wrong.count());
    for (name, walked) in tables {
        let _ = writeln!(text, "\n## {name}\n");
        let columns: Vec<&str> = Column::ALL.iter().map(|column| column.name()).collect();
        let _ = writeln!(text, "| | dialog | {} |", columns.join(" | "));
        let _ = writeln!(text, "|{}", "---|".repeat(2 + columns.len()));
        for one in *walked {
            let _ = writeln!(text, "{}", line(one));
        }
    }
    text
}

fn line(one: &Walked) -> String {
    let details: Vec<String> = one.row.details.iter().map(|detail| format!("`{}`", detail.replace('|', "\\|"))).collect();
    let cell = |column: &Column| match (&one.cells[*column as usize], one.row.cell(*column)) {
        (Some(cell), Some(expected)) if cell.got != expected => format!("**{}**, not {expected}", in_one_line(&cell.got)),
        (Some(cell), _) if !cell.wrong.is_empty() => format!("**{}**: {}", cell.got, in_one_line(&cell.wrong.join("; "))),
        (Some(cell), _) => cell.got.clone(),
        (None, _) => String::new(),
    };
    let cells: Vec<String> = Column::ALL.iter().map(cell).collect();
    format!("| `{}` {} | {} | {} |", one.row.asked, details.join(" "), kind(one.row.kind), cells.join(" | "))
}

fn in_one_line(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

fn cells(walked: &[Walked]) -> impl Iterator<Item = (&Walked, Column, &str, &Cell)> {
    let of_row = |one| {
        let one: &Walked = one;
        Column::ALL
            .iter()
            .filter_map(move |column| Some((one, *column, one.row.cell(*column)?, one.cells[*column as usize].as_ref()?)))
    };
    walked.iter().flat_map(of_row)
}

fn is_wrong(expected: &str, cell: &Cell) -> bool {
    cell.got != expected || !cell.wrong.is_empty()
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Private => "private",
        Kind::Group => "group",
        Kind::Public => "public",
        Kind::Broadcast => "broadcast",
        Kind::Nothing => "",
    }
}
