//! The lines of one app: its settings, its users with what each keeps, its dialogs with what was said. A failure on the way ends the
//! download without its last line.

use actix_web::web::{self, Bytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::channel::mpsc::{Sender, channel};
use futures::{SinkExt as _, Stream, StreamExt as _, stream};
use natter_proto::account::v1::{App, ArchiveUsersRequest};
use natter_proto::dialog::v1::{ArchiveDialogsRequest, ArchivedDialog};
use natter_proto::history::v1::{ArchiveRowsRequest, MemberState, MembersRequest, ReactionsRequest};
use natter_proto::presence::v1::ArchiveViewsRequest;
use natter_proto::push::v1::ListRequest as ListDevicesRequest;
use natter_proto::storage::v1::{ListRequest as ListFilesRequest, ReadRequest, Status};
use natter_proto::{AppId, UserId};

use super::lines::{
    AlertsLine, AppLine, ContactLine, ContentLine, DeviceLine, DialogLine, End, FileLine, Head, Line, ListLine, MessageLine,
    ReactionsLine, StateLine, UserLine, VERSION,
};
use crate::error::Refusal;
use crate::service::Door;
use crate::{alerts, contacts};

/// Rows of one page of each kind.
const USERS: u32 = 100;
const DIALOGS: u32 = 50;
const ROWS: u32 = 200;
const STATES: usize = 100;
const FILES: u32 = 100;
/// Text that is handed on at once, about.
const PIECE: usize = 64 << 10;
/// Pieces that wait for a slow reader.
const WAITING: usize = 4;

/// All lines of an app, read as they are taken.
pub fn lines_of(door: web::Data<Door>, app: App) -> impl Stream<Item = Result<Bytes, Refusal>> {
    let (sender, pieces) = channel(WAITING);
    let id = app.id;
    let reading = async move {
        let mut export = Export { door, app: id, sender, piece: String::new(), lines: 0 };
        let cut = export.run(app).await.err()?;
        tracing::warn!(app = id, refusal = %cut, "an archive was cut");
        // The reader hears it too: as a refusal if nothing was sent, or as a broken transfer.
        Some(Err(cut))
    };
    let ends = stream::once(reading).filter_map(std::future::ready);
    stream::select(pieces.map(Ok), ends)
}

struct Export {
    door: web::Data<Door>,
    app: u64,
    sender: Sender<Bytes>,
    piece: String,
    lines: u64,
}

impl Export {
    async fn run(&mut self, app: App) -> Result<(), Refusal> {
        let (made_at, made_by) = (self.door.clock.now_ms(), format!("natter {}", env!("CARGO_PKG_VERSION")));
        self.put(Line::Archive(Head { version: VERSION, made_at: Some(made_at), made_by: Some(made_by) })).await?;
        self.put(Line::App(Box::new(AppLine::from(app)))).await?;
        let settings = alerts::kept(&self.door, self.app).await?.into();
        self.put(Line::Alerts(AlertsLine { app: self.app, settings })).await?;
        self.users().await?;
        self.dialogs().await?;
        self.put(Line::End(End { lines: self.lines })).await?;
        self.flush().await
    }

    async fn users(&mut self) -> Result<(), Refusal> {
        let mut after = 0;
        loop {
            let request = ArchiveUsersRequest { app: self.app, after, limit: USERS };
            let users = self.door.archives.users().users(request).await?.into_inner().users;
            let Some(last) = users.last().and_then(|last| last.user.as_ref()) else { return Ok(()) };
            after = last.id;
            for user in users {
                let (id, deleted) = (user.user.as_ref().map_or(0, |user| user.id), user.deleted);
                self.put(Line::User(Box::new(UserLine::from(user)))).await?;
                if !deleted {
                    self.user(id).await?;
                }
            }
        }
    }

    async fn user(&mut self, user: u64) -> Result<(), Refusal> {
        let app = self.app;
        let views = self.door.archives.contacts().views(ArchiveViewsRequest { app, user }).await?.into_inner().views;
        for view in views {
            self.put(Line::Contact(ContactLine::of(app, user, view))).await?;
        }
        for list in contacts::lists_of(&self.door, AppId(app), UserId(user)).await? {
            let is_default = Some(list.is_default).filter(|is| *is);
            let items = list.items.into_iter().map(Into::into).collect();
            self.put(Line::PrivacyList(ListLine { app, user, name: list.name, is_default, items })).await?;
        }
        for device in self.door.push().list(ListDevicesRequest { app, user }).await?.into_inner().subscriptions {
            self.put(Line::Device(DeviceLine::from(device))).await?;
        }
        self.files(user).await
    }

    async fn files(&mut self, user: u64) -> Result<(), Refusal> {
        let mut after = 0;
        loop {
            let request = ListFilesRequest { app: self.app, user, after, limit: FILES, ..ListFilesRequest::default() };
            let blobs = self.door.storage().list(request).await?.into_inner().blobs;
            let Some(last) = blobs.last() else { return Ok(()) };
            after = last.id;
            for blob in blobs.into_iter().filter(|blob| blob.status() == Status::Complete) {
                let (uid, upto) = (blob.uid.clone(), blob.size);
                self.put(Line::File(FileLine::from(blob))).await?;
                self.content(uid, upto).await?;
            }
        }
    }

    async fn content(&mut self, uid: String, upto: u64) -> Result<(), Refusal> {
        let request = ReadRequest { uid: uid.clone(), from: 0, upto };
        let mut chunks = self.door.storage().read(request).await?.into_inner();
        while let Some(chunk) = chunks.message().await? {
            let base64 = STANDARD.encode(&chunk.bytes);
            self.put(Line::Content(ContentLine { file: uid.clone(), base64 })).await?;
        }
        Ok(())
    }

    async fn dialogs(&mut self) -> Result<(), Refusal> {
        let mut after = Vec::new();
        loop {
            let request = ArchiveDialogsRequest { app: self.app, limit: DIALOGS, after };
            let page = self.door.archives.dialogs().dialogs(request).await?.into_inner();
            for dialog in page.dialogs {
                self.dialog(dialog).await?;
            }
            after = page.next;
            if after.is_empty() {
                return Ok(());
            }
        }
    }

    async fn dialog(&mut self, dialog: ArchivedDialog) -> Result<(), Refusal> {
        let id = dialog.id.clone();
        let users: Vec<u64> = dialog.members.iter().map(|member| member.user).collect();
        self.put(Line::Dialog(Box::new(DialogLine::of(self.app, dialog)))).await?;
        let last = self.rows(&id).await?;
        if last == 0 {
            return Ok(());
        }
        for users in users.chunks(STATES) {
            let request = MembersRequest { app: self.app, dialog: id.clone(), users: users.to_vec(), within: None };
            for state in self.door.history().members(request).await?.into_inner().members {
                let is_usual = state == MemberState { user: state.user, ..MemberState::default() };
                if !is_usual {
                    self.put(Line::State(StateLine::of(self.app, &id, state))).await?;
                }
            }
        }
        Ok(())
    }

    /// The messages of a dialog, and after each page the reactions to it. The place of the last one.
    async fn rows(&mut self, id: &[u8]) -> Result<u64, Refusal> {
        let (app, mut above) = (self.app, 0);
        loop {
            let request = ArchiveRowsRequest { app, dialog: id.to_vec(), above, limit: ROWS };
            let page = self.door.archives.rows().rows(request).await?.into_inner();
            let Some(last) = page.rows.last() else { return Ok(above) };
            above = last.seq;
            let mut seqs: Vec<u64> = page.rows.iter().map(|row| row.seq).collect();
            for row in page.rows {
                self.put(Line::Message(Box::new(MessageLine::of(app, id, row)))).await?;
            }
            while !seqs.is_empty() {
                let request = ReactionsRequest { app, dialog: id.to_vec(), seqs: std::mem::take(&mut seqs) };
                let asked = request.seqs.clone();
                let found = self.door.history().reactions(request).await?.into_inner();
                if let Some(last) = found.reactions.last().filter(|_| found.more) {
                    seqs = asked.into_iter().filter(|seq| *seq > last.seq).collect();
                }
                for of_row in found.reactions {
                    self.put(Line::Reactions(ReactionsLine::of(app, id, of_row))).await?;
                }
            }
            if !page.more {
                return Ok(above);
            }
        }
    }

    async fn put(&mut self, line: Line) -> Result<(), Refusal> {
        self.lines += 1;
        self.piece.push_str(&line.written());
        if self.piece.len() < PIECE { Ok(()) } else { self.flush().await }
    }

    async fn flush(&mut self) -> Result<(), Refusal> {
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        let sent = self.sender.send(piece).await;
        sent.map_err(|_| Refusal::malformed("", "nobody reads the archive any more"))
    }
}
