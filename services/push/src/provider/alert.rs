//! What one subscription is to be sent, and where it is sent to. Values only.

use serde_json::Value;

/// What one subscription is to be sent. Built by the service from message, template and subscription.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Alert {
    /// What the user reads. Shortened if the whole does not fit.
    pub text: String,
    pub title: Option<String>,
    /// The same for every attempt at the same alert, so that a device shows it once. Stable per (dialog, seq).
    pub collapse: String,
    /// Unread messages of the user. `0` takes the badge away.
    pub badge: Option<u64>,
    pub sound: Option<String>,
    pub category: Option<String>,
    /// Alerts of one thread are shown as a stack.
    pub thread: Option<String>,
    /// Wakes the app and shows nothing.
    pub silent: bool,
    /// Unix milliseconds after which nobody needs it any more. Without: the channel's own time ([`super::time_to_live_s`]).
    pub expires_at: Option<i64>,
    /// Delivered at once, the device's battery notwithstanding.
    pub high: bool,
    /// What the app on the device reads besides: `dialog_id`, `message_id`, `user_id`, extension keys.
    pub data: Vec<(String, Value)>,
    pub ios: Ios,
    /// A notification that Android shows by itself. Without: a data message, which the app reads and shows.
    pub android: Option<AndroidNotification>,
}

/// What only Apple's devices know (contract rest 7.2: `ios_...`).
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Ios {
    pub push_type: Option<PushType>,
    pub mutable_content: bool,
    pub content_available: bool,
    /// Which of a device's subscriptions is meant. Read by who chooses the [`Target`]; senders look at the target.
    pub voip: bool,
    /// Further keys of `aps.alert`: `loc-key`, `loc-args`, `title-loc-key` and so on.
    pub loc: Vec<(String, Value)>,
}

/// How Apple is to treat it (`apns-push-type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PushType {
    Alert,
    Background,
    Voip,
}

/// What Android shows (contract rest 7.2: `android_fcm_notification`).
#[derive(Clone, PartialEq, Debug, Default)]
pub struct AndroidNotification {
    /// Without: those of the alert.
    pub title: Option<String>,
    pub body: Option<String>,
    /// Fields of FCM's `AndroidNotification`, by their names there. Made by [`AndroidNotification::from_value`] only, as FCM refuses
    /// a message with a field that it does not know.
    further: Vec<(&'static str, String)>,
}

/// Names that users of the older FCM know, and what they are called today.
const ANDROID_FIELDS: [(&str, &str); 12] = [
    ("icon", "icon"),
    ("color", "color"),
    ("sound", "sound"),
    ("tag", "tag"),
    ("click_action", "click_action"),
    ("android_channel_id", "channel_id"),
    ("channel_id", "channel_id"),
    ("ticker", "ticker"),
    ("image", "image"),
    ("title_loc_key", "title_loc_key"),
    ("body_loc_key", "body_loc_key"),
    ("visibility", "visibility"),
];

impl AndroidNotification {
    /// Reads what a user wrote. Fields that FCM does not know, and values that are neither text nor a number, are left out.
    /// `None` if it is no object.
    pub fn from_value(value: &Value) -> Option<AndroidNotification> {
        let object = value.as_object()?;
        let text = |name: &str| match object.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let mut further: Vec<(&str, String)> = Vec::new();
        for (theirs, ours) in ANDROID_FIELDS {
            let known = further.iter().any(|(name, _)| *name == ours);
            if let (Some(text), false) = (text(theirs), known) {
                further.push((ours, text));
            }
        }
        Some(AndroidNotification { title: text("title"), body: text("body"), further })
    }

    pub(super) fn further(&self) -> &[(&'static str, String)] {
        &self.further
    }
}

/// One device, as its subscription names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    Apns {
        token: String,
        /// The app's bundle. Empty: the topic of the credentials.
        topic: String,
        /// Apple's sandbox: builds of developers.
        sandbox: bool,
        voip: bool,
    },
    Fcm {
        token: String,
    },
    Web {
        endpoint: String,
        /// The browser's public key and its secret, base64url.
        p256dh: String,
        auth: String,
    },
}

impl Target {
    pub fn channel(&self) -> Channel {
        match self {
            Target::Apns { voip: false, .. } => Channel::Apns,
            Target::Apns { voip: true, .. } => Channel::ApnsVoip,
            Target::Fcm { .. } => Channel::Fcm,
            Target::Web { .. } => Channel::Web,
        }
    }
}

/// The ways to a device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Channel {
    Apns,
    ApnsVoip,
    Fcm,
    Web,
}
