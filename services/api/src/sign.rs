//! The text that SDKs up to 3.x sign (contract rest 2.3). The secret and the comparison are the account service's.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use serde_json::Value;

use crate::decode::{self, Params};

/// Writes every parameter but `signature` as `key=value`, nested ones as `key[inner]=value`, with the values as they came,
/// sorts the lines and joins them with `&`.
pub(crate) fn to_sign(params: &Params) -> String {
    let mut lines = Vec::new();
    for (key, value) in params.iter().filter(|(key, _)| *key != "signature") {
        match value {
            Value::Object(inner) => {
                lines.extend(inner.iter().map(|(name, value)| format!("{key}[{name}]={}", spoken(value))));
            }
            plain => lines.push(format!("{key}={}", spoken(plain))),
        }
    }
    lines.sort_unstable();
    lines.join("&")
}

// A value as JavaScript turns it into text: the SDK signs what string concatenation gives.
fn spoken(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Array(values) => values.iter().map(spoken).collect::<Vec<_>>().join(","),
        Value::Object(_) => "[object Object]".to_owned(),
        other => decode::text(other).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use hmac::{Hmac, KeyInit, Mac};
    use sha1::Sha1;

    use super::*;
    use crate::decode::Bounds;

    const BOUNDS: Bounds = Bounds { depth: 8, keys: 100 };

    /// The test vectors of contract rest 2.3, as form (dialect A) and as JSON (B to D), keys in no particular order.
    #[test]
    fn form_and_json_sign_alike_and_give_the_signatures_of_the_contract() {
        let plain = "application_id=77&auth_key=demoKey&nonce=4242&timestamp=1700000000";
        check(
            "72541bff86c550097f5357430997844b22b6052f",
            plain,
            r#"{"timestamp":1700000000,"application_id":77,"auth_key":"demoKey","nonce":4242}"#,
        );
        check(
            "8387911021f310bdefa9036839b921f5b140daee",
            &format!("{plain}&user[login]=ann&user[password]=p%26ss%3D1%20%C3%A9"),
            r#"{"application_id":77,"auth_key":"demoKey","nonce":4242,"timestamp":1700000000,"user":{"password":"p&ss=1 \u00e9","login":"ann"},"signature":"x"}"#,
        );
        check(
            "c07d758d483e7a77f20cb0a5549abb5c50675274",
            &format!("{plain}&provider=twitter&keys[token]=T1&keys%5Bsecret%5D=S1"),
            r#"{"application_id":"77","auth_key":"demoKey","nonce":4242,"timestamp":1700000000,"keys":{"token":"T1","secret":"S1"},"provider":"twitter"}"#,
        );
        check(
            "398c96793c19c5b4661afa9050052b0f6d495b95",
            &format!("{plain}&user[guest]=1&user[full_name]=Ann%20Lee"),
            r#"{"application_id":77,"auth_key":"demoKey","nonce":4242,"timestamp":1700000000,"user":{"guest":1,"full_name":"Ann Lee"}}"#,
        );
        check(
            "33f20391d6aace4087b3ef0b203d49697818245d",
            &format!("{plain}&long=0"),
            r#"{"application_id":77,"auth_key":"demoKey","nonce":4242,"timestamp":1700000000,"long":0}"#,
        );
    }

    #[test]
    fn lists_flags_and_null_become_the_words_of_javascript() {
        let params = Params::decode(
            "",
            "application/json",
            br#"{"user":{"tag_list":["a","b"],"guest":true,"x":null,"y":{"z":1}}}"#,
            BOUNDS,
        )
        .unwrap();
        assert_eq!(to_sign(&params), "user[guest]=true&user[tag_list]=a,b&user[x]=null&user[y]=[object Object]");
    }

    fn check(signature: &str, form: &str, json: &str) {
        for (content_type, body) in
            [("application/x-www-form-urlencoded; charset=UTF-8", form), ("application/json;charset=utf-8", json)]
        {
            let params = Params::decode("", content_type, body.as_bytes(), BOUNDS).unwrap();
            assert_eq!(hmac_sha1(&to_sign(&params)), signature, "{content_type}: {}", to_sign(&params));
        }
    }

    fn hmac_sha1(message: &str) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(b"demoSecret").unwrap();
        mac.update(message.as_bytes());
        mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect()
    }
}
