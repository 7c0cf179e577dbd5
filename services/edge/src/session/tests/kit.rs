//! A client by values: what it sends, what is written to it, what its session asks for. Not a place for assertions.

pub(super) use natter_proto::dialog::v1::PostRequest;
pub(super) use natter_proto::event::v1::change::What;
pub(super) use natter_proto::event::v1::frame::Told as FrameTold;
pub(super) use natter_proto::event::v1::{Change, Frame, MarkKind, Marker, Message};
pub(super) use natter_proto::history::v1::{From, GapChange, GapRow, KeptRow};
pub(super) use natter_proto::presence::v1::{SessionRecord, SessionState};
pub(super) use natter_proto::{Code, Failure, MessageId};
use natter_trace::Recorder;
use natter_xmpp::{Limits, StreamEvent, StreamReader};

pub(super) use crate::shared::SharedFrame;

pub(super) use super::super::*;

pub(super) const BODY: &str = "<message type=\"chat\" id=\"66f1000000000000000000a1\" to=\"78-905@h\"><body>x</body>\
    <extraParams><save_to_history>1</save_to_history></extraParams></message>";
pub(super) const ENABLE: &str = "<enable xmlns=\"urn:xmpp:sm:3\"/>";
pub(super) const ASK: &str = "<r xmlns=\"urn:xmpp:sm:3\"/>";
/// When the session of a [`Client`] began.
pub(super) const SINCE: i64 = 1_000_000;

/// A client with its session and its clock.
pub(super) struct Client {
    pub session: Session,
    pub now: i64,
    pub last: Vec<Action>,
}

impl Client {
    pub fn new(identity: Identity) -> Client {
        Client::with(identity, Options::default())
    }

    pub fn with(identity: Identity, options: Options) -> Client {
        Client::made(identity, options, Recorder::default())
    }

    pub fn traced(trace: Recorder) -> Client {
        Client::made(identity(), Options::default(), trace)
    }

    fn made(identity: Identity, options: Options, trace: Recorder) -> Client {
        let session = Session::new(identity, Arc::new(options), trace, SINCE, [7; 24]);
        Client { session, now: SINCE, last: Vec::new() }
    }

    pub fn of(identity: Identity) -> Client {
        let mut client = Client::new(identity);
        client.become_live();
        client
    }

    pub fn live() -> Client {
        Client::of(identity())
    }

    /// First presence, an empty list, and its proof.
    pub fn become_live(&mut self) {
        self.stanza("<presence/>");
        self.returns(Returned::default());
        self.session.pong(self.at(), 1);
        self.actions();
        self.now += 5_000;
        self.session.tick(self.at());
        self.actions();
    }

    pub fn at(&self) -> Moment {
        Moment { now: self.now, room: 512 * 1024 }
    }

    pub fn actions(&mut self) -> Vec<Action> {
        self.last = std::iter::from_fn(|| self.session.next_action()).collect();
        std::mem::take(&mut self.last)
    }

    pub fn written(&mut self) -> Vec<String> {
        texts(&self.actions())
    }

    pub fn stanza(&mut self, xml: &str) -> Vec<Action> {
        let (name, rest) = xml.split_at(xml.find([' ', '/', '>']).unwrap());
        let namespace = if xml.contains("urn:xmpp:sm:3") { "" } else { " xmlns=\"jabber:client\"" };
        let frame = format!("{name}{namespace}{rest}");
        let event = StreamReader::websocket(Limits::after_sign_in(256 * 1024)).frame(&frame).unwrap();
        let StreamEvent::Stanza(element) = event else { panic!("{event:?}") };
        self.session.stanza(self.at(), element);
        self.actions()
    }

    pub fn sends(&mut self, xml: &str) -> Vec<String> {
        let actions = self.stanza(xml);
        actions.into_iter().filter_map(|action| if let Action::Write(text) = action { Some(text) } else { None }).collect()
    }

