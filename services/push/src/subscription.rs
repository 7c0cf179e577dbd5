//! What a subscription may be, and which one replaces which (contract rest 7.1).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use natter_proto::push::v1::{Channel, Environment, Platform, SubscribeRequest, Subscription, WebTarget};

/// Bytes of a device's id, and of a bundle's.
const NAME_BYTES_MAX: usize = 256;
/// Bytes of a device's token: FCM's have about 160, APNs' 64.
const TOKEN_BYTES_MAX: usize = 4_096;
const ENDPOINT_BYTES_MAX: usize = 2_048;
/// Of a browser's keys (RFC 8291, 3.2 and 2): an uncompressed point of P-256, and the secret.
const P256DH_BYTES: usize = 65;
const AUTH_BYTES: usize = 16;

/// The field of the request that is wrong, and what is wrong with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0} {1}")]
pub struct Refused(pub &'static str, pub &'static str);

/// The request as it is kept, if it may be: keys of browsers in base64url without padding, whatever they came in.
pub fn check(request: SubscribeRequest) -> Result<SubscribeRequest, Refused> {
    if request.channel() == Channel::Unspecified {
        return Err(Refused("notification_channel", "is not one of apns, apns_voip, gcm, web"));
    }
    if request.environment() == Environment::Unspecified {
        return Err(Refused("environment", "is not one of development, production"));
    }
    if request.platform() == Platform::Unspecified {
        return Err(Refused("platform", "is not one of ios, android, web"));
    }
    name("udid", &request.udid)?;
    if request.udid.is_empty() {
        return Err(Refused("udid", "is required"));
    }
    name("bundle_identifier", &request.bundle)?;
    match (request.channel(), &request.web) {
        (Channel::Web, None) => Err(Refused("web_endpoint", "is required")),
        (Channel::Web, Some(target)) => {
            let web = Some(web(target)?);
            Ok(SubscribeRequest { token: String::new(), web, ..request })
        }
        _ => {
            token(&request.token)?;
            Ok(SubscribeRequest { web: None, ..request })
        }
    }
}

fn name(field: &'static str, name: &str) -> Result<(), Refused> {
    if name.len() > NAME_BYTES_MAX {
        return Err(Refused(field, "is too long (maximum is 256 bytes)"));
    }
    if name.chars().any(char::is_control) {
        return Err(Refused(field, "is invalid"));
    }
    Ok(())
}

fn token(token: &str) -> Result<(), Refused> {
    const FIELD: &str = "client_identification_sequence";
    match token {
        "" => Err(Refused(FIELD, "is required")),
        token if token.len() > TOKEN_BYTES_MAX => Err(Refused(FIELD, "is too long (maximum is 4096 bytes)")),
        token if !token.bytes().all(|byte| byte.is_ascii_graphic()) => Err(Refused(FIELD, "is invalid")),
        _ => Ok(()),
    }
}

fn web(WebTarget { endpoint, p256dh, auth }: &WebTarget) -> Result<WebTarget, Refused> {
    if !is_https(endpoint) {
        return Err(Refused("web_endpoint", "is not an https address"));
    }
    if endpoint.len() > ENDPOINT_BYTES_MAX {
        return Err(Refused("web_endpoint", "is too long (maximum is 2048 bytes)"));
    }
    let point = key(p256dh, P256DH_BYTES).filter(|point| point[0] == 4);
    let p256dh = point.ok_or(Refused("web_p256dh", "is not a public key of P-256 in base64"))?;
    let auth = key(auth, AUTH_BYTES).ok_or(Refused("web_auth", "is not 16 bytes in base64"))?;
    let text = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
    Ok(WebTarget { endpoint: endpoint.clone(), p256dh: text(p256dh), auth: text(auth) })
}

/// An absolute address with a host and without a user (RFC 8030, 5). Whether its host may be asked is judged when it is.
fn is_https(endpoint: &str) -> bool {
    let Some(rest) = endpoint.strip_prefix("https://") else { return false };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let is_host = !host.is_empty() && !host.starts_with(':') && !host.contains('@');
    is_host && endpoint.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'\\' | b'"' | b'<' | b'>'))
}

/// Both alphabets, with padding or without: browsers give bytes, and each app writes them as it likes.
fn key(text: &str, length: usize) -> Option<Vec<u8>> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&URL_SAFE, lenient);
    let text = text.replace('+', "-").replace('/', "_");
    engine.decode(text).ok().filter(|bytes| bytes.len() == length)
}

/// A subscription of its own.
pub fn made(request: &SubscribeRequest, id: u64, now: i64) -> Subscription {
    let SubscribeRequest { app, user, channel, environment, platform, .. } = *request;
    let SubscribeRequest { udid, bundle, token, web, .. } = request.clone();
    Subscription {
        app,
        id,
        user,
        channel,
        environment,
        platform,
        udid,
        bundle,
        token,
        web,
        created_at: now,
        updated_at: now,
        rejected_at: 0,
        rejected_for: String::new(),
    }
}

/// Those of a user after the request: it takes the place of the one of the same device, channel, environment and bundle, under
/// its id; else it is added under `fresh`. Nothing if there are `max` others already.
pub fn with(
    mut all: Vec<Subscription>,
    request: &SubscribeRequest,
    fresh: u64,
    (max, now): (usize, i64),
) -> Option<(Vec<Subscription>, Subscription)> {
    let row = match all.iter().position(|row| is_same(row, request)) {
        Some(place) => {
            let before = &all[place];
            let row = Subscription { created_at: before.created_at, ..made(request, before.id, now) };
            all[place] = row.clone();
            row
        }
        None if all.len() >= max => return None,
        None => {
            let row = made(request, fresh, now);
            all.push(row.clone());
            row
        }
    };
    Some((all, row))
}

