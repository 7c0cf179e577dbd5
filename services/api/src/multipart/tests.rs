//! Forms as the SDK builds, browsers and others send them, cut anywhere.
#![allow(clippy::unwrap_used)]

use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use futures::executor::block_on;
use futures::{StreamExt, stream};
use proptest::prelude::*;

use super::*;

const FORM: &str = "multipart/form-data; boundary=XX";

/// The fields and the file of a form.
type Found = (Vec<(String, String)>, Vec<u8>);

/// What became of a form. `Err(None)`: it has no end.
type Read = Result<Found, Option<Fault>>;

#[test]
fn a_form_of_node_and_one_of_a_browser_are_the_same() {
    let node = b"--XX\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk=1\r\n--XX\r\nContent-Disposition: form-data; name=\"file\"\r\n\
        Content-Type: application/octet-stream\r\n\r\n\x00\r\n--X\xff\r\n--XX--\r\n";
    let browser = b"--XX\r\ncontent-disposition: FORM-DATA; NAME=key\r\n\r\nk=1\r\n--XX \t\r\nContent-Disposition: form-data; \
        filename=\"a;name=\\\"x\\\".png\"; name=\"file\"\r\nContent-Type: image/png\r\n\r\n\x00\r\n--X\xff\r\n--XX--";
    for form in [node.as_slice(), browser.as_slice()] {
        assert_eq!(read(FORM, form, &[]), Ok((vec![pair("key", "k=1")], b"\x00\r\n--X\xff".to_vec())));
    }
}

#[test]
fn empty_values_and_empty_files_are_values_and_files() {
    assert_eq!(
        read(FORM, &form("XX", &[pair("a", ""), pair("b", "")], b""), &[]),
        Ok((vec![pair("a", ""), pair("b", "")], vec![]))
    );
}

#[test]
fn what_is_no_form_is_refused() {
    let file = "Content-Disposition: form-data; name=\"file\"\r\n\r\nx";
    let named = |name: &str| format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    for (body, fault) in [
        (format!("--XX\r\n{file}\r\n--XX\r\n{file}\r\n--XX--"), Fault::AfterFile),
        (format!("--XX\r\n{file}\r\n--XXX"), Fault::Malformed),
        (format!("--XX\r\n\r\n{file}\r\n--XX--"), Fault::Malformed),
        ("--XX\r\nContent-Disposition: attachment; name=\"file\"\r\n\r\nx\r\n--XX--".to_owned(), Fault::Malformed),
        ("--XX\r\nContent-Type: image/png\r\n\r\nx\r\n--XX--".to_owned(), Fault::Malformed),
        (format!("{}--XX", "x".repeat(5_000)), Fault::TooMuch),
        (format!("--XX\r\nX: {}\r\n{file}\r\n--XX--", "x".repeat(5_000)), Fault::TooMuch),
        (format!("{}{}\r\n--XX--", named("a"), "x".repeat(9_000)), Fault::TooMuch),
        (format!("{}--XX--", (named("a") + "\r\n").repeat(40)), Fault::TooMuch),
        (format!("{}\u{fffd}", named("a")).replace('\u{fffd}', "x\r\n--XX !"), Fault::Malformed),
    ] {
        assert_eq!(read(FORM, body.as_bytes(), &[]), Err(Some(fault)), "{body}");
        assert_eq!(read(FORM, body.as_bytes(), &(1..body.len()).collect::<Vec<_>>()), Err(Some(fault)), "byte by byte: {body}");
    }
    for kind in ["", "text/plain", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=XX"] {
        assert!(Multipart::new(kind).is_err(), "{kind}");
    }
    assert!(Multipart::new(&format!("multipart/form-data; boundary={}", "x".repeat(71))).is_err());
}

#[test]
fn a_form_without_an_end_has_none() {
    let whole = form("XX", &[pair("key", "1")], b"bytes");
    for length in 0..whole.len() - 2 {
        assert_eq!(read(FORM, &whole[..length], &[]), Err(None), "{length}");
    }
}

#[test]
fn no_more_of_a_file_is_held_than_a_boundary() {
    let mut multipart = Multipart::new(FORM).unwrap();
    multipart.push(b"--XX\r\nContent-Disposition: form-data; name=file\r\n\r\n");
    assert_eq!(multipart.next(), Ok(Some(Event::File)));
    for _ in 0..100 {
        multipart.push(&[b'\r'; 10_000]);
        assert!(matches!(multipart.next(), Ok(Some(Event::Bytes(_)))));
        assert_eq!(multipart.next(), Ok(None));
        assert!(multipart.held() < "\r\n--XX".len());
    }
}

