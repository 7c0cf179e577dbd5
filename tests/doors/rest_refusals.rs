//! Every refusal of contract rest 1.6 that exists so far, and what no client should send: status and body to the byte, the
//! headers of 1.8, and afterwards the same process serves as before.

use anyhow::{Context, Result, ensure};
use hmac::{Hmac, KeyInit, Mac};
use natter_tests::process::Natter;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sha1::Sha1;

use crate::rest::{EXPIRED, PASSWORD, Person, Rest};
use crate::verdict::Verdict;

const NO_TOKEN: &str = r#"{"errors":{"base":["Token is required"]}}"#;
const NEED_USER: &str = r#"{"errors":{"base":["Forbidden. Need user."]}}"#;
const NOT_ALLOWED: &str = r#"{"errors":["You don't have appropriate permissions to perform this operation"]}"#;
const NOT_FOUND: &str = r#"{"errors":["The resource wasn't found"]}"#;
const NO_USER: &str = r#"{"errors":["User not found"]}"#;
const UNAUTHORIZED: &str = r#"{"errors":["Unauthorized"]}"#;
const NO_OPPONENT: &str = r#"{"errors":["Occupants_ids is missing opponent ID."]}"#;

/// Calls that need a user, as method, path and body.
const OF_USERS: [(&str, &str, &str); 10] = [
    ("PUT", "/users.json", r#"{"user":{"full_name":"x"}}"#),
    ("DELETE", "/users.json", ""),
    ("POST", "/chat/Dialog.json", r#"{"type":3,"occupants_ids":"2"}"#),
    ("GET", "/chat/Dialog.json?", ""),
    ("DELETE", "/chat/Dialog/66f0a1b2c3d4e5f607182930.json", ""),
    ("GET", "/chat/Message.json?chat_dialog_id=66f0a1b2c3d4e5f607182930", ""),
    ("POST", "/chat/Message.json", r#"{"chat_dialog_id":"66f0a1b2c3d4e5f607182930","message":"x"}"#),
    ("PUT", "/chat/Message.json", r#"{"chat_dialog_id":"66f0a1b2c3d4e5f607182930","read":1}"#),
    ("DELETE", "/chat/Message/66f0a1b2c3d4e5f607182930.json", ""),
    ("GET", "/chat/Message/unread.json", ""),
];

/// Calls that need a token, with or without a user.
const OF_SESSIONS: [(&str, &str, &str); 10] = [
    ("GET", "/session.json", ""),
    ("DELETE", "/session.json", ""),
    ("POST", "/login.json", r#"{"login":"ann","password":"x"}"#),
    ("DELETE", "/login.json", ""),
    ("GET", "/users/1.json", ""),
    ("GET", "/users/by_login.json?login=ann", ""),
    ("GET", "/users/by_tags.json?tags[]=vip", ""),
    ("GET", "/users.json?", ""),
    ("GET", "/users/v2.json?login=ann", ""),
    ("GET", "/users/online.json", ""),
];

#[tokio::test]
async fn every_refusal_is_the_json_of_the_contract_and_the_door_stays_open() {
    refuse_everything().await.unwrap();
}

async fn refuse_everything() -> Result<()> {
    let natter = Natter::start(&["api.user_rate=100000", "account.guesses_user_max=1000"]).await?;
    natter.shell(&["app", "create", "--id", "2"])?;
    let stage = Stage::open(&natter).await?;
    let mut verdict = Verdict::default();
    for (case, request, status, body) in tokens(&stage)
        .await?
        .into_iter()
        .chain(sessions(&stage)?)
        .chain(users(&stage))
        .chain(dialogs(&stage))
        .chain(messages(&stage))
    {
        verdict.of(&case, stage.rest.refused(request, status, &body).await);
    }
    for (case, request, status) in malformed(&stage) {
        verdict.of(&case, has_status(&stage.rest, request, status).await);
    }
    for path in ["/session.json", "/chat/Dialog.json", "/nothing/here", "/users/%zz?a=%ff", "//"] {
        let preflight = stage.rest.request(Method::OPTIONS, path).header("Origin", "https://app.example.net");
        let preflight = preflight.header("Access-Control-Request-Method", "POST");
        verdict.of(&format!("preflight of {path}"), has_status(&stage.rest, preflight, 200).await);
    }
    verdict.of("foreign messages are not removed", stage.foreign_removal().await);
    verdict.pronounce()?;
    stage.still_serves().await
}

/// A case: what it shows, the request, the status and the body to the byte.
type Case = (String, RequestBuilder, u16, String);

struct Stage {
    rest: Rest,
    ann: Person,
    bob: Person,
    /// In no dialog with anybody.
    cat: Person,
    /// Of another app.
    zoe: Person,
    dialog: String,
    message: String,
}

impl Stage {
    async fn open(natter: &Natter) -> Result<Stage> {
        let (rest, other) = (Rest::of(natter, 1)?, Rest::of(natter, 2)?);
        let (ann, bob, cat) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?, rest.sign_up("cat").await?);
        let zoe = other.sign_up("zoe").await?;
        let email = json!({"user": {"email": "ann@example.test"}});
        rest.done(rest.request(Method::PUT, "/users.json").header("CB-Token", &ann.token).json(&email)).await?;
        let dialog = rest.dialog(&ann, &bob).await?;
        let made =
            rest.done(rest.post("/chat/Message", &ann.token, &json!({"chat_dialog_id": dialog, "message": "kept"}))).await?;
        let message = made["_id"].as_str().context("_id")?.to_owned();
        Ok(Stage { rest, ann, bob, cat, zoe, dialog, message })
    }

    /// A message that one may not touch is left alone, and the answer says so (contract rest 5.5).
    async fn foreign_removal(&self) -> Result<()> {
        for (who, list) in [(&self.cat, "NotFound"), (&self.zoe, "NotFound"), (&self.bob, "WrongPermissions")] {
            let path = format!("/chat/Message/{}", self.message);
            let request = self.rest.request(Method::DELETE, &path).header("CB-Token", &who.token);
            let answer = self.rest.done(request.body("force=1")).await?;
            ensure!(answer[list]["ids"] == json!([self.message]), "{}: {answer}", who.login);
        }
        Ok(())
    }

    async fn still_serves(&self) -> Result<()> {
        let (rest, bob) = (&self.rest, &self.bob);
        rest.done(rest.post("/chat/Message", &bob.token, &json!({"chat_dialog_id": self.dialog, "message": "after"}))).await?;
        ensure!(rest.bodies(&self.ann.token, &self.dialog).await? == ["kept", "after"]);
        Ok(())
    }
}

async fn tokens(stage: &Stage) -> Result<Vec<Case>> {
    let rest = &stage.rest;
    let (app, destroyed) = (rest.app_token().await?, rest.app_token().await?);
    rest.done(rest.request(Method::DELETE, "/session").header("CB-Token", &destroyed)).await?;
    let long = "A".repeat(4_000);
    let mut cases = Vec::new();
    for (what, token) in [
        ("an unknown", "0123456789ABCDEF0123456789ABCDEF0123"),
        ("a garbage", "' OR 1=1 --"),
        ("a destroyed", destroyed.as_str()),
        ("a very long", long.as_str()),
        ("a non-ASCII", "\u{e9}\u{4e2d}"),
        ("somebody's half", &stage.ann.token[..18]),
    ] {
        for (method, path, body) in OF_SESSIONS.into_iter().chain(OF_USERS) {
            let request = call(rest, method, path, body)?.header("CB-Token", token.as_bytes());
            cases.push((format!("{method} {path} with {what} token"), request, 401, EXPIRED.to_owned()));
        }
    }
    for (method, path, body) in OF_SESSIONS.into_iter().chain(OF_USERS) {
        cases.push((format!("{method} {path} without a token"), call(rest, method, path, body)?, 401, NO_TOKEN.to_owned()));
    }
    for (method, path, body) in OF_USERS {
        let request = call(rest, method, path, body)?.header("CB-Token", &app);
        cases.push((format!("{method} {path} without a user"), request, 403, NEED_USER.to_owned()));
    }
    Ok(cases)
}

fn sessions(stage: &Stage) -> Result<Vec<Case>> {
    let rest = &stage.rest;
    let post = |body: Value| rest.request(Method::POST, "/session.json").json(&body);
    let login = |login: &str, password: &str| rest.session(Some(json!({"login": login, "password": password})));
    let upgrade =
        |login: &str, password: &str| rest.post("/login", &stage.cat.token, &json!({"login": login, "password": password}));
    let now = i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs())?;
    let unsigned = json!({"application_id": rest.app, "auth_key": rest.auth_key, "nonce": 7, "timestamp": now});
    let with = |name: &str, value: Value| {
        let mut body = unsigned.clone();
        body[name] = value;
        body
    };
    let unexpected = r#"{"errors":["Unexpected signature"]}"#;
    let bad_timestamp = r#"{"errors":["Bad timestamp"]}"#;
    let wrong_password = r#"{"errors":["Invalid password"]}"#;
    Ok(cases([
        ("a wrong signature", post(with("signature", json!("0".repeat(40)))), 422, unexpected),
        ("a signature of SHA-256 length", post(with("signature", json!("0".repeat(64)))), 422, unexpected),
        ("a signature that is no hex", post(with("signature", json!("xyz"))), 422, unexpected),
        ("a signature of other parameters", post(signed(rest, now)?.change("nonce", json!(8))), 422, unexpected),
        ("a timestamp of two hours ago", post(signed(rest, now - 7_200)?.0), 422, bad_timestamp),
        ("a timestamp in two hours", post(signed(rest, now + 7_200)?.0), 422, bad_timestamp),
        ("an unknown app", post(with("application_id", json!(4_711))), 401, UNAUTHORIZED),
        ("a wrong auth key", post(with("auth_key", json!("wrong"))), 401, UNAUTHORIZED),
        ("the key of another app", post(with("application_id", json!(2))), 401, UNAUTHORIZED),
        ("a wrong password", login("ann", "wrong"), 401, wrong_password),
        ("an unknown login", login("nobody", PASSWORD), 404, NO_USER),
        ("a user of another app", login("zoe", PASSWORD), 404, NO_USER),
        ("an upgrade with a wrong password", upgrade("ann", "wrong"), 401, wrong_password),
        ("an upgrade to an unknown user", upgrade("nobody", PASSWORD), 404, NO_USER),
        ("no app", post(json!({"auth_key": "x"})), 422, r#"{"errors":{"application_id":["is required"]}}"#),
        (
            "an app that is no number",
            post(json!({"application_id": "one", "auth_key": "x"})),
            422,
            r#"{"errors":{"application_id":["is not a number"]}}"#,
        ),
        ("no auth key", post(json!({"application_id": 1})), 422, r#"{"errors":{"auth_key":["is required"]}}"#),
        ("a provider", post(with("provider", json!("myspace"))), 422, r#"{"errors":["Provider is not configured"]}"#),
        ("a provider without keys", post(with("provider", json!("facebook"))), 422, r#"{"errors":{"keys":["is required"]}}"#),
        (
            "a provider that the app has not",
            post(with("firebase_phone", json!({"project_id": "p", "access_token": "t"}))),
            422,
            r#"{"errors":["Provider is not configured"]}"#,
        ),
        ("a guest", post(with("user", json!({"guest": 1}))), 422, r#"{"errors":["Guest users are not offered"]}"#),
    ]))
}

fn users(stage: &Stage) -> Vec<Case> {
    let (rest, cat) = (&stage.rest, &stage.cat.token);
    let sign_up = |user: Value| rest.post("/users.json", cat, &json!({"user": user}));
    let update = |id: u64, user: Value| {
        rest.request(Method::PUT, &format!("/users/{id}")).header("CB-Token", cat).json(&json!({"user": user}))
    };
    let (own, other) = (stage.cat.account.user, stage.ann.account.user);
    let keyed = |key: &str| {
        rest.request(Method::POST, "/users")
            .header("CB-AuthKey", key)
            .json(&json!({"user": {"login": "dan", "password": PASSWORD}}))
    };
    let taken_email = r#"{"errors":{"email":["has already been taken"]}}"#;
    let taken = r#"{"errors":{"login":["has already been taken"]}}"#;
    cases([
        ("a login that is taken", sign_up(json!({"login": "ann", "password": PASSWORD})), 422, taken),
        (
            "an email that is taken",
            sign_up(json!({"login": "dan", "email": "ANN@example.test", "password": PASSWORD})),
            422,
            taken_email,
        ),
        ("an update to a login that is taken", update(own, json!({"login": "ann"})), 422, taken),
        ("no user", rest.post("/users", cat, &json!({"login": "dan"})), 422, r#"{"errors":{"user":["is required"]}}"#),
        ("no password", sign_up(json!({"login": "dan"})), 422, r#"{"errors":{"password":["is required"]}}"#),
        (
            "a wrong old password",
            update(own, json!({"password": "another one", "old_password": "wrong"})),
            422,
            r#"{"errors":{"old_password":["is invalid"]}}"#,
        ),
        ("an update of somebody else", update(other, json!({"full_name": "x"})), 403, NOT_ALLOWED),
        (
            "the deletion of somebody else",
            rest.request(Method::DELETE, &format!("/users/{other}")).header("CB-Token", cat),
            403,
            NOT_ALLOWED,
        ),
        ("sign-up with a wrong key", keyed("wrong"), 401, UNAUTHORIZED),
        ("an unknown user", rest.get("/users/999999.json", cat), 404, NO_USER),
        ("a user of another app", rest.get(&format!("/users/{}", stage.zoe.account.user), cat), 404, NO_USER),
        ("a user id that is no number", rest.get("/users/ann.json", cat), 404, NO_USER),
        ("an unknown login", rest.get("/users/by_login.json?login=nobody", cat), 404, NO_USER),
        ("an unknown phone", rest.get("/users/phone.json?phone=1", cat), 404, NO_USER),
        ("an unknown external id", rest.get("/users/external/4711.json", cat), 404, NO_USER),
        (
            "a filter that is none",
            rest.get("/users.json?filter[]=string%20login%20is%20ann", cat),
            422,
            r#"{"errors":{"filter":["has an unknown operator"]}}"#,
        ),
        (
            "a filter by custom data",
            rest.get("/users.json?filter[]=string%20custom_data%20eq%20x", cat),
            422,
            r#"{"errors":{"filter":["cannot be filtered by"]}}"#,
        ),
        ("no tags", rest.get("/users/by_tags.json", cat), 422, r#"{"errors":{"tags":["is required"]}}"#),
        ("an unknown email", rest.get("/users/by_email.json?email=no%40example.test", cat), 404, NO_USER),
    ])
}

fn dialogs(stage: &Stage) -> Vec<Case> {
    let (rest, ann, dialog) = (&stage.rest, &stage.ann.token, &stage.dialog);
    let create = |occupants: &str| rest.post("/chat/Dialog", ann, &json!({"type": 3, "occupants_ids": occupants}));
    let delete = |token: &str, id: &str| rest.request(Method::DELETE, &format!("/chat/Dialog/{id}")).header("CB-Token", token);
    let (own, zoe) = (stage.ann.account.user.to_string(), stage.zoe.account.user.to_string());
    cases([
        ("a dialog with nobody", create(""), 422, NO_OPPONENT),
        ("a dialog with oneself", create(&own), 422, NO_OPPONENT),
        ("a dialog with an unknown user", create("999999"), 422, NO_OPPONENT),
        ("a dialog with a user of another app", create(&zoe), 422, NO_OPPONENT),
        (
            "a dialog of unknown type",
            rest.post("/chat/Dialog", ann, &json!({"type": 9})),
            422,
            r#"{"errors":{"type":["is unknown"]}}"#,
        ),
        ("a dialog without a type", rest.post("/chat/Dialog", ann, &json!({})), 422, r#"{"errors":{"type":["is required"]}}"#),
        ("the deletion of a foreign dialog", delete(&stage.cat.token, dialog), 403, NOT_ALLOWED),
        ("the deletion of a dialog of another app", delete(&stage.zoe.token, dialog), 404, NOT_FOUND),
        ("the deletion of an unknown dialog", delete(ann, "66f0a1b2c3d4e5f607182930"), 404, NOT_FOUND),
        ("the deletion of a malformed dialog", delete(ann, "nonsense"), 404, NOT_FOUND),
    ])
}

fn messages(stage: &Stage) -> Vec<Case> {
    let (rest, ann, dialog, message) = (&stage.rest, &stage.ann.token, &stage.dialog, &stage.message);
    let list = |token: &str, id: &str| rest.get(&format!("/chat/Message.json?chat_dialog_id={id}"), token);
    let create = |token: &str, body: Value| rest.post("/chat/Message", token, &body);
    let put = |token: &str, id: &str, body: Value| {
        rest.request(Method::PUT, &format!("/chat/Message/{id}")).header("CB-Token", token).json(&body)
    };
    let (cat, zoe, bob) = (&stage.cat.token, &stage.zoe.token, &stage.bob.token);
    let unknown = "66f0a1b2c3d4e5f607182930";
    let to = |dialog: &str| json!({"chat_dialog_id": dialog, "message": "x"});
    let no_dialog = r#"{"errors":{"chat_dialog_id":["is required"]}}"#;
    cases([
        ("the history of a foreign dialog", list(cat, dialog), 403, NOT_ALLOWED),
        ("the history of a dialog of another app", list(zoe, dialog), 404, NOT_FOUND),
        ("the history of an unknown dialog", list(ann, unknown), 404, NOT_FOUND),
        ("the history of a malformed dialog", list(ann, "x"), 404, NOT_FOUND),
        ("the history of no dialog", rest.get("/chat/Message.json", ann), 422, no_dialog),
        ("a message into a foreign dialog", create(cat, to(dialog)), 403, NOT_ALLOWED),
        ("a message into a dialog of another app", create(zoe, to(dialog)), 404, NOT_FOUND),
        ("a message into an unknown dialog", create(ann, to(unknown)), 404, NOT_FOUND),
        ("a message to an unknown user", create(ann, json!({"recipient_id": 999_999, "message": "x"})), 404, NOT_FOUND),
        ("a message to nobody", create(ann, json!({"message": "x"})), 422, no_dialog),
        ("another's message edited", put(bob, message, json!({"chat_dialog_id": dialog, "message": "x"})), 403, NOT_ALLOWED),
        ("a foreign message edited", put(cat, message, json!({"chat_dialog_id": dialog, "message": "x"})), 403, NOT_ALLOWED),
        ("an unknown message edited", put(ann, unknown, json!({"chat_dialog_id": dialog, "message": "x"})), 404, NOT_FOUND),
        ("an unknown message read", put(ann, unknown, json!({"chat_dialog_id": dialog, "read": 1})), 404, NOT_FOUND),
        ("a foreign dialog read", put(cat, message, json!({"chat_dialog_id": dialog, "read": 1})), 403, NOT_ALLOWED),
    ])
}

/// What no SDK sends. The text is ours to choose, the status and the JSON are not.
fn malformed(stage: &Stage) -> Vec<(String, RequestBuilder, u16)> {
    let (rest, ann) = (&stage.rest, &stage.ann.token);
    let path = "/chat/Message.json";
    let body = |kind: &str, body: Vec<u8>| {
        rest.request(Method::POST, path).header("CB-Token", ann).header("Content-Type", kind).body(body)
    };
    let json_body = |text: &str| body("application/json;charset=utf-8", text.as_bytes().to_vec());
    let form = |text: &[u8]| body("application/x-www-form-urlencoded; charset=UTF-8", text.to_vec());
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(2_000), "]".repeat(2_000));
    let keys: Vec<String> = (0..2_001).map(|n| format!("k{n}=1")).collect();
    let open =
        |bytes: usize| rest.request(Method::POST, "/session").header("Content-Type", "application/json").body("x".repeat(bytes));
    let named = [
        ("JSON that ends early", json_body("{\"message\":"), 400),
        ("JSON that is a list", json_body("[1, 2]"), 400),
        ("JSON with something behind it", json_body("{} {}"), 400),
        ("JSON that is not UTF-8", body("application/json", b"{\"message\":\"\xff\"}".to_vec()), 400),
        ("JSON that is nested too deep", json_body(&deep), 400),
        ("a bracket key that is nested too deep", form(format!("a{}=1", "[b]".repeat(200)).as_bytes()), 400),
        ("percent-encoding that is none", form(b"message=%zz"), 400),
        ("percent-encoding that ends early", form(b"message=%4"), 400),
        ("a form that is not UTF-8", form(b"message=%ff%fe"), 400),
        ("too many keys in a form", form(keys.join("&").as_bytes()), 400),
        ("too many keys in a query", rest.get(&format!("{path}?{}", keys.join("&")), ann), 400),
        ("a query that is not UTF-8", rest.get("/chat/Dialog.json?name=%c3%28", ann), 400),
        ("a path that is not UTF-8", rest.get("/users/%ff", ann), 400),
        ("a path with percent-encoding that is none", rest.get("/users/%zz", ann), 400),
        ("a body over a megabyte", json_body(&format!("{{\"message\":\"{}\"}}", "x".repeat(1 << 20))), 413),
        ("a body over 64 KB from a stranger", open((64 << 10) + 1), 413),
        (
            "a message body over 60 KB",
            json_body(&json!({"chat_dialog_id": stage.dialog, "message": "x".repeat(61 << 10)}).to_string()),
            413,
        ),
        ("multipart", body("multipart/form-data; boundary=b", b"--b--".to_vec()), 415),
        ("an unknown route", rest.get("/nothing/here.json", ann), 404),
        ("the root of another service", rest.request(Method::POST, "/graphql").body("{}"), 404),
        ("a path that climbs", rest.get("/chat/..%2f..%2fetc/passwd", ann), 404),
        ("a wrong method", rest.request(Method::PATCH, "/session.json"), 405),
        ("a made-up method", rest.request(Method::from_bytes(b"BREW").unwrap(), "/chat/Dialog"), 405),
        ("a call of the SDK that is not offered", rest.get("/meetings.json", ann), 404),
        ("a search for hardly anything", rest.get("/chat/search.json?search_text=x", ann), 422),
        ("a search for nobody", rest.get("/users/v2.json?limit=1", ann), 422),
        ("a limit that is no number", rest.get("/chat/Dialog.json?limit=many", ann), 422),
        ("a filter on a field that is none", rest.get("/chat/Dialog.json?nothing[gt]=1", ann), 422),
        ("an operator that is none", rest.get("/chat/Dialog.json?updated_at[near]=1", ann), 422),
        ("a sort by nothing", rest.get(&format!("{path}?chat_dialog_id={}&sort_asc=weight", stage.dialog), ann), 422),
        ("a date that is none", rest.get("/chat/Dialog.json?updated_at[gt]=yesterday", ann), 422),
    ];
    named.into_iter().map(|(case, request, status)| (case.to_owned(), request, status)).collect()
}

async fn has_status(rest: &Rest, request: RequestBuilder, status: u16) -> Result<()> {
    let answer = rest.send(request).await?;
    ensure!(answer.status == status, "{} {}, not {status}", answer.status, answer.text);
    if status >= 400 {
        let body = answer.json()?;
        ensure!(body["errors"].is_array() || body["errors"].is_object(), "{body} has no errors");
    }
    Ok(())
}

fn cases<const N: usize>(rows: [(&str, RequestBuilder, u16, &str); N]) -> Vec<Case> {
    rows.into_iter().map(|(case, request, status, body)| (case.to_owned(), request, status, body.to_owned())).collect()
}

fn call(rest: &Rest, method: &str, path: &str, body: &'static str) -> Result<RequestBuilder> {
    let request = rest.request(Method::from_bytes(method.as_bytes())?, path);
    Ok(if body.is_empty() { request } else { request.header("Content-Type", "application/json").body(body) })
}

/// A signed body (contract rest 2.3).
pub struct Signed(pub Value);

impl Signed {
    fn change(mut self, name: &str, value: Value) -> Value {
        self.0[name] = value;
        self.0
    }
}

/// A body that opens an app session, signed with the secret of `rest`.
pub fn signed(rest: &Rest, timestamp: i64) -> Result<Signed> {
    let text = format!("application_id={}&auth_key={}&nonce=7&timestamp={timestamp}", rest.app, rest.auth_key);
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(rest.auth_secret.as_bytes())?;
    mac.update(text.as_bytes());
    let signature: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let body = json!({"application_id": rest.app, "auth_key": rest.auth_key, "nonce": 7, "timestamp": timestamp, "signature": signature});
    Ok(Signed(body))
}
