//! Finds the facts: files, limits, ports and answers of this machine. Nothing is made or changed; a port is bound for a moment
//! and only where no server runs.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, io};

use rustix::fs::Access;
use serde_json::Value;

use super::facts::{
    AdminApi, AppName, Certificate, CertificateState, Certificates, Directory, DirectoryState, OpenFiles, Origin, Port,
    PushCredentials, Secret, Server,
};
use crate::admin::Admin;
use crate::certificates::{self, carries};
use crate::config::Config;
use crate::data::{DataDir, RESTORE_MARK};
use crate::doors::{Place, in_url, places, reachable};
use crate::tls::{self, Pair};

/// How long anything on this machine may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Unix seconds.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or_else(|before| -(before.duration().as_secs() as i64), |since| since.as_secs() as i64)
}

pub fn directory(path: &Path) -> Directory {
    let state = match fs::metadata(path) {
        Ok(found) if found.is_dir() && path.join(RESTORE_MARK).exists() => DirectoryState::HalfRestored,
        Ok(found) if found.is_dir() => {
            DirectoryState::Present { writable: is_writable(path), mode: found.permissions().mode() & 0o777 }
        }
        Ok(_) => DirectoryState::NoDirectory,
        Err(_) => {
            // A relative path ends in the empty one, which is where the command was called.
            let above = path.ancestors().skip(1).map(|above| if above == Path::new("") { Path::new(".") } else { above });
            let nearest = above.into_iter().find(|above| above.exists());
            DirectoryState::Absent { can_be_made: nearest.is_some_and(|above| above.is_dir() && is_writable(above)) }
        }
    };
    Directory { path: path.to_owned(), state }
}

