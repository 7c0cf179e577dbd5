//! What the project believes about its own tree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const PURE: &str = "#![deny(clippy::disallowed_methods, clippy::disallowed_types)]";

/// Which layer a package stands on. A package may use its own layer only within the kernel and the tests.
fn layer(package: &str) -> Option<u32> {
    match package {
        "natter-proto" => Some(0),
        "natter-actor" | "natter-bus" | "natter-cluster" | "natter-db" | "natter-mail" | "natter-outbound" | "natter-peer"
        | "natter-rpc" | "natter-telemetry" | "natter-trace" | "natter-x509" | "natter-xmpp" => Some(1),
        "natter-account" | "natter-api" | "natter-console" | "natter-dialog" | "natter-edge" | "natter-history"
        | "natter-presence" | "natter-push" | "natter-storage" => Some(2),
        "natter-node" => Some(3),
        "natter-model" | "natter-servers" | "natter-tests" | "natter-xtask" => Some(4),
        _ => None,
    }
}

/// Which packages may name a driver.
const FENCES: [(&str, &[&str]); 18] = [
    ("actix", &["natter-actor"]),
    ("actix-rt", &["natter-actor"]),
    ("actix-web", &["natter-api", "natter-console", "natter-node"]),
    ("async-nats", &["natter-bus"]),
    ("argon2", &["natter-account"]),
    ("fjall", &["natter-db"]),
    ("jsonwebtoken", &["natter-account", "natter-push"]),
    ("lettre", &["natter-mail"]),
    ("opentelemetry", &["natter-telemetry"]),
    ("object_store", &["natter-storage"]),
    ("redis", &["natter-db"]),
    ("reqwest", &["natter-node", "natter-outbound", "natter-tests"]),
    ("rxml", &["natter-xmpp"]),
    ("scylla", &["natter-db"]),
    ("tokio-tungstenite", &["natter-edge", "natter-tests"]),
    ("tonic", &["natter-proto", "natter-rpc"]),
    ("tracing-opentelemetry", &["natter-telemetry"]),
    ("utoipa", &["natter-console"]),
];

#[test]
fn packages_use_only_lower_layers() {
    for (package, dependencies) in packages() {
        let of_package = layer(&package).unwrap_or_else(|| panic!("{package} stands on no layer: name it here"));
        for dependency in dependencies.iter().filter(|name| name.starts_with("natter-")) {
            let of_dependency = layer(dependency).unwrap_or_else(|| panic!("{dependency} stands on no layer"));
            let same_is_fine = of_package == 1 || of_package == 4;
            assert!(
                of_dependency < of_package || (same_is_fine && of_dependency == of_package),
                "{package} names {dependency}, which is not below it"
            );
        }
    }
}

#[test]
fn each_driver_is_known_to_its_crate_only() {
    for (package, dependencies) in packages() {
        for (driver, allowed) in FENCES {
            assert!(!dependencies.contains(driver) || allowed.contains(&package.as_str()), "{package} names {driver}");
        }
    }
}

#[test]
fn packages_are_called_after_their_folder() {
    for manifest in manifests() {
        let folder = manifest.parent().and_then(Path::file_name).unwrap().to_str().unwrap().to_owned();
        let package = text_of(&read_toml(&manifest)["package"]["name"]);
        assert_eq!(package, format!("natter-{folder}"));
    }
}

#[test]
fn every_file_says_what_it_is() {
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") && first.len() > 20, "{} opens without saying what it is", shown(&file));
    }
}

#[test]
fn rules_files_wait_for_nothing() {
    let mut count = 0;
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        if !text.contains(PURE) {
            continue;
        }
        count += 1;
        let rules = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in rules.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let waits = code.contains(".await") || code.contains("async fn") || code.contains("async move");
            assert!(!waits, "{}:{}: a rules file waits", shown(&file), number + 1);
        }
    }
    assert!(count > 20, "only {count} rules files: is the line spelled otherwise?");
}

#[test]
fn select_is_always_biased() {
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        for (at, _) in text.match_indices(concat!("select", "! {")) {
            let after = text[at + 9..].trim_start();
            assert!(after.starts_with("biased;"), "{}: a select! without biased is chance", shown(&file));
        }
    }
}

#[test]
fn proto_holds_no_logic() {
    let files: BTreeSet<String> =
        walk(&root().join("proto/src")).iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    let expected = ["code.rs", "codec.rs", "edge_frame.rs", "ids.rs", "lib.rs", "subject.rs"].map(str::to_owned);
    assert_eq!(files, BTreeSet::from(expected));
}

#[test]
fn the_top_level_is_fixed() {
    let fixed = [
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "deploy",
        "helm",
        "natter-data",
        "proto",
        "services",
        "target",
        "tests",
    ];
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name.starts_with('.') || fixed.contains(&name.as_str()), "{name} is not one of the fixed entries");
    }
}

