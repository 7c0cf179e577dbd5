//! A chain and its key, read from two files in PEM.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use super::Pair;

/// Largest file that is read, bytes. A chain has a few KiB.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A certificate that can be shown.
pub struct Held {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) content: Content,
    /// DNS names, in lower case.
    pub names: Vec<String>,
    /// Unix seconds.
    pub starts_at: i64,
    pub ends_at: i64,
}

impl Held {
    /// The certificate, and those that lead to its authority.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.key.cert
    }

    /// The certificate itself.
    pub fn leaf(&self) -> Option<&CertificateDer<'static>> {
        self.key.cert.first()
    }
}

/// What the two files hold, for telling one content from another; or why they cannot be read.
pub(super) type Content = Result<[u8; 32], String>;

/// Two files as they were at one look.
pub(super) struct Seen {
    files: Result<(Vec<u8>, Vec<u8>)>,
    pub content: Content,
}

/// Reads a pair as a start does.
///
/// # Errors
/// A file cannot be read, holds something else, or the key belongs to another certificate.
pub fn read(pair: &Pair) -> Result<Held> {
    Seen::at(pair).held(pair)
}

impl Seen {
    pub fn at(pair: &Pair) -> Seen {
        let files = bytes(&pair.cert).and_then(|chain| Ok((chain, bytes(&pair.key)?)));
        let content = match &files {
            Ok((chain, key)) => {
                let parts = [&chain.len().to_be_bytes()[..], chain, key];
                Ok(parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize().into())
            }
            Err(error) => Err(format!("{error:#}")),
        };
        Seen { files, content }
    }

    /// What can be shown.
    pub fn held(&self, pair: &Pair) -> Result<Held> {
        let (chain, key) = self.files.as_ref().map_err(|error| anyhow!("{error:#}"))?;
        let (cert_path, key_path) = (pair.cert.display(), pair.key.display());
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .with_context(|| format!("cannot read certificates from {cert_path}"))?;
        let Some(leaf) = chain.first() else { bail!("there is no certificate in {cert_path}") };
        let (starts_at, ends_at) =
            natter_x509::validity(leaf).with_context(|| format!("the certificate in {cert_path} has no dates"))?;
        let names = natter_x509::dns_names(leaf);
        let key = PrivateKeyDer::from_pem_slice(key).with_context(|| format!("cannot read a key from {key_path}"))?;
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                anyhow!("the key in {key_path} does not belong to the certificate in {cert_path}")
            }
            error => anyhow!(error).context(format!("cannot use {cert_path} with {key_path}")),
        })?;
        Ok(Held { key: Arc::new(key), content: self.content.clone(), names, starts_at, ends_at })
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    let read = || -> std::io::Result<Vec<u8>> {
        // A folder or a device has no size that means anything.
        let found = fs::metadata(path)?;
        if !found.is_file() || found.len() > FILE_BYTES_MAX {
            return Err(std::io::Error::other("this is no file of a certificate or key"));
        }
        fs::read(path)
    };
    read().with_context(|| format!("cannot read {}", path.display()))
}
