//! What an app hands to `ConnectyCube.init` to reach this installation (contract rest 1.1).

use actix_web::{HttpResponse, web};
use natter_proto::account::v1::App;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::apps;
use crate::error::Refusal;
use crate::service::Door;

/// Where the doors are, as a client sees them who comes by the installation's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SdkFacts {
    /// `endpoints.api`: host and port, without a scheme (the SDK puts `https://` before it).
    pub api_host: String,
    /// `endpoints.chat`: the host alone, the SDK makes JIDs of it.
    pub chat_host: String,
    /// `wss://...`.
    pub websocket: String,
    /// `http://...`: only 6.x takes it.
    pub api_url_plain: String,
    /// `ws://...`.
    pub chat_url_plain: String,
    /// File of the CA that signed the certificate. Empty: of a public authority, or one that clients know otherwise.
    pub ca_path: String,
}

/// Query of the route.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    plain: Option<String>,
}

/// `GET /admin/v1/apps/{app}/sdk-config[?plain=1]`.
pub async fn config(door: web::Data<Door>, path: web::Path<String>, query: web::Query<Query>) -> Result<HttpResponse, Refusal> {
    let app = apps::find(&door, &path).await?;
    let plain = matches!(query.plain.as_deref(), Some("1" | "true"));
    Ok(HttpResponse::Ok().json(shown(&app, &door.sdk, plain)))
}

/// What an app hands to `init`: `credentials`, `config`, and the file of the CA that has to be trusted, or null. `plain`: on this machine, without TLS (6.x).
pub fn shown(app: &App, facts: &SdkFacts, plain: bool) -> Value {
    // The plain addresses are on this machine, where no app has a name of its own.
    let own = if plain { &App::default() } else { app };
    let api = renamed(&facts.api_host, &facts.chat_host, &own.api_host);
    let chat = renamed(&facts.chat_host, &facts.chat_host, &own.chat_host);
    let mut websocket = &renamed(&facts.websocket, &facts.chat_host, &own.chat_host);
    let mut endpoints = json!({ "api": api, "chat": chat });
    if plain {
        endpoints["api_url"] = json!(facts.api_url_plain);
        endpoints["chat_url"] = json!(facts.chat_url_plain);
        websocket = &facts.chat_url_plain;
    }
    let ca = Some(&facts.ca_path).filter(|path| !path.is_empty());
    json!({
        "credentials": { "appId": app.id, "authKey": app.auth_key, "authSecret": app.auth_secret },
        "config": {
            "endpoints": endpoints,
            // 2 is WebSocket; the SDK takes this address before the one it makes of `endpoints.chat`.
            "chatProtocol": { "active": 2, "websocket": websocket },
        },
        "ca": ca,
    })
}

// An address of ours by an app's own name, if it has one.
fn renamed(address: &str, ours: &str, own: &str) -> String {
    if own.is_empty() {
        return address.to_owned();
    }
    let (scheme, rest) = address.split_at(address.find("://").map_or(0, |at| at + 3));
    let port = rest.strip_prefix(ours).unwrap_or_default();
    format!("{scheme}{own}{port}")
}
