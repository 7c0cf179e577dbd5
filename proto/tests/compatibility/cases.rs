//! Each rule, broken on purpose in a small language, and what looks similar but breaks nothing.

use protox::Compiler;
use protox::file::{File, FileResolver};

use crate::rules::breaches;
use crate::schema::Schema;

/// The language from which every case starts.
const BEFORE: &str = r#"
syntax = "proto3";
package chat.v1;
service Chat {
  rpc Post(PostRequest) returns (PostReply);
  rpc Follow(PostRequest) returns (stream PostReply);
  rpc Old(PostRequest) returns (PostReply) { option deprecated = true; }
}
enum Kind { KIND_UNSPECIFIED = 0; KIND_PLAIN = 1; KIND_LOUD = 2; reserved 7; }
message PostRequest {
  uint64 user = 1;
  string text = 2;
  repeated bytes files = 3;
  optional string title = 4;
  oneof to { uint64 friend = 5; string room = 6; }
  map<string, string> extra = 8;
  Kind kind = 9;
  reserved 20 to 29;
}
message PostReply { uint64 seq = 1; }
message Gone { option deprecated = true; uint64 a = 1; }
"#;

#[test]
fn what_the_other_release_would_misread_is_refused() {
    let number = "give the other one a number of its own";
    // Of a text, this becomes that, and the refusal begins so.
    let cases: &[(&str, &str, &[&str])] = &[
        ("string text = 2", "bytes text = 2", &["chat.v1.PostRequest.text: number 2 was string and is bytes", number]),
        ("uint64 user = 1", "uint32 user = 1", &["chat.v1.PostRequest.user: number 1 was uint64 and is uint32"]),
        (
            "Kind kind = 9",
            "PostReply kind = 9",
            &["chat.v1.PostRequest.kind: number 9 was chat.v1.Kind and is chat.v1.PostReply"],
        ),
        (
            "map<string, string>",
            "map<string, bytes>",
            &["PostRequest.extra: number 8 was map<string,string> and is map<string,bytes>"],
        ),
        ("string text = 2", "string language = 2", &["PostRequest.text: its number 2 is `language`", "another meaning", number]),
        ("string text = 2;", "", &["PostRequest.text: number 2 was removed without `reserved`", "write `reserved 2;`"]),
        ("string text = 2", "string text = 12", &["PostRequest.text: its number was 2 and is 12", "give it 2 again"]),
        ("repeated bytes files", "bytes files", &["PostRequest.files: number 3 was repeated and is plain"]),
        ("string text", "repeated string text", &["PostRequest.text: number 2 was plain and is repeated"]),
        ("optional string title", "string title", &["PostRequest.title: number 4 was optional and is plain"]),
        ("string text", "optional string text", &["PostRequest.text: number 2 was plain and is optional"]),
        (
            "oneof to { uint64 friend = 5; string room = 6; }",
            "oneof to { uint64 friend = 5; } string room = 6;",
            &["PostRequest.room: number 6 was oneof:to and is plain"],
        ),
        ("reserved 20 to 29;", "string late = 25; reserved 20 to 24, 26 to 29;", &["PostRequest.late: number 25 was reserved"]),
        ("reserved 20 to 29;", "reserved 20 to 24, 26 to 29;", &["PostRequest: number 25 was reserved and is free again"]),
        ("reserved 20 to 29;", "", &["PostRequest: number 20 was reserved and is free again"]),
        ("KIND_LOUD = 2;", "", &["chat.v1.Kind.KIND_LOUD: value 2 was removed without `reserved`"]),
        ("KIND_LOUD = 2;", "KIND_QUIET = 2;", &["chat.v1.Kind.KIND_LOUD: its number 2 is `KIND_QUIET`"]),
        ("reserved 7;", "KIND_SEVENTH = 7;", &["chat.v1.Kind.KIND_SEVENTH: value 7 was reserved"]),
        ("reserved 7;", "", &["chat.v1.Kind: number 7 was reserved and is free again"]),
        ("package chat.v1", "package chat.v2", &["chat.v1: the package is gone", "a second package beside it"]),
        ("service Chat", "service Talk", &["chat.v1.Chat: the service is gone", "for one release"]),
        ("rpc Post(", "rpc Send(", &["chat.v1.Chat.Post: the rpc is gone"]),
        ("rpc Post(PostRequest)", "rpc Post(PostReply)", &["chat.v1.Chat.Post: it takes chat.v1.PostReply"]),
        ("rpc Post(PostRequest)", "rpc Post(stream PostRequest)", &["chat.v1.Chat.Post: it takes stream:chat.v1.PostRequest"]),
        ("returns (stream PostReply)", "returns (PostReply)", &["chat.v1.Chat.Follow: it gives chat.v1.PostReply"]),
        (
            "message PostReply { uint64 seq = 1; }",
            "message Reply {} message PostReply {}",
            &["PostReply.seq: number 1 was removed"],
        ),
    ];
    let before = schema(BEFORE);
    for (this, that, expected) in cases {
        let found = breaches(&before, &schema(&changed(this, that)));
        let [breach] = found.as_slice() else { panic!("{this} to {that}: not one breach: {found:?}") };
        for part in *expected {
            assert!(breach.to_string().contains(part), "{this} to {that}: {breach}");
        }
    }
}

