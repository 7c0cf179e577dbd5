//! A certificate whose time is over, signed by the authority that clients trust.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{CertificateParams, Issuer, KeyPair, SanType, date_time_ymd};

/// The pair of files that the doors show, while they hold another pair than they should.
pub struct Replaced {
    cert: (PathBuf, Vec<u8>),
    key: (PathBuf, Vec<u8>),
}

impl Replaced {
    /// Puts one there that has ended. `folder`: with the authority and its key.
    pub fn by_an_expired_one(folder: &Path) -> Result<Replaced> {
        let kept = |name: &str| -> Result<(PathBuf, Vec<u8>)> {
            let path = folder.join(name);
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok((path, bytes))
        };
        let replaced = Replaced { cert: kept("cert.pem")?, key: kept("cert.key")? };
        let authority_key = KeyPair::from_pem(&fs::read_to_string(folder.join("ca.key"))?)?;
        let authority = Issuer::from_ca_cert_pem(&fs::read_to_string(folder.join("ca.pem"))?, authority_key)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![
            SanType::DnsName("localhost".try_into()?),
            SanType::IpAddress(IpAddr::from([127, 0, 0, 1])),
            SanType::IpAddress("::1".parse()?),
        ];
        (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2026, 2, 1));
        let certificate = params.signed_by(&key, &authority)?;
        fs::write(&replaced.cert.0, certificate.pem())?;
        fs::write(&replaced.key.0, key.serialize_pem())?;
        Ok(replaced)
    }

    /// Puts back what was there.
    pub fn put_back(self) -> Result<()> {
        for (path, bytes) in [self.cert, self.key] {
            fs::write(path, bytes)?;
        }
        Ok(())
    }
}
