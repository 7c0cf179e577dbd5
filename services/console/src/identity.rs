//! Routes about an app's identity settings: how its users prove who they are besides a password. Secrets are taken and never shown.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use natter_proto::AppId;
use natter_proto::account::v1::{
    App, CustomProvider, FacebookProvider, FirebaseProvider, Header, Identity, JwtProvider, ResetMail, SetIdentityRequest,
    TwitterProvider,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::apps;
use crate::body::Raw;
use crate::error::Refusal;
use crate::service::Door;

/// What stands for a secret that is kept; the account service takes it back for that one.
pub const MASK: &str = "********";

/// The settings as JSON. What is absent is off.
#[derive(Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    guests: bool,
    create_unknown: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom: Option<Custom>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwt: Option<Jwt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facebook: Option<Facebook>,
    #[serde(skip_serializing_if = "Option::is_none")]
    twitter: Option<Twitter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    firebase: Option<Firebase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_mail: Option<Mail>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Custom {
    url: String,
    /// JSON, or JSON as text.
    request: Value,
    response: Value,
    headers: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Jwt {
    jwks_url: String,
    hs256_secret: String,
    issuer: String,
    audience: String,
    uid_claim: String,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Facebook {
    app_id: String,
    app_secret: String,
    endpoint: String,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Twitter {
    consumer_key: String,
    consumer_secret: String,
    endpoint: String,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Firebase {
    project_ids: Vec<String>,
    jwks_url: String,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    subject: String,
    text: String,
}

/// `GET /admin/v1/apps/{app}/identity`.
pub async fn get(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let app = apps::find(&door, &path).await?;
    Ok(HttpResponse::Ok().json(shown(app.identity)))
}

/// `PUT /admin/v1/apps/{app}/identity`: these settings and no others. A masked secret stays as it is.
pub async fn put(door: web::Data<Door>, path: web::Path<String>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let app = apps::parse(&path)?;
    let bytes = raw.map_err(|_| Refusal::too_large(door.body_bytes_max))?;
    let settings: Settings = serde_json::from_slice(&bytes).map_err(|error| unread(&error))?;
    let app = set(&door, app, settings.into()).await?;
    Ok(HttpResponse::Ok().json(shown(app.identity)))
}

/// Sets how the users of an app prove who they are.
pub async fn set(door: &Door, app: AppId, identity: Identity) -> Result<App, Refusal> {
    let request = SetIdentityRequest { app: app.0, identity: Some(identity) };
    Ok(door.accounts().set_identity(request).await?.into_inner())
}

// The parser repeats values, and one of them may be a secret: only names of fields are passed on.
fn unread(error: &serde_json::Error) -> Refusal {
    let text = error.to_string();
    match text.starts_with("unknown field") {
        true => Refusal::malformed("", text),
        false => {
            let (line, column) = (error.line(), error.column());
            Refusal::malformed("", format!("the body cannot be read at line {line}, column {column}"))
        }
    }
}

fn shown(identity: Option<Identity>) -> Value {
    json!({ "identity": Settings::from(identity.unwrap_or_default()) })
}

fn masked(secret: String) -> String {
    if secret.is_empty() { secret } else { MASK.to_owned() }
}

// A template comes as JSON or as its text, and is kept as text.
fn template(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        json => json.to_string(),
    }
}

impl From<Settings> for Identity {
    fn from(settings: Settings) -> Identity {
        let Settings { guests, create_unknown, custom, jwt, facebook, twitter, firebase, reset_mail } = settings;
        Identity {
            guests,
            create_unknown,
            custom: custom.map(|Custom { url, request, response, headers }| CustomProvider {
                url,
                request: template(request),
                response: template(response),
                headers: headers.into_iter().map(|(name, value)| Header { name, value }).collect(),
            }),
            jwt: jwt.map(|Jwt { jwks_url, hs256_secret, issuer, audience, uid_claim }| JwtProvider {
                jwks_url,
                hs256_secret,
                issuer,
                audience,
                uid_claim,
            }),
            facebook: facebook.map(|Facebook { app_id, app_secret, endpoint }| FacebookProvider { app_id, app_secret, endpoint }),
            twitter: twitter.map(|Twitter { consumer_key, consumer_secret, endpoint }| TwitterProvider {
                consumer_key,
                consumer_secret,
                endpoint,
            }),
            firebase: firebase.map(|Firebase { project_ids, jwks_url }| FirebaseProvider { project_ids, jwks_url }),
            reset_mail: reset_mail.map(|Mail { subject, text }| ResetMail { subject, text }),
        }
    }
}

impl From<Identity> for Settings {
    fn from(identity: Identity) -> Settings {
        Settings::with_secrets(identity, masked)
    }
}

impl Settings {
    /// The settings with each secret as the rule says.
    pub fn with_secrets(identity: Identity, secret: fn(String) -> String) -> Settings {
        let Identity { guests, create_unknown, custom, jwt, facebook, twitter, firebase, reset_mail } = identity;
        let json = |text: String| serde_json::from_str(&text).unwrap_or(Value::String(text));
        Settings {
            guests,
            create_unknown,
            custom: custom.map(|CustomProvider { url, request, response, headers }| Custom {
                url,
                request: json(request),
                response: json(response),
                headers: headers.into_iter().map(|Header { name, value }| (name, secret(value))).collect(),
            }),
            jwt: jwt.map(|JwtProvider { jwks_url, hs256_secret, issuer, audience, uid_claim }| Jwt {
                jwks_url,
                hs256_secret: secret(hs256_secret),
                issuer,
                audience,
                uid_claim,
            }),
            facebook: facebook.map(|FacebookProvider { app_id, app_secret, endpoint }| Facebook {
                app_id,
                app_secret: secret(app_secret),
                endpoint,
            }),
            twitter: twitter.map(|TwitterProvider { consumer_key, consumer_secret, endpoint }| Twitter {
                consumer_key,
                consumer_secret: secret(consumer_secret),
                endpoint,
            }),
            firebase: firebase.map(|FirebaseProvider { project_ids, jwks_url }| Firebase { project_ids, jwks_url }),
            reset_mail: reset_mail.map(|ResetMail { subject, text }| Mail { subject, text }),
        }
    }
}
