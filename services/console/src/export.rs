//! All that is kept of one user, as a download: lines of JSON (JSON Lines), one row each, `{"kind": ..., ...}`. Nothing of it is
//! gathered: a page is read when the one before it was taken.
//!
//! | `kind` | what |
//! |---|---|
//! | `export` | the first line: `version` of this format, `app`, `user`, `at` |
//! | `profile` | names, fields, when he was made and last there |
//! | `session` | as `GET .../sessions` shows it: no token |
//! | `contact`, `privacy_list` | as `GET .../contacts` and `.../lists` show them |
//! | `last_activity` | when his last session ended |
//! | `dialog` | one that he is in: his `role`, whether it is muted, how far he has read |
//! | `message` | one that he sent in it; `reaction` one of his in it |
//! | `kept_message` | what waits for him outside the history of a dialog |
//! | `file` | of an upload: name, type, size, dates |
//! | `device` | one that he wants alerts on; its token cut |
//! | `event` | an event that he made |
//! | `alert` | what was decided about alerts for him of late, and what providers said |
//! | `report` | one that he filed |
//! | `end` | the last line: `whole`, and how many `rows` came before it. A download without it was cut |
//!
//! Instants are UTC (`2026-02-03T10:11:12Z`). A failure on the way ends it with `"whole": false` and a `text`. What changes meanwhile
//! may be in it or not. Not in it: passwords and keys (only their hashes are kept), and what he said in dialogs that he has left: no
//! list says which these are.

mod dialogs;
mod rows;

use std::collections::VecDeque;
use std::fmt::Write;

use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType};
use actix_web::web::Bytes;
use actix_web::{Error, HttpResponse, web};
use natter_proto::account::v1::{GetUsersRequest, ListOwnReportsRequest, ReportKind};
use natter_proto::history::v1::KeptRequest;
use natter_proto::presence::v1::LastActivityRequest;
use natter_proto::push::v1::{JournalRequest, ListEventsRequest, ListRequest as ListDevicesRequest};
use natter_proto::storage::v1::ListRequest as ListFilesRequest;
use natter_proto::{AppId, Code, DialogId, Failure, UserId};
use serde_json::{Value, json};

use crate::error::Refusal;
use crate::service::{Door, iso};
use crate::user_sessions::{self, of_path};
use crate::{alerts, contacts, hex, reports};
use dialogs::Place;

/// Of the format. It grows with what a reader of an earlier one would misread.
const VERSION: u32 = 1;
/// Rows of one page.
const PAGE: u32 = 100;

/// `GET /admin/v1/apps/{app}/users/{user}/export`.
pub async fn get(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, user) = of_path(&door, &path).await?;
    let mut export = Export::new(door, app, user);
    // What cannot even begin is refused.
    let begin = export.begin().await?;
    let disposition = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename(format!("natter-{app}-user-{user}.jsonl"))],
    };
    let rest = futures::stream::unfold(export, |mut export| async move {
        let lines = export.next().await?;
        Some((Ok::<_, Error>(lines), export))
    });
    let begin = futures::stream::iter([Ok(begin)]);
    let body = futures::StreamExt::chain(begin, rest);
    Ok(HttpResponse::Ok().content_type("application/jsonl; charset=utf-8").insert_header(disposition).streaming(body))
}

/// An export under way.
struct Export {
    door: web::Data<Door>,
    app: AppId,
    user: UserId,
    step: Step,
    /// How many were handed out.
    rows: u64,
}

/// What is read next.
enum Step {
    Sessions {
        after: String,
    },
    Contacts,
    Lists,
    LastActivity,
    /// Which dialogs he is in, all of them: so that none is missed when their order changes.
    FindDialogs,
    Dialogs {
        rest: VecDeque<DialogId>,
    },
    Messages {
        dialog: DialogId,
        place: Place,
        rest: VecDeque<DialogId>,
    },
    Kept {
        above: u64,
    },
    Files {
        after: u64,
    },
    Devices,
    Events {
        skip: u32,
    },
    Alerts {
        before: Vec<u8>,
    },
    Reports(ReportKind),
    End,
    Over,
}

/// Rows, and what is read after them.
type Read = Result<(Vec<Value>, Step), Refusal>;

impl Export {
    fn new(door: web::Data<Door>, app: AppId, user: UserId) -> Export {
        Export { door, app, user, step: Step::Sessions { after: String::new() }, rows: 0 }
    }

    async fn begin(&mut self) -> Result<Bytes, Refusal> {
        let request = GetUsersRequest { app: self.app.0, ids: vec![self.user.0] };
        let users = self.door.accounts().get_users(request).await?.into_inner().users;
        let user = users.first().ok_or_else(|| Refusal::not_found("user"))?;
        let now = self.door.clock.now_ms();
        let first = json!({ "kind": "export", "version": VERSION, "app": self.app.0, "user": self.user.0, "at": iso(now) });
        Ok(self.lines(vec![first, rows::profile(user)]))
    }

    /// The next lines; nothing behind the last.
    async fn next(&mut self) -> Option<Bytes> {
        // A page without rows is no reason to send nothing.
        loop {
            let step = std::mem::replace(&mut self.step, Step::Over);
            if matches!(step, Step::Over) {
                return None;
            }
            match self.read(step).await {
                Ok((rows, next)) => {
                    self.step = next;
                    if !rows.is_empty() {
                        return Some(self.lines(rows));
                    }
                }
                Err(refusal) => {
                    tracing::warn!(app = self.app.0, user = self.user.0, %refusal, "an export was cut");
                    let text = refusal.to_string();
                    let end = json!({ "kind": "end", "whole": false, "rows": self.rows, "text": text });
                    return Some(self.lines(vec![end]));
                }
            }
        }
    }

