//! The address of this door as its client knows it, for answers that hold addresses (contract rest 6.1).

use actix_web::HttpRequest;

use crate::error::Refusal;

/// `https://api.example.test:8443`: the operator's setting, or where the request came in. Scheme and host are then the client's own
/// words, or those of a proxy in front; nobody but this client is told them.
pub(crate) fn of(request: &HttpRequest, setting: &str) -> Result<String, Refusal> {
    if !setting.is_empty() {
        return Ok(setting.trim_end_matches('/').to_owned());
    }
    let origin = request.connection_info();
    // The SDK's own parser breaks at an `@` (contract rest 6.1).
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
    if !matches!(origin.scheme(), "http" | "https") || !origin.host().bytes().all(is_host) {
        return Err(Refusal::list(400, "the request names no host"));
    }
    Ok(format!("{}://{}", origin.scheme(), origin.host()))
}
