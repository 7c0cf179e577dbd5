//! Each clause of the protocol is needed: without it the search finds what breaks. `scopes.rs` shows that with it nothing does.

use std::collections::BTreeSet;

use natter_model::{Broken, CLAUSES, Refuted, Scope, named, search};

#[test]
fn without_any_one_clause_something_breaks() {
    for refuted in &CLAUSES {
        let (broken, way) = broken_without(refuted, false);
        assert_eq!(broken, refuted.broken, "without {:?}: {way:#?}", refuted.clause);
    }
}

#[test]
fn what_is_left_out_of_the_search_hides_no_shorter_way() {
    for refuted in &CLAUSES {
        let (left_out, all) = (broken_without(refuted, false), broken_without(refuted, true));
        assert_eq!(left_out.1.len(), all.1.len(), "without {:?}: {:#?}", refuted.clause, all.1);
    }
}

#[test]
fn every_clause_is_in_the_table_once() {
    let names: BTreeSet<String> = CLAUSES.iter().map(|refuted| format!("{:?}", refuted.clause)).collect();
    assert_eq!(names.len(), CLAUSES.len());
}

/// What breaks without a clause, and the shortest way there in words.
fn broken_without(refuted: &Refuted, exact: bool) -> (Broken, Vec<String>) {
    let scope = Scope { dropped: Some(refuted.clause), exact, ..named(refuted.scope).expect("the table names a scope") };
    let (broken, way) = search(&scope).broken.unwrap_or_else(|| panic!("{:?} was not missed", refuted.clause));
    (broken, way.iter().map(ToString::to_string).collect())
}
