//! `values.schema.json`, from the values and their marks, and from the reference of settings: a value that is not there, or of another
//! kind, is refused by Helm before anything is rendered.

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::values::{Content, Entry};

/// The schema of the values. `settings`: the text of `deploy/natter.toml`.
pub fn schema(entries: &[Entry], settings: &str) -> Result<Value> {
    let mut root = object(entries, entries)?;
    // What a chart above this one hands down.
    root["properties"]["global"] = json!({ "type": "object" });
    root["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    root["title"] = "Values of the Natter chart".into();
    root["definitions"] = json!({ "settings": of_settings(settings)? });
    Ok(root)
}

fn object(entries: &[Entry], all: &[Entry]) -> Result<Value> {
    let properties = entries.iter().map(|entry| Ok((entry.key.clone(), of_entry(entry, all)?)));
    let properties = properties.collect::<Result<Map<String, Value>>>()?;
    Ok(json!({ "type": "object", "additionalProperties": false, "properties": properties }))
}

fn of_entry(entry: &Entry, all: &[Entry]) -> Result<Value> {
    let mut schema = match (&entry.content, entry.mark("like")) {
        (_, Some(other)) => {
            let other = all.iter().find(|entry| entry.key == other).with_context(|| format!("there is no group {other}"))?;
            match &other.content {
                Content::Group(inner) => object(inner, all)?,
                Content::Value(_) => bail!("{} is no group", other.key),
            }
        }
        _ if entry.mark("any").is_some() => json!({ "type": "object" }),
        _ if entry.mark("settings").is_some() => json!({ "$ref": "#/definitions/settings" }),
        _ if entry.mark("intorstring").is_some() => {
            json!({ "type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9]+%$" })
        }
        (Content::Group(inner), None) => object(inner, all)?,
        (Content::Value(value), None) => of_value(entry, value)?,
    };
    if schema.get("$ref").is_none() {
        schema["description"] = entry.text.clone().into();
    }
    Ok(schema)
}

fn of_value(entry: &Entry, value: &Value) -> Result<Value> {
    let mut schema = match value {
        Value::Bool(_) => json!({ "type": "boolean" }),
        Value::Number(_) => json!({ "type": "integer" }),
        Value::String(_) => json!({ "type": "string" }),
        Value::Array(_) => match entry.mark("items") {
            Some("address") => json!({ "type": "array", "items": { "type": "string", "pattern": "^\\S+:[0-9]{1,5}$" } }),
            Some("network") => {
                json!({ "type": "array", "items": { "type": "string", "pattern": "^[0-9a-fA-F.:]+(/[0-9]{1,3})?$" } })
            }
            Some("object") => json!({ "type": "array", "items": { "type": "object" } }),
            _ => bail!("{}: of what are the items?", entry.key),
        },
        _ => bail!("{}: an empty group needs a mark", entry.key),
    };
    for (word, text) in &entry.marks {
        match word.as_str() {
            "enum" => schema["enum"] = text.split(',').map(super::values::json_of).collect(),
            "min" => schema["minimum"] = text.parse::<i64>()?.into(),
            "max" => schema["maximum"] = text.parse::<i64>()?.into(),
            "pattern" => schema["pattern"] = text.clone().into(),
            "items" => {}
            other => bail!("{}: there is no mark @{other}", entry.key),
        }
    }
    Ok(schema)
}

/// Every group and setting of the reference. `#name = value` is a setting, `[group]` a group.
fn of_settings(text: &str) -> Result<Value> {
    let mut root = json!({ "type": "object", "additionalProperties": false, "properties": {} });
    let mut group = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            group = name.split('.').map(str::to_owned).collect();
        } else if let Some((name, value)) = line.strip_prefix('#').and_then(|rest| rest.split_once(" = "))
            && !name.starts_with(' ')
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        {
            let mut at = &mut root;
            for folder in &group {
                let inner = &mut at["properties"][folder];
                if inner.is_null() {
                    *inner = json!({ "type": "object", "additionalProperties": false, "properties": {} });
                }
                at = inner;
            }
            at["properties"][name] = kind(value.trim());
        }
    }
    let count = root["properties"].as_object().map_or(0, Map::len);
    if count < 10 {
        bail!("deploy/natter.toml has only {count} groups: is it written otherwise?");
    }
    Ok(root)
}

fn kind(value: &str) -> Value {
    match value {
        "true" | "false" => json!({ "type": "boolean" }),
        _ if value.starts_with('[') => json!({ "type": "array" }),
        _ if value.parse::<i64>().is_ok() => json!({ "type": "integer" }),
        _ if value.parse::<f64>().is_ok() => json!({ "type": "number" }),
        _ => json!({ "type": "string" }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_setting_has_the_kind_of_its_default_and_a_misspelt_one_has_no_place() {
        let text = std::fs::read_to_string("../../deploy/natter.toml").unwrap();
        let schema = of_settings(&text).unwrap();
        let of = |path: &[&str]| path.iter().fold(&schema, |at, name| &at["properties"][name]).clone();
        assert_eq!(of(&["edge", "wss_port"])["type"], "integer");
        assert_eq!(of(&["telemetry", "sample"])["type"], "number");
        assert_eq!(of(&["telemetry", "otlp_endpoint"])["type"], "string");
        assert_eq!(of(&["cluster", "cql", "nodes"])["type"], "array");
        assert_eq!(of(&["api", "user_lists"])["type"], "boolean");
        assert!(of(&["edge", "wss_prot"]).is_null() && of(&["edge"])["additionalProperties"] == false);
    }

    #[test]
    fn marks_bound_a_value_and_an_unknown_one_is_named() {
        let entries = super::super::values::read("# N.\n# @min 1 @max 9\nn: 3\n# M.\n# @enum a,b\nm: a\n").unwrap();
        let n = of_entry(&entries[0], &entries).unwrap();
        assert_eq!((&n["minimum"], &n["maximum"], &n["type"]), (&json!(1), &json!(9), &json!("integer")));
        assert_eq!(of_entry(&entries[1], &entries).unwrap()["enum"], json!(["a", "b"]));
        let wrong = super::super::values::read("# N.\n# @mni 1\nn: 3\n").unwrap();
        assert!(of_entry(&wrong[0], &wrong).unwrap_err().to_string().contains("@mni"));
    }
}
