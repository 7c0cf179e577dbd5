//! What a start makes when nothing is there yet (app 1, two demo users, the operator `admin`), and what it prints. Passwords
//! are printed by the start that made them, and by no other.

use std::time::Duration;

use anyhow::{Context, Result};
use natter_console::{SdkFacts, snippet};
use natter_proto::Failure;
use natter_proto::account::v1::accounts_client::AccountsClient;
use natter_proto::account::v1::operators_client::OperatorsClient;
use natter_proto::account::v1::{CreateAppRequest, ListAppsRequest, MakeFirstOperatorRequest, SignUpRequest, User};
use natter_rpc::Link;
use serde_json::json;

use crate::doors::Ports;
use crate::services::Links;

/// The lines of a start.
pub struct Banner(String);

impl Banner {
    /// Writes them to stdout.
    #[allow(clippy::print_stdout)]
    pub fn print(&self) {
        println!("{}", self.0);
    }
}

/// Longest wait for what a first start makes. A slow disk shall not end a start half way: who has an app gets no demo users later.
const PATIENCE: Duration = Duration::from_secs(60);

const DEMO: [(&str, &str); 2] = [("romeo", "Romeo Montague"), ("juliet", "Juliet Capulet")];

/// Makes an app and its demo users if there is none and one is wanted, and the operator if there is none, and composes the banner.
pub async fn prepare(links: &Links, facts: &SdkFacts, ports: &Ports, first_app: bool) -> Result<Banner> {
    let operator = operator(&links.operators).await?;
    let mut client = AccountsClient::new(links.account.clone().with_deadline(PATIENCE));
    let mut apps = client
        .list_apps(ListAppsRequest { limit: 1 })
        .await
        .map_err(Failure::from)
        .context("cannot list the apps")?
        .into_inner()
        .apps;
    let mut users = String::new();
    if apps.is_empty() && !first_app {
        return Ok(without_app(&operator, ports));
    }
    if apps.is_empty() {
        // The lowest id that was never given: 1, unless that app was deleted.
        let request = CreateAppRequest { title: "First app".into(), ..CreateAppRequest::default() };
        let app = client.create_app(request).await.map_err(Failure::from).context("cannot make the first app")?;
        apps.push(app.into_inner());
        users = demo_users(&mut client, apps[0].id).await?;
    }
    let app = &apps[0];
    let config = json!({
        "credentials": {"appId": app.id, "authKey": app.auth_key, "authSecret": app.auth_secret},
        "config": {
            "endpoints": {"api": facts.api_host, "chat": facts.chat_host},
            "chatProtocol": {"active": 2, "websocket": facts.websocket},
        },
    });
    let text = format!(
        "Natter {version} runs.

  REST      https://{api}   plain on this machine: {plain}
  chat      {websocket}   plain on this machine: {chat_plain}
            XMPP: {host}:{tcp} (STARTTLS), {host}:{tls} (TLS)
  console   http://localhost:{console}   metrics and health: http://localhost:{health}/metrics
{ca}{operator}  app       {app_id}   authKey {key}
{users}
In the app, with the unmodified ConnectyCube SDK:

{init}

Next: `natter sdk-config --app {app_id} --json` for programs, `natter user create --login NAME --password WORD`,
`natter app create`, `natter config` for every setting, `natter doctor` when something is wrong.",
        version = env!("CARGO_PKG_VERSION"),
        api = facts.api_host,
        plain = facts.api_url_plain,
        websocket = facts.websocket,
        chat_plain = facts.chat_url_plain,
        host = facts.chat_host,
        tcp = ports.chat_tcp,
        tls = ports.chat_tls,
        console = ports.console,
        health = ports.health,
        ca = authority(facts),
        app_id = app.id,
        key = app.auth_key,
        init = snippet::init(&config),
    );
    Ok(Banner(text))
}

// The lines about the CA that clients have to trust; none where they know who signed the certificate.
fn authority(facts: &SdkFacts) -> String {
    if facts.ca_path.is_empty() {
        return String::new();
    }
    format!(
        "  CA        {}\n            (Node: NODE_EXTRA_CA_CERTS; browser or phone: import it, also at https://{}/ca.pem)\n",
        facts.ca_path, facts.api_host
    )
}

fn without_app(operator: &str, ports: &Ports) -> Banner {
    let (version, console) = (env!("CARGO_PKG_VERSION"), ports.console);
    Banner(format!(
        "Natter {version} runs.

  console   http://localhost:{console}
{operator}  app       none: `natter import FILE` brings some, `natter app create` makes one"
    ))
}

// The line of an operator that was made just now; nothing if it was there.
async fn operator(link: &Link) -> Result<String> {
    let made = OperatorsClient::new(link.clone().with_deadline(PATIENCE)).make_first_operator(MakeFirstOperatorRequest {}).await;
    let secret = made.map_err(Failure::from).context("cannot make the first operator")?.into_inner();
    if secret.password.is_empty() {
        return Ok(String::new());
    }
    Ok(format!(
        "  operator  {}   password {}   (for the console; shown once, `natter operator password` makes another)\n",
        secret.name, secret.password
    ))
}

async fn demo_users(client: &mut AccountsClient<Link>, app: u64) -> Result<String> {
    let mut lines = String::from("  users     made once, for a first try:\n");
    for (login, name) in DEMO {
        let password = password()?;
        let user = User { login: Some(login.into()), full_name: Some(name.into()), ..User::default() };
        let request = SignUpRequest { app, user: Some(user), password: password.clone(), ..SignUpRequest::default() };
        let made =
            client.sign_up(request).await.map_err(Failure::from).with_context(|| format!("cannot make the demo user {login}"))?;
        lines.push_str(&format!("            id {}   login {login}   password {password}\n", made.into_inner().id));
    }
    Ok(lines)
}

fn password() -> Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).context("the system gives no randomness")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
