//! What a release may not change in the language, since the one before runs beside it during an upgrade. Pure. It compares what stands in
//! descriptors; whether a new field means its old absence, nobody can see there.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use crate::schema::{Enum, Field, Message, Method, Schema, Service};

/// Something that the two releases understand differently.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Breach {
    /// The full name.
    pub place: String,
    pub what: String,
    /// What to do.
    pub instead: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.what, self.instead)
    }
}

/// All that breaks between `before` and `after`, in the order of names.
pub fn breaches(before: &Schema, after: &Schema) -> Vec<Breach> {
    let mut found = Found(Vec::new());
    let gone: Vec<&String> = before.packages.difference(&after.packages).collect();
    for package in &gone {
        let instead = "keep it, and serve a second version as a second package beside it";
        found.add(package, "the package is gone or has another name".into(), instead.into());
    }
    // Of a package that is gone one line is enough.
    let is_there = |name: &str| !gone.iter().any(|package| name.starts_with(&format!("{package}.")));
    for (name, was) in before.messages.iter().filter(|(name, _)| is_there(name)) {
        match after.messages.get(name) {
            Some(is) => found.of_message(name, was, is),
            None => found.gone("message", name, was.is_deprecated),
        }
    }
    for (name, was) in before.enums.iter().filter(|(name, _)| is_there(name)) {
        match after.enums.get(name) {
            Some(is) => found.of_enum(name, was, is),
            None => found.gone("enum", name, was.is_deprecated),
        }
    }
    for (name, was) in before.services.iter().filter(|(name, _)| is_there(name)) {
        match after.services.get(name) {
            Some(is) => found.of_service(name, was, is),
            None => found.gone("service", name, was.is_deprecated),
        }
    }
    found.0
}

struct Found(Vec<Breach>);

impl Found {
    fn add(&mut self, place: &str, what: String, instead: String) {
        self.0.push(Breach { place: place.to_owned(), what, instead });
    }

    /// What a release has marked may go in the next one: nobody uses it any more.
    fn gone(&mut self, kind: &str, name: &str, was_deprecated: bool) {
        if !was_deprecated {
            let instead = format!("keep the {kind} under its name with `deprecated = true` for one release, then remove it");
            self.add(name, format!("the {kind} is gone or has another name"), instead);
        }
    }

    fn of_message(&mut self, name: &str, was: &Message, is: &Message) {
        for (number, field) in &was.fields {
            match is.fields.get(number) {
                Some(today) => self.of_field(name, *number, field, today),
                None => self.of_missing(name, *number, field, is),
            }
        }
        for (number, field) in is.fields.iter().filter(|(number, _)| !was.fields.contains_key(number)) {
            let place = format!("{name}.{}", field.name);
            if holds(&was.reserved, i64::from(*number)) {
                let what = format!("number {number} was reserved: a release before used it for something else");
                self.add(&place, what, "take a number that was never used".into());
            }
            if field.times == "required" {
                let what = "it is required: what the other release sends has none, and cannot be read".to_owned();
                self.add(&place, what, "make it a plain field whose absence means what it meant before".into());
            }
        }
        self.of_reserved(name, &was.reserved, &is.reserved, |number| {
            u32::try_from(number).is_ok_and(|number| is.fields.contains_key(&number))
        });
    }

    fn of_field(&mut self, message: &str, number: u32, was: &Field, is: &Field) {
        let place = format!("{message}.{}", was.name);
        let other = format!("write `reserved {number};` and give the other one a number of its own");
        if was.name != is.name {
            let what = format!("its number {number} is `{}`: a number is used again with another meaning", is.name);
            self.add(&place, what, other);
        } else if was.kind != is.kind {
            self.add(&place, format!("number {number} was {} and is {}", was.kind, is.kind), other);
        } else if was.times != is.times {
            self.add(&place, format!("number {number} was {} and is {}", was.times, is.times), other);
        }
    }

    fn of_missing(&mut self, message: &str, number: u32, was: &Field, is: &Message) {
        if holds(&is.reserved, i64::from(number)) {
            return;
        }
        let place = format!("{message}.{}", was.name);
        match is.fields.iter().find(|(_, field)| field.name == was.name) {
            Some((today, _)) => {
                let what = format!("its number was {number} and is {today}");
                self.add(&place, what, format!("give it {number} again"));
            }
            None => {
                let what = format!("number {number} was removed without `reserved`");
                self.add(&place, what, format!("write `reserved {number};` into the message"));
            }
        }
    }

    fn of_enum(&mut self, name: &str, was: &Enum, is: &Enum) {
        for (number, value) in &was.values {
            let place = format!("{name}.{value}");
            match is.values.get(number) {
                Some(today) if today == value => {}
                Some(today) => {
                    let what = format!("its number {number} is `{today}`: a number is used again with another meaning");
                    self.add(&place, what, "put values that come later at the end, and keep this one".into());
                }
                None if holds(&is.reserved, i64::from(*number)) => {}
                None => {
                    let what = format!("value {number} was removed without `reserved`");
                    self.add(&place, what, format!("write `reserved {number};` into the enum"));
                }
            }
        }
        let is_used = |number: i64| i32::try_from(number).is_ok_and(|number| is.values.contains_key(&number));
        for (number, value) in is.values.iter().filter(|(number, _)| holds(&was.reserved, i64::from(**number))) {
            let what = format!("value {number} was reserved: a release before used it for something else");
            self.add(&format!("{name}.{value}"), what, "take a number that was never used".into());
        }
        self.of_reserved(name, &was.reserved, &is.reserved, is_used);
    }

    /// A number that was given up stays so. One that is used has been told of.
    fn of_reserved(
        &mut self,
        name: &str,
        was: &[RangeInclusive<i64>],
        is: &[RangeInclusive<i64>],
        is_used: impl Fn(i64) -> bool,
    ) {
        for range in was {
            // The ends decide, and whatever of today begins or ends within.
            let ends = is.iter().flat_map(|today| [*today.start() - 1, *today.end() + 1]);
            let looked_at = [*range.start(), *range.end()].into_iter().chain(ends.filter(|number| range.contains(number)));
            if let Some(number) = looked_at.filter(|number| !holds(is, *number) && !is_used(*number)).min() {
                let what = format!("number {number} was reserved and is free again");
                self.add(name, what, format!("write `reserved {number};` again"));
            }
        }
    }

    fn of_service(&mut self, name: &str, was: &Service, is: &Service) {
        let methods: &BTreeMap<String, Method> = &is.methods;
        for (method, was) in &was.methods {
            let place = format!("{name}.{method}");
            let Some(is) = methods.get(method) else {
                self.gone("rpc", &place, was.is_deprecated);
                continue;
            };
            for (what, was, is) in [("takes", &was.takes, &is.takes), ("gives", &was.gives, &is.gives)] {
                if was != is {
                    let what = format!("it {what} {is}, and of the other release {was}");
                    self.add(&place, what, "keep it as it is, and add another rpc".into());
                }
            }
        }
    }
}

fn holds(ranges: &[RangeInclusive<i64>], number: i64) -> bool {
    ranges.iter().any(|range| range.contains(&number))
}
