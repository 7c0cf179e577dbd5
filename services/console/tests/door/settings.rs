//! What an app says of its groups, by the API and by the form; and the form about the services by which its users prove who they are.

use natter_proto::account::v1::{FacebookProvider, Groups, Header, Identity, JwtProvider, ResetMail};

use crate::console::Console;
use crate::pages::with_app;

const SETTINGS: &str = "/console/apps/77/settings";
const IDENTITY: &str = "/console/apps/77/identity";

#[tokio::test]
async fn an_app_says_of_its_groups_who_removes_members_and_what_those_see() {
    let console = Console::start().await;
    let both = |admins_remove, history_from_joining| Some(Groups { admins_remove, history_from_joining });
    for (body, said, shown) in [
        ("{}", None, r#""groups":{"admins_remove":false,"history_from_joining":false}"#),
        (r#"{"groups": null}"#, None, r#""groups":{"admins_remove":false,"history_from_joining":false}"#),
        (r#"{"groups": {}}"#, both(false, false), r#""groups":{"admins_remove":false,"history_from_joining":false}"#),
        (
            r#"{"groups": {"admins_remove": true}}"#,
            both(true, false),
            r#""groups":{"admins_remove":true,"history_from_joining":false}"#,
        ),
        (
            r#"{"groups": {"admins_remove": false, "history_from_joining": true}}"#,
            both(false, true),
            r#""groups":{"admins_remove":false,"history_from_joining":true}"#,
        ),
    ] {
        let (status, answer) = console.put("/admin/v1/apps/77", body).await;
        assert_eq!((status, answer.contains(shown)), (200, true), "{body}: {answer}");
        assert_eq!(console.asked().applied.pop().unwrap().groups, said, "{body}");
    }
    for (body, field) in [
        (r#"{"groups": true}"#, "groups"),
        (r#"{"groups": {"admins_remove": 1}}"#, "admins_remove"),
        (r#"{"groups": {"admin_remove": true}}"#, "admin_remove"),
    ] {
        let (status, answer) = console.put("/admin/v1/apps/77", body).await;
        assert_eq!((status, answer.contains(&format!(r#""field":"{field}""#))), (400, true), "{body}: {answer}");
    }
    console.stop().await;
}

#[tokio::test]
async fn the_form_says_it_too() {
    let console = with_app("Shop").await;
    let is_ticked = |page: &str, name: &str| page.contains(&format!(r#"name="{name}" value="on" checked"#));
    for (entered, said) in [("admins_remove=on", (true, false)), ("history_from_joining=on", (false, true)), ("", (false, false))]
    {
        let (head, _) = console.form(SETTINGS, &format!("title=Shop&{entered}")).await;
        assert!(head.contains("settings?done=saved"), "{head}");
        let groups = console.asked().applied.pop().unwrap().groups.unwrap();
        assert_eq!((groups.admins_remove, groups.history_from_joining), said);
        let (_, page) = console.page(SETTINGS).await;
        assert_eq!((is_ticked(&page, "admins_remove"), is_ticked(&page, "history_from_joining")), said, "{page}");
    }
    console.stop().await;
}

#[tokio::test]
async fn the_form_about_other_services_shows_no_secret_and_keeps_what_is_left_empty() {
    let console = with_app("Shop").await;
    let own =
        "provider=address&custom.url=https%3A%2F%2Fid.test&custom.request=&custom.response=%7B%22uid%22%3A%22%23%7Bid%7D%22%7D";
    let entered = format!(
        "{own}&custom.headers=X-Key%3A+s3cret%0D%0A&facebook=on&facebook.app_id=7&facebook.app_secret=s3cret&facebook.endpoint=\
        &firebase=on&firebase.project_ids=p++q&firebase.jwks_url=&reset_mail.subject=Hi&reset_mail.text=a%0D%0A%23%7Blink%7D"
    );
    console.asked().apps[0].identity = Some(Identity { guests: true, create_unknown: true, ..Identity::default() });
    let (head, _) = console.form(IDENTITY, &entered).await;
    assert!(head.contains("location: /console/apps/77/settings?done=saved"), "{head}");
    let set = console.asked().apps[0].identity.clone().unwrap();
    assert!(set.guests && set.create_unknown && set.jwt.is_none() && set.twitter.is_none(), "the other form's stay");
    let custom = set.custom.unwrap();
    assert_eq!(custom.headers, [Header { name: "X-Key".into(), value: "s3cret".into() }]);
    assert_eq!((custom.url.as_str(), custom.response.as_str()), ("https://id.test", r##"{"uid":"#{id}"}"##));
    assert_eq!(set.firebase.unwrap().project_ids, ["p", "q"]);
    assert_eq!(set.facebook.unwrap().app_secret, "s3cret");
    assert_eq!(set.reset_mail, Some(ResetMail { subject: "Hi".into(), text: "a\n#{link}".into() }));

    let (_, page) = console.page(SETTINGS).await;
    for part in [
        r#"<option selected>address</option>"#,
        r#"name="custom.url" value="https://id.test""#,
        "X-Key: ********</textarea>",
        r#"name="facebook" value="on" checked"#,
        r#"type="password" id="facebook.app_secret" name="facebook.app_secret" value="""#,
        r#"placeholder="kept""#,
        r#"<label for="facebook.app_secret">Facebook app secret</label>"#,
        r#"name="firebase.project_ids" value="p q""#,
        "<legend>Facebook</legend>",
    ] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    assert!(!page.contains("s3cret"), "{page}");

    // What is kept the account service puts in the place of its mask.
    console
        .form(IDENTITY, &format!("{own}&custom.headers=X-Key%3A+********&facebook=on&facebook.app_id=8&facebook.app_secret="))
        .await;
    let set = console.asked().apps[0].identity.clone().unwrap();
    let facebook = FacebookProvider { app_id: "8".into(), app_secret: "********".into(), endpoint: String::new() };
    assert_eq!((set.facebook, set.custom.unwrap().headers[0].value.as_str()), (Some(facebook), "********"));
    assert_eq!((set.firebase, set.reset_mail), (None, None));
    let (head, _) = console.form(IDENTITY, "provider=none").await;
    assert!(head.contains("done=saved"), "{head}");
    let (head, _) = console.form(IDENTITY, "provider=none").await;
    assert!(head.contains("done=nothing"), "{head}");
    let off = Identity { guests: true, create_unknown: true, ..Identity::default() };
    assert_eq!(console.asked().apps[0].identity, Some(off));
    console.stop().await;
}

#[tokio::test]
async fn a_shared_secret_has_a_box_to_remove_it() {
    let console = with_app("Shop").await;
    const BOX: &str = r#"name="jwt.hs256_secret.remove""#;
    assert!(!console.page(SETTINGS).await.1.contains(BOX), "there is none to remove");
    let jwt = JwtProvider { hs256_secret: "s3cret".repeat(6), ..JwtProvider::default() };
    console.asked().apps[0].identity = Some(Identity { jwt: Some(jwt), ..Identity::default() });
    let (_, page) = console.page(SETTINGS).await;
    assert!(page.contains(BOX) && !page.contains("s3cret"), "{page}");
    let keys = "provider=tokens&jwt.jwks_url=https%3A%2F%2Fid.test&jwt.issuer=i&jwt.audience=a&jwt.hs256_secret=";
    let (head, page) = console.form(IDENTITY, keys).await;
    assert!(head.starts_with("HTTP/1.1 400 ") && page.contains("a shared secret is needed, and not both"), "{head}\n{page}");
    let (head, _) = console.form(IDENTITY, &format!("{keys}&jwt.hs256_secret.remove=on")).await;
    assert!(head.contains("done=saved"), "{head}");
    let jwt = console.asked().apps[0].identity.clone().unwrap().jwt.unwrap();
    assert_eq!((jwt.jwks_url.as_str(), jwt.hs256_secret.as_str()), ("https://id.test", ""));
    console.stop().await;
}

#[tokio::test]
async fn what_is_refused_stands_at_its_field_and_what_was_typed_stays_but_secrets() {
    let console = with_app("Shop").await;
    let typed = "provider=address&custom.request=%7B%7D&custom.headers=X-Key%3A+s3cret&facebook=on&facebook.app_id=%3Cb%3E\
        &facebook.app_secret=s3cret";
    let (head, page) = console.form(IDENTITY, &format!("{typed}&custom.url=")).await;
    assert!(head.starts_with("HTTP/1.1 422 "), "{head}");
    for part in [
        r##"<a href="#custom.url">Address that is asked must be an address.</a>"##,
        r#"aria-invalid="true" aria-describedby="custom.url-error custom.url-hint""#,
        r#"id="custom.url-error">Address that is asked must be an address.</p>"#,
        r#"name="custom.request" value="{}""#,
        r#"name="facebook" value="on" checked"#,
        "<option selected>address</option>",
        r#"name="title" value="Shop""#,
    ] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    assert!(!page.contains("s3cret") && !page.contains("<b>"), "{page}");
    assert_eq!(page.matches(r#"role="alert""#).count(), 1, "one of the two forms is in trouble");
    assert_eq!(console.asked().apps[0].identity, None);
    let (head, page) = console.form(IDENTITY, "provider=address&custom.url=https%3A%2F%2Fid.test&custom.headers=s3cret").await;
    assert!(head.starts_with("HTTP/1.1 400 ") && page.contains(r#"id="custom.headers-error""#), "{head}\n{page}");
    assert!(!page.contains("s3cret"), "{page}");
    console.stop().await;
}
