//! A message to somebody who is away reaches his devices: through the SDK, the server, and providers that check what they are
//! sent and decrypt it as a browser would. And the operator sees all of its way, alerts and all.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use natter_tests::build::Build;
use natter_tests::providers::{BUNDLE, Providers, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::operator::Operator;
use crate::stage::{Person, Stage};

const PATIENCE: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_millis(50);

async fn who_is_away_is_alerted_on_each_device(build: Build) -> Result<()> {
    let providers = Providers::start().await?;
    let mut settings = providers.settings();
    settings.push("trace.one_in=0".to_owned());
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let stage = Stage::open_with(build, json!({}), &settings).await?;
    let (ann, bob) = (&stage.ann, &stage.bob);
    let public_key = providers.give(&stage.natter, 1)?;
    let devices = providers.devices(&public_key);
    for device in devices.subscriptions() {
        let made = bob.sdk.call("pushnotifications.subscriptions.create", json!([device])).await?;
        assert!(made[0]["subscription"]["id"].is_u64(), "{made}");
    }
    let operator = Operator::sign_in(&stage.natter).await?;
    follow_all(&operator, bob, ann.id, &stage.dialog).await?;
    bob.sdk.call("chat.disconnect", json!([])).await?;
    let (apple, google, postman) = (&providers.checking.apple, &providers.checking.google, &providers.checking.postman);
    let (mut collapses, mut ids) = (Vec::new(), Vec::new());
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
        ids.push(id);
    }
    for id in &ids {
        is_followed_to_its_alerts(&operator, id, (ann.id, bob.id)).await?;
    }
    bob.connect().await?;
    let read = json!([{"messageId": ids[0], "userId": ann.id, "dialogId": stage.dialog}]);
    bob.sdk.call("chat.sendDeliveredStatus", read.clone()).await?;
    bob.sdk.call("chat.sendReadStatus", read).await?;
    let trace = trace_with(&operator, &ids[0], &["delivered", "read"], 3).await?;
    for what in ["delivered", "read"] {
        assert_eq!(hop(&trace, what).map(|hop| &hop["user"]), Some(&json!(bob.id)), "{what}: {trace:#}");
    }
    let page = operator.page(&format!("messages/{}", ids[0])).await?;
    for words in ["The user has received it.", "The user has read it."] {
        assert!(page.contains(words), "no {words} in {page}");
    }
    assert_ne!(collapses[0], collapses[1]);
    assert_eq!((apple.pushed().len(), google.pushed().len(), postman.pushed().len()), (2, 2, 2), "each once");
    Ok(())
}

/// Once, however often it is asked while it waits; and not for whom it is told.
async fn who_is_away_is_alerted_of_who_asks_to_be_his_contact(build: Build) -> Result<()> {
    let providers = Providers::start().await?;
    let settings = providers.settings();
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let stage = Stage::open_with(build, json!({}), &settings).await?;
    let (ann, bob) = (&stage.ann, &stage.bob);
    let public_key = providers.give(&stage.natter, 1)?;
    for person in [ann, bob] {
        for device in providers.devices(&public_key).subscriptions() {
            person.sdk.call("pushnotifications.subscriptions.create", json!([device])).await?;
        }
    }
    bob.sdk.call("chat.disconnect", json!([])).await?;
    for _ in 0..2 {
        ann.sdk.call("chat.contactList.add", json!([{"userId": bob.id}])).await?;
    }
    let (apple, google, postman) = (&providers.checking.apple, &providers.checking.google, &providers.checking.postman);
    let whole = "The ann wants to be your contact";
    let push = eventually("Apple's alert", || apple.pushed().first().cloned()).await?;
    assert_eq!(push.payload["aps"]["alert"], json!({"body": whole}));
    assert_eq!((&push.payload["alert"], &push.payload["user_id"]), (&json!("contact_request"), &json!(ann.id)));
    let push = eventually("Google's alert", || google.pushed().first().cloned()).await?;
    assert_eq!(push.message["data"]["message"], whole);
    let push = eventually("the browser's alert", || postman.pushed().first().cloned()).await?;
    assert_eq!(push.payload["message"], whole);
    // What comes behind it shows that nothing else came before.
    ann.send(bob.id, &stage.dialog, "Wherefore art thou?").await?;
    let push = eventually("the next alert", || apple.pushed().get(1).cloned()).await?;
    assert_eq!(push.payload["aps"]["alert"]["body"], "The ann: Wherefore art thou?");
    Ok(())
}

