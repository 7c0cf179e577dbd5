//! A client of the crowd that is the lean one. It comes back at once, as the SDK does when it is told where to.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use natter_proto::MessageId;
use natter_tests::client::{ASK, Client, group_message, message};
use natter_tests::heard;
use natter_xmpp::{Element, StreamEvent, StreamReader, ns};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{sleep, sleep_until, timeout};
use tokio_rustls::TlsConnector;

use super::{EVERY, Heard, Lane, Move, Order, Person, Sent};

/// A try to connect that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// A stream of it.
struct Stream {
    client: Client,
    reader: StreamReader,
    handled: u64,
    refused: BTreeMap<String, ()>,
    /// When it was told to go elsewhere.
    told_at: Option<Instant>,
}

/// Until it is to end.
pub async fn run(mut person: Person, chat: SocketAddr, tls: TlsConnector) -> Result<()> {
    let mut unanswered = VecDeque::new();
    let mut ended: Option<(Instant, bool)> = None;
    let mut due = tokio::time::Instant::now() + person.first_after();
    // Two hundred at once are an attack.
    sleep(Duration::from_millis(10) * person.number as u32).await;
    loop {
        let client = match timeout(PATIENCE, connect(&person, chat, &tls)).await {
            Ok(Ok(client)) => client,
            Ok(Err(_)) | Err(_) => {
                sleep(PAUSE).await;
                continue;
            }
        };
        if let Some((at, is_told)) = ended {
            person.seen.lock().unwrap().moves.push(Move { at, is_told, back: at.elapsed() });
        }
        let mut stream = Stream { client, reader: heard::reader(), handled: 0, refused: BTreeMap::new(), told_at: None };
        let is_over = stream.live(&mut person, &mut unanswered, &mut due, ended.is_none()).await.unwrap_or(false);
        if is_over {
            return stream.client.close().await.or(Ok(()));
        }
        // It counts from where it was told on: what it is not told any more it waits for.
        ended = Some((stream.told_at.unwrap_or_else(Instant::now), stream.told_at.is_some()));
    }
}

async fn connect(person: &Person, chat: SocketAddr, tls: &TlsConnector) -> Result<Client> {
    let stream = TcpStream::connect(chat).await?;
    stream.set_nodelay(true)?;
    let stream = tls.connect(ServerName::try_from("localhost")?, stream).await?;
    Client::over(stream, "natter-tests", &person.me, true).await
}

impl Stream {
    /// Whether it is over; an error or `false` if the stream ended.
    async fn live(
        &mut self,
        person: &mut Person,
        unanswered: &mut VecDeque<usize>,
        due: &mut tokio::time::Instant,
        is_first: bool,
    ) -> Result<bool> {
        if is_first {
            self.greet(person).await?;
        }
        for place in unanswered.iter() {
            self.say(person, *place).await?;
        }
        loop {
            let order = *person.orders.borrow_and_update();
            if order == Order::End {
                return Ok(true);
            }
            tokio::select! {
                biased;
                frame = self.client.next() => {
                    let Some(frame) = frame? else { return Ok(false) };
                    self.hear(person, unanswered, &frame).await?;
                }
                changed = person.orders.changed() => changed?,
                () = sleep_until(*due), if order == Order::Talk => {
                    *due = (*due + EVERY).max(tokio::time::Instant::now());
                    unanswered.push_back(begin(person));
                    self.say(person, unanswered[unanswered.len() - 1]).await?;
                }
            }
        }
    }

    // The other one of the pair becomes a contact.
    async fn greet(&mut self, person: &Person) -> Result<()> {
        let to = format!("{}-{}@localhost", person.partner.user, person.partner.app);
        let item = format!("<query xmlns='jabber:iq:roster'><item jid='{to}'/></query>");
        self.client.send(format!("<iq xmlns='jabber:client' type='set' id='contact'>{item}</iq>")).await?;
        self.client.send(format!("<presence xmlns='jabber:client' to='{to}' type='subscribe'/>")).await
    }

    async fn say(&mut self, person: &Person, place: usize) -> Result<()> {
        let (id, lane) = {
            let seen = person.seen.lock().unwrap();
            (seen.sent[place].id.clone(), seen.sent[place].lane)
        };
        let app = person.me.app;
        let stanza = match lane {
            Lane::Pair => message(&person.partner, &id, &id),
            Lane::Group => group_message(app, &person.group, &id, &id),
            Lane::All => group_message(app, &person.all, &id, &id),
        };
        self.client.feed(stanza).await?;
        self.client.send(ASK.into()).await
    }

    async fn hear(&mut self, person: &Person, unanswered: &mut VecDeque<usize>, frame: &str) -> Result<()> {
        let stanza = match self.reader.frame(frame) {
            Ok(StreamEvent::Stanza(stanza)) => stanza,
            Ok(StreamEvent::Close) => bail!("the stream ended"),
            Ok(StreamEvent::Open { .. }) => return Ok(()),
            Err(fault) => bail!("{fault:?} in {frame}"),
        };
        match stanza.name.as_str() {
            "message" => self.hear_message(person, &stanza),
            "presence" => self.hear_presence(person, &stanza).await?,
            "a" => {
                let count: u64 = stanza.attr("h").context("an ack has a count")?.parse()?;
                let newly = usize::try_from(count.saturating_sub(self.handled))?.min(unanswered.len());
                self.handled = count;
                let mut seen = person.seen.lock().unwrap();
                for place in unanswered.drain(..newly) {
                    let sent = &mut seen.sent[place];
                    sent.is_refused = self.refused.contains_key(&sent.id);
                    sent.acked = Some(Instant::now());
                }
            }
            "error" => {
                self.told_at = stanza.elements().any(|child| child.name == "see-other-host").then(Instant::now);
                self.client.send(natter_xmpp::close().to_xml("")).await?;
            }
            _ => {}
        }
        Ok(())
    }

    fn hear_message(&mut self, person: &Person, message: &Element) {
        let Some(id) = message.attr("id") else { return };
        if message.attr("type") == Some("error") {
            self.refused.insert(id.to_owned(), ());
        } else if message.child_text("body", ns::CLIENT).is_some() {
            let is_delayed = message.elements().any(|child| child.name == "delay");
            person.seen.lock().unwrap().heard.push(Heard { id: id.to_owned(), is_delayed });
        }
    }

    async fn hear_presence(&mut self, person: &Person, presence: &Element) -> Result<()> {
        let partner = format!("{}-{}@localhost", person.partner.user, person.partner.app);
        if !presence.attr("from").is_some_and(|from| from.starts_with(&partner)) {
            return Ok(());
        }
        match presence.attr("type") {
            None => person.seen.lock().unwrap().has_met = true,
            Some("unavailable") => person.seen.lock().unwrap().away.push(Instant::now()),
            Some("subscribe") => {
                self.client.send(format!("<presence xmlns='jabber:client' to='{partner}' type='subscribed'/>")).await?;
            }
            Some(_) => {}
        }
        Ok(())
    }
}

/// The place of its next message.
fn begin(person: &Person) -> usize {
    let mut seen = person.seen.lock().unwrap();
    let number = seen.sent.len();
    let id = MessageId::from_random(0x6b00_0002, (person.me.user << 32 | number as u64).to_be_bytes()).to_string();
    let lane = Lane::of(number + person.number);
    seen.sent.push(Sent { id, lane, at: Instant::now(), acked: None, is_refused: false });
    number
}
