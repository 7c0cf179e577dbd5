//! What every engine must do with sign-ins of operators.

use super::{Error, Store, TokenKey};
use crate::sign_in::Id;
use crate::store::SignInRow;

on_each_engine! {
    a_sign_in_is_found_by_its_key_its_name_and_its_operator
    a_sign_in_that_has_ended_does_not_come_back
}

async fn a_sign_in_is_found_by_its_key_its_name_and_its_operator(store: Store) {
    let rows = [(1, row("ann")), (2, row("bob")), (3, row("ann")), (4, row("ann2"))];
    for (byte, row) in &rows {
        store.sign_ins.add_sign_in(&key(*byte), row.clone()).await.unwrap();
    }
    assert_eq!(store.sign_ins.add_sign_in(&key(1), row("eve")).await.unwrap_err(), Error::Changed);
    assert_eq!(store.sign_ins.sign_in(&key(1)).await.unwrap().unwrap().row, row("ann"));
    assert_eq!(store.sign_ins.sign_in(&key(9)).await.unwrap(), None);
    assert!(store.sign_ins.sign_in_called(&Id::of(&key(2))).await.unwrap() == Some((key(2), row("bob"))));
    assert!(store.sign_ins.sign_in_called(&Id([9; 16])).await.unwrap().is_none());
    let ann = [(key(1), row("ann")), (key(3), row("ann"))];
    assert!(store.sign_ins.sign_ins_of("ann", 9).await.unwrap() == ann);
    assert!(store.sign_ins.sign_ins_of("ann", 1).await.unwrap() == ann[..1]);
    assert!(store.sign_ins.sign_ins_of("an", 9).await.unwrap().is_empty());
    let all: Vec<_> = rows.iter().map(|(byte, row)| (key(*byte), row.clone())).collect();
    assert!(store.sign_ins.sign_ins(None, 9).await.unwrap() == all);
    assert!(store.sign_ins.sign_ins(Some(key(2)), 1).await.unwrap() == all[2..3]);
}

async fn a_sign_in_that_has_ended_does_not_come_back(store: Store) {
    let before = store.sign_ins.add_sign_in(&key(1), row("ann")).await.unwrap();
    let used = SignInRow { used_at: 9, ..row("ann") };
    let after = store.sign_ins.change_sign_in(&key(1), &before, used.clone()).await.unwrap();
    assert_eq!(store.sign_ins.sign_in(&key(1)).await.unwrap(), Some(after.clone()));
    assert_eq!(store.sign_ins.change_sign_in(&key(1), &before, used.clone()).await.unwrap_err(), Error::Changed);
    for _ in 0..2 {
        store.sign_ins.end_sign_in(&key(1), "ann").await.unwrap();
        assert!(store.sign_ins.sign_ins_of("ann", 9).await.unwrap().is_empty());
    }
    assert_eq!(store.sign_ins.change_sign_in(&key(1), &after, used).await.unwrap_err(), Error::Changed);
    assert_eq!(store.sign_ins.sign_in(&key(1)).await.unwrap(), None);
}

fn key(byte: u8) -> TokenKey {
    TokenKey([byte; 32])
}

fn row(operator: &str) -> SignInRow {
    let (address, agent) = ("192.0.2.1".into(), "Browser".into());
    SignInRow { operator: operator.into(), epoch: u64::MAX, begun_at: 5, used_at: 6, address, agent }
}
