//! What an archive brings of apps and users: with ids, keys and passwords, once, and never over somebody else.

use natter_proto::Failure;
use natter_proto::account::v1::archive_client::ArchiveClient;
use natter_proto::account::v1::*;
use natter_proto::archive::v1::Taken;
use natter_rpc::{Link, LinkOptions};

use crate::kit::{Door, answer};

fn archive(door: &Door) -> ArchiveClient<Link> {
    ArchiveClient::new(Link::local(door.service.archive_server(), LinkOptions::default()))
}

async fn users(door: &Door, app: u64) -> Vec<ArchivedUser> {
    let request = ArchiveUsersRequest { app, after: 0, limit: 50 };
    archive(door).users(request).await.unwrap().into_inner().users
}

async fn take(door: &Door, users: Vec<ArchivedUser>, dry: bool) -> Result<Taken, Failure> {
    let request = TakeUsersRequest { app: 77, users, dry };
    Ok(archive(door).take_users(request).await.map_err(Failure::from)?.into_inner())
}

#[track_caller]
fn check(taken: &Taken, expected: (u64, u64, &[&str])) {
    let clashes: Vec<&str> = taken.clashes.iter().map(|clash| clash.text.as_str()).collect();
    assert_eq!((taken.taken, taken.same, &clashes[..]), expected);
}

fn user(id: u64, login: &str) -> ArchivedUser {
    let user = User { id, app: 77, login: Some(login.into()), created_at: 1_000, updated_at: 2_000, ..User::default() };
    ArchivedUser { user: Some(user), password_version: 1, ..ArchivedUser::default() }
}

#[tokio::test(start_paused = true)]
async fn users_come_with_their_passwords_and_once() {
    let mut from = Door::open().await;
    let request = SignUpRequest {
        app: 77,
        user: Some(User { login: Some("romeo".into()), tags: vec!["vip".into()], ..User::default() }),
        password: "balcony77".into(),
        id: 4_000,
        ..SignUpRequest::default()
    };
    let romeo = answer(from.client.sign_up(request).await).unwrap();
    let all = users(&from, 77).await;
    assert_eq!((all.len(), all[0].user.as_ref(), all[0].deleted), (1, Some(&romeo), false));

    let mut to = Door::open().await;
    check(&take(&to, all.clone(), true).await.unwrap(), (1, 0, &[]));
    assert!(users(&to, 77).await.is_empty(), "a dry run wrote");
    check(&take(&to, all.clone(), false).await.unwrap(), (1, 0, &[]));
    check(&take(&to, all.clone(), false).await.unwrap(), (0, 1, &[]));
    assert_eq!(users(&to, 77).await, all);
    let secret = b"balcony77".to_vec();
    let right = AuthenticateRequest { app: 77, user: 4_000, secret, ..AuthenticateRequest::default() };
    assert_eq!(answer(to.client.authenticate(right).await).unwrap().user.unwrap().id, 4_000);
    let request = SignUpRequest {
        user: Some(User { login: Some("newcomer".into()), ..User::default() }),
        app: 77,
        ..SignUpRequest::default()
    };
    let newcomer = answer(to.client.sign_up(SignUpRequest { password: "password1".into(), ..request }).await).unwrap();
    assert!(newcomer.id > 4_000, "an id was given again");
}

#[tokio::test(start_paused = true)]
async fn what_clashes_stays_as_it_is() {
    let mut door = Door::open().await;
    check(&take(&door, vec![user(7, "romeo"), user(8, "juliet")], false).await.unwrap(), (2, 0, &[]));
    let other = ArchivedUser { user: Some(User { created_at: 1_001, ..user(7, "romeo").user.unwrap() }), ..user(7, "romeo") };
    let gone = ArchivedUser { deleted: true, ..user(8, "juliet") };
    let outcome = take(&door, vec![other, gone, user(9, "romeo"), user(0, "nobody"), user(10, "x")], false).await.unwrap();
    let texts = [
        "another user has this id",
        "was deleted where he comes from, and is here",
        "user 7 has his login",
        "an id lies between 1 and 4503599627370495",
        "login is too short",
    ];
    check(&outcome, (0, 0, &texts));
    let plain = ArchivedUser { password: "plain".into(), ..user(11, "mercutio") };
    check(&take(&door, vec![plain], false).await.unwrap(), (0, 0, &["his password is no Argon2 hash"]));
    // An id that was given once is not given again, and nobody comes back.
    let tombstone = ArchivedUser { deleted: true, ..user(12, "tybalt") };
    check(&take(&door, vec![tombstone.clone()], false).await.unwrap(), (1, 0, &[]));
    check(&take(&door, vec![tombstone], false).await.unwrap(), (0, 1, &[]));
    check(&take(&door, vec![user(12, "tybalt")], false).await.unwrap(), (0, 0, &["was deleted here"]));
    let found = answer(door.client.get_users(GetUsersRequest { app: 77, ids: vec![12] }).await).unwrap();
    assert!(found.users.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_app_comes_with_its_keys_and_once() {
    let mut door = Door::open().await;
    let app = App {
        id: 9,
        title: "moved".into(),
        auth_key: "theirs".into(),
        auth_secret: "secret".into(),
        pair_key: vec![3; 32],
        created_at: 1_000,
        chat_host: "chat.theirs.test".into(),
        state: AppState::Suspended.into(),
        ..App::default()
    };
    let take = async |row: &App, dry| {
        let request = TakeAppRequest { app: row.id, row: Some(row.clone()), dry };
        archive(&door).take_app(request).await.unwrap().into_inner()
    };
    check(&take(&app, true).await, (1, 0, &[]));
    check(&take(&app, false).await, (1, 0, &[]));
    check(&take(&app, false).await, (0, 1, &[]));
    check(&take(&App { pair_key: vec![4; 32], ..app.clone() }, false).await, (0, 0, &["another app has this id"]));
    check(
        &take(&App { id: 10, chat_host: String::new(), ..app.clone() }, false).await,
        (0, 0, &["its auth_key is another app's"]),
    );
    let host = App { id: 10, auth_key: "k".into(), ..app.clone() };
    check(&take(&host, false).await, (0, 0, &["its chat_host is another app's"]));
    check(&take(&App { id: 77, ..app.clone() }, true).await, (0, 0, &["another app has this id"]));
    // One from elsewhere gets keys of its own, and is the same the next time.
    let bare = App { id: 11, title: "elsewhere".into(), created_at: 5, ..App::default() };
    check(&take(&bare, false).await, (1, 0, &[]));
    check(&take(&bare, false).await, (0, 1, &[]));
    let found = answer(door.client.get_app(GetAppRequest { id: 9 }).await).unwrap();
    assert_eq!(found, app);
}
