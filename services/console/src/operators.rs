//! Routes about operators.

use actix_web::{HttpResponse, web};
use natter_proto::account::v1::RenewOperatorPasswordRequest;
use serde_json::json;

use crate::body::{Fields, Raw};
use crate::error::Refusal;
use crate::service::Door;

/// `POST /admin/v1/operators/{name}/password`: a password that was chosen here; this answer is the only one that shows it.
pub async fn renew(door: web::Data<Door>, path: web::Path<String>, raw: Raw) -> Result<HttpResponse, Refusal> {
    Fields::read(raw, door.body_bytes_max)?.end()?;
    let request = RenewOperatorPasswordRequest { name: path.into_inner() };
    let secret = door.operators().renew_operator_password(request).await?.into_inner();
    Ok(HttpResponse::Ok().json(json!({ "operator": { "name": secret.name, "password": secret.password } })))
}
