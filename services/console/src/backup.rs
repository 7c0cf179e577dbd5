//! `GET /admin/v1/backup`: all rows of the store that this process has to itself, as they are at one moment: what `natter backup` asks for.
//! Every secret of every app is in it: only the owner of the house gets it. Not the files of users, which whoever may read the data
//! directory copies himself.

use std::pin::Pin;
use std::sync::Arc;

use actix_web::web::{self, Bytes};
use actix_web::{HttpResponse, http::header::ContentType};
use futures::{Stream, TryStreamExt};
use natter_proto::{Code, Failure};

use crate::error::Refusal;
use crate::service::Door;

/// Reads the rows. The first piece is there when the moment is.
pub type Rows = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Pieces, Failure>> + Send>> + Send + Sync>;

/// Rows, piece by piece. After a failure what came before is worth nothing.
pub type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, Failure>> + Send>>;

/// A download. One whose bytes do not end as they say was cut.
pub async fn get(door: web::Data<Door>) -> Result<HttpResponse, Refusal> {
    let Some(rows) = &door.rows else {
        let text = "the rows of this installation lie on servers of a cluster, whose own tools copy them (deploy/backup.md)";
        return Err(Failure::new(Code::NotFound, text).into());
    };
    let pieces = rows().await?.inspect_err(|cut| tracing::warn!(%cut, "a backup was cut"));
    let body = pieces.map_err(|cut| std::io::Error::other(cut.to_string()));
    Ok(HttpResponse::Ok().insert_header(ContentType::octet_stream()).streaming(body))
}
