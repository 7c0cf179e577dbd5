//! Pages that may use an app: what an answer tells the browser, and what is never done for another page.
#![allow(clippy::unwrap_used)]

use crate::client::{ANN, Answer, Door, JSON};
use crate::fakes::{UID, file};

const OURS: (&str, &str) = ("Origin", "https://app.example.org");
const FOREIGN: (&str, &str) = ("Origin", "https://evil.example.org");
const KEY: (&str, &str) = ("CB-AuthKey", "demoKey");
const OPEN: &str = r#"{"application_id":77,"auth_key":"demoKey"}"#;
const SIGN_UP: &str = r#"{"user":{"login":"new","password":"secret"}}"#;
const REFUSED: &str = r#"{"errors":{"base":["Pages of this origin may not use this application"]}}"#;

#[tokio::test]
async fn an_app_that_lists_origins_answers_their_pages_and_no_other() {
    let door = Door::open().await;
    door.world.files.lock().push(file(b"12345678", "image.jpg", "image/jpeg", true));
    for origin in [OURS, FOREIGN] {
        for answer in each(&door, origin).await {
            assert!(answer.status < 300, "{} {}", answer.status, answer.body);
            assert_eq!((answer.header("access-control-allow-origin"), answer.header("vary")), (Some("*"), None));
        }
    }
    *door.world.page.lock() = Some(OURS.1.to_owned());
    let made = door.world.sign_ups.lock().len();
    for answer in each(&door, FOREIGN).await.into_iter().chain(each(&door, ("Origin", "https://b\u{fc}cher.example")).await) {
        answer.is(403, REFUSED);
        assert_eq!((answer.header("access-control-allow-origin"), answer.header("vary")), (None, Some("Origin")));
    }
    assert_eq!(door.world.sign_ups.lock().len(), made, "nothing is done for such a page");
    for answer in each(&door, OURS).await {
        assert!(answer.status < 300, "{} {}", answer.status, answer.body);
        assert_eq!((answer.header("access-control-allow-origin"), answer.header("vary")), (Some(OURS.1), Some("Origin")));
    }
    for answer in each(&door, ("X-None", "")).await {
        assert!(answer.status < 300, "{} {}", answer.status, answer.body);
        assert_eq!((answer.header("access-control-allow-origin"), answer.header("vary")), (None, Some("Origin")));
    }
    for origin in [OURS, FOREIGN] {
        let preflight = door.ask("OPTIONS", "/session.json", &[origin], "").await;
        preflight.is(200, "");
        assert_eq!(preflight.header("access-control-allow-origin"), Some("*"), "it shows neither a token nor a key");
    }
}

/// With a token, with keys, with nothing but a key, with nothing.
async fn each(door: &Door, origin: (&str, &str)) -> Vec<Answer> {
    vec![
        door.ask("GET", "/session.json", &[ANN, origin], "").await,
        door.ask("POST", "/session.json", &[JSON, origin], OPEN).await,
        door.ask("POST", "/users.json", &[KEY, JSON, origin], SIGN_UP).await,
        door.ask("GET", &format!("/blobs/{UID}"), &[origin], "").await,
    ]
}