fn is_writable(path: &Path) -> bool {
    rustix::fs::access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// The secrets that are there.
pub fn secrets(config: &Config) -> Vec<Secret> {
    let data = DataDir::looked_at(config);
    let tls = certificates::Certificates::at(&data.tls());
    let paths = data.secrets().into_iter().chain(tls.secrets());
    let there = paths.filter_map(|path| {
        let mode = fs::metadata(&path).ok()?.permissions().mode() & 0o777;
        Some(Secret { path, mode })
    });
    there.collect()
}

/// Bytes free on the volume of the data directory, or of the folder that it will be made in. None: it cannot be asked.
pub fn free_bytes(data: &Path) -> Option<u64> {
    let there = data.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let volume = rustix::fs::statvfs(there).ok()?;
    Some(volume.f_bavail.saturating_mul(volume.f_frsize))
}

/// As a start reads them: the chains, the keys that belong to them, the CA.
pub fn certificates(config: &Config) -> Certificates {
    let made = certificates::Certificates::at(&DataDir::looked_at(config).tls());
    let mut leaves = Vec::new();
    let mut state = |pair: &Pair| match tls::read(pair) {
        Ok(held) => {
            let (starts_at, ends_at) = (held.starts_at, held.ends_at);
            leaves.extend(held.leaf().cloned());
            CertificateState::Usable { starts_at, ends_at }
        }
        Err(error) => CertificateState::Unusable(format!("{error:#}")),
    };
    let named = config.tls.certificates.iter();
    let mut shown: Vec<Certificate> =
        named.map(|pair| Certificate { path: pair.cert.clone(), origin: Origin::Named, state: state(pair) }).collect();
    let is_brought = made.is_brought();
    let own = match (made.are_made(), made.ca_pem()) {
        (false, _) => CertificateState::Absent,
        (true, Ok(_)) => state(&made.pair()),
        (true, Err(error)) => CertificateState::Unusable(format!("{error:#}")),
    };
    let is_usable = matches!(own, CertificateState::Usable { .. });
    let origin = if is_brought { Origin::Brought } else { Origin::Made };
    shown.push(Certificate { path: made.pair().cert, origin, state: own });
    if !is_usable {
        return Certificates { shown, missing: Vec::new(), is_remade: false };
    }
    let hosts = if config.hosts.is_empty() { std::slice::from_ref(&config.edge.host) } else { &config.hosts };
    let is_missing = |name: &&String| !leaves.iter().any(|leaf| carries(leaf, name));
    let missing: Vec<String> = hosts.iter().filter(is_missing).cloned().collect();
    let made_for = made.names();
    let is_remade = !is_brought && missing.iter().all(|name| config.hosts.contains(name) && !made_for.contains(name));
    Certificates { shown, missing, is_remade }
}

/// Of this process, which was started as a server would be. None: the system does not say.
pub fn open_files() -> Option<OpenFiles> {
    let (soft, hard) = rlimit::getrlimit(rlimit::Resource::NOFILE).ok()?;
    Some(OpenFiles { soft, hard })
}

/// Whether a Natter answers on the health port.
pub async fn server(config: &Config) -> Server {
    let root = format!("http://{}:{}", in_url(&config.health.address), config.health.port);
    match (ask(&format!("{root}/livez")).await, ask(&format!("{root}/readyz")).await) {
        (Some((200, alive)), ready) if alive == "alive\n" => {
            Server::Running { is_ready: ready.is_some_and(|(status, _)| status == 200) }
        }
        _ => Server::Stopped,
    }
}

async fn ask(url: &str) -> Option<(u16, String)> {
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().ok()?;
    let answer = client.get(url).send().await.ok()?;
    Some((answer.status().as_u16(), answer.text().await.ok()?))
}

/// Every listener: of a running server it is called, for a stopped one it is tried.
pub fn ports(config: &Config, server: Server) -> Vec<(Place<'_>, Port)> {
    let found = places(config).map(|place| {
        let state = match (place.port, server) {
            (0, _) => Port::Chosen,
            (_, Server::Running { .. }) => called(&place),
            (_, Server::Stopped) => tried(&place),
        };
        (place, state)
    });
    found.into()
}

fn called(place: &Place<'_>) -> Port {
    let addresses = (reachable(place.address), place.port).to_socket_addrs();
    let is_taken = |address| TcpStream::connect_timeout(&address, PATIENCE).is_ok();
    if addresses.is_ok_and(|mut addresses| addresses.any(is_taken)) { Port::Served } else { Port::Silent }
}

// Whether the console listens here.
fn is_served(config: &Config) -> bool {
    places(config).iter().any(|place| place.setting == "console.port" && called(place) == Port::Served)
}

fn tried(place: &Place<'_>) -> Port {
    match TcpListener::bind((place.address, place.port)) {
        Ok(_) => Port::Free,
        Err(error) if error.kind() == ErrorKind::AddrInUse => Port::Taken,
        Err(error) => Port::Refused(words(&error)),
    }
}

// Without the number that the system adds.
fn words(error: &io::Error) -> String {
    error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase()
}

pub async fn admin(config: &Config, server: Server) -> AdminApi {
    if server == Server::Stopped {
        return AdminApi::NotAsked;
    }
    if config.cluster.is_named() && !is_served(config) {
        return AdminApi::Elsewhere;
    }
    if !DataDir::looked_at(config).has_admin_token() {
        return AdminApi::Failed("there is no token in the data directory".to_owned());
    }
    let asked = async {
        let admin = Admin::of(config)?;
        let names = app_names(config, &admin.get("/apps").await?);
        anyhow::Ok((names, push_credentials(&admin.get("/push").await?)))
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok((names, push))) => AdminApi::Opened { names, push },
        Ok(Err(error)) => AdminApi::Failed(error.to_string()),
        Err(_) => AdminApi::Failed("it does not answer".to_owned()),
    }
}

// What `GET /apps` says, each name once.
fn app_names(config: &Config, apps: &Value) -> Vec<AppName> {
    let made = certificates::Certificates::at(&DataDir::looked_at(config).tls()).pair();
    let held: Vec<_> = config.tls.certificates.iter().chain([&made]).filter_map(|pair| tls::read(pair).ok()).collect();
    let mut names = BTreeSet::new();
    for app in apps["apps"].as_array().into_iter().flatten() {
        let of_app = ["chat_host", "api_host"].into_iter().filter_map(|field| app[field].as_str());
        names.extend(of_app.map(|name| (app["id"].as_u64().unwrap_or_default(), name)));
    }
    let shown = |name| tls::shown(&held, name).map(|held| held.ends_at);
    names.into_iter().map(|(app, name)| AppName { app, name: name.to_owned(), ends_at: shown(name) }).collect()
}

// What `GET /push` says.
fn push_credentials(found: &Value) -> PushCredentials {
    let found = &found["push"];
    let all = |field: &str| found[field].as_array().cloned().unwrap_or_default();
    let app = |one: &Value| one["app"].as_u64().unwrap_or_default();
    PushCredentials {
        sealed: found["sealed"].as_u64().unwrap_or_default(),
        problem: found["problem"].as_str().map(str::to_owned),
        unusable: all("unusable").iter().map(app).collect(),
        ending: all("ending").iter().map(|one| (app(one), one["expires_at"].as_str().unwrap_or_default().to_owned())).collect(),
    }
}
