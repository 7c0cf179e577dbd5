//! The edge at its door: real sockets on loopback, the other services as fakes of their generated traits.

#![allow(clippy::unwrap_used)]

#[path = "door/client.rs"]
mod client;
#[path = "door/drains.rs"]
mod drains;
#[path = "door/elsewhere.rs"]
mod elsewhere;
#[path = "door/expulsion.rs"]
mod expulsion;
#[path = "door/fakes.rs"]
mod fakes;
#[path = "door/groups.rs"]
mod groups;
#[path = "door/handover.rs"]
mod handover;
#[path = "door/names.rs"]
mod names;
#[path = "door/world.rs"]
mod world;

use client::{Tcp, Web};
use natter_edge::Options;
use natter_proto::event::v1::MarkKind;
use natter_proto::presence::v1::SessionState;
use world::{World, dialog};

const ENABLE: &str = "<enable xmlns=\"urn:xmpp:sm:3\"/>";
const ASK: &str = "<r xmlns=\"urn:xmpp:sm:3\"/>";

#[tokio::test]
async fn two_users_chat_over_websocket() {
    let world = World::start(Options::default()).await;
    let mut ann = Web::live(&world, 34).await;
    let mut bob = Web::live(&world, 78).await;
    ann.send("<iq xmlns=\"jabber:client\" type=\"set\" id=\"1:enableCarbons\"><enable xmlns=\"urn:xmpp:carbons:2\"/></iq>").await;
    ann.expect("id=\"1:enableCarbons\"").await;
    ann.send(ENABLE).await;
    ann.expect("<enabled ").await;
    ann.send(&message(78, "a1", "How are &lt;you&gt;?")).await;
    ann.send(ASK).await;
    let got = bob.expect("<body>").await;
    assert!(got.starts_with("<message xmlns=\"jabber:client\" type=\"chat\" from=\"34-905@localhost/"), "{got}");
    assert!(got.contains("to=\"78-905@localhost\" id=\"66f1000000000000000000a1\"><body>How are &lt;you&gt;?</body>"), "{got}");
    assert!(got.contains(&format!("<dialog_id>{}</dialog_id>", dialog(34, 78))), "{got}");
    assert_eq!(ann.expect("<a ").await, "<a xmlns=\"urn:xmpp:sm:3\" h=\"1\"/>");

    bob.send(
        "<message xmlns=\"jabber:client\" type=\"chat\" id=\"66f1000000000000000000b1\" to=\"34-905@localhost\">\
         <received xmlns=\"urn:xmpp:chat-markers:0\" id=\"66f1000000000000000000a1\"/></message>",
    )
    .await;
    let status = ann.expect("<received ").await;
    assert!(status.contains("from=\"78-905@localhost/") && status.contains("id=\"66f1000000000000000000a1\""), "{status}");

    ann.send("<close xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\"/>").await;
    ann.expect("<close ").await;
    world.announced(34, SessionState::Closed).await;
    bob.drop_socket();
    world.announced(78, SessionState::Vanished).await;
}

#[tokio::test]
async fn users_sign_in_over_tcp_in_the_clear_from_this_machine_and_behind_starttls() {
    let world = World::start(Options::default()).await;
    let mut ann = Tcp::connect(&world).await;
    ann.sign_in(34).await;
    ann.send("<presence/>").await;
    let mut bob = Tcp::connect_with_starttls(&world).await;
    bob.sign_in(78).await;
    bob.send("<presence/>").await;
    world.announced(78, SessionState::Available).await;
    world.announced(34, SessionState::Available).await;
    ann.send(&message(78, "a1", "x").replace(" xmlns=\"jabber:client\"", "")).await;
    let got = bob.expect("</message>").await;
    assert!(got.contains("<message type=\"chat\" from=\"34-905@localhost/"), "{got}");
    ann.send("</stream:stream>").await;
    ann.expect("</stream:stream>").await;
    ann.expect_end().await;
    world.announced(34, SessionState::Closed).await;
}

#[tokio::test]
async fn an_ack_comes_after_the_store_and_not_before() {
    let world = World::start(Options::default()).await;
    let mut ann = Web::live(&world, 34).await;
    ann.send(ENABLE).await;
    ann.expect("<enabled ").await;
    world.hold_posts();
    ann.send(&message(78, "a1", "x")).await;
    ann.send(ASK).await;
    world.posted(1).await;
    ann.send("<iq xmlns=\"jabber:client\" type=\"get\" id=\"p\"><ping xmlns=\"urn:xmpp:ping\"/></iq>").await;
    ann.expect("id=\"p\"").await;
    world.release_posts();
    // One message; the iq came after the question.
    assert_eq!(ann.expect("<a ").await, "<a xmlns=\"urn:xmpp:sm:3\" h=\"1\"/>");
}

#[tokio::test]
async fn posts_arrive_in_the_order_of_the_stream() {
    let world = World::start(Options::default()).await;
    let mut ann = Web::live(&world, 34).await;
    for n in 0..200 {
        ann.send(&message(78, &format!("{n:02x}"), &n.to_string())).await;
    }
    let bodies = world.posted(200).await.into_iter().map(|post| post.message.unwrap().body.unwrap());
    assert!(bodies.eq((0..200).map(|n| n.to_string())));
}

