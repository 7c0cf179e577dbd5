//! The pages about push credentials: what may be shown, putting and removing, and that no secret comes back.

use natter_proto::push::v1::secret::Of;
use natter_proto::push::v1::{Environment, Kind};
use natter_proto::{Code, Failure};

use crate::pages::with_app;

const PAGE: &str = "/console/apps/77/push";

#[tokio::test]
async fn what_may_be_shown_is_listed_and_what_ended_is_warned_of() {
    let console = with_app("Shop").await;
    let (_, body) = console.page(PAGE).await;
    for part in [
        "APNs certificate, org.x, development: ended (<time",
        r#"<span class="badge fail">ended</span>"#,
        "<code>f0</code>",
        r#"<code class="copy">BPub</code>"#,
        "cannot be used",
        "no key.",
        "/push/apns_certificate/remove?topic=org.x&amp;environment=development",
    ] {
        assert!(body.contains(part), "no {part} in {body}");
    }
    console.stop().await;
}

#[tokio::test]
async fn each_kind_is_put_by_its_form_and_no_secret_comes_back() {
    let console = with_app("Shop").await;
    for (kind, form) in [
        ("apns_token", "key=s3cret%0D%0Aline&key_id=K&team_id=T&topic=org.x&environment=production"),
        ("apns_certificate", "certificate=s3cret&topic=&environment=both"),
        ("fcm", "service_account=%7B%22private_key%22%3A%22s3cret%22%7D"),
        ("vapid", "private_key=s3cret&subject=mailto%3Aa%40b&known=on"),
    ] {
        let path = format!("{PAGE}/{kind}");
        let (head, body) = console.page(&path).await;
        assert!(head.starts_with("HTTP/1.1 200 ") && body.contains("data-file"), "{kind}: {body}");
        let (head, body) = console.form(&path, form).await;
        assert!(head.contains("location: /console/apps/77/push?done=credentials-saved"), "{kind}: {head}\n{body}");
    }
    let put = console.asked().put.clone();
    assert!(put.iter().all(|request| request.app == 77));
    assert_eq!(
        (put[0].topic.as_str(), put[0].environment(), put[1].environment()),
        ("org.x", Environment::Production, Environment::Unspecified)
    );
    let secrets: Vec<Of> = put.into_iter().map(|request| request.secret.unwrap().of.unwrap()).collect();
    let [Of::ApnsToken(token), Of::ApnsCertificate(certificate), Of::Fcm(fcm), Of::Vapid(vapid)] = &secrets[..] else {
        panic!("{}", secrets.len())
    };
    assert_eq!((token.key_pem.as_str(), token.key_id.as_str(), token.team_id.as_str()), ("s3cret\nline", "K", "T"));
    assert_eq!((certificate.pem.as_str(), fcm.service_account.as_str()), ("s3cret", r#"{"private_key":"s3cret"}"#));
    assert_eq!((vapid.private_key.as_str(), vapid.subject.as_str()), ("s3cret", "mailto:a@b"));
    console.stop().await;
}

#[tokio::test]
async fn a_refused_form_says_it_at_the_field_and_keeps_all_but_the_secret() {
    let console = with_app("Shop").await;
    console.asked().refuses_put = Some(Failure::of_field(Code::Invalid, "key_id", "is not 10 letters and digits"));
    let (head, body) = console
        .form(&format!("{PAGE}/apns_token"), "key=s3cret&key_id=short&team_id=TEAM&topic=org.x&environment=production")
        .await;
    assert!(head.starts_with("HTTP/1.1 422 "), "{head}");
    for part in [
        r##"<a href="#key_id">Key id is not 10 letters and digits.</a>"##,
        r#"value="short""#,
        r#"value="TEAM""#,
        r#"value="org.x""#,
        "<option selected>production</option>",
    ] {
        assert!(body.contains(part), "no {part} in {body}");
    }
    assert!(!body.contains("s3cret"), "{body}");
    for (form, words) in [("private_key=s3cret", "has to be ticked."), ("private_key=s3cret&known=", "has to be ticked.")] {
        let (head, body) = console.form(&format!("{PAGE}/vapid"), form).await;
        assert!(head.starts_with("HTTP/1.1 400 ") && body.contains(words) && !body.contains("s3cret"), "{head}\n{body}");
    }
    let (head, _) = console.form(&format!("{PAGE}/fcm"), "service_account=s3cret&environment=x").await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    assert_eq!(console.page(&format!("{PAGE}/apple")).await.0.split(' ').nth(1), Some("404"));
    assert!(console.asked().put.is_empty());
    console.stop().await;
}

#[tokio::test]
async fn a_removal_asks_first_and_means_these_and_no_others() {
    let console = with_app("Shop").await;
    let (_, body) = console.page(&format!("{PAGE}/apns_certificate/remove?topic=org.x&environment=development")).await;
    assert!(body.contains("Remove the credentials") && body.contains(r#"name="topic" value="org.x""#), "{body}");
    let (_, body) = console.page(&format!("{PAGE}/vapid/remove?topic=&environment=")).await;
    assert!(body.contains("Every browser that is subscribed falls silent") && body.contains("BPub"), "{body}");
    for other in
        ["apns_certificate/remove?topic=org.y&environment=development", "apns_certificate/remove?topic=org.x", "fcm/remove"]
    {
        assert_eq!(console.page(&format!("{PAGE}/{other}")).await.0.split(' ').nth(1), Some("404"), "{other}");
    }
    assert!(console.asked().forgotten.is_empty(), "nothing goes unasked");
    let (head, _) = console.form(&format!("{PAGE}/apns_certificate/remove"), "topic=org.x&environment=development").await;
    assert!(head.contains("location: /console/apps/77/push?done=credentials-removed"), "{head}");
    let gone = console.asked().forgotten.pop().unwrap();
    let meant = (gone.app, gone.kind(), gone.topic.as_str(), gone.environment());
    assert_eq!(meant, (77, Kind::ApnsCertificate, "org.x", Environment::Development));
    console.stop().await;
}
