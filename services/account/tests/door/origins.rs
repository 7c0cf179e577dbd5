//! Pages that may use an app: who is refused for where he comes from, before anything else is looked at.
#![allow(clippy::unwrap_used)]

use natter_proto::account::v1::*;
use natter_proto::{Code, Failure};

use crate::apps::administration;
use crate::kit::*;

const REFUSED: &str = "Pages of this origin may not use this application";

#[tokio::test(start_paused = true)]
async fn a_page_of_another_origin_is_refused_at_every_door_and_costs_no_hash() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "secret").await;
    let session = door.session(Some(by_login("ann", "secret"))).await;
    for origin in ["", "https://a.test", "https://b.test"] {
        assert!(ask(&mut door, &session.token, ann.id, origin).await.iter().all(Result::is_ok), "{origin}: there is no list");
    }
    assert!(!door.resolve(&session.token).await.unwrap().lists_origins);

    let applied = apply(&door, &["HTTPS://B.test:443", "https://a.test", "https://b.test"]).await.unwrap();
    assert_eq!(applied.changed, ["origins"]);
    assert_eq!(applied.app.unwrap().origins, ["https://a.test", "https://b.test"]);
    assert_eq!(apply(&door, &["https://b.test", "https://a.test"]).await.unwrap().changed, [""; 0], "the same");
    for _ in 0..2 {
        let hashes = door.hashes();
        for origin in ["https://c.test", "null", "http://a.test"] {
            for refused in ask(&mut door, &session.token, ann.id, origin).await {
                let refused = refused.unwrap_err();
                assert_eq!((refused.code, refused.text.as_str()), (Code::Forbidden, REFUSED), "{origin}");
            }
        }
        assert_eq!(door.hashes(), hashes);
        for origin in ["", "https://a.test", "https://b.test"] {
            assert!(ask(&mut door, &session.token, ann.id, origin).await.iter().all(Result::is_ok), "{origin}");
        }
        assert!(door.resolve(&session.token).await.unwrap().lists_origins);
        door.restart();
    }
    assert_eq!(apply(&door, &["https://a.test/x"]).await.unwrap_err().field, "origins");
    apply(&door, &[]).await.unwrap();
    assert!(ask(&mut door, &session.token, ann.id, "https://c.test").await.iter().all(Result::is_ok));
}

/// Each way in.
async fn ask(door: &mut Door, token: &str, user: u64, origin: &str) -> Vec<Result<(), Failure>> {
    let (auth_key, origin) = ("demoKey".to_owned(), origin.to_owned());
    let open =
        OpenSessionRequest { app: 77, auth_key: auth_key.clone(), origin: origin.clone(), ..OpenSessionRequest::default() };
    let chat = AuthenticateRequest {
        app: 77,
        user,
        secret: b"secret".to_vec(),
        address: "192.0.2.1".into(),
        origin: origin.clone(),
        ..AuthenticateRequest::default()
    };
    let by_token = AuthenticateRequest { secret: token.as_bytes().to_vec(), ..chat.clone() };
    let resolve = ResolveRequest { token: token.into(), origin: origin.clone(), ..ResolveRequest::default() };
    let find = FindAppRequest { auth_key, origin: origin.clone(), ..FindAppRequest::default() };
    let visit = VisitAppRequest { id: 77, origin, ..VisitAppRequest::default() };
    vec![
        answer(door.client.open_session(open).await).map(drop),
        answer(door.client.authenticate(chat).await).map(drop),
        answer(door.client.authenticate(by_token).await).map(drop),
        answer(door.client.resolve(resolve).await).map(drop),
        answer(door.client.find_app(find).await).map(drop),
        answer(door.client.visit_app(visit).await).map(drop),
    ]
}

async fn apply(door: &Door, origins: &[&str]) -> Result<ApplyAppReply, Failure> {
    let origins = Some(Origins { origins: origins.iter().map(|origin| (*origin).to_owned()).collect() });
    answer(administration(door).apply_app(ApplyAppRequest { id: 77, origins, ..ApplyAppRequest::default() }).await)
}
