//! The tables of rights are complete: each route that the REST door knows and each kind of stanza that the chat door tells apart
//! has a row. What the rows say is tried by `doors/rights.rs`.

use std::collections::BTreeSet;

use natter_tests::rights::{Row, rows};

#[test]
fn every_route_of_the_rest_door_has_a_row_of_rights() {
    let rows = rows(include_str!("../doors/rights/rest.table")).unwrap();
    let of_row = |row: &Row| {
        let (method, pattern) = row.route().unwrap();
        format!("{method} {pattern}")
    };
    let known: BTreeSet<String> = natter_api::routes().map(|(method, pattern)| format!("{method} {pattern}")).collect();
    check("the REST door", &known, &rows.iter().map(of_row).collect());
}

#[test]
fn every_kind_of_stanza_has_a_row_of_rights() {
    let rows = rows(include_str!("../doors/rights/chat.table")).unwrap();
    let known = natter_edge::stanza_kinds().map(str::to_owned).collect();
    check("the chat door", &known, &rows.into_iter().map(|row| row.asked).collect());
}

fn check(door: &str, known: &BTreeSet<String>, rows: &BTreeSet<String>) {
    let missing: Vec<&String> = known.difference(rows).collect();
    let stale: Vec<&String> = rows.difference(known).collect();
    assert!(missing.is_empty() && stale.is_empty(), "{door}: no row for {missing:?}, and nothing for the rows {stale:?}");
}
