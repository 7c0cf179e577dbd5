//! Pages of which origins may use an app: at the REST door and at the chat door, from the moment the operator said so, over a kill.

use anyhow::{Result, ensure};
use natter_tests::process::Natter;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::raw::{Over, Raw};
use crate::rest::{PASSWORD, Person, Rest};

const OURS: &str = "https://app.example.org";
const FOREIGN: [&str; 4] = ["https://evil.example.org", "http://app.example.org", "https://app.example.org:8443", "null"];
const REFUSED: &str = r#"{"errors":{"base":["Pages of this origin may not use this application"]}}"#;
const REFUSED_IN_CHAT: &str = "<not-authorized/>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_pages_of_listed_origins_use_an_app_that_lists_some() {
    list().await.unwrap();
}

async fn list() -> Result<()> {
    let mut natter = Natter::start(&[]).await?;
    let rest = Rest::of(&natter, 1)?;
    let ann = rest.sign_up("ann").await?;
    for origin in FOREIGN {
        for request in requests(&rest, &ann) {
            let answer = request.header("Origin", origin).send().await?;
            ensure!(answer.status().is_success() && allowed(&answer) == Some("*"), "without a list any page may: {answer:?}");
        }
        sign_in(&natter, origin.as_bytes(), &ann).await?;
    }

    let applied: Value = serde_json::from_str(&natter.shell(&["app", "origins", "1", "https://App.example.org:443"])?)?;
    ensure!(applied["app"]["origins"] == json!([OURS]) && applied["changed"] == json!(["origins"]), "{applied}");
    look(&natter, &rest, &ann).await?;
    natter.kill().await?;
    natter.restart().await?;
    look(&natter, &rest, &ann).await?;

    ensure!(natter.shell(&["app", "origins", "1"]).is_err(), "a list is emptied by a word only");
    ensure!(natter.shell(&["app", "origins", "1", "https://a.test/path"]).is_err());
    ensure!(natter.shell(&["app", "origins", "99", OURS]).is_err(), "an app was made");
    natter.shell(&["app", "origins", "1", "--any"])?;
    let answer = rest.get("/session", &ann.token).header("Origin", FOREIGN[0]).send().await?;
    ensure!(answer.status() == 200 && allowed(&answer) == Some("*"), "{answer:?}");
    sign_in(&natter, FOREIGN[0].as_bytes(), &ann).await?;
    Ok(())
}

async fn look(natter: &Natter, rest: &Rest, ann: &Person) -> Result<()> {
    for origin in FOREIGN {
        for request in requests(rest, ann) {
            let answer = request.header("Origin", origin).send().await?;
            ensure!(answer.status() == 403 && allowed(&answer).is_none() && varies(&answer), "{origin}: {answer:?}");
            ensure!(answer.text().await? == REFUSED);
        }
    }
    for (number, request) in requests(rest, ann).into_iter().enumerate() {
        let answer = request.header("Origin", OURS).send().await?;
        ensure!(answer.status().is_success(), "{number}: {answer:?}");
        ensure!(allowed(&answer) == Some(OURS) && varies(&answer), "{number}: {answer:?}");
    }
    // To sign up with nothing but the app's key.
    let nobody = json!({"user": {"login": "new", "password": PASSWORD}});
    let sign_up = rest.request(Method::POST, "/users.json").header("CB-AuthKey", &rest.auth_key).json(&nobody);
    let answer = sign_up.header("Origin", FOREIGN[0]).send().await?;
    ensure!(answer.status() == 403 && allowed(&answer).is_none(), "{answer:?}");
    // Who is no page names no origin.
    for request in requests(rest, ann) {
        ensure!(request.send().await?.status().is_success());
    }
    // A preflight shows neither a token nor a key; the request behind it is what is looked at.
    let preflight = rest.request(Method::OPTIONS, "/session").header("Origin", FOREIGN[0]).send().await?;
    ensure!(preflight.status() == 200 && allowed(&preflight) == Some("*"), "{preflight:?}");

    for origin in FOREIGN.iter().map(|origin| origin.as_bytes()).chain([&b"https://\xff.example.org"[..]]) {
        let refused = sign_in(natter, origin, ann).await.err().map(|error| error.to_string()).unwrap_or_default();
        ensure!(refused.contains(REFUSED_IN_CHAT), "{origin:?}: {refused:?}");
    }
    sign_in(natter, OURS.as_bytes(), ann).await?;
    for over in [Over::WebSocket, Over::Tcp] {
        let port = if over == Over::Tcp { natter.ports.tcp } else { natter.ports.ws };
        Raw::signed_in(over, port, &ann.account).await?;
    }
    Ok(())
}

/// With a token, with keys, with a password.
fn requests(rest: &Rest, ann: &Person) -> Vec<RequestBuilder> {
    vec![
        rest.get("/session", &ann.token),
        rest.get("/chat/Dialog.json", &ann.token),
        rest.session(None),
        rest.session(Some(json!({"login": "ann", "password": PASSWORD}))),
        rest.post("/login", &ann.token, &json!({"login": "ann", "password": PASSWORD})),
    ]
}

async fn sign_in(natter: &Natter, origin: &[u8], person: &Person) -> Result<()> {
    let mut raw = Raw::of_page(natter.ports.ws, origin).await?;
    raw.open().await?;
    raw.sign_in(&person.account).await?;
    Ok(())
}

fn allowed(answer: &Response) -> Option<&str> {
    answer.headers().get("access-control-allow-origin")?.to_str().ok()
}

fn varies(answer: &Response) -> bool {
    answer.headers().get("vary").is_some_and(|vary| vary == "Origin")
}
