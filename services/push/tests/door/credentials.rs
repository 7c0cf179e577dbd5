//! Credentials of apps: kept, shown, chosen, refused by a provider, replaced; and keys that are not there.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use futures::future::join_all;
use natter_proto::Code;
use natter_proto::dialog::v1::DialogKind;
use natter_proto::push::v1::secret::Of;
use natter_proto::push::v1::*;
use natter_push::provider::{Outcome, VapidPair};
use natter_push::{Keys, Options};
use prost::Message;
use rcgen::{CertificateParams, date_time_ymd};

use crate::kit::*;

const PAIR: u8 = 0xaa;

#[tokio::test(start_paused = true)]
async fn what_was_put_is_shown_and_its_secret_is_not() {
    let door = Door::start();
    let (key, pair) = (apple_key(), VapidPair::generate().unwrap());
    let certificate = certificate(2036);
    let subject = "mailto:ops@verona.test".to_owned();
    let vapid = VapidSecret { private_key: pair.private.clone(), subject };
    let secrets = [
        (apns_secret(&key), "org.x"),
        (Secret { of: Some(Of::ApnsCertificate(ApnsCertificateSecret { pem: certificate.clone() })) }, ""),
        (fcm_secret(), ""),
        (Secret { of: Some(Of::Vapid(vapid)) }, ""),
    ];
    for (secret, topic) in &secrets {
        let put = door.put(APP, topic, secret.clone()).await.unwrap();
        assert_eq!((put.app, put.topic.as_str(), put.problem.as_str()), (APP, *topic, ""));
    }
    let shown = door.shown(APP).await.unwrap();
    let kinds: Vec<Kind> = shown.iter().map(Credential::kind).collect();
    assert_eq!(kinds, [Kind::ApnsToken, Kind::ApnsCertificate, Kind::Fcm, Kind::Vapid]);
    assert_eq!((shown[0].key_id.as_str(), shown[0].team_id.as_str()), ("ABCDE12345", "TEAM123456"));
    assert_eq!((shown[0].topic.as_str(), shown[0].expires_at, shown[1].expires_at), ("org.x", 0, 2_082_758_400_000));
    assert_eq!((shown[2].project.as_str(), shown[2].email.as_str()), ("verona", "push@verona.test"));
    assert_eq!((shown[3].subject.as_str(), &shown[3].public_key), ("mailto:ops@verona.test", &pair.public));
    assert!(shown.iter().all(|one| one.fingerprint.len() == 64 && one.set_at >= START_MS));
    let prints: BTreeSet<_> = shown.iter().map(|one| one.fingerprint.clone()).collect();
    assert_eq!(prints.len(), 4);
    // Neither what is shown nor a row has a part of a secret, and the same again replaces.
    let lines = |text: &str| text.lines().filter(|line| line.len() > 40).map(str::to_owned).collect::<Vec<_>>();
    let secret_lines = [lines(&key), lines(&certificate), vec![pair.private]].concat();
    let rows = door.db.scan(natter_db::Table("push_credentials"), natter_db::KeyRange::prefix([]), 9).await.unwrap();
    let told = shown.iter().flat_map(Message::encode_to_vec).chain(rows.iter().flat_map(|(_, row)| row.to_vec()));
    let told = String::from_utf8_lossy(&told.collect::<Vec<u8>>()).into_owned();
    assert!(secret_lines.len() > 3 && rows.len() == 1);
    assert!(secret_lines.iter().all(|line| !told.contains(line.as_str())));
    door.put(APP, "org.x", secrets[0].0.clone()).await.unwrap();
    assert_eq!(door.shown(APP).await.unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_named_and_nothing_is_kept() {
    let door = Door::start();
    let good = apple_key();
    let token = |key_pem: &str, key_id: &str, team_id: &str| {
        let of = ApnsTokenSecret { key_pem: key_pem.into(), key_id: key_id.into(), team_id: team_id.into() };
        Secret { of: Some(Of::ApnsToken(of)) }
    };
    let (fcm, web) = (
        |text: &str| Secret { of: Some(Of::Fcm(FcmSecret { service_account: text.into() })) },
        |key: &str, subject: &str| Secret {
            of: Some(Of::Vapid(VapidSecret { private_key: key.into(), subject: subject.into() })),
        },
    );
    let by_certificate = |pem: String| Secret { of: Some(Of::ApnsCertificate(ApnsCertificateSecret { pem })) };
    for (topic, secret, field) in [
        ("", token("no key", "ABCDE12345", "TEAM123456"), "key"),
        ("", token(&good, "short", "TEAM123456"), "key_id"),
        ("", token(&good, "ABCDE12345", "short"), "team_id"),
        ("org x", token(&good, "ABCDE12345", "TEAM123456"), "topic"),
        ("org.x.voip", token(&good, "ABCDE12345", "TEAM123456"), "topic"),
        ("", by_certificate("none".into()), "certificate"),
        ("", by_certificate(certificate(2020)), "certificate"),
        ("", fcm("{}"), "service_account"),
        ("", fcm(&"x".repeat(40_000)), "service_account"),
        ("org.x", fcm_secret(), "topic"),
        ("", web("AA", ""), "private_key"),
        ("", web(&VapidPair::generate().unwrap().private, "ops@verona.test"), "subject"),
        ("", Secret::default(), "kind"),
    ] {
        let failure = door.put(APP, topic, secret).await.unwrap_err();
        assert_eq!((failure.code, failure.field.as_str()), (Code::Invalid, field), "{failure}");
        assert!(!failure.text.contains("no key at"), "{failure}");
    }
    door.world.gone.lock().insert(9);
    assert_eq!(door.put(9, "", fcm_secret()).await.unwrap_err().code, Code::NotFound);
    assert_eq!(look(&door).await.sealed, 0);
}

#[tokio::test(start_paused = true)]
async fn an_app_has_so_many_and_no_more() {
    let door = Door::with(Options { credentials_per_app_max: 2, ..Options::default() });
    let secret = apns_secret(&apple_key());
    for topic in ["org.x", "org.y", "org.x"] {
        door.put(APP, topic, secret.clone()).await.unwrap();
    }
    let failure = door.put(APP, "org.z", secret).await.unwrap_err();
    assert_eq!((failure.code, failure.field.as_str()), (Code::Invalid, "credentials"));
}

#[tokio::test(start_paused = true)]
async fn every_app_has_one_pair_whoever_asks_first_and_however_often() {
    let door = Door::start();
    let all = join_all((0..40).map(|_| door.shown(APP))).await;
    let keys: BTreeSet<String> = all.into_iter().map(|shown| shown.unwrap()[0].public_key.clone()).collect();
    assert_eq!(keys.len(), 1, "of all who ask at once");
    let key = keys.into_iter().next().unwrap();
    assert!(key.len() == 87 && door.shown(APP + 1).await.unwrap()[0].public_key != key);
    let door = door.killed().await;
    let shown = door.shown(APP).await.unwrap();
    assert_eq!((shown.len(), &shown[0].public_key, shown[0].subject.as_str()), (1, &key, "https://localhost"));
    // An alert goes with the same.
    let browser = web_device(BOB);
    door.without.lock().insert(APP);
    door.subscribe(browser).await.unwrap();
    door.dialog(PAIR, DialogKind::Private, &[ANN, BOB]);
    door.says(PAIR, 1, "hi").await;
    door.pass(0).await;
    assert_eq!(door.providers.sent.lock()[0].fingerprint, shown[0].fingerprint);
    let forget = DeleteCredentialRequest { app: APP, kind: Kind::Vapid.into(), ..Default::default() };
    answer(door.credentials.clone().delete(forget).await).unwrap();
    assert!(door.shown(APP).await.unwrap()[0].public_key != key, "another one");
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_has_no_credentials_says_so_and_costs_nobody_else() {
    let door = Door::start();
    door.without.lock().insert(APP);
    let request = PutCredentialRequest {
        app: APP,
        topic: "org.x".into(),
        environment: Environment::Production.into(),
        secret: Some(apns_secret(&apple_key())),
    };
    answer(door.credentials.clone().put(request).await).unwrap();
    door.dialog(PAIR, DialogKind::Private, &[ANN, BOB]);
    let foreign = SubscribeRequest { bundle: "org.evil".into(), udid: "other".into(), ..iphone(BOB, "foreign") };
    let right = SubscribeRequest { environment: Environment::Production.into(), udid: "right".into(), ..iphone(BOB, "right") };
    for device in [foreign, iphone(BOB, "developer"), android(BOB, "b"), right] {
        door.subscribe(device).await.unwrap();
    }
    for seq in [1, 2] {
        door.says(PAIR, seq, "hi").await;
        door.pass(1_000_000).await;
        let answers: Vec<String> = door.journal(PAIR, seq).await.into_iter().map(|(_, _, answer)| answer).collect();
        let none = "refused no credentials for the channel";
        assert_eq!(answers, [none, "refused environment differs", none, "accepted p1"]);
        assert_eq!(door.sent().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_that_were_refused_rest_and_their_successors_are_tried_at_once() {
    let door = Door::start();
    door.dialog(PAIR, DialogKind::Private, &[ANN, BOB]);
    door.subscribe(iphone(BOB, "i")).await.unwrap();
    door.answers([Outcome::Credentials { status: Some(403), reason: "InvalidProviderToken".into() }]);
    door.says(PAIR, 1, "hi").await;
    door.pass(0).await;
    let refused = door.providers.sent.lock()[0].fingerprint.clone();
    door.says(PAIR, 2, "hi").await;
    door.pass(1_000).await;
    assert_eq!(door.sent().len(), 1, "they rest");
    let better = door.put(APP, "", apns_secret(&apple_key())).await.unwrap();
    door.pass(0).await;
    let sent = door.providers.sent.lock().clone();
    assert_eq!(sent.len(), 2, "both alerts, without a wait");
    assert!(sent.iter().all(|one| one.fingerprint == better.fingerprint && one.fingerprint != refused));
    assert_eq!(door.journal(PAIR, 2).await.last().unwrap().2, "accepted p1");
}

#[tokio::test(start_paused = true)]
async fn without_the_key_all_waits_and_nothing_is_made_anew() {
    let door = Door::start();
    door.dialog(PAIR, DialogKind::Private, &[ANN, BOB]);
    door.subscribe(iphone(BOB, "i")).await.unwrap();
    door.subscribe(web_device(BOB)).await.unwrap();
    let public = door.shown(APP).await.unwrap()[2].public_key.clone();
    let key = look(&door).await.key;

    let door = door.killed_and_given(Keys::absent("cannot read push.key")).await;
    door.says(PAIR, 1, "hi").await;
    door.pass(0).await;
    assert_eq!(door.sent(), []);
    let why = "no key for push credentials: cannot read push.key";
    for (_, _, answer) in door.journal(PAIR, 1).await {
        assert_eq!(answer, format!("credentials {why}"));
    }
    let failure = door.put(APP, "", fcm_secret()).await.unwrap_err();
    assert_eq!((failure.code, failure.text.as_str()), (Code::NotStored, why));
    let found = look(&door).await;
    assert_eq!((found.key.as_str(), found.problem.as_str(), found.unusable.len()), ("", why, 3));

    let door = door.killed_and_given(Keys::new([8; 32], &[])).await;
    let shown = door.shown(APP).await.unwrap();
    assert_eq!((shown.len(), &shown[2].public_key), (3, &public), "no pair is made in place of one that cannot be opened");
    assert_eq!(shown[2].problem, format!("they are sealed with the key {key}, which is not here"));
    assert_eq!((look(&door).await.problem.as_str(), look(&door).await.unusable.len()), ("", 3));

    let door = door.killed_and_given(Keys::new([8; 32], &[[7; 32]])).await;
    door.pass(120_000).await;
    assert_eq!(door.sent().len(), 2, "with the older key beside a new one, what waited goes");
    assert!(door.shown(APP).await.unwrap().iter().all(|one| one.problem.is_empty()));
    let found = look(&door).await;
    assert!((found.unusable.len(), found.sealed) == (0, 3) && found.key != key);

    let door = door.killed_and_given(Keys::new([8; 32], &[])).await;
    let shown = door.shown(APP).await.unwrap();
    assert!(shown.iter().all(|one| one.problem.is_empty()), "what the older key sealed was sealed anew");
    assert_eq!(shown[2].public_key, public);
}

#[tokio::test(start_paused = true)]
async fn certificates_that_end_soon_are_told() {
    let door = Door::start();
    for (topic, year) in [("org.x", 2024), ("org.y", 2036)] {
        let pem = certificate(year);
        door.put(APP, topic, Secret { of: Some(Of::ApnsCertificate(ApnsCertificateSecret { pem })) }).await.unwrap();
    }
    let found = look(&door).await;
    let topics: Vec<&str> = found.ending.iter().map(|one| one.topic.as_str()).collect();
    assert_eq!(topics, ["org.x"]);
}

async fn look(door: &Door) -> LookReply {
    answer(door.credentials.clone().look(LookRequest { ends_within_ms: 90 * 24 * 60 * 60 * 1_000 }).await).unwrap()
}

/// A certificate and its key that end with the first day of a year.
fn certificate(year: i32) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["push".to_owned()]).unwrap();
    params.not_after = date_time_ymd(year, 1, 1);
    format!("{}{}", params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// A browser, with the keys of RFC 8291, 5.
fn web_device(user: u64) -> SubscribeRequest {
    let web = WebTarget {
        endpoint: "https://push.example.net/send/abc".into(),
        p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4".into(),
        auth: "BTBZMqHH6r4Tts7J_aSIgg".into(),
    };
    let (channel, platform) = (Channel::Web.into(), Platform::Web.into());
    SubscribeRequest { channel, platform, web: Some(web), token: String::new(), ..android(user, "") }
}
