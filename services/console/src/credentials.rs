//! Routes about who apps are to the push providers. Secrets are taken and never shown.
//!
//! | route | what |
//! |---|---|
//! | `GET /admin/v1/apps/{app}/push/credentials` | what may be shown of them, the public key for Web Push among it |
//! | `PUT /admin/v1/apps/{app}/push/credentials/apns_token` `{key, key_id, team_id, topic?, environment?}` | Apple's key, a `.p8` file |
//! | `PUT .../apns_certificate` `{certificate, topic?, environment?}` | Apple's certificate with its key, PEM |
//! | `PUT .../fcm` `{service_account}` | Google's JSON file, as text |
//! | `PUT .../vapid` `{private_key, subject?}` | a pair for Web Push that browsers know already |
//! | `DELETE .../{kind}[?topic=T&environment=E]` | forgets them; in place of a pair for Web Push the app has another one |
//! | `GET /admin/v1/push` | the key that seals them, and what should be looked at, of all apps |

use actix_web::{HttpRequest, HttpResponse, web};
use natter_proto::push::v1::secret::Of;
use natter_proto::push::v1::{
    ApnsCertificateSecret, ApnsTokenSecret, Credential, DeleteCredentialRequest, Environment, FcmSecret, Kind,
    ListCredentialsRequest, LookRequest, PutCredentialRequest, Secret, VapidSecret,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::apps;
use crate::body::{Fields, Raw};
use crate::devices::environment_name;
use crate::error::Refusal;
use crate::service::{Door, iso};

/// Certificates that end so soon are told.
pub const SOON_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// How the kinds are called in a path.
pub const WORDS: &[&str] = &[KINDS[0].0, KINDS[1].0, KINDS[2].0, KINDS[3].0];

const KINDS: [(&str, Kind); 4] =
    [("apns_token", Kind::ApnsToken), ("apns_certificate", Kind::ApnsCertificate), ("fcm", Kind::Fcm), ("vapid", Kind::Vapid)];

/// Which of an app's are meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Meant {
    topic: Option<String>,
    environment: Option<String>,
}

/// See the table above.
pub async fn list(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = apps::find(&door, &path).await?.id;
    let credentials = all(&door, app).await?;
    Ok(HttpResponse::Ok().json(json!({ "credentials": credentials.iter().map(shown).collect::<Vec<_>>() })))
}

/// What may be shown of those of an app, by kind, topic and environment.
pub async fn all(door: &Door, app: u64) -> Result<Vec<Credential>, Refusal> {
    Ok(door.credentials().list(ListCredentialsRequest { app }).await?.into_inner().credentials)
}

/// See the table above.
pub async fn put(door: web::Data<Door>, path: web::Path<(String, String)>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let (app, kind) = path.into_inner();
    let (app, kind) = (apps::find(&door, &app).await?.id, kind_of(&kind)?);
    let mut fields = Fields::read(raw, door.body_bytes_max)?;
    let topic = fields.text("topic")?.unwrap_or_default();
    let environment = environment_of(fields.text("environment")?.as_deref())?;
    let of = secret(kind, |field| fields.text(field).map(Option::unwrap_or_default))?;
    fields.end()?;
    let credential = keep(&door, app, topic, environment, of).await?;
    Ok(HttpResponse::Ok().json(json!({ "credential": shown(&credential) })))
}

/// The secret of this kind, of what `text` has under the names of its fields.
pub fn secret(kind: Kind, mut text: impl FnMut(&str) -> Result<String, Refusal>) -> Result<Of, Refusal> {
    Ok(match kind {
        Kind::ApnsToken => {
            let (key_pem, key_id, team_id) = (text("key")?, text("key_id")?, text("team_id")?);
            Of::ApnsToken(ApnsTokenSecret { key_pem, key_id, team_id })
        }
        Kind::ApnsCertificate => Of::ApnsCertificate(ApnsCertificateSecret { pem: text("certificate")? }),
        Kind::Fcm => Of::Fcm(FcmSecret { service_account: text("service_account")? }),
        Kind::Vapid => Of::Vapid(VapidSecret { private_key: text("private_key")?, subject: text("subject")? }),
        Kind::Unspecified => return Err(Refusal::not_found("kind of credentials")),
    })
}

