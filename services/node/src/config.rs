//! What is in force: one struct with the kernel's parts and each service's `Options`, laid from four layers. Flags win over
//! the environment, that over the file, that over the defaults.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use natter_peer::Proxies;
use natter_rpc::LinkOptions;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// Every setting of a process.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the process keeps what it stores, its certificates and its secrets.
    pub data: PathBuf,
    /// Further names and addresses under which clients reach this host; the first-start certificate carries them. The first
    /// one is the name given to clients.
    pub hosts: Vec<String>,
    /// Networks of the proxies before the doors, such as `10.0.0.0/8`, which are believed when they say whose a connection or a request is
    /// (`X-Forwarded-For`; with `edge.proxy_protocol` the PROXY protocol). Limits per address count by it. Nobody else is believed.
    pub trusted_proxies: Proxies,
    /// A first start makes an app with two users, to try it with. Off where `natter import` brings the apps.
    pub first_app: bool,
    /// Threads that run actors; 0: as many as there are cores.
    pub actor_threads: usize,
    pub telemetry: natter_telemetry::Options,
    pub health: crate::health::Options,
    pub tls: crate::tls::Options,
    /// Between services.
    pub link: LinkSettings,
    pub trace: natter_trace::Options,
    /// The embedded store.
    pub store: natter_db::KvOptions,
    /// One process among several: for roles that run apart.
    pub cluster: crate::cluster::Options,
    pub outbound: natter_outbound::Options,
    pub mail: natter_mail::Options,
    pub account: natter_account::Options,
    pub history: natter_history::Options,
    pub presence: natter_presence::Options,
    pub storage: natter_storage::Options,
    pub push: natter_push::Options,
    pub dialog: natter_dialog::Options,
    pub edge: natter_edge::Options,
    pub api: natter_api::Options,
    pub console: natter_console::Options,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            data: "natter-data".into(),
            hosts: Vec::new(),
            trusted_proxies: Proxies::default(),
            first_app: true,
            actor_threads: 0,
            telemetry: Default::default(),
            health: Default::default(),
            tls: Default::default(),
            link: Default::default(),
            trace: Default::default(),
            store: Default::default(),
            cluster: Default::default(),
            outbound: Default::default(),
            mail: Default::default(),
            account: Default::default(),
            history: Default::default(),
            presence: Default::default(),
            storage: Default::default(),
            push: Default::default(),
            dialog: Default::default(),
            edge: Default::default(),
            api: Default::default(),
            console: Default::default(),
        }
    }
}

/// The links between services.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkSettings {
    /// Milliseconds that one service waits for the answer of another. Over it the outcome is unknown. Less than
    /// `dialog.answer_ms`.
    pub deadline_ms: u64,
}

impl Default for LinkSettings {
    fn default() -> LinkSettings {
        LinkSettings { deadline_ms: 2_000 }
    }
}

impl LinkSettings {
    /// As the links take it.
    pub fn options(&self) -> LinkOptions {
        LinkOptions { deadline: Duration::from_millis(self.deadline_ms) }
    }
}

/// Where a value in force comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    Default,
    File,
    Environment,
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Default => "default",
            Origin::File => "file",
            Origin::Environment => "environment",
            Origin::Flag => "flag",
        })
    }
}

/// A config and the origin of each of its values, by dotted path.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    origins: BTreeMap<String, Origin>,
}

/// The file read when none is named, if it is there.
pub const FILE: &str = "natter.toml";
const PREFIX: &str = "NATTER_";

/// Lays the layers over each other. `environment` are name and value of variables; `flags` are dotted paths and values.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[(String, String)],
) -> Result<Loaded> {
    let mut layers = Layers::default();
    let defaults = Table::try_from(Config::default())?;
    let path = file.unwrap_or(Path::new(FILE));
    if file.is_some() || path.exists() {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let table: Table = text.parse().with_context(|| format!("{} is not TOML", path.display()))?;
        layers.lay_table("", &table, Origin::File)?;
    }
    for (name, text) in environment {
        if let Some(path) = name.strip_prefix(PREFIX)
            && !ELSEWHERE.contains(&path)
        {
            let path = path.to_lowercase().replace("__", ".");
            layers.lay(&path, scalar(&defaults, &path, &text), Origin::Environment)?;
        }
    }
    for (path, text) in flags {
        layers.lay(path, scalar(&defaults, path, text), Origin::Flag)?;
    }
    let config = Value::Table(layers.values).try_into::<Config>().map_err(|error| anyhow!("settings: {}", error.message()))?;
    Ok(Loaded { config, origins: layers.origins })
}

