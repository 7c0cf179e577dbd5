//! Sign-ins at the console: how long they live, and what ends them at once.

use std::time::Duration;

use natter_account::{Argon2Options, Options};
use natter_actor::Clock;
use natter_db::{Faults, Kv};
use natter_proto::account::v1::*;
use natter_proto::{Code, Failure};

use crate::grants::{app, change, remove};
use crate::{Door, START_MS};

const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test(start_paused = true)]
async fn a_sign_in_stands_for_its_operator_also_after_a_restart_and_its_token_is_kept_nowhere() {
    let mut door = Door::open();
    let secret = door.make_first().await.unwrap().password;
    let begun = sign_in(&mut door, "admin", &secret).await.unwrap();
    assert_eq!((begun.token.len(), begun.csrf.len()), (64, 64));
    door.restart();
    let checked = check(&mut door, &begun.token).await.unwrap();
    assert_eq!((checked.token.as_str(), &checked.csrf, checked.operator), ("", &begun.csrf, begun.operator));
    let shown = checked.sign_in.unwrap();
    assert_eq!((shown.operator.as_str(), shown.address.as_str(), shown.agent.as_str()), ("admin", "192.0.2.1", "Browser"));
    assert_eq!((shown.begun_at, shown.ends_at), (START_MS, START_MS + 12 * 3_600_000));
    for wrong in ["", "x", &begun.token[1..], &"0".repeat(64), &begun.token.to_uppercase(), &begun.csrf] {
        assert_eq!(check(&mut door, wrong).await.unwrap_err().code, Code::Unauthenticated, "{wrong}");
    }
    assert_eq!(sign_in(&mut door, "admin", "wrong").await.unwrap_err().code, Code::Unauthenticated);
    assert_eq!(list(&mut door, "").await.len(), 1);
    let hashes = door.hashes();
    check(&mut door, &begun.token).await.unwrap();
    assert_eq!(door.hashes(), hashes, "no password is looked at");
}

#[tokio::test(start_paused = true)]
async fn it_ends_twelve_hours_after_its_last_use_and_after_seven_days() {
    let mut door = Door::open();
    let secret = door.make_first().await.unwrap().password;
    let idle = sign_in(&mut door, "admin", &secret).await.unwrap().token;
    let used = sign_in(&mut door, "admin", &secret).await.unwrap().token;
    for hour in 1..7 * 24 {
        tokio::time::advance(HOUR).await;
        check(&mut door, &used).await.unwrap_or_else(|failure| panic!("hour {hour}: {failure}"));
        if hour == 11 {
            door.restart();
        }
        if hour >= 12 {
            assert_eq!(check(&mut door, &idle).await.unwrap_err().code, Code::Unauthenticated, "hour {hour}");
            assert_eq!(list(&mut door, "admin").await.len(), 1);
        }
    }
    tokio::time::advance(HOUR).await;
    assert_eq!(check(&mut door, &used).await.unwrap_err().code, Code::Unauthenticated);
}

#[tokio::test(start_paused = true)]
async fn another_password_a_removal_and_a_word_end_it_at_once() {
    let mut door = Door::open();
    door.make_first().await.unwrap();
    let ends: [(&str, End); 4] = [("password", End::Password), ("removed", End::Removed), ("one", End::One), ("all", End::All)];
    for (name, end) in ends {
        let secret = door.make(name, OperatorRole::Viewer, &[]).await.unwrap();
        let begun = sign_in(&mut door, name, &secret).await.unwrap();
        let beside = sign_in(&mut door, name, &secret).await.unwrap();
        for token in [&begun.token, &beside.token] {
            check(&mut door, token).await.unwrap();
        }
        let id = begun.sign_in.unwrap().id;
        match end {
            End::Password => drop(door.renew(name).await.unwrap()),
            End::Removed => remove(&mut door, name).await.unwrap(),
            End::One => assert_eq!(finish(&mut door, name, &id).await, Ok(1)),
            End::All => assert_eq!(finish(&mut door, name, &[]).await, Ok(2)),
        }
        assert_eq!(check(&mut door, &begun.token).await.unwrap_err().code, Code::Unauthenticated, "{name}");
        assert_eq!(check(&mut door, &beside.token).await.is_ok(), matches!(end, End::One), "{name}");
        if matches!(end, End::Removed) {
            door.make(name, OperatorRole::Viewer, &[]).await.unwrap();
        }
        door.restart();
        assert_eq!(check(&mut door, &begun.token).await.unwrap_err().code, Code::Unauthenticated, "{name}, made again");
        assert_eq!(list(&mut door, name).await.len(), usize::from(matches!(end, End::One)), "{name}");
    }
}

