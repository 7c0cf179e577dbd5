//! Reads an archive line by line, and hands over rows of one kind together. A line that cannot be read ends it: what came before is
//! taken over, and the same archive may be brought again.

use std::collections::BTreeMap;

use actix_web::web;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;
use natter_proto::account::v1::{App, ArchivedUser, GetAppRequest};
use natter_proto::event::v1::Message;
use natter_proto::history::v1::{MemberState, Reactions};
use natter_proto::presence::v1::ArchivedView;
use natter_proto::storage::v1::Blob;
use natter_proto::{Code, DialogId, Failure, UserId};

use super::files::Sending;
use super::lines::{ContentLine, DialogLine, End, FileLine, Head, Line, Names, VERSION};
use super::report::Report;
use crate::error::Refusal;
use crate::service::Door;

/// Bytes of the longest line: a dialog with all the members that it may have.
const LINE_MAX: usize = 2 << 20;
/// Rows that are handed over together, and their bytes. Of a dialog's log never more than its owner appends at once.
const ROWS_MAX: usize = 200;
const BYTES_MAX: usize = 512 << 10;
/// Users on servers: each takes some conditional writes.
const USERS_MAX: usize = 50;

/// Takes over what the body holds.
pub async fn run(door: web::Data<Door>, dry: bool, mut body: web::Payload) -> Result<Report, Refusal> {
    let mut import = Import::new(door, dry);
    let outcome = import.read(&mut body).await;
    if outcome.is_err() {
        // Whoever still sends hears the answer only when he is done.
        while body.next().await.is_some_and(|piece| piece.is_ok()) {}
    }
    outcome.map(|()| import.report)
}

/// An import under way.
pub struct Import {
    pub door: web::Data<Door>,
    pub dry: bool,
    pub report: Report,
    /// Of the line that is looked at.
    pub line: u64,
    /// Lines since the last `archive`, that one included; none: outside of one.
    within: Option<u64>,
    pub batch: Batch,
    bytes: usize,
    file: Option<Sending>,
    /// What comes from apps that this archive has, or that are here.
    apps: BTreeMap<u64, App>,
    /// The dialog whose rows clashed: the rest of it is left out.
    pub clashed: Option<(u64, Vec<u8>)>,
}

/// Rows of one kind that belong together.
#[derive(Default)]
pub enum Batch {
    #[default]
    Nothing,
    Users(u64, Vec<ArchivedUser>),
    Views(u64, u64, Vec<ArchivedView>),
    Rows(u64, Vec<u8>, Vec<Message>),
    States(u64, Vec<u8>, Vec<MemberState>),
    Reactions(u64, Vec<u8>, Vec<Reactions>),
}

impl Import {
    fn new(door: web::Data<Door>, dry: bool) -> Import {
        Import {
            door,
            dry,
            report: Report::new(dry),
            line: 0,
            within: None,
            batch: Batch::Nothing,
            bytes: 0,
            file: None,
            apps: BTreeMap::new(),
            clashed: None,
        }
    }