/// Variables with the prefix that are no settings: they belong to the tests and to the command line.
const ELSEWHERE: [&str; 12] = [
    "BINARY",
    "SDK_MODULES",
    "CONSOLE_MODULES",
    "PYTHON",
    "LIMIT",
    "BENCH_OUT",
    "SEED",
    "SEEDS",
    "KILLS",
    "CYCLES",
    "CONFIG",
    "USER_PASSWORD",
];

#[derive(Default)]
struct Layers {
    values: Table,
    origins: BTreeMap<String, Origin>,
}

impl Layers {
    fn lay_table(&mut self, at: &str, table: &Table, origin: Origin) -> Result<()> {
        for (key, value) in table {
            let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            match value {
                Value::Table(inner) => self.lay_table(&path, inner, origin)?,
                value => self.lay(&path, value.clone(), origin)?,
            }
        }
        Ok(())
    }

    fn lay(&mut self, path: &str, value: Value, origin: Origin) -> Result<()> {
        let (folders, name) = path.rsplit_once('.').unwrap_or(("", path));
        let mut table = &mut self.values;
        for folder in folders.split('.').filter(|folder| !folder.is_empty()) {
            let inner = table.entry(folder).or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(inner) = inner else { bail!("settings: {folder} in {path} is a value, not a group") };
            table = inner;
        }
        table.insert(name.to_owned(), value);
        self.origins.insert(path.to_owned(), origin);
        Ok(())
    }
}

// A variable or flag holds text: a TOML value if it reads as one, else the text itself. What is text by its default stays text, also
// where it reads as a number: a password may be `007`.
fn scalar(defaults: &Table, path: &str, text: &str) -> Value {
    let is_text = defaults_at(defaults, path).is_some_and(Value::is_str);
    let parsed = format!("value = {text}").parse::<Table>().ok();
    let parsed = parsed.and_then(|mut table| table.remove("value")).filter(|value| !is_text || value.is_str());
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn defaults_at<'a>(defaults: &'a Table, path: &str) -> Option<&'a Value> {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    match (defaults.get(first)?, rest) {
        (value, "") => Some(value),
        (Value::Table(inner), rest) => defaults_at(inner, rest),
        _ => None,
    }
}

impl Loaded {
    /// What is in force as TOML, the origin of each value that is no default behind it, secrets masked.
    pub fn to_toml(&self) -> Result<String> {
        let table = Table::try_from(&self.config)?;
        let mut text = String::new();
        self.write_group("", &table, &mut text);
        Ok(text)
    }

    /// Every value in force with its origin, by dotted path, secrets masked.
    pub fn settings(&self) -> Result<Vec<(String, String, Origin)>> {
        let mut settings = Vec::new();
        self.flatten("", &Table::try_from(&self.config)?, &mut settings);
        Ok(settings)
    }

    fn flatten(&self, at: &str, table: &Table, settings: &mut Vec<(String, String, Origin)>) {
        for (key, value) in table {
            let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            match value {
                Value::Table(inner) => self.flatten(&path, inner, settings),
                value => {
                    let origin = self.origins.get(&path).copied().unwrap_or(Origin::Default);
                    settings.push((path, shown(key, value), origin));
                }
            }
        }
    }

    fn write_group(&self, at: &str, table: &Table, text: &mut String) {
        let path_of = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
        for (key, value) in table.iter().filter(|(_, value)| !value.is_table()) {
            let path = path_of(key);
            let shown = shown(key, value);
            let origin = self.origins.get(&path).copied().unwrap_or(Origin::Default);
            let note = if origin == Origin::Default { String::new() } else { format!("  # {origin}") };
            text.push_str(&format!("{key} = {shown}{note}\n"));
        }
        for (key, value) in table {
            if let Value::Table(inner) = value {
                text.push_str(&format!("\n[{}]\n", path_of(key)));
                self.write_group(&path_of(key), inner, text);
            }
        }
    }
}

