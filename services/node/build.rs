//! Collects the doc comments of `Config` and of every `Options` it holds, from their sources, for `natter config --reference`:
//! what a developer reads above a field and what an operator reads above a setting are one text.
//!
//! It reads what `cargo fmt` writes: one field a line, doc comments above it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// A struct as its source has it.
struct Struct {
    doc: String,
    /// Name, type and doc comment, in order.
    fields: Vec<(String, String, String)>,
}

fn main() {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut settings = Vec::new();
    collect(&here.join("src/config.rs"), "Config", "", &mut settings);
    let mut text = String::from("/// Dotted path and doc comment of every setting and every group of them, in order.\n");
    text.push_str("pub const SETTINGS: &[(&str, &str)] = &[\n");
    for (path, doc) in settings {
        writeln!(text, "    ({path:?}, {doc:?}),").expect("a String takes all");
    }
    text.push_str("];\n");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("settings.rs"), text).expect("cargo made the folder");
}

// Adds the fields of a struct under `at`. A field whose type is a struct of ours is a group.
fn collect(file: &Path, name: &str, at: &str, settings: &mut Vec<(String, String)>) {
    println!("cargo:rerun-if-changed={}", file.display());
    let source = fs::read_to_string(file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
    let structs = structs(&source);
    let found = structs.get(name).unwrap_or_else(|| panic!("there is no struct {name} in {}", file.display()));
    for (field, of_type, doc) in &found.fields {
        let path = if at.is_empty() { field.clone() } else { format!("{at}.{field}") };
        let Some((file, name)) = group(file, of_type, &structs) else {
            settings.push((path, doc.clone()));
            continue;
        };
        let place = settings.len();
        settings.push((path.clone(), doc.clone()));
        collect(&file, &name, &path, settings);
        if doc.is_empty() {
            let source = fs::read_to_string(&file).expect("it was read above");
            settings[place].1 = structs_doc(&source, &name);
        }
    }
}

fn structs_doc(source: &str, name: &str) -> String {
    structs(source).remove(name).map(|found| found.doc).unwrap_or_default()
}

// Where the struct of a type lies: in the same file, in a file of this crate, or in the options of a crate of ours.
fn group(file: &Path, of_type: &str, structs: &BTreeMap<String, Struct>) -> Option<(PathBuf, String)> {
    let Some((module, name)) = of_type.rsplit_once("::") else {
        return structs.contains_key(of_type).then(|| (file.to_owned(), of_type.to_owned()));
    };
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let services = here.parent().expect("it lies in services/");
    let candidates = match (module.strip_prefix("crate::"), module.strip_prefix("natter_")) {
        (Some(module), _) => vec![here.join("src").join(module.replace("::", "/")).with_extension("rs")],
        (_, Some(package)) => {
            let package = package.split("::").next().unwrap_or(package);
            let sources = ["", "kernel"].map(|floor| services.join(floor).join(package).join("src"));
            sources.iter().flat_map(|folder| holders(folder, name)).collect()
        }
        _ => return None,
    };
    let there = candidates.into_iter().find(|path| path.exists());
    Some((there.unwrap_or_else(|| panic!("where does {of_type} lie?")), name.to_owned()))
}

// The sources of a crate that hold a struct of this name; a service's own options first.
fn holders(folder: &Path, name: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let Ok(inside) = fs::read_dir(folder) else { continue };
        let mut inside: Vec<PathBuf> = inside.filter_map(|entry| Some(entry.ok()?.path())).collect();
        inside.sort();
        for path in inside {
            if path.is_dir() {
                folders.push(path);
            } else if fs::read_to_string(&path).is_ok_and(|text| text.contains(&format!("pub struct {name} {{"))) {
                found.push(path);
            }
        }
    }
    let own = folder.join("options.rs");
    found.sort_by_key(|path| *path != own);
    found
}

fn structs(source: &str) -> BTreeMap<String, Struct> {
    let mut found = BTreeMap::new();
    let mut open: Option<(String, Struct)> = None;
    let mut doc = Vec::new();
    for line in source.lines() {
        let code = line.trim();
        if let Some(text) = code.strip_prefix("///") {
            doc.push(text.trim().to_owned());
        } else if let Some(name) = code.strip_prefix("pub struct ").and_then(|rest| rest.strip_suffix(" {")) {
            open = Some((name.to_owned(), Struct { doc: doc.join("\n"), fields: Vec::new() }));
            doc.clear();
        } else if line == "}" {
            found.extend(open.take());
            doc.clear();
        } else if let (Some((_, inner)), Some((name, of_type))) = (&mut open, field(code)) {
            inner.fields.push((name, of_type, doc.join("\n")));
            doc.clear();
        } else if !code.starts_with("#[") {
            doc.clear();
        }
    }
    found
}

fn field(code: &str) -> Option<(String, String)> {
    let (name, of_type) = code.strip_prefix("pub ")?.strip_suffix(',')?.split_once(": ")?;
    Some((name.to_owned(), of_type.to_owned()))
}
