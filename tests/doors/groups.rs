//! What an app says of its groups, on a real process: who removes members, and what those see who were added later, at both doors.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use natter_tests::process::Natter;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::raw::{Over, Raw, numbered};
use crate::rest::{Person, Rest};

const FORBIDDEN: u16 = 403;

/// Ten times the seconds for which what an app said before holds, and more.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_says_who_removes_members_and_what_who_comes_later_sees() {
    say_so().await.unwrap();
}

async fn say_so() -> Result<()> {
    let mut natter = Natter::start(&[]).await?;
    let rest = Rest::of(&natter, 1)?;
    let [ann, bob, cat, dan] =
        [rest.sign_up("ann").await?, rest.sign_up("bob").await?, rest.sign_up("cat").await?, rest.sign_up("dan").await?];
    let group = made(&rest, &ann, &[&bob, &dan]).await?;
    let admins = json!({"push_all": {"admins_ids": [bob.account.user]}});
    rest.done(put(&rest, &ann, &format!("/chat/Dialog/{group}/admins.json"), &admins)).await?;
    let before = said(&rest, &ann, &group, "words of before").await?;
    let add = json!({"push_all": {"occupants_ids": [cat.account.user]}});
    rest.done(put(&rest, &bob, &format!("/chat/Dialog/{group}.json"), &add)).await?;
    ensure!(rest.bodies(&cat.token, &group).await? == ["words of before"] && last_of(&rest, &cat).await? == "words of before");
    ensure!(removed(&rest, &bob, &group, &dan).await? == FORBIDDEN, "the owner alone");

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("app.toml").display().to_string();
    std::fs::write(&path, "id = 1\n[groups]\nadmins_remove = true\nhistory_from_joining = true\n")?;
    let applied: Value = serde_json::from_str(&natter.shell(&["app", "apply", "-f", &path])?)?;
    ensure!(applied["changed"] == json!(["groups"]) && applied["app"]["groups"]["admins_remove"] == true, "{applied}");
    let known = async {
        while !rest.bodies(&cat.token, &group).await?.is_empty() {
            // Who asks more often is refused.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, known).await.context("she sees it without end")??;

    let (mut of_ann, mut of_bob, mut of_cat) =
        (chat(&natter, &ann).await?, chat(&natter, &bob).await?, chat(&natter, &cat).await?);
    look(&rest, &bob, &cat, &group, &before).await?;
    of_ann.send(&edit(&group, &before, "other words", 1)).await?;
    rest.done(put(&rest, &bob, &format!("/chat/Message/{before}/reactions.json"), &json!({"add": "+"}))).await?;
    said(&rest, &ann, &group, "words since").await?;
    let heard = of_bob.expect("words since").await?;
    ensure!(heard.contains("other words") && heard.contains(&before), "{heard}");
    let heard = of_cat.expect("words since").await?;
    ensure!(!heard.contains("other words") && !heard.contains(&before), "{heard}");
    // What the next change says she hears: nothing before it is missing to her.
    let since = said(&rest, &ann, &group, "words to change").await?;
    of_ann.send(&edit(&group, &since, "words changed", 2)).await?;
    let heard = of_cat.expect("words changed").await?;
    ensure!(!heard.contains("other words"), "{heard}");

    for (who, others) in [(&bob, &ann), (&cat, &dan)] {
        ensure!(removed(&rest, who, &group, others).await? == FORBIDDEN, "{} removed {}", who.login, others.login);
    }
    ensure!(removed(&rest, &bob, &group, &dan).await? == 200);
    ensure!(rest.bodies(&dan.token, &group).await.is_err(), "he is in it no more");

    natter.kill().await?;
    natter.restart().await?;
    let rest = Rest::of(&natter, 1)?;
    ensure!(rest.bodies(&cat.token, &group).await? == ["words since", "words changed"]);
    ensure!(rest.bodies(&bob.token, &group).await? == ["other words", "words since", "words changed"]);
    Ok(())
}

/// What was said before she came is not there for her, however she looks; for him it is.
async fn look(rest: &Rest, bob: &Person, cat: &Person, group: &str, before: &str) -> Result<()> {
    ensure!(last_of(rest, cat).await?.is_null() && last_of(rest, bob).await? == "words of before");
    for (who, count) in [(cat, 0), (bob, 1)] {
        let path = format!("/chat/Message.json?chat_dialog_id={group}&count=1");
        let counted = rest.done(rest.get(&path, &who.token)).await?;
        ensure!(counted["items"]["count"] == count, "{}: {counted}", who.login);
        for path in [
            format!("/chat/Message.json?chat_dialog_id={group}&_id={before}&mark_as_read=0"),
            format!("/chat/Message.json?chat_dialog_id={group}&message[ctn]=words&mark_as_read=0"),
        ] {
            let found = rest.done(rest.get(&path, &who.token)).await?;
            ensure!(found["items"].as_array().is_some_and(|items| items.len() == count), "{} {path}: {found}", who.login);
        }
        let found = rest.done(rest.get("/chat/search.json?search_text=words%20of%20before", &who.token)).await?;
        let messages = &found["results"]["messages"];
        ensure!(messages.as_array().is_some_and(|messages| messages.len() == count), "{}: {found}", who.login);
    }
    let hidden = rest.done(rest.request(Method::DELETE, &format!("/chat/Message/{before}.json")).header("CB-Token", &cat.token));
    let hidden = hidden.await?;
    ensure!(hidden["NotFound"]["ids"] == json!([before]), "{hidden}");
    Ok(())
}

// === helpers ===

/// The id of a group.
async fn made(rest: &Rest, owner: &Person, members: &[&Person]) -> Result<String> {
    let ids: Vec<String> = members.iter().map(|member| member.account.user.to_string()).collect();
    let body = json!({"type": 2, "name": "trip", "occupants_ids": ids.join(", ")});
    let made = rest.done(rest.post("/chat/Dialog.json", &owner.token, &body)).await?;
    Ok(made["_id"].as_str().context("_id")?.to_owned())
}

/// The id of a message that was said over REST, and told.
async fn said(rest: &Rest, who: &Person, group: &str, body: &str) -> Result<String> {
    let body = json!({"chat_dialog_id": group, "message": body, "send_to_chat": 1});
    let said = rest.done(rest.post("/chat/Message.json", &who.token, &body)).await?;
    Ok(said["_id"].as_str().context("_id")?.to_owned())
}

/// A message over XMPP that puts other words into one.
fn edit(group: &str, id: &str, body: &str, n: u64) -> String {
    format!(
        "<message xmlns='jabber:client' to='1_{group}@muc.localhost' type='groupchat' id='{}'><body>{body}</body>\
         <replace xmlns='urn:xmpp:message-correct:0' id='{id}'/>\
         <extraParams xmlns='jabber:client'><dialog_id>{group}</dialog_id></extraParams></message>",
        numbered(n)
    )
}

/// What came of it when one takes another out.
async fn removed(rest: &Rest, who: &Person, group: &str, other: &Person) -> Result<u16> {
    let body = json!({"pull_all": {"occupants_ids": [other.account.user]}});
    Ok(rest.send(put(rest, who, &format!("/chat/Dialog/{group}.json"), &body)).await?.status)
}

/// The last message of a user's only dialog, as his list shows it.
async fn last_of(rest: &Rest, who: &Person) -> Result<Value> {
    let listed = rest.done(rest.get("/chat/Dialog.json", &who.token)).await?;
    Ok(listed["items"][0]["last_message"].clone())
}

fn put(rest: &Rest, who: &Person, path: &str, body: &Value) -> RequestBuilder {
    rest.request(Method::PUT, path).header("CB-Token", &who.token).json(body)
}

async fn chat(natter: &Natter, who: &Person) -> Result<Raw> {
    Raw::signed_in(Over::WebSocket, natter.ports.ws, &who.account).await
}
