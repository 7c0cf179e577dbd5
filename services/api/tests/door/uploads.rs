//! Uploads: forms as clients send them, streamed on, and refused such that the client hears it.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use natter_api::Options;
use natter_proto::storage::v1::UploadHead;
use natter_proto::{Code, Failure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Answer, Door, parse};
use crate::fakes::UID;

const TAIL: &[u8] = b"\r\n--XX--\r\n";
const KIND: (&str, &str) = ("Content-Type", "multipart/form-data; boundary=XX");

#[tokio::test]
async fn a_form_is_streamed_on_and_answered_when_the_file_is_stored() {
    let door = Door::open().await;
    let file: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    // With a token or without: the key is what opens it.
    for token in [("CB-Token", "ann"), ("CB-Token", "gone"), ("X-Other", "x")] {
        let answer = door.ask("POST", &path(), &[KIND, token], form("k1", &file)).await;
        answer.is(201, "");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let upload = door.world.uploads.lock().pop().unwrap();
        let UploadHead { uid, key, bytes_max } = upload.head;
        assert_eq!((uid.as_str(), key.as_str(), upload.ended), (UID, "k1", true));
        assert!((300_000..300_004).contains(&bytes_max), "{bytes_max}: as much as can come");
        assert!(upload.chunks.iter().all(|chunk| chunk.len() <= 64 << 10));
        assert!(upload.chunks.concat() == file);
    }
}

#[tokio::test]
async fn a_body_of_unknown_length_is_taken_too() {
    let door = Door::open().await;
    let form = form("k1", b"12345678");
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\n{}: {}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        path(),
        KIND.0,
        KIND.1
    );
    let mut body = Vec::new();
    for piece in form.chunks(7) {
        body.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        body.extend_from_slice(piece);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    send(&door, head.as_bytes(), &body).await.is(201, "");
    let upload = door.world.uploads.lock().pop().unwrap();
    assert_eq!((upload.head.bytes_max, upload.chunks.concat()), (0, b"12345678".to_vec()));
}

#[tokio::test]
async fn a_connection_outlives_an_upload_taken_or_refused() {
    let door = Door::open().await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    let mut answers = Vec::new();
    for n in 0..2 {
        if n == 1 {
            *door.world.upload_fails.lock() = Some((1, Failure::new(Code::Forbidden, "no")));
        }
        let form = [form("k1", &[7; 500_000]), b"epilogue".repeat(50_000)].concat();
        let head =
            format!("POST {} HTTP/1.1\r\nHost: x\r\n{}: {}\r\nContent-Length: {}\r\n\r\n", path(), KIND.0, KIND.1, form.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&form).await.unwrap();
        let mut chunk = [0; 4_096];
        let length = stream.read(&mut chunk).await.unwrap();
        answers.push(String::from_utf8_lossy(&chunk[..length]).split(' ').nth(1).unwrap_or_default().to_owned());
    }
    assert_eq!(answers, ["201", "403"]);
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("200 OK"), "{rest}");
}

#[tokio::test]
async fn what_is_no_upload_form_is_refused_and_reaches_nobody() {
    let door = Door::open().await;
    let twice = [form("k1", b"x").strip_suffix(b"--XX--\r\n").unwrap(), &form("k1", b"x")].concat();
    for (kind, body, status) in [
        (("Content-Type", "application/json"), b"{}".to_vec(), 415),
        (KIND, b"".to_vec(), 400),
        (KIND, b"--XX--".to_vec(), 422),
        (KIND, b"--XX\r\n\r\nx\r\n--XX--".to_vec(), 400),
        (KIND, vec![b'x'; 100_000], 413),
    ] {
        let refused = door.ask("POST", &path(), &[kind], &body).await;
        assert_eq!(refused.status, status, "{:?} {}", kind, refused.body);
        assert!(refused.json()["errors"].is_array() || refused.json()["errors"].is_object());
        assert!(door.world.uploads.lock().is_empty());
    }
    assert_eq!(door.ask("POST", &path(), &[KIND], &twice).await.status, 400);
    assert!(!door.world.uploads.lock().pop().unwrap().ended, "a form that goes on behind its file is not stored");
}

#[tokio::test]
async fn a_refusal_is_heard_by_a_client_that_is_still_writing() {
    let door = Door::open().await;
    for at in [0, 1, 20] {
        *door.world.upload_fails.lock() = Some((at, Failure::new(Code::TooLarge, "the file is too large, at most 8 bytes")));
        let refused = door.ask("POST", &path(), &[KIND], form("k1", &vec![7; 8 << 20])).await;
        refused.is(413, r#"{"errors":["the file is too large, at most 8 bytes"]}"#);
    }
}

#[tokio::test]
async fn an_upload_that_pauses_too_long_is_refused_and_leaves_nothing() {
    let door = Door::open_with(Options { body_seconds: 1, ..Options::default() }).await;
    let form = form("k1", b"12345678");
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}: {}\r\nContent-Length: {}\r\n\r\n",
        path(),
        KIND.0,
        KIND.1,
        form.len()
    );
    let refused = send(&door, head.as_bytes(), &form[..form.len() - 12]).await;
    refused.is(408, r#"{"errors":["the request body took too long"]}"#);
    assert!(!door.world.uploads.lock().pop().unwrap().ended);
}

#[tokio::test]
async fn an_upload_has_its_time_however_steadily_it_comes_and_without_a_key_that_of_any_body() {
    let in_time = Options { body_seconds: 2, upload_seconds: 1, ..Options::default() };
    let keyless = Options { body_seconds: 1, upload_seconds: 3_600, ..Options::default() };
    let file = form("k1", b"");
    for (options, first) in [(in_time, &file[..file.len() - TAIL.len()]), (keyless, &b"--XX\r\n"[..])] {
        let door = Door::open_with(options).await;
        trickled(&door, first).await.is(408, r#"{"errors":["the request body took too long"]}"#);
        assert!(door.world.uploads.lock().iter().all(|upload| !upload.ended));
    }
}

/// The answer to an upload that begins like this, never pauses, and never ends.
async fn trickled(door: &Door, first: &[u8]) -> Answer {
    let (kind, boundary) = KIND;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{kind}: {boundary}\r\nContent-Length: 99999\r\n\r\n",
        path()
    );
    let (mut read, mut write) = TcpStream::connect(door.address).await.unwrap().into_split();
    write.write_all(&[head.as_bytes(), first].concat()).await.unwrap();
    let trickle = tokio::spawn(async move {
        while write.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut answer = Vec::new();
    read.read_to_end(&mut answer).await.unwrap();
    trickle.abort();
    parse(&answer)
}

fn path() -> String {
    format!("/blobs/{UID}/upload")
}

fn form(key: &str, file: &[u8]) -> Vec<u8> {
    let head = format!(
        "--XX\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n{key}\r\n--XX\r\nContent-Disposition: form-data; name=\"file\"\r\n\
        Content-Type: application/octet-stream\r\n\r\n"
    );
    [head.as_bytes(), file, TAIL].concat()
}

async fn send(door: &Door, head: &[u8], body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    stream.write_all(head).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    parse(&answer)
}
