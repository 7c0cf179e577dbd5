//! The rules of the audit log: what an entry is, whose it shows to whom, which ones go. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;

use natter_proto::account::v1::AuditEntry;

/// Characters of each text of an entry. What is longer was no name of ours, and is cut.
const TEXT_CHARS_MAX: usize = 200;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Ascends in time: the instant, a number of this process, chance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct EntryId(pub [u8; 16]);

impl EntryId {
    /// The id of the `number`th entry of a process.
    pub fn new(at: i64, number: u32, chance: [u8; 4]) -> EntryId {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&at.max(0).to_be_bytes());
        id[8..12].copy_from_slice(&number.to_be_bytes());
        id[12..].copy_from_slice(&chance);
        EntryId(id)
    }
}

/// An entry as kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EntryRow {
    pub at: i64,
    pub operator: String,
    pub role: String,
    pub address: String,
    pub action: String,
    pub route: String,
    /// 0: none.
    pub app: u64,
    pub target: String,
    /// 0: nobody knows.
    pub status: u32,
    /// Why, as the operator said it; empty: he was not asked.
    pub note: String,
}

impl EntryRow {
    /// The entry of a change that is about to be made.
    pub fn begun(entry: AuditEntry, at: i64) -> EntryRow {
        EntryRow {
            at,
            operator: cut(entry.operator),
            role: cut(entry.role),
            address: cut(entry.address),
            action: cut(entry.action),
            route: cut(entry.route),
            app: entry.app,
            target: cut(entry.target),
            status: 0,
            note: cut(entry.note),
        }
    }

    /// As others see it.
    pub fn shown(self, id: EntryId) -> AuditEntry {
        let EntryRow { at, operator, role, address, action, route, app, target, status, note } = self;
        AuditEntry { id: id.0.to_vec(), at, operator, role, address, action, route, app, target, status, note }
    }
}

/// What came of a change.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// What was answered, as HTTP has it.
    pub status: u32,
    /// Of what was made, as `target`; 0 and empty: as it was entered.
    pub app: u64,
    pub target: String,
}

impl EntryRow {
    /// With what came of it.
    pub fn settled(mut self, outcome: &Outcome) -> EntryRow {
        self.status = outcome.status;
        if outcome.app != 0 {
            self.app = outcome.app;
        }
        if !outcome.target.is_empty() {
            self.target = cut(outcome.target.clone());
        }
        self
    }
}

fn cut(text: String) -> String {
    text.chars().filter(|c| !c.is_control()).take(TEXT_CHARS_MAX).collect()
}

/// Which entries are asked for.
pub struct Filter {
    /// Empty: of all.
    pub operator: String,
    /// None: about whatever.
    pub apps: Option<BTreeSet<u64>>,
}

impl Filter {
    /// Whether it is one of them.
    pub fn takes(&self, row: &EntryRow) -> bool {
        let is_about = self.apps.as_ref().is_none_or(|apps| apps.contains(&row.app));
        is_about && (self.operator.is_empty() || self.operator == row.operator)
    }
}

/// How much of the log stays.
#[derive(Clone, Copy)]
pub struct Keeping {
    pub days: u32,
    pub rows_max: usize,
}

impl Keeping {
    /// Whether an entry of `at` goes, of which `newer` ones are kept.
    pub fn forgets(self, at: i64, newer: usize, now: i64) -> bool {
        newer >= self.rows_max || at < now.saturating_sub(i64::from(self.days) * DAY_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_in_time_and_within_an_instant() {
        let ids =
            [EntryId::new(-5, 9, [9; 4]), EntryId::new(1, 0, [9; 4]), EntryId::new(1, 1, [0; 4]), EntryId::new(2, 0, [0; 4])];
        assert!(ids.is_sorted());
    }

    #[test]
    fn an_entry_is_cut_and_knows_nothing_of_its_outcome() {
        let long = AuditEntry { operator: "ann\n".into(), target: "é".repeat(300), status: 200, at: 9, ..AuditEntry::default() };
        let row = EntryRow::begun(long, 5);
        assert_eq!((row.operator.as_str(), row.target.chars().count(), row.status, row.at), ("ann", 200, 0, 5));
    }

    #[test]
    fn what_was_made_is_named_by_its_outcome() {
        let row = EntryRow { app: 7, target: "5".into(), ..EntryRow::default() };
        let settled = row.clone().settled(&Outcome { status: 200, ..Outcome::default() });
        assert_eq!(settled, EntryRow { status: 200, ..row.clone() });
        let made = row.settled(&Outcome { status: 201, app: 8, target: "x\n".repeat(300) });
        assert_eq!((made.status, made.app, made.target), (201, 8, "x".repeat(200)));
    }

    #[test]
    fn whose_apps_are_limited_sees_nothing_of_others() {
        let row = |operator: &str, app| EntryRow { operator: operator.into(), app, ..EntryRow::default() };
        let filter = |operator: &str, apps: Option<&[u64]>| Filter {
            operator: operator.into(),
            apps: apps.map(|apps| apps.iter().copied().collect()),
        };
        for (filter, row, taken) in [
            (filter("", None), row("ann", 0), true),
            (filter("ann", None), row("ann", 7), true),
            (filter("ann", None), row("bob", 7), false),
            (filter("", Some(&[7])), row("bob", 7), true),
            (filter("", Some(&[7])), row("bob", 8), false),
            (filter("", Some(&[7])), row("bob", 0), false),
            (filter("", Some(&[])), row("bob", 0), false),
            (filter("ann", Some(&[7])), row("bob", 7), false),
        ] {
            assert_eq!(filter.takes(&row), taken, "{row:?}");
        }
    }

    #[test]
    fn what_is_old_and_what_is_too_much_goes() {
        let keeping = Keeping { days: 1, rows_max: 10 };
        for (at, newer, goes) in [(0, 0, false), (-1, 0, true), (0, 9, false), (0, 10, true)] {
            assert_eq!(keeping.forgets(at, newer, DAY_MS), goes, "{at} {newer}");
        }
    }
}
