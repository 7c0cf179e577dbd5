//! Apple as its documentation describes it ("Sending notification requests to APNs", "Establishing a token-based connection to
//! APNs", "Pushing background updates", "Responding to VoIP Notifications from PushKit").

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use natter_actor::Clock;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{Asked, Authority, Server, Told, pem, unique};

/// Apple, its sandbox beside it.
pub struct Apple {
    pub server: Server,
    pub sandbox: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    keys: BTreeMap<String, Key>,
    /// Token of each device.
    devices: BTreeMap<String, AppleDevice>,
    /// Bundles whose certificates are taken.
    certified: BTreeSet<String>,
    pushed: Vec<ApplePush>,
}

struct Key {
    team: String,
    public: Vec<u8>,
    topics: Vec<String>,
    /// The token in use on each connection, of the sandbox or not, and when it was first seen there. Apple counts on each connection:
    /// several processes with one key are well (jchambers/pushy, issue 682).
    used: BTreeMap<(bool, usize), (String, i64)>,
    tokens: BTreeSet<String>,
}

/// What an operator gets from Apple.
pub struct AppleKey {
    pub pem: String,
    pub key_id: String,
    pub team_id: String,
}

/// A device with the app on it.
#[derive(Clone)]
pub struct AppleDevice {
    pub token: String,
    /// The app's bundle, with `.voip` if it is a token of PushKit.
    pub topic: String,
    pub sandbox: bool,
    /// Unix milliseconds since which the app is gone.
    pub gone_at: Option<i64>,
}

/// What a device was sent.
#[derive(Clone, Debug)]
pub struct ApplePush {
    pub token: String,
    pub push_type: String,
    pub priority: String,
    pub topic: String,
    pub id: String,
    pub expiration: i64,
    pub collapse: Option<String>,
    pub payload: Value,
    pub certificate: bool,
}

impl Apple {
    pub(super) async fn start(authority: &Authority, clock: Clock) -> Apple {
        let state = Arc::new(Mutex::new(State::default()));
        let rules = |sandbox: bool| {
            let (state, clock) = (state.clone(), clock.clone());
            move |asked: &Asked| told(state.lock().check(asked, sandbox, clock.now_ms()))
        };
        let server = Server::start(authority, rules(false)).await;
        let sandbox = Server::start(authority, rules(true)).await;
        Apple { server, sandbox, state }
    }

    /// A key of a team that may push to these bundles.
    pub fn key(&self, bundles: &[&str]) -> AppleKey {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key can be made");
        let (key_id, team_id) = (unique()[..10].to_uppercase(), unique()[..10].to_uppercase());
        let topics = bundles.iter().flat_map(|bundle| [(*bundle).to_owned(), format!("{bundle}.voip")]).collect();
        let public = pair.public_key().as_ref().to_vec();
        let (used, tokens) = (BTreeMap::new(), BTreeSet::new());
        let key = Key { team: team_id.clone(), public, topics, used, tokens };
        self.state.lock().keys.insert(key_id.clone(), key);
        let der = pair.to_pkcs8v1().expect("a key that was just made");
        AppleKey { pem: pem("PRIVATE KEY", der.as_ref()), key_id, team_id }
    }

    /// A certificate for a bundle: PEM with its key.
    pub fn certificate(&self, authority: &Authority, bundle: &str) -> String {
        self.state.lock().certified.insert(bundle.to_owned());
        authority.client(bundle)
    }

    /// A device that is registered for `topic`.
    pub fn device(&self, topic: &str, sandbox: bool) -> AppleDevice {
        let token = (0..4).map(|_| unique()).collect::<String>();
        let device = AppleDevice { token, topic: topic.to_owned(), sandbox, gone_at: None };
        self.state.lock().devices.insert(device.token.clone(), device.clone());
        device
    }

    /// The user removes the app.
    pub fn remove(&self, device: &AppleDevice, at: i64) {
        if let Some(known) = self.state.lock().devices.get_mut(&device.token) {
            known.gone_at = Some(at);
        }
    }

    /// All that was taken, in order.
    pub fn pushed(&self) -> Vec<ApplePush> {
        self.state.lock().pushed.clone()
    }

    /// Tokens that were signed with a key, as far as they were shown here.
    pub fn tokens(&self, key: &AppleKey) -> usize {
        self.state.lock().keys[&key.key_id].tokens.len()
    }
}