enum End {
    Password,
    Removed,
    One,
    All,
}

#[tokio::test(start_paused = true)]
async fn nobody_ends_what_is_not_his() {
    let mut door = Door::open();
    let secret = door.make_first().await.unwrap().password;
    let begun = sign_in(&mut door, "admin", &secret).await.unwrap();
    let id = begun.sign_in.unwrap().id;
    for (operator, id) in [("ann", id.as_slice()), ("admin", &[0; 16]), ("admin", &[0; 3])] {
        assert_eq!(finish(&mut door, operator, id).await.unwrap_err().code, Code::NotFound, "{operator} {id:?}");
    }
    assert_eq!(finish(&mut door, "ann", &[]).await, Ok(0));
    check(&mut door, &begun.token).await.unwrap();
    assert_eq!(finish(&mut door, "", &id).await, Ok(1), "whosesoever");
}

#[tokio::test(start_paused = true)]
async fn what_is_granted_meanwhile_holds_in_it() {
    let mut door = Door::open();
    door.make_first().await.unwrap();
    app(&mut door, 7).await;
    let secret = door.make("ann", OperatorRole::Owner, &[]).await.unwrap();
    let token = sign_in(&mut door, "ann", &secret).await.unwrap().token;
    let changed = change(&mut door, "ann", OperatorRole::Viewer, &[7]).await.unwrap();
    assert_eq!(check(&mut door, &token).await.unwrap().operator, Some(changed));
}

#[tokio::test(start_paused = true)]
async fn a_further_one_ends_the_one_that_was_used_least_recently() {
    let options = Options { sign_ins_of_operator_max: 2, argon2: Argon2Options::cheap(), ..Options::default() };
    let mut door = Door::with(Kv::memory(), Clock::paused(START_MS), options);
    let secret = door.make_first().await.unwrap().password;
    let first = sign_in(&mut door, "admin", &secret).await.unwrap().token;
    tokio::time::advance(HOUR).await;
    let second = sign_in(&mut door, "admin", &secret).await.unwrap().token;
    tokio::time::advance(HOUR).await;
    check(&mut door, &first).await.unwrap();
    let third = sign_in(&mut door, "admin", &secret).await.unwrap().token;
    assert_eq!(check(&mut door, &second).await.unwrap_err().code, Code::Unauthenticated);
    for token in [&first, &third] {
        check(&mut door, token).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_answered_while_the_store_refuses_writes_and_what_is_over_is_swept() {
    let mut door = Door::on(Kv::memory_with(Faults::default()));
    let secret = door.make_first().await.unwrap().password;
    let token = sign_in(&mut door, "admin", &secret).await.unwrap().token;
    door.db.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    tokio::time::advance(HOUR).await;
    check(&mut door, &token).await.unwrap();
    assert_eq!(finish(&mut door, "admin", &[]).await.unwrap_err().code, Code::NotStored);
    check(&mut door, &token).await.unwrap();
    door.db.set_faults(Faults::default());
    tokio::time::advance(12 * HOUR).await;
    let sweeping = door.service.clone();
    sweeping.run(tokio::time::sleep(Duration::from_secs(6))).await;
    let rows = door.db.scan(natter_db::Table("sign_ins"), natter_db::KeyRange::between([], [u8::MAX; 33]), 9).await.unwrap();
    assert_eq!(rows, []);
}

async fn sign_in(door: &mut Door, name: &str, password: &str) -> Result<SignedIn, Failure> {
    let (name, password, address, agent) = (name.into(), password.into(), "192.0.2.1".into(), "Browser".into());
    Ok(door.client.sign_in(SignInRequest { name, password, address, agent }).await?.into_inner())
}

async fn check(door: &mut Door, token: &str) -> Result<SignedIn, Failure> {
    Ok(door.client.check_sign_in(CheckSignInRequest { token: token.into() }).await?.into_inner())
}

async fn list(door: &mut Door, operator: &str) -> Vec<OperatorSignIn> {
    door.client.list_sign_ins(ListSignInsRequest { operator: operator.into() }).await.unwrap().into_inner().sign_ins
}

async fn finish(door: &mut Door, operator: &str, id: &[u8]) -> Result<u32, Failure> {
    let request = EndSignInsRequest { operator: operator.into(), id: id.to_vec() };
    Ok(door.client.end_sign_ins(request).await?.into_inner().ended)
}
