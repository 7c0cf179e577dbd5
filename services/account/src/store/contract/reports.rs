//! What every engine must do with reports.

use crate::store::{Error, ReportRow, Store};

on_each_engine! {
    reports_lie_with_their_user_and_with_their_app
    a_user_has_no_more_than_he_may_however_many_come_at_once
    a_report_is_replaced_by_who_saw_it_last
    only_a_users_own_are_removed
    with_a_user_go_his_reports_and_with_an_app_all
    as_many_and_as_long_as_may_be_are_filed_at_once
}

async fn reports_lie_with_their_user_and_with_their_app(store: Store) {
    let reports = &store.reports;
    assert!(reports.add_reports(vec![row(1, 7, 3), row(1, 7, 1)], 10).await.unwrap());
    assert!(reports.add_reports(vec![row(1, 8, 2)], 10).await.unwrap());
    assert!(reports.add_reports(vec![row(2, 7, 4)], 10).await.unwrap());
    assert_eq!(reports.reports_of(1, 7).await.unwrap(), [row(1, 7, 1), row(1, 7, 3)]);
    assert_eq!(reports.reports_of(2, 8).await.unwrap(), []);
    assert_eq!(reports.report_page(1, None, 10).await.unwrap(), [row(1, 7, 1), row(1, 8, 2), row(1, 7, 3)]);
    assert_eq!(reports.report_page(1, Some([1; 12]), 1).await.unwrap(), [row(1, 8, 2)]);
    assert_eq!(reports.report_page(1, Some([3; 12]), 10).await.unwrap(), []);
    assert_eq!(reports.report_page(2, None, 10).await.unwrap(), [row(2, 7, 4)], "of this app alone");
    assert_eq!(reports.report(1, [2; 12]).await.unwrap(), Some(row(1, 8, 2)));
    assert_eq!((reports.report(2, [2; 12]).await.unwrap(), reports.report(1, [9; 12]).await.unwrap()), (None, None));
}

async fn a_user_has_no_more_than_he_may_however_many_come_at_once(store: Store) {
    let adds = (1..=8).map(|n| store.reports.add_reports(vec![row(1, 7, n)], 5));
    let taken = futures::future::join_all(adds).await.into_iter().filter(|taken| *taken.as_ref().unwrap()).count();
    assert_eq!(taken, 5);
    assert_eq!(store.reports.reports_of(1, 7).await.unwrap().len(), 5);
    assert_eq!(store.reports.report_page(1, None, 10).await.unwrap().len(), 5, "the refused ones left nothing");
    assert!(!store.reports.add_reports(vec![row(1, 9, 21), row(1, 9, 22)], 1).await.unwrap(), "all or none");
    assert_eq!(store.reports.reports_of(1, 9).await.unwrap(), []);
}

async fn a_report_is_replaced_by_who_saw_it_last(store: Store) {
    store.reports.add_reports(vec![row(1, 7, 1)], 10).await.unwrap();
    let fields = r#"{"reason":"worse"}"#.into();
    let after = ReportRow { fields, updated_at: 9, verdict: 2, closed_by: "ann".into(), closed_at: 11, ..row(1, 7, 1) };
    store.reports.change_report(&row(1, 7, 1), after.clone()).await.unwrap();
    assert_eq!(store.reports.change_report(&row(1, 7, 1), row(1, 7, 1)).await.unwrap_err(), Error::Changed);
    assert_eq!(store.reports.reports_of(1, 7).await.unwrap(), std::slice::from_ref(&after));
    store.reports.remove_reports(1, 7, &[[1; 12]]).await.unwrap();
    assert_eq!(store.reports.change_report(&after, after.clone()).await.unwrap_err(), Error::Changed, "it does not come back");
    assert_eq!(store.reports.report_page(1, None, 10).await.unwrap(), []);
}

async fn only_a_users_own_are_removed(store: Store) {
    store.reports.add_reports(vec![row(1, 7, 1), row(1, 7, 2)], 10).await.unwrap();
    store.reports.add_reports(vec![row(1, 8, 3)], 10).await.unwrap();
    let removed = store.reports.remove_reports(1, 7, &[[2; 12], [3; 12], [9; 12], [2; 12]]).await.unwrap();
    assert_eq!(removed, [[2; 12]]);
    assert_eq!(store.reports.report_page(1, None, 10).await.unwrap(), [row(1, 7, 1), row(1, 8, 3)]);
    assert_eq!(store.reports.remove_reports(2, 7, &[[1; 12]]).await.unwrap(), Vec::<[u8; 12]>::new());
    store.reports.remove_reports(1, 7, &[[1; 12]]).await.unwrap();
    assert!(store.reports.add_reports(vec![row(1, 7, 4)], 1).await.unwrap(), "there is room again");
}

async fn with_a_user_go_his_reports_and_with_an_app_all(store: Store) {
    store.reports.add_reports(vec![row(1, 7, 1), row(1, 7, 2)], 10).await.unwrap();
    for one in [row(1, 8, 3), row(2, 7, 4)] {
        store.reports.add_reports(vec![one], 10).await.unwrap();
    }
    let (erased, next) = store.erasures.erase_rows(1, 7, &[]).await.unwrap();
    assert!(next.is_empty() && erased.iter().any(|one| one.kind == "filed_reports" && one.count == 2), "{erased:?}");
    assert_eq!(store.reports.report_page(1, None, 10).await.unwrap(), [row(1, 8, 3)]);
    assert_eq!(store.reports.reports_of(1, 7).await.unwrap(), []);
    let mut after = Vec::new();
    loop {
        after = store.erasures.erase_rows(1, 0, &after).await.unwrap().1;
        if after.is_empty() {
            break;
        }
    }
    assert_eq!(store.reports.report_page(1, None, 10).await.unwrap(), []);
    assert_eq!(store.reports.reports_of(1, 8).await.unwrap(), []);
    assert_eq!(store.reports.report_page(2, None, 10).await.unwrap(), [row(2, 7, 4)]);
}

async fn as_many_and_as_long_as_may_be_are_filed_at_once(store: Store) {
    let fields = format!(r#"{{"reason":"{}"}}"#, "x".repeat(16_000));
    let rows: Vec<_> =
        (1..=crate::report::FILED_MAX as u8).map(|n| ReportRow { fields: fields.clone(), ..row(1, 7, n) }).collect();
    assert!(store.reports.add_reports(rows.clone(), 200).await.unwrap());
    assert!(
        store.reports.reports_of(1, 7).await.unwrap() == rows
            && store.reports.report_page(1, None, 99).await.unwrap() == rows[..99]
    );
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    assert_eq!(store.reports.remove_reports(1, 7, &ids).await.unwrap(), ids);
    assert!(store.reports.reports_of(1, 7).await.unwrap().is_empty());
}

fn row(app: u64, reporter: u64, n: u8) -> ReportRow {
    let fields = r#"{"reason":"spam"}"#.into();
    ReportRow { app, id: [n; 12], kind: 1, reporter, created_at: 5, updated_at: 5, fields, ..ReportRow::default() }
}
