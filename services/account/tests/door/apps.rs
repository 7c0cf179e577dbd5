//! The life of an app: what is applied, who gets in while it is suspended, what is left when it is deleted.
#![allow(clippy::unwrap_used)]

use natter_proto::Code;
use natter_proto::account::v1::administration_client::AdministrationClient;
use natter_proto::account::v1::*;
use natter_rpc::{Link, LinkOptions};

use crate::kit::*;

const SUSPENDED: &str = "This application is suspended";

#[tokio::test(start_paused = true)]
async fn what_is_applied_holds_at_once_and_the_same_again_changes_nothing() {
    let mut door = Door::open().await;
    let mut admin = administration(&door);
    let ann = door.sign_up("ann", "secret").await;
    let session = door.session(Some(by_login("ann", "secret"))).await;
    let change = ApplyAppRequest { id: 77, auth_key: Some("fresh".into()), ..ApplyAppRequest::default() };
    let reply = answer(admin.apply_app(change.clone()).await).unwrap();
    assert_eq!((reply.created, reply.changed), (false, vec!["auth_key".to_owned()]));
    assert_eq!(answer(door.open_session(None).await).unwrap_err().code, Code::Unauthenticated, "the old key");
    let fresh = OpenSessionRequest { app: 77, auth_key: "fresh".into(), ..OpenSessionRequest::default() };
    answer(door.client.open_session(fresh).await).unwrap();
    assert_eq!(door.resolve(&session.token).await.unwrap().user, ann.id);
    let reply = answer(admin.apply_app(change).await).unwrap();
    assert_eq!((reply.created, reply.changed), (false, vec![]));

    let make = ApplyAppRequest { id: 5, title: Some("Five".into()), signed_only: Some(true), ..ApplyAppRequest::default() };
    let made = answer(admin.apply_app(make.clone()).await).unwrap();
    let app = made.app.unwrap();
    assert!(made.created && app.signed_only && !app.auth_key.is_empty() && app.pair_key.len() == 32, "{app:?}");
    let again = answer(admin.apply_app(make).await).unwrap();
    assert_eq!((again.created, again.changed, again.app.unwrap()), (false, vec![], app));
    let taken = ApplyAppRequest { id: 6, auth_key: Some("fresh".into()), ..ApplyAppRequest::default() };
    assert_eq!(answer(admin.apply_app(taken).await).unwrap_err().code, Code::Exists);
}

#[tokio::test(start_paused = true)]
async fn rotated_keys_hold_beside_the_new_ones_for_a_day_each_with_its_own_secret() {
    let mut door = Door::open().await;
    let mut admin = administration(&door);
    let session = door.session(None).await;
    let rotated = answer(admin.rotate_keys(RotateKeysRequest { id: 77, overlap_s: 0 }).await).unwrap();
    let previous = rotated.previous.clone().unwrap();
    assert_eq!((previous.auth_key.as_str(), previous.until), ("demoKey", door.now() + 24 * 3_600_000));
    // The vector of contract rest 2.3, by the old secret.
    let signed = OpenSessionRequest {
        app: 77,
        auth_key: "demoKey".into(),
        signature: "72541bff86c550097f5357430997844b22b6052f".into(),
        to_sign: "application_id=77&auth_key=demoKey&nonce=4242&timestamp=1700000000".into(),
        timestamp: 1_700_000_000,
        ..OpenSessionRequest::default()
    };
    let unsigned = |key: &str| OpenSessionRequest { app: 77, auth_key: key.into(), ..OpenSessionRequest::default() };
    for restarted in [false, true] {
        if restarted {
            door.restart();
        }
        answer(door.client.open_session(signed.clone()).await).unwrap();
        let mixed = OpenSessionRequest { auth_key: rotated.auth_key.clone(), ..signed.clone() };
        check(answer(door.client.open_session(mixed).await), Code::Invalid, "Unexpected signature");
        for key in ["demoKey", &rotated.auth_key] {
            answer(door.client.open_session(unsigned(key)).await).unwrap();
            let found = FindAppRequest { auth_key: key.into(), ..FindAppRequest::default() };
            assert_eq!(answer(door.client.find_app(found).await).unwrap().id, 77);
        }
    }
    tokio::time::advance(24 * 60 * MINUTE).await;
    check(answer(door.client.open_session(unsigned("demoKey")).await), Code::Unauthenticated, "Unauthorized");
    check(answer(door.client.open_session(signed).await), Code::Unauthenticated, "Unauthorized");
    let found = FindAppRequest { auth_key: "demoKey".into(), ..FindAppRequest::default() };
    check(answer(door.client.find_app(found).await), Code::NotFound, "App not found");
    answer(door.client.open_session(unsigned(&rotated.auth_key)).await).unwrap();
    check(door.resolve(&session.token).await, Code::Unauthenticated, "Required session does not exist");
}

