//! Plays: stanza scenarios that an XMPP expert can read, run against a server that is already up. `plays/README.md` says how
//! to write one. It starts no server and makes no users: the caller brings a [`Target`].

mod actor;
mod matching;
mod names;
mod script;
mod wire;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use actor::Actor;
use names::Names;
use script::{Action, Script, Step};

/// A running server and who may sign in to it.
#[derive(Clone, Debug)]
pub struct Target {
    /// The name the certificate is for; it must lead to the server.
    pub host: String,
    /// Plain WebSocket.
    pub ws_port: u16,
    /// WebSocket over TLS.
    pub wss_port: u16,
    /// TCP, with STARTTLS.
    pub tcp_port: u16,
    /// TCP, TLS from the first byte.
    pub tls_port: u16,
    /// Certificates to trust, PEM.
    pub ca_pem: String,
    /// The application of all users.
    pub app: u64,
    /// Id of a group of Romeo and Juliet, for plays that need one.
    pub group: Option<String>,
    /// User id and password by the name that plays use. A name with a session token in place of the password is fine.
    pub users: BTreeMap<String, (u64, String)>,
}

/// The plays in a folder, in the order of their names.
pub fn plays(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut plays = Vec::new();
    for entry in entries {
        plays.push(entry?.path());
    }
    plays.retain(|path| path.extension().is_some_and(|extension| extension == "play"));
    plays.sort();
    Ok(plays)
}

/// Runs one play. An error names the file, the line, and what was different.
pub async fn run(path: &Path, target: &Target) -> Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = path.file_name().unwrap_or(path.as_os_str()).display();
    let script = Script::parse(&text).with_context(|| format!("{name} is no play"))?;
    perform(&script, target, &name.to_string()).await
}

async fn perform(script: &Script, target: &Target, name: &str) -> Result<()> {
    let mut names = Names::new(target);
    let mut cast = BTreeMap::new();
    for role in &script.cast {
        names.introduce(role, target)?;
        cast.insert(role.name.as_str(), Actor::new(role.clone(), target.clone()));
    }
    for step in &script.steps {
        let Some(actor) = cast.get_mut(step.actor.as_str()) else {
            bail!("{name}:{}: nobody is called {}", step.line, step.actor)
        };
        act(actor, step, &mut names).await.with_context(|| format!("{name}:{}: {} {}", step.line, step.actor, step.action))?;
    }
    for actor in cast.values_mut() {
        actor.disconnect().await.with_context(|| format!("{name}: curtain: {}", actor.name()))?;
    }
    Ok(())
}

async fn act(actor: &mut Actor, step: &Step, names: &mut Names) -> Result<()> {
    match &step.action {
        Action::Opens => actor.open(names).await,
        Action::SignsIn => actor.sign_in(names).await,
        Action::Binds => actor.bind(names).await,
        Action::Connects => actor.connect(names).await,
        Action::IsRefused(condition) => actor.is_refused(condition, names).await,
        Action::Sends(xml) => actor.send(&names.fill(xml)?).await,
        Action::SendsRaw(text) => actor.send_raw(&names.fill_raw(text)?).await,
        Action::Receives(xml) => actor.receive(xml, names).await,
        Action::ReceivesNothing => actor.receive_nothing().await,
        Action::Ends(condition) => actor.ends(condition.as_deref()).await,
        Action::Disconnects => actor.disconnect().await,
        Action::Vanishes => {
            actor.vanish();
            Ok(())
        }
    }
}
