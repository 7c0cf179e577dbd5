//! The document about this API against the API itself: what each route says that it takes is what the document says, by name and by kind.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::console::Console;
use crate::guard::prepare;

/// A field that no route has.
const STRANGE: &str = "_";

#[tokio::test]
async fn each_route_takes_the_fields_and_parameters_that_the_document_names_and_no_other() {
    let console = Console::start().await;
    let document = document(&console).await;
    let mut seen = 0;
    for Operation { method, pattern, said } in operations(&document) {
        let route = format!("{method} {pattern}");
        let (mut fields, mut query) = (BTreeSet::new(), BTreeSet::new());
        for path in paths(&pattern, &said) {
            prepare(&console).await;
            let (_, answer) = console.call(&method, &format!("{path}?{STRANGE}=1"), "").await;
            query.extend(taken(&answer));
            prepare(&console).await;
            let (_, answer) = console.call(&method, &path, &json!({ STRANGE: 1 }).to_string()).await;
            fields.extend(taken(&answer));
        }
        assert_eq!(query, parameters(&said, "query"), "{route}: the query");
        assert_eq!(fields, properties(&said).into_iter().map(|(name, _)| name).collect(), "{route}: the body");
        seen += fields.len() + query.len();
    }
    assert!(seen > 60, "only {seen} names were looked at");
    console.stop().await;
}

#[tokio::test]
async fn each_field_is_of_the_kind_that_the_document_says() {
    let console = Console::start().await;
    let document = document(&console).await;
    for Operation { method, pattern, said } in operations(&document) {
        for (field, schema) in properties(&said) {
            let (right, wrong) = samples(&schema);
            let mut is_taken = false;
            for path in paths(&pattern, &said) {
                prepare(&console).await;
                let (_, answer) = console.call(&method, &path, &json!({ &field: right, STRANGE: 1 }).to_string()).await;
                is_taken |= unknown(&answer) == Some(STRANGE.to_owned());
                let (status, answer) = console.call(&method, &path, &json!({ &field: wrong }).to_string()).await;
                assert_eq!(status, 400, "{method} {path} takes {wrong} as {field}: {answer}");
            }
            assert!(is_taken, "{method} {pattern} does not take {right} as {field}");
        }
    }
    console.stop().await;
}

#[tokio::test]
async fn the_document_holds_together() {
    let console = Console::start().await;
    let document = document(&console).await;
    assert_eq!(document["info"]["title"], "Natter: the admin API");
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    for Operation { method, pattern, said } in operations(&document) {
        let route = format!("{method} {pattern}");
        let of_path: BTreeSet<_> = pattern.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(parameters(&said, "path"), of_path.into_iter().map(str::to_owned).collect(), "{route}");
        for parameter in said["parameters"].as_array().into_iter().flatten() {
            assert_eq!(parameter["required"], parameter["in"] == "path", "{route}");
        }
        let answers = said["responses"].as_object().unwrap();
        assert!(answers.len() >= 2 && answers.values().all(|answer| answer["description"].is_string()), "{route}");
        for requirement in said["security"].as_array().into_iter().flatten() {
            assert!(requirement.as_object().unwrap().keys().all(|scheme| schemes.contains_key(scheme)), "{route}");
        }
    }
    let text = document.to_string();
    for named in text.split(r##""$ref":"#"##).skip(1) {
        let place = named.split('"').next().unwrap();
        assert!(document.pointer(place).is_some(), "{place} is nowhere");
    }
    console.stop().await;
}

struct Operation {
    method: String,
    pattern: String,
    said: Value,
}

async fn document(console: &Console) -> Value {
    let (status, body) = console.get("/admin/v1/openapi.json").await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (pattern, item) in document["paths"].as_object().unwrap() {
        for (method, said) in item.as_object().unwrap() {
            operations.push(Operation { method: method.to_uppercase(), pattern: pattern.clone(), said: said.clone() });
        }
    }
    operations
}

// One for each word that a parameter may be.
fn paths(pattern: &str, said: &Value) -> Vec<String> {
    let mut paths = vec![pattern.to_owned()];
    for parameter in said["parameters"].as_array().into_iter().flatten().filter(|parameter| parameter["in"] == "path") {
        let name = parameter["name"].as_str().unwrap();
        let words = match (name, parameter["schema"]["enum"].as_array()) {
            (_, Some(words)) => words.iter().map(|word| word.as_str().unwrap().to_owned()).collect(),
            ("app", _) => vec!["77".to_owned()],
            ("message", _) => vec!["65a000000000000000000001".to_owned()],
            ("session", _) => vec!["0".repeat(32)],
            ("name", _) => vec!["ann".to_owned()],
            _ => vec!["5".to_owned()],
        };
        let hole = format!("{{{name}}}");
        paths = paths.iter().flat_map(|path| words.iter().map(|word| path.replace(&hole, word))).collect();
    }
    paths
}

// The name of the field that a refusal does not know.
fn unknown(answer: &str) -> Option<String> {
    let refusal: Value = serde_json::from_str(answer).ok()?;
    let (field, text) = (refusal["error"]["field"].as_str()?, refusal["error"]["text"].as_str()?);
    if text.starts_with("is not a field of this call") {
        return Some(field.to_owned());
    }
    text.split_once("unknown field `")?.1.split('`').next().map(str::to_owned)
}

// What a refusal of a strange field says that the route takes.
fn taken(answer: &str) -> BTreeSet<String> {
    if unknown(answer).as_deref() != Some(STRANGE) {
        return BTreeSet::new();
    }
    let known = answer.split_once("expected").map_or("", |(_, known)| known);
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn parameters(said: &Value, place: &str) -> BTreeSet<String> {
    let all = said["parameters"].as_array().into_iter().flatten();
    all.filter(|parameter| parameter["in"] == place).map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
}

fn properties(said: &Value) -> Vec<(String, Value)> {
    let body = &said["requestBody"]["content"]["application/json"]["schema"]["properties"];
    body.as_object().into_iter().flatten().map(|(name, schema)| (name.clone(), schema.clone())).collect()
}

// A value that fits, and one that does not.
fn samples(schema: &Value) -> (Value, Value) {
    match (schema["enum"].as_array(), schema["type"].as_str()) {
        (Some(words), _) => (words[0].clone(), json!("none of them")),
        (None, Some("string")) => (json!("x"), json!(7)),
        (None, Some("integer")) => (json!(77), json!(true)),
        (None, Some("boolean")) => (json!(true), json!(7)),
        (None, Some("object")) => (json!({}), json!("x")),
        (None, Some("array")) => (json!([]), json!("x")),
        _ => (json!("all"), json!(7)),
    }
}
