//! The pages, as far as no browser is needed: who gets one, what stands in its head, what a hostile name becomes, forms.

use crate::console::{Console, TOKEN};

pub const FORM: &str = "application/x-www-form-urlencoded";

/// Every page that is there without anything having been made but app 77 and its user 5.
const PAGES: [&str; 43] = [
    "/console/apps",
    "/console/apps?q=7",
    "/console/apps/new",
    "/console/apps/77",
    "/console/apps/77/settings",
    "/console/apps/77/delete",
    "/console/apps/77/sdk",
    "/console/apps/77/alerts",
    "/console/apps/77/alerts/test",
    "/console/apps/77/alerts/test?user=78",
    "/console/apps/77/alerts/test?user=78&message=070707070707070707070707",
    "/console/apps/77/alerts/journal",
    "/console/apps/77/alerts/journal?user=78",
    "/console/apps/77/push",
    "/console/apps/77/push/apns_token",
    "/console/apps/77/push/fcm",
    "/console/apps/77/push/vapid",
    "/console/apps/77/push/vapid/remove",
    "/console/apps/77/users",
    "/console/apps/77/users/new",
    "/console/apps/77/users/5",
    "/console/apps/77/users/5/contacts",
    "/console/apps/77/users/5/data",
    "/console/apps/77/users/5/sessions",
    "/console/apps/77/users/5/sessions/end",
    "/console/apps/77/users/5/sessions/rest-07070707070707070707070707070707/end",
    "/console/apps/77/users/5/erase",
    "/console/apps/77/users/5/ban",
    "/console/apps/77/users/5/devices",
    "/console/apps/77/users/5/devices/17/end",
    "/console/apps/77/users/5/unread",
    "/console/apps/77/users/5/unread?dialog=010101010101010101010101",
    "/console/apps/77/trace",
    "/console/apps/77/messages/070707070707070707070707",
    "/console/system",
    "/console/system?settings=all",
    "/console/system/edges/e1/drain",
    "/console/operators",
    "/console/new-operator",
    "/console/operators/admin",
    "/console/operators/admin/remove",
    "/console/sessions?all=true",
    "/console/audit",
];

const HOSTILE: &str = r#"<img src=x onerror=alert(1)>"'&`{{7*7}}"#;

#[tokio::test]
async fn every_page_says_what_a_browser_may_do_with_it_and_is_not_kept() {
    let console = with_app("Shop").await;
    for path in PAGES {
        let (head, body) = console.page(path).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}\n{body}");
        for header in [
            "content-type: text/html; charset=utf-8",
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src \
             'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: same-origin",
            "cache-control: no-store",
        ] {
            assert!(head.to_ascii_lowercase().lines().any(|line| line == header), "{path} lacks {header}:\n{head}");
        }
        assert_eq!(body.matches("<h1>").count(), 1, "{path}: {body}");
        for forbidden in ["<style", "style=\"", " onclick", "javascript:", "http://", "https://"] {
            // The addresses of this server stand in the lines for the SDK.
            assert!(path.ends_with("/sdk") || !body.contains(forbidden), "{path} has {forbidden}");
        }
    }
    console.stop().await;
}

#[tokio::test]
async fn who_is_not_signed_in_is_led_to_where_that_is_done_and_nothing_is_asked_for_him() {
    let console = with_app("Shop").await;
    let before = console.asked().calls;
    let others =
        ["/console", "/console/", "/console/nothing", "/console/assets/../apps", "/console/%61pps", "/console/system/bundle"];
    for path in PAGES.into_iter().chain(others) {
        for method in ["GET", "POST", "DELETE"] {
            let request =
                format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            let (head, body) = console.exchange(&request).await;
            let is_led = head.starts_with("HTTP/1.1 303 ") && head.contains("location: /console/sign-in");
            assert!(is_led && body.is_empty(), "{method} {path}: {head}\n{body}");
        }
    }
    assert_eq!(console.asked().calls, before);
    console.stop().await;
}

#[tokio::test]
async fn a_hostile_name_is_a_name_and_nothing_else() {
    let console = with_app(HOSTILE).await;
    let search = "/console/apps?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E";
    for path in PAGES.into_iter().chain([search, "/console/apps/77/users?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"]) {
        let (_, body) = console.page(path).await;
        assert!(!body.contains("<img"), "{path}: {body}");
        if path.contains("/77") || path.starts_with("/console/apps?q=%") {
            assert!(body.contains("&#60;img src=x onerror=alert(1)&#62;"), "{path}: {body}");
        }
    }
    let (head, body) = console.form("/console/apps/77/settings", "title=%3Cimg%20src%3Dx%3E&sessions=%22%3E%3Cimg%3E").await;
    assert!(head.starts_with("HTTP/1.1 400 ") && !body.contains("<img"), "{body}");
    console.stop().await;
}

