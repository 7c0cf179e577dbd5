//! A release of the chart in mode cluster, its servers outside of the pods, its doors on this machine's loopback, and an app in it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use natter_servers::{S3, Servers};
use natter_tests::client::{Account, http};
use natter_tests::proxy::Proxy;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use reqwest::Method;
use serde_json::{Value, json};

use crate::kube::Kube;

/// How it is called; its objects are called `chat-natter-...`.
pub const NAME: &str = "chat";
pub const PREFIX: &str = "chat-natter";
pub const CHART: &str = "helm/natter";
/// Under which clients reach it. The lean client and the SDK find both on this machine.
const CHAT: &str = "localhost";
const API: &str = "api.natter.test";
pub const PASSWORD: &str = "correct horse";
/// What is asked of a door at a time.
const AT_ONCE: usize = 8;

/// Workloads, and the pods that each has.
pub const ROLES: [(&str, usize); 8] =
    [("edge", 3), ("dialog", 3), ("presence", 2), ("account", 2), ("storage", 2), ("push", 2), ("api", 2), ("console", 1)];

/// Where this run keeps what it writes, and what it runs.
pub struct Place {
    pub folder: PathBuf,
    pub target: PathBuf,
    pub binary: PathBuf,
    /// Repository and tag.
    pub image: (String, String),
    /// The folder of the cluster, if it is one of our own on this machine.
    pub node: Option<PathBuf>,
}

impl Place {
    pub fn of_environment() -> Result<Place> {
        let path = |name: &str| std::env::var_os(name).map(PathBuf::from).with_context(|| format!("{name}: `cargo xtask k8s`"));
        let target = path("NATTER_TARGET")?;
        let folder = target.join("tmp/k8s");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let image = std::env::var("NATTER_K8S_IMAGE").context("NATTER_K8S_IMAGE: `cargo xtask k8s`")?;
        let (repository, tag) = image.rsplit_once(':').context("an image has a tag")?;
        let image = (repository.to_owned(), tag.to_owned());
        std::env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))?;
        Ok(Place { folder, target, binary: path("NATTER_BINARY")?, image, node: path("NATTER_K8S_NODE").ok() })
    }

    /// What every release here has in common. The requests of the chart are for machines of their own.
    pub fn values(&self) -> Value {
        let small = json!({"requests": {"cpu": "10m", "memory": "32Mi"}});
        let roles = ROLES.map(|(role, count)| {
            let autoscaling = json!({"enabled": false});
            (role.to_owned(), json!({"resources": small, "replicas": count, "autoscaling": autoscaling}))
        });
        json!({
            "image": {"repository": self.image.0, "tag": self.image.1, "pullPolicy": "IfNotPresent"},
            "roles": roles.into_iter().collect::<serde_json::Map<_, _>>(),
            "all": {"pod": {"resources": small}},
            "migration": {"resources": small},
        })
    }

    /// Writes values to a file that `helm` reads.
    pub fn write(&self, name: &str, values: &Value) -> Result<String> {
        let path = self.folder.join(name);
        std::fs::write(&path, serde_json::to_string_pretty(values)?)?;
        Ok(path.display().to_string())
    }
}

/// The release, its servers and its doors.
pub struct Release {
    pub kube: Kube,
    pub values: String,
    pub servers: Servers,
    pub app: u64,
    pub ca: PathBuf,
    /// Chat over WebSocket with TLS, at the Service.
    pub chat: SocketAddr,
    /// What a client of the app is given.
    pub config: Value,
    token: String,
    http: reqwest::Client,
    _doors: Vec<Proxy>,
}

impl Release {
    /// Starts the servers, installs, and makes an app. What `helm install` took, and `helm test`.
    pub async fn install(place: &Place, kube: Kube) -> Result<(Release, [f64; 2])> {
        let (target, folder) = (place.target.clone(), place.folder.join("servers"));
        let servers = tokio::task::spawn_blocking(move || Servers::start(&target, &folder, 1)).await??;
        let secrets = place.folder.join("secrets");
        make_secrets(place, &kube, &secrets).await?;
        let mut values = place.values();
        for (key, value) in cluster(&servers).as_object().context("an object")? {
            values[key] = value.clone();
        }
        let values = place.write("cluster.json", &values)?;
        let installed = kube.helm_does(&["install", NAME, CHART, "-f", &values, "--wait", "--timeout", "300s"]).await?;
        let tested = kube.helm_does(&["test", NAME, "--timeout", "60s"]).await?;
        let mut release = Release::at(kube, values, servers, &secrets).await?;
        release.app = release.admin("apps", json!({"title": "Chat"})).await?["app"]["id"].as_u64().context("an id")?;
        let path = format!("apps/{}/sdk-config", release.app);
        release.config = release.ask(Method::GET, &format!("{ADMIN}/{path}"), None, None).await?;
        release.config["ca"] = json!(release.ca);
        Ok((release, [installed.took.as_secs_f64(), tested.took.as_secs_f64()]))
    }

    async fn at(kube: Kube, values: String, servers: Servers, secrets: &Path) -> Result<Release> {
        let mut doors = Vec::new();
        for (service, at, to) in [("edge", 5291, 5291), ("api", 443, 443), ("api", 8080, 8080), ("console", 8090, 8090)] {
            let address = address(&kube, service, to).await?;
            doors.push(Proxy::start_between((Ipv4Addr::LOCALHOST, at).into(), address).await?);
        }
        Ok(Release {
            chat: address(&kube, "edge", 5291).await?,
            ca: secrets.join("tls/ca.pem"),
            token: std::fs::read_to_string(secrets.join("admin.token"))?.trim().to_owned(),
            http: http()?,
            app: 0,
            config: Value::Null,
            kube,
            values,
            servers,
            _doors: doors,
        })
    }

