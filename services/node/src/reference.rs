//! The config reference: every setting as commented TOML, with its default and the doc comment of its field. `build.rs`
//! collects the comments from the sources of the options, the defaults are the code's; nothing is written down twice.

use anyhow::Result;
use toml::{Table, Value};

use crate::config::Config;

include!(concat!(env!("OUT_DIR"), "/settings.rs"));

const HEAD: &str = "# Every setting of Natter with its default. This page is made by `natter config --reference`.
#
# A file like this one is read from ./natter.toml or with --config FILE. A variable wins over it, a flag over both:
#   NATTER_EDGE__TLS_PORT=15223 natter
#   natter --set edge.tls_port=15223
# `natter config` shows what is in force and where it comes from, `natter config --check` whether it can be read.
";

/// The page.
pub fn reference() -> Result<String> {
    let defaults = Table::try_from(Config::default())?;
    let is_group = |path: &str| SETTINGS.iter().any(|(other, _)| parent(other) == path);
    let mut page = HEAD.to_owned();
    write_settings(&mut page, "", &defaults, &is_group);
    for (group, doc) in SETTINGS.iter().filter(|(path, _)| is_group(path)) {
        page.push_str(&format!("\n{}\n[{group}]\n", comment(doc)));
        write_settings(&mut page, group, &defaults, &is_group);
    }
    Ok(page)
}

fn write_settings(page: &mut String, group: &str, defaults: &Table, is_group: &dyn Fn(&str) -> bool) {
    for (path, doc) in SETTINGS.iter().filter(|(path, _)| parent(path) == group && !is_group(path)) {
        let name = path.rsplit('.').next().unwrap_or(path);
        let shown = default_of(defaults, path).map_or_else(|| "  # not set".to_owned(), |value| format!(" {value}"));
        page.push_str(&format!("\n{}\n#{name} ={shown}\n", comment(doc)));
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

// An option without a default is absent.
fn default_of<'a>(defaults: &'a Table, path: &str) -> Option<&'a Value> {
    let (folders, name) = path.rsplit_once('.').unwrap_or(("", path));
    let inside = |table: &'a Table, folder: &str| table.get(folder)?.as_table();
    folders.split('.').filter(|folder| !folder.is_empty()).try_fold(defaults, inside)?.get(name)
}

fn comment(doc: &str) -> String {
    doc.lines().map(|line| format!("# {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_setting_stands_in_it_with_a_description() {
        let mut expected = BTreeSet::new();
        paths("", &Table::try_from(Config::default()).unwrap(), &mut expected);
        assert!(expected.len() > 80 && expected.contains("account.argon2.memory_kib"), "{}", expected.len());
        let described: BTreeSet<String> = SETTINGS.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(described.len(), SETTINGS.len(), "none stands twice");
        assert_eq!(expected.difference(&described).collect::<Vec<_>>(), Vec::<&String>::new());
        for (path, doc) in SETTINGS {
            assert!(doc.len() > 10 && doc.ends_with('.'), "{path} is not described: {doc:?}");
        }
        let page = reference().unwrap();
        let mut group = String::new();
        let mut shown = BTreeSet::new();
        let mut above = "";
        for line in page.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                group = format!("{name}.");
            } else if let Some((name, _)) = setting(line) {
                assert!(above.starts_with("# "), "{group}{name} has nothing above it");
                shown.insert(format!("{group}{name}"));
            }
            above = line;
        }
        assert_eq!(expected.difference(&shown).collect::<Vec<_>>(), Vec::<&String>::new());
    }

    #[test]
    fn uncommented_it_is_the_defaults_and_as_it_is_too() {
        let page = reference().unwrap();
        let bare = |line: &str| setting(line).filter(|(_, value)| !value.starts_with('#')).map(|_| line[1..].to_owned());
        let uncommented: Vec<String> = page.lines().map(|line| bare(line).unwrap_or_else(|| line.to_owned())).collect();
        let defaults = Table::try_from(Config::default()).unwrap();
        for text in [uncommented.join("\n"), page.clone()] {
            let read: Config = toml::from_str(&text).unwrap();
            assert_eq!(Table::try_from(read).unwrap(), defaults);
        }
        assert!(page.contains("\n#otlp_endpoint =  # not set\n"), "an option without a default is shown too");
        let written: Table = uncommented.join("\n").parse().unwrap();
        assert_eq!(written, defaults, "each default is written out");
    }

    #[test]
    fn the_copy_for_operators_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/natter.toml");
        let copy = std::fs::read_to_string(path).unwrap();
        assert!(copy == reference().unwrap(), "it is stale: cargo run -- config --reference > deploy/natter.toml");
    }

    fn setting(line: &str) -> Option<(&str, &str)> {
        let (name, value) = line.strip_prefix('#')?.split_once(" =")?;
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit());
        is_name.then(|| (name, value.trim()))
    }

    fn paths(at: &str, table: &Table, found: &mut BTreeSet<String>) {
        for (key, value) in table {
            match value {
                Value::Table(inner) => paths(&format!("{at}{key}."), inner, found),
                _ => drop(found.insert(format!("{at}{key}"))),
            }
        }
    }
}
