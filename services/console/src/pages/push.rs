//! Pages about who an app is to the push providers. What was put is told by what may be shown of it, and never comes back: not
//! from the store, and not into a form that was refused.

use actix_web::{HttpResponse, ResponseError, web};
use askama::Template;
use natter_proto::push::v1::{Credential, DeleteCredentialRequest, Kind};

use super::apps::{Shown, shown};
use super::form::{Entered, Field, Form};
use super::frame::Frame;
use super::{see, show, show_as, when};
use crate::credentials::{SOON_MS, all, environment_of, forget, keep, kind_of, secret, word_of};
use crate::devices::environment_name;
use crate::error::Refusal;
use crate::service::Door;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Of which subscriptions credentials are: of both environments, or of one.
const ENVIRONMENTS: &[&str] = &["both", "development", "production"];

/// Credentials as pages show them.
struct Card {
    kind: &'static str,
    name: &'static str,
    topic: String,
    environment: &'static str,
    /// What may be shown: the name, the value, and whether it is something to copy.
    facts: Vec<(&'static str, String, bool)>,
    set_at: String,
    /// When they end, how soon that is in words, and how it is shown; none: never.
    ends: Option<(String, String, &'static str)>,
    /// Why they cannot be used; empty: they can.
    problem: String,
    is_pair: bool,
}

impl Card {
    fn of(credential: &Credential, now: i64) -> Card {
        let facts = [
            ("Key id", &credential.key_id, false),
            ("Team id", &credential.team_id, false),
            ("Project", &credential.project, false),
            ("Account", &credential.email, false),
            ("Contact", &credential.subject, false),
            ("Public key", &credential.public_key, true),
            ("Fingerprint", &credential.fingerprint, false),
        ];
        let facts = facts.into_iter().filter(|(_, value, _)| !value.is_empty());
        Card {
            kind: word_of(credential.kind()),
            name: name_of(credential.kind()),
            topic: credential.topic.clone(),
            environment: environment_name(credential.environment()),
            facts: facts.map(|(name, value, is_copied)| (name, value.clone(), is_copied)).collect(),
            set_at: if credential.set_at > 0 { when(credential.set_at) } else { String::new() },
            ends: (credential.expires_at > 0).then(|| ending(credential.expires_at, now)),
            problem: credential.problem.clone(),
            is_pair: credential.kind() == Kind::Vapid,
        }
    }

    /// What tells them apart from others of their kind.
    fn whose(&self) -> String {
        let parts = [self.topic.as_str(), self.environment];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        if parts.is_empty() { self.name.to_owned() } else { format!("{}, {}", self.name, parts.join(", ")) }
    }

    fn is_warned(&self) -> bool {
        self.ends.as_ref().is_some_and(|(_, _, shown)| !shown.is_empty())
    }
}

// When, how soon in words, and how that is shown.
fn ending(at: i64, now: i64) -> (String, String, &'static str) {
    let left = at - now;
    let days = left / DAY_MS;
    match left {
        ..=0 => (when(at), "ended".to_owned(), "fail"),
        1..=SOON_MS if days == 0 => (when(at), "ends today".to_owned(), "warn"),
        1..=SOON_MS => (when(at), format!("ends in {days} {}", if days == 1 { "day" } else { "days" }), "warn"),
        _ => (when(at), String::new(), ""),
    }
}

fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::ApnsToken => "APNs key",
        Kind::ApnsCertificate => "APNs certificate",
        Kind::Fcm => "FCM service account",
        Kind::Vapid => "Web Push pair",
        Kind::Unspecified => "Credentials",
    }
}

#[derive(Template)]
#[template(path = "push.html")]
struct PushPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    cards: Vec<Card>,
}

/// `GET /console/apps/{app}/push`.
pub async fn list(door: web::Data<Door>, frame: Frame, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let now = door.clock.now_ms();
    let cards = all(&door, shown.id).await?.iter().map(|credential| Card::of(credential, now)).collect();
    show(&PushPage { frame: frame.titled(format!("Push credentials of {}", shown.name)), tab: "push", shown, cards })
}

#[derive(Template)]
#[template(path = "push_set.html")]
struct SetPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    kind: &'static str,
    form: Form,
}

// Fields are called as the route calls them, so that its refusals find them.
fn form_of(kind: Kind) -> Form {
    let apple = || {
        vec![
            Field::text("topic", "Bundle", "").hint("As in org.example.chat. Empty: for whichever bundle a subscription names."),
            Field::choice("environment", "Environment", "both", ENVIRONMENTS).hint("Of which subscriptions."),
        ]
    };
    match kind {
        Kind::ApnsToken => Form::of(vec![
            Field::paper("key", "Key").hint("The .p8 file from Apple: its text, from BEGIN PRIVATE KEY to END.").required(),
            Field::text("key_id", "Key id", "").hint("10 letters and digits, beside the key at Apple.").required(),
            Field::text("team_id", "Team id", "").hint("10 letters and digits, of your membership at Apple.").required(),
        ])
        .with("What it is for", "", apple()),
        Kind::ApnsCertificate => Form::of(vec![
            Field::paper("certificate", "Certificate and private key")
                .hint("PEM, the certificate first. Of a .p12 file: openssl pkcs12 -in push.p12 -nodes -legacy")
                .required(),
        ])
        .with("What it is for", "", apple()),
        Kind::Fcm => Form::of(vec![
            Field::paper("service_account", "Service account")
                .hint("The JSON file from the Firebase console: Project settings, Service accounts, Generate new private key.")
                .required(),
        ]),
        Kind::Vapid | Kind::Unspecified => Form::of(vec![
            Field::paper("private_key", "Private key").hint("32 bytes in base64url, as web-push shows it.").required(),
            Field::text("subject", "Contact", "").hint("mailto: or https:, for the push services. Empty: the installation’s."),
            Field::check("known", "Browsers that subscribed with the present pair may fall silent", false)
                .hint("They are bound to its public key. Unless the key is the same, each has to subscribe again."),
        ]),
    }
}

