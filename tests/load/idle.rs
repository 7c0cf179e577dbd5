//! Resident memory of the server per idle signed-in connection over WebSocket with TLS.

use anyhow::Result;
use natter_tests::client::{Account, Client, trusting};
use natter_tests::process::Natter;

use crate::report::Report;

const USERS: usize = 1000;
const SESSIONS_EACH: usize = 10;

/// 10,000 sessions of 1,000 users.
pub async fn run(report: &mut Report) -> Result<()> {
    let natter = Natter::start(&["edge.connections_per_address_max=20000"]).await?;
    let tls = trusting(&natter.ca())?;
    let mut accounts = Vec::new();
    for n in 0..USERS {
        let user = natter.create_user(1, &format!("idle{n}"), "correct horse")?;
        accounts.push(Account { app: 1, user, password: "correct horse".into() });
    }
    let warm: Vec<Client> = connect_all(&natter, &tls, &accounts, 1).await?;
    let before = natter.resident_bytes()?;
    let clients = connect_all(&natter, &tls, &accounts, SESSIONS_EACH - 1).await?;
    let after = natter.resident_bytes()?;
    let bytes = after.saturating_sub(before) as f64 / clients.len() as f64;
    report.add(&format!("resident memory per idle WSS session ({} more)", clients.len()), bytes / 1024.0, "KiB", "20 KB");
    drop((warm, clients));
    Ok(())
}

async fn connect_all(
    natter: &Natter,
    tls: &tokio_rustls::TlsConnector,
    accounts: &[Account],
    each: usize,
) -> Result<Vec<Client>> {
    let mut clients = Vec::new();
    for chunk in accounts.chunks(50) {
        let connecting =
            chunk.iter().flat_map(|account| (0..each).map(move |_| Client::connect(natter.ports.wss, tls, account, false)));
        clients.extend(futures::future::try_join_all(connecting).await?);
    }
    Ok(clients)
}
