//! What an operator may paste, and what he is told.
#![allow(clippy::unwrap_used)]

use rcgen::KeyPair;

use super::*;

#[test]
fn a_pair_for_web_push_is_whole_and_fresh() {
    let (one, two) = (VapidPair::generate().unwrap(), VapidPair::generate().unwrap());
    assert!(one != two);
    assert_eq!((from_base64(&one.private).unwrap().len(), from_base64(&one.public).unwrap().len()), (32, 65));
    let Credentials::Vapid(read) = Credentials::vapid(&one.private, "mailto:ops@example.test").unwrap() else { panic!() };
    assert_eq!(base64(read.key.public()), one.public);
    for subject in ["", "ops@example.test", "http://example.test"] {
        assert_eq!(Credentials::vapid(&one.private, subject).err(), Some(CredentialsError::VapidSubject));
    }
    for private in ["", "AA", &one.public, &base64(&[0; 32]), &base64(&[255; 32])] {
        assert_eq!(Credentials::vapid(private, "mailto:a@b").err(), Some(CredentialsError::VapidKey), "{private}");
    }
}

#[test]
fn a_key_from_apple_is_checked() {
    let pem = KeyPair::generate().unwrap().serialize_pem();
    let of = |pem: &str, key, team, topic| Credentials::apns_token(pem, key, team, topic).err();
    assert_eq!(of(&pem, "ABCDE12345", "TEAM123456", Some("org.x")), None);
    assert_eq!(of(&pem, "ABCDE12345", "TEAM123456", Some("")), None);
    assert_eq!(of("no key", "ABCDE12345", "TEAM123456", None), Some(CredentialsError::ApnsKey));
    let other = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap().serialize_pem();
    assert_eq!(of(&other, "ABCDE12345", "TEAM123456", None), Some(CredentialsError::ApnsKey));
    assert_eq!(of(&pem, "ABC", "TEAM123456", None), Some(CredentialsError::ApnsKeyId));
    assert_eq!(of(&pem, "ABCDE12345", "TEAM\r\n1234", None), Some(CredentialsError::ApnsTeamId));
    assert_eq!(of(&pem, "ABCDE12345", "TEAM123456", Some("org.x\r\n")), Some(CredentialsError::Topic));
}

#[test]
fn a_certificate_comes_with_its_key() {
    let made = rcgen::generate_simple_self_signed(vec!["push".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    assert!(Credentials::apns_certificate(&format!("{certificate}{key}"), None).is_ok());
    assert!(Credentials::apns_certificate(&format!("{key}{certificate}"), Some("org.x")).is_ok());
    let other = KeyPair::generate().unwrap().serialize_pem();
    assert_eq!(
        Credentials::apns_certificate(&format!("{certificate}{other}"), None).err(),
        Some(CredentialsError::CertificateKey)
    );
    let no_point = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(Credentials::apns_certificate(&format!("{no_point}{key}"), None).err(), Some(CredentialsError::Certificate));
    for half in [certificate.as_str(), key.as_str(), ""] {
        assert_eq!(Credentials::apns_certificate(half, None).err(), Some(CredentialsError::Certificate));
    }
}

#[test]
fn a_service_account_is_what_google_hands_out() {
    let of = |json: &str| Credentials::fcm(json).err();
    assert_eq!(of("no JSON"), Some(CredentialsError::ServiceAccount));
    assert_eq!(of(r#"{"project_id":"p","client_email":"e"}"#), Some(CredentialsError::ServiceAccount));
    let with = |project: &str, key: &str| {
        serde_json::json!({"project_id": project, "client_email": "e", "private_key": key}).to_string()
    };
    assert_eq!(of(&with("../p", "x")), Some(CredentialsError::ServiceAccount), "it stands in a path");
    assert_eq!(of(&with("p", "x")), Some(CredentialsError::ServiceAccountKey));
    let elliptic = KeyPair::generate().unwrap().serialize_pem();
    assert_eq!(of(&with("p", &elliptic)), Some(CredentialsError::ServiceAccountKey));
}

#[test]
fn what_may_be_shown_tells_keys_apart() {
    let (one, two) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let facts = |pem: &str| Credentials::apns_token(pem, "ABCDE12345", "TEAM123456", None).unwrap().facts();
    let of_one = facts(&one.serialize_pem());
    assert_eq!((of_one.key_id.as_str(), of_one.team_id.as_str(), of_one.expires_at), ("ABCDE12345", "TEAM123456", 0));
    assert_eq!(of_one.fingerprint, hash(one.public_key_raw()));
    assert!(of_one.fingerprint != facts(&two.serialize_pem()).fingerprint);
    let mut params = rcgen::CertificateParams::new(vec!["push".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2036, 1, 1);
    let certificate = params.self_signed(&one).unwrap();
    let pem = format!("{}{}", certificate.pem(), one.serialize_pem());
    let of_certificate = Credentials::apns_certificate(&pem, None).unwrap().facts();
    assert_eq!((of_certificate.expires_at, of_certificate.fingerprint), (2_082_758_400_000, hash(certificate.der())));
    let pair = VapidPair::generate().unwrap();
    assert_eq!(Credentials::vapid(&pair.private, "mailto:a@b").unwrap().facts().public_key, pair.public);
}

#[test]
fn secrets_are_not_shown() {
    let pair = VapidPair::generate().unwrap();
    let credentials = Credentials::vapid(&pair.private, "mailto:a@b").unwrap();
    let shown = format!("{pair:?} {credentials:?}");
    assert!(!shown.contains(&pair.private) && shown.contains(&pair.public), "{shown}");
}
