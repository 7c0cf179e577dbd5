//! What becomes of changed files.

use std::fs;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;

#[test]
fn a_changed_pair_is_shown_and_one_that_cannot_be_used_leaves_the_earlier_one_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (pair(folder.path(), "a"), pair(folder.path(), "b"));
    let (made_first, made_second) = (make(&["a.test", "*.both.test"], 2030), make(&["b.test"], 2031));
    made_first.write(&first);
    made_second.write(&second);
    let metrics = natter_telemetry::Metrics::new();
    let options = Options { certificates: vec![first.clone()], reload_s: 0 };
    let tls = Tls::open(&options, second.clone(), &metrics).unwrap();
    let shown = |name: &str| tls.shown.0.read().keys[tls.shown.0.read().choice.of(Some(name))].cert[0].to_vec();
    let counts = |reloads: u32, failed: u32, refused: u32| {
        let text = metrics.encode();
        for line in [
            format!("natter_tls_reloads_total {reloads}\n"),
            format!("natter_tls_reloads_failed_total {failed}\n"),
            format!("natter_tls_certificates_refused {refused}\n"),
        ] {
            assert!(text.contains(&line), "no {line} in {text}");
        }
    };
    assert_eq!((shown("a.test"), shown("x.both.test"), shown("b.test")), (made_first.der(), made_first.der(), made_second.der()));
    assert!(
        metrics.encode().contains("natter_tls_certificate_ends_seconds{name=\"a.test\"} 1893456000\n"),
        "{}",
        metrics.encode()
    );
    tls.look();
    counts(0, 0, 0);

    // Half written, mismatched, gone: each is told once, however often it is looked at.
    let next = make(&["c.test"], 2032);
    let half = next.cert[..next.cert.len() / 2].to_owned();
    for (round, content) in [(1, Some(half)), (2, Some(next.cert.clone())), (3, None), (4, Some(String::new()))] {
        match content {
            Some(content) => fs::write(&first.cert, content).unwrap(),
            None => fs::remove_file(&first.cert).unwrap(),
        }
        tls.look();
        tls.look();
        assert_eq!((shown("a.test"), shown("b.test")), (made_first.der(), made_second.der()), "{round}");
        counts(0, round, 1);
    }
    next.write(&first);
    tls.look();
    assert_eq!((shown("c.test"), shown("a.test"), shown("b.test")), (next.der(), next.der(), made_second.der()));
    counts(1, 4, 0);
    let text = metrics.encode();
    assert!(text.contains("{name=\"c.test\"} 1956528000\n") && !text.contains("{name=\"a.test\"}"), "{text}");
}

#[test]
fn a_pair_that_went_bad_and_came_back_is_no_change() {
    let folder = tempfile::tempdir().unwrap();
    let pair = pair(folder.path(), "a");
    let made = make(&["a.test"], 2030);
    made.write(&pair);
    let metrics = natter_telemetry::Metrics::new();
    let tls = Tls::open(&Options::default(), pair.clone(), &metrics).unwrap();
    for round in 1..3 {
        fs::write(&pair.key, "").unwrap();
        tls.look();
        made.write(&pair);
        tls.look();
        let text = metrics.encode();
        assert!(text.contains(&format!("reloads_failed_total {round}\n")) && text.contains("reloads_total 0\n"), "{text}");
        assert!(text.contains("certificates_refused 0\n"), "{text}");
    }
}

#[test]
fn a_start_without_a_usable_pair_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (pair(folder.path(), "good"), pair(folder.path(), "bad"));
    make(&["a.test"], 2030).write(&good);
    let (one, other) = (make(&["b.test"], 2030), make(&["b.test"], 2030));
    let opened = || {
        let options = Options { certificates: vec![bad.clone()], ..Options::default() };
        let opened = Tls::open(&options, good.clone(), &natter_telemetry::Metrics::new());
        opened.err().map(|error| format!("{error:#}")).unwrap_or_default()
    };
    assert!(opened().contains("cannot read") && opened().contains("bad.pem"), "{}", opened());
    fs::write(&bad.cert, &one.cert).unwrap();
    fs::write(&bad.key, &other.key).unwrap();
    assert!(opened().contains("bad.key does not belong to the certificate in"), "{}", opened());
    fs::write(&bad.cert, &one.key).unwrap();
    assert!(opened().contains("there is no certificate in"), "{}", opened());
    one.write(&bad);
    assert_eq!(opened(), "");
}

struct Made {
    cert: String,
    key: String,
}

impl Made {
    fn write(&self, pair: &Pair) {
        fs::write(&pair.cert, &self.cert).unwrap();
        fs::write(&pair.key, &self.key).unwrap();
    }

    fn der(&self) -> Vec<u8> {
        use rustls_pki_types::pem::PemObject;
        rustls_pki_types::CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap().to_vec()
    }
}

// A certificate that ends with the first second of a year.
fn make(names: &[&str], until: i32) -> Made {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(until, 1, 1));
    Made { cert: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

fn pair(folder: &Path, name: &str) -> Pair {
    Pair { cert: folder.join(format!("{name}.pem")), key: folder.join(format!("{name}.key")) }
}
