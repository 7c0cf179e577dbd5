//! What alerts and dashboards speak of is there: each metric, each page of what to do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::CHART;
use super::metrics::names;

/// Files that are called as a setting might be.
const SECRETS: [&str; 3] = ["admin.token", "push.key", "verifier.key"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

// Every word of a text that begins as a metric of ours does.
fn mentioned(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("natter_") && *word != "natter_dialog").map(str::to_owned).collect()
}

fn alerts() -> Vec<(String, String)> {
    let text = text(&format!("{CHART}/files/alerts.yaml"));
    let after = |block: &str, key: &str| {
        let value = block.split(&format!("{key}: ")).nth(1).unwrap_or_else(|| panic!("an alert without {key}: {block}"));
        value.lines().next().unwrap().trim().to_owned()
    };
    let blocks = text.split("- alert: ").skip(1);
    blocks.map(|block| (block.lines().next().unwrap().to_owned(), after(block, "runbook_url"))).collect()
}

#[test]
fn every_metric_of_alerts_and_dashboards_is_one_that_the_code_registers() {
    let known = names(&root().join("services")).unwrap();
    assert!(known.len() > 300, "only {}: are they registered otherwise?", known.len());
    let mut looked_at = 0;
    let dashboards = fs::read_dir(root().join(CHART).join("files/dashboards")).unwrap().map(|entry| entry.unwrap().path());
    for file in dashboards.chain([root().join(CHART).join("files/alerts.yaml"), root().join(CHART).join("templates/role.yaml")]) {
        for name in mentioned(&fs::read_to_string(&file).unwrap()) {
            assert!(known.contains(&name), "{}: nothing is called {name}", file.display());
            looked_at += 1;
        }
    }
    assert!(looked_at > 40, "only {looked_at} names were found");
}

#[test]
fn every_dashboard_is_json_with_panels_that_ask_something() {
    let mut count = 0;
    for entry in fs::read_dir(root().join(CHART).join("files/dashboards")).unwrap() {
        let board: serde_json::Value = serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
        for panel in board["panels"].as_array().unwrap() {
            assert!(panel["targets"].as_array().is_some_and(|targets| !targets.is_empty()), "{}", panel["title"]);
        }
        count += 1;
    }
    assert!(count >= 2);
}

#[test]
fn every_alert_has_a_page_that_says_what_to_do_and_every_page_an_alert() {
    let mut pages = BTreeSet::new();
    for (alert, url) in alerts() {
        let page = url.strip_prefix("https://natter.invalid/runbooks/").unwrap_or_else(|| panic!("{alert} leads to {url}"));
        let path = root().join("deploy/runbooks").join(page);
        let text = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{alert}: there is no {}", path.display()));
        assert!(text.contains(&format!("`{alert}`")), "{page} does not name {alert}");
        for heading in ["## What users see", "## Look", "## Do"] {
            assert!(text.contains(heading), "{page} has no {heading:?}");
        }
        pages.insert(page.to_owned());
    }
    assert!(pages.len() > 10);
    for entry in fs::read_dir(root().join("deploy/runbooks")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || pages.contains(&name), "no alert leads to deploy/runbooks/{name}");
    }
}

#[test]
fn the_operators_pages_name_commands_settings_and_files_that_are_there() {
    let reference = text("deploy/natter.toml");
    let mut pages: Vec<PathBuf> =
        fs::read_dir(root().join("deploy/runbooks")).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.push(root().join("deploy/README.md"));
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for name in mentioned(&text) {
            assert!(names(&root().join("services")).unwrap().contains(&name), "{}: nothing is called {name}", page.display());
        }
        // A setting is written as `group.name`, with a group of the reference.
        for code in text.split('`').skip(1).step_by(2) {
            let Some((group, name)) = code.rsplit_once('.').filter(|_| !SECRETS.contains(&code)) else { continue };
            if reference.contains(&format!("\n[{group}]\n")) {
                let of_group = reference.split(&format!("\n[{group}]\n")).nth(1).unwrap().split("\n[").next().unwrap();
                assert!(of_group.contains(&format!("\n#{name} =")), "{}: there is no setting {code}", page.display());
            }
        }
        // A link leads somewhere.
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap();
            let is_outside = path.starts_with("http") || path.is_empty();
            assert!(is_outside || page.parent().unwrap().join(path).exists(), "{}: {link} leads nowhere", page.display());
        }
    }
}
