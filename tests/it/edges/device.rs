//! A device of a user: a client that signs in on some edge, writes, reads, is cut off and comes back, and remembers everything
//! that it was told.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

use natter_proto::MessageId;
use natter_tests::client::{ASK, Account, Client};
use natter_tests::heard::{self, Heard};
use natter_tests::membership::Tick;
use natter_xmpp::StreamReader;
use tokio::io::DuplexStream;
use tokio::time::{Instant, sleep, timeout_at};

use super::ledger::{Fate, Posted};
use super::scene::{DEVICES, Phase, Place, Scene};
use crate::world::{APP, PASSWORD};

/// A session counts from here on: until then it may die without anybody knowing of it.
const BEGINNING: Duration = Duration::from_millis(300);

/// What one device was told.
pub struct Seen {
    pub device: usize,
    pub user: u64,
    /// Each goodbye ends one and makes another: what is said in between is owed to nobody.
    pub stays: Vec<Stay>,
}

/// Sessions that follow one another without a goodbye.
#[derive(Default)]
pub struct Stay {
    /// What is said from here on has to come; none if no session lived long enough.
    pub from: Option<Tick>,
    pub sessions: Vec<Vec<(Tick, Heard)>>,
}

pub struct Device {
    scene: Rc<Scene>,
    n: usize,
    user: usize,
    seen: Seen,
    /// Messages without an answer, in the order of sending.
    unanswered: VecDeque<MessageId>,
    /// Own messages, for edits and removals.
    own: Vec<(MessageId, Place)>,
    sent: u32,
    changes: u32,
    has_spoken: bool,
}

/// How a session ended.
#[derive(Debug)]
enum Ending {
    /// By itself, or by a cut.
    Cut,
    Goodbye,
    /// It is not needed any more.
    Over,
}

/// One stream.
struct Stream {
    client: Client<DuplexStream>,
    reader: StreamReader,
    /// Messages of this stream that were answered, refused ones among them.
    handled: u64,
    refused: Vec<(MessageId, bool)>,
}

impl Device {
    pub fn new(scene: Rc<Scene>, n: usize) -> Device {
        let user = DEVICES[n];
        let seen = Seen { device: n, user: scene.user(user), stays: vec![Stay::default()] };
        let (unanswered, own) = (VecDeque::new(), Vec::new());
        Device { scene, n, user, seen, unanswered, own, sent: 0, changes: 0, has_spoken: false }
    }

    /// Until nothing more is to come.
    pub async fn live(mut self) -> Seen {
        loop {
            let ending = self.session().await;
            self.scene.note(format!("device {} {ending:?}", self.n));
            match ending {
                Ending::Over => return self.seen,
                Ending::Goodbye => self.seen.stays.push(Stay::default()),
                Ending::Cut => {}
            }
            self.scene.set_live(self.n, false);
            sleep(Duration::from_millis(200 + self.scene.world.chance.below(1_800))).await;
        }
    }

    async fn session(&mut self) -> Ending {
        let Some(mut stream) = self.connect().await else { return Ending::Cut };
        let chance = self.scene.world.chance.clone();
        self.stay().sessions.push(Vec::new());
        self.scene.note(format!("device {} is bound", self.n));
        self.scene.set_live(self.n, true);
        let began = Instant::now();
        let ends = began + Duration::from_millis(300 + chance.below(6_000));
        let mut acts = began + Duration::from_millis(chance.below(200));
        if self.send_again(&mut stream).await.is_err() {
            return Ending::Cut;
        }
        loop {
            let phase = self.scene.phase();
            if phase == Phase::Over {
                return Ending::Over;
            }
            if self.stay().from.is_none() && began.elapsed() >= BEGINNING {
                self.stay().from = Some(self.scene.tick());
            }
            if phase == Phase::Writing && Instant::now() >= ends {
                return self.leave(stream).await;
            }
            if Instant::now() >= acts {
                acts = Instant::now() + Duration::from_millis(20 + chance.below(400));
                if self.act(&mut stream, phase).await.is_err() {
                    return Ending::Cut;
                }
            }
            self.scene.set_unanswered(self.n, self.unanswered.len());
            match timeout_at(acts, stream.client.next()).await {
                Err(_) => {}
                Ok(Ok(Some(frame))) => {
                    if !self.hear(&mut stream, &frame) {
                        return Ending::Cut;
                    }
                }
                Ok(_) => return Ending::Cut,
            }
        }
    }

