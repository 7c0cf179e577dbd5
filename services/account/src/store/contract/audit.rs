//! What every engine must do with the audit log.

use super::Store;
use crate::audit::{EntryId, EntryRow, Outcome};

on_each_engine! {
    entries_are_read_newest_first_in_pages_and_go
    an_outcome_is_kept_with_its_entry_and_nowhere_else
}

async fn entries_are_read_newest_first_in_pages_and_go(store: Store) {
    for at in [1, 3, 2] {
        store.audit.add_entry(id(at), row(at)).await.unwrap();
    }
    let all = [(id(3), row(3)), (id(2), row(2)), (id(1), row(1))];
    assert_eq!(store.audit.entries(None, 9).await.unwrap(), all);
    assert_eq!(store.audit.entries(None, 2).await.unwrap(), all[..2]);
    assert_eq!(store.audit.entries(Some(id(2)), 9).await.unwrap(), all[2..]);
    store.audit.forget_entries(vec![id(1), id(3), id(9)]).await.unwrap();
    assert_eq!(store.audit.entries(None, 9).await.unwrap(), all[1..2]);
}

async fn an_outcome_is_kept_with_its_entry_and_nowhere_else(store: Store) {
    store.audit.add_entry(id(1), row(1)).await.unwrap();
    let outcome = Outcome { status: 201, app: 9, target: "x".into() };
    store.audit.settle_entry(id(1), outcome.clone()).await.unwrap();
    store.audit.settle_entry(id(2), outcome.clone()).await.unwrap();
    assert_eq!(store.audit.entries(None, 9).await.unwrap(), [(id(1), row(1).settled(&outcome))]);
}

fn id(at: i64) -> EntryId {
    EntryId::new(at, 0, [7; 4])
}

fn row(at: i64) -> EntryRow {
    EntryRow {
        at,
        operator: "ann".into(),
        role: "owner".into(),
        address: "192.0.2.1".into(),
        action: "app.apply".into(),
        route: "PUT /admin/v1/apps/{app}".into(),
        app: 7,
        target: "5".into(),
        status: 0,
        note: "spam, says Ann".into(),
    }
}