#[test]
fn a_message_or_enum_that_is_gone_is_refused_and_so_are_its_uses() {
    let after = changed("PostReply", "PostAnswer");
    let found: Vec<String> = breaches(&schema(BEFORE), &schema(&after)).iter().map(ToString::to_string).collect();
    assert!(found[0].starts_with("chat.v1.PostReply: the message is gone"), "{found:?}");
    assert_eq!(found.len(), 4, "and the three rpcs that give it: {found:?}");
    let after = BEFORE.replace("Kind kind = 9;", "reserved 9;").replace("enum Kind", "enum Sort");
    let found = breaches(&schema(BEFORE), &schema(&after));
    assert!(found.len() == 1 && found[0].to_string().starts_with("chat.v1.Kind: the enum is gone"), "{found:?}");
}

#[test]
fn a_new_field_must_not_be_required() {
    let old = |more: &str| format!("syntax = \"proto2\"; package chat.v1; message Post {{ optional uint64 user = 1; {more} }}");
    let found = breaches(&schema(&old("")), &schema(&old("required string text = 2;")));
    assert!(found.len() == 1 && found[0].to_string().starts_with("chat.v1.Post.text: it is required"), "{found:?}");
    let found = breaches(&schema(&old("")), &schema(&old("optional string text = 2;")));
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn what_only_grows_or_goes_as_it_should_is_taken() {
    let cases = [
        ("", ""),
        ("string text = 2;", "string text = 2; uint64 thread = 10;"),
        ("string text = 2;", "reserved 2;"),
        ("string text = 2;", "reserved 2; string words = 11;"),
        ("uint64 friend = 5;", "uint64 friend = 5; bytes phone = 12;"),
        ("reserved 20 to 29;", "reserved 20 to 24, 25 to 40;"),
        ("KIND_LOUD = 2;", "KIND_LOUD = 2; KIND_QUIET = 3;"),
        ("KIND_LOUD = 2;", "reserved 2;"),
        ("rpc Old(PostRequest) returns (PostReply) { option deprecated = true; }", ""),
        ("message Gone { option deprecated = true; uint64 a = 1; }", ""),
        ("message PostReply", "message More { string a = 1; } message PostReply"),
        ("rpc Post(", "rpc Edit(PostRequest) returns (PostReply); rpc Post("),
        ("message PostReply {", "message PostReply { option deprecated = true; "),
    ];
    for (this, that) in cases {
        let found = breaches(&schema(BEFORE), &schema(&changed(this, that)));
        assert!(found.is_empty(), "{this} to {that}: {found:?}");
    }
    let more = schema(&changed("package chat.v1", "package chat.v1"));
    assert_eq!(more.packages.len(), 1);
}

#[test]
fn a_language_is_read_back_from_its_lines_and_a_damaged_one_is_refused() {
    let all = schema(BEFORE);
    assert_eq!(Schema::read(&all.to_string()).unwrap(), all);
    let text = all.to_string();
    assert!(text.contains("\n  4 title string optional\n  5 friend uint64 oneof:to\n"), "{text}");
    for damaged in ["message", "  1 a string plain", "message a.B\n  x a string plain", "union a.B", "message a.B\n  1 a string"]
    {
        assert!(Schema::read(damaged).is_err(), "{damaged}");
    }
}

/// `BEFORE` with one thing replaced, which must be there.
fn changed(this: &str, that: &str) -> String {
    assert!(BEFORE.contains(this), "{this} is not there");
    if this.is_empty() { BEFORE.to_owned() } else { BEFORE.replace(this, that) }
}

fn schema(source: &str) -> Schema {
    let mut compiler = Compiler::with_file_resolver(Source(source.to_owned()));
    compiler.open_file("chat.proto").unwrap_or_else(|error| panic!("{error}: {source}"));
    Schema::of(&compiler.descriptor_pool())
}

/// One file in memory.
struct Source(String);

impl FileResolver for Source {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match name {
            "chat.proto" => File::from_source(name, &self.0),
            _ => Err(protox::Error::file_not_found(name)),
        }
    }
}
