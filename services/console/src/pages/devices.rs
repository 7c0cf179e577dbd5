//! Pages about the devices on which a user wants alerts, and the end of one.

use actix_web::{HttpResponse, web};
use askama::Template;
use natter_proto::push::v1::Subscription;

use super::apps::Shown;
use super::frame::Frame;
use super::users::{name_of, whom};
use super::{see, show, when};
use crate::error::Refusal;
use crate::service::Door;
use crate::{apps, devices, users};

#[derive(Template)]
#[template(path = "devices.html")]
struct DevicesPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    user_tab: &'static str,
    id: u64,
    devices: Vec<Device>,
}

/// A device as pages show it: without what it is sent by.
struct Device {
    id: u64,
    channel: String,
    platform: String,
    environment: String,
    bundle: String,
    udid: String,
    created_at: String,
    updated_at: String,
    /// When its provider said so, and why.
    rejected: Option<(String, String)>,
}

impl Device {
    fn of(subscription: &Subscription) -> Device {
        let shown = devices::shown(subscription);
        let text = |field: &str| shown[field].as_str().unwrap_or_default().to_owned();
        let Subscription { id, created_at, updated_at, rejected_at, rejected_for, .. } = subscription;
        Device {
            id: *id,
            channel: text("channel"),
            platform: text("platform"),
            environment: text("environment"),
            bundle: text("bundle"),
            udid: text("udid"),
            created_at: when(*created_at),
            updated_at: when(*updated_at),
            rejected: (*rejected_at > 0).then(|| (when(*rejected_at), rejected_for.clone())),
        }
    }
}

/// `GET /console/apps/{app}/users/{user}/devices`.
pub async fn list(door: web::Data<Door>, frame: Frame, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (shown, user) = whom(&door, &path.0, &path.1).await?;
    let devices = devices::of_user(&door, shown.id, user.id).await?.iter().map(Device::of).collect();
    let frame = frame.titled(format!("Devices of {}", name_of(&user)));
    show(&DevicesPage { frame, tab: "users", shown, user_tab: "devices", id: user.id, devices })
}

#[derive(Template)]
#[template(path = "device_end.html")]
struct EndPage {
    frame: Frame,
    tab: &'static str,
    shown: Shown,
    user_tab: &'static str,
    id: u64,
    device: Device,
}

/// `GET /console/apps/{app}/users/{user}/devices/{device}/end`: asks first.
pub async fn doubt(
    door: web::Data<Door>,
    frame: Frame,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, Refusal> {
    let (app, user, device) = path.into_inner();
    let ((shown, user), device) = (whom(&door, &app, &user).await?, devices::parse_id(&device)?);
    let all = devices::of_user(&door, shown.id, user.id).await?;
    let device = all.iter().find(|one| one.id == device).ok_or_else(|| Refusal::not_found("device"))?;
    let (device, id) = (Device::of(device), user.id);
    let frame = frame.titled(format!("End device {} of {}", device.id, name_of(&user)));
    show(&EndPage { frame, tab: "users", shown, user_tab: "devices", id, device })
}

/// `POST /console/apps/{app}/users/{user}/devices/{device}/end`.
pub async fn end(door: web::Data<Door>, path: web::Path<(String, String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, user, device) = path.into_inner();
    let (app, user) = (apps::find(&door, &app).await?.id, users::parse(&user)?.0);
    devices::end(&door, app, user, devices::parse_id(&device)?).await?;
    Ok(see(&format!("/console/apps/{app}/users/{user}/devices?done=device-ended")))
}
