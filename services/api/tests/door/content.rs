//! The content of files: who gets it, which part of it, and as what a browser takes it.
#![allow(clippy::unwrap_used)]

use natter_api::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{ANN, APP, Answer, Door};
use crate::fakes::{APP_ID, UID, file};

const DIGITS: &[u8] = b"0123456789";

#[tokio::test]
async fn a_public_file_is_for_everybody() {
    let door = with(DIGITS, "image.png", "image/png", true).await;
    for path in [format!("/blobs/{UID}"), format!("/blobs/{UID}/download")] {
        let file = door.ask("GET", &path, &[], "").await;
        file.is(200, "0123456789");
        for (name, value) in [
            ("content-type", "image/png"),
            ("content-length", "10"),
            ("content-disposition", "inline; filename=\"image.png\""),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "sandbox; default-src 'none'; media-src *"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("access-control-allow-origin", "*"),
            ("accept-ranges", "bytes"),
            ("cache-control", "public, max-age=3600"),
            ("etag", &format!("\"{UID}\"")),
        ] {
            assert_eq!(file.header(name), Some(value), "{name}");
        }
        let head = door.ask("HEAD", &path, &[("Range", "bytes=0-1")], "").await;
        head.is(200, "");
        assert_eq!(head.header("content-length"), Some("10"));
    }
}