/// `GET /console/apps/{app}/push/{kind}`: asks for credentials.
pub async fn blank(door: web::Data<Door>, frame: Frame, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, kind) = path.into_inner();
    let (shown, kind) = (shown(&door, &app).await?, kind_of(&kind)?);
    let frame = frame.titled(title(kind, &shown));
    show(&SetPage { frame, tab: "push", shown, kind: word_of(kind), form: form_of(kind) })
}

/// `POST /console/apps/{app}/push/{kind}`.
pub async fn set(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<(String, String)>,
    entered: Entered,
) -> Result<HttpResponse, Refusal> {
    let (app, kind) = path.into_inner();
    let (shown, kind) = (shown(&door, &app).await?, kind_of(&kind)?);
    let kept = async {
        if kind == Kind::Vapid && !entered.is_on("known") {
            return Err(Refusal::malformed("known", "has to be ticked"));
        }
        let environment = match entered.text("environment") {
            "both" => "",
            environment => environment,
        };
        let environment = environment_of(Some(environment))?;
        let of = secret(kind, |field| Ok(entered.text(field).replace("\r\n", "\n")))?;
        keep(&door, shown.id, entered.text("topic").to_owned(), environment, of).await
    };
    match kept.await {
        Ok(_) => Ok(see(&format!("/console/apps/{}/push?done=credentials-saved", shown.id))),
        Err(refusal) => {
            let form = form_of(kind).filled(&entered).refused(&refusal);
            let frame = frame.again(title(kind, &shown));
            show_as(refusal.status_code(), &SetPage { frame, tab: "push", shown, kind: word_of(kind), form })
        }
    }
}

fn title(kind: Kind, shown: &Shown) -> String {
    format!("{} of {}", name_of(kind), shown.name)
}

#[derive(Template)]
#[template(path = "push_remove.html")]
struct RemovePage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    card: Card,
}

/// Which of an app's are meant.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct Meant {
    topic: String,
    environment: String,
}

/// `GET /console/apps/{app}/push/{kind}/remove?topic=&environment=`: asks whether they are to go.
pub async fn doubt(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<(String, String)>,
    meant: web::Query<Meant>,
) -> Result<HttpResponse, Refusal> {
    let (app, kind) = path.into_inner();
    let (shown, kind) = (shown(&door, &app).await?, kind_of(&kind)?);
    let environment = environment_of(Some(&meant.environment))?;
    let all = all(&door, shown.id).await?;
    let is_meant = |one: &&Credential| (one.kind(), &one.topic, one.environment()) == (kind, &meant.topic, environment);
    let credential = all.iter().find(is_meant).ok_or_else(|| Refusal::not_found("credentials"))?;
    let card = Card::of(credential, door.clock.now_ms());
    let verb = if card.is_pair { "Another" } else { "Remove the" };
    let frame = frame.titled(format!("{verb} {}?", card.name));
    show(&RemovePage { frame, tab: "push", shown, card })
}

/// `POST /console/apps/{app}/push/{kind}/remove`.
pub async fn remove(door: web::Data<Door>, path: web::Path<(String, String)>, entered: Entered) -> Result<HttpResponse, Refusal> {
    let (app, word) = path.into_inner();
    let (app, kind) = (crate::apps::find(&door, &app).await?.id, kind_of(&word)?.into());
    let topic = entered.text("topic").to_owned();
    let environment = environment_of(Some(entered.text("environment")))?.into();
    forget(&door, DeleteCredentialRequest { app, kind, topic, environment }).await?;
    Ok(see(&format!("/console/apps/{app}/push?done=credentials-removed")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_soon_is_told_in_days_and_what_ended_is_told_so() {
        for (left, words, shown) in [
            (-1, "ended", "fail"),
            (0, "ended", "fail"),
            (1, "ends today", "warn"),
            (DAY_MS, "ends in 1 day", "warn"),
            (SOON_MS - 1, "ends in 29 days", "warn"),
            (SOON_MS + 1, "", ""),
        ] {
            let (_, said, how) = ending(1_700_000_000_000 + left, 1_700_000_000_000);
            assert_eq!((said.as_str(), how), (words, shown), "{left}");
        }
    }

    #[test]
    fn every_secret_is_a_field_that_is_never_filled() {
        for (kind, field) in [
            (Kind::ApnsToken, "key"),
            (Kind::ApnsCertificate, "certificate"),
            (Kind::Fcm, "service_account"),
            (Kind::Vapid, "private_key"),
        ] {
            let sent = Entered::of(vec![(field.to_owned(), "s3cret".to_owned()), ("topic".to_owned(), "org.x".to_owned())]);
            let form = form_of(kind).filled(&sent);
            let fields: Vec<_> = form.groups.iter().flat_map(|group| &group.fields).collect();
            assert!(fields.iter().any(|one| one.name == field) && fields.iter().all(|one| one.value != "s3cret"), "{kind:?}");
        }
    }
}
