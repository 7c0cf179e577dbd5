//! A push service of browsers, and browsers that decrypt what they get (RFC 8030, 8188, 8291, 8292), read from the receiver's side.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use natter_actor::Clock;
use parking_lot::Mutex;
use serde_json::Value;

use super::{Asked, Authority, Server, Told, unique};

/// The push service.
pub struct Postman {
    pub server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// By the path of the endpoint.
    browsers: BTreeMap<String, Subscribed>,
    pushed: Vec<BrowserPush>,
    origin: String,
}

struct Subscribed {
    key: PrivateKey,
    auth: [u8; 16],
    /// The key of the app that the subscription is bound to, base64url.
    app_key: String,
    is_gone: bool,
}

/// What a browser tells the server when it subscribes.
#[derive(Clone, Debug)]
pub struct Browser {
    pub endpoint: String,
    pub p256dh: String,
    pub auth: String,
    path: String,
}

/// What a browser was sent.
#[derive(Clone, Debug)]
pub struct BrowserPush {
    pub path: String,
    pub ttl: u32,
    pub urgency: String,
    pub topic: Option<String>,
    pub subject: String,
    /// What the service worker reads.
    pub payload: Value,
}

impl Postman {
    pub(super) async fn start(authority: &Authority, clock: Clock) -> Postman {
        let state = Arc::new(Mutex::new(State::default()));
        let ours = state.clone();
        let rules = move |asked: &Asked| match ours.lock().check(asked, clock.now_s()) {
            Ok(location) => Told::text(201, "").with("location", &location),
            Err((status, why)) => Told::text(status, why),
        };
        let server = Server::start(authority, rules).await;
        state.lock().origin = server.url();
        Postman { server, state }
    }

    /// A browser subscribes for the app with this key.
    pub fn subscribe(&self, app_key: &str) -> Browser {
        let key = PrivateKey::generate(&ECDH_P256).expect("a key can be made");
        let mut auth = [0; 16];
        getrandom::fill(&mut auth).expect("the system gives chance");
        let path = format!("/push/{}", unique());
        let p256dh = BASE64.encode(key.compute_public_key().expect("a key that was just made"));
        let browser =
            Browser { endpoint: format!("{}{path}", self.server.url()), p256dh, auth: BASE64.encode(auth), path: path.clone() };
        let subscribed = Subscribed { key, auth, app_key: app_key.to_owned(), is_gone: false };
        self.state.lock().browsers.insert(path, subscribed);
        browser
    }

    /// The user takes the permission back.
    pub fn remove(&self, browser: &Browser) {
        if let Some(known) = self.state.lock().browsers.get_mut(&browser.path) {
            known.is_gone = true;
        }
    }

    /// All that was taken, in order.
    pub fn pushed(&self) -> Vec<BrowserPush> {
        self.state.lock().pushed.clone()
    }
}

type Refusal = (u16, &'static str);

impl State {
    fn check(&mut self, asked: &Asked, now_s: i64) -> Result<String, Refusal> {
        let browser = self.browsers.get(&asked.path).filter(|_| asked.method == "POST").ok_or((404, "no such subscription"))?;
        let subject = proof(asked, browser, &self.origin, now_s)?;
        if browser.is_gone {
            return Err((410, "gone"));
        }
        let ttl = asked.header("ttl").and_then(|ttl| ttl.parse().ok()).ok_or((400, "no TTL"))?;
        let urgency = asked.header("urgency").unwrap_or("normal");
        if !matches!(urgency, "very-low" | "low" | "normal" | "high") {
            return Err((400, "urgency"));
        }
        let topic = asked.header("topic").map(str::to_owned);
        let fits =
            |topic: &String| topic.len() <= 32 && topic.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if !topic.as_ref().is_none_or(fits) {
            return Err((400, "topic"));
        }
        if asked.header("content-encoding") != Some("aes128gcm") {
            return Err((415, "content-encoding"));
        }
        if asked.body.len() > 4_096 {
            return Err((413, "too large"));
        }
        let plain = decrypt(browser, &asked.body).ok_or((400, "cannot be decrypted"))?;
        let payload = serde_json::from_slice(&plain).map_err(|_| (400, "no JSON"))?;
        let push = BrowserPush { path: asked.path.clone(), ttl, urgency: urgency.to_owned(), topic, subject, payload };
        self.pushed.push(push);
        Ok(format!("{}/message/{}", self.origin, unique()))
    }
}

// Who it comes from (RFC 8292, 2 to 4): its subject.
fn proof(asked: &Asked, browser: &Subscribed, origin: &str, now_s: i64) -> Result<String, Refusal> {
    let value = asked.header("authorization").and_then(|value| value.strip_prefix("vapid ")).ok_or((401, "no VAPID"))?;
    let field = |name: &str| value.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    let (token, key) = field("t").zip(field("k")).ok_or((401, "no t and k"))?;
    if key != browser.app_key {
        return Err((403, "bound to another key"));
    }
    let public = BASE64.decode(key).map_err(|_| (403, "no key"))?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.validate_exp = false;
    validation.set_audience(&[origin]);
    validation.set_required_spec_claims(&["aud"]);
    let decoded = decode::<Value>(token, &DecodingKey::from_ec_der(&public), &validation);
    let claims = decoded.map_err(|_| (403, "a bad signature or audience"))?.claims;
    let expires = claims["exp"].as_i64().ok_or((403, "no exp"))?;
    if expires <= now_s || expires > now_s + 24 * 60 * 60 {
        return Err((403, "exp"));
    }
    let subject = claims["sub"].as_str().unwrap_or_default();
    let reachable = subject.starts_with("mailto:") || subject.starts_with("https://");
    if reachable { Ok(subject.to_owned()) } else { Err((403, "sub")) }
}

fn decrypt(browser: &Subscribed, body: &[u8]) -> Option<Vec<u8>> {
    let (salt, rest) = body.split_at_checked(16)?;
    let (record, rest) = rest.split_first_chunk::<4>()?;
    let (&length, rest) = rest.split_first()?;
    let (sender, sealed) = rest.split_at_checked(usize::from(length))?;
    // One record, which is the last.
    if sealed.len() > u32::from_be_bytes(*record) as usize {
        return None;
    }
    let ours = browser.key.compute_public_key().ok()?;
    let shared =
        agreement::agree(&browser.key, UnparsedPublicKey::new(&ECDH_P256, sender), (), |bytes| Ok(bytes.to_vec())).ok()?;
    let info = [b"WebPush: info\0", ours.as_ref(), sender].concat();
    let secret = hkdf(&browser.auth, &shared, &info);
    let key = hkdf(salt, &secret, b"Content-Encoding: aes128gcm\0");
    let nonce = hkdf(salt, &secret, b"Content-Encoding: nonce\0");
    let opening = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key[..16]).ok()?);
    let nonce = Nonce::try_assume_unique_for_key(&nonce[..12]).ok()?;
    let mut sealed = sealed.to_vec();
    let plain = opening.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?;
    let end = plain.iter().rposition(|b| *b != 0)?;
    (plain[end] == 2).then(|| plain[..end].to_vec())
}

// RFC 5869, for at most 32 bytes.
fn hkdf(salt: &[u8], secret: &[u8], info: &[u8]) -> Vec<u8> {
    let mac = |key: &[u8], data: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref().to_vec();
    let extracted = mac(salt, secret);
    mac(&extracted, &[info, &[1]].concat())
}