    async fn connect(&self) -> Option<Stream> {
        let chance = &self.scene.world.chance;
        let doors = self.scene.world.doors()?;
        let edge = chance.below(doors.chat.len() as u64) as usize;
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 10 + self.n as u8));
        let stream = doors.chat[edge].connect(address, true)?;
        self.scene.note(format!("device {} knocks at e{edge}", self.n));
        let account = Account { app: APP, user: self.seen.user, password: PASSWORD.into() };
        let client = Client::over(stream, &format!("device {}", self.n), &account, true).await.ok()?;
        Some(Stream { client, reader: heard::reader(), handled: 0, refused: Vec::new() })
    }

    /// A goodbye, a cut, or a cut after a while in which nothing was read.
    async fn leave(&mut self, mut stream: Stream) -> Ending {
        let chance = self.scene.world.chance.clone();
        match chance.below(6) {
            0 if self.unanswered.is_empty() => {
                let _ = stream.client.send("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>".into()).await;
                while let Ok(Some(frame)) = stream.client.next().await {
                    self.hear(&mut stream, &frame);
                }
                Ending::Goodbye
            }
            0..=2 => {
                sleep(Duration::from_millis(chance.below(600))).await;
                Ending::Cut
            }
            _ => Ending::Cut,
        }
    }

    // === writing ===

    async fn act(&mut self, stream: &mut Stream, phase: Phase) -> anyhow::Result<()> {
        let window = if self.scene.bad_links { 1 } else { 4 };
        let chance = self.scene.world.chance.clone();
        match phase {
            Phase::Writing if self.unanswered.len() < window => match chance.below(10) {
                0 => self.change(stream, false).await,
                1 => self.change(stream, true).await,
                2 => Ok(()),
                _ => {
                    let places = self.places(false);
                    let place = places[chance.below(places.len() as u64) as usize];
                    self.say(stream, place).await
                }
            },
            Phase::LastWords if self.unanswered.is_empty() && !self.has_spoken => {
                self.has_spoken = true;
                for place in self.places(true) {
                    self.say(stream, place).await?;
                }
                self.change(stream, false).await?;
                self.scene.set_unanswered(self.n, self.unanswered.len());
                self.scene.has_spoken(self.n);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// In the quiet group only the owner's device has a last word, and it is the only one.
    fn places(&self, last: bool) -> Vec<Place> {
        let is_open = |place: &Place| match place {
            Place::Group(super::scene::QUIET) => last && self.user == super::scene::GROUPS[super::scene::QUIET].0,
            _ => true,
        };
        Scene::places_of(self.user).into_iter().filter(is_open).collect()
    }

    async fn say(&mut self, stream: &mut Stream, place: Place) -> anyhow::Result<()> {
        self.sent += 1;
        let id = self.id(0, self.sent);
        let body = format!("{} {}", self.n, self.sent);
        let (dialog, began) = (self.scene.dialog(self.user, place), self.scene.tick());
        let posted = Posted { dialog, user: self.seen.user, device: self.n, body, began, repeated: false, fate: Fate::Unknown };
        self.scene.ledger.borrow_mut().posts.insert(id, posted);
        self.own.push((id, place));
        self.unanswered.push_back(id);
        self.send(stream, id).await
    }

    async fn send_again(&mut self, stream: &mut Stream) -> anyhow::Result<()> {
        for n in 0..self.unanswered.len() {
            let id = self.unanswered[n];
            self.scene.ledger.borrow_mut().posts.get_mut(&id).expect("it was sent").repeated = true;
            self.send(stream, id).await?;
        }
        Ok(())
    }

    async fn send(&self, stream: &mut Stream, id: MessageId) -> anyhow::Result<()> {
        let (_, place) = *self.own.iter().rev().find(|(own, _)| *own == id).unwrap();
        let body = self.scene.ledger.borrow().posts[&id].body.clone();
        let content =
            format!("<body>{body}</body><extraParams xmlns='jabber:client'><save_to_history>1</save_to_history></extraParams>");
        stream.client.feed(self.stanza(place, id, &content)).await?;
        stream.client.send(ASK.into()).await
    }

    /// Edits or removes an own message. Nobody says whether it was done but the echo.
    async fn change(&mut self, stream: &mut Stream, removes: bool) -> anyhow::Result<()> {
        if self.own.is_empty() {
            return Ok(());
        }
        let recent = self.own.len().min(6) as u64;
        let (of, place) = self.own[self.own.len() - 1 - self.scene.world.chance.below(recent) as usize];
        let is_changed = self.scene.ledger.borrow().changes.keys().any(|(changed, _)| *changed == of);
        if self.scene.bad_links && is_changed {
            // An edge repeats an edit whose answer was lost, and the repetition may come after a later edit of the same message.
            return Ok(());
        }
        self.changes += 1;
        let id = self.id(1, self.changes);
        let body = (!removes).then(|| format!("{} v{}", self.n, self.changes));
        let content = match &body {
            None => format!("<remove xmlns='urn:xmpp:message-delete:0' id='{of}'/>"),
            Some(body) => format!("<body>{body}</body><replace xmlns='urn:xmpp:message-correct:0' id='{of}'/>"),
        };
        self.scene.ledger.borrow_mut().changes.entry((of, body)).or_insert(self.scene.tick());
        stream.client.send(self.stanza(place, id, &content)).await
    }

    fn stanza(&self, place: Place, id: MessageId, content: &str) -> String {
        let (kind, to) = match place {
            Place::Group(group) => ("groupchat", format!("{APP}_{}@muc.localhost", self.scene.groups[group])),
            Place::Private(other) => ("chat", format!("{}-{APP}@localhost", self.scene.user(other))),
        };
        format!("<message xmlns='jabber:client' type='{kind}' id='{id}' to='{to}'>{content}</message>")
    }

    fn id(&self, kind: u8, number: u32) -> MessageId {
        let [a, b, c, d] = number.to_be_bytes();
        MessageId::from_random(0x6b00_0000, [kind, self.n as u8, 0, 0, a, b, c, d])
    }

    // === reading ===

    /// False: the stream is over.
    fn hear(&mut self, stream: &mut Stream, frame: &str) -> bool {
        let Some(heard) = heard::hear(&mut stream.reader, frame).unwrap() else { return true };
        let tick = self.scene.tick();
        match &heard {
            Heard::End => return false,
            Heard::Refused { id, forbidden } => stream.refused.push((*id, *forbidden)),
            Heard::Acked(h) => {
                for _ in stream.handled..*h {
                    self.answered(stream, tick);
                }
                stream.handled = *h;
            }
            Heard::Message { .. } | Heard::Changed { .. } => {}
        }
        self.stay().sessions.last_mut().expect("it began").push((tick, heard));
        true
    }

    fn answered(&mut self, stream: &mut Stream, tick: Tick) {
        let id = self.unanswered.pop_front().expect("an answer belongs to a message");
        let mut ledger = self.scene.ledger.borrow_mut();
        let posted = ledger.posts.get_mut(&id).expect("it was sent");
        posted.fate = match stream.refused.iter().find(|(refused, _)| *refused == id) {
            None => Fate::Acked(tick),
            Some((_, true)) if !posted.repeated => Fate::Refused,
            Some(_) => Fate::Unknown,
        };
    }

    fn stay(&mut self) -> &mut Stay {
        self.seen.stays.last_mut().expect("there is always one")
    }
}