#[tokio::test]
async fn a_form_that_was_done_leads_on_and_a_refused_one_keeps_what_was_typed() {
    let console = Console::start().await;
    let (head, _) = console.form("/console/apps", "title=Shop&id=77&auth_key=demoKey&auth_secret=s3cret").await;
    assert!(head.starts_with("HTTP/1.1 303 ") && head.contains("location: /console/apps/77?done=made"), "{head}");
    let (_, body) = console.page("/console/apps/77?done=made").await;
    assert!(body.contains("The app was made.") && body.contains("s3cret"), "{body}");

    let (head, body) = console.form("/console/apps", "title=Shop+2&id=x&auth_secret=s3cret").await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    for part in [
        "<title>Refused: New app · Natter</title>",
        r##"<a href="#id">App id must be a whole number.</a>"##,
        r#"value="Shop 2""#,
        r#"value="x""#,
        r#"aria-invalid="true" aria-describedby="id-error""#,
        r#"<p class="error" id="id-error">App id must be a whole number.</p>"#,
    ] {
        assert!(body.contains(part), "no {part} in {body}");
    }
    assert!(!body.contains("s3cret"), "a secret is not sent back: {body}");

    let user = "login=taken&password=p4ssword&email=a%40b.test";
    let (head, body) = console.form("/console/apps/77/users", user).await;
    assert!(head.starts_with("HTTP/1.1 409 ") && body.contains("Login has already been taken."), "{head}\n{body}");
    assert!(body.contains(r#"value="a@b.test""#) && !body.contains("p4ssword"), "{body}");
    let (head, _) = console.form("/console/apps/77/users", "login=ann&password=+p4ss+&id=5").await;
    assert!(head.contains("location: /console/apps/77/users/5?done=user-made"), "{head}");
    let made = console.asked().sign_ups.pop().unwrap();
    assert_eq!((made.password.as_str(), made.user.unwrap().email), (" p4ss ", None));

    let (head, _) = console.form("/console/apps", &format!("title={}", "x".repeat(64 * 1024))).await;
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    console.stop().await;
}

#[tokio::test]
async fn settings_are_set_as_the_form_shows_them() {
    let console = with_app("Shop").await;
    let entered = "title=New&signed_only=on&guests=on&chat_host=c.test&api_host=&sessions=5&messages_per_second=";
    let (head, _) = console.form("/console/apps/77/settings", entered).await;
    assert!(head.contains("location: /console/apps/77/settings?done=saved"), "{head}");
    let applied = console.asked().applied.pop().unwrap();
    assert_eq!((applied.title.as_deref(), applied.signed_only, applied.auth_key), (Some("New"), Some(true), None));
    assert_eq!((applied.chat_host.as_deref(), applied.api_host.as_deref()), (Some("c.test"), Some("")));
    let quotas = applied.quotas.unwrap();
    assert_eq!((quotas.sessions, quotas.messages_per_second), (5, 0));
    let identity = console.asked().apps[0].identity.clone().unwrap();
    assert_eq!((identity.guests, identity.create_unknown), (true, false));
    console.stop().await;
}

#[tokio::test]
async fn what_cannot_be_undone_asks_for_the_name() {
    let console = with_app("Shop").await;
    for (path, name, ended) in [("/console/apps/77/delete", "Shop", (77, 0)), ("/console/apps/77/users/5/erase", "ann", (77, 5))]
    {
        for wrong in ["", "name=", "name=shop2", "name=77"] {
            let (head, body) = console.form(path, wrong).await;
            assert!(
                head.starts_with("HTTP/1.1 400 ") && body.contains("is not the name of this"),
                "{path} {wrong}: {head}\n{body}"
            );
        }
        assert!(!console.asked().ended.contains(&ended), "{path}");
        let (head, _) = console.form(path, &format!("name={name}")).await;
        assert!(head.starts_with("HTTP/1.1 303 "), "{path}: {head}");
        assert!(console.asked().ended.contains(&ended), "{path}");
    }
    for (path, heading) in
        [("/console/apps/77/erasure", "Erasure of app 77"), ("/console/apps/77/erasures/5", "Erasure of user 5")]
    {
        let (_, body) = console.page(path).await;
        assert!(body.contains(heading) && body.contains("files") && body.contains(">3<"), "{body}");
    }
    console.stop().await;
}

#[tokio::test]
async fn what_is_not_there_has_a_page_that_says_so() {
    let console = with_app("Shop").await;
    for path in
        ["/console/nothing", "/console/apps/78", "/console/apps/x/sdk", "/console/apps/77/users/6", "/console/apps/77/erasure"]
    {
        let (head, body) = console.page(path).await;
        assert!(head.starts_with("HTTP/1.1 404 ") && body.contains("<h1>Not found</h1>"), "{path}: {head}\n{body}");
    }
    let (head, body) = console.form("/console/apps/77", "").await;
    assert!(head.starts_with("HTTP/1.1 405 ") && body.contains("<h1>Not possible</h1>"), "{head}\n{body}");
    let (_, body) = console.page("/console/apps/77?done=%3Cb%3Eyou%20won").await;
    assert!(!body.contains("you won"), "{body}");
    console.stop().await;
}

#[tokio::test]
async fn a_browser_at_the_root_is_led_to_the_pages_and_files_are_kept_for_ever() {
    let console = with_app("Shop").await;
    let request =
        |path: &str, header: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{header}\r\n");
    let (head, _) = console.exchange(&request("/", "accept: text/html,*/*\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 303 ") && head.contains("location: /console/"), "{head}");
    let (head, _) = console.page("/console/").await;
    assert!(head.contains("location: /console/apps"), "{head}");

    let (_, page) = console.page("/console/apps").await;
    let files: Vec<&str> = page.split('"').filter(|part| part.starts_with("/console/assets/")).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        let (head, body) = console.exchange(&request(file, "")).await;
        let lower = head.to_ascii_lowercase();
        assert!(
            head.starts_with("HTTP/1.1 200 ") && lower.contains("cache-control: public, max-age=31536000, immutable"),
            "{head}"
        );
        assert!(lower.contains("x-content-type-options: nosniff") && !body.is_empty(), "{head}");
        let wrong = file.replace('.', ".0");
        assert!(console.page(&wrong).await.0.starts_with("HTTP/1.1 404 "), "{wrong}");
    }
    console.stop().await;
}

#[tokio::test]
async fn the_lines_for_each_version_hold_what_it_takes() {
    let console = with_app("Shop").await;
    let (_, body) = console.page("/console/apps/77/sdk").await;
    let of = |id: &str| body.split(&format!(r#"<h2 id="{id}">"#)).nth(1).unwrap().split("</section>").next().unwrap().to_owned();
    for (id, secret, import) in [
        ("sdk-1", true, "require("),
        ("sdk-2", true, "require("),
        ("sdk-3", true, "import "),
        ("sdk-6", false, "import "),
        ("sdk-plain", false, "import "),
    ] {
        let lines = of(id);
        assert!(lines.contains("appId: 77") && lines.contains(import), "{id}: {lines}");
        assert_eq!(lines.contains("s3cret"), secret, "{id}: {lines}");
        assert_eq!(lines.contains("http://natter.test:8080"), id == "sdk-plain", "{id}: {lines}");
        assert_eq!(lines.contains("wss://natter.test:5291"), id != "sdk-plain", "{id}: {lines}");
    }
    console.stop().await;
}

#[tokio::test]
async fn the_system_is_told_to_programs_and_people_without_secrets() {
    let console = with_app("Shop").await;
    let (status, body) = console.get("/admin/v1/system").await;
    assert_eq!(status, 200);
    for part in [
        r#""version":"1.2.3""#,
        r#""at":"2023-11-14T22:13:20Z""#,
        r#""verdict":"warn""#,
        r#""path":"edge.tls_port","value":"15223""#,
    ] {
        assert!(body.contains(part), "no {part} in {body}");
    }
    let (_, page) = console.page("/console/system").await;
    assert!(
        page.contains("make &#60;room&#62; soon") && page.contains("edge.tls_port") && !page.contains("health.port"),
        "{page}"
    );
    assert!(console.page("/console/system?settings=all").await.1.contains("health.port"));
    for path in ["/admin/v1/system/bundle", "/console/system/bundle"] {
        let (head, body) = console.page(path).await;
        assert!(head.to_ascii_lowercase().contains("content-disposition: attachment; filename=\"natter-support.txt\""), "{head}");
        for part in [
            "Natter 1.2.3",
            "warn  disk",
            "Apps: 1",
            "edge.tls_port = 15223  # flag",
            "mail.password = \"***\"",
            "natter_console_requests",
        ] {
            assert!(body.contains(part), "no {part} in {body}");
        }
        assert!(!body.contains("s3cret") && !body.contains(TOKEN), "{body}");
    }
    console.stop().await;
}

// App 77 with a secret, and its user 5.
pub async fn with_app(title: &str) -> Console {
    let console = Console::start().await;
    let body = serde_json::json!({"id": 77, "title": title, "auth_key": "demoKey", "auth_secret": "s3cret"});
    assert_eq!(console.post("/admin/v1/apps", &body.to_string()).await.0, 201);
    let user = r#"{"id": 5, "login": "ann", "password": "secret"}"#;
    assert_eq!(console.post("/admin/v1/apps/77/users", user).await.0, 201);
    console
}

impl Console {
    /// A page, as whoever is signed in.
    pub async fn page(&self, path: &str) -> (String, String) {
        let head = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {TOKEN}\r\n");
        self.exchange(&format!("{head}accept: text/html\r\nconnection: close\r\n\r\n")).await
    }

    /// A form that is sent, as whoever is signed in.
    pub async fn form(&self, path: &str, entered: &str) -> (String, String) {
        let head = format!("POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n");
        let length = entered.len();
        self.exchange(&format!("{head}content-type: {FORM}\r\ncontent-length: {length}\r\n\r\n{entered}")).await
    }
}
