//! Each attack of the list has a test, and each test that the table names is there.

use std::collections::BTreeMap;
use std::fs;

use crate::tidy::{root, sources};

/// As many as the list has.
const ATTACKS: u32 = 41;

#[test]
fn every_attack_has_a_test_that_is_there() {
    let table = fs::read_to_string(root().join("tests/doors/attacks/attacks.table")).unwrap();
    let mut tests: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    let mut last = None;
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(test) = line.strip_prefix("    ") {
            let attack = last.unwrap_or_else(|| panic!("{test} stands below no attack"));
            tests.entry(attack).or_default().push(test);
            continue;
        }
        let number = line.strip_prefix('A').and_then(|rest| rest.split(' ').next()?.parse().ok());
        let number = number.unwrap_or_else(|| panic!("{line:?} is no line of the list"));
        assert_eq!(number, last.map_or(1, |last| last + 1), "in their order, each once");
        last = Some(number);
    }
    assert_eq!(last, Some(ATTACKS), "the list has as many");
    let sources: String = sources().iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    for attack in 1..=ATTACKS {
        let named = tests.get(&attack).unwrap_or_else(|| panic!("A{attack} has no test"));
        for test in named {
            let is_there = match test.strip_prefix("plays/") {
                Some(play) => root().join("tests/plays").join(play).exists(),
                None => is_test(&sources, test),
            };
            assert!(is_there, "A{attack}: there is no test {test}");
        }
    }
}

/// A function of that name that is run as a test.
fn is_test(sources: &str, name: &str) -> bool {
    let is_mark = |line: &str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
    let head = format!("fn {name}(");
    sources.match_indices(&head).any(|(at, _)| sources[..at].lines().rev().take(4).any(|line| is_mark(line.trim_start())))
}