    pub fn posts(&mut self, xml: &str) -> Vec<PostRequest> {
        let post = |action| match action {
            Action::Call(Call::Job { job: Job::Post(post), .. }) => Some(*post),
            _ => None,
        };
        self.stanza(xml).into_iter().filter_map(post).collect()
    }

    pub fn job(&mut self, number: u64, answer: Result<u64, Failure>) {
        self.session.answers(self.at(), [Answer::Job { number, answer }]);
        self.last = std::iter::from_fn(|| self.session.next_action()).collect();
    }

    pub fn answers(&mut self, number: u64, answer: Result<u64, Failure>) -> Vec<String> {
        self.session.answers(self.at(), [Answer::Job { number, answer }]);
        self.written()
    }

    pub fn returns(&mut self, returned: Returned) -> Vec<String> {
        self.session.answers(self.at(), [Answer::Returned(Ok(Box::new(returned)))]);
        self.written()
    }

    pub fn frame(&mut self, frame: Frame) -> Vec<String> {
        self.session.frame(self.at(), shared(frame));
        self.written().into_iter().filter(|text| text.starts_with("<message")).collect()
    }

    pub fn pongs(&mut self, ordinal: u64) -> Vec<String> {
        self.session.pong(self.at(), ordinal);
        self.calls()
    }

    pub fn calls(&mut self) -> Vec<String> {
        let word = |action| match action {
            Action::Call(Call::Settle) => Some("settle".to_owned()),
            Action::Call(Call::Drop { upto }) => Some(format!("drop {upto}")),
            Action::Call(Call::Delivered { ranges, .. }) => Some(format!("delivered {}-{}", ranges[0].from, ranges[0].upto)),
            Action::Call(Call::Record(record)) => record.proofs.first().map(|proof| format!("record {}", proof.seq)),
            _ => None,
        };
        self.actions().into_iter().filter_map(word).collect()
    }

    pub fn wait(&mut self, milliseconds: i64) -> Vec<String> {
        self.now += milliseconds;
        self.session.tick(self.at());
        self.last = std::iter::from_fn(|| self.session.next_action()).collect();
        let written = |action: &Action| if let Action::Write(text) = action { Some(text.clone()) } else { None };
        self.last.iter().filter_map(written).collect()
    }

    pub fn farewell(&mut self) -> (Option<StreamFault>, SessionState) {
        let mut actions = std::mem::take(&mut self.last);
        actions.extend(std::iter::from_fn(|| self.session.next_action()));
        match actions.pop() {
            Some(Action::End(farewell)) => (farewell.fault, farewell.state),
            other => panic!("not over: {other:?}"),
        }
    }
}

pub(super) fn shared(frame: Frame) -> Arc<SharedFrame> {
    Arc::new(SharedFrame::new(frame.into(), Vec::new()))
}

pub(super) fn identity() -> Identity {
    Identity {
        app: AppId(905),
        user: UserId(34),
        pair_key: b"key".to_vec(),
        host: "h".into(),
        address: "34-905@h/r1".to_owned(),
        session: SessionRef { edge: "e".to_owned(), boot: 1, session: 1, resource: "r1".to_owned() },
        token: None,
        token_id: Vec::new(),
        framing: Framing::WebSocket,
        has_authzid: false,
        app_sessions_max: 0,
        origin: String::new(),
        entrance: Arc::default(),
    }
}

pub(super) fn dialog() -> DialogId {
    DialogId::of_pair(b"key", UserId(34), UserId(78))
}

pub(super) fn message(seq: u64, sender: u64, body: &str) -> Message {
    let mut id = vec![0x66; 12];
    id[11] = seq as u8;
    Message {
        id,
        sender,
        recipient: if sender == 34 { 78 } else { 34 },
        seq,
        date_sent: seq as i64,
        created_at: seq as i64 * 1_000,
        body: Some(body.to_owned()),
        ..Message::default()
    }
}

