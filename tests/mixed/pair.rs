//! Two users of one build of the SDK at different edges, and each kind of thing that one says to the other.

use std::ops::Range;

use anyhow::{Context, Result, ensure};
use natter_tests::build::Build;
use natter_tests::proxy::{Network, Proxy};
use serde_json::{Value, json};

use crate::person::Person;
use crate::scene::{Edge, Scene};

/// What is said; whoever acts is at one edge, and whoever is told of it at the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Post,
    Mark,
    Typing,
    Edit,
    Group,
    Page,
    Presence,
    Contacts,
    Reconnect,
}

impl Kind {
    pub const ALL: [Kind; 9] = [
        Kind::Post,
        Kind::Mark,
        Kind::Typing,
        Kind::Edit,
        Kind::Group,
        Kind::Page,
        Kind::Presence,
        Kind::Contacts,
        Kind::Reconnect,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Post => "post, ack, delivered, unread",
            Kind::Mark => "read mark",
            Kind::Typing => "typing",
            Kind::Edit => "edit and removal",
            Kind::Group => "group, its echo and answer",
            Kind::Page => "pages of history",
            Kind::Presence => "who comes and goes, to who watches",
            Kind::Contacts => "contacts see each other",
            Kind::Reconnect => "reconnect at the other edge, the gap",
        }
    }

    /// 6.x has no contact list (contract xmpp 6).
    pub fn is_known_to(self, build: Build) -> bool {
        self != Kind::Contacts || build.major() < 5
    }
}

/// Ann is here, Bob there.
pub struct Pair<'a> {
    scene: &'a Scene,
    build: Build,
    here: Edge,
    there: Edge,
    ann: Person,
    bob: Person,
    dialog: String,
}

/// Seconds since somebody left a moment ago.
const LATELY: Range<u64> = 0..60;

