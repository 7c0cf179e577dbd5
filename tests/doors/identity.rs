//! Identity providers on a real process, with local ones that the test writes: what is believed, what is not, what a provider that
//! hangs holds up, and where nothing is asked at all. Settings come by the shell, as an operator gives them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use natter_tests::process::Natter;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::identity::house::{House, NOW_MARGIN};
use crate::identity::signer::Signer;
use crate::rest::{Answer, Rest, token_of};
use crate::verdict::Verdict;

mod house;
mod signer;

const REFUSED: &str = r#"{"errors":["The identity provider refused the token"]}"#;
const LATER: &str = r#"{"errors":["Not done, please try again"]}"#;
const ABSENT: &str = r#"{"errors":["Provider is not configured"]}"#;
const LOCAL: &str = r#"outbound.private_networks=["127.0.0.1"]"#;
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_inside_the_house_is_asked_unless_the_operator_names_it() {
    stay_outside().await.unwrap();
}

async fn stay_outside() -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let rest = Rest::of(&natter, 1)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let console = natter.ports.console;
    for host in ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        for port in [port, console] {
            let custom = json!({"url": format!("http://{host}:{port}/admin/v1/apps"), "response": {"uid": "#{id}"}});
            natter.set_identity(1, &json!({ "custom": custom }))?;
            rest.refused(sign_in(&rest, "a token"), 503, LATER).await?;
        }
    }
    let waiting = timeout(Duration::from_millis(100), listener.accept()).await;
    ensure!(waiting.is_err(), "somebody connected");
    let metrics = metrics(&natter).await?;
    ensure!(metrics.contains(r#"natter_outbound_requests_total{end="Barred"} 14"#), "{metrics}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_apps_own_provider_is_believed_when_it_answers_and_never_else() {
    ask_the_own_provider().await.unwrap();
}

async fn ask_the_own_provider() -> Result<()> {
    let natter = Natter::start(&[LOCAL, "outbound.deadline_ms=1000"]).await?;
    let (rest, house) = (Rest::of(&natter, 1)?, House::open().await?);
    let shown = natter.set_identity(1, &json!({ "custom": house.custom() }))?;
    ensure!(shown.contains("********") && !shown.contains("k3y"), "{shown}");

    let first = rest.done(sign_in(&rest, r#"token of "7","x":"1"#)).await?;
    let user = &first["session"]["user"];
    ensure!(user["external_id"] == r#""7","x":"1"# && user["full_name"] == "Somebody", "{first}");
    let app_token = rest.app_token().await?;
    let login = json!({"login": r#"token of "7","x":"1"#, "password": "else"});
    let second = rest.done(rest.post("/login.json", &app_token, &login)).await?;
    ensure!(second["user"]["id"] == user["id"], "{second}");

    let mut verdict = Verdict::default();
    let huge = "huge".to_owned();
    for (case, token, status, body) in [
        ("a refusal", "nobody's", 422, REFUSED),
        ("an answer without a uid", "nameless", 422, REFUSED),
        ("a failure", "error", 503, LATER),
        ("a huge answer", huge.as_str(), 503, LATER),
        ("an answer that is no JSON", "garbage", 503, LATER),
        ("a redirect to another address", "redirect", 503, LATER),
        ("no answer", "hang", 503, LATER),
        ("a token that cannot stand in a header", "token of \u{7}", 422, REFUSED),
    ] {
        verdict.of(case, rest.refused(sign_in(&rest, token), status, body).await);
    }
    verdict.of(
        "the redirect was not followed",
        match house.asked("/elsewhere") {
            0 => Ok(()),
            times => Err(anyhow::anyhow!("{times} times")),
        },
    );
    let log = std::fs::read_to_string(natter.log())?;
    verdict.of(
        "the log holds no token and no key",
        match ["token of", "k3y", "nobody's"].iter().find(|mark| log.contains(*mark)) {
            None => Ok(()),
            Some(mark) => Err(anyhow::anyhow!("{mark}")),
        },
    );
    verdict.pronounce()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_hangs_holds_up_its_own_sign_ins_and_nobody_else() {
    hang().await.unwrap();
}

async fn hang() -> Result<()> {
    let natter = Natter::start(&[LOCAL, "outbound.requests_per_app_max=3", "outbound.deadline_ms=20000"]).await?;
    let (rest, house) = (Rest::of(&natter, 1)?, House::open().await?);
    natter.shell(&["app", "create", "--id", "2"])?;
    let other = Rest::of(&natter, 2)?;
    let ann = rest.sign_up("ann").await?;
    for app in [1, 2] {
        natter.set_identity(app, &json!({ "custom": house.custom() }))?;
    }
    let hanging: Vec<_> = (0..3).map(|_| tokio::spawn(sign_in(&rest, "hang").send())).collect();
    timeout(PATIENCE, house.until_asked("/me", 3)).await.context("the provider is not asked")?;
    rest.refused(sign_in(&rest, "token of 1"), 503, LATER).await?;
    rest.done(sign_in(&other, "token of 1")).await?;
    rest.done(rest.session(Some(json!({"login": "ann", "password": crate::rest::PASSWORD})))).await?;
    rest.done(rest.get("/session", &ann.token)).await?;
    ensure!(hanging.iter().all(|one| !one.is_finished()), "the provider has answered");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn firebase_is_believed_by_googles_signature_and_by_nothing_else() {
    believe_firebase().await.unwrap();
}

async fn believe_firebase() -> Result<()> {
    let natter = Natter::start(&[LOCAL]).await?;
    let (rest, house) = (Rest::of(&natter, 1)?, House::open().await?);
    let (google, stranger) = (Signer::new("one")?, Signer::new("one")?);
    let shown = |token: &str| phone(&rest, "p1", token);
    let fine = || json!({"phone_number": "+15550100"});
    rest.refused(shown(&google.token("p1", fine())?), 422, ABSENT).await?;
    natter.set_identity(1, &json!({"firebase": {"project_ids": ["p1"], "jwks_url": house.url("/jwks")}}))?;
    house.publish(&[&google]);

    let first = rest.done(shown(&google.token("p1", fine())?)).await?;
    ensure!(first["session"]["user"]["phone"] == "+15550100", "{first}");
    // The bracket form of `login` (contract rest 1.3, 6), and the same user.
    let flat = json!({"provider": "firebase_phone", "firebase_phone[project_id]": "p1",
        "firebase_phone[access_token]": google.token("p1", fine())?});
    let again = rest.done(rest.post("/login.json", &rest.app_token().await?, &flat)).await?;
    ensure!(again["user"]["id"] == first["session"]["user"]["id"], "{again}");

    let now = google.now();
    let mut verdict = Verdict::default();
    for (case, token) in [
        ("another project's", google.token("p2", fine())?),
        ("without a phone", google.token("p1", json!({}))?),
        ("over", google.token("p1", json!({"phone_number": "+15550100", "exp": now - NOW_MARGIN}))?),
        ("of another issuer", google.token("p1", json!({"phone_number": "+15550100", "iss": "https://evil.test/p1"}))?),
        ("for somebody else", google.token("p1", json!({"phone_number": "+15550100", "aud": "p2"}))?),
        ("of nobody", google.token("p1", json!({"phone_number": "+15550100", "sub": ""}))?),
        ("from the future", google.token("p1", json!({"phone_number": "+15550100", "iat": now + NOW_MARGIN}))?),
        ("signed by a stranger under the same key id", stranger.token("p1", fine())?),
        ("signed with the public key as a shared one", google.hmac("p1", fine())?),
        ("not signed", google.unsigned("p1", fine())?),
        ("no token", "x.y.z".to_owned()),
    ] {
        verdict.of(case, rest.refused(shown(&token), 422, REFUSED).await);
    }
    let not_ours = phone(&rest, "p2", &google.token("p2", fine())?);
    verdict.of("a project that is not configured", rest.refused(not_ours, 422, REFUSED).await);
    let unknown = Signer::new("two")?.token("p1", fine())?;
    verdict.of("an unknown key", rest.refused(shown(&unknown), 422, REFUSED).await);
    let fetches = house.asked("/jwks");
    for _ in 0..20 {
        rest.refused(shown(&unknown), 422, REFUSED).await?;
    }
    ensure!(house.asked("/jwks") <= fetches + 1, "each unknown key is a fetch");
    verdict.pronounce()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_firebase_has_proved_takes_the_account_that_only_claimed_it() {
    prove_an_address().await.unwrap();
}

async fn prove_an_address() -> Result<()> {
    let natter = Natter::start(&[LOCAL]).await?;
    let (rest, house, google) = (Rest::of(&natter, 1)?, House::open().await?, Signer::new("one")?);
    natter.set_identity(1, &json!({"firebase": {"project_ids": ["p1"], "jwks_url": house.url("/jwks")}}))?;
    house.publish(&[&google]);
    let email = json!({"email": "ann@example.test"});
    let squatter = rest.sign_up_as(&rest.app_token().await?, "squatter", email).await?;
    let shown = |claims: Value| -> Result<reqwest::RequestBuilder> {
        let firebase = json!({"project_id": "p1", "access_token": google.token("p1", claims)?});
        let body = json!({"application_id": 1, "auth_key": rest.auth_key, "firebase_email": firebase});
        Ok(rest.request(reqwest::Method::POST, "/session").json(&body))
    };
    rest.refused(shown(json!({"email": "ann@example.test", "email_verified": false}))?, 422, REFUSED).await?;
    rest.done(rest.get("/session", &squatter.token)).await?;
    let ann = rest.done(shown(json!({"email": "Ann@example.test", "email_verified": true}))?).await?;
    ensure!(ann["session"]["user_id"] == squatter.account.user, "{ann}");
    rest.refused(rest.get("/session", &squatter.token), 401, crate::rest::EXPIRED).await?;
    let old = rest.session(Some(json!({"login": "squatter", "password": crate::rest::PASSWORD})));
    rest.refused(old, 401, r#"{"errors":["Invalid password"]}"#).await?;
    let token = token_of(&ann)?;
    rest.done(shown(json!({"email": "ann@example.test", "email_verified": true}))?).await?;
    rest.done(rest.get("/session", &token)).await.context("the second proof ends nothing")?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facebook_and_twitter_are_asked_as_their_vendors_want_it() {
    ask_the_vendors().await.unwrap();
}

async fn ask_the_vendors() -> Result<()> {
    let natter = Natter::start(&[LOCAL]).await?;
    let (rest, house) = (Rest::of(&natter, 1)?, House::open().await?);
    let show = |provider: &str, keys: Value| {
        let body = json!({"application_id": 1, "auth_key": rest.auth_key, "provider": provider, "keys": keys});
        rest.request(reqwest::Method::POST, "/session").json(&body)
    };
    rest.refused(show("facebook", json!({"token": "ours"})), 422, ABSENT).await?;
    rest.refused(show("twitter", json!({"token": "t", "secret": "s"})), 422, ABSENT).await?;
    natter.set_identity(
        1,
        &json!({
            "facebook": {"app_id": "42", "app_secret": "s3cret", "endpoint": house.url("/facebook")},
            "twitter": {"consumer_key": "ck", "consumer_secret": "cs", "endpoint": house.url("/twitter")},
        }),
    )?;
    let ann = rest.done(show("facebook", json!({"token": "ours"}))).await?;
    ensure!(ann["session"]["user"]["facebook_id"] == "900" && ann["session"]["user"]["full_name"] == "Ann", "{ann}");
    rest.refused(show("facebook", json!({"token": "another app's"})), 422, REFUSED).await?;
    rest.refused(show("facebook", json!({"token": "of two minds"})), 422, REFUSED).await?;
    let ben = rest.done(show("twitter", json!({"token": "tt", "secret": "ts"}))).await?;
    ensure!(ben["session"]["user"]["twitter_id"] == "901", "{ben}");
    rest.refused(show("twitter", json!({"token": "tt", "secret": "wrong"})), 422, REFUSED).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_is_let_in_where_the_operator_wants_it_and_is_gone_after_its_time() {
    let_a_guest_in().await.unwrap();
}

async fn let_a_guest_in() -> Result<()> {
    let natter = Natter::start(&["account.guest_life_s=3", "account.newcomers_address_max=2"]).await?;
    let rest = Rest::of(&natter, 1)?;
    let guest = || rest.session(Some(json!({"guest": "1", "full_name": "Ann", "login": "ann", "password": "secret"})));
    rest.refused(guest(), 422, r#"{"errors":["Guest users are not offered"]}"#).await?;
    natter.set_identity(1, &json!({"guests": true}))?;
    let made = rest.done(guest()).await?;
    let user = &made["session"]["user"];
    let login = user["login"].as_str().context("a login")?;
    ensure!(login.starts_with("guest_login_") && user["is_guest"] == true && user["full_name"] == "Ann", "{made}");
    rest.done(guest()).await?;
    rest.refused(guest(), 429, r#"{"errors":["Too many requests"]}"#).await?;
    let (path, app) = (format!("/users/{}", user["id"]), rest.app_token().await?);
    let gone = async {
        loop {
            let answer: Answer = rest.send(rest.get(&path, &app)).await?;
            if answer.status == 404 {
                return anyhow::Ok(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(PATIENCE, gone).await.context("the guest stays")??;
    rest.refused(rest.get("/session", &token_of(&made)?), 401, crate::rest::EXPIRED).await
}

fn sign_in(rest: &Rest, token: &str) -> reqwest::RequestBuilder {
    rest.session(Some(json!({"login": token, "password": "anything"})))
}

fn phone(rest: &Rest, project: &str, token: &str) -> reqwest::RequestBuilder {
    let body = json!({"application_id": 1, "auth_key": rest.auth_key,
        "firebase_phone": {"project_id": project, "access_token": token}});
    rest.request(reqwest::Method::POST, "/session").json(&body)
}

async fn metrics(natter: &Natter) -> Result<String> {
    let url = format!("http://127.0.0.1:{}/metrics", natter.ports.health);
    Ok(natter_tests::client::http()?.get(url).send().await?.text().await?)
}