type Refusal = (u16, &'static str, Option<i64>);

fn told(checked: Result<String, Refusal>) -> Told {
    match checked {
        Ok(id) => Told::text(200, "").with("apns-id", &id),
        Err((status, reason, None)) => Told::json(status, &json!({ "reason": reason })),
        Err((status, reason, Some(at))) => Told::json(status, &json!({ "reason": reason, "timestamp": at })),
    }
}

fn refuse<T>(status: u16, reason: &'static str) -> Result<T, Refusal> {
    Err((status, reason, None))
}

impl State {
    fn check(&mut self, asked: &Asked, sandbox: bool, now: i64) -> Result<String, Refusal> {
        if asked.method != "POST" {
            return refuse(405, "MethodNotAllowed");
        }
        let Some(token) = asked.path.strip_prefix("/3/device/") else { return refuse(404, "BadPath") };
        let allowed = self.proof(asked, sandbox, now)?;
        let Some(topic) = asked.header("apns-topic") else { return refuse(400, "MissingTopic") };
        if !allowed.iter().any(|known| known == topic) {
            return refuse(400, "TopicDisallowed");
        }
        let push = push(asked, token, topic)?;
        let is_token = token.len() == 64 && token.bytes().all(|b| b.is_ascii_hexdigit());
        let Some(device) = self.devices.get(token).filter(|device| is_token && device.sandbox == sandbox) else {
            return refuse(400, "BadDeviceToken");
        };
        if device.topic != topic {
            return refuse(400, "DeviceTokenNotForTopic");
        }
        if let Some(at) = device.gone_at {
            return Err((410, "Unregistered", Some(at)));
        }
        let id = push.id.clone();
        self.pushed.push(push);
        Ok(id)
    }

    // Which topics the proof is good for.
    fn proof(&mut self, asked: &Asked, sandbox: bool, now: i64) -> Result<Vec<String>, Refusal> {
        if let Some(certificate) = &asked.certificate {
            // The name in it stands there as it is; who signed it was seen in the handshake.
            let holds = |bundle: &&String| certificate.windows(bundle.len()).any(|part| part == bundle.as_bytes());
            let Some(bundle) = self.certified.iter().find(holds) else { return refuse(403, "BadCertificate") };
            return Ok(vec![bundle.clone(), format!("{bundle}.voip")]);
        }
        let Some(token) = asked.header("authorization").and_then(|value| value.strip_prefix("bearer ")) else {
            return refuse(403, "MissingProviderToken");
        };
        let kid = decode_header(token).ok().filter(|header| header.alg == Algorithm::ES256).and_then(|header| header.kid);
        let Some(key) = kid.and_then(|kid| self.keys.get_mut(&kid)) else { return refuse(403, "InvalidProviderToken") };
        let mut validation = Validation::new(Algorithm::ES256);
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let Ok(claims) = decode::<Value>(token, &DecodingKey::from_ec_der(&key.public), &validation) else {
            return refuse(403, "InvalidProviderToken");
        };
        let (issuer, issued) = (claims.claims["iss"].as_str(), claims.claims["iat"].as_i64());
        let Some(issued) = issued.filter(|_| issuer == Some(&key.team)) else { return refuse(403, "InvalidProviderToken") };
        if !(now / 1_000 - 3_600..=now / 1_000 + 60).contains(&issued) {
            return refuse(403, "ExpiredProviderToken");
        }
        let place = (sandbox, asked.connection);
        match key.used.get(&place) {
            Some((known, _)) if known == token => {}
            Some((_, since)) if now - since < 20 * 60 * 1_000 => return refuse(429, "TooManyProviderTokenUpdates"),
            _ => {
                key.used.insert(place, (token.to_owned(), now));
                key.tokens.insert(token.to_owned());
            }
        }
        Ok(key.topics.clone())
    }
}

fn push(asked: &Asked, token: &str, topic: &str) -> Result<ApplePush, Refusal> {
    let push_type = asked.header("apns-push-type").unwrap_or_default();
    let limit = if push_type == "voip" { 5_120 } else { 4_096 };
    if asked.body.len() > limit {
        return refuse(413, "PayloadTooLarge");
    }
    let Ok(payload) = serde_json::from_slice::<Value>(&asked.body) else { return refuse(400, "PayloadEmpty") };
    let Some(aps) = payload["aps"].as_object() else { return refuse(400, "PayloadEmpty") };
    let priority = asked.header("apns-priority").unwrap_or_default();
    let shows = ["alert", "badge", "sound"].iter().any(|name| aps.contains_key(*name));
    match push_type {
        "alert" if shows && !topic.ends_with(".voip") && matches!(priority, "5" | "10") => {}
        "background" if !shows && aps.get("content-available") == Some(&json!(1)) => {
            if priority != "5" {
                return refuse(400, "BadPriority");
            }
        }
        "voip" if topic.ends_with(".voip") && priority == "10" => {}
        _ => return refuse(400, "InvalidPushType"),
    }
    let collapse = asked.header("apns-collapse-id").map(str::to_owned);
    if collapse.as_ref().is_some_and(|collapse| collapse.len() > 64) {
        return refuse(400, "BadCollapseId");
    }
    let Some(expiration) = asked.header("apns-expiration").and_then(|value| value.parse().ok()) else {
        return refuse(400, "BadExpirationDate");
    };
    let id = asked.header("apns-id").unwrap_or_default();
    let parts: Vec<_> = id.split('-').map(str::len).collect();
    if parts != [8, 4, 4, 4, 12] {
        return refuse(400, "BadMessageId");
    }
    Ok(ApplePush {
        token: token.to_owned(),
        push_type: push_type.to_owned(),
        priority: priority.to_owned(),
        topic: topic.to_owned(),
        id: id.to_owned(),
        expiration,
        collapse,
        payload,
        certificate: asked.certificate.is_some(),
    })
}