/// Keeps credentials of an app, if they can be used. What may be shown of them.
pub async fn keep(door: &Door, app: u64, topic: String, environment: Environment, of: Of) -> Result<Credential, Refusal> {
    let secret = Some(Secret { of: Some(of) });
    let request = PutCredentialRequest { app, topic, environment: environment.into(), secret };
    Ok(door.credentials().put(request).await?.into_inner())
}

/// See the table above.
pub async fn delete(
    door: web::Data<Door>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    let (app, kind) = path.into_inner();
    let (app, kind) = (apps::find(&door, &app).await?.id, kind_of(&kind)?.into());
    let meant = web::Query::<Meant>::from_query(request.query_string());
    let Meant { topic, environment } = meant.map_err(|error| Refusal::malformed("query", error.to_string()))?.into_inner();
    let environment = environment_of(environment.as_deref())?.into();
    forget(&door, DeleteCredentialRequest { app, kind, topic: topic.unwrap_or_default(), environment }).await?;
    Ok(HttpResponse::Ok().json(json!({})))
}

/// Forgets credentials.
pub async fn forget(door: &Door, request: DeleteCredentialRequest) -> Result<(), Refusal> {
    door.credentials().delete(request).await?;
    Ok(())
}

/// See the table above.
pub async fn look(door: web::Data<Door>) -> Result<HttpResponse, Refusal> {
    let found = door.credentials().look(LookRequest { ends_within_ms: SOON_MS }).await?.into_inner();
    let all = |credentials: &[Credential]| credentials.iter().map(with_app).collect::<Vec<_>>();
    Ok(HttpResponse::Ok().json(json!({ "push": {
        "key": text(&found.key),
        "problem": text(&found.problem),
        "sealed": found.sealed,
        "unusable": all(&found.unusable),
        "ending": all(&found.ending),
    }})))
}

/// The kind that a path names.
pub fn kind_of(word: &str) -> Result<Kind, Refusal> {
    let known = KINDS.iter().find(|(known, _)| *known == word);
    known.map(|(_, kind)| *kind).ok_or_else(|| Refusal::not_found("kind of credentials"))
}

/// As apps name it; nothing: both.
pub fn environment_of(word: Option<&str>) -> Result<Environment, Refusal> {
    match word {
        None | Some("") => Ok(Environment::Unspecified),
        Some("development") => Ok(Environment::Development),
        Some("production") => Ok(Environment::Production),
        Some(_) => Err(Refusal::malformed("environment", "is \"development\" or \"production\"")),
    }
}

/// As paths name it.
pub fn word_of(kind: Kind) -> &'static str {
    KINDS.iter().find(|(_, known)| *known == kind).map_or("", |(word, _)| word)
}

// What a kind does not have is left out.
fn shown(credential: &Credential) -> Value {
    let mut shown = json!({
        "kind": text(word_of(credential.kind())),
        "set_at": iso(credential.set_at),
        "fingerprint": credential.fingerprint,
        "problem": text(&credential.problem),
    });
    let environment = environment_name(credential.environment());
    for (name, value) in [
        ("topic", credential.topic.as_str()),
        ("environment", environment),
        ("key_id", &credential.key_id),
        ("team_id", &credential.team_id),
        ("project", &credential.project),
        ("email", &credential.email),
        ("subject", &credential.subject),
        ("public_key", &credential.public_key),
    ] {
        if !value.is_empty() {
            shown[name] = value.into();
        }
    }
    if credential.expires_at > 0 {
        shown["expires_at"] = iso(credential.expires_at).into();
    }
    shown
}

fn with_app(credential: &Credential) -> Value {
    let mut shown = shown(credential);
    shown["app"] = credential.app.into();
    shown
}

fn text(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
