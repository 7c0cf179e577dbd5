//! The CA and the certificate that a first start makes. A pair that an operator put in their place is never written over; how
//! certificates are shown is decided in `tls.rs`.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
    date_time_ymd,
};
use rustls::RootCertStore;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::aws_lc_rs;
use rustls::server::ParsedCertificate;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tracing::warn;

use crate::data::{write_private, write_public};
use crate::tls::Pair;

/// Names every certificate made here carries.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Where the CA and the certificate lie. All of it is PEM.
#[derive(Clone, Debug)]
pub struct Certificates {
    pub ca: PathBuf,
    ca_key: PathBuf,
    chain: PathBuf,
    key: PathBuf,
    names: PathBuf,
}

impl Certificates {
    /// What lies under `folder`, or will.
    pub fn at(folder: &Path) -> Certificates {
        let at = |name: &str| folder.join(name);
        Certificates { ca: at("ca.pem"), ca_key: at("ca.key"), chain: at("cert.pem"), key: at("cert.key"), names: at("names") }
    }

    /// Finds the certificates under `folder`, and makes what is missing: a CA once, and a certificate signed by it whenever
    /// `hosts` names something that the last one does not carry. Names given once are kept. A certificate that this CA did not
    /// sign stays as it is.
    pub fn prepare(folder: &Path, hosts: &[String]) -> Result<Certificates> {
        let this = Certificates::at(folder);
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        if !this.ca.exists() {
            this.make_ca()?;
        }
        if this.is_brought() {
            this.warn_of_names(hosts);
            return Ok(this);
        }
        let mut names = this.names();
        let missing: Vec<&str> = NAMES
            .into_iter()
            .chain(hosts.iter().map(String::as_str))
            .filter(|name| !names.iter().any(|known| known == name))
            .collect();
        if !missing.is_empty() || !this.chain.exists() {
            names.extend(missing.into_iter().map(str::to_owned));
            this.make_certificate(&names)?;
        }
        Ok(this)
    }

    /// Whether an operator put a certificate or a key here. Invariant: what a start makes is signed by the CA beside it, and its
    /// certificate is written before its key.
    pub fn is_brought(&self) -> bool {
        match self.chain.exists() {
            true => !self.is_signed_here().unwrap_or_default(),
            false => self.key.exists(),
        }
    }

    fn is_signed_here(&self) -> Result<bool> {
        self.has_signed(&self.chain()?)
    }

    /// The CA, in PEM, that clients have to trust who are shown this chain; none if there is no CA, or it has not signed the chain: then
    /// clients are taken to know who has.
    pub fn authority_of(&self, chain: &[CertificateDer<'_>]) -> Option<String> {
        self.ca_pem().ok().filter(|_| self.has_signed(chain).unwrap_or_default())
    }

    // Its dates do not matter: one that has ended is still ours.
    fn has_signed(&self, chain: &[CertificateDer<'_>]) -> Result<bool> {
        let (leaf, between) = chain.split_first().context("the chain is empty")?;
        let (starts_at, _) = natter_x509::validity(leaf).context("no dates")?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.ca)?)?;
        let at = UnixTime::since_unix_epoch(Duration::from_secs(starts_at.try_into()?));
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms.all;
        let leaf = ParsedCertificate::try_from(leaf)?;
        Ok(verify_server_cert_signed_by_trust_anchor(&leaf, &roots, between, at, algorithms).is_ok())
    }

    fn warn_of_names(&self, hosts: &[String]) {
        let chain = self.chain().unwrap_or_default();
        for host in hosts.iter().filter(|host| !chain.first().is_some_and(|leaf| carries(leaf, host))) {
            warn!(cert = %self.chain.display(), %host, "the certificate was brought and stays, without this name");
        }
    }

    /// The names that the last certificate made here carries.
    pub fn names(&self) -> Vec<String> {
        fs::read_to_string(&self.names).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Whether a start was here: it finds a CA or makes one.
    pub fn are_made(&self) -> bool {
        self.ca.exists() || self.chain.exists()
    }

    /// The files that only their owner may read.
    pub fn secrets(&self) -> [PathBuf; 2] {
        [self.ca_key.clone(), self.key.clone()]
    }

    /// The CA in PEM, as clients import it.
    pub fn ca_pem(&self) -> Result<String> {
        fs::read_to_string(&self.ca).with_context(|| format!("cannot read {}", self.ca.display()))
    }

    /// The files that a door shows.
    pub fn pair(&self) -> Pair {
        Pair { cert: self.chain.clone(), key: self.key.clone() }
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>> {
        CertificateDer::pem_file_iter(&self.chain)
            .and_then(Iterator::collect)
            .with_context(|| format!("cannot read certificates from {}", self.chain.display()))
    }

    fn make_ca(&self) -> Result<()> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Natter local CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2046, 1, 1));
        let certificate = params.self_signed(&key)?;
        write_private(&self.ca_key, key.serialize_pem().as_bytes())?;
        write_public(&self.ca, certificate.pem().as_bytes())
    }

    fn make_certificate(&self, names: &[String]) -> Result<()> {
        let ca_key = KeyPair::from_pem(
            &fs::read_to_string(&self.ca_key).with_context(|| format!("cannot read {}", self.ca_key.display()))?,
        )?;
        let issuer = Issuer::from_ca_cert_pem(&self.ca_pem()?, ca_key)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Natter");
        params.subject_alt_names = names.iter().map(|name| subject(name)).collect::<Result<_>>()?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2036, 1, 1));
        let certificate = params.signed_by(&key, &issuer)?;
        write_public(&self.chain, certificate.pem().as_bytes())?;
        write_private(&self.key, key.serialize_pem().as_bytes())?;
        write_public(&self.names, (names.join("\n") + "\n").as_bytes())
    }
}