fn is_same(row: &Subscription, request: &SubscribeRequest) -> bool {
    let SubscribeRequest { udid, channel, environment, bundle, .. } = request;
    (&row.udid, row.channel, row.environment, &row.bundle) == (udid, *channel, *environment, bundle)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Of RFC 8291, 5.
    const P256DH: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    #[test]
    fn a_request_that_can_be_alerted_is_taken() {
        for request in [android(), browser("https://push.example.net/send/abc?x=1"), browser("https://[::1]:8443/x")] {
            assert_eq!(check(request.clone()), Ok(request));
        }
        let apple = SubscribeRequest { channel: Channel::ApnsVoip.into(), platform: Platform::Ios.into(), ..android() };
        assert_eq!(check(apple.clone()), Ok(apple));
    }

    #[test]
    fn what_could_never_be_alerted_is_refused_by_field() {
        let check = |change: fn(&mut SubscribeRequest), of: SubscribeRequest| {
            let mut request = of;
            change(&mut request);
            super::check(request).unwrap_err().0
        };
        assert_eq!(check(|of| of.channel = 0, android()), "notification_channel");
        assert_eq!(check(|of| of.environment = 0, android()), "environment");
        assert_eq!(check(|of| of.platform = 9, android()), "platform");
        assert_eq!(check(|of| of.udid.clear(), android()), "udid");
        assert_eq!(check(|of| of.udid = "x".repeat(257), android()), "udid");
        assert_eq!(check(|of| of.bundle = "a\nb".into(), android()), "bundle_identifier");
        assert_eq!(check(|of| of.token.clear(), android()), "client_identification_sequence");
        assert_eq!(check(|of| of.token = "a b".into(), android()), "client_identification_sequence");
        assert_eq!(check(|of| of.token = "x".repeat(4_097), android()), "client_identification_sequence");
        assert_eq!(check(|of| of.web = None, browser("https://x")), "web_endpoint");
        for endpoint in
            ["http://push.example.net/x", "push.example.net", "https://", "https://u@h/", "https:///x", "https://h/ x"]
        {
            assert_eq!(super::check(browser(endpoint)).unwrap_err().0, "web_endpoint", "{endpoint}");
        }
        assert_eq!(check(|of| of.web.as_mut().unwrap().p256dh = AUTH.into(), browser("https://x")), "web_p256dh");
        assert_eq!(check(|of| of.web.as_mut().unwrap().auth = P256DH.into(), browser("https://x")), "web_auth");
        assert_eq!(check(|of| of.web.as_mut().unwrap().auth = "?".into(), browser("https://x")), "web_auth");
    }

    #[test]
    fn keys_of_browsers_are_kept_in_one_spelling() {
        let mut request = browser("https://x");
        let padded = |text: &str, pad: &str| format!("{}{pad}", text.replace('-', "+").replace('_', "/"));
        request.web = request.web.map(|web| WebTarget { p256dh: padded(P256DH, "="), auth: padded(AUTH, "=="), ..web });
        assert_eq!(check(request), Ok(browser("https://x")));
    }

    #[test]
    fn one_of_the_same_device_channel_environment_and_bundle_replaces_the_other() {
        let first = SubscribeRequest { token: "t1".into(), ..android() };
        let (all, made) = with(Vec::new(), &first, 17, (2, 1)).unwrap();
        let rejected = Subscription { rejected_at: 5, rejected_for: "gone".into(), ..made };
        let again = SubscribeRequest { token: "t2".into(), platform: Platform::Web.into(), ..first.clone() };
        let (all, renewed) = with(all.into_iter().map(|_| rejected.clone()).collect(), &again, 18, (1, 9)).unwrap();
        assert_eq!(all, std::slice::from_ref(&renewed));
        assert_eq!((renewed.id, renewed.token.as_str(), renewed.created_at, renewed.updated_at), (17, "t2", 1, 9));
        assert_eq!(renewed.rejected_at, 0, "another chance");
        for other in [
            SubscribeRequest { udid: "other".into(), ..first.clone() },
            SubscribeRequest { channel: Channel::Apns.into(), ..first.clone() },
            SubscribeRequest { environment: Environment::Production.into(), ..first.clone() },
            SubscribeRequest { bundle: "org.y".into(), ..first.clone() },
        ] {
            let (both, added) = with(all.clone(), &other, 18, (2, 9)).unwrap();
            assert_eq!((both.len(), added.id), (2, 18));
            assert_eq!(with(all.clone(), &other, 18, (1, 9)), None, "one too many");
        }
    }

    fn android() -> SubscribeRequest {
        SubscribeRequest {
            app: 1,
            user: 34,
            channel: Channel::Gcm.into(),
            environment: Environment::Development.into(),
            platform: Platform::Android.into(),
            udid: "device-1".into(),
            bundle: "org.x".into(),
            token: "token:APA91".into(),
            web: None,
        }
    }

    fn browser(endpoint: &str) -> SubscribeRequest {
        let web = WebTarget { endpoint: endpoint.into(), p256dh: P256DH.into(), auth: AUTH.into() };
        let (channel, platform) = (Channel::Web.into(), Platform::Web.into());
        SubscribeRequest { channel, platform, token: String::new(), web: Some(web), ..android() }
    }
}
