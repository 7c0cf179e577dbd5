//! Forms: the fields a page shows, what was entered into them, and a refusal put beside the field that it is about.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, web};

use crate::error::Refusal;

/// The fields of a form.
#[derive(Default)]
pub struct Form {
    pub groups: Vec<Group>,
    /// Why it was refused, as a whole: the sentence, and the field that it is about.
    pub trouble: Option<(String, String)>,
}

/// Fields under one heading. Without one they stand alone.
#[derive(Default)]
pub struct Group {
    pub legend: &'static str,
    pub hint: &'static str,
    pub fields: Vec<Field>,
}

/// One field.
pub struct Field {
    /// As it is sent, and as refusals call it.
    pub name: &'static str,
    pub label: &'static str,
    pub kind: Kind,
    /// What stands in it. Of a check: `on`, or nothing.
    pub value: String,
    pub hint: &'static str,
    /// What an empty field stands for.
    pub placeholder: &'static str,
    pub error: String,
    pub is_required: bool,
    /// What a browser may fill in (`autocomplete`).
    pub fill: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Text,
    Number,
    Secret,
    /// A secret of several lines: the text of a file.
    Paper,
    /// Several lines.
    Lines,
    /// The same with secrets among them, of which only names are shown.
    SecretLines,
    Check,
    /// One of these.
    Choice(&'static [&'static str]),
}

impl Form {
    /// Fields without a heading.
    pub fn of(fields: Vec<Field>) -> Form {
        Form { groups: vec![Group { fields, ..Group::default() }], trouble: None }
    }

    /// Adds fields under a heading.
    pub fn with(mut self, legend: &'static str, hint: &'static str, fields: Vec<Field>) -> Form {
        self.groups.push(Group { legend, hint, fields });
        self
    }

    /// The same with what was entered. Secrets are to be typed again.
    pub fn filled(mut self, entered: &Entered) -> Form {
        for field in self.fields() {
            match field.kind {
                Kind::Secret | Kind::Paper | Kind::SecretLines => {}
                _ => field.value = entered.text(field.name).to_owned(),
            }
        }
        self
    }

    /// The same with a refusal: beside its field if the form has it, and at the top.
    pub fn refused(mut self, refusal: &Refusal) -> Form {
        let mut trouble = (sentence(refusal), String::new());
        for field in self.fields().filter(|field| field.name == refusal.field()) {
            field.error = format!("{} {refusal}", field.label);
            trouble = (format!("{}.", field.error), field.name.to_owned());
        }
        self.trouble = Some(trouble);
        self
    }

    fn fields(&mut self) -> impl Iterator<Item = &mut Field> {
        self.groups.iter_mut().flat_map(|group| &mut group.fields)
    }
}

impl Field {
    pub fn text(name: &'static str, label: &'static str, value: impl Into<String>) -> Field {
        let value = value.into();
        let (hint, placeholder, error) = ("", "", String::new());
        Field { name, label, kind: Kind::Text, value, hint, placeholder, error, is_required: false, fill: "off" }
    }

    /// A whole number; 0 is shown as nothing.
    pub fn number(name: &'static str, label: &'static str, value: u64) -> Field {
        let value = if value == 0 { String::new() } else { value.to_string() };
        Field { kind: Kind::Number, ..Field::text(name, label, value) }
    }

    pub fn secret(name: &'static str, label: &'static str) -> Field {
        Field { kind: Kind::Secret, fill: "new-password", ..Field::text(name, label, "") }
    }

    pub fn paper(name: &'static str, label: &'static str) -> Field {
        Field { kind: Kind::Paper, ..Field::text(name, label, "") }
    }

    pub fn lines(name: &'static str, label: &'static str, value: impl Into<String>) -> Field {
        Field { kind: Kind::Lines, ..Field::text(name, label, value) }
    }

    pub fn secret_lines(name: &'static str, label: &'static str, shown: impl Into<String>) -> Field {
        Field { kind: Kind::SecretLines, ..Field::text(name, label, shown) }
    }

    pub fn check(name: &'static str, label: &'static str, is_on: bool) -> Field {
        Field { kind: Kind::Check, ..Field::text(name, label, if is_on { "on" } else { "" }) }
    }

