//! The form about the services by which users of an app prove who they are. A secret that is kept is never in it: its field is
//! empty, and left so it keeps it. Fields are called as the route calls them, so that its refusals find them.

use natter_proto::account::v1::{
    CustomProvider, FacebookProvider, FirebaseProvider, Header, Identity, JwtProvider, ResetMail, TwitterProvider,
};

use super::form::{Entered, Field, Form};
use super::settings::listed;
use crate::error::Refusal;
use crate::identity::MASK;

/// What reads a login that is no password of ours: nothing, an address that is asked, or signed tokens.
const PROVIDERS: &[&str] = &[NONE, ADDRESS, TOKENS];
const NONE: &str = "none";
const ADDRESS: &str = "address";
const TOKENS: &str = "tokens";

/// The form as the settings are.
pub fn form_of(identity: &Identity) -> Form {
    let Identity { custom, jwt, facebook, twitter, firebase, reset_mail, .. } = identity.clone();
    let provider = match (&custom, &jwt) {
        (Some(_), _) => ADDRESS,
        (None, Some(_)) => TOKENS,
        (None, None) => NONE,
    };
    let choice = Field::choice("provider", "Provider", provider, PROVIDERS);
    Form::default()
        .with(
            "A provider of your own",
            "A service of yours that says who a user is: users sign in with its tokens. What belongs to another choice is forgotten.",
            vec![choice.hint("address: one that is asked about each token. tokens: signed ones, which are checked here.")],
        )
        .with("Provider: address", "", of_address(&custom.unwrap_or_default()))
        .with("Provider: tokens", "Either the address of the keys or a shared secret.", of_tokens(&jwt.unwrap_or_default()))
        .with("Facebook", "", of_facebook(facebook))
        .with("Twitter", "", of_twitter(twitter))
        .with("Firebase", "", of_firebase(firebase))
        .with("Mail for a forgotten password", "Both empty: a text of our own.", of_mail(reset_mail.unwrap_or_default()))
}