    /// Makes users of the app.
    pub async fn users(&self, logins: &[String]) -> Result<Vec<Account>> {
        let mut users = Vec::new();
        for some in logins.chunks(AT_ONCE) {
            let user = async |login: &String| {
                let made = self.admin(&format!("apps/{}/users", self.app), json!({"login": login, "password": PASSWORD})).await?;
                let user = made["user"]["id"].as_u64().context("an id")?;
                anyhow::Ok(Account { app: self.app, user, password: PASSWORD.into() })
            };
            users.extend(try_join_all(some.iter().map(user)).await?);
        }
        Ok(users)
    }

    /// The token of a user at the REST door.
    pub async fn sign_in(&self, login: &str) -> Result<String> {
        let credentials = &self.config["credentials"];
        let session = json!({
            "application_id": credentials["appId"], "auth_key": credentials["authKey"],
            "user": {"login": login, "password": PASSWORD},
        });
        let made = self.rest(Method::POST, "session", "", Some(session)).await?;
        Ok(made["session"]["token"].as_str().context("a token")?.to_owned())
    }

    pub async fn rest(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> Result<Value> {
        self.ask(method, &format!("http://127.0.0.1:8080/{path}"), Some(token), body).await
    }

    async fn admin(&self, path: &str, body: Value) -> Result<Value> {
        self.ask(Method::POST, &format!("{ADMIN}/{path}"), None, Some(body)).await
    }

    async fn ask(&self, method: Method, url: &str, token: Option<&str>, body: Option<Value>) -> Result<Value> {
        let request = self.http.request(method, url);
        let request = match token {
            Some(token) => request.header("CB-Token", token),
            None => request.bearer_auth(&self.token),
        };
        let answer = match body {
            Some(body) => request.json(&body).send().await?,
            None => request.send().await?,
        };
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{url}: {status} {text}");
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }
}

/// The Secret with the certificate of calls between processes, and the name in it.
const CALLS: &str = "chat-natter-calls";
const ADMIN: &str = "http://127.0.0.1:8090/admin/v1";

// What a cluster needs beside what every release has.
fn cluster(servers: &Servers) -> Value {
    let at = |variable: &str| {
        let all = servers.environment();
        let value = all.into_iter().find(|(name, _)| *name == variable).map(|(_, value)| value);
        value.unwrap_or_default().split(',').map(str::to_owned).collect::<Vec<String>>()
    };
    json!({
        "mode": "cluster",
        "hosts": {"chat": CHAT, "api": API},
        "secrets": {"existingSecret": "natter-secrets"},
        "calls": {"tls": {"existingSecret": CALLS}},
        "cql": {"nodes": at("NATTER_TEST_CQL"), "replicas": 1},
        "nats": {"nodes": at("NATTER_TEST_NATS"), "log": {"replicas": 1}},
        "redis": {"nodes": at("NATTER_TEST_REDIS")},
        "s3": {"endpoint": format!("http://{}", at("NATTER_TEST_S3")[0]), "bucket": S3::BUCKET, "existingSecret": "natter-s3"},
        // Nobody obeys the Ingress here: it makes the doors in plain text, which tests ask.
        "ingress": {"enabled": true, "tlsSecret": "natter-doors"},
    })
}

// What `natter secrets` makes, and the key pair of S3, as the chart's README says it.
async fn make_secrets(place: &Place, kube: &Kube, folder: &Path) -> Result<()> {
    let words = ["secrets", &folder.display().to_string(), "--host", CHAT, "--host", API].map(str::to_owned);
    // Variables of this run are no settings of it.
    let made = Command::new(&place.binary).args(words).env_clear().current_dir(&place.folder).output()?;
    ensure!(made.status.success(), "natter secrets: {}", String::from_utf8_lossy(&made.stderr));
    let files = ["admin.token", "verifier.key", "push.key", "tls/ca.pem", "tls/cert.pem", "tls/cert.key"];
    let files = files.map(|file| format!("--from-file={}", folder.join(file).display()));
    let words: Vec<&str> = files.iter().map(String::as_str).collect();
    kube.kubectl(&[&["create", "secret", "generic", "natter-secrets"], &words[..]].concat()).await?;
    let pair = [("access-key", S3::ACCESS_KEY), ("secret-key", S3::SECRET_KEY)]
        .map(|(key, value)| format!("--from-literal={key}={value}"));
    kube.kubectl(&["create", "secret", "generic", "natter-s3", &pair[0], &pair[1]]).await?;
    let mut words = vec!["create".to_owned(), "secret".to_owned(), "generic".to_owned(), CALLS.to_owned()];
    for (key, content) in calls()? {
        let path = folder.join(key);
        std::fs::write(&path, content)?;
        words.push(format!("--from-file={}", path.display()));
    }
    kube.kubectl(&words.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    Ok(())
}

// For calls between processes: an authority that signs for nobody else, and the one certificate that all show.
fn calls() -> Result<[(&'static str, String); 3]> {
    let (authority_key, key) = (KeyPair::generate()?, KeyPair::generate()?);
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let authority = params.self_signed(&authority_key)?;
    let issuer = Issuer::from_ca_cert_pem(&authority.pem(), authority_key)?;
    let mut params = CertificateParams::new([CALLS.to_owned()])?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.signed_by(&key, &issuer)?;
    Ok([("tls.crt", certificate.pem()), ("tls.key", key.serialize_pem()), ("ca.crt", authority.pem())])
}

async fn address(kube: &Kube, service: &str, port: u16) -> Result<SocketAddr> {
    let address = kube.field(&format!("service/{PREFIX}-{service}"), ".spec.clusterIP").await?;
    Ok(SocketAddr::new(address.parse().with_context(|| format!("{service} is at {address:?}"))?, port))
}
