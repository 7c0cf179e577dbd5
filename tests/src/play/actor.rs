//! Somebody on the stage: signs in as a client does, sends, and is told. What counts as the expected stanza is
//! `matching.rs`'s.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use natter_xmpp::{Element, StreamEvent, ns};
use tokio::time::timeout;

use super::Target;
use super::matching::{compare, pretty};
use super::names::Names;
use super::script::Role;
use super::wire::Wire;

/// How long an actor waits for what must come: ten times what a slow machine needs.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long nothing must come after the server has answered a ping, and how long it may take to look up what a session missed:
/// nothing on the wire says when it has. Plays wait here and nowhere else.
const SILENCE: Duration = Duration::from_millis(300);

/// A role with its connection.
pub(super) struct Actor {
    role: Role,
    target: Target,
    wire: Option<Wire>,
    /// How far the sign-in is.
    stage: Stage,
    /// Came while something else was waited for.
    waiting: VecDeque<Element>,
    jid: String,
    /// Stanzas that came, for `<a/>`.
    heard: u32,
    pings: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Stage {
    Away,
    Open,
    SignedIn,
    Bound,
    Present,
}

impl Actor {
    pub(super) fn new(role: Role, target: Target) -> Actor {
        let (stage, waiting) = (Stage::Away, VecDeque::new());
        Actor { role, target, wire: None, stage, waiting, jid: String::new(), heard: 0, pings: 0 }
    }

    pub(super) fn name(&self) -> &str {
        &self.role.name
    }

    // === sign-in, step by step ===

    /// Connects and opens a stream. The features wait to be received.
    pub(super) async fn open(&mut self, names: &mut Names) -> Result<()> {
        let host = self.host(names)?;
        self.wire = Some(Wire::connect(self.role.transport, &self.target, &host).await?);
        self.waiting.clear();
        self.heard = 0;
        self.stage = Stage::Open;
        self.open_stream(&host).await
    }

    /// Sends the credentials and opens the second stream. Its features wait to be received.
    pub(super) async fn sign_in(&mut self, names: &mut Names) -> Result<()> {
        let answer = self.authenticate(names).await?;
        ensure!(answer.is("success", ns::SASL), "refused:\n{}", pretty(&answer, 0));
        self.waiting.clear();
        self.stage = Stage::SignedIn;
        let host = self.host(names)?;
        self.open_stream(&host).await
    }

    /// Binds a resource, with a `session` iq where it is offered, as 1.x does. No presence yet.
    pub(super) async fn bind(&mut self, names: &mut Names) -> Result<()> {
        if self.stage < Stage::SignedIn {
            self.sign_in(names).await?;
        }
        let features = self.pop().await?.context("features")?;
        let resource = self.role.resource.as_ref().map(|name| Element::new("resource", ns::BIND).with_text(name.as_str()));
        let bind = Element::new("bind", ns::BIND).with_children(resource);
        let bound = self.ask("bind", bind).await?;
        let jid = bound.child("bind", ns::BIND).and_then(|bind| bind.child_text("jid", ns::BIND));
        self.jid = jid.with_context(|| format!("no address:\n{}", pretty(&bound, 0)))?;
        if features.child("session", ns::SESSION).is_some() {
            self.ask("sess", Element::new("session", ns::SESSION)).await?;
        }
        names.set(&format!("{}.jid", self.role.name), self.jid.clone());
        names.set(&format!("{}.resource", self.role.name), self.jid.split_once('/').unwrap_or_default().1.to_owned());
        self.stage = Stage::Bound;
        Ok(())
    }

    /// Binds and sends the first presence; when it returns, the session is live: what comes is not from the list of what was
    /// missed.
    pub(super) async fn connect(&mut self, names: &mut Names) -> Result<()> {
        if self.stage < Stage::Bound {
            self.bind(names).await?;
        }
        self.send(&Element::new("presence", ns::CLIENT)).await?;
        self.stage = Stage::Present;
        self.ping().await?;
        while let Ok(Some(missed)) = timeout(SILENCE, self.event()).await.unwrap_or(Ok(None)) {
            self.waiting.push_back(missed);
        }
        Ok(())
    }

    /// The sign-in must fail with this condition, and the stream must stay open for a while (`contract xmpp 1.5`).
    pub(super) async fn is_refused(&mut self, condition: &str, names: &mut Names) -> Result<()> {
        let failure = self.authenticate(names).await?;
        ensure!(failure.is("failure", ns::SASL), "not refused:\n{}", pretty(&failure, 0));
        let first = failure.elements().next().context("a condition")?;
        ensure!(first.is(condition, ns::SASL), "the condition is not first, or another:\n{}", pretty(&failure, 0));
        ensure!(timeout(SILENCE, self.event()).await.is_err(), "the stream did not stay open");
        Ok(())
    }

    async fn authenticate(&mut self, names: &mut Names) -> Result<Element> {
        if self.stage < Stage::Open {
            self.open(names).await?;
        }
        self.waiting.clear();
        let own = self.target.users.get(&self.role.user).map(|(_, password)| password.clone());
        let password = self.role.password.clone().or(own).context("a password")?;
        let bytes = if self.role.latin1 { latin1(&password)? } else { password.into_bytes() };
        let (authzid, authcid) = (names.fill_text(&self.role.authzid)?, names.get(&self.role.name)?);
        let message = [authzid.as_bytes(), b"\0", authcid.as_bytes(), b"\0", &bytes].concat();
        let text = base64::engine::general_purpose::STANDARD.encode(message);
        self.send(&Element::new("auth", ns::SASL).with_attr("mechanism", "PLAIN").with_text(text)).await?;
        self.pop().await?.context("an answer to the credentials")
    }

