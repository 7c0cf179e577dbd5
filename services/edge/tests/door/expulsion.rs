//! Sessions that an operator ends: out at once, and free to come back.

use natter_edge::Options;
use natter_proto::event::v1::{Expelled, SessionRef};
use natter_proto::presence::v1::SessionState;

use crate::client::{Tcp, Web};
use crate::world::{TOKEN, TOKEN_ID, World};

const RESET: &str = "<reset xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\"/>";
const PING: &str = "<iq xmlns=\"jabber:client\" type=\"get\" id=\"p\"><ping xmlns=\"urn:xmpp:ping\"/></iq>";

#[tokio::test]
async fn one_session_is_ended_and_may_come_back() {
    let world = World::start(Options::default()).await;
    let mut ann = Web::live(&world, 34).await;
    let mut tablet = Web::live(&world, 34).await;
    let first = world.entrances(34).remove(0).0;
    for other in [SessionRef { boot: first.boot + 1, ..first.clone() }, SessionRef { session: 99, ..first.clone() }] {
        world.expel(of(34, Some(other)));
    }
    // By less than its whole name, as the console knows it.
    world.expel(of(34, Some(SessionRef { resource: String::new(), edge: String::new(), ..first })));
    ann.expect(RESET).await;
    ann.expect_end().await;
    // It is owed what it missed: it is no goodbye.
    world.announced(34, SessionState::Vanished).await;
    tablet.send(PING).await;
    tablet.expect("id=\"p\"").await;
    let mut again = Web::live(&world, 34).await;
    again.send(PING).await;
    again.expect("id=\"p\"").await;
    world.expel(of(78, None));
    world.expel(of(34, None));
    for mut session in [tablet, again] {
        session.expect(RESET).await;
        session.expect_end().await;
    }
}

#[tokio::test]
async fn a_stream_that_was_ended_is_not_resumed() {
    let world = World::start(Options::default()).await;
    let mut bob = Web::live(&world, 78).await;
    bob.send("<enable xmlns=\"urn:xmpp:sm:3\" resume=\"true\"/>").await;
    let enabled = bob.expect("<enabled ").await;
    let id = enabled.split("id=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    bob.drop_socket();
    world.expel(of(78, None));
    world.announced(78, SessionState::Vanished).await;
    let mut again = Web::signed_in(&world, 78).await;
    again.send(&format!("<resume xmlns=\"urn:xmpp:sm:3\" previd=\"{id}\" h=\"1\"/>")).await;
    again.expect("<item-not-found ").await;
}

#[tokio::test]
async fn with_a_token_end_the_sessions_that_came_by_it() {
    let world = World::start(Options::default()).await;
    let mut by_password = Web::live(&world, 34).await;
    let mut by_token = Web::signed_in_by(&world, 34, TOKEN).await;
    by_token.bind().await;
    let mut late = Web::signed_in_by(&world, 34, TOKEN).await;
    world.expel(Expelled { token: vec![8; 16], ..of(34, None) });
    world.expel(Expelled { token: TOKEN_ID.to_vec(), ..of(34, None) });
    by_token.expect(RESET).await;
    by_token.expect_end().await;
    by_password.send(PING).await;
    by_password.expect("id=\"p\"").await;
    // Who signed in before and binds after it.
    world.end_token();
    late.send("<iq xmlns=\"jabber:client\" type=\"set\" id=\"b\"><bind xmlns=\"urn:ietf:params:xml:ns:xmpp-bind\"/></iq>").await;
    let answer = late.expect("id=\"b\"").await;
    assert!(answer.contains("type=\"error\"") && !answer.contains("<jid>"), "{answer}");
}

#[tokio::test]
async fn presence_is_told_how_a_session_came() {
    let world = World::start(Options::default()).await;
    let _web = Web::live(&world, 34).await;
    let mut tcp = Tcp::connect_with_starttls(&world).await;
    tcp.sign_in(78).await;
    world.announced(78, SessionState::Bound).await;
    for (user, door) in [(34, "ws"), (78, "starttls")] {
        let told = world.entrances(user);
        assert!(!told.is_empty() && told.iter().all(|(_, entrance)| *entrance == told[0].1), "{told:?}");
        assert_eq!((told[0].1.door.as_str(), told[0].1.address.as_str(), told[0].1.bound_at > 0), (door, "127.0.0.1", true));
    }
}

fn of(user: u64, session: Option<SessionRef>) -> Expelled {
    Expelled { app: 905, user, session, token: Vec::new() }
}
