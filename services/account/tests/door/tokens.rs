//! The sessions of a user at the REST door, as operators see and end them.
#![allow(clippy::unwrap_used)]

use std::future::pending;

use natter_bus::Bus;
use natter_proto::Code;
use natter_proto::account::v1::tokens_client::TokensClient;
use natter_proto::account::v1::*;
use natter_proto::event::v1::Expelled;
use natter_proto::subject::Subject;
use natter_rpc::{Link, LinkOptions};

use crate::endings::{Others, keepers};
use crate::kit::*;

#[tokio::test(start_paused = true)]
async fn the_sessions_of_a_user_are_listed_without_their_tokens() {
    let mut door = Door::open().await;
    let (ann, bob) = (door.sign_up("ann", "secret").await, door.sign_up("bob", "secret").await);
    let first = door.session(Some(by_login("ann", "secret"))).await;
    door.session(Some(by_login("bob", "secret"))).await;
    door.session(None).await;
    tokio::time::advance(10 * MINUTE).await;
    let app_session = door.session(None).await;
    let login = LoginRequest { token: app_session.token.clone(), user: Some(by_login("ann", "secret")), ..Default::default() };
    answer(door.client.login(login).await).unwrap();
    tokio::time::advance(10 * MINUTE).await;
    door.resolve(&first.token).await.unwrap();
    for restarted in [false, true] {
        if restarted {
            door.restart();
        }
        let mut listed = list(&door, ann.id).await;
        listed.sort_by_key(|token| token.created_at);
        let at = |minutes: i64| START_MS + minutes * 60_000;
        let shown: Vec<_> =
            listed.iter().map(|token| (token.created_at, token.signed_in_at, token.used_at, token.expires_at)).collect();
        // Kept for two hours and five minutes after the last use that was written.
        assert_eq!(shown, [(at(0), at(0), at(20), at(145)), (at(10), at(10), at(10), at(135))]);
        let text = format!("{listed:?}");
        assert!(!text.contains(&first.token) && listed[0].id.len() == 16 && listed[0].id != listed[1].id, "{text}");
        assert_eq!(list(&door, bob.id).await.len(), 1);
    }
    door.client.logout(TokenRequest { token: first.token.clone() }).await.unwrap();
    assert_eq!(list(&door, ann.id).await.len(), 1, "the token lives on, as nobody's");
    tokio::time::advance(130 * MINUTE).await;
    assert_eq!(list(&door, ann.id).await.len(), 0, "over");
    let nobody = ListTokensRequest { app: 77, user: 999, ..Default::default() };
    assert_eq!(answer(client(&door).list(nobody).await).unwrap_err().code, Code::NotFound);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_ended_is_dead_at_once_and_the_edges_hear_of_it() {
    let mut door = Door::open().await;
    let (ann, bob) = (door.sign_up("ann", "secret").await, door.sign_up("bob", "secret").await);
    let (one, other) = (door.session(Some(by_login("ann", "secret"))).await, door.session(Some(by_login("ann", "secret"))).await);
    let told = answer(door.client.authenticate(by_token(ann.id, &one.token)).await).unwrap();
    let (bus, others) = (Bus::local(), Others::default());
    let mut expelled = bus.subscribe(&Subject::Expelled.to_string());
    let walk = tokio::spawn(door.service.clone().erase(keepers(&door, &others, &bus), pending()));
    let end = |user: u64, id: &[u8]| EndTokensRequest { app: 77, user, id: id.to_vec() };

    for (user, id) in [(bob.id, &told.token_id[..]), (ann.id, &[0; 16]), (ann.id, &[1; 3])] {
        assert_eq!(answer(client(&door).end(end(user, id)).await).unwrap_err().code, Code::NotFound);
    }
    assert_eq!(door.resolve(&one.token).await.unwrap().user, ann.id);
    assert_eq!(answer(client(&door).end(end(ann.id, &told.token_id)).await).unwrap().ended, 1);
    assert_eq!(
        *expelled.next().await.unwrap().read::<Expelled>().unwrap(),
        Expelled { app: 77, user: ann.id, token: told.token_id.clone(), ..Expelled::default() }
    );
    assert_eq!(answer(client(&door).end(end(ann.id, &told.token_id)).await).unwrap_err().code, Code::NotFound, "twice");
    for restarted in [false, true] {
        if restarted {
            door.restart();
        }
        assert_eq!(door.resolve(&one.token).await.unwrap_err().code, Code::Unauthenticated);
        assert_eq!(answer(door.client.authenticate(by_token(ann.id, &one.token)).await).unwrap_err().code, Code::Unauthenticated);
        assert_eq!(door.resolve(&other.token).await.unwrap().user, ann.id, "the other lives");
        assert_eq!(list(&door, ann.id).await.len(), 1);
    }
    walk.abort();
}

#[tokio::test(start_paused = true)]
async fn all_that_are_ended_are_dead_at_once_and_he_may_sign_in_again() {
    let mut door = Door::open().await;
    let (ann, bob) = (door.sign_up("ann", "secret").await, door.sign_up("bob", "secret").await);
    let mut tokens = Vec::new();
    for _ in 0..3 {
        tokens.push(door.session(Some(by_login("ann", "secret"))).await.token);
    }
    let of_bob = door.session(Some(by_login("bob", "secret"))).await;
    let end = |user| EndTokensRequest { app: 77, user, id: Vec::new() };
    assert_eq!(answer(client(&door).end(end(ann.id)).await).unwrap().ended, 3);
    for restarted in [false, true] {
        if restarted {
            door.restart();
        }
        for token in &tokens {
            assert_eq!(door.resolve(token).await.unwrap_err().code, Code::Unauthenticated);
        }
        assert_eq!(list(&door, ann.id).await.len(), 0);
        assert_eq!(door.resolve(&of_bob.token).await.unwrap().user, bob.id);
    }
    assert_eq!(answer(client(&door).end(end(ann.id)).await).unwrap().ended, 0);
    let again = door.session(Some(by_login("ann", "secret"))).await;
    assert_eq!(door.resolve(&again.token).await.unwrap().user, ann.id, "it is no ban");
    assert!(door.authenticate(ann.id, b"secret").await.is_ok());
    assert_eq!(answer(client(&door).end(end(999)).await).unwrap_err().code, Code::NotFound);
}

fn client(door: &Door) -> TokensClient<Link> {
    TokensClient::new(Link::local(door.service.tokens_server(), LinkOptions::default()))
}

async fn list(door: &Door, user: u64) -> Vec<UserToken> {
    let request = |after: Vec<u8>| ListTokensRequest { app: 77, user, after, limit: 1 };
    let (mut all, mut next) = (Vec::new(), Vec::new());
    loop {
        let reply = answer(client(door).list(request(next)).await).unwrap();
        all.extend(reply.tokens);
        next = reply.next;
        if next.is_empty() {
            return all;
        }
    }
}

fn by_token(user: u64, token: &str) -> AuthenticateRequest {
    AuthenticateRequest { app: 77, user, secret: token.as_bytes().to_vec(), ..AuthenticateRequest::default() }
}
