//! The page that sends one alert to one device of a user, and says what came of it.

use actix_web::{HttpResponse, ResponseError, web};
use askama::Template;
use natter_proto::UserId;
use natter_proto::push::v1::{SendTestRequest, Subscription};

use super::sample::SampleFields;
use super::words::Line;
use crate::alerts::{Page, read_journal, send};
use crate::audit::Made;
use crate::devices::{channel_name, environment_name, of_user, platform_name};
use crate::error::Refusal;
use crate::hex;
use crate::pages::apps::{Shown, shown};
use crate::pages::form::{Entered, sentence};
use crate::pages::frame::Frame;
use crate::pages::{see, show, show_as, when};
use crate::service::Door;

/// Where the journal has tests: they are of no dialog.
const NO_DIALOG: &str = "000000000000000000000000";

#[derive(Template)]
#[template(path = "alert_test.html")]
struct TestPage {
    frame: Frame,
    tab: &'static str,
    part: &'static str,
    shown: Shown,
    user: String,
    /// None: no user was named.
    devices: Option<Vec<Device>>,
    chosen: u64,
    sample: SampleFields,
    /// The field that is wrong, and the sentence.
    trouble: Option<(String, String)>,
    /// Of the test that was sent: its id, and what became of it so far.
    sent: Option<(String, Vec<Line>)>,
}

/// A device as the page shows it.
struct Device {
    id: u64,
    name: String,
    since: String,
    /// The provider knows it no more: when and why. Empty: it does.
    rejected: String,
}

impl Device {
    fn of(subscription: &Subscription) -> Device {
        let Subscription { id, udid, bundle, updated_at, rejected_at, rejected_for, .. } = subscription;
        let parts = [
            channel_name(subscription.channel()),
            environment_name(subscription.environment()),
            platform_name(subscription.platform()),
            bundle,
            udid,
        ];
        let name = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
        let rejected = if *rejected_at > 0 { format!("{}: {rejected_for}", when(*rejected_at)) } else { String::new() };
        Device { id: *id, name, since: when(*updated_at), rejected }
    }
}

/// What the page is asked for.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct Query {
    user: String,
    /// A test that was sent.
    message: String,
}

/// `GET /console/apps/{app}/alerts/test[?user=ID[&message=ID]]`.
pub async fn form(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let Query { user, message } = query.into_inner();
    let mut page = TestPage::new(frame.titled(title(&shown)), shown, user.trim());
    if page.user.is_empty() {
        return show(&page);
    }
    let user = match id_of(&page.user) {
        Ok(user) => user,
        Err(refusal) => return page.refuse(&refusal),
    };
    page.devices = Some(devices(&door, page.shown.id, user).await?);
    if !message.is_empty() {
        let asked = Page { dialog: Some(NO_DIALOG.to_owned()), message: Some(message.clone()), ..Page::default() };
        let notes = read_journal(&door, page.shown.id, asked).await?.notes;
        page.sent = Some((message, notes.iter().map(Line::of).collect()));
    }
    show(&page)
}

/// `POST /console/apps/{app}/alerts/test`: `user`, `subscription`, and the fields of a sample.
pub async fn post(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<String>,
    entered: Entered,
) -> Result<HttpResponse, Refusal> {
    let shown = shown(&door, &path).await?;
    let mut page = TestPage::new(frame.titled(title(&shown)), shown, entered.text("user"));
    page.sample = SampleFields::entered(&entered);
    page.chosen = entered.text("subscription").parse().unwrap_or_default();
    let user = match id_of(&page.user) {
        Ok(user) => user,
        Err(refusal) => return page.refuse(&refusal),
    };
    let sent = async {
        if page.chosen == 0 {
            return Err(Refusal::malformed("subscription", "has to be chosen"));
        }
        let (subscription, sample) = (page.chosen, Some(page.sample.sample()?));
        send(&door, SendTestRequest { app: page.shown.id, user: user.0, subscription, sample }).await
    };
    match sent.await {
        Ok(reply) => {
            let message = hex::shown(&reply.message);
            let path = format!("/console/apps/{}/alerts/test?user={user}&message={message}&done=test-sent", page.shown.id);
            let mut answer = see(&path);
            answer.extensions_mut().insert(Made { app: 0, target: user.to_string() });
            Ok(answer)
        }
        Err(refusal) => {
            page.devices = Some(devices(&door, page.shown.id, user).await?);
            page.refuse(&refusal)
        }
    }
}

impl TestPage {
    fn new(frame: Frame, shown: Shown, user: &str) -> TestPage {
        TestPage {
            frame,
            tab: "alerts",
            part: "test",
            shown,
            user: user.to_owned(),
            devices: None,
            chosen: 0,
            sample: SampleFields::ours(),
            trouble: None,
            sent: None,
        }
    }

    fn refuse(mut self, refusal: &Refusal) -> Result<HttpResponse, Refusal> {
        let field = refusal.field();
        self.trouble = Some(match (field, SampleFields::label(field)) {
            (field, Some(label)) => (SampleFields::id(field), format!("{label} {refusal}.")),
            ("user", None) => ("user".to_owned(), format!("User id {refusal}.")),
            ("subscription", None) => ("devices".to_owned(), format!("A device {refusal}.")),
            _ => (String::new(), sentence(refusal)),
        });
        self.frame.is_refused = true;
        show_as(refusal.status_code(), &self)
    }

    fn is_wrong(&self, id: &str) -> bool {
        self.wrong_id() == id
    }

    fn wrong_id(&self) -> &str {
        self.trouble.as_ref().map_or("", |(field, _)| field)
    }

    fn wrong_sentence(&self) -> &str {
        self.trouble.as_ref().map_or("", |(_, sentence)| sentence)
    }

    /// Nothing more will come of the test by itself.
    fn is_over(&self) -> bool {
        let is_pending = |line: &Line| line.outcome.1 == "warn";
        self.sent.as_ref().is_none_or(|(_, lines)| lines.first().is_some_and(|line| !is_pending(line)))
    }
}

fn id_of(user: &str) -> Result<UserId, Refusal> {
    user.parse().map_err(|_| Refusal::malformed("user", "is not the id of a user"))
}

async fn devices(door: &Door, app: u64, user: UserId) -> Result<Vec<Device>, Refusal> {
    Ok(of_user(door, app, user.0).await?.iter().map(Device::of).collect())
}

fn title(shown: &Shown) -> String {
    format!("Send a test alert of {}", shown.name)
}
