//! What every engine must do with apps and their names.

use natter_proto::account::v1::{App, PreviousKeys};

use super::{Error, Store, app, kept};

on_each_engine! {
    apps_are_numbered_from_one_around_the_chosen_ids
    an_auth_key_belongs_to_one_app
    a_rotated_key_stays_its_apps_until_it_is_given_up
    an_app_is_replaced_by_who_saw_it_last
    a_name_belongs_to_one_app_until_it_is_taken_away
    of_two_apps_that_want_one_name_one_gets_it
}

async fn apps_are_numbered_from_one_around_the_chosen_ids(store: Store) {
    assert_eq!(store.apps.add_app(app(2)).await.unwrap().id, 2);
    assert_eq!(store.apps.add_app(app(2)).await, Err(Error::Taken("id")));
    let unnumbered = |auth_key: &str| App { auth_key: auth_key.into(), ..app(0) };
    assert_eq!(store.apps.add_app(unnumbered("a")).await.unwrap().id, 1);
    assert_eq!(store.apps.add_app(unnumbered("b")).await.unwrap().id, 3);
    let ids = |apps: Vec<App>| apps.into_iter().map(|app| app.id).collect::<Vec<_>>();
    assert_eq!(ids(store.apps.apps(0, 10).await.unwrap()), [1, 2, 3]);
    assert_eq!(ids(store.apps.apps(1, 1).await.unwrap()), [2]);
    assert_eq!(store.apps.app(2).await.unwrap().map(|kept| kept.row), Some(app(2)));
    assert_eq!(store.apps.app(9).await.unwrap(), None);
}

async fn an_auth_key_belongs_to_one_app(store: Store) {
    store.apps.add_app(app(2)).await.unwrap();
    for id in [0, 3] {
        let same = App { id, ..app(2) };
        assert_eq!(store.apps.add_app(same).await, Err(Error::Taken("auth_key")));
    }
    assert_eq!(store.apps.app_with_key("key 2").await.unwrap(), Some(2));
    assert_eq!(store.apps.app_with_key("key").await.unwrap(), None);
    assert_eq!(store.apps.apps(0, 10).await.unwrap().len(), 1, "the refused ones left nothing");
}

async fn a_rotated_key_stays_its_apps_until_it_is_given_up(store: Store) {
    store.apps.add_app(app(2)).await.unwrap();
    let previous = PreviousKeys { auth_key: "key 2".into(), auth_secret: "s".into(), until: 9 };
    let rotated = App { auth_key: "new".into(), previous: Some(previous), ..app(2) };
    let after = store.apps.change_app(&kept(&store, 2).await, rotated.clone(), None).await.unwrap();
    for key in ["new", "key 2"] {
        assert_eq!(store.apps.app_with_key(key).await, Ok(Some(2)));
        let other = App { auth_key: key.into(), ..app(3) };
        assert_eq!(store.apps.add_app(other).await, Err(Error::Taken("auth_key")));
    }
    assert_eq!(kept(&store, 2).await.row, rotated);
    let after = store.apps.change_app(&after, App { previous: None, ..rotated.clone() }, None).await.unwrap();
    assert_eq!(store.apps.app_with_key("key 2").await, Ok(None));
    let after = store.apps.change_app(&after, rotated, None).await.unwrap();
    store.apps.change_app(&after, App { id: 2, ..App::default() }, None).await.unwrap();
    for key in ["new", "key 2"] {
        assert_eq!(store.apps.app_with_key(key).await, Ok(None), "of an erased app");
    }
}

async fn an_app_is_replaced_by_who_saw_it_last(store: Store) {
    store.apps.add_app(app(2)).await.unwrap();
    let before = store.apps.app(2).await.unwrap().unwrap();
    let titled = |title: &str| App { title: title.into(), ..app(2) };
    let after = store.apps.change_app(&before, titled("one"), None).await.unwrap();
    assert_eq!(store.apps.change_app(&before, titled("two"), None).await.unwrap_err(), Error::Changed);
    assert_eq!(store.apps.app(2).await.unwrap(), Some(after));
    assert_eq!(store.apps.app_with_key("key 2").await.unwrap(), Some(2));
}

async fn a_name_belongs_to_one_app_until_it_is_taken_away(store: Store) {
    let named = |id: u64, chat: &str, api: &str| App { chat_host: chat.into(), api_host: api.into(), ..app(id) };
    for id in [2, 3] {
        store.apps.add_app(app(id)).await.unwrap();
    }
    let (two, three) = (kept(&store, 2).await, kept(&store, 3).await);
    let two = store.apps.change_app(&two, named(2, "c.example", "a.example"), None).await.unwrap();
    for (chat, api, field) in
        [("c.example", "", "chat_host"), ("a.example", "", "chat_host"), ("x.example", "c.example", "api_host")]
    {
        let taken = store.apps.change_app(&three, named(3, chat, api), None).await;
        assert_eq!(taken.unwrap_err(), Error::Taken(field));
        assert_eq!(store.apps.add_app(named(4, chat, api)).await.unwrap_err(), Error::Taken(field));
    }
    assert_eq!((kept(&store, 3).await, store.apps.app_with_host("x.example").await.unwrap()), (three.clone(), None));

    // One name for both doors, and the other way round, are names of the same app.
    let two = store.apps.change_app(&two, named(2, "a.example", "c.example"), None).await.unwrap();
    let two = store.apps.change_app(&two, named(2, "a.example", "a.example"), None).await.unwrap();
    assert_eq!(store.apps.app_with_host("a.example").await.unwrap(), Some(2));
    assert_eq!(store.apps.app_with_host("c.example").await.unwrap(), None, "free again");
    let three = store.apps.change_app(&three, named(3, "c.example", ""), None).await.unwrap();
    store.apps.change_app(&two, App { id: 2, ..App::default() }, None).await.unwrap();
    assert_eq!(store.apps.app_with_host("a.example").await.unwrap(), None, "of an erased app");
    store.apps.change_app(&three, named(3, "c.example", "a.example"), None).await.unwrap();
    assert_eq!(store.apps.app_with_host("a.example").await.unwrap(), Some(3));
    assert_eq!(store.apps.add_app(named(5, "f.example", "")).await.unwrap().id, 5);
    assert_eq!(store.apps.app_with_host("f.example").await.unwrap(), Some(5));
}

async fn of_two_apps_that_want_one_name_one_gets_it(store: Store) {
    for id in [2, 3] {
        store.apps.add_app(app(id)).await.unwrap();
    }
    let (two, three) = (kept(&store, 2).await, kept(&store, 3).await);
    let named = |id: u64| App { chat_host: "c.example".into(), ..app(id) };
    let (first, second) =
        tokio::join!(store.apps.change_app(&two, named(2), None), store.apps.change_app(&three, named(3), None));
    let refused = match (first, second) {
        (Ok(_), refused) | (refused, Ok(_)) => refused,
        both => panic!("{both:?}"),
    };
    assert_eq!(refused.unwrap_err(), Error::Taken("chat_host"));
}
