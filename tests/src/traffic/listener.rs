//! Users who listen, one at each edge, all in a quiet group in which somebody says something a few times a second, and each a contact of
//! the others. What each was shown, what of it is proved, and who was said to be away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use natter_proto::DialogId;
use natter_xmpp::{Element, StreamEvent, StreamReader};
use tokio::sync::{Barrier, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;

use crate::client::{ASK, Account, Client, Piece};
use crate::heard;

/// Who hears nothing for so long starts his app again; somebody speaks much more often.
const PATIENCE: Duration = Duration::from_secs(6);
/// How long contacts may take to be made.
const CONTACTS: Duration = Duration::from_secs(30);
/// How long the last message is waited for.
const LATE: Duration = Duration::from_secs(20);
/// Of so many messages one is said to be read.
const READS: usize = 3;
const STEP: Duration = Duration::from_millis(250);

/// One of them.
pub struct Listener {
    pub name: &'static str,
    pub me: Account,
    /// Who talks, and where, if this one tells that he has read some of it.
    pub reads: Option<(u64, DialogId)>,
    /// The other listeners.
    pub others: Vec<u64>,
    /// Doors, the first one of his own edge. Whoever is cut off tries the next one.
    pub ports: Vec<u16>,
    pub tls: TlsConnector,
    /// Nobody goes on before all know each other.
    pub acquainted: Arc<Barrier>,
    pub stop: Arc<AtomicBool>,
    /// The last message, when it was said.
    pub end: watch::Receiver<Option<(String, Instant)>>,
}

/// What a listener was told.
#[derive(Default, Debug)]
pub struct Listened {
    pub name: &'static str,
    pub user: u64,
    pub streams: Vec<Shown>,
    /// Users who were said to be away, and when.
    pub away: Vec<(u64, Instant)>,
    /// Messages that he said he has read, and whether that was answered.
    pub read: BTreeMap<String, bool>,
}

/// What one stream showed.
#[derive(Debug)]
pub struct Shown {
    pub began: Instant,
    /// When something was heard on it for the last time.
    pub last: Instant,
    /// Ids of messages, in order.
    pub ids: Vec<String>,
    /// By then the server had the proof of so many of them. Grows.
    pub proved: Vec<(Instant, usize)>,
}

impl Listener {
    /// Until all was said and he was shown the last of it, or did not want to wait for it longer.
    pub async fn run(self) -> Result<Listened> {
        let mut listened = Listened { name: self.name, user: self.me.user, ..Listened::default() };
        let mut first = Some(self.meet().await.with_context(|| format!("{} finds no contacts", self.name))?);
        for turn in 1.. {
            if let Some(mut stream) = first.take() {
                let is_over = self.listen(&mut stream, &mut listened.away).await.unwrap_or(false);
                let answered = stream.handled;
                let read = stream.marks.into_iter().enumerate().map(|(place, id)| (id, place < answered));
                listened.read.extend(read);
                listened.streams.push(stream.shown);
                if is_over {
                    break;
                }
            }
            sleep(Duration::from_millis(50)).await;
            let connecting = Client::connect(self.ports[turn % self.ports.len()], &self.tls, &self.me, true);
            first = timeout(PATIENCE, connecting).await.ok().and_then(Result::ok).map(Stream::new);
            if first.is_none() && self.is_late() {
                break;
            }
        }
        Ok(listened)
    }

    // The first stream: all become contacts of each other, and see each other there.
    async fn meet(&self) -> Result<Stream> {
        let mut stream = Stream::new(Client::connect(self.ports[0], &self.tls, &self.me, true).await?);
        for other in &self.others {
            let to = format!("{other}-{}@localhost", self.me.app);
            let item = format!("<query xmlns='jabber:iq:roster'><item jid='{to}'/></query>");
            stream.client.send(format!("<iq xmlns='jabber:client' type='set' id='c{other}'>{item}</iq>")).await?;
            stream.client.send(format!("<presence xmlns='jabber:client' to='{to}' type='subscribe'/>")).await?;
        }
        let mut there = BTreeSet::new();
        let meeting = async {
            while there.len() < self.others.len() {
                let Some(presence) = stream.hear().await? else { continue };
                let Some(from) = self.other(&presence) else { continue };
                match presence.attr("type") {
                    None => drop(there.insert(from)),
                    Some("subscribe") => {
                        let to = format!("{from}-{}@localhost", self.me.app);
                        stream.client.send(format!("<presence xmlns='jabber:client' to='{to}' type='subscribed'/>")).await?;
                    }
                    Some(_) => {}
                }
            }
            anyhow::Ok(())
        };
        timeout(CONTACTS, meeting).await.context("in time")??;
        self.acquainted.wait().await;
        stream.shown.last = Instant::now();
        Ok(stream)
    }

    /// Whether there is nothing more to hear.
    async fn listen(&self, stream: &mut Stream, away: &mut Vec<(u64, Instant)>) -> Result<bool> {
        loop {
            let is_told_all = self.is_told_all(stream) && stream.handled == stream.marks.len();
            if is_told_all || self.is_late() {
                return Ok(true);
            }
            let Ok(heard) = timeout(STEP, stream.hear()).await else {
                ensure!(stream.shown.last.elapsed() < PATIENCE || self.stop.load(Ordering::Relaxed), "nobody says anything");
                continue;
            };
            let heard = heard?;
            self.tell_read(stream).await?;
            let Some(presence) = heard else { continue };
            if let Some(from) = self.other(&presence).filter(|_| presence.attr("type") == Some("unavailable"))
                && !self.stop.load(Ordering::Relaxed)
            {
                away.push((from, Instant::now()));
            }
        }
    }

    // One message of a few, each marker with a question of its own, as the SDK asks.
    async fn tell_read(&self, stream: &mut Stream) -> Result<()> {
        let Some((author, dialog)) = self.reads else { return Ok(()) };
        while stream.looked_at < stream.shown.ids.len() {
            let id = stream.shown.ids[stream.looked_at].clone();
            stream.looked_at += 1;
            if stream.looked_at.is_multiple_of(READS) {
                let marker = format!(
                    "<message xmlns='jabber:client' to='{author}-{app}@localhost' type='chat' id='read-{id}'>\
                     <displayed xmlns='urn:xmpp:chat-markers:0' id='{id}'/>\
                     <extraParams xmlns='jabber:client'><dialog_id>{dialog}</dialog_id></extraParams></message>",
                    app = self.me.app
                );
                stream.marks.push(id);
                stream.client.feed(marker).await?;
                stream.client.send(ASK.into()).await?;
            }
        }
        Ok(())
    }

    fn is_told_all(&self, stream: &Stream) -> bool {
        self.end.borrow().as_ref().is_some_and(|(last, _)| stream.shown.ids.last() == Some(last))
    }

    fn is_late(&self) -> bool {
        self.end.borrow().as_ref().is_some_and(|(_, at)| at.elapsed() > LATE)
    }

    fn other(&self, presence: &Element) -> Option<u64> {
        let user = presence.attr("from")?.split('-').next()?.parse().ok()?;
        self.others.contains(&user).then_some(user)
    }
}

struct Stream {
    client: Client,
    reader: StreamReader,
    shown: Shown,
    /// Messages before the ping that was answered last. That it arrived shows the next ping: one at a time is on its way.
    answered: usize,
    /// Shown messages of which it was decided whether they are read.
    looked_at: usize,
    /// Those that are, and how many of them were handled.
    marks: Vec<String>,
    handled: usize,
}

impl Stream {
    fn new(client: Client) -> Stream {
        let now = Instant::now();
        let shown = Shown { began: now, last: now, ids: Vec::new(), proved: Vec::new() };
        Stream { client, reader: heard::reader(), shown, answered: 0, looked_at: 0, marks: Vec::new(), handled: 0 }
    }

    // Cancelled between two frames only: nothing is lost then.
    async fn hear(&mut self) -> Result<Option<Element>> {
        let piece = self.client.piece().await?.context("the stream ended")?;
        let now = Instant::now();
        self.shown.last = now;
        let frame = match piece {
            Piece::Text(frame) => frame,
            Piece::Ping => {
                let before = std::mem::replace(&mut self.answered, self.shown.ids.len());
                if self.shown.proved.last().map_or(0, |(_, count)| *count) < before {
                    self.shown.proved.push((now, before));
                }
                return Ok(None);
            }
        };
        let StreamEvent::Stanza(stanza) = self.reader.frame(&frame)? else { bail!("the stream ended") };
        match stanza.name.as_str() {
            "message" => {
                let is_mark = stanza.attr("id").is_some_and(|id| id.starts_with("read-"));
                ensure!(!is_mark, "a marker was refused: {frame}");
                let is_shown = stanza.elements().any(|child| child.name == "body") && stanza.attr("type") != Some("error");
                self.shown.ids.extend(stanza.attr("id").filter(|_| is_shown).map(str::to_owned));
                Ok(None)
            }
            "presence" => Ok(Some(stanza)),
            // One for each question, when what stands before it is done. Its count is of messages, which markers are not (contract xmpp 5).
            "a" => {
                self.handled += 1;
                Ok(None)
            }
            "error" => bail!("the stream ended: {frame}"),
            _ => Ok(None),
        }
    }
}
