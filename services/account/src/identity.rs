//! The rules of an app's identity settings: what an operator may say, and what holds where nothing was said. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod claims;
pub mod facebook;
pub mod firebase;
pub mod oauth;
pub mod template;
pub mod twitter;

use natter_proto::account::v1::{
    CustomProvider, FacebookProvider, FirebaseProvider, Header, Identity, JwtProvider, ResetMail, TwitterProvider,
};

use crate::user::Fault;

/// What a secret looks like where it is shown. Given back, it means the one that is kept.
pub const MASK: &str = "********";

const TEXT_BYTES_MAX: usize = 2_048;
const TEMPLATE_BYTES_MAX: usize = 8 * 1024;
const HEADERS_MAX: usize = 16;
const PROJECTS_MAX: usize = 16;
/// Bytes of a secret that both sides share: less can be guessed at from one token (RFC 7518, 3.2).
const SHARED_BYTES_MIN: usize = 32;

/// The settings that `given` asks for, over those `before`: masked secrets are the kept ones, defaults are written out.
///
/// # Errors
/// The first field that cannot be, by its path in the settings.
pub fn accept(before: &Identity, given: Identity) -> Result<Identity, Fault> {
    let Identity { guests, create_unknown, custom, jwt, facebook, twitter, firebase, reset_mail } = given;
    if custom.is_some() && jwt.is_some() {
        return Err(Fault::new("custom", "cannot be set beside jwt: both read the login"));
    }
    Ok(Identity {
        guests,
        create_unknown,
        custom: custom.map(|given| custom_provider(before.custom.as_ref(), given)).transpose()?,
        jwt: jwt.map(|given| jwt_provider(before.jwt.as_ref(), given)).transpose()?,
        facebook: facebook.map(|given| facebook_provider(before.facebook.as_ref(), given)).transpose()?,
        twitter: twitter.map(|given| twitter_provider(before.twitter.as_ref(), given)).transpose()?,
        firebase: firebase.map(firebase_provider).transpose()?,
        reset_mail: reset_mail.map(mail).transpose()?,
    })
}