/// An app that switched it on: once for each call, however often it is offered, on devices that are woken for calls too.
async fn who_is_away_is_alerted_of_a_call(build: Build) -> Result<()> {
    let providers = Providers::start().await?;
    let settings = providers.settings();
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let stage = Stage::open_with(build, json!({}), &settings).await?;
    let (ann, bob) = (&stage.ann, &stage.bob);
    let public_key = providers.give(&stage.natter, 1)?;
    let (apple, google, postman) = (&providers.checking.apple, &providers.checking.google, &providers.checking.postman);
    let woken = apple.device(&format!("{BUNDLE}.voip"), false).token;
    let devices = providers.devices(&public_key);
    let mut all = devices.subscriptions().to_vec();
    let mut voip = all[0].clone();
    voip["notification_channel"] = json!("apns_voip");
    voip["push_token"]["client_identification_sequence"] = json!(woken);
    all.push(voip);
    for device in all {
        bob.sdk.call("pushnotifications.subscriptions.create", json!([device])).await?;
    }
    bob.sdk.call("chat.disconnect", json!([])).await?;
    signal(ann, bob.id, "call", "unheard").await?;
    let operator = Operator::sign_in(&stage.natter).await?;
    // Behind it: who reads the log has come by the call.
    ann.send(bob.id, &stage.dialog, "Wherefore art thou?").await?;
    eventually("the alert of a message", || apple.pushed().first().cloned()).await?;
    let (status, on) = operator.ask(Method::PUT, "alerts", Some(json!({"calls": true}))).await?;
    assert_eq!((status, &on["alerts"]["calls"]), (200, &json!(true)), "{on}");

    for _ in 0..3 {
        signal(ann, bob.id, "call", "heard").await?;
    }
    let rung = eventually("Apple's two", || Some(apple.pushed()).filter(|all| all.len() == 3)).await?;
    let of = |token: &str| rung[1..].iter().find(|push| push.token == token).context("a push");
    let (shown, ring) = (of(&devices.apple.token)?, of(&woken)?);
    assert_eq!((shown.push_type.as_str(), &shown.payload["aps"]["alert"]), ("alert", &json!({"body": "The ann is calling"})));
    assert_eq!((ring.push_type.as_str(), ring.topic.as_str()), ("voip", format!("{BUNDLE}.voip").as_str()));
    for push in [shown, ring] {
        let told = ["alert", "user_id", "call_type"].map(|name| push.payload[name].clone());
        assert_eq!(told, [json!("call"), json!(ann.id), json!("audio")]);
    }
    let push = eventually("Google's alert", || google.pushed().get(1).cloned()).await?;
    assert_eq!(push.message["data"]["message"], "The ann is calling");
    let push = eventually("the browser's alert", || postman.pushed().get(1).cloned()).await?;
    assert_eq!(push.payload["message"], "The ann is calling");
    assert!((1..=45).contains(&push.ttl), "{}", push.ttl);
    signal(ann, bob.id, "hangUp", "heard").await?;
    ann.send(bob.id, &stage.dialog, "Good night!").await?;
    let push = eventually("the next alert", || apple.pushed().get(3).cloned()).await?;
    assert_eq!(push.payload["aps"]["alert"]["body"], "The ann: Good night!");
    Ok(())
}

/// As the calling module signals, which Node has not.
async fn signal(person: &Person, to: u64, kind: &str, session: &str) -> Result<()> {
    let extension = json!({
        "moduleIdentifier": "WebRTCVideoChat", "signalType": kind, "sessionID": session, "callType": 2, "callerID": person.id,
        "opponentsIDs": [to], "platform": "node", "sdp": "v=0\r\n",
    });
    person.sdk.call("chat.sendWebRTCSignalingMessage", json!([to, {"extension": extension}])).await?;
    Ok(())
}

