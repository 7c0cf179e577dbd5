//! Who is spoken to over TLS, and who is not. That calls are as good over it says the contract of links.

#![allow(clippy::unwrap_used)]

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::TcpListener;

use super::*;
use crate::contract::echo::{Echo, ask};
use crate::{Link, LinkOptions, Routes, Serving, serve_with};

/// A CA.
pub(crate) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { pem, issuer: Issuer::new(params, key) }
    }

    /// The chain and key of a process called `name`.
    fn signed(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// TLS of a process called `natter`.
    pub(crate) fn tls(&self) -> Tls {
        let (cert, key) = self.signed("natter");
        Tls::new(Pem { ca: self.pem.as_bytes(), cert: cert.as_bytes(), key: key.as_bytes() }, "natter").unwrap()
    }
}

#[tokio::test]
async fn who_has_no_certificate_of_the_ca_is_not_served_and_serves_nobody() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (cert, key) = theirs.signed("natter");
    // Trusts our server, and shows what another CA signed.
    let stranger = Tls::new(Pem { ca: ours.pem.as_bytes(), cert: cert.as_bytes(), key: key.as_bytes() }, "natter").unwrap();
    // Trusts our server, and shows nothing.
    let nobody = Tls {
        client: ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&ours.pem)).domain_name("natter"),
        ..ours.tls()
    };
    // One of ours that looks for another process.
    let (cert, key) = ours.signed("natter");
    let elsewhere = Tls::new(Pem { ca: ours.pem.as_bytes(), cert: cert.as_bytes(), key: key.as_bytes() }, "other").unwrap();

    let served = Arc::new(AtomicU32::new(0));
    let address = serving(ours.tls(), served.clone()).await;
    for tls in [stranger, nobody, theirs.tls(), elsewhere] {
        assert!(ask(&link("https", &address, Some(&tls)), "romeo").await.is_err());
    }
    assert!(ask(&link("http", &address, None), "romeo").await.is_err());
    assert_eq!(served.load(Ordering::Relaxed), 0);
    assert_eq!(ask(&link("https", &address, Some(&ours.tls())), "romeo").await.unwrap(), "romeo");
    assert_eq!(served.load(Ordering::Relaxed), 1);
}

#[test]
fn what_is_no_certificate_or_no_pair_is_said_at_once() {
    let ours = Authority::new();
    let ((cert, key), (_, other)) = (ours.signed("natter"), ours.signed("natter"));
    let tls =
        |ca: &str, cert: &str, key: &str| Tls::new(Pem { ca: ca.as_bytes(), cert: cert.as_bytes(), key: key.as_bytes() }, "");
    assert!(tls(&ours.pem, &cert, &key).is_ok());
    for (ca, cert, key) in [("no", &cert, &key), (&*ours.pem, &"no".to_owned(), &key), (&*ours.pem, &cert, &other)] {
        assert!(matches!(tls(ca, cert, key), Err(Error::Tls(_))), "{ca:.20} {cert:.20} {key:.20}");
    }
}

/// The address of a server that counts what it is asked.
async fn serving(tls: Tls, served: Arc<AtomicU32>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let echo = Echo::new(move |word| {
        served.fetch_add(1, Ordering::Relaxed);
        async { Ok(word) }
    });
    let serving = Serving { tls: Some(tls), ..Serving::default() };
    tokio::spawn(serve_with(listener, Routes::new(echo), serving, pending()));
    address
}

fn link(scheme: &str, address: &str, tls: Option<&Tls>) -> Link {
    let options = LinkOptions { deadline: Duration::from_secs(20) };
    Link::channel_with(&format!("{scheme}://{address}"), tls, options).unwrap()
}
