//! Users that an operator tries an app with.
#![allow(clippy::unwrap_used)]

use natter_proto::Code;
use natter_proto::account::v1::*;

use crate::apps::administration;
use crate::kit::*;

fn trial(login: &str) -> TrialRequest {
    TrialRequest { app: 77, login: login.into(), full_name: "Trial".into() }
}

#[tokio::test(start_paused = true)]
async fn a_trial_user_is_made_once_and_each_start_has_a_token_that_ends_those_before() {
    let mut door = Door::open().await;
    let mut admin = administration(&door);
    check(answer(admin.find_trial(trial("try-1")).await), Code::NotFound, "User not found");
    let first = answer(admin.open_trial(trial("try-1")).await).unwrap();
    assert_eq!(door.resolve(&first.token).await.unwrap().user, first.user);
    assert_eq!(door.authenticate(first.user, first.token.as_bytes()).await.unwrap().token, first.token, "chat takes it");

    let second = answer(admin.open_trial(trial("try-1")).await).unwrap();
    assert_eq!((second.user, second.token == first.token), (first.user, false));
    for restarted in [false, true] {
        if restarted {
            door.restart();
        }
        check(door.resolve(&first.token).await, Code::Unauthenticated, "Required session does not exist");
        assert_eq!(door.resolve(&second.token).await.unwrap().user, first.user);
    }
    let mut admin = administration(&door);
    let found = answer(admin.find_trial(trial("try-1")).await).unwrap();
    assert_eq!((found.id, found.login.as_deref(), found.full_name.as_deref()), (first.user, Some("try-1"), Some("Trial")));
    assert_ne!(answer(admin.open_trial(trial("try-2")).await).unwrap().user, first.user);
    for secret in ["", "Trial", "try-1"] {
        assert!(door.open_session(Some(by_login("try-1", secret))).await.is_err(), "{secret} is no password of his");
    }
}

#[tokio::test(start_paused = true)]
async fn two_starts_at_once_make_one_user() {
    let door = Door::open().await;
    let (mut one, mut other) = (administration(&door), administration(&door));
    let (one, other) = tokio::join!(one.open_trial(trial("try-1")), other.open_trial(trial("try-1")));
    assert_eq!(answer(one).unwrap().user, answer(other).unwrap().user);
}

#[tokio::test(start_paused = true)]
async fn a_login_of_somebody_who_signed_up_is_left_to_him() {
    let mut door = Door::open().await;
    let mut admin = administration(&door);
    let ann = door.sign_up("try-1", "secret").await;
    let session = door.session(Some(by_login("try-1", "secret"))).await;
    check(answer(admin.open_trial(trial("try-1")).await), Code::Exists, "has already been taken");
    check(answer(admin.find_trial(trial("try-1")).await), Code::NotFound, "User not found");
    assert_eq!(door.resolve(&session.token).await.unwrap().user, ann.id);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_tried_with_in_a_suspended_app_nor_while_he_is_banned() {
    let door = Door::open().await;
    let mut admin = administration(&door);
    let user = answer(admin.open_trial(trial("try-1")).await).unwrap().user;
    answer(admin.ban_user(BanUserRequest { app: 77, id: user, banned: true }).await).unwrap();
    check(answer(admin.open_trial(trial("try-1")).await), Code::Forbidden, "This user is banned");
    answer(admin.suspend_app(SuspendAppRequest { id: 77, suspended: true }).await).unwrap();
    check(answer(admin.open_trial(trial("try-2")).await), Code::Forbidden, "This application is suspended");
    let elsewhere = TrialRequest { app: 9, ..trial("try-1") };
    assert_eq!(answer(admin.open_trial(elsewhere).await).unwrap_err().code, Code::NotFound);
}
