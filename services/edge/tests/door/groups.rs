//! Groups at the door of the edge.

use natter_edge::Options;

use super::client::{Tcp, Web};
use super::world::{World, dialog, group};

const ROOM: &str = "905_a6f0a1b2c3d4e5f607182930@muc.localhost";

#[tokio::test]
async fn two_members_meet_in_a_room_talk_and_part() {
    let world = World::start(Options::default()).await;
    let mut ann = Web::live(&world, 34).await;
    ann.send(&join(34)).await;
    assert!(ann.expect("id=\"j:join\"").await.contains("<status code=\"110\"/><xmlns><code>110</code></xmlns>"));
    let mut bob = Tcp::connect(&world).await;
    bob.sign_in(78).await;
    bob.send("<presence/>").await;
    bob.send(&join(78).replace(" xmlns=\"jabber:client\"", "")).await;
    let joined = bob.expect("id=\"j:join\"").await;
    assert!(joined.find(&format!("from=\"{ROOM}/34\"")) < joined.find(&format!("from=\"{ROOM}/78\"")), "{joined}");
    assert!(!ann.expect(&format!("from=\"{ROOM}/78\"")).await.contains("<status"));

    ann.send(&format!("<iq xmlns=\"jabber:client\" type=\"get\" id=\"o\" to=\"{ROOM}\"><query xmlns=\"http://jabber.org/protocol/disco#items\"/></iq>")).await;
    let there = ann.expect("id=\"o\"").await;
    assert!(there.contains("name=\"34\"/>") && there.contains("name=\"78\"/>"), "{there}");

    ann.send(&said("hi all")).await;
    let echo = ann.expect("hi all").await;
    assert!(echo.contains(&format!("type=\"groupchat\" from=\"{ROOM}/34\" to=\"34-905@localhost/")), "{echo}");
    let got = bob.expect("</message>").await;
    assert!(got.contains(&format!("<message type=\"groupchat\" from=\"{ROOM}/34\" to=\"78-905@localhost/")), "{got}");
    assert!(got.contains("hi all") && got.contains("<message_id>66f1000000000000000000f1</message_id>"), "{got}");

    ann.send(&change("<composing xmlns=\"http://jabber.org/protocol/chatstates\"/>")).await;
    assert!(bob.expect("</message>").await.contains("<composing "));
    ann.send(&change("<body>new</body><replace xmlns=\"urn:xmpp:message-correct:0\" id=\"66f1000000000000000000f1\"/>")).await;
    let edit = bob.expect("</message>").await;
    assert!(edit.contains("<body>new</body><replace ") && edit.contains("id=\"66f1000000000000000000c1\""), "{edit}");
    ann.send(&change("<remove xmlns=\"urn:xmpp:message-delete:0\" id=\"66f1000000000000000000f1\"/>")).await;
    bob.expect("<remove ").await;
    assert!(ann.expect("<replace ").await.contains("type=\"groupchat\""), "its own echo, and none of its typing");
    ann.send(&change("<remove xmlns=\"urn:xmpp:message-delete:0\" id=\"77f1000000000000000000f1\"/>")).await;
    assert!(ann.expect("type=\"error\"").await.contains("<error code=\"404\""));

    world.kick(78, true);
    let kicked = bob.expect("</presence>").await;
    assert!(kicked.contains("<status code=\"301\"/>") && kicked.contains("<actor jid=\"34-905@localhost\"/>"), "{kicked}");
    assert!(!ann.expect("type=\"unavailable\"").await.contains("<status"));
    ann.send(&format!("<presence xmlns=\"jabber:client\" type=\"unavailable\" to=\"{ROOM}/34\"/>")).await;
    assert!(ann.expect("type=\"unavailable\"").await.contains("<status code=\"110\"/>"));
}

#[tokio::test]
async fn who_is_no_member_neither_enters_nor_writes() {
    let world = World::start(Options::default()).await;
    let mut eve = Web::live(&world, 99).await;
    eve.send(&join(99)).await;
    let refused = eve.expect("id=\"j:join\"").await;
    assert!(refused.contains("<x xmlns=\"http://jabber.org/protocol/muc\"/><error code=\"407\""), "{refused}");
    eve.send(&said("let me in")).await;
    let refused = eve.expect("type=\"error\" id=\"66f1000000000000000000f1\"").await;
    assert!(refused.contains(&format!("from=\"{ROOM}\"")) && refused.contains("<error code=\"403\""), "{refused}");
    eve.send(&said("anybody").replace("a6f0", "b6f0")).await;
    assert!(eve.expect("type=\"error\"").await.contains("<error code=\"404\""));
    eve.send(&format!("<iq xmlns=\"jabber:client\" type=\"get\" id=\"o\" to=\"{ROOM}\"><query xmlns=\"http://jabber.org/protocol/disco#items\"/></iq>")).await;
    assert!(eve.expect("id=\"o\"").await.contains("<query xmlns=\"http://jabber.org/protocol/disco#items\"/>"));
}

