//! Who may do what, cell by cell: every route of the REST door and every kind of stanza, as nobody, app session, user of another
//! app, non-member, former member, member, admin and owner. The tables are `rights/rest.table` and `rights/chat.table`; how they
//! are read stands in `natter_tests::rights`. What came of each cell is written to `reports/rights.md` in the build directory.
//!
//! A row has an app and users of its own. Its cells share a dialog as long as it is proved that nothing changed in it.
//! `NATTER_ROW=n` walks only the rows that begin in line n of a table.

mod cast;
mod chat;
mod files;
mod report;
mod rest;
mod scene;

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use natter_tests::rights::{Column, Kind, Row, rows};

use cast::{Cast, House, Who};
use scene::Scene;

const REST: &str = include_str!("rights/rest.table");
const CHAT: &str = include_str!("rights/chat.table");

/// Rows that are walked at a time.
const ROWS_AT_ONCE: usize = 24;

/// What came of a cell.
pub struct Cell {
    /// The answer, as the table spells it.
    got: String,
    /// What is wrong besides.
    wrong: Vec<String>,
}

/// What came of a row.
pub struct Walked {
    row: Row,
    /// `None`: nobody is this there.
    cells: [Option<Cell>; 8],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Door {
    Rest,
    Chat,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_may_do_what_the_table_says_and_nothing_else() {
    walk().await.unwrap();
}

async fn walk() -> Result<()> {
    let house = House::open().await?;
    let rest = walk_all(&house, Door::Rest, REST).await?;
    let chat = walk_all(&house, Door::Chat, CHAT).await?;
    report::write(&[("REST", &rest), ("Chat", &chat)])?;
    let counted = house.stanzas().await?;
    for walked in &chat {
        let kind = &walked.row.asked;
        ensure!(counted.get(kind).is_some_and(|count| *count > 0), "no stanza of the rows was a {kind}: {counted:?}");
    }
    let wrong = report::wrong(&rest, "rest.table") + &report::wrong(&chat, "chat.table");
    ensure!(wrong.is_empty(), "rights are not as the table says:\n{wrong}");
    Ok(())
}

async fn walk_all(house: &House, door: Door, table: &str) -> Result<Vec<Walked>> {
    let only = std::env::var("NATTER_ROW").ok().and_then(|line| line.parse::<usize>().ok());
    let rows = rows(table)?.into_iter().filter(|row| only.is_none_or(|line| line == row.line));
    let walks = rows.map(|row| async move {
        let (line, asked) = (row.line, row.asked.clone());
        walk_row(house, door, row).await.with_context(|| format!("line {line}, {asked}"))
    });
    stream::iter(walks).buffered(ROWS_AT_ONCE).try_collect().await
}

async fn walk_row(house: &House, door: Door, row: Row) -> Result<Walked> {
    let mut cast = Cast::new(house).await?;
    let mut scene = None;
    let mut cells: [Option<Cell>; 8] = std::array::from_fn(|_| None);
    for column in Column::ALL {
        let Some(expected) = row.cell(column) else { continue };
        let mut here = match scene.take() {
            Some(scene) => scene,
            None => Scene::open(&mut cast, &row).await?,
        };
        let tried = match door {
            Door::Rest => Box::pin(rest::try_cell(&mut cast, &mut here, &row, column)).await,
            Door::Chat => Box::pin(chat::try_cell(&mut cast, &mut here, &row, column)).await,
        };
        let cell = tried.unwrap_or_else(|error| Cell { got: format!("{error:#}"), wrong: Vec::new() });
        let is_spent = match door {
            Door::Rest => rest::spends(&row, &cell.got),
            Door::Chat => chat::spends(&row, &cell.got),
        };
        if is_spent || cell.got != expected || !cell.wrong.is_empty() {
            renew(&mut cast, &row).await?;
        } else {
            scene = Some(here);
        }
        cells[column as usize] = Some(cell);
    }
    Ok(Walked { row, cells })
}

/// A scene that follows has nothing of the last one: without a dialog it is the users that changed, and a pair has one dialog.
async fn renew(cast: &mut Cast<'_>, row: &Row) -> Result<()> {
    match row.kind {
        Kind::Nothing => cast.replace_all().await?,
        Kind::Private => cast.replace(&[Who::Owner, Who::Member, Who::Former]),
        Kind::Group | Kind::Public | Kind::Broadcast => {}
    }
    Ok(())
}

/// Columns that never change what is seen within the app, whatever they are answered.
fn is_outside(column: Column) -> bool {
    matches!(column, Column::Nobody | Column::App | Column::Other)
}
