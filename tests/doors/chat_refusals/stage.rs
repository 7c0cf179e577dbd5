//! Ann and Bob, whose conversation must not notice what others do, and streams that are to be refused beside it.

use anyhow::{Result, ensure};
use natter_tests::client::Account;
use natter_tests::process::Natter;
use tokio_tungstenite::tungstenite::Message;

use crate::raw::{OPEN, Over, Raw, numbered, plain};
use crate::rest::PASSWORD;

/// A process with two users.
pub struct Stage {
    natter: Natter,
    pub ann: Account,
    bob: Account,
}

impl Stage {
    pub async fn open(settings: &[&str]) -> Result<Stage> {
        let natter = Natter::start(settings).await?;
        let (ann, bob) = (account(&natter, "ann")?, account(&natter, "bob")?);
        Ok(Stage { natter, ann, bob })
    }

    fn port(&self, over: Over) -> u16 {
        if over == Over::Tcp { self.natter.ports.tcp } else { self.natter.ports.ws }
    }

    pub async fn raw(&self, over: Over) -> Result<Raw> {
        Raw::connect(over, self.port(over)).await
    }

    pub async fn signed_in(&self, over: Over, account: &Account) -> Result<Raw> {
        Raw::signed_in(over, self.port(over), account).await
    }

    pub async fn pair(&self) -> Result<Pair> {
        let (ann, bob) = (self.signed_in(Over::WebSocket, &self.ann).await?, self.signed_in(Over::Tcp, &self.bob).await?);
        Ok(Pair { ann, bob, ann_id: self.ann.user, bob_id: self.bob.user, count: 0, heard: String::new() })
    }

    /// Sends this on a stream, and expects a stream error of this condition and a proper end.
    pub async fn is_ended(&self, over: Over, signed_in: bool, sent: &[u8], condition: &str) -> Result<()> {
        let mut raw = if signed_in { self.signed_in(over, &self.ann).await? } else { self.raw(over).await? };
        if !signed_in {
            raw.open().await?;
        }
        // A peer that is refused half way through a stanza may find the socket closed.
        let _ = raw.send_bytes(sent).await;
        is_farewell(over, &raw.end().await?, condition)
    }

    pub async fn is_ended_at_once(&self, over: Over, sent: &str, condition: &str) -> Result<()> {
        let mut raw = self.raw(over).await?;
        raw.send(sent).await?;
        is_farewell(over, &raw.end().await?, condition)
    }

    pub async fn is_ended_by_a_binary_frame(&self) -> Result<()> {
        let mut raw = self.signed_in(Over::WebSocket, &self.ann).await?;
        raw.send_message(Message::Binary(OPEN.as_bytes().into())).await?;
        is_farewell(Over::WebSocket, &raw.end().await?, "bad-format")
    }

    pub async fn is_refused_then_let_in(&self, over: Over, sent: &str, condition: &str) -> Result<()> {
        let mut raw = self.raw(over).await?;
        raw.open().await?;
        raw.send(sent).await?;
        let failure = raw.expect("</failure>").await?;
        let first = format!("<failure xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\"><{condition}/>");
        ensure!(failure.contains(&first), "{failure}");
        raw.sign_in(&self.ann).await.map(|_| ())
    }

    pub async fn has_three_guesses(&self) -> Result<()> {
        let mut raw = self.raw(Over::WebSocket).await?;
        raw.open().await?;
        let wrong = plain(&Account { password: "wrong".into(), ..self.ann.clone() });
        for _ in 0..3 {
            raw.send(&wrong).await?;
            raw.expect("<not-authorized").await?;
        }
        raw.send(&plain(&self.ann)).await?;
        is_farewell(Over::WebSocket, &raw.end().await?, "policy-violation")
    }
}

/// Two users in a conversation that must not notice anything.
pub struct Pair {
    ann: Raw,
    bob: Raw,
    ann_id: u64,
    bob_id: u64,
    count: u64,
    heard: String,
}

impl Pair {
    /// Ann says something to Bob, and Bob to Ann.
    pub async fn chat(&mut self) -> Result<()> {
        let (to_bob, to_ann) = (self.next(self.bob_id), self.next(self.ann_id));
        self.ann.send(&to_bob.1).await?;
        self.heard += &self.bob.expect(&to_bob.0).await?;
        self.bob.send(&to_ann.1).await?;
        self.ann.expect(&to_ann.0).await?;
        Ok(())
    }

    fn next(&mut self, to: u64) -> (String, String) {
        self.count += 1;
        let id = numbered(self.count);
        let text =
            format!("<message xmlns='jabber:client' to='{to}-1@localhost' type='chat' id='{id}'><body>{id}</body></message>");
        (id, text)
    }

    pub async fn is_answered(&mut self, sent: &str, words: &[&str]) -> Result<()> {
        self.ann.send(&sent.replace("BOB", &format!("{}-1@localhost", self.bob_id))).await?;
        let answer = self.ann.expect("</error>").await?;
        ensure!(answer.contains("type=\"error\"") && answer.contains("<text xmlns="), "{answer}");
        for word in words {
            ensure!(answer.contains(word), "no {word} in {answer}");
        }
        Ok(())
    }

    /// Whatever a client says about who it is, the server knows better (attack A21).
    pub async fn is_overwritten(&mut self) -> Result<()> {
        let own = format!("from=\"{}-1@localhost/", self.ann_id);
        for from in ["999-1@localhost/admin", "localhost", "", "BOB"] {
            let (id, text) = self.next(self.bob_id);
            let from = from.replace("BOB", &format!("{}-1@localhost", self.bob_id));
            self.ann.send(&text.replace("<message", &format!("<message from='{from}'"))).await?;
            let got = self.bob.expect(&id).await?;
            ensure!(got.contains(&own), "{got}");
        }
        Ok(())
    }

    /// All that Bob got while the two chatted.
    pub async fn heard_by_bob(mut self) -> Result<String> {
        self.chat().await?;
        Ok(self.heard)
    }
}

fn account(natter: &Natter, login: &str) -> Result<Account> {
    Ok(Account { app: 1, user: natter.create_user(1, login, PASSWORD)?, password: PASSWORD.into() })
}

/// The condition first, then the text, then the end of the stream (contract xmpp 0.2.6, 9).
fn is_farewell(over: Over, heard: &str, condition: &str) -> Result<()> {
    let error = format!("><{condition} xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\"/><text ");
    let closed = if over == Over::Tcp {
        heard.ends_with("</stream:stream>")
    } else {
        heard.trim_end().ends_with("<close xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\"/>")
    };
    ensure!(heard.contains(&error) && closed, "not {condition} and an end, but {heard:?}");
    Ok(())
}
