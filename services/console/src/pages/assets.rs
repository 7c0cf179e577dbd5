//! The files that pages load: style, script, icon. They are part of the binary; their names carry a hash of their content, so
//! that a browser may keep them for ever and still has the ones that belong to the page.

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
    content: &'static [u8],
}

pub static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("console", "css", "text/css; charset=utf-8", include_bytes!("../../assets/console.css")));
pub static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("console", "mjs", "text/javascript; charset=utf-8", include_bytes!("../../assets/console.mjs")));
pub static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_bytes!("../../assets/icon.svg")));

const FOLDER: &str = "/console/assets/";

impl Asset {
    fn new(name: &str, ending: &str, kind: &'static str, content: &'static [u8]) -> Asset {
        let hash: String = Sha256::digest(content)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Asset { path: format!("{FOLDER}{name}.{hash}.{ending}"), kind, content }
    }
}

/// The file of this very path. Anybody may have it: the page for signing in needs it too.
pub fn of(path: &str) -> Option<&'static Asset> {
    [&*STYLE, &*SCRIPT, &*ICON].into_iter().find(|asset| asset.path == path)
}

/// `GET /console/assets/{name}`.
pub async fn get(name: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let Asset { kind, content, path } = of(&format!("{FOLDER}{name}")).ok_or_else(|| Refusal::not_found("file"))?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"));
    Ok(answer.insert_header((ETAG, format!("{path:?}"))).content_type(*kind).body(*content))
}
