//! What this door offers, as OpenAPI 3.1: for clients that are not the SDK.
//!
//! Written by hand beside the routes. The tests here hold that it names each of them and no other; that the answers have the shapes
//! it says is held by schemathesis on the running server (`tests/doors/openapi.rs`).

use crate::answer::{Answer, Body};

const OPENAPI: &str = include_str!("openapi.json");

/// `GET /openapi.json`.
pub(crate) fn openapi() -> Answer {
    Answer::of(200, Body::Written(OPENAPI.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::OPENAPI;
    use crate::routes::offered;

    #[test]
    fn every_route_that_is_offered_is_described_and_no_other() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
                described.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
        let offered: BTreeSet<String> =
            offered().map(|(method, pattern)| format!("{method} /{}", pattern.replace("{}", "{id}"))).collect();
        assert_eq!(described, offered);
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        let (mut names, mut references) = (Vec::new(), Vec::new());
        collect(&document, &mut names, &mut references);
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(references.len() > 100, "{}", references.len());
        for reference in references {
            let place = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(place).is_some(), "{reference}");
        }
    }

    fn collect(value: &Value, names: &mut Vec<String>, references: &mut Vec<String>) {
        match value {
            Value::Object(inner) => {
                for (key, value) in inner {
                    match (key.as_str(), value) {
                        ("operationId", Value::String(name)) => names.push(name.clone()),
                        ("$ref", Value::String(reference)) => references.push(reference.clone()),
                        (_, value) => collect(value, names, references),
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, names, references)),
            _ => {}
        }
    }
}
