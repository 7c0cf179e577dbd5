//! Names of apps: to whom a stream is opened, and the domain of what is told on it.

use natter_edge::Options;

use crate::client::Web;
use crate::message;
use crate::world::{PASSWORD, World};

#[tokio::test]
async fn two_users_by_different_names_hear_of_each_other_by_the_name_each_came_by() {
    let world = World::start(Options::default()).await;
    let (mut ann, ann_address) = Web::live_at(&world, 34, "chat.own.example").await;
    let (mut bob, bob_address) = Web::live_at(&world, 78, "nobody.example").await;
    assert!(ann_address.starts_with("34-905@chat.own.example/"), "{ann_address}");
    assert!(bob_address.starts_with("78-905@localhost/"), "{bob_address}");
    // Each writes to the address that he knows the other one by.
    for (to, id, host) in [(78, "a1", "chat.own.example"), (34, "b1", "localhost")] {
        let stanza = message(to, id, "x").replace("@localhost", &format!("@{host}"));
        if to == 78 { ann.send(&stanza).await } else { bob.send(&stanza).await }
    }
    let (to_bob, to_ann) = (bob.expect("<body>").await, ann.expect("<body>").await);
    assert!(to_bob.contains("from=\"34-905@localhost/") && to_bob.contains("to=\"78-905@localhost\""), "{to_bob}");
    assert!(to_ann.contains("from=\"78-905@chat.own.example/"), "{to_ann}");
    assert!(to_ann.contains("to=\"34-905@chat.own.example\""), "{to_ann}");
    let (api, address) = Web::live_at(&world, 34, "api.own.example").await;
    assert!(address.starts_with("34-905@chat.own.example/"), "one domain for all names of an app: {address}");
    drop(api);
}

#[tokio::test]
async fn a_stream_to_a_name_of_another_app_takes_no_password_and_no_stream_goes_over_to_one() {
    let world = World::start(Options::default()).await;
    let mut ann = Web::connect(&world).await;
    ann.open_to("chat.other.example").await;
    ann.auth(34, PASSWORD).await;
    let refused = ann.expect("<failure ").await;
    assert!(refused.contains("<not-authorized/>") && refused.contains("Invalid username or password"), "{refused}");

    let mut ann = Web::connect(&world).await;
    ann.open_to("nobody.example").await;
    ann.auth(34, PASSWORD).await;
    ann.expect("<success ").await;
    ann.send("<open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" version=\"1.0\" to=\"chat.other.example\"/>").await;
    ann.expect("<host-unknown ").await;
    ann.expect("<close ").await;
    ann.expect_end().await;
}
