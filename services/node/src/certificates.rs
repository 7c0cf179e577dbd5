//! The CA and the certificate that a first start makes, and the TLS settings made of them. Certificates an operator brings
//! are read the same way: a chain and a key in PEM.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
    date_time_ymd,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::data::write_private;

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
    /// `hosts` names something that the last one does not carry. Names given once are kept.
    pub fn prepare(folder: &Path, hosts: &[String]) -> Result<Certificates> {
        let this = Certificates::at(folder);
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        if !this.ca.exists() {
            this.make_ca()?;
        }
        let mut names = this.names();
        let missing: Vec<&str> = NAMES
            .into_iter()
            .chain(hosts.iter().map(String::as_str))
            .filter(|name| !names.iter().any(|known| known == name))
            .collect();
        if !missing.is_empty() {
            names.extend(missing.into_iter().map(str::to_owned));
            this.make_certificate(&names)?;
        }
        Ok(this)
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

    /// TLS 1.2 and 1.3 with session tickets. `protocols` are the ALPN names, most wanted first.
    pub fn server_config(&self, protocols: &[&str]) -> Result<Arc<rustls::ServerConfig>> {
        let key =
            PrivateKeyDer::from_pem_file(&self.key).with_context(|| format!("cannot read a key from {}", self.key.display()))?;
        let mut config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(self.chain()?, key)?;
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
        Ok(Arc::new(config))
    }

    /// The certificate that clients are shown, and those between it and its CA.
    pub fn chain(&self) -> Result<Vec<CertificateDer<'static>>> {
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
        fs::write(&self.ca, certificate.pem()).with_context(|| format!("cannot write {}", self.ca.display()))
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
        write_private(&self.key, key.serialize_pem().as_bytes())?;
        fs::write(&self.chain, certificate.pem()).with_context(|| format!("cannot write {}", self.chain.display()))?;
        fs::write(&self.names, names.join("\n") + "\n").with_context(|| format!("cannot write {}", self.names.display()))
    }
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
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        more.server_config(&[]).unwrap();
    }

    #[test]
    fn a_host_with_a_port_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = Certificates::prepare(folder.path(), &["chat.example.net:5291".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("without a port"), "{error}");
    }
}