/// Whether a certificate is for this name or address.
pub fn carries(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let Ok(parsed) = ParsedCertificate::try_from(certificate) else { return false };
    ServerName::try_from(name).is_ok_and(|name| verify_server_name(&parsed, &name).is_ok())
}

fn subject(name: &str) -> Result<SanType> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    if name.is_empty() || name.contains([':', '/', '@', ' ']) {
        bail!("--host takes a name or an address without a port, not {name:?}");
    }
    Ok(SanType::DnsName(name.to_owned().try_into().with_context(|| format!("--host {name:?} is not a name"))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls;

    #[test]
    fn a_second_start_keeps_the_ca_and_adds_new_names() {
        let folder = tempfile::tempdir().unwrap();
        let first = Certificates::prepare(folder.path(), &[]).unwrap();
        let (ca, chain) = (first.ca_pem().unwrap(), fs::read(&first.chain).unwrap());
        let again = Certificates::prepare(folder.path(), &[]).unwrap();
        assert_eq!((again.ca_pem().unwrap(), fs::read(&again.chain).unwrap()), (ca.clone(), chain.clone()));
        let more = Certificates::prepare(folder.path(), &["chat.example.net".to_owned()]).unwrap();
        assert_eq!(more.ca_pem().unwrap(), ca);
        assert_ne!(fs::read(&more.chain).unwrap(), chain);
        let held = tls::read(&more.pair()).unwrap();
        assert!(NAMES.iter().chain(&["chat.example.net"]).all(|name| carries(held.leaf().unwrap(), name)), "{:?}", held.names);
    }

    #[test]
    fn what_an_operator_put_in_their_place_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let made = Certificates::prepare(folder.path(), &[]).unwrap();
        let key = KeyPair::generate().unwrap();
        let brought = CertificateParams::new(vec!["chat.example.net".to_owned()]).unwrap().self_signed(&key).unwrap();
        let files = || [fs::read(&made.chain).ok(), fs::read(&made.key).ok()];
        fs::write(&made.chain, brought.pem()).unwrap();
        fs::write(&made.key, key.serialize_pem()).unwrap();
        let before = files();
        for hosts in [&[][..], &["chat.example.net".to_owned()], &["other.example.net".to_owned()]] {
            assert!(Certificates::prepare(folder.path(), hosts).unwrap().is_brought());
            assert_eq!(files(), before);
        }
        // Half of a pair is his as well; without both a start makes its own again.
        fs::remove_file(&made.chain).unwrap();
        Certificates::prepare(folder.path(), &["other.example.net".to_owned()]).unwrap();
        assert_eq!(files(), [None, before[1].clone()]);
        fs::remove_file(&made.key).unwrap();
        assert!(!Certificates::prepare(folder.path(), &[]).unwrap().is_brought());
        tls::read(&made.pair()).unwrap();
    }

    #[test]
    fn a_start_that_was_killed_half_way_is_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let made = Certificates::prepare(folder.path(), &[]).unwrap();
        let old_key = fs::read(&made.key).unwrap();
        // The certificate is there, its key and its names are not, or are those of the one before.
        for key in [None, Some(old_key)] {
            Certificates::prepare(folder.path(), &["a.test".to_owned()]).unwrap();
            match key {
                Some(key) => fs::write(&made.key, key).unwrap(),
                None => fs::remove_file(&made.key).unwrap(),
            }
            fs::remove_file(&made.names).unwrap();
            assert!(tls::read(&made.pair()).is_err());
            Certificates::prepare(folder.path(), &[]).unwrap();
            tls::read(&made.pair()).unwrap();
        }
    }

    #[test]
    fn a_host_with_a_port_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = Certificates::prepare(folder.path(), &["chat.example.net:5291".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("without a port"), "{error}");
    }
}
