//! The audit log: durable before it is answered, newest first, filtered, bounded.

use std::time::Duration;

use natter_account::{Argon2Options, Options};
use natter_actor::Clock;
use natter_db::{Faults, Kv};
use natter_proto::account::v1::*;
use natter_proto::{Code, Failure};

use crate::{Door, START_MS};

#[tokio::test(start_paused = true)]
async fn an_entry_is_there_before_its_outcome_and_also_after_a_crash() {
    let mut door = Door::open();
    let begun = begin(&mut door, "ann", 7).await.unwrap();
    begin(&mut door, "bob", 8).await.unwrap();
    door.db = door.db.crash();
    door.restart();
    let shown = list(&mut door, ListAuditRequest::default()).await;
    assert_eq!(names(&shown), ["bob 8 0", "ann 7 0"]);
    assert_eq!(shown.entries[1].at, START_MS);
    let outcome = SettleAuditRequest { id: begun, status: 201, app: 9, target: "made".into() };
    door.audit.settle(outcome).await.unwrap();
    let shown = list(&mut door, ListAuditRequest::default()).await;
    assert_eq!((names(&shown), shown.entries[1].target.as_str()), (vec!["bob 8 0".into(), "ann 9 201".into()], "made"));
    door.db.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    assert_eq!(begin(&mut door, "eve", 7).await.unwrap_err().code, Code::NotStored);
}

#[tokio::test(start_paused = true)]
async fn pages_hold_together_and_filters_show_only_what_is_asked_for() {
    let mut door = Door::open();
    for n in 0..10 {
        begin(&mut door, if n % 2 == 0 { "ann" } else { "bob" }, n % 3).await.unwrap();
        if n == 4 {
            tokio::time::advance(Duration::from_millis(1)).await;
        }
    }
    let all = names(&list(&mut door, ListAuditRequest::default()).await);
    assert_eq!((all.len(), all[0].as_str(), all[9].as_str()), (10, "bob 0 0", "ann 0 0"));
    let (mut paged, mut before) = (Vec::new(), Vec::new());
    loop {
        let page = list(&mut door, ListAuditRequest { before, limit: 3, ..ListAuditRequest::default() }).await;
        assert!(page.entries.len() <= 3);
        paged.extend(names(&page));
        before = page.next;
        if before.is_empty() {
            break;
        }
    }
    assert_eq!(paged, all);
    for (operator, limited, apps, expected) in [
        ("ann", false, &[][..], 5),
        ("", true, &[1], 3),
        ("ann", true, &[1, 2], 3),
        ("", true, &[], 0),
        ("nobody", false, &[], 0),
    ] {
        let request = ListAuditRequest { operator: operator.into(), limited, apps: apps.to_vec(), ..ListAuditRequest::default() };
        assert_eq!(list(&mut door, request).await.entries.len(), expected, "{operator} {limited} {apps:?}");
    }
    let wrong = ListAuditRequest { before: vec![1], ..ListAuditRequest::default() };
    assert_eq!(Failure::from(door.audit.list(wrong).await.unwrap_err()).code, Code::Invalid);
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_finds_little_looks_so_far_and_says_where_to_go_on() {
    let mut door = Door::open();
    begin(&mut door, "rare", 1).await.unwrap();
    for _ in 0..2_100 {
        begin(&mut door, "ann", 1).await.unwrap();
    }
    let request = |before| ListAuditRequest { operator: "rare".into(), before, ..ListAuditRequest::default() };
    let first = list(&mut door, request(Vec::new())).await;
    assert!(first.entries.is_empty() && !first.next.is_empty());
    let second = list(&mut door, request(first.next)).await;
    assert_eq!((names(&second), second.next), (vec!["rare 1 0".to_owned()], vec![]));
}

#[tokio::test(start_paused = true)]
async fn what_is_old_and_what_is_too_much_goes_with_the_sweep() {
    let options = Options { audit_rows_max: 5, audit_days: 1, argon2: Argon2Options::cheap(), ..Options::default() };
    let mut door = Door::with(Kv::memory(), Clock::paused(START_MS), options);
    for app in 1..=8 {
        begin(&mut door, "ann", app).await.unwrap();
    }
    sweep(&door).await;
    assert_eq!(
        names(&list(&mut door, ListAuditRequest::default()).await),
        ["ann 8 0", "ann 7 0", "ann 6 0", "ann 5 0", "ann 4 0"]
    );
    tokio::time::advance(Duration::from_secs(24 * 60 * 60)).await;
    begin(&mut door, "bob", 9).await.unwrap();
    sweep(&door).await;
    assert_eq!(names(&list(&mut door, ListAuditRequest::default()).await), ["bob 9 0"]);
}

async fn sweep(door: &Door) {
    let sweeping = door.service.clone();
    sweeping.run(tokio::time::sleep(Duration::from_secs(6))).await;
}

async fn begin(door: &mut Door, operator: &str, app: u64) -> Result<Vec<u8>, Failure> {
    let entry = AuditEntry { operator: operator.into(), action: "app.apply".into(), app, ..AuditEntry::default() };
    Ok(door.audit.begin(BeginAuditRequest { entry: Some(entry) }).await?.into_inner().id)
}

async fn list(door: &mut Door, request: ListAuditRequest) -> ListAuditReply {
    door.audit.list(request).await.unwrap().into_inner()
}

fn names(reply: &ListAuditReply) -> Vec<String> {
    reply.entries.iter().map(|entry| format!("{} {} {}", entry.operator, entry.app, entry.status)).collect()
}