#[tokio::test]
async fn a_private_file_is_for_the_users_of_its_app() {
    let door = with(DIGITS, "image.png", "image/png", false).await;
    let path = format!("/blobs/{UID}");
    door.ask("GET", &path, &[], "").await.is(401, r#"{"errors":{"base":["Token is required"]}}"#);
    door.get(&path, ("CB-Token", "gone")).await.is(401, r#"{"errors":{"base":["Required session does not exist"]}}"#);
    door.ask("GET", &format!("{path}?token=gone"), &[], "")
        .await
        .is(401, r#"{"errors":{"base":["Required session does not exist"]}}"#);
    door.get(&path, APP).await.is(403, r#"{"errors":{"base":["Forbidden. Need user."]}}"#);
    for file in [door.get(&path, ANN).await, door.ask("GET", &format!("{path}?token=bob"), &[], "").await] {
        file.is(200, "0123456789");
        assert_eq!(file.header("cache-control"), Some("private, no-cache"));
        assert_eq!(file.header("referrer-policy"), Some("no-referrer"));
    }
    door.world.files.lock()[0].0.app = APP_ID + 1;
    door.get(&path, ANN).await.is(404, r#"{"errors":["The resource wasn't found"]}"#);
}

#[tokio::test]
async fn pages_of_pictures_are_not_counted_against_the_rate() {
    let door = Door::open_with(Options { user_rate: 2, ..Options::default() }).await;
    door.world.files.lock().push(file(DIGITS, "image.png", "image/png", false));
    for _ in 0..20 {
        assert_eq!(door.get(&format!("/blobs/{UID}"), ANN).await.status, 200);
    }
}

#[tokio::test]
async fn what_is_not_there_is_404_and_no_way_leads_out_of_the_files() {
    let door = with(DIGITS, "image.png", "image/png", true).await;
    for path in
        ["/blobs/A7D24C19E05A4F3C8D6E1A2B3C4D5E6F", "/blobs/..%2f..%2fetc%2fpasswd", "/blobs/..", "/blobs/%00", "/blobs/x.png"]
    {
        door.get(path, ANN).await.is(404, r#"{"errors":["The resource wasn't found"]}"#);
    }
}

#[tokio::test]
async fn parts_are_served_and_what_the_client_has_is_not() {
    let content: Vec<u8> = (0..5_000).map(|n| b'a' + (n % 26) as u8).collect();
    let door = with(&content, "movie.mp4", "video/mp4", true).await;
    let ask = async |headers: &[(&str, &str)]| door.ask("GET", &format!("/blobs/{UID}"), headers, "").await;
    let tag = format!("\"{UID}\"");
    let part = ask(&[("Range", "bytes=990-2009")]).await;
    assert_eq!((part.status, part.body.as_bytes()), (206, &content[990..2010]));
    assert_eq!((part.header("content-range"), part.header("content-length")), (Some("bytes 990-2009/5000"), Some("1020")));
    assert_eq!(ask(&[("Range", "bytes=-1")]).await.header("content-range"), Some("bytes 4999-4999/5000"));
    let beyond = ask(&[("Range", "bytes=5000-")]).await;
    beyond.is(416, r#"{"errors":["The file has no such part"]}"#);
    assert_eq!(beyond.header("content-range"), Some("bytes */5000"));
    for (tag, status) in [(tag.as_str(), 206), ("\"other\"", 200), ("Tue, 03 Feb 2026 10:11:12 GMT", 200)] {
        assert_eq!(ask(&[("Range", "bytes=0-1"), ("If-Range", tag)]).await.status, status, "{tag}");
    }
    let had = ask(&[("If-None-Match", &tag)]).await;
    had.is(304, "");
    assert_eq!(had.header("etag"), Some(tag.as_str()));
    assert_eq!(ask(&[("If-None-Match", "\"other\"")]).await.status, 200);
}

#[tokio::test]
async fn a_public_file_of_a_suspended_app_is_for_nobody() {
    let door = with(b"0123456789", "photo.png", "image/png", true).await;
    *door.world.suspended.lock() = true;
    let closed = r#"{"errors":{"base":["This application is suspended"]}}"#;
    door.ask("GET", &format!("/blobs/{UID}"), &[], "").await.is(403, closed);
}

#[tokio::test]
async fn what_could_run_is_saved_and_not_shown() {
    for (content_type, served) in [
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("", "application/octet-stream"),
        ("text/plain", "text/plain; charset=utf-8"),
    ] {
        let door = with(b"<script>", "Grüße \"x\".html", content_type, true).await;
        let file = door.ask("GET", &format!("/blobs/{UID}"), &[], "").await;
        assert_eq!(file.header("content-type"), Some(served), "{content_type}");
        let kind = if served.starts_with("text/plain") { "inline" } else { "attachment" };
        let names = "filename=\"Gr__e _x_.html\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%22x%22.html";
        assert_eq!(file.header("content-disposition"), Some(format!("{kind}; {names}").as_str()));
    }
}

#[tokio::test]
async fn files_sent_at_once_are_bounded_and_a_place_is_given_back() {
    let door = Door::open_with(Options { downloads_max: 1, ..Options::default() }).await;
    // More than sockets and buffers between here and there hold.
    door.world.files.lock().push(file(&vec![b'x'; 32 << 20], "a.bin", "", true));
    let path = format!("/blobs/{UID}");
    let mut slow = TcpStream::connect(door.address).await.unwrap();
    slow.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    slow.read_exact(&mut [0; 12]).await.unwrap();
    door.ask("GET", &path, &[], "").await.is(503, r#"{"errors":["Not done, please try again"]}"#);
    assert_eq!(door.ask("HEAD", &path, &[], "").await.status, 200, "which sends nothing");
    drop(slow);
    while door.ask("GET", &path, &[("Range", "bytes=0-0")], "").await.status != 206 {
        tokio::task::yield_now().await;
    }
}

async fn with(content: &[u8], name: &str, content_type: &str, public: bool) -> Door {
    let door = Door::open().await;
    door.world.files.lock().push(file(content, name, content_type, public));
    door
}

#[tokio::test]
async fn addresses_with_tokens_reach_no_metric() {
    let door = with(DIGITS, "image.png", "image/png", false).await;
    let answer: Answer = door.ask("GET", &format!("/blobs/{UID}?token=ann"), &[], "").await;
    assert_eq!(answer.status, 200);
    let text = door.metrics.encode();
    assert!(text.contains("route=\"blobs/{}\"") && !text.contains("ann") && !text.contains(UID), "{text}");
}
