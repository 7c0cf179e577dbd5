//! Sign-in at the chat door, the limits on guesses, and what a repeated login costs.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use natter_db::Kv;
use natter_proto::Code;
use natter_proto::account::v1::*;

use crate::kit::*;

#[tokio::test(start_paused = true)]
async fn a_chat_password_is_utf8_latin1_or_a_live_token_of_that_user() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "pässwörd").await;
    let ben = door.sign_up("ben", "secret").await;
    let reply = door.authenticate(ann.id, "pässwörd".as_bytes()).await.unwrap();
    assert_eq!((reply.user.unwrap().id, reply.pair_key.len(), reply.token.as_str()), (ann.id, 32, ""));
    assert!(door.authenticate(ann.id, b"p\xe4ssw\xf6rd").await.is_ok());

    let token = door.session(Some(by_login("ann", "pässwörd"))).await.token;
    assert_eq!(door.authenticate(ann.id, token.as_bytes()).await.unwrap().token, token);
    let app_token = door.session(None).await.token;
    for (user, secret) in
        [(ben.id, token.as_bytes()), (ann.id, app_token.as_bytes()), (ann.id, b"wrong"), (ann.id, b""), (999, b"secret")]
    {
        check(door.authenticate(user, secret).await, Code::Unauthenticated, "Invalid username or password");
    }
    tokio::time::advance(126 * MINUTE).await;
    check(door.authenticate(ann.id, token.as_bytes()).await, Code::Unauthenticated, "Invalid username or password");
}

#[tokio::test(start_paused = true)]
async fn wrong_passwords_are_limited_and_dead_tokens_are_not_guesses() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "secret").await;
    for _ in 0..50 {
        let dead = door.authenticate(ann.id, "A".repeat(36).as_bytes()).await;
        check(dead, Code::Unauthenticated, "Invalid username or password");
        assert!(door.authenticate(ann.id, b"secret").await.is_ok(), "a right password is never limited before");
    }
    let token = door.session(Some(by_login("ann", "secret"))).await.token;
    for n in 0..10 {
        let guess = format!("guess {n}");
        check(door.authenticate(ann.id, guess.as_bytes()).await, Code::Unauthenticated, "Invalid username or password");
    }
    let refusal = "too many wrong passwords, wait a minute";
    check(door.authenticate(ann.id, b"secret").await, Code::TooMany, refusal);
    check(answer(door.open_session(Some(by_login("ann", "secret"))).await), Code::TooMany, refusal);
    assert!(door.authenticate(ann.id, token.as_bytes()).await.is_ok(), "a token needs no guessing");
    tokio::time::advance(MINUTE).await;
    assert!(door.authenticate(ann.id, b"secret").await.is_ok());

    for user in 1000..1300 {
        let _ = door.authenticate(user, b"secret").await;
    }
    check(door.authenticate(ann.id, b"secret").await, Code::TooMany, refusal);
}

#[tokio::test(start_paused = true)]
async fn guesses_sent_all_at_once_do_not_pass_the_limit() {
    // A slow store, so that they all get past the first look at the limit.
    let mut door = Door::open_on(Kv::memory_with(slow(0))).await;
    let ann = door.sign_up("ann", "secret").await;
    let guesses = (0..100).map(|n| {
        let mut client = door.client.clone();
        let (secret, address) = (format!("guess {n}").into(), "a".into());
        let request = AuthenticateRequest { app: 77, user: ann.id, secret, address, ..AuthenticateRequest::default() };
        async move { answer(client.authenticate(request).await).unwrap_err().code }
    });
    let codes = futures::future::join_all(guesses).await;
    let looked_at = codes.iter().filter(|code| **code == Code::Unauthenticated).count();
    assert!((10..=11).contains(&looked_at), "{looked_at} looked at, one run at a time");
}

#[tokio::test(start_paused = true)]
async fn a_known_password_is_not_hashed_again_also_after_a_restart() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "secret").await;
    door.restart();
    for _ in 0..20 {
        assert!(door.authenticate(ann.id, b"secret").await.is_ok());
        door.session(Some(by_login("ann", "secret"))).await;
    }
    assert_eq!(door.hashes(), 0, "the verifier of the sign-up holds");
    tokio::time::advance(Duration::from_secs(7 * 24 * 3600)).await;
    assert!(door.authenticate(ann.id, b"secret").await.is_ok());
    assert_eq!(door.hashes(), 1, "for seven days");
    door.restart();
    assert!(door.authenticate(ann.id, b"secret").await.is_ok());
    assert_eq!(door.hashes(), 0, "the next one was kept too");
    door.restart_with_key([9; 32]);
    assert!(door.authenticate(ann.id, b"secret").await.is_ok());
    assert_eq!(door.hashes(), 1, "another key makes the old verifiers worthless");
}

#[tokio::test(start_paused = true)]
async fn a_repeated_login_costs_one_write_and_a_request_no_store_at_all() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "secret").await;
    let session = door.session(Some(by_login("ann", "secret"))).await;
    door.authenticate(ann.id, b"secret").await.unwrap();

    let (commits, gets) = (door.store_calls("commit"), door.store_calls("get"));
    for _ in 0..10 {
        door.resolve(&session.token).await.unwrap();
        door.authenticate(ann.id, b"secret").await.unwrap();
        door.authenticate(ann.id, session.token.as_bytes()).await.unwrap();
    }
    assert_eq!((door.store_calls("commit"), door.store_calls("get")), (commits, gets));
    door.session(Some(by_login("ann", "secret"))).await;
    assert_eq!(door.store_calls("commit"), commits + 1, "the token");
    assert_eq!(door.store_calls("get"), gets + 1, "who is called ann");
}
