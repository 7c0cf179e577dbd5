//! What every engine must do with what is set over the settings.

use natter_proto::account::v1::{LogFilter, Overrides};

use super::{Error, Store};

on_each_engine! {
    of_two_who_change_what_is_set_at_once_one_is_told_so
}

async fn of_two_who_change_what_is_set_at_once_one_is_told_so(store: Store) {
    let overrides = &store.overrides;
    assert_eq!(overrides.overrides().await.unwrap(), None);
    let first = overrides.change_overrides(None, set(1, 7)).await.unwrap();
    assert_eq!(overrides.change_overrides(None, set(1, 8)).await, Err(Error::Changed));
    assert_eq!(overrides.overrides().await.unwrap(), Some(first.clone()));
    let second = overrides.change_overrides(Some(&first), set(2, 9)).await.unwrap();
    assert_eq!(overrides.change_overrides(Some(&first), set(2, 8)).await, Err(Error::Changed));
    assert_eq!(overrides.overrides().await.unwrap(), Some(second.clone()));
    let third = Overrides { revision: 3, ..Overrides::default() };
    overrides.change_overrides(Some(&second), third.clone()).await.unwrap();
    assert_eq!(overrides.overrides().await.unwrap().unwrap().row, third);
}

fn set(revision: u64, limit: u64) -> Overrides {
    let log = Some(LogFilter { filter: "debug".into(), until: 5 });
    Overrides { revision, log, limits: [("api.user_rate".to_owned(), limit)].into() }
}
