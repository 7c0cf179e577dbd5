//! Bracket keys: `a[b][c][]` as a path, and the tree that such paths build.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use serde_json::{Map, Value};

use super::Fault;

/// Splits a decoded key at its brackets: `a[b][]` is `a`, `b` and the empty step. A key whose brackets do not match is one
/// plain step: it is somebody's own key, and no reason to refuse the request.
pub(super) fn steps(key: &str) -> Vec<&str> {
    split(key).unwrap_or_else(|| vec![key])
}

fn split(key: &str) -> Option<Vec<&str>> {
    let (first, mut rest) = key.split_at(key.find('[')?);
    if first.is_empty() {
        return None;
    }
    let mut steps = vec![first];
    while !rest.is_empty() {
        let (step, after) = rest.strip_prefix('[')?.split_once(']')?;
        if step.contains('[') {
            return None;
        }
        steps.push(step);
        rest = after;
    }
    Some(steps)
}

/// Puts a value at the place its key names. Repeated plain keys: the last wins; repeated `a[]`: a list.
pub(super) fn insert(tree: &mut Map<String, Value>, key: &str, value: Value, depth: usize) -> Result<(), Fault> {
    let steps = steps(key);
    if steps.len() > depth {
        return Err(Fault::Depth);
    }
    place(tree, &steps, value);
    Ok(())
}

fn place(tree: &mut Map<String, Value>, steps: &[&str], value: Value) {
    let Some((&first, rest)) = steps.split_first() else { return };
    match rest {
        [] => set(tree, first, value),
        [""] => push(tree.entry(first).or_insert_with(|| Value::Array(Vec::new())), value),
        _ => place(object_at(tree, first), rest, value),
    }
}

fn set(tree: &mut Map<String, Value>, key: &str, value: Value) {
    match tree.get_mut(key) {
        Some(Value::Object(inner)) if !value.is_object() => {
            inner.insert(String::new(), value);
        }
        _ => {
            tree.insert(key.to_owned(), value);
        }
    }
}

fn push(slot: &mut Value, value: Value) {
    match slot {
        Value::Array(list) => list.push(value),
        Value::Object(inner) => push(inner.entry("").or_insert_with(|| Value::Array(Vec::new())), value),
        scalar => *scalar = Value::Array(vec![scalar.take(), value]),
    }
}

fn object_at<'a>(tree: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let slot = tree.entry(key).or_insert_with(|| Value::Object(Map::new()));
    if !slot.is_object() {
        let plain = slot.take();
        *slot = Value::Object(Map::from_iter([(String::new(), plain)]));
    }
    slot.as_object_mut().expect("it was made an object in the line above")
}
