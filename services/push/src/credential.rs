//! Where the credentials of an app lie, and which of them are meant by whom an alert is for.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::push::v1::{Credential, CredentialRow, Environment, Kind};

use crate::provider::Target;

/// Who takes alerts with them. Of Apple's two kinds there is one for each bundle and environment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum House {
    Apple,
    Google,
    Browsers,
}

/// Where credentials lie: in each place one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    pub house: House,
    pub topic: String,
    pub environment: i32,
}

/// Why no credentials are meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Missing {
    #[error("no credentials for the channel")]
    Channel,
    /// There are some for the bundle, of the other environment.
    #[error("environment differs")]
    Environment,
}

impl House {
    pub fn of(kind: Kind) -> Option<House> {
        match kind {
            Kind::ApnsToken | Kind::ApnsCertificate => Some(House::Apple),
            Kind::Fcm => Some(House::Google),
            Kind::Vapid => Some(House::Browsers),
            Kind::Unspecified => None,
        }
    }
}

impl Place {
    /// Of what was kept.
    pub fn of(shown: &Credential) -> Option<Place> {
        let house = House::of(shown.kind())?;
        Some(Place { house, topic: shown.topic.clone(), environment: shown.environment })
    }
}

/// What a secret is bound to when it is sealed: put anywhere else, it opens nothing.
pub fn bound_to(shown: &Credential) -> Vec<u8> {
    let Credential { app, kind, environment, topic, .. } = shown;
    [&b"natter push credentials\0"[..], &app.to_be_bytes(), &kind.to_be_bytes(), &environment.to_be_bytes(), topic.as_bytes()]
        .concat()
}

/// Those that fit the target: of its very bundle and environment before those of any.
pub fn choose<'a>(rows: &'a [CredentialRow], target: &Target) -> Result<&'a CredentialRow, Missing> {
    let of_house =
        |house: House| rows.iter().filter(move |row| shown(row).is_some_and(|shown| House::of(shown.kind()) == Some(house)));
    match target {
        Target::Fcm { .. } => of_house(House::Google).next().ok_or(Missing::Channel),
        Target::Web { .. } => of_house(House::Browsers).next().ok_or(Missing::Channel),
        Target::Apns { topic, sandbox, .. } => {
            let environment = if *sandbox { Environment::Development } else { Environment::Production };
            of_apple(&of_house(House::Apple).collect::<Vec<_>>(), topic, environment)
        }
    }
}

fn of_apple<'a>(rows: &[&'a CredentialRow], topic: &str, environment: Environment) -> Result<&'a CredentialRow, Missing> {
    let bundle = topic.strip_suffix(".voip").unwrap_or(topic);
    let topic_of = |row: &CredentialRow| shown(row).map_or("", |shown| shown.topic.as_str()).to_owned();
    let any = rows.iter().copied().filter(|row| topic_of(row).is_empty());
    let mut fitting: Vec<&CredentialRow> = match bundle {
        "" => any.collect(),
        bundle => rows.iter().copied().filter(|row| topic_of(row) == bundle).chain(any).collect(),
    };
    // Who names no bundle means the only one.
    let is_only = |rows: &[&CredentialRow]| rows.windows(2).all(|pair| topic_of(pair[0]) == topic_of(pair[1]));
    if bundle.is_empty() && fitting.is_empty() && is_only(rows) {
        fitting = rows.to_vec();
    }
    let environment_of = |row: &CredentialRow| shown(row).map_or(Environment::Unspecified, Credential::environment);
    let rank = |row: &&CredentialRow| match environment_of(row) {
        of if of == environment => Some(0),
        Environment::Unspecified => Some(1),
        _ => None,
    };
    // The first of the least: its bundle counts more than its environment.
    let its_own = |row: &&CredentialRow| u8::from(topic_of(row) != bundle);
    let best = fitting.iter().copied().filter(|row| rank(row).is_some()).min_by_key(|row| (its_own(row), rank(row)));
    match best {
        Some(row) => Ok(row),
        None if fitting.is_empty() => Err(Missing::Channel),
        None => Err(Missing::Environment),
    }
}