#[tokio::test(start_paused = true)]
async fn what_was_rotated_ends_at_a_word_and_with_the_next_rotation() {
    let mut door = Door::open().await;
    let mut admin = administration(&door);
    let unsigned = |key: &str| OpenSessionRequest { app: 77, auth_key: key.into(), ..OpenSessionRequest::default() };
    let first = answer(admin.rotate_keys(RotateKeysRequest { id: 77, overlap_s: 60 }).await).unwrap();
    answer(door.client.open_session(unsigned("demoKey")).await).unwrap();
    let second = answer(admin.rotate_keys(RotateKeysRequest { id: 77, overlap_s: 60 }).await).unwrap();
    check(answer(door.client.open_session(unsigned("demoKey")).await), Code::Unauthenticated, "Unauthorized");
    answer(door.client.open_session(unsigned(&first.auth_key)).await).unwrap();
    for _ in 0..2 {
        assert_eq!(answer(admin.end_previous_keys(GetAppRequest { id: 77 }).await).unwrap().previous, None);
        check(answer(door.client.open_session(unsigned(&first.auth_key)).await), Code::Unauthenticated, "Unauthorized");
    }
    answer(door.client.open_session(unsigned(&second.auth_key)).await).unwrap();
    let long = answer(admin.rotate_keys(RotateKeysRequest { id: 77, overlap_s: 31 * 24 * 3_600 }).await).unwrap_err();
    assert_eq!((long.code, long.field.as_str()), (Code::Invalid, "overlap_s"));
    assert_eq!(answer(admin.rotate_keys(RotateKeysRequest { id: 9, overlap_s: 0 }).await).unwrap_err().code, Code::NotFound);
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_into_a_suspended_app_and_all_is_as_before_when_it_is_resumed() {
    let mut door = Door::open().await;
    let mut admin = administration(&door);
    let ann = door.sign_up("ann", "secret").await;
    let session = door.session(Some(by_login("ann", "secret"))).await;
    let user = UserRequest { app: 77, id: ann.id };
    answer(door.client.admit(user).await).unwrap();
    answer(admin.suspend_app(SuspendAppRequest { id: 77, suspended: true }).await).unwrap();
    for restarted in [false, true] {
        if restarted {
            door.restart();
        }
        check(door.resolve(&session.token).await, Code::Forbidden, SUSPENDED);
        check(answer(door.open_session(None).await), Code::Forbidden, SUSPENDED);
        check(answer(door.open_session(Some(by_login("ann", "secret"))).await), Code::Forbidden, SUSPENDED);
        check(door.authenticate(ann.id, b"secret").await, Code::Forbidden, SUSPENDED);
        check(door.authenticate(ann.id, session.token.as_bytes()).await, Code::Forbidden, SUSPENDED);
        check(answer(door.client.sign_up(sign_up_request("bob", "secret")).await), Code::Forbidden, SUSPENDED);
        check(answer(door.client.admit(user).await), Code::Forbidden, SUSPENDED);
        let wrong = OpenSessionRequest { app: 77, auth_key: "wrong".into(), ..OpenSessionRequest::default() };
        check(answer(door.client.open_session(wrong).await), Code::Unauthenticated, "Unauthorized");
    }
    let mut admin = administration(&door);
    answer(admin.suspend_app(SuspendAppRequest { id: 77, suspended: false }).await).unwrap();
    assert_eq!(door.resolve(&session.token).await.unwrap().user, ann.id);
    assert!(door.authenticate(ann.id, b"secret").await.is_ok());
    answer(door.client.admit(user).await).unwrap();
}

#[tokio::test(start_paused = true)]
async fn only_a_suspended_app_is_deleted_and_its_number_is_not_given_again() {
    let mut door = Door::open().await;
    let mut admin = administration(&door);
    let ann = door.sign_up("ann", "secret").await;
    let session = door.session(Some(by_login("ann", "secret"))).await;
    check(
        answer(admin.delete_app(GetAppRequest { id: 77 }).await),
        Code::Conflict,
        "is open: suspend the app before it is deleted",
    );
    check(answer(admin.delete_app(GetAppRequest { id: 9 }).await), Code::NotFound, "App not found");
    answer(admin.suspend_app(SuspendAppRequest { id: 77, suspended: true }).await).unwrap();
    let begun = answer(admin.delete_app(GetAppRequest { id: 77 }).await).unwrap();
    assert_eq!((begun.app, begun.user, begun.ended_at), (77, 0, 0));
    assert_eq!(answer(admin.delete_app(GetAppRequest { id: 77 }).await).unwrap(), begun, "asked again, the report");
    check(door.resolve(&session.token).await, Code::Unauthenticated, "Required session does not exist");
    check(door.authenticate(ann.id, b"secret").await, Code::Unauthenticated, "Invalid username or password");
    check(answer(door.client.get_app(GetAppRequest { id: 77 }).await), Code::NotFound, "App not found");
    assert_eq!(answer(door.client.list_apps(ListAppsRequest::default()).await).unwrap().apps, []);
    check(answer(admin.suspend_app(SuspendAppRequest { id: 77, suspended: false }).await), Code::NotFound, "App not found");
    let again = CreateAppRequest { id: 77, ..CreateAppRequest::default() };
    assert_eq!(answer(door.client.create_app(again).await).unwrap_err().code, Code::Exists);
    let again = ApplyAppRequest { id: 77, ..ApplyAppRequest::default() };
    assert_eq!(answer(admin.apply_app(again).await).unwrap_err().code, Code::Exists);
    let key = CreateAppRequest { auth_key: "demoKey".into(), ..CreateAppRequest::default() };
    answer(door.client.create_app(key).await).unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_first_apps_are_listed_without_those_that_are_erased() {
    let mut door = Door::open().await;
    let mut admin = administration(&door);
    for id in 1..=40 {
        answer(admin.apply_app(ApplyAppRequest { id, ..ApplyAppRequest::default() }).await).unwrap();
    }
    for id in 1..=35 {
        answer(admin.suspend_app(SuspendAppRequest { id, suspended: true }).await).unwrap();
        answer(admin.delete_app(GetAppRequest { id }).await).unwrap();
    }
    for (limit, expected) in
        [(0, &[36, 37, 38, 39, 40, 77][..]), (1, &[36]), (5, &[36, 37, 38, 39, 40]), (9_999_999, &[36, 37, 38, 39, 40, 77])]
    {
        let apps = answer(door.client.list_apps(ListAppsRequest { limit }).await).unwrap().apps;
        assert_eq!(apps.iter().map(|app| app.id).collect::<Vec<_>>(), expected, "{limit}");
    }
}

pub fn administration(door: &Door) -> AdministrationClient<Link> {
    AdministrationClient::new(Link::local(door.service.administration_server(), LinkOptions::default()))
}
