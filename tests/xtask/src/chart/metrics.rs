//! The names of all metrics, read from the sources that register them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Result;

/// Names as a scrape has them: with `_total` for counters and the three of histograms, whichever it is.
pub fn names(services: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    collect(services, &mut names)?;
    Ok(names)
}

fn collect(folder: &Path, names: &mut BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, names)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            for name in registered(&fs::read_to_string(&path)?) {
                names.extend(["", "_total", "_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")));
            }
        }
    }
    Ok(())
}

// What follows `sub_registry_with_prefix("...")`: the first text of each `.register(`.
fn registered(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut found = Vec::new();
    for part in source.split("sub_registry_with_prefix(\"").skip(1) {
        let Some((prefix, rest)) = part.split_once('"') else { continue };
        for call in rest.split(".register(").skip(1) {
            if let Some(name) = call.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()) {
                found.push(format!("{prefix}_{name}"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_with_the_prefix_before_them() {
        let source = "let a = all.sub_registry_with_prefix(\"natter_x\");\na.register(\"one\", \"One\", m);\na.register(\n    \"two\",\n    \"Two\");\n\
                      all.sub_registry_with_prefix(\"natter_y\").register(\"three\", help, m);";
        assert_eq!(registered(source), ["natter_x_one", "natter_x_two", "natter_y_three"]);
    }
}
