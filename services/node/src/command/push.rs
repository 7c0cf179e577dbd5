//! `natter app push ...`: who an app is to the push providers. Secrets come from a file or from standard input, never from the
//! command line, where everybody on the machine could read them.

use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::admin::print_json;
use crate::admin::Admin;

/// Bytes of a file that are read. The server takes fewer.
const FILE_BYTES_MAX: u64 = 1 << 20;

#[derive(clap::Subcommand, Debug)]
pub enum PushCommand {
    /// Shows what may be shown of the app's credentials, and its public key for Web Push (`applicationServerKey`).
    List {
        #[arg(long, default_value_t = 1)]
        app: u64,
    },
    /// Gives the app credentials, in place of those of the same kind, topic and environment.
    #[command(subcommand)]
    Set(SetCommand),
    /// Forgets credentials. In place of a pair for Web Push the app has another one then.
    Remove {
        kind: Kind,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(clap::Subcommand, Debug)]
pub enum SetCommand {
    /// Apple's key for tokens: the .p8 file.
    ApnsToken {
        #[arg(long)]
        key_id: String,
        #[arg(long)]
        team_id: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        source: Source,
    },
    /// Apple's certificate, its chain and its private key, PEM.
    ApnsCertificate {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        source: Source,
    },
    /// The JSON file of a service account of Google's.
    Fcm {
        #[arg(long, default_value_t = 1)]
        app: u64,
        #[command(flatten)]
        source: Source,
    },
    /// A pair for Web Push that browsers know already: its private key, base64url.
    Vapid {
        #[arg(long, default_value_t = 1)]
        app: u64,
        /// How push services reach the operator, mailto: or https:; without it that of the installation.
        #[arg(long)]
        subject: Option<String>,
        #[command(flatten)]
        source: Source,
    },
}

#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    ApnsToken,
    ApnsCertificate,
    Fcm,
    Vapid,
}

/// Whose, and of Apple's for what.
#[derive(clap::Args, Debug)]
pub struct Place {
    #[arg(long, default_value_t = 1)]
    app: u64,
    /// Apple: the bundle they are for; without it whichever a subscription names.
    #[arg(long, value_name = "BUNDLE")]
    topic: Option<String>,
    /// Apple: development or production; without it both.
    #[arg(long)]
    environment: Option<String>,
}

#[derive(clap::Args, Debug)]
pub struct Source {
    /// File with the secret; without it, it is read from standard input.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Runs one of them.
pub async fn run(admin: &Admin, command: &PushCommand) -> Result<()> {
    match command {
        PushCommand::List { app } => print_json(&admin.get(&path_of(*app)).await?),
        PushCommand::Set(command) => {
            let (app, kind, body) = credentials(command)?;
            print_json(&admin.put(&format!("{}/{}", path_of(app), word(kind)), &body).await?)
        }
        PushCommand::Remove { kind, place } => {
            let meant = [("topic", &place.topic), ("environment", &place.environment)];
            let meant = meant.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", quoted(value.as_deref()?))));
            let query = meant.collect::<Vec<_>>().join("&");
            print_json(&admin.delete(&format!("{}/{}?{query}", path_of(place.app), word(*kind))).await?)
        }
    }
}

fn credentials(command: &SetCommand) -> Result<(u64, Kind, Value)> {
    Ok(match command {
        SetCommand::ApnsToken { key_id, team_id, place, source } => {
            let body = json!({"key": source.read()?, "key_id": key_id, "team_id": team_id});
            (place.app, Kind::ApnsToken, place.lay(body))
        }
        SetCommand::ApnsCertificate { place, source } => {
            (place.app, Kind::ApnsCertificate, place.lay(json!({"certificate": source.read()?})))
        }
        SetCommand::Fcm { app, source } => (*app, Kind::Fcm, json!({"service_account": source.read()?})),
        SetCommand::Vapid { app, subject, source } => {
            (*app, Kind::Vapid, json!({"private_key": source.read()?.trim(), "subject": subject}))
        }
    })
}

impl Place {
    fn lay(&self, mut body: Value) -> Value {
        body["topic"] = json!(self.topic);
        body["environment"] = json!(self.environment);
        body
    }
}

impl Source {
    fn read(&self) -> Result<String> {
        let mut text = String::new();
        match &self.file {
            Some(path) => {
                let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
                let read = file.take(FILE_BYTES_MAX).read_to_string(&mut text);
                read.with_context(|| format!("{} is no text", path.display()))?;
            }
            None => {
                let read = std::io::stdin().lock().take(FILE_BYTES_MAX).read_to_string(&mut text);
                read.context("cannot read the secret from standard input")?;
            }
        }
        Ok(text)
    }
}

fn path_of(app: u64) -> String {
    format!("/apps/{app}/push/credentials")
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::ApnsToken => "apns_token",
        Kind::ApnsCertificate => "apns_certificate",
        Kind::Fcm => "fcm",
        Kind::Vapid => "vapid",
    }
}

// As a value in a query (RFC 3986, 2.1).
fn quoted(value: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    value.bytes().map(|byte| if is_plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_query_cannot_leave_it() {
        assert_eq!(quoted("org.x-y_z~1"), "org.x-y_z~1");
        assert_eq!(quoted("a b&c=d/é"), "a%20b%26c%3Dd%2F%C3%A9");
    }
}
