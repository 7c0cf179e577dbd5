//! The table of what a blocked user may do is complete: each kind of stanza and each route of the REST door has a verdict. What
//! it says is tried by `doors/blocked.rs`.

use std::collections::BTreeSet;

use natter_tests::blocked::rows;

#[test]
fn every_stanza_and_every_route_has_a_verdict_for_one_who_is_blocked() {
    let rows = rows(include_str!("../doors/blocked/blocked.table")).unwrap();
    let said: BTreeSet<String> = rows.iter().map(|row| row.subject()).collect();
    let routes = natter_api::routes().map(|(method, pattern)| format!("{method} {pattern}"));
    let known: BTreeSet<String> = natter_edge::stanza_kinds().map(str::to_owned).chain(routes).collect();
    let missing: Vec<&String> = known.difference(&said).collect();
    let stale: Vec<&String> = said.difference(&known).collect();
    assert!(missing.is_empty() && stale.is_empty(), "no verdict for {missing:?}, and nothing for the rows {stale:?}");
}
