//! What every engine must do with operators.

use natter_proto::account::v1::OperatorRole;

use super::Store;
use crate::operator::Grant;
use crate::store::{Error, OperatorRow};

on_each_engine! {
    of_two_operators_with_one_name_one_is_added
    an_operator_is_replaced_by_who_saw_it_last
    nothing_is_done_for_the_sake_of_one_who_has_changed
}

async fn of_two_operators_with_one_name_one_is_added(store: Store) {
    let row = |hash: &str| OperatorRow { password: hash.into(), ..operator("admin") };
    let (first, second) = tokio::join!(store.operators.add_operator(row("one")), store.operators.add_operator(row("two")));
    let (winner, refused) = match (first, second) {
        (Ok(winner), refused) | (refused, Ok(winner)) => (winner, refused),
        both => panic!("{both:?}"),
    };
    assert_eq!(refused.unwrap_err(), Error::Taken("name"));
    assert_eq!(store.operators.operator("admin").await.unwrap(), Some(winner));
    assert_eq!(store.operators.operator("Admin").await.unwrap(), None);
}

async fn an_operator_is_replaced_by_who_saw_it_last(store: Store) {
    let row = operator("admin");
    let before = store.operators.add_operator(row.clone()).await.unwrap();
    let grant = Grant { role: OperatorRole::Moderator, apps: Some([7, 9].into()) };
    let two = OperatorRow { password: "two".into(), epoch: u64::MAX, grant, updated_at: 7, ..row.clone() };
    let after = store.operators.change_operator(&before, two.clone(), None).await.unwrap();
    assert_eq!(after.row, two);
    let late = OperatorRow { password: "three".into(), ..row };
    assert_eq!(store.operators.change_operator(&before, late, None).await.unwrap_err(), Error::Changed);
    assert_eq!(store.operators.remove_operator(&before, None).await.unwrap_err(), Error::Changed);
    assert_eq!(store.operators.operator("admin").await.unwrap(), Some(after.clone()));
    store.operators.remove_operator(&after, None).await.unwrap();
    assert_eq!(store.operators.operator("admin").await.unwrap(), None);
}

async fn nothing_is_done_for_the_sake_of_one_who_has_changed(store: Store) {
    let one = store.operators.add_operator(operator("one")).await.unwrap();
    let two = store.operators.add_operator(operator("two")).await.unwrap();
    let moved = OperatorRow { updated_at: 9, ..two.row.clone() };
    let after = store.operators.change_operator(&two, moved, Some(&one)).await.unwrap();
    let later = OperatorRow { updated_at: 9, ..one.row.clone() };
    assert_eq!(store.operators.change_operator(&one, later, Some(&two)).await.unwrap_err(), Error::Changed);
    assert_eq!(store.operators.remove_operator(&one, Some(&two)).await.unwrap_err(), Error::Changed);
    let names = |rows: Vec<super::Kept<OperatorRow>>| rows.into_iter().map(|kept| kept.row.name).collect::<Vec<_>>();
    assert_eq!(names(store.operators.operators(9).await.unwrap()), ["one", "two"]);
    assert_eq!(names(store.operators.operators(1).await.unwrap()), ["one"]);
    let (first, second) =
        tokio::join!(store.operators.remove_operator(&one, Some(&after)), store.operators.remove_operator(&after, Some(&one)));
    assert_ne!(first.is_ok(), second.is_ok(), "each for the sake of the other: one of them stays");
    assert_eq!(store.operators.operators(9).await.unwrap().len(), 1);
}

fn operator(name: &str) -> OperatorRow {
    let (password, grant) = ("one".into(), Grant::owner());
    OperatorRow { name: name.into(), password, epoch: 3, grant, created_at: 5, updated_at: 5 }
}