// What an operator may see of a value.
fn shown(key: &str, value: &Value) -> String {
    if is_secret(key) { "\"***\"".to_owned() } else { value.to_string() }
}

fn is_secret(key: &str) -> bool {
    ["secret", "secret_key", "password", "token"].iter().any(|word| key.ends_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("natter.toml");
        std::fs::write(&file, "data = \"/file\"\nactor_threads = 3\n[telemetry]\nlog = \"file\"\n").unwrap();
        let environment = [("NATTER_TELEMETRY__LOG", "debug"), ("NATTER_ACTOR_THREADS", "4"), ("HOME", "/x")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let loaded = load(Some(&file), environment, &[("actor_threads".into(), "5".into())]).unwrap();
        assert_eq!(loaded.config.data, Path::new("/file"));
        assert_eq!(loaded.config.telemetry.log, "debug");
        assert_eq!(loaded.config.actor_threads, 5);
        let text = loaded.to_toml().unwrap();
        assert!(text.contains("actor_threads = 5  # flag"), "{text}");
        assert!(text.contains("data = \"/file\"  # file"), "{text}");
        assert!(text.contains("log = \"debug\"  # environment"), "{text}");
    }

    #[test]
    fn the_deadlines_of_links_and_store_and_the_bounds_of_a_group_commit_are_settings() {
        let config = load(None, [], &[]).unwrap().config;
        assert_eq!(config.link.options().deadline, Duration::from_secs(2));
        let flags =
            [("link.deadline_ms", "50"), ("store.deadline_ms", "60"), ("store.group_count", "7"), ("store.group_bytes", "8")];
        let flags = flags.map(|(path, value)| (path.to_owned(), value.to_owned()));
        let config = load(None, [], &flags).unwrap().config;
        assert_eq!(config.link.options().deadline, Duration::from_millis(50));
        assert_eq!((config.store.deadline_ms, config.store.group_count, config.store.group_bytes), (60, 7, 8));
    }

    #[test]
    fn settings_are_listed_with_their_origin_and_without_secrets() {
        let flags = [("edge.tls_port", "15223"), ("mail.password", "s3cret")];
        let flags = flags.map(|(path, value)| (path.to_owned(), value.to_owned()));
        let settings = load(None, [], &flags).unwrap().settings().unwrap();
        let of =
            |path: &str| settings.iter().find(|(found, ..)| found == path).map(|(_, value, origin)| (value.as_str(), *origin));
        assert_eq!(of("edge.tls_port"), Some(("15223", Origin::Flag)));
        assert_eq!(of("mail.password"), Some(("\"***\"", Origin::Flag)));
        assert_eq!(of("console.port"), Some(("8090", Origin::Default)));
        assert!(settings.len() > 80, "{}", settings.len());
    }

    #[test]
    fn what_is_text_stays_text_although_it_reads_as_a_number() {
        let environment =
            [("NATTER_CLUSTER__REDIS__PASSWORD", "007"), ("NATTER_MAIL__PASSWORD", "true"), ("NATTER_MAIL__PORT", "25")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let flags = [("cluster.cql.password".to_owned(), "\"1e3\"".to_owned()), ("cluster.name".to_owned(), "1e3".to_owned())];
        let config = load(None, environment, &flags).unwrap().config;
        assert_eq!(
            (config.cluster.redis.password.as_str(), config.mail.password.as_str(), config.mail.port),
            ("007", "true", 25)
        );
        assert_eq!((config.cluster.cql.password.as_str(), config.cluster.name.as_str()), ("1e3", "1e3"));
    }

    #[test]
    fn an_unknown_setting_is_named() {
        let error = load(None, [("NATTER_EDGE__TLS_PROT".to_owned(), "1".to_owned())], &[]).unwrap_err();
        assert!(error.to_string().contains("tls_prot"), "{error}");
    }

    #[test]
    fn what_is_printed_can_be_read_back() {
        let loaded = load(None, [], &[]).unwrap();
        let text = loaded.to_toml().unwrap();
        toml::from_str::<Config>(&text).unwrap();
    }
}
