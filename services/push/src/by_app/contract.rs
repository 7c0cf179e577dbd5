//! What every engine of the port must do, whatever the rows are. No two rows that `row` makes are equal.
#![allow(clippy::unwrap_used)]

use futures::future::join_all;

use super::{ByApp, Error, Row};

pub async fn what_was_put_comes_back_by_app_until_it_is_removed<R: Row>(
    kept_by_app: &dyn ByApp<R>,
    app: u64,
    row: fn(&str) -> R,
) {
    let empty = kept_by_app.of_app(app).await.unwrap();
    assert_eq!(empty.rows, []);
    kept_by_app.change(&empty, vec![row("a"), row("b")]).await.unwrap();
    let other = kept_by_app.of_app(app + 6).await.unwrap();
    kept_by_app.change(&other, vec![row("c")]).await.unwrap();
    let kept = kept_by_app.of_app(app).await.unwrap();
    assert_eq!(kept.rows, [row("a"), row("b")]);
    let apps = async |after, limit| -> Vec<(u64, usize)> {
        let page = kept_by_app.page(after, limit).await.unwrap();
        page.into_iter().map(|kept| (kept.app, kept.rows.len())).collect()
    };
    let (both, other) = (vec![(app, 2), (app + 6, 1)], vec![(app + 6, 1)]);
    assert_eq!((apps(0, 9).await, apps(0, 1).await, apps(app, 9).await), (both, vec![(app, 2)], other));
    assert_eq!(apps(u64::MAX, 9).await, []);
    kept_by_app.change(&kept, vec![]).await.unwrap();
    assert_eq!((kept_by_app.of_app(app).await.unwrap().rows, apps(0, 9).await), (vec![], vec![(app + 6, 1)]));
}

pub async fn however_many_begin_at_once_one_is_first_and_the_others_read_again<R: Row>(
    kept_by_app: &dyn ByApp<R>,
    app: u64,
    row: fn(&str) -> R,
) {
    for names in [["a", "b", "c", "d"], ["e", "f", "g", "h"]] {
        let before = kept_by_app.of_app(app).await.unwrap();
        let all = join_all(names.map(|name| kept_by_app.change(&before, vec![row(name)]))).await;
        assert_eq!(all.iter().filter(|outcome| **outcome == Err(Error::Changed)).count(), 3, "{all:?}");
    }
    assert_eq!(kept_by_app.of_app(app).await.unwrap().rows.len(), 1);
}