    async fn read(&mut self, step: Step) -> Read {
        match step {
            Step::Sessions { after } => self.sessions(after).await,
            Step::Contacts => {
                let contacts = contacts::of(&self.door, self.app, self.user).await?;
                Ok((contacts.iter().map(|contact| of_kind("contact", contacts::shown(contact))).collect(), Step::Lists))
            }
            Step::Lists => {
                let lists = contacts::lists_of(&self.door, self.app, self.user).await?;
                let rows = lists.iter().map(|list| of_kind("privacy_list", contacts::list_shown(list)));
                Ok((rows.collect(), Step::LastActivity))
            }
            Step::LastActivity => self.last_activity().await,
            Step::FindDialogs => self.find_dialogs().await,
            Step::Dialogs { rest } => self.dialog(rest).await,
            Step::Messages { dialog, place, rest } => self.messages(dialog, place, rest).await,
            Step::Kept { above } => self.kept(above).await,
            Step::Files { after } => self.files(after).await,
            Step::Devices => {
                let request = ListDevicesRequest { app: self.app.0, user: self.user.0 };
                let devices = self.door.push().list(request).await?.into_inner().subscriptions;
                Ok((devices.iter().map(rows::device).collect(), Step::Events { skip: 0 }))
            }
            Step::Events { skip } => self.events(skip).await,
            Step::Alerts { before } => self.alerts(before).await,
            Step::Reports(kind) => self.reports(kind).await,
            Step::End => Ok((vec![json!({ "kind": "end", "whole": true, "rows": self.rows })], Step::Over)),
            Step::Over => Ok((Vec::new(), Step::Over)),
        }
    }

    async fn sessions(&mut self, after: String) -> Read {
        let page = user_sessions::Page { after: Some(after).filter(|after| !after.is_empty()) };
        let living = user_sessions::living(&self.door, self.app, self.user, page).await?;
        let chat = living.chat.iter().map(user_sessions::chat_shown);
        let shown = chat.chain(living.rest.iter().map(user_sessions::rest_shown));
        // `kind` is the row's.
        let rows = shown.map(|mut shown| {
            shown["door"] = shown["kind"].take();
            of_kind("session", shown)
        });
        let next = if living.next.is_empty() { Step::Contacts } else { Step::Sessions { after: living.next } };
        Ok((rows.collect(), next))
    }

    async fn last_activity(&mut self) -> Read {
        let request = LastActivityRequest { app: self.app.0, user: self.user.0, asker: 0 };
        let rows = match self.door.presence().last_activity(request).await.map_err(Failure::from) {
            // None: he is there.
            Ok(reply) => vec![json!({ "kind": "last_activity", "seen_at": reply.into_inner().seen_at.map(iso) })],
            Err(failure) if failure.code == Code::NotFound => Vec::new(),
            Err(failure) => return Err(failure.into()),
        };
        Ok((rows, Step::FindDialogs))
    }

    async fn kept(&mut self, above: u64) -> Read {
        let request = KeptRequest { app: self.app.0, user: self.user.0, above };
        let reply = self.door.history().kept(request).await?.into_inner();
        let last = reply.rows.last().map_or(above, |row| row.place);
        let next = if reply.more && last > above { Step::Kept { above: last } } else { Step::Files { after: 0 } };
        Ok((reply.rows.iter().filter_map(rows::kept).collect(), next))
    }

    async fn files(&mut self, after: u64) -> Read {
        let request = ListFilesRequest { app: self.app.0, user: self.user.0, after, limit: PAGE, ..ListFilesRequest::default() };
        let blobs = self.door.storage().list(request).await?.into_inner().blobs;
        let next = blobs.last().map_or(Step::Devices, |last| Step::Files { after: last.id });
        Ok((blobs.iter().map(rows::file).collect(), next))
    }

    async fn events(&mut self, skip: u32) -> Read {
        let request = ListEventsRequest { app: self.app.0, user: self.user.0, skip, limit: PAGE };
        let events = self.door.events().list(request).await?.into_inner().events;
        let next = if events.is_empty() {
            Step::Alerts { before: Vec::new() }
        } else {
            Step::Events { skip: skip + events.len() as u32 }
        };
        Ok((events.iter().map(rows::event).collect(), next))
    }

    async fn alerts(&mut self, before: Vec<u8>) -> Read {
        let request = JournalRequest { app: self.app.0, user: self.user.0, before, limit: PAGE, ..JournalRequest::default() };
        let reply = self.door.push().journal(request).await?.into_inner();
        let next = if reply.next.is_empty() { Step::Reports(ReportKind::User) } else { Step::Alerts { before: reply.next } };
        Ok((reply.notes.iter().map(|note| of_kind("alert", alerts::noted(note))).collect(), next))
    }

    async fn reports(&mut self, kind: ReportKind) -> Read {
        let request = ListOwnReportsRequest { app: self.app.0, user: self.user.0, kind: kind.into() };
        let filed = self.door.reports().list_own(request).await?.into_inner().reports;
        // `kind` is the row's.
        let rows = filed.iter().map(reports::shown).map(|mut shown| {
            shown["about"] = shown["kind"].take();
            of_kind("report", shown)
        });
        let next = if kind == ReportKind::User { Step::Reports(ReportKind::Message) } else { Step::End };
        Ok((rows.collect(), next))
    }

    fn lines(&mut self, rows: Vec<Value>) -> Bytes {
        self.rows += rows.len() as u64;
        let mut lines = String::new();
        for row in rows {
            writeln!(lines, "{row}").expect("a String takes all");
        }
        lines.into()
    }
}

/// A row of something that is shown elsewhere too.
fn of_kind(kind: &str, mut shown: Value) -> Value {
    shown["kind"] = json!(kind);
    shown
}

fn id(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| hex::shown(bytes))
}