#[tokio::test]
async fn a_returning_member_gets_what_his_groups_said_and_owes_no_status_for_it() {
    let world = World::start(Options::default()).await;
    world.store_untold(0, 34, "while you were out");
    let mut bob = Web::bound(&world, 78).await;
    bob.send("<presence xmlns=\"jabber:client\"/>").await;
    let got = bob.expect("<body>").await;
    assert!(got.contains("type=\"groupchat\"") && got.contains("<delay ") && got.contains("while you were out"), "{got}");
    let asked = world.gaps(1).await.remove(0);
    assert_eq!(asked.undelivered, [dialog(34, 78).to_vec()], "nothing waits for delivery in a group");
    assert_eq!(asked.others, [dialog(34, 78).to_vec(), group().to_vec()]);
}

/// Live, presence keeps it from him.
#[tokio::test]
async fn what_a_blocked_member_said_is_not_told_late_either() {
    let world = World::start(Options::default()).await;
    world.block(34);
    world.store_untold(0, 34, "while you were out");
    world.owe(78, 34, "before you blocked me");
    let mut bob = Web::live(&world, 78).await;
    let mut ann = Web::live(&world, 34).await;
    ann.send(&said("one")).await;
    let next = bob.expect("<body>").await;
    assert!(next.contains("<body>one"), "of a list: {next}");
    world.store_untold(0, 34, "behind his back");
    world.publish_head(group());
    world.publish_head(group());
    ann.expect("<body>behind").await;
    ann.send(&private("two")).await;
    let next = bob.expect("<body>").await;
    assert!(next.contains("<body>two"), "of a hole: {next}");
}

#[tokio::test]
async fn what_a_group_says_after_a_removal_is_not_fetched() {
    for told in [true, false] {
        let world = World::start(Options::default()).await;
        let mut bob = Web::live(&world, 78).await;
        let mut ann = Web::live(&world, 34).await;
        ann.send(&said("before")).await;
        bob.expect("before").await;
        world.kick(78, told);
        // Nobody tells him of what follows; the head goes on.
        world.store_untold(0, 34, "behind his back");
        world.publish_head(group());
        world.publish_head(group());
        assert!(ann.expect("<body>behind").await.contains("groupchat"));
        ann.send(&private("still there?")).await;
        let next = bob.expect("<body>").await;
        assert!(next.contains("still there?"), "{next}");
        assert_eq!(world.looked(78), !told, "who was told of it does not even ask");
    }
}

#[tokio::test]
async fn a_system_message_reaches_its_user() {
    let world = World::start(Options::default()).await;
    let mut ann = Web::live(&world, 34).await;
    let mut bob = Web::live(&world, 78).await;
    ann.send("<message xmlns=\"jabber:client\" type=\"headline\" id=\"66f1000000000000000000e1\" to=\"78-905@localhost\"><body>x</body></message>").await;
    let got = bob.expect("type=\"headline\"").await;
    assert!(got.contains("from=\"34-905@localhost/") && got.contains("id=\"66f1000000000000000000e1\""), "{got}");
    assert!(got.contains("<moduleIdentifier>SystemNotifications</moduleIdentifier>"), "{got}");
}

fn join(user: u64) -> String {
    format!(
        "<presence xmlns=\"jabber:client\" id=\"j:join\" to=\"{ROOM}/{user}\"><x xmlns=\"http://jabber.org/protocol/muc\"/></presence>"
    )
}

fn said(body: &str) -> String {
    format!(
        "<message xmlns=\"jabber:client\" type=\"groupchat\" id=\"66f1000000000000000000f1\" to=\"{ROOM}\"><body>{body}</body>\
         <extraParams><save_to_history>1</save_to_history></extraParams></message>"
    )
}

fn change(children: &str) -> String {
    format!(
        "<message xmlns=\"jabber:client\" type=\"groupchat\" id=\"66f1000000000000000000c1\" to=\"{ROOM}\">{children}</message>"
    )
}

fn private(body: &str) -> String {
    format!(
        "<message xmlns=\"jabber:client\" type=\"chat\" id=\"66f1000000000000000000a1\" to=\"78-905@localhost\"><body>{body}</body></message>"
    )
}
