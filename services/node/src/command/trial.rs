//! `natter try`: two users of an app write to each other through both doors. For whoever installed a cluster, and for `helm test`.

mod client;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};

use self::client::{Client, User};
use crate::admin::Admin;
use crate::certificates::Certificates;
use crate::config::Config;
use crate::data::DataDir;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The app to try. Without it one is made for this and deleted again.
    #[arg(long)]
    app: Option<u64>,
    /// Where the console is reached. Without it: on this machine.
    #[arg(long, value_name = "HOST:PORT")]
    console: Option<String>,
    /// Where REST over TLS is reached. Without it: on this machine.
    #[arg(long, value_name = "HOST:PORT")]
    api: Option<String>,
    /// Where XMPP over TLS is reached. Without it: on this machine.
    #[arg(long, value_name = "HOST:PORT")]
    chat: Option<String>,
}

/// Longest wait for one answer. Who has just been installed may still take things over.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two looks whether the message is in the history.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The doors, as this process reaches them.
struct Doors {
    /// Of users' addresses, and in the certificate.
    domain: String,
    chat: String,
    /// Name in the certificate, and address.
    api: (String, String),
    /// Who signs the doors' certificates.
    roots: Vec<CertificateDer<'static>>,
}

/// Signs both in, sends one message, and looks for it at the other's connection and in his history.
pub async fn run(config: &Config, arguments: &Arguments) -> Result<()> {
    let admin = match &arguments.console {
        Some(console) => Admin::reached_at(config, console)?,
        None => Admin::of(config)?,
    };
    let doors = Doors::of(config, arguments)?;
    match arguments.app {
        Some(app) => try_app(&admin, &doors, app).await,
        None => {
            let made = admin.post("/apps", &json!({ "title": "natter try" })).await?;
            let app = made["app"]["id"].as_u64().context("the admin API made an app without an id")?;
            let tried = try_app(&admin, &doors, app).await;
            let removed = remove(&admin, app).await;
            tried.and(removed)
        }
    }
}

async fn remove(admin: &Admin, app: u64) -> Result<()> {
    admin.post(&format!("/apps/{app}/suspend"), &json!({})).await?;
    admin.delete(&format!("/apps/{app}")).await?;
    Ok(())
}

#[allow(clippy::print_stdout)]
async fn try_app(admin: &Admin, doors: &Doors, app: u64) -> Result<()> {
    let trial = admin.post(&format!("/apps/{app}/try"), &json!({})).await.context("cannot make the two users")?;
    let trial = &trial["trial"];
    let (dialog, [ann, bob]) = (text(&trial["dialog"])?, [user(trial, 0)?, user(trial, 1)?]);
    let tls = Arc::new(doors.tls()?);
    let mut nonce = [0; 12];
    getrandom::fill(&mut nonce).context("the system gives no randomness")?;
    let id: String = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
    let body = format!("natter try {id}");

    let mut sign_in = Vec::new();
    for user in [&ann, &bob] {
        let client = Client::sign_in(&doors.chat, &doors.domain, app, user, tls.clone());
        let client = within(client).await.with_context(|| format!("user {} cannot sign in at {}", user.id, doors.chat))?;
        sign_in.push(client);
    }
    let [sender, receiver] = sign_in.as_mut_slice() else { bail!("there are two of them") };
    let since = Instant::now();
    within(sender.write(bob.id, &id, &body)).await.context("the message cannot be sent")?;
    within(receiver.expect(&body)).await.context("the message did not come")?;
    println!("app {app}: a message from one user to another came after {} ms", since.elapsed().as_millis());

    let rest = doors.rest().await?;
    let since = Instant::now();
    while !within(said(&rest, doors, &dialog, &bob)).await.context("the history cannot be read")?.contains(&body) {
        ensure!(since.elapsed() < PATIENCE, "the message is not in the history");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    println!("app {app}: it is in the history, as REST at {} answers", doors.api.1);
    for client in sign_in {
        within(client.close()).await.context("a stream cannot be closed")?;
    }
    Ok(())
}

async fn within<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| bail!("no answer in {} s", PATIENCE.as_secs()))
}

fn text(value: &Value) -> Result<String> {
    Ok(value.as_str().context("the admin API left something out")?.to_owned())
}

fn user(trial: &Value, number: usize) -> Result<User> {
    let user = &trial["users"][number];
    let id = user["id"].as_u64().context("the admin API left a user out")?;
    Ok(User { id, token: text(&user["token"])? })
}

async fn said(rest: &reqwest::Client, doors: &Doors, dialog: &str, user: &User) -> Result<String> {
    let port = doors.api.1.rsplit_once(':').map_or("443", |(_, port)| port);
    let url = format!("https://{}:{port}/chat/Message.json?chat_dialog_id={dialog}", doors.api.0);
    let answer = rest.get(url).header("CB-Token", &user.token).send().await?;
    let (status, said) = (answer.status(), answer.text().await?);
    // Before the first message there is no such dialog.
    ensure!(status.is_success() || status.as_u16() == 404, "REST answered {status}: {said}");
    Ok(said)
}

impl Doors {
    fn of(config: &Config, arguments: &Arguments) -> Result<Doors> {
        let data = DataDir::of(config)?;
        let own = Certificates::at(&data.tls());
        let mut roots = Vec::new();
        if own.ca.exists() {
            roots.extend(pem(&own.ca)?);
        }
        // Who signed a certificate that was brought: what stands behind it in its file.
        let brought = config.tls.certificates.iter().map(|pair| pair.cert.clone()).chain([own.pair().cert]);
        for chain in brought.filter(|path| path.exists()) {
            roots.extend(pem(&chain)?.into_iter().skip(1));
        }
        ensure!(!roots.is_empty(), "who signed the certificate of the doors is not known: there is no ca.pem and no chain");
        let domain = config.hosts.first().unwrap_or(&config.edge.host).clone();
        let public = config.cluster.public_api.rsplit_once(':').map_or(domain.as_str(), |(name, _)| name);
        let on = |given: &Option<String>, port: u16| given.clone().unwrap_or_else(|| format!("127.0.0.1:{port}"));
        Ok(Doors {
            chat: on(&arguments.chat, config.edge.tls_port),
            api: (public.to_owned(), on(&arguments.api, config.api.tls_port)),
            domain,
            roots,
        })
    }

    fn tls(&self) -> Result<ClientConfig> {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(self.roots.iter().cloned());
        Ok(ClientConfig::builder().with_root_certificates(store).with_no_client_auth())
    }

    // By the name in the certificate, at the address that was given.
    async fn rest(&self) -> Result<reqwest::Client> {
        let (name, address) = &self.api;
        let found = tokio::net::lookup_host(address).await.with_context(|| format!("cannot find {address}"))?;
        let found: Vec<SocketAddr> = found.collect();
        let roots = self.roots.iter().map(|root| reqwest::Certificate::from_der(root)).collect::<reqwest::Result<Vec<_>>>()?;
        Ok(reqwest::Client::builder().no_proxy().tls_certs_only(roots).resolve_to_addrs(name, &found).build()?)
    }
}

fn pem(path: &std::path::Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    read.with_context(|| format!("cannot read certificates from {}", path.display()))
}
