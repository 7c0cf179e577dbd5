//! Resident memory of the server per idle signed-in session: over WebSocket with TLS, and over TCP that begins with TLS. A server
//! of its own for each.

use anyhow::Result;
use natter_tests::client::{Account, Client, trusting};
use natter_tests::process::Natter;
use natter_tests::stream::Stream;
use tokio_rustls::TlsConnector;

use crate::report::Report;

/// Users of a full run.
pub const USERS: usize = 1000;
const SESSIONS_EACH: usize = 10;

#[derive(Clone, Copy)]
enum Over {
    Wss,
    Tls,
}

/// Held open, and never read.
enum Session {
    Wss { _client: Box<Client> },
    Tls { _stream: Box<Stream> },
}

/// Ten sessions of each user: 10,000 in a full run.
pub async fn run(report: &mut Report, users: usize) -> Result<()> {
    for (over, name) in [(Over::Wss, "WSS"), (Over::Tls, "TLS")] {
        let (count, bytes) = measure(over, users).await?;
        report.add(&format!("resident memory per idle {name} session ({count} more)"), bytes / 1024.0, "KiB", "20 KB");
    }
    Ok(())
}

/// How many sessions were added to one of each user, and the bytes that each of them took.
async fn measure(over: Over, users: usize) -> Result<(usize, f64)> {
    let natter = Natter::start(&["edge.connections_per_address_max=20000"]).await?;
    let tls = trusting(&natter.ca())?;
    let mut accounts = Vec::new();
    for n in 0..users {
        let user = natter.create_user(1, &format!("idle{n}"), "correct horse")?;
        accounts.push(Account { app: 1, user, password: "correct horse".into() });
    }
    let warm = connect_all(over, &natter, &tls, &accounts, 1).await?;
    let before = natter.resident_bytes()?;
    let more = connect_all(over, &natter, &tls, &accounts, SESSIONS_EACH - 1).await?;
    let after = natter.resident_bytes()?;
    let bytes = after.saturating_sub(before) as f64 / more.len() as f64;
    let count = more.len();
    drop((warm, more));
    Ok((count, bytes))
}

async fn connect_all(over: Over, natter: &Natter, tls: &TlsConnector, accounts: &[Account], each: usize) -> Result<Vec<Session>> {
    let mut sessions = Vec::new();
    for chunk in accounts.chunks(50) {
        let connecting = chunk.iter().flat_map(|account| (0..each).map(move |_| connect(over, natter, tls, account)));
        sessions.extend(futures::future::try_join_all(connecting).await?);
    }
    Ok(sessions)
}

async fn connect(over: Over, natter: &Natter, tls: &TlsConnector, account: &Account) -> Result<Session> {
    Ok(match over {
        Over::Wss => Session::Wss { _client: Box::new(Client::connect(natter.ports.wss, tls, account, false).await?) },
        Over::Tls => Session::Tls { _stream: Box::new(Stream::connect(natter.ports.tls, tls, account).await?) },
    })
}