#[tokio::test]
async fn what_a_client_missed_comes_with_its_first_presence_and_its_pong_delivers_it() {
    let world = World::start(Options::default()).await;
    world.owe(78, 34, "while you were out");
    let mut bob = Web::bound(&world, 78).await;
    bob.send("<presence xmlns=\"jabber:client\"/>").await;
    let got = bob.expect("<body>").await;
    assert!(got.contains("while you were out") && got.contains("<delay xmlns=\"urn:xmpp:delay\""), "{got}");
    // Reading on answers the ping behind it.
    bob.send("<iq xmlns=\"jabber:client\" type=\"get\" id=\"p\"><ping xmlns=\"urn:xmpp:ping\"/></iq>").await;
    bob.expect("id=\"p\"").await;
    let mark = world.marked().await;
    assert_eq!((mark.user, mark.kind(), mark.relay), (78, MarkKind::Delivered, false));
    assert_eq!((mark.ranges[0].from, mark.ranges[0].upto), (1, 1));
}

#[tokio::test]
async fn a_lost_last_frame_is_noticed_by_the_head_of_its_dialog() {
    let world = World::start(Options::default()).await;
    let mut ann = Web::live(&world, 34).await;
    let mut bob = Web::live(&world, 78).await;
    ann.send(&message(78, "a1", "told")).await;
    bob.expect("told</body>").await;
    world.store_untold(78, 34, "lost");
    world.publish_head(dialog(34, 78));
    world.publish_head(dialog(34, 78));
    bob.expect("lost</body>").await;
}

#[tokio::test]
async fn a_session_whose_list_cannot_be_read_ends_and_settles_nothing() {
    let world = World::start(Options::default()).await;
    world.fail_history();
    let mut bob = Web::bound(&world, 78).await;
    bob.send("<presence xmlns=\"jabber:client\"/>").await;
    bob.expect("<internal-server-error ").await;
    world.announced(78, SessionState::Vanished).await;
    assert!(!world.settled());
}

