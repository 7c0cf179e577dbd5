//! Requests name what they are about where links look for it: an app in field 1, one dialog in field 2 (decision 0031).

use std::fs;
use std::path::Path;

/// Services whose requests go by app or by dialog.
const ROUTED: [&str; 5] = ["dialog", "history", "presence", "push", "storage"];

/// Those whose requests go by dialog.
const BY_DIALOG: [&str; 2] = ["dialog", "history"];

/// Requests of these services that name no app: any process may carry them out.
const ANYWHERE: [&str; 9] = [
    "CreateEventRequest",
    "FindRequest",
    "GetBuiltInRequest",
    "LookRequest",
    "ReadRequest",
    "SwitchedRequest",
    "TakeBlobPart",
    "UploadPart",
    "EraseRequest",
];

#[test]
fn apps_and_dialogs_stand_where_links_look_for_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/natter");
    let mut looked_at = 0;
    for service in ROUTED {
        let folder = root.join(service).join("v1");
        let files: Vec<_> = fs::read_dir(&folder).expect("protos").map(|entry| entry.expect("a file").path()).collect();
        for text in files.iter().map(|path| fs::read_to_string(path).expect("a proto")) {
            let text = without_comments(&text);
            for request in requests(&text) {
                let Some(fields) = message(&text, request) else { continue };
                looked_at += 1;
                let at = |number: &str| fields.iter().find(|(_, _, found)| found == number);
                let named = |name: &str| fields.iter().find(|(_, found, _)| found == name);
                if !ANYWHERE.contains(&request) {
                    assert!(
                        at("1").is_some_and(|(kind, name, _)| kind == "uint64" && name == "app"),
                        "{service}: {request} does not begin with its app"
                    );
                }
                if let Some((kind, _, number)) = named("dialog").filter(|_| BY_DIALOG.contains(&service)) {
                    assert!(kind == "bytes" && number == "2", "{service}: {request} names its dialog in field {number}");
                }
            }
        }
    }
    assert!(looked_at > 60, "{looked_at}");
}

fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

// What `rpc X(Y)` and `rpc X(stream Y)` take, of this package.
fn requests(text: &str) -> Vec<&str> {
    let taken = text.split("rpc ").skip(1).filter_map(|rest| rest.split_once('(')?.1.split_once(')'));
    taken.map(|(taken, _)| taken.trim_start_matches("stream ").trim()).filter(|name| !name.contains('.')).collect()
}

// Type, name and number of the fields of a message, those of its oneofs too.
fn message(text: &str, name: &str) -> Option<Vec<(String, String, String)>> {
    let (_, rest) = text.split_once(&format!("message {name} {{"))?;
    let mut depth = 1;
    let end = rest.find(|letter| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        depth == 0
    })?;
    let fields = rest[..end].split(|letter| ";{}".contains(letter)).filter_map(|field| {
        let (left, number) = field.split_once('=')?;
        let words: Vec<&str> = left.split_whitespace().collect();
        let [.., kind, name] = words[..] else { return None };
        Some((kind.to_owned(), name.to_owned(), number.trim().to_owned()))
    });
    Some(fields.collect())
}
