//! Calls between two pages: the SDK's calling module, with Natter for its signalling alone.

use anyhow::Result;
use natter_tests::build::Build;
use serde_json::{Value, json};

use crate::stage::{Person, Stage};

/// The description of a session has lines that end with both characters, and is taken for broken without them.
async fn a_call_is_heard_accepted_and_hung_up(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob) = (&stage.ann, &stage.bob);
    let note = "a <&> \"b\" 👍🏽";
    ann.sdk.call("own.ring", json!([bob.id, {"note": note}])).await?;
    assert_eq!(rung(bob, ann).await?["note"], note);
    bob.sdk.call("own.accept", json!([{"by": "bob"}])).await?;
    let described = bob.sdk.event("described").await?;
    assert_eq!(described[0], "offer");
    let offered = ann.sdk.drain("offered").await;
    assert!(offered.iter().any(|offered| offered[0] == described[1]), "{described} is none of {offered:?}");
    assert_eq!(ann.sdk.event("onAcceptCallListener").await?, json!([bob.id, {"by": "bob"}]));
    assert_eq!(ann.sdk.event("described").await?[0], "answer");
    ann.sdk.call("own.hangUp", json!([{"why": "late"}])).await?;
    assert_eq!(bob.sdk.event("onStopCallListener").await?, json!([ann.id, {"why": "late"}]));
    Ok(())
}

async fn a_call_is_rejected(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob) = (&stage.ann, &stage.bob);
    ann.sdk.call("own.ring", json!([bob.id, {}])).await?;
    rung(bob, ann).await?;
    bob.sdk.call("own.reject", json!([{"why": "busy"}])).await?;
    assert_eq!(ann.sdk.event("onRejectCallListener").await?, json!([bob.id, {"why": "busy"}]));
    Ok(())
}

/// What is said with the call of another; 1.x adds a key of its own.
async fn rung(person: &Person, by: &Person) -> Result<Value> {
    let mut told = person.sdk.event("onCallListener").await?;
    assert_eq!(told[0], by.id);
    Ok(told[1].take())
}

for_each_build! {
    a_call_is_heard_accepted_and_hung_up,
    a_call_is_rejected,
}
