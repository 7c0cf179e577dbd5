//! Reports: filed, read, changed and taken back by their user, paged by operators.

use natter_account::Options;
use natter_proto::Code;
use natter_proto::account::v1::reports_client::ReportsClient;
use natter_proto::account::v1::*;
use natter_rpc::{Link, LinkOptions};

use crate::kit::{Door, answer, cheap};

const USERS: i32 = ReportKind::User as i32;
const MESSAGES: i32 = ReportKind::Message as i32;

#[tokio::test(start_paused = true)]
async fn a_report_is_its_users_and_the_operators() {
    let mut door = Door::open().await;
    let (ann, bob) = (door.sign_up("ann", "secret").await.id, door.sign_up("bob", "secret").await.id);
    let mut client = reports(&door);
    let filed = answer(client.file(file(ann, USERS, &[r#"{"reportedUserId":2,"reason":"spam"}"#])).await).unwrap().reports;
    let report = filed[0].clone();
    assert_eq!((report.app, report.reporter, report.kind, report.id.len()), (77, ann, USERS, 12));
    assert_eq!((report.created_at, report.updated_at), (door.now(), door.now()));
    answer(client.file(file(bob, MESSAGES, &[r#"{"a":1}"#, r#"{"a":2}"#])).await).unwrap();

    let own = |user, kind| ListOwnReportsRequest { app: 77, user, kind };
    assert_eq!(answer(client.list_own(own(ann, USERS)).await).unwrap().reports, filed);
    assert_eq!(answer(client.list_own(own(ann, MESSAGES)).await).unwrap().reports, []);
    let page = |kind, after, limit| ListReportsRequest { app: 77, kind, after, limit, state: 0 };
    let all = answer(client.list(page(0, Vec::new(), 10)).await).unwrap().reports;
    assert_eq!(all.len(), 3);
    let second = answer(client.list(page(0, all[0].id.clone(), 1)).await).unwrap().reports;
    assert_eq!(second, all[1..2]);
    assert_eq!(answer(client.list(page(MESSAGES, Vec::new(), 10)).await).unwrap().reports.len(), 2);
    assert_eq!(
        answer(client.list(ListReportsRequest { app: 78, limit: 10, ..ListReportsRequest::default() }).await).unwrap().reports,
        []
    );

    let amend =
        |user, kind, fields: &str| AmendReportRequest { app: 77, user, kind, id: report.id.clone(), fields: fields.into() };
    let changed = answer(client.amend(amend(ann, USERS, r#"{"reason":"threat","reportedUserId":null}"#)).await).unwrap();
    assert_eq!(changed.fields, r#"{"reason":"threat"}"#);
    for (user, kind) in [(bob, USERS), (ann, MESSAGES)] {
        assert_eq!(answer(client.amend(amend(user, kind, r#"{"reason":"x"}"#)).await).unwrap_err().code, Code::NotFound);
    }
    let withdraw =
        |user| WithdrawReportsRequest { app: 77, user, kind: USERS, ids: vec![report.id.clone(), vec![9; 12], vec![1]] };
    assert_eq!(answer(client.withdraw(withdraw(bob)).await).unwrap().withdrawn, Vec::<Vec<u8>>::new());
    assert_eq!(answer(client.withdraw(withdraw(ann)).await).unwrap().withdrawn, std::slice::from_ref(&report.id));
    assert_eq!(answer(client.list_own(own(ann, USERS)).await).unwrap().reports, []);
}

#[tokio::test(start_paused = true)]
async fn a_report_is_closed_once_and_found_by_what_came_of_it() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "secret").await.id;
    let mut client = reports(&door);
    let filed = answer(client.file(file(ann, USERS, &[r#"{"a":1}"#, r#"{"a":2}"#])).await).unwrap().reports;
    let (first, second) = (filed[0].id.clone(), filed[1].id.clone());
    let close = |id: &[u8], verdict: ReportVerdict, operator: &str| CloseReportRequest {
        app: 77,
        id: id.to_vec(),
        verdict: verdict.into(),
        operator: operator.into(),
    };
    for operator in ["mod", "other"] {
        let closed = answer(client.close(close(&first, ReportVerdict::Banned, operator)).await).unwrap();
        assert_eq!((closed.verdict(), closed.closed_by.as_str(), closed.closed_at), (ReportVerdict::Banned, "mod", door.now()));
        assert_eq!(answer(client.find(FindReportRequest { app: 77, id: first.clone() }).await).unwrap(), closed);
    }
    for (request, code) in [
        (close(&first, ReportVerdict::Dismissed, "mod"), Code::Conflict),
        (close(&second, ReportVerdict::Unspecified, "mod"), Code::Invalid),
        (close(&[9; 12], ReportVerdict::Dismissed, "mod"), Code::NotFound),
        (close(&[9], ReportVerdict::Dismissed, "mod"), Code::NotFound),
        (CloseReportRequest { app: 78, ..close(&second, ReportVerdict::Dismissed, "mod") }, Code::NotFound),
    ] {
        assert_eq!(answer(client.close(request.clone()).await).unwrap_err().code, code, "{request:?}");
    }
    for (state, expected) in [
        (ReportState::Open, vec![second.clone()]),
        (ReportState::Closed, vec![first.clone()]),
        (ReportState::Unspecified, vec![first.clone(), second.clone()]),
    ] {
        let request = ListReportsRequest { app: 77, limit: 10, state: state.into(), ..ListReportsRequest::default() };
        let mut found: Vec<_> = answer(client.list(request).await).unwrap().reports.into_iter().map(|report| report.id).collect();
        let mut expected = expected;
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{state:?}");
    }
    // What its user says of it later leaves that as it is.
    let amend = AmendReportRequest { app: 77, user: ann, kind: USERS, id: first, fields: r#"{"a":3}"#.into() };
    assert_eq!(answer(client.amend(amend).await).unwrap().verdict(), ReportVerdict::Banned);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_much_or_no_report_is_refused_and_leaves_nothing() {
    let mut door = Door::open_with(Options { reports_of_user_max: 2, ..cheap() }).await;
    let ann = door.sign_up("ann", "secret").await.id;
    let mut client = reports(&door);
    let invalid = answer(client.file(file(ann, USERS, &[r#"{"a":1}"#, r#"{"a":{}}"#])).await).unwrap_err();
    assert_eq!((invalid.code, invalid.field.as_str(), invalid.text.as_str()), (Code::Invalid, "a", "is invalid"));
    let many = vec![r#"{"a":1}"#; 101];
    assert_eq!(answer(client.file(file(ann, USERS, &many)).await).unwrap_err().code, Code::TooLarge);
    assert_eq!(answer(client.file(file(ann + 1, USERS, &many[..1])).await).unwrap_err().code, Code::NotFound);
    answer(client.file(file(ann, USERS, &many[..1])).await).unwrap();
    let full = answer(client.file(file(ann, MESSAGES, &many[..2])).await).unwrap_err();
    assert_eq!((full.code, full.text.as_str()), (Code::Invalid, "too many reports, at most 2 of one user"));
    let all = ListReportsRequest { app: 77, limit: 10, ..ListReportsRequest::default() };
    assert_eq!(answer(client.list(all).await).unwrap().reports.len(), 1);
}

fn reports(door: &Door) -> ReportsClient<Link> {
    ReportsClient::new(Link::local(door.service.reports_server(), LinkOptions::default()))
}

fn file(user: u64, kind: i32, fields: &[&str]) -> FileReportsRequest {
    FileReportsRequest { app: 77, user, kind, fields: fields.iter().map(|fields| (*fields).to_owned()).collect() }
}