#[test]
fn cited_contract_sections_exist() {
    let headings = |name: &str| -> BTreeSet<String> {
        let text = fs::read_to_string(root().join("tests/contract").join(name)).unwrap();
        let numbers = text
            .lines()
            .filter(|line| line.starts_with('#'))
            .filter_map(|line| line.trim_start_matches('#').split_whitespace().next());
        numbers.map(|number| number.trim_end_matches('.').to_owned()).collect()
    };
    let known = [("contract rest ", headings("rest.md")), ("contract xmpp ", headings("xmpp.md"))];
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        for (mark, headings) in &known {
            for cited in text.split(mark).skip(1) {
                let number: String = cited.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
                let number = number.trim_end_matches('.');
                let starts_with_digit = number.starts_with(|c: char| c.is_ascii_digit());
                // A citation may name a point within a section: 0.1.5 is point 5 of 0.1.
                let there =
                    headings.contains(number) || number.rsplit_once('.').is_some_and(|(section, _)| headings.contains(section));
                assert!(!starts_with_digit || there, "{}: there is no section {mark}{number}", shown(&file));
            }
        }
    }
}

#[test]
fn each_limit_has_the_test_that_the_table_names() {
    let sources: String = sources().iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let table = fs::read_to_string(root().join("tests/README.md")).unwrap();
    let rows: Vec<_> = natter_tests::limits::rows(&table).collect();
    assert!(rows.len() > 20, "only {} limits: is the table spelled otherwise?", rows.len());
    for row in rows {
        assert!(!row.tests.is_empty(), "{} has no test", row.setting);
        for test in row.tests {
            assert!(sources.contains(&format!("fn {test}(")), "{}: there is no test {test}", row.setting);
        }
    }
}

/// `cargo xtask test --cql` runs the tests whose binary is called `cql`, whose name holds `cassandra`, or that stand below a module `cql`.
#[test]
fn every_test_that_needs_cassandra_runs_on_other_servers_too() {
    let mut count = 0;
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        let is_below = ["/cql/", "/cql.rs", "/cassandra"].iter().any(|part| shown(&file).contains(part));
        for (at, _) in text.match_indices(concat!("#[ignore = ", "\"needs Cassandra")) {
            let name = text[at..].split("fn ").nth(1).and_then(|rest| rest.split('(').next()).unwrap_or_default();
            assert!(is_below || name.contains("cassandra"), "{}: {name} is not found by its name", shown(&file));
            count += 1;
        }
    }
    assert!(count > 30, "only {count} tests need Cassandra: is the line spelled otherwise?");
}

#[test]
fn workflows_take_actions_by_version_and_the_toolchain_of_the_manifest() {
    let manifest = read_toml(&root().join("Cargo.toml"));
    let toolchain = text_of(&manifest["workspace"]["metadata"]["toolchain"]);
    let files = walk(&root().join(".github/workflows"));
    assert!(files.len() >= 3, "only {} workflows", files.len());
    for file in files {
        let (text, at) = (fs::read_to_string(&file).unwrap(), shown(&file));
        for line in text.lines().map(|line| line.trim().trim_start_matches("- ")) {
            if let Some(action) = line.strip_prefix("uses: ") {
                let version = action.split_once("@v").map_or("", |(_, version)| version);
                assert!(version.starts_with(|first: char| first.is_ascii_digit()), "{at}: {action} names no version");
            }
            if line.contains("rustup toolchain install") {
                let uses = [format!("install {toolchain} "), format!("rustup default {toolchain}")];
                assert!(uses.iter().all(|word| line.contains(word)), "{at} does not use Rust {toolchain}: {line}");
            }
            if let Some((_, rest)) = line.split_once("--profile ").filter(|_| line.contains("cargo ")) {
                let profile = rest.split_whitespace().next().unwrap_or_default();
                assert!(manifest["profile"].get(profile).is_some(), "{at}: there is no profile {profile}");
            }
        }
        assert!(text.contains("\npermissions:\n  contents: read\n"), "{at}: what a job may write it says itself");
    }
}

#[test]
fn nothing_names_this_machine() {
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        let marks = [concat!("/wo", "rk/"), concat!("/home", "/"), concat!("/root", "/")];
        assert!(marks.iter().all(|mark| !text.contains(mark)), "{} holds a path of a machine", shown(&file));
    }
}

// Name of each package, and the names of all its dependencies that are not for its tests only.
fn packages() -> BTreeMap<String, BTreeSet<String>> {
    let read = |manifest: PathBuf| {
        let table = read_toml(&manifest);
        let mut names = BTreeSet::new();
        for kind in ["dependencies", "build-dependencies"] {
            if let Some(toml::Value::Table(inner)) = table.get(kind) {
                names.extend(inner.keys().cloned());
            }
        }
        (text_of(&table["package"]["name"]), names)
    };
    manifests().into_iter().map(read).collect()
}

fn manifests() -> Vec<PathBuf> {
    let workspace = read_toml(&root().join("Cargo.toml"));
    let members = workspace["workspace"]["members"].as_array().unwrap();
    members.iter().map(|member| root().join(text_of(member)).join("Cargo.toml")).collect()
}

pub fn sources() -> Vec<PathBuf> {
    let files = ["proto", "services", "tests"].into_iter().flat_map(|folder| walk(&root().join(folder)));
    files.filter(|file| file.extension().is_some_and(|extension| extension == "rs")).collect()
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !["target", "node_modules", "corpus"].contains(&name) {
            files.extend(walk(&path));
        } else if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn read_toml(path: &Path) -> toml::Table {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

fn text_of(value: &toml::Value) -> String {
    value.as_str().unwrap().to_owned()
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