/// A live frame of the private dialog, from a session elsewhere.
pub(super) fn row(seq: u64, sender: u64, body: &str) -> Frame {
    let origin = SessionRef { edge: "e".to_owned(), boot: 1, session: 99, resource: "r-bob".to_owned() };
    Frame {
        app: 905,
        dialog: dialog().to_vec(),
        to: vec![34, 78],
        origin: Some(origin),
        told: Some(FrameTold::Message(message(seq, sender, body))),
        ..Frame::default()
    }
}

pub(super) fn texts(actions: &[Action]) -> Vec<String> {
    let written = |action: &Action| match action {
        Action::Write(text) => Some(text.clone()),
        _ => None,
    };
    actions.iter().filter_map(written).collect()
}

pub(super) fn bodies(written: &[String]) -> Vec<&str> {
    let body = |text: &String| text.find("<body>").map(|from| (from + 6, text.find("</body>").unwrap()));
    written.iter().filter_map(|text| body(text).map(|(from, upto)| &text[from..upto])).collect()
}

pub(super) fn proof(seq: u64) -> From {
    From { dialog: dialog().to_vec(), seq, stamp: None }
}

pub(super) fn queue(rows: Vec<KeptRow>) -> Queue {
    let upto = rows.last().map_or(0, |row| row.place);
    Queue { rows, more: false, upto }
}

/// A live frame outside the log, at this place of the recipient's queue.
pub(super) fn kept(place: u64, body: &str) -> Frame {
    let id = vec![place as u8; 12];
    let told = Some(FrameTold::Message(Message { id, ..message(0, 78, body) }));
    Frame { kept: place, told, ..row(0, 78, body) }
}

/// The same as it lies in the queue.
pub(super) fn kept_row(place: u64, body: &str) -> KeptRow {
    KeptRow { place, kept_at: 1_000, frame: Some(Frame { kept: 0, ..kept(place, body) }) }
}

/// A removal of row 1 by its sender, told live.
pub(super) fn removal(stamp: u64) -> Frame {
    let what = Some(What::Removed(true));
    let change = Change { stamp, seq: 1, message_id: vec![0x66; 12], user: 78, recipient: 34, what, ..Change::default() };
    Frame { stamp, told: Some(FrameTold::Change(change)), ..row(0, 78, "") }
}

/// The change of a frame.
pub(super) fn change_of(frame: Frame) -> Change {
    match frame.told {
        Some(FrameTold::Change(change)) => change,
        told => panic!("no change: {told:?}"),
    }
}

/// The group that the user and 78 are in.
pub(super) const GROUP: &str = "a6f0a1b2c3d4e5f607182930";
/// Its room.
pub(super) const ROOM: &str = "905_a6f0a1b2c3d4e5f607182930@muc.h";

pub(super) fn group() -> DialogId {
    GROUP.parse().unwrap()
}

/// A frame of the group about something of user 78, from a session elsewhere.
pub(super) fn of_group(told: FrameTold) -> Frame {
    let of_pair = row(0, 78, "");
    Frame { dialog: group().to_vec(), group: true, told: Some(told), ..of_pair }
}

/// A row of the group.
pub(super) fn said(seq: u64, sender: u64, body: &str) -> Message {
    Message { recipient: 0, ..message(seq, sender, body) }
}

// === what is asked of presence ===

pub(super) fn queries(actions: &[Action]) -> Vec<(u64, Query)> {
    let query = |action: &Action| match action {
        Action::Call(Call::Presence { number, query }) => Some((*number, query.clone())),
        _ => None,
    };
    actions.iter().filter_map(query).collect()
}

/// The number of the one query that this stanza leads to.
pub(super) fn asks(client: &mut Client, xml: &str, expected: Query) -> u64 {
    let asked = queries(&client.stanza(xml));
    let number = asked.first().map(|(number, _)| *number);
    assert_eq!(asked.into_iter().map(|(_, query)| query).collect::<Vec<_>>(), [expected]);
    number.unwrap()
}

/// What is written when presence answers.
pub(super) fn answered(client: &mut Client, number: u64, answer: Result<Answered, Failure>) -> Vec<String> {
    client.session.answers(client.at(), [Answer::Presence { number, answer }]);
    client.written()
}