    pub fn choice(name: &'static str, label: &'static str, value: &str, of: &'static [&'static str]) -> Field {
        Field { kind: Kind::Choice(of), ..Field::text(name, label, value) }
    }

    pub fn hint(mut self, hint: &'static str) -> Field {
        self.hint = hint;
        self
    }

    pub fn placeholder(mut self, placeholder: &'static str) -> Field {
        self.placeholder = placeholder;
        self
    }

    pub fn filled_by(mut self, fill: &'static str) -> Field {
        self.fill = fill;
        self
    }

    pub fn required(mut self) -> Field {
        self.is_required = true;
        self
    }

    /// `type` of the input.
    pub fn input(&self) -> &'static str {
        match self.kind {
            Kind::Text | Kind::Number | Kind::Choice(_) | Kind::Paper | Kind::Lines | Kind::SecretLines => "text",
            Kind::Secret => "password",
            Kind::Check => "checkbox",
        }
    }

    pub fn is_check(&self) -> bool {
        self.kind == Kind::Check
    }

    pub fn is_paper(&self) -> bool {
        self.kind == Kind::Paper
    }

    pub fn has_lines(&self) -> bool {
        matches!(self.kind, Kind::Lines | Kind::SecretLines)
    }

    /// Of a choice, what can be chosen.
    pub fn choices(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Choice(of) => of,
            _ => &[],
        }
    }

    pub fn is_chosen(&self, choice: &str) -> bool {
        self.value == choice
    }

    pub fn is_number(&self) -> bool {
        self.kind == Kind::Number
    }

    /// The ids of what describes it (`aria-describedby`).
    pub fn described(&self) -> String {
        let parts = [(!self.error.is_empty(), "error"), (!self.hint.is_empty(), "hint")];
        let ids: Vec<String> =
            parts.iter().filter(|(is_there, _)| *is_there).map(|(_, id)| format!("{}-{id}", self.name)).collect();
        ids.join(" ")
    }
}

/// What was entered into a form.
#[derive(Debug, Default)]
pub struct Entered(Vec<(String, String)>);

impl Entered {
    /// What stands in the query of a form that only asks.
    pub fn of(pairs: Vec<(String, String)>) -> Entered {
        Entered(pairs)
    }

    /// What stands in a field, without the spaces around it; nothing if it was not sent.
    pub fn text(&self, field: &str) -> &str {
        self.raw(field).trim()
    }

    /// The same with its spaces: for passwords.
    pub fn raw(&self, field: &str) -> &str {
        self.0.iter().find(|(name, _)| name == field).map_or("", |(_, value)| value)
    }

    /// A whole number; an empty field is 0.
    pub fn number(&self, field: &str) -> Result<u64, Refusal> {
        match self.text(field) {
            "" => Ok(0),
            digits => digits.parse().map_err(|_| Refusal::malformed(field, "must be a whole number")),
        }
    }

    /// Whether a field was sent, with something in it or not.
    pub fn has(&self, field: &str) -> bool {
        self.0.iter().any(|(name, _)| name == field)
    }

    pub fn is_on(&self, field: &str) -> bool {
        !self.raw(field).is_empty()
    }
}

impl FromRequest for Entered {
    type Error = Refusal;
    type Future = Pin<Box<dyn Future<Output = Result<Entered, Refusal>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let pairs = web::Form::<Vec<(String, String)>>::from_request(request, payload);
        Box::pin(async move {
            match pairs.await {
                Ok(pairs) => Ok(Entered(pairs.into_inner())),
                Err(error) => Err(match error.as_response_error().status_code() {
                    StatusCode::PAYLOAD_TOO_LARGE => Refusal::form_too_large(),
                    _ => Refusal::malformed("", "the form cannot be read"),
                }),
            }
        })
    }
}

/// A refusal as a sentence for people.
pub fn sentence(refusal: &Refusal) -> String {
    let text = [refusal.field(), &refusal.to_string()].join(" ");
    let text = text.trim().trim_end_matches('.');
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entered(pairs: &[(&str, &str)]) -> Entered {
        Entered(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn form() -> Form {
        let fields =
            vec![Field::text("title", "Title", "kept"), Field::secret("password", "Password"), Field::check("on", "On", true)];
        Form::of(fields).with("Quotas", "", vec![Field::number("sessions", "Sessions", 0).hint("At once.")])
    }

    #[test]
    fn a_refusal_stands_beside_its_field_and_what_was_typed_stays_but_secrets() {
        let typed = entered(&[("title", " x "), ("password", "s3cret"), ("sessions", "many")]);
        let refusal = typed.number("sessions").unwrap_err();
        let mut shown = form().filled(&typed).refused(&refusal);
        let values: Vec<String> = shown.fields().map(|field| field.value.clone()).collect();
        assert_eq!(values, ["x", "", "", "many"]);
        assert_eq!(shown.trouble, Some(("Sessions must be a whole number.".into(), "sessions".into())));
        let field = shown.fields().last().unwrap();
        assert_eq!(
            (field.error.as_str(), field.described().as_str()),
            ("Sessions must be a whole number", "sessions-error sessions-hint")
        );
    }

    #[test]
    fn a_refusal_about_no_field_of_the_form_stands_at_its_top() {
        let shown = form().refused(&Refusal::malformed("id", "is taken"));
        assert_eq!(shown.trouble, Some(("Id is taken.".into(), String::new())));
        assert_eq!(form().refused(&Refusal::not_found("app")).trouble.unwrap().0, "No such app.");
    }

    #[test]
    fn numbers_are_read_or_refused() {
        for (text, number) in [("", Some(0)), ("7", Some(7)), (" 7 ", Some(7)), ("-1", None), ("1e3", None), ("7x", None)] {
            assert_eq!(entered(&[("n", text)]).number("n").ok(), number, "{text}");
        }
        assert_eq!(entered(&[]).number("n").ok(), Some(0));
    }
}