fn custom_provider(before: Option<&CustomProvider>, given: CustomProvider) -> Result<CustomProvider, Fault> {
    let request = if given.request.is_empty() { r##"{"token":"#{login}"}"##.to_owned() } else { given.request };
    if request.len() > TEMPLATE_BYTES_MAX || template::parse(&request).is_none() {
        return Err(Fault::new("custom.request", "must be JSON"));
    }
    if given.response.len() > TEMPLATE_BYTES_MAX || template::Response::parse(&given.response).is_none() {
        return Err(Fault::new("custom.response", "must be a JSON object with a uid such as \"#{user.id}\""));
    }
    if given.headers.len() > HEADERS_MAX || given.headers.iter().any(|header| !is_header(header)) {
        return Err(Fault::new("custom.headers", "must be at most 16 names and values"));
    }
    let kept = |name: &str| before.and_then(|before| before.headers.iter().find(|header| header.name == name));
    let header = |Header { name, value }| {
        let value = secret("custom.headers", kept(&name).map(|header| &header.value), value)?;
        Ok(Header { name, value })
    };
    let headers = given.headers.into_iter().map(header).collect::<Result<_, Fault>>()?;
    Ok(CustomProvider { url: url("custom.url", given.url)?, request, response: given.response, headers })
}

fn jwt_provider(before: Option<&JwtProvider>, given: JwtProvider) -> Result<JwtProvider, Fault> {
    let JwtProvider { jwks_url, hs256_secret, issuer, audience, uid_claim } = given;
    let texts = [("jwt.issuer", &issuer), ("jwt.audience", &audience), ("jwt.uid_claim", &uid_claim)];
    if let Some((field, _)) = texts.iter().find(|(_, text)| !is_text(text)) {
        return Err(Fault::new(field, "is too long"));
    }
    let uid_claim = if uid_claim.is_empty() { "sub".to_owned() } else { uid_claim };
    match (jwks_url.is_empty(), hs256_secret.is_empty()) {
        (true, false) => {
            let hs256_secret = secret("jwt.hs256_secret", before.map(|before| &before.hs256_secret), hs256_secret)?;
            if hs256_secret.len() < SHARED_BYTES_MIN {
                return Err(Fault::new("jwt.hs256_secret", "must have at least 32 bytes"));
            }
            Ok(JwtProvider { jwks_url, hs256_secret, issuer, audience, uid_claim })
        }
        // The keys are those of a house that signs for other apps too: without these two its tokens for them would be taken.
        (false, true) if issuer.is_empty() => Err(Fault::new("jwt.issuer", "must be set beside jwks_url")),
        (false, true) if audience.is_empty() => Err(Fault::new("jwt.audience", "must be set beside jwks_url")),
        (false, true) => Ok(JwtProvider { jwks_url: url("jwt.jwks_url", jwks_url)?, hs256_secret, issuer, audience, uid_claim }),
        _ => Err(Fault::new("jwt", "must have either jwks_url or hs256_secret")),
    }
}

fn facebook_provider(before: Option<&FacebookProvider>, given: FacebookProvider) -> Result<FacebookProvider, Fault> {
    Ok(FacebookProvider {
        app_id: needed("facebook.app_id", given.app_id)?,
        app_secret: secret("facebook.app_secret", before.map(|before| &before.app_secret), given.app_secret)?,
        endpoint: url("facebook.endpoint", or(given.endpoint, facebook::ENDPOINT))?,
    })
}

fn twitter_provider(before: Option<&TwitterProvider>, given: TwitterProvider) -> Result<TwitterProvider, Fault> {
    Ok(TwitterProvider {
        consumer_key: needed("twitter.consumer_key", given.consumer_key)?,
        consumer_secret: secret("twitter.consumer_secret", before.map(|before| &before.consumer_secret), given.consumer_secret)?,
        endpoint: url("twitter.endpoint", or(given.endpoint, twitter::ENDPOINT))?,
    })
}

fn firebase_provider(given: FirebaseProvider) -> Result<FirebaseProvider, Fault> {
    let project_ids = given.project_ids;
    if project_ids.is_empty() || project_ids.len() > PROJECTS_MAX || project_ids.iter().any(|id| id.is_empty() || !is_text(id)) {
        return Err(Fault::new("firebase.project_ids", "must name at least one project"));
    }
    Ok(FirebaseProvider { project_ids, jwks_url: url("firebase.jwks_url", or(given.jwks_url, firebase::JWKS))? })
}

fn mail(given: ResetMail) -> Result<ResetMail, Fault> {
    if given.subject.is_empty() || !is_text(&given.subject) || given.subject.chars().any(char::is_control) {
        return Err(Fault::new("reset_mail.subject", "must be one line"));
    }
    if given.text.len() > TEMPLATE_BYTES_MAX || !given.text.contains("#{link}") {
        return Err(Fault::new("reset_mail.text", "must hold #{link}"));
    }
    Ok(given)
}

fn or(given: String, vendors: &str) -> String {
    let given = given.trim_end_matches('/');
    if given.is_empty() { vendors.to_owned() } else { given.to_owned() }
}

fn url(field: &'static str, text: String) -> Result<String, Fault> {
    match is_text(&text) && !text.contains("#{") && natter_outbound::is_url(&text) {
        true => Ok(text),
        false => Err(Fault::new(field, "must be an address that begins with https:// or http://")),
    }
}

fn needed(field: &'static str, text: String) -> Result<String, Fault> {
    if text.is_empty() || !is_text(&text) { Err(Fault::new(field, "can't be blank")) } else { Ok(text) }
}

fn secret(field: &'static str, kept: Option<&String>, text: String) -> Result<String, Fault> {
    match (text.as_str(), kept) {
        (MASK, Some(kept)) => Ok(kept.clone()),
        (MASK, None) => Err(Fault::new(field, "is masked, and none is kept")),
        _ => needed(field, text),
    }
}

fn is_text(text: &str) -> bool {
    text.len() <= TEXT_BYTES_MAX
}

fn is_header(header: &Header) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_name = !header.name.is_empty() && header.name.len() <= 64 && header.name.bytes().all(is_token);
    is_name && is_text(&header.value) && !header.value.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_an_operator_may_say() {
        check(Identity { guests: true, create_unknown: true, ..Identity::default() }, None);
        check(Identity { custom: Some(custom()), ..Identity::default() }, None);
        check(Identity { custom: Some(custom()), jwt: Some(shared()), ..Identity::default() }, Some("custom"));
        for url in ["", "id.example.test", "ftp://id.example.test", "https://a:b@id.example.test", "https://id.test/#{login}"] {
            check(
                Identity { custom: Some(CustomProvider { url: url.into(), ..custom() }), ..Identity::default() },
                Some("custom.url"),
            );
        }
        for response in ["", "{}", r#"{"uid":"7"}"#, r##"{"uid":"#{}"}"##, r##"{"uid":"#{id}","login":"#{name}"}"##, "[1]"] {
            let custom = Some(CustomProvider { response: response.into(), ..custom() });
            check(Identity { custom, ..Identity::default() }, Some("custom.response"));
        }
        let request = Some(CustomProvider { request: "{".into(), ..custom() });
        check(Identity { custom: request, ..Identity::default() }, Some("custom.request"));
        for (name, value) in [("", "x"), ("a b", "x"), ("a:", "x"), ("x", "a\r\nb: c")] {
            let headers = vec![Header { name: name.into(), value: value.into() }];
            check(
                Identity { custom: Some(CustomProvider { headers, ..custom() }), ..Identity::default() },
                Some("custom.headers"),
            );
        }
    }

    #[test]
    fn keys_of_a_house_need_issuer_and_audience() {
        let jwks = JwtProvider {
            jwks_url: "https://id.example.test/jwks".into(),
            issuer: "https://id.example.test".into(),
            audience: "chat".into(),
            ..JwtProvider::default()
        };
        check(Identity { jwt: Some(jwks.clone()), ..Identity::default() }, None);
        for (jwt, field) in [
            (JwtProvider { issuer: String::new(), ..jwks.clone() }, "jwt.issuer"),
            (JwtProvider { audience: String::new(), ..jwks.clone() }, "jwt.audience"),
            (JwtProvider { hs256_secret: "x".repeat(32), ..jwks }, "jwt"),
            (JwtProvider::default(), "jwt"),
            (JwtProvider { hs256_secret: "x".repeat(31), ..JwtProvider::default() }, "jwt.hs256_secret"),
        ] {
            check(Identity { jwt: Some(jwt), ..Identity::default() }, Some(field));
        }
        let accepted = accept(&Identity::default(), Identity { jwt: Some(shared()), ..Identity::default() }).unwrap();
        assert_eq!(accepted.jwt.unwrap().uid_claim, "sub");
    }

    #[test]
    fn a_masked_secret_is_the_kept_one() {
        let facebook = |secret: &str| Identity {
            facebook: Some(FacebookProvider { app_id: "7".into(), app_secret: secret.into(), endpoint: String::new() }),
            ..Identity::default()
        };
        let kept = accept(&Identity::default(), facebook("real")).unwrap();
        assert_eq!(kept.facebook.as_ref().unwrap().endpoint, "https://graph.facebook.com");
        assert_eq!(accept(&kept, facebook(MASK)).unwrap(), kept);
        assert_eq!(accept(&Identity::default(), facebook(MASK)).unwrap_err().field, "facebook.app_secret");
        let headers = |value: &str| Identity {
            custom: Some(CustomProvider { headers: vec![Header { name: "x-key".into(), value: value.into() }], ..custom() }),
            ..Identity::default()
        };
        let kept = accept(&Identity::default(), headers("real")).unwrap();
        assert_eq!(accept(&kept, headers(MASK)).unwrap(), kept);
    }

    #[test]
    fn a_mail_has_one_line_of_subject_and_a_link() {
        let mail = |subject: &str, text: &str| ResetMail { subject: subject.into(), text: text.into() };
        check(Identity { reset_mail: Some(mail("New password", "Go to #{link}")), ..Identity::default() }, None);
        let two_lines = mail("New\r\nBcc: x", "#{link}");
        check(Identity { reset_mail: Some(two_lines), ..Identity::default() }, Some("reset_mail.subject"));
        check(Identity { reset_mail: Some(mail("New", "no link")), ..Identity::default() }, Some("reset_mail.text"));
    }

    fn custom() -> CustomProvider {
        let (url, response) =
            ("https://id.example.test/me".into(), r##"{"uid":"#{user.id}","full_name":"#{user.name}"}"##.into());
        CustomProvider { url, response, ..CustomProvider::default() }
    }

    fn shared() -> JwtProvider {
        JwtProvider { hs256_secret: "x".repeat(32), ..JwtProvider::default() }
    }

    fn check(given: Identity, fault: Option<&str>) {
        assert_eq!(accept(&Identity::default(), given.clone()).err().map(|fault| fault.field), fault, "{given:?}");
    }
}
