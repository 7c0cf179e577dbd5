//! Sessions and users at the door.
#![allow(clippy::unwrap_used)]

use natter_proto::{Code, Failure};

use crate::client::{ANN, APP, Door, FORM, JSON};

const UNSIGNED: &str = r#"{"application_id":"77","auth_key":"demoKey","user":{"login":"ann","password":" p&ss=1 é"}}"#;
const SIGNED: &str = "application_id=77&auth_key=demoKey&nonce=4242&signature=8387911021f310bdefa9036839b921f5b140daee&timestamp=1700000000&user[login]=ann&user[password]=p%26ss%3D1%20%C3%A9";

#[tokio::test]
async fn an_unsigned_session_is_opened_whatever_token_is_sent_along() {
    let door = Door::open().await;
    let answer = door.post("/session.json", ("CB-Token", "long gone"), UNSIGNED).await;
    assert_eq!(answer.status, 201);
    let session = &answer.json()["session"];
    assert_eq!(
        (session["token"].as_str(), session["user_id"].as_u64(), session["user"]["login"].as_str()),
        (Some("fresh"), Some(34), Some("ann"))
    );
    assert_eq!(answer.header("CB-Token-ExpirationDate"), Some("2026-02-03 12:11:12 UTC"));
    let opened = door.world.opened.lock()[0].clone();
    assert_eq!(
        (opened.app, opened.auth_key.as_str(), opened.signature.as_str(), opened.to_sign.as_str()),
        (77, "demoKey", "", "")
    );
    assert_eq!(opened.user.unwrap().password, " p&ss=1 é", "a password is never trimmed");
    assert_eq!(opened.address, "127.0.0.1");
    door.close().await;
}

#[tokio::test]
async fn a_signed_session_carries_the_text_that_was_signed() {
    let door = Door::open().await;
    let answer = door.ask("POST", "/session.json", &[FORM], SIGNED).await;
    assert_eq!((answer.status, answer.json()["session"]["nonce"].as_u64()), (201, Some(4242)));
    let opened = door.world.opened.lock()[0].clone();
    assert_eq!(
        opened.to_sign,
        "application_id=77&auth_key=demoKey&nonce=4242&timestamp=1700000000&user[login]=ann&user[password]=p&ss=1 é"
    );
    assert_eq!((opened.nonce, opened.timestamp, opened.signature.len()), (4242, 1_700_000_000, 40));
    door.close().await;
}

