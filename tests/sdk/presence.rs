//! Who is there, as others see it: last activity, asked for and watched.

use anyhow::{Context, Result};
use natter_tests::build::Build;
use serde_json::{Value, json};

use crate::stage::Stage;

/// 1.x answers by the listener alone, later majors by both (contract xmpp 8.1).
async fn last_activity_is_asked_for(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob) = (&stage.ann, &stage.bob);
    let ask = async |user: u64| -> Result<Value> {
        ann.sdk.call("chat.getLastUserActivity", json!([user])).await?;
        ann.sdk.event("onLastUserActivityListener").await
    };
    assert_eq!(ask(bob.id).await?, json!([bob.id, 0]), "he is there");
    bob.sdk.call("chat.disconnect", json!([])).await?;
    let told = loop {
        let told = ask(bob.id).await?;
        if told[1] != 0 {
            break told;
        }
    };
    assert_eq!(told[0], bob.id);
    assert!((1..60).contains(&told[1].as_u64().context("seconds")?), "{told}");

    // The demo user of the first start never came.
    let never = ann.sdk.call("chat.getLastUserActivity", json!([1])).await;
    if build.major() == 1 {
        assert_eq!(ann.sdk.event("onLastUserActivityListener").await?, json!([1, null]));
    } else {
        assert!(never.unwrap_err().to_string().contains("404"));
    }
    Ok(())
}

async fn whoever_watches_is_told_who_comes_and_goes(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob) = (&stage.ann, &stage.bob);
    ann.sdk.call("chat.subscribeToUserLastActivityStatus", json!([bob.id])).await?;
    bob.sdk.call("chat.disconnect", json!([])).await?;
    let told = ann.sdk.event("onLastUserActivityListener").await?;
    assert!(told[0] == bob.id && (1..60).contains(&told[1].as_u64().context("seconds")?), "{told}");
    let again = bob.another_device(build, &stage.config, json!({})).await?;
    again.connect().await?;
    assert_eq!(ann.sdk.event("onLastUserActivityListener").await?, json!([bob.id, 0]));
    ann.sdk.call("chat.unsubscribeFromUserLastActivityStatus", json!([bob.id])).await?;
    again.sdk.call("chat.disconnect", json!([])).await?;
    // What is told is told in order: after this nothing of Bob can be on its way.
    let third = bob.another_device(build, &stage.config, json!({})).await?;
    third.connect().await?;
    let message = third.send(ann.id, &stage.dialog, "hi").await?;
    let got = ann.sdk.event("onMessageListener").await?;
    assert_eq!(got[1]["id"], message.as_str());
    assert!(ann.sdk.drain("onLastUserActivityListener").await.is_empty());
    Ok(())
}

/// Of both the answer is all there is to see: alerts are decided by them.
async fn a_client_says_whether_it_is_in_front(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    stage.ann.sdk.call("chat.markInactive", json!([])).await?;
    let id = stage.bob.send(stage.ann.id, &stage.dialog, "anybody there?").await?;
    let got = stage.ann.sdk.event("onMessageListener").await?;
    assert_eq!(got[1]["id"], id.as_str(), "it receives everything");
    stage.ann.sdk.call("chat.markActive", json!([])).await?;
    Ok(())
}

for_each_build! {
    last_activity_is_asked_for,
    whoever_watches_is_told_who_comes_and_goes,
    a_client_says_whether_it_is_in_front,
}
