//! Routes about operators.

use actix_web::{HttpResponse, web};
use natter_proto::account::v1::{
    ChangeOperatorRequest, CreateOperatorRequest, ListOperatorsRequest, Operator, OperatorName, OperatorSecret,
    RenewOperatorPasswordRequest,
};
use serde_json::{Value, json};

use crate::audit::Made;
use crate::body::{Fields, Raw};
use crate::caller::{Caller, Role, TOKEN_NAME};
use crate::error::Refusal;
use crate::service::{Door, iso};

/// What an operator is to be granted; none: as it is.
pub struct Wanted {
    pub role: Option<Role>,
    /// Some of none: the whole installation.
    pub apps: Option<Option<Vec<u64>>>,
}

/// `GET /admin/v1/operators`.
pub async fn list(door: web::Data<Door>) -> Result<HttpResponse, Refusal> {
    let operators: Vec<_> = all(&door).await?.iter().map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "operators": operators })))
}

/// All operators by name.
pub async fn all(door: &Door) -> Result<Vec<Operator>, Refusal> {
    Ok(door.operators().list_operators(ListOperatorsRequest {}).await?.into_inner().operators)
}

/// `POST /admin/v1/operators`: with a password that was chosen here; this answer is the only one that shows it.
pub async fn create(door: web::Data<Door>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let mut fields = Fields::read(raw, door.body_bytes_max)?;
    let name = fields.text("name")?.unwrap_or_default();
    let wanted = wanted(&mut fields)?;
    fields.end()?;
    let secret = make(&door, name, wanted).await?;
    let mut answer = HttpResponse::Created().json(with_password(&secret));
    answer.extensions_mut().insert(Made { app: 0, target: secret.name });
    Ok(answer)
}

/// Makes an operator. Both what it is and where must be said.
pub async fn make(door: &Door, name: String, wanted: Wanted) -> Result<OperatorSecret, Refusal> {
    let role = wanted.role.ok_or_else(no_role)?;
    let apps = wanted.apps.ok_or_else(no_apps)?;
    let (limited, apps) = (apps.is_some(), apps.unwrap_or_default());
    let request = CreateOperatorRequest { name, role: role.to_proto().into(), limited, apps };
    Ok(door.operators().create_operator(request).await?.into_inner())
}

/// `PUT /admin/v1/operators/{name}`: what the body leaves open stays as it is.
pub async fn put(door: web::Data<Door>, path: web::Path<String>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let mut fields = Fields::read(raw, door.body_bytes_max)?;
    let wanted = wanted(&mut fields)?;
    fields.end()?;
    let operator = change(&door, path.into_inner(), wanted).await?;
    Ok(HttpResponse::Ok().json(json!({ "operator": shown(&operator) })))
}

/// Changes what an operator may do.
pub async fn change(door: &Door, name: String, wanted: Wanted) -> Result<Operator, Refusal> {
    let before = all(door).await?.into_iter().find(|operator| operator.name == name);
    let before = before.ok_or_else(|| Refusal::not_found("operator"))?;
    let role = wanted.role.map_or(before.role(), Role::to_proto);
    let (limited, apps) = match wanted.apps {
        None => (before.limited, before.apps),
        Some(apps) => (apps.is_some(), apps.unwrap_or_default()),
    };
    let request = ChangeOperatorRequest { name, role: role.into(), limited, apps };
    Ok(door.operators().change_operator(request).await?.into_inner())
}

/// `DELETE /admin/v1/operators/{name}`: its sign-ins have ended with the answer.
pub async fn delete(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let name = path.into_inner();
    remove(&door, name.clone()).await?;
    Ok(HttpResponse::Ok().json(json!({ "removed": name })))
}

/// Removes an operator.
pub async fn remove(door: &Door, name: String) -> Result<(), Refusal> {
    door.operators().remove_operator(OperatorName { name }).await?;
    Ok(())
}

/// `POST /admin/v1/operators/{name}/password`: a password that was chosen here; this answer is the only one that shows it.
pub async fn renew(door: web::Data<Door>, path: web::Path<String>, raw: Raw) -> Result<HttpResponse, Refusal> {
    Fields::read(raw, door.body_bytes_max)?.end()?;
    Ok(HttpResponse::Ok().json(with_password(&renewed(&door, path.into_inner()).await?)))
}

/// `POST /admin/v1/me/password`: the same for the caller, whose sign-ins end, this one included.
pub async fn renew_own(door: web::Data<Door>, caller: Caller, raw: Raw) -> Result<HttpResponse, Refusal> {
    Fields::read(raw, door.body_bytes_max)?.end()?;
    if caller.name == TOKEN_NAME {
        return Err(Refusal::not_found("operator"));
    }
    Ok(HttpResponse::Ok().json(with_password(&renewed(&door, caller.name).await?)))
}

/// Gives an operator a new password.
pub async fn renewed(door: &Door, name: String) -> Result<OperatorSecret, Refusal> {
    Ok(door.operators().renew_operator_password(RenewOperatorPasswordRequest { name }).await?.into_inner())
}

fn wanted(fields: &mut Fields) -> Result<Wanted, Refusal> {
    let role = match fields.text("role")? {
        None => None,
        Some(name) => Some(Role::named(&name).ok_or_else(no_role)?),
    };
    Ok(Wanted { role, apps: fields.apps("apps")? })
}

fn no_role() -> Refusal {
    Refusal::malformed("role", "is \"viewer\", \"moderator\", \"operator\" or \"owner\"")
}

fn no_apps() -> Refusal {
    Refusal::malformed("apps", "is \"all\" or a list of ids")
}

/// An operator as the API shows it.
pub fn shown(operator: &Operator) -> Value {
    json!({
        "name": operator.name,
        "role": Role::of(operator.role()).name(),
        "apps": if operator.limited { json!(operator.apps) } else { json!("all") },
        "created_at": iso(operator.created_at),
        "password_at": iso(operator.password_at),
    })
}

fn with_password(secret: &OperatorSecret) -> Value {
    json!({ "operator": { "name": secret.name, "password": secret.password } })
}