    async fn read(&mut self, body: &mut web::Payload) -> Result<(), Refusal> {
        let mut rest: Vec<u8> = Vec::new();
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| self.at_line(format!("the archive stopped to come: {error}")))?;
            rest.extend_from_slice(&piece);
            let mut from = 0;
            while let Some(length) = rest[from..].iter().position(|byte| *byte == b'\n') {
                self.take_text(&rest[from..from + length]).await?;
                from += length + 1;
            }
            rest.drain(..from);
            if rest.len() > LINE_MAX {
                self.line += 1;
                return Err(self.at_line(format!("is longer than {LINE_MAX} bytes")));
            }
        }
        if !rest.is_empty() {
            self.take_text(&rest).await?;
        }
        self.hand_over().await?;
        match (self.within, self.line) {
            (Some(_), _) => Err(self.at_line("was the last one: the archive was cut, its line `end` is missing")),
            (None, 0) => Err(Refusal::malformed("", "the archive is empty")),
            (None, _) => Ok(()),
        }
    }

    async fn take_text(&mut self, text: &[u8]) -> Result<(), Refusal> {
        self.line += 1;
        if text.trim_ascii().is_empty() {
            return Ok(());
        }
        let line = Line::read(text).map_err(|text| self.at_line(text))?;
        self.report.lines += 1;
        match (&mut self.within, &line) {
            (None, Line::Archive(_)) => {}
            (None, _) => return Err(self.at_line("stands before the line `archive`")),
            (Some(lines), _) => *lines += 1,
        }
        self.bytes += text.len();
        self.take_line(line).await
    }

    async fn take_line(&mut self, line: Line) -> Result<(), Refusal> {
        if !matches!(line, Line::Content(_)) {
            self.end_file().await?;
        }
        match line {
            Line::Archive(head) => self.begin(&head),
            Line::End(End { lines }) => self.end(lines).await,
            Line::App(line) => {
                let app = App::from(*line);
                self.hand_over().await?;
                self.apps.insert(app.id, app.clone());
                self.bring_app(app).await
            }
            Line::Alerts(line) => self.bring_alerts(line).await,
            Line::User(line) => {
                let (app, user) = (line.app, ArchivedUser::from(*line));
                if !matches!(&self.batch, Batch::Users(of, users) if *of == app && users.len() < USERS_MAX) {
                    self.hand_over().await?;
                    self.batch = Batch::Users(app, Vec::new());
                }
                let Batch::Users(_, users) = &mut self.batch else { return Ok(()) };
                users.push(user);
                Ok(())
            }
            Line::Contact(line) => {
                let (app, user) = (line.app, line.user);
                if !matches!(&self.batch, Batch::Views(of, owner, _) if (*of, *owner) == (app, user)) {
                    self.hand_over().await?;
                    self.batch = Batch::Views(app, user, Vec::new());
                }
                let Batch::Views(_, _, views) = &mut self.batch else { return Ok(()) };
                views.push(line.into());
                Ok(())
            }
            Line::PrivacyList(line) => self.bring_list(line).await,
            Line::Device(line) => self.bring_device(line).await,
            Line::File(line) => self.begin_file(line).await,
            Line::Content(line) => self.take_content(line).await,
            Line::Dialog(line) => self.take_dialog(*line).await,
            Line::Message(line) => {
                let (app, names) = (line.app, line.names());
                let row = Message::from(*line);
                let Some(dialog) = self.room_for(app, names, "message").await? else { return Ok(()) };
                if !matches!(self.batch, Batch::Rows(..)) {
                    self.batch = Batch::Rows(app, dialog, Vec::new());
                }
                let Batch::Rows(_, _, rows) = &mut self.batch else { return Ok(()) };
                rows.push(row);
                Ok(())
            }
            Line::State(line) => {
                let Some(dialog) = self.room_for(line.app, line.names(), "state").await? else { return Ok(()) };
                if !matches!(self.batch, Batch::States(..)) {
                    self.hand_over().await?;
                    self.batch = Batch::States(line.app, dialog, Vec::new());
                }
                let Batch::States(_, _, states) = &mut self.batch else { return Ok(()) };
                states.push(line.into());
                Ok(())
            }
            Line::Reactions(line) => {
                let Some(dialog) = self.room_for(line.app, line.names(), "reactions").await? else { return Ok(()) };
                if !matches!(self.batch, Batch::Reactions(..)) {
                    self.hand_over().await?;
                    self.batch = Batch::Reactions(line.app, dialog, Vec::new());
                }
                let Batch::Reactions(_, _, reactions) = &mut self.batch else { return Ok(()) };
                reactions.push(line.into());
                Ok(())
            }
        }
    }

    fn begin(&mut self, head: &Head) -> Result<(), Refusal> {
        if self.within.is_some() {
            return Err(self.at_line("begins another archive before this one has ended: it was cut"));
        }
        if head.version != VERSION {
            let text = format!("is of an archive of version {}: this server reads version {VERSION}", head.version);
            return Err(self.at_line(text));
        }
        self.within = Some(1);
        Ok(())
    }

    async fn end(&mut self, lines: u64) -> Result<(), Refusal> {
        self.hand_over().await?;
        match self.within.take() {
            Some(count) if count == lines + 1 => Ok(()),
            count => {
                let count = count.unwrap_or_default().saturating_sub(1);
                Err(self.at_line(format!("counts {lines} lines before it, and there are {count}: some are missing")))
            }
        }
    }

    async fn take_dialog(&mut self, line: DialogLine) -> Result<(), Refusal> {
        self.hand_over().await?;
        let (app, names) = (line.app, line.names());
        let id = self.dialog(app, names).await?;
        self.clashed = None;
        self.bring_dialog(app, id, line).await
    }

    /// The dialog that a line names, when the rows that wait are of the same and are few. None: it clashed.
    async fn room_for(&mut self, app: u64, names: Names, kind: &'static str) -> Result<Option<Vec<u8>>, Refusal> {
        let dialog = self.dialog(app, names).await?;
        let (is_same, count) = match &self.batch {
            Batch::Rows(of, id, rows) => (kind == "message" && (*of, id) == (app, &dialog), rows.len()),
            Batch::States(of, id, states) => (kind == "state" && (*of, id) == (app, &dialog), states.len()),
            Batch::Reactions(of, id, all) => (kind == "reactions" && (*of, id) == (app, &dialog), all.len()),
            Batch::Nothing | Batch::Users(..) | Batch::Views(..) => (false, 0),
        };
        if !is_same || count >= ROWS_MAX || self.bytes >= BYTES_MAX {
            self.hand_over().await?;
        }
        if self.clashed.as_ref().is_some_and(|(of, id)| (*of, id) == (app, &dialog)) {
            self.report.leave_out(kind);
            return Ok(None);
        }
        Ok(Some(dialog))
    }

    async fn dialog(&mut self, app: u64, names: Names) -> Result<Vec<u8>, Refusal> {
        match (names.id, names.pair) {
            (Some(id), None) => match DialogId::try_from(id.0.as_slice()) {
                Ok(_) => Ok(id.0),
                Err(_) => Err(self.at_line("names a dialog by what is no id of 24 digits")),
            },
            (None, Some([a, b])) => {
                let app = self.app(app).await?;
                Ok(DialogId::of_pair(&app.pair_key, UserId(a), UserId(b)).to_vec())
            }
            _ => Err(self.at_line("names its dialog neither by its id nor by its pair, or by both")),
        }
    }

    /// An app as it is here, or in a dry run as it would be.
    async fn app(&mut self, id: u64) -> Result<App, Refusal> {
        match self.door.accounts().get_app(GetAppRequest { id }).await.map_err(Failure::from) {
            Ok(app) => Ok(app.into_inner()),
            Err(Failure { code: Code::NotFound, .. }) => {
                let brought = self.apps.get(&id).filter(|_| self.dry).cloned();
                brought.ok_or_else(|| self.at_line(format!("is about app {id}, which is not there")))
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn begin_file(&mut self, line: FileLine) -> Result<(), Refusal> {
        self.hand_over().await?;
        let blob = Blob::from(line);
        let app = self.app(blob.app).await?;
        let app_bytes_max = app.quotas.map_or(0, |quotas| quotas.storage_bytes);
        self.file = Some(Sending::begin(&self.door.archives, blob, app_bytes_max, self.dry).await);
        Ok(())
    }

    async fn take_content(&mut self, line: ContentLine) -> Result<(), Refusal> {
        let bytes = STANDARD.decode(&line.base64).map_err(|_| self.at_line("is no base64"))?;
        match &mut self.file {
            Some(file) if file.uid == line.file => file.send(bytes).await,
            _ => return Err(self.at_line("is of another file than the one above")),
        }
        self.bytes = 0;
        Ok(())
    }

    async fn end_file(&mut self) -> Result<(), Refusal> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let taken = file.end().await.map_err(|refusal| self.failed(&refusal))?;
        self.report.add("file", self.line - 1, taken);
        Ok(())
    }

    /// What waits is taken over before what follows.
    pub async fn hand_over(&mut self) -> Result<(), Refusal> {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        self.bring(batch).await
    }

    pub fn at_line(&self, text: impl Into<String>) -> Refusal {
        Refusal::malformed(&format!("line {}", self.line), text)
    }

    /// A service failed: the same archive is to be brought again.
    pub fn failed(&self, refusal: &Refusal) -> Refusal {
        refusal.at(&format!("up to line {}:", self.line))
    }
}