#[tokio::test]
async fn an_app_session_has_no_user() {
    let door = Door::open().await;
    let answer = door.post("/session", APP, r#"{"application_id":77,"auth_key":"demoKey"}"#).await;
    let session = &answer.json()["session"];
    assert_eq!((session["user_id"].as_u64(), session.get("user")), (Some(0), None));
    door.close().await;
}

#[tokio::test]
async fn refused_sessions_are_told_apart() {
    let door = Door::open().await;
    for (code, text, status, body) in [
        (Code::Invalid, "Unexpected signature", 422, r#"{"errors":["Unexpected signature"]}"#),
        (Code::Invalid, "Bad timestamp", 422, r#"{"errors":["Bad timestamp"]}"#),
        (Code::Unauthenticated, "Unauthorized", 401, r#"{"errors":["Unauthorized"]}"#),
        (Code::Unauthenticated, "Invalid password", 401, r#"{"errors":["Invalid password"]}"#),
        (Code::NotFound, "", 404, r#"{"errors":["User not found"]}"#),
        (Code::TooMany, "", 429, r#"{"errors":["Too many requests"]}"#),
    ] {
        *door.world.account_fails.lock() = Some(Failure::new(code, text));
        door.post("/session", APP, UNSIGNED).await.is(status, body);
        *door.world.account_fails.lock() = Some(Failure::new(code, text));
        door.post("/login", APP, r#"{"login":"ann","password":"x"}"#).await.is(status, body);
    }
    for (body, answer) in [
        ("{}", r#"{"errors":{"application_id":["is required"]}}"#),
        (r#"{"application_id":"x","auth_key":"k"}"#, r#"{"errors":{"application_id":["is not a number"]}}"#),
        (r#"{"application_id":1}"#, r#"{"errors":{"auth_key":["is required"]}}"#),
        (r#"{"application_id":1,"auth_key":"k","user":{"login":"ann"}}"#, r#"{"errors":{"password":["is required"]}}"#),
        (r#"{"application_id":1,"auth_key":"k","provider":"myspace"}"#, r#"{"errors":["Provider is not configured"]}"#),
        (r#"{"application_id":1,"auth_key":"k","provider":"facebook"}"#, r#"{"errors":{"keys":["is required"]}}"#),
        (
            r#"{"application_id":1,"auth_key":"k","firebase_phone[access_token]":"t"}"#,
            r#"{"errors":{"firebase_phone":["is required"]}}"#,
        ),
    ] {
        door.post("/session", APP, body).await.is(422, answer);
    }
    door.close().await;
}

#[tokio::test]
async fn guests_and_providers_are_asked_for_and_nobody_else_beside_them() {
    let door = Door::open().await;
    let guest = r#"{"application_id":1,"auth_key":"k","user":{"guest":"1","full_name":"Ann","login":"x","password":"p"}}"#;
    door.post("/session", APP, guest).await;
    let twitter = r#"{"application_id":1,"auth_key":"k","provider":"twitter","keys":{"token":"t","secret":"s"}}"#;
    door.post("/session", APP, twitter).await;
    door.post(
        "/login",
        APP,
        r#"{"provider":"firebase_phone","firebase_phone[project_id]":"p","firebase_phone[access_token]":"t"}"#,
    )
    .await;
    {
        let opened = door.world.opened.lock();
        assert_eq!(opened[0].guest.as_ref().and_then(|guest| guest.full_name.as_deref()), Some("Ann"));
        assert!(opened[0].user.is_none() && opened[0].provided.is_none());
        assert!(opened[1].provided.is_some() && opened[1].user.is_none() && opened[1].guest.is_none());
        let login = &door.world.logins.lock()[0];
        assert!(login.provided.is_some() && login.user.is_none());
    }
    door.close().await;
}

#[tokio::test]
async fn a_forgotten_password_is_asked_for_and_set_on_a_page_that_runs_nothing() {
    let door = Door::open().await;
    door.ask("GET", "/users/password/reset.json?email=ann%40example.test", &[APP], "").await.is(200, "");
    door.post("/users/password/reset", APP, r#"{"email":"ann@example.test"}"#).await.is(200, "");
    {
        let forgotten = door.world.forgotten.lock();
        assert_eq!((forgotten.len(), &forgotten[0]), (2, &forgotten[1]));
        assert_eq!(
            (forgotten[0].app, forgotten[0].email.as_str(), forgotten[0].address.as_str()),
            (77, "ann@example.test", "127.0.0.1")
        );
        assert_eq!(forgotten[0].page, "https://api.example.test/password/reset/", "the house's own, whatever the request names");
    }
    door.post("/users/password/reset", APP, "{}").await.is(422, r#"{"errors":{"email":["is required"]}}"#);

    let page = door.ask("GET", "/password/reset/77-34-x", &[], "").await;
    assert_eq!((page.status, page.header("Content-Type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("Content-Security-Policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; form-action 'self'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert_eq!((page.header("Referrer-Policy"), page.header("Cache-Control")), (Some("no-referrer"), Some("no-store")));
    assert!(page.body.contains("<form method=\"post\">") && !page.body.contains("77-34-x") && !page.body.contains("script"));
    assert!(door.world.resets.lock().is_empty(), "a look sets nothing");

    let done = door.ask("POST", "/password/reset/77-34-x", &[FORM], "password=a+b%2Bc").await;
    assert!(done.status == 200 && !done.body.contains("<form"), "{}", done.body);
    let reset = door.world.resets.lock()[0].clone();
    assert_eq!((reset.key.as_str(), reset.password.as_str()), ("77-34-x", "a b+c"));
    for (code, text, status) in [
        (Code::Invalid, "is too short", 422),
        (Code::NotFound, "this link is over", 404),
        (Code::TooMany, "x", 429),
        (Code::Internal, "secret", 503),
    ] {
        *door.world.account_fails.lock() = Some(Failure::new(code, text));
        let refused = door.ask("POST", "/password/reset/77-34-x", &[FORM], "password=x").await;
        assert!(refused.status == status && !refused.body.contains("secret"), "{}", refused.body);
    }
    door.close().await;
}

#[tokio::test]
async fn login_upgrades_the_token_and_answers_202() {
    let door = Door::open().await;
    let answer = door.post("/login.json", APP, r#"{"email":"ann@example.test","password":"p"}"#).await;
    assert_eq!((answer.status, answer.json()["user"]["id"].as_u64()), (202, Some(34)));
    let login = door.world.logins.lock()[0].clone();
    assert_eq!((login.token.as_str(), login.user.unwrap().email.as_deref()), ("app", Some("ann@example.test")));
    door.ask("POST", "/login", &[JSON], "{}").await.is(401, r#"{"errors":{"base":["Token is required"]}}"#);
    for path in ["/login", "/session.json"] {
        let answer = door.ask("DELETE", path, &[ANN, FORM], "").await;
        answer.is(200, "");
    }
    assert_eq!(door.get("/session", ANN).await.json()["session"]["user"]["id"], 34);
    door.close().await;
}

#[tokio::test]
async fn sign_up_is_opened_by_a_token_or_the_auth_key_and_by_nothing_else() {
    let door = Door::open().await;
    let body = r#"{"user":{"login":"new","password":"secret 1","tag_list":"a, b","phone":15550100}}"#;
    let key = ("CB-AuthKey", "demoKey");
    door.ask("POST", "/users.json", &[JSON], body).await.is(401, r#"{"errors":{"base":["Token is required"]}}"#);
    door.post("/users", ("CB-Token", "gone"), body).await.is(401, r#"{"errors":{"base":["Required session does not exist"]}}"#);
    door.ask("POST", "/users", &[JSON, ("CB-AuthKey", "wrong")], body).await.is(401, r#"{"errors":["Unauthorized"]}"#);
    assert_eq!(door.ask("POST", "/users", &[JSON, ("CB-AuthKey", "busyKey")], body).await.status, 503, "not a wrong key");
    for headers in [&[JSON, key][..], &[JSON, APP], &[JSON, ANN, key], &[JSON, ("CB-Token", "gone"), key]] {
        let answer = door.ask("POST", "/users.json", headers, body).await;
        assert_eq!((answer.status, answer.json()["user"]["login"].as_str()), (201, Some("new")));
        assert!(!answer.body.contains("secret 1"));
        let asked = door.world.sign_ups.lock().pop().unwrap();
        assert_eq!((asked.app, asked.password.as_str()), (77, "secret 1"));
        let user = asked.user.unwrap();
        assert_eq!((user.tags, user.phone.as_deref()), (vec!["a".to_owned(), "b".to_owned()], Some("15550100")));
    }
    let answer = door.ask("POST", "/users", &[FORM, APP], "user[login]=new&user[password]=x").await;
    assert_eq!(answer.json()["user"]["user_tags"], serde_json::Value::Null);
    *door.world.account_fails.lock() = Some(Failure::of_field(Code::Exists, "login", "taken"));
    door.post("/users", APP, body).await.is(422, r#"{"errors":{"login":["has already been taken"]}}"#);
    door.post("/users", APP, r#"{"user":{"login":"x"}}"#).await.is(422, r#"{"errors":{"password":["is required"]}}"#);
    door.post("/users", APP, "{}").await.is(422, r#"{"errors":{"user":["is required"]}}"#);
    door.close().await;
}

#[tokio::test]
async fn only_oneself_is_updated_or_deleted() {
    let door = Door::open().await;
    for path in ["/users/34.json", "/users.json"] {
        let answer = door
            .ask("PUT", path, &[ANN, JSON], r#"{"user":{"full_name":"A","avatar":null,"tag_list":[],"custom_data":{"a":1}}}"#)
            .await;
        assert_eq!((answer.status, answer.json()["user"]["id"].as_u64()), (200, Some(34)));
        let asked = door.world.updates.lock().pop().unwrap();
        let set = asked.set.unwrap();
        assert_eq!(
            (asked.id, set.full_name.as_deref(), set.custom_data.as_deref(), set.avatar),
            (34, Some("A"), Some(r#"{"a":1}"#), None)
        );
        assert_eq!((asked.clear, asked.tags_given), (vec!["avatar".to_owned()], true));
        assert_eq!(asked.token, "ann", "the token that a new password spares");
    }
    let forbidden = r#"{"errors":["You don't have appropriate permissions to perform this operation"]}"#;
    door.ask("PUT", "/users/78", &[ANN, JSON], r#"{"user":{"login":"x"}}"#).await.is(403, forbidden);
    door.ask("DELETE", "/users/78", &[ANN], "").await.is(403, forbidden);
    door.ask("DELETE", "/users/34", &[ANN], "").await.is(200, "");
    door.ask("DELETE", "/users", &[ANN], "").await.is(200, "");
    door.close().await;
}

#[tokio::test]
async fn one_user_is_found_by_id_and_by_every_name() {
    let door = Door::open().await;
    for (path, id) in [
        ("/users/34.json", 34),
        ("/users/by_login?login=ann", 34),
        ("/users/by_email.json?email=bob%40example.test", 78),
        ("/users/phone.json?phone=%2B1555", 78),
        ("/users/by_phone.json?phone=%2B1555", 78),
        ("/users/by_facebook_id.json?facebook_id=f1", 78),
        ("/users/by_twitter_id.json?twitter_id=t1", 78),
        ("/users/external/675.json", 78),
        ("/users/external/x1.json", 78),
    ] {
        assert_eq!(door.get(path, APP).await.json()["user"]["id"], id, "{path}");
    }
    for path in [
        "/users/5",
        "/users/0",
        "/users/x",
        "/users/99999999999999999999",
        "/users/by_login?login=nobody",
        "/users/phone?phone=1",
        "/users/by_twitter_id?twitter_id=f1",
        "/users/external/1",
    ] {
        door.get(path, ANN).await.is(404, r#"{"errors":["User not found"]}"#);
    }
    door.get("/users/by_login", ANN).await.is(422, r#"{"errors":{"login":["is required"]}}"#);
    door.close().await;
}
