//! Google as its documentation describes it: access tokens for service accounts (RFC 7523), and the schema of FCM's messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use natter_actor::Clock;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::{Asked, Authority, Server, Told, pem, unique};

/// Google: FCM, and the house that gives out access tokens.
pub struct Google {
    pub server: Server,
    pub tokens: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// By the id of the key.
    accounts: BTreeMap<String, Account>,
    /// Access tokens: project, and Unix milliseconds until which they are good.
    tokens: BTreeMap<String, (String, i64)>,
    /// Token of each device, and the project that it belongs to. `None`: the app is gone.
    devices: BTreeMap<String, Option<String>>,
    pushed: Vec<GooglePush>,
    token_life_s: i64,
}

struct Account {
    email: String,
    project: String,
    /// PKCS#1.
    public: Vec<u8>,
}

/// What an operator gets from Google: the JSON file.
pub struct GoogleAccount {
    pub json: String,
    pub project: String,
}

/// What a device was sent.
#[derive(Clone, Debug)]
pub struct GooglePush {
    pub token: String,
    pub message: Value,
}

const AUDIENCE: &str = "https://oauth2.example.test/token";
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";

impl Google {
    pub(super) async fn start(authority: &Authority, clock: Clock) -> Google {
        let state = Arc::new(Mutex::new(State { token_life_s: 3_600, ..State::default() }));
        let (fcm, house, now) = (state.clone(), state.clone(), clock.clone());
        let server = Server::start(authority, move |asked| fcm.lock().send(asked, now.now_ms())).await;
        let tokens = Server::start(authority, move |asked| house.lock().exchange(asked, clock.now_ms())).await;
        Google { server, tokens, state }
    }

    /// A service account of a project.
    pub fn account(&self, project: &str) -> GoogleAccount {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key can be made");
        let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).expect("a key that was just made");
        let (key_id, email) = (unique(), format!("push@{project}.iam.gserviceaccount.com"));
        let public = pair.public_key().as_ref().to_vec();
        let account = Account { email: email.clone(), project: project.to_owned(), public };
        self.state.lock().accounts.insert(key_id.clone(), account);
        let json = json!({
            "type": "service_account", "project_id": project, "private_key_id": key_id,
            "private_key": pem("PRIVATE KEY", der.as_ref()), "client_email": email, "token_uri": AUDIENCE,
        });
        GoogleAccount { json: json.to_string(), project: project.to_owned() }
    }

    /// A device with the app of a project.
    pub fn device(&self, project: &str) -> String {
        let token = format!("{}:APA91b{}{}", unique(), unique(), unique());
        self.state.lock().devices.insert(token.clone(), Some(project.to_owned()));
        token
    }

    /// The user removes the app.
    pub fn remove(&self, token: &str) {
        self.state.lock().devices.insert(token.to_owned(), None);
    }

    /// Access tokens that are given out from here on live so long.
    pub fn set_token_life(&self, seconds: i64) {
        self.state.lock().token_life_s = seconds;
    }

    /// No access token is good any more.
    pub fn revoke(&self) {
        self.state.lock().tokens.clear();
    }

    /// All that was taken, in order.
    pub fn pushed(&self) -> Vec<GooglePush> {
        self.state.lock().pushed.clone()
    }
}

impl State {
    fn exchange(&mut self, asked: &Asked, now: i64) -> Told {
        match self.granted(asked, now / 1_000) {
            Ok(project) => {
                let token = format!("ya29.{}{}", unique(), unique());
                self.tokens.insert(token.clone(), (project, now + self.token_life_s * 1_000));
                Told::json(200, &json!({"access_token": token, "expires_in": self.token_life_s, "token_type": "Bearer"}))
            }
            Err(why) => Told::json(400, &json!({"error": "invalid_grant", "error_description": why})),
        }
    }