proptest! {
    /// Nothing depends on where the network cuts, also where the content is full of what looks like boundaries; and
    /// actix-multipart reads the same.
    #[test]
    fn a_form_is_the_same_wherever_it_is_cut(
        fields in prop::collection::vec(("[a-z]{1,8}", "[ -~\r\n]{0,40}"), 0..4),
        file in prop::collection::vec(prop::sample::select(b"\r\n-Xa\x00".to_vec()), 0..200),
        mut cuts in prop::collection::vec(0_usize..800, 0..20),
    ) {
        prop_assume!(!fields.iter().any(|(name, value)| name == "file" || value.contains("\r\n--XX")));
        prop_assume!(memchr::memmem::find(&[b"\r\n", file.as_slice()].concat(), b"\r\n--XX").is_none());
        let whole = form("XX", &fields, &file);
        cuts.sort_unstable();
        // actix-multipart 0.8 takes a boundary behind a lone CR for one (RFC 2046, 5.1.1, does not).
        if memchr::memmem::find_iter(&whole, b"--XX").count() == fields.len() + 2 {
            prop_assert_eq!(read_by_another(&whole, &cuts), Some((fields.clone(), file.clone())), "another reader");
        }
        prop_assert_eq!(read(FORM, &whole, &cuts), Ok((fields, file)));
    }

    /// Whatever comes, the outcome does not depend on the cuts either, and nothing panics.
    #[test]
    fn noise_is_the_same_noise_wherever_it_is_cut(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "\r\n", "--XX", "--", "Content-Disposition: form-data; name=\"file\"", "Content-Disposition: form-data; name=a",
            "\r\n\r\n", " ", "x", "\"", "\\", ";", "=",
        ]), 0..30),
        cut in 0_usize..400,
    ) {
        let noise = pieces.concat();
        prop_assert_eq!(read(FORM, noise.as_bytes(), &[]), read(FORM, noise.as_bytes(), &[cut]));
    }
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn form(boundary: &str, fields: &[(String, String)], file: &[u8]) -> Vec<u8> {
    let mut form = String::new();
    for (name, value) in fields {
        form += &format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    form += &format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"\r\nContent-Type: a/b\r\n\r\n");
    [form.as_bytes(), file, format!("\r\n--{boundary}--\r\n").as_bytes()].concat()
}

/// Reads a form that comes in pieces, cut at these places.
fn read(content_type: &str, form: &[u8], cuts: &[usize]) -> Read {
    let mut multipart = Multipart::new(content_type).map_err(Some)?;
    let (mut fields, mut file, mut from) = (Vec::new(), Vec::new(), 0);
    for upto in cuts.iter().copied().filter(|cut| *cut < form.len()).chain([form.len()]) {
        multipart.push(&form[from..upto]);
        from = upto;
        while let Some(event) = multipart.next().map_err(Some)? {
            match event {
                Event::Field { name, value } => fields.push((name, value)),
                Event::File => {}
                Event::Bytes(bytes) => file.extend_from_slice(&bytes),
                Event::End => return Ok((fields, file)),
            }
        }
    }
    Err(None)
}

/// The same by actix-multipart.
fn read_by_another(form: &[u8], cuts: &[usize]) -> Option<Found> {
    let ends = cuts.iter().copied().filter(|cut| *cut < form.len()).chain([form.len()]);
    let chunks: Vec<Result<Bytes, PayloadError>> =
        ends.scan(0, |from, upto| Some(Ok(Bytes::copy_from_slice(&form[std::mem::replace(from, upto)..upto])))).collect();
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(FORM))]);
    let mut parts = actix_multipart::Multipart::new(&headers, stream::iter(chunks));
    let (mut fields, mut file) = (Vec::new(), None);
    block_on(async {
        while let Some(part) = parts.next().await {
            let mut part = part.ok()?;
            let (name, mut value) = (part.name()?.to_owned(), Vec::new());
            while let Some(bytes) = part.next().await {
                value.extend_from_slice(&bytes.ok()?);
            }
            match name.as_str() {
                "file" => file = Some(value),
                _ => fields.push((name, String::from_utf8(value).ok()?)),
            }
        }
        Some((fields, file?))
    })
}