fn of_address(custom: &CustomProvider) -> Vec<Field> {
    let headers: Vec<String> = custom.headers.iter().map(|header| format!("{}: {MASK}", header.name)).collect();
    vec![
        Field::text("custom.url", "Address that is asked", &custom.url).hint("A whole one, https: and all."),
        Field::text("custom.request", "What it is sent", &custom.request)
            .hint(r##"JSON, in which #{login} and #{password} stand for what the user gave. Empty: {"token": "#{login}"}."##),
        Field::text("custom.response", "Where its answer says who it is", &custom.response)
            .hint(r##"JSON, as in {"uid": "#{user.id}"}. Beside uid there may be full_name and avatar."##),
        Field::secret_lines("custom.headers", "Headers", headers.join("\n")).hint(
            "One a line, as in X-Key: value. A value that is kept is shown as stars; a line that is taken out is forgotten.",
        ),
    ]
}

fn of_tokens(jwt: &JwtProvider) -> Vec<Field> {
    let mut fields = vec![
        Field::text("jwt.jwks_url", "Address of the keys", &jwt.jwks_url)
            .hint("The same: where the public keys are served as a JWK set."),
        secret("jwt.hs256_secret", "Shared secret", &jwt.hs256_secret),
        Field::text("jwt.issuer", "Issuer", &jwt.issuer).hint("What iss of a token must be. Needed beside an address of keys."),
        Field::text("jwt.audience", "Audience", &jwt.audience).hint("The same of aud."),
        Field::text("jwt.uid_claim", "Claim with the user’s id", &jwt.uid_claim).hint("Empty: sub."),
    ];
    if !jwt.hs256_secret.is_empty() {
        fields.insert(2, Field::check("jwt.hs256_secret.remove", "Remove the shared secret", false));
    }
    fields
}

fn of_facebook(facebook: Option<FacebookProvider>) -> Vec<Field> {
    let (is_on, facebook) = (facebook.is_some(), facebook.unwrap_or_default());
    vec![
        Field::check("facebook", "Sign-in with Facebook", is_on).hint("Without it the secret is removed as well."),
        Field::text("facebook.app_id", "Facebook app id", &facebook.app_id),
        secret("facebook.app_secret", "Facebook app secret", &facebook.app_secret),
        Field::text("facebook.endpoint", "Facebook address", &facebook.endpoint).hint("Empty: Facebook’s own."),
    ]
}

fn of_twitter(twitter: Option<TwitterProvider>) -> Vec<Field> {
    let (is_on, twitter) = (twitter.is_some(), twitter.unwrap_or_default());
    vec![
        Field::check("twitter", "Sign-in with Twitter", is_on).hint("Without it the secret is removed as well."),
        Field::text("twitter.consumer_key", "Twitter consumer key", &twitter.consumer_key),
        secret("twitter.consumer_secret", "Twitter consumer secret", &twitter.consumer_secret),
        Field::text("twitter.endpoint", "Twitter address", &twitter.endpoint).hint("Empty: Twitter’s own."),
    ]
}

fn of_firebase(firebase: Option<FirebaseProvider>) -> Vec<Field> {
    let (is_on, firebase) = (firebase.is_some(), firebase.unwrap_or_default());
    vec![
        Field::check("firebase", "Sign-in with Firebase", is_on).hint("By phone and by e-mail."),
        Field::text("firebase.project_ids", "Firebase projects", firebase.project_ids.join(" "))
            .hint("Their ids, with spaces between them."),
        Field::text("firebase.jwks_url", "Firebase keys", &firebase.jwks_url).hint("Empty: Google’s own address."),
    ]
}

fn of_mail(mail: ResetMail) -> Vec<Field> {
    vec![
        Field::text("reset_mail.subject", "Subject", &mail.subject),
        Field::lines("reset_mail.text", "Text", &mail.text)
            .hint("#{link} stands for the address of the page, #{name} for whom it is."),
    ]
}

fn secret(name: &'static str, label: &'static str, kept: &str) -> Field {
    match kept.is_empty() {
        true => Field::secret(name, label),
        false => Field::secret(name, label).placeholder("kept").hint("One is kept. Left empty, it stays."),
    }
}

/// The settings that the form asks for, over those `was`. What is no matter of the form stays.
pub fn wanted(was: &Identity, entered: &Entered) -> Result<Identity, Refusal> {
    let text = |field: &str| entered.text(field).to_owned();
    let secret = |field: &str, kept: Option<&String>| match entered.raw(field) {
        "" if kept.is_some_and(|kept| !kept.is_empty()) && !entered.is_on(&format!("{field}.remove")) => MASK.to_owned(),
        given => given.to_owned(),
    };
    let (custom, jwt) = match entered.text("provider") {
        "" | NONE => (None, None),
        ADDRESS => (Some(custom(entered)?), None),
        TOKENS => {
            let hs256_secret = secret("jwt.hs256_secret", was.jwt.as_ref().map(|jwt| &jwt.hs256_secret));
            (None, Some(tokens(entered, hs256_secret)?))
        }
        _ => return Err(Refusal::malformed("provider", "has to be chosen")),
    };
    let facebook = entered.is_on("facebook").then(|| FacebookProvider {
        app_id: text("facebook.app_id"),
        app_secret: secret("facebook.app_secret", was.facebook.as_ref().map(|facebook| &facebook.app_secret)),
        endpoint: text("facebook.endpoint"),
    });
    let twitter = entered.is_on("twitter").then(|| TwitterProvider {
        consumer_key: text("twitter.consumer_key"),
        consumer_secret: secret("twitter.consumer_secret", was.twitter.as_ref().map(|twitter| &twitter.consumer_secret)),
        endpoint: text("twitter.endpoint"),
    });
    let firebase = entered.is_on("firebase").then(|| FirebaseProvider {
        project_ids: listed(entered.text("firebase.project_ids")),
        jwks_url: text("firebase.jwks_url"),
    });
    let mail = ResetMail { subject: text("reset_mail.subject"), text: text("reset_mail.text").replace("\r\n", "\n") };
    let reset_mail = Some(mail).filter(|mail| *mail != ResetMail::default());
    let Identity { guests, create_unknown, .. } = *was;
    Ok(Identity { guests, create_unknown, custom, jwt, facebook, twitter, firebase, reset_mail })
}

fn custom(entered: &Entered) -> Result<CustomProvider, Refusal> {
    let text = |field: &str| entered.text(field).to_owned();
    // The line itself may be a secret, and is not repeated.
    let header = |line: &str| match line.split_once(':') {
        Some((name, value)) => Ok(Header { name: name.trim().to_owned(), value: value.trim().to_owned() }),
        None => Err(Refusal::malformed("custom.headers", "must be lines with a name, a colon and a value")),
    };
    let lines = entered.text("custom.headers").lines().filter(|line| !line.trim().is_empty());
    Ok(CustomProvider {
        url: text("custom.url"),
        request: text("custom.request"),
        response: text("custom.response"),
        headers: lines.map(header).collect::<Result<_, _>>()?,
    })
}

fn tokens(entered: &Entered, hs256_secret: String) -> Result<JwtProvider, Refusal> {
    let text = |field: &str| entered.text(field).to_owned();
    let jwks_url = text("jwt.jwks_url");
    if jwks_url.is_empty() == hs256_secret.is_empty() {
        return Err(Refusal::malformed("jwt.jwks_url", "or a shared secret is needed, and not both"));
    }
    let (issuer, audience, uid_claim) = (text("jwt.issuer"), text("jwt.audience"), text("jwt.uid_claim"));
    Ok(JwtProvider { jwks_url, hs256_secret, issuer, audience, uid_claim })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_the_form_shows_is_what_it_asks_for_but_the_secrets_which_are_kept() {
        for was in
            [Identity::default(), Identity { guests: true, ..whole() }, Identity { custom: None, jwt: shared(), ..whole() }]
        {
            let form = form_of(&was);
            assert!(shown(&form).iter().all(|(_, value)| !value.contains("s3cret")), "{:?}", shown(&form));
            assert_eq!(masked(wanted(&was, &Entered::of(shown(&form))).unwrap()), masked(was.clone()));
        }
    }

    #[test]
    fn a_secret_is_replaced_kept_or_removed() {
        let was = Identity { jwt: shared(), ..Identity::default() };
        let secret = |more: &[(&str, &str)]| {
            let mut sent: Vec<_> = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            sent.extend(shown(&form_of(&was)));
            wanted(&was, &Entered::of(sent)).map(|wanted| wanted.jwt.unwrap().hs256_secret)
        };
        assert_eq!(secret(&[]).unwrap(), MASK);
        assert_eq!(secret(&[("jwt.hs256_secret", " another ")]).unwrap(), " another ");
        let keys = ("jwt.jwks_url", "https://id.test/jwks");
        assert_eq!(secret(&[keys, ("jwt.hs256_secret.remove", "on")]).unwrap(), "");
        for refused in [[keys].as_slice(), &[("jwt.hs256_secret.remove", "on")]] {
            assert_eq!(secret(refused).unwrap_err().field(), "jwt.jwks_url", "{refused:?}");
        }
        assert_eq!(secret(&[("provider", "other")]).unwrap_err().field(), "provider");
    }

    #[test]
    fn headers_are_lines_and_one_that_is_none_is_not_repeated() {
        let sent = |headers: &str| {
            Entered::of([("provider", ADDRESS), ("custom.headers", headers)].map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec())
        };
        let headers = |text: &str| wanted(&Identity::default(), &sent(text)).map(|wanted| wanted.custom.unwrap().headers);
        let header = |name: &str, value: &str| Header { name: name.into(), value: value.into() };
        assert_eq!(headers("X-Key: a:b\r\n\r\n y:\r\n").unwrap(), [header("X-Key", "a:b"), header("y", "")]);
        assert_eq!(headers(" ").unwrap(), []);
        let refusal = headers("X-Key s3cret").unwrap_err();
        assert_eq!((refusal.field(), refusal.to_string().contains("s3cret")), ("custom.headers", false));
        let form = form_of(&whole()).filled(&sent("X-Key: s3cret")).refused(&refusal);
        assert!(shown(&form).iter().all(|(_, value)| !value.contains("s3cret")));
    }

    // What a browser sends of a form: of a check only one that is on.
    fn shown(form: &Form) -> Vec<(String, String)> {
        let fields = form.groups.iter().flat_map(|group| &group.fields);
        fields
            .filter(|field| !(field.is_check() && field.value.is_empty()))
            .map(|field| (field.name.into(), field.value.clone()))
            .collect()
    }

    fn masked(mut identity: Identity) -> Identity {
        let secrets = [
            identity.jwt.as_mut().map(|jwt| &mut jwt.hs256_secret),
            identity.facebook.as_mut().map(|facebook| &mut facebook.app_secret),
            identity.twitter.as_mut().map(|twitter| &mut twitter.consumer_secret),
        ];
        let headers = identity.custom.iter_mut().flat_map(|custom| &mut custom.headers).map(|header| &mut header.value);
        secrets.into_iter().flatten().chain(headers).for_each(|secret| *secret = MASK.to_owned());
        identity
    }

    fn whole() -> Identity {
        Identity {
            create_unknown: true,
            custom: Some(CustomProvider {
                url: "https://id.test".into(),
                request: r##"{"token":"#{login}"}"##.into(),
                response: r##"{"uid":"#{id}"}"##.into(),
                headers: ["X-Key", "X-Two"].map(|name| Header { name: name.into(), value: "s3cret".into() }).to_vec(),
            }),
            facebook: Some(FacebookProvider {
                app_id: "7".into(),
                app_secret: "s3cret".into(),
                endpoint: "https://f.test".into(),
            }),
            twitter: Some(TwitterProvider {
                consumer_key: "k".into(),
                consumer_secret: "s3cret".into(),
                endpoint: "https://t.test".into(),
            }),
            firebase: Some(FirebaseProvider { project_ids: vec!["p".into(), "q".into()], jwks_url: "https://g.test".into() }),
            reset_mail: Some(ResetMail { subject: "Forgotten?".into(), text: "Hello\n#{link}".into() }),
            ..Identity::default()
        }
    }

    fn shared() -> Option<JwtProvider> {
        let hs256_secret = "s3cret".repeat(6);
        Some(JwtProvider { hs256_secret, issuer: "i".into(), uid_claim: "sub".into(), ..JwtProvider::default() })
    }
}
