//! What every engine must do with operators.

use super::on_each_engine;
use crate::store::{Error, OperatorRow};

#[tokio::test]
async fn of_two_operators_with_one_name_one_is_added() {
    on_each_engine(async |store| {
        let row = |hash: &str| OperatorRow { name: "admin".into(), password: hash.into(), created_at: 5, updated_at: 6 };
        let (first, second) = tokio::join!(store.operators.add_operator(row("one")), store.operators.add_operator(row("two")));
        let (winner, refused) = match (first, second) {
            (Ok(winner), refused) | (refused, Ok(winner)) => (winner, refused),
            both => panic!("{both:?}"),
        };
        assert_eq!(refused.unwrap_err(), Error::Taken("name"));
        assert_eq!(store.operators.operator("admin").await.unwrap(), Some(winner));
        assert_eq!(store.operators.operator("Admin").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn an_operator_is_replaced_by_who_saw_it_last() {
    on_each_engine(async |store| {
        let row = OperatorRow { name: "admin".into(), password: "one".into(), created_at: 5, updated_at: 5 };
        let before = store.operators.add_operator(row.clone()).await.unwrap();
        let two = OperatorRow { password: "two".into(), updated_at: 7, ..row.clone() };
        let after = store.operators.change_operator(&before, two.clone()).await.unwrap();
        assert_eq!(after.row, two);
        let late = OperatorRow { password: "three".into(), ..row };
        assert_eq!(store.operators.change_operator(&before, late).await.unwrap_err(), Error::Changed);
        assert_eq!(store.operators.operator("admin").await.unwrap(), Some(after));
    })
    .await;
}
