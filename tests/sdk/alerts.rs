//! A message to somebody who is away reaches his devices: through the SDK, the server, and providers that check what they are
//! sent and decrypt it as a browser would.

use anyhow::{Context, Result};
use natter_tests::build::Build;
use natter_tests::providers::{BUNDLE, Providers, eventually};
use serde_json::{Value, json};

use crate::stage::Stage;

async fn who_is_away_is_alerted_on_each_device(build: Build) -> Result<()> {
    let providers = Providers::start().await?;
    let settings = providers.settings();
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let stage = Stage::open_with(build, json!({}), &settings).await?;
    let (ann, bob) = (&stage.ann, &stage.bob);
    let public_key = providers.give(&stage.natter, 1)?;
    let devices = providers.devices(&public_key);
    for device in devices.subscriptions() {
        let made = bob.sdk.call("pushnotifications.subscriptions.create", json!([device])).await?;
        assert!(made[0]["subscription"]["id"].is_u64(), "{made}");
    }
    bob.sdk.call("chat.disconnect", json!([])).await?;
    let (apple, google, postman) = (&providers.checking.apple, &providers.checking.google, &providers.checking.postman);
    let mut collapses = Vec::new();
    for (count, text) in [(1_usize, "Good night, good night!"), (2, "Parting is such sweet sorrow ☂")] {
        let id = ann.send(bob.id, &stage.dialog, text).await?;
        let whole = format!("The ann: {text}");
        let collapse = format!("{}-{id}", stage.dialog);

        let push = eventually("Apple's alert", || apple.pushed().get(count - 1).cloned()).await?;
        assert_eq!((&push.token, push.topic.as_str(), push.push_type.as_str()), (&devices.apple.token, BUNDLE, "alert"));
        let aps = json!({"alert": {"body": whole}, "badge": count, "sound": "default", "thread-id": stage.dialog});
        assert_eq!(push.payload["aps"], aps);
        assert_eq!(push.payload["message_id"], id.as_str());
        collapses.push(push.collapse.context("a collapse id")?);

        let push = eventually("Google's alert", || google.pushed().get(count - 1).cloned()).await?;
        assert_eq!(push.token, devices.google);
        let data = &push.message["data"];
        assert_eq!((data["message"].as_str(), data["badge"].as_str()), (Some(whole.as_str()), Some(count.to_string().as_str())));
        assert_eq!(
            (data["dialog_id"].as_str(), data["user_id"].as_str()),
            (Some(stage.dialog.as_str()), Some(ann.id.to_string().as_str()))
        );
        assert_eq!(push.message["android"]["collapse_key"], collapse.as_str());

        let push = eventually("the browser's alert", || postman.pushed().get(count - 1).cloned()).await?;
        assert!(devices.browser.endpoint.ends_with(&push.path));
        let shown = ["message", "tag", "badge", "thread", "dialog_id", "message_id"].map(|name| push.payload[name].clone());
        let expected: [Value; 6] =
            [json!(whole), json!(collapse), json!(count), json!(stage.dialog), json!(stage.dialog), json!(id)];
        assert_eq!(shown, expected);
        assert_eq!((push.urgency.as_str(), push.subject.as_str()), ("high", "mailto:ops@example.test"));
        assert!(push.topic.is_some(), "a repeat takes its place");
    }
    assert_ne!(collapses[0], collapses[1]);
    assert_eq!((apple.pushed().len(), google.pushed().len(), postman.pushed().len()), (2, 2, 2), "each once");
    Ok(())
}

for_each_build!(who_is_away_is_alerted_on_each_device);
