//! Calls about how the alerts of an app look: its settings, a preview, a test on one device.

use std::sync::Arc;
use std::time::Duration;

use natter_proto::push::v1::{
    Channel, DialogType, Event, Note, Payload, PreviewReply, PreviewRequest, PutSettingsRequest, Sample, SendTestReply,
    SendTestRequest, Settings,
};
use tokio::time::{Instant, timeout_at};

use crate::alerts::About;
use crate::error::Error;
use crate::event::{self, NO_DIALOG};
use crate::occasion::Occasion;
use crate::policy::Policy;
use crate::provider::{Alert, Target, payload};
use crate::service::Shared;
use crate::text;

/// How long a test waits for what becomes of it: less than a link waits for an answer.
const TEST_WAIT: Duration = Duration::from_millis(1_500);
/// Notes of a test: one per attempt.
const NOTES: usize = 10;
/// Stands for a device.
const TOKEN: &str = "DEVICE_TOKEN";

impl Shared {
    /// Puts settings, if every template of theirs renders what it can meet.
    pub async fn put_alert_settings(&self, request: PutSettingsRequest) -> Result<Settings, Error> {
        let policy = Policy::checked(request.settings.unwrap_or_default())?;
        self.put_policy(request.app, &policy).await?;
        Ok(policy.settings().clone())
    }

    /// What devices would be sent.
    pub async fn preview(&self, request: PreviewRequest) -> Result<PreviewReply, Error> {
        let PreviewRequest { app, settings, sample } = request;
        let policy = match settings {
            Some(draft) => Arc::new(Policy::checked(draft)?),
            None => self.policy(app).await?,
        };
        let (occasion, saying) = policy.say(occasion(&sample.unwrap_or_else(our_sample))?);
        let alert = text::alert(&occasion, &saying, &"0".repeat(24), i64::MAX);
        let payloads = targets().into_iter().map(|(channel, target)| previewed(channel, &target, &alert));
        Ok(PreviewReply {
            title: saying.title.unwrap_or_default(),
            body: saying.body,
            remark: saying.remark.unwrap_or_default(),
            payloads: payloads.collect(),
        })
    }

    /// Queues a sample for one device of a user, and waits a little for what becomes of it. Dropped while it waits, the alert is
    /// sent all the same.
    pub async fn send_test(&self, request: SendTestRequest) -> Result<SendTestReply, Error> {
        let SendTestRequest { app, user, subscription, sample } = request;
        let devices = self.subscriptions.of_user(app, user).await?.rows;
        if !devices.iter().any(|device| device.id == subscription) {
            return Err(Error::Unknown);
        }
        let sample = sample.unwrap_or_else(our_sample);
        occasion(&sample)?;
        let event = Event { app, users: vec![user], subscription, sample: Some(sample), ..Event::default() };
        let event = self.create_event(event).await?;
        let (dialog, message) = (NO_DIALOG, event::message_id(event.id));
        let notes = self.notes_of_test(app, About::Message(dialog, message)).await?;
        Ok(SendTestReply { dialog: dialog.to_vec(), message: message.to_vec(), notes })
    }

    async fn notes_of_test(&self, app: u64, about: About) -> Result<Vec<Note>, Error> {
        let until = Instant::now() + TEST_WAIT;
        loop {
            let noted = self.noted.notified();
            let (notes, _) = self.alerts.notes(app, about, &[], NOTES).await?;
            if !notes.is_empty() || timeout_at(until, noted).await.is_err() {
                return Ok(notes);
            }
        }
    }
}

fn occasion(sample: &Sample) -> Result<Occasion, Error> {
    Occasion::of_sample(sample).map_err(Error::Sample)
}

/// A message as people write them.
fn our_sample() -> Sample {
    Sample {
        dialog: DialogType::Private.into(),
        sender: 34,
        sender_name: "Romeo".to_owned(),
        text: "But soft, what light through yonder window breaks?".to_owned(),
        unread: 3,
        ..Sample::default()
    }
}

fn targets() -> [(Channel, Target); 3] {
    let (token, text) = (TOKEN.to_owned(), String::new);
    [
        (Channel::Apns, Target::Apns { token: token.clone(), topic: text(), sandbox: false, voip: false }),
        (Channel::Gcm, Target::Fcm { token }),
        (Channel::Web, Target::Web { endpoint: text(), p256dh: text(), auth: text() }),
    ]
}

fn previewed(channel: Channel, target: &Target, alert: &Alert) -> Payload {
    let count = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    let channel = channel.into();
    match payload(target, alert) {
        Ok(of) => {
            let (size, limit) = (count(of.size), count(of.limit));
            Payload { channel, json: of.text, size, limit, shortened: of.shortened, error: String::new() }
        }
        Err(error) => Payload { channel, error: error.to_string(), ..Payload::default() },
    }
}