impl Pair<'_> {
    pub async fn open(scene: &Scene, build: Build, here: Edge, there: Edge) -> Result<Pair<'_>> {
        let managed = json!({"streamManagement": {"enable": true}});
        let mut pair = Vec::new();
        for edge in [here, there] {
            let (id, login) = scene.user()?;
            pair.push(Person::come(build, &scene.config(scene.port(edge)?)?, (id, &login), managed.clone()).await?);
        }
        let (bob, ann) = (pair.pop().context("two came")?, pair.pop().context("two came")?);
        let dialog = ann.dialog(3, &[bob.id]).await?;
        Ok(Pair { scene, build, here, there, ann, bob, dialog })
    }

    pub async fn play(&self, kind: Kind) -> Result<()> {
        match kind {
            Kind::Post => self.post().await,
            Kind::Mark => self.mark().await,
            Kind::Typing => self.typing().await,
            Kind::Edit => self.edit().await,
            Kind::Group => self.group().await,
            Kind::Page => self.page().await,
            Kind::Presence => self.presence().await,
            Kind::Contacts => self.contacts().await,
            Kind::Reconnect => self.reconnect().await,
        }
    }

    async fn post(&self) -> Result<()> {
        let (ann, bob, dialog) = (&self.ann, &self.bob, &self.dialog);
        let body = "How are you? <&> \u{1F600} \"quoted\"";
        let id = ann.send(json!(bob.id), dialog, body).await?;
        bob.hear(&id, ann.id, dialog, body).await?;
        let sent = ann.sdk.event_where("onSentMessageCallback", |event| event[1]["id"] == id.as_str()).await?;
        ensure!(sent[0].is_null(), "the message was not taken: {sent}");
        ann.told("onDeliveredStatusListener", json!([id, dialog, bob.id])).await?;
        let unread = (ann.unread(dialog).await?, bob.unread(dialog).await?);
        ensure!(unread == (0, 1), "unread are {unread:?}");
        Ok(())
    }

    async fn mark(&self) -> Result<()> {
        let (ann, bob, dialog) = (&self.ann, &self.bob, &self.dialog);
        let id = ann.send(json!(bob.id), dialog, "read this").await?;
        bob.hear(&id, ann.id, dialog, "read this").await?;
        bob.sdk.call("chat.sendReadStatus", json!([{"messageId": id, "userId": ann.id, "dialogId": dialog}])).await?;
        ann.told("onReadStatusListener", json!([id, dialog, bob.id])).await?;
        let list = ann.sdk.call("chat.message.list", json!([{"chat_dialog_id": dialog, "_id": id}])).await?;
        let readers = &list["items"][0]["read_ids"];
        ensure!(readers.as_array().is_some_and(|readers| readers.contains(&json!(bob.id))), "{list}");
        Ok(())
    }

    async fn typing(&self) -> Result<()> {
        for (method, is_typing) in [("chat.sendIsTypingStatus", true), ("chat.sendIsStopTypingStatus", false)] {
            self.ann.sdk.call(method, json!([self.bob.id])).await?;
            let told = |event: &Value| event[0] == is_typing && event[1] == self.ann.id;
            self.bob.sdk.event_where("onMessageTypingListener", told).await?;
        }
        Ok(())
    }

    async fn edit(&self) -> Result<()> {
        let (ann, bob, dialog) = (&self.ann, &self.bob, &self.dialog);
        let id = ann.send(json!(bob.id), dialog, "helo").await?;
        bob.hear(&id, ann.id, dialog, "helo").await?;
        let edit = json!([{"to": bob.id, "body": "hello", "originMessageId": id, "last": true, "dialogId": dialog}]);
        ann.sdk.call("chat.editMessage", edit).await?;
        let edited = bob.sdk.event_where("onMessageUpdateListener", |event| event[0] == id.as_str()).await?;
        ensure!(edited[2] == "hello", "{edited}");
        ann.sdk.call("chat.deleteMessage", json!([{"to": bob.id, "messageId": id, "dialogId": dialog}])).await?;
        bob.sdk.event_where("onMessageDeleteListener", |event| event[0] == id.as_str()).await?;
        let left = bob.page(dialog, 0, 100).await?;
        ensure!(left.iter().all(|(one, _)| *one != id), "it is still there: {left:?}");
        Ok(())
    }

    async fn group(&self) -> Result<()> {
        let (ann, bob) = (&self.ann, &self.bob);
        let group = ann.dialog(2, &[bob.id]).await?;
        let id = ann.send(json!(group), &group, "hi all").await?;
        for person in [bob, ann] {
            person.hear(&id, ann.id, &group, "hi all").await?;
        }
        let answer = bob.send(json!(group), &group, "hi back").await?;
        for person in [ann, bob] {
            person.hear(&answer, bob.id, &group, "hi back").await?;
        }
        let all = [(id, "hi all".to_owned()), (answer, "hi back".to_owned())];
        ensure!(bob.page(&group, 0, 10).await? == all && ann.page(&group, 0, 10).await? == all, "not what was said");
        Ok(())
    }

    // Of what came through both edges.
    async fn page(&self) -> Result<()> {
        let (ann, bob) = (&self.ann, &self.bob);
        let dialog = &ann.dialog(2, &[bob.id]).await?;
        let mut all = Vec::new();
        for n in 0..4 {
            let (sender, other) = if n % 2 == 0 { (ann, bob) } else { (bob, ann) };
            let body = format!("number {n}");
            let id = sender.send(json!(dialog), dialog, &body).await?;
            other.hear(&id, sender.id, dialog, &body).await?;
            all.push((id, body));
        }
        for (skip, page) in [(0, &all[..3]), (3, &all[3..])] {
            let (hers, his) = (ann.page(dialog, skip, 3).await?, bob.page(dialog, skip, 3).await?);
            ensure!(hers == page && his == page, "after {skip}: {hers:?} and {his:?}, not {page:?}");
        }
        Ok(())
    }

    async fn presence(&self) -> Result<()> {
        let ann = &self.ann;
        let (id, login) = self.scene.user()?;
        let config = self.scene.config(self.scene.port(self.there)?)?;
        let cat = Person::come(self.build, &config, (id, &login), json!({})).await?;
        // The SDK does not wait until it watches, but what is asked about the same user later is answered later.
        ann.sdk.call("chat.subscribeToUserLastActivityStatus", json!([id])).await?;
        ann.sdk.call("chat.getLastUserActivity", json!([id])).await?;
        ann.told("onLastUserActivityListener", json!([id, 0])).await?;
        cat.disconnect().await?;
        let left = |event: &Value| event[0] == id && event[1].as_u64().is_some_and(|ago| ago > 0 && LATELY.contains(&ago));
        ann.sdk.event_where("onLastUserActivityListener", left).await?;
        let _again = Person::come(self.build, &config, (id, &login), json!({})).await?;
        ann.told("onLastUserActivityListener", json!([id, 0])).await
    }

    async fn contacts(&self) -> Result<()> {
        let ann = &self.ann;
        let (id, login) = self.scene.user()?;
        let config = self.scene.config(self.scene.port(self.there)?)?;
        let cat = Person::come(self.build, &config, (id, &login), json!({})).await?;
        ann.sdk.call("chat.contactList.add", json!([{"userId": id, "name": "Cat"}])).await?;
        cat.told("onSubscribeListener", json!([ann.id])).await?;
        cat.sdk.call("chat.contactList.confirm", json!([{"userId": ann.id}])).await?;
        ann.told("onConfirmSubscribeListener", json!([id])).await?;
        ann.told("onContactListListener", json!([id])).await?;
        cat.told("onContactListListener", json!([ann.id])).await?;
        cat.disconnect().await?;
        ann.told("onContactListListener", json!([id, "unavailable"])).await?;
        let _again = Person::come(self.build, &config, (id, &login), json!({})).await?;
        ann.told("onContactListListener", json!([id])).await
    }

    // A client that is cut off here comes back there: what it missed it gets once and in order, and what it had not proved perhaps again.
    async fn reconnect(&self) -> Result<()> {
        let bob = &self.bob;
        let (id, login) = self.scene.user()?;
        let road = Proxy::start(self.scene.port(self.here)?).await?;
        // Reconnects of 3.35.3 overflow its own stack with stream management on (contract xmpp 10).
        let quick = json!({"reconnect": {"enable": true, "timeInterval": 1}});
        let cat = Person::come(self.build, &self.scene.config(road.port)?, (id, &login), quick).await?;
        let dialog = bob.dialog(3, &[id]).await?;
        let mut expected = vec![bob.send(json!(id), &dialog, "before").await?];
        let mut got = Vec::new();
        collect(&cat, &expected, &mut got).await?;
        road.set(Network::Closed);
        cat.sdk.event("onDisconnectedListener").await?;
        for n in 0..3 {
            expected.push(bob.send(json!(id), &dialog, &format!("missed {n}")).await?);
        }
        road.lead_to(self.scene.port(self.there)?);
        road.set(Network::Up);
        cat.sdk.event("onReconnectListener").await?;
        expected.push(bob.send(json!(id), &dialog, "after").await?);
        collect(&cat, &expected, &mut got).await?;
        ensure!(got == expected, "{got:?}, not {expected:?}");
        Ok(())
    }
}

// Until the last of them was heard. One that comes once more says so (P2).
async fn collect(person: &Person, expected: &[String], got: &mut Vec<String>) -> Result<()> {
    while got.last() != expected.last() {
        let event = person.sdk.event("onMessageListener").await?;
        let id = event[1]["id"].as_str().unwrap_or_default().to_owned();
        match got.contains(&id) {
            true => ensure!(event[1]["delay"]["attrs"]["stamp"].is_string(), "a repeat carries a delay: {event}"),
            false => got.push(id),
        }
    }
    Ok(())
}
