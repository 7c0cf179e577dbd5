//! The files that pages load: style, script, icon. They are part of the binary; their names carry a hash of their content, so
//! that a browser may keep them for ever and still has the ones that belong to the page. A script that imports others by their names
//! here (`./xml.mjs`) is served with those names in their place.

use std::borrow::Cow;
use std::sync::LazyLock;

use actix_web::http::header::{CACHE_CONTROL, ETAG};
use actix_web::{HttpResponse, web};
use sha2::{Digest, Sha256};

use crate::error::Refusal;

/// One of the files.
pub struct Asset {
    /// Its path at this door.
    pub path: String,
    kind: &'static str,
    content: Cow<'static, [u8]>,
}

const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

pub static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("console", "css", CSS, include_bytes!("../../assets/console.css")));
pub static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("console", "mjs", JAVASCRIPT, include_bytes!("../../assets/console.mjs")));
pub static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_bytes!("../../assets/icon.svg")));

// The page "Try it".
pub static TRY_STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("try", "css", CSS, include_bytes!("../../assets/try/try.css")));
pub static TRY_SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::script("try", include_str!("../../assets/try/try.mjs"), &[("chat", &TRY_CHAT), ("pane", &TRY_PANE)]));
static TRY_PANE: LazyLock<Asset> = LazyLock::new(|| Asset::script("pane", include_str!("../../assets/try/pane.mjs"), &[]));
static TRY_CHAT: LazyLock<Asset> = LazyLock::new(|| {
    let imported: [(&str, &Asset); 3] = [("stream", &TRY_STREAM), ("talk", &TRY_TALK), ("xml", &TRY_XML)];
    Asset::script("chat", include_str!("../../assets/try/chat.mjs"), &imported)
});
static TRY_STREAM: LazyLock<Asset> =
    LazyLock::new(|| Asset::script("stream", include_str!("../../assets/try/stream.mjs"), &[("xml", &TRY_XML)]));
static TRY_TALK: LazyLock<Asset> = LazyLock::new(|| Asset::script("talk", include_str!("../../assets/try/talk.mjs"), &[]));
static TRY_XML: LazyLock<Asset> = LazyLock::new(|| Asset::script("xml", include_str!("../../assets/try/xml.mjs"), &[]));

const FOLDER: &str = "/console/assets/";

impl Asset {
    fn new(name: &str, ending: &str, kind: &'static str, content: impl Into<Cow<'static, [u8]>>) -> Asset {
        let content = content.into();
        let hash: String = Sha256::digest(&content)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Asset { path: format!("{FOLDER}{name}.{hash}.{ending}"), kind, content }
    }

    fn script(name: &str, text: &str, imported: &[(&str, &Asset)]) -> Asset {
        let named =
            |text: String, (name, asset): &(&str, &Asset)| text.replace(&format!("'./{name}.mjs'"), &format!("'{}'", asset.path));
        let text = imported.iter().fold(text.to_owned(), named);
        Asset::new(name, "mjs", JAVASCRIPT, text.into_bytes())
    }
}

/// The file of this very path. Anybody may have it: the page for signing in needs it too.
pub fn of(path: &str) -> Option<&'static Asset> {
    let of_try = [&*TRY_STYLE, &*TRY_SCRIPT, &*TRY_PANE, &*TRY_CHAT, &*TRY_STREAM, &*TRY_TALK, &*TRY_XML];
    [&*STYLE, &*SCRIPT, &*ICON].into_iter().chain(of_try).find(|asset| asset.path == path)
}

/// `GET /console/assets/{name}`.
pub async fn get(name: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let Asset { kind, content, path } = of(&format!("{FOLDER}{name}")).ok_or_else(|| Refusal::not_found("file"))?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"));
    Ok(answer.insert_header((ETAG, format!("{path:?}"))).content_type(*kind).body(content.as_ref()))
}
