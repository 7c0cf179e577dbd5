//! The page an app developer copies from: what each major version of the SDK is given to reach this server.

use actix_web::{HttpResponse, web};
use askama::Template;

use super::apps::{Shown, shown};
use super::frame::Frame;
use super::show;
use crate::error::Refusal;
use crate::service::Door;
use crate::{sdk, snippet};

#[derive(Template)]
#[template(path = "app_sdk.html")]
struct SdkPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    snippets: Vec<Snippet>,
    ca: String,
}

struct Snippet {
    id: &'static str,
    heading: &'static str,
    note: &'static str,
    code: String,
}

const REQUIRED: &str = "const ConnectyCube = require(\"connectycube\");";
const IMPORTED: &str = "import ConnectyCube from \"connectycube\";";

/// `GET /console/apps/{app}/sdk`.
pub async fn show_all(door: web::Data<Door>, frame: Frame, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let of = |plain| sdk::shown(&shown.app, &door.sdk, plain);
    let (signed, mut unsigned, mut plain) = (of(false), of(false), of(true));
    // Versions that do not sign are better off without the secret: whoever has the app has what stands in it.
    for config in [&mut unsigned, &mut plain] {
        if let Some(fields) = config["credentials"].as_object_mut() {
            fields.remove("authSecret");
        }
    }
    let snippet =
        |id, heading, note, before, config| Snippet { id, heading, note, code: format!("{before}\n\n{}", snippet::init(config)) };
    let snippets = vec![
        snippet("sdk-6", "4.x, 5.x and 6.x", "These versions do not sign, so the secret stays with you.", IMPORTED, &unsigned),
        snippet("sdk-3", "3.x", "Signs its sessions with the secret.", IMPORTED, &signed),
        snippet("sdk-2", "2.x", "Signs its sessions with the secret.", REQUIRED, &signed),
        snippet(
            "sdk-1",
            "1.x",
            "Callbacks instead of promises. In a browser it takes this address; on Node.js it finds chat on port 5222 only.",
            REQUIRED,
            &signed,
        ),
        snippet(
            "sdk-plain",
            "6.x on this machine, without TLS",
            "For a first try: no certificate to trust. It reaches this server from the machine it runs on only.",
            IMPORTED,
            &plain,
        ),
    ];
    let title = format!("SDK for {}", shown.name);
    show(&SdkPage { frame: frame.titled(title), tab: "sdk", shown, snippets, ca: door.sdk.ca_path.clone() })
}
