//! Names of an app: who gets in by them, and from when on.
#![allow(clippy::unwrap_used)]

use natter_proto::Code;
use natter_proto::account::v1::*;
use natter_rpc::Response;

use crate::apps::administration;
use crate::kit::*;

const UNKNOWN: &str = "Required session does not exist";
const WRONG: &str = "Invalid username or password";

#[tokio::test(start_paused = true)]
async fn by_a_name_of_an_app_only_that_app_is_known() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "secret").await;
    let session = door.session(Some(by_login("ann", "secret"))).await;
    apply(&door, names(77, "chat.own.example", "api.own.example")).await.unwrap();
    apply(&door, names(5, "chat.other.example", "api.other.example")).await.unwrap();
    for host in ["chat.own.example", "API.own.example.", "shared.example", "nobody.example", "", "127.0.0.1"] {
        let resolved = door.resolve_at(host, &session.token).await.unwrap();
        let is_own = host.contains("own.example");
        assert_eq!((resolved.user, resolved.by_own_name), (ann.id, is_own), "{host}");
        assert_eq!((resolved.chat_host.as_str(), resolved.api_host.as_str()), ("chat.own.example", "api.own.example"));
        for secret in ["secret", &session.token] {
            let reply = door.authenticate_at(host, ann.id, secret.as_bytes()).await.unwrap();
            assert_eq!(reply.host, if is_own { "chat.own.example" } else { "" }, "{host}");
        }
        assert_eq!(open_session(&mut door, host).await.unwrap().by_own_name, is_own);
        assert_eq!(find_app(&mut door, host).await.unwrap().id, 77);
        assert_eq!(visit(&mut door, host).await.unwrap().id, 77);
    }
    let hashes = door.hashes();
    for host in ["chat.other.example", "API.OTHER.example", "api.other.example."] {
        check(door.resolve_at(host, &session.token).await, Code::Unauthenticated, UNKNOWN);
        check(door.authenticate_at(host, ann.id, b"secret").await, Code::Unauthenticated, WRONG);
        check(door.authenticate_at(host, ann.id, session.token.as_bytes()).await, Code::Unauthenticated, WRONG);
        check(open_session(&mut door, host).await, Code::Unauthenticated, "Unauthorized");
        check(find_app(&mut door, host).await, Code::NotFound, "App not found");
        check(visit(&mut door, host).await, Code::NotFound, "App not found");
    }
    assert_eq!(door.hashes(), hashes, "a sign-in by another app's name costs no hash");
}

#[tokio::test(start_paused = true)]
async fn a_name_holds_from_the_answer_on_and_is_free_when_it_is_taken_away_or_the_app_ends() {
    let mut door = Door::open().await;
    let token = door.session(None).await.token;
    let is_own = |session: Session| session.by_own_name;
    assert_eq!(door.resolve_at("c.example", &token).await.map(is_own), Ok(false), "and it is remembered as nobody's");
    apply(&door, names(5, "c.example", "")).await.unwrap();
    check(door.resolve_at("c.example", &token).await, Code::Unauthenticated, UNKNOWN);
    let taken = apply(&door, names(77, "", "C.example")).await.unwrap_err();
    assert_eq!((taken.code, taken.field.as_str(), taken.text.as_str()), (Code::Exists, "api_host", "has already been taken"));
    let taken = apply(&door, names(9, "c.example", "")).await.unwrap_err();
    assert_eq!((taken.code, taken.field.as_str()), (Code::Exists, "chat_host"));
    let apps = answer(door.client.list_apps(ListAppsRequest::default()).await).unwrap().apps;
    assert_eq!(apps.iter().map(|app| app.id).collect::<Vec<_>>(), [5, 77], "the refused app was not made");

    assert_eq!(apply(&door, names(5, "", "")).await.unwrap().changed, ["chat_host"]);
    assert_eq!(door.resolve_at("c.example", &token).await.map(is_own), Ok(false));
    apply(&door, names(5, "", "c.example")).await.unwrap();
    door.restart();
    check(door.resolve_at("c.example", &token).await, Code::Unauthenticated, UNKNOWN);
    let mut admin = administration(&door);
    answer(admin.suspend_app(SuspendAppRequest { id: 5, suspended: true }).await).unwrap();
    check(door.resolve_at("c.example", &token).await, Code::Unauthenticated, UNKNOWN);
    answer(admin.delete_app(GetAppRequest { id: 5 }).await).unwrap();
    assert_eq!(door.resolve_at("c.example", &token).await.map(is_own), Ok(false));
    apply(&door, names(77, "c.example", "c.example")).await.unwrap();
    assert_eq!(door.resolve_at("c.example", &token).await.map(is_own), Ok(true));
}

#[tokio::test(start_paused = true)]
async fn no_app_gets_a_name_of_the_installation() {
    let door = Door::open().await;
    for (chat, api, field) in [("shared.example", "", "chat_host"), ("", "SHARED.example", "api_host")] {
        let refusal = apply(&door, names(77, chat, api)).await.unwrap_err();
        assert_eq!((refusal.code, refusal.field.as_str()), (Code::Invalid, field));
        assert_eq!(refusal.text, "is a name of this installation, which serves all apps");
    }
    let refusal = apply(&door, names(77, "127.0.0.1", "")).await.unwrap_err();
    assert_eq!((refusal.code, refusal.field.as_str()), (Code::Invalid, "chat_host"));
}

#[tokio::test(start_paused = true)]
async fn whose_a_name_is_is_read_once() {
    let mut door = Door::open().await;
    apply(&door, names(77, "c.example", "")).await.unwrap();
    let token = door.session(None).await.token;
    let mut gets = Vec::new();
    for _ in 0..3 {
        for host in ["c.example", "C.EXAMPLE", "nobody.example"] {
            door.resolve_at(host, &token).await.unwrap();
        }
        gets.push(door.store_calls("get"));
    }
    assert_eq!(gets[1], gets[2]);
}

fn names(id: u64, chat: &str, api: &str) -> ApplyAppRequest {
    ApplyAppRequest { id, chat_host: Some(chat.into()), api_host: Some(api.into()), ..ApplyAppRequest::default() }
}

async fn apply(door: &Door, request: ApplyAppRequest) -> Result<ApplyAppReply, natter_proto::Failure> {
    answer(administration(door).apply_app(request).await)
}

async fn open_session(door: &mut Door, host: &str) -> Result<Session, natter_proto::Failure> {
    let request = OpenSessionRequest { app: 77, auth_key: "demoKey".into(), host: host.into(), ..OpenSessionRequest::default() };
    answer(door.client.open_session(request).await)
}

async fn find_app(door: &mut Door, host: &str) -> Result<App, natter_proto::Failure> {
    let request = FindAppRequest { auth_key: "demoKey".into(), host: host.into(), ..FindAppRequest::default() };
    door.client.find_app(request).await.map(Response::into_inner).map_err(Into::into)
}

async fn visit(door: &mut Door, host: &str) -> Result<App, natter_proto::Failure> {
    answer(door.client.visit_app(VisitAppRequest { id: 77, host: host.into(), ..VisitAppRequest::default() }).await)
}
