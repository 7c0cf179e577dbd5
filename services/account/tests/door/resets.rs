//! A forgotten password: a mail to who is there and to nobody else, and the one password that its link sets.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use natter_mail::{Mail, Mails};
use natter_proto::account::v1::*;
use natter_proto::{Code, Failure};
use parking_lot::Mutex;

use crate::apps::administration;
use crate::kit::*;

type Box = Arc<Mutex<Vec<Mail>>>;

const OVER: &str = "this link is over";

#[tokio::test(start_paused = true)]
async fn a_link_sets_a_password_once_and_ends_the_sessions() {
    let (mut door, mailbox) = open().await;
    let ann = door.sign_up("ann", "secret").await;
    let session = door.session(Some(by_login("ann", "secret"))).await;
    ask(&mut door, "ANN@example.test", "").await.unwrap();
    let mail = next(&door, &mailbox).await.unwrap();
    assert_eq!((mail.to.as_str(), mail.subject.as_str()), ("ann@example.test", "A new password"));
    let key = key_of(&mail);

    let short = set(&mut door, &key, "x").await.unwrap_err();
    assert_eq!((short.code, short.field.as_str()), (Code::Invalid, "password"), "and the link still stands");
    let other = ApplyAppRequest { id: 5, api_host: Some("api.other.example".into()), ..ApplyAppRequest::default() };
    answer(administration(&door).apply_app(other).await).unwrap();
    check(set_at(&mut door, "api.other.example", &key, "better").await, Code::NotFound, OVER);
    set(&mut door, &key, "better").await.unwrap();
    assert_eq!(door.session(Some(by_login("ann", "better"))).await.user, ann.id);
    check(answer(door.open_session(Some(by_login("ann", "secret"))).await), Code::Unauthenticated, "Invalid password");
    check(door.resolve(&session.token).await, Code::Unauthenticated, "Required session does not exist");
    check(set(&mut door, &key, "again").await, Code::NotFound, OVER);
}

#[tokio::test(start_paused = true)]
async fn a_link_ends_after_an_hour_and_with_any_new_password_and_with_the_next_mail() {
    let (mut door, mailbox) = open().await;
    let ann = door.sign_up("ann", "secret").await;
    ask(&mut door, "ann@example.test", "").await.unwrap();
    let first = key_of(&next(&door, &mailbox).await.unwrap());
    ask(&mut door, "ann@example.test", "").await.unwrap();
    let second = key_of(&next(&door, &mailbox).await.unwrap());
    check(set(&mut door, &first, "better").await, Code::NotFound, OVER);
    answer(door.client.update_user(new_password(ann.id, "")).await).unwrap();
    check(set(&mut door, &second, "better").await, Code::NotFound, OVER);
    ask(&mut door, "ann@example.test", "").await.unwrap();
    let third = key_of(&next(&door, &mailbox).await.unwrap());
    tokio::time::advance(60 * MINUTE).await;
    check(set(&mut door, &third, "better").await, Code::NotFound, OVER);
    for garbage in ["", "1-2-3", "77-1-", &third.to_lowercase(), &third.replace("77-", "78-"), &"x".repeat(10_000)] {
        check(set(&mut door, garbage, "better").await, Code::NotFound, OVER);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_learns_whether_an_address_is_somebodys_and_who_asks_often_waits() {
    let (mut door, mailbox) = open().await;
    door.sign_up("ann", "secret").await;
    let calls = door.store_calls("get");
    ask(&mut door, "nobody@example.test", "192.0.2.1").await.unwrap();
    let of_nobody = door.store_calls("get") - calls;
    ask(&mut door, "ann@example.test", "192.0.2.1").await.unwrap();
    assert_eq!(door.store_calls("get") - calls, 2 * of_nobody, "the store is asked as often before the answer");
    let mail = next(&door, &mailbox).await.unwrap();
    assert_eq!((mail.to.as_str(), mailbox.lock().len()), ("ann@example.test", 0));

    for _ in 0..2 {
        ask(&mut door, "ann@example.test", "192.0.2.2").await.unwrap();
        ask(&mut door, "nobody@example.test", "192.0.2.2").await.unwrap();
    }
    for email in ["Ann@example.test", "nobody@example.test"] {
        let text = "too many mails about a forgotten password, wait an hour";
        check(ask(&mut door, email, "192.0.2.3").await, Code::TooMany, text);
    }
    for n in 0..30 {
        ask(&mut door, &format!("user{n}@example.test"), "2001:db8::1").await.unwrap();
    }
    assert_eq!(ask(&mut door, "more@example.test", "2001:db8::2").await.unwrap_err().code, Code::TooMany);
    tokio::time::advance(60 * MINUTE).await;
    ask(&mut door, "ann@example.test", "2001:db8::2").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_mails_it_is_said_so() {
    let mut door = Door::open().await;
    check(ask(&mut door, "ann@example.test", "").await, Code::Invalid, "Password reset by e-mail is not configured");
    let (mut door, _) = open().await;
    assert_eq!(ask(&mut door, "no address", "").await.unwrap_err().field, "email");
}

async fn open() -> (Door, Box) {
    let mailbox = Box::default();
    let door = Door::open_with_mails(Mails::kept(mailbox.clone())).await;
    tokio::spawn(door.service.clone().run(std::future::pending()));
    (door, mailbox)
}

async fn ask(door: &mut Door, email: &str, address: &str) -> Result<Empty, Failure> {
    let (email, address, page) = (email.to_owned(), address.to_owned(), "https://api.test/password/reset/".to_owned());
    answer(door.client.ask_password_reset(AskPasswordResetRequest { app: 77, email, address, page }).await)
}

async fn set(door: &mut Door, key: &str, password: &str) -> Result<Empty, Failure> {
    set_at(door, "", key, password).await
}

async fn set_at(door: &mut Door, host: &str, key: &str, password: &str) -> Result<Empty, Failure> {
    let (address, host) = ("192.0.2.9".into(), host.into());
    let request = ResetPasswordRequest { key: key.into(), password: password.into(), address, host };
    answer(door.client.reset_password(request).await)
}

async fn next(door: &Door, mailbox: &Box) -> Option<Mail> {
    for _ in 0..100 {
        if let Some(mail) = mailbox.lock().pop() {
            return Some(mail);
        }
        tokio::time::advance(Duration::from_millis(1)).await;
        tokio::task::yield_now().await;
    }
    panic!("no mail came: {}", door.metrics.encode());
}

fn key_of(mail: &Mail) -> String {
    let link = mail.text.lines().find(|line| line.starts_with("https://")).unwrap();
    link.strip_prefix("https://api.test/password/reset/").unwrap().to_owned()
}
