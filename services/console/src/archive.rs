//! Everything of an app as lines of JSON, and the way back (decision 0039; `deploy/archive.md` describes the lines): what `natter export`
//! and `natter import` ask for. An archive holds hashes of passwords and secrets of apps: only the owner of the house gets one.
//!
//! Nothing is gathered: an export reads a page when the one before it was taken, an import reads a line when the ones before it were.

mod bring;
mod export;
mod files;
mod import;
mod lines;
mod report;

use std::time::Duration;

use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType};
use actix_web::{HttpResponse, web};
use futures::{StreamExt, TryStreamExt, stream};
use natter_proto::account::v1::archive_client::ArchiveClient as AppsAndUsers;
use natter_proto::dialog::v1::archive_client::ArchiveClient as Dialogs;
use natter_proto::history::v1::archive_client::ArchiveClient as Rows;
use natter_proto::presence::v1::archive_client::ArchiveClient as Contacts;
use natter_proto::storage::v1::archive_client::ArchiveClient as Files;
use natter_rpc::Link;
use serde::Deserialize;
use serde_json::json;

use crate::apps;
use crate::error::Refusal;
use crate::service::Door;

/// To the doors about archives.
#[derive(Clone)]
pub struct Archives {
    pub account: Link,
    pub dialog: Link,
    pub history: Link,
    pub storage: Link,
    pub presence: Link,
}

/// A page of users on servers takes a conditional write for each of their names.
const PATIENCE: Duration = Duration::from_secs(60);
/// For the content of one file.
const FILE_PATIENCE: Duration = Duration::from_secs(2 * 60 * 60);

impl Archives {
    /// Links to services that nobody runs.
    pub fn absent() -> Archives {
        let absent = Link::absent;
        Archives { account: absent(), dialog: absent(), history: absent(), storage: absent(), presence: absent() }
    }

    fn users(&self) -> AppsAndUsers<Link> {
        AppsAndUsers::new(self.account.clone().with_deadline(PATIENCE))
    }

    /// Rows of a dialog by their places.
    pub fn places(&self) -> Rows<Link> {
        Rows::new(self.history.clone())
    }

    fn dialogs(&self) -> Dialogs<Link> {
        Dialogs::new(self.dialog.clone().with_deadline(PATIENCE))
    }

    fn rows(&self) -> Rows<Link> {
        Rows::new(self.history.clone().with_deadline(PATIENCE))
    }

    fn contacts(&self) -> Contacts<Link> {
        Contacts::new(self.presence.clone().with_deadline(PATIENCE))
    }

    fn files(&self) -> Files<Link> {
        Files::new(self.storage.clone().with_deadline(FILE_PATIENCE))
    }
}

/// `GET /admin/v1/apps/{app}/archive`: a download. One that does not end with the line `end` was cut.
pub async fn get(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = apps::find(&door, &path).await?;
    let disposition = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename(format!("natter-{}.archive", app.id))],
    };
    let mut lines = Box::pin(export::lines_of(door, app));
    // Whatever is refused at once is said as ever.
    let first = lines.try_next().await?;
    let body = stream::iter(first.map(Ok)).chain(lines).map_err(|cut| std::io::Error::other(cut.to_string()));
    Ok(HttpResponse::Ok().content_type("application/jsonl; charset=utf-8").insert_header(disposition).streaming(body))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct How {
    /// Nothing is written: the report says what would become of it.
    #[serde(default)]
    dry_run: bool,
}

/// `POST /admin/v1/archive?dry_run=BOOL`: takes over what an archive holds. What is there already stays as it is. Answered with a report.
pub async fn post(door: web::Data<Door>, how: web::Query<How>, body: web::Payload) -> Result<HttpResponse, Refusal> {
    let report = import::run(door, how.dry_run, body).await?;
    Ok(HttpResponse::Ok().json(json!({ "report": report.shown() })))
}
