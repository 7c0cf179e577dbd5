//! Certificates that an operator brings: chosen by name at every door with TLS, replaced under open streams, never written over.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use natter_tests::client::{ASK, Client, http, message, trusting};
use natter_tests::process::Natter;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls_pki_types::ServerName;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::limits::metrics;
use crate::raw::{HEADER, Over, Raw, numbered};
use crate::rest::Rest;

/// Ten times what a change may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_shows_a_certificate_of_another_authority_hands_out_no_ca() {
    bring_a_public_one().await.unwrap();
}

async fn bring_a_public_one() -> Result<()> {
    let authority = Authority::new()?;
    authority.issue("first", &["first.test"])?;
    let named = format!("tls.certificates=[{}]", authority.setting("first"));
    // Of the name that clients are given, not of any: `localhost` is shown ours.
    for (hosts, is_ours) in [("hosts=[\"first.test\"]", false), ("hosts=[]", true)] {
        let natter = Natter::start(&[&named, hosts]).await?;
        let config = natter.sdk_config(1, false)?;
        let banner = fs::read_to_string(natter.log())?;
        let url = format!("http://localhost:{}/ca.pem", natter.ports.rest_plain);
        let answer = http()?.get(url).send().await?;
        ensure!(banner.contains("NODE_EXTRA_CA_CERTS") == is_ours, "{banner}");
        if is_ours {
            ensure!(config["ca"].as_str() == natter.ca().to_str() && answer.status() == 200, "{config}");
            ensure!(answer.bytes().await? == fs::read(natter.ca())?, "another CA");
        } else {
            ensure!(config["ca"].is_null() && answer.status() == 404, "{config}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_name_gets_its_certificate_at_every_door_and_a_change_drops_no_stream() {
    replace_under_streams().await.unwrap();
}

async fn replace_under_streams() -> Result<()> {
    let authority = Authority::new()?;
    authority.issue("first", &["first.test", "127.0.0.1"])?;
    authority.issue("chat", &["chat.example.net"])?;
    authority.issue("wild", &["*.example.net"])?;
    let named = ["first", "chat", "wild"].map(|name| authority.setting(name)).join(", ");
    let natter = Natter::start(&[&format!("tls.certificates=[{named}]"), "tls.reload_s=0"]).await?;
    let tls = authority.trusting_too(&natter.ca())?;
    let shown = |name: &'static str| shown_at_every_door(&natter, &tls, name);
    for (name, expected) in [("chat.example.net", "chat"), ("api.example.net", "wild"), ("127.0.0.1", "first")] {
        ensure!(shown(name).await? == authority.der(expected)?, "another certificate than {expected} for {name}");
    }
    let own = shown("localhost").await?;
    ensure!(["first", "chat", "wild"].iter().all(|name| authority.der(name).is_ok_and(|der| der != own)), "the first start's");

    let rest = Rest::of(&natter, 1)?;
    let (ann, bob) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?);
    let mut web = Client::connect(natter.ports.wss, &tls, &ann.account, true).await?;
    let mut tcp = Raw::signed_in(Over::Tcp, natter.ports.tcp, &bob.account).await?;

    // Mismatched: the earlier one stays, it is told once, and the streams know nothing of it.
    let earlier = authority.der("chat")?;
    let key = fs::read(authority.path("chat.key"))?;
    authority.issue("chat", &["chat.example.net"])?;
    let next_key = fs::read(authority.path("chat.key"))?;
    fs::write(authority.path("chat.key"), key)?;
    for _ in 0..2 {
        natter.hang_up()?;
    }
    wait_for(&natter, "natter_tls_reloads_failed_total 1\n").await?;
    ensure!(shown("chat.example.net").await? == earlier);
    fs::write(authority.path("chat.key"), next_key)?;
    natter.hang_up()?;
    wait_for(&natter, "natter_tls_reloads_total 1\n").await?;
    let text = metrics(&natter).await?;
    ensure!(
        text.contains("natter_tls_reloads_failed_total 1\n") && text.contains("natter_tls_certificates_refused 0\n"),
        "{text}"
    );
    for name in ["chat.example.net", "first.test", "*.example.net", "localhost"] {
        ensure!(text.contains(&format!("natter_tls_certificate_ends_seconds{{name=\"{name}\"}} ")), "no {name} in {text}");
    }
    let log = fs::read_to_string(natter.log())?;
    ensure!(log.matches("a changed certificate cannot be used").count() == 1, "{log}");
    ensure!(log.contains("chat.key does not belong to the certificate in"), "{log}");

    let changed = shown("chat.example.net").await?;
    ensure!(changed == authority.der("chat")? && changed != earlier, "the next one is shown");
    web.send(message(&bob.account, &numbered(1), "still here")).await?;
    web.send(ASK.into()).await?;
    web.expect("<a ").await?;
    tcp.expect("still here").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_swapped_as_kubernetes_does_is_taken_up_without_a_signal() {
    swap_folder().await.unwrap();
}

async fn swap_folder() -> Result<()> {
    let authority = Authority::new()?;
    let folder = authority.folder.path().join("secret");
    for name in ["old", "new"] {
        fs::create_dir_all(folder.join(name))?;
        authority.issue(&format!("secret/{name}/tls"), &["chat.example.net"])?;
    }
    symlink("old", folder.join("..data"))?;
    symlink("..data/tls.pem", folder.join("tls.pem"))?;
    symlink("..data/tls.key", folder.join("tls.key"))?;
    let setting = format!("tls.certificates=[{}]", authority.setting("secret/tls"));
    let natter = Natter::start(&[&setting, "tls.reload_s=1"]).await?;
    let tls = authority.trusting_too(&natter.ca())?;
    ensure!(shown_at_every_door(&natter, &tls, "chat.example.net").await? == authority.der("secret/old/tls")?);
    symlink("new", folder.join("..data.next"))?;
    fs::rename(folder.join("..data.next"), folder.join("..data"))?;
    wait_for(&natter, "natter_tls_reloads_total 1\n").await?;
    ensure!(shown_at_every_door(&natter, &tls, "chat.example.net").await? == authority.der("secret/new/tls")?);
    let text = metrics(&natter).await?;
    ensure!(text.contains("natter_tls_reloads_failed_total 0\n"), "both files are swapped at once: {text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_further_host_leaves_the_certificate_that_an_operator_brought() {
    keep_brought().await.unwrap();
}

async fn keep_brought() -> Result<()> {
    let authority = Authority::new()?;
    authority.issue("own", &["chat.example.net"])?;
    let mut natter = Natter::start(&[]).await?;
    let tls = authority.trusting_too(&natter.ca())?;
    let place = |name: &str| natter.data().join("tls").join(name);
    let (cert, key) = (place("cert.pem"), place("cert.key"));
    fs::copy(authority.path("own.pem"), &cert)?;
    fs::copy(authority.path("own.key"), &key)?;
    for hosts in ["chat.example.net", "other.example.net"] {
        natter.restart_with(&[&format!("hosts=[\"{hosts}\"]")]).await?;
        ensure!(shown_at_every_door(&natter, &tls, "chat.example.net").await? == authority.der("own")?, "{hosts}");
        ensure!(
            fs::read(&cert)? == fs::read(authority.path("own.pem"))? && fs::read(&key)? == fs::read(authority.path("own.key"))?
        );
    }
    let doctor = natter.output(&["doctor"])?;
    let text = String::from_utf8(doctor.stdout)?;
    ensure!(text.contains("fail  names         the certificate does not carry other.example.net"), "{text}");
    Ok(())
}

#[tokio::test]
async fn the_doctor_names_certificates_that_end_soon_or_do_not_fit_their_key() {
    examine().await.unwrap();
}

async fn examine() -> Result<()> {
    let authority = Authority::new()?;
    authority.issue("good", &["good.test"])?;
    authority.issue("soon", &["soon.test"])?;
    authority.issue_for("soon", &["soon.test"], Duration::from_secs(3 * 24 * 3600 + 12 * 3600))?;
    authority.issue("odd", &["odd.test"])?;
    fs::copy(authority.path("good.key"), authority.path("odd.key"))?;
    let natter = Natter::start(&[]).await?;
    let named = ["good", "soon", "odd"].map(|name| authority.setting(name)).join(", ");
    let output = natter.output(&["--set", &format!("tls.certificates=[{named}]"), "doctor"])?;
    let text = String::from_utf8(output.stdout)?;
    let line = |name: &str| text.lines().find(|line| line.contains(name)).with_context(|| format!("no {name} in\n{text}"));
    ensure!(line("good.pem")?.starts_with("ok    certificate"), "{text}");
    ensure!(line("soon.pem")?.starts_with("warn  certificate") && line("soon.pem")?.contains("in 3 days"), "{text}");
    ensure!(line("odd.key")?.starts_with("fail  certificate") && line("odd.key")?.contains("does not belong"), "{text}");
    ensure!(output.status.code() == Some(1), "{}", output.status);
    Ok(())
}

// === helpers ===

/// An authority of the operator's, and the certificates that it issued, in a folder.
struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Result<Authority> {
        let folder = tempfile::tempdir()?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        fs::write(folder.path().join("ca.pem"), params.self_signed(&key)?.pem())?;
        Ok(Authority { folder, issuer: Issuer::new(params, key) })
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Writes `NAME.pem` and `NAME.key`, for a year.
    fn issue(&self, name: &str, subjects: &[&str]) -> Result<()> {
        self.issue_for(name, subjects, Duration::from_secs(365 * 24 * 3600))
    }

    fn issue_for(&self, name: &str, subjects: &[&str], life: Duration) -> Result<()> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(subjects.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
        params.not_before = std::time::SystemTime::now().into();
        params.not_after = params.not_before + life;
        fs::write(self.path(&format!("{name}.pem")), params.signed_by(&key, &self.issuer)?.pem())?;
        fs::write(self.path(&format!("{name}.key")), key.serialize_pem())?;
        Ok(())
    }

    /// The pair as it stands in `tls.certificates`.
    fn setting(&self, name: &str) -> String {
        let path = |kind: &str| self.path(&format!("{name}.{kind}"));
        format!("{{ cert = {:?}, key = {:?} }}", path("pem"), path("key"))
    }

    fn der(&self, name: &str) -> Result<Vec<u8>> {
        use rustls_pki_types::pem::PemObject;
        Ok(rustls_pki_types::CertificateDer::from_pem_file(self.path(&format!("{name}.pem")))?.to_vec())
    }

    /// A client that trusts this authority and the CA of a first start.
    fn trusting_too(&self, ca: &Path) -> Result<TlsConnector> {
        let both = self.path("both.pem");
        fs::write(&both, fs::read_to_string(self.path("ca.pem"))? + &fs::read_to_string(ca)?)?;
        trusting(&both)
    }
}

/// The certificate that a client gets who asks for this name; the same at REST, XMPP over TLS, with STARTTLS, and WebSocket.
async fn shown_at_every_door(natter: &Natter, tls: &TlsConnector, name: &str) -> Result<Vec<u8>> {
    let ports = natter.ports;
    let mut found = Vec::new();
    for port in [ports.rest, ports.tls, ports.wss, ports.tcp] {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await?;
        if port == ports.tcp {
            start_tls(&mut socket).await?;
        }
        let name = ServerName::try_from(name.to_owned())?;
        let stream = tls.connect(name, socket).await.with_context(|| format!("no handshake on {port}"))?;
        let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).context("no certificate")?;
        found.push(leaf.to_vec());
    }
    found.dedup();
    ensure!(found.len() == 1, "the doors differ for {name}");
    Ok(found.remove(0))
}

async fn start_tls(socket: &mut TcpStream) -> Result<()> {
    for (said, expected) in [(HEADER, "</stream:features>"), ("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<proceed")]
    {
        socket.write_all(said.as_bytes()).await?;
        let mut heard = String::new();
        while !heard.contains(expected) {
            let mut bytes = [0; 1024];
            let read = socket.read(&mut bytes).await?;
            ensure!(read > 0, "the end instead of {expected}, after {heard}");
            heard.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }
    Ok(())
}

async fn wait_for(natter: &Natter, line: &str) -> Result<()> {
    let started = Instant::now();
    loop {
        let text = metrics(natter).await?;
        if text.contains(line) {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            bail!("no {line} in {text}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