    // === stanzas ===

    pub(super) async fn send(&mut self, element: &Element) -> Result<()> {
        self.wire()?.send(element).await
    }

    pub(super) async fn send_raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.wire()?.send_raw(bytes).await
    }

    /// The next stanza must be this one.
    pub(super) async fn receive(&mut self, expected: &Element, names: &mut Names) -> Result<()> {
        let actual = self.pop().await?.context("the stream ended")?;
        compare(expected, &actual, names)
    }

    /// After a ping has gone to and fro and a little while more, nothing may have come.
    pub(super) async fn receive_nothing(&mut self) -> Result<()> {
        if self.stage >= Stage::Bound {
            self.ping().await?;
        }
        if let Ok(read) = timeout(SILENCE, self.pop()).await {
            bail!("received{}", read?.map_or_else(|| " the end of the stream".to_owned(), |it| format!("\n{}", pretty(&it, 0))));
        }
        Ok(())
    }

    // === the end ===

    /// The server must end the stream: with this stream error, or without any.
    pub(super) async fn ends(&mut self, condition: Option<&str>) -> Result<()> {
        self.waiting.retain(|waiting| !waiting.is("features", ns::STREAM));
        if let Some(condition) = condition {
            let error = self.pop().await?.context("the stream ended without an error")?;
            let first = error.elements().next().filter(|_| error.is("error", ns::STREAM));
            let named = first.is_some_and(|first| first.is(condition, ns::STREAM_ERRORS));
            ensure!(named, "another end:\n{}", pretty(&error, 0));
        }
        if let Some(more) = self.pop().await? {
            bail!("no end, but\n{}", pretty(&more, 0));
        }
        self.vanish();
        Ok(())
    }

    /// Ends the stream in good order: the server must answer the end.
    pub(super) async fn disconnect(&mut self) -> Result<()> {
        if self.stage == Stage::Away {
            return Ok(());
        }
        self.wire()?.close().await?;
        while self.next().await?.is_some() {}
        self.vanish();
        Ok(())
    }

    /// Drops the connection without a word.
    pub(super) fn vanish(&mut self) {
        self.wire = None;
        self.stage = Stage::Away;
    }

    // === tools ===

    fn wire(&mut self) -> Result<&mut Wire> {
        self.wire.as_mut().context("not connected")
    }

    fn host(&self, names: &mut Names) -> Result<String> {
        if self.role.host.is_empty() { Ok(self.target.host.clone()) } else { names.fill_text(&self.role.host) }
    }

    async fn open_stream(&mut self, host: &str) -> Result<()> {
        self.wire()?.open(host).await?;
        match timeout(PATIENCE, self.wire()?.next()).await.context("no stream header")?? {
            Some(StreamEvent::Open { version, .. }) => ensure!(version.as_deref() == Some("1.0"), "version {version:?}"),
            other => bail!("no stream header but {other:?}"),
        }
        let features = self.pop().await?.context("features")?;
        ensure!(features.is("features", ns::STREAM), "no features:\n{}", pretty(&features, 0));
        self.waiting.push_front(features);
        Ok(())
    }

    /// Sends an iq and waits for its result; what else comes waits its turn.
    async fn ask(&mut self, id: &str, payload: Element) -> Result<Element> {
        let kind = if payload.name == "ping" { "get" } else { "set" };
        self.send(&Element::new("iq", ns::CLIENT).with_attr("type", kind).with_attr("id", id).with_child(payload)).await?;
        loop {
            let answer = self.next().await?.with_context(|| format!("the stream ended before the answer to {id}"))?;
            if answer.name == "iq" && answer.attr("id") == Some(id) {
                ensure!(answer.attr("type") == Some("result"), "refused:\n{}", pretty(&answer, 0));
                return Ok(answer);
            }
            self.waiting.push_back(answer);
        }
    }

    async fn ping(&mut self) -> Result<()> {
        self.pings += 1;
        let id = format!("play{}:ping", self.pings);
        self.ask(&id, Element::new("ping", ns::PING)).await.map(drop)
    }

    /// The next stanza, one that waits first.
    async fn pop(&mut self) -> Result<Option<Element>> {
        match self.waiting.pop_front() {
            Some(element) => Ok(Some(element)),
            None => self.next().await,
        }
    }

    /// The next stanza that comes, none at the end of the stream.
    async fn next(&mut self) -> Result<Option<Element>> {
        timeout(PATIENCE, self.event()).await.context("nothing came")?
    }

    /// Passes over what a play need not mention: the own presence echoed, and `<r/>`, which is answered as a client would.
    async fn event(&mut self) -> Result<Option<Element>> {
        loop {
            match self.wire()?.next().await? {
                Some(StreamEvent::Stanza(element)) if element.is("r", ns::SM) => {
                    let answer = Element::new("a", ns::SM).with_attr("h", self.heard.to_string());
                    self.send(&answer).await?;
                }
                Some(StreamEvent::Stanza(element)) => {
                    let is_stanza = matches!(element.name.as_str(), "iq" | "message" | "presence");
                    self.heard += u32::from(is_stanza);
                    let echo = element.name == "presence" && element.attr("from") == Some(self.jid.as_str());
                    if !echo {
                        return Ok(Some(element));
                    }
                }
                Some(StreamEvent::Open { .. }) => bail!("a second stream header"),
                Some(StreamEvent::Close) | None => return Ok(None),
            }
        }
    }
}

/// As 2.x to 6.x send a password (`contract xmpp 1.5`).
fn latin1(text: &str) -> Result<Vec<u8>> {
    text.chars().map(|character| u8::try_from(u32::from(character)).context("not Latin-1")).collect()
}
