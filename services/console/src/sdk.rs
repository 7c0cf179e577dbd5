//! What an app hands to `ConnectyCube.init` to reach this installation (contract rest 1.1).

use actix_web::{HttpResponse, web};
use natter_proto::account::v1::App;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::apps;
use crate::error::Refusal;
use crate::service::Door;

/// Where the doors are, as a client sees them.
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
    /// File of the CA that signed the certificate.
    pub ca_path: String,
}

/// Query of the route.
#[derive(Deserialize)]
pub struct Query {
    plain: Option<String>,
}

/// `GET /admin/v1/apps/{app}/sdk-config[?plain=1]`.
pub async fn config(door: web::Data<Door>, path: web::Path<String>, query: web::Query<Query>) -> Result<HttpResponse, Refusal> {
    let app = apps::find(&door, &path).await?;
    let plain = matches!(query.plain.as_deref(), Some("1" | "true"));
    Ok(HttpResponse::Ok().json(shown(&app, &door.sdk, plain)))
}

fn shown(app: &App, facts: &SdkFacts, plain: bool) -> Value {
    let mut endpoints = json!({ "api": facts.api_host, "chat": facts.chat_host });
    let mut websocket = &facts.websocket;
    if plain {
        endpoints["api_url"] = json!(facts.api_url_plain);
        endpoints["chat_url"] = json!(facts.chat_url_plain);
        websocket = &facts.chat_url_plain;
    }
    json!({
        "credentials": { "appId": app.id, "authKey": app.auth_key, "authSecret": app.auth_secret },
        "config": {
            "endpoints": endpoints,
            // 2 is WebSocket; the SDK takes this address before the one it makes of `endpoints.chat`.
            "chatProtocol": { "active": 2, "websocket": websocket },
        },
        "ca": facts.ca_path,
    })
}