#[tokio::test]
async fn a_message_between_bind_and_presence_waits_for_the_presence() {
    let world = World::start(Options::default()).await;
    let mut ann = Web::live(&world, 34).await;
    let mut bob = Web::bound(&world, 78).await;
    ann.send(&message(78, "a1", "early")).await;
    world.posted(1).await;
    bob.send("<presence xmlns=\"jabber:client\"/>").await;
    let got = bob.expect("<body>").await;
    assert!(got.contains("early") && !got.contains("urn:xmpp:delay"), "{got}");
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_the_socket_closed_later() {
    let world = World::start(Options { refusal_s: 1, ..Options::default() }).await;
    let mut web = Web::connect(&world).await;
    web.open().await;
    web.auth(34, "wrong").await;
    let failure = web.expect("<failure ").await;
    assert!(failure.contains("<not-authorized/><text xml:lang=\"en\">Invalid username or password</text>"), "{failure}");
    web.expect_end().await;
}

#[tokio::test]
async fn who_takes_too_long_to_bind_is_let_go_and_pings_do_not_help() {
    let world = World::start(Options { negotiation_s: 1, ..Options::default() }).await;
    let mut web = Web::connect(&world).await;
    web.open().await;
    web.ping().await;
    web.expect("<connection-timeout ").await;
    web.expect_end().await;
}

#[tokio::test]
async fn who_is_silent_twice_as_long_as_allowed_is_let_go_and_who_answers_stays() {
    let world = World::start(Options { idle_s: 1, ..Options::default() }).await;
    let mut ann = Web::live(&world, 34).await;
    // Only who reads answers a ping.
    let deaf = Web::live(&world, 78).await;
    let listening = tokio::spawn(async move { ann.expect("<body>").await });
    world.announced(78, SessionState::Vanished).await;
    deaf.drop_socket();
    let mut bob = Web::live(&world, 78).await;
    bob.send(&message(34, "b1", "still there?")).await;
    assert!(listening.await.unwrap().contains("still there?"));
}

#[tokio::test]
async fn an_address_has_so_many_connections_before_sign_in() {
    let world = World::start(Options { connections_per_address_max: 1, ..Options::default() }).await;
    let mut first = Tcp::connect(&world).await;
    first.open().await;
    let mut second = Tcp::connect(&world).await;
    second.expect_end().await;
    first.sign_in_opened(34).await;
    let mut third = Tcp::connect(&world).await;
    third.open().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let world = World::start(Options { write_buffer_bytes: 512 * 1024, ..Options::default() }).await;
    let mut ann = Tcp::connect(&world).await;
    ann.sign_in(34).await;
    let echoed = format!("<iq type=\"get\" id=\"e\"><query xmlns=\"urn:some:thing\">{}</query></iq>", "x".repeat(200_000));
    while ann.try_send(&echoed).await {}
    world.announced(34, SessionState::Vanished).await;
    assert!(!world.metrics().contains("natter_edge_cut_off_total 0"), "it was counted");
}

#[tokio::test]
async fn broken_xml_ends_the_stream_by_name() {
    let world = World::start(Options::default()).await;
    for (xml, condition) in [("<a></b>", "not-well-formed"), ("<!DOCTYPE x>", "restricted-xml"), ("<?x y?>", "restricted-xml")] {
        let mut tcp = Tcp::connect(&world).await;
        tcp.sign_in(34).await;
        tcp.send(xml).await;
        let end = tcp.expect("</stream:stream>").await;
        assert!(end.contains(condition), "{xml}: {end}");
        tcp.expect_end().await;
    }
}

#[tokio::test]
async fn the_same_resource_again_ends_the_older_session() {
    let world = World::start(Options::default()).await;
    let mut first = Tcp::connect(&world).await;
    first.sign_in_as(34, Some("phone")).await;
    let mut second = Tcp::connect(&world).await;
    second.sign_in_as(34, Some("phone")).await;
    assert!(first.expect("</stream:stream>").await.contains("<conflict "));
}

#[tokio::test]
async fn a_standard_client_resumes_on_another_connection_and_only_its_own_stream() {
    let world = World::start(Options::default()).await;
    let mut ann = Web::live(&world, 34).await;
    let mut bob = Web::live(&world, 78).await;
    bob.send("<enable xmlns=\"urn:xmpp:sm:3\" resume=\"true\"/>").await;
    let enabled = bob.expect("<enabled ").await;
    let id = enabled.split("id=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    bob.send("<iq xmlns=\"jabber:client\" type=\"get\" id=\"p\"><ping xmlns=\"urn:xmpp:ping\"/></iq>").await;
    bob.expect("id=\"p\"").await;
    bob.drop_socket();
    ann.send(&message(78, "a1", "while away")).await;
    world.posted(1).await;

    let resume = format!("<resume xmlns=\"urn:xmpp:sm:3\" previd=\"{id}\" h=\"1\"/>");
    let mut thief = Web::signed_in(&world, 34).await;
    thief.send(&resume).await;
    thief.expect("<item-not-found ").await;
    let mut bob = Web::signed_in(&world, 78).await;
    bob.send(&resume).await;
    assert!(bob.expect("<resumed ").await.contains("h=\"1\""));
    assert!(bob.expect("<body>").await.contains("while away"));
    let mut again = Web::signed_in(&world, 78).await;
    again.send(&resume).await;
    again.expect("<item-not-found ").await;
}

#[tokio::test]
async fn when_the_process_stops_every_stream_is_closed_after_its_answers() {
    let world = World::start(Options::default()).await;
    let mut ann = Web::live(&world, 34).await;
    ann.send(ENABLE).await;
    ann.expect("<enabled ").await;
    world.hold_posts();
    ann.send(&message(78, "a1", "x")).await;
    ann.send(ASK).await;
    world.posted(1).await;
    ann.send("<iq xmlns=\"jabber:client\" type=\"get\" id=\"p\"><ping xmlns=\"urn:xmpp:ping\"/></iq>").await;
    ann.expect("id=\"p\"").await;
    world.stop();
    world.release_posts();
    ann.expect("<a ").await;
    ann.expect("<close ").await;
    world.announced(34, SessionState::Vanished).await;
    world.ended().await;
}

#[tokio::test]
async fn sessions_of_who_is_no_more_and_of_an_app_that_is_closed_end_at_once() {
    let world = World::start(Options::default()).await;
    let mut ann = Web::live(&world, 34).await;
    let mut bob = Web::live(&world, 78).await;
    world.end(905, 34);
    ann.expect("<not-authorized ").await;
    ann.expect_end().await;
    // Nothing is owed to nobody.
    world.announced(34, SessionState::Closed).await;
    world.end(906, 0);
    bob.send("<iq xmlns=\"jabber:client\" type=\"get\" id=\"p\"><ping xmlns=\"urn:xmpp:ping\"/></iq>").await;
    bob.expect("id=\"p\"").await;
    world.end(905, 0);
    bob.expect("<not-authorized ").await;
    bob.expect_end().await;
    // It may come back: what it missed is owed.
    world.announced(78, SessionState::Vanished).await;
}

#[tokio::test]
async fn who_ends_between_sign_in_and_bind_is_not_bound() {
    let world = World::start(Options::default()).await;
    let mut ann = Web::signed_in(&world, 34).await;
    world.refuse(34);
    let bind = "<bind xmlns=\"urn:ietf:params:xml:ns:xmpp-bind\"/>";
    ann.send(&format!("<iq xmlns=\"jabber:client\" type=\"set\" id=\"b\">{bind}</iq>")).await;
    let answer = ann.expect("id=\"b\"").await;
    assert!(answer.contains("type=\"error\"") && !answer.contains("<jid>"), "{answer}");
    world.announced(34, SessionState::Closed).await;
}

fn message(to: u64, id: &str, body: &str) -> String {
    format!(
        "<message xmlns=\"jabber:client\" type=\"chat\" id=\"66f10000000000000000{id:0>4}\" to=\"{to}-905@localhost\"><body>{body}</body>\
         <extraParams xmlns=\"jabber:client\"><save_to_history>1</save_to_history></extraParams></message>"
    )
}
