//! Two releases run side by side during an upgrade, so today's `.proto` files are compared with those that were accepted last, which
//! `proto/accepted.txt` holds, or with those of a tree that `NATTER_PROTO_BEFORE` names (`cargo xtask mixed`). `cargo xtask proto accept` brings that file to today's, if nothing of it is broken: once before each
//! release. What came since the last one may still change.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod cases;
mod rules;
mod schema;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use protox::Compiler;
use rules::breaches;
use schema::Schema;

const HEAD: &str = "# What the last release speaks. Not written by hand: `cargo xtask proto accept`.\n";

#[test]
fn the_release_before_understands_todays() {
    let today = schema_of(Path::new(env!("CARGO_MANIFEST_DIR")));
    let accepting = std::env::var("NATTER_PROTO").is_ok_and(|word| word == "accept");
    let before = match (std::env::var_os("NATTER_PROTO_BEFORE"), fs::read_to_string(accepted())) {
        (Some(folder), _) => schema_of(Path::new(&folder)),
        (None, Ok(text)) => Schema::read(&text).unwrap_or_else(|error| panic!("proto/accepted.txt: {error}")),
        (None, Err(_)) if accepting => Schema::default(),
        (None, Err(error)) => panic!("proto/accepted.txt cannot be read ({error}): cargo xtask proto accept"),
    };
    let found: Vec<String> = breaches(&before, &today).iter().map(|breach| format!("- {breach}")).collect();
    assert!(
        found.is_empty(),
        "the release before and today's misunderstand each other while both run (proto/README.md):\n{}",
        found.join("\n")
    );
    let (was, is) = (whole(&before.to_string()), whole(&today.to_string()));
    is.difference(&was).for_each(|line| println!("not in the last release: {line}"));
    if accepting {
        fs::write(accepted(), format!("{HEAD}{today}")).unwrap();
    }
}

#[test]
fn what_was_accepted_is_written_as_it_is_read() {
    let text = fs::read_to_string(accepted()).unwrap();
    assert_eq!(format!("{HEAD}{}", Schema::read(&text).unwrap()), text);
}

// Each line with the head that it stands under.
fn whole(text: &str) -> BTreeSet<String> {
    let mut head = "";
    let mut lines = BTreeSet::new();
    for line in text.lines() {
        match line.strip_prefix("  ") {
            Some(part) => drop(lines.insert(format!("{head}: {part}"))),
            None => {
                head = line;
                lines.insert(line.to_owned());
            }
        }
    }
    lines
}

// Of the `.proto` files below a folder like this one.
fn schema_of(root: &Path) -> Schema {
    let mut files = Vec::new();
    find(&root.join("natter"), &mut files);
    assert!(files.len() > 10, "only {} files were found", files.len());
    let mut compiler = Compiler::new([root]).unwrap();
    compiler.open_files(files).unwrap();
    let schema = Schema::of(&compiler.descriptor_pool());
    assert!(schema.messages.len() > 100 && schema.services.len() > 5, "the files hold too little");
    schema
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => find(&path, files),
            false => files.extend(Some(path).filter(|path| path.extension().is_some_and(|extension| extension == "proto"))),
        }
    }
}

fn accepted() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("accepted.txt")
}
