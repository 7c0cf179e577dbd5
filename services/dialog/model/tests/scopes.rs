//! The protocol holds in every world of the small scopes.

use natter_model::{CLAUSES, SMALL_SCOPES, Scope, named, search};

#[test]
fn nothing_breaks_in_the_small_scopes() {
    for scope in &SMALL_SCOPES {
        holds(scope);
    }
}

#[test]
fn nothing_breaks_when_the_search_leaves_nothing_out() {
    holds(&Scope { exact: true, messages: 1, positions: 1, ..named("one").unwrap() });
}

#[test]
fn clauses_are_refuted_where_the_whole_protocol_holds() {
    assert!(CLAUSES.iter().all(|refuted| SMALL_SCOPES.iter().any(|scope| scope.name == refuted.scope)));
}

fn holds(scope: &Scope) {
    let found = search(scope);
    if let Some((broken, way)) = found.broken {
        let way: Vec<String> = way.iter().map(ToString::to_string).collect();
        panic!("{}: {broken}\n{}", scope.name, way.join("\n"));
    }
    assert!(found.complete, "{} was cut off after {} worlds", scope.name, found.worlds);
    assert!(found.worlds > 1_000, "{} has {} worlds: is anything searched?", scope.name, found.worlds);
}
