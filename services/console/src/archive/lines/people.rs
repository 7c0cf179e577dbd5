//! Lines about apps and users.

use natter_proto::account::v1::{App, AppState, ArchivedUser, Groups, PreviousKeys, Quotas, User};
use natter_proto::presence::v1::{ArchivedView, ContactRow, PrivacyItem};
use natter_proto::push::v1::{Channel, Environment, Platform, SubscribeRequest, Subscription, WebTarget};
use serde::{Deserialize, Serialize};

use super::{Hex, given};
use crate::identity;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppLine {
    pub app: u64,
    title: String,
    created_at: i64,
    #[serde(default)]
    updated_at: Option<i64>,
    #[serde(default)]
    auth_key: Option<String>,
    #[serde(default)]
    auth_secret: Option<String>,
    #[serde(default)]
    previous_keys: Option<PreviousLine>,
    #[serde(default)]
    pub pair_key: Option<Hex>,
    #[serde(default)]
    signed_only: Option<bool>,
    #[serde(default)]
    suspended: Option<bool>,
    #[serde(default)]
    chat_host: Option<String>,
    #[serde(default)]
    api_host: Option<String>,
    #[serde(default)]
    origins: Vec<String>,
    #[serde(default)]
    quotas: Option<QuotasLine>,
    #[serde(default)]
    groups: Option<GroupsLine>,
    #[serde(default)]
    identity: Option<identity::Settings>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PreviousLine {
    auth_key: String,
    auth_secret: String,
    until: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct QuotasLine {
    sessions: u64,
    messages_per_second: u64,
    storage_bytes: u64,
    requests_per_second: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct GroupsLine {
    admins_remove: bool,
    history_from_joining: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserLine {
    pub app: u64,
    pub id: u64,
    #[serde(default)]
    deleted: Option<bool>,
    #[serde(default)]
    login: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    full_name: Option<String>,
    #[serde(default)]
    website: Option<String>,
    #[serde(default)]
    custom_data: Option<String>,
    #[serde(default)]
    avatar: Option<String>,
    #[serde(default)]
    blob_id: Option<u64>,
    #[serde(default)]
    external_user_id: Option<u64>,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    facebook_id: Option<String>,
    #[serde(default)]
    twitter_id: Option<String>,
    #[serde(default)]
    timezone: Option<i32>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    guest: Option<bool>,
    #[serde(default)]
    guest_until: Option<i64>,
    #[serde(default)]
    banned: Option<bool>,
    created_at: i64,
    #[serde(default)]
    updated_at: Option<i64>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    password_version: Option<u64>,
    #[serde(default)]
    proofs: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactLine {
    pub app: u64,
    pub user: u64,
    of: u64,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    listed: Option<bool>,
    #[serde(default)]
    to: Option<bool>,
    #[serde(default)]
    from: Option<bool>,
    #[serde(default)]
    ask: Option<bool>,
    #[serde(default)]
    asked: Option<bool>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListLine {
    pub app: u64,
    pub user: u64,
    pub name: String,
    #[serde(default)]
    pub is_default: Option<bool>,
    #[serde(default)]
    pub items: Vec<ItemLine>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemLine {
    order: u32,
    allow: bool,
    #[serde(default)]
    user: Option<u64>,
    #[serde(default)]
    in_groups: Option<bool>,
    #[serde(default)]
    message: Option<bool>,
    #[serde(default)]
    presence_in: Option<bool>,
    #[serde(default)]
    presence_out: Option<bool>,
    #[serde(default)]
    iq: Option<bool>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceLine {
    pub app: u64,
    pub user: u64,
    channel: String,
    environment: String,
    platform: String,
    udid: String,
    #[serde(default)]
    bundle: Option<String>,
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    web: Option<WebLine>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebLine {
    endpoint: String,
    p256dh: String,
    auth: String,
}

impl From<App> for AppLine {
    fn from(app: App) -> AppLine {
        let suspended = app.state() == AppState::Suspended;
        let previous = |PreviousKeys { auth_key, auth_secret, until }| PreviousLine { auth_key, auth_secret, until };
        let quotas = |Quotas { sessions, messages_per_second, storage_bytes, requests_per_second }| QuotasLine {
            sessions,
            messages_per_second,
            storage_bytes,
            requests_per_second,
        };
        let groups = |Groups { admins_remove, history_from_joining }| GroupsLine { admins_remove, history_from_joining };
        AppLine {
            app: app.id,
            title: app.title,
            created_at: app.created_at,
            updated_at: given(app.updated_at),
            auth_key: given(app.auth_key),
            auth_secret: given(app.auth_secret),
            previous_keys: app.previous.map(previous),
            pair_key: given(Hex(app.pair_key)),
            signed_only: given(app.signed_only),
            suspended: given(suspended),
            chat_host: given(app.chat_host),
            api_host: given(app.api_host),
            origins: app.origins,
            quotas: app.quotas.map(quotas),
            groups: app.groups.map(groups),
            identity: app.identity.map(|identity| identity::Settings::with_secrets(identity, |secret| secret)),
        }
    }
}

impl From<AppLine> for App {
    fn from(line: AppLine) -> App {
        let state = if line.suspended == Some(true) { AppState::Suspended } else { AppState::Unspecified };
        let previous = |PreviousLine { auth_key, auth_secret, until }| PreviousKeys { auth_key, auth_secret, until };
        let quotas = |QuotasLine { sessions, messages_per_second, storage_bytes, requests_per_second }| Quotas {
            sessions,
            messages_per_second,
            storage_bytes,
            requests_per_second,
        };
        let groups = |GroupsLine { admins_remove, history_from_joining }| Groups { admins_remove, history_from_joining };
        App {
            id: line.app,
            title: line.title,
            created_at: line.created_at,
            updated_at: line.updated_at.unwrap_or_default(),
            auth_key: line.auth_key.unwrap_or_default(),
            auth_secret: line.auth_secret.unwrap_or_default(),
            previous: line.previous_keys.map(previous),
            pair_key: line.pair_key.unwrap_or_default().0,
            signed_only: line.signed_only.unwrap_or_default(),
            state: state.into(),
            chat_host: line.chat_host.unwrap_or_default(),
            api_host: line.api_host.unwrap_or_default(),
            origins: line.origins,
            quotas: line.quotas.map(quotas),
            groups: line.groups.map(groups),
            identity: line.identity.map(Into::into),
        }
    }
}

impl From<ArchivedUser> for UserLine {
    fn from(archived: ArchivedUser) -> UserLine {
        let ArchivedUser { user, password, password_version, deleted, guest_until, proofs } = archived;
        let user = user.unwrap_or_default();
        UserLine {
            app: user.app,
            id: user.id,
            deleted: given(deleted),
            login: user.login,
            email: user.email,
            phone: user.phone,
            full_name: user.full_name,
            website: user.website,
            custom_data: user.custom_data,
            avatar: user.avatar,
            blob_id: user.blob_id,
            external_user_id: user.external_user_id,
            external_id: user.external_id,
            facebook_id: user.facebook_id,
            twitter_id: user.twitter_id,
            timezone: user.timezone,
            tags: user.tags,
            guest: given(user.guest),
            guest_until: given(guest_until),
            banned: given(user.banned),
            created_at: user.created_at,
            updated_at: given(user.updated_at),
            password: given(password),
            password_version: given(password_version),
            proofs: given(proofs),
        }
    }
}

impl From<UserLine> for ArchivedUser {
    fn from(line: UserLine) -> ArchivedUser {
        let user = User {
            id: line.id,
            app: line.app,
            login: line.login,
            email: line.email,
            phone: line.phone,
            full_name: line.full_name,
            website: line.website,
            custom_data: line.custom_data,
            avatar: line.avatar,
            blob_id: line.blob_id,
            external_user_id: line.external_user_id,
            external_id: line.external_id,
            facebook_id: line.facebook_id,
            twitter_id: line.twitter_id,
            timezone: line.timezone,
            tags: line.tags,
            guest: line.guest.unwrap_or_default(),
            created_at: line.created_at,
            updated_at: line.updated_at.unwrap_or(line.created_at),
            last_request_at: 0,
            banned: line.banned.unwrap_or_default(),
        };
        ArchivedUser {
            user: Some(user),
            password: line.password.unwrap_or_default(),
            password_version: line.password_version.unwrap_or_default(),
            deleted: line.deleted.unwrap_or_default(),
            guest_until: line.guest_until.unwrap_or_default(),
            proofs: line.proofs.unwrap_or_default(),
        }
    }
}

impl ContactLine {
    pub fn of(app: u64, user: u64, view: ArchivedView) -> ContactLine {
        let ContactRow { name, listed, to, from, ask, asked } = view.row.unwrap_or_default();
        ContactLine {
            app,
            user,
            of: view.of,
            name: given(name),
            listed: given(listed),
            to: given(to),
            from: given(from),
            ask: given(ask),
            asked: given(asked),
        }
    }
}

impl From<ContactLine> for ArchivedView {
    fn from(line: ContactLine) -> ArchivedView {
        let row = ContactRow {
            name: line.name.unwrap_or_default(),
            listed: line.listed.unwrap_or_default(),
            to: line.to.unwrap_or_default(),
            from: line.from.unwrap_or_default(),
            ask: line.ask.unwrap_or_default(),
            asked: line.asked.unwrap_or_default(),
        };
        ArchivedView { of: line.of, row: Some(row) }
    }
}

impl From<PrivacyItem> for ItemLine {
    fn from(item: PrivacyItem) -> ItemLine {
        let PrivacyItem { user, in_groups, allow, order, message, presence_in, presence_out, iq } = item;
        ItemLine {
            order,
            allow,
            user: given(user),
            in_groups: given(in_groups),
            message: given(message),
            presence_in: given(presence_in),
            presence_out: given(presence_out),
            iq: given(iq),
        }
    }
}

impl From<ItemLine> for PrivacyItem {
    fn from(line: ItemLine) -> PrivacyItem {
        PrivacyItem {
            user: line.user.unwrap_or_default(),
            in_groups: line.in_groups.unwrap_or_default(),
            allow: line.allow,
            order: line.order,
            message: line.message.unwrap_or_default(),
            presence_in: line.presence_in.unwrap_or_default(),
            presence_out: line.presence_out.unwrap_or_default(),
            iq: line.iq.unwrap_or_default(),
        }
    }
}

// Names of the enums are stable: `CHANNEL_GCM` is `gcm` in a line.
fn short(name: &str) -> String {
    name.split_once('_').map_or(String::new(), |(_, rest)| rest.to_ascii_lowercase())
}

fn long(kind: &str, name: &str) -> String {
    format!("{kind}_{}", name.to_ascii_uppercase())
}

impl From<Subscription> for DeviceLine {
    fn from(device: Subscription) -> DeviceLine {
        let web = |WebTarget { endpoint, p256dh, auth }| WebLine { endpoint, p256dh, auth };
        DeviceLine {
            app: device.app,
            user: device.user,
            channel: short(device.channel().as_str_name()),
            environment: short(device.environment().as_str_name()),
            platform: short(device.platform().as_str_name()),
            udid: device.udid,
            bundle: given(device.bundle),
            token: given(device.token),
            web: device.web.map(web),
        }
    }
}

impl From<DeviceLine> for SubscribeRequest {
    fn from(line: DeviceLine) -> SubscribeRequest {
        let web = |WebLine { endpoint, p256dh, auth }| WebTarget { endpoint, p256dh, auth };
        SubscribeRequest {
            app: line.app,
            user: line.user,
            channel: Channel::from_str_name(&long("CHANNEL", &line.channel)).unwrap_or_default().into(),
            environment: Environment::from_str_name(&long("ENVIRONMENT", &line.environment)).unwrap_or_default().into(),
            platform: Platform::from_str_name(&long("PLATFORM", &line.platform)).unwrap_or_default().into(),
            udid: line.udid,
            bundle: line.bundle.unwrap_or_default(),
            token: line.token.unwrap_or_default(),
            web: line.web.map(web),
        }
    }
}