fn shown(row: &CredentialRow) -> Option<&Credential> {
    row.shown.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    use Environment::{Development, Production, Unspecified};

    #[test]
    fn each_house_has_its_own() {
        let rows = [row(Kind::Fcm, "", Unspecified), row(Kind::Vapid, "", Unspecified)];
        let fcm = Target::Fcm { token: "t".into() };
        let web = Target::Web { endpoint: "https://p".into(), p256dh: String::new(), auth: String::new() };
        assert_eq!((choose(&rows, &fcm), choose(&rows, &web)), (Ok(&rows[0]), Ok(&rows[1])));
        assert_eq!(choose(&rows, &apple("org.x", false)), Err(Missing::Channel));
        assert_eq!((choose(&[], &fcm), choose(&[], &web)), (Err(Missing::Channel), Err(Missing::Channel)));
    }

    #[test]
    fn the_very_bundle_comes_first_and_then_the_very_environment() {
        let token = |topic, environment| row(Kind::ApnsToken, topic, environment);
        let any = token("", Unspecified);
        let for_developers = token("", Development);
        let x = row(Kind::ApnsCertificate, "org.x", Unspecified);
        let x_for_developers = token("org.x", Development);
        let rows = [any.clone(), for_developers.clone(), x.clone(), x_for_developers.clone()];
        for (topic, sandbox, expected) in [
            ("org.x", true, &x_for_developers),
            ("org.x", false, &x),
            ("org.x.voip", false, &x),
            ("org.y", true, &for_developers),
            ("org.y", false, &any),
            ("", false, &any),
        ] {
            assert_eq!(choose(&rows, &apple(topic, sandbox)), Ok(expected), "{topic} {sandbox}");
        }
        let rows = [for_developers, x.clone()];
        assert_eq!(choose(&rows, &apple("org.x", true)), Ok(&x), "its bundle counts more than its environment");
    }

    #[test]
    fn a_foreign_bundle_has_none_and_the_other_environment_is_told_apart() {
        let rows = [row(Kind::ApnsToken, "org.x", Production)];
        assert_eq!(choose(&rows, &apple("org.y", false)), Err(Missing::Channel));
        assert_eq!(choose(&rows, &apple("org.x", true)), Err(Missing::Environment));
        assert_eq!(choose(&rows, &apple("", false)), Ok(&rows[0]), "the only bundle");
        let two = [rows[0].clone(), row(Kind::ApnsToken, "org.y", Production)];
        assert_eq!(choose(&two, &apple("", false)), Err(Missing::Channel), "which one?");
    }

    #[test]
    fn no_two_places_bind_alike() {
        let of = |row: CredentialRow| bound_to(&row.shown.unwrap_or_default());
        let base = of(row(Kind::ApnsToken, "org.x", Production));
        for other in [
            row(Kind::ApnsCertificate, "org.x", Production),
            row(Kind::ApnsToken, "org.y", Production),
            row(Kind::ApnsToken, "org.x", Development),
        ] {
            assert!(of(other) != base);
        }
        let shown = Credential { app: 2, ..row(Kind::ApnsToken, "org.x", Production).shown.unwrap_or_default() };
        assert!(bound_to(&shown) != base);
    }

    fn row(kind: Kind, topic: &str, environment: Environment) -> CredentialRow {
        let (kind, environment) = (kind.into(), environment.into());
        let shown = Credential { app: 1, kind, topic: topic.into(), environment, ..Credential::default() };
        CredentialRow { shown: Some(shown), ..CredentialRow::default() }
    }

    fn apple(topic: &str, sandbox: bool) -> Target {
        Target::Apns { token: "t".into(), topic: topic.into(), sandbox, voip: topic.ends_with(".voip") }
    }
}