// From here on every message of the app leaves a trace. Every process is told so, but not before the operator is answered: the
// other way something is said until it is heard.
async fn follow_all(operator: &Operator, bob: &Person, ann: u64, dialog: &str) -> Result<()> {
    let (status, on) = operator.ask(Method::PUT, "trace", Some(json!({"hours": 1}))).await?;
    assert_eq!((status, &on["trace"]["every_message"]), (200, &json!(true)), "{on}");
    let heard = async {
        loop {
            let id = bob.send(ann, dialog, "Art thou heard?").await?;
            for _ in 0..20 {
                if operator.ask(Method::GET, &format!("messages/{id}/trace"), None).await?.0 == 200 {
                    return Ok(());
                }
                sleep(AGAIN).await;
            }
        }
    };
    timeout(PATIENCE, heard).await.context("none is traced")?
}

// The whole way from Ann's client to the three providers, as the admin API and the page tell it.
async fn is_followed_to_its_alerts(operator: &Operator, id: &str, (ann, bob): (u64, u64)) -> Result<()> {
    let trace = trace_with(operator, id, &["received", "ordered", "stored", "told", "acked"], 3).await?;
    for what in ["received", "ordered", "stored", "acked"] {
        assert_eq!(hop(&trace, what).map(|hop| &hop["user"]), Some(&json!(ann)), "{what}: {trace:#}");
    }
    assert!(hop(&trace, "written").is_none_or(|hop| hop["user"] != bob), "he is away: {trace:#}");
    let pushes = trace["trace"]["pushes"].as_array().context("pushes")?;
    let mut channels: Vec<&str> = pushes.iter().filter_map(|push| push["channel"].as_str()).collect();
    channels.sort_unstable();
    assert_eq!(channels, ["apns", "gcm", "web"], "one attempt at each: {trace:#}");
    for push in pushes {
        let is_accepted = push["answer"].as_str().is_some_and(|answer| answer.starts_with("accepted"));
        let told = (&push["user"], &push["sender"], &push["reason"], &push["attempt"]);
        assert_eq!((told, is_accepted), ((&json!(bob), &json!(ann), &json!("offline"), &json!(1)), true), "{push}");
    }
    let page = operator.page(&format!("messages/{id}")).await?;
    for words in [
        "The edge read it from its sender",
        "of its dialog.",
        "It is durable",
        "The live sessions of 2 members were told.",
        "Its sender was answered.",
        "To be alerted: no session of the user is open.",
        "(apns), attempt 1. The provider took it.",
        "(gcm), attempt 1. The provider took it.",
        "(web), attempt 1. The provider took it.",
        ">ann</a>",
        ">bob</a>",
    ] {
        assert!(page.contains(words), "no {words} in {page}");
    }
    assert!(!page.contains("Good night") && !page.contains("sorrow"), "nothing of what it says: {page}");
    Ok(())
}

// The trace of a message as soon as it has these hops and so many attempts.
async fn trace_with(operator: &Operator, id: &str, hops: &[&str], attempts: usize) -> Result<Value> {
    let path = format!("messages/{id}/trace");
    let mut last = Value::Null;
    let complete = async {
        loop {
            last = operator.ask(Method::GET, &path, None).await?.1;
            let is_there = last["trace"]["pushes"].as_array().is_some_and(|pushes| pushes.len() >= attempts);
            if is_there && hops.iter().all(|what| hop(&last, what).is_some()) {
                return anyhow::Ok(());
            }
            sleep(AGAIN).await;
        }
    };
    match timeout(PATIENCE, complete).await {
        Ok(outcome) => outcome.map(|()| last),
        Err(_) => bail!("not the whole way: {last:#}"),
    }
}

fn hop<'a>(trace: &'a Value, what: &str) -> Option<&'a Value> {
    trace["trace"]["hops"].as_array()?.iter().find(|hop| hop["what"] == what)
}

for_each_build! {
    who_is_away_is_alerted_on_each_device,
    who_is_away_is_alerted_of_who_asks_to_be_his_contact,
    who_is_away_is_alerted_of_a_call,
}