    fn granted(&self, asked: &Asked, now_s: i64) -> Result<String, &'static str> {
        if asked.header("content-type") != Some("application/x-www-form-urlencoded") {
            return Err("not a form");
        }
        let form = String::from_utf8_lossy(&asked.body).into_owned();
        let field = |name: &str| form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        if field("grant_type") != Some("urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer") {
            return Err("another grant");
        }
        let assertion = field("assertion").ok_or("no assertion")?;
        let header = decode_header(assertion).map_err(|_| "no JWT")?;
        let account = header.kid.and_then(|kid| self.accounts.get(&kid)).ok_or("an unknown key")?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["aud"]);
        let decoded = decode::<Value>(assertion, &DecodingKey::from_rsa_der(&account.public), &validation);
        let claims = decoded.map_err(|_| "a bad signature or audience")?.claims;
        let (issued, expires) = claims["iat"].as_i64().zip(claims["exp"].as_i64()).ok_or("no times")?;
        let in_time = (now_s - 300..=now_s + 60).contains(&issued) && expires > now_s && expires - issued <= 3_600;
        let is_ours = claims["iss"] == account.email.as_str() && claims["scope"] == SCOPE;
        if in_time && is_ours { Ok(account.project.clone()) } else { Err("claims that are not taken") }
    }

    fn send(&mut self, asked: &Asked, now: i64) -> Told {
        let token = asked.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let Some((project, until)) = token.and_then(|token| self.tokens.get(token)) else {
            return error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", &json!([]));
        };
        if *until <= now {
            return error(401, "UNAUTHENTICATED", "The token is over.", &json!([]));
        }
        if asked.method != "POST" || asked.path != format!("/v1/projects/{project}/messages:send") {
            return error(403, "PERMISSION_DENIED", "Permission denied on the project.", &json!([]));
        }
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        if let Err(field) = schema(&body) {
            let violation =
                json!([{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": field}]}]);
            return error(400, "INVALID_ARGUMENT", &format!("Invalid value at {field}"), &violation);
        }
        let message = &body["message"];
        let device = message["token"].as_str().unwrap_or_default();
        match self.devices.get(device) {
            None => error(
                400,
                "INVALID_ARGUMENT",
                "The registration token is not a valid FCM registration token",
                &json!([fcm("INVALID_ARGUMENT")]),
            ),
            Some(None) => error(404, "NOT_FOUND", "Requested entity was not found.", &json!([fcm("UNREGISTERED")])),
            Some(Some(owner)) if owner != project => {
                error(403, "PERMISSION_DENIED", "SenderId mismatch", &json!([fcm("SENDER_ID_MISMATCH")]))
            }
            Some(Some(_)) => {
                self.pushed.push(GooglePush { token: device.to_owned(), message: message.clone() });
                Told::json(200, &json!({"name": format!("projects/{project}/messages/{}", unique())}))
            }
        }
    }
}

fn fcm(code: &str) -> Value {
    json!({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code})
}

fn error(status: u16, name: &str, message: &str, details: &Value) -> Told {
    Told::json(status, &json!({"error": {"code": status, "message": message, "status": name, "details": details}}))
}

// The first field that does not fit (REST Resource: projects.messages).
fn schema(body: &Value) -> Result<(), String> {
    let root = object(body, "", &["message", "validate_only"])?;
    let message = object(&root["message"], "message", &["token", "data", "notification", "android"])?;
    text(message, "message", "token")?;
    let data = message.get("data").and_then(Value::as_object).ok_or("message.data")?;
    for (name, value) in data {
        let reserved = matches!(name.as_str(), "from" | "message_type" | "notification" | "");
        if reserved || name.starts_with("google") || name.starts_with("gcm") || !value.is_string() {
            return Err(format!("message.data[{name}]"));
        }
    }
    let bytes: usize = data.iter().map(|(name, value)| name.len() + value.as_str().map_or(0, str::len)).sum();
    let android = object(&message["android"], "android", &["collapse_key", "priority", "ttl", "notification"])?;
    let ttl = text(android, "android", "ttl")?.strip_suffix('s').and_then(|ttl| ttl.parse::<u32>().ok());
    if ttl.is_none_or(|ttl| ttl > 2_419_200) {
        return Err("message.android.ttl".into());
    }
    if !matches!(text(android, "android", "priority")?, "HIGH" | "NORMAL") {
        return Err("message.android.priority".into());
    }
    let mut shown = 0;
    if let Some(notification) = message.get("notification") {
        let fields = object(notification, "notification", &["title", "body", "image"])?;
        shown += fields.values().filter_map(Value::as_str).map(str::len).sum::<usize>();
    }
    if let Some(notification) = android.get("notification") {
        let known = ["icon", "color", "sound", "tag", "click_action", "channel_id", "ticker", "image", "title_loc_key"];
        let more = ["body_loc_key", "visibility", "notification_count", "title", "body"];
        let known: Vec<&str> = known.into_iter().chain(more).collect();
        let fields = object(notification, "android.notification", &known)?;
        shown += fields.values().filter_map(Value::as_str).map(str::len).sum::<usize>();
    }
    if bytes + shown > 4_096 { Err("message: too big".into()) } else { Ok(()) }
}

fn object<'a>(value: &'a Value, path: &str, known: &[&str]) -> Result<&'a Map<String, Value>, String> {
    let object = value.as_object().ok_or_else(|| path.to_owned())?;
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("{path}.{name}")),
        None => Ok(object),
    }
}

fn text<'a>(object: &'a Map<String, Value>, path: &str, name: &str) -> Result<&'a str, String> {
    object.get(name).and_then(Value::as_str).ok_or_else(|| format!("{path}.{name}"))
}
