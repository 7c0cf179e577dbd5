//! Templates of a custom provider: words put into a request, and what is taken out of an answer. Pure.
//!
//! A word is put into a text of a JSON tree, never into JSON text: whatever it holds, it stays inside its quotes.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use serde_json::{Map, Value};

/// What stands for what: `#{name}` and its value.
pub type Words<'a> = [(&'a str, &'a str)];

/// A template as JSON, if it is.
pub fn parse(template: &str) -> Option<Value> {
    serde_json::from_str(template).ok()
}

/// The template with each word in place.
pub fn filled(template: &Value, words: &Words<'_>) -> Value {
    match template {
        Value::String(text) => Value::String(filled_text(text, words)),
        Value::Array(values) => Value::Array(values.iter().map(|value| filled(value, words)).collect()),
        Value::Object(fields) => {
            let filled: Map<_, _> = fields.iter().map(|(name, value)| (name.clone(), filled(value, words))).collect();
            Value::Object(filled)
        }
        other => other.clone(),
    }
}

/// The same of one text. What a word brings is not looked at again.
pub fn filled_text(template: &str, words: &Words<'_>) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find("#{") {
        let (before, mark) = rest.split_at(at);
        text.push_str(before);
        let word = words.iter().find(|(name, _)| mark[2..].strip_prefix(*name).is_some_and(|after| after.starts_with('}')));
        match word {
            Some((name, value)) => {
                text.push_str(value);
                rest = &mark[name.len() + 3..];
            }
            None => {
                text.push_str("#{");
                rest = &mark[2..];
            }
        }
    }
    text.push_str(rest);
    text
}

/// Where the fields of a user lie in an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    uid: Place,
    full_name: Option<Place>,
    avatar: Option<Place>,
}

/// What was found of a user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    pub uid: String,
    pub full_name: Option<String>,
    pub avatar: Option<String>,
}

/// Names of fields, from the outside in; the number of an entry in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Place(Vec<String>);

impl Response {
    /// Reads `{"uid": "#{user.id}"}`, with a full name and an avatar if they are wanted. Other fields are none.
    pub fn parse(template: &str) -> Option<Response> {
        let Value::Object(mut fields) = parse(template)? else { return None };
        let uid = Place::of(&fields.remove("uid")?)?;
        let mut optional = |name: &str| match fields.remove(name) {
            None => Some(None),
            Some(value) => Place::of(&value).map(Some),
        };
        let response = Response { uid, full_name: optional("full_name")?, avatar: optional("avatar")? };
        fields.is_empty().then_some(response)
    }

    /// What an answer says. None if it has no uid.
    pub fn read(&self, answer: &Value) -> Option<Found> {
        let optional = |place: &Option<Place>| place.as_ref().and_then(|place| place.text(answer));
        let uid = self.uid.text(answer)?;
        Some(Found { uid, full_name: optional(&self.full_name), avatar: optional(&self.avatar) })
    }
}

impl Place {
    fn of(value: &Value) -> Option<Place> {
        let path = value.as_str()?.strip_prefix("#{")?.strip_suffix('}')?;
        let names: Vec<String> = path.split('.').map(str::to_owned).collect();
        let possible = names.iter().all(|name| !name.is_empty() && !name.contains(['#', '{', '}']));
        possible.then_some(Place(names))
    }

    // A text or a whole number; nothing else names a user.
    fn text(&self, answer: &Value) -> Option<String> {
        let step = |value: &'_ Value, name: &String| -> Option<Value> {
            match value {
                Value::Object(fields) => fields.get(name).cloned(),
                Value::Array(values) => values.get(name.parse::<usize>().ok()?).cloned(),
                _ => None,
            }
        };
        let found = self.0.iter().try_fold(answer.clone(), |value, name| step(&value, name))?;
        let text = match found {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_word_stays_inside_its_quotes_whatever_it_holds() {
        let template =
            parse(r##"{"token":"#{login}","deep":[{"both":"#{login}/#{password}"}],"#{login}":1,"other":"#{name}"}"##).unwrap();
        let words = [("login", r#"a","admin":true,"x":"\"#), ("password", "#{login}\n")];
        let expected = json!({
            "token": words[0].1,
            "deep": [{"both": format!("{}/#{{login}}\n", words[0].1)}],
            "#{login}": 1,
            "other": "#{name}",
        });
        let filled = filled(&template, &words);
        assert_eq!(filled, expected);
        assert_eq!(serde_json::from_str::<Value>(&filled.to_string()).unwrap(), expected);
    }

    #[test]
    fn texts_are_filled_word_by_word() {
        for (template, text) in [
            ("#{login}", "ann"),
            ("Bearer #{login}!", "Bearer ann!"),
            ("#{login}#{login}", "annann"),
            ("#{logins} #{log #{", "#{logins} #{log #{"),
            ("##{login}}", "#ann}"),
            ("", ""),
        ] {
            assert_eq!(filled_text(template, &[("login", "ann")]), text, "{template}");
        }
    }

    #[test]
    fn an_answer_is_read_where_the_template_points() {
        check(r##"{"uid":"#{id}"}"##, json!({"id": "7"}), Some("7"));
        check(r##"{"uid":"#{user.id}"}"##, json!({"user": {"id": 7}}), Some("7"));
        check(r##"{"uid":"#{users.1.id}"}"##, json!({"users": [{}, {"id": " ann "}]}), Some("ann"));
        for without in [json!({}), json!({"user": 7}), json!({"user": {"id": null}}), json!({"user": {"id": " "}}), json!("user")]
        {
            check(r##"{"uid":"#{user.id}"}"##, without, None);
        }
        for no_name in [json!({"id": true}), json!({"id": 1.5}), json!({"id": ["7"]}), json!({"id": {"x": 7}})] {
            check(r##"{"uid":"#{id}"}"##, no_name, None);
        }
        let response = Response::parse(r##"{"uid":"#{id}","full_name":"#{name}","avatar":"#{picture.url}"}"##).unwrap();
        let found = response.read(&json!({"id": 7, "name": "Ann", "picture": null})).unwrap();
        assert_eq!(found, Found { uid: "7".into(), full_name: Some("Ann".into()), avatar: None });
    }

    fn check(template: &str, answer: Value, uid: Option<&str>) {
        let found = Response::parse(template).unwrap().read(&answer);
        assert_eq!(found.map(|found| found.uid).as_deref(), uid, "{answer}");
    }
}
